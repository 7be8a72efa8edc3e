//! A request body that can tell afterwards whether all of it was handed over to the connection.
//!
//! It is handed over in pieces, so that the connection takes the last one only when it has room for it: what
//! was not asked for was certainly not sent. It can't be sent twice, so the client can't repeat it unseen.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// The body.
pub(super) struct WatchedBody {
    rest: Bytes,
    is_handed_over: Arc<AtomicBool>,
}

/// Its witness.
pub(super) struct Watch(Arc<AtomicBool>);

const PIECE_OCTETS: usize = 16 * 1024;

impl WatchedBody {
    pub(super) fn new(content: String) -> (WatchedBody, Watch) {
        let is_handed_over = Arc::new(AtomicBool::new(content.is_empty()));
        let watch = Watch(is_handed_over.clone());
        (WatchedBody { rest: content.into(), is_handed_over }, watch)
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }
}

impl Watch {
    /// Whether the last piece was taken: from then on it may have arrived.
    pub(super) fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = PIECE_OCTETS.min(self.rest.len());
        let piece = self.rest.split_to(length);
        if self.rest.is_empty() {
            self.is_handed_over.store(true, Ordering::Release);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn the_witness_speaks_when_the_last_piece_is_taken_and_not_before() {
        let content = "x".repeat(PIECE_OCTETS + 1);
        let (mut body, watch) = WatchedBody::new(content.clone());
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        for is_handed_over in [false, true] {
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else {
                panic!("the body is always ready");
            };
            taken.extend_from_slice(&frame.into_data().unwrap());
            assert_eq!(watch.is_handed_over(), is_handed_over);
        }
        assert!(matches!(Pin::new(&mut body).poll_frame(&mut context), Poll::Ready(None)));
        assert_eq!(taken, content.as_bytes());
    }
}
