//! Sessions of people who are signed in to the console: 256 random bits in a cookie, their hash in the store. A session
//! ends when it is not used for twelve hours, after seven days, when it is ended, and when its user gets another password
//! or role or is removed. Neighbours: `sign_in` starts them, `api::access` looks them up for each request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::{EndSessionError, Page, Paged, Role, SessionRow, UserRow};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::api::access::{Actor, hash_token};
use crate::app::App;
use crate::audit;
use crate::problem::Problem;

/// A session that is not used for so long ends.
pub const IDLE: Duration = Duration::hours(12);
/// A session ends after so long, however much it is used.
pub const LIFETIME: Duration = Duration::days(7);
/// What a browser may call itself is longer at times than anyone wants to read.
const LONGEST_USER_AGENT: usize = 300;

/// From where somebody signs in.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The address.
    pub source: &'a str,
    /// What the browser calls itself.
    pub user_agent: &'a str,
}

/// A session that has just started, with what only its browser may know.
#[derive(Debug)]
pub struct Started {
    /// The session and whose it is.
    pub signed_in: SignedIn,
    /// The cookie's value.
    pub token: Token,
}

/// A session and its user.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: SessionRow,
    /// The user, as they are now.
    pub user: UserRow,
}

/// What a browser holds. It is not printed, and wiped when dropped.
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new one.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).expect("the system's random generator works");
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// For the cookie, or the set-up link, only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the store keeps of it.
    pub fn hash(&self) -> Vec<u8> {
        hash_token(&self.0)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

impl SignedIn {
    /// When the session ends if it isn't used any more.
    pub fn expires_at(&self) -> OffsetDateTime {
        end_of(&self.session)
    }

    /// The user, as the audit log names them.
    pub fn actor(&self, source: &str) -> Actor {
        Actor { name: format!("user:{}", self.user.name), source: source.to_owned(), role: self.user.role }
    }
}

/// A session about to start, and its token.
pub fn prepare(user: Uuid, origin: Origin<'_>, now: OffsetDateTime) -> (SessionRow, Token) {
    let token = Token::generate();
    let user_agent = origin.user_agent.chars().filter(|c| !c.is_control()).take(LONGEST_USER_AGENT).collect();
    let row = SessionRow {
        id: Uuid::now_v7(),
        token_hash: token.hash(),
        user_id: user,
        created_at: now,
        last_seen_at: now,
        expires_at: now + LIFETIME,
        source: origin.source.to_owned(),
        user_agent,
    };
    (row, token)
}

/// The session that a cookie stands for, if it is not over; notes that it was used.
pub async fn find(app: &App, token: &str) -> Result<Option<SignedIn>, Problem> {
    let now = app.now();
    let found = app.store.sessions().find_by_hash(&hash_token(token)).await?;
    let Some((session, user)) = found.filter(|(session, _)| end_of(session) > now) else {
        return Ok(None);
    };
    app.store.sessions().touch(&session, now).await?;
    Ok(Some(SignedIn { session: SessionRow { last_seen_at: now, ..session }, user }))
}

/// The sessions that are not over: all for an administrator, for others their own, if they are users.
pub async fn list(
    app: &App,
    role: Role,
    own: Option<Uuid>,
    page: &Page,
) -> Result<Paged<(SessionRow, String)>, Problem> {
    let whose = match (role, own) {
        (Role::Administrator, _) => None,
        (_, own) => Some(own.unwrap_or_default()),
    };
    let now = app.now();
    Ok(app.store.sessions().list(page, whose, now, now - IDLE).await?)
}

/// Ends a session: one's own, or any as an administrator. Others' are not there for anyone else.
pub async fn end(app: &App, actor: &Actor, own: Option<Uuid>, id: &str) -> Result<(), Problem> {
    let not_found = || Problem::not_found("session", id);
    let found = app.store.sessions().find(id.parse().map_err(|_| not_found())?).await?;
    let (session, user) = found.ok_or_else(not_found)?;
    if actor.role != Role::Administrator && own != Some(session.user_id) {
        return Err(not_found());
    }
    let entry = audit::done(actor, app.now(), "session.end", &user);
    let entry = audit::with(entry, serde_json::json!({ "session": session.id }));
    app.store.sessions().end(session.id, &entry).await.map_err(|error| match error {
        EndSessionError::NotFound => not_found(),
        EndSessionError::Store(error) => error.into(),
    })?;
    tell_ended(app, &[session.id]);
    Ok(())
}

/// Tells listeners, among them what these sessions themselves listen to.
pub fn tell_ended(app: &App, sessions: &[Uuid]) {
    for id in sessions {
        app.events.tell("sessions", &id.to_string(), "deleted");
    }
}

fn end_of(session: &SessionRow) -> OffsetDateTime {
    session.expires_at.min(session.last_seen_at + IDLE)
}
