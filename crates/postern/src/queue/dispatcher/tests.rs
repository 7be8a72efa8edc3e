//! What the dispatcher decides, told as stories.

use time::macros::datetime;

use super::*;

const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
const ACCOUNT: Uuid = Uuid::from_u128(1);

fn at(seconds: i64) -> OffsetDateTime {
    NOON + Duration::seconds(seconds)
}

fn lane(mailbox: &str) -> LaneKey {
    LaneKey { account_id: ACCOUNT, mailbox: mailbox.to_owned() }
}

fn load() -> Load {
    Load { way: Way::Graph, requests: 1, octets: 10_000, recipients: 1 }
}

fn dispatcher(capacity: u32) -> Dispatcher {
    Dispatcher::new(Limits::default(), Capacity(capacity), Duration::MINUTE, Tenure::Alone)
}

impl Dispatcher {
    fn waits(&mut self, mailbox: &str, due: i64, now: i64) {
        self.note_waiting(&lane(mailbox), Way::Graph, at(due), at(now));
    }

    /// Orders as (mailbox, limit).
    fn orders(&mut self, now: i64) -> Vec<(String, u32)> {
        self.next_claims(at(now)).iter().map(|order| (order.key.mailbox.clone(), order.limit)).collect()
    }

    fn order(&mut self, now: i64) -> ClaimOrder {
        let mut orders = self.next_claims(at(now));
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.remove(0)
    }

    fn reserve_one(&mut self, mailbox: &str, now: i64) -> Option<Place> {
        self.reserve(&lane(mailbox), Way::Graph, &load(), at(now))
    }
}

fn none() -> Vec<(String, u32)> {
    Vec::new()
}

#[test]
fn a_message_goes_at_once_while_its_mailbox_has_a_place() {
    let mut dispatcher = dispatcher(100);
    let places: Vec<_> = (0..5).map(|_| dispatcher.reserve_one("a", 0)).collect();
    assert_eq!(places.iter().filter(|place| place.is_some()).count(), 4);
    assert!(dispatcher.reserve_one("b", 0).is_some(), "another mailbox has its own places");
    dispatcher.release(&places[0].unwrap(), at(1));
    assert!(dispatcher.reserve_one("a", 1).is_some());
    assert_eq!(dispatcher.in_flight(), 5);
}

#[test]
fn a_message_does_not_overtake_those_that_wait() {
    let mut dispatcher = dispatcher(100);
    dispatcher.waits("a", 10, 0);
    let early = dispatcher.reserve_one("a", 9).unwrap();
    dispatcher.release(&early, at(9));
    assert_eq!(dispatcher.wake_at(at(0)), Some(at(10)));
    assert!(dispatcher.reserve_one("a", 10).is_none(), "an older one is due");
    let order = dispatcher.order(10);
    assert!(dispatcher.reserve_one("a", 10).is_none(), "it is being claimed");
    dispatcher.claimed(&order, 1, None, at(10));
    assert!(dispatcher.reserve_one("a", 10).is_some(), "three more places, and nobody waits");
}

#[test]
fn a_lane_with_a_hundred_thousand_delays_no_other() {
    let mut dispatcher = dispatcher(6);
    dispatcher.waits("huge", 0, 0);
    dispatcher.waits("small", 0, 0);
    let mut orders = dispatcher.next_claims(at(0));
    assert_eq!(orders.iter().map(|order| order.limit).collect::<Vec<_>>(), [4, 2]);
    let (small, huge) = (orders.remove(1), orders.remove(0));
    dispatcher.claimed(&huge, 4, Some(at(0)), at(0));
    dispatcher.claimed(&small, 1, None, at(0));
    assert_eq!(dispatcher.orders(0), none(), "four calls are all that huge may make");
    dispatcher.release(&huge.place(), at(1));
    dispatcher.waits("late", 1, 1);
    assert_eq!(dispatcher.orders(1), [("huge".to_owned(), 1), ("late".to_owned(), 1)]);
}

