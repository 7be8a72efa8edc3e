use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-22 01:00 UTC);
const ACCEPTED: OffsetDateTime = datetime!(2026-11-22 00:24:06 UTC);
const HEADER: &[u8] = b"From: scan@contoso.com\r\nSubject: Page 1\r\nMessage-ID: <a@b>\r\n";

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn header(octets: &[u8]) -> HeaderBlock {
    HeaderBlock::split(octets).0
}

fn addressee() -> Addressee {
    let envelope = Envelope::new(Some(address("scan@contoso.com")), [address("ann@fabrikam.com")]).unwrap();
    Addressee::of(&envelope, &header(HEADER)).unwrap()
}

fn fate(recipient: &Address, action: Action) -> Fate<'_> {
    Fate { recipient, orcpt: None, action, said: None, advice: None, last_attempt: None }
}

fn built(fates: &[Fate<'_>], returned: Returned<'_>) -> Vec<u8> {
    let original = Original { id: "0190", accepted_at: ACCEPTED, envid: None, returned };
    let report = Report {
        to: &addressee(),
        from: &address("relay@contoso.com"),
        message_id: &"r1@gate.contoso.com".parse().unwrap(),
        host: "gate.contoso.com",
        fates,
        original,
    };
    build(&report, NOW)
}

fn parsed(octets: &[u8]) -> Message<'_> {
    MessageParser::new().parse(octets).unwrap()
}

