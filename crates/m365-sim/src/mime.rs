//! What the simulator reads of a message's bytes and does to them: sender and recipients, Bcc taken out,
//! attachments put in. All other bytes stay as they were.

use bytes::Bytes;
use mail_builder::mime::MimePart;
use mail_parser::{MessageParser, MimeHeaders};
use std::ops::Range;

/// What the headers of a message say of its sender and recipients.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    pub(crate) from: Vec<String>,
    pub(crate) recipients: Vec<String>,
}

/// Reads From, To, Cc and Bcc.
pub(crate) fn read_headers(mime: &[u8]) -> Headers {
    let Some(message) = MessageParser::default().parse_headers(mime) else {
        return Headers::default();
    };
    let addresses = |field: Option<&mail_parser::Address<'_>>| -> Vec<String> {
        let all = field.into_iter().flat_map(|field| field.iter());
        all.filter_map(plain).collect()
    };
    let mut recipients = addresses(message.to());
    recipients.extend(addresses(message.cc()));
    recipients.extend(addresses(message.bcc()));
    Headers { from: addresses(message.from()), recipients }
}

/// The address that is meant by one with a route (RFC 5322, 4.4), or whose quoted part the parser takes for a name.
fn plain(address: &mail_parser::Addr<'_>) -> Option<String> {
    let text = address.address()?;
    let Some(rest) = text.strip_prefix('@') else {
        // Blanks around a dot mean nothing, unless they are quoted.
        let is_quoted = text.contains('"');
        return Some(if is_quoted { text.to_owned() } else { text.split_whitespace().collect() });
    };
    match (rest.split_once(':'), address.name()) {
        (Some((_, routed)), _) => Some(routed.to_owned()),
        (None, Some(quoted)) => Some(format!("\"{quoted}\"{text}")),
        (None, None) => Some(text.to_owned()),
    }
}

/// The message without its Bcc field (RFC 5322, 3.6.3); the very same bytes when it has none.
pub(crate) fn without_bcc(mime: &Bytes) -> Bytes {
    let (fields, body) = fields(mime);
    let is_bcc = |field: &&Range<usize>| starts_with(&mime[(*field).clone()], b"bcc:");
    if !fields.iter().any(|field| is_bcc(&field)) {
        return mime.clone();
    }
    let mut kept = Vec::with_capacity(mime.len());
    for field in fields.iter().filter(|field| !is_bcc(field)) {
        kept.extend_from_slice(&mime[field.clone()]);
    }
    kept.extend_from_slice(&mime[body..]);
    kept.into()
}

/// How long the header block is, without the empty line after it.
pub(crate) fn header_bytes(mime: &[u8]) -> usize {
    fields(mime).1
}

/// A file of a draft.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) content_id: Option<String>,
    pub(crate) inline: bool,
    pub(crate) bytes: Bytes,
}

/// The files in a message, with ids that are made of the message's.
pub(crate) fn attachments(mime: &[u8], id: &str) -> Vec<Attachment> {
    let message = MessageParser::default().parse(mime).unwrap_or_default();
    let read = |(number, part): (usize, &mail_parser::MessagePart<'_>)| {
        let kind = part.content_type();
        let whole = kind.map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
        Attachment {
            id: format!("{id}{number:04}"),
            name: part.attachment_name().unwrap_or_default().to_owned(),
            content_type: whole.unwrap_or_else(|| "application/octet-stream".into()),
            content_id: part.content_id().map(str::to_owned),
            inline: part.content_disposition().is_some_and(mail_parser::ContentType::is_inline),
            bytes: Bytes::copy_from_slice(part.contents()),
        }
    };
    message.attachments().enumerate().map(read).collect()
}

/// `changed` with the Message-ID of `original`.
pub(crate) fn with_message_id_of(original: &[u8], changed: &[u8]) -> Bytes {
    let find = |mime: &[u8]| {
        let all = fields(mime).0.into_iter();
        all.into_iter().find(|field| starts_with(&mime[field.clone()], b"message-id:"))
    };
    match (find(original), find(changed)) {
        (Some(own), Some(new)) => {
            [&changed[..new.start], &original[own], &changed[new.end..]].concat().into()
        }
        _ => Bytes::copy_from_slice(changed),
    }
}

