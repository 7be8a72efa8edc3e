//! How an attempt that failed is to be settled: the step from what Microsoft said to what the queue does.
//!
//! What it must never do: call a message unsent of which nobody knows, or blame an account for what one of
//! its mailboxes, or one message, has done. Neighbours: `graph` and `smtp` make the [`Failure`], the queue
//! reads the [`Outcome`].

use mail::{Attempted, Outcome, Reason, RecipientOutcome, Scope};
use time::{Duration, OffsetDateTime};

use crate::courier::Origin;
use crate::failure::{Failure, GraphRefusal, LocalTrouble, NetworkKind, SmtpRefusal, SmtpStage};
use crate::smtp::{Handover, MAX_RECIPIENTS};

/// The outcome of an attempt to send one message that ended in `failure` at `now`.
pub fn of_failure(failure: &Failure, now: OffsetDateTime) -> Outcome {
    let why = Reason {
        code: failure.code(),
        text: failure.to_string(),
        request_id: failure.request_id().map(str::to_owned),
    };
    match verdict(failure) {
        Verdict::Unknown => Outcome::Unknown { why },
        Verdict::Retry(scope) => Outcome::Retry { why, not_before: not_before(failure, now), scope },
        Verdict::Message => Outcome::Rejected { why },
        Verdict::Account | Verdict::OwnMailbox => Outcome::AccountBroken { why },
    }
}

/// What a whole attempt comes to, for the message and for each recipient that fared otherwise.
pub(crate) fn of_handover(handover: &Handover, origin: &Origin<'_>, now: OffsetDateTime) -> Attempted {
    let outcome = match &handover.ended {
        Ok(remote_id) => Outcome::Delivered { remote_id: remote_id.clone() },
        Err(failure) => of_failure_at(failure, origin, now),
    };
    let mut recipients: Vec<RecipientOutcome> = Vec::new();
    for refusal in &handover.refused {
        let address = refusal.recipient.clone().expect("a refused RCPT names its recipient");
        recipients.push(RecipientOutcome { address, outcome: of_failure(&refusal.clone().into(), now) });
    }
    if matches!(outcome, Outcome::Delivered { .. } | Outcome::Unknown { .. }) {
        let in_turn = |address: &mail::Address| RecipientOutcome {
            address: address.clone(),
            outcome: Outcome::Retry { why: next_turn(), not_before: Some(now), scope: Scope::Message },
        };
        recipients.extend(handover.left_over.iter().map(in_turn));
    }
    recipients.retain(|recipient| recipient.outcome != outcome);
    Attempted { outcome, recipients }
}

/// An application may send for many mailboxes: one that is missing or switched off must not stop the others.
fn of_failure_at(failure: &Failure, origin: &Origin<'_>, now: OffsetDateTime) -> Outcome {
    let is_foreign = origin.account.sender() != Some(origin.mailbox);
    match of_failure(failure, now) {
        Outcome::AccountBroken { why } if is_foreign && matches!(verdict(failure), Verdict::OwnMailbox) => {
            Outcome::Retry { why, not_before: Some(now + MENDING_PAUSE), scope: Scope::Mailbox }
        }
        outcome => outcome,
    }
}

fn next_turn() -> Reason {
    Reason {
        code: "too_many_recipients".to_owned(),
        text: format!("Exchange Online takes {MAX_RECIPIENTS} recipients at once; the others follow now"),
        request_id: None,
    }
}

enum Verdict {
    Unknown,
    /// It is expected to pass.
    Retry(Scope),
    Message,
    /// The mailbox is missing, switched off or blocked. Where it is the account's own, the account is broken.
    OwnMailbox,
    Account,
}

fn verdict(failure: &Failure) -> Verdict {
    match failure {
        Failure::Network(trouble) => judge_network(trouble.kind),
        Failure::Entra(refusal) if refusal.is_temporary() => Verdict::Retry(Scope::Account),
        Failure::Entra(_) => Verdict::Account,
        Failure::Graph(refusal) => judge_graph(refusal),
        Failure::Smtp(refusal) => judge_smtp(refusal),
        Failure::Local(trouble) => judge_local(trouble),
    }
}

