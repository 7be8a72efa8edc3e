//! A certificate is stored, edited, replaced, deleted.

use store::{CertificateRow, DeleteCertificateError, EditCertificateError, Origin, ReplaceCertificateError};

use crate::house::{audit, certificate, id, material, minutes, noon, stories};

stories! {
    async fn a_certificate_comes_back_as_it_was_by_id_and_by_name(db: TestDatabase) {
        let row = CertificateRow { origin: Origin::Generated, ..certificate(1, "scanner") };
        db.store.certificates().insert(&row, &audit("certificate.generate")).await.unwrap();
        for key in [id(1).to_string(), id(1).to_string().to_uppercase(), "Scanner".to_owned()] {
            assert_eq!(db.store.certificates().find(&key).await.unwrap().as_ref(), Some(&row), "{key}");
        }
        assert_eq!(db.store.certificates().find("printer").await.unwrap(), None);
    }

    async fn an_id_is_looked_for_before_a_name_that_looks_like_one(db: TestDatabase) {
        let certificates = db.store.certificates();
        certificates.insert(&certificate(1, &id(2).to_string()), &audit("certificate.import")).await.unwrap();
        assert_eq!(certificates.find(&id(2).to_string()).await.unwrap().unwrap().id, id(1));
        certificates.insert(&certificate(2, "other"), &audit("certificate.import")).await.unwrap();
        assert_eq!(certificates.find(&id(2).to_string()).await.unwrap().unwrap().id, id(2));
    }

    async fn an_edit_changes_what_is_given_and_nothing_else(db: TestDatabase) {
        let certificates = db.store.certificates();
        certificates.insert(&certificate(1, "scanner"), &audit("certificate.import")).await.unwrap();
        let later = noon() + minutes(5);
        let edited = certificates.edit(id(1), None, Some("3rd floor"), later, &audit("certificate.edit")).await.unwrap();
        let expected = CertificateRow {
            description: "3rd floor".to_owned(),
            updated_at: later,
            ..certificate(1, "scanner")
        };
        assert_eq!(edited, expected);
        assert_eq!(certificates.find("scanner").await.unwrap(), Some(expected));
        let missing = certificates.edit(id(9), None, None, later, &audit("certificate.edit")).await;
        assert!(matches!(missing, Err(EditCertificateError::NotFound)), "{missing:?}");
    }

    async fn a_replacement_keeps_id_and_name(db: TestDatabase) {
        let certificates = db.store.certificates();
        let made = CertificateRow { origin: Origin::Generated, ..certificate(1, "scanner") };
        certificates.insert(&made, &audit("certificate.generate")).await.unwrap();
        certificates.replace(id(1), material(7), noon(), &audit("certificate.replace")).await.unwrap();
        let found = certificates.find("scanner").await.unwrap().unwrap();
        assert_eq!(found, CertificateRow { material: material(7), ..certificate(1, "scanner") });
        assert_eq!(db.audited().await, ["certificate.replace", "certificate.generate"]);
    }

    async fn a_replacement_that_is_stored_elsewhere_is_refused_but_the_same_again_is_not(db: TestDatabase) {
        let certificates = db.store.certificates();
        certificates.insert(&certificate(1, "first"), &audit("certificate.import")).await.unwrap();
        certificates.insert(&certificate(2, "second"), &audit("certificate.import")).await.unwrap();
        let replace = audit("certificate.replace");
        let refused = certificates.replace(id(2), material(1), noon(), &replace).await.unwrap_err();
        assert!(matches!(&refused, ReplaceCertificateError::Duplicate { name } if name == "first"), "{refused:?}");
        certificates.replace(id(2), material(2), noon(), &replace).await.unwrap();
        let missing = certificates.replace(id(9), material(9), noon(), &replace).await;
        assert!(matches!(missing, Err(ReplaceCertificateError::NotFound)), "{missing:?}");
    }

    async fn a_deleted_certificate_is_gone_and_its_name_is_free(db: TestDatabase) {
        let certificates = db.store.certificates();
        certificates.insert(&certificate(1, "scanner"), &audit("certificate.import")).await.unwrap();
        certificates.delete(id(1), &audit("certificate.delete")).await.unwrap();
        assert_eq!(certificates.find("scanner").await.unwrap(), None);
        let again = certificates.delete(id(1), &audit("certificate.delete")).await;
        assert!(matches!(again, Err(DeleteCertificateError::NotFound)), "{again:?}");
        certificates.insert(&certificate(1, "scanner"), &audit("certificate.import")).await.unwrap();
    }
}
