//! What a session refused by itself, for the house to tell whoever sets the device up. Each is told once: a device repeats
//! its mistakes, and errors are counted, so this stays small.

use crate::Refusal;
use crate::reply::Reply;

/// What was said against the client.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    noted: Vec<Reply>,
    told: usize,
}

impl Complaints {
    /// Notes a reply that is a refusal.
    pub(super) fn note(&mut self, reply: &Reply) {
        if reply.code >= 400 && !self.noted.contains(reply) {
            self.noted.push(reply.clone());
        }
    }

    /// The next that nobody was told yet.
    pub(super) fn next(&mut self) -> Option<Refusal> {
        let reply = self.noted.get(self.told)?;
        self.told += 1;
        Some(reply.clone().into())
    }
}
