//! The octets of a message on its way out: from memory or from the store, with the header as this way wants it. No more
//! than one piece is held at a time. Its neighbours are `worker`, which makes it, and the courier, which reads it.

use std::collections::HashSet;

use bytes::Bytes;
use m365::parcel::{Content, ContentTrouble, Reading};
use mail::header::{BccEdit, HeaderBlock, HeaderEdits};
use mail::{Address, Traits};
use store::Store;
use store::queue::{Message, PIECE_OCTETS};
use uuid::Uuid;

use super::limits::Way;
use super::route::Plan;

/// Where a message's stored pieces are.
#[derive(Debug, Clone)]
pub enum Pieces {
    /// Here: it was accepted a moment ago.
    Memory(Vec<Bytes>),
    /// In the database.
    Stored {
        /// Which.
        store: Store,
        /// Whose.
        id: Uuid,
        /// How many there are.
        count: u32,
    },
}

impl Pieces {
    /// Those of a message in the database.
    pub fn stored(store: &Store, message: &Message) -> Self {
        let count = message.size_octets.div_ceil(PIECE_OCTETS as u64);
        let count = u32::try_from(count).expect("a message has far fewer pieces");
        Self::Stored { store: store.clone(), id: message.id, count }
    }

    async fn read(&self, index: u32) -> Result<Option<Bytes>, ContentTrouble> {
        match self {
            Self::Memory(pieces) => Ok(pieces.get(index as usize).cloned()),
            Self::Stored { count, .. } if index >= *count => Ok(None),
            Self::Stored { store, id, .. } => {
                let piece = store.queue().piece(*id, index).await;
                let piece = piece.map_err(|error| ContentTrouble(error.to_string()))?;
                piece.map(Some).ok_or_else(|| ContentTrouble(format!("piece {index} is missing")))
            }
        }
    }

    /// The header of the message, as it is stored.
    pub async fn header(&self, message: &Message) -> Result<HeaderBlock, ContentTrouble> {
        let wanted = usize::try_from(message.header_octets).expect("a header fits into memory");
        let mut octets = Vec::with_capacity(wanted);
        for index in 0.. {
            if octets.len() >= wanted {
                break;
            }
            let piece = self.read(index).await?;
            let piece = piece.ok_or_else(|| ContentTrouble("the header is cut off".to_owned()))?;
            octets.extend_from_slice(&piece[..piece.len().min(wanted - octets.len())]);
        }
        Ok(HeaderBlock::split(&octets).0)
    }
}

/// A message as it leaves.
#[derive(Debug)]
pub struct Outgoing {
    /// The header where it differs from the stored one, in pieces.
    head: Vec<Bytes>,
    /// So many octets of what is stored are replaced by it.
    replaced: usize,
    pieces: Pieces,
    size_octets: u64,
    traits: Traits,
}

impl Outgoing {
    /// The message as `plan` wants it: by Graph, Bcc names exactly those who stand nowhere else; by SMTP there is no Bcc.
    pub fn prepare(message: &Message, header: &HeaderBlock, pieces: Pieces, plan: &Plan) -> Self {
        let as_stored = Self {
            head: Vec::new(),
            replaced: 0,
            pieces,
            size_octets: message.size_octets,
            traits: message.traits,
        };
        let Some(bcc) = bcc_edit(header, plan) else { return as_stored };
        let head = Bytes::from(header.edit(&HeaderEdits { bcc, ..HeaderEdits::default() }));
        let replaced = header.octets().len();
        let size_octets = message.size_octets - replaced as u64 + head.len() as u64;
        let cut = |from: usize| head.slice(from..head.len().min(from + PIECE_OCTETS));
        let head = (0..head.len()).step_by(PIECE_OCTETS).map(cut).collect();
        Self { head, replaced, size_octets, ..as_stored }
    }

