//! What is to be brought to Microsoft: a message with its envelope, read in pieces.
//!
//! Nobody holds a whole large message: each way to Microsoft asks for one piece after the other, and may ask
//! again from the first when it has to begin anew. Neighbours: `postern` reads pieces from memory or the
//! store, `courier` takes the parcel, `graph` and `smtp` read it.

use std::future::{Future, ready};
use std::pin::Pin;

use bytes::Bytes;
use mail::dsn_request::{EnvId, Notify, Orcpt, Ret};
use mail::{Envelope, MessageId, Traits};

use crate::failure::{Failure, LocalTrouble};

/// What a call for a piece returns: boxed, so that contents can be exchanged at run time.
pub type Reading<'a> = Pin<Box<dyn Future<Output = Result<Option<Bytes>, ContentTrouble>> + Send + 'a>>;

/// The octets of a message (RFC 5322, lines ended by CRLF) exactly as they are to arrive.
pub trait Content: Send + Sync {
    /// How many octets all pieces have together.
    fn size_octets(&self) -> u64;

    /// What they ask of the next server.
    fn traits(&self) -> Traits;

    /// The piece of that number, from 0: at most [`MAX_PIECE_OCTETS`], never empty; `None` after the last.
    /// The same number gives the same octets, however often it is asked for.
    fn piece(&self, index: u32) -> Reading<'_>;
}

/// The longest piece: what the store keeps in one row.
pub const MAX_PIECE_OCTETS: usize = 256 * 1024;

/// A small message, in memory.
#[derive(Debug, Clone)]
pub struct InMemory {
    octets: Bytes,
    traits: Traits,
}

impl InMemory {
    /// `octets` with what they ask of the next server.
    pub fn new(octets: impl Into<Bytes>, traits: Traits) -> InMemory {
        InMemory { octets: octets.into(), traits }
    }
}

impl Content for InMemory {
    fn size_octets(&self) -> u64 {
        self.octets.len() as u64
    }

    fn traits(&self) -> Traits {
        self.traits
    }

    fn piece(&self, index: u32) -> Reading<'_> {
        let begin = MAX_PIECE_OCTETS.saturating_mul(index as usize).min(self.octets.len());
        let end = begin.saturating_add(MAX_PIECE_OCTETS).min(self.octets.len());
        let piece = (begin < end).then(|| self.octets.slice(begin..end));
        Box::pin(ready(Ok(piece)))
    }
}

/// Our own store couldn't give a piece. It passes: the message is tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message can't be read from the store: {0}")]
pub struct ContentTrouble(
    /// For the log; no text of the message.
    pub String,
);

/// One message on its way.
#[derive(Clone, Copy)]
pub struct Parcel<'a> {
    /// Who it is from and for. Graph reads the header instead (facts 5.2): there they must say the same.
    pub envelope: &'a Envelope,
    /// The name in its header, where it has one that can be looked for.
    pub message_id: Option<&'a MessageId>,
    /// Its octets.
    pub content: &'a dyn Content,
    /// Who gets the bounces.
    pub return_path: ReturnPath,
    /// What the submitter asked to be told.
    pub reports: Reports<'a>,
}

/// What goes into `MAIL FROM`. Exchange refuses an address that the mailbox may not send as, and only after
/// the whole message (`554 5.2.252`, facts 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReturnPath {
    /// The envelope's sender: the account may send as it.
    #[default]
    Envelope,
    /// The mailbox in its place; the null reverse-path stays null.
    Mailbox,
}

/// Parameters of RFC 3461, passed on where the server offers DSN.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reports<'a> {
    /// How much a report brings back.
    pub ret: Option<Ret>,
    /// The submitter's name for the message.
    pub envid: Option<&'a EnvId>,
    /// For each recipient, in the envelope's order; empty where none was given any.
    pub recipients: &'a [RecipientReports],
}

/// What is asked for one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientReports {
    /// When to report.
    pub notify: Option<Notify>,
    /// Whom the submitter first meant.
    pub orcpt: Option<Orcpt>,
}

/// Who tells the sender, on a wish, that the message has arrived (RFC 3461 §5.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportsBy {
    /// The wish was passed on with the message.
    Them,
    /// It ended here: Graph knows no such wishes, and a server without DSN neither.
    Us,
}

/// Whether Microsoft has a message, as far as can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is in the mailbox, and not as a draft: it was sent.
    Sent,
    /// It isn't there. Sent Items fill with some seconds' delay.
    NotFound,
    /// Reading isn't granted to this account.
    CannotLook,
}

impl From<ContentTrouble> for Failure {
    fn from(trouble: ContentTrouble) -> Self {
        LocalTrouble::new(
            "content_unreadable",
            trouble.to_string(),
            "Check the disk and the database; the message is tried again.",
        )
        .into()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Contents for the tests of this room.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A message in memory, cut into pieces of `piece_octets`; it counts the pieces that are alive.
    pub(crate) struct Cut {
        octets: Vec<u8>,
        piece_octets: usize,
        pub(crate) alive: Arc<Alive>,
        /// The piece that can't be read.
        pub(crate) broken: Option<u32>,
    }

    /// How many pieces are held, and how many were at most.
    #[derive(Default)]
    pub(crate) struct Alive {
        now: AtomicUsize,
        pub(crate) most: AtomicUsize,
    }

    struct Piece {
        octets: Vec<u8>,
        alive: Arc<Alive>,
    }

    impl AsRef<[u8]> for Piece {
        fn as_ref(&self) -> &[u8] {
            &self.octets
        }
    }

    impl Drop for Piece {
        fn drop(&mut self) {
            self.alive.now.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Cut {
        pub(crate) fn whole(octets: impl Into<Vec<u8>>) -> Cut {
            Cut::into_pieces(octets, MAX_PIECE_OCTETS)
        }

        pub(crate) fn into_pieces(octets: impl Into<Vec<u8>>, piece_octets: usize) -> Cut {
            Cut { octets: octets.into(), piece_octets, alive: Arc::default(), broken: None }
        }
    }

    impl Content for Cut {
        fn size_octets(&self) -> u64 {
            self.octets.len() as u64
        }

        fn traits(&self) -> Traits {
            let header = self.octets.windows(4).position(|four| four == b"\r\n\r\n");
            let (header, body) = self.octets.split_at(header.unwrap_or(self.octets.len()));
            let mut traits = Traits::of_header(header);
            traits.add_body(body);
            traits
        }

        fn piece(&self, index: u32) -> Reading<'_> {
            let octets = self.octets.chunks(self.piece_octets).nth(index as usize);
            Box::pin(async move {
                if self.broken == Some(index) {
                    return Err(ContentTrouble("the disk is on strike".to_owned()));
                }
                Ok(octets.map(|octets| {
                    let now = self.alive.now.fetch_add(1, Ordering::SeqCst) + 1;
                    self.alive.most.fetch_max(now, Ordering::SeqCst);
                    Bytes::from_owner(Piece { octets: octets.to_vec(), alive: Arc::clone(&self.alive) })
                }))
            })
        }
    }
}
