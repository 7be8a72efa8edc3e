//! What the door asks of the house behind it: who may come in, who may send as whom, and where the octets go.
//! The door itself knows no submitter, no password and no queue. Implemented in `postern/src/queue`.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use mail::Address;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::Transaction;

/// The house behind the door. None of these may block; all may await.
///
/// While one of them is awaited, nothing else happens on that connection.
pub trait House: Send + Sync + 'static {
    /// Takes one message in.
    type Intake: Intake;

    /// Asked once for each connection, before the greeting and before TLS.
    fn admit(&self, peer: &Peer) -> impl Future<Output = Admission> + Send;

    /// Asked for each complete AUTH. A wrong name or password is [`Refusal::wrong_credentials`], whatever was
    /// wrong; the door answers it no sooner than `Limits::failed_login` after it was asked, so that neither the
    /// text nor the time says which. Throttling by address and by user is the house's.
    fn log_in(&self, peer: &Peer, login: &Login) -> impl Future<Output = Result<Submitter, Refusal>> + Send;

    /// Asked at MAIL. `from` is None for the null sender; `size_octets` is what the client declared.
    fn check_sender(
        &self,
        who: &Submitter,
        from: Option<&Address>,
        size_octets: Option<u64>,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Asked at each RCPT.
    fn check_recipient(
        &self,
        who: &Submitter,
        to: &Address,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Asked at DATA, or at the first BDAT: the envelope is complete now.
    fn begin(
        &self,
        who: &Submitter,
        transaction: Transaction,
    ) -> impl Future<Output = Result<Self::Intake, Refusal>> + Send;

    /// Told of what the door refused by itself: a command out of order, content with a bare LF, a handshake that
    /// failed, one connection too many. The same is told once for each connection. `who` is None where nobody is known.
    fn refused(&self, peer: &Peer, who: Option<&Submitter>, refusal: &Refusal);
}

/// Takes in the content of one message. Dropped without [`Intake::finish`], the message is abandoned: the client
/// went away, or the content was refused.
pub trait Intake: Send {
    /// The next octets of the content as it was meant: without SMTP's added dots, every line ended by CR LF, no NUL.
    /// Each piece but the last has exactly 256 KiB, the last has 1 octet to 256 KiB. While this is awaited nothing
    /// more is read from the client.
    fn write(&mut self, octets: Bytes) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// The content is complete. `Ok` means that it is on disk: the client is told 250 then, and not before.
    fn finish(self) -> impl Future<Output = Result<Accepted, Refusal>> + Send;
}

/// Whether somebody may come in at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// A submitter that is known by its network and needs no password.
    Known(Submitter),
    /// Anybody else: has to log in before it may send.
    Stranger,
    /// Not even that. Told in place of the greeting; then the connection is closed.
    Refused(Refusal),
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The client. An IPv4 address is one, even on a socket that speaks both.
    pub address: SocketAddr,
    /// Which address of ours it called.
    pub local: SocketAddr,
    /// The proxy that brought the connection and named the client (PROXY protocol).
    pub proxy: Option<IpAddr>,
}

/// Whom the house knows: the device or program that hands mail in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitter {
    /// The submitter's id.
    pub id: Uuid,
    /// Its name, for people.
    pub name: String,
}

/// What a client proves itself with. The secret is wiped on drop and not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// How it was said.
    pub mechanism: Mechanism,
    /// The user name.
    pub user: String,
    /// The password.
    pub secret: Zeroizing<String>,
}

/// The SASL mechanisms on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: what devices use.
    Login,
}

/// The message is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Under what id; the client is told.
    pub id: String,
}

/// A refusal as SMTP says it. 4xx: try again; 5xx: don't; 421: and the connection is closed.
///
/// Another code is said as 451. Characters that don't fit into a reply line are replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {enhanced} {text}")]
pub struct Refusal {
    /// RFC 5321 §4.2.
    pub code: u16,
    /// RFC 3463, `5.7.1`; its first digit is that of the code.
    pub enhanced: &'static str,
    /// What happened and what to do next, in one sentence.
    pub text: String,
}

impl Refusal {
    /// A refusal from its parts.
    pub fn new(code: u16, enhanced: &'static str, text: impl Into<String>) -> Refusal {
        Refusal { code, enhanced, text: text.into() }
    }

    /// The one answer to a wrong user name and to a wrong password: RFC 4954 §6.
    pub fn wrong_credentials() -> Refusal {
        Refusal::new(535, "5.7.8", "The user name or the password is wrong")
    }
}

impl Mechanism {
    /// Its name in the AUTH command.
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Login")
            .field("mechanism", &self.mechanism)
            .field("user", &self.user)
            .field("secret", &"<redacted>")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let secret = Zeroizing::new("hunter2".to_owned());
        let login = Login { mechanism: Mechanism::Plain, user: "scanner".into(), secret };
        let shown = format!("{login:?}");
        assert!(shown.contains("scanner") && !shown.contains("hunter2"), "{shown}");
    }
}
