//! What the client said about a message before its content: envelope, delivery reports, how it came.
//! Plain data, made by the session when the envelope is complete.

use mail::dsn_request::{EnvId, Notify, Orcpt, Ret};
use mail::{Address, Envelope};

use crate::Peer;

/// A message whose envelope is complete and whose content follows. It has at least one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// `MAIL FROM`; None is the null reverse-path `<>`.
    pub from: Option<Address>,
    /// `RCPT TO`, in that order; somebody named twice is kept once, as first named.
    pub recipients: Vec<Recipient>,
    /// `RET=`: how much of the message a report brings back.
    pub ret: Option<Ret>,
    /// `ENVID=`: the client's own name for the message.
    pub envid: Option<EnvId>,
    /// `SIZE=`, as declared; the content may be smaller or larger.
    pub declared_octets: Option<u64>,
    /// `BODY=8BITMIME` was said. Content with eight bits comes without it, too.
    pub eight_bit_declared: bool,
    /// `SMTPUTF8` was said.
    pub international: bool,
    /// Where it came from.
    pub peer: Peer,
    /// How the client called itself.
    pub hello: Hello,
    /// The encryption of the connection; None: in the clear.
    pub tls: Option<Tls>,
    /// How the submitter was known.
    pub proof: Proof,
}

/// One recipient, and what is to be reported about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The mailbox.
    pub address: Address,
    /// `NOTIFY=`; None: not said.
    pub notify: Option<Notify>,
    /// `ORCPT=`.
    pub orcpt: Option<Orcpt>,
}

/// How the client called itself. Its own claim: nobody has checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name: printable ASCII without spaces, 1 to 255 octets.
    pub name: String,
    /// Whether it speaks ESMTP.
    pub verb: HelloVerb,
}

/// Which greeting it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelloVerb {
    /// `HELO`: SMTP as of 1982.
    Helo,
    /// `EHLO`.
    Ehlo,
}

/// The encryption of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.3`, as mail servers write it.
    pub version: &'static str,
    /// The cipher suite, as IANA names it: `TLS_AES_256_GCM_SHA384`.
    pub cipher: &'static str,
}

/// How the submitter was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By its address.
    Network,
    /// By AUTH.
    Login {
        /// The user name that was given.
        user: String,
    },
}

impl Transaction {
    /// The envelope without what is to be reported about whom.
    pub fn envelope(&self) -> Envelope {
        let to = self.recipients.iter().map(|recipient| recipient.address.clone());
        Envelope::new(self.from.clone(), to).expect("a transaction has at least one recipient")
    }

    /// The protocol as the Received field names it: RFC 3848, RFC 6531 §4.3.
    pub fn protocol(&self) -> &'static str {
        let logged_in = matches!(self.proof, Proof::Login { .. });
        match (self.international, self.hello.verb, self.tls.is_some(), logged_in) {
            (true, _, false, false) => "UTF8SMTP",
            (true, _, true, false) => "UTF8SMTPS",
            (true, _, false, true) => "UTF8SMTPA",
            (true, _, true, true) => "UTF8SMTPSA",
            (false, HelloVerb::Helo, false, false) => "SMTP",
            (false, _, false, false) => "ESMTP",
            (false, _, true, false) => "ESMTPS",
            (false, _, false, true) => "ESMTPA",
            (false, _, true, true) => "ESMTPSA",
        }
    }
}
