//! What Entra ID says, and what it means: facts 2.4, additions E and F.
//!
//! Microsoft says the numbers can change, so decisions elsewhere go by `error` and `suberror`; a number only
//! chooses the words here. A number that isn't listed falls back to its `suberror`, then to its `error`.

mod application;
mod families;
mod sign_in;

use super::Turn;
use super::words::{Words, words};
use crate::failure::EntraRefusal;
use application::{APPLICATION, CONSENT, CREDENTIALS, SCOPES};
use families::{ERRORS, OUR_FAULT, OUT_OF_ORDER, PASSING, SUBERRORS};
use sign_in::{DEVICE_CODE, GRANT, PERSON, POLICY};

/// One AADSTS number; with a text where one number has several meanings (the texted rows come first).
pub(super) struct Row {
    pub(super) number: u32,
    text: &'static str,
    pub(super) words: Words,
}

const fn row(number: u32, turn: Turn, cause: &'static str, fix: &'static str) -> Row {
    Row { number, text: "", words: words(turn, cause, fix) }
}

const fn texted(number: u32, text: &'static str, turn: Turn, cause: &'static str, fix: &'static str) -> Row {
    Row { number, text, words: words(turn, cause, fix) }
}

/// The words for a refusal; `None` where neither its numbers nor its `error` say more than itself.
pub(super) fn look_up(refusal: &EntraRefusal) -> Option<&'static Words> {
    by_number(refusal)
        .or_else(|| by_suberror(refusal))
        .or_else(|| by_error(refusal))
        .or_else(|| by_status(refusal))
}

/// Whether the number says no more than that another one follows (additions E1).
pub(super) fn is_general(number: u32) -> bool {
    number == 70002
}

/// Whether this is one of the words of `error`.
pub(super) fn is_error(word: &str) -> bool {
    ERRORS.iter().any(|(name, _)| *name == word)
}

/// Whether this is one of the words of `suberror`.
pub(super) fn is_suberror(word: &str) -> bool {
    SUBERRORS.iter().any(|(name, _)| *name == word)
}

/// Whether the table has words for this number.
pub(super) fn is_known(number: u32) -> bool {
    tables().any(|row| row.number == number)
}

fn by_number(refusal: &EntraRefusal) -> Option<&'static Words> {
    let description = refusal.description.to_lowercase();
    let fits = |number: u32| {
        tables().find(|row| row.number == number && description.contains(row.text)).map(|row| &row.words)
    };
    // Of several numbers the specific one is last (additions E1).
    refusal.codes.iter().rev().find_map(|number| fits(*number))
}

fn by_suberror(refusal: &EntraRefusal) -> Option<&'static Words> {
    let suberror = refusal.suberror.as_deref()?;
    SUBERRORS.iter().find(|(name, _)| *name == suberror).map(|(_, words)| words)
}

fn by_error(refusal: &EntraRefusal) -> Option<&'static Words> {
    ERRORS.iter().find(|(name, _)| *name == refusal.error).map(|(_, words)| words)
}

/// A page of a load balancer, or nothing at all: throttled, or out of order.
fn by_status(refusal: &EntraRefusal) -> Option<&'static Words> {
    let is_unsaid = refusal.error.is_empty() && refusal.codes.is_empty();
    (is_unsaid && refusal.is_temporary()).then_some(&OUT_OF_ORDER)
}

/// All rows with a number.
pub(super) fn tables() -> impl Iterator<Item = &'static Row> {
    [CREDENTIALS, APPLICATION, CONSENT, SCOPES, GRANT, POLICY, PERSON, DEVICE_CODE, PASSING, OUR_FAULT]
        .into_iter()
        .flatten()
}

/// All families.
#[cfg(test)]
pub(super) fn families() -> impl Iterator<Item = &'static Words> {
    SUBERRORS.iter().chain(ERRORS).map(|(_, words)| words)
}
