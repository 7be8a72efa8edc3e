//! The simulated mailboxes: what arrived, what was sent, per address, in memory.
//! It takes a finished message and never judges whether it may be sent; graph and exchange did.

use crate::bounce::{self, Failure};
use crate::mime::without_bcc;
use crate::steering::Steering;
use crate::window::Window;
use crate::world::World;
use bytes::Bytes;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Bytes of messages kept in all mailboxes together; the oldest go.
const KEPT_BYTES: usize = 256 * 1024 * 1024;
/// Copies kept in all mailboxes together.
const KEPT_COPIES: usize = 100_000;
/// Addresses whose messages are counted one by one; the rest are counted under `*`.
const COUNTED_ADDRESSES: usize = 10_000;

/// Which door a message came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Graph sendMail with a JSON body.
    GraphJson,
    /// Graph sendMail with a MIME body.
    GraphMime,
    /// Graph: a draft that was sent.
    Draft,
    /// Exchange SMTP AUTH.
    Smtp,
    /// Exchange itself: a report that a message can't be delivered.
    Bounce,
}

/// Which folder a message lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Folder {
    /// Received.
    Inbox,
    /// The sender's copy.
    SentItems,
    /// Not sent yet.
    Drafts,
}

/// Who sent to whom, apart from what the headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// The sender's address.
    pub from: String,
    /// All recipients, Bcc too.
    pub to: Vec<String>,
    /// Parameters of SMTP's MAIL, names in upper case (`BODY`, `SMTPUTF8`, `RET`, `ENVID`, …).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Parameters of each RCPT (`NOTIFY`, `ORCPT`), in the order of `to`; empty when none had any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipient_parameters: Vec<BTreeMap<String, String>>,
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
    pub mime: Bytes,
    /// Whether the sender's Sent Items have a copy.
    pub saved_to_sent_items: bool,
}

/// A message on its way.
pub(crate) struct Submission {
    pub(crate) via: Via,
    pub(crate) sender: String,
    pub(crate) envelope: Envelope,
    pub(crate) mime: Bytes,
    pub(crate) save_to_sent_items: bool,
}

/// How many messages an address has received and sent, whether they are kept or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    boxes: BTreeMap<String, VecDeque<Stored>>,
    /// In whose box the copies lie and what each weighs, in the order of their arrival.
    arrivals: VecDeque<(String, usize)>,
    kept_bytes: usize,
    counts: BTreeMap<String, Counts>,
    sent_recipients: BTreeMap<String, Window>,
}

impl Mailboxes {
    /// Puts a copy into each recipient's mailbox and, where wanted, into the sender's Sent Items. What
    /// can't be delivered comes back to the sender's Inbox (facts 5.1, additions D4).
    pub(crate) fn deliver(&mut self, world: &World, now: OffsetDateTime, submission: Submission) {
        let Submission { via, sender, envelope, mime, save_to_sent_items } = submission;
        let sender = key(world, &sender);
        let recipients = u64::try_from(envelope.to.len()).unwrap_or(u64::MAX);
        self.sent_recipients.entry(sender.clone()).or_default().add(now, recipients);
        self.count(&sender).sent += 1;
        let failure = undeliverable(world, &envelope.to);
        let lost = |address: &String| failure.as_ref().is_some_and(|failure| failure.is_of(address));
        let mut reached: Vec<String> =
            envelope.to.iter().filter(|one| !lost(one)).map(|one| key(world, one)).collect();
        reached.sort();
        reached.dedup();
        for address in &reached {
            self.count(address).received += 1;
        }
        if let Some(failure) = &failure {
            self.count(&sender).received += 1;
            let report = bounce::report(&world.tenant.domain, &sender, failure, &mime, now);
            let envelope = Arc::new(Envelope { to: vec![sender.clone()], ..Envelope::default() });
            let id = crate::random::token(48);
            let (folder, via, mime) = (Folder::Inbox, Via::Bounce, Bytes::from(report));
            let report =
                Stored { id, folder, received: now, via, envelope, mime, saved_to_sent_items: false };
            self.put(sender.clone(), report);
        }
        if world.switches.discard_messages {
            return;
        }
        let envelope = Arc::new(envelope);
        let public = if via == Via::Smtp { mime.clone() } else { without_bcc(&mime) };
        let copy = |folder, mime: &Bytes| Stored {
            id: crate::random::token(48),
            folder,
            received: now,
            via,
            envelope: Arc::clone(&envelope),
            mime: mime.clone(),
            saved_to_sent_items: save_to_sent_items,
        };
        if save_to_sent_items {
            self.put(sender, copy(Folder::SentItems, &mime));
        }
        for address in reached {
            self.put(address, copy(Folder::Inbox, &public));
        }
    }

    /// The messages of a folder, oldest first.
    pub(crate) fn messages(&self, world: &World, address: &str, folder: Folder) -> Vec<Stored> {
        let all = self.boxes.get(&key(world, address)).into_iter().flatten();
        all.filter(|message| message.folder == folder).cloned().collect()
    }

