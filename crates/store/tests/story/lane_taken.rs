//! Nodes share the lanes among them.

use serde_json::json;
use store::queue::{AttemptOutcome, LaneId, Next, Ring};

use crate::house::{TestDatabase, accept, claim, lane, message, minutes, node, noon, settlement, stories};

stories! {
    async fn a_lane_belongs_to_one_node_until_its_time_is_over(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = queue.lane(&lane(1, "a@contoso.com")).await.unwrap();
        let (here, there) = (node("here", 1), node("there", 2));
        let taken = queue.take_lane(lane_id, &here, noon(), noon() + minutes(1)).await.unwrap().unwrap();
        assert_eq!((taken.key, taken.earliest), (lane(1, "a@contoso.com"), None));
        assert_eq!(queue.take_lane(lane_id, &there, noon(), noon() + minutes(1)).await.unwrap(), None);
        assert_eq!(queue.renew_lanes(&here, noon(), noon() + minutes(5)).await.unwrap(), [lane_id]);
        assert_eq!(queue.renew_lanes(&there, noon(), noon() + minutes(5)).await.unwrap(), []);
        let late = noon() + minutes(5);
        assert!(queue.take_lane(lane_id, &there, late, late + minutes(1)).await.unwrap().is_some());
        assert_eq!(queue.renew_lanes(&here, late, late + minutes(5)).await.unwrap(), []);
    }

    async fn after_a_restart_a_node_has_its_lanes_again_at_once(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = queue.lane(&lane(1, "a@contoso.com")).await.unwrap();
        queue.take_lane(lane_id, &node("here", 1), noon(), noon() + minutes(60)).await.unwrap().unwrap();
        let again = queue.take_lane(lane_id, &node("here", 2), noon(), noon() + minutes(60)).await.unwrap();
        assert!(again.is_some());
        assert_eq!(queue.renew_lanes(&node("here", 1), noon(), noon() + minutes(90)).await.unwrap(), []);
    }

    async fn what_an_owner_counted_goes_with_the_lane(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = queue.lane(&lane(1, "a@contoso.com")).await.unwrap();
        let (here, there) = (node("here", 1), node("there", 2));
        queue.take_lane(lane_id, &here, noon(), noon() + minutes(1)).await.unwrap().unwrap();
        queue.keep_counters(lane_id, &there, &json!({ "recipients": 9 })).await.unwrap();
        queue.keep_counters(lane_id, &here, &json!({ "recipients": 5 })).await.unwrap();
        queue.release_lane(lane_id, &here, &json!({ "recipients": 7 })).await.unwrap();
        let taken = queue.take_lane(lane_id, &there, noon(), noon() + minutes(1)).await.unwrap().unwrap();
        assert_eq!(taken.counters, json!({ "recipients": 7 }));
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
            let lanes = queue.due_lanes(message(n).first_attempt_at).await.unwrap();
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
