//! One authenticated SMTP session: opened over STARTTLS, logged in by XOAUTH2, good for several messages.
//!
//! It never says a user name or a token before TLS is verified, and forgets all that was said before TLS.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::{Address, Envelope};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::content::Content;
use super::extensions::Extensions;
use super::reply::Reply;
use super::wire::{Wire, after_last_byte};
use super::{Login, Sent, Server, Timeouts};
use crate::failure::{Failure, LocalTrouble, NetworkKind, NetworkTrouble, SmtpRefusal, SmtpStage, printable};

/// A session that has logged in. Dropping it cuts the connection; [`Session::close`] says goodbye first.
pub struct Session {
    wire: Wire<TlsStream<TcpStream>>,
    offered: Extensions,
    timeouts: Timeouts,
}

impl Session {
    /// Connects, greets, starts TLS, greets again, and logs in.
    ///
    /// # Errors
    /// `Network` while no usable answer comes, `Smtp` with the stage that was refused.
    pub async fn open(server: &Server<'_>, login: &Login<'_>) -> Result<Session, Failure> {
        let stream = connect(server).await?;
        let stream = start_tls(server, Wire::new(stream, &server.target())).await?;
        let mut wire = Wire::new(stream, &server.target());
        let offered = say_hello(&mut wire, server).await?;
        if !offered.xoauth2 {
            return Err(no_xoauth2(server).into());
        }
        log_in(&mut wire, login, server.timeouts.command).await?;
        Ok(Session { wire, offered, timeouts: server.timeouts })
    }

