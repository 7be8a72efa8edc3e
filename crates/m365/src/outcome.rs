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
