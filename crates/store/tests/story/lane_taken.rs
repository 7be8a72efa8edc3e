//! Nodes share the lanes among them.

use serde_json::json;
use store::queue::{AttemptOutcome, Awarded, Bid, LaneId, Lease, Next, Node, Ring};
use store::{News, Store};

use crate::house::{
    TestDatabase, accept, claim, id, lane, message, minutes, node, noon, settlement, stories,
};

stories! {
    async fn a_lane_belongs_to_whoever_took_it_for_as_long_as_they_are_there(db: TestDatabase) {
        let other = db.second_store().await;
        let lane_id = accept(&db, [1, 2, 3]).await;
        let (here, there) = (node("here", 1), node("there", 2));
        db.store.nodes().stay(&here, noon(), noon() + minutes(90)).await.unwrap();
        other.nodes().stay(&there, noon(), noon() + minutes(120)).await.unwrap();
        let Awarded::Lane { counters, claims } = bid(&db.store, lane_id, &here, 60).await else { panic!() };
        assert_eq!((counters, claims.len()), (json!({}), 1));
        assert_eq!(bid(&other, lane_id, &there, 60).await, Awarded::Nothing);
        let again = bid(&db.store, lane_id, &here, 61).await;
        assert!(matches!(&again, Awarded::Lane { claims, .. } if claims.len() == 1), "{again:?}");
        assert_eq!(bid(&other, lane_id, &there, 89).await, Awarded::Nothing);
        let taken = bid(&other, lane_id, &there, 90).await;
        assert!(matches!(&taken, Awarded::Lane { claims, .. } if claims.len() == 1), "{taken:?}");
        assert_eq!(bid(&db.store, lane_id, &here, 91).await, Awarded::Nothing);
    }

    async fn whoever_leaves_leaves_their_lanes_to_others_at_once(db: TestDatabase) {
        let lane_id = accept(&db, [1, 2]).await;
        let (here, there) = (node("here", 1), node("there", 2));
        db.store.nodes().stay(&here, noon(), noon() + minutes(900)).await.unwrap();
        bid(&db.store, lane_id, &here, 60).await;
        assert_eq!(bid(&db.store, lane_id, &there, 60).await, Awarded::Nothing);
        let mut rings = db.store.queue().rings();
        db.store.nodes().leave(&here).await.unwrap();
        assert_eq!(rings.next().await, Some(Ring::Missed), "others are told to look");
        assert!(matches!(bid(&db.store, lane_id, &there, 60).await, Awarded::Lane { .. }));
    }

    async fn of_two_who_bid_at_once_one_gets_the_lane(db: TestDatabase) {
        let other = db.second_store().await;
        for round in 0..20 {
            let lane_id = db.store.queue().lane(&lane(1, &format!("{round}@contoso.com"))).await.unwrap();
            let (here, there) = (node("here", 1), node("there", 2));
            for node in [&here, &there] {
                db.store.nodes().stay(node, noon(), noon() + minutes(90)).await.unwrap();
            }
            let (one, two) =
                tokio::join!(bid(&db.store, lane_id, &here, 60), bid(&other, lane_id, &there, 60));
            let got = [one, two].iter().filter(|one| matches!(one, Awarded::Lane { .. })).count();
            assert_eq!(got, 1);
        }
    }

    async fn what_was_counted_goes_with_the_lane(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let (here, there) = (node("here", 1), node("there", 2));
        db.store.nodes().stay(&here, noon(), noon() + minutes(90)).await.unwrap();
        bid(&db.store, lane_id, &here, 60).await;
        queue.keep_counters(&here, vec![(lane_id, json!({ "recipients": 5 }))]).await.unwrap();
        queue.keep_counters(&there, vec![(lane_id, json!({ "recipients": 9 }))]).await.unwrap();
        assert_eq!(queue.counted_lanes().await.unwrap()[0].counters, json!({ "recipients": 5 }));
        db.store.nodes().leave(&here).await.unwrap();
        let Awarded::Lane { counters, .. } = bid(&db.store, lane_id, &there, 60).await else { panic!() };
        assert_eq!(counters, json!({ "recipients": 5 }));
        queue.release_lanes(&[lane_id], &here).await.unwrap();
        assert_eq!(queue.counted_lanes().await.unwrap().len(), 1, "it is not theirs to let go of");
        queue.release_lanes(&[lane_id], &there).await.unwrap();
        assert_eq!(queue.counted_lanes().await.unwrap(), []);
    }

    async fn where_nobody_owns_lanes_what_was_counted_is_kept_all_the_same(db: TestDatabase) {
        let lane_id = accept(&db, [1]).await;
        let counted = vec![(lane_id, json!({ "recipients": 5 }))];
        db.store.queue().keep_counters(&node("here", 1), counted).await.unwrap();
        let kept = db.after_power_cut().await.queue().counted_lanes().await.unwrap();
        assert_eq!((kept[0].id, &kept[0].counters), (lane_id, &json!({ "recipients": 5 })));
    }

    async fn whoever_was_gone_for_a_while_is_told_so(db: TestDatabase) {
        let (nodes, here) = (db.store.nodes(), node("here", 1));
        assert!(!nodes.stay(&here, noon(), noon() + minutes(1)).await.unwrap(), "it comes");
        assert!(nodes.stay(&here, noon(), noon() + minutes(2)).await.unwrap());
        assert_eq!(nodes.present(noon()).await.unwrap(), ["here"]);
        assert_eq!(nodes.present(noon() + minutes(2)).await.unwrap(), [""; 0]);
        assert!(!nodes.stay(&here, noon() + minutes(2), noon() + minutes(3)).await.unwrap(), "it is back");
    }

    async fn a_turn_is_one_holder_s_until_its_time_is_over(db: TestDatabase) {
        let other = db.second_store().await;
        let (nodes, one, two) = (db.store.nodes(), id(1), id(2));
        assert!(nodes.take_turn("keep-alive", one, noon(), noon() + minutes(1)).await.unwrap());
        assert!(!other.nodes().take_turn("keep-alive", two, noon(), noon() + minutes(1)).await.unwrap());
        assert!(other.nodes().take_turn("another", two, noon(), noon() + minutes(1)).await.unwrap());
        assert!(nodes.take_turn("keep-alive", one, noon(), noon() + minutes(5)).await.unwrap());
        let late = noon() + minutes(5);
        assert!(!other.nodes().take_turn("keep-alive", two, late - minutes(1), late).await.unwrap());
        assert!(other.nodes().take_turn("keep-alive", two, late, late + minutes(1)).await.unwrap());
    }

    async fn an_attempt_of_a_namesake_that_is_there_is_not_taken_for_abandoned(db: TestDatabase) {
        let queue = db.store.queue();
        let lease = Lease { node: node("gate", 1), until: noon() + minutes(300) };
        queue.accept(message(1), Some(lease)).await.unwrap();
        db.store.nodes().stay(&node("gate", 1), noon(), noon() + minutes(1)).await.unwrap();
        assert_eq!(queue.interrupted(&node("gate", 2), noon()).await.unwrap(), []);
        let found = queue.interrupted(&node("gate", 2), noon() + minutes(1)).await.unwrap();
        assert_eq!(found.len(), 1, "it was an earlier run after all");
    }

    async fn whose_a_lane_is_is_said_of_those_in_which_something_is_due(db: TestDatabase) {
        let lane_id = accept(&db, [1]).await;
        let (here, there) = (node("here", 1), node("there", 2));
        db.store.nodes().stay(&here, noon(), noon() + minutes(1)).await.unwrap();
        bid(&db.store, lane_id, &here, -60).await;
        let is_held = async |node: &Node, now| {
            let lanes = db.store.queue().due_lanes(noon() + minutes(60), node, now).await.unwrap();
            lanes.iter().map(|lane| lane.is_held_elsewhere).collect::<Vec<_>>()
        };
        assert_eq!(is_held(&here, noon()).await, [false]);
        assert_eq!(is_held(&there, noon()).await, [true]);
        assert_eq!(is_held(&there, noon() + minutes(1)).await, [false]);
    }

    async fn lanes_in_which_something_is_due_are_named_the_earliest_first(db: TestDatabase) {
        let queue = db.store.queue();
        let in_lane = async |n, mailbox: &str| {
            let mut offer = message(n);
            offer.message.lane = lane(1, mailbox);
            queue.accept(offer, None).await.unwrap();
        };
        in_lane(30, "c@contoso.com").await;
        in_lane(20, "b@contoso.com").await;
        in_lane(10, "a@contoso.com").await;
        in_lane(5, "b@contoso.com").await;
        queue.lane(&lane(1, "empty@contoso.com")).await.unwrap();
        let due = async |n: u64| {
            let lanes = queue.due_lanes(message(n).first_attempt_at, &node("here", 1), noon()).await.unwrap();
            lanes.into_iter().map(|lane| (lane.key.mailbox, lane.earliest)).collect::<Vec<_>>()
        };
        let at = |n| Some(message(n).first_attempt_at);
        assert_eq!(due(4).await, []);
        assert_eq!(due(10).await, [("b@contoso.com".to_owned(), at(5)), ("a@contoso.com".to_owned(), at(10))]);
        assert_eq!(due(99).await.len(), 3);
    }

    async fn a_lane_says_when_its_next_message_is_due(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [7, 3]).await;
        assert_eq!(queue.earliest(lane_id).await.unwrap(), Some(message(3).first_attempt_at));
        for claim in claim(&db, lane_id, 9).await {
            queue.settle(settlement(&claim, AttemptOutcome::Delivered, Next::Sent)).await.unwrap();
        }
        assert_eq!(queue.earliest(lane_id).await.unwrap(), None);
        assert_eq!(queue.earliest(LaneId(99)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn another_node_hears_of_what_is_due_and_of_pauses_that_end() {
    let db = TestDatabase::postgres().await;
    let other = db.second_store().await;
    let mut rings = other.queue().rings();
    let lane_id = accept(&db, [1]).await;
    assert_eq!(rings.next().await, Some(Ring::Lane(lane_id)));
}

#[tokio::test]
async fn another_node_hears_news_and_this_one_does_not_hear_its_own() {
    let db = TestDatabase::postgres().await;
    let other = db.second_store().await;
    let (mut here, mut there) = (db.store.newsreel(), other.newsreel());
    db.store.tell(&["accounts 1 changed".to_owned(), "accounts 2 changed".to_owned()]).await.unwrap();
    other.tell(&["tokens 3 created".to_owned()]).await.unwrap();
    assert_eq!(there.next().await, Some(News::Told("accounts 1 changed".to_owned())));
    assert_eq!(there.next().await, Some(News::Told("accounts 2 changed".to_owned())));
    assert_eq!(here.next().await, Some(News::Told("tokens 3 created".to_owned())));
}

#[tokio::test]
async fn whoever_lost_the_connection_is_told_that_something_may_have_been_missed() {
    let db = TestDatabase::postgres().await;
    let (mut news, mut rings) = (db.store.newsreel(), db.store.queue().rings());
    drop(db.after_power_cut().await);
    assert_eq!(news.next().await, Some(News::Missed));
    assert_eq!(rings.next().await, Some(Ring::Missed));
}

/// Bids for one message of the lane, `at` minutes after noon.
async fn bid(store: &Store, lane_id: LaneId, node: &Node, at: i64) -> Awarded {
    let now = noon() + minutes(at);
    let lease = Lease { node: node.clone(), until: now + minutes(10) };
    let bid = Bid { lane_id, limit: 1, now, lease, takes_lane: true, probe: None };
    store.queue().bid(bid).await.unwrap()
}
