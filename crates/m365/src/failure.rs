//! What can go wrong between Postern and Microsoft, in one type that every call of this room returns.
//!
//! It keeps what the other side said, so that the diagnosis can look it up, and it never carries a secret:
//! no token, no code, no password, no query string. Neighbours: `diagnosis` explains a [`Failure`] to a
//! person, `graph` and `smtp` turn it into a `mail::Outcome`, `state` decides whether it breaks an account.

mod entra;

use std::fmt;
use std::time::Duration;

use mail::Address;

pub use entra::EntraRefusal;

/// Why a call to Microsoft did not succeed. The big refusals are boxed: a `Result` stays small.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Entra ID answered, and said no.
    #[error("{0}")]
    Entra(Box<EntraRefusal>),
    /// Microsoft Graph answered, and said no.
    #[error("{0}")]
    Graph(Box<GraphRefusal>),
    /// The SMTP server answered, and said no.
    #[error("{0}")]
    Smtp(Box<SmtpRefusal>),
    /// No usable answer came.
    #[error("{0}")]
    Network(NetworkTrouble),
    /// Our own side stood in the way, before or after the call.
    #[error("{0}")]
    Local(LocalTrouble),
}

/// An error answer of Microsoft Graph (`{"error":{"code","message","innerError"}}`, in whatever case).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphRefusal {
    /// HTTP status.
    pub status: u16,
    /// `error.code`; empty where the answer had none.
    pub code: String,
    /// `error.message`, cleaned of control characters.
    pub message: String,
    /// The codes inside `innerError`, outermost first.
    pub inner_codes: Vec<String>,
    /// Microsoft's name for the request, from the header or the inner error.
    pub request_id: Option<String>,
    /// The name that we gave the request.
    pub client_request_id: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// A refusal in the SMTP dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpRefusal {
    /// What we had said.
    pub stage: SmtpStage,
    /// The three digits (RFC 5321 §4.2).
    pub code: u16,
    /// The enhanced status code, e.g. `5.7.139` (RFC 3463).
    pub enhanced: Option<String>,
    /// The rest of the reply, its lines joined by a space.
    pub text: String,
    /// The error that came inside a `334`, decoded from base64 (XOAUTH2; facts 6.4).
    pub challenge: Option<String>,
    /// Whom a refused `RCPT TO` named.
    pub recipient: Option<Address>,
}