/// The octets of a part as they stand in the report.
fn part(report: &Message<'_>, number: usize) -> String {
    let part = &report.parts[number];
    let octets = &report.raw_message[part.offset_body as usize..part.offset_end as usize];
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn a_failure_is_reported_to_people_and_to_programs() {
    let (ann, orcpt) = (address("ann@fabrikam.com"), "rfc822;a@old.example".parse().unwrap());
    let fate = Fate {
        orcpt: Some(&orcpt),
        said: Some("550 5.1.1 User\r\nunknown [é]"),
        last_attempt: Some(NOW),
        ..fate(&ann, Action::Failed)
    };
    let octets = built(&[fate], Returned::Header(HEADER));
    let report = parsed(&octets);
    assert_eq!(report.subject(), Some("Mail could not be delivered"));
    assert_eq!(report.header_raw("Auto-Submitted").map(str::trim), Some("auto-replied"));
    let kind = report.content_type().unwrap();
    assert_eq!((kind.subtype(), kind.attribute("report-type")), (Some("report"), Some("delivery-status")));
    let text = report.body_text(0).unwrap();
    assert!(text.contains("Your message was not delivered to:\r\n\r\n  ann@fabrikam.com\r\n"), "{text}");
    assert!(
        text.contains("Microsoft 365 said: 550 5.1.1 User unknown [é]\r\n    What to do: Check"),
        "{text}"
    );
    assert!(text.contains("Subject: Page 1\r\n  Message-ID: <a@b>\r\n  Accepted: Sun, 22 Nov"), "{text}");
    assert_eq!(
        part(&report, 2).trim_end(),
        "Reporting-MTA: dns; gate.contoso.com\r\nArrival-Date: Sun, 22 Nov 2026 00:24:06 +0000\r\n\r\n\
         Original-Recipient: rfc822; a@old.example\r\nFinal-Recipient: rfc822; ann@fabrikam.com\r\n\
         Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown [?]\r\n\
         Last-Attempt-Date: Sun, 22 Nov 2026 01:00:00 +0000"
    );
    assert_eq!(report.parts[3].content_type().unwrap().subtype(), Some("rfc822-headers"));
    assert_eq!(part(&report, 3), String::from_utf8_lossy(HEADER));
}

#[test]
fn waiting_expired_and_handed_on_have_their_own_words() {
    let ann = address("ann@fabrikam.com");
    let until = datetime!(2026-11-27 00:24:06 UTC);
    for (action, subject, words, status) in [
        (
            Action::Delayed { until },
            "Mail is delayed",
            "Nothing. It will be tried until Fri, 27 Nov",
            "Action: delayed\r\nStatus: 4.0.0",
        ),
        (
            Action::Expired,
            "Mail could not be delivered",
            "is now given up for:",
            "Action: failed\r\nStatus: 4.4.7",
        ),
        (
            Action::Relayed,
            "Mail was handed to Microsoft 365",
            "What becomes of it there",
            "Action: relayed\r\nStatus: 2.0.0",
        ),
    ] {
        let octets = built(&[fate(&ann, action)], Returned::Header(HEADER));
        let report = parsed(&octets);
        assert_eq!(report.subject(), Some(subject));
        let text = report.body_text(0).unwrap();
        assert!(text.contains(words), "{text}");
        assert!(part(&report, 2).contains(status), "{}", part(&report, 2));
        assert_eq!(part(&report, 2).contains("Will-Retry-Until: Fri, 27 Nov"), status.contains("delayed"));
    }
}

#[test]
fn recipients_that_fared_differently_stand_in_one_report() {
    let (ann, pele) = (address("ann@fabrikam.com"), address("pelé@fabrikam.com"));
    let fates = [fate(&ann, Action::Failed), fate(&pele, Action::Relayed)];
    let octets = built(&fates, Returned::Header(HEADER));
    let report = parsed(&octets);
    assert_eq!(report.subject(), Some("What became of your mail"));
    let status = part(&report, 2);
    assert!(
        status.is_ascii() && status.contains("Final-Recipient: utf-8; pel\\x{E9}@fabrikam.com"),
        "{status}"
    );
}

#[test]
fn all_of_the_message_comes_back_when_it_was_asked_for_and_eight_bit_headers_are_encoded() {
    let ann = address("ann@fabrikam.com");
    let message = [HEADER, b"\r\nbody \xfc\r\n--not a boundary\r\n"].concat();
    let octets = built(&[fate(&ann, Action::Failed)], Returned::Full(&message));
    let report = parsed(&octets);
    let PartType::Message(inner) = &report.parts[3].body else { panic!("no message came back") };
    assert_eq!(inner.subject(), Some("Page 1"));
    assert!(octets.windows(message.len()).any(|window| window == message));

    let octets = built(&[fate(&ann, Action::Failed)], Returned::Header(b"Subject: Gr\xfc\xdfe\r\n"));
    assert!(octets.is_ascii(), "{}", String::from_utf8_lossy(&octets));
}

#[test]
fn nobody_is_told_about_a_report_or_a_message_without_a_sender() {
    let to = [address("ann@fabrikam.com")];
    let nobody = Envelope::new(None, to.clone()).unwrap();
    assert_eq!(Addressee::of(&nobody, &header(HEADER)), None);
    let somebody = Envelope::new(Some(address("scan@contoso.com")), to).unwrap();
    let report = b"Content-Type: multipart/report; report-type=delivery-status\r\n";
    assert_eq!(Addressee::of(&somebody, &header(report)), None);
}

#[test]
fn a_report_is_itself_beyond_report() {
    let ann = address("ann@fabrikam.com");
    let octets = built(&[fate(&ann, Action::Failed)], Returned::Header(HEADER));
    let envelope = addressee().envelope();
    assert_eq!((envelope.from(), envelope.to()), (None, &[address("scan@contoso.com")][..]));
    assert!(header(&octets).is_delivery_report());
    assert_eq!(Addressee::of(&envelope, &header(&octets)), None);
    let administrator = addressee().instead(address("it@contoso.com")).envelope();
    assert_eq!(administrator.to(), [address("it@contoso.com")]);
}

#[test]
fn the_status_is_the_other_sides_where_it_fits() {
    for (said, action, expected) in [
        (Some("554 5.2.252 SendAsDenied; relay@contoso.com"), Action::Failed, "5.2.252"),
        (Some("ErrorSendAsDenied: no right"), Action::Failed, "5.0.0"),
        (Some("451 4.7.500 busy"), Action::Failed, "5.0.0"),
        (Some("550 5.1.10.1"), Action::Failed, "5.0.0"),
        (Some("451 4.7.500 busy"), Action::Expired, "4.4.7"),
        (None, Action::Relayed, "2.0.0"),
    ] {
        assert_eq!(status_of(said, action), expected, "{said:?}");
    }
}

#[test]
fn what_the_other_side_says_can_break_neither_part() {
    let ann = address("ann@fabrikam.com");
    let said = format!("550 x\r\n\r\nFinal-Recipient: rfc822; eve@evil.example\r\n{}", "y".repeat(2000));
    let octets = built(&[Fate { said: Some(&said), ..fate(&ann, Action::Failed) }], Returned::Header(HEADER));
    let report = parsed(&octets);
    assert_eq!(report.parts.len(), 4);
    assert_eq!(part(&report, 2).matches("\r\nFinal-Recipient").count(), 1);
    assert!(octets.split(|octet| *octet == b'\n').all(|line| line.len() <= 998));
}
