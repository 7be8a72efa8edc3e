//! Somebody changes an account while somebody else holds an older version of it.

use store::{
    AccountRow, CredentialRow, RemoveAccountError, SetStateError, SignIn, StateName, StateRow, Step,
    Transport, UpdateAccountError,
};

use crate::house::{account, account_with, audit, certificate, grant, id, minutes, noon, state, stories};

stories! {
    async fn an_account_comes_back_as_it_was_and_its_version_counts_its_changes(db: TestDatabase) {
        let accounts = db.store.accounts();
        db.store.certificates().insert(&certificate(5, "c"), &audit("certificate.import")).await.unwrap();
        let stored = accounts.insert(&account(1, "Contoso"), &audit("account.add")).await.unwrap();
        assert_eq!(stored, AccountRow { is_default: true, ..account(1, "Contoso") });
        assert_eq!(accounts.find("contoso").await.unwrap(), Some(stored.clone()));

        let changed = AccountRow {
            credential: CredentialRow::Certificate { certificate_id: id(5) },
            sign_in: SignIn::Application,
            transport: Transport::Smtp,
            from_address: None,
            updated_at: noon() + minutes(1),
            ..stored
        };
        let updated = accounts.update(&changed, 1, &audit("account.edit")).await.unwrap().account;
        assert_eq!(updated, AccountRow { version: 2, ..changed });
        assert_eq!(accounts.find(&id(1).to_string()).await.unwrap(), Some(updated));
    }

    async fn a_change_to_an_older_version_is_refused_and_one_to_none_too(db: TestDatabase) {
        let accounts = db.store.accounts();
        let first = accounts.insert(&account(1, "Contoso"), &audit("account.add")).await.unwrap();
        let renamed = AccountRow { name: "Fabrikam".to_owned(), ..first.clone() };
        accounts.update(&renamed, 1, &audit("account.edit")).await.unwrap();
        let late = AccountRow { transport: Transport::Smtp, ..first };
        let refused = accounts.update(&late, 1, &audit("account.edit")).await;
        assert!(matches!(refused, Err(UpdateAccountError::Conflict)), "{refused:?}");
        let found = accounts.find("Fabrikam").await.unwrap().unwrap();
        assert_eq!((found.version, found.transport), (2, Transport::Graph));
        let missing = accounts.update(&account(9, "x"), 1, &audit("account.edit")).await;
        assert!(matches!(missing, Err(UpdateAccountError::NotFound)), "{missing:?}");
    }

    async fn of_two_changes_to_one_version_one_wins(db: TestDatabase) {
        let other = db.second_store().await;
        let mut row = db.store.accounts().insert(&account(1, "Contoso"), &audit("account.add")).await.unwrap();
        for _ in 0..20 {
            let (ours, theirs) = (db.store.accounts(), other.accounts());
            let edit = audit("account.edit");
            let (one, two) =
                tokio::join!(ours.update(&row, row.version, &edit), theirs.update(&row, row.version, &edit));
            row = match (one, two) {
                (Ok(updated), Err(UpdateAccountError::Conflict)) | (Err(UpdateAccountError::Conflict), Ok(updated)) => {
                    updated.account
                }
                both => panic!("one of the two: {both:?}"),
            };
        }
        assert_eq!(row.version, 21);
    }

    async fn a_state_is_noted_for_the_version_it_was_learned_about_and_does_not_count_as_a_change(db: TestDatabase) {
        let accounts = db.store.accounts();
        accounts.insert(&account(1, "Contoso"), &audit("account.add")).await.unwrap();
        let broken = StateRow {
            name: StateName::Broken,
            since: noon() + minutes(3),
            code: Some("AADSTS7000222".to_owned()),
            cause: Some("the client secret has expired".to_owned()),
            fix: Some("make a new one".to_owned()),
            step: Some(Step::Token),
        };
        accounts.set_state(id(1), 1, &broken, Some(&audit("account.broken"))).await.unwrap();
        let found = accounts.find("Contoso").await.unwrap().unwrap();
        assert_eq!((found.version, &found.state), (1, &broken));

        accounts.update(&AccountRow { state: state(StateName::Ready), ..found }, 1, &audit("account.edit")).await.unwrap();
        let late = accounts.set_state(id(1), 1, &broken, None).await;
        assert!(matches!(late, Err(SetStateError::Conflict)), "{late:?}");
        assert_eq!(accounts.find("Contoso").await.unwrap().unwrap().state.name, StateName::Ready);
        let missing = accounts.set_state(id(9), 1, &broken, None).await;
        assert!(matches!(missing, Err(SetStateError::NotFound)), "{missing:?}");
    }

    async fn a_grant_is_forgotten_when_tenant_client_or_cloud_change_and_kept_otherwise(db: TestDatabase) {
        let accounts = db.store.accounts();
        let mut row = accounts.insert(&account(1, "Contoso"), &audit("account.add")).await.unwrap();
        type Change = fn(&mut AccountRow);
        let changes: [(Change, bool); 5] = [
            (|row| row.name = "Fabrikam".to_owned(), true),
            (|row| row.transport = Transport::Smtp, true),
            (|row| row.tenant = "fabrikam.example".to_owned(), false),
            (|row| row.client_id = "99999999-2222-3333-4444-555555555555".to_owned(), false),
            (|row| row.cloud = "china".to_owned(), false),
        ];
        for (change, kept) in changes {
            row.version = db.store.grants().put(&grant(id(1), "ben"), row.version, &audit("grant")).await.unwrap();
            change(&mut row);
            let updated = accounts.update(&row, row.version, &audit("account.edit")).await.unwrap();
            row = updated.account;
            assert_eq!(updated.forgotten_grant_of, (!kept).then(|| "ben".to_owned()), "{row:?}");
            assert_eq!(db.store.grants().find(id(1)).await.unwrap().is_some(), kept, "{row:?}");
        }
    }

    async fn a_removed_account_takes_its_grant_along_and_leaves_its_certificate(db: TestDatabase) {
        db.store.certificates().insert(&certificate(5, "c"), &audit("certificate.import")).await.unwrap();
        db.store.accounts().insert(&account_with(1, "a", id(5)), &audit("account.add")).await.unwrap();
        db.store.grants().put(&grant(id(1), "ben"), 1, &audit("grant")).await.unwrap();
        db.store.accounts().remove(id(1), &audit("account.remove")).await.unwrap();
        assert_eq!(db.store.accounts().find("a").await.unwrap(), None);
        assert_eq!(db.store.grants().find(id(1)).await.unwrap(), None);
        assert!(db.store.certificates().find("c").await.unwrap().is_some());
        let again = db.store.accounts().remove(id(1), &audit("account.remove")).await;
        assert!(matches!(again, Err(RemoveAccountError::NotFound)), "{again:?}");
    }
}
