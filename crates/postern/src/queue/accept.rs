//! Takes one message in: reads its header as it comes, decides where it goes, adds what a gate adds, and puts it on disk.
//! A small message stays in memory until then; a large one goes to the store piece by piece. It must never say that a
//! message is taken before it is on disk, and a trouble of ours is never the submitter's fault: 4xx, not 5xx. Its
//! neighbours are `door` and the API in front, `store::queue` and `traffic` behind.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use mail::header::{Authors, Collected, HeaderBlock, HeaderCollector, HeaderEdits, Recipients};
use mail::{Address, MessageId, Origin, Received, Traits};
use serde_json::Value;
use store::StoreError;
use store::queue::{
    AcceptError, Accepted, Idempotency, LaneKey, Message, NewContent, NewMessage, PIECE_OCTETS, Recipient,
};
use submission::Refusal;
use time::OffsetDateTime;
use uuid::Uuid;

use super::content::Pieces;
use super::route::{self, FromVerdict, Permit, Sender};
use super::{journal, worker};
use crate::app::App;

/// Who hands a message over, and what was said about it before its content.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The submitter, where it was entered.
    pub submitter_id: Option<Uuid>,
    /// What it is called.
    pub submitter_name: String,
    /// What it may do.
    pub permit: Permit,
    /// The envelope's sender; none is `<>`.
    pub from: Option<Address>,
    /// The envelope's recipients, at least one, nobody twice.
    pub recipients: Vec<Recipient>,
    /// `RET=` as it was given.
    pub ret: Option<String>,
    /// `ENVID=` as it was given.
    pub envid: Option<String>,
    /// Where it came from, for the Received field.
    pub origin: Origin,
    /// The same for people: an address, `uid 1000`.
    pub source: String,
    /// The submitter's key against doing it twice.
    pub idempotency: Option<Idempotency>,
}

/// What became of a message that was taken in. It is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the queue under this id.
    Accepted(Uuid),
    /// The same request has been taken before, as this message; nothing was stored.
    Duplicate(Uuid),
}

/// A message that is coming in. Dropped before [`Reception::finish`], nothing of it stays.
pub struct Reception {
    app: Arc<App>,
    offer: Offer,
    id: Uuid,
    received_at: OffsetDateTime,
    stage: Stage,
}

enum Stage {
    Header(HeaderCollector),
    Body(Box<Routed>),
    /// Only while a step is under way.
    Moving,
}

/// A message whose header has been read.
struct Routed {
    sender: Sender,
    mailbox: Address,
    shown: Recipients,
    header_from: String,
    subject: String,
    message_id: String,
    header_octets: u64,
    traits: Traits,
    spool: Spool,
}

/// Octets on their way into the store, cut into pieces.
struct Spool {
    whole: Vec<Bytes>,
    rest: BytesMut,
    /// How many pieces have been written.
    written: u32,
    octets: u64,
}

/// So many whole pieces of a message stay in memory; one that is larger goes to the store as it comes.
const PIECES_IN_MEMORY: usize = 1;

impl Reception {
    /// Begins to take a message in.
    pub fn begin(app: &Arc<App>, offer: Offer) -> Self {
        let received_at = app.now();
        let stage = Stage::Header(HeaderCollector::default());
        Self { app: Arc::clone(app), offer, id: new_id(received_at), received_at, stage }
    }

    /// The message's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Has it taken once, however often the same request comes with the same key.
    pub fn do_once(&mut self, idempotency: Idempotency) {
        self.offer.idempotency = Some(idempotency);
    }

