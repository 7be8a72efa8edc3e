//! Reads ASN.1 as real files hold it: BER with indefinite and non-minimal lengths, and constructed strings.
//!
//! It hands out slices of the input and never re-encodes, because the MAC of a PKCS#12 file is made over
//! exact bytes and a certificate's thumbprint too. It never recurses, and never reads past its input. Its neighbours are `pfx`, `certificate` and `private_key`.

use std::borrow::Cow;

use const_oid::{ObjectIdentifier, db::DB};

/// How deep elements of indefinite length may be nested: the end of each is looked for. Real files need 6.
const MAX_NESTING: usize = 32;

/// The bytes are not what ASN.1 allows here: cut off, another type, or nested too deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// Identifier octet without the constructed bit (X.690 §8.1.2); all types we read have low tag numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u8);

impl Tag {
    pub(crate) const BOOLEAN: Tag = Tag(0x01);
    pub(crate) const INTEGER: Tag = Tag(0x02);
    pub(crate) const BIT_STRING: Tag = Tag(0x03);
    pub(crate) const OCTET_STRING: Tag = Tag(0x04);
    pub(crate) const OID: Tag = Tag(0x06);
    pub(crate) const UTF8_STRING: Tag = Tag(0x0c);
    pub(crate) const SEQUENCE: Tag = Tag(0x10);
    pub(crate) const NUMERIC: Tag = Tag(0x12);
    pub(crate) const PRINTABLE: Tag = Tag(0x13);
    pub(crate) const TELETEX: Tag = Tag(0x14);
    pub(crate) const IA5: Tag = Tag(0x16);
    pub(crate) const UTC_TIME: Tag = Tag(0x17);
    pub(crate) const GENERALIZED_TIME: Tag = Tag(0x18);
    pub(crate) const VISIBLE: Tag = Tag(0x1a);
    pub(crate) const UNIVERSAL_STRING: Tag = Tag(0x1c);
    pub(crate) const BMP_STRING: Tag = Tag(0x1e);

    /// `[number]` of the context-specific class.
    pub(crate) const fn context(number: u8) -> Tag {
        Tag(0x80 | number)
    }
}

/// One element: its tag, what is inside, and all of it with the header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    constructed: bool,
    pub(crate) content: &'a [u8],
    pub(crate) raw: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads what is inside a constructed element.
    pub(crate) fn open(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// The octets of an OCTET STRING (or an implicitly tagged one), joined when it came in pieces.
    pub(crate) fn octets(&self) -> Result<Cow<'a, [u8]>> {
        if !self.constructed {
            return Ok(Cow::Borrowed(self.content));
        }
        let mut joined = Vec::with_capacity(self.content.len());
        join_octets(self.content, &mut joined)?;
        Ok(Cow::Owned(joined))
    }

    /// The octets of a BIT STRING; unused bits of the last octet are left as they are.
    pub(crate) fn bits(&self) -> Result<&'a [u8]> {
        match self.content {
            [0..=7, bits @ ..] if !self.constructed => Ok(bits),
            _ => Err(Malformed),
        }
    }

    /// An INTEGER as an unsigned big-endian number without leading zeros; a negative one is malformed.
    pub(crate) fn unsigned(&self) -> Result<&'a [u8]> {
        match self.content.first() {
            Some(first) if first & 0x80 == 0 => Ok(strip_zeros(self.content)),
            _ => Err(Malformed),
        }
    }

    /// An INTEGER that fits 64 bits and isn't negative.
    pub(crate) fn small(&self) -> Result<u64> {
        let digits = self.unsigned()?;
        if digits.len() > 8 {
            return Err(Malformed);
        }
        Ok(digits.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit)))
    }

    /// An OBJECT IDENTIFIER.
    pub(crate) fn oid(&self) -> Result<Oid<'a>> {
        if self.tag != Tag::OID || self.content.is_empty() {
            return Err(Malformed);
        }
        Ok(Oid(self.content))
    }
}

