//! What is SQLite's own: how a connection is made, how a file is recognised before it is opened, what its error codes
//! mean, which migrations it has. All other modules speak SQL that PostgreSQL understands too; a second engine joins
//! here. It must never write to a file that isn't Postern's or is newer than this program.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{SqlSafeStr, Sqlite};

use crate::failure::{OpenError, StoreError};

/// The database engine that all SQL runs on.
pub(crate) type Engine = Sqlite;
/// A row of it.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
/// Its connection pool.
pub(crate) type Pool = sqlx::Pool<Engine>;
/// A statement with its values.
pub(crate) type Statement<'q> = sqlx::query::Query<'q, Engine, sqlx::sqlite::SqliteArguments>;

/// How a writing transaction starts: with the write lock in hand. Started as a reader it could lose the race for the lock
/// later and fail in the middle (SQLITE_BUSY_SNAPSHOT, <https://www.sqlite.org/isolation.html>).
pub(crate) const BEGIN_WRITING: &str = "BEGIN IMMEDIATE";

/// How long a statement waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for its turn behind the other writers of this process.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that only read.
const READERS: u32 = 4;

/// What stands at the start of each database file, <https://www.sqlite.org/fileformat.html#the_database_header>.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Our mark in the header's field for it: "Post".
const APPLICATION_ID: u32 = 0x506f_7374;
const SET_MARK: &str = "PRAGMA application_id = 0x506f7374";

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first release", include_str!("../migrations/sqlite/0001_first_release.sql")),
    (2, "users and sessions", include_str!("../migrations/sqlite/0002_users_and_sessions.sql")),
];

/// The version of the tables that this program makes: the number of the last migration.
pub(crate) const NEWEST_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The steps from an empty file to [`NEWEST_VERSION`].
pub(crate) fn migrations() -> Vec<Migration> {
    let step = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    MIGRATIONS.iter().map(step).collect()
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or an empty file: one that was being made when the power went.
    Nothing,
    /// A database with tables of this version; 0 when it has none yet.
    Version(i64),
}

/// Looks at the file's header with ordinary reads: a database that isn't ours is not even locked.
pub(crate) fn inspect(path: &Path) -> Result<Found, OpenError> {
    let Some(header) = read_header(path)? else {
        return Ok(Found::Nothing);
    };
    if header.is_empty() {
        return Ok(Found::Nothing);
    }
    if header.len() < 100 || !header.starts_with(MAGIC) {
        return Err(OpenError::NotADatabase { path: path.to_owned() });
    }
    let number_at =
        |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (schema_cookie, version, application_id) = (number_at(40), number_at(60), number_at(68));
    match application_id {
        APPLICATION_ID => check_version(path, i64::from(version)),
        // No mark and no table yet: one that was stopped while it was being made.
        0 if schema_cookie == 0 => Ok(Found::Version(0)),
        _ => Err(OpenError::NotOurs { path: path.to_owned() }),
    }
}

/// Looks once more, now through SQLite: what a killed process wrote last still lies in the write-ahead log and not in the
/// file. Marks a new database as ours, so that it is known as such if its first migration fails.
pub(crate) async fn recognise(path: &Path, writer: &Pool) -> Result<i64, OpenError> {
    let failed = |error: sqlx::Error| OpenError::Store { path: path.to_owned(), source: error.into() };
    let number = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(writer);
    let mark = number("PRAGMA application_id").await.map_err(failed)?;
    if mark == 0 && number("SELECT count(*) FROM sqlite_schema").await.map_err(failed)? == 0 {
        sqlx::query(SET_MARK).execute(writer).await.map_err(failed)?;
    } else if mark != i64::from(APPLICATION_ID) {
        return Err(OpenError::NotOurs { path: path.to_owned() });
    }
    let version = number("PRAGMA user_version").await.map_err(failed)?;
    check_version(path, version).map(|_| version)
}

/// Refuses tables that a newer program has made.
fn check_version(path: &Path, found: i64) -> Result<Found, OpenError> {
    if found > NEWEST_VERSION {
        return Err(OpenError::NewerVersion { path: path.to_owned(), found, known: NEWEST_VERSION });
    }
    Ok(Found::Version(found))
}

/// Makes an empty file that only its owner may read, before SQLite makes one that everybody may, and sees to it that its
/// name survives a power cut.
pub(crate) fn create_file(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// The one connection that writes. SQLite has one writer at a time; a queue in front of it is fairer and faster than
/// several connections that poll for the lock.
pub(crate) async fn connect_writer(path: &Path) -> Result<Pool, sqlx::Error> {
    let options =
        connect_options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = PoolOptions::new().max_connections(1).acquire_timeout(TURN_TIMEOUT);
    pool.max_lifetime(None).idle_timeout(None).connect_with(options).await
}

/// The connections that read. Opened after the writer: it makes the write-ahead log that they share.
pub(crate) async fn connect_readers(path: &Path) -> Result<Pool, sqlx::Error> {
    let options = connect_options(path).pragma("query_only", "ON");
    PoolOptions::new().max_connections(READERS).acquire_timeout(TURN_TIMEOUT).connect_with(options).await
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy { detail: "waited too long for its turn".to_owned() },
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::Io(io) => Self::Io { detail: io.to_string() },
            sqlx::Error::Database(refused) => match refused.code().and_then(|code| code.parse().ok()) {
                Some(code) => classify(code, refused.message().to_owned()),
                None => Self::Unexpected { detail: error.to_string() },
            },
            _ => Self::Unexpected { detail: error.to_string() },
        }
    }
}

/// Result codes, <https://www.sqlite.org/rescode.html>: the low byte is the primary code.
fn classify(code: u32, detail: String) -> StoreError {
    const SQLITE_CONSTRAINT_UNIQUE: u32 = 2067;
    match (code, code & 0xff) {
        // Names and thumbprints are looked up before they are written: whoever took one did so in between.
        (SQLITE_CONSTRAINT_UNIQUE, _) | (_, 5 | 6) => StoreError::Busy { detail },
        (_, 8) => StoreError::ReadOnly { detail },
        (_, 10 | 14) => StoreError::Io { detail },
        (_, 11 | 26) => StoreError::Damaged { detail },
        (_, 13) => StoreError::Full { detail },
        _ => StoreError::Unexpected { detail },
    }
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
}

/// The first 100 bytes, or fewer where the file is shorter; `None` where there is no file.
fn read_header(path: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    let not_accessible =
        |error: std::io::Error| OpenError::NotAccessible { path: path.to_owned(), why: error.to_string() };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(not_accessible(error)),
    };
    let mut header = Vec::with_capacity(100);
    file.take(100).read_to_end(&mut header).map_err(not_accessible)?;
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_code_of_sqlite_says_whose_fault_it_is() {
        for (code, expected) in [
            (5, "database_busy"),      // SQLITE_BUSY
            (517, "database_busy"),    // SQLITE_BUSY_SNAPSHOT
            (2067, "database_busy"),   // SQLITE_CONSTRAINT_UNIQUE
            (13, "disk_full"),         // SQLITE_FULL
            (11, "database_damaged"),  // SQLITE_CORRUPT
            (26, "database_damaged"),  // SQLITE_NOTADB
            (8, "database_read_only"), // SQLITE_READONLY
            (778, "disk_error"),       // SQLITE_IOERR_WRITE
            (14, "disk_error"),        // SQLITE_CANTOPEN
            (1, "database_refused"),   // SQLITE_ERROR
        ] {
            assert_eq!(classify(code, String::new()).code(), expected, "{code}");
        }
    }
}