fn judge_network(kind: NetworkKind) -> Verdict {
    match kind {
        NetworkKind::AfterLastByte => Verdict::Unknown,
        // Nobody of this account gets through.
        kind if kind.is_before_request() => Verdict::Retry(Scope::Account),
        _ => Verdict::Retry(Scope::Message),
    }
}

fn judge_local(trouble: &LocalTrouble) -> Verdict {
    match trouble.code {
        "content_unreadable" | "account_changed" | "interrupted" => Verdict::Retry(Scope::Message),
        _ if trouble.is_temporary() => Verdict::Retry(Scope::Account),
        "message_too_large" | "bare_line_break" | "extension_not_offered" => Verdict::Message,
        "needs_smtp" | "needs_mail_read_write" => Verdict::Message,
        _ => Verdict::Account,
    }
}

fn judge_graph(refusal: &GraphRefusal) -> Verdict {
    match (refusal.code.as_str(), refusal.status) {
        _ if refusal.may_have_arrived() => Verdict::Unknown,
        _ if refusal.is_temporary() => Verdict::Retry(reach_of_graph(refusal)),
        // The From of this message, not the account: others may pass.
        ("ErrorSendAsDenied", _) => Verdict::Message,
        // The mailbox is full: mail waits until somebody has emptied it.
        ("ErrorQuotaExceeded" | "quotaLimitReached", _) | (_, 507) => Verdict::Retry(Scope::Mailbox),
        ("ErrorInvalidUser" | "MailboxNotEnabledForRESTAPI", _) | (_, 404) => Verdict::OwnMailbox,
        (_, 401 | 403) => Verdict::Account,
        _ => Verdict::Message,
    }
}

/// Limits of Outlook count by mailbox (facts 5.5), and a pause that is asked for is asked of it.
fn reach_of_graph(refusal: &GraphRefusal) -> Scope {
    let is_limit = is_daily_limit(refusal)
        || refusal.retry_after.is_some()
        || matches!(refusal.status, 429 | 509)
        || matches!(
            refusal.code.as_str(),
            "ApplicationThrottled" | "TooManyRequests" | "activityLimitReached"
        );
    if is_limit { Scope::Mailbox } else { Scope::Message }
}

/// Additions C3: stop sending for that mailbox, long pause.
fn is_daily_limit(refusal: &GraphRefusal) -> bool {
    refusal.code == "ErrorExceededMessageLimit"
}

fn judge_smtp(refusal: &SmtpRefusal) -> Verdict {
    let enhanced = refusal.enhanced.as_deref().unwrap_or_default();
    match (refusal.stage, refusal.code) {
        _ if refusal.is_temporary() => Verdict::Retry(reach_of_smtp(refusal)),
        // Mail without a log-in, or of another region, at whatever stage: the settings lead to the wrong server.
        _ if matches!(enhanced, "5.7.64" | "4.4.62") => Verdict::Account,
        (SmtpStage::RcptTo, _) => Verdict::Message,
        (SmtpStage::Auth, _) if refusal.text.contains("disabled for the Mailbox") => Verdict::OwnMailbox,
        (SmtpStage::MailFrom | SmtpStage::Data | SmtpStage::EndOfData, code) if code != 530 => {
            match enhanced {
                // Mailbox full: facts 6.6.
                "5.2.2" => Verdict::Retry(Scope::Mailbox),
                // The mailbox is blocked for what it has sent.
                "5.1.8" => Verdict::OwnMailbox,
                // Sender banned, tenant blocked.
                "5.7.57" | "5.7.501" | "5.7.502" | "5.7.503" | "5.7.511" => Verdict::Account,
                "5.7.705" | "5.7.708" | "5.7.750" | "5.7.3" => Verdict::Account,
                _ => Verdict::Message,
            }
        }
        _ => Verdict::Account,
    }
}

