//! The simulated mailboxes: what arrived, what was sent, per address, in memory.
//! It takes a finished message and never judges whether it may be sent; graph and exchange did.

use crate::world::World;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Messages kept per mailbox; older ones go.
const KEPT: usize = 5_000;

/// Which door a message came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Graph sendMail with a JSON body.
    GraphJson,
    /// Graph sendMail with a MIME body.
    GraphMime,
    /// Exchange SMTP AUTH.
    Smtp,
}

/// Which folder a message lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Folder {
    /// Received.
    Inbox,
    /// The sender's copy.
    SentItems,
}

/// Who sent to whom, apart from what the headers say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// The sender's address.
    pub from: String,
    /// All recipients, Bcc too.
    pub to: Vec<String>,
}

/// A message in a mailbox.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Id of this copy.
    pub id: String,
    /// Where it lies.
    pub folder: Folder,
    /// When it came, by the tenant's clock.
    pub received: OffsetDateTime,
    /// Its door.
    pub via: Via,
    /// Its envelope.
    pub envelope: Arc<Envelope>,
    /// The bytes. The copies of recipients lack a Bcc field that came by Graph.
    pub mime: Arc<[u8]>,
    /// Whether the sender's Sent Items have a copy.
    pub saved_to_sent_items: bool,
}

/// A message on its way.
pub(crate) struct Submission {
    pub(crate) via: Via,
    pub(crate) sender: String,
    pub(crate) envelope: Envelope,
    pub(crate) mime: Vec<u8>,
    pub(crate) save_to_sent_items: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    boxes: BTreeMap<String, VecDeque<Stored>>,
    sent_recipients: BTreeMap<String, VecDeque<(OffsetDateTime, u32)>>,
}

impl Mailboxes {
    /// Puts a copy into each recipient's mailbox and, where wanted, into the sender's Sent Items.
    pub(crate) fn deliver(&mut self, world: &World, now: OffsetDateTime, submission: Submission) {
        let Submission { via, sender, envelope, mime, save_to_sent_items } = submission;
        let envelope = Arc::new(envelope);
        let count = u32::try_from(envelope.to.len()).unwrap_or(u32::MAX);
        self.sent_recipients.entry(key(world, &sender)).or_default().push_back((now, count));
        let public: Arc<[u8]> =
            if via == Via::Smtp { mime.clone().into() } else { without_bcc(&mime).into() };
        let copy = |folder, mime: &Arc<[u8]>| Stored {
            id: crate::random::token(48),
            folder,
            received: now,
            via,
            envelope: Arc::clone(&envelope),
            mime: Arc::clone(mime),
            saved_to_sent_items: save_to_sent_items,
        };
        let mut reached: Vec<String> = envelope.to.iter().map(|address| key(world, address)).collect();
        reached.sort();
        reached.dedup();
        for address in reached {
            self.put(address, copy(Folder::Inbox, &public));
        }
        if save_to_sent_items {
            self.put(key(world, &sender), copy(Folder::SentItems, &mime.into()));
        }
    }

    /// The messages of a folder, oldest first.
    pub(crate) fn messages(&self, world: &World, address: &str, folder: Folder) -> Vec<Stored> {
        let all = self.boxes.get(&key(world, address)).into_iter().flatten();
        all.filter(|message| message.folder == folder).cloned().collect()
    }

    /// How many messages each mailbox has received.
    pub(crate) fn counts(&self) -> Vec<(String, usize)> {
        let inbox =
            |all: &VecDeque<Stored>| all.iter().filter(|stored| stored.folder == Folder::Inbox).count();
        self.boxes.iter().map(|(address, all)| (address.clone(), inbox(all))).collect()
    }

    /// Recipients that this mailbox sent to in the last 24 hours.
    pub(crate) fn recipients_today(&mut self, world: &World, sender: &str, now: OffsetDateTime) -> u32 {
        let sent = self.sent_recipients.entry(key(world, sender)).or_default();
        while sent.front().is_some_and(|(at, _)| now - *at >= Duration::days(1)) {
            sent.pop_front();
        }
        sent.iter().map(|(_, count)| *count).fold(0, u32::saturating_add)
    }

    fn put(&mut self, address: String, message: Stored) {
        let messages = self.boxes.entry(address).or_default();
        if messages.len() >= KEPT {
            messages.pop_front();
        }
        messages.push_back(message);
    }
}

/// A user's mailbox has one name, whichever of his addresses was used.
fn key(world: &World, address: &str) -> String {
    let known = world.users.iter().find(|user| user.owns(address));
    known.map_or(address, |user| user.address()).to_ascii_lowercase()
}

/// The message without its Bcc field (RFC 5322, 3.6.3), all other bytes as they were.
pub(crate) fn without_bcc(mime: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(mime.len());
    let mut rest = mime;
    let mut skipping = false;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        if line == b"\r\n" || line == b"\n" {
            break;
        }
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        skipping =
            if continues { skipping } else { line.len() > 3 && line[..4].eq_ignore_ascii_case(b"bcc:") };
        if !skipping {
            kept.extend_from_slice(line);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}

/// What the headers of a message say of its sender and recipients.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    pub(crate) from: Vec<String>,
    pub(crate) recipients: Vec<String>,
}

/// Reads From, To, Cc and Bcc.
pub(crate) fn read_headers(mime: &[u8]) -> Headers {
    let Some(message) = mail_parser::MessageParser::default().parse_headers(mime) else {
        return Headers::default();
    };
    let addresses = |field: Option<&mail_parser::Address<'_>>| -> Vec<String> {
        let all = field.into_iter().flat_map(|field| field.iter());
        all.filter_map(|address| address.address().map(str::to_owned)).collect()
    };
    let mut recipients = addresses(message.to());
    recipients.extend(addresses(message.cc()));
    recipients.extend(addresses(message.bcc()));
    Headers { from: addresses(message.from()), recipients }
}

/// An Exchange-like id for the final 250.
pub(crate) fn exchange_id(host: &str) -> String {
    format!("{}{}@{host}", host.split('.').next().unwrap_or(host), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_bcc_goes_and_the_rest_stays_as_it_was() {
        let mime = b"From: a@x.example\r\nBCC: b@x.example,\r\n c@x.example\r\nSubject: bcc: hi\r\n\r\nBcc: body\r\n";
        let expected = b"From: a@x.example\r\nSubject: bcc: hi\r\n\r\nBcc: body\r\n";
        assert_eq!(without_bcc(mime), expected);
    }

    #[test]
    fn recipients_come_from_all_three_fields() {
        let headers = read_headers(
            b"From: A <a@x.example>\r\nTo: b@x.example\r\nCc: c@x.example\r\nBcc: d@x.example\r\n\r\nhi",
        );
        assert_eq!(headers.from, ["a@x.example"]);
        assert_eq!(headers.recipients, ["b@x.example", "c@x.example", "d@x.example"]);
    }
}
