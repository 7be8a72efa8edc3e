//! `submit.sock` in the data directory: where programs of this machine hand mail over, by SMTP. The kernel says which user
//! asks, and that user is the submitter; nobody may until a submitter names them. It accepts messages and nothing else.
//! Neighbours: `submission` speaks, `queue::door` takes the messages, and `sendmail` is the usual client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mail::{Address, Origin};
use submission::{
    Admission, Census, House, Login, Peer, Refusal, Security, Settings, Submitter, Transaction,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::queue::accept;
use crate::queue::door::{Gate, SmtpIntake};
use crate::queue::journal;
use crate::serve::CONSOLE_CERTIFICATE;
use crate::submission_doors;

/// Its name in the data directory.
pub const SUBMIT_SOCKET: &str = "submit.sock";

/// How long conversations may go on when the server stops.
const GRACE: std::time::Duration = std::time::Duration::from_secs(20);

/// Makes the socket and answers at it until the server stops.
pub fn open(tasks: &mut JoinSet<()>, app: &Arc<App>, gate: Arc<Gate>) -> anyhow::Result<()> {
    let path = app.data_dir.join(SUBMIT_SOCKET);
    let listener = bind(&path).with_context(|| format!("cannot make the socket {}", path.display()))?;
    tasks.spawn(serve(listener, Arc::clone(app), gate));
    tasks.spawn(keep_reachable(Arc::clone(app)));
    Ok(())
}

/// Everybody may knock: who is let in is decided by their user id. The caller holds the data directory's lock, so a socket
/// that is there is a dead one.
fn bind(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

async fn serve(listener: UnixListener, app: Arc<App>, gate: Arc<Gate>) {
    let settings = Settings {
        hello: app.hosts.own_name().to_owned(),
        postmaster: app.queue.config.report_to.clone(),
        security: Security::Plain,
        proxies: Vec::new(),
        limits: submission_doors::limits(&app.queue.limits),
        census: Census::new(submission_doors::caps(&app.queue.limits)),
    };
    let conversations = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = app.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (settings, app, gate) = (settings.clone(), Arc::clone(&app), Arc::clone(&gate));
                conversations.spawn(attend(stream, settings, app, gate));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on submit.sock");
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
    }
    // It is replaced at the next start; clients see a refused connection until then.
    let _ = std::fs::remove_file(app.data_dir.join(SUBMIT_SOCKET));
    conversations.close();
    if tokio::time::timeout(GRACE, conversations.wait()).await.is_err() {
        tracing::warn!("some conversations on submit.sock did not end in time and were cut off");
    }
}

async fn attend(stream: UnixStream, settings: Settings, app: Arc<App>, gate: Arc<Gate>) {
    let uid = match stream.peer_cred() {
        Ok(credentials) => credentials.uid(),
        Err(error) => return tracing::warn!(%error, "cannot read the peer's credentials on submit.sock"),
    };
    let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let peer = Peer { address: nowhere, local: nowhere, proxy: None };
    let shutdown = app.shutdown.clone();
    let house = Arc::new(LocalHouse { app, gate, uid });
    if let Err(error) = submission::serve_local(stream, peer, settings, house, shutdown).await {
        tracing::debug!(uid, %error, "a conversation on submit.sock broke off");
    }
}

/// The house as a local user meets it: known by who they are, with no password to try.
struct LocalHouse {
    app: Arc<App>,
    gate: Arc<Gate>,
    uid: u32,
}

impl House for LocalHouse {
    type Intake = SmtpIntake;

    async fn admit(&self, _: &Peer) -> Admission {
        let uid = self.uid;
        match self.app.queue.directory.submitters(&self.app).await {
            Ok(submitters) => match submitters.find_uid(uid) {
                Some(row) => Admission::Known(Submitter { id: row.id, name: row.name.clone() }),
                None => {
                    let refusal = unknown_user(uid);
                    journal::refused(&self.app, "", &self.source(), &refusal);
                    Admission::Refused(refusal)
                }
            },
            Err(error) => Admission::Refused(Refusal { code: 421, ..accept::of_store(&error) }),
        }
    }

    async fn log_in(&self, _: &Peer, _: &Login) -> Result<Submitter, Refusal> {
        Err(Refusal::new(503, "5.5.1", "The submitter is the user of this process; nobody logs in here"))
    }

    async fn check_sender(
        &self,
        who: &Submitter,
        from: Option<&Address>,
        size_octets: Option<u64>,
    ) -> Result<(), Refusal> {
        self.gate.check_sender(who, from, size_octets).await
    }

    async fn check_recipient(&self, who: &Submitter, to: &Address) -> Result<(), Refusal> {
        self.gate.check_recipient(who, to).await
    }

    async fn begin(&self, who: &Submitter, transaction: Transaction) -> Result<SmtpIntake, Refusal> {
        let uid = self.uid;
        self.gate.take(who, transaction, Origin::Local { uid }, self.source()).await
    }

    fn refused(&self, _: &Peer, who: Option<&Submitter>, refusal: &Refusal) {
        journal::turned_away(&self.app, who, &self.source(), refusal);
    }
}

impl LocalHouse {
    fn source(&self) -> String {
        format!("uid {}", self.uid)
    }
}

fn unknown_user(uid: u32) -> Refusal {
    let text = format!(
        "The user with id {uid} may not hand mail over here; \
         an administrator allows it: postern submitter add --name NAME --uid {uid}"
    );
    Refusal::new(554, "5.7.1", text)
}

/// Whoever may hand mail over must be able to reach the socket: once a submitter names another user than root and the
/// server's own, others may pass through the data directory. They may not look into it, nor read its files.
async fn keep_reachable(app: Arc<App>) {
    let mut events = app.events.listen();
    loop {
        if let Err(error) = open_the_way(&app).await {
            tracing::warn!(%error, "other users can't reach submit.sock in the data directory");
        }
        loop {
            use tokio::sync::broadcast::error::RecvError;
            tokio::select! {
                () = app.shutdown.cancelled() => return,
                event = events.recv() => match event {
                    Ok(event) if event.what != "submitters" => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

async fn open_the_way(app: &App) -> anyhow::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    let allowed = app.store.submitters().known_by_place().await?;
    if !allowed.iter().flat_map(|row| &row.uids).any(|uid| *uid != 0 && *uid != own) {
        return Ok(());
    }
    let mode =
        |path: &Path| Ok::<_, std::io::Error>(std::fs::symlink_metadata(path)?.permissions().mode() & 0o777);
    let directory_mode = mode(&app.data_dir)?;
    if directory_mode & 0o011 == 0o011 {
        return Ok(());
    }
    for entry in std::fs::read_dir(&app.data_dir)? {
        let path = entry?.path();
        let is_public =
            path.file_name().is_some_and(|name| name == SUBMIT_SOCKET || name == CONSOLE_CERTIFICATE);
        if !is_public && !path.is_symlink() {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode(&path)? & 0o700))?;
        }
    }
    std::fs::set_permissions(&app.data_dir, std::fs::Permissions::from_mode(directory_mode | 0o011))?;
    tracing::info!("other users may pass through the data directory now, to submit.sock");
    Ok(())
}
