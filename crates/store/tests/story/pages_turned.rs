//! A list is read page by page.

use std::collections::BTreeSet;

use store::{AuditEntry, AuditFilter, Page, Store, StoreError};

use crate::house::{account, audit, certificate, id, noon, stories};

/// The names of all certificates, read three at a time; `between` runs after the first page.
async fn names_by_pages(store: &Store, filter: Option<&str>, between: impl AsyncFn()) -> Vec<String> {
    let (mut names, mut page) = (Vec::new(), Page::first(3));
    loop {
        let paged = store.certificates().list(&page, filter).await.unwrap();
        if page.cursor.is_none() {
            between().await;
        }
        names.extend(paged.rows.into_iter().map(|row| row.name));
        match paged.next {
            Some(cursor) => page.cursor = Some(cursor.to_string().parse().unwrap()),
            None => return names,
        }
    }
}

async fn store_certificates(store: &Store, names: &[&str]) {
    for (n, name) in (1..).zip(names) {
        store.certificates().insert(&certificate(n, name), &audit("certificate.import")).await.unwrap();
    }
}

stories! {
    async fn every_row_is_shown_once_in_the_order_of_names_whatever_their_case(db: TestDatabase) {
        store_certificates(&db.store, &["delta", "Alpha", "echo", "Bravo", "charlie", "ümlaut", "Foxtrot"]).await;
        let names = names_by_pages(&db.store, None, async || {}).await;
        assert_eq!(names, ["Alpha", "Bravo", "charlie", "delta", "echo", "Foxtrot", "ümlaut"]);
    }

    async fn a_last_page_that_is_exactly_full_has_no_next(db: TestDatabase) {
        store_certificates(&db.store, &["a", "b", "c"]).await;
        let paged = db.store.certificates().list(&Page::first(3), None).await.unwrap();
        assert_eq!((paged.rows.len(), paged.next), (3, None));
        let none = db.store.certificates().list(&Page::first(3), Some("zzz")).await.unwrap();
        assert_eq!((none.rows.len(), none.next), (0, None));
    }

    async fn rows_that_come_and_go_between_two_pages_make_no_other_appear_twice_or_not_at_all(db: TestDatabase) {
        store_certificates(&db.store, &["b", "c", "d", "e", "f"]).await;
        let names = names_by_pages(&db.store, None, async || {
            db.store.certificates().insert(&certificate(50, "a"), &audit("certificate.import")).await.unwrap();
            db.store.certificates().delete(id(3), &audit("certificate.delete")).await.unwrap();
        }).await;
        assert_eq!(names, ["b", "c", "d", "e", "f"]);
    }

    async fn a_filter_finds_names_descriptions_and_thumbprints_and_takes_its_signs_literally(db: TestDatabase) {
        store_certificates(&db.store, &["100% cotton", "1000 cotton", "under_score", "underscore", "other"]).await;
        db.store.certificates().edit(id(5), None, Some("for the Färber"), noon(), &audit("edit")).await.unwrap();
        for (filter, expected) in [
            ("COTTON", vec!["100% cotton", "1000 cotton"]),
            ("100%", vec!["100% cotton"]),
            ("r_s", vec!["under_score"]),
            ("färber", vec!["other"]),
            (&format!("{:064x}", 2), vec!["1000 cotton"]),
            (&format!("A{:039x}", 3), vec!["under_score"]),
            ("", vec!["100% cotton", "1000 cotton", "other", "under_score", "underscore"]),
        ] {
            assert_eq!(names_by_pages(&db.store, Some(filter), async || {}).await, expected, "{filter}");
        }
    }

    async fn accounts_page_and_filter_alike(db: TestDatabase) {
        for (n, name) in (1..).zip(["Contoso Nord", "contoso süd", "Fabrikam"]) {
            db.store.accounts().insert(&account(n, name), &audit("account.add")).await.unwrap();
        }
        let first = db.store.accounts().list(&Page::first(1), Some("CONTOSO")).await.unwrap();
        assert_eq!(first.rows[0].name, "Contoso Nord");
        let second = db.store.accounts().list(&Page { cursor: first.next, limit: 1 }, Some("CONTOSO")).await.unwrap();
        assert_eq!((second.rows[0].name.as_str(), second.next), ("contoso süd", None));
    }

    async fn audit_rows_of_the_same_moment_are_each_shown_once_newest_first(db: TestDatabase) {
        let entry = |n: usize| AuditEntry { target: n.to_string(), ..audit("account.edit") };
        for n in 0..25 {
            db.store.audit().append(&entry(n)).await.unwrap();
        }
        let filter = AuditFilter { actor: Some("anna".to_owned()), ..AuditFilter::default() };
        let (mut page, mut targets) = (Page::first(10), Vec::new());
        loop {
            let paged = db.store.audit().list(&page, &filter).await.unwrap();
            targets.extend(paged.rows.into_iter().map(|row| row.entry.target));
            // What is written between two pages is newer than all of them.
            db.store.audit().append(&entry(99)).await.unwrap();
            match paged.next {
                Some(cursor) => page.cursor = Some(cursor),
                None => break,
            }
        }
        let expected: Vec<String> = (0..25).rev().map(|n| n.to_string()).collect();
        assert_eq!(targets, expected);
        assert_eq!(targets.iter().collect::<BTreeSet<_>>().len(), 25);
    }

    async fn a_cursor_of_another_list_is_refused(db: TestDatabase) {
        store_certificates(&db.store, &["a", "b"]).await;
        let names = db.store.certificates().list(&Page::first(1), None).await.unwrap();
        let page = Page { cursor: names.next, limit: 10 };
        let refused = db.store.audit().list(&page, &AuditFilter::default()).await.unwrap_err();
        assert!(matches!(refused, StoreError::BadCursor(_)), "{refused:?}");
    }
}
