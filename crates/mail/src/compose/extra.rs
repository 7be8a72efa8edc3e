//! A field that a program adds to a composed message. It can't be one that Postern writes, and it is one line.

use super::check_line;

/// A header field of the submitter's own: `X-Job: 17`, `Importance: high`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHeader {
    name: String,
    value: String,
}

/// A field that can't be added. The text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// RFC 5322 §2.2: printable ASCII without a colon.
    #[error(
        "{name:?} can't be the name of a header: up to 70 printable ASCII characters without a colon can"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// One that Postern writes, or that belongs to those who carry mail.
    #[error("the header {name} can't be set here: {instead}")]
    Reserved {
        /// The name.
        name: String,
        /// What to do.
        instead: &'static str,
    },
    /// A line break or another control character.
    #[error("the header {name} contains a line break or another control character")]
    ControlCharacter {
        /// The name.
        name: String,
    },
    /// A line of a header has at most 998 octets (RFC 5322 §2.1.1) and can be folded at blanks only.
    #[error("the header {name} has a word of more than {MAX_WORD_OCTETS} octets")]
    LongWord {
        /// The name.
        name: String,
    },
}

const MAX_NAME_OCTETS: usize = 70;
const MAX_WORD_OCTETS: usize = 900;

const OWN_PARTS: [&str; 6] = ["from", "to", "cc", "bcc", "reply-to", "subject"];
const WRITTEN_HERE: [&str; 4] = ["date", "message-id", "mime-version", "sender"];
const OF_CARRIERS: [&str; 2] = ["received", "return-path"];

impl ExtraHeader {
    /// Checks that the field may be added.
    pub fn new(name: &str, value: &str) -> Result<ExtraHeader, InvalidHeader> {
        let owned = || name.to_owned();
        let sound = name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':');
        if !sound || name.is_empty() || name.len() > MAX_NAME_OCTETS {
            return Err(InvalidHeader::Name { name: owned() });
        }
        if let Some(instead) = reserved(&name.to_ascii_lowercase()) {
            return Err(InvalidHeader::Reserved { name: owned(), instead });
        }
        check_line("", value).map_err(|_| InvalidHeader::ControlCharacter { name: owned() })?;
        match value.split(' ').all(|word| word.len() <= MAX_WORD_OCTETS) {
            true => Ok(ExtraHeader { name: owned(), value: value.trim().to_owned() }),
            false => Err(InvalidHeader::LongWord { name: owned() }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says, before any encoding.
    pub fn value(&self) -> &str {
        &self.value
    }
}

fn reserved(name: &str) -> Option<&'static str> {
    match name {
        name if OWN_PARTS.contains(&name) => Some("it is a part of the message with a name of its own"),
        name if WRITTEN_HERE.contains(&name) => Some("Postern writes it"),
        name if name.starts_with("content-") => Some("Postern writes it to fit the parts of the message"),
        name if OF_CARRIERS.contains(&name) || name.starts_with("resent-") => {
            Some("it is for those who carry the message")
        }
        _ => None,
    }
}
