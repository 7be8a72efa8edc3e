//! The name of a message: RFC 5322 §3.6.4. It stays the same however often the message is tried.

use std::fmt;
use std::str::FromStr;

/// A Message-ID: printable ASCII without spaces and angle brackets. Displayed with its angle brackets, as it
/// stands in the header and as a message trace in the Exchange admin center wants it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId {
    bare: String,
}

/// The text isn't `left@right` of printable ASCII without spaces and brackets, at most 250 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Message-ID is <left@right>, without spaces")]
pub struct InvalidMessageId;

/// A header line has at most 998 octets (RFC 5322 §2.1.1); a name that long helps nobody.
const MAX_OCTETS: usize = 250;

impl MessageId {
    /// Reads the name that somebody else gave a message, from the value of its field: devices put colons,
    /// quotes and no `@` at all into it. None where nothing printable stands there, or more than one word.
    pub fn read(value: &str) -> Option<MessageId> {
        let text = value.trim();
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let sound = bare.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>".contains(&byte));
        (sound && !bare.is_empty() && bare.len() <= MAX_OCTETS).then(|| MessageId { bare: bare.to_owned() })
    }

    /// Without its angle brackets.
    pub fn bare(&self) -> &str {
        &self.bare
    }
}

impl FromStr for MessageId {
    type Err = InvalidMessageId;

    /// Takes it with or without its angle brackets.
    fn from_str(text: &str) -> Result<Self, InvalidMessageId> {
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let printable = bare.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"(),;:\\".contains(&byte));
        let halves = bare
            .split_once('@')
            .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains('@'));
        match printable && halves && bare.len() <= MAX_OCTETS {
            true => Ok(MessageId { bare: bare.to_owned() }),
            false => Err(InvalidMessageId),
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{}>", self.bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_may_be_missing_and_are_shown() {
        let id: MessageId = "0190c2@postern.contoso.com".parse().unwrap();
        assert_eq!(id.to_string(), "<0190c2@postern.contoso.com>");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn the_odd_names_of_devices_are_read_and_broken_ones_are_not() {
        for text in ["<2026:11,22@scanner>", " <\"a\"@b>\r\n", "job-17", "<a@b@c>"] {
            assert!(MessageId::read(text).is_some(), "{text:?}");
        }
        for text in ["", "<>", " \r\n", "<a b@c>", "<a@b> <c@d>", "<a@b> (comment)", "<é@b>"] {
            assert_eq!(MessageId::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_would_break_a_header_is_refused() {
        for text in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\r\nBcc: eve@x", "a@b>", "pelé@x", "<a@b"] {
            assert_eq!(text.parse::<MessageId>(), Err(InvalidMessageId), "{text:?}");
        }
        assert!(format!("{}@b", "a".repeat(249)).parse::<MessageId>().is_err());
    }
}
