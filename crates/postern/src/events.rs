//! What happens, told live to whoever listens (server-sent events). A listener that falls behind misses events and is
//! told so; nothing waits for it.

use serde::Serialize;
use tokio::sync::broadcast;

/// One thing that happened. It names what changed, not the new content: a listener fetches that with its own rights.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Event {
    /// `certificates`, `accounts`, `authorizations`, `tokens`, `users`, `sessions`, `submitters`, `messages`.
    pub what: &'static str,
    /// Id of the thing.
    pub id: String,
    /// `created`, `changed` or `deleted`.
    pub change: &'static str,
}

/// The bell that handlers and jobs ring.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(256).0)
    }
}

impl Events {
    /// Tells everyone who listens now.
    pub fn tell(&self, what: &'static str, id: &str, change: &'static str) {
        // An error here means that nobody listens, which is the normal case.
        let _ = self.0.send(Event { what, id: id.to_owned(), change });
    }

    /// Everything from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
