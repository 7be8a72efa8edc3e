//! A request body made of a message's pieces, which can tell afterwards whether all of it was handed over.
//!
//! Whoever sends it pumps the pieces in; no more than a few are held at a time. It is handed over in small
//! frames, so that the connection takes the last one only when it has room for it: what was not asked for
//! was certainly not sent. It can't be sent twice, so the client can't repeat it unseen.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::parcel::{Content, ContentTrouble};

/// The body.
pub(super) struct WatchedBody {
    current: Bytes,
    /// What comes after `current`; its sender is the [`Pump`].
    coming: Option<mpsc::Receiver<Bytes>>,
    left_octets: u64,
    is_handed_over: Arc<AtomicBool>,
}

/// Its witness.
pub(super) struct Watch(Arc<AtomicBool>);

/// Reads, encodes and hands on what the body still has to send.
pub(super) struct Pump<'a> {
    content: &'a dyn Content,
    next: u32,
    encoder: Encoder,
    into: mpsc::Sender<Bytes>,
}

/// The content ended before its announced size, so the request was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message ended too early")]
pub(super) struct Cut;

const FRAME_OCTETS: usize = 16 * 1024;

/// The whole message in base64, as Graph takes MIME (facts 5.1). A message of one piece is read at once and
/// needs no pump.
pub(super) async fn encode(
    content: &dyn Content,
) -> Result<(WatchedBody, Watch, Option<Pump<'_>>), ContentTrouble> {
    let left_octets = content.size_octets().div_ceil(3) * 4;
    let is_handed_over = Arc::new(AtomicBool::new(left_octets == 0));
    let watch = Watch(Arc::clone(&is_handed_over));
    let mut encoder = Encoder { left_octets: content.size_octets(), carry: Vec::new() };
    let current = match content.piece(0).await? {
        Some(first) => encoder.add(&first)?,
        None => Bytes::new(),
    };
    let (coming, pump) = match encoder.left_octets {
        0 => (None, None),
        _ => {
            // One that waits, one in the making and the one in use: a few pieces, however large the message.
            let (into, coming) = mpsc::channel(1);
            (Some(coming), Some(Pump { content, next: 1, encoder, into }))
        }
    };
    Ok((WatchedBody { current, coming, left_octets, is_handed_over }, watch, pump))
}

impl Pump<'_> {
    /// Works until all is handed on, or nobody takes it any more.
    pub(super) async fn run(mut self) -> Result<(), ContentTrouble> {
        while self.encoder.left_octets > 0 {
            let piece = self.content.piece(self.next).await?.unwrap_or_default();
            let encoded = self.encoder.add(&piece)?;
            drop(piece);
            self.next += 1;
            if self.into.send(encoded).await.is_err() {
                // The request is over; its own end says why.
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Base64 without line breaks, across pieces of any length.
struct Encoder {
    left_octets: u64,
    /// At most two octets that don't make a group of three yet.
    carry: Vec<u8>,
}

impl Encoder {
    fn add(&mut self, piece: &[u8]) -> Result<Bytes, ContentTrouble> {
        let length = piece.len() as u64;
        if length == 0 || length > self.left_octets {
            return Err(ContentTrouble("it has not the size that was noted for it".to_owned()));
        }
        self.left_octets -= length;
        let mut encoded = String::with_capacity((self.carry.len() + piece.len()).div_ceil(3) * 4);
        let missing = (3 - self.carry.len()) % 3;
        let (head, rest) = piece.split_at(missing.min(piece.len()));
        self.carry.extend_from_slice(head);
        if self.carry.len() == 3 || self.left_octets == 0 && rest.is_empty() {
            STANDARD.encode_string(&self.carry, &mut encoded);
            self.carry.clear();
        }
        let whole = if self.left_octets == 0 { rest.len() } else { rest.len() / 3 * 3 };
        let (groups, tail) = rest.split_at(whole);
        STANDARD.encode_string(groups, &mut encoded);
        self.carry.extend_from_slice(tail);
        Ok(encoded.into())
    }
}

impl WatchedBody {
    pub(super) fn len(&self) -> u64 {
        self.left_octets
    }

    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Cut>> {
        while self.current.is_empty() {
            let Some(coming) = &mut self.coming else { return Poll::Ready(Err(Cut)) };
            self.current = ready!(coming.poll_recv(context)).ok_or(Cut)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Watch {
    /// Whether the last frame was taken: from then on it may have arrived.
    pub(super) fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.left_octets == 0 {
            return Poll::Ready(None);
        }
        if let Err(cut) = ready!(self.poll_more(context)) {
            return Poll::Ready(Some(Err(cut)));
        }
        let length = FRAME_OCTETS.min(self.current.len());
        let frame = self.current.split_to(length);
        self.left_octets -= length as u64;
        if self.left_octets == 0 {
            self.is_handed_over.store(true, Ordering::Release);
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left_octets == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_octets)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::parcel::testing::Cut as Message;

    async fn next_frame(body: &mut WatchedBody) -> Option<Result<Bytes, Cut>> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap()))
    }

    async fn drain(content: &Message) -> Result<Vec<u8>, Cut> {
        let (mut body, watch, pump) = encode(content).await.unwrap();
        let length = body.len();
        let take = async {
            let mut taken = Vec::new();
            while let Some(frame) = next_frame(&mut body).await {
                assert!(!watch.is_handed_over() || body.left_octets == 0);
                taken.extend_from_slice(&frame?);
            }
            Ok(taken)
        };
        let pump = async {
            if let Some(pump) = pump {
                // A body that ends early says so itself.
                let _ = pump.run().await;
            }
        };
        let (taken, ()) = tokio::join!(take, pump);
        let taken = taken?;
        assert!(watch.is_handed_over());
        assert_eq!(taken.len() as u64, length);
        Ok(taken)
    }

    #[tokio::test]
    async fn base64_is_the_same_wherever_the_pieces_are_cut() {
        let message: Vec<u8> = (0..200).collect();
        for length in [0, 1, 2, 3, 4, 5, 100, 200] {
            for piece_octets in [1, 2, 3, 4, 7, 50, 200] {
                let content = Message::into_pieces(&message[..length], piece_octets);
                assert_eq!(drain(&content).await.unwrap(), STANDARD.encode(&message[..length]).as_bytes());
            }
        }
    }

    #[tokio::test]
    async fn the_witness_speaks_when_the_last_frame_is_taken_and_not_before() {
        let content = Message::whole("x".repeat(FRAME_OCTETS / 4 * 3 + 1));
        let (mut body, watch, pump) = encode(&content).await.unwrap();
        assert!(pump.is_none(), "one piece needs no pump");
        for is_handed_over in [false, true] {
            next_frame(&mut body).await.unwrap().unwrap();
            assert_eq!(watch.is_handed_over(), is_handed_over);
        }
        assert!(next_frame(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_read_to_its_end_is_cut_and_never_said_to_be_handed_over() {
        let mut content = Message::into_pieces("x".repeat(100), 30);
        content.broken = Some(2);
        assert_eq!(drain(&content).await, Err(Cut));
    }

    #[tokio::test]
    async fn a_large_message_is_never_held_whole() {
        let content = Message::into_pieces("x".repeat(2_000_000), 10_000);
        drain(&content).await.unwrap();
        assert!(
            content.alive.most.load(Ordering::SeqCst) <= 1,
            "the pump lets go of a piece once it is encoded"
        );
    }
}
