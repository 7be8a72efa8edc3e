//! The header of a message, with its exact octets: what the fields say, and the few changes that a gate may
//! make. Every octet that no change names stays as it came: folding, order, case, malformed lines and lines
//! that nobody knows. The body is never touched. Neighbours: whoever takes mail in collects the header while
//! it streams by; `compose` makes headers, `dsn` quotes them.
//!
//! What is a header (RFC 5322 §2.1, §2.2) and what isn't:
//! - It ends before the first empty line; without one, the whole message is header and there is no body.
//! - A line that is no field (no colon, a name with spaces or letters beyond ASCII) stays where it is.
//! - A block whose first line is no field counts as a header only where one of its lines is a field that mail
//!   really has ([`KNOWN`]): devices write `From scanner Mon …` or a blank on top of a sound header. Otherwise
//!   the message has no header, all of it is body, and an empty line is put before it once fields are added;
//!   without it the text would be read as one of them.
//! - Only LF ends a line; a CR alone is an octet like any other.

mod collector;
mod edit;
mod read;

use std::ops::Range;

pub use collector::{Collected, HeaderCollector, HeaderTooLarge, MAX_HEADER_OCTETS};
pub use edit::{BccEdit, HeaderEdits};
pub use read::{Authors, Recipients};

/// The header of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderBlock {
    octets: Vec<u8>,
    fields: Vec<Span>,
    /// What follows begins with a line of text, not with the empty line that ends a header.
    body_follows_at_once: bool,
}

/// One field, as it stands in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    name: Option<&'a str>,
    value: &'a [u8],
    octets: &'a [u8],
}

/// Where a field lies. A malformed line has an empty name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    whole: Range<usize>,
    name_octets: usize,
    value: usize,
}

/// Fields that mail really has: one of them makes a block a header although its first line is none.
const KNOWN: [&str; 16] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "Received",
    "Sender",
    "Reply-To",
    "Return-Path",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "X-Mailer",
    "User-Agent",
];

impl HeaderBlock {
    /// Reads the header at the begin of a message and says at which octet the rest begins: with the empty
    /// line, with the body where there is no header, or at the end where there is nothing else.
    pub fn split(message: &[u8]) -> (HeaderBlock, usize) {
        let end = find_end(message, 0).unwrap_or(message.len());
        let fields = find_fields(&message[..end]);
        let header = HeaderBlock { octets: message[..end].to_vec(), fields, body_follows_at_once: false };
        match header.is_header() {
            true => (header, end),
            false => (HeaderBlock { octets: Vec::new(), fields: Vec::new(), body_follows_at_once: true }, 0),
        }
    }

    /// The header as it came, without the empty line that ends it.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Every field and every malformed line, from the top.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'_>> {
        self.fields.iter().map(|span| span.field(&self.octets))
    }

    /// The fields of that name, in any case, from the top.
    pub fn fields_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Field<'a>> {
        self.fields().filter(move |field| field.is(name))
    }

    /// Whether there is a field of that name, in any case, whatever it says.
    pub fn has(&self, name: &str) -> bool {
        self.fields_named(name).next().is_some()
    }

    fn is_header(&self) -> bool {
        let mut fields = self.fields();
        let sound_begin = fields.next().is_none_or(|first| first.name.is_some());
        sound_begin || fields.any(|field| KNOWN.iter().any(|known| field.is(known)))
    }
}

impl<'a> Field<'a> {
    /// Its name as written; none for a malformed line.
    pub fn name(&self) -> Option<&'a str> {
        self.name
    }

    /// What stands behind the colon, with its folding and its line end; all of a malformed line.
    pub fn value(&self) -> &'a [u8] {
        self.value
    }

    /// The whole field, with its line end.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Whether it has that name: case doesn't count (RFC 5322 §1.2.2).
    pub fn is(&self, name: &str) -> bool {
        self.name.is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

impl Span {
    /// Reads the name off the first line; obsolete syntax allows blanks before the colon (RFC 5322 §4.5).
    fn read(octets: &[u8], whole: Range<usize>) -> Span {
        let line = &octets[whole.clone()];
        let name_octets = line.iter().take_while(|octet| octet.is_ascii_graphic() && **octet != b':').count();
        let blanks = line[name_octets..].iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        let colon = name_octets + blanks;
        match name_octets > 0 && line.get(colon) == Some(&b':') {
            true => Span { value: whole.start + colon + 1, whole, name_octets },
            false => Span { value: whole.start, whole, name_octets: 0 },
        }
    }

    fn field<'a>(&self, octets: &'a [u8]) -> Field<'a> {
        let name = &octets[self.whole.start..self.whole.start + self.name_octets];
        let name = std::str::from_utf8(name).expect("a name is printable ASCII");
        Field {
            name: (!name.is_empty()).then_some(name),
            value: &octets[self.value..self.whole.end],
            octets: &octets[self.whole.clone()],
        }
    }
}

