//! A message as it goes through DATA: checked for what SMTP can't carry, and dot-stuffed.
//!
//! Only CRLF ends a line here. A bare CR or LF is refused before anything is sent: servers disagree on
//! what they mean, and a second message could hide behind one.

/// A message that may be sent with DATA, and what it asks of the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    bytes: &'a [u8],
    /// It holds octets above 127 somewhere: RFC 6152.
    pub(super) is_eight_bit: bool,
    /// Its header holds UTF-8 beyond ASCII: RFC 6532.
    pub(super) is_international: bool,
}

/// The message has a CR without an LF, or an LF without a CR, at this offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BareLineBreak {
    /// Where, in octets from its begin.
    pub(super) offset: usize,
}

impl<'a> Content<'a> {
    /// Looks the message through once.
    pub(super) fn check(bytes: &'a [u8]) -> Result<Content<'a>, BareLineBreak> {
        if let Some(offset) = find_bare_line_break(bytes) {
            return Err(BareLineBreak { offset });
        }
        let header = header_of(bytes);
        Ok(Content {
            bytes,
            is_eight_bit: !bytes.is_ascii(),
            is_international: !header.is_ascii() && std::str::from_utf8(header).is_ok(),
        })
    }

    /// Its size as SIZE counts it (RFC 1870 §3): with line ends, without stuffing.
    pub(super) fn size_octets(&self) -> usize {
        self.bytes.len()
    }

    /// The message, stuffed (RFC 5321 §4.5.2), in blocks of about `block_octets`. The end isn't in it.
    pub(super) fn stuffed_blocks(&self, block_octets: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut at_line_start = true;
        self.bytes.chunks(block_octets).map(move |chunk| stuff(chunk, &mut at_line_start))
    }

    /// What ends the data: RFC 5321 §4.1.1.4.
    pub(super) fn end_of_data(&self) -> &'static [u8] {
        match self.bytes.ends_with(b"\r\n") || self.bytes.is_empty() {
            true => b".\r\n",
            false => b"\r\n.\r\n",
        }
    }
}

fn stuff(chunk: &[u8], at_line_start: &mut bool) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(chunk.len() + chunk.len() / 64 + 1);
    for byte in chunk {
        if *at_line_start && *byte == b'.' {
            stuffed.push(b'.');
        }
        stuffed.push(*byte);
        // Bare LF has been refused: an LF always ends a line.
        *at_line_start = *byte == b'\n';
    }
    stuffed
}

fn find_bare_line_break(bytes: &[u8]) -> Option<usize> {
    let is_bare = |(offset, byte): (usize, &u8)| match byte {
        b'\r' => bytes.get(offset + 1) != Some(&b'\n'),
        b'\n' => offset == 0 || bytes[offset - 1] != b'\r',
        _ => false,
    };
    bytes.iter().enumerate().position(is_bare)
}

fn header_of(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    &bytes[..end.unwrap_or(bytes.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_the_wire(message: &str, block_octets: usize) -> String {
        let content = Content::check(message.as_bytes()).unwrap();
        let mut bytes: Vec<u8> = content.stuffed_blocks(block_octets).flatten().collect();
        bytes.extend_from_slice(content.end_of_data());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn dots_at_line_starts_are_doubled_wherever_the_blocks_are_cut() {
        let message = ".a\r\n.\r\n..b\r\nc.\r\n";
        for block_octets in 1..20 {
            assert_eq!(on_the_wire(message, block_octets), "..a\r\n..\r\n...b\r\nc.\r\n.\r\n");
        }
    }

    #[test]
    fn the_end_stands_on_a_line_of_its_own() {
        assert_eq!(on_the_wire("a", 9), "a\r\n.\r\n");
        assert_eq!(on_the_wire("a\r\n", 9), "a\r\n.\r\n");
        assert_eq!(on_the_wire("", 9), ".\r\n");
    }

    #[test]
    fn bare_line_breaks_are_refused_with_their_place() {
        for (message, offset) in
            [("a\nb", 1), ("a\rb", 1), ("\n", 0), ("a\r\n\r", 3), ("a\n\r\n", 1), ("a\r\r\n", 1)]
        {
            let refused = Content::check(message.as_bytes()).unwrap_err();
            assert_eq!(refused, BareLineBreak { offset }, "{message:?}");
        }
    }

    #[test]
    fn what_the_server_must_offer_is_read_from_the_message() {
        let plain = Content::check(b"Subject: a\r\n\r\nb\r\n").unwrap();
        assert!(!plain.is_eight_bit && !plain.is_international);
        let body = Content::check("Subject: a\r\n\r\né\r\n".as_bytes()).unwrap();
        assert!(body.is_eight_bit && !body.is_international);
        let header = Content::check("Subject: é\r\n\r\nb\r\n".as_bytes()).unwrap();
        assert!(header.is_eight_bit && header.is_international);
        let latin = Content::check(b"Subject: \xe9\r\n\r\nb\r\n").unwrap();
        assert!(latin.is_eight_bit && !latin.is_international);
    }
}
