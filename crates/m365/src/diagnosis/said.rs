//! What Microsoft has been seen to say (`recorded.txt`): the words for a code that comes without them, and the way back
//! from words to their code.

use std::sync::LazyLock;

use super::{one_for_each_code, paste};
use crate::account::SignIn;
use crate::failure::{Failure, SmtpRefusal};

/// A section of the record.
#[cfg_attr(not(test), expect(dead_code, reason = "turn, sign-in and what is expected are for the tests"))]
pub(super) struct Section {
    /// The code that the text must be found under.
    pub(super) code: String,
    /// Whose turn it is, as [`super::Turn`] is written.
    pub(super) turn: &'static str,
    /// The sign-in of the account that met it, where it matters.
    pub(super) sign_in: Option<SignIn>,
    /// Nobody is known to have seen these very words: they stand for others of their kind.
    pub(super) is_made_up: bool,
    /// What must stand in cause or fix.
    pub(super) expected: Vec<&'static str>,
    /// What was said.
    pub(super) text: String,
}

/// The whole record.
pub(super) fn sections() -> impl Iterator<Item = Section> {
    include_str!("recorded.txt").split("\n\n").skip(1).map(read_section)
}

fn read_section(section: &'static str) -> Section {
    let (title, rest) = section.split_once('\n').expect("a section has a text");
    let mut words: Vec<&str> = title.trim_start_matches("# ").split(' ').collect();
    let mut take = |word: &str| words.iter().position(|known| *known == word).map(|at| words.remove(at));
    let is_made_up = take("made_up").is_some();
    let sign_in = match (take("application"), take("delegated")) {
        (Some(_), _) => Some(SignIn::Application),
        (_, Some(_)) => Some(SignIn::Delegated),
        _ => None,
    };
    let turn = words.pop().expect("a title ends in whose turn it is");
    let code = words.join(" ");
    let (expected, text): (Vec<&str>, Vec<&str>) = rest.lines().partition(|line| line.starts_with("> "));
    let expected = expected.into_iter().map(|line| &line[2..]).collect();
    Section { code, turn, sign_in, is_made_up, expected, text: text.join("\n").trim().to_owned() }
}

/// What was really said, as the failures that it told of.
static SEEN: LazyLock<Vec<Failure>> = LazyLock::new(|| {
    let really_said = sections().filter(|section| !section.is_made_up);
    really_said
        .flat_map(|section| {
            let failures = paste::read(&section.text).into_iter().flat_map(one_for_each_code);
            failures.filter(move |failure| failure.code() == section.code && !is_bare(failure))
        })
        .collect()
});

/// Whether it is a code and nothing more.
pub(super) fn is_bare(failure: &Failure) -> bool {
    let code = failure.code();
    match failure {
        Failure::Entra(refusal) => is_only(&refusal.description, &code),
        Failure::Graph(refusal) => is_only(&refusal.message, &code),
        Failure::Smtp(refusal) => is_only(&refusal.text, &code),
        Failure::Network(_) | Failure::Local(_) => false,
    }
}

fn is_only(text: &str, code: &str) -> bool {
    let text = text.trim().trim_end_matches([':', '.']);
    text.is_empty() || text == code
}

/// What Microsoft is known to have said with this code.
pub(super) fn with_code_of(bare: &Failure) -> impl Iterator<Item = &'static Failure> {
    let is_meant = move |seen: &Failure| match (bare, seen) {
        (Failure::Smtp(bare), Failure::Smtp(seen)) => has_code_of(bare, seen),
        _ => bare.code() == seen.code(),
    };
    SEEN.iter().filter(move |seen| is_meant(seen))
}

/// Bounces give the enhanced code alone: then the reply code is only the usual one.
fn has_code_of(bare: &SmtpRefusal, seen: &SmtpRefusal) -> bool {
    match &bare.enhanced {
        Some(enhanced) => {
            seen.enhanced.as_ref() == Some(enhanced)
                && (bare.code == seen.code || bare.code == paste::usual_code(enhanced))
        }
        None => bare.code == seen.code && seen.enhanced.is_none(),
    }
}

/// The failures whose words stand in a text without their code.
pub(super) fn find_in(text: &str) -> Vec<Failure> {
    let text = in_plain_words(text);
    TELLING.iter().filter(|(_, words)| text.contains(words)).map(|(seen, _)| (*seen).clone()).collect()
}

/// What was said, with a piece of it that is said with no other code.
static TELLING: LazyLock<Vec<(&'static Failure, String)>> = LazyLock::new(|| {
    let is_telling = |code: &str, piece: &str| {
        SEEN.iter().all(|seen| seen.code() == code || !in_plain_words(&said_by(seen)).contains(piece))
    };
    let pieces = SEEN.iter().filter_map(|seen| Some((seen, longest_piece(&said_by(seen))?)));
    pieces.filter(|(seen, piece)| is_telling(&seen.code(), piece)).collect()
});

fn said_by(failure: &Failure) -> String {
    match failure {
        Failure::Entra(refusal) => refusal.description.clone(),
        Failure::Graph(refusal) => refusal.message.clone(),
        Failure::Smtp(refusal) => refusal.text.clone(),
        Failure::Network(_) | Failure::Local(_) => String::new(),
    }
}

/// The longest piece without names, numbers and marks, which differ from one time to the next.
fn longest_piece(text: &str) -> Option<String> {
    let pieces = text.split(|c: char| c.is_ascii_digit() || "'\"[]{}()<>;:,".contains(c));
    let pieces = pieces.flat_map(|piece| piece.split(". ")).map(in_plain_words);
    pieces.filter(|piece| piece.split(' ').count() >= LEAST_WORDS).max_by_key(String::len)
}

/// Lower case, with single spaces and no full stop at the end.
fn in_plain_words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().trim_end_matches('.').to_owned()
}

/// Fewer words are said by many.
const LEAST_WORDS: usize = 5;