    /// Sends one message. Each recipient has a verdict of its own: the message goes to those who were
    /// accepted, and the others are listed. When none was, the first refusal is the error.
    ///
    /// # Errors
    /// `Network(AfterLastByte)` when the answer to the whole message is lost: it may have been accepted.
    /// After any error the session is of no more use.
    pub async fn deliver(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Sent, Failure> {
        let content = check_content(message)?;
        let mail_from = mail_from(envelope, &content, &self.offered)?;
        self.command(SmtpStage::MailFrom, mail_from.as_bytes(), 250).await?;
        let refused = self.name_recipients(envelope.to()).await?;
        self.command(SmtpStage::Data, b"DATA\r\n", 354).await?;
        let reply = self.send_content(&content).await?;
        match reply.code {
            250 => Ok(Sent { remote_id: remote_id(&reply), refused }),
            _ => Err(refusal(SmtpStage::EndOfData, &reply).into()),
        }
    }

    /// Says goodbye. What comes back no longer matters: every message has had its answer.
    pub async fn close(mut self) {
        // The verdicts are in; a server that is rude at the end has taken nothing back.
        let _ = self.wire.ask(b"QUIT\r\n", self.timeouts.quit).await;
    }

    async fn name_recipients(&mut self, recipients: &[Address]) -> Result<Vec<SmtpRefusal>, Failure> {
        let mut refused = Vec::new();
        for recipient in recipients {
            let line = format!("RCPT TO:<{recipient}>\r\n");
            let reply = self.wire.ask(line.as_bytes(), self.timeouts.command).await?;
            let refusal =
                SmtpRefusal { recipient: Some(recipient.clone()), ..refusal(SmtpStage::RcptTo, &reply) };
            match reply.code {
                250 | 251 => {}
                // RFC 5321 §3.8: the server closes the channel; nobody else will be heard.
                421 => return Err(refusal.into()),
                _ => refused.push(refusal),
            }
        }
        match refused.len() == recipients.len() {
            true => Err(refused.swap_remove(0).into()),
            false => Ok(refused),
        }
    }

    /// The last block and the final dot go together: once they are handed over, no answer means "unknown".
    async fn send_content(&mut self, content: &Content<'_>) -> Result<Reply, Failure> {
        for block in content.stuffed_blocks(BLOCK_OCTETS) {
            if let Err(trouble) = self.wire.send(&block, self.timeouts.data_block).await {
                // A server that has seen enough may answer and hang up in the middle: its answer counts.
                return self.wire.read_reply(self.timeouts.quit).await.map_err(|_| trouble.into());
            }
        }
        let answer = self.wire.ask(content.end_of_data(), self.timeouts.end_of_data).await;
        answer.map_err(after_last_byte)
    }

    async fn command(&mut self, stage: SmtpStage, line: &[u8], expected: u16) -> Result<Reply, Failure> {
        let reply = self.wire.ask(line, self.timeouts.command).await?;
        expect(stage, reply, expected)
    }
}

/// How much is written before the clock of one block starts again.
const BLOCK_OCTETS: usize = 64 * 1024;

/// RFC 5321 §4.5.3.1.4: a command line with its CRLF. RFC 4954 §4 holds AUTH with an initial response to it.
const MAX_COMMAND_OCTETS: usize = 512;

async fn connect(server: &Server<'_>) -> Result<TcpStream, NetworkTrouble> {
    let trouble = |kind, detail: &str| NetworkTrouble::new(server.target(), kind, detail);
    let connecting = async {
        let addresses = lookup_host((server.address.host.as_str(), server.address.port)).await;
        let addresses: Vec<_> =
            addresses.map_err(|error| trouble(NetworkKind::Dns, &error.to_string()))?.collect();
        let stream = TcpStream::connect(&*addresses).await;
        stream.map_err(|error| trouble(NetworkKind::Connect, &error.to_string()))
    };
    let stream = match timeout(server.timeouts.connect, connecting).await {
        Ok(stream) => stream?,
        Err(_) => {
            return Err(trouble(NetworkKind::Connect, "no answer to the connection attempt"));
        }
    };
    // Without it, every small command may wait for the last one's acknowledgement.
    stream.set_nodelay(true).map_err(|error| trouble(NetworkKind::Connect, &error.to_string()))?;
    Ok(stream)
}

/// Greeting, EHLO, STARTTLS (RFC 3207), and the handshake with the certificate checked for the host's name.
async fn start_tls(server: &Server<'_>, mut wire: Wire<TcpStream>) -> Result<TlsStream<TcpStream>, Failure> {
    let greeting = wire.read_reply(server.timeouts.greeting).await?;
    expect(SmtpStage::Greeting, greeting, 220)?;
    let offered = say_hello(&mut wire, server).await?;
    if !offered.starttls {
        return Err(no_starttls(server).into());
    }
    let reply = wire.ask(b"STARTTLS\r\n", server.timeouts.command).await?;
    expect(SmtpStage::StartTls, reply, 220)?;
    let (stream, has_leftover) = wire.into_stream();
    if has_leftover {
        // Commands or replies slipped in before TLS (CVE-2011-0411 and its kin): somebody is between us.
        let detail = "the server sent text after its answer to STARTTLS and before TLS began";
        return Err(NetworkTrouble::new(server.target(), NetworkKind::Tls, detail).into());
    }
    Ok(shake_hands(server, stream).await?)
}

async fn shake_hands(server: &Server<'_>, stream: TcpStream) -> Result<TlsStream<TcpStream>, NetworkTrouble> {
    let trouble = |detail: &str| NetworkTrouble::new(server.target(), NetworkKind::Tls, detail);
    let name =
        ServerName::try_from(server.address.host.clone()).map_err(|error| trouble(&error.to_string()))?;
    let connector = TlsConnector::from(Arc::clone(server.tls));
    match timeout(server.timeouts.command, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(trouble(&error.to_string())),
        Err(_) => Err(trouble("the TLS handshake wasn't finished in time")),
    }
}

async fn say_hello<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    server: &Server<'_>,
) -> Result<Extensions, Failure> {
    let line = format!("EHLO {}\r\n", server.hello);
    let reply = wire.ask(line.as_bytes(), server.timeouts.command).await?;
    let reply = expect(SmtpStage::Ehlo, reply, 250)?;
    Ok(Extensions::read(&reply.lines))
}

async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    login: &Login<'_>,
    limit: Duration,
) -> Result<(), Failure> {
    let reply = say_token(wire, login, limit).await?;
    let (reply, challenge) = match reply.code {
        // facts 6.4: an error may come as JSON in a 334, and an empty line asks for the verdict itself.
        334 => (wire.ask(b"\r\n", limit).await?, Some(decode_challenge(&reply))),
        _ => (reply, None),
    };
    match reply.code {
        235 => Ok(()),
        _ => Err(SmtpRefusal { challenge, ..refusal(SmtpStage::Auth, &reply) }.into()),
    }
}

