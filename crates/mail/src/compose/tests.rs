use mail_parser::{Message, MessageParser, MimeHeaders};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-22 00:24:06 UTC);

fn mailbox(name: &str, address: &str) -> Mailbox {
    let name = (!name.is_empty()).then(|| name.to_owned());
    Mailbox { name, address: address.parse().unwrap() }
}

fn draft() -> Draft {
    Draft {
        from: mailbox("", "backup@contoso.com"),
        to: vec![mailbox("", "ann@fabrikam.com")],
        cc: vec![],
        bcc: vec![],
        reply_to: vec![],
        subject: "Backup done".to_owned(),
        text: Some("All is well.\n".to_owned()),
        html: None,
        headers: vec![],
        attachments: vec![],
    }
}

fn attachment(name: &str, content_type: &str, content: &[u8]) -> Attachment {
    Attachment {
        name: name.into(),
        content_type: content_type.into(),
        content: content.to_vec(),
        content_id: None,
    }
}

fn composed(draft: &Draft) -> Composed {
    draft.compose(&"1@gate.contoso.com".parse().unwrap(), NOW).unwrap()
}

fn parsed(composed: &Composed) -> Message<'_> {
    MessageParser::new().parse(&composed.octets).unwrap()
}

fn shape(message: &Message<'_>) -> Vec<String> {
    let kind = |part: &mail_parser::MessagePart<'_>| {
        let kind = part.content_type().unwrap();
        format!("{}/{}", kind.ctype(), kind.subtype().unwrap())
    };
    message.parts.iter().map(kind).collect()
}

#[test]
fn a_plain_text_is_a_plain_message() {
    let composed = composed(&draft());
    assert_eq!(
        String::from_utf8(composed.octets.clone()).unwrap(),
        "Date: Sun, 22 Nov 2026 00:24:06 +0000\r\nMessage-ID: <1@gate.contoso.com>\r\n\
         From: <backup@contoso.com>\r\nSubject: Backup done\r\nTo: <ann@fabrikam.com>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\nAll is well.\r\n"
    );
    assert_eq!(composed.envelope.from().unwrap().as_str(), "backup@contoso.com");
}

#[test]
fn the_envelope_has_everybody_and_bcc_is_in_no_header() {
    let draft = Draft {
        cc: vec![mailbox("Bob, the builder", "bob@fabrikam.com"), mailbox("", "ann@fabrikam.com")],
        bcc: vec![mailbox("", "secret@fabrikam.com")],
        reply_to: vec![mailbox("Help", "help@contoso.com")],
        ..draft()
    };
    let composed = composed(&draft);
    let to: Vec<&str> = composed.envelope.to().iter().map(Address::as_str).collect();
    assert_eq!(to, ["ann@fabrikam.com", "bob@fabrikam.com", "secret@fabrikam.com"]);
    assert!(!String::from_utf8_lossy(&composed.octets).contains("secret"));
    let message = parsed(&composed);
    assert_eq!(message.cc().unwrap().first().unwrap().name(), Some("Bob, the builder"));
    assert_eq!(message.reply_to().unwrap().first().unwrap().address(), Some("help@contoso.com"));
    let nobody = Draft { to: vec![], ..self::draft() };
    let refused = nobody.compose(&"1@b".parse().unwrap(), NOW).unwrap_err();
    assert_eq!(refused, InvalidDraft::NoRecipients);
}