/// Where the first empty line begins, looking from `from`, which must be the begin of a line.
fn find_end(message: &[u8], from: usize) -> Option<usize> {
    let mut line = from;
    loop {
        let rest = &message[line..];
        if rest.starts_with(b"\r\n") || rest.starts_with(b"\n") {
            return Some(line);
        }
        line += rest.iter().position(|octet| *octet == b'\n')? + 1;
    }
}

fn find_fields(octets: &[u8]) -> Vec<Span> {
    let mut fields = Vec::new();
    let mut begin = 0;
    let mut end = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let continues = matches!(line.first(), Some(b' ' | b'\t'));
        if !continues && end > begin {
            fields.push(Span::read(octets, begin..end));
            begin = end;
        }
        end += line.len();
    }
    if end > begin {
        fields.push(Span::read(octets, begin..end));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(message: &str) -> (Vec<Option<String>>, String) {
        let (header, rest) = HeaderBlock::split(message.as_bytes());
        let names = header.fields().map(|field| field.name().map(str::to_owned)).collect();
        (names, message[rest..].to_owned())
    }

    fn named(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
    }

    #[test]
    fn a_header_ends_before_the_first_empty_line() {
        let (fields, rest) =
            names("From: a@b.c\r\nSubject: x\r\n folded\r\n\ttwice\r\n\r\nTo: in the body\r\n");
        assert_eq!((fields, rest.as_str()), (named(&["From", "Subject"]), "\r\nTo: in the body\r\n"));
        let (fields, rest) = names("From: a@b.c\nSubject: x\n\nbody");
        assert_eq!((fields, rest.as_str()), (named(&["From", "Subject"]), "\nbody"));
    }

    #[test]
    fn a_message_may_be_all_header_or_all_body_or_nothing() {
        assert_eq!(names("From: a@b.c\r\nTo: d@e.f\r\n"), (named(&["From", "To"]), String::new()));
        assert_eq!(names("From: a@b.c\r\nTo: cut of"), (named(&["From", "To"]), String::new()));
        assert_eq!(names("\r\nbody\r\n"), (vec![], "\r\nbody\r\n".to_owned()));
        assert_eq!(
            names("Hello,\r\n  world: it is me\r\n"),
            (vec![], "Hello,\r\n  world: it is me\r\n".into())
        );
        assert_eq!(names(""), (vec![], String::new()));
    }

    #[test]
    fn malformed_lines_stay_lines_of_the_header() {
        let (fields, rest) = names(
            "From nas Mon Jan 1 00:00:00\r\nFrom: a@b.c\r\nno colon\r\nbad name: x\r\n: y\r\nTo: d@e.f\r\n\r\nb",
        );
        assert_eq!((fields, rest.as_str()), (named(&["", "From", "", "", "", "To"]), "\r\nb"));
        let (fields, rest) = names("  lost\r\nFrom: a@b.c\r\n\r\nb");
        assert_eq!((fields, rest.as_str()), (named(&["", "From"]), "\r\nb"));
    }

    #[test]
    fn a_text_that_only_looks_like_a_field_is_no_header() {
        let text = "Hello,\r\nNote: the backup ran\r\n\r\nRegards\r\n";
        assert_eq!(names(text), (vec![], text.to_owned()));
    }

    #[test]
    fn names_are_found_in_any_case_and_with_blanks_before_the_colon() {
        let (header, _) = HeaderBlock::split(b"fRoM: a\r\nBCC \t: b\r\nX-Very.Odd!Name:c\r\n\r\n");
        assert!(header.has("From") && header.has("bcc") && header.has("x-very.odd!name"));
        assert!(!header.has("X-Very"));
        assert_eq!(header.fields_named("Bcc").next().unwrap().value(), b" b\r\n");
        assert_eq!(header.fields_named("Bcc").next().unwrap().octets(), b"BCC \t: b\r\n");
    }

    #[test]
    fn letters_beyond_ascii_are_no_name_but_any_value() {
        let (header, _) = HeaderBlock::split(b"Subject: Gr\xfc\xdfe\r\nX-\xfc: y\r\nTo: a\r\n\r\n");
        let names: Vec<_> = header.fields().map(|field| field.name()).collect();
        assert_eq!(names, [Some("Subject"), None, Some("To")]);
    }
}
