//! What is PostgreSQL's own: how a connection is made, how a database is recognised, what its error codes mean, its tables, and
//! how nodes tell each other. It must never change a database that isn't Postern's or is newer than this program. Its
//! neighbour is `location`, which reads the address.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgArguments, PgDatabaseError, PgListener, PgRow};
use sqlx::query::Query;
use sqlx::{Arguments, ConnectOptions, Connection, SqlSafeStr};
use tokio::sync::broadcast;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Among, NEWEST_VERSION, Row, Statement, Value, explain_migration};
use crate::failure::{Barrier, OpenError, StoreError};
use crate::location::PostgresAddress;
use crate::news::{News, read_letter};
use crate::queue::Ring;

/// How many connections one node uses: one for the group commit, one that listens, the rest for everybody else.
const CONNECTIONS: u32 = 12;
/// How long a call waits for one of them.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait before the next try to reach a server that is gone.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);

/// Held by a transaction that must be alone among those that look something up before they write. Group commits don't take
/// it. The number is arbitrary: "Post".
const BE_ALONE: &str = "SELECT pg_advisory_xact_lock(1349481332)";

/// The oldest server that knows all that is used here (`MATERIALIZED`), <https://www.postgresql.org/docs/release/12.0/>.
const OLDEST_SERVER: i64 = 12;

/// How long a server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The channels of rings and of news.
const RINGS: &str = "postern_rings";
const NEWS: &str = "postern_news";

/// Says to other nodes what is in the list of values.
pub(crate) const RING: &str = "SELECT pg_notify('postern_rings', v.column1) FROM (VALUES";

/// Tells other nodes the news in the value. Nothing is written that would have to be flushed.
pub(crate) const TELL: &str =
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify('postern_news', $1)::text";

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (3, "first release", include_str!("../../migrations/postgres/0003_first_release.sql")),
    (4, "step of a trouble", include_str!("../../migrations/postgres/0004_step_of_a_trouble.sql")),
    (5, "nodes", include_str!("../../migrations/postgres/0005_nodes.sql")),
    (6, "content by index", include_str!("../../migrations/postgres/0006_content_by_index.sql")),
];

/// A database on a server.
#[derive(Debug, Clone)]
pub(crate) struct Postgres(sqlx::Pool<sqlx::Postgres>);

/// A transaction.
pub(crate) struct Transaction(sqlx::Transaction<'static, sqlx::Postgres>);

impl Postgres {
    /// Opens the database and brings its tables up to date; returns it with the version that they had.
    pub(crate) async fn open(address: &PostgresAddress) -> Result<(Self, i64), OpenError> {
        let place = address.to_string();
        // Whatever the server's default is: what was answered is on disk.
        let options = address.options().options([("synchronous_commit", "on")]);
        let pool = PoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(TURN_TIMEOUT);
        let unreachable = |error: sqlx::Error| OpenError::Unreachable {
            place: place.clone(),
            why: words_of(&error),
            barrier: barrier_of(&error),
        };
        for file in address.files() {
            std::fs::read(file).map(drop).map_err(|error| OpenError::Unreachable {
                place: place.clone(),
                why: format!("cannot read {}: {error}", file.display()),
                barrier: Barrier::Tls,
            })?;
        }
        // The pool would try again and again, and then say only that it took too long.
        let first = timeout(CONNECT_TIMEOUT, options.connect()).await.unwrap_or_else(|_| {
            Err(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "no answer within ten seconds",
            )))
        });
        first.map_err(unreachable)?.close().await.map_err(unreachable)?;
        let pool = pool.connect_with(options).await.map_err(unreachable)?;
        let migrated = match check_server(&place, &pool).await {
            Ok(()) => migrate(&place, &pool).await,
            Err(error) => Err(error),
        };
        if migrated.is_err() {
            pool.close().await;
        }
        Ok((Self(pool), migrated?))
    }

    pub(super) async fn one(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(prepare(statement).fetch_optional(&self.0).await?.map(Row::Postgres))
    }

    pub(super) async fn all(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(rows(prepare(statement).fetch_all(&self.0).await?))
    }

    pub(super) async fn begin(&self, among: Among) -> Result<Transaction, StoreError> {
        let mut transaction = self.0.begin().await?;
        if among == Among::All {
            sqlx::query(BE_ALONE).execute(&mut *transaction).await?;
        }
        Ok(Transaction(transaction))
    }

    pub(super) async fn close(&self) {
        self.0.close().await;
    }

    /// Hears from now on what nodes tell each other, this one included.
    pub(crate) async fn listen(&self) -> Result<PgListener, StoreError> {
        let mut listener = PgListener::connect_with(&self.0).await?;
        listener.listen_all([RINGS, NEWS]).await?;
        Ok(listener)
    }
}

