//! Somebody sets to work on what is due.

use std::collections::BTreeSet;

use store::queue::{AttemptOutcome, Lease, MessageState, Next, SettleError};

use crate::house::{accept, claim, lease, message, message_id, minutes, node, noon, settlement, stories};

stories! {
    async fn what_was_due_first_is_claimed_first_and_what_is_not_due_is_not(db: TestDatabase) {
        let lane_id = accept(&db, [3, 1, 2, 7200]).await;
        let first = claim(&db, lane_id, 2).await;
        assert_eq!(ids(&first), BTreeSet::from([message_id(1), message_id(2)]));
        assert_eq!(first[0].message.recipients.len(), 2);
        let second = claim(&db, lane_id, 10).await;
        assert_eq!(ids(&second), BTreeSet::from([message_id(3)]));
        assert_eq!(second[0].message, message(3).message);
        assert_eq!(claim(&db, lane_id, 10).await, []);
    }

    async fn an_attempt_is_on_disk_before_whoever_makes_it_hears_of_it(db: TestDatabase) {
        let lane_id = accept(&db, [1]).await;
        claim(&db, lane_id, 1).await;
        let story = db.after_power_cut().await.queue().show(message_id(1)).await.unwrap().unwrap();
        assert_eq!((story.row.state, story.attempts.len()), (MessageState::Sending, 1));
    }

    async fn two_stores_on_one_database_never_claim_the_same_message(db: TestDatabase) {
        let lane_id = accept(&db, 1..=60).await;
        let other = db.second_store().await;
        let at_work = async |store: &store::Store| {
            let mut claimed = Vec::new();
            loop {
                let lease = Lease { until: noon() + minutes(90), ..lease() };
                let claims = store.queue().claim(lane_id, 3, noon() + minutes(60), lease).await.unwrap();
                if claims.is_empty() {
                    return claimed;
                }
                claimed.extend(claims.into_iter().map(|claim| claim.message.id));
            }
        };
        let (here, there) = tokio::join!(at_work(&db.store), at_work(&other));
        let all: BTreeSet<_> = here.iter().chain(&there).collect();
        assert_eq!((here.len() + there.len(), all.len()), (60, 60));
    }

    async fn what_an_earlier_run_left_or_nobody_renewed_is_found_and_what_is_under_way_is_not(db: TestDatabase) {
        let queue = db.store.queue();
        let claim_as = async |n, name: &str, run, until| {
            let lease = Lease { node: node(name, run), until: noon() + minutes(until) };
            queue.accept(message(n), Some(lease)).await.unwrap();
        };
        claim_as(1, "here", 1, 10).await;
        claim_as(2, "here", 2, 10).await;
        claim_as(3, "there", 9, 10).await;
        claim_as(4, "there", 9, 1).await;
        let found = queue.interrupted(&node("here", 2), noon() + minutes(5)).await.unwrap();
        assert_eq!(ids(&found), BTreeSet::from([message_id(1), message_id(4)]));
        assert_eq!((found[0].attempt, found[0].message.recipients.len()), (1, 2));
        let alone = queue.interrupted(&node("there", 9), noon()).await.unwrap();
        assert_eq!(alone, []);
    }

    async fn a_claim_is_kept_alive_only_by_whoever_has_it(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1, 2]).await;
        let claims = claim(&db, lane_id, 2).await;
        queue.settle(settlement(&claims[1], AttemptOutcome::Delivered, Next::Sent)).await.unwrap();
        let keys: Vec<_> = claims.iter().map(store::queue::Claim::key).collect();
        let longer = Lease { until: noon() + minutes(200), ..lease() };
        assert_eq!(queue.extend(&keys, longer.clone()).await.unwrap(), [keys[0]]);
        let stranger = Lease { node: node("here", 2), ..longer };
        assert_eq!(queue.extend(&keys, stranger).await.unwrap(), []);
        let late = queue.interrupted(&node("here", 1), noon() + minutes(199)).await.unwrap();
        assert_eq!(late, []);
    }

    async fn whoever_lost_the_claim_may_not_settle_any_more(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let lost = claim(&db, lane_id, 1).await.remove(0);
        let until = noon() + minutes(60);
        queue.settle(settlement(&lost, AttemptOutcome::Unknown, Next::Deferred { until })).await.unwrap();
        let late = queue.settle(settlement(&lost, AttemptOutcome::Delivered, Next::Sent)).await.unwrap_err();
        assert!(matches!(late, SettleError::Stale), "{late:?}");
        let again = claim(&db, lane_id, 1).await.remove(0);
        assert_eq!((again.attempt, again.tries), (2, 1));
        let late = queue.settle(settlement(&lost, AttemptOutcome::Delivered, Next::Sent)).await.unwrap_err();
        assert!(matches!(late, SettleError::Stale), "{late:?}");
        queue.settle(settlement(&again, AttemptOutcome::Delivered, Next::Sent)).await.unwrap();
    }
}

fn ids(claims: &[store::queue::Claim]) -> BTreeSet<uuid::Uuid> {
    claims.iter().map(|claim| claim.message.id).collect()
}
