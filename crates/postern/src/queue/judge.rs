//! Judges how an attempt ended: what becomes of the message and of each recipient, when it is tried again, who is to hear
//! of it, and what it says about its lane. It reads no clock, draws no random number and does no I/O; its neighbour
//! `settle` does what it says.

use mail::dsn_request::{Event, Notify};
use mail::retry::Schedule;
use mail::{Attempted, Outcome, Reason, Scope};
use store::UnknownPolicy;
use store::queue::{AttemptOutcome, Claim, Next, Recipient, RecipientEnd, RecipientState};
use time::OffsetDateTime;

/// What the judging goes by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// When a message is tried again.
    pub schedule: Schedule,
    /// After how long a message that still waits is reported to whoever asked for that.
    pub report_delay_after: std::time::Duration,
    /// What is done when the outcome is unknown.
    pub unknown: UnknownPolicy,
}

/// What follows from an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// How it ended, in the store's word.
    pub outcome: AttemptOutcome,
    /// What becomes of the message.
    pub next: Next,
    /// The recipients whose fate differs from the message's.
    pub recipients: Vec<RecipientEnd>,
    /// What stood in the way, of the message or of the first recipient for whom something did.
    pub why: Option<Reason>,
    /// What the other side calls the message.
    pub remote_id: Option<String>,
    /// What it says about the lane.
    pub lane: LaneSign,
    /// Who is to be reported on, and what.
    pub reports: Vec<(Recipient, Event, Option<Reason>)>,
}

/// What an attempt says about its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneSign {
    /// The way is free and the account in order.
    Free,
    /// Trouble on the way, that wasn't the message's own.
    Trouble,
    /// Not before this.
    NotBefore(OffsetDateTime),
    /// The account is at fault.
    AccountBroken,
    /// Nothing.
    Silent,
}

/// So many times the other side may name a time without that counting as a try.
const FREE_THROTTLES: u32 = 5;

/// Judges `attempted`; `jitter` is a random number from 0 to 1.
pub fn judge(
    claim: &Claim,
    attempted: &Attempted,
    rules: &Rules,
    now: OffsetDateTime,
    jitter: f64,
) -> Judgement {
    let case = Case { claim, rules, now, jitter };
    match &attempted.outcome {
        Outcome::AccountBroken { why } => case.account_broken(why),
        Outcome::Unknown { why } => case.unknown(why),
        Outcome::Delivered { .. } | Outcome::Retry { .. } | Outcome::Rejected { .. } => {
            case.decided(attempted)
        }
    }
}

struct Case<'a> {
    claim: &'a Claim,
    rules: &'a Rules,
    now: OffsetDateTime,
    jitter: f64,
}

/// The recipients, by how they fared.
#[derive(Default)]
struct Fates<'a> {
    sent: Vec<&'a Recipient>,
    refused: Vec<(&'a Recipient, &'a Reason)>,
    put_off: Vec<(&'a Recipient, &'a Reason)>,
    not_before: Option<OffsetDateTime>,
}