/// Pieces of pieces, however deep: each level is a reader that waits for the one inside.
fn join_octets(content: &[u8], joined: &mut Vec<u8>) -> Result<()> {
    let mut open = vec![Reader::new(content)];
    while let Some(segments) = open.last_mut() {
        match segments.next()? {
            None => drop(open.pop()),
            Some(segment) if segment.tag != Tag::OCTET_STRING => return Err(Malformed),
            Some(segment) if segment.constructed => open.push(segment.open()),
            Some(segment) => joined.extend_from_slice(segment.content),
        }
    }
    Ok(())
}

fn strip_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    &digits[zeros..]
}

/// Reads elements one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The next element, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let header = read_header(self.rest)?;
        let body = &self.rest[header.size..];
        let (content, trailer) = match header.length {
            Some(length) => (length, 0),
            None => (find_end_of_contents(body)?, 2),
        };
        let end = content.checked_add(trailer).filter(|end| *end <= body.len()).ok_or(Malformed)?;
        let (raw, rest) = self.rest.split_at(header.size + end);
        self.rest = rest;
        Ok(Some(Element { tag: header.tag, constructed: header.constructed, content: &body[..content], raw }))
    }

    /// The next element, which must be there and have this tag.
    pub(crate) fn expect(&mut self, tag: Tag) -> Result<Element<'a>> {
        self.next()?.filter(|element| element.tag == tag).ok_or(Malformed)
    }

    /// The next element if it has this tag; otherwise nothing is read.
    pub(crate) fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>> {
        let mut ahead = self.clone();
        match ahead.next()? {
            Some(element) if element.tag == tag => {
                *self = ahead;
                Ok(Some(element))
            }
            _ => Ok(None),
        }
    }

    /// Opens a SEQUENCE.
    pub(crate) fn sequence(&mut self) -> Result<Reader<'a>> {
        Ok(self.expect(Tag::SEQUENCE)?.open())
    }

    /// Reads an OBJECT IDENTIFIER.
    pub(crate) fn oid(&mut self) -> Result<Oid<'a>> {
        self.expect(Tag::OID)?.oid()
    }

    /// Reads an AlgorithmIdentifier (RFC 5280 §4.1.1.2): the algorithm, and a reader at its parameters.
    pub(crate) fn algorithm(&mut self) -> Result<(Oid<'a>, Reader<'a>)> {
        let mut inside = self.sequence()?;
        Ok((inside.oid()?, inside))
    }
}

struct Header {
    tag: Tag,
    constructed: bool,
    /// `None`: indefinite.
    length: Option<usize>,
    size: usize,
}

fn read_header(bytes: &[u8]) -> Result<Header> {
    let (&identifier, rest) = bytes.split_first().ok_or(Malformed)?;
    if identifier & 0x1f == 0x1f {
        return Err(Malformed);
    }
    let constructed = identifier & 0x20 != 0;
    let (&first, rest) = rest.split_first().ok_or(Malformed)?;
    let count = usize::from(first & 0x7f);
    let length = match first {
        0x00..=0x7f => Some(usize::from(first)),
        0x80 if constructed => None,
        0x80 => return Err(Malformed),
        _ => Some(read_long_length(rest.get(..count).ok_or(Malformed)?)?),
    };
    let size = if first > 0x80 { 2 + count } else { 2 };
    Ok(Header { tag: Tag(identifier & !0x20), constructed, length, size })
}