/// Before there is an envelope, and where Exchange counts sessions or senders, all of the mailbox's mail would
/// meet the same.
fn reach_of_smtp(refusal: &SmtpRefusal) -> Scope {
    let is_about_message = matches!(
        refusal.stage,
        SmtpStage::MailFrom | SmtpStage::RcptTo | SmtpStage::Data | SmtpStage::EndOfData
    );
    match is_about_message && refusal.code != 432 && !needs_long_pause(refusal) {
        true => Scope::Message,
        false => Scope::Mailbox,
    }
}

/// Throttled for its errors, or over the day's recipients: facts 6.6. Both 5xx, both pass with time only.
fn needs_long_pause(refusal: &SmtpRefusal) -> bool {
    refusal.code >= 500 && refusal.is_temporary() && refusal.stage != SmtpStage::Auth
}

fn not_before(failure: &Failure, now: OffsetDateTime) -> Option<OffsetDateTime> {
    if let Some(pause) = failure.retry_after() {
        return Some(now + pause.min(LONGEST_PAUSE));
    }
    match failure {
        Failure::Graph(refusal) if is_daily_limit(refusal) => Some(now + LIMIT_PAUSE),
        Failure::Graph(refusal) if !refusal.is_temporary() => Some(now + MENDING_PAUSE),
        Failure::Smtp(refusal) if needs_long_pause(refusal) => Some(now + LIMIT_PAUSE),
        Failure::Smtp(refusal) if !refusal.is_temporary() => Some(now + MENDING_PAUSE),
        _ => None,
    }
}

