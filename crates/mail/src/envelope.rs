//! Who a message is from and for, apart from what its headers say.

use crate::Address;

/// The envelope: RFC 5321 §2.3.1. It has at least one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    from: Address,
    to: Vec<Address>,
}

/// An envelope needs somebody to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message has no recipients")]
pub struct NoRecipients;

impl Envelope {
    /// An envelope from one sender to `to`, in that order; somebody named twice is kept once.
    pub fn new(from: Address, to: impl IntoIterator<Item = Address>) -> Result<Envelope, NoRecipients> {
        let mut recipients: Vec<Address> = Vec::new();
        for address in to {
            if !recipients.contains(&address) {
                recipients.push(address);
            }
        }
        match recipients.is_empty() {
            true => Err(NoRecipients),
            false => Ok(Envelope { from, to: recipients }),
        }
    }

    /// The sender (`MAIL FROM`).
    pub fn from(&self) -> &Address {
        &self.from
    }

    /// The recipients (`RCPT TO`), at least one.
    pub fn to(&self) -> &[Address] {
        &self.to
    }

    /// Whether every address can be used without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.from.is_ascii() && self.to.iter().all(Address::is_ascii)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_goes_to_somebody_and_to_nobody_twice() {
        let ann: Address = "ann@contoso.com".parse().unwrap();
        let bob: Address = "bob@contoso.com".parse().unwrap();
        assert_eq!(Envelope::new(ann.clone(), []), Err(NoRecipients));
        let envelope = Envelope::new(ann.clone(), [bob.clone(), ann.clone(), bob.clone()]).unwrap();
        assert_eq!(envelope.from(), &ann);
        assert_eq!(envelope.to(), [bob, ann]);
    }

    #[test]
    fn one_foreign_letter_makes_the_envelope_international() {
        let ann: Address = "ann@contoso.com".parse().unwrap();
        let pele: Address = "pelé@contoso.com".parse().unwrap();
        assert!(Envelope::new(ann.clone(), [ann.clone()]).unwrap().is_ascii());
        assert!(!Envelope::new(ann, [pele]).unwrap().is_ascii());
    }
}
