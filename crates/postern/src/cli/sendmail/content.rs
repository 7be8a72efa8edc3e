//! The message as a program wrote it to standard input, made fit to travel: lines end in CR LF, a line that is too long
//! is broken, or folded in the header, names of this machine become the addresses of who reads their mail, an author is added
//! where `-f` names one and the header doesn't. Bcc is left to the server, which keeps it from everybody's eyes by whichever way the message goes.

use mail::dsn_request::{EnvId, Notify, Ret};
use mail::header::HeaderBlock;
use mail::{Address, Envelope};

use super::aliases::{Aliases, Recipient};
use super::arguments::{Arguments, Sender};
use super::{Status, Trouble};

/// A message with its envelope.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) envelope: Envelope,
    pub(super) notify: Option<Notify>,
    pub(super) ret: Option<Ret>,
    pub(super) envid: Option<EnvId>,
    /// Lines ended by CR LF.
    pub(super) content: Vec<u8>,
}

/// RFC 5322 §2.1.1.
const MAX_LINE_OCTETS: usize = 998;

impl Letter {
    pub(super) fn read(input: &[u8], arguments: &Arguments) -> Result<Self, Trouble> {
        let aliases = Aliases::read(&arguments.aliases);
        let mut content = with_readers(&as_mail(input, arguments.ignore_dots), &aliases);
        let (header, _) = HeaderBlock::split(&content);
        let mut named = arguments.recipients.clone();
        if arguments.read_recipients {
            named.extend(recipients_of(&header)?);
        }
        let mut recipients = Vec::new();
        for recipient in &named {
            recipients.extend(aliases.addresses_of(recipient)?);
        }
        let from = match &arguments.sender {
            Sender::Given(address) => Some(address.clone()),
            Sender::Nobody => None,
            Sender::OfHeader => header.authors().addresses.into_iter().next(),
        };
        let envelope = Envelope::new(from, recipients).map_err(|_| nobody(arguments))?;
        if let (Sender::Given(address), false) = (&arguments.sender, header.has("From")) {
            content = with_author(&header, address, arguments.full_name.as_deref(), &content);
        }
        let Arguments { notify, ret, envid, .. } = arguments;
        Ok(Self { envelope, notify: *notify, ret: *ret, envid: envid.clone(), content })
    }
}

/// The message with the readers in place of names of this machine in To, Cc and Bcc: others could not answer to these, and
/// Graph knows recipients from the header only.
fn with_readers(content: &[u8], aliases: &Aliases) -> Vec<u8> {
    let (header, rest) = HeaderBlock::split(content);
    let mut edited = Vec::with_capacity(content.len());
    for field in header.fields() {
        let name = field.name().filter(|_| ["To", "Cc", "Bcc"].iter().any(|list| field.is(list)));
        let list = name.and_then(|_| aliases.with_readers(std::str::from_utf8(field.value()).ok()?));
        match (name, list) {
            (Some(name), Some(list)) => edited.extend_from_slice(format!("{name}: {list}\r\n").as_bytes()),
            _ => edited.extend_from_slice(field.octets()),
        }
    }
    edited.extend_from_slice(&content[rest..]);
    edited
}

fn recipients_of(header: &HeaderBlock) -> Result<Vec<Recipient>, Trouble> {
    let found = header.recipients();
    let texts = found.all().map(Address::as_str).chain(found.all_unreadable());
    texts
        .map(|text| {
            let not_one = || format!("the header names {text:?}, which is neither an address nor a name");
            Recipient::read(text).ok_or_else(|| Trouble::new(Status::NoUser, not_one()))
        })
        .collect()
}

fn nobody(arguments: &Arguments) -> Trouble {
    match arguments.read_recipients {
        true => Trouble::new(Status::Data, "the header names no recipients in To, Cc or Bcc"),
        false => {
            Trouble::new(Status::Usage, "no recipients: name them, or give -t to read them from the header")
        }
    }
}

/// RFC 5322 §3.6 asks for exactly one From.
fn with_author(header: &HeaderBlock, address: &Address, name: Option<&str>, content: &[u8]) -> Vec<u8> {
    let name =
        name.map(|name| name.replace(char::is_control, " ").replace('\\', "\\\\").replace('"', "\\\""));
    let from = match name.filter(|name| !name.trim().is_empty()) {
        Some(name) => format!("From: \"{name}\" <{address}>\r\n"),
        None => format!("From: {address}\r\n"),
    };
    // A text without a header gets an empty line, so that it stays a text.
    let is_text = header.octets().is_empty() && !content.starts_with(b"\r\n");
    let separator: &[u8] = if is_text { b"\r\n" } else { b"" };
    [from.as_bytes(), separator, content].concat()
}

