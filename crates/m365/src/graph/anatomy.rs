//! Where the attachments of a large message lie, found in one pass over its pieces.
//!
//! Graph takes no large message in one request, so attachments travel apart from the rest (facts 5.6). What
//! it must never do: take apart what is signed or encrypted, or whose place in the message means something;
//! such a message stays whole and goes by SMTP. Neighbours: `draft` sends what is found here.

use std::ops::Range;

use mail_parser::{MessageParser, MimeHeaders};
use memchr::memchr;

/// A message with its attachments marked.
#[derive(Debug)]
pub(super) struct Anatomy {
    size_octets: u64,
    /// Those that may travel apart, in their order.
    attachments: Vec<Attachment>,
    /// How many parts each multipart has.
    children: Vec<u32>,
}

/// A part that may travel apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachment {
    /// From its delimiter to the next one.
    whole: Range<u64>,
    /// Where its header begins.
    header_begin: u64,
    /// Its content as it stands in the message.
    pub(super) body: Range<u64>,
    /// How that is to be read.
    pub(super) coding: Coding,
    /// How long it is, read.
    pub(super) octets: u64,
    /// Its file name.
    pub(super) name: String,
    /// Its media type.
    pub(super) content_type: String,
    /// What the text calls it by, without brackets.
    pub(super) content_id: Option<String>,
    /// Shown inside the text.
    pub(super) is_inline: bool,
    multipart: usize,
}

/// Content-Transfer-Encoding (RFC 2045 §6), as far as it can be undone in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// 7bit, 8bit, binary: as it stands.
    Identity,
    /// Base64 with line ends.
    Base64,
}

/// What travels how.
#[derive(Debug)]
pub(super) struct Plan {
    /// The message without what travels apart, in order.
    pub(super) rest: Vec<Segment>,
    /// What travels apart.
    pub(super) apart: Vec<Attachment>,
}

/// A stretch of the message, or something that takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// As it stands in the message.
    Kept(Range<u64>),
    /// A part in the place of the only one there was.
    Instead(&'static [u8]),
}

/// A multipart has at least one part (RFC 2046 §5.1.1).
const EMPTY_TEXT: &[u8] = b"Content-Type: text/plain\r\n\r\n\r\n";

impl Anatomy {
    /// Sends as few and as large attachments apart as it takes to get the rest below `limit_octets`. None
    /// where that can't be done.
    pub(super) fn plan(&self, limit_octets: u64) -> Option<Plan> {
        let mut by_size: Vec<&Attachment> = self.attachments.iter().collect();
        by_size.sort_by_key(|attachment| std::cmp::Reverse(attachment.whole.end - attachment.whole.start));
        let (mut left_octets, mut children) = (self.size_octets, self.children.clone());
        let mut apart: Vec<(&Attachment, bool)> = Vec::new();
        for attachment in by_size {
            if left_octets <= limit_octets {
                break;
            }
            left_octets -= attachment.whole.end - attachment.whole.start;
            children[attachment.multipart] -= 1;
            let is_last = children[attachment.multipart] == 0;
            left_octets += if is_last { MAX_DELIMITER_OCTETS as u64 } else { 0 };
            apart.push((attachment, is_last));
        }
        if left_octets > limit_octets {
            return None;
        }
        apart.sort_by_key(|(attachment, _)| attachment.whole.start);
        Some(self.cut(&apart))
    }

    fn cut(&self, apart: &[(&Attachment, bool)]) -> Plan {
        let mut rest = Vec::new();
        let mut begin = 0;
        for (attachment, is_last) in apart {
            match is_last {
                false => rest.push(Segment::Kept(begin..attachment.whole.start)),
                true => {
                    rest.push(Segment::Kept(begin..attachment.header_begin));
                    rest.push(Segment::Instead(EMPTY_TEXT));
                }
            }
            begin = attachment.whole.end;
        }
        rest.push(Segment::Kept(begin..self.size_octets));
        Plan { rest, apart: apart.iter().map(|(attachment, _)| (*attachment).clone()).collect() }
    }
}

/// Goes through a message once, from its first octet to its last.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    at: u64,
    /// The current line so far, while it may still be a delimiter.
    line: Vec<u8>,
    line_begin: u64,
    /// Longer than any delimiter: its octets go straight to the content.
    is_long_line: bool,
    open: Vec<Multipart>,
    place: Place,
    attachments: Vec<Attachment>,
    children: Vec<u32>,
}