#[test]
fn letters_beyond_ascii_arrive_everywhere() {
    let draft = Draft {
        from: mailbox("Überwachung \"Süd\"", "backup@contoso.com"),
        to: vec![mailbox("用户", "ann@fabrikam.com"), mailbox("", "pelé@exämple.com")],
        subject: "Sicherung für Ärzte: ✓ ".repeat(12),
        text: Some("Grüße – 你好\n".repeat(40)),
        html: Some("<p>Grüße – 你好</p>".to_owned()),
        headers: vec![ExtraHeader::new("X-Ort", "Büro Süd").unwrap()],
        attachments: vec![attachment("Übersicht 你好.pdf", "application/pdf", b"%PDF")],
        ..draft()
    };
    let composed = composed(&draft);
    let message = parsed(&composed);
    assert_eq!(message.from().unwrap().first().unwrap().name(), Some("Überwachung \"Süd\""));
    let to: Vec<_> = message.to().unwrap().iter().map(|to| (to.name(), to.address())).collect();
    assert_eq!(to, [(Some("用户"), Some("ann@fabrikam.com")), (None, Some("pelé@exämple.com"))]);
    assert_eq!(message.subject(), Some(draft.subject.as_str()));
    assert_eq!(message.body_text(0).unwrap().replace("\r\n", "\n"), draft.text.unwrap());
    assert_eq!(message.body_html(0).unwrap(), draft.html.unwrap());
    let extra = message.header_as("X-Ort", mail_parser::HeaderForm::Text);
    assert_eq!(extra[0].as_text(), Some("Büro Süd"));
    assert_eq!(message.attachment(0).unwrap().attachment_name(), Some("Übersicht 你好.pdf"));
}

#[test]
fn attachments_arrive_octet_for_octet() {
    let every_octet: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let unix_text = b"line\nline \r mixed\r\n\n.\n";
    let draft = Draft {
        html: Some("<img src=\"cid:logo@x\">".to_owned()),
        attachments: vec![
            attachment("all.bin", "application/octet-stream", &every_octet),
            attachment("log.txt", "text/plain", unix_text),
            attachment("empty", "text/csv", b""),
            Attachment { content_id: Some("logo@x".into()), ..attachment("logo.css", "text/css", unix_text) },
        ],
        ..draft()
    };
    let composed = composed(&draft);
    let message = parsed(&composed);
    assert_eq!(
        shape(&message),
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "multipart/related",
            "text/html",
            "text/css",
            "application/octet-stream",
            "text/plain",
            "text/csv",
        ]
    );
    let by_name = |name: &str| {
        let part = message.parts.iter().find(|part| part.attachment_name() == Some(name)).unwrap();
        part.contents().to_vec()
    };
    assert_eq!(by_name("all.bin"), every_octet);
    assert_eq!(by_name("log.txt"), unix_text);
    assert_eq!(by_name("logo.css"), unix_text);
    assert_eq!(by_name("empty"), b"");
    assert_eq!(message.parts[5].content_id(), Some("logo@x"));
    assert!(composed.octets.split(|octet| *octet == b'\n').all(|line| line.len() <= 998));
    assert!(!String::from_utf8_lossy(&composed.octets).replace("\r\n", "").contains(['\r', '\n']));
}

#[test]
fn text_or_html_or_neither_will_do() {
    for (text, html, expected) in [
        (Some("a"), Some("<p>a"), &["multipart/alternative", "text/plain", "text/html"][..]),
        (None, Some("<p>a"), &["text/html"]),
        (None, None, &["text/plain"]),
    ] {
        let draft = Draft { text: text.map(Into::into), html: html.map(Into::into), ..draft() };
        assert_eq!(shape(&parsed(&composed(&draft))), expected);
    }
    let attached = Attachment { content_id: Some("a@b".into()), ..attachment("a.png", "image/png", b"x") };
    let draft = Draft { attachments: vec![attached], ..draft() };
    assert_eq!(shape(&parsed(&composed(&draft))), ["multipart/mixed", "text/plain", "image/png"]);
}

#[test]
fn structured_headers_are_not_encoded_but_folded() {
    let references = (0..20).map(|number| format!("<{number}@contoso.com>")).collect::<Vec<_>>().join(" ");
    let draft = Draft { headers: vec![ExtraHeader::new("References", &references).unwrap()], ..draft() };
    let composed = composed(&draft);
    let text = String::from_utf8(composed.octets).unwrap();
    assert!(text.replace("\r\n ", " ").contains(&format!("References: {references}\r\n")), "{text}");
    assert!(text.lines().all(|line| line.len() <= 100));
}

