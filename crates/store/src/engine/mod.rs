//! SQL and the rows it brings, as the tables' modules see them: portable text with `$1`, values, columns by name. What is
//! one engine's own stands in its file. It must never paste a value into the text. Its neighbours are `database`, which
//! runs what is written here, and every module that has a table.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::sync::Arc;

use sqlx::migrate::MigrateError;
use sqlx::{AssertSqlSafe, Decode, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite, Type};

use crate::failure::{OpenError, StoreError};

/// An open database of either engine.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// A writing transaction. What it did is undone unless it is committed.
pub(crate) enum Transaction {
    Sqlite(sqlite::Transaction),
    Postgres(postgres::Transaction),
}

/// Whom a transaction has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// All others that write: what it looks up stays true until it commits.
    All,
    /// Only those that touch the same rows, where the engine can tell.
    ItsRows,
}

/// The version of the tables that this program makes: the number of the last migration of each engine.
pub(crate) const NEWEST_VERSION: i64 = 6;

/// A value that is bound to a statement. An empty one has a type too: PostgreSQL asks for it.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Flag(bool),
}

/// A statement with its values.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: SqlStr,
    pub(crate) values: Vec<Value>,
}

/// A statement that is put together piece by piece.
pub(crate) struct Composed {
    text: String,
    values: Vec<Value>,
}

/// How the places of values are marked in a text about many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// `$1`, `$2`: what PostgreSQL has.
    Numbered,
    /// `?`. To SQLite `$1` is a name, and sqlx asks it for the name of each mark, which it finds by going through all of
    /// them: with two thousand values that took an eighth of all time.
    Nameless,
}

/// A row that a statement brought.
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

/// What can be read from a column.
pub(crate) trait Column<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Column<'r> for T where T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{}

impl Engine {
    pub(crate) async fn one(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        match self {
            Self::Sqlite(engine) => engine.one(statement).await,
            Self::Postgres(engine) => engine.one(statement).await,
        }
    }

    pub(crate) async fn all(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(engine) => engine.all(statement).await,
            Self::Postgres(engine) => engine.all(statement).await,
        }
    }

    pub(crate) async fn begin(&self, among: Among) -> Result<Transaction, StoreError> {
        Ok(match self {
            Self::Sqlite(engine) => Transaction::Sqlite(engine.begin().await?),
            Self::Postgres(engine) => Transaction::Postgres(engine.begin(among).await?),
        })
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(engine) => engine.close().await,
            Self::Postgres(engine) => engine.close().await,
        }
    }
}

impl Transaction {
    /// Runs a statement; tells how many rows it touched.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.run(statement).await,
            Self::Postgres(transaction) => transaction.run(statement).await,
        }
    }

    pub(crate) async fn all(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.all(statement).await,
            Self::Postgres(transaction) => transaction.all(statement).await,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    pub(crate) async fn undo(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.undo().await,
            Self::Postgres(transaction) => transaction.undo().await,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy { detail: "waited too long for its turn".to_owned() },
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Self::Unreachable { detail: error.to_string() }
            }
            sqlx::Error::Database(refused) => match refused.try_downcast_ref() {
                Some(refused) => postgres::explain(refused),
                None => sqlite::explain(refused.as_ref()),
            },
            _ => Self::Unexpected { detail: error.to_string() },
        }
    }
}

/// A statement whose text stands in the source.
pub(crate) fn statement(sql: &'static str) -> Statement {
    Statement { sql: SqlStr::from_static(sql), values: Vec::new() }
}

impl Statement {
    /// A statement whose text was put together before, and its values.
    pub(crate) fn with(sql: SqlStr, values: Vec<Value>) -> Self {
        Self { sql, values }
    }

    /// Gives the next `$n` its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The question how the engine would go about it.
    #[cfg(test)]
    pub(crate) fn explained(self) -> Self {
        let text = format!("EXPLAIN QUERY PLAN {}", self.sql.as_str());
        Self::with(AssertSqlSafe(text).into_sql_str(), self.values)
    }
}

impl Composed {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Adds text that stands in the source.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a value: the text gets its `$n`.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Adds a list of values, separated by commas.
    pub(crate) fn push_list(&mut self, values: impl IntoIterator<Item: Into<Value>>) -> &mut Self {
        for (position, value) in values.into_iter().enumerate() {
            if position > 0 {
                self.text.push_str(", ");
            }
            self.push_bind(value);
        }
        self
    }

    pub(crate) fn build(self) -> Statement {
        Statement { sql: AssertSqlSafe(self.text).into_sql_str(), values: self.values }
    }
}

/// The text of a statement about many rows: `head`, then `VALUES` with as many marks as `rows` times `columns`, then `tail`.
pub(crate) fn many_rows(
    marks: Marks,
    head: &'static str,
    (rows, columns): (usize, usize),
    tail: &'static str,
) -> SqlStr {
    let mut text = String::with_capacity(head.len() + tail.len() + rows * columns * 6);
    text.push_str(head);
    for row in 0..rows {
        text.push_str(if row == 0 { " (" } else { ", (" });
        for column in 0..columns {
            text.push_str(if column == 0 { "" } else { ", " });
            marks.push(&mut text, row * columns + column + 1);
        }
        text.push(')');
    }
    text.push_str(tail);
    // Behind an Arc: the same text is run again and again.
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

impl Marks {
    fn push(self, text: &mut String, number: usize) {
        match self {
            Self::Numbered => {
                text.push('$');
                text.push_str(&number.to_string());
            }
            Self::Nameless => text.push('?'),
        }
    }
}

impl Row {
    pub(crate) fn try_get<'r, T: Column<'r>>(&'r self, column: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// Why the tables could not be brought up to date.
fn explain_migration(place: &str, error: MigrateError) -> OpenError {
    let place = place.to_owned();
    match error {
        MigrateError::VersionMissing(found) => {
            OpenError::NewerVersion { place, found, known: NEWEST_VERSION }
        }
        MigrateError::VersionMismatch(version) => OpenError::OtherBuild { place, version },
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
            OpenError::Migration { place, source: source.into() }
        }
        other => OpenError::Migration { place, source: StoreError::Unexpected { detail: other.to_string() } },
    }
}

/// Values from what the tables' modules hold.
macro_rules! values {
    ($($variant:ident from $($type:ty),+ => $convert:expr;)+) => { $($(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                let convert: fn($type) -> _ = $convert;
                Self::$variant(Some(convert(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )+)+ };
}

values! {
    Number from i64 => |number| number;
    Number from u32, i32 => i64::from;
    Text from String => |text| text;
    Text from &str, &String => |text| text.to_owned();
    Bytes from Vec<u8> => |bytes| bytes;
    Bytes from &[u8], &Vec<u8> => |bytes| bytes.to_vec();
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&Option<Vec<u8>>> for Value {
    fn from(bytes: &Option<Vec<u8>>) -> Self {
        Self::Bytes(bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_about_many_rows_has_its_values_in_order() {
        let text = |marks| many_rows(marks, "INSERT INTO t VALUES", (3, 2), " RETURNING a");
        assert_eq!(
            text(Marks::Numbered).as_str(),
            "INSERT INTO t VALUES ($1, $2), ($3, $4), ($5, $6) RETURNING a"
        );
        assert_eq!(text(Marks::Nameless).as_str(), "INSERT INTO t VALUES (?, ?), (?, ?), (?, ?) RETURNING a");
    }
}
