//! A message made of its parts: what a program hands over when it has no MIME of its own. What it gives can
//! neither break out of its field nor stand in for one that Postern writes itself.

mod extra;

use std::str::FromStr;

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Written;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use time::OffsetDateTime;

use crate::header::HeaderBlock;
use crate::{Address, Envelope, MessageId};

pub use extra::{ExtraHeader, InvalidHeader};

/// A message that isn't written yet.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who it is from.
    pub from: Mailbox,
    /// Whom everybody sees as its recipients.
    pub to: Vec<Mailbox>,
    /// Who gets a copy and is seen.
    pub cc: Vec<Mailbox>,
    /// Who gets a copy and isn't seen: only the envelope names them.
    pub bcc: Vec<Mailbox>,
    /// Where answers go; to From where it is empty.
    pub reply_to: Vec<Mailbox>,
    /// Its subject, on one line.
    pub subject: String,
    /// What it says in plain text, in HTML, or in both.
    pub text: Option<String>,
    /// The same in HTML.
    pub html: Option<String>,
    /// Further fields.
    pub headers: Vec<ExtraHeader>,
    /// What it carries along.
    pub attachments: Vec<Attachment>,
}

/// Somebody with a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name that is shown.
    pub name: Option<String>,
    /// The address.
    pub address: Address,
}

/// A text isn't exactly one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} isn't a mailbox: write ann@contoso.com or Ann <ann@contoso.com>")]
pub struct InvalidMailbox {
    text: String,
}

impl FromStr for Mailbox {
    type Err = InvalidMailbox;

    /// Reads `ann@contoso.com`, `Ann <ann@contoso.com>`, as it stands in a header.
    fn from_str(text: &str) -> Result<Self, InvalidMailbox> {
        let invalid = || InvalidMailbox { text: text.to_owned() };
        check_line("", text).map_err(|_| invalid())?;
        let authors = HeaderBlock::split(format!("From: {text}").as_bytes()).0.authors();
        match &authors.addresses[..] {
            [address] if authors.unreadable.is_empty() => {
                Ok(Mailbox { name: authors.name, address: address.clone() })
            }
            _ => Err(invalid()),
        }
    }
}

/// Something that a message carries along.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its file name.
    pub name: String,
    /// Its MIME type, `application/pdf`.
    pub content_type: String,
    /// Its octets.
    pub content: Vec<u8>,
    /// The name that the HTML refers to it by (`<img src="cid:logo">`): it is shown inside the text then.
    pub content_id: Option<String>,
}

/// A draft that can't become a message. The text names the part and the fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDraft {
    /// Nobody is to get it.
    #[error("the message has no recipients: give at least one in to, cc or bcc")]
    NoRecipients,
    /// A line break or another control character where only one line of text may stand.
    #[error("{part} contains a line break or another control character")]
    ControlCharacter {
        /// Where it stands.
        part: &'static str,
    },
    /// Not `type/subtype`.
    #[error("the type of the attachment {name:?} isn't a MIME type like application/pdf")]
    ContentType {
        /// The attachment.
        name: String,
    },
    /// A multipart or a message can't be carried as octets with a name.
    #[error(
        "the attachment {name:?} can't be a multipart or a message: hand the whole message over as message/rfc822"
    )]
    Composite {
        /// The attachment.
        name: String,
    },
    /// Not a word of printable ASCII.
    #[error("the content id of the attachment {name:?} isn't one word of printable ASCII")]
    ContentId {
        /// The attachment.
        name: String,
    },
}

/// A message that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Who it is from and for.
    pub envelope: Envelope,
    /// The message as RFC 5322 octets, lines ended by CRLF, without a Bcc.
    pub octets: Vec<u8>,
}

impl Draft {
    /// Writes the message. The same draft, name and time give the same octets.
    pub fn compose(&self, message_id: &MessageId, now: OffsetDateTime) -> Result<Composed, InvalidDraft> {
        self.check()?;
        let recipients =
            self.to.iter().chain(&self.cc).chain(&self.bcc).map(|mailbox| mailbox.address.clone());
        let envelope = Envelope::new(Some(self.from.address.clone()), recipients)
            .map_err(|_| InvalidDraft::NoRecipients)?;
        let mut octets = Vec::new();
        self.builder(message_id, now).serialize(&mut octets);
        Ok(Composed { envelope, octets })
    }

    fn check(&self) -> Result<(), InvalidDraft> {
        check_line("the subject", &self.subject)?;
        let people = [&self.to, &self.cc, &self.bcc, &self.reply_to].into_iter().flatten();
        for mailbox in people.chain([&self.from]) {
            check_line("a display name", mailbox.name.as_deref().unwrap_or_default())?;
        }
        self.attachments.iter().try_for_each(Attachment::check)
    }

