//! Who a message is from and for, apart from what its headers say.

use std::collections::HashSet;

use crate::Address;

/// The envelope: RFC 5321 §2.3.1. It has at least one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    from: Option<Address>,
    to: Vec<Address>,
}

/// An envelope needs somebody to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message has no recipients")]
pub struct NoRecipients;

impl Envelope {
    /// An envelope to `to`, in that order; somebody named twice is kept once. Without a sender it has the
    /// null reverse-path `<>` (RFC 5321 §4.5.5): what a report travels with, so that nobody answers it.
    pub fn new(
        from: Option<Address>,
        to: impl IntoIterator<Item = Address>,
    ) -> Result<Envelope, NoRecipients> {
        let mut seen = HashSet::new();
        let recipients: Vec<Address> =
            to.into_iter().filter(|address| seen.insert(address.clone())).collect();
        match recipients.is_empty() {
            true => Err(NoRecipients),
            false => Ok(Envelope { from, to: recipients }),
        }
    }

    /// The sender (`MAIL FROM`); none for the null reverse-path `<>`.
    pub fn from(&self) -> Option<&Address> {
        self.from.as_ref()
    }

    /// The recipients (`RCPT TO`), at least one.
    pub fn to(&self) -> &[Address] {
        &self.to
    }

    /// Whether every address can be used without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.from.as_ref().is_none_or(Address::is_ascii) && self.to.iter().all(Address::is_ascii)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_goes_to_somebody_and_to_nobody_twice() {
        let ann: Address = "ann@contoso.com".parse().unwrap();
        let bob: Address = "bob@contoso.com".parse().unwrap();
        assert_eq!(Envelope::new(Some(ann.clone()), []), Err(NoRecipients));
        let envelope = Envelope::new(Some(ann.clone()), [bob.clone(), ann.clone(), bob.clone()]).unwrap();
        assert_eq!(envelope.from(), Some(&ann));
        assert_eq!(envelope.to(), [bob, ann]);
    }

    #[test]
    fn one_foreign_letter_makes_the_envelope_international() {
        let ann: Address = "ann@contoso.com".parse().unwrap();
        let pele: Address = "pelé@contoso.com".parse().unwrap();
        assert!(Envelope::new(Some(ann.clone()), [ann.clone()]).unwrap().is_ascii());
        assert!(!Envelope::new(Some(ann), [pele]).unwrap().is_ascii());
    }

    #[test]
    fn a_report_has_no_sender() {
        let ann: Address = "ann@contoso.com".parse().unwrap();
        let envelope = Envelope::new(None, [ann]).unwrap();
        assert_eq!(envelope.from(), None);
        assert!(envelope.is_ascii());
    }
}
