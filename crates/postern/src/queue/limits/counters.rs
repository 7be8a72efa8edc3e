//! What a mailbox was asked, as it outlives the process: written from time to time, read by the next run or by the node that
//! the lane goes to. It must never make a ledger bolder: of what is known here and what was kept, the more counts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Ledger, Window, from_ms, to_ms};

/// Steps since 1970 with what was counted in each, window by window. What isn't there is nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Counters {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requests: Vec<(i64, u64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    octets: Vec<(i64, u64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<(i64, u64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recipients: Vec<(i64, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before_ms: Option<i64>,
}

impl Ledger {
    /// What still counts at `now`; an empty object where nothing does.
    pub fn counters(&self, now: OffsetDateTime) -> Value {
        let living = |window: &Window| window.living(now).collect();
        let counters = Counters {
            requests: living(&self.requests),
            octets: living(&self.octets),
            messages: living(&self.messages),
            recipients: living(&self.recipients),
            not_before_ms: self.told_to_wait(now).map(to_ms),
        };
        serde_json::to_value(counters).unwrap_or_else(|_| json!({}))
    }

    /// Takes over what was counted before a restart or by another node. What can't be read was written by another version,
    /// and counts as nothing.
    pub fn restore(&mut self, counters: &Value, now: OffsetDateTime) {
        let kept = Counters::deserialize(counters).unwrap_or_default();
        self.requests.restore(kept.requests, now);
        self.octets.restore(kept.octets, now);
        self.messages.restore(kept.messages, now);
        self.recipients.restore(kept.recipients, now);
        if let Some(not_before) = kept.not_before_ms.map(from_ms).filter(|at| *at > now) {
            self.obey(not_before, now);
        }
    }
}

impl Window {
    fn restore(&mut self, mut steps: Vec<(i64, u64)>, now: OffsetDateTime) {
        steps.sort_unstable();
        let mut kept = Self { steps: steps.into(), ..*self };
        kept.follow_clock(now);
        if kept.used(now) > self.used(now) {
            self.steps = kept.steps;
        }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::super::{Limits, Load, Verdict, Way};
    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn ledger() -> Ledger {
        Ledger::new(Limits { recipients_per_day: 100, ..Limits::default() })
    }

    fn mail(way: Way, recipients: u32) -> Load {
        Load { way, requests: 1, octets: 10_000, recipients }
    }

    #[test]
    fn the_next_run_goes_on_counting_where_the_last_one_stopped() {
        let mut before = ledger();
        before.count(&mail(Way::Graph, 90), NOON);
        for _ in 0..30 {
            before.count(&mail(Way::Smtp, 0), NOON);
        }
        let mut after = ledger();
        after.restore(&before.counters(NOON), NOON + Duration::seconds(5));
        for ledger in [&mut before, &mut after] {
            let now = NOON + Duration::seconds(5);
            assert_eq!(ledger.ask(&mail(Way::Graph, 10), now), Verdict::Go);
            assert!(
                matches!(ledger.ask(&mail(Way::Graph, 11), now), Verdict::Later(at) if at > NOON + Duration::DAY)
            );
            assert_eq!(ledger.ask(&mail(Way::Smtp, 1), now), Verdict::Later(NOON + Duration::seconds(61)));
        }
    }

    #[test]
    fn a_time_that_the_other_side_named_holds_for_the_next_run_too() {
        let mut before = ledger();
        before.obey(NOON + Duration::HOUR, NOON);
        let mut after = ledger();
        after.restore(&before.counters(NOON), NOON);
        assert_eq!(after.ask(&mail(Way::Graph, 1), NOON), Verdict::Later(NOON + Duration::HOUR));
    }

    #[test]
    fn of_what_is_known_and_what_was_kept_the_more_counts_and_nothing_counts_twice() {
        let (mut here, mut elsewhere) = (ledger(), ledger());
        here.count(&mail(Way::Graph, 40), NOON);
        let kept = here.counters(NOON);
        here.restore(&kept, NOON);
        assert_eq!(here.recipients_of_the_day(NOON), 40);
        elsewhere.restore(&kept, NOON);
        elsewhere.count(&mail(Way::Graph, 20), NOON);
        here.restore(&elsewhere.counters(NOON), NOON);
        assert_eq!(here.recipients_of_the_day(NOON), 60);
        here.restore(&kept, NOON);
        assert_eq!(here.recipients_of_the_day(NOON), 60, "what is older takes nothing back");
    }

    #[test]
    fn what_counts_no_more_is_not_written_and_what_cannot_be_read_counts_as_nothing() {
        let mut before = ledger();
        before.count(&mail(Way::Graph, 40), NOON);
        assert_eq!(before.counters(NOON + Duration::days(2)), json!({}));
        let mut after = ledger();
        for counters in [json!({ "recipients": 9 }), json!([]), json!({ "recipients": [[0, 50]] })] {
            after.restore(&counters, NOON);
            assert_eq!(after.recipients_of_the_day(NOON), 0, "{counters}");
        }
    }
}
