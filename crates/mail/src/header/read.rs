//! What the fields of a header say. The reading is mail-parser's, which knows groups, comments, encoded words
//! and obsolete syntax; what it can't read is named as unreadable, never guessed.

use std::collections::HashSet;

use mail_parser::Address as Parsed;
use mail_parser::parsers::MessageStream;

use super::{Field, HeaderBlock};
use crate::{Address, MessageId};

/// Who wrote a message: the mailboxes of its From field, or of all its From fields where a malformed message
/// has several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authors {
    /// The mailboxes, in their order. Each of them must be one that the submitter may use: RFC 5322 §3.6.2
    /// allows several, and which one a reader is shown is the reader's choice.
    pub addresses: Vec<Address>,
    /// What stands where a mailbox should be.
    pub unreadable: Vec<String>,
    /// The name that the first of them is shown with.
    pub name: Option<String>,
}

/// Whom a header names as recipients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipients {
    /// In To.
    pub to: Vec<Address>,
    /// In Cc.
    pub cc: Vec<Address>,
    /// In Bcc.
    pub bcc: Vec<Address>,
    /// What stands in To or Cc where a mailbox should be: `root`, an address with a blank in it. An empty
    /// group (`undisclosed-recipients:;`) is no such thing.
    pub unreadable: Vec<String>,
    /// The same in Bcc, which others are never shown.
    pub unreadable_bcc: Vec<String>,
    /// To or Cc stands there more than once (RFC 5322 §3.6 allows each once): another reader may heed any of
    /// them, or all.
    pub repeated: bool,
}

impl Recipients {
    /// The recipients that everybody sees: To and Cc.
    pub fn shown(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().chain(&self.cc)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Address> {
        self.shown().chain(&self.bcc)
    }

    /// What can't be read of any of them.
    pub fn all_unreadable(&self) -> impl Iterator<Item = &str> {
        self.unreadable.iter().chain(&self.unreadable_bcc).map(String::as_str)
    }

    /// The recipients of the envelope that To and Cc don't surely name, each mailbox once: exactly what Bcc must
    /// name where the next server takes its recipients from the header.
    pub fn hidden(&self, envelope: &[Address]) -> Vec<Address> {
        let mut named: HashSet<String> = HashSet::new();
        if !self.repeated {
            named.extend(self.shown().map(mailbox_key));
        }
        envelope.iter().filter(|address| named.insert(mailbox_key(address))).cloned().collect()
    }

    /// The first recipient whom To and Cc name and the envelope doesn't: a server that reads the header would
    /// mail them although nobody asked for it.
    pub fn outside(&self, envelope: &[Address]) -> Option<&Address> {
        let asked: HashSet<String> = envelope.iter().map(mailbox_key).collect();
        self.shown().find(|address| !asked.contains(&mailbox_key(address)))
    }
}

/// A subject is shown in lists; nobody reads on.
const MAX_SUBJECT_CHARACTERS: usize = 500;

impl HeaderBlock {
    /// Who wrote it: empty where there is no From at all.
    pub fn authors(&self) -> Authors {
        let mut authors = Authors::default();
        for field in self.fields_named("From") {
            let mailboxes = read_mailboxes(&field);
            authors.name =
                authors.name.or_else(|| mailboxes.first().and_then(|mailbox| mailbox.name.clone()));
            keep(mailboxes, &mut authors.addresses, &mut authors.unreadable);
        }
        authors
    }

    /// Whom it names as recipients. A field that a malformed message has several times counts each time.
    pub fn recipients(&self) -> Recipients {
        let repeats = |name: &str| self.fields_named(name).nth(1).is_some();
        let mut recipients = Recipients { repeated: repeats("To") || repeats("Cc"), ..Recipients::default() };
        for field in self.fields() {
            let Recipients { to, cc, bcc, unreadable, unreadable_bcc, .. } = &mut recipients;
            let (list, unreadable) = match field.name().map(str::to_ascii_lowercase).as_deref() {
                Some("to") => (to, unreadable),
                Some("cc") => (cc, unreadable),
                Some("bcc") => (bcc, unreadable_bcc),
                _ => continue,
            };
            keep(read_mailboxes(&field), list, unreadable);
        }
        recipients
    }

    /// Its Message-ID, where it has one that names it.
    pub fn message_id(&self) -> Option<MessageId> {
        let field = self.fields_named("Message-ID").next()?;
        MessageId::read(&String::from_utf8_lossy(field.value()))
    }

    /// Its subject in plain words on one line, cut after 500 characters.
    pub fn subject(&self) -> Option<String> {
        let field = self.fields_named("Subject").next()?;
        let value = ended_line(field.value());
        let text = MessageStream::new(&value).parse_unstructured();
        let text = text.as_text()?.replace(char::is_control, " ");
        let subject: String = text.trim().chars().take(MAX_SUBJECT_CHARACTERS).collect();
        (!subject.is_empty()).then_some(subject)
    }

