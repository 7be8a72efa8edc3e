//! Commands as octets: which one it is, and what stands behind MAIL, RCPT and BDAT. Liberal with what old devices write
//! (spaces, missing angle brackets, source routes), strict wherever two readers could read two things.
//!
//! Why not smtp-proto's reader of requests: docs/decisions/0008-own-reader-of-commands.md.

mod path;

use mail::dsn_request::{EnvId, Notify, Orcpt, Ret};
use mail::{Address, InvalidAddress};

use crate::reply::{self, Reply};
use path::read_path;

/// A command, and the rest of its line without the spaces around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command<'a> {
    pub(crate) verb: Verb,
    pub(crate) rest: &'a str,
}

/// The commands that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    /// Known by name, and not offered: EXPN, ETRN, TURN …
    NotOffered,
    /// A browser that was sent here: its body would be read as commands.
    Http,
    /// PROXY protocol v1 from somebody who may not.
    Proxy,
    Unknown,
}

/// What MAIL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) address: Option<Address>,
    pub(crate) size_octets: Option<u64>,
    pub(crate) eight_bit: bool,
    pub(crate) international: bool,
    pub(crate) ret: Option<Ret>,
    pub(crate) envid: Option<EnvId>,
}

/// What BDAT says: RFC 3030 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) octets: u64,
    pub(crate) is_last: bool,
}

/// RFC 5321 §4.5.3.1.4, with its CR LF.
const MAX_COMMAND_OCTETS: usize = 512;
/// MAIL grows by SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), AUTH (RFC 4954 §3: 500), RET and ENVID
/// (RFC 3461 §4); RCPT by NOTIFY and ORCPT (RFC 3461 §4: 500).
const MAX_ENVELOPE_OCTETS: usize = 1200;
/// RFC 4954 §4.
pub(crate) const MAX_LOGIN_OCTETS: usize = 12_288;

/// How long a line may be that begins with these octets, and what is said when it is longer.
pub(crate) fn line_limit(begin: &[u8]) -> (usize, Reply) {
    let verb = begin.get(..5).unwrap_or_default();
    if verb.eq_ignore_ascii_case(b"AUTH ") {
        return (MAX_LOGIN_OCTETS, reply::LOGIN_TOO_LONG);
    }
    if verb.eq_ignore_ascii_case(b"MAIL ") || verb.eq_ignore_ascii_case(b"RCPT ") {
        return (MAX_ENVELOPE_OCTETS, reply::COMMAND_TOO_LONG);
    }
    (MAX_COMMAND_OCTETS, reply::COMMAND_TOO_LONG)
}

impl Command<'_> {
    /// Reads a line without its CR LF.
    pub(crate) fn read(line: &[u8]) -> Result<Command<'_>, Reply> {
        let line = std::str::from_utf8(line).map_err(|_| reply::NOT_UTF8)?;
        let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        Ok(Command { verb: Verb::read(verb), rest: rest.trim_matches([' ', '\t']) })
    }
}

impl Verb {
    fn read(verb: &str) -> Verb {
        const VERBS: [(&str, Verb); 24] = [
            ("MAIL", Verb::Mail),
            ("RCPT", Verb::Rcpt),
            ("DATA", Verb::Data),
            ("BDAT", Verb::Bdat),
            ("EHLO", Verb::Ehlo),
            ("HELO", Verb::Helo),
            ("AUTH", Verb::Auth),
            ("STARTTLS", Verb::StartTls),
            ("RSET", Verb::Rset),
            ("NOOP", Verb::Noop),
            ("VRFY", Verb::Vrfy),
            ("HELP", Verb::Help),
            ("QUIT", Verb::Quit),
            ("EXPN", Verb::NotOffered),
            ("ETRN", Verb::NotOffered),
            ("TURN", Verb::NotOffered),
            ("SEND", Verb::NotOffered),
            ("BURL", Verb::NotOffered),
            ("GET", Verb::Http),
            ("POST", Verb::Http),
            ("PUT", Verb::Http),
            ("CONNECT", Verb::Http),
            ("OPTIONS", Verb::Http),
            ("PROXY", Verb::Proxy),
        ];
        let known = VERBS.iter().find(|(name, _)| name.eq_ignore_ascii_case(verb));
        known.map_or(Verb::Unknown, |(_, verb)| *verb)
    }
}