#[derive(Debug)]
struct Multipart {
    delimiter: Vec<u8>,
    number: usize,
    kind: Kind,
    /// Neither it nor what it stands in gives its parts a meaning that would be lost.
    is_plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mixed,
    Related,
    Other,
}

#[derive(Debug)]
enum Place {
    Header {
        part_begin: u64,
        header_begin: u64,
        octets: Vec<u8>,
    },
    Leaf {
        candidate: Option<Attachment>,
        base64: Base64Count,
    },
    /// Before the first delimiter, after the last, or in a part that can't be read.
    Elsewhere,
}

impl Default for Place {
    fn default() -> Self {
        Place::Header { part_begin: 0, header_begin: 0, octets: Vec::new() }
    }
}

/// `--`, 70 characters (RFC 2046 §5.1.1), `--`, and some white space.
const MAX_DELIMITER_OCTETS: usize = 200;
/// A header that is longer isn't read.
const MAX_HEADER_OCTETS: usize = 256 * 1024;

impl Scanner {
    /// The next octets.
    pub(super) fn add(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            let length = memchr(b'\n', octets).map_or(octets.len(), |at| at + 1);
            let (line, rest) = octets.split_at(length);
            self.add_to_line(line);
            octets = rest;
        }
    }

    /// The message is over.
    pub(super) fn finish(mut self) -> Anatomy {
        self.end_line();
        Anatomy { size_octets: self.at, attachments: self.attachments, children: self.children }
    }

    fn add_to_line(&mut self, octets: &[u8]) {
        self.at += octets.len() as u64;
        let is_header = matches!(self.place, Place::Header { .. });
        if self.is_long_line {
            self.take_content(octets);
        } else {
            self.line.extend_from_slice(octets);
            if !is_header && self.line.len() > MAX_DELIMITER_OCTETS {
                self.is_long_line = true;
                let line = std::mem::take(&mut self.line);
                self.take_content(&line);
            } else if is_header && self.line.len() > MAX_HEADER_OCTETS {
                self.place = Place::Elsewhere;
            }
        }
        if octets.ends_with(b"\n") {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if !self.is_long_line && !self.end_at_delimiter(&line) {
            self.take_line(&line);
        }
        line.clear();
        self.line = line;
        self.is_long_line = false;
        self.line_begin = self.at;
    }

    /// Whether the line is the delimiter of an open multipart; an outer one ends the inner ones.
    fn end_at_delimiter(&mut self, line: &[u8]) -> bool {
        if !line.starts_with(b"--") {
            return false;
        }
        let line = line.trim_ascii_end();
        let is_close = |multipart: &Multipart| line.strip_prefix(&*multipart.delimiter) == Some(b"--");
        let found =
            self.open.iter().rposition(|multipart| line == multipart.delimiter || is_close(multipart));
        let Some(depth) = found else { return false };
        self.end_leaf();
        if is_close(&self.open[depth]) {
            self.open.truncate(depth);
            self.place = Place::Elsewhere;
        } else {
            self.open.truncate(depth + 1);
            self.children[self.open[depth].number] += 1;
            self.place =
                Place::Header { part_begin: self.line_begin, header_begin: self.at, octets: Vec::new() };
        }
        true
    }

    fn take_line(&mut self, line: &[u8]) {
        let Place::Header { octets, .. } = &mut self.place else { return self.take_content(line) };
        if !line.trim_ascii().is_empty() {
            octets.extend_from_slice(line);
            if octets.len() > MAX_HEADER_OCTETS {
                self.place = Place::Elsewhere;
            }
            return;
        }
        if let Place::Header { part_begin, header_begin, octets } = std::mem::take(&mut self.place) {
            self.place = self.enter_part(part_begin, header_begin, &octets);
        }
    }

    fn take_content(&mut self, octets: &[u8]) {
        if let Place::Leaf { candidate: Some(Attachment { coding: Coding::Base64, .. }), base64 } =
            &mut self.place
        {
            base64.add(octets);
        }
    }

    /// A header is over: what does it begin?
    fn enter_part(&mut self, part_begin: u64, header_begin: u64, header: &[u8]) -> Place {
        let parser = MessageParser::new();
        let Some(message) = parser.parse_headers(header) else { return Place::Elsewhere };
        let content_type = message.content_type();
        let (main, sub) = content_type.map_or(("text".to_owned(), "plain".to_owned()), |content_type| {
            let sub = content_type.subtype().unwrap_or_default();
            (content_type.ctype().to_ascii_lowercase(), sub.to_ascii_lowercase())
        });
        if main == "multipart" {
            return match content_type.and_then(|content_type| content_type.attribute("boundary")) {
                Some(boundary) => self.open_multipart(boundary, &sub),
                None => Place::Elsewhere,
            };
        }
        let Some(multipart) = self.open.last() else { return Place::Elsewhere };
        let coding = match message.content_transfer_encoding().map(str::to_ascii_lowercase).as_deref() {
            None | Some("7bit" | "8bit" | "binary") => Some(Coding::Identity),
            Some("base64") => Some(Coding::Base64),
            _ => None,
        };
        let disposition = message.content_disposition().map(|disposition| disposition.ctype());
        let is_attached = disposition.is_some_and(|kind| kind.eq_ignore_ascii_case("attachment"));
        let name = message.attachment_name();
        let is_first = self.children[multipart.number] == 1;
        let may_leave = multipart.is_plain
            && match multipart.kind {
                Kind::Mixed => main != "text" || is_attached || name.is_some(),
                // The first part of a related is what the others belong to (RFC 2387 §3.2).
                Kind::Related => !is_first && message.content_id().is_some(),
                Kind::Other => false,
            }
            && main != "message"
            && !(main == "application" && (sub.contains("pkcs7") || sub.contains("pgp")));
        let candidate = coding.filter(|_| may_leave).map(|coding| Attachment {
            whole: part_begin..part_begin,
            header_begin,
            body: self.at..self.at,
            coding,
            octets: 0,
            name: name.unwrap_or("attachment").to_owned(),
            content_type: format!("{main}/{sub}"),
            content_id: message.content_id().map(str::to_owned),
            is_inline: multipart.kind == Kind::Related && !is_attached,
            multipart: multipart.number,
        });
        Place::Leaf { candidate, base64: Base64Count::default() }
    }

    fn open_multipart(&mut self, boundary: &str, sub: &str) -> Place {
        let is_plain = self.open.last().is_none_or(|outer| outer.is_plain);
        let (kind, is_plain) = match sub {
            "mixed" => (Kind::Mixed, is_plain),
            "related" => (Kind::Related, is_plain),
            "alternative" => (Kind::Other, is_plain),
            _ => (Kind::Other, false),
        };
        let number = self.children.len();
        self.children.push(0);
        let delimiter = format!("--{}", boundary.trim_end()).into_bytes();
        self.open.push(Multipart { delimiter, number, kind, is_plain });
        Place::Elsewhere
    }

    /// The line end before a delimiter belongs to it (RFC 2046 §5.1.1).
    fn end_leaf(&mut self) {
        let Place::Leaf { candidate: Some(mut attachment), base64 } = std::mem::take(&mut self.place) else {
            return;
        };
        attachment.whole.end = self.line_begin;
        attachment.body.end = (self.line_begin - 2).max(attachment.body.start);
        let octets = match attachment.coding {
            Coding::Identity => Some(attachment.body.end - attachment.body.start),
            Coding::Base64 => base64.octets(),
        };
        if let Some(octets) = octets.filter(|octets| *octets > 0) {
            self.attachments.push(Attachment { octets, ..attachment });
        }
    }
}

