//! The part of a report that programs read: message/delivery-status (RFC 3464 §2), ASCII only.

use std::fmt::Write as _;

use super::{Action, Fate, Report};
use crate::Address;
use crate::date::written_date;
use crate::dsn_request::Orcpt;

/// RFC 5322 §2.1.1 leaves 998 octets to a line; nobody reads that much of a diagnostic.
const MAX_DIAGNOSTIC_OCTETS: usize = 900;

pub(super) fn write(report: &Report<'_>) -> String {
    let mut text = String::new();
    if let Some(envid) = report.original.envid {
        line(&mut text, "Original-Envelope-Id", envid.as_str());
    }
    line(&mut text, "Reporting-MTA", &format!("dns; {}", printable(report.host)));
    line(&mut text, "Arrival-Date", &written_date(report.original.accepted_at));
    for fate in report.fates {
        text.push_str("\r\n");
        write_fate(&mut text, fate);
    }
    text
}

fn write_fate(text: &mut String, fate: &Fate<'_>) {
    if let Some(orcpt) = fate.orcpt {
        line(text, "Original-Recipient", &original_recipient(orcpt));
    }
    line(text, "Final-Recipient", &typed(fate.recipient));
    line(text, "Action", action(fate.action));
    line(text, "Status", &status_of(fate.said, fate.action));
    if let Some(said) = fate.said {
        line(text, "Diagnostic-Code", &diagnostic(said));
    }
    if let Some(at) = fate.last_attempt {
        line(text, "Last-Attempt-Date", &written_date(at));
    }
    if let Action::Delayed { until } = fate.action {
        line(text, "Will-Retry-Until", &written_date(until));
    }
}

/// The enhanced status code (RFC 3463): the one that the other side gave where it fits what became of the
/// recipient, or the general one.
pub fn status_of(said: Option<&str>, action: Action) -> String {
    let (class, otherwise) = match action {
        Action::Failed => ('5', "5.0.0"),
        // RFC 3463 §3.5: delivery time expired.
        Action::Expired => return "4.4.7".to_owned(),
        Action::Delayed { .. } => ('4', "4.0.0"),
        Action::Relayed => ('2', "2.0.0"),
    };
    let words =
        said.unwrap_or_default().split(|character: char| character.is_whitespace() || character == ':');
    let mut given = words.filter(|word| is_status(word) && word.starts_with(class));
    given.next().unwrap_or(otherwise).to_owned()
}

fn is_status(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let digits =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(digits) && parts[0].len() == 1
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Failed | Action::Expired => "failed",
        Action::Delayed { .. } => "delayed",
        Action::Relayed => "relayed",
    }
}

/// RFC 6533 §3: an address beyond ASCII has a type and an encoding of its own.
fn typed(address: &Address) -> String {
    match address.is_ascii() {
        true => format!("rfc822; {address}"),
        false => format!("utf-8; {}", escaped(address.as_str())),
    }
}

fn original_recipient(orcpt: &Orcpt) -> String {
    format!("{}; {}", orcpt.kind(), escaped(orcpt.address()))
}

fn escaped(text: &str) -> String {
    let written = text.chars().map(|character| match character {
        ' '..='~' => character.to_string(),
        _ => format!("\\x{{{:X}}}", u32::from(character)),
    });
    written.collect()
}

/// RFC 3464 §2.3.6: `smtp` where it is an SMTP reply, a type of our own where it isn't.
fn diagnostic(said: &str) -> String {
    let is_reply = said.len() > 3 && said.bytes().take(3).all(|octet| octet.is_ascii_digit());
    let kind = if is_reply { "smtp" } else { "x-microsoft-graph" };
    let mut text = format!("{kind}; {}", printable(said));
    text.truncate(MAX_DIAGNOSTIC_OCTETS);
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    write!(text, "{name}: {value}\r\n").expect("writing to a String can't fail");
}

/// One line of ASCII, whatever the other side said.
fn printable(text: &str) -> String {
    let ascii = text.chars().map(|character| match character {
        ' '..='~' => character,
        _ if character.is_whitespace() => ' ',
        _ => '?',
    });
    ascii.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}
