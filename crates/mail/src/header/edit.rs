//! The few changes that a gate may make to a header. Whatever isn't named here leaves as it came.

use mail_builder::headers::Header as _;
use mail_builder::headers::address::EmailAddress;
use time::OffsetDateTime;

use super::{Field, HeaderBlock};
use crate::date::written_date;
use crate::{Address, MessageId, Received};

/// What is to be changed; nothing by default. Fields that are added stand on top.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// The trace of this hop (RFC 5321 §4.4).
    pub received: Option<Received>,
    /// The Message-ID that the message gets where it has no such field, whatever the field says.
    pub message_id_if_missing: Option<MessageId>,
    /// The Date that the message gets where it has no such field.
    pub date_if_missing: Option<OffsetDateTime>,
    /// What becomes of Bcc.
    pub bcc: BccEdit,
    /// The mailbox that the message is to be from. The name that it is shown with stays; the old From goes to
    /// Reply-To where there is none. A message without From gets one; of several, one is left (RFC 5322 §3.6
    /// allows exactly one).
    pub from: Option<Address>,
}

/// What becomes of Bcc (RFC 5322 §3.6.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BccEdit {
    /// It stays as it came.
    #[default]
    Keep,
    /// Bcc and Resent-Bcc go: what the next server shows to everybody.
    Remove,
    /// One Bcc field with exactly these recipients, or none: what the next server reads its recipients from.
    /// Resent-Bcc goes: that one it would show.
    Set(Vec<Address>),
}

impl HeaderBlock {
    /// The header with the changes made, ready to be followed by the rest of the message.
    pub fn edit(&self, edits: &HeaderEdits) -> Vec<u8> {
        let lost = self.leading_blank_lines();
        let mut edited = self.top(&self.octets[..lost], edits);
        let mut from = edits.from.as_ref().map(|from| self.rewritten_from(from));
        for span in self.fields.iter().filter(|span| span.whole.start >= lost) {
            let field = span.field(&self.octets);
            match kind_of(&field) {
                Kind::From if edits.from.is_some() => edited.extend(from.take().unwrap_or_default()),
                Kind::Bcc | Kind::ResentBcc if edits.bcc != BccEdit::Keep => {}
                _ => edited.extend_from_slice(field.octets()),
            }
        }
        if self.body_follows_at_once && !edited.is_empty() {
            edited.extend_from_slice(b"\r\n");
        }
        edited
    }

    /// What stands above the fields that came, with the lines that continue nothing (`lost`). Readers take such a
    /// line on top for the end of the header; below Received it is part of a field that nobody's delivery needs.
    fn top(&self, lost: &[u8], edits: &HeaderEdits) -> Vec<u8> {
        let received = edits.received.as_ref().map(Received::to_string).unwrap_or_default();
        [received.as_bytes(), lost, &self.added_fields(edits)].concat()
    }

    /// A first line that begins with a blank continues nothing.
    fn leading_blank_lines(&self) -> usize {
        let first = self.fields.first().filter(|span| matches!(self.octets[span.whole.start], b' ' | b'\t'));
        first.map_or(0, |span| span.whole.end)
    }

    fn added_fields(&self, edits: &HeaderEdits) -> Vec<u8> {
        let mut added = Vec::new();
        if let Some(id) = edits.message_id_if_missing.as_ref().filter(|_| !self.has("Message-ID")) {
            added.extend_from_slice(format!("Message-ID: {id}\r\n").as_bytes());
        }
        if let Some(date) = edits.date_if_missing.filter(|_| !self.has("Date")) {
            added.extend_from_slice(format!("Date: {}\r\n", written_date(date)).as_bytes());
        }
        if let Some(from) = edits.from.as_ref().filter(|_| !self.has("From")) {
            added.extend_from_slice(format!("From: {from}\r\n").as_bytes());
        }
        if let BccEdit::Set(recipients) = &edits.bcc {
            added.extend_from_slice(written_list("Bcc", recipients).as_bytes());
        }
        added
    }

