//! The audit log is written, read, and can't be changed.

use serde_json::json;
use store::{AuditEntry, AuditFilter, AuditRow, Outcome, Page, Settlement, StateName, Store};

use crate::house::{account, audit, certificate, flow, grant, id, material, minutes, noon, state, stories};

async fn find(store: &Store, filter: AuditFilter) -> Vec<AuditRow> {
    store.audit().list(&Page::first(100), &filter).await.unwrap().rows
}

stories! {
    async fn an_entry_comes_back_as_it_was_written_with_a_growing_number(db: TestDatabase) {
        let refused = AuditEntry {
            outcome: Outcome::Refused,
            code: Some("wrong_password".to_owned()),
            detail: json!({ "name": "scanner", "size_bytes": 2711 }),
            target: "scanner".to_owned(),
            ..audit("certificate.import")
        };
        db.store.audit().append(&refused).await.unwrap();
        db.store.audit().append(&audit("account.add")).await.unwrap();
        let rows = find(&db.store, AuditFilter { actor: Some("anna".to_owned()), ..AuditFilter::default() }).await;
        assert_eq!(rows.iter().map(|row| &row.entry).collect::<Vec<_>>(), [&audit("account.add"), &refused]);
        assert!(rows[0].id > rows[1].id);
    }

    async fn each_filter_finds_its_rows_and_all_together_what_fits_all(db: TestDatabase) {
        for (n, actor, action, target) in [
            (0, "anna", "account.add", "Contoso"),
            (1, "anna", "account.edit", "Contoso"),
            (2, "ben", "account.edit", "Contoso"),
            (3, "ben", "account.edit", "Fabrikam"),
        ] {
            let entry = AuditEntry {
                at: noon() + minutes(n),
                actor: actor.to_owned(),
                target: target.to_owned(),
                ..audit(action)
            };
            db.store.audit().append(&entry).await.unwrap();
        }
        let all = AuditFilter { since: Some(noon() + minutes(-1)), ..AuditFilter::default() };
        let ben = || Some("ben".to_owned());
        let (edit, contoso) = (|| Some("account.edit".to_owned()), || Some("Contoso".to_owned()));
        for (filter, expected) in [
            (AuditFilter { actor: ben(), ..all.clone() }, vec![3, 2]),
            (AuditFilter { action: edit(), ..all.clone() }, vec![3, 2, 1]),
            (AuditFilter { target: contoso(), action: edit(), ..all.clone() }, vec![2, 1]),
            (AuditFilter { since: Some(noon() + minutes(1)), until: Some(noon() + minutes(3)), ..all.clone() }, vec![2, 1]),
            (AuditFilter { actor: ben(), action: edit(), target: contoso(), ..all }, vec![2]),
        ] {
            let rows = find(&db.store, filter.clone()).await;
            let minutes: Vec<i64> = rows
                .iter()
                .filter(|row| row.entry.actor != "postern")
                .map(|row| (row.entry.at - noon()).whole_minutes())
                .collect();
            assert_eq!(minutes, expected, "{filter:?}");
        }
    }

    async fn rows_can_be_neither_changed_nor_deleted(db: TestDatabase) {
        db.store.audit().append(&audit("account.add")).await.unwrap();
        for sql in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"] {
            let words = db.refused_sql(sql).await;
            assert!(words.contains("the audit log is append-only"), "{words}");
        }
        assert_eq!(db.audited().await, ["account.add"]);
    }

    async fn the_log_begins_with_the_making_of_the_database_and_says_it_once(db: TestDatabase) {
        let again = db.second_store().await;
        let rows = find(&again, AuditFilter::default()).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].entry.action.as_str(), rows[0].entry.at), ("database.migrate", noon()));
    }

    async fn a_change_whose_audit_row_can_not_be_written_does_not_happen(db: TestDatabase) {
        let entry = audit("something");
        let (certificates, accounts, flows) = (db.store.certificates(), db.store.accounts(), db.store.flows());
        certificates.insert(&certificate(1, "kept"), &entry).await.unwrap();
        let row = accounts.insert(&account(1, "kept"), &entry).await.unwrap();
        let version = db.store.grants().put(&grant(id(1), "ben"), 1, &entry).await.unwrap();
        flows.insert(&store::FlowRow { account_version: version, ..flow(21, id(1), b"state") }, &entry).await.unwrap();
        let before = everything(&db.store).await;
        db.break_audit().await;

        certificates.insert(&certificate(2, "new"), &entry).await.unwrap_err();
        certificates.edit(id(1), Some("renamed"), None, noon(), &entry).await.unwrap_err();
        certificates.replace(id(1), material(7), noon(), &entry).await.unwrap_err();
        certificates.delete(id(1), &entry).await.unwrap_err();
        accounts.insert(&account(2, "new"), &entry).await.unwrap_err();
        let moved = store::AccountRow { tenant: "fabrikam.example".to_owned(), ..row };
        accounts.update(&moved, version, &entry).await.unwrap_err();
        accounts.set_state(id(1), version, &state(StateName::Broken), Some(&entry)).await.unwrap_err();
        accounts.remove(id(1), &entry).await.unwrap_err();
        db.store.grants().put(&grant(id(1), "carla"), version, &entry).await.unwrap_err();
        db.store.grants().delete(id(1), &entry).await.unwrap_err();
        flows.insert(&flow(22, id(1), b"other"), &entry).await.unwrap_err();
        flows.settle(id(21), Settlement::Cancelled, None, noon(), &entry).await.unwrap_err();

        assert_eq!(everything(&db.store).await, before);
    }
}

/// All rows that the story could have changed, as text.
async fn everything(store: &Store) -> String {
    let page = Page::first(100);
    let certificates = store.certificates().list(&page, None).await.unwrap();
    let accounts = store.accounts().list(&page, None).await.unwrap();
    let grant = store.grants().find(id(1)).await.unwrap();
    let flows = (store.flows().find(id(21)).await.unwrap(), store.flows().find(id(22)).await.unwrap());
    format!("{certificates:?}\n{accounts:?}\n{grant:?}\n{flows:?}")
}
