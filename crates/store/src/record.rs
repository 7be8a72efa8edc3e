//! One row as it came from the database, read column by column. A column that doesn't hold what it should becomes a
//! [`CorruptRow`] that names table, id and column: it must never become a default value. Its neighbours are the tables'
//! modules, which build their rows from it.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::engine::{Column, Row};
use crate::failure::CorruptRow;

/// A row of `table`, with the name by which it is reported when it can't be read.
pub(crate) struct Record<'r> {
    table: &'static str,
    id: String,
    row: &'r Row,
}

impl<'r> Record<'r> {
    /// The row of a table whose primary key, `id_column`, is a text.
    pub(crate) fn new(table: &'static str, id_column: &str, row: &'r Row) -> Self {
        let id = row.try_get(id_column).unwrap_or_else(|_| String::from("(unreadable)"));
        Self { table, id, row }
    }

    /// The row of a table whose primary key, `id`, is a number.
    pub(crate) fn numbered(table: &'static str, row: &'r Row) -> Self {
        let id = row.try_get::<i64>("id").map_or_else(|_| String::from("(unreadable)"), |id| id.to_string());
        Self { table, id, row }
    }

    /// Text, number, flag or bytes as they are; `Option` where the column may be empty.
    pub(crate) fn get<T: Column<'r>>(&self, column: &'static str) -> Result<T, CorruptRow> {
        self.row.try_get(column).map_err(|error| self.corrupt(column, describe(&error)))
    }

    pub(crate) fn id(&self, column: &'static str) -> Result<Uuid, CorruptRow> {
        self.parse(column)
    }

    pub(crate) fn parse<T>(&self, column: &'static str) -> Result<T, CorruptRow>
    where
        T: FromStr<Err: Display>,
    {
        let text: &str = self.get(column)?;
        text.parse().map_err(|error| self.corrupt(column, error))
    }

    pub(crate) fn parse_optional<T>(&self, column: &'static str) -> Result<Option<T>, CorruptRow>
    where
        T: FromStr<Err: Display>,
    {
        let text: Option<&str> = self.get(column)?;
        text.map(str::parse).transpose().map_err(|error| self.corrupt(column, error))
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<OffsetDateTime, CorruptRow> {
        time_of(self.get(column)?).ok_or_else(|| self.corrupt(column, "no such time"))
    }

    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<OffsetDateTime>, CorruptRow> {
        let Some(millis) = self.get(column)? else {
            return Ok(None);
        };
        time_of(millis).map(Some).ok_or_else(|| self.corrupt(column, "no such time"))
    }

    pub(crate) fn json(&self, column: &'static str) -> Result<Value, CorruptRow> {
        let text: &str = self.get(column)?;
        serde_json::from_str(text).map_err(|error| self.corrupt(column, error))
    }

    pub(crate) fn optional_json(&self, column: &'static str) -> Result<Option<Value>, CorruptRow> {
        let text: Option<&str> = self.get(column)?;
        text.map(serde_json::from_str).transpose().map_err(|error| self.corrupt(column, error))
    }

    /// An id, where the column isn't empty.
    pub(crate) fn optional_id(&self, column: &'static str) -> Result<Option<Uuid>, CorruptRow> {
        self.optional(column)
    }

    /// What the text stands for, where the column isn't empty.
    pub(crate) fn optional<T>(&self, column: &'static str) -> Result<Option<T>, CorruptRow>
    where
        T: FromStr<Err: Display>,
    {
        let text: Option<&str> = self.get(column)?;
        text.map(str::parse).transpose().map_err(|error: T::Err| self.corrupt(column, error))
    }

    /// A number that counts something: never below zero.
    pub(crate) fn amount(&self, column: &'static str) -> Result<u64, CorruptRow> {
        self.get::<i64>(column)?.try_into().map_err(|error| self.corrupt(column, error))
    }

    /// The same, for what is never much.
    pub(crate) fn count(&self, column: &'static str) -> Result<u32, CorruptRow> {
        self.get::<i64>(column)?.try_into().map_err(|error| self.corrupt(column, error))
    }

    /// The same, where the column isn't empty.
    pub(crate) fn optional_count(&self, column: &'static str) -> Result<Option<u32>, CorruptRow> {
        let number: Option<i64> = self.get(column)?;
        number.map(u32::try_from).transpose().map_err(|error| self.corrupt(column, error))
    }

    /// A text of words that are separated by spaces.
    pub(crate) fn words(&self, column: &'static str) -> Result<Vec<String>, CorruptRow> {
        let text: &str = self.get(column)?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    /// The report that `column` of this row can't be read.
    pub(crate) fn corrupt(&self, column: &'static str, why: impl Display) -> CorruptRow {
        CorruptRow { table: self.table, id: self.id.clone(), column, why: why.to_string() }
    }
}

/// The milliseconds since 1970 that a time is kept as.
pub(crate) fn millis_of(at: OffsetDateTime) -> i64 {
    // An OffsetDateTime lies within the years ±9999: in milliseconds that is less than 2^58.
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).expect("a year within ±9999")
}

fn time_of(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

/// sqlx wraps the reason in "error occurred while decoding column …": the report names the column itself.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::ColumnDecode { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_time_comes_back_to_the_millisecond_before_and_after_1970() {
        for at in [datetime!(1969-12-31 23:59:59.999 UTC), datetime!(9999-12-31 23:59:59.999 UTC)] {
            assert_eq!(time_of(millis_of(at)), Some(at));
        }
    }

    #[test]
    fn a_number_no_calendar_knows_is_no_time() {
        assert_eq!(time_of(i64::MAX), None);
    }
}