#[test]
fn nothing_can_be_injected() {
    let evil = "x\r\nBcc: eve@evil.example";
    let refused = |draft: Draft| draft.compose(&"1@b".parse().unwrap(), NOW).unwrap_err().to_string();
    for (part, draft) in [
        ("the subject", Draft { subject: evil.into(), ..draft() }),
        ("a display name", Draft { from: mailbox(evil, "a@b.c"), ..draft() }),
        ("a display name", Draft { to: vec![mailbox("x\u{2028}y", "a@b.c")], ..draft() }),
        ("a display name", Draft { bcc: vec![mailbox(evil, "a@b.c")], ..draft() }),
        ("the name of an attachment", Draft { attachments: vec![attachment(evil, "a/b", b"")], ..draft() }),
    ] {
        assert_eq!(refused(draft), format!("{part} contains a line break or another control character"));
    }
    for content_type in ["", "pdf", "text/", "text/plain\r\nBcc: x", "text/plain; charset=x", "a/b c"] {
        let draft = Draft { attachments: vec![attachment("a", content_type, b"")], ..draft() };
        assert!(refused(draft).starts_with("the type of the attachment \"a\""), "{content_type:?}");
    }
    let draft_with = |content_id: &str| Draft {
        attachments: vec![Attachment { content_id: Some(content_id.into()), ..attachment("a", "a/b", b"") }],
        ..draft()
    };
    assert!(refused(draft_with("a\r\nBcc: x")).starts_with("the content id"));
    let message = Draft { attachments: vec![attachment("a", "message/rfc822", b"")], ..draft() };
    assert!(refused(message).contains("message/rfc822"));
}

#[test]
fn extra_headers_are_checked() {
    for name in ["", "X Y", "X:", "X\r\n", "Ö", &"x".repeat(71)] {
        assert!(matches!(ExtraHeader::new(name, "v"), Err(InvalidHeader::Name { .. })), "{name:?}");
    }
    for name in
        ["From", "BCC", "date", "Message-Id", "Content-Type", "content-x", "Received", "Resent-To", "Sender"]
    {
        assert!(matches!(ExtraHeader::new(name, "v"), Err(InvalidHeader::Reserved { .. })), "{name:?}");
    }
    let long = "x".repeat(901);
    assert!(matches!(ExtraHeader::new("X-Y", "a\r\nBcc: b"), Err(InvalidHeader::ControlCharacter { .. })));
    assert!(matches!(ExtraHeader::new("X-Y", &long), Err(InvalidHeader::LongWord { .. })));
    assert_eq!(ExtraHeader::new("Importance", " high ").unwrap().value(), "high");
}

#[test]
fn the_same_draft_gives_the_same_octets() {
    let draft =
        Draft { html: Some("<p>x".into()), attachments: vec![attachment("a", "a/b", b"x")], ..draft() };
    assert_eq!(composed(&draft), composed(&draft));
}

#[test]
fn a_mailbox_is_read_with_and_without_a_name() {
    for (text, name, address) in [
        ("ann@contoso.com", None, "ann@contoso.com"),
        ("Ann <ann@contoso.com>", Some("Ann"), "ann@contoso.com"),
        ("\"Lee, Ann\" <ann@contoso.com>", Some("Lee, Ann"), "ann@contoso.com"),
        ("Jürgen <j@contoso.com>", Some("Jürgen"), "j@contoso.com"),
    ] {
        let mailbox = Mailbox { name: name.map(Into::into), address: address.parse().unwrap() };
        assert_eq!(text.parse(), Ok(mailbox));
    }
    for text in ["", "ann", "a@b.c, d@e.f", "a@b.c\r\nBcc: d@e.f", "Staff: a@b.c, d@e.f;", "root, a@b.c"] {
        assert!(text.parse::<Mailbox>().is_err(), "{text:?}");
    }
}