/// Where in the SMTP dialog a refusal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmtpStage {
    /// The connection itself.
    Connect,
    /// The server's first line.
    Greeting,
    /// `EHLO`.
    Ehlo,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH XOAUTH2`.
    Auth,
    /// `MAIL FROM`.
    MailFrom,
    /// `RCPT TO`.
    RcptTo,
    /// `DATA` or `BDAT`, before the message.
    Data,
    /// After the last byte of the message.
    EndOfData,
}

/// No usable answer: nothing about the account is learned from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkTrouble {
    /// `host:port` of whom we called; never a path, a query or a user name.
    pub target: String,
    /// What broke.
    pub kind: NetworkKind,
    /// What the library or the system said.
    pub detail: String,
}

/// How a network call came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkKind {
    /// The name doesn't resolve.
    Dns,
    /// No connection: refused, unreachable, or not made in time. No byte was sent.
    Connect,
    /// TLS failed, most often because the certificate isn't trusted. No byte was sent.
    Tls,
    /// The proxy refused, asked for another password, or isn't there. No byte reached the other side.
    Proxy,
    /// Connected, but no answer in time: the request may have arrived.
    Timeout,
    /// The connection broke before the answer: the request may have arrived.
    Reset,
    /// The whole message was sent and the answer is lost: it may have been accepted.
    AfterLastByte,
    /// Something answered that isn't the service: a redirect, a captive portal, an oversized or garbled body.
    Unreadable,
}

/// Trouble on our own side: settings, certificate, clock, store, or an answer that we refuse to believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTrouble {
    /// Stable and snake_case.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl Failure {
    /// Whether waiting may help. Nothing temporary breaks an account or discards a grant (product.md §3).
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Entra(refusal) => refusal.is_temporary(),
            Self::Graph(refusal) => refusal.is_temporary(),
            Self::Smtp(refusal) => refusal.is_temporary(),
            Self::Network(_) => true,
            Self::Local(trouble) => trouble.is_temporary(),
        }
    }

    /// How long the other side asked us to stay away.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Entra(refusal) => refusal.retry_after,
            Self::Graph(refusal) => refusal.retry_after,
            Self::Smtp(_) | Self::Network(_) | Self::Local(_) => None,
        }
    }

    /// A short stable name: `AADSTS7000222`, `ErrorSendAsDenied`, `535 5.7.3`, `timeout`, `id_token_nonce`.
    pub fn code(&self) -> String {
        match self {
            Self::Entra(refusal) => refusal.label(),
            Self::Graph(refusal) if refusal.code.is_empty() => format!("http_{}", refusal.status),
            Self::Graph(refusal) => refusal.code.clone(),
            Self::Smtp(refusal) => refusal.label(),
            Self::Network(trouble) => trouble.kind.name().to_owned(),
            Self::Local(trouble) => trouble.code.to_owned(),
        }
    }

    /// What Microsoft's support asks for: its name for the request, else ours.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Entra(refusal) => refusal.trace_id.as_deref().or(refusal.correlation_id.as_deref()),
            Self::Graph(refusal) => refusal.request_id.as_deref().or(refusal.client_request_id.as_deref()),
            Self::Smtp(_) | Self::Network(_) | Self::Local(_) => None,
        }
    }
}

impl GraphRefusal {
    /// By code first: Graph's statuses vary for the same trouble (facts 5.4, additions C3).
    pub fn is_temporary(&self) -> bool {
        matches!(
            (self.code.as_str(), self.status),
            ("ApplicationThrottled" | "TooManyRequests" | "activityLimitReached", _)
                | ("ErrorExceededMessageLimit" | "serviceNotAvailable" | "ErrorServerBusy", _)
                | (_, 408 | 429 | 500 | 502..=504 | 509)
        ) || self.is_not_replicated()
    }

    /// A gateway's answer says nothing about what stood behind it: a 504 has been a delivered message (field 30).
    pub(crate) fn may_have_arrived(&self) -> bool {
        matches!(self.status, 408 | 502 | 504)
    }

    /// What was made a moment ago isn't known everywhere yet (additions B9): only registering meets it.
    fn is_not_replicated(&self) -> bool {
        const WORDS: [&str; 3] = [
            "does not reference a valid application object",
            "Not a valid reference update",
            "must in the local tenant",
        ];
        let told_so = matches!(self.code.as_str(), "Request_BadRequest" | "Authorization_RequestDenied");
        told_so && WORDS.iter().any(|words| self.message.contains(words))
    }
}

impl SmtpRefusal {
    /// By number (RFC 5321 §4.2.1), with the exceptions that Exchange Online makes (facts 6.6, additions D).
    pub fn is_temporary(&self) -> bool {
        match (self.code, self.enhanced.as_deref()) {
            // 4xx that never heal: "STARTTLS is required to send mail" (additions A, 6.2), and the door of another
            // region, which only a connector meets (6.6).
            (451, Some("5.7.3")) | (_, Some("4.4.62")) => false,
            // "Token will expire soon": a fresh token cures it.
            (501, Some("5.5.127")) => true,
            // Sender throttled for its repeated errors: only a long pause helps. 554 5.2.252 also is SendAsDenied.
            (550, Some("5.2.251" | "5.2.252" | "5.2.253" | "5.2.254" | "5.2.255")) => true,
            (554, Some("5.2.251" | "5.2.252" | "5.2.253" | "5.2.254" | "5.2.255")) => {
                self.text.contains("throttled")
            }
            // The day's recipients, in the words of the session and in those of a bounce.
            (550 | 554, _) if self.is_over_quota() => true,
            (code, _) => (400..500).contains(&code),
        }
    }

    fn is_over_quota(&self) -> bool {
        ["SubmissionQuotaExceeded", "Submission quota exceeded"].iter().any(|words| self.text.contains(words))
    }

    fn label(&self) -> String {
        match &self.enhanced {
            Some(enhanced) => format!("{} {enhanced}", self.code),
            None => self.code.to_string(),
        }
    }
}

impl NetworkKind {
    /// snake_case, as the API shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::AfterLastByte => "after_last_byte",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether it is certain that the other side never saw the request.
    pub fn is_before_request(self) -> bool {
        matches!(self, Self::Dns | Self::Connect | Self::Tls | Self::Proxy)
    }
}

impl NetworkTrouble {
    /// `target` is `host:port`; `detail` is cleaned and cut.
    pub fn new(target: impl Into<String>, kind: NetworkKind, detail: &str) -> Self {
        Self { target: target.into(), kind, detail: printable(detail, DETAIL_CHARS) }
    }
}

impl LocalTrouble {
    /// `code` in snake_case, `message` says what is wrong, `hint` what to do.
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// Only what our own store or a change made meanwhile caused passes by itself.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.code,
            "account_changed"
                | "content_unreadable"
                | "grant_not_stored"
                | "grant_not_loaded"
                | "interrupted"
        )
    }
}

impl fmt::Display for GraphRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Microsoft Graph answered")?;
        // A code out of a pasted text came without a status.
        if self.status > 0 {
            write!(out, " {}", self.status)?;
        }
        write_unless_empty(out, " ", &self.code)?;
        write_unless_empty(out, ": ", &self.message)
    }
}

impl fmt::Display for SmtpRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the SMTP server answered {}", self.label())?;
        write_unless_empty(out, " ", &self.text)?;
        if let Some(recipient) = &self.recipient {
            write!(out, " (for {recipient})")?;
        }
        Ok(())
    }
}

impl fmt::Display for NetworkTrouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            NetworkKind::Dns => "the name can't be resolved",
            NetworkKind::Connect => "no connection",
            NetworkKind::Tls => "no trusted TLS connection",
            NetworkKind::Proxy => "the proxy didn't connect us",
            NetworkKind::Timeout => "no answer in time",
            NetworkKind::Reset => "the connection broke",
            NetworkKind::AfterLastByte => "the answer was lost after the whole message was sent",
            NetworkKind::Unreadable => "the answer isn't one that this service gives",
        };
        write!(out, "{}: {what}", self.target)?;
        write_unless_empty(out, ": ", &self.detail)
    }
}

impl fmt::Display for LocalTrouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl From<EntraRefusal> for Failure {
    fn from(refusal: EntraRefusal) -> Self {
        Self::Entra(Box::new(refusal))
    }
}

impl From<GraphRefusal> for Failure {
    fn from(refusal: GraphRefusal) -> Self {
        Self::Graph(Box::new(refusal))
    }
}

impl From<SmtpRefusal> for Failure {
    fn from(refusal: SmtpRefusal) -> Self {
        Self::Smtp(Box::new(refusal))
    }
}

impl From<NetworkTrouble> for Failure {
    fn from(trouble: NetworkTrouble) -> Self {
        Self::Network(trouble)
    }
}

impl From<LocalTrouble> for Failure {
    fn from(trouble: LocalTrouble) -> Self {
        Self::Local(trouble)
    }
}

/// Longest detail of a network trouble that is kept.
const DETAIL_CHARS: usize = 300;

/// What others sent, fit for a log line, a terminal and a page: control characters (also those that steer
/// a terminal or the direction of writing) become spaces, runs of white space one space, the rest is cut.
pub(crate) fn printable(text: &str, max_chars: usize) -> String {
    let cleaned = text.replace(|c: char| c.is_control() || is_direction_mark(c), " ");
    let joined = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(max_chars) {
        None => joined,
        Some((end, _)) => format!("{}…", &joined[..end]),
    }
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn write_unless_empty(out: &mut fmt::Formatter<'_>, before: &str, text: &str) -> fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    write!(out, "{before}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(code: u16, enhanced: &str, text: &str) -> SmtpRefusal {
        SmtpRefusal {
            stage: SmtpStage::EndOfData,
            code,
            enhanced: Some(enhanced.to_owned()),
            text: text.to_owned(),
            challenge: None,
            recipient: None,
        }
    }

    fn graph(status: u16, code: &str) -> GraphRefusal {
        GraphRefusal {
            status,
            code: code.to_owned(),
            message: "no".to_owned(),
            inner_codes: Vec::new(),
            request_id: None,
            client_request_id: Some("ours".to_owned()),
            retry_after: None,
        }
    }

    #[test]
    fn smtp_numbers_decide_except_where_exchange_means_something_else() {
        assert!(smtp(432, "4.3.2", "Concurrent connections limit exceeded").is_temporary());
        assert!(!smtp(535, "5.7.3", "Authentication unsuccessful").is_temporary());
        assert!(!smtp(451, "5.7.3", "STARTTLS is required to send mail").is_temporary());
        assert!(smtp(501, "5.5.127", "Token will expire soon").is_temporary());
        assert!(!smtp(554, "5.2.252", "SendAsDenied; a not allowed to send as b").is_temporary());
        assert!(smtp(550, "5.2.252", "Sender throttled due to continuous errors").is_temporary());
        assert!(smtp(550, "5.2.253", "").is_temporary(), "550 is the throttling, also without its words");
        assert!(smtp(554, "5.2.0", "STOREDRV; SubmissionQuotaExceededException").is_temporary());
        assert!(smtp(550, "5.2.2", "Submission quota exceeded").is_temporary());
        assert!(!smtp(554, "5.2.2", "mailbox full").is_temporary());
        assert!(!smtp(451, "4.4.62", "Mail sent to the wrong Office 365 region").is_temporary());
    }

    #[test]
    fn graph_codes_decide_before_statuses() {
        assert!(graph(400, "ErrorExceededMessageLimit").is_temporary());
        assert!(graph(429, "").is_temporary());
        assert!(graph(503, "anything").is_temporary());
        assert!(!graph(403, "ErrorSendAsDenied").is_temporary());
        assert!(!graph(404, "MailboxNotEnabledForRESTAPI").is_temporary());
    }

    #[test]
    fn network_trouble_is_always_temporary_and_our_own_only_where_it_passes() {
        let network = NetworkTrouble::new("login.example:443", NetworkKind::Tls, "unknown issuer");
        assert!(Failure::from(network).is_temporary());
        assert!(!Failure::from(LocalTrouble::new("certificate_expired", "m", "h")).is_temporary());
        assert!(Failure::from(LocalTrouble::new("grant_not_stored", "m", "h")).is_temporary());
    }

    #[test]
    fn only_the_early_kinds_are_certain_not_to_have_arrived() {
        assert!(NetworkKind::Connect.is_before_request());
        assert!(!NetworkKind::Timeout.is_before_request());
        assert!(!NetworkKind::AfterLastByte.is_before_request());
    }

    #[test]
    fn a_failure_reads_as_a_sentence_and_has_a_short_code() {
        let failure = Failure::from(smtp(535, "5.7.3", "Authentication unsuccessful"));
        assert_eq!(failure.to_string(), "the SMTP server answered 535 5.7.3 Authentication unsuccessful");
        assert_eq!(failure.code(), "535 5.7.3");
        let failure = Failure::from(graph(413, ""));
        assert_eq!(failure.code(), "http_413");
        assert_eq!(failure.request_id(), Some("ours"));
        let failure = Failure::from(NetworkTrouble::new("a:1", NetworkKind::Dns, ""));
        assert_eq!(failure.to_string(), "a:1: the name can't be resolved");
    }

    #[test]
    fn what_others_sent_cannot_steer_a_terminal() {
        assert_eq!(printable("a\x1b[31mb\r\n c\u{202e}d", 50), "a [31mb c d");
        assert_eq!(printable("ééééé", 3), "ééé…");
    }
}