/// Where what is heard is passed on to.
pub(crate) struct Bells {
    pub(crate) rings: broadcast::Sender<Ring>,
    pub(crate) news: broadcast::Sender<News>,
    /// By what this node's own news are known.
    pub(crate) own: Uuid,
}

impl Bells {
    /// Nobody listens where the queue isn't worked on.
    fn pass_on(&self, channel: &str, payload: &str) {
        if channel == NEWS {
            for told in read_letter(self.own, payload) {
                let _ = self.news.send(told);
            }
        } else {
            let _ = self.rings.send(payload.parse().unwrap_or(Ring::Missed));
        }
    }

    fn miss(&self) {
        let _ = self.rings.send(Ring::Missed);
        let _ = self.news.send(News::Missed);
    }
}

/// Passes on what is heard, until the store is closed.
pub(crate) async fn pass_on(mut listener: PgListener, bells: Bells) {
    loop {
        match listener.try_recv().await {
            Ok(Some(told)) => bells.pass_on(told.channel(), told.payload()),
            // The connection was lost and is made again.
            Ok(None) => bells.miss(),
            Err(sqlx::Error::PoolClosed) => return,
            Err(_) => {
                tokio::time::sleep(RECONNECT_INTERVAL).await;
                bells.miss();
            }
        }
    }
}

impl Transaction {
    pub(super) async fn run(&mut self, statement: Statement) -> Result<u64, StoreError> {
        Ok(prepare(statement).execute(&mut *self.0).await?.rows_affected())
    }

    pub(super) async fn all(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(rows(prepare(statement).fetch_all(&mut *self.0).await?))
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    pub(super) async fn undo(self) -> Result<(), StoreError> {
        Ok(self.0.rollback().await?)
    }
}

/// The statement as sqlx has it for PostgreSQL, whose texts hold no NUL.
fn prepare(statement: Statement) -> Query<'static, sqlx::Postgres, PgArguments> {
    let mut arguments = PgArguments::default();
    for value in statement.values {
        let added = match value {
            Value::Number(number) => arguments.add(number),
            Value::Text(Some(text)) if text.contains('\0') => arguments.add(text.replace('\0', "\u{fffd}")),
            Value::Text(text) => arguments.add(text),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Flag(flag) => arguments.add(flag),
        };
        added.expect("numbers, texts and bytes are encoded as they are");
    }
    sqlx::query_with(statement.sql, arguments)
}

fn rows(rows: Vec<PgRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Postgres).collect()
}

/// Brings the tables up to date; tells which version they had. Of several nodes that start at once, one does it.
async fn migrate(place: &str, pool: &sqlx::Pool<sqlx::Postgres>) -> Result<i64, OpenError> {
    let from = recognise(place, pool).await?;
    let step = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let migrator = Migrator::with_migrations(MIGRATIONS.iter().map(step).collect());
    migrator.run(pool).await.map_err(|error| explain_migration(place, error))?;
    Ok(from)
}

/// Refuses a server that doesn't know what the statements here use.
async fn check_server(place: &str, pool: &sqlx::Pool<sqlx::Postgres>) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| OpenError::Store { place: place.to_owned(), source: error.into() };
    let number = "SELECT current_setting('server_version_num')::bigint";
    let number: i64 = sqlx::query_scalar(number).fetch_one(pool).await.map_err(failed)?;
    match major_version(number) {
        found if found < OLDEST_SERVER => {
            Err(OpenError::OldServer { place: place.to_owned(), found, needed: OLDEST_SERVER })
        }
        _ => Ok(()),
    }
}