/// The token goes on the command line where it fits, else after a `334` (RFC 4954 §4).
async fn say_token<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    login: &Login<'_>,
    limit: Duration,
) -> Result<Reply, Failure> {
    let response = xoauth2(login);
    let line = Zeroizing::new(format!("AUTH XOAUTH2 {}\r\n", *response));
    if line.len() <= MAX_COMMAND_OCTETS {
        return Ok(wire.ask(line.as_bytes(), limit).await?);
    }
    let go_on = wire.ask(b"AUTH XOAUTH2\r\n", limit).await?;
    expect(SmtpStage::Auth, go_on, 334)?;
    let line = Zeroizing::new(format!("{}\r\n", *response));
    Ok(wire.ask(line.as_bytes(), limit).await?)
}

/// Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth", SASL XOAUTH2.
fn xoauth2(login: &Login<'_>) -> Zeroizing<String> {
    let plain =
        Zeroizing::new(format!("user={}\x01auth=Bearer {}\x01\x01", login.mailbox, login.token.expose()));
    Zeroizing::new(STANDARD.encode(plain.as_bytes()))
}

fn decode_challenge(reply: &Reply) -> String {
    let text = reply.text();
    let decoded = STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    printable(&decoded.unwrap_or(text), CHALLENGE_CHARS)
}

/// Longest challenge that is kept.
const CHALLENGE_CHARS: usize = 1000;

fn check_content(message: &[u8]) -> Result<Content<'_>, LocalTrouble> {
    Content::check(message).map_err(|bare| {
        LocalTrouble::new(
            "bare_line_break",
            format!("the message has a CR or LF that isn't part of a CRLF, at octet {}", bare.offset),
            "The program that made the message must end each line with CRLF.",
        )
    })
}

/// `MAIL FROM` with exactly the parameters that the message needs and the server offers.
fn mail_from(
    envelope: &Envelope,
    content: &Content<'_>,
    offered: &Extensions,
) -> Result<String, LocalTrouble> {
    let mut line = format!("MAIL FROM:<{}>", envelope.from().map_or("", Address::as_str));
    if let Some(limit_octets) = offered.size {
        check_size(content.size_octets(), limit_octets)?;
        line += &format!(" SIZE={}", content.size_octets());
    }
    if content.is_eight_bit {
        line += match offered.eight_bit_mime {
            true => " BODY=8BITMIME",
            false => {
                return Err(needs("8BITMIME", "it has letters beyond ASCII that aren't encoded"));
            }
        };
    }
    if !envelope.is_ascii() || (content.is_international && offered.smtputf8) {
        line += match offered.smtputf8 {
            true => " SMTPUTF8",
            false => return Err(needs("SMTPUTF8", "an address has letters beyond ASCII")),
        };
    }
    Ok(line + "\r\n")
}

/// RFC 1870 §6.1: no need to send what the server has said it won't take; 0 means no fixed limit.
fn check_size(size_octets: usize, limit_octets: usize) -> Result<(), LocalTrouble> {
    match limit_octets != 0 && size_octets > limit_octets {
        false => Ok(()),
        true => Err(LocalTrouble::new(
            "message_too_large",
            format!("the message has {size_octets} octets; the server takes at most {limit_octets}"),
            "Send a smaller message, or put the attachment where it can be fetched.",
        )),
    }
}

fn needs(extension: &'static str, why: &str) -> LocalTrouble {
    LocalTrouble::new(
        "extension_not_offered",
        format!("the message needs {extension} ({why}), which the server doesn't offer"),
        "Exchange Online offers it: check the SMTP server of the account's cloud, and what stands between.",
    )
}

fn expect(stage: SmtpStage, reply: Reply, expected: u16) -> Result<Reply, Failure> {
    match reply.code == expected {
        true => Ok(reply),
        false => Err(refusal(stage, &reply).into()),
    }
}

fn refusal(stage: SmtpStage, reply: &Reply) -> SmtpRefusal {
    SmtpRefusal {
        stage,
        code: reply.code,
        enhanced: reply.enhanced.clone(),
        text: printable(&reply.text(), TEXT_CHARS),
        challenge: None,
        recipient: None,
    }
}

/// Longest text of a refusal that is kept: Exchange's diagnostic data runs on.
const TEXT_CHARS: usize = 2000;