impl Case<'_> {
    fn account_broken(&self, why: &Reason) -> Judgement {
        match self.is_over() {
            true => Judgement {
                lane: LaneSign::AccountBroken,
                ..self.expired(AttemptOutcome::AccountBroken, why)
            },
            false => Judgement {
                lane: LaneSign::AccountBroken,
                ..self.judgement(AttemptOutcome::AccountBroken, Next::Waiting { until: self.now }, why)
            },
        }
    }

    fn unknown(&self, why: &Reason) -> Judgement {
        let judged = |next| self.judgement(AttemptOutcome::Unknown, next, why);
        match self.rules.unknown {
            UnknownPolicy::Hold => judged(Next::Held {
                why: "Nobody knows whether this message was sent: the answer was lost. Look in the mailbox's Sent Items \
                      or ask the recipient, then release it (it is sent again) or cancel it."
                    .to_owned(),
            }),
            UnknownPolicy::LookThenResend => match self.try_again_at() {
                None => self.expired(AttemptOutcome::Unknown, why),
                // Not sooner than other tries: Sent Items fill with some seconds' delay, and looking at once finds nothing.
                Some(at) => judged(Next::Deferred { until: at }),
            },
        }
    }

    fn decided(&self, attempted: &Attempted) -> Judgement {
        let fates = self.fates(attempted);
        let outcome = match &attempted.outcome {
            Outcome::Delivered { .. } => AttemptOutcome::Delivered,
            Outcome::Retry { .. } => AttemptOutcome::Retry,
            _ => AttemptOutcome::Rejected,
        };
        let lane = match &attempted.outcome {
            Outcome::Retry { scope: Scope::Message, .. } => LaneSign::Silent,
            Outcome::Retry { not_before: Some(at), .. } => LaneSign::NotBefore(*at),
            Outcome::Retry { not_before: None, .. } => LaneSign::Trouble,
            _ => LaneSign::Free,
        };
        let remote_id = match &attempted.outcome {
            Outcome::Delivered { remote_id } => remote_id.clone(),
            _ => None,
        };
        let judged = match fates.put_off.is_empty() {
            true => self.ended(&fates, outcome),
            false => self.put_off(&fates, outcome),
        };
        Judgement { lane, remote_id, ..judged }
    }

    fn fates<'b>(&'b self, attempted: &'b Attempted) -> Fates<'b> {
        let mut fates = Fates::default();
        for recipient in &self.claim.message.recipients {
            match attempted.outcome_for(&recipient.address) {
                Outcome::Delivered { .. } => fates.sent.push(recipient),
                Outcome::Rejected { why } => fates.refused.push((recipient, why)),
                Outcome::Retry { why, not_before, .. } => {
                    fates.put_off.push((recipient, why));
                    fates.not_before = fates.not_before.max(*not_before);
                }
                // What concerns the account concerns the whole message; it can't be one recipient's alone.
                Outcome::AccountBroken { why } | Outcome::Unknown { why } => {
                    fates.put_off.push((recipient, why));
                }
            }
        }
        fates
    }

    /// Nobody is left who would have to be tried again.
    fn ended(&self, fates: &Fates<'_>, outcome: AttemptOutcome) -> Judgement {
        let next = if fates.sent.is_empty() { Next::Failed } else { Next::Sent };
        let recipients = match next {
            Next::Sent => fates.refused.iter().map(|(recipient, why)| failed(recipient, why)).collect(),
            _ => Vec::new(),
        };
        let why = fates.refused.first().map(|(_, why)| (*why).clone());
        Judgement { recipients, why, reports: self.reports(fates), ..self.blank(outcome, next) }
    }

    fn put_off(&self, fates: &Fates<'_>, outcome: AttemptOutcome) -> Judgement {
        let told = match outcome {
            AttemptOutcome::Rejected => fates.refused.first().or(fates.put_off.first()),
            _ => fates.put_off.first(),
        };
        let why = told.map(|(_, why)| (*why).clone());
        let mut recipients: Vec<RecipientEnd> =
            fates.refused.iter().map(|(recipient, why)| failed(recipient, why)).collect();
        recipients.extend(fates.sent.iter().map(|recipient| sent(recipient)));
        let mut reports = self.reports(fates);
        let next = match self.put_off_until(fates) {
            Some(next) => {
                if self.delay_is_to_be_reported() {
                    reports.extend(self.wishes(fates.put_off.iter().copied(), Event::Delay));
                }
                next
            }
            None => {
                reports.extend(self.wishes(fates.put_off.iter().copied(), Event::Failure));
                Next::Expired
            }
        };
        Judgement { recipients, why, reports, ..self.blank(outcome, next) }
    }

    /// When the rest is tried again; none when the message is given up.
    fn put_off_until(&self, fates: &Fates<'_>) -> Option<Next> {
        let again = self.try_again_at()?;
        let Some(named) = fates.not_before else { return Some(Next::Deferred { until: again }) };
        if named > self.claim.message.expires_at {
            return None;
        }
        // Who is only told to wait hasn't been refused and need not wait longer than that; nor need those whose turn comes
        // after others of the same message.
        let in_turn = !fates.sent.is_empty() && named <= self.now;
        match self.claim.attempt <= FREE_THROTTLES || in_turn {
            true => Some(Next::Waiting { until: named }),
            false => Some(Next::Deferred { until: again.max(named) }),
        }
    }

    /// When it is tried again; none when it was tried for as long as it may be. The last try falls on the very end.
    fn try_again_at(&self) -> Option<OffsetDateTime> {
        let left = std::time::Duration::try_from(self.claim.message.expires_at - self.now).ok()?;
        let schedule = Schedule { give_up_after: left, ..self.rules.schedule };
        schedule.next(self.claim.tries.saturating_add(1), self.now, self.now, self.jitter)
    }

    fn is_over(&self) -> bool {
        self.now >= self.claim.message.expires_at
    }

    /// Once: at the first try that lies so far behind the first that the time has passed.
    fn delay_is_to_be_reported(&self) -> bool {
        let waited = |tries: u32| -> std::time::Duration {
            (0..tries)
                .map(|n| {
                    self.rules.schedule.first.saturating_mul(1 << n.min(20)).min(self.rules.schedule.longest)
                })
                .sum()
        };
        let tries = self.claim.tries;
        let (before, now) = (waited(tries.saturating_sub(1)), waited(tries));
        tries > 0 && before < self.rules.report_delay_after && now >= self.rules.report_delay_after
    }

    fn expired(&self, outcome: AttemptOutcome, why: &Reason) -> Judgement {
        let all = self.claim.message.recipients.iter().map(|recipient| (recipient, why));
        let reports = self.wishes(all, Event::Failure).collect();
        Judgement { reports, ..self.judgement(outcome, Next::Expired, why) }
    }

    fn judgement(&self, outcome: AttemptOutcome, next: Next, why: &Reason) -> Judgement {
        Judgement { why: Some(why.clone()), ..self.blank(outcome, next) }
    }

    fn blank(&self, outcome: AttemptOutcome, next: Next) -> Judgement {
        Judgement {
            outcome,
            next,
            recipients: Vec::new(),
            why: None,
            remote_id: None,
            lane: LaneSign::Silent,
            reports: Vec::new(),
        }
    }

    fn reports(&self, fates: &Fates<'_>) -> Vec<(Recipient, Event, Option<Reason>)> {
        let sent = fates.sent.iter().filter(|recipient| wants(recipient, Event::Success));
        let sent = sent.map(|recipient| ((*recipient).clone(), Event::Success, None));
        sent.chain(self.wishes(fates.refused.iter().copied(), Event::Failure)).collect()
    }

    fn wishes<'b>(
        &self,
        recipients: impl Iterator<Item = (&'b Recipient, &'b Reason)>,
        event: Event,
    ) -> impl Iterator<Item = (Recipient, Event, Option<Reason>)> {
        let wishing = recipients.filter(move |(recipient, _)| wants(recipient, event));
        wishing.map(move |(recipient, why)| (recipient.clone(), event, Some(why.clone())))
    }
}