    /// Takes the next octets.
    ///
    /// # Errors
    /// The message can't be taken; whoever sends it is told so at its end.
    pub async fn write(&mut self, octets: Bytes) -> Result<(), Refusal> {
        match std::mem::replace(&mut self.stage, Stage::Moving) {
            Stage::Header(collector) => match collector.push(&octets) {
                Ok(Collected::More(collector)) => self.stage = Stage::Header(collector),
                Ok(Collected::Header { header, rest }) => {
                    let mut routed = self.route(&header).await?;
                    routed.push(&rest);
                    self.stage = Stage::Body(Box::new(routed));
                }
                Err(too_large) => return Err(Refusal::new(552, "5.3.4", too_large.to_string())),
            },
            Stage::Body(mut routed) => {
                routed.push(&octets);
                routed.spool.write_out(&self.app, self.id).await.map_err(|error| of_store(&error))?;
                self.stage = Stage::Body(routed);
            }
            Stage::Moving => return Err(Refusal::new(451, "4.3.0", "The message was refused before")),
        }
        Ok(())
    }

    /// All octets have come: puts the message on disk, and on its way where it can go at once.
    ///
    /// # Errors
    /// The message was not taken, and nothing of it stays.
    pub async fn finish(mut self) -> Result<Taken, Refusal> {
        let routed = match std::mem::replace(&mut self.stage, Stage::Moving) {
            Stage::Header(collector) => {
                let (header, rest) = collector.finish();
                let mut routed = self.route(&header).await?;
                routed.push(&rest);
                Box::new(routed)
            }
            Stage::Body(routed) => routed,
            Stage::Moving => return Err(Refusal::new(451, "4.3.0", "The message was refused before")),
        };
        // In a task of its own: whoever waits may hang up, and a message that is on disk must be known to be under way.
        let taken = tokio::spawn(self.commit(*routed));
        taken.await.unwrap_or_else(|error| {
            tracing::error!(%error, "taking a message in ended badly");
            Err(Refusal::new(451, "4.3.0", "Postern made a mistake; its log says more. Try again later"))
        })
    }

    async fn route(&self, header: &HeaderBlock) -> Result<Routed, Refusal> {
        check_hops(header)?;
        let accounts = self.app.queue.directory.senders(&self.app).await.map_err(|error| of_store(&error))?;
        let authors = header.authors();
        let permit = &self.offer.permit;
        let sender = route::choose(&accounts, permit, &authors)?;
        let from = match route::check_from(sender, permit, &authors)? {
            FromVerdict::Keep => None,
            FromVerdict::Rewrite(own) => Some(own),
        };
        let author = from.as_ref().or(authors.addresses.first());
        let mailbox = sender.mailbox_for(author).ok_or_else(|| route::not_signed_in(sender))?.clone();
        let shown = header.recipients();
        // What can't be addressed is refused before its content has come.
        route::plan(sender, &shown, &self.envelope(), 0)?;
        let message_id = match header.has("Message-ID") {
            true => header.message_id(),
            false => Some(new_message_id(self.id, &mailbox)),
        };
        let edited = header.edit(&self.edits(from.clone(), message_id.clone()));
        let header_from = from.map_or_else(|| shown_authors(&authors), |own| own.to_string());
        let mut spool = Spool::new();
        spool.push(&edited);
        Ok(Routed {
            sender: sender.clone(),
            mailbox,
            shown,
            header_from,
            subject: header.subject().unwrap_or_default(),
            message_id: message_id.map_or_else(String::new, |id| id.bare().to_owned()),
            header_octets: edited.len() as u64,
            traits: Traits::of_header(&edited),
            spool,
        })
    }

    fn edits(&self, from: Option<Address>, message_id: Option<MessageId>) -> HeaderEdits {
        let envelope = self.envelope();
        HeaderEdits {
            received: Some(Received {
                origin: self.offer.origin.clone(),
                by: self.app.hosts.own_name().to_owned(),
                id: self.id.to_string(),
                recipient: Received::one_recipient(&envelope),
                at: self.received_at,
            }),
            message_id_if_missing: message_id,
            date_if_missing: Some(self.received_at),
            from,
            ..HeaderEdits::default()
        }
    }