fn no_starttls(server: &Server<'_>) -> LocalTrouble {
    LocalTrouble::new(
        "starttls_not_offered",
        format!("{} doesn't offer TLS (STARTTLS), so Postern says nothing to it", server.target()),
        "Look for a firewall or antivirus that inspects SMTP on this port, and exempt Postern. With a [[cloud]] of your \
         own, check `smtp` in postern.toml.",
    )
}

fn no_xoauth2(server: &Server<'_>) -> LocalTrouble {
    LocalTrouble::new(
        "xoauth2_not_offered",
        format!("{} doesn't take OAuth log-ins (AUTH XOAUTH2): it isn't Exchange Online", server.target()),
        "With a [[cloud]] of your own, check `smtp` in postern.toml. With Microsoft's clouds, look for a firewall or \
         antivirus that inspects SMTP on this port, and exempt Postern.",
    )
}

/// Exchange's own name for the message: `250 2.0.0 OK <id> [Hostname=…]` (facts 6.2).
fn remote_id(reply: &Reply) -> Option<String> {
    let text = reply.text();
    let (_, rest) = text.split_once('<')?;
    let (id, _) = rest.split_once('>')?;
    Some(format!("<{}>", printable(id, 200)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::AccessToken;

    fn envelope(from: &str, to: &str) -> Envelope {
        Envelope::new(Some(from.parse().unwrap()), [to.parse().unwrap()]).unwrap()
    }

    fn line(from: &str, message: &str, offered: &[&str]) -> Result<String, &'static str> {
        let offered: Vec<String> = offered.iter().map(|line| (*line).to_owned()).collect();
        let content = Content::check(message.as_bytes()).unwrap();
        mail_from(&envelope(from, "ann@contoso.com"), &content, &Extensions::read(&offered))
            .map_err(|trouble| trouble.code)
    }

    #[test]
    fn parameters_are_said_only_when_offered_and_needed() {
        let all = ["host", "SIZE 1000", "8BITMIME", "SMTPUTF8"];
        assert_eq!(line("a@b.com", "x\r\n", &["host"]).unwrap(), "MAIL FROM:<a@b.com>\r\n");
        assert_eq!(line("a@b.com", "x\r\n", &all).unwrap(), "MAIL FROM:<a@b.com> SIZE=3\r\n");
        let eight_bit = line("a@b.com", "S: a\r\n\r\né\r\n", &all).unwrap();
        assert_eq!(eight_bit, "MAIL FROM:<a@b.com> SIZE=12 BODY=8BITMIME\r\n");
        let international = line("pelé@b.com", "x\r\n", &all).unwrap();
        assert_eq!(international, "MAIL FROM:<pelé@b.com> SIZE=3 SMTPUTF8\r\n");
        let header = line("a@b.com", "S: é\r\n\r\nx\r\n", &all).unwrap();
        assert!(header.ends_with("BODY=8BITMIME SMTPUTF8\r\n"), "{header}");
        let header = line("a@b.com", "S: é\r\n\r\nx\r\n", &["host", "8BITMIME"]).unwrap();
        assert!(header.ends_with(" BODY=8BITMIME\r\n"), "{header}");
    }

    #[test]
    fn what_the_server_cannot_carry_is_refused_before_it_is_sent() {
        assert_eq!(line("a@b.com", "é\r\n", &["host"]), Err("extension_not_offered"));
        assert_eq!(line("pelé@b.com", "x\r\n", &["host", "8BITMIME"]), Err("extension_not_offered"));
        assert_eq!(line("a@b.com", "xxxx\r\n", &["host", "SIZE 5"]), Err("message_too_large"));
        assert!(line("a@b.com", "xxxx\r\n", &["host", "SIZE 0"]).is_ok());
        assert!(line("a@b.com", "xxxx\r\n", &["host", "SIZE"]).is_ok());
    }

    #[test]
    fn the_initial_response_is_the_string_that_microsoft_documents() {
        let mailbox = "test@contoso.onmicrosoft.com".parse().unwrap();
        let token = AccessToken::new("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA");
        let response = xoauth2(&Login { mailbox: &mailbox, token: &token });
        // Microsoft's own example: "Authenticate an IMAP, POP or SMTP connection using OAuth".
        let expected = "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==";
        assert_eq!(*response, expected);
    }
}
