//! Replies as they stand on the wire: RFC 5321 §4.2, with enhanced codes of RFC 3463. Every text is here, so that what
//! a device's log shows is found by one grep.

use std::borrow::Cow;

use crate::content::Fault;
use crate::{Limits, Refusal};

/// One reply. `enhanced` is empty where RFC 2034 §4 wants none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    enhanced: &'static str,
    text: Cow<'static, str>,
}

const fn reply(code: u16, enhanced: &'static str, text: &'static str) -> Reply {
    Reply { code, enhanced, text: Cow::Borrowed(text) }
}

pub(crate) const READY_FOR_TLS: Reply = reply(220, "2.0.0", "Ready to start TLS");
pub(crate) const BYE: Reply = reply(221, "2.0.0", "Goodbye");
pub(crate) const LOGGED_IN: Reply = reply(235, "2.7.0", "Logged in");
pub(crate) const OK: Reply = reply(250, "2.0.0", "Ok");
pub(crate) const SENDER_OK: Reply = reply(250, "2.1.0", "Sender ok");
pub(crate) const RECIPIENT_OK: Reply = reply(250, "2.1.5", "Recipient ok");
pub(crate) const CANNOT_VERIFY: Reply =
    reply(252, "2.5.0", "Addresses are not verified; send, and you will see");