    fn envelope(&self) -> Vec<Address> {
        self.offer.recipients.iter().map(|recipient| recipient.address.clone()).collect()
    }

    async fn commit(self, routed: Routed) -> Result<Taken, Refusal> {
        let envelope = self.envelope();
        let plan = route::plan(&routed.sender, &routed.shown, &envelope, routed.spool.octets)?;
        let load = route::load(plan.way, routed.spool.octets, envelope.len());
        let usual = routed.sender.usual;
        let (new, pieces) = self.complete(routed).await.map_err(|error| of_store(&error))?;
        let app = &self.app;
        let (lane, first_attempt_at) = (new.message.lane.clone(), new.first_attempt_at);
        // A server that stops begins nothing new.
        let slot = match app.shutdown.is_cancelled() {
            true => None,
            false => app.queue.traffic.reserve(&lane, usual, &load),
        };
        let lease = slot.as_ref().map(|_| app.queue.lease(app.now()));
        let message = new.message.clone();
        match app.store.queue().accept(new, lease).await {
            Ok(Accepted::Queued { lane_id }) => {
                app.queue.traffic.note_waiting(&lane, lane_id, usual, first_attempt_at);
                journal::accepted(app, &message);
            }
            Ok(Accepted::Claimed(claim)) => {
                app.queue.traffic.note_number(&lane, claim.lane_id, usual);
                journal::accepted(app, &message);
                let slot = slot.expect("only with a place a claim is asked for");
                worker::spawn(app, *claim, slot, pieces, Some(plan));
            }
            Ok(Accepted::Duplicate { of }) => return Ok(Taken::Duplicate(of)),
            Err(error) => return Err(self.refuse_to_accept(&error)),
        }
        if let Some(submitter) = self.offer.submitter_id {
            app.queue.note_used(app, submitter);
        }
        Ok(Taken::Accepted(self.id))
    }

    /// The message as the store takes it. A large one's last piece is written.
    async fn complete(&self, mut routed: Routed) -> Result<(NewMessage, Option<Pieces>), StoreError> {
        let octets = routed.spool.octets;
        let content = routed.spool.finish(&self.app, self.id).await?;
        let pieces = match &content {
            NewContent::Whole(pieces) => Some(Pieces::Memory(pieces.clone())),
            NewContent::Spooled => None,
        };
        let schedule = &self.app.queue.config.schedule;
        let offer = &self.offer;
        let message = Message {
            id: self.id,
            lane: LaneKey {
                account_id: routed.sender.account_id,
                mailbox: routed.mailbox.as_str().to_lowercase(),
            },
            submitter_id: offer.submitter_id,
            submitter_name: offer.submitter_name.clone(),
            source: offer.source.clone(),
            from: offer.from.clone(),
            recipients: offer.recipients.clone(),
            ret: offer.ret.clone(),
            envid: offer.envid.clone(),
            header_from: routed.header_from,
            subject: routed.subject,
            message_id: routed.message_id,
            size_octets: octets,
            header_octets: routed.header_octets,
            traits: route::with_envelope(routed.traits, offer.from.as_ref(), &self.envelope()),
            notes: Value::Null,
            received_at: self.received_at,
            expires_at: schedule.expires_at(self.received_at),
        };
        let first_attempt_at = self.received_at;
        Ok((
            NewMessage { message, first_attempt_at, idempotency: offer.idempotency.clone(), content },
            pieces,
        ))
    }

    fn refuse_to_accept(&self, error: &AcceptError) -> Refusal {
        match error {
            AcceptError::KeyReused => Refusal::new(554, "5.6.0", error.to_string()),
            AcceptError::ContentMissing => Refusal::new(451, "4.3.0", error.to_string()),
            AcceptError::Store(error) => of_store(error),
        }
    }
}

impl Routed {
    fn push(&mut self, octets: &[u8]) {
        if self.header_octets_are_open() {
            self.close_header(octets);
        }
        self.traits.add_body(octets);
        self.spool.push(octets);
    }