    async fn read(&self, index: u32) -> Result<Option<Bytes>, ContentTrouble> {
        if let Some(head) = self.head.get(index as usize) {
            return Ok(Some(head.clone()));
        }
        let behind_head = index - u32::try_from(self.head.len()).expect("a header has few pieces");
        let first = u32::try_from(self.replaced / PIECE_OCTETS).expect("a header has few pieces");
        let Some(piece) = self.pieces.read(first + behind_head).await? else { return Ok(None) };
        let piece = match behind_head {
            0 => piece.slice(self.replaced % PIECE_OCTETS..),
            _ => piece,
        };
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

impl Content for Outgoing {
    fn size_octets(&self) -> u64 {
        self.size_octets
    }

    fn traits(&self) -> Traits {
        self.traits
    }

    fn piece(&self, index: u32) -> Reading<'_> {
        Box::pin(self.read(index))
    }
}

/// What has to be done about Bcc; nothing most of the time.
fn bcc_edit(header: &HeaderBlock, plan: &Plan) -> Option<BccEdit> {
    match plan.way {
        Way::Smtp => (header.has("Bcc") || header.has("Resent-Bcc")).then_some(BccEdit::Remove),
        Way::Graph if names_exactly(header, &plan.hidden) => None,
        Way::Graph => Some(BccEdit::Set(plan.hidden.clone())),
    }
}

/// Whether every reader finds exactly these in Bcc.
fn names_exactly(header: &HeaderBlock, hidden: &[Address]) -> bool {
    let key = |address: &Address| address.as_str().to_lowercase();
    let recipients = header.recipients();
    let there: HashSet<String> = recipients.bcc.iter().map(key).collect();
    let asked: HashSet<String> = hidden.iter().map(key).collect();
    let mut fields = header.fields_named("Bcc");
    // `Bcc :` is read by some, and shown to everybody by others.
    let is_plain = fields.next().is_none_or(|field| field.octets()[b"Bcc".len()] == b':');
    let is_clear = is_plain && fields.next().is_none() && recipients.unreadable_bcc.is_empty();
    is_clear && there == asked && !header.has("Resent-Bcc")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use store::queue::LaneKey;
    use time::OffsetDateTime;

    use super::*;

    fn message(octets: &[u8]) -> (Message, HeaderBlock, Vec<Bytes>) {
        let (header, rest) = HeaderBlock::split(octets);
        let message = Message {
            id: Uuid::from_u128(1),
            lane: LaneKey { account_id: Uuid::from_u128(2), mailbox: "relay@contoso.com".into() },
            submitter_id: None,
            submitter_name: String::new(),
            source: String::new(),
            from: None,
            recipients: Vec::new(),
            ret: None,
            envid: None,
            header_from: String::new(),
            subject: String::new(),
            message_id: String::new(),
            size_octets: octets.len() as u64,
            header_octets: rest as u64 + 2,
            traits: Traits::default(),
            notes: Value::Null,
            received_at: OffsetDateTime::UNIX_EPOCH,
            expires_at: OffsetDateTime::UNIX_EPOCH,
        };
        (message, header, octets.chunks(PIECE_OCTETS).map(Bytes::copy_from_slice).collect())
    }

    async fn leave(octets: &[u8], way: Way, hidden: &[&str]) -> Vec<u8> {
        let (message, header, pieces) = message(octets);
        let hidden = hidden.iter().map(|text| text.parse().unwrap()).collect();
        let pieces = Pieces::Memory(pieces);
        assert_eq!(pieces.header(&message).await.unwrap(), header);
        let outgoing = Outgoing::prepare(&message, &header, pieces, &Plan { way, hidden });
        let mut left = Vec::new();
        for index in 0.. {
            let Some(piece) = outgoing.read(index).await.unwrap() else { break };
            assert!(!piece.is_empty() && piece.len() <= PIECE_OCTETS);
            assert_eq!(outgoing.read(index).await.unwrap(), Some(piece.clone()), "repeatable");
            left.extend_from_slice(&piece);
        }
        assert_eq!(left.len() as u64, outgoing.size_octets());
        left
    }

    #[tokio::test]
    async fn what_needs_no_change_leaves_as_it_is_stored() {
        let mail = b"From: a@x.example\r\nTo: b@x.example\r\n\r\nhello\r\n";
        assert_eq!(leave(mail, Way::Smtp, &[]).await, mail);
        assert_eq!(leave(mail, Way::Graph, &[]).await, mail);
        let with_bcc = b"To: b@x.example\r\nBcc: C@x.example\r\n\r\nhello\r\n";
        assert_eq!(leave(with_bcc, Way::Graph, &["c@x.example"]).await, with_bcc);
    }

    #[tokio::test]
    async fn bcc_is_taken_out_for_smtp_and_is_exact_for_graph() {
        let mail = b"To: b@x.example\r\nBcc: c@x.example,\r\n d@x.example\r\nSubject: x\r\n\r\nhello\r\n";
        assert_eq!(
            leave(mail, Way::Smtp, &["c@x.example"]).await,
            b"To: b@x.example\r\nSubject: x\r\n\r\nhello\r\n"
        );
        for unclear in [
            "Bcc : c@x.example\r\n",
            "Bcc: c@x.example, Array\r\n",
            "Bcc: c@x.example\r\nbcc:\r\n",
            "Bcc: c@x.example\r\nResent-Bcc: d@x.example\r\n",
        ] {
            let mail = format!("To: b@x.example\r\n{unclear}\r\nhello\r\n");
            let graph = leave(mail.as_bytes(), Way::Graph, &["c@x.example"]).await;
            assert_eq!(graph, b"Bcc: c@x.example\r\nTo: b@x.example\r\n\r\nhello\r\n", "{unclear}");
        }
        let graph = leave(mail, Way::Graph, &["e@x.example"]).await;
        assert_eq!(graph, b"Bcc: e@x.example\r\nTo: b@x.example\r\nSubject: x\r\n\r\nhello\r\n");
        assert_eq!(leave(mail, Way::Graph, &[]).await, b"To: b@x.example\r\nSubject: x\r\n\r\nhello\r\n");
    }

    #[tokio::test]
    async fn large_headers_and_bodies_go_through_in_pieces() {
        for (header_octets, body_octets) in
            [(PIECE_OCTETS - 30, 10), (PIECE_OCTETS + 100, PIECE_OCTETS * 2), (40, PIECE_OCTETS * 3)]
        {
            let padding = "X: y\r\n".repeat(header_octets / 6);
            let mut mail = format!("Bcc: c@x.example\r\n{padding}\r\n").into_bytes();
            let body: Vec<u8> = (0..body_octets).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
            mail.extend_from_slice(&body);
            let expected = [format!("{padding}\r\n").as_bytes(), &body].concat();
            assert!(leave(&mail, Way::Smtp, &[]).await == expected, "{header_octets} {body_octets}");
        }
    }
}
