//! The main corridor: a message in, its way to Microsoft, and what became of it. It must never say that it has taken a
//! message before that is on disk, send a byte to Microsoft before the attempt is, or let one mailbox's trouble delay
//! another's. Neighbours: `submission` and the API hand messages in, `store::queue` keeps them, `m365::courier` brings
//! them to Microsoft.
//!
//! ```text
//! door, API ─▶ accept (header, route, commit) ─▶ traffic (places) ─▶ worker ─▶ courier ─▶ settle ─▶ store, report, events
//! ```

pub mod accept;
pub mod content;
pub mod directory;
pub mod dispatcher;
pub mod door;
pub mod journal;
pub mod judge;
pub mod limits;
pub mod meter;
pub mod network;
pub mod rates;
pub mod refusals;
pub mod report;
pub mod route;
pub mod run;
pub mod settle;
pub mod stock;
pub mod tenure;
pub mod traffic;
pub mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use m365::courier::Courier;
use store::queue::{Claim, ClaimKey, Lease, Node};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::directory::Directory;
use self::dispatcher::{Capacity, Tenure};
use self::meter::Meter;
use self::rates::Rates;
use self::refusals::Refusals;
use self::stock::Stock;
use self::traffic::Traffic;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{MailLimits, QueueConfig};

/// What the queue works with, besides the house.
pub struct Queue {
    /// Places and bells.
    pub traffic: Arc<Traffic>,
    /// Accounts and submitters, in memory.
    pub directory: Directory,
    /// Brings messages to Microsoft.
    pub courier: Courier,
    /// Counts.
    pub meter: Meter,
    /// What each submitter has handed over lately.
    pub rates: Rates,
    /// What was refused at the doors last.
    pub refusals: Refusals,
    /// How much is in it.
    pub stock: Stock,
    /// How patient it is.
    pub config: QueueConfig,
    /// What is too much.
    pub limits: MailLimits,
    /// Attempts under way.
    pub workers: TaskTracker,
    node: Node,
    at_work: Mutex<HashSet<ClaimKey>>,
    /// The versions at which accounts were found broken.
    broken: Mutex<HashMap<Uuid, i64>>,
    /// When submitters were last noted to have handed something over.
    used: Mutex<HashMap<Uuid, OffsetDateTime>>,
}

impl Queue {
    /// A queue that has nothing under way, of this node, whose lanes are its own for so long.
    pub fn new(
        courier: Courier,
        config: QueueConfig,
        limits: MailLimits,
        (node, tenure): (Node, Tenure),
        clock: &Clock,
    ) -> Self {
        let capacity = Capacity(limits.deliveries);
        let traffic = Traffic::new(limits.mailbox, capacity, config.schedule.first, tenure, clock.clone());
        Self {
            traffic,
            directory: Directory::default(),
            courier,
            meter: Meter::default(),
            rates: Rates::default(),
            refusals: Refusals::default(),
            stock: Stock::default(),
            config,
            limits,
            workers: TaskTracker::new(),
            node,
            at_work: Mutex::default(),
            broken: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Who works here.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// A claim's term from `now`.
    pub fn lease(&self, now: OffsetDateTime) -> Lease {
        Lease { node: self.node.clone(), until: now + worker::LEASE }
    }

    /// Notes every lane in which something waits. What goes wrong is logged: it is looked again soon.
    pub async fn look_for_due(&self, app: &App) {
        if let Err(error) = run::look(app).await {
            tracing::error!(%error, code = error.code(), "cannot look what is due");
        }
    }

    /// The account is in order, or may be: its mail goes again.
    pub async fn resume(&self, app: &App, account: Uuid) {
        if self.traffic.resume(account) {
            self.note_resumed(app, account).await;
        }
    }

    /// The account's mail goes again.
    async fn note_resumed(&self, app: &App, account: Uuid) {
        lock(&self.broken).remove(&account);
        journal::resumed(account);
        if let Err(error) = app.store.queue().resume(account).await {
            tracing::error!(%account, %error, "cannot note that an account's mail goes again");
        }
    }

    /// Something may have mended any account: each that is paused is probed soon.
    pub async fn probe_paused(&self, app: &App) {
        if let Err(error) = app.store.queue().probe_all(app.now()).await {
            tracing::error!(%error, "cannot have the paused accounts probed");
        }
    }

    /// Notes that a submitter has handed something over: once a minute, and nobody waits for it.
    fn note_used(&self, app: &Arc<App>, submitter: Uuid) {
        let now = app.now();
        let mut used = lock(&self.used);
        if used.get(&submitter).is_some_and(|last| (now - *last).abs() < time::Duration::MINUTE) {
            return;
        }
        used.insert(submitter, now);
        drop(used);
        let app = Arc::clone(app);
        self.workers.spawn(async move {
            let Ok(submitters) = app.queue.directory.submitters(&app).await else { return };
            let Some(row) = submitters.find(submitter) else { return };
            if let Err(error) = app.store.submitters().touch(row, now).await {
                tracing::warn!(submitter = row.name, %error, "cannot note that a submitter was used");
            }
        });
    }

    fn begin(&self, claim: &Claim) {
        lock(&self.at_work).insert(claim.key());
    }

    fn end(&self, claim: &Claim) {
        lock(&self.at_work).remove(&claim.key());
    }

    fn is_at(&self, claim: &Claim) -> bool {
        lock(&self.at_work).contains(&claim.key())
    }

    fn note_broken(&self, account: Uuid, version: i64) {
        lock(&self.broken).insert(account, version);
    }

    fn forget_broken(&self, account: Uuid) {
        lock(&self.broken).remove(&account);
    }

    /// An account that is paused, whoever found it broken: at this version, unless that is known better.
    fn note_found_broken(&self, account: Uuid, version: i64) {
        lock(&self.broken).entry(account).or_insert(version);
    }

    fn broken_version(&self, account: Uuid) -> Option<i64> {
        lock(&self.broken).get(&account).copied()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This run of this machine's node. The machine's name is the same after a restart.
pub fn this_node() -> Node {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Node { name, run: Uuid::new_v4() }
}