/// The message with files added: into its multipart/mixed, or wrapped into one (RFC 2046, 5.1.3).
pub(crate) fn with_attachments(mime: &Bytes, files: &[Attachment]) -> Bytes {
    if files.is_empty() {
        return mime.clone();
    }
    let parts = |boundary: &str| {
        let mut parts = Vec::new();
        for file in files {
            parts.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            part(file).write_part(&mut parts);
            parts.extend_from_slice(b"\r\n");
        }
        parts
    };
    if let Some((boundary, end)) = mixed(mime) {
        return [&mime[..end], &parts(&boundary), &mime[end..]].concat().into();
    }
    let boundary = format!("_SIM_{}_", crate::random::hex_upper(16));
    let (fields, body) = fields(mime);
    let is_content = |field: &&Range<usize>| starts_with(&mime[(*field).clone()], b"content-");
    let is_version = |field: &&Range<usize>| starts_with(&mime[(*field).clone()], b"mime-version:");
    let mut all = Vec::new();
    for field in fields.iter().filter(|field| !is_content(field) && !is_version(field)) {
        all.extend_from_slice(&mime[field.clone()]);
    }
    all.extend_from_slice(
        format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n").as_bytes(),
    );
    for field in fields.iter().filter(is_content) {
        all.extend_from_slice(&mime[field.clone()]);
    }
    let text = &mime[body..];
    all.extend_from_slice(if text.is_empty() { b"\r\n" } else { text });
    all.extend_from_slice(b"\r\n");
    all.extend(parts(&boundary));
    all.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    all.into()
}

fn part(file: &Attachment) -> MimePart<'_> {
    let part = MimePart::new(file.content_type.as_str(), file.bytes.as_ref());
    let part = part.attachment(file.name.as_str());
    match &file.content_id {
        Some(id) if file.inline => part.cid(id.as_str()),
        _ => part,
    }
}

/// The boundary of a multipart/mixed message, and where its closing delimiter stands.
fn mixed(mime: &[u8]) -> Option<(String, usize)> {
    let message = MessageParser::default().parse_headers(mime)?;
    let kind = message.content_type().filter(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind.subtype().is_some_and(|sub| sub.eq_ignore_ascii_case("mixed"))
    })?;
    let boundary = kind.attribute("boundary")?.to_owned();
    let closing = format!("\n--{boundary}--");
    let end = mime.windows(closing.len()).rposition(|window| window == closing.as_bytes())?;
    Some((boundary, end + 1))
}

/// The header fields with their folded lines, and where the rest (the empty line first) begins.
fn fields(mime: &[u8]) -> (Vec<Range<usize>>, usize) {
    let (mut fields, mut at) = (Vec::<Range<usize>>::new(), 0);
    while at < mime.len() {
        let end =
            mime[at..].iter().position(|byte| *byte == b'\n').map_or(mime.len(), |found| at + found + 1);
        let line = &mime[at..end];
        if line == b"\r\n" || line == b"\n" {
            break;
        }
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.end = end,
            _ => fields.push(at..end),
        }
        at = end;
    }
    (fields, at)
}

fn starts_with(field: &[u8], name: &[u8]) -> bool {
    field.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Attachment {
        Attachment {
            id: "1".into(),
            name: "Größe.bin".into(),
            content_type: "application/octet-stream".into(),
            content_id: None,
            inline: false,
            bytes: vec![7; 1000].into(),
        }
    }

    #[test]
    fn a_folded_bcc_goes_and_the_rest_stays_as_it_was() {
        let mime: &[u8] = b"From: a@x.example\r\nBCC: b@x.example,\r\n c@x.example\r\nSubject: bcc: hi\r\n\r\nBcc: body\r\n";
        let expected: &[u8] = b"From: a@x.example\r\nSubject: bcc: hi\r\n\r\nBcc: body\r\n";
        assert_eq!(without_bcc(&Bytes::from_static(mime)), expected);
    }

    #[test]
    fn recipients_come_from_all_three_fields() {
        let headers = read_headers(
            b"From: A <a@x.example>\r\nTo: b@x.example\r\nCc: c@x.example\r\nBcc: d@x.example\r\n\r\nhi",
        );
        assert_eq!(headers.from, ["a@x.example"]);
        assert_eq!(headers.recipients, ["b@x.example", "c@x.example", "d@x.example"]);
    }

    #[test]
    fn old_and_quoted_forms_of_addresses_are_read() {
        let headers = read_headers(
            b"From: \"ann lee\"@x.example\r\nTo: <@relay.example,@y.example:b@x.example>\r\nCc: <\"c d\"@x.example>, e@x  . example\r\n\r\nhi",
        );
        assert_eq!(headers.from, ["\"ann lee\"@x.example"]);
        assert_eq!(headers.recipients, ["b@x.example", "\"c d\"@x.example", "e@x.example"]);
    }

    #[test]
    fn a_file_is_added_to_a_plain_message_and_then_to_the_mixed_one_that_it_has_become() {
        let plain = Bytes::from_static(
            b"From: a@x.example\r\nMessage-ID: <1@x>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhi\r\n",
        );
        let once = with_attachments(&plain, &[file()]);
        let twice = with_attachments(&once, &[file()]);
        for (mime, count) in [(once, 1), (twice, 2)] {
            let message = MessageParser::default().parse(&*mime).unwrap();
            assert_eq!(message.message_id(), Some("1@x"));
            assert_eq!(message.body_text(0).unwrap().trim(), "hi");
            assert_eq!(message.attachment_count(), count);
            let attached = message.attachment(u32::try_from(count - 1).unwrap()).unwrap();
            assert_eq!(attached.attachment_name(), Some("Größe.bin"));
            assert_eq!(attached.contents(), [7; 1000]);
        }
    }
}