/// Programs write text: each line end of any kind becomes CR LF, NUL goes, a lone dot ends the message unless `-i` says
/// otherwise, a line that is too long for mail is broken.
fn as_mail(input: &[u8], ignore_dots: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(input.len() + input.len() / 32);
    for line in lines(input) {
        if line == b"." && !ignore_dots {
            break;
        }
        text.extend(line.iter().copied().filter(|octet| *octet != 0));
        text.extend_from_slice(b"\r\n");
    }
    let (header, body) = HeaderBlock::split(&text);
    let mut mail = broken(header.octets(), b"\r\n ");
    mail.extend(broken(&text[body..], b"\r\n"));
    mail
}

/// With `fold` in place of each line's end that is missing: at a blank where there is one, and never within a letter.
fn broken(text: &[u8], fold: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let (mut rest, mut most) = (line, MAX_LINE_OCTETS + 2);
        while rest.len() > most {
            let (now, later) = rest.split_at(place_to_break(rest));
            kept.extend_from_slice(now);
            // A blank in front of what follows folds by itself.
            kept.extend_from_slice(if later.starts_with(b" ") { b"\r\n" } else { fold });
            // The blank that folds is part of its line.
            (rest, most) = (later, MAX_LINE_OCTETS + 1);
        }
        kept.extend_from_slice(rest);
    }
    kept
}

/// Behind which octet of a line it is broken: one for the blank that folds is kept free.
fn place_to_break(line: &[u8]) -> usize {
    let window = &line[..MAX_LINE_OCTETS - 1];
    let is_text = |octet: &u8| *octet != b' ';
    let begin = window.iter().position(is_text).unwrap_or(0);
    match window.iter().rposition(|octet| *octet == b' ').filter(|blank| *blank > begin) {
        Some(blank) => blank,
        // The octets 10xxxxxx of UTF-8 begin no letter; four in a row are no UTF-8.
        None => {
            (0..4).map(|back| window.len() - back).find(|at| line[*at] & 0xc0 != 0x80).unwrap_or(window.len())
        }
    }
}

