//! How an attempt that failed is to be settled: the step from what Microsoft said to what the queue does.
//!
//! What it must never do: call a message unsent of which nobody knows. Neighbours: `graph` and `smtp` make
//! the [`Failure`], the queue reads the [`Outcome`].

use mail::{Outcome, Reason};
use time::OffsetDateTime;

use crate::failure::{Failure, GraphRefusal, NetworkKind, SmtpRefusal, SmtpStage};

/// The outcome of an attempt to send one message that ended in `failure` at `now`.
pub fn of_failure(failure: &Failure, now: OffsetDateTime) -> Outcome {
    let why = Reason {
        code: failure.code(),
        text: failure.to_string(),
        request_id: failure.request_id().map(str::to_owned),
    };
    match verdict(failure) {
        Verdict::Unknown => Outcome::Unknown { why },
        Verdict::Retry => Outcome::Retry { why, not_before: failure.retry_after().map(|pause| now + pause) },
        Verdict::Message => Outcome::Rejected { why },
        Verdict::Account => Outcome::AccountBroken { why },
    }
}

enum Verdict {
    Unknown,
    Retry,
    Message,
    Account,
}

fn verdict(failure: &Failure) -> Verdict {
    match failure {
        Failure::Network(trouble) if trouble.kind == NetworkKind::AfterLastByte => Verdict::Unknown,
        Failure::Graph(refusal) if may_have_been_sent(refusal) => Verdict::Unknown,
        _ if failure.is_temporary() => Verdict::Retry,
        Failure::Graph(refusal) => judge_graph(refusal),
        Failure::Smtp(refusal) => judge_smtp(refusal),
        Failure::Local(trouble) => match trouble.code {
            "message_too_large" | "bare_line_break" | "extension_not_offered" => Verdict::Message,
            _ => Verdict::Account,
        },
        Failure::Entra(_) | Failure::Network(_) => Verdict::Account,
    }
}

/// A gateway's answer says nothing about what stood behind it: a 504 has been a delivered message (field 30).
fn may_have_been_sent(refusal: &GraphRefusal) -> bool {
    matches!(refusal.status, 408 | 502 | 504)
}

fn judge_graph(refusal: &GraphRefusal) -> Verdict {
    match (refusal.code.as_str(), refusal.status) {
        // The From of this message, not the account: others may pass.
        ("ErrorSendAsDenied", _) => Verdict::Message,
        ("ErrorQuotaExceeded" | "quotaLimitReached" | "ErrorInvalidUser", _) => Verdict::Account,
        (_, 401 | 403 | 404 | 507) => Verdict::Account,
        _ => Verdict::Message,
    }
}

fn judge_smtp(refusal: &SmtpRefusal) -> Verdict {
    let enhanced = refusal.enhanced.as_deref().unwrap_or_default();
    match (refusal.stage, refusal.code) {
        (SmtpStage::RcptTo, _) => Verdict::Message,
        (SmtpStage::MailFrom | SmtpStage::Data | SmtpStage::EndOfData, code) if code != 530 => {
            match enhanced {
                // Sender blocked or banned, mailbox full, tenant blocked: facts 6.6.
                "5.1.8" | "5.7.57" | "5.7.501" | "5.7.502" | "5.7.503" | "5.7.511" => Verdict::Account,
                "5.2.2" | "5.7.64" | "5.7.705" | "5.7.708" | "5.7.750" | "5.7.3" => Verdict::Account,
                _ => Verdict::Message,
            }
        }
        _ => Verdict::Account,
    }
}

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
            Outcome::Retry { .. } => "retry",
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
            (NetworkKind::Dns, "retry"),
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
            (400, "ErrorExceededMessageLimit", "retry"),
            (413, "", "rejected"),
            (429, "ApplicationThrottled", "retry"),
            (507, "", "account_broken"),
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
            (SmtpStage::EndOfData, 432, "4.3.2", "retry"),
            (SmtpStage::EndOfData, 554, "5.2.252", "rejected"),
            (SmtpStage::EndOfData, 554, "5.2.2", "account_broken"),
            (SmtpStage::EndOfData, 552, "5.3.4", "rejected"),
            (SmtpStage::EndOfData, 550, "5.1.8", "account_broken"),
        ] {
            assert_eq!(name(smtp(stage, code, enhanced)), expected, "{code} {enhanced}");
        }
        assert_eq!(name(LocalTrouble::new("message_too_large", "m", "h")), "rejected");
        assert_eq!(name(LocalTrouble::new("needs_sign_in", "m", "h")), "account_broken");
        assert_eq!(name(EntraRefusal::from_redirect("invalid_grant", "", None, None)), "account_broken");
        assert_eq!(name(EntraRefusal::from_redirect("server_error", "", None, None)), "retry");
    }

    #[test]
    fn a_pause_that_was_asked_for_becomes_a_time() {
        let mut refusal = graph(429, "ApplicationThrottled");
        refusal.retry_after = Some(Duration::from_secs(90));
        refusal.request_id = Some("r-1".to_owned());
        let Outcome::Retry { why, not_before } = of_failure(&refusal.into(), NOW) else {
            panic!("throttled mail is tried again");
        };
        assert_eq!(not_before, Some(datetime!(2026-11-21 12:01:30 UTC)));
        assert_eq!((why.code.as_str(), why.request_id.as_deref()), ("ApplicationThrottled", Some("r-1")));
    }
}
