//! Exchange's replies (facts 6.2, 6.5, 6.6; additions D). Texts in one place, without the line end.
//! Open (additions H2): the idle line of port 587 (that of port 25 is said), what a SIZE that is too big and one
//! recipient too many are answered, and AUTH before TLS.

use crate::timestamp;
use time::{Duration, OffsetDateTime};

pub(super) const STARTTLS_READY: &str = "220 2.0.0 SMTP server ready";
pub(super) const AUTHENTICATED: &str = "235 2.7.0 Authentication successful";
pub(super) const SENDER_OK: &str = "250 2.1.0 Sender OK";
pub(super) const RECIPIENT_OK: &str = "250 2.1.5 Recipient OK";
pub(super) const START_INPUT: &str = "354 Start mail input; end with <CRLF>.<CRLF>";
pub(super) const CLOSING: &str = "221 2.0.0 Service closing transmission channel";
pub(super) const RESET: &str = "250 2.0.0 Resetting";
pub(super) const OK: &str = "250 2.0.0 OK";
pub(super) const CANNOT_VERIFY: &str = "252 2.1.5 Cannot VRFY user";
pub(super) const HELP: &str = "214-This server supports the following commands:\r\n214 HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT";
pub(super) const SAY_HELLO: &str = "503 5.5.2 Send hello first";
pub(super) const NEED_MAIL: &str = "503 5.5.2 Need mail command";
pub(super) const NEED_RCPT: &str = "503 5.5.2 Need rcpt command";
pub(super) const SENDER_GIVEN: &str = "503 5.5.2 Sender already specified";
pub(super) const BAD_SEQUENCE: &str = "503 5.5.1 Bad sequence of commands";
pub(super) const ALREADY_AUTHENTICATED: &str = "503 5.5.2 Already authenticated";
pub(super) const BAD_ARGUMENTS: &str = "501 5.5.4 Invalid arguments";
pub(super) const BAD_SENDER: &str = "501 5.1.7 Invalid address";
pub(super) const BAD_RECIPIENT: &str = "501 5.1.3 Invalid address";
pub(super) const UNKNOWN_MECHANISM: &str = "504 5.7.4 Unrecognized authentication type";
pub(super) const TLS_FIRST: &str = "530 5.7.0 Must issue a STARTTLS command first";
pub(super) const AUTH_CANCELLED: &str = "501 5.7.0 Authentication cancelled";
pub(super) const TOO_MANY_RECIPIENTS: &str = "452 4.5.3 Too many recipients";
pub(super) const TOO_BIG: &str = "552 5.3.4 Message size exceeds fixed maximum message size";
/// As logged (additions D3).
pub(super) const HEADER_TOO_BIG: &str = "552 5.3.4 Header size exceeds fixed maximum size";
pub(super) const UNAVAILABLE: &str = "421 4.3.2 Service not available";
/// A message was taken, and the answer says otherwise.
pub(super) const LATE: &str = "421 4.4.2 Connection dropped";
pub(super) const UNKNOWN_RECIPIENT: &str = "550 5.1.1 Recipient address rejected: User unknown";
pub(super) const NOT_NOW: &str = "451 4.7.0 Temporary server error. Please try again later.";
pub(super) const TOO_MANY_ERRORS: &str =
    "421 4.7.0 Too many errors on this connection, closing transmission channel";

/// Largest message that the server takes at all: 150 MiB (facts 6.2).
pub(super) const SIZE: usize = 157_286_400;

/// Host, time and session id, as they end most refusals (additions D6).
pub(super) fn bracket(host: &str, now: OffsetDateTime, session: &str) -> String {
    format!("[{host} {} {session}]", timestamp::exchange(now))
}

pub(super) fn greeting(host: &str, now: OffsetDateTime, session: &str) -> String {
    format!("220 {host} Microsoft ESMTP MAIL Service ready at {} [{session}]", timestamp::mail(now))
}

/// What EHLO offers at this point of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    StartTls,
    Auth,
}

