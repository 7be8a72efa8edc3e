//! How one listener behaves: its name, its encryption, and every limit in one place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::Address;

use crate::census::Census;

/// One listener.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the server calls itself in its greeting: a host name.
    pub hello: String,
    /// Who gets mail for `postmaster` without a domain (RFC 5321 §4.5.1), if anybody.
    pub postmaster: Option<Address>,
    /// Encryption.
    pub security: Security,
    /// Proxies that name the client by PROXY protocol v2. From them the header is required, from others it is
    /// refused.
    pub proxies: Vec<IpAddr>,
    /// What is too much.
    pub limits: Limits,
    /// Who is connected: listeners that share one share its limits.
    pub census: Arc<Census>,
}

/// The encryption of a listener. The `rustls::ServerConfig` brings its certificate by a resolver, so that a new
/// certificate needs no new listener.
#[derive(Debug, Clone)]
pub enum Security {
    /// None; passwords are taken from loopback only.
    Plain,
    /// None, and passwords are taken in the clear from anywhere: only where the administrator said so.
    PlainAnywhere,
    /// In the clear until STARTTLS; passwords only after it.
    StartTls(Arc<rustls::ServerConfig>),
    /// TLS from the first octet (RFC 8314 §3.3).
    Implicit(Arc<rustls::ServerConfig>),
}

/// What is too much, too long or too slow.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Octets of a message, after its dots are taken out: announced by SIZE.
    pub message_octets: u64,
    /// Recipients of a message. RFC 5321 §4.5.3.1.8 asks for 100 at least.
    pub recipients: usize,
    /// Octets of a line of content with its CR LF: RFC 5321 §4.5.3.1.6.
    pub text_line_octets: usize,
    /// Commands of one connection that were answered 5xx.
    pub errors: u32,
    /// Failed logins of one connection.
    pub failed_logins: u32,
    /// Commands in a row that bring no message on its way (NOOP, RSET, VRFY …).
    pub idle_commands: u32,
    /// For a PROXY header or a TLS handshake.
    pub handshake: Duration,
    /// From the greeting to a login, where one is needed.
    pub stranger: Duration,
    /// For one command, from the reply before it to its last octet. RFC 5321 §4.5.3.2.7 asks for five minutes.
    pub command: Duration,
    /// Between two packets of content. RFC 5321 §4.5.3.2.5 asks for three minutes.
    pub content: Duration,
    /// Octets per second that content must come with, on average, once it has taken longer than `content`.
    pub slowest: u64,
    /// No failed login is answered sooner than this, so that time doesn't say what was wrong.
    pub failed_login: Duration,
    /// How long transactions under way may take when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // What Exchange Online lets a mailbox send unless it was told otherwise.
            message_octets: 35 * 1024 * 1024,
            recipients: 500,
            text_line_octets: 1000,
            errors: 20,
            failed_logins: 3,
            idle_commands: 100,
            handshake: Duration::from_secs(20),
            stranger: Duration::from_secs(120),
            command: Duration::from_secs(300),
            content: Duration::from_secs(180),
            slowest: 1000,
            failed_login: Duration::from_secs(1),
            grace: Duration::from_secs(20),
        }
    }
}
