//! Slows down whoever guesses passwords: failures are counted per account and per source, in memory, and from a certain
//! number on each one doubles the wait for the next try. A try counts as failed until it is known to have succeeded, so
//! that many at the same time are no way around. It never looks at a clock; its neighbour is `sign_in`.

use std::collections::HashMap;
use std::net::IpAddr;

use time::{Duration, OffsetDateTime};

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::minutes(15);
/// Failures that lie further back than this are forgotten.
const MEMORY: Duration = Duration::hours(1);
/// Names and addresses that are remembered at most.
const MOST_ENTRIES: usize = 10_000;

/// Whose failures are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Account(String),
    Source(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failures {
    count: u32,
    last: OffsetDateTime,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Throttle {
    failures: HashMap<Whose, Failures>,
}

/// A try that was let through: what its counters were before.
#[derive(Debug)]
pub struct Try {
    account: (Whose, Option<Failures>),
    source: (Whose, Option<Failures>),
    at: OffsetDateTime,
}

/// Too many failures: the next try is let through after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

impl Throttle {
    /// Lets a try through, and counts it as failed, unless the account or the source has to wait.
    pub fn begin(&mut self, account: &str, source: &str, now: OffsetDateTime) -> Result<Try, Wait> {
        let account = Whose::Account(account.chars().take(100).collect::<String>().to_lowercase());
        let source = Whose::Source(network_of(source));
        let wait = self.wait(&account, now).max(self.wait(&source, now));
        if wait > Duration::ZERO {
            return Err(Wait(wait));
        }
        self.make_room(now);
        let account = (account.clone(), self.count(account, now));
        let source = (source.clone(), self.count(source, now));
        Ok(Try { account, source, at: now })
    }

    /// The try succeeded: the account starts from nothing. The source's other failures stay: guessing at others' accounts
    /// is not made good by signing in to one's own.
    pub fn succeed(&mut self, done: Try) {
        self.failures.remove(&done.account.0);
        self.take_back(done.source, done.at);
    }

    /// The try neither failed nor succeeded: the password was right and a code is still missing.
    pub fn forget(&mut self, done: Try) {
        self.take_back(done.account, done.at);
        self.take_back(done.source, done.at);
    }

    fn wait(&self, whose: &Whose, now: OffsetDateTime) -> Duration {
        let Some(failures) = self.failures.get(whose) else { return Duration::ZERO };
        let over = failures.count.saturating_sub(whose.free_failures());
        match over {
            0 => Duration::ZERO,
            // 2, 4, 8 … seconds.
            _ => (Duration::seconds(1 << over.min(10)).min(LONGEST_WAIT) - (now - failures.last))
                .max(Duration::ZERO),
        }
    }

    /// Counts a failure; returns what was counted before.
    fn count(&mut self, whose: Whose, now: OffsetDateTime) -> Option<Failures> {
        let before = self.failures.get(&whose).copied().filter(|failures| now - failures.last < MEMORY);
        let count = before.map_or(0, |failures| failures.count).saturating_add(1);
        self.failures.insert(whose, Failures { count, last: now });
        before
    }

    /// As it was before; where others have failed meanwhile, theirs stay.
    fn take_back(&mut self, (whose, before): (Whose, Option<Failures>), at: OffsetDateTime) {
        let Some(failures) = self.failures.get_mut(&whose) else { return };
        let own = Failures { count: before.map_or(0, |before| before.count) + 1, last: at };
        match before {
            Some(before) if *failures == own => *failures = before,
            None if *failures == own => drop(self.failures.remove(&whose)),
            _ => failures.count = failures.count.saturating_sub(1),
        }
    }

    fn make_room(&mut self, now: OffsetDateTime) {
        if self.failures.len() + 2 <= MOST_ENTRIES {
            return;
        }
        self.failures.retain(|_, failures| now - failures.last < MEMORY);
        if self.failures.len() + 2 > MOST_ENTRIES {
            self.drop_lighter_half();
        }
    }

    /// Half at once, so that a flood of names doesn't cost a search for each of them; the lighter half, so that it doesn't
    /// wash away those who have failed often.
    fn drop_lighter_half(&mut self) {
        let weight = |failures: &Failures| (failures.count, failures.last);
        let mut weights: Vec<_> = self.failures.values().map(weight).collect();
        let middle = weights.len() / 2;
        let median = *weights.select_nth_unstable(middle).1;
        self.failures.retain(|_, failures| weight(failures) > median);
    }
}

impl Whose {
    /// After so many failures the waiting begins. Many people may share a source.
    fn free_failures(&self) -> u32 {
        match self {
            Self::Account(_) => 4,
            Self::Source(_) => 29,
        }
    }
}

/// Whoever has an IPv6 address has its whole /64 (RFC 6177, section 2).
fn network_of(source: &str) -> String {
    match source.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("{:x?}", &address.segments()[..4]),
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn fail(throttle: &mut Throttle, account: &str, source: &str, times: usize, at: OffsetDateTime) {
        for _ in 0..times {
            throttle.begin(account, source, at).unwrap();
        }
    }

    fn wait(throttle: &mut Throttle, account: &str, source: &str, at: OffsetDateTime) -> i64 {
        throttle.begin(account, source, at).map_or_else(|wait| wait.0.whole_seconds(), |_| 0)
    }

    #[test]
    fn the_wait_doubles_with_each_failure_up_to_a_quarter_of_an_hour() {
        let mut throttle = Throttle::default();
        fail(&mut throttle, "anna", "192.0.2.1", 5, NOON);
        let (mut now, mut waits) = (NOON, Vec::new());
        for _ in 0..12 {
            let next = throttle.begin("ANNA", "192.0.2.1", now).unwrap_err().0;
            waits.push(next.whole_seconds());
            now += next;
            throttle.begin("anna", "192.0.2.1", now).unwrap();
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    }

    #[test]
    fn others_are_not_slowed_down() {
        let mut throttle = Throttle::default();
        fail(&mut throttle, "anna", "192.0.2.1", 5, NOON);
        assert_eq!(wait(&mut throttle, "anna", "192.0.2.2", NOON), 2);
        assert_eq!(wait(&mut throttle, "ben", "192.0.2.1", NOON), 0);
    }

    #[test]
    fn a_source_that_tries_many_accounts_waits_too() {
        let mut throttle = Throttle::default();
        for n in 0..30 {
            fail(&mut throttle, &format!("user {n}"), "2001:db8::1", 1, NOON);
        }
        assert_eq!(wait(&mut throttle, "anna", "2001:db8::ffff:2", NOON), 2);
        assert_eq!(wait(&mut throttle, "anna", "2001:db8:0:1::1", NOON), 0);
    }

    #[test]
    fn a_success_clears_the_account_and_not_what_the_source_did_to_others() {
        let mut throttle = Throttle::default();
        fail(&mut throttle, "anna", "192.0.2.1", 4, NOON);
        for n in 0..25 {
            fail(&mut throttle, &format!("user {n}"), "192.0.2.1", 1, NOON);
        }
        let done = throttle.begin("anna", "192.0.2.1", NOON).unwrap();
        throttle.succeed(done);
        fail(&mut throttle, "anna", "192.0.2.1", 1, NOON);
        assert_eq!(wait(&mut throttle, "anna", "192.0.2.1", NOON), 2, "29 + 1 failures of the source");
        assert_eq!(wait(&mut throttle, "anna", "192.0.2.9", NOON), 0);
    }

    #[test]
    fn a_try_that_lacks_a_code_counts_for_nothing() {
        let mut throttle = Throttle::default();
        for _ in 0..100 {
            let half = throttle.begin("anna", "192.0.2.1", NOON).unwrap();
            throttle.forget(half);
        }
        assert!(throttle.failures.is_empty());
        fail(&mut throttle, "anna", "192.0.2.1", 6 - 1, NOON);
        let later = NOON + Duration::seconds(2);
        let half = throttle.begin("anna", "192.0.2.1", later).unwrap();
        throttle.forget(half);
        assert_eq!(wait(&mut throttle, "anna", "192.0.2.1", later), 0, "the code may follow at once");
    }

    #[test]
    fn many_at_the_same_time_are_no_way_around() {
        let mut throttle = Throttle::default();
        let begun: Vec<_> = (0..50).map(|_| throttle.begin("anna", "192.0.2.1", NOON)).collect();
        assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), 5);
    }

    #[test]
    fn failures_are_forgotten_after_an_hour() {
        let mut throttle = Throttle::default();
        fail(&mut throttle, "anna", "192.0.2.1", 5, NOON);
        assert_eq!(wait(&mut throttle, "anna", "192.0.2.1", NOON), 2);
        fail(&mut throttle, "anna", "192.0.2.1", 5, NOON + MEMORY);
    }

    #[test]
    fn a_flood_of_names_takes_no_more_memory_and_washes_nobody_away() {
        let mut throttle = Throttle::default();
        fail(&mut throttle, "anna", "192.0.2.1", 5, NOON);
        for n in 0..MOST_ENTRIES {
            fail(&mut throttle, &format!("user {n}"), &format!("source {n}"), 1, NOON);
            assert!(throttle.failures.len() <= MOST_ENTRIES);
        }
        assert_eq!(wait(&mut throttle, "anna", "192.0.2.1", NOON), 2);
    }
}
