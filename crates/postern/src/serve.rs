//! Starts the house in the right order and stops it: data directory, database, master key, doors.
//!
//! Whatever is wrong is found before a door opens, and nothing on disk is changed by a start that fails, but for the
//! empty data directory and database that a first start makes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use base64::Engine as _;
use rustls::sign::CertifiedKey;
use store::{ClaimError, DataDir, Location, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::api::host::Hosts;
use crate::app::App;
use crate::clock::Clock;
use crate::clouds::Clouds;
use crate::config::{Config, TlsFiles};
use crate::events::Events;
use crate::grant_keeper::SealedGrants;
use crate::jobs;
use crate::listener::{BACKLOG, bind_socket, serve_https, serve_socket, take_port};
use crate::master_key::{self, Sources};
use crate::queue::dispatcher::Tenure;
use crate::queue::door::Gate;
use crate::queue::{self, Queue};
use crate::ration::Ration;
use crate::relay;
use crate::setup_link::{self, SetupLink};
use crate::sign_in::Door;
use crate::tls::{self, CurrentCertificate};
use crate::vault::{Record, Vault};
use crate::{submission_doors, submit_socket};

/// The self-signed certificate of the console in the data directory, without its key.
pub const CONSOLE_CERTIFICATE: &str = "console.pem";
/// The name of the administrator's socket in the data directory.
pub const ADMIN_SOCKET: &str = "admin.sock";

/// A running server.
pub struct Running {
    /// Where the console listens; the port is the one it really got.
    pub console: SocketAddr,
    /// Where devices hand mail over, in the order of the configuration.
    pub submission: Vec<SocketAddr>,
    /// The administrator's socket.
    pub admin_socket: PathBuf,
    /// The console's own certificate in PEM, when it is self-signed: what a client must trust.
    pub certificate_pem: Option<String>,
    /// The open set-up link, where there are no users yet.
    pub setup_link: Option<SetupLink>,
    /// What its handlers and jobs work with.
    pub app: Arc<App>,
    tasks: JoinSet<()>,
    // Dropped last: the lock on the data directory.
    _data_dir: DataDir,
}

impl Running {
    /// Stops the doors, lets requests under way finish and closes the database.
    pub async fn stop(mut self) {
        self.app.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task ended badly");
            }
        }
        self.app.store.close().await;
        // A socket that stays behind is replaced at the next start; clients see a refused connection until then.
        let _ = std::fs::remove_file(&self.admin_socket);
    }
}

/// Starts a server. It runs until [`Running::stop`].
pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Running> {
    let data_dir = DataDir::open(&config.data_dir).map_err(|error| with_hint(&error, error.hint()))?;
    if let Some(warning) = data_dir.warning() {
        tracing::warn!("{warning}");
    }
    let clouds = Clouds::new(&config)?;
    let configured = config.console.tls_files.as_ref().map(tls::read_files).transpose()?;
    // The port is taken before the database is touched: a second server on it fails here and changes nothing.
    let socket = take_port(config.console.listen).with_context(|| cannot_listen(&config))?;
    let console = socket.local_addr().context("cannot read the console's own address")?;
    let doors = submission_doors::bind(&config.submission)?;
    let now = clock.now();
    refuse_emptied_database(&config)?;
    let store = Store::open(&config.database, now).await.map_err(|error| with_hint(&error, error.hint()))?;
    let vault = match open_vault(&config, &store).await {
        Ok(vault) => Arc::new(vault),
        Err(error) => {
            // Closed in good order, so that its files are left as they were found.
            store.close().await;
            return Err(error);
        }
    };
    let node = queue::this_node();
    let keeper = SealedGrants::new(store.clone(), Arc::clone(&vault), node.clone(), clock.clone());
    let hosts = Arc::new(Hosts::new(&config, console.port()));
    let shutdown = CancellationToken::new();
    let tokens = m365::token::Tokens::new(Arc::new(keeper));
    let courier = m365::courier::Courier::new(tokens.clone(), hosts.own_name());
    let tenure = if store.is_shared() { Tenure::NOT_YET } else { Tenure::Alone };
    let queue = Queue::new(courier, config.queue.clone(), config.limits.clone(), (node, tenure), &clock);
    let app = Arc::new(App {
        store,
        vault,
        hosts,
        clouds,
        door: Door::default(),
        data_dir: config.data_dir.clone(),
        tokens,
        queue,
        servers: submission_doors::servers(&doors),
        console_certificate: OnceLock::new(),
        events: Events::default(),
        strangers: Ration::default(),
        clock,
        shutdown: shutdown.clone(),
    });
    let mut tasks = JoinSet::new();
    let (certificate, certificate_pem) = console_certificate(&config, configured, &app, &mut tasks).await?;
    app.console_certificate.get_or_init(|| Arc::clone(&certificate));
    let setup_link = open_setup_link(&app).await?;
    let router = api::router::build(&app);
    // What an earlier run has left comes before anything new.
    queue::run::take_over(&app).await?;
    queue::run::spawn(&mut tasks, &app);
    // The administrator's door opens first: whoever gets in at another can be looked after.
    let admin_socket = config.data_dir.join(ADMIN_SOCKET);
    let local = bind_socket(&admin_socket)
        .with_context(|| format!("cannot make the administrator's socket {}", admin_socket.display()))?;
    tasks.spawn(serve_socket(local, router.clone(), shutdown.clone()));
    let gate = Gate::new(&app);
    submit_socket::open(&mut tasks, &app, Arc::clone(&gate))?;
    let submission = submission_doors::open(&mut tasks, &app, &gate, doors, &certificate)?;
    let listener = socket.listen(BACKLOG).with_context(|| cannot_listen(&config))?;
    let tls = tls::server_config(certificate);
    tasks.spawn(serve_https(listener, tls, router, config.trusted_proxies.clone(), shutdown.clone()));
    jobs::spawn(&mut tasks, &app);
    relay::spawn(&mut tasks, &app);
    tracing::info!(%console, data_dir = %config.data_dir.display(), "Postern is up");
    Ok(Running {
        console,
        submission,
        admin_socket,
        certificate_pem,
        setup_link,
        app,
        tasks,
        _data_dir: data_dir,
    })
}