#[test]
fn who_waits_for_capacity_gets_it_in_turn() {
    let mut dispatcher = dispatcher(4);
    for mailbox in ["a", "b", "c"] {
        dispatcher.waits(mailbox, 0, 0);
    }
    let a = dispatcher.order(0);
    dispatcher.claimed(&a, 4, Some(at(0)), at(0));
    for expected in ["b", "c", "a", "b"] {
        dispatcher.release(&a.place(), at(1));
        let order = dispatcher.order(1);
        assert_eq!((order.key.mailbox.as_str(), order.limit), (expected, 1));
        dispatcher.claimed(&order, 0, None, at(1));
        dispatcher.waits(expected, 1, 1);
        let place = dispatcher.reserve(&lane("filler"), Way::Graph, &load(), at(1));
        assert!(place.is_none(), "those that wait come first");
        dispatcher.in_flight += 1;
        dispatcher.lanes.get_mut(&a.lane).unwrap().in_flight += 1;
        dispatcher.lanes.get_mut(&a.lane).unwrap().ledger.take_place(Way::Graph);
    }
}

#[test]
fn what_arrives_during_a_claim_is_not_forgotten() {
    let mut dispatcher = dispatcher(100);
    dispatcher.waits("a", 0, 0);
    let order = dispatcher.order(0);
    dispatcher.waits("a", 0, 0);
    assert_eq!(dispatcher.orders(0), none());
    dispatcher.claimed(&order, 1, None, at(0));
    assert_eq!(dispatcher.orders(0), [("a".to_owned(), 3)]);
}

#[test]
fn a_throttled_mailbox_waits_as_told_and_others_go_on() {
    let mut dispatcher = dispatcher(100);
    let place = dispatcher.reserve_one("a", 0).unwrap();
    dispatcher.obey(place.lane(), at(30), at(0));
    dispatcher.release(&place, at(0));
    dispatcher.waits("a", 0, 0);
    dispatcher.waits("b", 0, 0);
    assert_eq!(dispatcher.orders(0), [("b".to_owned(), 4)]);
    assert!(dispatcher.reserve_one("a", 29).is_none());
    assert_eq!(dispatcher.wake_at(at(0)), Some(at(30)));
    assert_eq!(dispatcher.orders(30), [("a".to_owned(), 4)]);
}

#[test]
fn a_paused_account_is_probed_by_one_message_at_growing_intervals() {
    let mut dispatcher = dispatcher(100);
    let places = [dispatcher.reserve_one("a", 0).unwrap(), dispatcher.reserve_one("b", 0).unwrap()];
    for place in places {
        assert_eq!(dispatcher.pause(ACCOUNT, place.lane(), at(0)), at(30));
        dispatcher.release(&place, at(0));
    }
    dispatcher.waits("a", 0, 0);
    dispatcher.waits("b", 0, 0);
    assert_eq!(dispatcher.orders(29), none());
    assert!(dispatcher.reserve_one("c", 29).is_none());
    for (now, next) in [(30, 90), (90, 210), (210, 450), (450, 930), (930, 1830), (1830, 2730)] {
        let probe = dispatcher.order(now);
        assert_eq!(probe.limit, 1);
        dispatcher.claimed(&probe, 1, Some(at(0)), at(now));
        assert_eq!(dispatcher.orders(now + 5), none(), "one at a time");
        assert_eq!(dispatcher.pause(ACCOUNT, probe.lane, at(now)), at(next));
        dispatcher.release(&probe.place(), at(now));
        dispatcher.note_waiting(&probe.key, Way::Graph, at(0), at(now));
        assert_eq!(dispatcher.wake_at(at(0)), Some(at(next)));
    }
    let probe = dispatcher.order(2730);
    dispatcher.claimed(&probe, 1, None, at(2730));
    dispatcher.succeed(probe.lane, at(2731));
    assert!(!dispatcher.is_paused(ACCOUNT));
    assert_eq!(dispatcher.next_claims(at(2731)).len(), 1, "the other lane goes on at once");
}

