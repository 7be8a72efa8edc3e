//! Lists: pages by cursor, an optional filter.

use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store::{Cursor, Page};
use utoipa::IntoParams;

use crate::problem::Problem;

/// Which page of a list, and what to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// How many at most: 1 to 500, 100 by default.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// A text that the items contain.
    filter: Option<String>,
}

impl ListQuery {
    /// The page for the store.
    pub fn page(&self) -> Result<Page, Problem> {
        page(self.limit, self.cursor.as_deref())
    }

    /// The text to look for.
    pub fn filter(&self) -> Option<&str> {
        self.filter.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

/// The page for the store from its two parameters.
pub fn page(limit: Option<u32>, cursor: Option<&str>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(100);
    if !(1..=store::MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid("limit", format_args!("it must be 1 to {}", store::MAX_LIMIT)));
    }
    let cursor =
        cursor.map(str::parse::<Cursor>).transpose().map_err(|error| Problem::invalid("cursor", error))?;
    Ok(Page { cursor, limit })
}

/// A cursor as text.
pub fn cursor(next: Option<Cursor>) -> Option<String> {
    next.map(|cursor| cursor.to_string())
}

/// A list's answer.
pub fn answer(list: impl Serialize) -> Response {
    axum::Json(list).into_response()
}
