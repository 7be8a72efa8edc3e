//! How much one mailbox may be asked: places that are taken and given back, and counts over a minute, ten minutes or a
//! day. It must never let more through than Microsoft would, and never wait longer than it must. It reads no clock; its
//! neighbour is `dispatcher`, which keeps one [`Ledger`] for each lane.

mod counters;

use std::collections::VecDeque;

use time::{Duration, OffsetDateTime};

/// What Microsoft allows one mailbox (facts 5.5 and 6.7), or what the configuration makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls to Graph at the same time; more is answered 429 `ApplicationThrottled`.
    pub graph_calls: u32,
    /// Requests to Graph in ten minutes.
    pub graph_requests_per_10_minutes: u32,
    /// Octets sent to Graph in five minutes.
    pub graph_octets_per_5_minutes: u64,
    /// SMTP connections at the same time; more is answered 432 4.3.2.
    pub smtp_connections: u32,
    /// Messages by SMTP in a minute; more is delayed by Exchange.
    pub smtp_messages_per_minute: u32,
    /// Recipients in a day, by either way; more ends in `SubmissionQuotaExceeded`.
    pub recipients_per_day: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            graph_calls: 4,
            graph_requests_per_10_minutes: 10_000,
            graph_octets_per_5_minutes: 150_000_000,
            smtp_connections: 3,
            smtp_messages_per_minute: 30,
            recipients_per_day: 10_000,
        }
    }
}

/// Which of a mailbox's two doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Microsoft Graph.
    Graph,
    /// SMTP AUTH.
    Smtp,
}

/// What one message asks of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Through which door.
    pub way: Way,
    /// How many calls it takes; 1 by SMTP.
    pub requests: u32,
    /// Octets on the wire.
    pub octets: u64,
    /// Recipients.
    pub recipients: u32,
}

impl Load {
    /// The least that a message can ask.
    pub fn least(way: Way) -> Self {
        Self { way, requests: 1, octets: 1, recipients: 1 }
    }
}

/// Whether a message may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Now.
    Go,
    /// When one that is under way has ended.
    Busy,
    /// Not before this.
    Later(OffsetDateTime),
}

/// A time named by the other side is obeyed up to this long: what lies further ahead is a clock that was set back, or a
/// mistake.
const LONGEST_OBEDIENCE: Duration = Duration::hours(24);

/// What one mailbox has been asked, and what it may be asked.
#[derive(Debug, Clone)]
pub struct Ledger {
    limits: Limits,
    graph_calls: u32,
    smtp_connections: u32,
    requests: Window,
    octets: Window,
    messages: Window,
    recipients: Window,
    not_before: Option<OffsetDateTime>,
}

impl Ledger {
    /// Of a mailbox that has been asked nothing.
    pub fn new(limits: Limits) -> Self {
        let window = |seconds, step_seconds, limit| Window::new(seconds, step_seconds, limit);
        Self {
            limits,
            graph_calls: 0,
            smtp_connections: 0,
            requests: window(600, 10, u64::from(limits.graph_requests_per_10_minutes)),
            octets: window(300, 5, limits.graph_octets_per_5_minutes),
            messages: window(60, 1, u64::from(limits.smtp_messages_per_minute)),
            recipients: window(86_400, 900, u64::from(limits.recipients_per_day)),
            not_before: None,
        }
    }

    /// Whether a message may go now.
    pub fn ask(&mut self, load: &Load, now: OffsetDateTime) -> Verdict {
        self.follow_clock(now);
        let later = self.windows(load).filter_map(|(window, weight)| window.room_at(weight, now));
        match later.chain(self.told_to_wait(now)).max() {
            Some(at) => Verdict::Later(at),
            None if self.places(load.way) == 0 => Verdict::Busy,
            None => Verdict::Go,
        }
    }

    /// How many messages of the least load may go now.
    pub fn room(&mut self, way: Way, now: OffsetDateTime) -> u32 {
        self.follow_clock(now);
        if self.told_to_wait(now).is_some() {
            return 0;
        }
        let load = Load::least(way);
        let least = self.windows(&load).map(|(window, _)| window.room(now)).min().unwrap_or(0);
        self.places(way).min(u32::try_from(least).unwrap_or(u32::MAX))
    }

    /// Takes a place; the message's load is counted when it is known ([`Ledger::count`]).
    pub fn take_place(&mut self, way: Way) {
        *self.taken(way) += 1;
    }

    /// Gives a place back.
    pub fn give_place_back(&mut self, way: Way) {
        let taken = self.taken(way);
        *taken = taken.checked_sub(1).expect("a place that is given back was taken");
    }

