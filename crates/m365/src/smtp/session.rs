//! One authenticated SMTP session: opened over STARTTLS, logged in by XOAUTH2, good for several messages.
//!
//! It never says a user name or a token before TLS is verified, and forgets all that was said before TLS.
//! Neighbours: `transaction` sends a message over it, `pool` keeps it for the next.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::extensions::Extensions;
use super::reply::Reply;
use super::wire::Wire;
use super::{Login, Server, Timeouts};
use crate::failure::{Failure, LocalTrouble, NetworkKind, NetworkTrouble, SmtpRefusal, SmtpStage, printable};
use crate::tunnel::Line;

/// A session that has logged in. Dropping it cuts the connection; [`Session::close`] says goodbye first.
pub(crate) struct Session {
    pub(super) wire: Wire<TlsStream<Line>>,
    pub(super) offered: Extensions,
    pub(super) timeouts: Timeouts,
    pub(super) standing: Standing,
    /// How many were tried over it.
    pub(super) messages: u32,
    opened_at: Instant,
}

impl Session {
    /// Connects, greets, starts TLS, greets again, and logs in.
    ///
    /// # Errors
    /// `Network` while no usable answer comes, `Smtp` with the stage that was refused.
    pub(crate) async fn open(server: &Server<'_>, login: &Login<'_>) -> Result<Session, Failure> {
        let stream = connect(server).await?;
        let stream = start_tls(server, Wire::new(stream, &server.target())).await?;
        let mut wire = Wire::new(stream, &server.target());
        let offered = say_hello(&mut wire, server).await?;
        if !offered.xoauth2 {
            return Err(no_xoauth2(server).into());
        }
        log_in(&mut wire, login, server.timeouts.command).await?;
        Ok(Session {
            wire,
            offered,
            timeouts: server.timeouts,
            standing: Standing::Ready,
            messages: 0,
            opened_at: Instant::now(),
        })
    }

    /// Says goodbye. What comes back no longer matters: every message has had its answer.
    pub(crate) async fn close(mut self) {
        if self.standing == Standing::Ready {
            // The verdicts are in; a server that is rude at the end has taken nothing back.
            let _ = self.wire.ask(b"QUIT\r\n", self.timeouts.quit).await;
        }
    }

    /// Whether another message may go over it. Exchange drops sessions after some minutes or messages, so
    /// they are given up before (facts 6.6, additions D5).
    pub(super) fn is_good_for_more(&self) -> bool {
        self.standing == Standing::Ready && self.messages < MAX_MESSAGES && self.opened_at.elapsed() < MAX_AGE
    }
}

/// What can be done with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Between two messages.
    Ready,
    /// In the middle of something, or cut: nobody knows what the other side would take the next line for.
    Lost,
}

/// Facts 6.6: not beyond about 5 minutes or 10 to 20 messages.
const MAX_MESSAGES: u32 = 20;
const MAX_AGE: Duration = Duration::from_secs(4 * 60);

/// RFC 5321 §4.5.3.1.4: a command line with its CRLF. RFC 4954 §4 holds AUTH with an initial response to it.
const MAX_COMMAND_OCTETS: usize = 512;

async fn connect(server: &Server<'_>) -> Result<Line, NetworkTrouble> {
    // Boxed: a handshake with a proxy would make every future that may open a session large.
    Box::pin(server.ways.connect(&server.address.host, server.address.port, server.timeouts.connect)).await
}

/// Greeting, EHLO, STARTTLS (RFC 3207), and the handshake with the certificate checked for the host's name.
async fn start_tls(server: &Server<'_>, mut wire: Wire<Line>) -> Result<TlsStream<Line>, Failure> {
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

async fn shake_hands(server: &Server<'_>, stream: Line) -> Result<TlsStream<Line>, NetworkTrouble> {
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

pub(super) fn expect(stage: SmtpStage, reply: Reply, expected: u16) -> Result<Reply, Failure> {
    match reply.code == expected {
        true => Ok(reply),
        false => Err(refusal(stage, &reply).into()),
    }
}

pub(super) fn refusal(stage: SmtpStage, reply: &Reply) -> SmtpRefusal {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::AccessToken;

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
