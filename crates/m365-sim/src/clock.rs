//! The tenant's own clock: the real one, or a given start, moved by the control port.
//! Everything that has a life time asks it; nothing here asks the system clock but this file.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

/// A clock that runs at the pace of the real one.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Option<(OffsetDateTime, Instant)>,
    offset_seconds: AtomicI64,
    moved: watch::Sender<()>,
}

impl Clock {
    /// Runs from `start`, or with the system clock.
    pub(crate) fn new(start: Option<OffsetDateTime>, offset_seconds: i64) -> Self {
        let start = start.map(|at| (at, Instant::now()));
        Self { start, offset_seconds: AtomicI64::new(offset_seconds), moved: watch::Sender::new(()) }
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
        if self.offset_seconds.swap(seconds, Ordering::Relaxed) != seconds {
            self.moved.send_replace(());
        }
    }

    /// Waits until the clock shows `due`: by time, or because it is moved.
    pub(crate) async fn wait_until(&self, due: OffsetDateTime) {
        let mut moved = self.moved.subscribe();
        loop {
            let Ok(left) = std::time::Duration::try_from(due - self.now()) else { return };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                // The sender lives as long as this clock.
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn moving_the_clock_ends_a_wait() {
        let clock = Clock::new(None, 0);
        let due = clock.now() + Duration::HOUR;
        let wait = clock.wait_until(due);
        let ((), ()) = tokio::join!(wait, async { clock.set_offset(3_601) });
        assert!(clock.now() >= due);
    }
}
