//! A sliding window: how much happened within the last so many seconds of the tenant's clock.
//! Memory is bounded by the window: what happens within one second is one entry.

use std::collections::VecDeque;
use time::{Duration, OffsetDateTime};

#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<(OffsetDateTime, u64)>,
    sum: u64,
}

impl Window {
    /// Counts `amount` at `now`.
    pub(crate) fn add(&mut self, now: OffsetDateTime, amount: u64) {
        self.sum = self.sum.saturating_add(amount);
        match self.entries.back_mut() {
            Some((at, count)) if now - *at < Duration::SECOND => *count = count.saturating_add(amount),
            _ => self.entries.push_back((now, amount)),
        }
    }

    /// What was counted within `length` before `now`; older entries are forgotten.
    pub(crate) fn sum(&mut self, now: OffsetDateTime, length: Duration) -> u64 {
        while let Some((_, amount)) = self.entries.front().filter(|(at, _)| now - *at >= length) {
            self.sum = self.sum.saturating_sub(*amount);
            self.entries.pop_front();
        }
        self.sum
    }

    /// How long until `amount` more fits below `limit`.
    pub(crate) fn wait(
        &mut self,
        now: OffsetDateTime,
        length: Duration,
        amount: u64,
        limit: u64,
    ) -> Duration {
        let mut over = (self.sum(now, length) + amount).saturating_sub(limit);
        for (at, count) in &self.entries {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(*count);
            if over == 0 {
                return *at + length - now;
            }
        }
        if over == 0 { Duration::ZERO } else { length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let (mut window, start) = (Window::default(), OffsetDateTime::UNIX_EPOCH);
        for second in 0..10 {
            window.add(start + Duration::seconds(second), 10);
        }
        let now = start + Duration::seconds(10);
        assert_eq!(window.sum(now, Duration::seconds(60)), 100);
        assert_eq!(window.wait(now, Duration::seconds(60), 1, 100), Duration::seconds(50));
        assert_eq!(window.wait(now, Duration::seconds(60), 15, 100), Duration::seconds(51));
        assert_eq!(window.wait(now, Duration::seconds(60), 0, 100), Duration::ZERO);
        assert_eq!(window.sum(now + Duration::seconds(52), Duration::seconds(60)), 70);
    }

    #[test]
    fn a_million_in_one_second_are_one_entry() {
        let (mut window, start) = (Window::default(), OffsetDateTime::UNIX_EPOCH);
        for micro in 0..1_000_000 {
            window.add(start + Duration::nanoseconds(micro * 900), 1);
        }
        assert_eq!(window.entries.len(), 1);
        assert_eq!(window.sum(start + Duration::seconds(1), Duration::seconds(60)), 1_000_000);
    }
}