/// Nobody asks for more in earnest; a larger number must not overflow a date.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
/// For a limit that counts over a day: asking more often is what made it worse.
const LIMIT_PAUSE: Duration = Duration::hours(1);
/// For what somebody has to mend: soon enough after it was.
const MENDING_PAUSE: Duration = Duration::minutes(15);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::failure::{EntraRefusal, LocalTrouble, NetworkTrouble};
    use crate::graph::read_refusal;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn name(failure: impl Into<Failure>) -> &'static str {
        match of_failure(&failure.into(), NOW) {
            Outcome::Delivered { .. } => "delivered",
            Outcome::Retry { scope: Scope::Message, .. } => "retry",
            Outcome::Retry { scope: Scope::Mailbox, .. } => "retry_mailbox",
            Outcome::Retry { scope: Scope::Account, .. } => "retry_account",
            Outcome::Rejected { .. } => "rejected",
            Outcome::AccountBroken { .. } => "account_broken",
            Outcome::Unknown { .. } => "unknown",
        }
    }

    fn graph(status: u16, code: &str) -> GraphRefusal {
        read_refusal(status, format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#).as_bytes())
    }

    fn smtp(stage: SmtpStage, code: u16, enhanced: &str) -> SmtpRefusal {
        let enhanced = Some(enhanced.to_owned());
        SmtpRefusal { stage, code, enhanced, text: String::new(), challenge: None, recipient: None }
    }

    #[test]
    fn only_a_lost_answer_is_unknown() {
        for (kind, expected) in [
            (NetworkKind::AfterLastByte, "unknown"),
            (NetworkKind::Reset, "retry"),
            (NetworkKind::Timeout, "retry"),
            (NetworkKind::Dns, "retry_account"),
            (NetworkKind::Tls, "retry_account"),
        ] {
            assert_eq!(name(NetworkTrouble::new("a:1", kind, "")), expected);
        }
        for status in [408, 502, 504] {
            assert_eq!(name(graph(status, "")), "unknown", "{status}");
        }
        assert_eq!(name(graph(503, "serviceNotAvailable")), "retry");
    }

    #[test]
    fn the_account_is_blamed_for_what_all_its_mail_would_meet_and_the_message_for_the_rest() {
        for (status, code, expected) in [
            (401, "InvalidAuthenticationToken", "account_broken"),
            (403, "ErrorAccessDenied", "account_broken"),
            (403, "ErrorSendAsDenied", "rejected"),
            (404, "MailboxNotEnabledForRESTAPI", "account_broken"),
            (400, "ErrorInvalidRecipients", "rejected"),
            (400, "ErrorMessageSizeExceeded", "rejected"),
            (400, "ErrorExceededMessageLimit", "retry_mailbox"),
            (503, "serviceNotAvailable", "retry"),
            (413, "", "rejected"),
            (429, "ApplicationThrottled", "retry_mailbox"),
            (507, "ErrorQuotaExceeded", "retry_mailbox"),
            (200, "", "rejected"),
        ] {
            assert_eq!(name(graph(status, code)), expected, "{status} {code}");
        }
        for (stage, code, enhanced, expected) in [
            (SmtpStage::Auth, 535, "5.7.3", "account_broken"),
            (SmtpStage::MailFrom, 530, "5.7.57", "account_broken"),
            (SmtpStage::MailFrom, 501, "5.1.7", "rejected"),
            (SmtpStage::RcptTo, 550, "5.1.1", "rejected"),
            (SmtpStage::RcptTo, 452, "4.5.3", "retry"),
            (SmtpStage::EndOfData, 432, "4.3.2", "retry_mailbox"),
            (SmtpStage::EndOfData, 451, "4.7.0", "retry"),
            (SmtpStage::Greeting, 421, "4.3.2", "retry_mailbox"),
            (SmtpStage::EndOfData, 554, "5.2.252", "rejected"),
            (SmtpStage::EndOfData, 554, "5.2.2", "retry_mailbox"),
            (SmtpStage::EndOfData, 552, "5.3.4", "rejected"),
            (SmtpStage::EndOfData, 550, "5.1.8", "account_broken"),
            (SmtpStage::MailFrom, 550, "5.2.253", "retry_mailbox"),
            (SmtpStage::RcptTo, 550, "5.7.64", "account_broken"),
            (SmtpStage::EndOfData, 451, "4.4.62", "account_broken"),
        ] {
            assert_eq!(name(smtp(stage, code, enhanced)), expected, "{code} {enhanced}");
        }
        assert_eq!(name(LocalTrouble::new("message_too_large", "m", "h")), "rejected");
        assert_eq!(name(LocalTrouble::new("needs_sign_in", "m", "h")), "account_broken");
        assert_eq!(name(EntraRefusal::from_redirect("invalid_grant", "", None, None)), "account_broken");
        assert_eq!(name(EntraRefusal::from_redirect("server_error", "", None, None)), "retry_account");
        assert_eq!(name(LocalTrouble::new("grant_not_loaded", "m", "h")), "retry_account");
        assert_eq!(name(LocalTrouble::new("content_unreadable", "m", "h")), "retry");
    }

    #[test]
    fn a_pause_that_was_asked_for_becomes_a_time() {
        let mut refusal = graph(429, "ApplicationThrottled");
        refusal.retry_after = Some(Duration::from_secs(90));
        refusal.request_id = Some("r-1".to_owned());
        let Outcome::Retry { why, not_before, scope: Scope::Mailbox } = of_failure(&refusal.into(), NOW)
        else {
            panic!("throttled mail is tried again");
        };
        assert_eq!(not_before, Some(datetime!(2026-11-21 12:01:30 UTC)));
        assert_eq!((why.code.as_str(), why.request_id.as_deref()), ("ApplicationThrottled", Some("r-1")));
        let mut refusal = graph(429, "ApplicationThrottled");
        refusal.retry_after = Some(Duration::MAX);
        let endless = of_failure(&refusal.into(), NOW);
        assert!(
            matches!(endless, Outcome::Retry { not_before: Some(time), .. } if time == datetime!(2026-11-22 12:00 UTC))
        );
    }
}
