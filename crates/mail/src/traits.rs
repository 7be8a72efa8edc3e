//! What a message's octets ask of the next server. Found while they stream by; nothing is kept.

use serde::{Deserialize, Serialize};

/// What the next server must offer so that the message passes unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traits {
    /// There is an octet above 127 somewhere: 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// The header holds UTF-8 beyond ASCII: SMTPUTF8 (RFC 6531 §3.4). Octets above 127 that aren't UTF-8, as
    /// old devices put them into a subject, are no such thing: they are only `eight_bit`.
    pub international: bool,
}

impl Traits {
    /// The traits of a header.
    pub fn of_header(octets: &[u8]) -> Traits {
        let eight_bit = !octets.is_ascii();
        Traits { eight_bit, international: eight_bit && std::str::from_utf8(octets).is_ok() }
    }

    /// Takes the next octets of a body into account. A body can't make a message international.
    pub fn add_body(&mut self, octets: &[u8]) {
        self.eight_bit = self.eight_bit || !octets.is_ascii();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_international_when_it_is_utf8_beyond_ascii() {
        for (octets, eight_bit, international) in [
            (&b"Subject: plain\r\n"[..], false, false),
            ("Subject: Grüße\r\n".as_bytes(), true, true),
            (b"Subject: Gr\xfc\xdfe\r\n", true, false),
        ] {
            assert_eq!(Traits::of_header(octets), Traits { eight_bit, international });
        }
    }

    #[test]
    fn one_octet_of_the_body_is_enough_and_is_not_forgotten() {
        let mut traits = Traits::of_header(b"Subject: plain\r\n");
        traits.add_body(b"plain");
        assert_eq!(traits, Traits::default());
        traits.add_body("é".as_bytes());
        traits.add_body(b"plain again");
        assert_eq!(traits, Traits { eight_bit: true, international: false });
    }
}
