//! Databases on the tests' own PostgreSQL, made by its own programs: no SQL library is at home here.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::postgres_server::server;

/// The section of the configuration that names a new, empty database.
pub(crate) async fn section() -> String {
    let name = tokio::task::spawn_blocking(create_database).await.unwrap();
    format!("[database]\nurl = \"{}\"\n", address_of(&name))
}

/// Where a database of the tests' server is.
pub(crate) fn address_of(database: &str) -> String {
    let socket = server().join("run").display().to_string().replace('/', "%2F");
    format!("postgres://postern@{socket}/{database}")
}

/// Makes an empty database; returns its name.
pub(crate) fn create_database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("story_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    psql("postgres", &format!("CREATE DATABASE {name}"));
    name
}

/// Runs a statement; returns what it brings, a row a line.
pub(crate) fn psql(database: &str, sql: &str) -> String {
    let ran = Command::new(program("psql"))
        .arg("--host")
        .arg(server().join("run"))
        .args(["--username", "postern", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--dbname", database, "--command", sql])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// A program of the newest PostgreSQL that is here, as the tests' server is.
pub(crate) fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path));
    newest.map_or_else(|| PathBuf::from(name), |folder| folder.join("bin").join(name))
}