pub(crate) const HELP: Reply =
    reply(214, "2.0.0", "Commands: EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
pub(crate) const ASK_SASL: Reply = reply(334, "", "");
/// `Username:` in base64.
pub(crate) const ASK_USER: Reply = reply(334, "", "VXNlcm5hbWU6");
/// `Password:` in base64.
pub(crate) const ASK_PASSWORD: Reply = reply(334, "", "UGFzc3dvcmQ6");
pub(crate) const SEND_CONTENT: Reply = reply(354, "", "Send the message; end it with a line that is one dot");

pub(crate) const SHUTTING_DOWN: Reply = reply(421, "4.3.2", "Restarting; try again in a minute");
pub(crate) const TOO_SLOW: Reply = reply(421, "4.4.2", "Too slow; closing the connection");
pub(crate) const TOO_MANY_ERRORS: Reply = reply(421, "4.7.0", "Too many errors; closing the connection");
pub(crate) const TOO_MANY_FAILED_LOGINS: Reply =
    reply(421, "4.7.0", "Too many failed logins; closing the connection");
pub(crate) const TOO_IDLE: Reply =
    reply(421, "4.7.0", "Too many commands without a message; closing the connection");
pub(crate) const HOUSE_FULL: Reply = reply(421, "4.7.0", "Too many connections; try again later");
pub(crate) const ADDRESS_FULL: Reply =
    reply(421, "4.7.0", "Too many connections from your address; try again later");
pub(crate) const SUBMITTER_FULL: Reply =
    reply(421, "4.7.0", "Too many connections with this login; try again later");
pub(crate) const NOT_TAKEN_IN: Reply =
    reply(451, "4.3.0", "The message could not be taken in; try again later");
pub(crate) const TOO_MANY_RECIPIENTS: Reply =
    reply(452, "4.5.3", "Too many recipients; send the rest in another message");

pub(crate) const UNKNOWN_COMMAND: Reply = reply(500, "5.5.1", "Unknown command");
pub(crate) const COMMAND_TOO_LONG: Reply = reply(500, "5.5.2", "The line is too long");
/// RFC 4954 §4.
pub(crate) const LOGIN_TOO_LONG: Reply = reply(500, "5.5.6", "The line is too long");
pub(crate) const BAD_LINE_END: Reply =
    reply(500, "5.5.2", "A command ends with CR LF and has neither CR, LF nor NUL in it");
pub(crate) const BAD_ARGUMENTS: Reply = reply(501, "5.5.4", "Wrong arguments");
pub(crate) const HELLO_NEEDS_NAME: Reply = reply(501, "5.5.4", "Give the name of your host");
pub(crate) const BAD_PARAMETER: Reply = reply(501, "5.5.4", "A parameter has a wrong value or comes twice");
pub(crate) const NO_MECHANISM: Reply = reply(501, "5.5.4", "Say how: AUTH PLAIN or AUTH LOGIN");
pub(crate) const NOT_UTF8: Reply = reply(501, "5.5.2", "The line is not UTF-8");
pub(crate) const BAD_BASE64: Reply = reply(501, "5.5.2", "This is not what AUTH expects in base64");
pub(crate) const LOGIN_CANCELLED: Reply = reply(501, "5.7.0", "Login cancelled");
pub(crate) const BAD_SENDER_SYNTAX: Reply = reply(501, "5.1.7", "Expected MAIL FROM:<address>");
pub(crate) const BAD_RECIPIENT_SYNTAX: Reply = reply(501, "5.1.3", "Expected RCPT TO:<address>");
pub(crate) const NOT_IMPLEMENTED: Reply = reply(502, "5.5.1", "This command is not offered here");
pub(crate) const NO_TLS: Reply = reply(502, "5.5.1", "TLS is not offered here");
pub(crate) const HELLO_FIRST: Reply = reply(503, "5.5.1", "Say EHLO first");
pub(crate) const MAIL_FIRST: Reply = reply(503, "5.5.1", "Say MAIL first");
pub(crate) const RECIPIENT_FIRST: Reply = reply(503, "5.5.1", "Say RCPT first");
pub(crate) const NO_RECIPIENT: Reply = reply(554, "5.5.1", "No recipient was accepted");
pub(crate) const SENDER_TWICE: Reply = reply(503, "5.5.1", "The sender is given already; RSET begins anew");
pub(crate) const NOT_AMID_MESSAGE: Reply = reply(503, "5.5.1", "Not in the middle of a message");
pub(crate) const NOT_AFTER_BDAT: Reply = reply(503, "5.5.1", "Not after BDAT; go on with BDAT, or RSET");
pub(crate) const MESSAGE_REFUSED_ALREADY: Reply =
    reply(503, "5.5.1", "This message was refused already; RSET begins anew");
pub(crate) const LOGGED_IN_ALREADY: Reply = reply(503, "5.5.1", "You are logged in already");
pub(crate) const TLS_ALREADY: Reply = reply(503, "5.5.1", "TLS is on already");
pub(crate) const UNKNOWN_MECHANISM: Reply = reply(504, "5.5.4", "Log in with PLAIN or LOGIN");
pub(crate) const NOT_FOR_OTHERS: Reply = reply(535, "5.7.8", "Nobody logs in for somebody else here");
pub(crate) const LOGIN_FIRST: Reply = reply(530, "5.7.0", "Log in first");
/// RFC 3207 §4.
pub(crate) const TLS_FIRST: Reply = reply(530, "5.7.0", "Say STARTTLS first");
/// RFC 4954 §6.
pub(crate) const TLS_NEEDED_FOR_LOGIN: Reply =
    reply(538, "5.7.11", "Passwords are taken through TLS only, and this port has none");
pub(crate) const NO_POSTMASTER: Reply = reply(
    550,
    "5.1.1",
    "Nobody is postmaster here; write the address with its domain, or the administrator names one ([queue] report_to)",
);
/// RFC 6531 §3.5.
pub(crate) const NEEDS_SMTPUTF8: Reply =
    reply(553, "5.6.7", "An address with letters beyond ASCII needs SMTPUTF8");
pub(crate) const UNKNOWN_PARAMETER: Reply = reply(555, "5.5.4", "A parameter is not offered here");
pub(crate) const NOT_HTTP: Reply = reply(554, "5.5.1", "This is SMTP, not HTTP");
pub(crate) const NO_PROXY: Reply = reply(554, "5.7.0", "Your address may not speak for others (PROXY)");

const BARE_CR: Reply = reply(550, "5.5.2", "The message has a CR without LF; lines end with CR LF");
const BARE_LF: Reply = reply(550, "5.5.2", "The message has an LF without CR; lines end with CR LF");
const NUL: Reply = reply(550, "5.6.0", "The message has a NUL in it");

/// Longest reply line with its CR LF: RFC 5321 §4.5.3.1.5.
const MAX_LINE_OCTETS: usize = 512;

impl Reply {
    pub(crate) fn new(code: u16, enhanced: &'static str, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code, enhanced, text: text.into() }
    }

    /// Permanent: what is there won't get better by trying again.
    pub(crate) fn is_error(&self) -> bool {
        self.code >= 500
    }

    /// Appends the reply as it goes on the wire; in several lines when it is long.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let prefix_octets = 3 + 1 + self.enhanced.len() + 1;
        let mut rest = &*self.text;
        loop {
            let (line, after) = split_line(rest, MAX_LINE_OCTETS - 2 - prefix_octets);
            let separator = if after.is_empty() { ' ' } else { '-' };
            write_start(out, self.code, separator);
            out.extend_from_slice(self.enhanced.as_bytes());
            if !self.enhanced.is_empty() {
                out.push(b' ');
            }
            out.extend(line.chars().map(printable));
            out.extend_from_slice(b"\r\n");
            if after.is_empty() {
                return;
            }
            rest = after;
        }
    }
}