#[test]
fn a_probe_that_tells_nothing_leaves_room_for_the_next() {
    let mut dispatcher = dispatcher(100);
    dispatcher.note_pause(ACCOUNT, at(10), at(0));
    dispatcher.waits("a", 0, 0);
    dispatcher.waits("b", 0, 0);
    let empty = dispatcher.order(10);
    dispatcher.claimed(&empty, 0, None, at(10));
    let lost = dispatcher.order(40);
    assert_ne!(lost.key, empty.key);
    dispatcher.claimed(&lost, 1, Some(at(40)), at(40));
    dispatcher.release(&lost.place(), at(41));
    assert_eq!(dispatcher.orders(70), none());
    assert_eq!(dispatcher.orders(71).len(), 1);
}

#[test]
fn a_mended_account_goes_on_at_once() {
    let mut dispatcher = dispatcher(100);
    dispatcher.note_pause(ACCOUNT, at(900), at(0));
    dispatcher.waits("a", 0, 0);
    assert_eq!(dispatcher.orders(0), none());
    assert!(dispatcher.resume(ACCOUNT, at(1)));
    assert_eq!(dispatcher.orders(1), [("a".to_owned(), 4)]);
    assert!(!dispatcher.resume(ACCOUNT, at(1)));
}

#[test]
fn a_lane_whose_way_is_blocked_tries_one_at_a_time() {
    let mut dispatcher = dispatcher(100);
    dispatcher.waits("a", 0, 0);
    let order = dispatcher.order(0);
    dispatcher.claimed(&order, 4, Some(at(0)), at(0));
    for _ in 0..4 {
        dispatcher.stumble(order.lane, at(1));
        dispatcher.release(&order.place(), at(1));
    }
    assert_eq!(dispatcher.orders(1), none());
    assert_eq!(dispatcher.wake_at(at(0)), Some(at(11)), "5 seconds after the third, 10 after the fourth");
    let order = dispatcher.order(11);
    assert_eq!(order.limit, 1);
    dispatcher.claimed(&order, 1, Some(at(0)), at(11));
    assert_eq!(dispatcher.orders(12), none());
    dispatcher.succeed(order.lane, at(12));
    dispatcher.release(&order.place(), at(12));
    assert_eq!(dispatcher.orders(12), [("a".to_owned(), 4)]);
}

#[test]
fn a_message_that_goes_by_the_other_door_takes_its_place_there() {
    let mut dispatcher = dispatcher(100);
    dispatcher.waits("a", 0, 0);
    let order = dispatcher.order(0);
    dispatcher.claimed(&order, 4, None, at(0));
    let smtp = Load { way: Way::Smtp, ..load() };
    let mut places = [order.place(); 4];
    for place in &mut places[..3] {
        assert_eq!(dispatcher.admit(place, &smtp, at(0)), Ok(()));
    }
    assert_eq!(dispatcher.admit(&mut places[3], &smtp, at(0)), Err(at(1)));
    dispatcher.waits("a", 0, 0);
    assert_eq!(dispatcher.orders(0), [("a".to_owned(), 3)], "three calls to Graph are free again");
    for place in &places {
        dispatcher.release(place, at(1));
    }
}

#[test]
fn lanes_that_have_nothing_to_remember_are_forgotten() {
    let mut dispatcher = dispatcher(100);
    let place = dispatcher.reserve_one("a", 0).unwrap();
    dispatcher.waits("b", 500_000, 0);
    dispatcher.release(&place, at(1));
    dispatcher.forget_all_idle(at(2));
    assert_eq!(dispatcher.lanes.len(), 2);
    dispatcher.forget_all_idle(at(100_000));
    assert_eq!(dispatcher.numbers.keys().collect::<Vec<_>>(), [&lane("b")]);
}