/// From 10 on, <https://www.postgresql.org/support/versioning/>; 9.6.24 is 90624.
fn major_version(server_version_num: i64) -> i64 {
    server_version_num / 10_000
}

/// What the server said, or the system; a server's own words stand alone.
fn words_of(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(refused) => refused.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// By the codes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn barrier_of(error: &sqlx::Error) -> Barrier {
    let code = error.as_database_error().and_then(|refused| refused.code().map(std::borrow::Cow::into_owned));
    match (error, code.as_deref()) {
        (_, Some("3D000")) => Barrier::Database,
        (_, Some(code)) if code.starts_with("28") || code == "42501" => Barrier::Login,
        (sqlx::Error::Tls(_) | sqlx::Error::Configuration(_), _) => Barrier::Tls,
        // A handshake that fails is an error of the connection's.
        (sqlx::Error::Io(error), _) if error.kind() == std::io::ErrorKind::InvalidData => Barrier::Tls,
        _ => Barrier::Network,
    }
}

/// The version of its tables; 0 for a database without any. One that holds another program's is refused.
async fn recognise(place: &str, pool: &sqlx::Pool<sqlx::Postgres>) -> Result<i64, OpenError> {
    let failed = |error: sqlx::Error| OpenError::Store { place: place.to_owned(), source: error.into() };
    let number = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(pool);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    let ours = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()
                AND tablename IN ('_sqlx_migrations', 'facts', 'messages', 'lanes')";
    match (number(tables).await.map_err(failed)?, number(ours).await.map_err(failed)?) {
        (0, _) => return Ok(0),
        (_, 4) => {}
        // Only sqlx's own: one that was stopped while it was being made.
        (1, 1) => {}
        _ => return Err(OpenError::NotOurs { place: place.to_owned() }),
    }
    let found = number("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").await.map_err(failed)?;
    match found > NEWEST_VERSION {
        true => Err(OpenError::NewerVersion { place: place.to_owned(), found, known: NEWEST_VERSION }),
        false => Ok(found),
    }
}

/// Whose fault it is.
pub(super) fn explain(refused: &PgDatabaseError) -> StoreError {
    classify(refused.code(), refused.message().to_owned())
}

/// SQLSTATE codes, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn classify(code: &str, detail: String) -> StoreError {
    match (&code[..code.len().min(2)], code) {
        // A name that was free when it was looked up; a deadlock or a conflict of two transactions; too many connections.
        (_, "23505") | ("40", _) | ("55", _) => StoreError::Busy { detail },
        (_, "53100") => StoreError::Full { detail },
        ("53", _) => StoreError::Busy { detail },
        (_, "25006" | "42501") => StoreError::ReadOnly { detail },
        ("58", _) => StoreError::Io { detail },
        ("XX", _) if code != "XX000" => StoreError::Damaged { detail },
        ("08" | "57" | "28" | "3D", _) => StoreError::Unreachable { detail },
        _ => StoreError::Unexpected { detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_server_is_read_as_its_makers_write_it() {
        for (number, major) in [(90_624, 9), (110_022, 11), (120_000, 12), (150_014, 15), (180_001, 18)] {
            assert_eq!(major_version(number), major);
            assert_eq!(major < OLDEST_SERVER, number < 120_000);
        }
    }

    #[test]
    fn each_result_code_of_postgresql_says_whose_fault_it_is() {
        for (code, expected) in [
            ("23505", "database_busy"),        // unique_violation
            ("40P01", "database_busy"),        // deadlock_detected
            ("40001", "database_busy"),        // serialization_failure
            ("53300", "database_busy"),        // too_many_connections
            ("53100", "disk_full"),            // disk_full
            ("58030", "disk_error"),           // io_error
            ("25006", "database_read_only"),   // read_only_sql_transaction
            ("42501", "database_read_only"),   // insufficient_privilege
            ("XX001", "database_damaged"),     // data_corrupted
            ("57P01", "database_unreachable"), // admin_shutdown
            ("57P03", "database_unreachable"), // cannot_connect_now
            ("28P01", "database_unreachable"), // invalid_password
            ("42601", "database_refused"),     // syntax_error
            ("", "database_refused"),
        ] {
            assert_eq!(classify(code, String::new()).code(), expected, "{code}");
        }
    }
}
