//! What is old goes.

use bytes::Bytes;
use store::queue::{AttemptOutcome, Idempotency, Keep, MessageState, Next, Purged};
use time::{Duration, OffsetDateTime};

use crate::house::{accept, audit, claim, message, message_id, minutes, noon, settlement, stories};

/// Keeps what is younger than this at `now`.
fn keep(now: OffsetDateTime, history: Duration, content: Duration) -> Keep {
    let pieces_since = now - Duration::days(1);
    Keep {
        history_since: now - history,
        content_since: now - content,
        keys_since: now - history,
        pieces_since,
    }
}

stories! {
    async fn messages_that_ended_long_ago_go_with_all_that_is_known_about_them(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, 1..=4).await;
        let ends = [Next::Sent, Next::Failed, Next::Held { why: String::new() }];
        for (claim, next) in claim(&db, lane_id, 3).await.iter().zip(ends) {
            queue.settle(settlement(claim, AttemptOutcome::Rejected, next)).await.unwrap();
        }
        let now = noon() + Duration::days(91);
        let purged = queue.purge(&keep(now, Duration::days(90), Duration::days(300))).await.unwrap();
        assert_eq!((purged.messages, purged.more), (2, false));
        let mut left = Vec::new();
        for n in 1..=4 {
            left.extend(queue.show(message_id(n)).await.unwrap().map(|story| story.row.state));
        }
        left.sort_by_key(|state| state.as_str());
        assert_eq!(left, [MessageState::Held, MessageState::Queued]);
        assert_eq!(queue.history(noon(), now).await.unwrap(), []);
        assert_eq!(queue.purge(&keep(now, Duration::days(90), Duration::days(300))).await.unwrap(), Purged::default());
    }

    async fn what_stopped_short_loses_its_content_first_and_what_waits_keeps_it(db: TestDatabase) {
        let queue = db.store.queue();
        accept(&db, [1, 2]).await;
        queue.cancel(message_id(1), noon(), &audit("message.cancel")).await.unwrap();
        let now = noon() + Duration::days(31);
        let purged = queue.purge(&keep(now, Duration::days(90), Duration::days(30))).await.unwrap();
        assert_eq!((purged.messages, purged.contents), (0, 1));
        let has_content = async |n| queue.show(message_id(n)).await.unwrap().unwrap().has_content;
        assert!(!has_content(1).await && has_content(2).await);
        assert!(queue.piece(message_id(1), 0).await.unwrap().is_none());
        let gone = queue.retry(message_id(1), now, now + minutes(60), &audit("message.retry")).await.unwrap_err();
        assert_eq!(gone.to_string(), "the message's content is no longer here");
    }

    async fn pieces_that_nobody_came_for_are_swept_away_and_fresh_ones_stay(db: TestDatabase) {
        let queue = db.store.queue();
        let now = noon() + Duration::days(2);
        queue.add_piece(message_id(1), 0, Bytes::from_static(b"old"), noon()).await.unwrap();
        queue.add_piece(message_id(2), 0, Bytes::from_static(b"new"), now).await.unwrap();
        let purged = queue.purge(&keep(now, Duration::days(90), Duration::days(30))).await.unwrap();
        assert_eq!(purged.orphans, 1);
        assert!(queue.piece(message_id(1), 0).await.unwrap().is_none());
        assert!(queue.piece(message_id(2), 0).await.unwrap().is_some());
    }

    async fn a_key_that_is_old_may_be_used_again(db: TestDatabase) {
        let queue = db.store.queue();
        let keyed = |n, hash| {
            let mut offer = message(n);
            offer.idempotency =
                Some(Idempotency { scope: "s".to_owned(), key: "k".to_owned(), request_hash: vec![hash] });
            offer
        };
        queue.accept(keyed(1, 1), None).await.unwrap();
        let now = noon() + Duration::days(2);
        queue.purge(&Keep { keys_since: now, ..keep(now, Duration::days(90), Duration::days(30)) }).await.unwrap();
        queue.accept(keyed(2, 2), None).await.unwrap();
    }
}
