//! The browser comes back with a state.

use store::{FlowStatus, Settlement, TakeError};

use crate::house::{account, audit, flow, id, minutes, noon, stories};

stories! {
    async fn a_state_opens_its_flow_once(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.flows().insert(&flow(21, id(1), b"state"), &audit("account.authorize")).await.unwrap();
        let taken = db.store.flows().take_by_state(b"state", noon() + minutes(1)).await.unwrap();
        let expected = store::FlowRow { redeemed_at: Some(noon() + minutes(1)), ..flow(21, id(1), b"state") };
        assert_eq!(taken, expected);
        assert_eq!(db.store.flows().find(id(21)).await.unwrap(), Some(expected));
        let again = db.store.flows().take_by_state(b"state", noon() + minutes(2)).await;
        assert!(matches!(again, Err(TakeError::AlreadyUsed)), "{again:?}");
    }

    async fn a_state_that_nobody_gave_out_opens_nothing(db: TestDatabase) {
        let refused = db.store.flows().take_by_state(b"made up", noon()).await;
        assert!(matches!(refused, Err(TakeError::Unknown)), "{refused:?}");
    }

    async fn a_state_that_comes_too_late_opens_nothing_whether_or_not_somebody_noted_it(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.flows().insert(&flow(21, id(1), b"state"), &audit("account.authorize")).await.unwrap();
        let end = noon() + minutes(10);
        for _ in 0..2 {
            let refused = db.store.flows().take_by_state(b"state", end).await;
            assert!(matches!(refused, Err(TakeError::Expired)), "{refused:?}");
        }
        db.store.flows().settle(id(21), Settlement::Expired, None, end, &audit("account.authorize")).await.unwrap();
        let refused = db.store.flows().take_by_state(b"state", end).await;
        assert!(matches!(refused, Err(TakeError::Expired)), "{refused:?}");
    }

    async fn a_state_of_a_flow_that_was_called_off_opens_nothing(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.flows().insert(&flow(21, id(1), b"state"), &audit("account.authorize")).await.unwrap();
        let cancelled = db.store.flows().settle(id(21), Settlement::Cancelled, None, noon(), &audit("cancel")).await;
        assert_eq!(cancelled.unwrap().status, FlowStatus::Cancelled);
        let refused = db.store.flows().take_by_state(b"state", noon()).await;
        assert!(matches!(refused, Err(TakeError::AlreadyUsed)), "{refused:?}");
    }

    async fn of_two_that_bring_the_same_state_at_the_same_time_one_gets_the_flow(db: TestDatabase) {
        let other = db.second_store().await;
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        for round in 0..20_u128 {
            let state = round.to_be_bytes();
            db.store.flows().insert(&flow(100 + round, id(1), &state), &audit("account.authorize")).await.unwrap();
            let (ours, theirs) = (db.store.flows(), other.flows());
            let (one, two) = tokio::join!(ours.take_by_state(&state, noon()), theirs.take_by_state(&state, noon()));
            match (one, two) {
                (Ok(taken), Err(TakeError::AlreadyUsed)) | (Err(TakeError::AlreadyUsed), Ok(taken)) => {
                    assert_eq!(taken.id, id(100 + round));
                }
                both => panic!("one of the two: {both:?}"),
            }
        }
    }
}
