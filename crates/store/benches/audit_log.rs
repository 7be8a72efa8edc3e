//! How long a page of the audit log takes when it holds a million rows, and how long a durable write takes then.

use std::time::Instant;

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use store::{AuditEntry, AuditFilter, Location, Outcome, Page, Store};
use tempfile::TempDir;
use time::macros::datetime;

const MILLION_ROWS: &str = "
    WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 1000000)
    INSERT INTO audit (at, actor, source, action, target, outcome, code, detail)
    SELECT 1700000000000 + n * 1000, 'actor ' || (n % 50), '192.0.2.7', 'action ' || (n % 20), 'target ' || (n % 1000),
           'done', NULL, '{}' FROM counted";

#[tokio::main]
async fn main() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("postern.db");
    let store =
        Store::open(&Location::Sqlite(file.clone()), datetime!(2020-01-01 0:00 UTC)).await.expect("opens");
    let mut connection = SqliteConnectOptions::new().filename(&file).connect().await.expect("connects");
    sqlx::raw_sql(MILLION_ROWS).execute(&mut connection).await.expect("inserts");
    connection.close().await.expect("closes");

    let word = |text: &str| Some(text.to_owned());
    let all = AuditFilter::default;
    time_first_page(&store, "newest", all()).await;
    time_first_page(&store, "one actor", AuditFilter { actor: word("actor 7"), ..all() }).await;
    time_first_page(&store, "a target nobody named", AuditFilter { target: word("nobody"), ..all() }).await;
    time_first_page(
        &store,
        "an actor and an action that never met",
        AuditFilter { actor: word("actor 1"), action: word("action 2"), ..all() },
    )
    .await;
    time_first_page(
        &store,
        "the oldest",
        AuditFilter { until: Some(datetime!(2023-11-15 0:00 UTC)), ..all() },
    )
    .await;
    time_all_pages(&store).await;
    time_writes(&store).await;
}

async fn time_first_page(store: &Store, what: &str, filter: AuditFilter) {
    let start = Instant::now();
    let rows = store.audit().list(&Page::first(100), &filter).await.expect("lists").rows.len();
    println!("first page, {what}: {rows} rows in {:.2?}", start.elapsed());
}

async fn time_all_pages(store: &Store) {
    let (start, mut slowest, mut rows, mut page) =
        (Instant::now(), std::time::Duration::ZERO, 0, Page::first(500));
    loop {
        let turned = Instant::now();
        let paged = store.audit().list(&page, &AuditFilter::default()).await.expect("lists");
        slowest = slowest.max(turned.elapsed());
        rows += paged.rows.len();
        page.cursor = paged.next;
        if page.cursor.is_none() {
            break;
        }
    }
    println!("all pages of 500: {rows} rows in {:.2?}, the slowest page in {slowest:.2?}", start.elapsed());
}

async fn time_writes(store: &Store) {
    let entry = AuditEntry {
        at: datetime!(2026-11-21 12:00 UTC),
        actor: "anna".to_owned(),
        source: "192.0.2.7".to_owned(),
        action: "account.edit".to_owned(),
        target: "office".to_owned(),
        outcome: Outcome::Done,
        code: None,
        detail: json!({}),
    };
    let start = Instant::now();
    for _ in 0..100 {
        store.audit().append(&entry).await.expect("appends");
    }
    println!("a durable write: {:.2?}", start.elapsed() / 100);
}
