//! Accounts that are paused: nothing of theirs is tried, but for one probe from time to time.

use time::OffsetDateTime;
use uuid::Uuid;

/// A paused account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRow {
    /// Which.
    pub account_id: Uuid,
    /// Since when.
    pub since: OffsetDateTime,
    /// The code of what is broken.
    pub code: String,
    /// What is broken, in words.
    pub reason: String,
    /// How many probes have failed since.
    pub probes: u32,
    /// When the next one is due.
    pub next_probe_at: OffsetDateTime,
}
