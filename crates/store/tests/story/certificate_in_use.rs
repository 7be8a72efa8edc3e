//! A certificate that accounts need.

use std::collections::HashMap;

use store::{DeleteCertificateError, InsertAccountError, UpdateAccountError};

use crate::house::{account, account_with, audit, certificate, id, stories};

stories! {
    async fn a_certificate_in_use_is_not_deleted_and_the_answer_names_the_accounts(db: TestDatabase) {
        db.store.certificates().insert(&certificate(1, "shared"), &audit("certificate.import")).await.unwrap();
        for (n, name) in [(11, "Zurich"), (12, "aarhus")] {
            db.store.accounts().insert(&account_with(n, name, id(1)), &audit("account.add")).await.unwrap();
        }
        let refused = db.store.certificates().delete(id(1), &audit("certificate.delete")).await.unwrap_err();
        assert_eq!(refused.to_string(), "this certificate is in use by: aarhus, Zurich");
        assert!(db.store.certificates().find("shared").await.unwrap().is_some());

        for n in [11, 12] {
            db.store.accounts().remove(id(n), &audit("account.remove")).await.unwrap();
        }
        db.store.certificates().delete(id(1), &audit("certificate.delete")).await.unwrap();
    }

    async fn a_list_knows_who_uses_each_certificate(db: TestDatabase) {
        for n in 1..=3 {
            let row = certificate(n, &format!("certificate {n}"));
            db.store.certificates().insert(&row, &audit("certificate.import")).await.unwrap();
        }
        for (n, name, certificate) in [(11, "b", 1), (12, "a", 1), (13, "c", 3)] {
            let row = account_with(n, name, id(certificate));
            db.store.accounts().insert(&row, &audit("account.add")).await.unwrap();
        }
        db.store.accounts().insert(&account(14, "by secret"), &audit("account.add")).await.unwrap();
        let used = db.store.certificates().used_by_each(&[id(1), id(2), id(3)]).await.unwrap();
        let expected = HashMap::from([
            (id(1), vec!["a".to_owned(), "b".to_owned()]),
            (id(3), vec!["c".to_owned()]),
        ]);
        assert_eq!(used, expected);
        assert_eq!(db.store.certificates().used_by(id(2)).await.unwrap(), Vec::<String>::new());
        assert_eq!(db.store.certificates().used_by_each(&[]).await.unwrap(), HashMap::new());
    }

    async fn an_account_can_not_be_given_a_certificate_that_is_gone(db: TestDatabase) {
        let refused = db.store.accounts().insert(&account_with(1, "a", id(9)), &audit("account.add")).await;
        assert!(matches!(refused, Err(InsertAccountError::CertificateNotFound)), "{refused:?}");
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let refused = db.store.accounts().update(&account_with(1, "a", id(9)), 1, &audit("account.edit")).await;
        assert!(matches!(refused, Err(UpdateAccountError::CertificateNotFound)), "{refused:?}");
    }

    async fn a_delete_and_an_account_that_wants_the_certificate_never_both_win(db: TestDatabase) {
        let other = db.second_store().await;
        for round in 0..20 {
            let row = certificate(100 + round, &format!("certificate {round}"));
            db.store.certificates().insert(&row, &audit("certificate.import")).await.unwrap();
            let user = account_with(500 + round, &format!("account {round}"), row.id);
            let (delete, add) = (audit("certificate.delete"), audit("account.add"));
            let (certificates, accounts) = (db.store.certificates(), other.accounts());
            let (deleted, added) = tokio::join!(certificates.delete(row.id, &delete), accounts.insert(&user, &add));
            match (deleted, added) {
                (Ok(()), Err(InsertAccountError::CertificateNotFound)) => {}
                (Err(DeleteCertificateError::InUse { accounts }), Ok(_)) => assert_eq!(accounts, [user.name]),
                both => panic!("one of the two: {both:?}"),
            }
        }
    }
}
