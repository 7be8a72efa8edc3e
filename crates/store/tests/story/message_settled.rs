//! An attempt ends.

use store::queue::{
    AttemptOutcome, MessageState, Next, RecipientEnd, RecipientState, SettleError, Settlement,
};

use crate::house::{accept, claim, message, message_id, minutes, noon, settlement, stories};

stories! {
    async fn a_message_that_was_sent_keeps_its_story_and_not_its_content(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let claim = claim(&db, lane_id, 1).await.remove(0);
        queue.settle(settlement(&claim, AttemptOutcome::Delivered, Next::Sent)).await.unwrap();

        let story = db.after_power_cut().await.queue().show(message_id(1)).await.unwrap().unwrap();
        assert_eq!((story.row.state, story.row.state_since), (MessageState::Sent, noon() + minutes(61)));
        assert!(!story.has_content);
        assert!(queue.piece(message_id(1), 0).await.unwrap().is_none());
        assert!(story.recipients.iter().all(|recipient| recipient.state == RecipientState::Sent));
        let attempt = &story.attempts[0];
        assert_eq!((attempt.number, attempt.outcome), (1, Some(AttemptOutcome::Delivered)));
        assert_eq!((attempt.started_at, attempt.ended_at), (noon() + minutes(60), Some(noon() + minutes(61))));
        assert_eq!((attempt.via.as_deref(), attempt.request_id.as_deref()), (Some("graph"), Some("request")));
        let history = queue.history(noon() + minutes(60), noon() + minutes(120)).await.unwrap();
        assert_eq!((history.len(), history[0].sent), (1, 1));
    }

    async fn a_deferred_message_waits_until_its_time_and_each_try_counts(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        for tries in 0..3 {
            let claim = claim(&db, lane_id, 1).await.remove(0);
            assert_eq!((claim.attempt, claim.tries), (tries + 1, tries));
            let retry = Settlement {
                code: Some("timeout".to_owned()),
                text: Some("no answer".to_owned()),
                ..settlement(&claim, AttemptOutcome::Retry, Next::Deferred { until: noon() + minutes(60) })
            };
            queue.settle(retry).await.unwrap();
        }
        let claim = claim(&db, lane_id, 1).await.remove(0);
        let later = settlement(&claim, AttemptOutcome::Retry, Next::Deferred { until: noon() + minutes(600) });
        queue.settle(later).await.unwrap();
        assert_eq!(crate::house::claim(&db, lane_id, 1).await, []);
        let story = queue.show(message_id(1)).await.unwrap().unwrap();
        assert_eq!((story.row.state, story.attempts.len()), (MessageState::Deferred, 4));
        assert_eq!(story.row.next_attempt_at, Some(noon() + minutes(600)));
        assert_eq!(story.attempts[2].code.as_deref(), Some("timeout"));
        assert_eq!(queue.earliest(lane_id).await.unwrap(), Some(noon() + minutes(600)));
    }

    async fn while_the_account_is_paused_tries_are_not_burnt(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let first = claim(&db, lane_id, 1).await.remove(0);
        let waiting = Next::Waiting { until: noon() + minutes(30) };
        queue.settle(settlement(&first, AttemptOutcome::AccountBroken, waiting)).await.unwrap();
        assert_eq!(queue.find(message_id(1)).await.unwrap().unwrap().state, MessageState::Queued);
        let second = claim(&db, lane_id, 1).await.remove(0);
        assert_eq!((second.attempt, second.tries), (2, 0));
    }

    async fn recipients_end_each_in_their_own_way(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let first = claim(&db, lane_id, 1).await.remove(0);
        let ended = |name: &str, state| RecipientEnd {
            address: format!("{name}1@contoso.com").parse().unwrap(),
            state,
            code: Some("code".to_owned()),
            text: None,
        };
        let partly = Settlement {
            recipients: vec![ended("ann", RecipientState::Sent)],
            ..settlement(&first, AttemptOutcome::Retry, Next::Deferred { until: noon() })
        };
        queue.settle(partly).await.unwrap();
        let second = claim(&db, lane_id, 1).await.remove(0);
        let left: Vec<_> = second.message.recipients.iter().map(|to| to.address.as_str()).collect();
        assert_eq!(left, ["bob1@contoso.com"]);
        queue.settle(settlement(&second, AttemptOutcome::Rejected, Next::Failed)).await.unwrap();
        let story = queue.show(message_id(1)).await.unwrap().unwrap();
        let states: Vec<_> = story.recipients.iter().map(|recipient| recipient.state).collect();
        assert_eq!(states, [RecipientState::Sent, RecipientState::Failed]);
        assert_eq!((story.row.state, story.has_content), (MessageState::Failed, true));
        assert_eq!(story.message.recipients, message(1).message.recipients);
    }

    async fn a_held_message_says_why_and_waits_for_a_person(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let claim = claim(&db, lane_id, 1).await.remove(0);
        let held = Next::Held { why: "it may have been sent".to_owned() };
        queue.settle(settlement(&claim, AttemptOutcome::Unknown, held)).await.unwrap();
        let row = queue.find(message_id(1)).await.unwrap().unwrap();
        assert_eq!((row.state, row.text.as_deref()), (MessageState::Held, Some("it may have been sent")));
        assert_eq!(queue.earliest(lane_id).await.unwrap(), None);
    }

    async fn a_report_is_accepted_with_the_end_that_it_reports_or_not_at_all(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let claim = claim(&db, lane_id, 1).await.remove(0);
        let failed = Settlement {
            report: Some(Box::new(message(2))),
            ..settlement(&claim, AttemptOutcome::Rejected, Next::Failed)
        };
        queue.settle(failed.clone()).await.unwrap();
        let late = queue.settle(Settlement { report: Some(Box::new(message(3))), ..failed }).await.unwrap_err();
        assert!(matches!(late, SettleError::Stale), "{late:?}");
        let store = db.after_power_cut().await;
        let is_there = async |n| store.queue().find(message_id(n)).await.unwrap().is_some();
        assert!(is_there(2).await && !is_there(3).await);
    }

    async fn of_many_who_settle_at_once_each_gets_their_own_answer(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, 1..=70).await;
        let claims = claim(&db, lane_id, 70).await;
        assert_eq!(claims.len(), 70);
        let settle = async |from: usize, next: Next| {
            for claim in claims.iter().skip(from).step_by(3) {
                queue.settle(settlement(claim, AttemptOutcome::Delivered, next.clone())).await.unwrap();
            }
        };
        let twice = async {
            let mut done = 0;
            for claim in &claims {
                done += i32::from(queue.settle(settlement(claim, AttemptOutcome::Rejected, Next::Failed)).await.is_ok());
            }
            done
        };
        tokio::join!(settle(0, Next::Sent), settle(1, Next::Sent), settle(2, Next::Expired));
        assert_eq!(twice.await, 0);
        let counts = queue.counts().await.unwrap();
        assert_eq!((counts.len(), counts[0].state, counts[0].messages), (1, MessageState::Expired, 23));
    }
}