    /// Counts what a message asks.
    pub fn count(&mut self, load: &Load, now: OffsetDateTime) {
        match load.way {
            Way::Graph => {
                self.requests.add(u64::from(load.requests), now);
                self.octets.add(load.octets, now);
            }
            Way::Smtp => self.messages.add(1, now),
        }
        self.recipients.add(u64::from(load.recipients), now);
    }

    /// The other side named a time (`Retry-After`).
    pub fn obey(&mut self, not_before: OffsetDateTime, now: OffsetDateTime) {
        let not_before = not_before.min(now + LONGEST_OBEDIENCE);
        self.not_before = self.not_before.max(Some(not_before));
    }

    /// The mailbox has been found in order by other means: a time that was named counts no more.
    pub fn forgive(&mut self) {
        self.not_before = None;
    }

    /// Recipients of the last day, as far as they still count.
    pub fn recipients_of_the_day(&self, now: OffsetDateTime) -> u64 {
        self.recipients.used(now)
    }

    /// Whether nothing is remembered that a new ledger wouldn't know.
    pub fn is_blank(&self, now: OffsetDateTime) -> bool {
        let windows = [&self.requests, &self.octets, &self.messages, &self.recipients];
        self.graph_calls + self.smtp_connections == 0
            && self.told_to_wait(now).is_none()
            && windows.iter().all(|window| window.used(now) == 0)
    }

    fn follow_clock(&mut self, now: OffsetDateTime) {
        for window in [&mut self.requests, &mut self.octets, &mut self.messages, &mut self.recipients] {
            window.follow_clock(now);
        }
    }

    fn told_to_wait(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        self.not_before.filter(|at| *at > now && *at - now <= LONGEST_OBEDIENCE)
    }

    fn places(&self, way: Way) -> u32 {
        match way {
            Way::Graph => self.limits.graph_calls.saturating_sub(self.graph_calls),
            Way::Smtp => self.limits.smtp_connections.saturating_sub(self.smtp_connections),
        }
    }

    fn taken(&mut self, way: Way) -> &mut u32 {
        match way {
            Way::Graph => &mut self.graph_calls,
            Way::Smtp => &mut self.smtp_connections,
        }
    }

    /// What a load weighs in each window that it concerns.
    fn windows(&self, load: &Load) -> impl Iterator<Item = (&Window, u64)> {
        let (requests, octets, messages) = match load.way {
            Way::Graph => (u64::from(load.requests), load.octets, 0),
            Way::Smtp => (0, 0, 1),
        };
        let weights = [
            (&self.requests, requests),
            (&self.octets, octets),
            (&self.messages, messages),
            (&self.recipients, u64::from(load.recipients)),
        ];
        weights.into_iter().filter(|(_, weight)| *weight > 0)
    }
}

/// So much within any stretch of time of this length. Counted in steps, so that its size doesn't grow with the traffic;
/// what was counted within a step counts as if it had been at the step's end.
#[derive(Debug, Clone)]
struct Window {
    length_ms: i64,
    step_ms: i64,
    limit: u64,
    /// (step since 1970, weight), oldest first.
    steps: VecDeque<(i64, u64)>,
}

impl Window {
    fn new(length_seconds: i64, step_seconds: i64, limit: u64) -> Self {
        Self { length_ms: length_seconds * 1000, step_ms: step_seconds * 1000, limit, steps: VecDeque::new() }
    }

    /// When there is room for `weight`; `None` is now. What is heavier than the limit goes when nothing else counts.
    fn room_at(&self, weight: u64, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let mut used = self.used(now);
        let fits = |used: u64| used == 0 || used.saturating_add(weight) <= self.limit;
        if fits(used) {
            return None;
        }
        for (step, weight) in self.living(now) {
            used -= weight;
            if fits(used) {
                return Some(from_ms(self.end_of(step)));
            }
        }
        unreachable!("a window in which nothing counts has room")
    }

    fn room(&self, now: OffsetDateTime) -> u64 {
        self.limit.saturating_sub(self.used(now))
    }

    fn used(&self, now: OffsetDateTime) -> u64 {
        self.living(now).map(|(_, weight)| weight).sum()
    }

    fn add(&mut self, weight: u64, now: OffsetDateTime) {
        self.follow_clock(now);
        let current = to_ms(now).div_euclid(self.step_ms);
        match self.steps.back_mut() {
            Some((step, sum)) if *step == current => *sum += weight,
            _ => self.steps.push_back((current, weight)),
        }
    }

