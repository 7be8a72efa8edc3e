//! The content of a message as its octets come in: takes out the dots of DATA (RFC 5321 §4.5.2), finds the one true
//! end of it (CR LF . CR LF), refuses what smugglers need (bare CR, bare LF, NUL) and what is too long or too large,
//! and gathers the rest into pieces. Pure; at most one piece is held.

use bytes::{Bytes, BytesMut};

/// The house is given pieces of this size: a row of the store.
pub(crate) const PIECE_OCTETS: usize = 256 * 1024;
/// What is reserved for a message of which no size was declared.
const FIRST_OCTETS: usize = 16 * 1024;
/// So many times the limit are read and thrown away so that the client hears why; then the connection is closed.
const PATIENCE: u64 = 10;

/// How far the content has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All input is used up.
    NeedsInput,
    /// A piece is full and has to be taken before more is read.
    PieceFull,
    /// It is complete.
    Ended,
}

/// Why content is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    BareCr,
    BareLf,
    Nul,
    LineTooLong,
    TooLarge,
}

/// Limits of one message's content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) octets: u64,
    pub(crate) line_octets: usize,
}

/// The content of one message on its way in.
#[derive(Debug)]
pub(crate) struct Content {
    bounds: Bounds,
    position: Position,
    line_octets: usize,
    octets: u64,
    thrown_away: u64,
    is_wanted: bool,
    fault: Option<Fault>,
    /// A bare CR or LF or a NUL was seen: where the message ends is in dispute.
    is_disputed: bool,
    piece: BytesMut,
}

/// What the last octets were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    LineStart,
    /// DATA only: a dot at the start of a line.
    Dot,
    /// DATA only: a dot at the start of a line, and CR.
    DotCr,
    Middle,
    Cr,
}

impl Content {
    pub(crate) fn new(bounds: Bounds, declared_octets: Option<u64>) -> Content {
        let declared = declared_octets.and_then(|octets| usize::try_from(octets).ok());
        // A little more than declared: some clients count before they add a header or the last line's end.
        let reserved = declared.map_or(FIRST_OCTETS, |octets| octets.saturating_add(512)).min(PIECE_OCTETS);
        Content {
            bounds,
            position: Position::LineStart,
            line_octets: 0,
            octets: 0,
            thrown_away: 0,
            is_wanted: true,
            fault: None,
            is_disputed: false,
            piece: BytesMut::with_capacity(reserved),
        }
    }

    /// A chunk of so many octets is to come: what will be too large is so already.
    pub(crate) fn announce(&mut self, octets: u64) {
        if self.octets.saturating_add(octets) > self.bounds.octets {
            self.find(Fault::TooLarge);
        }
    }

    /// What it is refused for, if it is: the first fault that was found.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether it holds what a smuggler would need, so that nothing behind its end may be believed.
    pub(crate) fn is_disputed(&self) -> bool {
        self.is_disputed
    }

    /// Whether so much was thrown away that the client isn't worth an answer any more.
    pub(crate) fn is_beyond_patience(&self) -> bool {
        self.thrown_away > self.bounds.octets.saturating_mul(PATIENCE)
    }

    /// The octets gathered so far; empty when there are none.
    pub(crate) fn take_piece(&mut self) -> Bytes {
        std::mem::take(&mut self.piece).freeze()
    }

    /// From here on octets are thrown away: the message is refused, and only its end is of interest.
    pub(crate) fn throw_away(&mut self) {
        self.is_wanted = false;
        self.piece = BytesMut::new();
    }

    /// Takes octets of DATA up to the true end, off the front of `input`.
    pub(crate) fn take_dotted(&mut self, input: &mut &[u8]) -> Progress {
        loop {
            if self.piece.len() >= PIECE_OCTETS {
                return Progress::PieceFull;
            }
            let Some(&next) = input.first() else { return Progress::NeedsInput };
            match (self.position, next) {
                (Position::LineStart, b'.') => self.pass_over(input, Position::Dot),
                (Position::Dot, b'\r') => self.pass_over(input, Position::DotCr),
                (Position::DotCr, b'\n') => {
                    self.pass_over(input, Position::LineStart);
                    return Progress::Ended;
                }
                (Position::DotCr, _) => {
                    self.dispute(Fault::BareCr);
                    self.position = Position::Middle;
                }
                _ => self.take_plain(input),
            }
        }
    }

    /// Takes octets of a BDAT chunk, of which `left` are still to come, off the front of `input`.
    pub(crate) fn take_chunk(&mut self, input: &mut &[u8], left: &mut u64) -> Progress {
        loop {
            if *left == 0 {
                return Progress::Ended;
            }
            if self.piece.len() >= PIECE_OCTETS {
                return Progress::PieceFull;
            }
            if input.is_empty() {
                return Progress::NeedsInput;
            }
            let window = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
            let mut chunk = &input[..window];
            self.take_plain(&mut chunk);
            let taken = window - chunk.len();
            *input = &input[taken..];
            *left -= taken as u64;
        }
    }

