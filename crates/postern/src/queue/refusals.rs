//! What was refused at the doors last, in memory: whoever sets up a device sees why it isn't let in. It must never hold
//! what was typed as a name or password, or grow. Its neighbours are `journal`, which notes, and the API, which shows.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use submission::Refusal;
use time::OffsetDateTime;

/// The last refusals of this process.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<VecDeque<Refused>>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: OffsetDateTime,
    /// Which submitter it was; empty where nobody had proved who they are.
    pub submitter: String,
    /// From where; empty where that isn't known.
    pub source: String,
    /// What the device was answered.
    pub refusal: Refusal,
}

/// More than a person reads; less than 64 KiB.
const MOST: usize = 100;

impl Refusals {
    /// Notes one; the oldest makes room.
    pub fn note(&self, refused: Refused) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back(refused);
    }

    /// The newest first.
    pub fn newest(&self) -> Vec<Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_the_oldest_make_room() {
        let refusals = Refusals::default();
        for n in 0..150_i64 {
            refusals.note(Refused {
                at: OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(n),
                submitter: String::new(),
                source: "192.0.2.9".to_owned(),
                refusal: Refusal::wrong_credentials(),
            });
        }
        let newest = refusals.newest();
        assert_eq!(newest.len(), MOST);
        assert_eq!((newest[0].at.unix_timestamp(), newest[MOST - 1].at.unix_timestamp()), (149, 50));
    }
}
