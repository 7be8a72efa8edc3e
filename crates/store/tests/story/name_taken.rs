//! Two things want the same name.

use store::{
    EditCertificateError, InsertAccountError, InsertCertificateError, InsertTokenError, Role, TokenRow,
    UpdateAccountError,
};

use crate::house::{account, audit, certificate, id, noon, stories};

stories! {
    async fn a_certificate_whose_name_is_taken_is_refused_whatever_the_case(db: TestDatabase) {
        let certificates = db.store.certificates();
        certificates.insert(&certificate(1, "Müller Süd"), &audit("certificate.import")).await.unwrap();
        let refused = certificates.insert(&certificate(2, "MÜLLER SÜD"), &audit("certificate.import")).await;
        assert!(matches!(refused, Err(InsertCertificateError::NameTaken)), "{refused:?}");
        assert_eq!(certificates.find("müller süd").await.unwrap(), Some(certificate(1, "Müller Süd")));
        assert_eq!(certificates.find(&id(2).to_string()).await.unwrap(), None);
        assert_eq!(db.audited().await, ["certificate.import"]);
    }

    async fn a_certificate_that_is_already_stored_is_refused_with_the_name_it_has(db: TestDatabase) {
        let certificates = db.store.certificates();
        certificates.insert(&certificate(1, "first"), &audit("certificate.import")).await.unwrap();
        let mut again = certificate(2, "second");
        again.material.thumbprint_sha256 = certificate(1, "first").material.thumbprint_sha256;
        let refused = certificates.insert(&again, &audit("certificate.import")).await.unwrap_err();
        assert!(matches!(&refused, InsertCertificateError::Duplicate { name } if name == "first"), "{refused:?}");
    }

    async fn a_certificate_can_not_be_renamed_to_a_name_that_is_taken_but_to_its_own_in_other_case(db: TestDatabase) {
        let certificates = db.store.certificates();
        certificates.insert(&certificate(1, "first"), &audit("certificate.import")).await.unwrap();
        certificates.insert(&certificate(2, "second"), &audit("certificate.import")).await.unwrap();
        let edit = audit("certificate.edit");
        let refused = certificates.edit(id(2), Some("FIRST"), None, noon(), &edit).await;
        assert!(matches!(refused, Err(EditCertificateError::NameTaken)), "{refused:?}");
        certificates.edit(id(2), Some("SECOND"), Some("for the scanner"), noon(), &edit).await.unwrap();
        let renamed = certificates.find("second").await.unwrap().unwrap();
        assert_eq!((renamed.name.as_str(), renamed.description.as_str()), ("SECOND", "for the scanner"));
    }

    async fn an_account_whose_name_is_taken_is_refused_when_made_and_when_renamed(db: TestDatabase) {
        let accounts = db.store.accounts();
        accounts.insert(&account(1, "Contoso"), &audit("account.add")).await.unwrap();
        let second = accounts.insert(&account(2, "Fabrikam"), &audit("account.add")).await.unwrap();
        let refused = accounts.insert(&account(3, "contoso"), &audit("account.add")).await;
        assert!(matches!(refused, Err(InsertAccountError::NameTaken)), "{refused:?}");
        let renamed = store::AccountRow { name: "CONTOSO".to_owned(), ..second };
        let refused = accounts.update(&renamed, 1, &audit("account.edit")).await;
        assert!(matches!(refused, Err(UpdateAccountError::NameTaken)), "{refused:?}");
    }

    async fn a_token_whose_name_is_taken_is_refused(db: TestDatabase) {
        let token = |n: u8, name: &str| TokenRow {
            id: id(n.into()),
            name: name.to_owned(),
            role: Role::Viewer,
            token_hash: vec![n; 32],
            created_at: noon(),
            created_by: "anna".to_owned(),
            expires_at: None,
            last_used_at: None,
        };
        db.store.api_tokens().insert(&token(1, "monitor"), &audit("token.add")).await.unwrap();
        let refused = db.store.api_tokens().insert(&token(2, "Monitor"), &audit("token.add")).await;
        assert!(matches!(refused, Err(InsertTokenError::NameTaken)), "{refused:?}");
    }

    async fn of_two_that_want_a_name_at_the_same_time_one_gets_it(db: TestDatabase) {
        let other = db.second_store().await;
        for round in 0..20 {
            let name = format!("round {round}");
            let (one, two) = (certificate(1000 + round, &name), certificate(2000 + round, &name));
            let entry = audit("certificate.import");
            let (ours, theirs) = (db.store.certificates(), other.certificates());
            let (one, two) = tokio::join!(ours.insert(&one, &entry), theirs.insert(&two, &entry));
            let refused = match (one, two) {
                (Ok(()), Err(refused)) | (Err(refused), Ok(())) => refused,
                both => panic!("one of the two: {both:?}"),
            };
            assert!(matches!(refused, InsertCertificateError::NameTaken), "{refused:?}");
        }
        assert_eq!(db.audited().await.len(), 20);
    }
}