/// Lines without their ends: CR LF, LF, or the CR of a progress bar.
fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = input;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n')).unwrap_or(rest.len());
        let line = &rest[..end];
        let after = &rest[end..];
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..)).unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn read(arguments: &str, input: &str) -> Result<Letter, Trouble> {
        // Not those of the machine that runs the tests.
        let words = ["-oA/nowhere"].into_iter().chain(arguments.split_whitespace());
        let words: Vec<OsString> = words.map(Into::into).collect();
        Letter::read(input.as_bytes(), &Arguments::parse(&words).unwrap())
    }

    fn content(arguments: &str, input: &str) -> String {
        String::from_utf8(read(arguments, input).unwrap().content).unwrap()
    }

    #[test]
    fn every_line_end_becomes_that_of_mail() {
        let found = content("-i a@b.c", "To: a@b.c\nX: y\r\n\n10%\r20%\n\n.\nend");
        assert_eq!(found, "To: a@b.c\r\nX: y\r\n\r\n10%\r\n20%\r\n\r\n.\r\nend\r\n");
        assert_eq!(content("a@b.c", "To: a@b.c\n\nend\n.\nlost\n"), "To: a@b.c\r\n\r\nend\r\n");
        assert_eq!(content("a@b.c", "X: a\0b\n"), "X: ab\r\n");
        assert_eq!(content("a@b.c", ""), "");
    }

    #[test]
    fn a_line_that_is_too_long_for_mail_is_broken() {
        let found = content("a@b.c", &format!("X: y\n\n{}\n", "z".repeat(2000)));
        assert!(found.lines().all(|line| line.len() <= 998));
        assert_eq!(found.matches('z').count(), 2000);
        let found = content("a@b.c", &format!("X: y\n\nx{}\n", "é".repeat(1000)));
        assert!(found.lines().all(|line| line.len() <= 998));
        assert_eq!(found.matches('é').count(), 1000, "no letter is cut in two");
        let found = content("a@b.c", &format!("X: y\n\n{}\n", "word ".repeat(500)));
        assert!(found.lines().all(|line| line.len() <= 998 && !line.trim().contains("wo ")));
        assert_eq!(found.replace("\r\n", ""), format!("X: y{}", "word ".repeat(500)));
    }

    #[test]
    fn a_long_line_of_the_header_is_folded_so_that_it_stays_one_field() {
        let to = (0..200).map(|n| format!("user{n}@b.c")).collect::<Vec<_>>().join(", ");
        for (line, fields) in
            [(format!("To: {to}"), 1), (format!("To: a@b.c\nX-Long: {}", "z".repeat(3000)), 2)]
        {
            let letter = read("-t", &format!("{line}\n\nbody\n")).unwrap();
            let (header, rest) = HeaderBlock::split(&letter.content);
            assert!(letter.content.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
            assert_eq!((header.fields().count(), &letter.content[rest..]), (fields, &b"\r\nbody\r\n"[..]));
            assert_eq!(letter.envelope.to().len(), if fields == 1 { 200 } else { 1 });
        }
    }

    #[test]
    fn recipients_come_from_the_command_line_the_header_or_both() {
        let header = "To: a@b.c, Ann <d@e.f>\nBcc: g@h.i\nFrom: me@b.c\n\n";
        let to = |arguments: &str| -> Vec<String> {
            read(arguments, header).unwrap().envelope.to().iter().map(ToString::to_string).collect()
        };
        assert_eq!(to("-t"), ["a@b.c", "d@e.f", "g@h.i"]);
        assert_eq!(to("x@y.z"), ["x@y.z"]);
        assert_eq!(to("-t x@y.z a@b.c"), ["x@y.z", "a@b.c", "d@e.f", "g@h.i"]);
        assert_eq!(read("-t", "Subject: x\n\n").unwrap_err().status, Status::Data);
        assert_eq!(read("", "To: a@b.c\n\n").unwrap_err().status, Status::Usage);
        assert_eq!(read("-t", "To: root\n\n").unwrap_err().status, Status::NoUser);
    }

    #[test]
    fn mail_to_a_name_of_this_machine_goes_to_who_reads_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "root: it@b.c, ann@b.c\n").unwrap();
        let option = format!("-oA{}", file.path().display());
        let cron = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@nas> backup\n\nno space left\n";
        for arguments in ["-FCronDaemon -i -B8BITMIME -oem root", "-i -t", "-t -i root@localhost"] {
            let letter = read(&format!("{option} {arguments}"), cron).unwrap();
            let to: Vec<_> = letter.envelope.to().iter().map(Address::as_str).collect();
            assert_eq!((to, letter.envelope.from()), (vec!["it@b.c", "ann@b.c"], None), "{arguments}");
            let text = String::from_utf8(letter.content).unwrap();
            assert_eq!(
                text,
                "From: root (Cron Daemon)\r\nTo: it@b.c,\r\n ann@b.c\r\nSubject: Cron <root@nas> backup\r\n\r\nno space left\r\n"
            );
        }
        let refused = read(&format!("{option} www-data"), cron).unwrap_err();
        assert_eq!(refused.status, Status::NoUser);
    }

    #[test]
    fn the_sender_is_the_author_unless_another_is_given() {
        let from = |arguments: &str| {
            let letter = read(arguments, "From: Me <me@b.c>\n\n").unwrap();
            letter.envelope.from().map(ToString::to_string)
        };
        assert_eq!(from("a@b.c").as_deref(), Some("me@b.c"));
        assert_eq!(from("-f x@y.z a@b.c").as_deref(), Some("x@y.z"));
        assert_eq!(from("-f <> a@b.c"), None);
    }

    #[test]
    fn an_author_is_added_only_where_there_is_none() {
        assert_eq!(
            content("-f x@y.z -FRoot a@b.c", "Subject: s\n\n"),
            "From: \"Root\" <x@y.z>\r\nSubject: s\r\n\r\n"
        );
        assert_eq!(content("-f x@y.z a@b.c", "hello\n"), "From: x@y.z\r\n\r\nhello\r\n");
        assert_eq!(content("-f x@y.z -FRoot a@b.c", "From: me@b.c\n\n"), "From: me@b.c\r\n\r\n");
        assert_eq!(content("-FRoot a@b.c", "Subject: s\n\n"), "Subject: s\r\n\r\n");
    }
}
