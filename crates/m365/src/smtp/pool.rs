//! Sessions that are kept between two messages, by mailbox: never more than Exchange takes at once, each
//! given up before Exchange gives it up.
//!
//! What it must never do: hand a session that logged in for one account, or for older settings of it, to
//! another. Neighbours: `session` does the talking, `courier` asks for a place and a session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::session::Session;

/// The pool.
#[derive(Default)]
pub(crate) struct Pool {
    mailboxes: Mutex<HashMap<Desk, Kept>>,
}

/// Where sessions lead: Exchange counts them by mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Desk {
    /// `host:port`.
    pub(crate) server: String,
    /// Who logs in, in lower case.
    pub(crate) mailbox: String,
}

/// For whom a session logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    /// The account's id.
    pub(crate) account_id: String,
    /// Of its settings.
    pub(crate) version: i64,
}

struct Kept {
    places: Arc<Semaphore>,
    idle: Vec<Idle>,
}

struct Idle {
    session: Session,
    label: Label,
    since: Instant,
}

/// The right to have one session to a mailbox.
pub(crate) struct Place<'a> {
    pool: &'a Pool,
    desk: Desk,
    label: Label,
    permit: OwnedSemaphorePermit,
}

/// Concurrent connections of one mailbox (facts 6.7).
pub(crate) const MAX_SESSIONS: usize = 3;
/// Exchange hangs up after five idle minutes (additions D5), middleboxes forget a connection after one.
pub(crate) const MAX_IDLE: Duration = Duration::from_secs(50);

impl Pool {
    /// Waits until the mailbox has a place.
    pub(crate) async fn enter(&self, desk: Desk, label: Label) -> Place<'_> {
        let places = Arc::clone(&self.lock().entry(desk.clone()).or_default().places);
        let permit = places.acquire_owned().await.expect("the places are never closed");
        Place { pool: self, desk, label, permit }
    }

    /// Says goodbye to sessions that nobody has used for [`MAX_IDLE`], or that are too old.
    pub(crate) async fn close_idle(&self) {
        self.close_those(|idle| idle.is_stale()).await;
    }

    /// Says goodbye to all that aren't in use.
    pub(crate) async fn close_all(&self) {
        self.close_those(|_| true).await;
    }

    /// Nothing is kept and nobody has a place.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    async fn close_those(&self, is_over: impl Fn(&Idle) -> bool) {
        let mut goodbyes: JoinSet<()> = JoinSet::new();
        {
            let mut mailboxes = self.lock();
            for kept in mailboxes.values_mut() {
                let over = kept.idle.extract_if(.., |idle| is_over(idle));
                over.for_each(|idle| drop(goodbyes.spawn(idle.session.close())));
            }
            mailboxes.retain(|_, kept| !kept.is_forgotten());
        }
        goodbyes.join_all().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Desk, Kept>> {
        self.mailboxes.lock().expect("nobody panics while holding the pool")
    }
}

impl Place<'_> {
    /// The session that was used last, where one is there that still is good.
    pub(crate) fn take(&self) -> Option<Session> {
        let mut mailboxes = self.pool.lock();
        let idle = &mut mailboxes.get_mut(&self.desk)?.idle;
        let over = idle.extract_if(.., |idle| idle.is_stale() || idle.label != self.label);
        over.for_each(|idle| say_goodbye(idle.session));
        idle.pop().map(|idle| idle.session)
    }

    /// Gives a session back, to be used again or to be closed.
    pub(crate) fn put_back(self, session: Session) {
        if !session.is_good_for_more() {
            // The place is free when Exchange counts one less.
            let permit = self.permit;
            tokio::spawn(async move {
                session.close().await;
                drop(permit);
            });
            return;
        }
        let idle = Idle { session, label: self.label, since: Instant::now() };
        self.pool.lock().entry(self.desk).or_default().idle.push(idle);
    }

    /// Closes what is idle besides: one session was found dead, and those of its age are no better.
    pub(crate) fn close_others(&self) {
        if let Some(kept) = self.pool.lock().get_mut(&self.desk) {
            kept.idle.drain(..).for_each(|idle| say_goodbye(idle.session));
        }
    }
}

/// Nobody waits for the answer to QUIT.
fn say_goodbye(session: Session) {
    tokio::spawn(session.close());
}

impl Idle {
    fn is_stale(&self) -> bool {
        self.since.elapsed() >= MAX_IDLE || !self.session.is_good_for_more()
    }
}

impl Default for Kept {
    fn default() -> Self {
        Kept { places: Arc::new(Semaphore::new(MAX_SESSIONS)), idle: Vec::new() }
    }
}

impl Kept {
    /// Nobody holds or awaits a place, and nothing is kept.
    fn is_forgotten(&self) -> bool {
        self.idle.is_empty() && Arc::strong_count(&self.places) == 1
    }
}