/// Whether this is to be reported: who asked for nothing hears of failure only. A delay is the standard's to choose (RFC
/// 3461 §4.1), and a device's mailbox is rarely read.
fn wants(recipient: &Recipient, event: Event) -> bool {
    match recipient.notify.as_deref().and_then(|notify| notify.parse::<Notify>().ok()) {
        Some(notify) => notify.asks_for(event),
        None => event == Event::Failure,
    }
}

fn failed(recipient: &Recipient, why: &Reason) -> RecipientEnd {
    RecipientEnd {
        address: recipient.address.clone(),
        state: RecipientState::Failed,
        code: Some(why.code.clone()),
        text: Some(why.text.clone()),
    }
}

fn sent(recipient: &Recipient) -> RecipientEnd {
    RecipientEnd { address: recipient.address.clone(), state: RecipientState::Sent, code: None, text: None }
}

#[cfg(test)]
mod tests {
    use mail::{Address, RecipientOutcome, Traits};
    use store::queue::{LaneId, LaneKey, Message};
    use time::Duration;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn address(name: &str) -> Address {
        format!("{name}@contoso.com").parse().unwrap()
    }

    /// A claim for recipients given as `name` or `name NOTIFY`.
    fn claim(recipients: &[&str]) -> Claim {
        let recipients = recipients.iter().map(|text| {
            let (name, notify) =
                text.split_once(' ').map_or((*text, None), |(name, notify)| (name, Some(notify)));
            Recipient { address: address(name), notify: notify.map(str::to_owned), orcpt: None }
        });
        let message = Message {
            id: Uuid::from_u128(1),
            lane: LaneKey { account_id: Uuid::from_u128(2), mailbox: "relay@contoso.com".into() },
            submitter_id: None,
            submitter_name: "nas".into(),
            source: "192.0.2.7".into(),
            from: Some(address("nas")),
            recipients: recipients.collect(),
            ret: None,
            envid: None,
            header_from: String::new(),
            subject: String::new(),
            message_id: "a@b".into(),
            size_octets: 1000,
            header_octets: 100,
            traits: Traits::default(),
            notes: serde_json::Value::Null,
            received_at: NOON,
            expires_at: NOON + Duration::days(5),
        };
        Claim { message, lane_id: LaneId(1), attempt: 1, tries: 0, claimed_at: NOON }
    }

