//! How many messages each submitter has handed over this minute, by whichever door. It must never keep one waiting: whoever
//! has had its share is told to come back. Its neighbours are `door` and the API.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use store::SubmitterRow;
use submission::Refusal;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// The counts: when a submitter's minute began, and what came in it.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<Uuid, (OffsetDateTime, u32)>>);

impl Rates {
    /// Counts a message of this submitter.
    ///
    /// # Errors
    /// 4.7.1: it has had its share of this minute.
    pub fn count(&self, row: &SubmitterRow, now: OffsetDateTime) -> Result<(), Refusal> {
        let Some(limit) = row.rate_per_minute else { return Ok(()) };
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, messages) = rates.entry(row.id).or_insert((now, 0));
        // A clock that was set back begins a new minute, too.
        if !(Duration::ZERO..Duration::MINUTE).contains(&(now - *since)) {
            (*since, *messages) = (now, 0);
        }
        if *messages >= limit {
            let text = format!("{} may hand over {limit} messages a minute; try again in a minute", row.name);
            return Err(Refusal::new(451, "4.7.1", text));
        }
        *messages += 1;
        Ok(())
    }
}