    fn builder<'a>(&'a self, message_id: &'a MessageId, now: OffsetDateTime) -> MessageBuilder<'a> {
        let mut builder = MessageBuilder::new()
            .date(now.unix_timestamp())
            .message_id(message_id.bare())
            .from(written(&self.from))
            .subject(self.subject.as_str());
        for (name, mailboxes) in [("To", &self.to), ("Cc", &self.cc), ("Reply-To", &self.reply_to)] {
            if !mailboxes.is_empty() {
                builder = builder.header(name, Written::new_list(mailboxes.iter().map(written).collect()));
            }
        }
        for header in &self.headers {
            builder = match header.value().is_ascii() {
                true => builder.header(header.name(), Raw::new(header.value())),
                false => builder.header(header.name(), Text::new(header.value())),
            };
        }
        builder.body(self.body(&Boundaries { stem: message_id.bare() }))
    }

    /// Attachments around the alternatives, inline ones around the HTML that shows them (RFC 2387).
    fn body<'a>(&'a self, boundaries: &Boundaries<'_>) -> MimePart<'a> {
        let (inline, attached): (Vec<_>, Vec<_>) = self
            .attachments
            .iter()
            .partition(|attachment| attachment.content_id.is_some() && self.html.is_some());
        let html = self.html.as_deref().map(|html| {
            let html = MimePart::new("text/html", html);
            boundaries.wrap("related", html, inline.into_iter().map(Attachment::part))
        });
        let content = match (self.text.as_deref(), html) {
            (Some(text), Some(html)) => {
                boundaries.wrap("alternative", MimePart::new("text/plain", text), [html].into_iter())
            }
            (None, Some(html)) => html,
            (text, None) => MimePart::new("text/plain", text.unwrap_or_default()),
        };
        boundaries.wrap("mixed", content, attached.into_iter().map(Attachment::part))
    }
}

impl Attachment {
    fn check(&self) -> Result<(), InvalidDraft> {
        check_line("the name of an attachment", &self.name)?;
        let name = || self.name.clone();
        let (kind, _) =
            split_type(&self.content_type).ok_or_else(|| InvalidDraft::ContentType { name: name() })?;
        if kind.eq_ignore_ascii_case("multipart") || kind.eq_ignore_ascii_case("message") {
            return Err(InvalidDraft::Composite { name: name() });
        }
        match self.content_id.as_deref().is_none_or(|id| MessageId::read(id).is_some()) {
            true => Ok(()),
            false => Err(InvalidDraft::ContentId { name: name() }),
        }
    }

    /// A type that is written as it is makes the builder take base64 for text too, so that no line end of an
    /// attachment changes on the way.
    fn part(&self) -> MimePart<'_> {
        let disposition = if self.content_id.is_some() { "inline" } else { "attachment" };
        let part = MimePart::raw(BodyPart::Binary(self.content.as_slice().into()))
            .header("Content-Type", Raw::new(self.content_type.as_str()))
            .header(
                "Content-Disposition",
                ContentType::new(disposition).attribute("filename", self.name.as_str()),
            );
        match self.content_id.as_deref().and_then(MessageId::read) {
            Some(id) => part.cid(id.bare().to_owned()),
            None => part,
        }
    }
}

/// Boundaries grow from the message's own name, which nobody knew when the content was written.
struct Boundaries<'a> {
    stem: &'a str,
}

impl Boundaries<'_> {
    /// `first` alone, or with `others` in a multipart.
    fn wrap<'a>(
        &self,
        kind: &str,
        first: MimePart<'a>,
        others: impl ExactSizeIterator<Item = MimePart<'a>>,
    ) -> MimePart<'a> {
        if others.len() == 0 {
            return first;
        }
        let boundary = format!("=_{kind}_{}", self.stem);
        let kind = ContentType::new(format!("multipart/{kind}")).attribute("boundary", boundary);
        MimePart::new(kind, BodyPart::Multipart([first].into_iter().chain(others).collect()))
    }
}

fn written(mailbox: &Mailbox) -> Written<'_> {
    Written::new_address(mailbox.name.as_deref(), mailbox.address.as_str())
}

fn check_line(part: &'static str, text: &str) -> Result<(), InvalidDraft> {
    match text
        .contains(|character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'))
    {
        true => Err(InvalidDraft::ControlCharacter { part }),
        false => Ok(()),
    }
}

/// RFC 2045 §5.1: two tokens, without parameters.
fn split_type(text: &str) -> Option<(&str, &str)> {
    let (kind, subtype) = text.split_once('/')?;
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&octet))
    };
    (is_token(kind) && is_token(subtype)).then_some((kind, subtype))
}

#[cfg(test)]
mod tests;
