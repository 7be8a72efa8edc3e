//! An authorization goes on: it waits to be confirmed, is confirmed, fails, expires, is called off.

use serde_json::json;
use store::{AccountRow, FlowKind, FlowRow, FlowStatus, SettleError, Settlement, StateName, Store};
use uuid::Uuid;

use crate::house::{account, audit, flow, grant, id, minutes, noon, state, stories};

/// An account (1) with a flow (21) under way.
async fn begin(store: &Store) -> AccountRow {
    let row = store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
    store.flows().insert(&flow(21, id(1), b"state"), &audit("account.authorize")).await.unwrap();
    row
}

async fn leave_pending(store: &Store) -> FlowRow {
    let found = json!({ "user": "ben" });
    let pending =
        Settlement::Pending { found: &found, sealed_grant: b"sealed", expires_at: noon() + minutes(20) };
    let state = state(StateName::Pending);
    store.flows().settle(id(21), pending, Some(&state), noon(), &audit("account.pending")).await.unwrap()
}

stories! {
    async fn a_confirmed_flow_leaves_grant_state_and_audit_row_together_and_keeps_no_secret(db: TestDatabase) {
        begin(&db.store).await;
        let (found, grant, ready) = (json!({ "user": "ben" }), grant(id(1), "ben"), state(StateName::Ready));
        let confirmed = Settlement::Confirmed { found: &found, grant: Some(&grant) };
        let audit = audit("account.authorized");
        let settled = db.store.flows().settle(id(21), confirmed, Some(&ready), noon(), &audit).await.unwrap();
        let expected = FlowRow {
            status: FlowStatus::Confirmed,
            found: Some(found),
            sealed_secrets: vec![],
            ..flow(21, id(1), b"state")
        };
        assert_eq!(settled, expected);
        assert_eq!(db.store.flows().find(id(21)).await.unwrap(), Some(expected));
        assert_eq!(db.store.grants().find(id(1)).await.unwrap(), Some(grant));
        let account = db.store.accounts().find("a").await.unwrap().unwrap();
        assert_eq!((account.version, account.state), (2, ready));
        assert_eq!(db.audited().await[0], "account.authorized");
    }

    async fn a_pending_flow_is_found_until_it_is_confirmed_and_has_more_time(db: TestDatabase) {
        begin(&db.store).await;
        assert_eq!(db.store.flows().latest_pending(id(1), noon()).await.unwrap(), None);
        let pending = leave_pending(&db.store).await;
        assert_eq!((pending.status, pending.sealed_grant.as_deref()), (FlowStatus::Pending, Some(&b"sealed"[..])));
        assert_eq!(pending.sealed_secrets, Vec::<u8>::new());
        assert_eq!(db.store.accounts().find("a").await.unwrap().unwrap().state.name, StateName::Pending);
        let later = noon() + minutes(19);
        assert_eq!(db.store.flows().latest_pending(id(1), later).await.unwrap(), Some(pending));

        let (found, grant) = (json!({ "user": "ben" }), grant(id(1), "ben"));
        let confirmed = Settlement::Confirmed { found: &found, grant: Some(&grant) };
        let settled = db.store.flows().settle(id(21), confirmed, None, later, &audit("account.confirm")).await.unwrap();
        assert_eq!(settled.sealed_grant, None);
        assert_eq!(db.store.flows().latest_pending(id(1), later).await.unwrap(), None);
    }

    async fn a_pending_flow_that_is_confirmed_too_late_leaves_nothing(db: TestDatabase) {
        begin(&db.store).await;
        leave_pending(&db.store).await;
        let (found, grant, end) = (json!({}), grant(id(1), "ben"), noon() + minutes(20));
        let confirmed = Settlement::Confirmed { found: &found, grant: Some(&grant) };
        let refused = db.store.flows().settle(id(21), confirmed, None, end, &audit("account.confirm")).await;
        assert!(matches!(refused, Err(SettleError::Expired)), "{refused:?}");
        assert_eq!(db.store.grants().find(id(1)).await.unwrap(), None);
        assert_eq!(db.store.flows().latest_pending(id(1), end).await.unwrap(), None);
    }

    async fn what_was_found_for_an_account_that_has_been_changed_is_refused(db: TestDatabase) {
        let row = begin(&db.store).await;
        let moved = AccountRow { tenant: "fabrikam.example".to_owned(), ..row };
        db.store.accounts().update(&moved, 1, &audit("account.edit")).await.unwrap();
        let (found, grant, ready) = (json!({}), grant(id(1), "ben"), state(StateName::Ready));
        for settlement in [
            Settlement::Confirmed { found: &found, grant: Some(&grant) },
            Settlement::Confirmed { found: &found, grant: None },
            Settlement::Pending { found: &found, sealed_grant: b"sealed", expires_at: noon() + minutes(10) },
        ] {
            let refused = db.store.flows().settle(id(21), settlement, Some(&ready), noon(), &audit("confirm")).await;
            assert!(matches!(refused, Err(SettleError::AccountChanged)), "{refused:?}");
        }
        assert_eq!(db.store.grants().find(id(1)).await.unwrap(), None);
        assert_eq!(db.store.flows().find(id(21)).await.unwrap(), Some(flow(21, id(1), b"state")));
    }

    async fn a_failure_is_noted_even_for_a_changed_account_but_its_state_is_left_alone(db: TestDatabase) {
        let row = begin(&db.store).await;
        db.store.accounts().update(&row, 1, &audit("account.edit")).await.unwrap();
        let (failure, broken) = (json!({ "code": "consent_declined" }), state(StateName::Broken));
        let failed = Settlement::Failed { failure: &failure };
        let settled = db.store.flows().settle(id(21), failed, Some(&broken), noon(), &audit("failed")).await.unwrap();
        assert_eq!((settled.status, settled.failure), (FlowStatus::Failed, Some(failure)));
        assert_eq!(db.store.accounts().find("a").await.unwrap().unwrap().state.name, StateName::NeedsSignIn);
    }

    async fn a_flow_that_has_ended_stays_as_it_ended(db: TestDatabase) {
        begin(&db.store).await;
        db.store.flows().settle(id(21), Settlement::Cancelled, None, noon(), &audit("cancel")).await.unwrap();
        let again = db.store.flows().settle(id(21), Settlement::Expired, None, noon(), &audit("expire")).await;
        assert!(matches!(again, Err(SettleError::AlreadySettled { status: FlowStatus::Cancelled })), "{again:?}");
        let missing = db.store.flows().settle(id(99), Settlement::Expired, None, noon(), &audit("expire")).await;
        assert!(matches!(missing, Err(SettleError::NotFound)), "{missing:?}");
    }

    async fn overdue_flows_are_named_until_they_are_settled(db: TestDatabase) {
        begin(&db.store).await;
        let device = FlowRow { kind: FlowKind::DeviceCode, state_hash: None, ..flow(22, id(1), b"") };
        db.store.flows().insert(&device, &audit("account.authorize")).await.unwrap();
        leave_pending(&db.store).await;
        let at = |n| noon() + minutes(n);
        assert_eq!(db.store.flows().overdue(at(9)).await.unwrap(), Vec::<Uuid>::new());
        assert_eq!(db.store.flows().overdue(at(10)).await.unwrap(), [id(22)]);
        assert_eq!(db.store.flows().overdue(at(20)).await.unwrap(), [id(22), id(21)]);
        db.store.flows().settle(id(22), Settlement::Expired, None, at(20), &audit("expire")).await.unwrap();
        assert_eq!(db.store.flows().overdue(at(20)).await.unwrap(), [id(21)]);
    }

    async fn two_flows_without_a_state_do_not_get_in_each_others_way(db: TestDatabase) {
        begin(&db.store).await;
        for n in [31, 32] {
            let device = FlowRow { kind: FlowKind::DeviceCode, state_hash: None, ..flow(n, id(1), b"") };
            db.store.flows().insert(&device, &audit("account.authorize")).await.unwrap();
        }
    }
}
