//! What is SQLite's own: how a connection is made, whose turn it is to write, how a file is recognised before it is opened,
//! what its error codes mean, which migrations it has. It must never write to a file that isn't Postern's or is newer than
//! this program, nor through a connection on which a commit has failed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sqlx::{Arguments, ConnectOptions, Connection, SqlSafeStr};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::{NEWEST_VERSION, Row, Statement, Value, explain_migration};
use crate::failure::{OpenError, StoreError};

/// An open file: one connection that writes, and some that read.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    writer: Writer,
    readers: sqlx::Pool<sqlx::Sqlite>,
}

/// The one connection that writes, and the queue in front of it. SQLite has one writer at a time; whoever wants to write
/// waits in line, first come, first served, which is fairer and faster than several connections that poll for the lock.
#[derive(Debug, Clone)]
struct Writer(Arc<Mutex<Seat>>);

/// Where the one who writes sits.
#[derive(Debug)]
struct Seat {
    file: PathBuf,
    connection: Option<SqliteConnection>,
    state: SeatState,
}

#[derive(Debug, PartialEq, Eq)]
enum SeatState {
    Ready,
    /// Somebody began, and left without an end: what they did is to be undone.
    Unfinished,
    Closed,
}

/// A writing transaction. What it did is undone unless it is committed.
pub(crate) struct Transaction(Option<OwnedMutexGuard<Seat>>);

/// How a writing transaction starts: with the write lock in hand. Started as a reader it could lose the race for the lock
/// later and fail in the middle (SQLITE_BUSY_SNAPSHOT, <https://www.sqlite.org/isolation.html>).
const BEGIN_WRITING: &str = "BEGIN IMMEDIATE";

/// How long a statement waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for its turn behind the other writers of this process.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that only read.
const READERS: u32 = 4;

/// After so many pages (16 MB) the write-ahead log is folded into the file; SQLite's own 1,000 are a hundred messages, and
/// each folding flushes the disk twice more.
const CHECKPOINT_PAGES: &str = "4000";

/// What stands at the start of each database file, <https://www.sqlite.org/fileformat.html#the_database_header>.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Our mark in the header's field for it: "Post".
const APPLICATION_ID: u32 = 0x506f_7374;
const SET_MARK: &str = "PRAGMA application_id = 0x506f7374";

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first release", include_str!("../../migrations/sqlite/0001_first_release.sql")),
    (2, "users and sessions", include_str!("../../migrations/sqlite/0002_users_and_sessions.sql")),
    (3, "queue", include_str!("../../migrations/sqlite/0003_queue.sql")),
    (4, "step of a trouble", include_str!("../../migrations/sqlite/0004_step_of_a_trouble.sql")),
    (5, "nodes", include_str!("../../migrations/sqlite/0005_nodes.sql")),
    (6, "content by index", include_str!("../../migrations/sqlite/0006_content_by_index.sql")),
];

/// The steps from an empty file to [`NEWEST_VERSION`].
fn migrations() -> Vec<Migration> {
    let step = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    MIGRATIONS.iter().map(step).collect()
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing, or an empty file: one that was being made when the power went.
    Nothing,
    /// A database with tables of this version; 0 when it has none yet.
    Version(i64),
}

/// Looks at the file's header with ordinary reads: a database that isn't ours is not even locked.
fn inspect(path: &Path) -> Result<Found, OpenError> {
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
        _ => Err(OpenError::NotOurs { place: path.display().to_string() }),
    }
}

/// Looks once more, now through SQLite: what a killed process wrote last still lies in the write-ahead log and not in the
/// file. Marks a new database as ours, so that it is known as such if its first migration fails.
async fn recognise(path: &Path, writer: &mut SqliteConnection) -> Result<i64, OpenError> {
    let failed =
        |error: sqlx::Error| OpenError::Store { place: path.display().to_string(), source: error.into() };
    let mark = number(writer, "PRAGMA application_id").await.map_err(failed)?;
    if mark == 0 && number(writer, "SELECT count(*) FROM sqlite_schema").await.map_err(failed)? == 0 {
        sqlx::query(SET_MARK).execute(writer).await.map_err(failed)?;
        return Ok(0);
    }
    if mark != i64::from(APPLICATION_ID) {
        return Err(OpenError::NotOurs { place: path.display().to_string() });
    }
    let version = number(writer, "PRAGMA user_version").await.map_err(failed)?;
    check_version(path, version).map(|_| version)
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(sql).fetch_one(connection).await
}

