//! `m365-sim` plays one Microsoft 365 tenant on loopback, as Pebble plays an ACME authority: Entra ID,
//! Microsoft Graph and Exchange Online SMTP AUTH with Microsoft's codes and texts, plus a control port.
//! It forgets everything at exit, makes new keys at each start and says SIMULATED on every page. It must
//! never share code with the crate `m365`: a mistake that both held would make every test green.

#![forbid(unsafe_code)]

mod bounce;
mod bounded;
mod clock;
mod control;
mod door;
mod entra;
mod exchange;
mod graph;
mod hosts;
mod mailbox;
mod mime;
mod page;
mod random;
mod request_log;
mod server;
mod steering;
mod tenant;
mod timestamp;
mod tls;
mod web;
mod window;
pub mod world;

pub use mailbox::{Envelope, Folder, Stored, Via};
pub use world::{App, RegisteredCertificate, User, World};

use std::net::SocketAddr;
use std::sync::Arc;
use tenant::Tenant;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a simulator is started. The default listens on free loopback ports with the demo tenant.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// HTTPS for Entra and Graph; port 0: a free one.
    pub listen: SocketAddr,
    /// SMTP; port 0: a free one.
    pub smtp: SocketAddr,
    /// Control port; port 0: a free one.
    pub control: SocketAddr,
    /// The name in `https_url` and `smtp_addr`.
    pub host: String,
    /// The tenant at the start.
    pub world: World,
    /// When the tenant's clock starts; None: the system clock. The control port moves either.
    pub start: Option<OffsetDateTime>,
}

impl Default for SimOptions {
    fn default() -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: free,
            smtp: free,
            control: free,
            host: "localhost".into(),
            world: World::demo(&["https://localhost:4443/authorize", "https://127.0.0.1:4443/authorize"]),
            start: None,
        }
    }
}

/// A running simulator. Dropping it stops it.
pub struct Sim {
    /// Base of Entra and Graph, e.g. `https://localhost:8443`.
    pub https_url: String,
    /// `host:port` of SMTP.
    pub smtp_addr: String,
    /// Base of the control port, e.g. `http://127.0.0.1:8480`.
    pub control_url: String,
    /// The authority that signed the server certificate, PEM.
    pub ca_pem: String,
    tenant: Arc<Tenant>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Sim {
    /// Starts the three listeners; when it returns they accept.
    ///
    /// # Errors
    /// When an address can't be had or no key can be made.
    pub async fn start(options: SimOptions) -> anyhow::Result<Self> {
        let SimOptions { listen, smtp, control, host, world, start } = options;
        let tls = tls::make(&host)?;
        let tenant = Arc::new(Tenant::new(world, &host, start)?);
        let (https, smtp, control) = (bind(listen).await?, bind(smtp).await?, bind(control).await?);
        let sim = Self {
            https_url: format!("https://{host}:{}", https.local_addr()?.port()),
            smtp_addr: format!("{host}:{}", smtp.local_addr()?.port()),
            control_url: format!("http://{}", control.local_addr()?),
            ca_pem: tls.ca_pem,
            tenant: Arc::clone(&tenant),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let stop = || sim.shutdown.clone();
        sim.tasks.spawn(server::run_https(https, tls.https, Arc::clone(&tenant), stop()));
        sim.tasks.spawn(server::run_control(control, Arc::clone(&tenant), stop()));
        sim.tasks.spawn(exchange::run(smtp, tls.smtp, tenant, stop()));
        sim.tasks.close();
        Ok(sim)
    }

    /// Stops listening and ends every connection.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.wait().await;
    }

    /// The tenant as it is set up now.
    pub fn world(&self) -> World {
        self.tenant.lock().world.clone()
    }

    /// Changes the tenant, as the control port does.
    pub fn change_world(&self, change: impl FnOnce(&mut World)) {
        let mut state = self.tenant.lock();
        let mut world = state.world.clone();
        change(&mut world);
        self.tenant.set_world(&mut state, world);
    }

    /// Moves the tenant's clock forward (or back).
    pub fn advance_clock(&self, by: time::Duration) {
        self.change_world(|world| world.clock_offset_seconds += by.whole_seconds());
    }

    /// What the tenant's clock shows.
    pub fn now(&self) -> OffsetDateTime {
        self.tenant.now()
    }

    /// The messages in a folder of any address, oldest first.
    pub fn messages(&self, address: &str, folder: Folder) -> Vec<Stored> {
        let state = self.tenant.lock();
        state.mailboxes.messages(&state.world, address, folder)
    }

    /// What was asked, decoded and without secrets, newest last.
    pub fn requests(&self) -> Vec<serde_json::Value> {
        self.tenant.lock().requests.all()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    use anyhow::Context;
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