    fn rules(unknown: UnknownPolicy) -> Rules {
        let report_delay_after = std::time::Duration::from_secs(4 * 3600);
        Rules { schedule: Schedule::default(), report_delay_after, unknown }
    }

    fn why(code: &str) -> Reason {
        Reason { code: code.to_owned(), text: format!("text of {code}"), request_id: None }
    }

    fn retry(code: &str) -> Outcome {
        Outcome::Retry { why: why(code), not_before: None, scope: Scope::Account }
    }

    fn throttled_until(at: OffsetDateTime) -> Outcome {
        Outcome::Retry { why: why("429"), not_before: Some(at), scope: Scope::Mailbox }
    }

    fn rejected(code: &str) -> Outcome {
        Outcome::Rejected { why: why(code) }
    }

    const DELIVERED: Outcome = Outcome::Delivered { remote_id: None };

    fn attempted(outcome: Outcome, others: &[(&str, Outcome)]) -> Attempted {
        let others = others
            .iter()
            .map(|(name, outcome)| RecipientOutcome { address: address(name), outcome: outcome.clone() });
        Attempted { outcome, recipients: others.collect() }
    }

    fn judged_at(claim: &Claim, attempted: &Attempted, now: OffsetDateTime) -> Judgement {
        judge(claim, attempted, &rules(UnknownPolicy::LookThenResend), now, 0.5)
    }

    fn judged(claim: &Claim, attempted: &Attempted) -> Judgement {
        judged_at(claim, attempted, NOON)
    }

    fn reported(judgement: &Judgement) -> Vec<(&str, Event)> {
        judgement
            .reports
            .iter()
            .map(|(recipient, event, _)| (recipient.address.local_part(), *event))
            .collect()
    }

    #[test]
    fn what_arrived_is_sent_and_told_only_to_those_who_asked() {
        let claim = claim(&["ann", "bob SUCCESS", "eve NEVER"]);
        let judgement = judged(&claim, &attempted(DELIVERED, &[]));
        assert_eq!((&judgement.next, judgement.lane), (&Next::Sent, LaneSign::Free));
        assert_eq!(reported(&judgement), [("bob", Event::Success)]);
        assert!(judgement.recipients.is_empty());
    }

    #[test]
    fn recipients_fare_each_for_themselves() {
        let claim = claim(&["ann", "bob", "eve NEVER"]);
        let refused = [("bob", rejected("550 5.1.1")), ("eve", rejected("550 5.1.1"))];
        let judgement = judged(&claim, &attempted(DELIVERED, &refused));
        assert_eq!(judgement.next, Next::Sent);
        assert_eq!(
            judgement.recipients.iter().map(|end| end.state).collect::<Vec<_>>(),
            [RecipientState::Failed; 2]
        );
        assert_eq!(reported(&judgement), [("bob", Event::Failure)]);
        let mixed = [("bob", retry("451 4.7.0")), ("eve", rejected("550 5.1.1"))];
        let judgement = judged(&claim, &attempted(DELIVERED, &mixed));
        assert_eq!(judgement.next, Next::Deferred { until: NOON + Duration::MINUTE });
        let ends: Vec<_> =
            judgement.recipients.iter().map(|end| (end.address.local_part(), end.state)).collect();
        assert_eq!(ends, [("eve", RecipientState::Failed), ("ann", RecipientState::Sent)]);
        assert_eq!(judgement.why.unwrap().code, "451 4.7.0");
    }

    #[test]
    fn what_is_refused_for_all_has_failed_and_is_reported() {
        let judgement = judged(&claim(&["ann", "bob"]), &attempted(rejected("ErrorSendAsDenied"), &[]));
        assert_eq!((&judgement.next, judgement.lane), (&Next::Failed, LaneSign::Free));
        assert_eq!(reported(&judgement), [("ann", Event::Failure), ("bob", Event::Failure)]);
    }

