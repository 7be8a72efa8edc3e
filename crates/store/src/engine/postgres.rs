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

use super::{Among, NEWEST_VERSION, Row, Statement, Value, explain_migration};
use crate::failure::{OpenError, StoreError};
use crate::location::PostgresAddress;
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

/// How long a server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The channel of rings.
const CHANNEL: &str = "postern_rings";

/// Says to other nodes what is in the list of values.
pub(crate) const RING: &str = "SELECT pg_notify('postern_rings', v.column1) FROM (VALUES";

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (3, "first release", include_str!("../../migrations/postgres/0003_first_release.sql")),
    (4, "step of a trouble", include_str!("../../migrations/postgres/0004_step_of_a_trouble.sql")),
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
        let unreachable =
            |error: sqlx::Error| OpenError::Unreachable { place: place.clone(), why: error.to_string() };
        // The pool would try again and again, and then say only that it took too long.
        let first = timeout(CONNECT_TIMEOUT, options.connect()).await.unwrap_or_else(|_| {
            Err(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "no answer within ten seconds",
            )))
        });
        first.map_err(unreachable)?.close().await.map_err(unreachable)?;
        let pool = pool.connect_with(options).await.map_err(unreachable)?;
        let migrated = migrate(&place, &pool).await;
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
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}

/// Passes on what is heard, until the store is closed.
pub(crate) async fn pass_on(mut listener: PgListener, bell: broadcast::Sender<Ring>) {
    loop {
        let ring = match listener.try_recv().await {
            Ok(Some(told)) => told.payload().parse().unwrap_or(Ring::Missed),
            // The connection was lost and is made again.
            Ok(None) => Ring::Missed,
            Err(sqlx::Error::PoolClosed) => return,
            Err(_) => {
                tokio::time::sleep(RECONNECT_INTERVAL).await;
                Ring::Missed
            }
        };
        // Nobody listens where the queue isn't worked on.
        let _ = bell.send(ring);
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
        (_, "25006") => StoreError::ReadOnly { detail },
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
    fn each_result_code_of_postgresql_says_whose_fault_it_is() {
        for (code, expected) in [
            ("23505", "database_busy"),        // unique_violation
            ("40P01", "database_busy"),        // deadlock_detected
            ("40001", "database_busy"),        // serialization_failure
            ("53300", "database_busy"),        // too_many_connections
            ("53100", "disk_full"),            // disk_full
            ("58030", "disk_error"),           // io_error
            ("25006", "database_read_only"),   // read_only_sql_transaction
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