fn cannot_listen(config: &Config) -> String {
    format!(
        "cannot listen on {} for the console; [console] listen names another address",
        config.console.listen
    )
}

/// A file of no bytes where a database should be is what a failed copy or a full disk leaves. Beside a master key it
/// must not pass for a first start: an empty Postern would come up in place of the one that was there.
fn refuse_emptied_database(config: &Config) -> anyhow::Result<()> {
    let Location::Sqlite(path) = &config.database else {
        return Ok(());
    };
    let is_empty = std::fs::metadata(path).is_ok_and(|found| found.len() == 0);
    let credentials_directory = credentials_directory();
    if !is_empty || !master_key::exists(&sources(config, credentials_directory.as_deref()))? {
        return Ok(());
    }
    anyhow::bail!(
        "the database {path} is empty, and there is a master key: this was no first start\n\
         hint: restore the database from a backup; if there never was one, delete {path} and start again",
        path = path.display()
    )
}

/// Where systemd puts what `LoadCredential=` names.
fn credentials_directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

fn sources<'a>(config: &'a Config, credentials_directory: Option<&'a Path>) -> Sources<'a> {
    Sources { environment: config.master_key.as_ref(), credentials_directory, file: &config.master_key_file }
}

async fn open_vault(config: &Config, store: &Store) -> anyhow::Result<Vault> {
    let credentials_directory = credentials_directory();
    let sources = sources(config, credentials_directory.as_deref());
    let sealed_with = store.master_key_id().await.map_err(|error| with_hint(&error, error.hint()))?;
    let is_new = !master_key::exists(&sources)?;
    let master = master_key::load_or_create(&sources, sealed_with.as_deref())?;
    match store.claim_master_key(&master.id().to_string()).await {
        Ok(()) => Ok(Vault::new(master)),
        Err(error @ ClaimError::OtherMasterKey { .. }) => {
            if is_new {
                // Another node was quicker with a new database: nothing was sealed with this key, and it would be in the
                // way of the right one.
                std::fs::remove_file(sources.file).context("cannot remove the new master key")?;
            }
            Err(with_hint(&error, "Copy the master key of the node that came first, and start again."))
        }
        Err(error) => Err(error.into()),
    }
}

/// The link itself is for a terminal (`postern serve`); the log says only where it lies.
async fn open_setup_link(app: &App) -> anyhow::Result<Option<SetupLink>> {
    let link = setup_link::ensure(app).await;
    let link = link.map_err(|problem| anyhow::anyhow!("{}\nhint: {}", problem.message(), problem.hint()))?;
    if let Some(link) = &link {
        tracing::info!(file = %link.file.display(), "no users yet: the set-up link makes the first administrator");
    }
    Ok(link)
}

async fn console_certificate(
    config: &Config,
    configured: Option<CertifiedKey>,
    app: &Arc<App>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<(Arc<CurrentCertificate>, Option<String>)> {
    if let Some((files, key)) = config.console.tls_files.as_ref().zip(configured) {
        let current = CurrentCertificate::new(key);
        let files: TlsFiles = files.clone();
        tasks.spawn(tls::watch_files(files, Arc::clone(&current), app.shutdown.clone()));
        return Ok((current, None));
    }
    let (certificate_der, key_der) = own_certificate(app).await?;
    let pem = certs::export::pem(&certificate_der, &[]);
    // The public part, for clients that must trust it: --ca-file, a browser, a monitor.
    let file = config.data_dir.join(CONSOLE_CERTIFICATE);
    std::fs::write(&file, &pem).with_context(|| format!("cannot write {}", file.display()))?;
    Ok((CurrentCertificate::new(tls::certified_key(certificate_der, &key_der)?), Some(pem)))
}

/// The self-signed pair from the store, made anew when there is none, it names too little or it nears its end.
async fn own_certificate(app: &App) -> anyhow::Result<(Vec<u8>, zeroize::Zeroizing<Vec<u8>>)> {
    let now = app.now();
    if let Some(identity) = app.store.console_identity(app.queue.node()).await?
        && tls::still_serves(&identity.certificate_der, app.hosts.names(), now)
    {
        let key = app.vault.open(Record::ConsoleKey, &identity.sealed_key)?;
        return Ok((identity.certificate_der, key));
    }
    let made = tls::make_self_signed(app.hosts.names(), now)?;
    let identity = store::ConsoleIdentity {
        certificate_der: made.certificate_der.clone(),
        sealed_key: app.vault.seal(Record::ConsoleKey, &made.key_der),
    };
    app.store.keep_console_identity(app.queue.node(), &identity).await?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &made.certificate_der);
    let fingerprint = base64::engine::general_purpose::STANDARD.encode(digest.as_ref());
    tracing::info!(sha256_base64 = fingerprint, "made a self-signed certificate for the console");
    Ok((made.certificate_der, made.key_der))
}

fn with_hint(error: &impl std::fmt::Display, hint: &str) -> anyhow::Error {
    anyhow::anyhow!("{error}\nhint: {hint}")
}
