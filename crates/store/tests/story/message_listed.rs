//! The administrator looks for messages.

use store::Page;
use store::queue::{AttemptOutcome, MessageFilter, MessageState, Next};
use uuid::Uuid;

use crate::house::{
    TestDatabase, accept, audit, claim, id, lane, message, message_id, minutes, noon, settlement, stories,
};

/// The ids of all messages that fit, page by page.
async fn listed(db: &TestDatabase, filter: &MessageFilter, limit: u32) -> Vec<Uuid> {
    let (mut ids, mut page) = (Vec::new(), Page::first(limit));
    loop {
        let paged = db.store.queue().list(&page, filter).await.unwrap();
        assert!(paged.rows.len() <= limit as usize && paged.corrupt.is_empty());
        ids.extend(paged.rows.into_iter().map(|row| row.id));
        match paged.next {
            Some(cursor) => page.cursor = Some(cursor.to_string().parse().unwrap()),
            None => return ids,
        }
    }
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> Vec<Uuid> {
    numbers.into_iter().map(message_id).collect()
}

stories! {
    async fn the_newest_come_first_and_each_is_shown_once(db: TestDatabase) {
        accept(&db, [4, 1, 7, 3, 2, 6, 5]).await;
        for limit in [1, 3, 7, 100] {
            assert_eq!(listed(&db, &MessageFilter::default(), limit).await, numbers((1..=7).rev()), "{limit}");
        }
    }

    async fn states_are_found_alone_and_together(db: TestDatabase) {
        let queue = db.store.queue();
        let lane_id = accept(&db, 1..=9).await;
        for claim in claim(&db, lane_id, 4).await {
            let next = match claim.message.id {
                id if id == message_id(1) => Next::Sent,
                id if id == message_id(2) => Next::Failed,
                id if id == message_id(3) => Next::Deferred { until: noon() + minutes(90) },
                _ => continue,
            };
            queue.settle(settlement(&claim, AttemptOutcome::Retry, next)).await.unwrap();
        }
        queue.hold(message_id(9), "", noon(), &audit("message.hold")).await.unwrap();
        for (states, expected) in [
            (vec![MessageState::Sent], vec![1]),
            (vec![MessageState::Failed], vec![2]),
            (vec![MessageState::Sending], vec![4]),
            (vec![MessageState::Held, MessageState::Deferred, MessageState::Sent], vec![9, 3, 1]),
            (vec![MessageState::Queued, MessageState::Deferred], vec![8, 7, 6, 5, 3]),
            (vec![MessageState::Cancelled], vec![]),
        ] {
            let filter = MessageFilter { states: states.clone(), ..MessageFilter::default() };
            for limit in [1, 2, 100] {
                assert_eq!(listed(&db, &filter, limit).await, numbers(expected.clone()), "{states:?} by {limit}");
            }
        }
        let mut counts: Vec<_> =
            queue.counts().await.unwrap().into_iter().map(|it| (it.state.as_str(), it.messages, it.oldest)).collect();
        counts.sort_unstable();
        let at = |n| message(n).message.received_at;
        assert_eq!(counts, [
            ("deferred", 1, at(3)), ("failed", 1, at(2)), ("held", 1, at(9)), ("queued", 4, at(5)), ("sending", 1, at(4)),
        ]);
    }

    async fn words_senders_and_recipients_are_found_whatever_their_case(db: TestDatabase) {
        accept(&db, 1..=12).await;
        let mut null = message(13);
        null.message.from = None;
        null.message.lane = lane(2, "other@contoso.com");
        null.message.submitter_id = None;
        null.message.subject = "100% done".to_owned();
        db.store.queue().accept(null, None).await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        let none = MessageFilter::default;
        for (filter, expected) in [
            (MessageFilter { text: text("GRÜSSE"), ..none() }, vec![]),
            (MessageFilter { text: text("grüße nr. 7"), ..none() }, vec![7]),
            (MessageFilter { text: text("0% D"), ..none() }, vec![13]),
            (MessageFilter { text: text("3@SCANNER"), ..none() }, vec![13, 3]),
            (MessageFilter { recipient: text("BOB1@"), ..none() }, vec![1]),
            (MessageFilter { recipient: text("b_b1@"), ..none() }, vec![]),
            (MessageFilter { sender: text("<>"), ..none() }, vec![13]),
            (MessageFilter { account_id: Some(id(2)), ..none() }, vec![13]),
            (MessageFilter { submitter_id: Some(id(70)), text: text("nr. 1"), ..none() }, vec![12, 11, 10, 1]),
            (
                MessageFilter { states: vec![MessageState::Queued], recipient: text("ann1"), ..none() },
                vec![13, 12, 11, 10, 1],
            ),
            (
                MessageFilter {
                    since: Some(message(3).message.received_at),
                    until: Some(message(6).message.received_at),
                    ..none()
                },
                vec![5, 4, 3],
            ),
        ] {
            for limit in [2, 100] {
                assert_eq!(listed(&db, &filter, limit).await, numbers(expected.clone()), "{filter:?} by {limit}");
            }
        }
    }

    async fn what_is_not_there_is_not_found(db: TestDatabase) {
        assert_eq!(db.store.queue().find(message_id(1)).await.unwrap(), None);
        assert_eq!(db.store.queue().show(message_id(1)).await.unwrap(), None);
        assert!(listed(&db, &MessageFilter::default(), 10).await.is_empty());
    }
}