/// Reads what stands behind MAIL.
pub(crate) fn read_sender(rest: &str) -> Result<Sender, Reply> {
    let (path, parameters) = read_path(rest, "FROM").ok_or(reply::BAD_SENDER_SYNTAX)?;
    let address = match path {
        "" => None,
        path => Some(path.parse().map_err(|error| wrong_address("5.1.7", "sender", &error))?),
    };
    let mut sender =
        Sender { address, size_octets: None, eight_bit: false, international: false, ret: None, envid: None };
    for parameter in Parameters::read(parameters)? {
        sender.set(parameter)?;
    }
    check_letters(sender.address.as_ref(), sender.international)?;
    Ok(sender)
}

/// Reads what stands behind RCPT. `international`: SMTPUTF8 was said at MAIL. `postmaster` is who gets its mail.
pub(crate) fn read_recipient(
    rest: &str,
    international: bool,
    postmaster: Option<&Address>,
) -> Result<crate::Recipient, Reply> {
    let (path, parameters) = read_path(rest, "TO").ok_or(reply::BAD_RECIPIENT_SYNTAX)?;
    let address: Address = match path.eq_ignore_ascii_case("postmaster") {
        // RFC 5321 §4.5.1: the one name that needs no domain.
        true => postmaster.cloned().ok_or(reply::NO_POSTMASTER)?,
        false => path.parse().map_err(|error| wrong_address("5.1.3", "recipient", &error))?,
    };
    let mut recipient = crate::Recipient { address, notify: None, orcpt: None };
    for (name, value) in Parameters::read(parameters)? {
        match name.to_ascii_uppercase().as_str() {
            "NOTIFY" => recipient.notify = Some(read_value::<Notify>(value)?),
            "ORCPT" => recipient.orcpt = Some(read_value::<Orcpt>(value)?),
            _ => return Err(reply::UNKNOWN_PARAMETER),
        }
    }
    check_letters(Some(&recipient.address), international)?;
    Ok(recipient)
}

/// Reads what stands behind BDAT.
pub(crate) fn read_chunk(rest: &str) -> Option<Chunk> {
    let mut words = rest.split_ascii_whitespace();
    let octets = read_number(words.next()?)?;
    let is_last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(Chunk { octets, is_last })
}

impl Sender {
    fn set(&mut self, (name, value): (&str, Option<&str>)) -> Result<(), Reply> {
        match name.to_ascii_uppercase().as_str() {
            "SIZE" => {
                let size = value.and_then(read_number).ok_or(reply::BAD_PARAMETER)?;
                // RFC 1870 §6.1: 0 says nothing.
                self.size_octets = Some(size).filter(|size| *size > 0);
            }
            "BODY" => match value.unwrap_or_default().to_ascii_uppercase().as_str() {
                "7BIT" => {}
                "8BITMIME" => self.eight_bit = true,
                "BINARYMIME" => return Err(reply::UNKNOWN_PARAMETER),
                _ => return Err(reply::BAD_PARAMETER),
            },
            "SMTPUTF8" if value.is_none() => self.international = true,
            "SMTPUTF8" => return Err(reply::BAD_PARAMETER),
            "RET" => self.ret = Some(read_value(value)?),
            "ENVID" => self.envid = Some(read_value(value)?),
            // RFC 4954 §5: who submitted it to the client. We don't trust it, and it is never passed on.
            "AUTH" if value.is_some() => {}
            "AUTH" => return Err(reply::BAD_PARAMETER),
            _ => return Err(reply::UNKNOWN_PARAMETER),
        }
        Ok(())
    }
}

/// The parameters behind a path. Each comes once.
struct Parameters;

