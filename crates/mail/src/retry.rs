//! When a message is tried again: ever longer waits with jitter, and an end. Neighbour: the queue, which
//! knows the time and draws the random number.

use std::time::Duration;

use time::OffsetDateTime;

/// How patient the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The wait after the first attempt.
    pub first: Duration,
    /// The longest wait between two attempts.
    pub longest: Duration,
    /// How long after it was accepted a message is given up.
    pub give_up_after: Duration,
}

impl Default for Schedule {
    /// One minute, doubling up to four hours, five days in all (RFC 5321 §4.5.4.1: at least four to five).
    fn default() -> Schedule {
        Schedule {
            first: Duration::from_secs(60),
            longest: Duration::from_secs(4 * 3600),
            give_up_after: Duration::from_secs(5 * 24 * 3600),
        }
    }
}

/// A wait is up to this share longer or shorter than planned, so that what failed together isn't tried
/// together.
const JITTER: f64 = 0.25;

impl Schedule {
    /// When a message is given up.
    pub fn expires_at(&self, accepted_at: OffsetDateTime) -> OffsetDateTime {
        accepted_at + self.give_up_after
    }

    /// When to try again after attempt `attempt_no` (1 is the first) failed at `now`; `jitter` is a random
    /// number from 0 to 1. None when the message has expired. The last attempt falls on the very end, so that
    /// the whole time is used.
    pub fn next(
        &self,
        attempt_no: u32,
        accepted_at: OffsetDateTime,
        now: OffsetDateTime,
        jitter: f64,
    ) -> Option<OffsetDateTime> {
        let end = self.expires_at(accepted_at);
        (now < end).then(|| (now + self.wait(attempt_no, jitter)).min(end))
    }

    fn wait(&self, attempt_no: u32, jitter: f64) -> Duration {
        let doublings = attempt_no.saturating_sub(1).min(31);
        let planned = self.first.saturating_mul(1 << doublings).min(self.longest);
        planned.mul_f64(1.0 - JITTER + 2.0 * JITTER * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const ACCEPTED: OffsetDateTime = datetime!(2026-11-22 00:00 UTC);

    fn wait_minutes(attempt_no: u32, jitter: f64) -> f64 {
        let next = Schedule::default().next(attempt_no, ACCEPTED, ACCEPTED, jitter).unwrap();
        (next - ACCEPTED).as_seconds_f64() / 60.0
    }

    #[test]
    fn waits_double_from_a_minute_to_four_hours() {
        let waits: Vec<f64> = (1..=10).map(|attempt| wait_minutes(attempt, 0.5)).collect();
        assert_eq!(waits, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 240.0, 240.0]);
        assert_eq!(wait_minutes(u32::MAX, 0.5), 240.0);
    }

    #[test]
    fn no_two_messages_need_come_back_together() {
        assert_eq!(wait_minutes(3, 0.0), 3.0);
        assert_eq!(wait_minutes(3, 1.0), 5.0);
    }

    #[test]
    fn the_last_attempt_falls_on_the_end_and_then_there_is_none() {
        let schedule = Schedule::default();
        let end = datetime!(2026-11-27 00:00 UTC);
        let shortly_before = datetime!(2026-11-26 23:00 UTC);
        assert_eq!(schedule.next(40, ACCEPTED, shortly_before, 0.5), Some(end));
        assert_eq!(schedule.next(41, ACCEPTED, end, 0.5), None);
    }

    #[test]
    fn five_days_are_a_few_dozen_attempts() {
        let (mut now, mut attempts) = (ACCEPTED, 1);
        while let Some(next) = Schedule::default().next(attempts, ACCEPTED, now, 0.5) {
            assert!(next > now);
            (now, attempts) = (next, attempts + 1);
        }
        assert_eq!((now, attempts), (datetime!(2026-11-27 00:00 UTC), 38));
    }
}
