//! A mail address as SMTP knows it: RFC 5321 §4.1.2 `Mailbox`, with the letters of RFC 6531.
//!
//! Once parsed, an address can be put between `<` and `>` in a command or a header and stays one address:
//! no control character, no line break, no stray angle bracket gets through. It never carries a display name.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One mailbox: `local-part@domain`, at most 254 octets, without a display name.
///
/// Written as it was given, except that needless quotes are taken off (`"ann"@x` is `ann@x`, RFC 5321
/// §4.1.2). Equality is by text; [`Address::is_same_mailbox`] asks as Exchange does, without case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    text: String,
    at: usize,
}

/// Why a text isn't an address. The message names the fault and is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Nothing was given.
    #[error("the address is empty")]
    Empty,
    /// Longer than a path may be.
    #[error("the address is {octets} octets long; at most {MAX_ADDRESS_OCTETS} are allowed")]
    TooLong {
        /// Its length.
        octets: usize,
    },
    /// There is no `@`.
    #[error("the address has no @")]
    NoAt,
    /// A line break, another control character, or one that changes the direction of writing.
    #[error("the address contains a control character")]
    ControlCharacter,
    /// Angle brackets or a display name: `Ann <ann@example.com>`.
    #[error("give the bare address, without a name and without < and >")]
    DisplayName,
    /// The part before the `@`.
    #[error("the part before the @ {0}")]
    LocalPart(&'static str),
    /// The part after the `@`.
    #[error("the domain {0}")]
    Domain(&'static str),
}

/// RFC 5321 §4.5.3.1.3: a path has 256 octets with its angle brackets.
const MAX_ADDRESS_OCTETS: usize = 254;
/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_OCTETS: usize = 64;
/// RFC 1035 §2.3.4.
const MAX_LABEL_OCTETS: usize = 63;

impl Address {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`, with its quotes where it needs them.
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// The part after the `@`: a domain name, or an address literal in brackets.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Whether it can be used without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Whether both name the same mailbox where case doesn't count, as in Exchange.
    pub fn is_same_mailbox(&self, other: &Address) -> bool {
        self.text.to_lowercase() == other.text.to_lowercase()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        check_characters(text)?;
        let at = text.rfind('@').ok_or(InvalidAddress::NoAt)?;
        let local = check_local_part(&text[..at])?;
        check_domain(&text[at + 1..])?;
        let text = format!("{local}@{}", &text[at + 1..]);
        Ok(Address { at: local.len(), text })
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

fn check_characters(text: &str) -> Result<(), InvalidAddress> {
    if text.is_empty() {
        return Err(InvalidAddress::Empty);
    }
    if text.chars().any(is_forbidden) {
        return Err(InvalidAddress::ControlCharacter);
    }
    // A quoted local part could hold them by the letter of RFC 5321. No mailbox of Exchange does, and
    // every parser downstream would have to get the quoting right: refused for safety.
    if text.contains(['<', '>']) {
        return Err(InvalidAddress::DisplayName);
    }
    match text.len() {
        octets if octets > MAX_ADDRESS_OCTETS => Err(InvalidAddress::TooLong { octets }),
        _ => Ok(()),
    }
}

/// Control characters, line and paragraph separators, and marks that reorder what a person sees.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Gives the local part as it is to be written.
fn check_local_part(local: &str) -> Result<&str, InvalidAddress> {
    let fault = InvalidAddress::LocalPart;
    if local.is_empty() {
        return Err(fault("is empty"));
    }
    if local.len() > MAX_LOCAL_OCTETS {
        return Err(fault("is longer than 64 octets"));
    }
    let Some(quoted) = local.strip_prefix('"') else {
        return check_dot_string(local).map(|()| local).map_err(fault);
    };
    let inside = quoted.strip_suffix('"').ok_or(fault("has an open quote"))?;
    check_quoted(inside).map_err(fault)?;
    Ok(if check_dot_string(inside).is_ok() { inside } else { local })
}

/// RFC 5321 §4.1.2 `Dot-string`, with RFC 6531 §3.3 letters.
fn check_dot_string(local: &str) -> Result<(), &'static str> {
    if local.split('.').any(str::is_empty) {
        return Err("has a dot at its begin, its end, or two in a row");
    }
    match local.chars().all(|character| character == '.' || is_atext(character)) {
        true => Ok(()),
        false => Err("contains a character that needs quotes"),
    }
}

/// RFC 5322 §3.2.3 `atext`, with RFC 6532 §3.2 letters beyond ASCII, but no spaces of any script.
fn is_atext(character: char) -> bool {
    match character.is_ascii() {
        true => character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character),
        false => !character.is_whitespace(),
    }
}

/// RFC 5321 §4.1.2 `QcontentSMTP`: printable, with `"` and `\` only behind a backslash.
fn check_quoted(inside: &str) -> Result<(), &'static str> {
    if inside.is_empty() {
        return Err("is empty");
    }
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Err("has a quote inside its quotes"),
            '\\' if !characters.next().is_some_and(|next| next.is_ascii()) => {
                return Err("ends in a backslash");
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), InvalidAddress> {
    let fault = match domain.strip_prefix('[') {
        Some(literal) => check_literal(literal),
        None => domain.split('.').try_for_each(check_label),
    };
    fault.map_err(InvalidAddress::Domain)
}

/// RFC 5321 §4.1.3, without the opening bracket.
fn check_literal(literal: &str) -> Result<(), &'static str> {
    let literal = literal.strip_suffix(']').ok_or("has an open bracket")?;
    let valid = match literal.strip_prefix("IPv6:") {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => literal.parse::<Ipv4Addr>().is_ok(),
    };
    if valid { Ok(()) } else { Err("has brackets, but no IP address in them") }
}

/// RFC 5321 §4.1.2 `sub-domain`, or a U-label (RFC 6531 §3.3).
fn check_label(label: &str) -> Result<(), &'static str> {
    let allowed = |character: char| match character.is_ascii() {
        true => character.is_ascii_alphanumeric() || character == '-',
        false => !character.is_whitespace(),
    };
    match label {
        "" => Err("is empty, or has a dot too many"),
        _ if label.len() > MAX_LABEL_OCTETS => Err("has a part of more than 63 octets"),
        _ if label.starts_with('-') || label.ends_with('-') => Err("has a part with a hyphen at its edge"),
        _ if !label.chars().all(allowed) => Err("contains a character that no domain has"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<Address>().unwrap_err().to_string()
    }

    #[test]
    fn addresses_of_the_wild_are_taken_as_they_are() {
        for text in [
            "relay@contoso.com",
            "o'brien+scanner/2@mail.contoso.co.uk",
            "root@nas",
            "pelé@exämple.com",
            "用户@例子.广告",
            "ann@[192.0.2.1]",
            "ann@[IPv6:2001:db8::1]",
            "\"ann lee\"@contoso.com",
            "\"a@b\"@contoso.com",
            "\"a\\\"b\"@contoso.com",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(format!("{}@{}", address.local_part(), address.domain()), text);
        }
    }

    #[test]
    fn needless_quotes_are_taken_off() {
        let address: Address = "\"ann.lee\"@contoso.com".parse().unwrap();
        assert_eq!(address.as_str(), "ann.lee@contoso.com");
        assert_eq!(address.local_part(), "ann.lee");
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_command_or_a_header() {
        for text in [
            "ann@contoso.com\r\nRCPT TO:<eve@evil.example>",
            "ann@contoso.com\nBcc: eve@evil.example",
            "\"ann\r\nDATA\"@contoso.com",
            "ann\0@contoso.com",
            "ann\t@contoso.com",
            "ann\u{85}@contoso.com",
            "ann\u{2028}@contoso.com",
            "ann\u{202e}@contoso.com",
            "ann@con\u{feff}toso.com",
        ] {
            assert_eq!(refusal(text), "the address contains a control character", "{text:?}");
        }
        assert_eq!(refusal("ann@contoso.com> SIZE=0 <"), refusal("Ann <ann@contoso.com>"));
        assert_eq!(refusal("\"a> <b\"@contoso.com"), refusal("Ann <ann@contoso.com>"));
        assert!("ann@contoso.com SIZE=1".parse::<Address>().is_err());
        assert!("ann@contoso.com, eve@evil.example".parse::<Address>().is_err());
        assert!("eve@evil.example,ann@contoso.com".parse::<Address>().is_err());
    }

    #[test]
    fn each_refusal_names_the_fault() {
        for (text, expected) in [
            ("", "the address is empty"),
            ("ann", "the address has no @"),
            ("Ann <ann@contoso.com>", "give the bare address, without a name and without < and >"),
            ("@contoso.com", "the part before the @ is empty"),
            ("\"\"@contoso.com", "the part before the @ is empty"),
            (".ann@contoso.com", "the part before the @ has a dot at its begin, its end, or two in a row"),
            ("a..b@contoso.com", "the part before the @ has a dot at its begin, its end, or two in a row"),
            ("ann lee@contoso.com", "the part before the @ contains a character that needs quotes"),
            ("a@b@contoso.com", "the part before the @ contains a character that needs quotes"),
            ("\"ann@contoso.com", "the part before the @ has an open quote"),
            ("\"a\"b\"@contoso.com", "the part before the @ has a quote inside its quotes"),
            ("\"a\\\"@contoso.com", "the part before the @ ends in a backslash"),
            ("ann@", "the domain is empty, or has a dot too many"),
            ("ann@contoso..com", "the domain is empty, or has a dot too many"),
            ("ann@contoso.com.", "the domain is empty, or has a dot too many"),
            ("ann@-contoso.com", "the domain has a part with a hyphen at its edge"),
            ("ann@con_toso.com", "the domain contains a character that no domain has"),
            ("ann@[192.0.2]", "the domain has brackets, but no IP address in them"),
            ("ann@[192.0.2.1", "the domain has an open bracket"),
        ] {
            assert_eq!(refusal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        let local = "a".repeat(64);
        let label = "b".repeat(63);
        assert!(format!("{local}@{label}.com").parse::<Address>().is_ok());
        assert_eq!(refusal(&format!("a{local}@x.com")), "the part before the @ is longer than 64 octets");
        assert_eq!(refusal(&format!("a@b{label}.com")), "the domain has a part of more than 63 octets");
        let longest = format!("{local}@{label}.{label}.{}", "c".repeat(254 - 65 - 128));
        assert!(longest.parse::<Address>().is_ok());
        assert_eq!(
            refusal(&format!("{longest}c")),
            "the address is 255 octets long; at most 254 are allowed"
        );
    }

    #[test]
    fn mailboxes_are_compared_without_case_but_addresses_with_it() {
        let one: Address = "Relay@Contoso.com".parse().unwrap();
        let other: Address = "relay@contoso.COM".parse().unwrap();
        assert!(one.is_same_mailbox(&other));
        assert_ne!(one, other);
    }

    #[test]
    fn json_carries_the_text_and_checks_it() {
        let address: Address = serde_json::from_str("\"ann@contoso.com\"").unwrap();
        assert_eq!(serde_json::to_string(&address).unwrap(), "\"ann@contoso.com\"");
        assert!(serde_json::from_str::<Address>("\"ann\"").is_err());
    }
}
