//! The file that the configuration names is not the database it should be. It is left as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use store::{Location, OpenError, Store};
use tempfile::TempDir;

use crate::house::{noon, open};
use crate::postgres;

async fn refuse(file: &Path) -> OpenError {
    let before = contents(file.parent().unwrap());
    let refused = Store::open(&Location::Sqlite(file.to_owned()), noon()).await.unwrap_err();
    assert_eq!(contents(file.parent().unwrap()), before, "the folder is as it was");
    assert!(!refused.hint().is_empty());
    refused
}

/// Every file of a folder, with what is in it.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

async fn run_sql(file: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("postern.db");
    for text in ["hello", &"A letter to the editor. ".repeat(400)] {
        fs::write(&file, text).unwrap();
        let refused = refuse(&file).await;
        assert!(matches!(refused, OpenError::NotADatabase { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let folder = TempDir::new().unwrap();
    for (name, sql) in [
        ("plain.db", "CREATE TABLE songs (title TEXT)"),
        ("marked.db", "PRAGMA application_id = 7; CREATE TABLE songs (title TEXT)"),
        ("wal.db", "PRAGMA journal_mode = WAL; CREATE TABLE songs (title TEXT)"),
    ] {
        let file = folder.path().join(name);
        run_sql(&file, sql).await;
        let refused = refuse(&file).await;
        assert!(matches!(refused, OpenError::NotOurs { .. }), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_postern_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("postern.db");
    open(&file).await.close().await;
    run_sql(&file, "PRAGMA user_version = 99").await;
    let refused = refuse(&file).await;
    assert!(matches!(refused, OpenError::NewerVersion { found: 99, known: 6, .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        format!(
            "the database {} was written by a newer Postern (its version is 99, this one knows 6)",
            file.display()
        ),
    );
}

#[tokio::test]
async fn a_newer_version_is_noticed_even_if_it_still_lies_in_the_write_ahead_log() {
    let folder = TempDir::new().unwrap();
    let (file, copy) = (folder.path().join("postern.db"), folder.path().join("copy.db"));
    let store = open(&file).await;
    run_sql(&file, "PRAGMA user_version = 99").await;
    for (from, to) in [("postern.db", "copy.db"), ("postern.db-wal", "copy.db-wal")] {
        fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    }
    store.close().await;
    let refused = Store::open(&Location::Sqlite(copy), noon()).await.unwrap_err();
    assert!(matches!(refused, OpenError::NewerVersion { found: 99, .. }), "{refused:?}");
}

#[tokio::test]
async fn tables_that_another_build_has_made_are_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("postern.db");
    open(&file).await.close().await;
    run_sql(&file, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let refused = refuse(&file).await;
    assert!(matches!(refused, OpenError::OtherBuild { version: 1, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let refused = refuse(&folder.path().join("missing/postern.db")).await;
    assert!(matches!(&refused, OpenError::NoDirectory { path } if path.ends_with("missing")), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_can_not_be_made_is_named_with_the_reason() {
    // The kernel's own folder takes no files, not even from root.
    let refused = Store::open(&Location::Sqlite("/sys/postern.db".into()), noon()).await.unwrap_err();
    assert!(matches!(refused, OpenError::NotAccessible { .. }), "{refused:?}");
    let folder = TempDir::new().unwrap();
    let refused = Store::open(&Location::Sqlite(folder.path().to_owned()), noon()).await.unwrap_err();
    assert!(matches!(refused, OpenError::NotAccessible { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_new_database_can_be_read_by_its_owner_only() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("postern.db")).await;
    for name in ["postern.db", "postern.db-wal", "postern.db-shm"] {
        let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_database_that_was_being_made_when_the_power_went_is_made_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("postern.db");
    fs::write(&file, "").unwrap();
    open(&file).await.close().await;

    let half = folder.path().join("half.db");
    run_sql(&half, "PRAGMA journal_mode = WAL; PRAGMA application_id = 0x506f7374").await;
    open(&half).await.ping().await.unwrap();
}

/// Opens a database of the tests' server as it is.
async fn open_on_server(database: &str) -> Result<Store, OpenError> {
    let socket = postgres::server().join("run").display().to_string().replace('/', "%2F");
    let location =
        Location::parse(&format!("postgres://postern@{socket}/{database}"), Path::new("/")).unwrap();
    Store::open(&location, noon()).await
}

#[tokio::test]
async fn another_programs_database_on_a_server_is_refused() {
    let database = postgres::create_database().await;
    postgres::run_sql(&database, "CREATE TABLE songs (title TEXT)").await.unwrap();
    let refused = open_on_server(&database).await.unwrap_err();
    assert!(matches!(refused, OpenError::NotOurs { .. }), "{refused:?}");
    assert!(refused.to_string().contains(&database), "{refused}");
}

#[tokio::test]
async fn a_database_of_a_newer_postern_on_a_server_is_refused() {
    let database = postgres::create_database().await;
    open_on_server(&database).await.unwrap().close().await;
    postgres::run_sql(&database, "UPDATE _sqlx_migrations SET version = 99 WHERE version = 6").await.unwrap();
    let refused = open_on_server(&database).await.unwrap_err();
    assert!(matches!(refused, OpenError::NewerVersion { found: 99, known: 6, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_knows_no_such_database_is_named() {
    let nowhere = Location::parse("postgres://postern:geheim@127.0.0.1:1/mail", Path::new("/")).unwrap();
    let refused = Store::open(&nowhere, noon()).await.unwrap_err();
    assert_eq!(refused.code(), "database_unreachable");
    assert!(!refused.to_string().contains("geheim"), "{refused}");
    let refused = open_on_server("no_such_database").await.unwrap_err();
    assert_eq!(refused.code(), "database_unreachable", "{refused}");
}
