//! A refresh token is replaced by its successor.

use store::{AccountRow, DeleteGrantError, PutGrantError, RenewGrantError};

use crate::house::{account, audit, grant, id, minutes, node, noon, stories};

stories! {
    async fn a_renewed_grant_keeps_who_signed_in_and_has_the_new_token(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let version = db.store.grants().put(&grant(id(1), "ben"), 1, &audit("account.authorize")).await.unwrap();
        let later = noon() + minutes(60);
        db.store.grants().renew(id(1), version, b"successor", later).await.unwrap();
        let expected = store::GrantRow {
            sealed_refresh_token: b"successor".to_vec(),
            renewed_at: later,
            ..grant(id(1), "ben")
        };
        assert_eq!(db.store.grants().find(id(1)).await.unwrap(), Some(expected));
        assert_eq!(db.audited().await, ["account.authorize", "account.add"]);
    }

    async fn a_renewal_that_comes_after_a_newer_sign_in_is_refused(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let old = db.store.grants().put(&grant(id(1), "ben"), 1, &audit("account.authorize")).await.unwrap();
        db.store.grants().put(&grant(id(1), "carla"), old, &audit("account.authorize")).await.unwrap();
        let late = db.store.grants().renew(id(1), old, b"ben's successor", noon()).await;
        assert!(matches!(late, Err(RenewGrantError::AccountChanged)), "{late:?}");
        assert_eq!(db.store.grants().find(id(1)).await.unwrap(), Some(grant(id(1), "carla")));
    }

    async fn a_renewal_for_an_account_that_has_been_changed_is_refused(db: TestDatabase) {
        let accounts = db.store.accounts();
        let row = accounts.insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let version = db.store.grants().put(&grant(id(1), "ben"), 1, &audit("account.authorize")).await.unwrap();
        let moved = AccountRow { tenant: "fabrikam.example".to_owned(), ..row };
        accounts.update(&moved, version, &audit("account.edit")).await.unwrap();
        let late = db.store.grants().renew(id(1), version, b"successor", noon()).await;
        assert!(matches!(late, Err(RenewGrantError::AccountChanged)), "{late:?}");
    }

    async fn a_renewal_of_a_grant_that_was_deleted_brings_nothing_back(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let version = db.store.grants().put(&grant(id(1), "ben"), 1, &audit("account.authorize")).await.unwrap();
        db.store.grants().delete(id(1), &audit("account.forget")).await.unwrap();
        let late = db.store.grants().renew(id(1), version, b"successor", noon()).await;
        assert!(matches!(late, Err(RenewGrantError::NoGrant)), "{late:?}");
        let again = db.store.grants().delete(id(1), &audit("account.forget")).await;
        assert!(matches!(again, Err(DeleteGrantError::NoGrant)), "{again:?}");
        assert_eq!(db.store.grants().find(id(1)).await.unwrap(), None);
    }

    async fn a_grant_for_an_older_version_or_for_no_account_is_not_stored(db: TestDatabase) {
        let row = db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.accounts().update(&row, 1, &audit("account.edit")).await.unwrap();
        for account_id in [id(1), id(9)] {
            let refused = db.store.grants().put(&grant(account_id, "ben"), 1, &audit("account.authorize")).await;
            assert!(matches!(refused, Err(PutGrantError::AccountChanged)), "{refused:?}");
            assert_eq!(db.store.grants().find(account_id).await.unwrap(), None);
        }
    }

    async fn of_two_nodes_one_at_a_time_renews_a_grant(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let version = db.store.grants().put(&grant(id(1), "ben"), 1, &audit("account.authorize")).await.unwrap();
        let other = db.second_store().await;
        let (here, there, soon) = (node("here", 1), node("there", 2), noon() + minutes(1));
        assert!(db.store.grants().take_renewal(id(1), &here, noon(), soon).await.unwrap());
        assert!(!other.grants().take_renewal(id(1), &there, noon(), soon).await.unwrap());
        assert!(other.grants().take_renewal(id(1), &there, soon, soon + minutes(1)).await.unwrap());
        db.store.grants().release_renewal(id(1), &here).await.unwrap();
        assert!(!db.store.grants().take_renewal(id(1), &here, soon, soon).await.unwrap());
        other.grants().renew(id(1), version, b"successor", soon).await.unwrap();
        assert!(db.store.grants().take_renewal(id(1), &here, soon, soon).await.unwrap());
    }
}