    /// The last chunk is there: a CR at its end has no LF.
    pub(crate) fn end_chunks(&mut self) {
        if self.position == Position::Cr {
            self.dispute(Fault::BareCr);
        }
    }

    /// Takes octets among which a dot means nothing: to the end of the line, of the input, or of the piece. Takes
    /// one at least.
    fn take_plain(&mut self, input: &mut &[u8]) {
        if self.position == Position::Cr {
            if input[0] == b'\n' {
                self.keep(input, 1);
                self.line_octets = 0;
                self.position = Position::LineStart;
                return;
            }
            self.dispute(Fault::BareCr);
        }
        self.position = Position::Middle;
        let window = input.len().min(PIECE_OCTETS - self.piece.len());
        let end = memchr::memchr3(b'\r', b'\n', 0, &input[..window]);
        self.keep(input, end.unwrap_or(window));
        if end.is_none() || self.piece.len() == PIECE_OCTETS {
            return;
        }
        match input[0] {
            b'\r' => self.position = Position::Cr,
            // Only CR LF begins a line: no dot behind a bare LF ends the message.
            b'\n' => self.dispute(Fault::BareLf),
            _ => self.dispute(Fault::Nul),
        }
        self.keep(input, 1);
    }

    fn pass_over(&mut self, input: &mut &[u8], position: Position) {
        *input = &input[1..];
        self.position = position;
    }

    fn keep(&mut self, input: &mut &[u8], count: usize) {
        let (octets, rest) = input.split_at(count);
        *input = rest;
        self.line_octets += count;
        self.octets += count as u64;
        if self.line_octets > self.bounds.line_octets {
            self.find(Fault::LineTooLong);
        }
        if self.octets > self.bounds.octets {
            self.find(Fault::TooLarge);
        }
        match self.is_wanted {
            true => {
                self.make_room(count);
                self.piece.extend_from_slice(octets);
            }
            false => self.thrown_away += count as u64,
        }
    }

    /// Grows the piece by doubling it, to the size of a whole one and not beyond.
    fn make_room(&mut self, count: usize) {
        let wanted = self.piece.len() + count;
        if wanted > self.piece.capacity() {
            let capacity = wanted.next_power_of_two().clamp(FIRST_OCTETS, PIECE_OCTETS);
            self.piece.reserve(capacity - self.piece.len());
        }
    }

    fn dispute(&mut self, fault: Fault) {
        self.is_disputed = true;
        self.find(fault);
    }

    fn find(&mut self, fault: Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault);
            self.throw_away();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDE: Bounds = Bounds { octets: 1 << 30, line_octets: 1 << 30 };

    /// What came of `wire`, given in parts of `step` octets; None: it didn't end.
    fn undotted(wire: &[u8], step: usize, bounds: Bounds) -> Option<(Result<Vec<u8>, Fault>, usize)> {
        let mut content = Content::new(bounds, None);
        let mut kept = Vec::new();
        let mut given = 0;
        for mut part in wire.chunks(step) {
            given += part.len();
            loop {
                match content.take_dotted(&mut part) {
                    Progress::NeedsInput => break,
                    Progress::PieceFull => kept.extend(content.take_piece()),
                    Progress::Ended => {
                        kept.extend(content.take_piece());
                        let outcome = content.fault().map_or(Ok(kept), Err);
                        return Some((outcome, given - part.len()));
                    }
                }
            }
            assert!(content.piece.len() <= PIECE_OCTETS);
        }
        None
    }

    #[test]
    fn dots_are_taken_out_and_the_end_is_found_however_it_is_cut() {
        for (wire, expected) in [
            (&b".\r\n"[..], &b""[..]),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b".a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n"),
            (b". \r\n.\r\n", b" \r\n"),
            (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
            (b"a.\r\n.\r\n", b"a.\r\n"),
        ] {
            for step in 1..=wire.len() {
                let (octets, used) = undotted(wire, step, WIDE).unwrap();
                assert_eq!((octets.unwrap().as_slice(), used), (expected, wire.len()), "{wire:?} by {step}");
            }
        }
    }

