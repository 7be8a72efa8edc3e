//! Makes the lines of a message end as mail wants them (RFC 5322 §2.3), for the doors where programs hand over files:
//! a bare LF becomes CR LF. A bare CR and NUL are refused: the next server could take them for something else
//! (SMTP smuggling). Where every line ends well, no octet changes.

use std::borrow::Cow;

/// Octets on their way through, piece by piece.
#[derive(Debug, Default)]
pub struct LineEnds {
    after_cr: bool,
    line_octets: usize,
}

/// Octets that no mail can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// RFC 5322 §2.3: CR occurs only together with LF.
    #[error("the message contains a carriage return without a line feed behind it")]
    BareCr,
    /// RFC 5322 §2.2 leaves NUL out; RFC 5321 §2.3.8 wants text.
    #[error("the message contains a NUL octet")]
    Nul,
    /// RFC 5322 §2.1.1.
    #[error(
        "the message has a line of more than {MAX_LINE_OCTETS} octets; encode it as quoted-printable or base64"
    )]
    LongLine,
}

/// RFC 5322 §2.1.1, without CR LF.
const MAX_LINE_OCTETS: usize = 998;

impl LineEnds {
    /// The next octets as they are to go on.
    ///
    /// # Errors
    /// Octets that no mail can hold.
    pub fn push<'a>(&mut self, octets: &'a [u8]) -> Result<Cow<'a, [u8]>, InvalidLine> {
        let mut changed: Option<Vec<u8>> = None;
        for (place, octet) in octets.iter().enumerate() {
            if *octet == b'\n' && !self.after_cr {
                changed.get_or_insert_with(|| octets[..place].to_vec()).push(b'\r');
            }
            self.check(*octet)?;
            if let Some(changed) = &mut changed {
                changed.push(*octet);
            }
        }
        Ok(changed.map_or(Cow::Borrowed(octets), Cow::Owned))
    }

    /// Everything has come.
    ///
    /// # Errors
    /// The last octet is a bare CR.
    pub fn finish(self) -> Result<(), InvalidLine> {
        if self.after_cr { Err(InvalidLine::BareCr) } else { Ok(()) }
    }

    fn check(&mut self, octet: u8) -> Result<(), InvalidLine> {
        match octet {
            b'\n' => self.line_octets = 0,
            _ if self.after_cr => return Err(InvalidLine::BareCr),
            0 => return Err(InvalidLine::Nul),
            b'\r' => {}
            _ if self.line_octets == MAX_LINE_OCTETS => return Err(InvalidLine::LongLine),
            _ => self.line_octets += 1,
        }
        self.after_cr = octet == b'\r';
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(octets: &[u8], size: usize) -> Result<Vec<u8>, InvalidLine> {
        let mut ends = LineEnds::default();
        let mut out = Vec::new();
        for piece in octets.chunks(size) {
            out.extend_from_slice(&ends.push(piece)?);
        }
        ends.finish().map(|()| out)
    }

    #[test]
    fn bare_line_feeds_get_their_carriage_return_wherever_the_pieces_are_cut() {
        for size in 1..12 {
            assert_eq!(
                through(b"a\nb\r\n\n\r\nc", size).unwrap(),
                b"a\r\nb\r\n\r\n\r\nc",
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn good_lines_are_not_even_copied() {
        let mut ends = LineEnds::default();
        assert!(matches!(ends.push(b"a\r\n.\r\nb"), Ok(Cow::Borrowed(b"a\r\n.\r\nb"))));
    }

    #[test]
    fn what_no_mail_can_hold_is_refused() {
        let long = [&b"x".repeat(998)[..], b"\r\n"].concat();
        assert_eq!(through(&long, 100).unwrap(), long);
        let longer = [b"x", &long[..]].concat();
        for (octets, fault) in [
            (&b"a\rb"[..], InvalidLine::BareCr),
            (b"a\r\r\n", InvalidLine::BareCr),
            (b"a\r", InvalidLine::BareCr),
            (b"a\0b", InvalidLine::Nul),
            (&longer, InvalidLine::LongLine),
        ] {
            assert_eq!(through(octets, 7), Err(fault), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_has_no_bare_line_end(octets in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..60), size in 1_usize..9) {
            if let Ok(out) = through(&octets, size) {
                let text = String::from_utf8_lossy(&out).replace("\r\n", "");
                prop_assert!(!text.contains(['\r', '\n']));
                prop_assert_eq!(through(&out, size), Ok(out));
            }
        }
    }
}