    /// The new From, and below it the old one as Reply-To where an answer would otherwise go astray.
    fn rewritten_from(&self, from: &Address) -> Vec<u8> {
        let authors = self.authors();
        let mut rewritten = b"From: ".to_vec();
        let name = authors.name.map(|name| name.replace(char::is_control, " ").into());
        EmailAddress { name, email: from.as_str().into() }.write_header(&mut rewritten, b"From: ".len());
        let answers_elsewhere = authors.addresses.iter().any(|author| !author.is_same_mailbox(from));
        if answers_elsewhere && !self.has("Reply-To") {
            rewritten.extend_from_slice(&self.reply_to_old_from());
        }
        rewritten
    }

    fn reply_to_old_from(&self) -> Vec<u8> {
        let values: Vec<&[u8]> =
            self.fields_named("From").map(|field| without_line_end(field.value())).collect();
        let mut field = b"Reply-To:".to_vec();
        field.extend_from_slice(&values.join(&b",\r\n "[..]));
        field.extend_from_slice(b"\r\n");
        field
    }
}

enum Kind {
    From,
    Bcc,
    ResentBcc,
    Other,
}

fn kind_of(field: &Field<'_>) -> Kind {
    match field {
        field if field.is("From") => Kind::From,
        field if field.is("Bcc") => Kind::Bcc,
        field if field.is("Resent-Bcc") => Kind::ResentBcc,
        _ => Kind::Other,
    }
}

/// One address to a line: no line grows too long (RFC 5322 §2.1.1), however many there are.
fn written_list(name: &str, addresses: &[Address]) -> String {
    match addresses {
        [] => String::new(),
        addresses => {
            let addresses: Vec<&str> = addresses.iter().map(Address::as_str).collect();
            format!("{name}: {}\r\n", addresses.join(",\r\n "))
        }
    }
}

