//! The set-up link: 256 random bits that make an administrator once. The store keeps their hash, the file `setup-link` in
//! the data directory (mode 0600) the link itself until it is used. It is made where there are no users, and again when
//! an administrator asks for it; it ends when an administrator is made, by it or otherwise. It must never be logged.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use store::{Role, SetUpError};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::api::access::{Actor, hash_token};
use crate::api::input::{Name, SecretText};
use crate::app::App;
use crate::audit;
use crate::problem::Problem;
use crate::sessions::{self, Origin, SignedIn, Started, Token};
use crate::users::{self, NewUser};

/// The file's name in the data directory.
pub const FILE: &str = "setup-link";

/// A link that is open.
pub struct SetupLink {
    /// The whole address: whoever opens it becomes an administrator.
    pub url: Zeroizing<String>,
    /// The file that holds it.
    pub file: PathBuf,
}

impl std::fmt::Debug for SetupLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetupLink({})", self.file.display())
    }
}

/// Whom the link makes an administrator.
#[derive(Debug)]
pub struct FirstUser<'a> {
    /// What stands behind the link's `#`.
    pub token: &'a SecretText,
    /// The name.
    pub name: &'a Name,
    /// The password.
    pub password: &'a SecretText,
}

/// At the start: where there are no users, the open link, made anew if its file is gone; else none, and no file.
pub async fn ensure(app: &App) -> Result<Option<SetupLink>, Problem> {
    if app.store.users().any().await? {
        tidy(app).await;
        return Ok(None);
    }
    let open = app.store.setup_link_hash().await?;
    if let (Some(open), Some(url)) = (open, read(&file(app)))
        && url.split_once('#').is_some_and(|(_, token)| bool::from(hash_token(token).ct_eq(&open)))
    {
        return Ok(Some(SetupLink { url, file: file(app) }));
    }
    let itself = Actor { name: "postern".to_owned(), source: "start".to_owned(), role: Role::Administrator };
    renew(app, &itself).await.map(Some)
}

/// Opens a new link; the one before is void.
pub async fn renew(app: &App, actor: &Actor) -> Result<SetupLink, Problem> {
    let token = Token::generate();
    let mut url = app.hosts.setup_url();
    url.set_fragment(Some(token.expose()));
    let link = SetupLink { url: Zeroizing::new(url.into()), file: file(app) };
    let entry = audit::done(actor, app.now(), "setup.link", "");
    app.store.open_setup_link(&token.hash(), &entry).await?;
    write(&link)
        .map_err(|error| Problem::internal(format_args!("cannot write {}: {error}", link.file.display())))?;
    Ok(link)
}

/// Makes an administrator and signs them in.
pub async fn redeem(app: &App, first: FirstUser<'_>, origin: Origin<'_>) -> Result<Started, Problem> {
    let link_hash = hash_token(first.token.expose());
    let new = NewUser { name: first.name, password: first.password, role: Role::Administrator };
    let open = app.store.setup_link_hash().await?;
    if !open.is_some_and(|open| bool::from(open.ct_eq(&link_hash))) {
        // Not in the audit log: anyone could fill the disk with it.
        tracing::info!(source = origin.source, "refused a set-up link that is not open");
        return Err(link_over());
    }
    let user = users::prepare(app, &new).await?;
    let now = app.now();
    let user = store::UserRow { last_sign_in_at: Some(now), ..user };
    let (session, token) = sessions::prepare(user.id, origin, now);
    let signed_in = SignedIn { session, user };
    let entry = audit::done(&signed_in.actor(origin.source), now, "setup.use", &signed_in.user.name);
    let made = app.store.sessions().set_up(&signed_in.session, &signed_in.user, &link_hash, &entry).await;
    made.map_err(|error| match error {
        SetUpError::LinkOver => link_over(),
        SetUpError::NameTaken => users::name_taken(&signed_in.user.name),
        SetUpError::Store(error) => error.into(),
    })?;
    tidy(app).await;
    app.events.tell("users", &signed_in.user.id.to_string(), "created");
    Ok(Started { signed_in, token })
}

/// Removes the file of a link that is over. A file that stays behind opens nothing: it is worth a line in the log only.
pub async fn tidy(app: &App) {
    match app.store.setup_link_hash().await {
        Ok(None) => {}
        Ok(Some(_)) => return,
        Err(error) => return tracing::warn!(%error, "cannot see whether the set-up link is over"),
    }
    match std::fs::remove_file(file(app)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, "cannot remove the file of the set-up link that is over");
        }
        _ => {}
    }
}

fn file(app: &App) -> PathBuf {
    app.data_dir.join(FILE)
}

fn read(file: &Path) -> Option<Zeroizing<String>> {
    let text = Zeroizing::new(std::fs::read_to_string(file).ok()?);
    Some(Zeroizing::new(text.trim().to_owned()))
}

/// Whole or not at all, and for its owner only: a temporary file has mode 0600.
fn write(link: &SetupLink) -> std::io::Result<()> {
    let directory = link.file.parent().expect("the file lies in the data directory");
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{}", *link.url)?;
    file.as_file().sync_all()?;
    file.persist(&link.file)?;
    Ok(())
}

fn link_over() -> Problem {
    Problem::new(
        "setup_over",
        "This set-up link has been used, was renewed, or never was one.",
        "Sign in if you are a user already; else ask for a new link on the server: postern user setup-link.",
    )
}
