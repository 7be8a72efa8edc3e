//! A person intervenes, or the calendar does.

use store::queue::{ActError, AttemptOutcome, HappeningRow, MessageState, Next, RecipientState, Ring};

use crate::house::{accept, audit, claim, message, message_id, minutes, noon, settlement, stories};

stories! {
    async fn what_a_person_does_is_in_the_log_and_in_the_message_s_story(db: TestDatabase) {
        let queue = db.store.queue();
        accept(&db, [1]).await;
        queue.hold(message_id(1), "looks odd", noon(), &audit("message.hold")).await.unwrap();
        assert_eq!(queue.find(message_id(1)).await.unwrap().unwrap().text.as_deref(), Some("looks odd"));
        queue.release(message_id(1), noon(), &audit("message.release")).await.unwrap();
        queue.cancel(message_id(1), noon(), &audit("message.cancel")).await.unwrap();
        queue.retry(message_id(1), noon(), noon() + minutes(60), &audit("message.retry")).await.unwrap();
        let story = queue.show(message_id(1)).await.unwrap().unwrap();
        let happened: Vec<_> = story.happenings.iter().map(|it| (it.what.as_str(), it.actor.as_str())).collect();
        assert_eq!(happened, [("held", "anna"), ("released", "anna"), ("cancelled", "anna"), ("retried", "anna")]);
        assert_eq!((story.row.state, story.row.expires_at), (MessageState::Queued, noon() + minutes(60)));
        assert_eq!(db.audited().await, ["message.retry", "message.cancel", "message.release", "message.hold"]);
    }

    async fn nothing_is_done_without_its_audit_row(db: TestDatabase) {
        accept(&db, [1]).await;
        db.break_audit().await;
        db.store.queue().cancel(message_id(1), noon(), &audit("message.cancel")).await.unwrap_err();
        assert_eq!(db.store.queue().find(message_id(1)).await.unwrap().unwrap().state, MessageState::Queued);
    }

    async fn a_message_that_is_being_sent_or_was_sent_is_left_alone(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, [1]).await;
        let claim = claim(&db, lane_id, 1).await.remove(0);
        let refused = queue.cancel(message_id(1), noon(), &audit("message.cancel")).await.unwrap_err();
        assert!(matches!(refused, ActError::WrongState { state: MessageState::Sending }), "{refused:?}");
        queue.settle(settlement(&claim, AttemptOutcome::Delivered, Next::Sent)).await.unwrap();
        for refused in [
            queue.retry(message_id(1), noon(), noon(), &audit("message.retry")).await,
            queue.hold(message_id(1), "", noon(), &audit("message.hold")).await,
            queue.release(message_id(1), noon(), &audit("message.release")).await,
            queue.expire(message_id(1), noon(), None).await,
        ] {
            assert!(matches!(refused, Err(ActError::WrongState { state: MessageState::Sent })), "{refused:?}");
        }
        let unknown = queue.cancel(message_id(9), noon(), &audit("message.cancel")).await.unwrap_err();
        assert!(matches!(unknown, ActError::NotFound), "{unknown:?}");
        assert!(db.audited().await.is_empty());
    }

    async fn a_failed_message_that_is_tried_again_goes_to_those_who_did_not_get_it(db: TestDatabase) {
        let queue = db.store.queue();
        let mut rings = queue.rings();
        let lane_id = accept(&db, [1]).await;
        assert_eq!(rings.next().await, Some(Ring::Lane(lane_id)));
        let first = claim(&db, lane_id, 1).await.remove(0);
        let mut failed = settlement(&first, AttemptOutcome::Rejected, Next::Failed);
        failed.recipients = vec![store::queue::RecipientEnd {
            address: first.message.recipients[0].address.clone(),
            state: RecipientState::Sent,
            code: None,
            text: None,
        }];
        queue.settle(failed).await.unwrap();
        queue.retry(message_id(1), noon(), noon() + minutes(9000), &audit("message.retry")).await.unwrap();
        assert_eq!(rings.next().await, Some(Ring::Lane(lane_id)));
        let second = claim(&db, lane_id, 1).await.remove(0);
        assert_eq!((second.attempt, second.tries, second.message.recipients.len()), (2, 0, 1));
        assert_eq!(second.message.recipients[0], first.message.recipients[1]);
    }

    async fn what_is_overdue_is_named_and_given_up_with_its_report(db: TestDatabase) {
        let queue = db.store.queue();
        accept(&db, [2, 1]).await;
        let last = message(2).message.expires_at;
        assert!(queue.overdue(last - minutes(1), 10).await.unwrap().is_empty());
        assert_eq!(queue.overdue(last, 10).await.unwrap(), [message_id(1), message_id(2)]);
        queue.expire(message_id(1), last, Some(message(3))).await.unwrap();
        assert_eq!(queue.overdue(last, 10).await.unwrap(), [message_id(2)]);
        let states = async |n| queue.find(message_id(n)).await.unwrap().map(|row| row.state);
        assert_eq!((states(1).await, states(3).await), (Some(MessageState::Expired), Some(MessageState::Queued)));
        let twice = queue.expire(message_id(1), last, Some(message(4))).await.unwrap_err();
        assert!(matches!(twice, ActError::WrongState { state: MessageState::Expired }), "{twice:?}");
        assert_eq!(states(4).await, None);
    }

    async fn a_note_is_part_of_the_story(db: TestDatabase) {
        accept(&db, [1]).await;
        let happening = HappeningRow {
            at: noon(),
            what: "looked_for".to_owned(),
            actor: "postern".to_owned(),
            detail: serde_json::json!({ "found": false }),
        };
        db.store.queue().note(message_id(1), &happening).await.unwrap();
        assert_eq!(db.store.queue().show(message_id(1)).await.unwrap().unwrap().happenings, [happening]);
    }
}
