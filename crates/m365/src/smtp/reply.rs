//! One SMTP reply out of a stream of bytes: RFC 5321 §4.2. Pure and bounded: it never waits and never grows.
//!
//! Not smtp-proto's parser: that one keeps enhanced codes in bytes (`5.7.708` comes out as `5.7.255`) and
//! stops at 4,096 octets, which Exchange's diagnostic texts can pass.

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// The three digits.
    pub(super) code: u16,
    /// The enhanced status code of the first line (RFC 2034 §4), where there is one.
    pub(super) enhanced: Option<String>,
    /// The texts of its lines, at least one, without codes and line ends.
    pub(super) lines: Vec<String>,
}

/// What can't be taken as a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadReply {
    /// The line isn't one of SMTP's, or differs in code from the lines before it.
    NotSmtp {
        /// How it begins.
        excerpt: String,
    },
    /// Longer than any honest server's.
    TooLong,
}

/// RFC 5321 §4.5.3.1.5 says 512; Exchange's `STOREDRV` texts are longer.
const MAX_LINE_OCTETS: usize = 8 * 1024;
const MAX_REPLY_OCTETS: usize = 64 * 1024;

impl Reply {
    /// All lines as one text, joined by spaces.
    pub(super) fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// Takes the first reply off `buffer`; `None` while it isn't whole. What follows it stays.
pub(super) fn take_reply(buffer: &mut Vec<u8>) -> Result<Option<Reply>, BadReply> {
    let mut reply: Option<Reply> = None;
    let mut begin = 0;
    while let Some(length) = buffer[begin..].iter().position(|byte| *byte == b'\n') {
        let line = printable(&buffer[begin..begin + length]);
        if length > MAX_LINE_OCTETS || begin + length > MAX_REPLY_OCTETS {
            return Err(BadReply::TooLong);
        }
        begin += length + 1;
        let is_last = add_line(&mut reply, &line)?;
        if is_last {
            buffer.drain(..begin);
            return Ok(reply);
        }
    }
    let unfinished = buffer.len() - begin;
    match unfinished > MAX_LINE_OCTETS || buffer.len() > MAX_REPLY_OCTETS {
        true => Err(BadReply::TooLong),
        false => Ok(None),
    }
}

/// Adds one line to what is there; true when the reply ends with it.
fn add_line(reply: &mut Option<Reply>, line: &str) -> Result<bool, BadReply> {
    let (code, is_last, text) = split_line(line).ok_or_else(|| not_smtp(line))?;
    let (enhanced, text) = split_enhanced(text);
    match reply {
        None => {
            *reply =
                Some(Reply { code, enhanced: enhanced.map(str::to_owned), lines: vec![text.to_owned()] });
        }
        Some(reply) if reply.code == code => reply.lines.push(text.to_owned()),
        Some(_) => return Err(not_smtp(line)),
    }
    Ok(is_last)
}

/// RFC 5321 §4.2.1: three digits, then `-` (more lines follow), a space, or nothing.
fn split_line(line: &str) -> Option<(u16, bool, &str)> {
    let digits = line.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let code: u16 = digits.parse().ok().filter(|code| (200..600).contains(code))?;
    match line.as_bytes().get(3) {
        None => Some((code, true, "")),
        Some(b' ') => Some((code, true, &line[4..])),
        Some(b'-') => Some((code, false, &line[4..])),
        Some(_) => None,
    }
}

/// RFC 2034 §4: class "." subject "." detail, each of at most three digits (RFC 3463 §2).
fn split_enhanced(text: &str) -> (Option<&str>, &str) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let parts: Vec<&str> = first.split('.').collect();
    let is_number =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(is_number) {
        true => (Some(first), rest),
        false => (None, text),
    }
}

/// The line without its CR, and without anything that could disturb a log or a terminal.
fn printable(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn not_smtp(line: &str) -> BadReply {
    BadReply::NotSmtp { excerpt: line.chars().take(120).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<Option<Reply>, BadReply> {
        take_reply(&mut text.as_bytes().to_vec())
    }

    fn reply(code: u16, enhanced: Option<&str>, lines: &[&str]) -> Reply {
        Reply {
            code,
            enhanced: enhanced.map(str::to_owned),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn a_reply_is_taken_when_it_is_whole_and_what_follows_stays() {
        let mut buffer =
            b"250-mail.contoso.com Hello\r\n250-SIZE 157286400\r\n250 SMTPUTF8\r\n220 next".to_vec();
        let expected = reply(250, None, &["mail.contoso.com Hello", "SIZE 157286400", "SMTPUTF8"]);
        assert_eq!(take_reply(&mut buffer), Ok(Some(expected)));
        assert_eq!(buffer, b"220 next");
        assert_eq!(take_reply(&mut buffer), Ok(None));
    }

    #[test]
    fn enhanced_codes_keep_all_their_digits() {
        for (line, enhanced, text) in [
            ("535 5.7.3 Authentication unsuccessful", Some("5.7.3"), "Authentication unsuccessful"),
            ("550 5.7.708 Service unavailable", Some("5.7.708"), "Service unavailable"),
            ("554 5.2.252 SendAsDenied; a", Some("5.2.252"), "SendAsDenied; a"),
            ("554 5.2.2", Some("5.2.2"), ""),
            ("220 1.2.3.4 ready", None, "1.2.3.4 ready"),
            ("250 7.1.1 odd class", None, "7.1.1 odd class"),
            ("250", None, ""),
        ] {
            let code = line[..3].parse().unwrap();
            assert_eq!(take(&format!("{line}\r\n")), Ok(Some(reply(code, enhanced, &[text]))), "{line}");
        }
    }

    #[test]
    fn every_line_of_a_long_answer_loses_its_codes() {
        let answer = "550-5.7.1 Not\r\n550-5.7.1 today\r\n550 5.7.1 sorry\r\n";
        assert_eq!(take(answer), Ok(Some(reply(550, Some("5.7.1"), &["Not", "today", "sorry"]))));
    }

    #[test]
    fn what_is_not_smtp_is_said_so() {
        for text in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            "25\r\n",
            "250_ok\r\n",
            "999 x\r\n",
            "250-a\r\n251 b\r\n",
            "é50 x\r\n",
        ] {
            assert!(matches!(take(text), Err(BadReply::NotSmtp { .. })), "{text:?}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(take("250 a\x1b[2Jb\x07\n"), Ok(Some(reply(250, None, &["a [2Jb "]))));
    }

    #[test]
    fn endless_lines_and_endless_replies_are_cut() {
        assert_eq!(take(&"2".repeat(MAX_LINE_OCTETS)), Ok(None));
        assert_eq!(take(&"2".repeat(MAX_LINE_OCTETS + 1)), Err(BadReply::TooLong));
        assert_eq!(take(&format!("250 {}\r\n", "x".repeat(MAX_LINE_OCTETS))), Err(BadReply::TooLong));
        assert_eq!(take(&"250-more\r\n".repeat(MAX_REPLY_OCTETS / 10 + 1)), Err(BadReply::TooLong));
    }
}