    /// What each address has received and sent; `*` for those beyond the first ten thousand.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.counts.iter().map(|(address, counts)| (address.as_str(), *counts))
    }

    /// How many messages of an address's Inbox are kept.
    pub(crate) fn kept(&self, address: &str) -> usize {
        let all = self.boxes.get(address).into_iter().flatten();
        all.filter(|stored| stored.folder == Folder::Inbox).count()
    }

    /// Recipients that this mailbox sent to in the last 24 hours.
    pub(crate) fn recipients_today(&mut self, world: &World, sender: &str, now: OffsetDateTime) -> u32 {
        let sent = self.sent_recipients.entry(key(world, sender)).or_default();
        u32::try_from(sent.sum(now, Duration::DAY)).unwrap_or(u32::MAX)
    }

    fn count(&mut self, address: &str) -> &mut Counts {
        let known = self.counts.contains_key(address) || self.counts.len() < COUNTED_ADDRESSES;
        self.counts.entry(if known { address } else { "*" }.to_owned()).or_default()
    }

    fn put(&mut self, address: String, message: Stored) {
        // Copies share their bytes: an envelope's second copy weighs what stands around them.
        let first = Arc::strong_count(&message.envelope) <= 2;
        let weight = if first { message.mime.len() + 512 } else { 512 };
        self.kept_bytes += weight;
        self.boxes.entry(address.clone()).or_default().push_back(message);
        self.arrivals.push_back((address, weight));
        while self.kept_bytes > KEPT_BYTES || self.arrivals.len() > KEPT_COPIES {
            self.forget_oldest();
        }
    }

    /// The oldest copy of all is the first of its mailbox.
    fn forget_oldest(&mut self) {
        let Some((address, weight)) = self.arrivals.pop_front() else { return };
        self.kept_bytes -= weight;
        if let Some(messages) = self.boxes.get_mut(&address) {
            messages.pop_front();
            if messages.is_empty() {
                self.boxes.remove(&address);
            }
        }
    }
}

/// What of an envelope Exchange takes and can't deliver.
fn undeliverable(world: &World, recipients: &[String]) -> Option<Failure> {
    let limit = world.switches.recipients_per_message as usize;
    if limit > 0 && recipients.len() > limit {
        return Some(Failure::too_many_recipients(recipients));
    }
    if !world.switches.steering_recipients {
        return None;
    }
    let bounced = |address: &&String| Steering::of(address) == Some(Steering::Bounce);
    let bounced: Vec<String> = recipients.iter().filter(bounced).cloned().collect();
    (!bounced.is_empty()).then(|| Failure::unknown_recipients(&bounced))
}

/// A user's mailbox has one name, whichever of his addresses was used.
fn key(world: &World, address: &str) -> String {
    let known = world.users.iter().find(|user| user.owns(address));
    known.map_or(address, |user| user.address()).to_ascii_lowercase()
}

/// An Exchange-like id for the final 250.
pub(crate) fn exchange_id(host: &str) -> String {
    format!("{}{}@{host}", host.split('.').next().unwrap_or(host), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(to: &str, bytes: usize) -> Submission {
        Submission {
            via: Via::Smtp,
            sender: "megan@contoso.example".into(),
            envelope: Envelope { to: vec![to.into()], ..Envelope::default() },
            mime: vec![b'x'; bytes].into(),
            save_to_sent_items: true,
        }
    }

    #[test]
    fn the_oldest_messages_go_when_all_together_weigh_too_much() {
        let (world, mut all, now) =
            (World::new("contoso.example"), Mailboxes::default(), OffsetDateTime::UNIX_EPOCH);
        for n in 0..12 {
            all.deliver(&world, now, submission(&format!("{n}@else.example"), 35 * 1024 * 1024));
        }
        assert!(all.kept_bytes <= KEPT_BYTES);
        assert_eq!(all.messages(&world, "0@else.example", Folder::Inbox).len(), 0);
        assert_eq!(all.messages(&world, "11@else.example", Folder::Inbox).len(), 1);
        assert_eq!(all.messages(&world, "megan@contoso.example", Folder::SentItems).len(), 7);
        assert_eq!(all.counts().find(|(address, _)| *address == "0@else.example").unwrap().1.received, 1);
        assert_eq!(all.counts().find(|(address, _)| *address == "megan@contoso.example").unwrap().1.sent, 12);
    }

    #[test]
    fn discarded_messages_are_counted() {
        let (mut world, mut all) = (World::new("contoso.example"), Mailboxes::default());
        world.switches.discard_messages = true;
        all.deliver(&world, OffsetDateTime::UNIX_EPOCH, submission("bob@else.example", 1000));
        assert_eq!(all.kept_bytes, 0);
        assert_eq!(all.counts().find(|(address, _)| *address == "bob@else.example").unwrap().1.received, 1);
    }
}