    #[test]
    fn trouble_on_the_way_is_tried_again_later_each_time_until_the_end() {
        let mut claim = claim(&["ann"]);
        let trouble = attempted(retry("connect"), &[]);
        for (tries, minutes) in [(0, 1), (1, 2), (5, 32), (20, 240)] {
            claim.tries = tries;
            let judgement = judged(&claim, &trouble);
            assert_eq!(judgement.next, Next::Deferred { until: NOON + Duration::minutes(minutes) });
            assert_eq!(judgement.lane, LaneSign::Trouble);
        }
        let end = claim.message.expires_at;
        let late = judged_at(&claim, &trouble, end - Duration::MINUTE);
        assert_eq!(late.next, Next::Deferred { until: end }, "the last try falls on the end");
        let over = judged_at(&claim, &trouble, end);
        assert_eq!((&over.next, reported(&over)), (&Next::Expired, vec![("ann", Event::Failure)]));
    }

    #[test]
    fn a_named_time_is_kept_exactly_and_costs_no_try_at_first() {
        let mut claim = claim(&["ann"]);
        let named = NOON + Duration::seconds(17);
        let throttled = attempted(throttled_until(named), &[]);
        let judgement = judged(&claim, &throttled);
        assert_eq!(
            (judgement.next, judgement.lane),
            (Next::Waiting { until: named }, LaneSign::NotBefore(named))
        );
        claim.attempt = 6;
        assert_eq!(judged(&claim, &throttled).next, Next::Deferred { until: NOON + Duration::MINUTE });
        let never = throttled_until(NOON + Duration::days(9));
        assert_eq!(judged(&claim, &attempted(never, &[])).next, Next::Expired);
    }

    #[test]
    fn recipients_whose_turn_comes_later_follow_at_once() {
        let mut claim = claim(&["ann", "bob"]);
        claim.attempt = 9;
        let in_turn = Outcome::Retry { why: why("next"), not_before: Some(NOON), scope: Scope::Message };
        let judgement = judged(&claim, &attempted(DELIVERED, &[("bob", in_turn)]));
        assert_eq!((judgement.next, judgement.lane), (Next::Waiting { until: NOON }, LaneSign::Free));
    }

    #[test]
    fn a_message_that_must_wait_for_itself_says_nothing_about_its_lane() {
        let greylisted = Outcome::Retry { why: why("451"), not_before: None, scope: Scope::Message };
        let judgement = judged(&claim(&["ann"]), &attempted(greylisted, &[]));
        assert_eq!(judgement.lane, LaneSign::Silent);
    }

    #[test]
    fn an_account_at_fault_burns_no_try_and_a_message_waits_no_longer_than_it_may() {
        let claim = claim(&["ann"]);
        let broken = attempted(Outcome::AccountBroken { why: why("AADSTS7000222") }, &[]);
        let judgement = judged(&claim, &broken);
        assert_eq!(
            (judgement.next, judgement.lane),
            (Next::Waiting { until: NOON }, LaneSign::AccountBroken)
        );
        let over = judged_at(&claim, &broken, claim.message.expires_at);
        assert_eq!((&over.next, over.lane), (&Next::Expired, LaneSign::AccountBroken));
        assert_eq!(reported(&over), [("ann", Event::Failure)]);
    }

    #[test]
    fn an_unknown_outcome_follows_the_policy() {
        let claim = claim(&["ann"]);
        let lost = attempted(Outcome::Unknown { why: why("504") }, &[]);
        let resend = judge(&claim, &lost, &rules(UnknownPolicy::LookThenResend), NOON, 0.5);
        assert_eq!(
            (resend.outcome, resend.next),
            (AttemptOutcome::Unknown, Next::Deferred { until: NOON + Duration::MINUTE })
        );
        let hold = judge(&claim, &lost, &rules(UnknownPolicy::Hold), NOON, 0.5);
        assert!(matches!(hold.next, Next::Held { why } if why.contains("Nobody knows")));
    }

    #[test]
    fn a_delay_is_reported_once_and_only_to_those_who_asked() {
        let mut claim = claim(&["ann DELAY,FAILURE", "bob"]);
        let trouble = attempted(retry("connect"), &[]);
        let told: Vec<u32> = (0..40)
            .filter(|tries| {
                claim.tries = *tries;
                let judgement = judged(&claim, &trouble);
                assert!(reported(&judgement).iter().all(|told| *told == ("ann", Event::Delay)));
                !judgement.reports.is_empty()
            })
            .collect();
        assert_eq!(told, [8], "after 1 + 2 + … + 128 minutes");
    }
}
