//! What happens, told live to whoever listens (server-sent events). A listener that falls behind misses events and is
//! told so; nothing waits for it.

use serde::Serialize;
use tokio::sync::broadcast;

/// One thing that happened. It names what changed, not the new content: a listener fetches that with its own rights.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Event {
    /// `certificates`, `accounts`, `authorizations`, `tokens`, `users`, `sessions`, `submitters`, `messages`,
    /// `listeners`.
    pub what: &'static str,
    /// Id of the thing.
    pub id: String,
    /// `created`, `changed` or `deleted`.
    pub change: &'static str,
}

/// The bell that handlers and jobs ring.
#[derive(Debug, Clone)]
pub struct Events {
    heard: broadcast::Sender<Event>,
    /// What happened on this node only: for those who tell the others.
    own: broadcast::Sender<Event>,
}

/// How many events may wait for a listener, and for being told to other nodes.
const KEPT: usize = 256;
const KEPT_TO_TELL: usize = 4096;

impl Default for Events {
    fn default() -> Self {
        Self { heard: broadcast::channel(KEPT).0, own: broadcast::channel(KEPT_TO_TELL).0 }
    }
}

impl Events {
    /// Tells everyone who listens now.
    pub fn tell(&self, what: &'static str, id: &str, change: &'static str) {
        let event = Event { what, id: id.to_owned(), change };
        // An error means that nobody listens, which is the normal case where the node is alone.
        let _ = self.own.send(event.clone());
        self.pass_on(event);
    }

    /// The same for what happened on another node.
    pub fn pass_on(&self, event: Event) {
        // An error here means that nobody listens, which is the normal case.
        let _ = self.heard.send(event);
    }

    /// Everything from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.heard.subscribe()
    }

    /// What happens on this node from now on.
    pub fn listen_to_own(&self) -> broadcast::Receiver<Event> {
        self.own.subscribe()
    }
}
