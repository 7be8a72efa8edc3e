//! Shows the distinguished names of certificates as text, in the order and with the escapes of RFC 4514.
//!
//! A name is for people: whatever stands in it is shown somehow, and it is never a reason to refuse a
//! certificate. Its neighbour is `certificate`; names that Postern makes itself are in `subject`.

use std::fmt::Write;

use crate::ber::{Element, Malformed, Oid, Tag};

/// Attribute types by the keywords that people know them by (RFC 4514 §3, and what OpenSSL prints).
const KEYWORDS: [(&str, &str); 14] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The text of a Name (RFC 5280 §4.1.2.4), most specific part first; what can't be read is shown in hex.
pub(crate) fn show(name: &Element<'_>) -> String {
    show_parts(name).unwrap_or_else(|Malformed| show_hex(name.raw))
}

fn show_parts(name: &Element<'_>) -> Result<String, Malformed> {
    let mut parts = Vec::new();
    let mut sets = name.open();
    while let Some(set) = sets.next()? {
        parts.push(show_set(&set)?);
    }
    parts.reverse();
    Ok(parts.join(", "))
}

fn show_set(set: &Element<'_>) -> Result<String, Malformed> {
    let mut attributes = Vec::new();
    let mut inside = set.open();
    while let Some(attribute) = inside.next()? {
        let mut pair = attribute.open();
        let kind = pair.oid()?;
        let value = pair.next()?.ok_or(Malformed)?;
        attributes.push(format!("{}={}", keyword(kind), show_value(&value)));
    }
    Ok(attributes.join("+"))
}

fn keyword(kind: Oid<'_>) -> String {
    let dotted = kind.dotted();
    match KEYWORDS.iter().find(|(oid, _)| *oid == dotted) {
        Some((_, keyword)) => (*keyword).to_owned(),
        None => dotted,
    }
}

fn show_value(value: &Element<'_>) -> String {
    // Printable, IA5, Visible, Numeric, Teletex: in practice ASCII, UTF-8 or Latin-1, whatever the type says.
    const BYTE_STRINGS: [Tag; 6] =
        [Tag::UTF8_STRING, Tag::NUMERIC, Tag::PRINTABLE, Tag::TELETEX, Tag::IA5, Tag::VISIBLE];
    let Ok(octets) = value.octets() else {
        return show_hex(value.raw);
    };
    match value.tag {
        Tag::BMP_STRING => escape(&read_utf16(&octets)),
        Tag::UNIVERSAL_STRING => escape(&read_utf32(&octets)),
        tag if BYTE_STRINGS.contains(&tag) => escape(&read_bytes(&octets)),
        _ => show_hex(value.raw),
    }
}

fn show_hex(raw: &[u8]) -> String {
    format!("#{}", hex::encode(raw))
}

fn read_bytes(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|octet| char::from(*octet)).collect(),
    }
}

fn read_utf16(octets: &[u8]) -> String {
    let (units, _) = octets.as_chunks::<2>();
    char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn read_utf32(octets: &[u8]) -> String {
    let (units, _) = octets.as_chunks::<4>();
    units
        .iter()
        .map(|unit| char::from_u32(u32::from_be_bytes(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// RFC 4514 §2.4; control characters as hex pairs too, since the text is shown on terminals.
pub(crate) fn escape(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => escaped.extend(['\\', character]),
            '#' if index == 0 => escaped.push_str("\\#"),
            ' ' if index == 0 || index == last => escaped.push_str("\\ "),
            control if control.is_control() => {
                for octet in control.encode_utf8(&mut [0; 4]).bytes() {
                    write!(escaped, "\\{octet:02X}").expect("writing to a String cannot fail");
                }
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ber::Reader;

    fn shown(bytes: &[u8]) -> String {
        show(&Reader::new(bytes).next().unwrap().unwrap())
    }

    fn name_of(tag: u8, value: &[u8]) -> Vec<u8> {
        let wrap =
            |tag: u8, inside: &[u8]| [&[tag, u8::try_from(inside.len()).unwrap()][..], inside].concat();
        let pair = [&[6, 3, 0x55, 4, 3][..], &wrap(tag, value)].concat();
        wrap(0x30, &wrap(0x31, &wrap(0x30, &pair)))
    }

    #[test]
    fn values_of_every_string_type_are_shown() {
        assert_eq!(shown(&name_of(0x0c, "Mühle".as_bytes())), "CN=Mühle");
        assert_eq!(shown(&name_of(0x14, b"M\xfchle")), "CN=Mühle");
        assert_eq!(shown(&name_of(0x1e, &[0, b'M', 0, 0xfc, 0xd8])), "CN=Mü");
        assert_eq!(shown(&name_of(0x1c, &[0, 0, 0, b'M', 0, 1, 0xf4, 0])), "CN=M\u{1f400}");
        assert_eq!(shown(&name_of(0x02, &[7])), "CN=#020107");
    }

    #[test]
    fn characters_with_a_meaning_are_escaped() {
        assert_eq!(shown(&name_of(0x0c, b" a,b\n ")), "CN=\\ a\\,b\\0A\\ ");
    }

    #[test]
    fn a_name_that_cannot_be_read_is_shown_in_hex() {
        assert_eq!(shown(&[0x30, 2, 0x31, 9]), "#30023109");
    }
}