    /// Whether it is itself a report about the delivery of another message (RFC 3464 §2), however it travels.
    pub fn is_delivery_report(&self) -> bool {
        self.fields_named("Content-Type").any(|field| {
            let value = ended_line(field.value());
            let kind = MessageStream::new(&value).parse_content_type();
            kind.as_content_type().is_some_and(|kind| {
                kind.c_type.eq_ignore_ascii_case("multipart")
                    && kind.c_subtype.as_deref().is_some_and(|subtype| subtype.eq_ignore_ascii_case("report"))
                    && kind
                        .attribute("report-type")
                        .is_some_and(|report| report.eq_ignore_ascii_case("delivery-status"))
            })
        })
    }
}

/// Exchange doesn't heed case ([`Address::is_same_mailbox`]).
fn mailbox_key(address: &Address) -> String {
    address.as_str().to_lowercase()
}

struct Mailbox {
    name: Option<String>,
    address: Result<Address, String>,
}

fn keep(mailboxes: Vec<Mailbox>, addresses: &mut Vec<Address>, unreadable: &mut Vec<String>) {
    for mailbox in mailboxes {
        match mailbox.address {
            Ok(address) => addresses.push(address),
            Err(text) => unreadable.push(text),
        }
    }
}

fn read_mailboxes(field: &Field<'_>) -> Vec<Mailbox> {
    let value = without_blanks_at_the_at(&ended_line(field.value()));
    let parsed = match MessageStream::new(&value).parse_address().into_address() {
        Some(Parsed::List(list)) => list,
        Some(Parsed::Group(groups)) => groups.into_iter().flat_map(|group| group.addresses).collect(),
        None => Vec::new(),
    };
    let mut written = Written { rest: &value, misses: 0 };
    parsed.iter().filter_map(|parsed| read_mailbox(parsed, &mut written)).collect()
}

/// None: a comment where no mailbox is.
fn read_mailbox(parsed: &mail_parser::Addr<'_>, written: &mut Written<'_>) -> Option<Mailbox> {
    let name = parsed.name.as_deref().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let text = parsed.address.as_deref().unwrap_or_default().trim();
    if let Ok(address) = without_blanks_at_the_dots(without_route(text)).parse() {
        return Some(Mailbox { name, address: Ok(address) });
    }
    let word = name.as_deref().unwrap_or_default();
    // `unlisted-recipients:; (no To-header on input)`, as sendmail writes it.
    if text.is_empty() && !word.is_empty() && written.has(&format!("({word}")) {
        return None;
    }
    // `"ann lee"@contoso.com` without angle brackets: the parser takes the quoted half for a name.
    let quoted = format!("\"{word}\"{text}");
    match quoted.parse() {
        Ok(address) if written.has(&quoted) => Some(Mailbox { name: None, address: Ok(address) }),
        _ => {
            let shown = [word, text].join(" ").trim().to_owned();
            Some(Mailbox { name, address: Err(shown) })
        }
    }
}

/// A field as it was written, for looking up what the parser's answer leaves open. What is found is found in its order,
/// and who sends a field of many thousand puzzles has them called unreadable, not solved.
struct Written<'a> {
    rest: &'a [u8],
    misses: u32,
}

const MAX_MISSES: u32 = 8;

impl Written<'_> {
    fn has(&mut self, text: &str) -> bool {
        if self.misses >= MAX_MISSES {
            return false;
        }
        let found = self.rest.windows(text.len()).position(|octets| octets == text.as_bytes());
        match found {
            Some(at) => self.rest = &self.rest[at + text.len()..],
            None => self.misses += 1,
        }
        found.is_some()
    }
}

/// RFC 5322 §4.4: `<@one,@two:ann@contoso.com>` means ann@contoso.com.
fn without_route(address: &str) -> &str {
    match address.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, address)) => address,
        None => address,
    }
}

/// RFC 5322 §4.4 allows blanks around the dots: `<ann . lee@contoso . com>`.
fn without_blanks_at_the_dots(address: &str) -> String {
    match address.contains('"') {
        true => address.to_owned(),
        false => address.split('.').map(str::trim).collect::<Vec<_>>().join("."),
    }
}

/// RFC 5322 §4.4 allows blanks around the `@`; the parser would read two words.
fn without_blanks_at_the_at(value: &[u8]) -> Vec<u8> {
    let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    let mut kept: Vec<u8> = Vec::with_capacity(value.len());
    let mut quoted = false;
    for (place, octet) in value.iter().enumerate() {
        let escaped = quoted && place > 0 && value[place - 1] == b'\\';
        quoted ^= *octet == b'"' && !escaped;
        if *octet == b'@' && !quoted {
            let word = kept.iter().rposition(|octet| !is_blank(octet)).map_or(0, |last| last + 1);
            kept.truncate(word);
        }
        let behind_at = !quoted && kept.last() == Some(&b'@');
        if !(behind_at && is_blank(octet) && place + 1 < value.len()) {
            kept.push(*octet);
        }
    }
    kept
}

