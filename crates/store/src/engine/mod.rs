//! SQL and the rows it brings, as the tables' modules see them: portable text with `$1`, values, columns by name. What is
//! one engine's own stands in its file. It must never paste a value into the text. Its neighbours are `database`, which
//! runs what is written here, and every module that has a table.

pub(crate) mod sqlite;

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Decode, Row as _, SqlSafeStr, SqlStr, Type};

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

/// A row that a statement brought.
pub(crate) struct Row(pub(crate) sqlx::sqlite::SqliteRow);

/// What can be read from a column.
pub(crate) trait Column<'r>: Decode<'r, sqlx::Sqlite> + Type<sqlx::Sqlite> {}

impl<'r, T> Column<'r> for T where T: Decode<'r, sqlx::Sqlite> + Type<sqlx::Sqlite> {}

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

/// The text of a statement about many rows: `head`, then `VALUES` with as many `$n` as `rows` times `columns`, then `tail`.
pub(crate) fn many_rows(head: &'static str, columns: usize, rows: usize, tail: &'static str) -> SqlStr {
    let mut text = String::with_capacity(head.len() + tail.len() + rows * columns * 6);
    text.push_str(head);
    for row in 0..rows {
        text.push_str(if row == 0 { " (" } else { ", (" });
        for column in 0..columns {
            text.push_str(if column == 0 { "$" } else { ", $" });
            text.push_str(&(row * columns + column + 1).to_string());
        }
        text.push(')');
    }
    text.push_str(tail);
    // Behind an Arc: the same text is run again and again.
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

impl Row {
    pub(crate) fn try_get<'r, T: Column<'r>>(&'r self, column: &str) -> Result<T, sqlx::Error> {
        self.0.try_get(column)
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
    fn a_statement_about_many_rows_numbers_its_values_in_order() {
        let text = many_rows("INSERT INTO t VALUES", 2, 3, " RETURNING a");
        assert_eq!(text.as_str(), "INSERT INTO t VALUES ($1, $2), ($3, $4), ($5, $6) RETURNING a");
    }
}
