//! Whose lanes are, where several nodes work on one database. A lane is one node's at a time, so that its limits are counted
//! in one place; of one that nobody is known to have, this node tries to get hold when it first has something to claim
//! there. It must never treat a lane as its own after its term is over: others may have it then.

use serde_json::Value;
use store::queue::LaneKey;
use time::OffsetDateTime;

use super::super::limits::Way;
use super::{Dispatcher, LaneNumber};

/// Until when this node's lanes are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// Always: there is no other node.
    Alone,
    /// Until then, unless it is renewed; others may take them afterwards.
    Until(OffsetDateTime),
}

/// Whose a lane is, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// This node's.
    Ours,
    /// Another's, which claims from it. Whoever looks into the database learns when that is over.
    Theirs,
    /// It may be had.
    Unknown,
}

impl Tenure {
    /// Not begun yet.
    pub const NOT_YET: Self = Self::Until(OffsetDateTime::UNIX_EPOCH);

    pub(super) fn holds(self, now: OffsetDateTime) -> bool {
        match self {
            Self::Alone => true,
            Self::Until(until) => now < until,
        }
    }

    pub(super) fn of_new_lanes(self) -> Holder {
        match self {
            Self::Alone => Holder::Ours,
            Self::Until(_) => Holder::Unknown,
        }
    }
}

impl Dispatcher {
    /// This node's term goes on until `until`. Where it was over in between, others may have taken its lanes.
    pub fn renew_tenure(&mut self, until: OffsetDateTime, now: OffsetDateTime) {
        if !self.tenure.holds(now) {
            self.doubt_all();
        }
        self.tenure = Tenure::Until(until);
    }

    /// Others may have taken this node's lanes.
    pub fn doubt_all(&mut self) {
        for lane in self.lanes.values_mut().filter(|lane| lane.holder == Holder::Ours) {
            lane.holder = Holder::Unknown;
        }
    }

