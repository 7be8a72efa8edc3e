//! A message is offered to the queue.

use bytes::Bytes;
use store::queue::{
    AcceptError, Accepted, Idempotency, MessageState, NewContent, PIECE_OCTETS, RecipientState, Ring,
};

use crate::house::{accept, account, audit, lane, lease, message, message_id, minutes, noon, stories};

stories! {
    async fn an_accepted_message_is_there_after_the_power_was_cut(db: TestDatabase) {
        accept(&db, [1]).await;
        let store = db.after_power_cut().await;
        let story = store.queue().show(message_id(1)).await.unwrap().unwrap();
        assert_eq!(story.message, message(1).message);
        assert_eq!((story.row.state, story.row.attempts), (MessageState::Queued, 0));
        assert_eq!(story.row.next_attempt_at, Some(message(1).first_attempt_at));
        assert!(story.recipients.iter().all(|recipient| recipient.state == RecipientState::Pending));
        let content = store.queue().piece(message_id(1), 0).await.unwrap().unwrap();
        assert_eq!(content, b"A: b\n\nhello".as_slice());
        assert_eq!(store.queue().piece(message_id(1), 1).await.unwrap(), None);
    }

    async fn a_message_accepted_with_a_lease_is_under_way_at_once(db: TestDatabase) {
        let accepted = db.store.queue().accept(message(1), Some(lease())).await.unwrap();
        let Accepted::Claimed(claim) = accepted else { panic!("{accepted:?}") };
        assert_eq!((claim.attempt, claim.tries, &claim.message), (1, 0, &message(1).message));
        let story = db.after_power_cut().await.queue().show(message_id(1)).await.unwrap().unwrap();
        assert_eq!(story.row.state, MessageState::Sending);
        assert_eq!((story.attempts.len(), story.attempts[0].ended_at), (1, None));
        assert_eq!((story.attempts[0].number, story.attempts[0].node.as_str()), (1, "here"));
    }

    async fn many_who_come_at_once_are_all_taken_and_one_that_is_refused_sinks_no_other(db: TestDatabase) {
        accept(&db, [7]).await;
        let queue = db.store.queue();
        let mut offers: Vec<_> = (1..=100).map(message).collect();
        // Number 7 is there already: the database refuses it.
        offers[50].idempotency = Some(Idempotency { scope: "s".into(), key: "k".into(), request_hash: vec![1] });
        let offers = offers.into_iter().map(|offer| queue.accept(offer, None));
        let results = join_all(offers).await;
        let refused: Vec<usize> = (0..100).filter(|n| results[*n].is_err()).map(|n| n + 1).collect();
        assert_eq!(refused, [7]);
        for n in (1..=100).filter(|n| *n != 7) {
            assert!(queue.show(message_id(n)).await.unwrap().is_some_and(|story| story.has_content), "{n}");
        }
        let waiting: u64 = queue.counts().await.unwrap().iter().map(|count| count.messages).sum();
        assert_eq!(waiting, 100);
    }

    async fn the_same_request_is_done_once_and_another_under_its_key_is_refused(db: TestDatabase) {
        let queue = db.store.queue();
        let keyed = |n, key: &str, hash| {
            let mut offer = message(n);
            offer.idempotency =
                Some(Idempotency { scope: "token".to_owned(), key: key.to_owned(), request_hash: vec![hash] });
            offer
        };
        assert!(matches!(queue.accept(keyed(1, "a", 1), None).await, Ok(Accepted::Queued { .. })));
        let again = queue.accept(keyed(2, "a", 1), Some(lease())).await.unwrap();
        assert_eq!(again, Accepted::Duplicate { of: message_id(1) });
        let other = queue.accept(keyed(3, "a", 9), None).await.unwrap_err();
        assert!(matches!(other, AcceptError::KeyReused), "{other:?}");
        assert!(matches!(queue.accept(keyed(4, "b", 1), None).await, Ok(Accepted::Queued { .. })));
        for (n, is_there) in [(1, true), (2, false), (3, false), (4, true)] {
            assert_eq!(queue.find(message_id(n)).await.unwrap().is_some(), is_there, "{n}");
            assert_eq!(queue.piece(message_id(n), 0).await.unwrap().is_some(), is_there, "{n}");
        }
    }

    async fn of_requests_with_one_key_at_the_same_moment_to_two_nodes_one_is_done(db: TestDatabase) {
        let other = db.second_store().await;
        let (here, there) = (db.store.queue(), other.queue());
        let keyed = |n| {
            let mut offer = message(n);
            offer.idempotency =
                Some(Idempotency { scope: "token".to_owned(), key: "k".to_owned(), request_hash: vec![1] });
            if n % 2 == 0 { here.accept(offer, None) } else { there.accept(offer, None) }
        };
        let results = join_all((1..=8).map(keyed)).await;
        let done = results.iter().filter(|result| matches!(result, Ok(Accepted::Queued { .. }))).count();
        assert_eq!(done, 1, "{results:?}");
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }

    async fn a_large_message_comes_in_pieces_and_is_taken_only_when_all_are_there(db: TestDatabase) {
        let queue = db.store.queue();
        let (first, last) = (Bytes::from(vec![7; PIECE_OCTETS]), Bytes::from_static(b"the end"));
        let mut offer = message(1);
        offer.content = NewContent::Spooled;
        offer.message.size_octets = (first.len() + last.len()) as u64;
        queue.add_piece(message_id(1), 0, first.clone(), noon()).await.unwrap();
        let early = queue.accept(offer.clone(), None).await.unwrap_err();
        assert!(matches!(early, AcceptError::ContentMissing), "{early:?}");
        queue.discard_pieces(message_id(1)).await.unwrap();
        assert!(queue.piece(message_id(1), 0).await.unwrap().is_none());

        queue.add_piece(message_id(1), 0, first.clone(), noon()).await.unwrap();
        queue.add_piece(message_id(1), 1, last.clone(), noon()).await.unwrap();
        queue.accept(offer, None).await.unwrap();
        let store = db.after_power_cut().await;
        for (index, expected) in [first, last].iter().enumerate() {
            let piece = store.queue().piece(message_id(1), index as u32).await.unwrap();
            assert!(piece.as_ref() == Some(expected), "{index}");
        }
        queue.discard_pieces(message_id(1)).await.unwrap();
        assert!(queue.piece(message_id(1), 0).await.unwrap().is_some(), "an accepted message keeps its content");
    }

    async fn whoever_works_on_a_lane_hears_of_what_is_due_and_not_of_what_is_claimed(db: TestDatabase) {
        let mut rings = db.store.queue().rings();
        db.store.queue().accept(message(1), Some(lease())).await.unwrap();
        let lane_id = accept(&db, [2]).await;
        assert_eq!(rings.next().await, Some(Ring::Lane(lane_id)));
    }

    async fn what_a_mailbox_is_written_like_decides_its_lane(db: TestDatabase) {
        let queue = db.store.queue();
        let one = queue.lane(&lane(1, "a@contoso.com")).await.unwrap();
        assert_eq!(queue.lane(&lane(1, "a@contoso.com")).await.unwrap(), one);
        assert_ne!(queue.lane(&lane(1, "b@contoso.com")).await.unwrap(), one);
        assert_ne!(queue.lane(&lane(2, "a@contoso.com")).await.unwrap(), one);
    }

    async fn the_chart_counts_what_was_accepted_by_account_and_time(db: TestDatabase) {
        accept(&db, [1, 2, 3, 301]).await;
        let history = db.store.queue().history(noon(), noon() + minutes(60)).await.unwrap();
        let counted: Vec<_> = history.iter().map(|row| (row.at, row.accepted, row.sent)).collect();
        assert_eq!(counted, [(noon(), 3, 0), (noon() + minutes(5), 1, 0)]);
    }

    async fn other_changes_get_their_turn_while_mail_comes_in(db: TestDatabase) {
        let queue = db.store.queue();
        let offers = async { join_all((1..=500).map(|n| queue.accept(message(n), None))).await };
        let others = async {
            for n in 0..10 {
                db.store.accounts().insert(&account(100 + n, &n.to_string()), &audit("account.add")).await.unwrap();
            }
        };
        let (offered, ()) = tokio::join!(offers, others);
        assert!(offered.iter().all(Result::is_ok));
    }

    async fn a_closed_store_takes_nothing(db: TestDatabase) {
        db.store.close().await;
        let refused = db.store.queue().accept(message(1), None).await.unwrap_err();
        let AcceptError::Store(error) = refused else { panic!("{refused:?}") };
        assert_eq!(error.code(), "shutting_down");
    }
}

/// Waits for all of them at the same time.
async fn join_all<T: Future>(calls: impl IntoIterator<Item = T>) -> Vec<T::Output> {
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<T::Output>> = calls.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(ready) = call.as_mut().poll(context)
            {
                *result = Some(ready);
            }
        }
        match results.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    results.into_iter().map(Option::unwrap).collect()
}