/// The list of facts 6.2: AUTH only after TLS.
pub(super) fn ehlo(host: &str, peer: &str, offer: Offer) -> String {
    let security = match offer {
        Offer::StartTls => "STARTTLS",
        Offer::Auth => "AUTH LOGIN XOAUTH2",
    };
    let lines = [
        format!("{host} Hello [{peer}]"),
        format!("SIZE {SIZE}"),
        "PIPELINING".into(),
        "DSN".into(),
        "ENHANCEDSTATUSCODES".into(),
        security.into(),
        "8BITMIME".into(),
        "BINARYMIME".into(),
        "CHUNKING".into(),
        "SMTPUTF8".into(),
    ];
    let last = lines.len() - 1;
    let reply =
        lines.iter().enumerate().map(|(n, line)| format!("250{}{line}", if n == last { ' ' } else { '-' }));
    reply.collect::<Vec<_>>().join("\r\n")
}

pub(super) fn starttls_required(bracket: &str) -> String {
    format!("451 5.7.3 STARTTLS is required to send mail {bracket}")
}

pub(super) fn unauthenticated(failed: Option<&str>, bracket: &str) -> String {
    match failed {
        None => format!("530 5.7.57 Client not authenticated to send mail. {bracket}"),
        Some(reason) => {
            format!("530 5.7.57 Client not authenticated to send mail. Error: 535 {reason} {bracket}")
        }
    }
}

pub(super) fn unknown_command(verb: &str) -> String {
    let shown: String = verb.chars().filter(|c| !c.is_control()).take(40).collect();
    format!("500 5.3.3 Unrecognized command '{shown}'")
}

/// What a session that was idle is told at its end (additions D5).
pub(super) fn idle(session: Duration) -> String {
    format!("421 4.4.1 Connection timed out. Total session duration: {}", timestamp::span(session))
}

/// 421: the server closes the channel (RFC 5321, 3.8).
pub(super) fn closes(reply: &str) -> bool {
    reply.starts_with("421")
}

pub(super) fn chunk_received(bytes: usize) -> String {
    format!("250 2.6.0 CHUNK received OK, {bytes} octets")
}

pub(super) fn accepted(id: &str, host: &str) -> String {
    format!("250 2.0.0 OK <{id}> [Hostname={host}]")
}

pub(super) fn too_many_connections(host: &str) -> String {
    format!(
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname={host}]"
    )
}

pub(super) fn send_as_denied(user: &str, from: &str, host: &str) -> String {
    format!(
        "554 5.2.252 SendAsDenied; {user} not allowed to send as {from}; STOREDRV.Submission.Exception:SendAsDeniedException.\
         MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit \
         message. 0.35250:00000000, 1.36674:0A000000[EndDiagnosticData] [Hostname={host}]"
    )
}

pub(super) fn mailbox_full(host: &str) -> String {
    format!(
        "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded [Hostname={host}]"
    )
}

pub(super) fn quota_exceeded(host: &str) -> String {
    format!(
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException.MapiExceptionSubmissionQuotaExceeded [Hostname={host}]"
    )
}

pub(super) fn over_mailbox_size(host: &str) -> String {
    format!(
        "554 5.2.3 Message size exceeds maximum size limit.; STOREDRV.Submission.Exception:MessageSubmissionExceededException.\
         MapiExceptionMaxSubmissionExceeded; Failed to process message due to a permanent exception with message \
         [BeginDiagnosticData]Cannot save changes made to an item to store.[EndDiagnosticData] [Hostname={host}]"
    )
}

pub(super) fn sender_throttled(host: &str) -> String {
    format!("550 5.2.252 Sender throttled due to continuous send as denied errors. [Hostname={host}]")
}

pub(super) fn bad_outbound_sender(host: &str) -> String {
    format!("550 5.1.8 Access denied, bad outbound sender [Hostname={host}]")
}

pub(super) fn temporary(host: &str) -> String {
    format!("451 4.7.0 Temporary server error. Please try again later. [Hostname={host}]")
}

pub(super) fn permanent(host: &str) -> String {
    format!(
        "554 5.2.0 STOREDRV.Submission.Exception: Failed to process message due to a permanent exception [Hostname={host}]"
    )
}

/// Whatever number a recipient's name asks for.
pub(super) fn with_code(code: u16) -> String {
    let class = code / 100;
    format!("{code} {class}.0.0 SIMULATED: the recipient asked for this number")
}
