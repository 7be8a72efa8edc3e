//! A message under way in a session: its envelope first, then how its content is brought.

use mail::Address;

use crate::command::Sender;
use crate::content::{Bounds, Content};
use crate::reply::{self, Reply};
use crate::{Hello, Limits, Peer, Proof, Recipient, Refusal, Tls, Transaction};

/// A message from MAIL to its end.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) sender: Sender,
    pub(super) recipients: Vec<Recipient>,
    /// Recipients that were refused.
    pub(super) refused: usize,
    pub(super) chunks: Chunks,
}

/// How far BDAT has come.
#[derive(Debug)]
pub(super) enum Chunks {
    /// No chunk has come.
    None,
    /// Chunks have come; the content so far.
    Some(Box<Body>),
    /// A chunk was refused; the message can only be given up (RFC 3030 §2).
    Refused,
}

/// Content on its way to the house.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) content: Content,
    /// What the house said against it.
    pub(super) refusal: Option<Refusal>,
    /// The house holds an intake for it.
    pub(super) is_open: bool,
}

/// Who sends, and how it came here: what a transaction needs besides its message.
pub(super) struct Origin<'a> {
    pub(super) peer: Peer,
    pub(super) hello: &'a Hello,
    pub(super) tls: Option<&'a Tls>,
    pub(super) proof: Proof,
}

impl Message {
    pub(super) fn new(sender: Sender) -> Message {
        Message { sender, recipients: Vec::new(), refused: 0, chunks: Chunks::None }
    }

    /// Keeps a recipient once.
    pub(super) fn add(&mut self, recipient: Recipient) {
        if !self.names(&recipient.address) {
            self.recipients.push(recipient);
        }
    }

    pub(super) fn names(&self, address: &Address) -> bool {
        self.recipients.iter().any(|recipient| recipient.address == *address)
    }

    /// Why content can't come yet.
    pub(super) fn lacks_recipients(&self) -> Option<Reply> {
        match (self.recipients.is_empty(), self.refused) {
            (false, _) => None,
            (true, 0) => Some(reply::RECIPIENT_FIRST),
            (true, _) => Some(reply::NO_RECIPIENT),
        }
    }

    pub(super) fn transaction(&mut self, origin: Origin<'_>) -> Transaction {
        Transaction {
            from: self.sender.address.take(),
            recipients: std::mem::take(&mut self.recipients),
            ret: self.sender.ret,
            envid: self.sender.envid.take(),
            declared_octets: self.sender.size_octets,
            eight_bit_declared: self.sender.eight_bit,
            international: self.sender.international,
            peer: origin.peer,
            hello: origin.hello.clone(),
            tls: origin.tls.cloned(),
            proof: origin.proof,
        }
    }
}

impl Body {
    pub(super) fn new(limits: &Limits, declared_octets: Option<u64>) -> Body {
        let bounds = Bounds { octets: limits.message_octets, line_octets: limits.text_line_octets };
        Body { content: Content::new(bounds, declared_octets), refusal: None, is_open: true }
    }

    /// The house won't have it: what comes is thrown away.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refusal = Some(refusal);
        self.content.throw_away();
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some() || self.content.fault().is_some()
    }

    /// Whether the house still holds an intake for content that is refused; it doesn't any more after that.
    pub(super) fn close_if_refused(&mut self) -> bool {
        let closes = self.is_open && self.is_refused();
        self.is_open &= !closes;
        closes
    }
}
