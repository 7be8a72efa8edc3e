//! Paging by key: a cursor holds the key of the last row of the page before it. It must never hold a position: rows come
//! and go between two pages, and counting past a million rows is slow. Its neighbours are the lists of the tables.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::failure::CorruptRow;

/// The most rows that one page holds.
pub const MAX_LIMIT: u32 = 500;

/// Which page of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<Cursor>,
    /// How many rows at most. Taken as 1 when it is 0 and as [`MAX_LIMIT`] when it is more.
    pub limit: u32,
}

impl Page {
    /// The first page of at most `limit` rows.
    pub fn first(limit: u32) -> Self {
        Self { cursor: None, limit }
    }

    pub(crate) fn size(&self) -> usize {
        self.limit.clamp(1, MAX_LIMIT) as usize
    }

    /// One row more than the page holds: whether it is there tells whether there is a next page.
    pub(crate) fn fetch_limit(&self) -> i64 {
        i64::from(self.limit.clamp(1, MAX_LIMIT)) + 1
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Paged<T> {
    /// The rows that could be read, in the list's order.
    pub rows: Vec<T>,
    /// The rows of this page that could not: they are named so that someone can mend them, and hide nothing.
    pub corrupt: Vec<CorruptRow>,
    /// Where the next page starts; `None` when this was the last.
    pub next: Option<Cursor>,
}

impl<T> Paged<T> {
    /// Cuts what was fetched (with [`Page::fetch_limit`]) to the page and reads it row by row.
    pub(crate) fn read<R>(
        mut fetched: Vec<R>,
        page: &Page,
        read: impl Fn(&R) -> Result<T, CorruptRow>,
        cursor: impl Fn(&R) -> Result<Cursor, CorruptRow>,
    ) -> Result<Self, CorruptRow> {
        let more = fetched.len() > page.size();
        fetched.truncate(page.size());
        let next = if more { fetched.last().map(cursor).transpose()? } else { None };
        let mut paged = Self { rows: Vec::with_capacity(fetched.len()), corrupt: Vec::new(), next };
        for row in &fetched {
            match read(row) {
                Ok(row) => paged.rows.push(row),
                Err(corrupt) => paged.corrupt.push(corrupt),
            }
        }
        Ok(paged)
    }
}

/// A place in a list, opaque to whoever carries it: `Display` writes it, `FromStr` reads it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Key);

/// The key of the last row that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Name(String),
    Moment { at_ms: i64, id: i64 },
}

/// A cursor that no page of this list has ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this cursor is not one that the list before has given out")]
pub struct BadCursor;

impl Cursor {
    pub(crate) fn after_name(key: String) -> Self {
        Self(Key::Name(key))
    }

    pub(crate) fn before_moment(at_ms: i64, id: i64) -> Self {
        Self(Key::Moment { at_ms, id })
    }

    /// The name to start after; the empty one, which no row has, for the first page.
    pub(crate) fn name(page: &Page) -> Result<&str, BadCursor> {
        match &page.cursor {
            None => Ok(""),
            Some(Self(Key::Name(key))) => Ok(key),
            Some(_) => Err(BadCursor),
        }
    }

    /// The time and id to start before; the end of time for the first page.
    pub(crate) fn moment(page: &Page) -> Result<(i64, i64), BadCursor> {
        match &page.cursor {
            None => Ok((i64::MAX, i64::MAX)),
            Some(Self(Key::Moment { at_ms, id })) => Ok((*at_ms, *id)),
            Some(_) => Err(BadCursor),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.0 {
            Key::Name(key) => format!("n{key}"),
            Key::Moment { at_ms, id } => format!("m{at_ms}.{id}"),
        };
        f.write_str(&URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| BadCursor)?;
        if let Some(key) = text.strip_prefix('n') {
            return Ok(Self(Key::Name(key.to_owned())));
        }
        let (at_ms, id) = text.strip_prefix('m').and_then(|key| key.split_once('.')).ok_or(BadCursor)?;
        let number = |text: &str| text.parse().map_err(|_| BadCursor);
        Ok(Self(Key::Moment { at_ms: number(at_ms)?, id: number(id)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_written_and_read() {
        for cursor in [Cursor::after_name("müller & söhne".to_owned()), Cursor::before_moment(-5, 7)] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        for text in ["", "x", "!!!", "bTUuNg.", "bWE", "bTE"] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let page = Page { cursor: Some(Cursor::before_moment(1, 2)), limit: 10 };
        assert_eq!(Cursor::name(&page), Err(BadCursor));
    }

    #[test]
    fn a_page_holds_at_least_one_row_and_at_most_the_limit() {
        assert_eq!(Page::first(0).size(), 1);
        assert_eq!(Page::first(u32::MAX).size(), MAX_LIMIT as usize);
    }
}
