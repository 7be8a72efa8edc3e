//! The tenant's own clock: the real one, or a given start, moved by the control port.
//! Everything that has a life time asks it; nothing here asks the system clock but this file.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;
use time::{Duration, OffsetDateTime};

/// A clock that runs at the pace of the real one.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Option<(OffsetDateTime, Instant)>,
    offset_seconds: AtomicI64,
}

impl Clock {
    /// Runs from `start`, or with the system clock.
    pub(crate) fn new(start: Option<OffsetDateTime>, offset_seconds: i64) -> Self {
        let start = start.map(|at| (at, Instant::now()));
        Self { start, offset_seconds: AtomicI64::new(offset_seconds) }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        let real = match self.start {
            Some((at, since)) => at + since.elapsed(),
            None => OffsetDateTime::now_utc(),
        };
        let moved = Duration::seconds(self.offset_seconds.load(Ordering::Relaxed));
        real.checked_add(moved).unwrap_or(real)
    }

    pub(crate) fn set_offset(&self, seconds: i64) {
        self.offset_seconds.store(seconds, Ordering::Relaxed);
    }
}