    /// This node has got hold of the lane, in which so much was counted before.
    pub fn hold(&mut self, number: LaneNumber, counters: &Value, now: OffsetDateTime) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.holder = Holder::Ours;
            lane.ledger.restore(counters, now);
        }
    }

    /// Another node has the lane: what waits there is its business.
    pub fn leave_to_others(&mut self, number: LaneNumber) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.holder = Holder::Theirs;
            lane.due = None;
        }
    }

    /// The same, of a lane that is known by its name.
    pub fn note_theirs(&mut self, key: &LaneKey) {
        if let Some(number) = self.numbers.get(key).copied() {
            self.leave_to_others(number);
        }
    }

    /// No other node has the lane, as far as the database knows.
    pub fn note_free(&mut self, key: &LaneKey) {
        if let Some(lane) = self.numbers.get(key).and_then(|number| self.lanes.get_mut(number))
            && lane.holder == Holder::Theirs
        {
            lane.holder = Holder::Unknown;
        }
    }

    /// Remembers what was counted in a lane before a restart.
    pub fn recall(&mut self, key: &LaneKey, usual: Way, counters: &Value, now: OffsetDateTime) {
        let number = self.lane(key, usual);
        let lane = self.lanes.get_mut(&number).expect("the lane was just found or made");
        lane.ledger.restore(counters, now);
    }

    /// What was counted in this node's lanes since this was last asked.
    pub fn take_counted(&mut self, now: OffsetDateTime) -> Vec<(LaneKey, Value)> {
        let ours = self.lanes.values_mut().filter(|lane| lane.has_counted && lane.holder == Holder::Ours);
        ours.map(|lane| {
            lane.has_counted = false;
            (lane.key.clone(), lane.ledger.counters(now))
        })
        .collect()
    }

    /// Forgets the lanes that have nothing to remember, so that the mailboxes of a year don't pile up; returns those of them
    /// that are this node's.
    pub fn forget_all_idle(&mut self, now: OffsetDateTime) -> Vec<LaneKey> {
        let mut forgotten = Vec::new();
        self.lanes.retain(|_, lane| {
            let remembered = !lane.is_idle() || !lane.ledger.is_blank(now);
            if !remembered {
                self.numbers.remove(&lane.key);
                forgotten.extend((lane.holder == Holder::Ours).then(|| lane.key.clone()));
            }
            remembered
        });
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::Duration;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::super::super::limits::{Limits, Load};
    use super::super::{Capacity, ClaimOrder};
    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn at(seconds: i64) -> OffsetDateTime {
        NOON + Duration::seconds(seconds)
    }

    fn lane(mailbox: &str) -> LaneKey {
        LaneKey { account_id: Uuid::from_u128(1), mailbox: mailbox.to_owned() }
    }

    fn load() -> Load {
        Load { way: Way::Graph, requests: 1, octets: 10_000, recipients: 1 }
    }

    /// One of several, for a minute from noon.
    fn one_of_several() -> Dispatcher {
        let limits = Limits { recipients_per_day: 10, ..Limits::default() };
        let mut dispatcher = Dispatcher::new(limits, Capacity(100), Duration::MINUTE, Tenure::NOT_YET);
        dispatcher.renew_tenure(at(60), NOON);
        dispatcher
    }

    fn order(dispatcher: &mut Dispatcher, mailbox: &str, now: i64) -> ClaimOrder {
        dispatcher.note_waiting(&lane(mailbox), Way::Graph, at(now), at(now));
        let mut orders = dispatcher.next_claims(at(now));
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.remove(0)
    }

    /// Gets hold of a lane and claims nothing.
    fn hold(dispatcher: &mut Dispatcher, mailbox: &str, now: i64) {
        let order = order(dispatcher, mailbox, now);
        assert!(order.takes_lane);
        dispatcher.hold(order.lane, &json!({}), at(now));
        dispatcher.claimed(&order, 0, None, at(now));
    }

    fn goes_at_once(dispatcher: &mut Dispatcher, mailbox: &str, now: i64) -> bool {
        let place = dispatcher.reserve(&lane(mailbox), Way::Graph, &load(), at(now));
        place.inspect(|place| dispatcher.release(place, at(now))).is_some()
    }

    #[test]
    fn a_node_that_is_alone_asks_for_no_lane() {
        let mut alone = Dispatcher::new(Limits::default(), Capacity(100), Duration::MINUTE, Tenure::Alone);
        assert!(goes_at_once(&mut alone, "a", 0));
        assert!(!order(&mut alone, "a", 0).takes_lane);
    }

    #[test]
    fn a_message_goes_at_once_only_in_a_lane_that_is_this_nodes() {
        let mut dispatcher = one_of_several();
        assert!(!goes_at_once(&mut dispatcher, "a", 0));
        hold(&mut dispatcher, "a", 0);
        assert!(goes_at_once(&mut dispatcher, "a", 1));
        assert!(!order(&mut dispatcher, "a", 2).takes_lane);
    }

    #[test]
    fn a_lane_of_another_node_is_left_to_it_until_it_is_free() {
        let mut dispatcher = one_of_several();
        let lost = order(&mut dispatcher, "a", 0);
        dispatcher.leave_to_others(lost.lane);
        dispatcher.claimed(&lost, 0, None, at(0));
        dispatcher.note_waiting(&lane("a"), Way::Graph, at(1), at(1));
        assert_eq!(dispatcher.next_claims(at(30)), []);
        dispatcher.note_free(&lane("a"));
        assert!(order(&mut dispatcher, "a", 31).takes_lane);
    }

    #[test]
    fn after_its_term_a_node_claims_nothing_and_then_asks_for_its_lanes_again() {
        let mut dispatcher = one_of_several();
        hold(&mut dispatcher, "a", 0);
        dispatcher.renew_tenure(at(120), at(59));
        assert!(goes_at_once(&mut dispatcher, "a", 119), "it was renewed in time");
        dispatcher.note_waiting(&lane("a"), Way::Graph, at(119), at(119));
        assert!(!goes_at_once(&mut dispatcher, "a", 120));
        assert_eq!(dispatcher.next_claims(at(120)), []);
        dispatcher.renew_tenure(at(200), at(130));
        let orders = dispatcher.next_claims(at(130));
        assert!(matches!(&orders[..], [order] if order.takes_lane), "{orders:?}");
    }

    #[test]
    fn a_node_that_the_others_took_for_gone_asks_for_its_lanes_again() {
        let mut dispatcher = one_of_several();
        hold(&mut dispatcher, "a", 0);
        dispatcher.doubt_all();
        assert!(!goes_at_once(&mut dispatcher, "a", 10));
        assert!(order(&mut dispatcher, "a", 11).takes_lane);
    }

    #[test]
    fn what_the_owner_before_has_counted_counts() {
        let (mut before, mut after) = (one_of_several(), one_of_several());
        hold(&mut before, "a", 0);
        let many = Load { recipients: 9, ..load() };
        let place = before.reserve(&lane("a"), Way::Graph, &many, at(1)).unwrap();
        before.release(&place, at(2));
        let counted = before.take_counted(at(3));
        assert_eq!(counted.len(), 1);
        assert_eq!(before.take_counted(at(4)), [], "it was written");
        let order = order(&mut after, "a", 4);
        after.hold(order.lane, &counted[0].1, at(4));
        after.claimed(&order, 0, None, at(4));
        assert!(after.reserve(&lane("a"), Way::Graph, &Load { recipients: 2, ..load() }, at(5)).is_none());
        assert!(goes_at_once(&mut after, "a", 5), "one more may go");
    }

    #[test]
    fn of_the_lanes_that_are_forgotten_this_nodes_are_named() {
        let mut dispatcher = one_of_several();
        hold(&mut dispatcher, "a", 0);
        let lost = order(&mut dispatcher, "b", 0);
        dispatcher.leave_to_others(lost.lane);
        dispatcher.claimed(&lost, 0, None, at(0));
        assert_eq!(dispatcher.forget_all_idle(at(1)), [lane("a")]);
        assert!(dispatcher.lanes.is_empty());
    }
}
