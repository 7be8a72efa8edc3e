//! What goes wrong on purpose: each switch with what it does and the Microsoft code that it provokes.
//! Off, the tenant is healthy; the limits that Microsoft has are on by default.

use super::{Said, SaidReply, SaidTo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a service is out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// It works.
    #[default]
    Off,
    /// It answers that it is unavailable.
    Unavailable,
    /// It takes the request and never answers.
    Hang,
    /// It closes the connection without an answer.
    Reset,
}

/// Whether people may consent themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserConsent {
    /// They may, save for what only an administrator can give.
    #[default]
    Allowed,
    /// Only an administrator may.
    Blocked,
    /// Only an administrator may; people can file a request for it.
    Request,
}

/// What becomes of a user name and password at SMTP AUTH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basic {
    /// Refused, whatever the password.
    #[default]
    Disabled,
    /// Still accepted.
    Allowed,
}

/// One switch, for people and programs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SwitchInfo {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// The Microsoft code it provokes.
    pub provokes: &'static str,
}

macro_rules! switches {
    ($($name:ident: $type:ty = $default:expr, $does:literal, $provokes:literal;)*) => {
        /// The switches and their values.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Switches {
            $(#[doc = $does] pub $name: $type,)*
        }

        impl Default for Switches {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// Every switch with what it does and what it provokes.
        pub const SWITCHES: &[SwitchInfo] = &[
            $(SwitchInfo { name: stringify!($name), does: $does, provokes: $provokes },)*
        ];
    };
}

switches! {
    entra_outage: Outage = Outage::Off,
        "Entra is out of order: off, unavailable, hang or reset", "HTTP 503 temporarily_unavailable, AADSTS90033";
    entra_throttle_seconds: u32 = 0,
        "Entra's token endpoint answers 429 with this Retry-After (0: no)", "HTTP 429 temporarily_unavailable, AADSTS90055";
    entra_says: Option<Said> = None,
        "The token endpoint answers this, word for word: {\"status\": 400, \"body\": {…}} (null: no)", "what is given";
    entra_redirects_with: Option<BTreeMap<String, String>> = None,
        "A sign-in goes back to the application at once with these parameters, word for word, and the state: {\"error\": \"…\", \"error_description\": \"…\"} (null: no)",
        "what is given";
    ca_block: bool = false,
        "Conditional Access blocks every token", "AADSTS53003";
    mfa_enrollment_required: bool = false,
        "Refreshing needs the user to enrol in multi-factor authentication first", "AADSTS50079";
    sign_in_frequency_hours: Option<u32> = None,
        "A sign-in frequency policy ends grants after so many hours (null: none)", "AADSTS70043";
    user_consent: UserConsent = UserConsent::Allowed,
        "Whether people may consent themselves: allowed, blocked or request", "AADSTS90094 (blocked), AADSTS90095 (request)";
    app_disabled: bool = false,
        "Sign-in of every enterprise application is disabled", "AADSTS7000112";
    service_principal_missing: bool = false,
        "The applications have no service principal in the tenant", "AADSTS7000229";
    exchange_missing: bool = false,
        "The tenant has no Exchange Online", "AADSTS500011 (token), AADSTS650052 (authorize)";
    device_code_blocked: bool = false,
        "A policy blocks device code: the browser says so, the polling side goes on waiting; a sign-in made by one is stopped at its next refresh", "AADSTS53003, then AADSTS70019";
    refresh_token_in_answers: bool = true,
        "A refresh answers with a new refresh token (off: without one; keep the old)", "none";
    access_token_lifetime_seconds: Option<u32> = None,
        "Life of access tokens (null: random 3600 to 5399)", "none";
    code_lifetime_seconds: u32 = 600,
        "Life of authorization codes", "AADSTS70008";
    graph_outage: Outage = Outage::Off,
        "Graph is out of order: off, unavailable, hang or reset", "HTTP 503 serviceNotAvailable";
    graph_throttle_seconds: u32 = 0,
        "Graph answers 429 with this Retry-After (0: no)", "HTTP 429 ApplicationThrottled";
    graph_says: Option<Said> = None,
        "Graph answers this to sendMail and to the sending of a draft, word for word: {\"status\": 403, \"body\": {…}} (null: no)", "what is given";
    graph_says_to: Option<SaidTo> = None,
        "Graph answers this to one operation, word for word: {\"operation\": \"POST applications\", \"says\": {\"status\": 403, \"body\": {…}}}; * is any one segment of a path (null: no)",
        "what is given";
    graph_latency_ms: u32 = 0,
        "Graph takes so long for each answer, so that calls overlap", "none";
    graph_concurrency: u32 = 4,
        "Concurrent calls that Graph allows per app and mailbox", "HTTP 429 ApplicationThrottled";
    graph_requests_per_10_minutes: u32 = 10_000,
        "Calls that Graph allows per app and mailbox in 10 minutes (0: no limit)", "HTTP 429 TooManyRequests";
    graph_upload_bytes_per_5_minutes: u64 = 157_286_400,
        "Bytes that may be sent to Graph per app and mailbox in 5 minutes (0: no limit)", "HTTP 429 ApplicationThrottled: IncomingBytes";
    graph_reject_tokens: u32 = 0,
        "So many of the next calls are refused although their token is valid", "HTTP 401 InvalidAuthenticationToken";
    graph_lost_answers: bool = false,
        "sendMail takes the message and closes the connection without an answer", "none (outcome unknown)";
    graph_late_timeout: bool = false,
        "sendMail takes the message and answers 504", "HTTP 504 UnknownError";
    replication_delay_seconds: u32 = 0,
        "What is made through Graph (application, service principal, certificate) is seen everywhere only after so long",
        "HTTP 404 Request_ResourceNotFound, 400 Request_BadRequest; AADSTS700016, 7000229, 700027";
    key_lifetime_max_days: Option<u32> = None,
        "An app management policy limits the life of certificates that are added (null: no policy)", "HTTP 400 CredentialInvalidLifetimeAsPerAppPolicy";
    secrets_forbidden: bool = false,
        "An app management policy forbids client secrets", "HTTP 400 CredentialTypeNotAllowedAsPerAppPolicy";
    directory_quota_exceeded: bool = false,
        "The principal has made as many objects as it may", "HTTP 403 Directory_QuotaExceeded";
    directory_object_full: bool = false,
        "An application is as large as it may be: no certificate and no secret fits in any more", "HTTP 403 Directory_ResourceSizeExceeded";
    continuous_access: bool = false,
        "Access tokens end as soon as the user's sessions are revoked, not when they expire", "HTTP 401 InvalidAuthenticationToken: TokenIssuedBeforeRevocationTimestamp";
    sent_items_delay_seconds: u32 = 0,
        "A sent message is found in Sent Items only after so long", "none (not found yet)";
    graph_daily_limit: bool = false,
        "The sender has used up the day's messages", "HTTP 429 ErrorExceededMessageLimit";
    graph_app_mailboxes: Option<Vec<String>> = None,
        "Mailboxes that app-only access is limited to by an application access policy (null: no policy)", "HTTP 403 ErrorAccessDenied: Access to OData is disabled.";
    mailbox_full: bool = false,
        "The sender's mailbox is full", "HTTP 507 ErrorQuotaExceeded; 554 5.2.2";
    max_message_bytes: u64 = 36_700_160,
        "Largest message that a mailbox may send", "HTTP 400 ErrorMessageSizeExceeded; 554 5.2.3";
    recipients_per_day: u32 = 10_000,
        "Recipients that a mailbox may send to in 24 hours", "554 5.2.0 SubmissionQuotaExceededException; HTTP 429 ErrorExceededMessageLimit";
    recipients_per_message: u32 = 500,
        "Recipients of one message; with more it is taken and comes back to the sender's Inbox (0: no limit)", "550 5.5.3 RESOLVER.ADR.RecipLimit, as a report";
    steering_recipients: bool = true,
        "Recipients such as permerror@ or 451@ say what happens to their message", "as their names say";
    discard_messages: bool = false,
        "Messages are counted and not kept", "none";
    https_refused: bool = false,
        "Entra and Graph refuse connections, open ones are closed", "none (connection refused)";
    https_reset_after_bytes: u64 = 0,
        "Connections to Entra and Graph are reset after so many bytes from the client (0: no)", "none (connection reset)";
    https_stall_after_bytes: u64 = 0,
        "Connections to Entra and Graph stall after so many bytes from the client (0: no)", "none (time-out)";
    smtp_refused: bool = false,
        "Exchange's SMTP refuses connections, open ones are closed", "none (connection refused)";
    smtp_reset_after_bytes: u64 = 0,
        "SMTP connections are reset after so many bytes from the client (0: no)", "none (connection reset)";
    smtp_stall_after_bytes: u64 = 0,
        "SMTP connections stall after so many bytes from the client (0: no)", "none (time-out)";
    smtp_auth_disabled: bool = false,
        "Authenticated SMTP is off for the organisation (a mailbox that says true is exempt)", "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant";
    smtp_basic: Basic = Basic::Disabled,
        "User name and password at SMTP AUTH: disabled or allowed", "535 5.7.139 basic authentication is disabled";
    smtp_conditional_access: bool = false,
        "A Conditional Access or authentication policy refuses SMTP", "535 5.7.139 the request did not meet the criteria";
    smtp_security_defaults: bool = false,
        "Security defaults refuse SMTP", "535 5.7.139 user is locked by your organization's security defaults policy";
    smtp_account_locked: bool = false,
        "The account is locked", "535 5.7.139 account locked";
    smtp_not_propagated: bool = false,
        "Every token is refused, as right after a set-up in Exchange that hasn't propagated", "535 5.7.3 Authentication unsuccessful";
    smtp_says_at_connect: Option<SaidReply> = None,
        "Every connection is greeted with this reply, word for word, and closed (null: no)", "what is given";
    smtp_says_at_ehlo: Option<SaidReply> = None,
        "Every EHLO is refused with this reply, word for word (null: no)", "what is given";
    smtp_says_at_auth: Option<SaidReply> = None,
        "Every token is refused with this reply, word for word (null: no)", "what is given";
    smtp_says_at_mail: Option<SaidReply> = None,
        "Every MAIL is refused with this reply, word for word (null: no)", "what is given";
    smtp_says_at_rcpt: Option<SaidReply> = None,
        "Every RCPT is refused with this reply, word for word (null: no)", "what is given";
    smtp_says_after_data: Option<SaidReply> = None,
        "Every message is refused with this reply after its data, word for word (null: no)", "what is given";
    smtp_challenge: bool = false,
        "A refused token gets a 334 challenge in JSON before the 535, as other servers do", "334, then 535";
    smtp_outage: Outage = Outage::Off,
        "Exchange's SMTP is out of order: off, unavailable, hang or reset", "421 4.3.2 Service not available";
    smtp_temporary_error: bool = false,
        "Messages are refused for now", "451 4.7.0 Temporary server error";
    smtp_connections: u32 = 3,
        "Concurrent SMTP connections that a mailbox may have", "432 4.3.2 Concurrent connections limit exceeded";
    smtp_recipients_per_transaction: u32 = 1_000,
        "Recipients that one SMTP transaction takes; the rest are refused for now", "452 4.5.3 Too many recipients";
    smtp_max_header_bytes: u32 = 262_144,
        "Largest header block of an SMTP message (0: no limit)", "552 5.3.4 Header size exceeds fixed maximum size";
    smtp_messages_per_minute: u32 = 30,
        "SMTP messages a minute per mailbox; more are delayed, not refused (0: no limit)", "none (delay)";
    smtp_sender_throttled: bool = false,
        "The mailbox was paused after continuous errors", "550 5.2.252 Sender throttled";
    smtp_bad_sender: bool = false,
        "The account is blocked for spam", "550 5.1.8 Access denied, bad outbound sender";
    smtp_lost_answers: bool = false,
        "SMTP takes the message and closes the connection without an answer", "none (outcome unknown)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_says_what_it_does_and_provokes() {
        let form = serde_json::to_value(Switches::default()).unwrap();
        let names: Vec<&str> = SWITCHES.iter().map(|switch| switch.name).collect();
        assert_eq!(form.as_object().unwrap().keys().collect::<Vec<_>>(), names);
        assert!(SWITCHES.iter().all(|switch| !switch.does.is_empty() && !switch.provokes.is_empty()));
    }
}
