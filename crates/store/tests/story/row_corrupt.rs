//! Somebody has edited the database by hand, or a bit has turned.

use store::{AuditFilter, CorruptRow, Page, StoreError};

use crate::house::{account, audit, certificate, flow, grant, id, stories};

/// Each damage of a certificate's row, in the words of SQLite and of PostgreSQL, and how it is reported.
const DAMAGES: [(&str, &str, &str, &str); 5] = [
    ("origin = 'found'", "origin = 'found'", "origin", "“found” is none of: imported, generated"),
    (
        "chain_der = x'00000009ff'",
        "chain_der = '\\x00000009ff'",
        "chain_der",
        "a length doesn't fit what follows it",
    ),
    ("not_after = 9223372036854775807", "not_after = 9223372036854775807", "not_after", "no such time"),
    (
        "description = CAST(x'ff' AS TEXT)",
        IMPOSSIBLE,
        "description",
        "invalid utf-8 sequence of 1 bytes from index 0",
    ),
    ("id = 'seven'", "id = 'seven'", "id", "invalid character: found `s` at 0"),
];

/// PostgreSQL checks what it is given.
const IMPOSSIBLE: &str = "";

stories! {
    async fn a_corrupt_certificate_is_named_and_hides_no_other(db: TestDatabase) {
        let certificates = db.store.certificates();
        for (n, name) in [(1, "a"), (2, "b"), (3, "c")] {
            certificates.insert(&certificate(n, name), &audit("certificate.import")).await.unwrap();
        }
        for (damage, on_postgres, column, why) in DAMAGES {
            db.sql("CREATE TABLE kept AS SELECT * FROM certificates").await;
            let damage = db.sqlite_or_postgres(damage, on_postgres);
            if damage == IMPOSSIBLE {
                db.sql("DROP TABLE kept").await;
                continue;
            }
            db.sql(&format!("UPDATE certificates SET {damage} WHERE name = 'b'")).await;
            let paged = certificates.list(&Page::first(10), None).await.unwrap();
            let names: Vec<&str> = paged.rows.iter().map(|row| row.name.as_str()).collect();
            assert_eq!(names, ["a", "c"], "{damage}");
            let CorruptRow { table, id: corrupt_id, column: in_column, why: reason } = &paged.corrupt[0];
            let expected_id = if column == "id" { "seven".to_owned() } else { id(2).to_string() };
            assert_eq!((*table, corrupt_id, *in_column), ("certificates", &expected_id, column), "{damage}");
            assert_eq!(reason, why, "{damage}");
            let found = certificates.find("b").await.unwrap_err();
            assert!(matches!(&found, StoreError::Corrupt(row) if *row == paged.corrupt[0]), "{found:?}");
            db.sql("DELETE FROM certificates; INSERT INTO certificates SELECT * FROM kept; DROP TABLE kept").await;
        }
    }

    async fn a_corrupt_certificate_can_be_deleted(db: TestDatabase) {
        db.store.certificates().insert(&certificate(1, "a"), &audit("certificate.import")).await.unwrap();
        db.sql("UPDATE certificates SET origin = 'found'").await;
        db.store.certificates().delete(id(1), &audit("certificate.delete")).await.unwrap();
        assert_eq!(db.store.certificates().find("a").await.unwrap(), None);
    }

    async fn a_corrupt_account_is_named_and_hides_no_other(db: TestDatabase) {
        for (n, name) in [(1, "a"), (2, "b")] {
            db.store.accounts().insert(&account(n, name), &audit("account.add")).await.unwrap();
        }
        for (damage, column) in [
            ("credential_kind = 'password'", "credential_kind"),
            ("credential_kind = 'certificate'", "certificate_id"),
            ("credential_kind = 'secret', state = 'confused'", "state"),
        ] {
            db.sql(&format!("UPDATE accounts SET {damage} WHERE name = 'a'")).await;
            let paged = db.store.accounts().list(&Page::first(10), None).await.unwrap();
            assert_eq!(paged.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["b"], "{damage}");
            assert_eq!(paged.corrupt.iter().map(|row| row.column).collect::<Vec<_>>(), [column], "{damage}");
        }
        db.store.accounts().remove(id(1), &audit("account.remove")).await.unwrap();
    }

    async fn corrupt_grants_and_flows_are_reported_and_not_taken_for_missing(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.grants().put(&grant(id(1), "ben"), 1, &audit("grant")).await.unwrap();
        db.store.flows().insert(&flow(21, id(1), b"state"), &audit("account.authorize")).await.unwrap();
        db.sql("UPDATE grants SET obtained_at = -9223372036854775808; UPDATE flows SET found = '{half'").await;
        let grant = db.store.grants().find(id(1)).await.unwrap_err();
        assert!(matches!(&grant, StoreError::Corrupt(row) if row.column == "obtained_at"), "{grant:?}");
        let flow = db.store.flows().find(id(21)).await.unwrap_err();
        assert!(matches!(&flow, StoreError::Corrupt(row) if row.column == "found"), "{flow:?}");
    }

    async fn a_corrupt_audit_row_is_named_and_hides_no_other(db: TestDatabase) {
        db.store.audit().append(&audit("account.add")).await.unwrap();
        let on_sqlite = "DROP TRIGGER audit_is_never_changed";
        db.sql(db.sqlite_or_postgres(on_sqlite, "DROP TRIGGER audit_is_never_changed ON audit")).await;
        db.sql("UPDATE audit SET detail = 'x' WHERE action = 'account.add'").await;
        db.store.audit().append(&audit("account.edit")).await.unwrap();
        let filter = AuditFilter { actor: Some("anna".to_owned()), ..AuditFilter::default() };
        let paged = db.store.audit().list(&Page::first(10), &filter).await.unwrap();
        assert_eq!(paged.rows.iter().map(|row| row.entry.action.as_str()).collect::<Vec<_>>(), ["account.edit"]);
        assert_eq!((paged.corrupt[0].table, paged.corrupt[0].column), ("audit", "detail"));
    }
}