    /// Drops the steps that count no more. One that lies ahead was counted before the clock was set back: it counts as
    /// now.
    fn follow_clock(&mut self, now: OffsetDateTime) {
        let now_ms = to_ms(now);
        let current = now_ms.div_euclid(self.step_ms);
        while self.steps.front().is_some_and(|(step, _)| self.end_of(*step) <= now_ms) {
            self.steps.pop_front();
        }
        let mut ahead = 0;
        while self.steps.back().is_some_and(|(step, _)| *step > current) {
            ahead += self.steps.pop_back().map_or(0, |(_, weight)| weight);
        }
        match self.steps.back_mut() {
            _ if ahead == 0 => {}
            Some((step, sum)) if *step == current => *sum += ahead,
            _ => self.steps.push_back((current, ahead)),
        }
    }

    /// The steps that still count.
    fn living(&self, now: OffsetDateTime) -> impl Iterator<Item = (i64, u64)> {
        let now_ms = to_ms(now);
        self.steps.iter().copied().filter(move |(step, _)| self.end_of(*step) > now_ms)
    }

    fn end_of(&self, step: i64) -> i64 {
        (step + 1) * self.step_ms + self.length_ms
    }
}

fn to_ms(at: OffsetDateTime) -> i64 {
    at.unix_timestamp() * 1000 + i64::from(at.millisecond())
}