/// Checks the file before SQLite gets to see it, and makes it where there is none.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) {
        return Err(OpenError::NoDirectory { path: directory.to_owned() });
    }
    match inspect(path)? {
        Found::Version(_) => Ok(()),
        Found::Nothing => create_file(path)
            .map_err(|error| OpenError::NotAccessible { path: path.to_owned(), why: error.to_string() }),
    }
}

/// Brings the tables up to date; tells which version they had.
async fn migrate(path: &Path, writer: &mut SqliteConnection) -> Result<i64, OpenError> {
    let from = recognise(path, writer).await?;
    let migrator = Migrator::with_migrations(migrations());
    migrator.run(writer).await.map_err(|error| explain_migration(&path.display().to_string(), error))?;
    Ok(from)
}

/// Refuses tables that a newer program has made.
fn check_version(path: &Path, found: i64) -> Result<Found, OpenError> {
    if found > NEWEST_VERSION {
        return Err(OpenError::NewerVersion {
            place: path.display().to_string(),
            found,
            known: NEWEST_VERSION,
        });
    }
    Ok(Found::Version(found))
}

/// Makes an empty file that only its owner may read, before SQLite makes one that everybody may, and sees to it that its
/// name survives a power cut.
fn create_file(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// The connection that writes.
async fn connect_writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options =
        connect_options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    options.pragma("wal_autocheckpoint", CHECKPOINT_PAGES).connect().await
}

impl Sqlite {
    /// Opens the file, or makes it; returns it with the version that its tables had.
    pub(crate) async fn open(path: &Path) -> Result<(Self, i64), OpenError> {
        prepare_file(path)?;
        let place = || path.display().to_string();
        let failed = |source: sqlx::Error| OpenError::Store { place: place(), source: source.into() };
        let mut writer = connect_writer(path).await.map_err(failed)?;
        let from = match migrate(path, &mut writer).await {
            Ok(from) => from,
            Err(error) => {
                writer.close().await.map_err(failed)?;
                return Err(error);
            }
        };
        let readers = connect_readers(path).await.map_err(failed)?;
        Ok((Self { writer: Writer::new(path, writer), readers }, from))
    }

    pub(super) async fn one(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(prepare(statement).fetch_optional(&self.readers).await?.map(Row::Sqlite))
    }

    pub(super) async fn all(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(rows(prepare(statement).fetch_all(&self.readers).await?))
    }

    /// There is one writer at a time, whomever it has to wait for.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        self.writer.begin().await
    }

    /// Ends all connections and folds the write-ahead log into the file.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl Writer {
    fn new(path: &Path, connection: SqliteConnection) -> Self {
        let seat = Seat { file: path.to_owned(), connection: Some(connection), state: SeatState::Ready };
        Self(Arc::new(Mutex::new(seat)))
    }

    /// Waits for its turn and starts a transaction.
    async fn begin(&self) -> Result<Transaction, StoreError> {
        let Ok(mut seat) = timeout(TURN_TIMEOUT, self.0.clone().lock_owned()).await else {
            return Err(StoreError::Busy { detail: "waited too long for its turn".to_owned() });
        };
        seat.make_ready().await?;
        let mut transaction = Transaction(Some(seat));
        sqlx::query(BEGIN_WRITING).execute(transaction.connection()).await?;
        Ok(transaction)
    }

    /// Ends the connection; whoever waits in line or comes later gets [`StoreError::Closed`].
    async fn close(&self) {
        let mut seat = self.0.lock().await;
        seat.state = SeatState::Closed;
        if let Some(connection) = seat.connection.take() {
            // Everything that was committed is on disk already: what can fail here is folding the log into the file, which
            // is done again at the next start.
            let _ = connection.close().await;
        }
    }
}

impl Seat {
    /// Sees to it that there is a connection without a transaction; from now on one counts as begun.
    async fn make_ready(&mut self) -> Result<(), StoreError> {
        match std::mem::replace(&mut self.state, SeatState::Unfinished) {
            SeatState::Closed => {
                self.state = SeatState::Closed;
                return Err(StoreError::Closed);
            }
            SeatState::Unfinished => self.undo().await,
            SeatState::Ready => {}
        }
        if self.connection.is_none() {
            self.connection = Some(connect_writer(&self.file).await?);
        }
        Ok(())
    }

