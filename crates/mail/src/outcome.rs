//! How one try to deliver a message ended. Made where mail meets Microsoft, read where the queue settles.

use time::OffsetDateTime;

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted by the other side, which is responsible for it now.
    Delivered {
        /// What the other side calls it, where it says so.
        remote_id: Option<String>,
    },
    /// Not now: try again.
    Retry {
        /// What stood in the way.
        why: Reason,
        /// Not earlier than this, where the other side named a time.
        not_before: Option<OffsetDateTime>,
    },
    /// Never: this message won't be accepted however often it is tried.
    Rejected {
        /// What was refused.
        why: Reason,
    },
    /// The account is at fault, not the message: all its mail waits until it is mended.
    AccountBroken {
        /// What is broken.
        why: Reason,
    },
    /// The answer was lost after the last byte: it may have been accepted, or not.
    Unknown {
        /// How the answer was lost.
        why: Reason,
    },
}

/// Why an attempt ended as it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Short and stable, for programs: `AADSTS7000222`, `ErrorSendAsDenied`, `535 5.7.3`, `timeout`.
    pub code: String,
    /// What the other side said, or what happened, in words.
    pub text: String,
    /// The other side's name for the exchange, where it gave one: what its support asks for.
    pub request_id: Option<String>,
}