impl From<Reply> for Refusal {
    fn from(reply: Reply) -> Refusal {
        Refusal::new(reply.code, reply.enhanced, reply.text)
    }
}

impl From<Refusal> for Reply {
    /// A house that says nonsense is a temporary trouble of ours, never a success.
    fn from(refusal: Refusal) -> Reply {
        let fits = |digit: u8| refusal.enhanced.as_bytes().first() == Some(&digit);
        match refusal.code {
            400..=499 if fits(b'4') => Reply::new(refusal.code, refusal.enhanced, refusal.text),
            500..=599 if fits(b'5') => Reply::new(refusal.code, refusal.enhanced, refusal.text),
            _ => Reply::new(451, "4.3.0", refusal.text),
        }
    }
}

/// What is wrong with a message's content.
pub(crate) fn content_fault(fault: Fault, limits: &Limits) -> Reply {
    match fault {
        Fault::BareCr => BARE_CR,
        Fault::BareLf => BARE_LF,
        Fault::Nul => NUL,
        Fault::LineTooLong => {
            let text = format!(
                "A line of the message is longer than {} octets; encode it as quoted-printable or base64",
                limits.text_line_octets - 2
            );
            Reply::new(550, "5.6.0", text)
        }
        Fault::TooLarge => too_large(limits),
    }
}

/// Larger than SIZE allows, as declared or as it came.
pub(crate) fn too_large(limits: &Limits) -> Reply {
    Reply::new(
        552,
        "5.3.4",
        format!("The message is too large; at most {} octets are taken", limits.message_octets),
    )
}

/// Appends a reply of several lines that has no enhanced codes: greetings and EHLO.
pub(crate) fn write_lines(out: &mut Vec<u8>, code: u16, lines: &[Cow<'_, str>]) {
    for (index, line) in lines.iter().enumerate() {
        write_start(out, code, if index + 1 == lines.len() { ' ' } else { '-' });
        out.extend(line.chars().map(printable));
        out.extend_from_slice(b"\r\n");
    }
}

fn write_start(out: &mut Vec<u8>, code: u16, separator: char) {
    let digit = |value: u16| b'0' + u8::try_from(value % 10).expect("a digit");
    out.extend_from_slice(&[digit(code / 100), digit(code / 10), digit(code)]);
    out.push(separator as u8);
}

/// A reply is ASCII (RFC 5321 §4.2), and nothing in its text may end the line.
fn printable(character: char) -> u8 {
    match u8::try_from(character) {
        Ok(octet @ b' '..=b'~') => octet,
        Ok(octet) if octet.is_ascii_control() => b' ',
        _ => b'?',
    }
}

/// Up to `most` characters, cut at a space where there is one.
fn split_line(text: &str, most: usize) -> (&str, &str) {
    let Some((end, _)) = text.char_indices().nth(most) else { return (text, "") };
    match text[..end].rfind(' ') {
        Some(space) if space > 0 => (&text[..space], &text[space + 1..]),
        _ => text.split_at(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reply_has_its_code_its_enhanced_code_and_its_text() {
        assert_eq!(written(&OK), "250 2.0.0 Ok\r\n");
        assert_eq!(written(&ASK_SASL), "334 \r\n");
    }

    #[test]
    fn nothing_that_the_house_says_leaves_its_line() {
        let refusal = Refusal::new(550, "5.7.1", "No\r\n250 2.0.0 Ok\0 for pelé");
        assert_eq!(written(&refusal.into()), "550 5.7.1 No  250 2.0.0 Ok  for pel?\r\n");
    }

    #[test]
    fn a_refusal_is_never_said_as_a_success() {
        for refusal in
            [Refusal::new(250, "2.0.0", "Ok"), Refusal::new(550, "2.0.0", "Ok"), Refusal::new(99, "", "")]
        {
            assert!(written(&refusal.into()).starts_with("451 4.3.0 "));
        }
    }

    #[test]
    fn a_long_text_takes_several_lines_of_512_octets_at_most() {
        for text in ["word ".repeat(400), "x".repeat(1500)] {
            let text = written(&Refusal::new(451, "4.3.0", text).into());
            let lines: Vec<&str> = text.split_inclusive("\r\n").collect();
            assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= 512));
            assert!(lines[..lines.len() - 1].iter().all(|line| line.starts_with("451-4.3.0 ")));
            assert!(lines.last().unwrap().starts_with("451 4.3.0 "));
        }
    }
}
