//! A message as it goes through DATA or BDAT, piece by piece: checked for what SMTP can't carry, and stuffed.
//!
//! Only CRLF ends a line here. A bare CR or LF is refused before the piece that holds it is sent: servers
//! disagree on what they mean, and a second message could hide behind one.

use memchr::{memchr2_iter, memmem};

/// A CR without an LF, or an LF without a CR, at this offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BareLineBreak {
    /// Where, in octets from the message's begin.
    pub(super) offset: u64,
}

/// Looks for bare line breaks in one piece after the other.
#[derive(Debug, Default)]
pub(super) struct LineEnds {
    seen_octets: u64,
    /// The last piece ended in a CR: its LF must come first in the next.
    ends_in_cr: bool,
}

impl LineEnds {
    /// Looks at the next piece.
    pub(super) fn check(&mut self, piece: &[u8]) -> Result<(), BareLineBreak> {
        let bare = |at: usize| BareLineBreak { offset: self.seen_octets + at as u64 };
        let mut awaited = self.ends_in_cr.then_some(0);
        for at in memchr2_iter(b'\r', b'\n', piece) {
            match (piece[at], awaited) {
                (b'\n', Some(place)) if place == at => awaited = None,
                (b'\r', None) => awaited = Some(at + 1),
                (_, None) => return Err(bare(at)),
                (_, Some(place)) => return Err(before(bare(place))),
            }
        }
        match awaited {
            Some(place) if place < piece.len() => return Err(before(bare(place))),
            // An empty piece changes nothing: the LF may still come.
            awaited => self.ends_in_cr = awaited.is_some(),
        }
        self.seen_octets += piece.len() as u64;
        Ok(())
    }

    /// The message is over.
    pub(super) fn finish(&self) -> Result<(), BareLineBreak> {
        match self.ends_in_cr {
            false => Ok(()),
            true => Err(BareLineBreak { offset: self.seen_octets - 1 }),
        }
    }
}

fn before(place: BareLineBreak) -> BareLineBreak {
    BareLineBreak { offset: place.offset - 1 }
}

/// Doubles dots at line starts (RFC 5321 §4.5.2) wherever the pieces are cut, and knows how to end.
#[derive(Debug)]
pub(super) struct Stuffing {
    at_line_start: bool,
}

impl Stuffing {
    pub(super) fn new() -> Stuffing {
        Stuffing { at_line_start: true }
    }

    /// Adds the next octets to `stuffed`.
    pub(super) fn add(&mut self, octets: &[u8], stuffed: &mut Vec<u8>) {
        let Some(last) = octets.last() else { return };
        if self.at_line_start && octets[0] == b'.' {
            stuffed.push(b'.');
        }
        let mut copied = 0;
        for line_end in memmem::find_iter(octets, b"\n.") {
            stuffed.extend_from_slice(&octets[copied..=line_end]);
            stuffed.push(b'.');
            copied = line_end + 1;
        }
        stuffed.extend_from_slice(&octets[copied..]);
        // Bare LF has been refused: an LF always ends a line.
        self.at_line_start = *last == b'\n';
    }

    /// What ends the data: RFC 5321 §4.1.1.4.
    pub(super) fn end_of_data(&self) -> &'static [u8] {
        match self.at_line_start {
            true => b".\r\n",
            false => b"\r\n.\r\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_the_wire(message: &str, piece_octets: usize) -> String {
        let mut stuffing = Stuffing::new();
        let mut octets = Vec::new();
        message.as_bytes().chunks(piece_octets).for_each(|piece| stuffing.add(piece, &mut octets));
        octets.extend_from_slice(stuffing.end_of_data());
        String::from_utf8(octets).unwrap()
    }

    fn look_through(message: &str, piece_octets: usize) -> Result<(), BareLineBreak> {
        let mut line_ends = LineEnds::default();
        message.as_bytes().chunks(piece_octets).try_for_each(|piece| line_ends.check(piece))?;
        line_ends.finish()
    }

    #[test]
    fn dots_at_line_starts_are_doubled_wherever_the_pieces_are_cut() {
        let message = ".a\r\n.\r\n..b\r\nc.\r\n";
        for piece_octets in 1..20 {
            assert_eq!(on_the_wire(message, piece_octets), "..a\r\n..\r\n...b\r\nc.\r\n.\r\n");
        }
    }

    #[test]
    fn the_end_stands_on_a_line_of_its_own() {
        assert_eq!(on_the_wire("a", 9), "a\r\n.\r\n");
        assert_eq!(on_the_wire("a\r\n", 9), "a\r\n.\r\n");
        assert_eq!(on_the_wire("", 9), ".\r\n");
    }

    #[test]
    fn bare_line_breaks_are_refused_with_their_place_wherever_the_pieces_are_cut() {
        for (message, offset) in [
            ("a\nb", 1),
            ("a\rb", 1),
            ("\n", 0),
            ("a\r\n\r", 3),
            ("a\n\r\n", 1),
            ("a\r\r\n", 1),
            ("a\r\nb\r\rc\n", 4),
            ("\r", 0),
        ] {
            for piece_octets in 1..10 {
                let refused = look_through(message, piece_octets).unwrap_err();
                assert_eq!(refused, BareLineBreak { offset }, "{message:?} by {piece_octets}");
            }
        }
        for piece_octets in 1..10 {
            assert_eq!(look_through("a\r\n\r\nb\r\n", piece_octets), Ok(()));
            assert_eq!(look_through("", piece_octets), Ok(()));
        }
    }
}