impl Parameters {
    fn read(text: &str) -> Result<Vec<(&str, Option<&str>)>, Reply> {
        let mut parameters: Vec<(&str, Option<&str>)> = Vec::new();
        for word in text.split_ascii_whitespace() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            if parameters.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Err(reply::BAD_PARAMETER);
            }
            parameters.push((name, value));
        }
        Ok(parameters)
    }
}

fn read_value<T: std::str::FromStr>(value: Option<&str>) -> Result<T, Reply> {
    value.and_then(|value| value.parse().ok()).ok_or(reply::BAD_PARAMETER)
}

/// Digits only: no sign, no space. A number that no one could send is as good as the largest.
fn read_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 20 && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn wrong_address(enhanced: &'static str, whose: &str, error: &InvalidAddress) -> Reply {
    Reply::new(501, enhanced, format!("Wrong {whose}: {error}"))
}

fn check_letters(address: Option<&Address>, international: bool) -> Result<(), Reply> {
    match address {
        Some(address) if !international && !address.is_ascii() => Err(reply::NEEDS_SMTPUTF8),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(rest: &str) -> Result<String, u16> {
        let sender = read_sender(rest).map_err(|reply| reply.code)?;
        Ok(sender.address.map_or("<>".to_owned(), String::from))
    }

    #[test]
    fn senders_are_read_as_devices_write_them() {
        for (rest, expected) in [
            ("FROM:<ann@contoso.com>", "ann@contoso.com"),
            ("from:<ann@contoso.com>", "ann@contoso.com"),
            ("FROM: <ann@contoso.com>", "ann@contoso.com"),
            ("FROM : < ann@contoso.com >", "ann@contoso.com"),
            ("FROM:ann@contoso.com", "ann@contoso.com"),
            ("FROM: ann@contoso.com SIZE=10", "ann@contoso.com"),
            ("FROM:<@one.example,@two.example:ann@contoso.com>", "ann@contoso.com"),
            ("FROM:<\"ann > lee\"@contoso.com>", "501"),
            ("FROM:<\"ann lee\"@contoso.com>", "\"ann lee\"@contoso.com"),
            ("FROM:<\"a@b\"@contoso.com>", "\"a@b\"@contoso.com"),
            ("FROM:<>", "<>"),
            ("FROM: <> BODY=7BIT", "<>"),
        ] {
            let read = sender(rest).unwrap_or_else(|code| code.to_string());
            assert_eq!(read, expected, "{rest}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for rest in [
            "",
            "FROM",
            "FROM:",
            "FROM: ",
            "TO:<ann@contoso.com>",
            "FROM<ann@contoso.com>",
            "FROM:<ann@contoso.com",
            "FROM:<ann@contoso.com>SIZE=1",
            "FROM:Ann <ann@contoso.com>",
            "FROM:<ann@contoso.com>>",
            "FROM:<ann>",
            "FROM:<ann@>",
            "FROM:<\"ann@contoso.com>",
            "FROM:<ann@contoso.com><eve@evil.example>",
            "FROM:ann@contoso.com>",
            "FROM:<a b@contoso.com>",
        ] {
            assert_eq!(sender(rest), Err(501), "{rest}");
        }
    }

    #[test]
    fn parameters_of_mail_are_read_once_each_and_none_is_guessed() {
        let all = "FROM:<a@b.example> SIZE=77 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=job+2B1 AUTH=<>";
        let sender = read_sender(all).unwrap();
        assert_eq!((sender.size_octets, sender.eight_bit, sender.international), (Some(77), true, true));
        assert_eq!((sender.ret, sender.envid.unwrap().as_str()), (Some(Ret::Headers), "job+1"));
        for (parameters, code) in [
            ("SIZE=0", None),
            ("size=5 body=7bit", None),
            ("SIZE=99999999999999999999", None),
            ("SIZE", Some(501)),
            ("SIZE=", Some(501)),
            ("SIZE=-1", Some(501)),
            ("SIZE=+1", Some(501)),
            ("SIZE=1 SIZE=2", Some(501)),
            ("BODY=9BIT", Some(501)),
            ("BODY=BINARYMIME", Some(555)),
            ("SMTPUTF8=yes", Some(501)),
            ("RET=ALL", Some(501)),
            ("ENVID=+0A", Some(501)),
            ("XFOO=1", Some(555)),
            ("AUTH", Some(501)),
            ("NOTIFY=NEVER", Some(555)),
        ] {
            let read = read_sender(&format!("FROM:<a@b.example> {parameters}"));
            assert_eq!(read.err().map(|reply| reply.code), code, "{parameters}");
        }
    }

    fn recipient(rest: &str, international: bool) -> Result<crate::Recipient, Reply> {
        read_recipient(rest, international, None)
    }

    #[test]
    fn postmaster_needs_no_domain_and_is_whoever_was_named() {
        let it: Address = "it@contoso.com".parse().unwrap();
        for rest in ["TO:<Postmaster>", "TO:<postmaster> NOTIFY=NEVER", "to: POSTMASTER"] {
            assert_eq!(read_recipient(rest, false, Some(&it)).unwrap().address, it, "{rest}");
            assert_eq!(recipient(rest, false), Err(reply::NO_POSTMASTER), "{rest}");
        }
        let elsewhere = read_recipient("TO:<postmaster@fabrikam.com>", false, Some(&it)).unwrap();
        assert_eq!(elsewhere.address.as_str(), "postmaster@fabrikam.com");
    }

    #[test]
    fn recipients_bring_their_reports() {
        let read =
            recipient("TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@b.example", false).unwrap();
        assert_eq!(read.notify.unwrap().to_string(), "SUCCESS,DELAY");
        assert_eq!(read.orcpt.unwrap().address(), "x+y@b.example");
        for (rest, code) in [
            ("TO:<>", 501),
            ("TO:<a@b.example> NOTIFY=NEVER,DELAY", 501),
            ("TO:<a@b.example> ORCPT=x", 501),
            ("TO:<a@b.example> SIZE=1", 555),
            ("TO:<pelé@b.example>", 553),
            ("TO:<root>", 501),
        ] {
            assert_eq!(recipient(rest, false).unwrap_err().code, code, "{rest}");
        }
        assert!(recipient("TO:<pelé@b.example>", true).is_ok());
        assert_eq!(read_sender("FROM:<pelé@b.example>").unwrap_err().code, 553);
        assert!(read_sender("FROM:<pelé@b.example> SMTPUTF8").is_ok());
    }

    #[test]
    fn chunks_are_numbers_and_perhaps_the_last() {
        assert_eq!(read_chunk("0"), Some(Chunk { octets: 0, is_last: false }));
        assert_eq!(read_chunk("86 last"), Some(Chunk { octets: 86, is_last: true }));
        assert_eq!(read_chunk("99999999999999999999 LAST").unwrap().octets, u64::MAX);
        for rest in
            ["", "LAST", "-1", "+1", "1 FIRST", "1 LAST now", "0x10", "1LAST", "999999999999999999999"]
        {
            assert_eq!(read_chunk(rest), None, "{rest}");
        }
    }

    #[test]
    fn verbs_are_known_in_any_case_and_nothing_else_is() {
        for (line, verb, rest) in [
            ("mail FROM:<>", Verb::Mail, "FROM:<>"),
            ("DATA  ", Verb::Data, ""),
            ("NOOP\tx ", Verb::Noop, "x"),
            ("EXPN all", Verb::NotOffered, "all"),
            ("GET / HTTP/1.1", Verb::Http, "/ HTTP/1.1"),
            (" MAIL FROM:<>", Verb::Unknown, "MAIL FROM:<>"),
            ("MAILFROM:<>", Verb::Unknown, ""),
            ("", Verb::Unknown, ""),
        ] {
            assert_eq!(Command::read(line.as_bytes()), Ok(Command { verb, rest }), "{line}");
        }
        assert_eq!(Command::read(b"NOOP \xff"), Err(reply::NOT_UTF8));
    }
}