    #[test]
    fn none_of_the_false_ends_is_an_end_and_each_is_a_fault() {
        // facts §11: the forms of the SMTP smuggling disclosure of 2023.
        for (form, fault) in [
            (&b"\n.\n"[..], Fault::BareLf),
            (b"\n.\r\n", Fault::BareLf),
            (b"\r\n.\n", Fault::BareLf),
            (b"\n.\r\r\n", Fault::BareLf),
            (b"\r.\r", Fault::BareCr),
            (b"\r.\r\n", Fault::BareCr),
            (b"\r.\n", Fault::BareCr),
            (b"\r\n.\r", Fault::BareCr),
            (b"\r\n.\r\r\n", Fault::BareCr),
            (b"\r\r\n.\r\r\n", Fault::BareCr),
            (b"\r\n\0.\r\n", Fault::Nul),
            (b"\r\n.\0\r\n", Fault::Nul),
        ] {
            let wire = [b"x", form, b"MAIL FROM:<a@b>\r\n.\r\n"].concat();
            for step in 1..=wire.len() {
                let (octets, used) = undotted(&wire, step, WIDE).unwrap();
                assert_eq!((octets, used), (Err(fault), wire.len()), "{form:?} by {step}");
            }
        }
        // CR CR LF . CR LF holds a true end behind a bare CR: refused, and the session believes nothing after it.
        assert_eq!(undotted(b"x\r\r\n.\r\n", 3, WIDE), Some((Err(Fault::BareCr), 7)));
        // A line of a dot and a space is a line.
        assert_eq!(undotted(b"x\r\n. \r\n.\r\n", 3, WIDE).unwrap().0.unwrap(), b"x\r\n \r\n");
    }

    #[test]
    fn limits_count_the_octets_that_are_kept() {
        let bounds = Bounds { octets: 12, line_octets: 6 };
        for (wire, expected) in [
            (&b"..234\r\n.\r\n"[..], Ok(&b".234\r\n"[..])),
            (b"12345\r\n.\r\n", Err(Fault::LineTooLong)),
            (b"1234\r\n1234\r\n.\r\n", Ok(b"1234\r\n1234\r\n")),
            (b"1234\r\n1234\r\n\r\n.\r\n", Err(Fault::TooLarge)),
        ] {
            for step in 1..=wire.len() {
                let (octets, _) = undotted(wire, step, bounds).unwrap();
                assert_eq!(octets.as_deref().map_err(|fault| *fault), expected, "{wire:?} by {step}");
            }
        }
    }

    #[test]
    fn pieces_are_full_and_what_is_refused_is_not_held() {
        let mut content = Content::new(Bounds { octets: 1 << 20, line_octets: 1 << 30 }, Some(u64::MAX));
        let line = [b'x'; 70_001];
        for more in [14, 1] {
            assert!(content.fault().is_none());
            for _ in 0..more {
                let mut part = &line[..];
                while content.take_dotted(&mut part) == Progress::PieceFull {
                    assert_eq!(content.piece.capacity(), PIECE_OCTETS);
                    assert_eq!(content.take_piece().len(), PIECE_OCTETS);
                }
            }
        }
        assert_eq!((content.fault(), content.piece.capacity()), (Some(Fault::TooLarge), 0));
        assert!(!content.is_beyond_patience());
        for _ in 0..110 {
            content.take_dotted(&mut &[b'x'; 100_000][..]);
        }
        assert!(content.is_beyond_patience());
    }

    /// RFC 5321 §4.5.2 word for word, for octets without bare CR or LF and without NUL.
    fn reference(wire: &[u8]) -> Option<Vec<u8>> {
        let mut kept = Vec::new();
        for line in wire.split_inclusive(|octet| *octet == b'\n') {
            if line == b".\r\n" {
                return Some(kept);
            }
            kept.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        None
    }

    fn is_clean(octets: &[u8]) -> bool {
        let pairs = octets.windows(2).all(|pair| (pair[0] == b'\r') == (pair[1] == b'\n'));
        pairs && !octets.contains(&0) && octets.first() != Some(&b'\n')
    }

    fn wire() -> impl Strategy<Value = Vec<u8>> {
        const PARTS: [&[u8]; 10] =
            [b"\r\n", b"\r\n.", b".", b"text", b"\r", b"\n", b"\0", b"\r\n.\r\n", b"\xc3\xa9", b"\r\n..\r\n"];
        let part = prop::sample::select(&PARTS[..]).prop_map(<[u8]>::to_vec);
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_the_standard_says(wire in wire(), step in 1_usize..9) {
            let full = [&wire[..], b"\r\n.\r\n"].concat();
            let (octets, used) = undotted(&full, step, WIDE).unwrap();
            if is_clean(&full[..used]) {
                prop_assert_eq!(Some(octets.unwrap()), reference(&full));
            } else {
                prop_assert!(octets.is_err());
            }
        }

        #[test]
        fn how_it_is_cut_changes_nothing(wire in wire(), step in 1_usize..40) {
            prop_assert_eq!(undotted(&wire, step, WIDE), undotted(&wire, usize::MAX, WIDE));
        }
    }
}
