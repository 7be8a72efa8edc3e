//! What a submitter asked to be told: the parameters of RFC 3461 on `MAIL` and `RCPT`. Each is read from its
//! value in the command, refuses what the standard refuses, and is written back as it must stand in the next
//! command. Neighbour: `dsn`, which writes the reports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much of the message a report brings back: `RET=` (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ret {
    /// `FULL`: the whole message.
    Full,
    /// `HDRS`: its header only.
    Headers,
}

/// The submitter's own name for the message: `ENVID=` (RFC 3461 §4.4). Held decoded; printable ASCII, at most
/// 100 octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvId(String);

/// When a recipient's fate is to be reported: `NOTIFY=` (RFC 3461 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Notify {
    success: bool,
    failure: bool,
    delay: bool,
}

/// The recipient as the submitter first knew it: `ORCPT=` (RFC 3461 §4.2), `rfc822;ann@contoso.com`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Orcpt {
    kind: String,
    address: String,
}

/// What may be reported about a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was handed on.
    Success,
    /// It won't be delivered.
    Failure,
    /// It is still waiting.
    Delay,
}

/// The value of a parameter isn't what RFC 3461 allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// Neither `FULL` nor `HDRS`.
    #[error("RET is FULL or HDRS")]
    Ret,
    /// Not xtext, longer than 100 octets, or nothing printable in it.
    #[error("ENVID is up to 100 octets of xtext")]
    EnvId,
    /// Not `NEVER`, and not a list of `SUCCESS`, `FAILURE` and `DELAY`.
    #[error("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY")]
    Notify,
    /// No type, no address, or neither xtext nor UTF-8.
    #[error("ORCPT is a type, a semicolon and an address in xtext")]
    Orcpt,
}

/// RFC 3461 §4.4.
const MAX_ENVID_OCTETS: usize = 100;
/// RFC 3461 §4.2.
const MAX_ORCPT_OCTETS: usize = 500;

impl EnvId {
    /// The name as the submitter meant it, without the encoding of the command.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Notify {
    /// What is reported where the submitter asked for nothing: RFC 3461 §4.1 leaves FAILURE and DELAY.
    pub const UNASKED: Notify = Notify { success: false, failure: true, delay: true };

    /// Whether `event` is to be reported.
    pub fn asks_for(&self, event: Event) -> bool {
        match event {
            Event::Success => self.success,
            Event::Failure => self.failure,
            Event::Delay => self.delay,
        }
    }
}

impl Orcpt {
    /// The type of the address: `rfc822`, `utf-8` …
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The address, without the encoding of the command.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl FromStr for Ret {
    type Err = InvalidRequest;

    fn from_str(value: &str) -> Result<Self, InvalidRequest> {
        match value.to_ascii_uppercase().as_str() {
            "FULL" => Ok(Ret::Full),
            "HDRS" => Ok(Ret::Headers),
            _ => Err(InvalidRequest::Ret),
        }
    }
}

impl FromStr for EnvId {
    type Err = InvalidRequest;

    fn from_str(value: &str) -> Result<Self, InvalidRequest> {
        let text = decode_xtext(value).ok_or(InvalidRequest::EnvId)?;
        let printable = text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
        match printable && !text.is_empty() && value.len() <= MAX_ENVID_OCTETS {
            true => Ok(EnvId(text)),
            false => Err(InvalidRequest::EnvId),
        }
    }
}

impl FromStr for Notify {
    type Err = InvalidRequest;

    fn from_str(value: &str) -> Result<Self, InvalidRequest> {
        let mut notify = Notify { success: false, failure: false, delay: false };
        if value.eq_ignore_ascii_case("NEVER") {
            return Ok(notify);
        }
        for event in value.split(',') {
            match event.to_ascii_uppercase().as_str() {
                "SUCCESS" => notify.success = true,
                "FAILURE" => notify.failure = true,
                "DELAY" => notify.delay = true,
                _ => return Err(InvalidRequest::Notify),
            }
        }
        Ok(notify)
    }
}

impl FromStr for Orcpt {
    type Err = InvalidRequest;

    fn from_str(value: &str) -> Result<Self, InvalidRequest> {
        let (kind, address) = value.split_once(';').ok_or(InvalidRequest::Orcpt)?;
        let address = decode_xtext(address).ok_or(InvalidRequest::Orcpt)?;
        let is_atom = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        let sound = !kind.is_empty()
            && kind.bytes().all(is_atom)
            && !address.is_empty()
            && !address.chars().any(char::is_control)
            && value.len() <= MAX_ORCPT_OCTETS;
        match sound {
            true => Ok(Orcpt { kind: kind.to_owned(), address }),
            false => Err(InvalidRequest::Orcpt),
        }
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Ret::Full => "FULL",
            Ret::Headers => "HDRS",
        })
    }
}

/// As it stands in the command.
impl fmt::Display for EnvId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_xtext(out, &self.0)
    }
}