/// The parser reads to a line end; the last field of a message may have none.
fn ended_line(value: &[u8]) -> Vec<u8> {
    let mut line = value.to_vec();
    if !line.ends_with(b"\n") {
        line.extend_from_slice(b"\r\n");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> HeaderBlock {
        HeaderBlock::split(text.as_bytes()).0
    }

    fn texts(addresses: &[Address]) -> Vec<&str> {
        addresses.iter().map(Address::as_str).collect()
    }

    /// What a To field says: the addresses, and what can't be read.
    fn to(value: &str) -> (Vec<String>, Vec<String>) {
        let recipients = header(&format!("To:{value}\r\n\r\n")).recipients();
        (recipients.to.iter().map(Address::to_string).collect(), recipients.unreadable)
    }

    fn reads(value: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|address| (*address).to_owned()).collect();
        assert_eq!(to(value), (expected, vec![]), "{value:?}");
    }

    #[test]
    fn addresses_are_read_in_every_form_that_mail_has() {
        reads(" ann@contoso.com", &["ann@contoso.com"]);
        reads("ann@contoso.com", &["ann@contoso.com"]);
        reads(
            " Ann <ann@contoso.com>, \"Bob, the builder\" <bob@contoso.com>",
            &["ann@contoso.com", "bob@contoso.com"],
        );
        reads(
            " ann@contoso.com,\r\n\tbob@contoso.com,\r\n  \r\n carl@contoso.com",
            &["ann@contoso.com", "bob@contoso.com", "carl@contoso.com"],
        );
        reads(" =?utf-8?q?Pel=C3=A9=2C_a@b.c?= <pele@contoso.com>", &["pele@contoso.com"]);
        reads(" Ann\r\n <ann@contoso.com>", &["ann@contoso.com"]);
        reads(" ann@contoso.com (Ann, at home)", &["ann@contoso.com"]);
        reads(" \"ann@evil.example\" <ann@contoso.com>", &["ann@contoso.com"]);
        reads(" pelé@exämple.com", &["pelé@exämple.com"]);
        reads(" , ann@contoso.com,, bob@contoso.com,", &["ann@contoso.com", "bob@contoso.com"]);
    }

    #[test]
    fn groups_give_their_members_and_an_empty_group_gives_none() {
        for nobody in [
            " undisclosed-recipients:;",
            " Undisclosed recipients: ;",
            " undisclosed-recipients:",
            " undisclosed-recipients: <>;",
            " \"undisclosed recipients\":\r\n ;",
        ] {
            reads(nobody, &[]);
        }
        reads(
            " Staff: ann@contoso.com, Bob <bob@contoso.com>;, carl@contoso.com",
            &["ann@contoso.com", "bob@contoso.com", "carl@contoso.com"],
        );
        reads(" ann@contoso.com; bob@contoso.com", &["ann@contoso.com", "bob@contoso.com"]);
        reads("", &[]);
        reads(" unlisted-recipients:; (no To-header on input)", &[]);
        reads(" (Empty list) Undisclosed recipients :(nobody (that I know)) ;", &[]);
    }

    #[test]
    fn obsolete_and_quoted_forms_are_read_too() {
        reads(" <@relay.example,@other.example:ann@contoso.com>", &["ann@contoso.com"]);
        reads(" Ann <ann . lee @ contoso . com>", &["ann.lee@contoso.com"]);
        reads(" ann @ contoso.com, bob\t@\r\n contoso.com", &["ann@contoso.com", "bob@contoso.com"]);
        reads(" \"ann lee\"@contoso.com", &["\"ann lee\"@contoso.com"]);
        reads(" <\"ann lee\"@contoso.com>", &["\"ann lee\"@contoso.com"]);
    }

    #[test]
    fn what_is_no_address_is_named_and_not_guessed() {
        for value in [
            " root",
            " Ann <root>",
            " \"Ann\"",
            " root (Cron)",
            " ann@contoso.com bob@contoso.com",
            " <ann>",
            " ann@",
            " a(b)@c.d",
            " Gr\u{fc}n",
        ] {
            let (read, unreadable) = to(value);
            assert_eq!((read.len(), unreadable.len()), (0, 1), "{value:?}: {unreadable:?}");
        }
        let (read, unreadable) = to(" ann@contoso.com, root");
        assert_eq!((read, unreadable), (vec!["ann@contoso.com".to_owned()], vec!["root".to_owned()]));
    }

    #[test]
    fn a_field_of_many_thousand_puzzles_is_read_in_no_time() {
        let puzzles: [fn(u32) -> String; 5] = [
            |_| "=?a?q?".repeat(8),
            |n| format!("root{n}, "),
            |n| format!("\"a {n}\"@b.c, "),
            |n| format!("\"a\\ {n}\"@b.c, "),
            |n| format!(":; (none {n}) "),
        ];
        for puzzle in puzzles {
            let value: String = (0..20_000).map(puzzle).collect();
            let begun = std::time::Instant::now();
            to(&value);
            assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{}", &value[..40]);
        }
    }

    #[test]
    fn duplicate_fields_all_count() {
        let recipients =
            header("To: a@b.c\r\nCC: d@e.f\r\nto : g@h.i\r\nBcc: j@k.l\r\nBCC:m@n.o\r\n\r\nTo: no@b.c")
                .recipients();
        assert_eq!(texts(&recipients.to), ["a@b.c", "g@h.i"]);
        assert_eq!(texts(&recipients.cc), ["d@e.f"]);
        assert_eq!(texts(&recipients.bcc), ["j@k.l", "m@n.o"]);
        assert_eq!(recipients.shown().count(), 3);
        assert_eq!(recipients.all().count(), 5);
    }

    #[test]
    fn header_and_envelope_are_compared_without_case() {
        let recipients = header("To: Ann@Contoso.com, gone@x.y\r\nBcc: d@e.f, old@x.y\r\n\r\n").recipients();
        let to = ["ann@contoso.com", "d@e.f", "new@x.y", "New@X.y"].map(|address| address.parse().unwrap());
        assert_eq!(texts(&recipients.hidden(&to)), ["d@e.f", "new@x.y"]);
        assert_eq!(recipients.outside(&to).unwrap().as_str(), "gone@x.y");
    }

    #[test]
    fn nobody_is_surely_named_by_a_field_that_stands_there_twice() {
        let to = ["ann@contoso.com", "bob@contoso.com"].map(|address| address.parse().unwrap());
        for twice in [
            "To: ann@contoso.com\r\nTo: bob@contoso.com\r\n",
            "Cc: ann@contoso.com\r\ncc: bob@contoso.com\r\n",
        ] {
            let recipients = header(&format!("{twice}\r\n")).recipients();
            assert_eq!((recipients.hidden(&to), recipients.outside(&to)), (to.to_vec(), None), "{twice}");
        }
    }

    #[test]
    fn what_cannot_be_read_in_bcc_is_told_apart() {
        let recipients = header("To: root\r\nBcc: Array\r\n\r\n").recipients();
        assert_eq!(
            (recipients.unreadable.as_slice(), recipients.unreadable_bcc.as_slice()),
            (&["root".to_owned()][..], &["Array".to_owned()][..])
        );
        assert_eq!(recipients.all_unreadable().collect::<Vec<_>>(), ["root", "Array"]);
    }

    #[test]
    fn authors_are_those_of_every_from() {
        let authors =
            header("FROM:\r\n Ann\r\n <ann@contoso.com>,\r\n bob@contoso.com\r\nFrom: eve@x.y\r\n\r\n")
                .authors();
        assert_eq!(texts(&authors.addresses), ["ann@contoso.com", "bob@contoso.com", "eve@x.y"]);
        assert_eq!(authors.name.as_deref(), Some("Ann"));
        assert_eq!(header("To: a@b.c\r\n\r\n").authors(), Authors::default());
        assert_eq!(header("From: root (Cron)\r\n\r\n").authors().unreadable, ["Cron root"]);
    }

    #[test]
    fn subject_and_name_are_read_for_people() {
        let header =
            header("Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n and more\x07\r\nMessage-Id: <a:b@c>\r\n\r\n");
        assert_eq!(header.subject().as_deref(), Some("Grüße and more"));
        assert_eq!(header.message_id().unwrap().to_string(), "<a:b@c>");
        let (raw, _) = HeaderBlock::split(b"Subject: Gr\xfc\xdfe");
        assert_eq!(raw.subject().as_deref(), Some("Gr\u{fffd}\u{fffd}e"));
        let empty = HeaderBlock::split(b"Subject: \r\n\r\n").0;
        assert_eq!((empty.subject(), empty.message_id()), (None, None));
    }

    #[test]
    fn a_report_about_another_message_is_known_by_its_type() {
        let report =
            "Content-Type: Multipart/Report; boundary=\"x\";\r\n\tReport-Type=delivery-status\r\n\r\n";
        assert!(header(report).is_delivery_report());
        assert!(
            !header("Content-Type: multipart/report; report-type=disposition-notification\r\n\r\n")
                .is_delivery_report()
        );
        assert!(!header("Content-Type: text/plain\r\n\r\n").is_delivery_report());
    }
}