    /// Nothing but the header has come yet.
    fn header_octets_are_open(&self) -> bool {
        self.spool.octets == self.header_octets
    }

    /// The empty line belongs to the header.
    fn close_header(&mut self, rest: &[u8]) {
        if rest.starts_with(b"\r\n") {
            self.header_octets += 2;
        }
    }
}

impl Spool {
    fn new() -> Self {
        Self { whole: Vec::new(), rest: BytesMut::new(), written: 0, octets: 0 }
    }

    fn push(&mut self, mut octets: &[u8]) {
        self.octets += octets.len() as u64;
        while !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(PIECE_OCTETS - self.rest.len()));
            self.rest.extend_from_slice(now);
            if self.rest.len() == PIECE_OCTETS {
                self.whole.push(self.rest.split().freeze());
            }
            octets = later;
        }
    }

    /// Writes the whole pieces of a message that is too large for memory.
    async fn write_out(&mut self, app: &App, id: Uuid) -> Result<(), StoreError> {
        if self.written == 0 && self.whole.len() <= PIECES_IN_MEMORY {
            return Ok(());
        }
        for piece in self.whole.drain(..) {
            app.store.queue().add_piece(id, self.written, piece, app.now()).await?;
            self.written += 1;
        }
        Ok(())
    }

    async fn finish(&mut self, app: &App, id: Uuid) -> Result<NewContent, StoreError> {
        if !self.rest.is_empty() {
            self.whole.push(self.rest.split().freeze());
        }
        if self.written == 0 && self.whole.len() <= PIECES_IN_MEMORY + 1 {
            return Ok(NewContent::Whole(std::mem::take(&mut self.whole)));
        }
        for piece in self.whole.drain(..) {
            app.store.queue().add_piece(id, self.written, piece, app.now()).await?;
            self.written += 1;
        }
        Ok(NewContent::Spooled)
    }
}

/// What a submitter is told when the store failed: try again, whatever it was.
pub fn of_store(error: &StoreError) -> Refusal {
    tracing::error!(%error, code = error.code(), "cannot take mail in");
    match error {
        StoreError::Full { .. } => {
            Refusal::new(452, "4.3.1", "The disk of the mail gate is full; try again later")
        }
        StoreError::Closed => {
            Refusal::new(421, "4.3.2", "The mail gate is shutting down; try again in a minute")
        }
        _ => Refusal::new(451, "4.3.0", "The mail gate cannot write to its database; try again later"),
    }
}

/// A UUIDv7 of that time.
pub fn new_id(at: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, at.nanosecond()))
}

/// Under the domain of the mailbox, as receivers expect it.
pub fn new_message_id(id: Uuid, mailbox: &Address) -> MessageId {
    let unique = id.simple();
    // A domain that can't stand in a Message-ID (an IP literal, an overlong one) is left out of it.
    format!("{unique}@{}", mailbox.domain()).parse().unwrap_or_else(|_| {
        format!("{unique}@localhost").parse().expect("hex and a plain name are a Message-ID")
    })
}

/// RFC 5321 §6.3: a message with so many Received fields goes round in a circle.
const MOST_HOPS: usize = 100;

fn check_hops(header: &HeaderBlock) -> Result<(), Refusal> {
    match header.fields_named("Received").nth(MOST_HOPS - 1) {
        None => Ok(()),
        Some(_) => Err(Refusal::new(
            550,
            "5.4.6",
            format!("The message has passed {MOST_HOPS} servers already: it goes round in a circle"),
        )),
    }
}

/// For lists and logs, where nobody reads on.
fn shown_authors(authors: &Authors) -> String {
    const MOST: usize = 10;
    let addresses = authors.addresses.iter().map(Address::as_str);
    let texts = addresses.chain(authors.unreadable.iter().map(String::as_str));
    texts.take(MOST).collect::<Vec<_>>().join(", ").chars().take(500).collect()
}
