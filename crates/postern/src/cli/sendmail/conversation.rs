//! One message handed over by SMTP (RFC 5321) at `submit.sock`: all of its recipients, or nothing.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mail::{Address, Envelope};

use super::content::Letter;
use super::{Status, Trouble};

/// RFC 5321 §4.5.3.2.6 lets the answer to a message take ten minutes.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn hand_over(stream: UnixStream, letter: &Letter) -> Result<(), Trouble> {
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| broken(&error))?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(|error| broken(&error))?;
    let mut dialog = Dialog { server: BufReader::new(stream) };
    dialog.expect(220, Status::NoPermission)?;
    dialog.ask("EHLO localhost", 250, Status::Unavailable)?;
    dialog.ask(&mail_from(letter), 250, Status::Unavailable)?;
    for to in letter.envelope.to() {
        dialog.ask(&rcpt_to(to, letter), 250, Status::NoUser)?;
    }
    dialog.ask("DATA", 354, Status::Unavailable)?;
    dialog.send(&with_dots(&letter.content))?;
    dialog.expect(250, Status::Unavailable)?;
    // It is accepted, whatever the answer to this.
    let _ = dialog.send(b"QUIT\r\n");
    Ok(())
}

struct Dialog {
    server: BufReader<UnixStream>,
}

impl Dialog {
    fn ask(&mut self, command: &str, wanted: u16, otherwise: Status) -> Result<(), Trouble> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.expect(wanted, otherwise)
    }

    fn send(&mut self, octets: &[u8]) -> Result<(), Trouble> {
        self.server.get_mut().write_all(octets).map_err(|error| broken(&error))
    }

    /// Reads one reply; another code than `wanted` is a refusal.
    fn expect(&mut self, wanted: u16, otherwise: Status) -> Result<(), Trouble> {
        let mut text = Vec::new();
        loop {
            let mut line = String::new();
            if self.server.read_line(&mut line).map_err(|error| broken(&error))? == 0 {
                return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
            }
            let line = line.trim_end();
            let code: u16 = line.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            text.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            return match code == wanted {
                true => Ok(()),
                false => Err(refused(code, &text.join(" "), otherwise)),
            };
        }
    }
}

/// RFC 5321 §4.2.1: the first digit says whether to try again. The enhanced code (RFC 3463) says what was refused.
fn refused(code: u16, text: &str, otherwise: Status) -> Trouble {
    let enhanced = text.split(' ').next().unwrap_or_default();
    let status = match code {
        400..=499 => Status::TemporaryFailure,
        _ if enhanced.starts_with("5.7.") => Status::NoPermission,
        _ if enhanced.starts_with("5.6.") || enhanced == "5.3.4" => Status::Data,
        _ => otherwise,
    };
    Trouble::new(status, format!("the message was refused: {code} {text}"))
}

fn mail_from(letter: &Letter) -> String {
    let Letter { envelope, ret, envid, content, .. } = letter;
    let mut line =
        format!("MAIL FROM:<{}> SIZE={}", envelope.from().map_or("", Address::as_str), content.len());
    if !content.is_ascii() {
        line += " BODY=8BITMIME";
    }
    if !Envelope::is_ascii(envelope) {
        line += " SMTPUTF8";
    }
    if let Some(ret) = ret {
        line += &format!(" RET={ret}");
    }
    if let Some(envid) = envid {
        line += &format!(" ENVID={envid}");
    }
    line
}

fn rcpt_to(to: &Address, letter: &Letter) -> String {
    match &letter.notify {
        Some(notify) => format!("RCPT TO:<{to}> NOTIFY={notify}"),
        None => format!("RCPT TO:<{to}>"),
    }
}

/// RFC 5321 §4.5.2, with the end of data.
fn with_dots(content: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(content.len() + 64);
    for line in content.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            data.push(b'.');
        }
        data.extend_from_slice(line);
    }
    data.extend_from_slice(b".\r\n");
    data
}

fn broken(error: &io::Error) -> Trouble {
    let text = format!("the conversation with Postern broke off ({error}); the message is not accepted");
    Trouble::new(Status::TemporaryFailure, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_and_the_end_is_marked() {
        assert_eq!(with_dots(b".a\r\nb\r\n.\r\n"), b"..a\r\nb\r\n..\r\n.\r\n");
        assert_eq!(with_dots(b""), b".\r\n");
    }

    #[test]
    fn a_refusal_becomes_the_code_that_programs_know() {
        for (code, text, expected) in [
            (451, "4.3.0 busy", Status::TemporaryFailure),
            (421, "4.3.2 stopping", Status::TemporaryFailure),
            (550, "5.7.1 not allowed", Status::NoPermission),
            (554, "5.6.0 malformed", Status::Data),
            (552, "5.3.4 too large", Status::Data),
            (550, "5.1.1 unknown", Status::NoUser),
        ] {
            assert_eq!(refused(code, text, Status::NoUser).status, expected, "{code} {text}");
        }
    }
}
