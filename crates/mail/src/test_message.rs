//! The message that *Send Test Email* sends: short, honest about where it comes from, and valid enough
//! that no filter holds it back. It never carries a secret.

use std::fmt::Write as _;

use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};
use time::OffsetDateTime;

use crate::{Address, MessageId};

/// What a test message is made of.
#[derive(Debug, Clone, Copy)]
pub struct TestMessage<'a> {
    /// The mailbox it goes out as; it stands in From.
    pub from: &'a Address,
    /// Who gets it; it stands in To.
    pub to: &'a Address,
    /// The name of the account that is tested.
    pub account: &'a str,
    /// The name of the host that Postern runs on.
    pub host: &'a str,
    /// What else the reader may want to know, as (label, value): sign-in, transport, credential …
    pub facts: &'a [(&'a str, &'a str)],
    /// Its name; the caller keeps it to find the message again.
    pub message_id: &'a MessageId,
}

/// The message as RFC 5322 bytes, lines ended by CRLF: a text and a small HTML alternative.
pub fn compose(message: &TestMessage<'_>, now: OffsetDateTime) -> Vec<u8> {
    let boundary = format!("=_{}", message.message_id.bare());
    let body = MimePart::new(
        ContentType::new("multipart/alternative").attribute("boundary", boundary),
        BodyPart::Multipart(vec![
            MimePart::new("text/plain", BodyPart::Text(plain_text(message, now).into())),
            MimePart::new("text/html", BodyPart::Text(html(message, now).into())),
        ]),
    );
    let mut bytes = Vec::new();
    MessageBuilder::new()
        .from(message.from.as_str())
        .to(message.to.as_str())
        .subject(format!("Postern test message ({})", message.account))
        .date(now.unix_timestamp())
        .message_id(message.message_id.bare())
        .body(body)
        .serialize(&mut bytes);
    bytes
}

const GREETING: &str = "This test message was sent by Postern. If you can read it, mail flows.";

fn plain_text(message: &TestMessage<'_>, now: OffsetDateTime) -> String {
    let mut text = format!("{GREETING}\r\n\r\n");
    for (label, value) in lines(message, now) {
        write!(text, "{label}: {value}\r\n").expect("writing to a String can't fail");
    }
    text
}

fn html(message: &TestMessage<'_>, now: OffsetDateTime) -> String {
    let mut rows = String::new();
    for (label, value) in lines(message, now) {
        let label = html_escape::encode_text(&label).into_owned();
        let value = html_escape::encode_text(&value).into_owned();
        write!(rows, "<tr><th align=\"left\">{label}</th><td>{value}</td></tr>\r\n")
            .expect("writing to a String can't fail");
    }
    format!(
        "<!doctype html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Postern test message</title>\
         </head><body>\r\n<p>{GREETING}</p>\r\n<table>\r\n{rows}</table>\r\n</body></html>\r\n"
    )
}

fn lines(message: &TestMessage<'_>, now: OffsetDateTime) -> Vec<(String, String)> {
    let own = [
        ("Account", message.account.to_owned()),
        ("From", message.from.to_string()),
        ("To", message.to.to_string()),
        ("Host", message.host.to_owned()),
        ("Time", written_time(now)),
    ];
    let facts = message.facts.iter().map(|(label, value)| (*label, (*value).to_owned()));
    own.into_iter().chain(facts).map(|(label, value)| (label.to_owned(), one_line(&value))).collect()
}

/// A value stands on one line, whatever an administrator typed.
fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn written_time(now: OffsetDateTime) -> String {
    let now = now.to_offset(time::UtcOffset::UTC);
    let (hour, minute, second) = now.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", now.date())
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};
    use time::macros::datetime;

    use super::*;

    fn composed(account: &str, from: &str) -> Vec<u8> {
        compose(
            &TestMessage {
                from: &from.parse().unwrap(),
                to: &"ann@fabrikam.com".parse().unwrap(),
                account,
                host: "gate.contoso.com",
                facts: &[("Transport", "Microsoft Graph")],
                message_id: &"0190c2@contoso.com".parse().unwrap(),
            },
            datetime!(2026-11-21 10:00:05 UTC),
        )
    }

    #[test]
    fn it_reads_back_with_its_own_id_and_date_and_both_bodies() {
        let bytes = composed("Production", "relay@contoso.com");
        let message = MessageParser::new().parse(&bytes).unwrap();
        assert_eq!(message.message_id(), Some("0190c2@contoso.com"));
        assert_eq!(message.date().unwrap().to_rfc3339(), "2026-11-21T10:00:05Z");
        assert_eq!(message.subject(), Some("Postern test message (Production)"));
        assert_eq!(message.from().unwrap().first().unwrap().address(), Some("relay@contoso.com"));
        assert_eq!(message.to().unwrap().first().unwrap().address(), Some("ann@fabrikam.com"));
        assert_eq!(message.part(0).unwrap().content_type().unwrap().subtype(), Some("alternative"));
        let text = message.body_text(0).unwrap();
        assert!(text.contains("If you can read it, mail flows."), "{text}");
        assert!(text.contains("Transport: Microsoft Graph"), "{text}");
        assert!(text.contains("Time: 2026-11-21 10:00:05 UTC"), "{text}");
        assert!(message.body_html(0).unwrap().contains("<td>gate.contoso.com</td>"));
    }

    #[test]
    fn every_line_ends_in_crlf_and_is_short_and_the_same_input_gives_the_same_bytes() {
        let bytes = composed("Production", "relay@contoso.com");
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        assert!(text.ends_with("\r\n"));
        assert!(text.split("\r\n").all(|line| line.len() <= 998));
        assert_eq!(bytes, composed("Production", "relay@contoso.com"));
    }

    #[test]
    fn an_account_name_can_neither_add_a_header_nor_markup() {
        let bytes =
            composed("x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script> é", "relay@contoso.com");
        let message = MessageParser::new().parse(&bytes).unwrap();
        assert!(message.bcc().is_none());
        assert!(!message.body_html(0).unwrap().contains("<script>"));
        assert!(message.body_text(0).unwrap().contains("Account: x Bcc: eve@evil.example"));
    }

    #[test]
    fn an_international_sender_stays_whole() {
        let bytes = composed("Production", "pelé@contoso.com");
        let message = MessageParser::new().parse(&bytes).unwrap();
        assert_eq!(message.from().unwrap().first().unwrap().address(), Some("pelé@contoso.com"));
    }
}