fn from_ms(ms: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn seconds(seconds: i64) -> OffsetDateTime {
        NOON + Duration::seconds(seconds)
    }

    fn mail(way: Way) -> Load {
        Load { way, requests: 1, octets: 10_000, recipients: 1 }
    }

    #[test]
    fn places_are_four_by_graph_and_three_by_smtp_and_come_back() {
        for (way, places) in [(Way::Graph, 4), (Way::Smtp, 3)] {
            let mut ledger = Ledger::new(Limits::default());
            assert_eq!(ledger.room(way, NOON), places);
            for _ in 0..places {
                assert_eq!(ledger.ask(&mail(way), NOON), Verdict::Go);
                ledger.take_place(way);
            }
            assert_eq!((ledger.ask(&mail(way), NOON), ledger.room(way, NOON)), (Verdict::Busy, 0));
            ledger.give_place_back(way);
            assert_eq!((ledger.ask(&mail(way), NOON), ledger.room(way, NOON)), (Verdict::Go, 1));
        }
    }

    #[test]
    fn the_thirty_first_message_of_a_minute_waits_for_the_first_to_be_a_minute_old() {
        let mut ledger = Ledger::new(Limits::default());
        for second in 0..30 {
            assert_eq!(ledger.ask(&mail(Way::Smtp), seconds(second)), Verdict::Go);
            ledger.count(&mail(Way::Smtp), seconds(second));
        }
        assert_eq!(ledger.ask(&mail(Way::Smtp), seconds(30)), Verdict::Later(seconds(61)));
        assert_eq!(ledger.room(Way::Smtp, seconds(30)), 0);
        assert_eq!(ledger.ask(&mail(Way::Graph), seconds(30)), Verdict::Go, "the other door is open");
        assert_eq!(ledger.ask(&mail(Way::Smtp), seconds(61)), Verdict::Go);
    }

    #[test]
    fn recipients_count_whichever_way_they_went_and_are_free_after_a_day() {
        let mut ledger = Ledger::new(Limits::default());
        let many = |way| Load { recipients: 500, ..mail(way) };
        for n in 0..20 {
            let way = if n % 2 == 0 { Way::Graph } else { Way::Smtp };
            assert_eq!(ledger.ask(&many(way), seconds(n)), Verdict::Go);
            ledger.count(&many(way), seconds(n));
        }
        let Verdict::Later(at) = ledger.ask(&mail(Way::Graph), seconds(20)) else { panic!() };
        assert!(at >= seconds(86_400) && at <= seconds(86_400 + 900), "{at}");
        assert_eq!(ledger.recipients_of_the_day(seconds(20)), 10_000);
        assert_eq!(ledger.ask(&mail(Way::Graph), at), Verdict::Go);
    }

    #[test]
    fn what_is_heavier_than_a_limit_goes_alone_and_not_never() {
        let mut ledger = Ledger::new(Limits { recipients_per_day: 10, ..Limits::default() });
        let heavy = Load { recipients: 100, ..mail(Way::Graph) };
        assert_eq!(ledger.ask(&heavy, NOON), Verdict::Go);
        ledger.count(&heavy, NOON);
        let Verdict::Later(at) = ledger.ask(&heavy, NOON) else { panic!() };
        assert_eq!(ledger.ask(&heavy, at), Verdict::Go);
    }

    #[test]
    fn a_named_time_is_obeyed_and_a_senseless_one_is_bounded() {
        let mut ledger = Ledger::new(Limits::default());
        ledger.obey(seconds(37), NOON);
        ledger.obey(seconds(12), NOON);
        assert_eq!(ledger.ask(&mail(Way::Graph), NOON), Verdict::Later(seconds(37)));
        assert_eq!(ledger.room(Way::Graph, seconds(36)), 0);
        assert_eq!(ledger.ask(&mail(Way::Graph), seconds(37)), Verdict::Go);
        ledger.obey(NOON + Duration::days(400), NOON);
        assert_eq!(ledger.ask(&mail(Way::Graph), NOON), Verdict::Later(NOON + Duration::hours(24)));
        ledger.forgive();
        assert_eq!(ledger.ask(&mail(Way::Graph), NOON), Verdict::Go);
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nobody_for_long() {
        let mut ledger = Ledger::new(Limits::default());
        let ahead = NOON + Duration::days(365);
        for _ in 0..30 {
            ledger.count(&mail(Way::Smtp), ahead);
        }
        ledger.obey(ahead + Duration::HOUR, ahead);
        let Verdict::Later(at) = ledger.ask(&mail(Way::Smtp), NOON) else { panic!() };
        assert_eq!(at, seconds(61));
        assert_eq!(ledger.ask(&mail(Way::Smtp), at), Verdict::Go);
    }

    #[test]
    fn a_ledger_is_blank_again_when_nothing_counts() {
        let mut ledger = Ledger::new(Limits::default());
        assert!(ledger.is_blank(NOON));
        ledger.count(&mail(Way::Graph), NOON);
        assert!(!ledger.is_blank(seconds(86_000)));
        assert!(ledger.is_blank(NOON + Duration::days(1) + Duration::minutes(15)));
    }

    /// The reference: remembers every message with its time.
    #[derive(Default)]
    struct Reference(Vec<(OffsetDateTime, Load)>);

    impl Reference {
        /// The most that any stretch of `length` ending at `now` holds of what `weigh` weighs.
        fn sum(&self, now: OffsetDateTime, length: Duration, weigh: impl Fn(&Load) -> u64) -> u64 {
            self.0.iter().filter(|(at, _)| now - *at < length).map(|(_, load)| weigh(load)).sum()
        }

        /// Whether the limits, each window made `longer` by this share of its steps, would be broken.
        fn would_break(&self, load: &Load, now: OffsetDateTime, limits: &Limits, coarse: i64) -> bool {
            let exceeds = |length: i64, step: i64, limit: u64, weigh: &dyn Fn(&Load) -> u64| {
                let used = self.sum(now, Duration::seconds(length + step * coarse), weigh);
                weigh(load) > 0 && used > 0 && used + weigh(load) > limit
            };
            let graph = |load: &Load| load.way == Way::Graph;
            let requests = |load: &Load| if graph(load) { u64::from(load.requests) } else { 0 };
            let octets = |load: &Load| if graph(load) { load.octets } else { 0 };
            let messages = |load: &Load| u64::from(!graph(load));
            exceeds(600, 10, limits.graph_requests_per_10_minutes.into(), &requests)
                || exceeds(300, 5, limits.graph_octets_per_5_minutes, &octets)
                || exceeds(60, 1, limits.smtp_messages_per_minute.into(), &messages)
                || exceeds(86_400, 900, limits.recipients_per_day.into(), &|load| load.recipients.into())
        }
    }

    fn any_load() -> impl Strategy<Value = Load> {
        (any::<bool>(), 1..4u32, 1..40_000u64, 1..30u32).prop_map(|(graph, requests, octets, recipients)| {
            let way = if graph { Way::Graph } else { Way::Smtp };
            Load { way, requests, octets, recipients }
        })
    }

    proptest! {
        #[test]
        fn it_lets_through_what_a_reference_that_remembers_everything_lets_through(
            steps in prop::collection::vec((0..90_000i64, any_load()), 1..200)
        ) {
            let limits = Limits {
                graph_requests_per_10_minutes: 12, graph_octets_per_5_minutes: 100_000,
                smtp_messages_per_minute: 3, recipients_per_day: 400, ..Limits::default()
            };
            let (mut ledger, mut reference, mut now) = (Ledger::new(limits), Reference::default(), NOON);
            for (pause_ms, load) in steps {
                now += Duration::milliseconds(pause_ms);
                match ledger.ask(&load, now) {
                    Verdict::Go => {
                        prop_assert!(!reference.would_break(&load, now, &limits, 0), "too bold");
                        ledger.count(&load, now);
                        reference.0.push((now, load));
                    }
                    Verdict::Busy => prop_assert!(false, "no place was taken"),
                    Verdict::Later(at) => {
                        prop_assert!(at > now);
                        prop_assert!(reference.would_break(&load, now, &limits, 1), "too careful");
                        prop_assert_eq!(ledger.clone().ask(&load, at), Verdict::Go);
                    }
                }
            }
        }
    }
}