fn read_long_length(octets: &[u8]) -> Result<usize> {
    let digits = strip_zeros(octets);
    if digits.len() > 4 {
        return Err(Malformed);
    }
    Ok(digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
}

/// Finds where the contents of an element of indefinite length end, in one pass and without recursion.
fn find_end_of_contents(body: &[u8]) -> Result<usize> {
    let mut position = 0;
    let mut open = 1;
    loop {
        let rest = body.get(position..).ok_or(Malformed)?;
        if rest.starts_with(&[0, 0]) {
            open -= 1;
            if open == 0 {
                return Ok(position);
            }
            position += 2;
            continue;
        }
        let header = read_header(rest)?;
        position += header.size;
        match header.length {
            Some(length) => position = position.checked_add(length).ok_or(Malformed)?,
            None if open < MAX_NESTING => open += 1,
            None => return Err(Malformed),
        }
    }
}

/// An object identifier as it stands in the file; any size is held, so that it can always be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oid<'a>(&'a [u8]);

impl Oid<'_> {
    pub(crate) fn is(&self, known: ObjectIdentifier) -> bool {
        self.0 == known.as_bytes()
    }

    /// Dotted decimal; an arc of more than 128 bits is shown as `?`.
    pub(crate) fn dotted(&self) -> String {
        let mut arcs = Vec::new();
        for sub_identifier in self.0.split_inclusive(|octet| octet & 0x80 == 0) {
            let arc = read_arc(sub_identifier);
            match (arcs.is_empty(), arc) {
                (true, Some(first)) => {
                    let root = (first / 40).min(2);
                    arcs.extend([root.to_string(), (first - root * 40).to_string()]);
                }
                (_, Some(arc)) => arcs.push(arc.to_string()),
                (_, None) => arcs.push("?".to_owned()),
            }
        }
        arcs.join(".")
    }

    /// The name that the registries give it, or its dotted form.
    pub(crate) fn name(&self) -> String {
        ObjectIdentifier::from_bytes(self.0)
            .ok()
            .and_then(|known| DB.by_oid(&known))
            .map_or_else(|| self.dotted(), str::to_owned)
    }
}

fn read_arc(octets: &[u8]) -> Option<u128> {
    octets.iter().try_fold(0_u128, |sum, octet| {
        let shifted = sum.checked_mul(128)?;
        Some(shifted | u128::from(octet & 0x7f))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(bytes: &[u8]) -> Element<'_> {
        Reader::new(bytes).next().unwrap().unwrap()
    }

    #[test]
    fn a_constructed_string_of_indefinite_length_is_joined() {
        let pieces = [0x24, 0x80, 0x04, 0x02, 1, 2, 0x24, 0x80, 0x04, 0x01, 3, 0, 0, 0, 0];
        let element = only(&pieces);
        assert_eq!(element.octets().unwrap().as_ref(), [1, 2, 3]);
        assert_eq!(element.raw.len(), pieces.len());
    }

    #[test]
    fn lengths_may_be_longer_than_needed() {
        assert_eq!(only(&[0x04, 0x84, 0, 0, 0, 1, 9]).content, [9]);
    }

    #[test]
    fn a_length_beyond_the_end_is_malformed() {
        for bytes in
            [&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x80, 4], &[0x30], &[0x04, 0x80, 0, 0]]
        {
            assert_eq!(Reader::new(bytes).next().err(), Some(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = [0x24, 0x80].repeat(100_000);
        assert_eq!(Reader::new(&deep).next().err(), Some(Malformed), "their ends aren't looked for");
        let mut definite = vec![0x04, 1, 7];
        for _ in 0..50_000 {
            let length = u32::try_from(definite.len()).unwrap().to_be_bytes();
            definite.splice(0..0, [&[0x24, 0x84][..], &length].concat());
        }
        assert_eq!(only(&definite).octets().unwrap().as_ref(), [7]);
    }

    #[test]
    fn identifiers_are_named_whatever_their_size() {
        assert_eq!(only(&[6, 3, 0x55, 4, 3]).oid().unwrap().dotted(), "2.5.4.3");
        assert_eq!(only(&[6, 2, 0x88, 0x37]).oid().unwrap().dotted(), "2.999");
        let uuid = [&[6, 20, 0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
        assert!(only(&uuid).oid().unwrap().dotted().starts_with("2.25."));
    }

    proptest! {
        #[test]
        fn no_input_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(Some(element)) = reader.next() {
                let _ = (element.octets(), element.bits(), element.small());
                let _ = element.oid().map(|oid| (oid.name(), oid.dotted()));
            }
        }
    }
}
