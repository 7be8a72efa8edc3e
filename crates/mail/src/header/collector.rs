//! Collects the header while a message streams by, so that no more than the header is held.

use super::{HeaderBlock, find_end};

/// The largest header that is taken. Exchange refuses far smaller ones (`552 5.3.4 Header size exceeds fixed
/// maximum size`).
pub const MAX_HEADER_OCTETS: usize = 1 << 20;

/// Octets of a message whose header isn't complete yet.
#[derive(Debug, Default)]
pub struct HeaderCollector {
    octets: Vec<u8>,
    /// The begin of the first line that hasn't been looked at to its end.
    looked_at: usize,
}

/// Whether the header is complete.
#[derive(Debug, PartialEq, Eq)]
pub enum Collected {
    /// Its end hasn't come yet.
    More(HeaderCollector),
    /// It is complete.
    Header {
        /// The header.
        header: HeaderBlock,
        /// What has come of the rest: the empty line and the begin of the body.
        rest: Vec<u8>,
    },
}

/// The header has more than [`MAX_HEADER_OCTETS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header of the message is larger than {MAX_HEADER_OCTETS} octets")]
pub struct HeaderTooLarge;

impl PartialEq for HeaderCollector {
    fn eq(&self, other: &HeaderCollector) -> bool {
        self.octets == other.octets
    }
}

impl Eq for HeaderCollector {}

impl HeaderCollector {
    /// Takes the next octets of the message.
    pub fn push(mut self, octets: &[u8]) -> Result<Collected, HeaderTooLarge> {
        self.octets.extend_from_slice(octets);
        match find_end(&self.octets, self.looked_at) {
            Some(end) if end <= MAX_HEADER_OCTETS => Ok(self.complete()),
            None if self.octets.len() <= MAX_HEADER_OCTETS => {
                let line = self.octets.iter().rposition(|octet| *octet == b'\n');
                self.looked_at = line.map_or(0, |line| line + 1);
                Ok(Collected::More(self))
            }
            _ => Err(HeaderTooLarge),
        }
    }

    /// The message has ended: what has come is all there is.
    pub fn finish(self) -> (HeaderBlock, Vec<u8>) {
        let (header, rest) = HeaderBlock::split(&self.octets);
        (header, self.octets[rest..].to_vec())
    }

    fn complete(self) -> Collected {
        let (header, rest) = self.finish();
        Collected::Header { header, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"From: a@b.c\r\nSubject: x\r\n folded\r\n\r\nbody\r\n\r\nmore";

    fn collect(pieces: impl Iterator<Item = Vec<u8>>) -> (HeaderBlock, Vec<u8>) {
        let mut collector = HeaderCollector::default();
        let mut pieces = pieces;
        while let Some(piece) = pieces.next() {
            collector = match collector.push(&piece).unwrap() {
                Collected::More(collector) => collector,
                Collected::Header { header, mut rest } => {
                    rest.extend(pieces.flatten());
                    return (header, rest);
                }
            };
        }
        collector.finish()
    }

    #[test]
    fn however_the_message_is_cut_the_header_is_the_same() {
        let (whole, rest) = HeaderBlock::split(MESSAGE);
        for size in 1..=MESSAGE.len() {
            let (header, remaining) = collect(MESSAGE.chunks(size).map(<[u8]>::to_vec));
            assert_eq!((&header, remaining.as_slice()), (&whole, &MESSAGE[rest..]), "pieces of {size}");
        }
    }

    #[test]
    fn a_message_without_an_empty_line_is_all_header() {
        let (header, rest) = collect(MESSAGE[..33].chunks(7).map(<[u8]>::to_vec));
        assert_eq!((header.octets(), rest.as_slice()), (&MESSAGE[..33], &b""[..]));
    }

    #[test]
    fn a_header_over_a_mebibyte_is_refused_and_one_below_is_not() {
        let line = format!("X-Filler: {}\r\n", "x".repeat(500)).into_bytes();
        let mut collector = HeaderCollector::default();
        let refused = loop {
            collector = match collector.push(&line) {
                Ok(Collected::More(collector)) => collector,
                Ok(Collected::Header { .. }) => panic!("there is no empty line"),
                Err(refused) => break refused,
            };
            assert!(collector.octets.len() <= MAX_HEADER_OCTETS);
        };
        assert_eq!(refused, HeaderTooLarge);

        let mut message = line.repeat(MAX_HEADER_OCTETS / line.len());
        message.extend_from_slice(b"\r\n");
        message.resize(2 * MAX_HEADER_OCTETS, b'b');
        assert!(matches!(HeaderCollector::default().push(&message), Ok(Collected::Header { .. })));
    }
}
