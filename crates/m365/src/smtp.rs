//! Mail to Exchange Online by SMTP AUTH XOAUTH2 (facts 6): STARTTLS with a verified certificate, always.
//!
//! What it must never do: say a token before TLS is verified, or call a message unsent when the answer to
//! its last byte is lost. Neighbours: `courier` brings the parcel and the access token, and `diagnosis`
//! explains what comes back.

mod content;
mod extensions;
pub(crate) mod pool;
mod reply;
mod session;
mod transaction;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use mail::Address;
use rustls::ClientConfig;

use crate::cloud::SmtpServer;
use crate::connection::Connection;
use crate::secret::AccessToken;
use crate::tunnel::Ways;

pub(crate) use session::Session;
pub(crate) use transaction::{Handover, Letter, MAX_RECIPIENTS};

/// Which server to speak to, and how.
#[derive(Debug, Clone)]
pub(crate) struct Server<'a> {
    address: &'a SmtpServer,
    tls: &'a Arc<ClientConfig>,
    ways: &'a Ways,
    hello: String,
    timeouts: Timeouts,
}

/// Who logs in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'a> {
    /// The mailbox that the mail goes out of; for a shared one the shared address (facts 6.3).
    pub(crate) mailbox: &'a Address,
    /// An access token for the Exchange resource, not for Graph.
    pub(crate) token: &'a AccessToken,
}

/// How long to wait for what. RFC 5321 §4.5.3.2 gives minimums of 2 to 10 minutes for hosts that talk across
/// the world of 1982; Microsoft's front ends answer in seconds, and a person may be waiting at a console. Only
/// the answer to the final dot keeps minutes: cutting it short makes doubles (§4.5.3.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Name look-up and TCP connection.
    pub(crate) connect: Duration,
    /// The first line (RFC: 5 minutes).
    pub(crate) greeting: Duration,
    /// Each command, and the TLS handshake (RFC: 2 to 5 minutes).
    pub(crate) command: Duration,
    /// Each block of 64 KiB of the message (RFC: 3 minutes).
    pub(crate) data_block: Duration,
    /// The answer to the final dot (RFC: 10 minutes); more than 30 messages a minute are slowed down here.
    pub(crate) end_of_data: Duration,
    /// The answer to QUIT, which no longer matters.
    pub(crate) quit: Duration,
}

impl<'a> Server<'a> {
    /// The SMTP server of the connection's cloud; its certificate is verified against the same roots.
    /// `hello` is what we call ourselves in EHLO: a domain name (RFC 5321 §4.1.4).
    pub(crate) fn of_cloud(conn: &'a Connection, hello: &str) -> Server<'a> {
        Server {
            address: &conn.cloud().smtp,
            tls: conn.smtp_tls(),
            ways: conn.ways(),
            hello: presentable(hello),
            timeouts: Timeouts::default(),
        }
    }

    /// With other limits than the default ones.
    #[must_use]
    pub(crate) fn with_timeouts(self, timeouts: Timeouts) -> Server<'a> {
        Server { timeouts, ..self }
    }

    fn target(&self) -> String {
        self.address.to_string()
    }
}

/// A host's name comes from its system, where it may be anything.
fn presentable(hello: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    match !hello.is_empty() && hello.bytes().all(fits) {
        true => hello.to_owned(),
        false => "localhost".to_owned(),
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(60),
            command: Duration::from_secs(60),
            data_block: Duration::from_secs(60),
            end_of_data: Duration::from_secs(5 * 60),
            quit: Duration::from_secs(5),
        }
    }
}

/// For `dirt`: reads replies until they end or are none.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_dirt(bytes: &[u8]) {
    let mut buffer = bytes.to_vec();
    while let Ok(Some(reply)) = reply::take_reply(&mut buffer) {
        // Only that it comes back counts.
        let _ = extensions::Extensions::read(&reply.lines);
        let _ = reply.text();
    }
}

#[cfg(test)]
mod tests;