/// How many octets base64 stands for, without reading it.
#[derive(Debug, Default)]
struct Base64Count {
    digits: u64,
    padding: u64,
    is_broken: bool,
}

impl Base64Count {
    fn add(&mut self, octets: &[u8]) {
        for octet in octets {
            match octet {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if self.padding == 0 => {
                    self.digits += 1;
                }
                b'=' => self.padding += 1,
                b'\r' | b'\n' | b' ' | b'\t' => {}
                _ => self.is_broken = true,
            }
        }
    }

    /// None where it isn't whole, so that nobody could say what it stands for.
    fn octets(&self) -> Option<u64> {
        let is_whole = (self.digits + self.padding).is_multiple_of(4) && self.padding <= 2;
        (is_whole && !self.is_broken).then_some(self.digits * 3 / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(message: &str, piece_octets: usize) -> Anatomy {
        let mut scanner = Scanner::default();
        message.as_bytes().chunks(piece_octets).for_each(|piece| scanner.add(piece));
        scanner.finish()
    }

    fn rest(message: &str, plan: &Plan) -> String {
        let text = |segment: &Segment| match segment {
            Segment::Kept(range) => message[range.start as usize..range.end as usize].to_owned(),
            Segment::Instead(octets) => String::from_utf8(octets.to_vec()).unwrap(),
        };
        plan.rest.iter().map(text).collect()
    }

    const MIXED: &str = "Subject: a\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\npreamble\r\n\
        --b 1\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
        --b 1\r\nContent-Type: application/pdf; name=\"=?utf-8?Q?r=C3=A9sum=C3=A9.pdf?=\"\r\n\
        Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\nAAEC\r\nAw==\r\n\
        --b 1  \r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=t.csv\r\n\r\na,b\r\n\r\n\
        --b 1--\r\nepilogue\r\n";

    #[test]
    fn attachments_are_found_wherever_the_pieces_are_cut() {
        for piece_octets in [1, 2, 3, 7, 100, 10_000] {
            let anatomy = scan(MIXED, piece_octets);
            let plan = anatomy.plan(MIXED.len() as u64 - 1).unwrap();
            let [pdf] = plan.apart.as_slice() else { panic!("the largest is enough: {:?}", plan.apart) };
            assert_eq!((pdf.name.as_str(), pdf.content_type.as_str()), ("résumé.pdf", "application/pdf"));
            assert_eq!((pdf.octets, pdf.coding, pdf.is_inline), (4, Coding::Base64, false));
            assert_eq!(&MIXED[pdf.body.start as usize..pdf.body.end as usize], "AAEC\r\nAw==");
            let plan = anatomy.plan(200).unwrap();
            assert_eq!(plan.apart[1].name, "t.csv");
            assert_eq!(plan.apart[1].octets, "a,b\r\n".len() as u64);
            assert_eq!(
                rest(MIXED, &plan),
                "Subject: a\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\npreamble\r\n\
                 --b 1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b 1--\r\nepilogue\r\n"
            );
        }
    }

    #[test]
    fn what_fits_stays_whole_and_what_cannot_fit_is_refused() {
        let anatomy = scan(MIXED, 100);
        let plan = anatomy.plan(MIXED.len() as u64).unwrap();
        assert_eq!(rest(MIXED, &plan), MIXED);
        assert!(plan.apart.is_empty());
        assert!(anatomy.plan(50).is_none());
    }

    #[test]
    fn an_inline_picture_keeps_its_name_in_the_text() {
        let message = "Content-Type: multipart/alternative; boundary=o\r\n\r\n--o\r\n\r\ntext\r\n--o\r\n\
            Content-Type: multipart/related; boundary=i\r\n\r\n--i\r\nContent-Type: text/html\r\n\r\n<img src=cid:p@x>\r\n\
            --i\r\nContent-Type: image/png\r\nContent-ID: <p@x>\r\nContent-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n--i--\r\n--o--\r\n";
        let plan = scan(message, 10).plan(message.len() as u64 - 1).unwrap();
        assert_eq!(plan.apart[0].content_id.as_deref(), Some("p@x"));
        assert!(plan.apart[0].is_inline);
    }

    #[test]
    fn a_message_that_is_nothing_but_an_attachment_keeps_an_empty_text() {
        let message =
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\n\
            Content-Transfer-Encoding: base64\r\n\r\n"
                .to_owned()
                + &"AAAA\r\n".repeat(100)
                + "--b--\r\n";
        let plan = scan(&message, 64).plan(400).unwrap();
        assert_eq!(
            rest(&message, &plan),
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\n"
        );
    }

    #[test]
    fn what_is_signed_encrypted_or_meant_as_it_stands_is_left_whole() {
        let part =
            "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n";
        for message in [
            format!("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n{part}--b\r\n{part}--b--\r\n"),
            format!("Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n{part}--b--\r\n"),
            format!(
                "Content-Type: multipart/signed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{part}--b--\r\n--o--\r\n"
            ),
            format!("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n{part}--b--\r\n"),
            part.to_owned(),
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n".to_owned(),
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pkcs7-mime\r\n\r\ny\r\n--b--\r\n".to_owned(),
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nA*AA\r\n--b--\r\n".to_owned(),
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx\r\n--b--\r\n".to_owned(),
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n\r\nnever closed".to_owned(),
        ] {
            assert!(scan(&message, 16).attachments.is_empty(), "{message}");
        }
    }
}
