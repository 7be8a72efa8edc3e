//! The power goes. What had been answered with `Ok` is there afterwards, what had not is not there by half.

use store::{Page, Settlement, StateName, StoreError, TakeError};

use crate::house::{account, audit, certificate, flow, grant, id, noon, state, stories};

stories! {
    async fn what_was_stored_is_there_after_the_power_was_cut(db: TestDatabase) {
        db.store.certificates().insert(&certificate(1, "c"), &audit("certificate.import")).await.unwrap();
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.flows().insert(&flow(21, id(1), b"state"), &audit("account.authorize")).await.unwrap();
        db.store.flows().take_by_state(b"state", noon()).await.unwrap();
        db.store.claim_master_key("0123456789abcdef").await.unwrap();

        let store = db.after_power_cut().await;
        assert_eq!(store.certificates().find("c").await.unwrap(), Some(certificate(1, "c")));
        assert_eq!(store.master_key_id().await.unwrap().as_deref(), Some("0123456789abcdef"));
        let again = store.flows().take_by_state(b"state", noon()).await;
        assert!(matches!(again, Err(TakeError::AlreadyUsed)), "{again:?}");
    }

    async fn a_renewed_token_is_the_one_that_is_there_after_the_power_was_cut(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let version = db.store.grants().put(&grant(id(1), "ben"), 1, &audit("account.authorize")).await.unwrap();
        db.store.grants().renew(id(1), version, b"successor", noon()).await.unwrap();
        let store = db.after_power_cut().await;
        assert_eq!(store.grants().find(id(1)).await.unwrap().unwrap().sealed_refresh_token, b"successor");
    }

    async fn a_call_that_is_given_up_in_the_middle_leaves_all_or_nothing(db: TestDatabase) {
        let (found, ready) = (serde_json::json!({}), state(StateName::Ready));
        let mut done = 0;
        for round in 0..40_u128 {
            let name = format!("account {round}");
            let (account_id, flow_id) = (id(1000 + round), id(2000 + round));
            db.store.accounts().insert(&account(1000 + round, &name), &audit("account.add")).await.unwrap();
            let waiting = flow(2000 + round, account_id, &round.to_be_bytes());
            db.store.flows().insert(&waiting, &audit("account.authorize")).await.unwrap();

            let grant = grant(account_id, "ben");
            let confirmed = Settlement::Confirmed { found: &found, grant: Some(&grant) };
            let entry = audit(&format!("confirmed {round}"));
            let flows = db.store.flows();
            let settle = flows.settle(flow_id, confirmed, Some(&ready), noon(), &entry);
            poll_times(settle, round).await;

            // The next to write gets its turn only after what was given up has been undone or done.
            db.store.audit().append(&audit("next")).await.unwrap();
            let account = db.store.accounts().find(&name).await.unwrap().unwrap();
            let has_grant = db.store.grants().find(account_id).await.unwrap().is_some();
            let is_noted = db.audited().await.contains(&format!("confirmed {round}"));
            assert_eq!((account.version == 2, is_noted), (has_grant, has_grant), "round {round}");
            assert_eq!(account.state.name == StateName::Ready, has_grant, "round {round}");
            done += usize::from(has_grant);
        }
        assert!((1..40).contains(&done), "given up before and after the commit: {done} of 40 were done");
    }

    async fn a_closed_store_says_so(db: TestDatabase) {
        db.store.close().await;
        let refused = db.store.certificates().list(&Page::first(1), None).await.unwrap_err();
        assert!(matches!(refused, StoreError::Closed), "{refused:?}");
        let reopened = db.second_store().await;
        reopened.ping().await.unwrap();
        assert_eq!(reopened.certificates().find("c").await.unwrap(), None);
    }
}

/// Polls a call at most `times` times and then drops it, as happens when a client hangs up.
async fn poll_times<T>(call: impl Future<Output = T>, times: u128) {
    let mut call = Box::pin(call);
    let mut left = times;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        call.as_mut().poll(context).map(|_| ())
    })
    .await;
}
