//! How one try to deliver a message ended. Made where mail meets Microsoft, read where the queue settles.

use time::OffsetDateTime;

use crate::Address;

/// One try to deliver a message, as it ended for the message and for those of its recipients who fared
/// otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The end for every recipient that isn't named below.
    pub outcome: Outcome,
    /// The recipients that ended otherwise. Where `outcome` is `Delivered` these are the ones that were
    /// refused, each `Retry` or `Rejected`.
    pub recipients: Vec<RecipientOutcome>,
}

/// How a try ended for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientOutcome {
    /// The recipient, as the envelope has it.
    pub address: Address,
    /// `Retry` or `Rejected`: what concerns the account concerns the whole message.
    pub outcome: Outcome,
}

impl Attempted {
    /// An attempt that ended alike for every recipient.
    pub fn for_all(outcome: Outcome) -> Attempted {
        Attempted { outcome, recipients: Vec::new() }
    }

    /// How it ended for one recipient.
    pub fn outcome_for(&self, address: &Address) -> &Outcome {
        let other = self.recipients.iter().find(|recipient| recipient.address == *address);
        other.map_or(&self.outcome, |recipient| &recipient.outcome)
    }
}

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
        /// Not earlier than this, where the other side named a time or is known to need some.
        not_before: Option<OffsetDateTime>,
        /// What would meet the same trouble, and should wait too.
        scope: Scope,
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

/// How far a trouble reaches that is expected to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This message: others may pass.
    Message,
    /// All mail of the mailbox: it is throttled, or full.
    Mailbox,
    /// All mail of the account: Microsoft can't be reached, or gives no token.
    Account,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_that_is_not_named_fared_as_the_message_did() {
        let ann: Address = "ann@contoso.com".parse().unwrap();
        let bob: Address = "bob@contoso.com".parse().unwrap();
        let why = Reason { code: "550 5.1.1".into(), text: "no such user".into(), request_id: None };
        let refused = Outcome::Rejected { why };
        let attempted = Attempted {
            outcome: Outcome::Delivered { remote_id: None },
            recipients: vec![RecipientOutcome { address: bob.clone(), outcome: refused.clone() }],
        };
        assert_eq!(attempted.outcome_for(&ann), &Outcome::Delivered { remote_id: None });
        assert_eq!(attempted.outcome_for(&bob), &refused);
        assert_eq!(Attempted::for_all(refused.clone()).outcome_for(&ann), &refused);
    }
}