fn without_line_end(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    value.strip_suffix(b"\r").unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::Origin;

    fn received() -> Received {
        Received {
            origin: Origin::Local { uid: 0 },
            by: "gate.contoso.com".into(),
            id: "1".into(),
            recipient: None,
            at: datetime!(2026-11-22 00:24:06 UTC),
        }
    }

    /// What each message gets when it is accepted.
    fn on_arrival() -> HeaderEdits {
        HeaderEdits {
            received: Some(received()),
            message_id_if_missing: Some("1@gate.contoso.com".parse().unwrap()),
            date_if_missing: Some(datetime!(2026-11-22 00:24:06 UTC)),
            ..HeaderEdits::default()
        }
    }

    fn without_bcc() -> HeaderEdits {
        HeaderEdits { bcc: BccEdit::Remove, ..HeaderEdits::default() }
    }

    fn from(address: &str) -> HeaderEdits {
        HeaderEdits { from: Some(address.parse().unwrap()), ..HeaderEdits::default() }
    }

    fn edited_octets(message: &[u8], edits: &HeaderEdits) -> Vec<u8> {
        let (header, rest) = HeaderBlock::split(message);
        [&header.edit(edits), &message[rest..]].concat()
    }

    fn edited(message: &str, edits: &HeaderEdits) -> String {
        String::from_utf8(edited_octets(message.as_bytes(), edits)).unwrap()
    }

    const TRACE: &str = "Received: (from user 0)\r\n by gate.contoso.com (Postern) id 1;\r\n \
                         Sun, 22 Nov 2026 00:24:06 +0000\r\n";
    const ID: &str = "Message-ID: <1@gate.contoso.com>\r\n";
    const DATE: &str = "Date: Sun, 22 Nov 2026 00:24:06 +0000\r\n";

    #[test]
    fn a_whole_message_gets_its_trace_and_nothing_else() {
        let message = "message-id : <a@b>\r\nDATE:yesterday\r\nFrom: a@b.c\r\n\r\nbody\r\n";
        assert_eq!(edited(message, &on_arrival()), format!("{TRACE}{message}"));
    }

    #[test]
    fn a_name_and_a_date_are_added_only_where_there_is_no_such_field() {
        let message = "From: a@b.c\r\n\r\nDate: in the body\r\n";
        assert_eq!(edited(message, &on_arrival()), format!("{TRACE}{ID}{DATE}{message}"));
        let message = "Message-ID:\r\nDate: \r\n\r\n";
        assert_eq!(edited(message, &on_arrival()), format!("{TRACE}{message}"));
    }

    #[test]
    fn a_text_without_a_header_stays_a_text() {
        assert_eq!(edited("Hello\r\nworld", &on_arrival()), format!("{TRACE}{ID}{DATE}\r\nHello\r\nworld"));
        assert_eq!(edited("\r\nHello", &on_arrival()), format!("{TRACE}{ID}{DATE}\r\nHello"));
        assert_eq!(edited("", &on_arrival()), format!("{TRACE}{ID}{DATE}"));
        assert_eq!(edited("Hello\r\nworld", &HeaderEdits::default()), "Hello\r\nworld");
    }

    #[test]
    fn lines_that_are_no_fields_stay_where_they_are() {
        let message = "From nas Mon Jan 1\r\nFrom: a@b.c\r\njunk\r\nDate: x\r\nMessage-ID: y\r\n\r\nbody";
        assert_eq!(edited(message, &on_arrival()), format!("{TRACE}{message}"));
    }

    #[test]
    fn a_lost_continuation_hides_no_field_and_becomes_part_of_none_that_matters() {
        let message = " lost\r\n\tlines\r\nFrom: a@b.c\r\n\r\nbody";
        let (lost, rest) = message.split_at(15);
        assert_eq!(edited(message, &on_arrival()), format!("{TRACE}{lost}{ID}{DATE}{rest}"));
        assert_eq!(edited(message, &HeaderEdits::default()), message);
    }

    #[test]
    fn bcc_goes_however_it_is_written() {
        let message = "To: a@b.c\r\nBcc: d@e.f,\r\n g@h.i\r\nX: y\r\nbCC \t:\r\nResent-Bcc: j\r\nX-Bcc: z\r\n\r\nBcc: b";
        assert_eq!(edited(message, &without_bcc()), "To: a@b.c\r\nX: y\r\nX-Bcc: z\r\n\r\nBcc: b");
        assert_eq!(edited("To: a@b.c\r\nBcc: d@e.f", &without_bcc()), "To: a@b.c\r\n");
    }

    #[test]
    fn bcc_is_completed_as_one_field_or_none() {
        let set = |recipients: &[&str]| HeaderEdits {
            bcc: BccEdit::Set(recipients.iter().map(|address| address.parse().unwrap()).collect()),
            ..HeaderEdits::default()
        };
        let message = "To: a@b.c\r\nBCC: d@e.f\r\nResent-Bcc: j@k.l\r\nBcc: Old <g@h.i>\r\n\r\nbody";
        let expected = "Bcc: d@e.f,\r\n x@y.z\r\nTo: a@b.c\r\n\r\nbody";
        assert_eq!(edited(message, &set(&["d@e.f", "x@y.z"])), expected);
        assert_eq!(edited(message, &set(&[])), "To: a@b.c\r\n\r\nbody");
    }

    #[test]
    fn a_rewritten_from_keeps_its_name_and_its_answers() {
        let message = "X: y\r\nfrom: Scanner 2\r\n <scan@printer.local>\r\nTo: a@b.c\r\n\r\nbody";
        let expected = "X: y\r\nFrom: \"Scanner 2\" <relay@contoso.com>\r\nReply-To: Scanner 2\r\n \
                        <scan@printer.local>\r\nTo: a@b.c\r\n\r\nbody";
        assert_eq!(edited(message, &from("relay@contoso.com")), expected);
        let message = "From: =?utf-8?q?B=C3=BCro?= <b@c.d>\r\nReply-To: help@c.d\r\n\r\n";
        let rewritten = edited(message, &from("relay@contoso.com"));
        let (header, _) = HeaderBlock::split(rewritten.as_bytes());
        assert_eq!(header.authors().name.as_deref(), Some("Büro"));
        assert_eq!(header.fields().count(), 2);
    }

    #[test]
    fn a_message_without_a_from_gets_one_and_of_several_one_is_left() {
        assert_eq!(edited("To: a@b.c\r\n\r\n", &from("r@c.d")), "From: r@c.d\r\nTo: a@b.c\r\n\r\n");
        let message = "From: a@b.c\r\nTo: x@y.z\r\nFrom:d@e.f\r\n\r\n";
        let expected = "From: <r@c.d>\r\nReply-To: a@b.c,\r\n d@e.f\r\nTo: x@y.z\r\n\r\n";
        assert_eq!(edited(message, &from("r@c.d")), expected);
        assert_eq!(edited("From: root\r\n\r\n", &from("r@c.d")), "From: \"root\" <r@c.d>\r\n\r\n");
        assert_eq!(edited("From: R@C.d\r\n\r\n", &from("r@c.d")), "From: <r@c.d>\r\n\r\n");
    }

    #[test]
    fn a_name_cannot_add_a_field_to_a_rewritten_from() {
        let message = "From: =?utf-8?q?x=0D=0ABcc:_eve@evil.example?= <a@b.c>\r\nReply-To: q@b.c\r\n\r\n";
        let rewritten = edited(message, &from("r@c.d"));
        let (header, _) = HeaderBlock::split(rewritten.as_bytes());
        assert!(!header.has("Bcc"), "{rewritten}");
        assert_eq!(header.authors().addresses, ["r@c.d".parse().unwrap()]);
    }

    /// The header of a message without Bcc, found in another way than the code does.
    fn kept_by_reference(message: &[u8]) -> Vec<u8> {
        let (mut kept, mut dropping, mut in_body) = (Vec::new(), false, false);
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            in_body |= line == b"\n" || line == b"\r\n";
            let text = String::from_utf8_lossy(line).to_ascii_lowercase();
            if !text.starts_with([' ', '\t']) {
                let name = text.split(':').next().unwrap_or_default().trim_end_matches([' ', '\t']);
                dropping = text.contains(':') && (name == "bcc" || name == "resent-bcc");
            }
            if in_body || !dropping {
                kept.extend_from_slice(line);
            }
        }
        kept
    }

    /// Octets that look like a header often enough, and anything at all otherwise.
    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            Just(b"Bcc: a@b.c\r\n".to_vec()),
            Just(b"bCc \t:d@e.f,\n".to_vec()),
            Just(b"Resent-Bcc: x\r\n".to_vec()),
            Just(b"From: a@b.c\r\n".to_vec()),
            Just(b"Date: x\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            Just(b" folded\r\n".to_vec()),
            Just(b"\t\r\n".to_vec()),
            Just(b"no colon\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20),
        ];
        proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn no_edit_touches_any_other_octet(message in messages()) {
            prop_assert_eq!(edited_octets(&message, &HeaderEdits::default()), message.clone());

            let (header, _) = HeaderBlock::split(&message);
            let lost = header.leading_blank_lines();
            let arrived = edited_octets(&message, &on_arrival());
            let separator: &[u8] = if header.body_follows_at_once { b"\r\n" } else { b"" };
            let id = if header.has("Message-ID") { "" } else { ID };
            let date = if header.has("Date") { "" } else { DATE };
            let added = format!("{id}{date}");
            let expected = [TRACE.as_bytes(), &message[..lost], added.as_bytes(), separator, &message[lost..]];
            let expected = expected.concat();
            prop_assert_eq!(arrived, expected);
        }

        #[test]
        fn nothing_but_bcc_goes_with_bcc(message in messages()) {
            let (header, _) = HeaderBlock::split(&message);
            let kept = match header.body_follows_at_once {
                true => message.clone(),
                false => kept_by_reference(&message),
            };
            prop_assert_eq!(edited_octets(&message, &without_bcc()), kept);
        }

        #[test]
        fn a_new_from_changes_nothing_but_from_and_reply_to(message in messages()) {
            let (header, rest) = HeaderBlock::split(&message);
            let rewritten = edited_octets(&message, &from("relay@contoso.com"));
            prop_assert!(rewritten.ends_with(&message[rest..]));
            let (now, _) = HeaderBlock::split(&rewritten);
            prop_assert_eq!(now.authors().addresses, vec!["relay@contoso.com".parse::<Address>().unwrap()]);
            let others = |header: &HeaderBlock| -> Vec<Vec<u8>> {
                let kept = header.fields().filter(|field| !field.is("From") && !field.is("Reply-To"));
                kept.map(|field| field.octets().to_vec()).collect()
            };
            prop_assert_eq!(others(&now), others(&header));
        }
    }
}