    /// Ends what somebody left unfinished. A connection on which that can't be done is given up, which does it too.
    async fn undo(&mut self) {
        if let Some(connection) = &mut self.connection
            && sqlx::query("ROLLBACK").execute(connection).await.is_err()
        {
            self.connection = None;
        }
    }
}

impl Transaction {
    pub(super) async fn run(&mut self, statement: Statement) -> Result<u64, StoreError> {
        Ok(prepare(statement).execute(self.connection()).await?.rows_affected())
    }

    pub(super) async fn all(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(rows(prepare(statement).fetch_all(self.connection()).await?))
    }

    fn connection(&mut self) -> &mut SqliteConnection {
        let seat = self.0.as_mut().expect("it is held until the transaction has ended");
        seat.connection.as_mut().expect("it is there from begin to commit")
    }

    /// Puts it on disk. A connection whose commit has failed is closed: after a failed fsync nobody knows which of its
    /// pages are on disk, and the next commit may succeed without them (<https://www.sqlite.org/rescode.html#ioerr_fsync>).
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        let committed = sqlx::query("COMMIT").execute(self.connection()).await;
        // Given up before this, it is ended by `drop`.
        if let Some(mut seat) = self.0.take() {
            match &committed {
                Ok(_) => seat.state = SeatState::Ready,
                Err(_) => seat.connection = None,
            }
        }
        Ok(committed.map(|_| ())?)
    }

    pub(super) async fn undo(mut self) -> Result<(), StoreError> {
        if let Some(seat) = self.0.take() {
            end_unfinished(seat).await;
        }
        Ok(())
    }
}

impl Drop for Transaction {
    /// What was not committed is undone before the next in line gets the seat.
    fn drop(&mut self) {
        if let (Some(seat), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(end_unfinished(seat));
        }
    }
}

async fn end_unfinished(mut seat: OwnedMutexGuard<Seat>) {
    seat.undo().await;
    seat.state = SeatState::Ready;
}

/// The statement as sqlx has it for SQLite.
fn prepare(statement: Statement) -> Query<'static, sqlx::Sqlite, SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in statement.values {
        let added = match value {
            Value::Number(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Flag(flag) => arguments.add(flag),
        };
        added.expect("numbers, texts and bytes are encoded as they are");
    }
    sqlx::query_with(statement.sql, arguments)
}

/// The rows as all engines have them.
fn rows(rows: Vec<sqlx::sqlite::SqliteRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Sqlite).collect()
}

/// The connections that read. Opened after the writer: it makes the write-ahead log that they share.
async fn connect_readers(path: &Path) -> Result<sqlx::Pool<sqlx::Sqlite>, sqlx::Error> {
    let options = connect_options(path).pragma("query_only", "ON");
    PoolOptions::new().max_connections(READERS).acquire_timeout(TURN_TIMEOUT).connect_with(options).await
}

/// Whose fault it is.
pub(super) fn explain(refused: &dyn DatabaseError) -> StoreError {
    match refused.code().and_then(|code| code.parse().ok()) {
        Some(code) => classify(code, refused.message().to_owned()),
        None => StoreError::Unexpected { detail: refused.to_string() },
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
    use crate::engine::statement;
    use crate::record::Record;

    #[tokio::test]
    async fn content_that_waits_in_the_file_of_an_older_program_is_kept() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("postern.db");
        prepare_file(&path).unwrap();
        let mut writer = connect_writer(&path).await.unwrap();
        recognise(&path, &mut writer).await.unwrap();
        let older = migrations().into_iter().filter(|step| step.version <= 5).collect();
        Migrator::with_migrations(older).run(&mut writer).await.unwrap();
        let insert = "INSERT INTO content VALUES ('m', 1, x'02'), ('m', 0, x'01')";
        sqlx::query(insert).execute(&mut writer).await.unwrap();
        writer.close().await.unwrap();
        let (sqlite, from) = Sqlite::open(&path).await.unwrap();
        assert_eq!(from, 5);
        let rows =
            sqlite.all(statement("SELECT message_id, octets FROM content ORDER BY piece")).await.unwrap();
        let octets = |row| Record::new("content", "message_id", row).get::<Vec<u8>>("octets").unwrap();
        assert_eq!(rows.iter().map(octets).collect::<Vec<_>>(), [[1], [2]]);
    }

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