/// As it stands in the command.
impl fmt::Display for Notify {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let asked: Vec<&str> = asked.into_iter().filter(|(wish, _)| *wish).map(|(_, word)| word).collect();
        out.write_str(if asked.is_empty() { "NEVER".to_owned() } else { asked.join(",") }.as_str())
    }
}

/// As it stands in the command.
impl fmt::Display for Orcpt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{};", self.kind)?;
        write_xtext(out, &self.address)
    }
}

macro_rules! carried_as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidRequest;

            fn try_from(text: String) -> Result<Self, InvalidRequest> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    )*};
}

carried_as_text!(EnvId, Notify, Orcpt);

/// RFC 3461 §4: `+` and two upper-case hexadecimal digits stand for an octet. Raw UTF-8 may come where
/// SMTPUTF8 was asked for (RFC 6533 §3). None where a digit is missing or the octets aren't UTF-8.
fn decode_xtext(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'+' => octets.push(hex_digit(rest.next()?)? * 16 + hex_digit(rest.next()?)?),
            b'=' | 0..=b' ' | 127 => return None,
            _ => octets.push(octet),
        }
    }
    String::from_utf8(octets).ok()
}

fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// The inverse; a character beyond ASCII is written as RFC 6533 §3 has it, so that the line stays ASCII.
fn write_xtext(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '+' | '=' | '\0'..=' ' | '\x7f' => write!(out, "+{:02X}", u32::from(character))?,
            '!'..='~' => write!(out, "{character}")?,
            _ => write!(out, "\\x{{{:X}}}", u32::from(character))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_read_and_written_back() {
        for value in ["FULL", "HDRS"] {
            assert_eq!(value.parse::<Ret>().unwrap().to_string(), value);
        }
        for value in ["NEVER", "SUCCESS", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"] {
            assert_eq!(value.parse::<Notify>().unwrap().to_string(), value);
        }
        let envid: EnvId = "job+2B17+20a".parse().unwrap();
        assert_eq!((envid.as_str(), envid.to_string().as_str()), ("job+17 a", "job+2B17+20a"));
        let orcpt: Orcpt = "rfc822;ann+2Bnews@contoso.com".parse().unwrap();
        assert_eq!((orcpt.kind(), orcpt.address()), ("rfc822", "ann+news@contoso.com"));
        assert_eq!(orcpt.to_string(), "rfc822;ann+2Bnews@contoso.com");
    }

    #[test]
    fn case_does_not_count_in_keywords() {
        assert_eq!("full".parse(), Ok(Ret::Full));
        assert_eq!("success,Delay".parse::<Notify>().unwrap().to_string(), "SUCCESS,DELAY");
        assert_eq!("never".parse::<Notify>().unwrap().to_string(), "NEVER");
    }

    #[test]
    fn who_asked_for_nothing_hears_of_failure_and_delay() {
        assert!(Notify::UNASKED.asks_for(Event::Failure) && Notify::UNASKED.asks_for(Event::Delay));
        assert!(!Notify::UNASKED.asks_for(Event::Success));
        let never: Notify = "NEVER".parse().unwrap();
        assert!(![Event::Success, Event::Failure, Event::Delay].iter().any(|event| never.asks_for(*event)));
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        for value in ["", "ALL", "FULL,HDRS"] {
            assert_eq!(value.parse::<Ret>(), Err(InvalidRequest::Ret), "{value:?}");
        }
        for value in ["", "NEVER,DELAY", "SUCCESS,", "ALWAYS"] {
            assert_eq!(value.parse::<Notify>(), Err(InvalidRequest::Notify), "{value:?}");
        }
        let long = "a".repeat(101);
        for value in ["", "a b", "a=b", "+2", "+2g", "+0D+0A", "é", &long] {
            assert_eq!(value.parse::<EnvId>(), Err(InvalidRequest::EnvId), "{value:?}");
        }
        let long = format!("rfc822;{}", "a".repeat(500));
        for value in ["", "ann@contoso.com", ";ann", "rfc822;", "rf c;ann", "rfc822;+0D+0ARCPT", &long] {
            assert_eq!(value.parse::<Orcpt>(), Err(InvalidRequest::Orcpt), "{value:?}");
        }
    }

    #[test]
    fn an_international_recipient_is_written_in_ascii() {
        let orcpt: Orcpt = "utf-8;pelé@contoso.com".parse().unwrap();
        assert_eq!(orcpt.to_string(), "utf-8;pel\\x{E9}@contoso.com");
    }

    #[test]
    fn they_travel_through_json_as_in_the_command() {
        let notify: Notify = serde_json::from_str("\"SUCCESS,DELAY\"").unwrap();
        assert_eq!(serde_json::to_string(&notify).unwrap(), "\"SUCCESS,DELAY\"");
        assert!(serde_json::from_str::<EnvId>("\"a b\"").is_err());
    }
}
