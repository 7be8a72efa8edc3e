//! Delivery status notifications: RFC 3464 in a multipart/report (RFC 6522). A report says in plain words what
//! happened and what to do, then the same for programs, then brings the header of the message back, or all of it.
//!
//! Reports can't loop: one can only be addressed through [`Addressee::of`], which refuses messages with the null
//! sender and messages that are reports themselves; it leaves with the null sender and `Auto-Submitted`
//! (RFC 3834 §3.1.7). Neighbours: `dsn_request` says who wants to hear what, the queue decides when.

mod status;
mod words;

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Written;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};
use time::OffsetDateTime;

use crate::dsn_request::{EnvId, Orcpt};
use crate::header::HeaderBlock;
use crate::{Address, Envelope, MessageId};

pub use status::status_of;

/// What is reported about one message.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Who is told.
    pub to: &'a Addressee,
    /// The mailbox that the report is from: one that the account may send as.
    pub from: &'a Address,
    /// The report's own name.
    pub message_id: &'a MessageId,
    /// This host.
    pub host: &'a str,
    /// What happened to its recipients: one or more.
    pub fates: &'a [Fate<'a>],
    /// The message that it is about.
    pub original: Original<'a>,
}

/// The message that a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// Its id at this gate.
    pub id: &'a str,
    /// When it was accepted.
    pub accepted_at: OffsetDateTime,
    /// The submitter's own name for it (`ENVID`).
    pub envid: Option<&'a EnvId>,
    /// How much of it is brought back.
    pub returned: Returned<'a>,
}

/// What a report brings back: `RET` (RFC 3461 §4.3); of a message that isn't lost only ever the header.
#[derive(Debug, Clone, Copy)]
pub enum Returned<'a> {
    /// The header, without the empty line.
    Header(&'a [u8]),
    /// The whole message.
    Full(&'a [u8]),
}

/// What happened to one recipient.
#[derive(Debug, Clone)]
pub struct Fate<'a> {
    /// The recipient.
    pub recipient: &'a Address,
    /// What the submitter called it (`ORCPT`).
    pub orcpt: Option<&'a Orcpt>,
    /// What became of it.
    pub action: Action,
    /// Why, in the other side's words: `550 5.1.1 User unknown`, a Graph code and text. None where nobody said.
    pub said: Option<&'a str>,
    /// What the reader can do about it, where more is known than the action says.
    pub advice: Option<&'a str>,
    /// When it was last tried.
    pub last_attempt: Option<OffsetDateTime>,
}

/// What became of a recipient: RFC 3464 §2.3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Refused for good.
    Failed,
    /// Tried until the time was up.
    Expired,
    /// Still waiting.
    Delayed {
        /// When it will be given up.
        until: OffsetDateTime,
    },
    /// Handed to Microsoft 365, which sends no such report by itself.
    Relayed,
}

/// Somebody who may be told about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee(Address);

impl Addressee {
    /// Who is to be told about that message: its envelope sender. Nobody where it has none, and nobody about a
    /// report (RFC 3464 §2: a report about a report would never end).
    pub fn of(envelope: &Envelope, header: &HeaderBlock) -> Option<Addressee> {
        let sender = envelope.from().filter(|_| !header.is_delivery_report())?;
        Some(Addressee(sender.clone()))
    }

    /// The administrator is told in the sender's place: scanners don't read mail.
    pub fn instead(self, administrator: Address) -> Addressee {
        Addressee(administrator)
    }

    /// The envelope that a report to them travels in.
    pub fn envelope(&self) -> Envelope {
        Envelope::new(None, [self.0.clone()]).expect("there is one recipient")
    }
}

/// The report as RFC 5322 octets, lines ended by CRLF. It goes to [`Addressee::envelope`].
pub fn build(report: &Report<'_>, now: OffsetDateTime) -> Vec<u8> {
    let kind = ContentType::new("multipart/report")
        .attribute("report-type", "delivery-status")
        .attribute("boundary", format!("=_{}", report.message_id.bare()));
    let parts = vec![
        MimePart::new("text/plain", BodyPart::Text(words::explain(report).into())),
        MimePart::new("message/delivery-status", BodyPart::Binary(status::write(report).into_bytes().into()))
            .transfer_encoding("7bit"),
        returned(&report.original.returned),
    ];
    let mut octets = Vec::new();
    MessageBuilder::new()
        .from(Written::new_address(Some("Mail delivery (Postern)"), report.from.as_str()))
        .to(report.to.0.as_str())
        .subject(words::subject(report.fates))
        .date(now.unix_timestamp())
        .message_id(report.message_id.bare())
        .header("Auto-Submitted", Raw::new("auto-replied"))
        .body(MimePart::new(kind, BodyPart::Multipart(parts)))
        .serialize(&mut octets);
    octets
}

fn returned<'a>(returned: &Returned<'a>) -> MimePart<'a> {
    match returned {
        // RFC 6522 §4: 8-bit headers are encoded.
        Returned::Header(octets) => MimePart::new("text/rfc822-headers", BodyPart::Binary((*octets).into())),
        // RFC 2046 §5.2.1: a message inside a message is never encoded.
        Returned::Full(octets) => {
            let encoding = if octets.is_ascii() { "7bit" } else { "8bit" };
            MimePart::new("message/rfc822", BodyPart::Binary((*octets).into())).transfer_encoding(encoding)
        }
    }
}

#[cfg(test)]
mod tests;
