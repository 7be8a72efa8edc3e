//! Passwords of submitters. A generated one has 160 random bits, so that a hash under the master key is enough and a
//! connection costs next to nothing; a chosen one may be weak and costs a slow hash (argon2id), and what was found right
//! is remembered for a while in memory, under a key that dies with the process. A password is never kept or logged.
//! Neighbours: `queue::door`, which lets submitters in, and the API, which makes and changes them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::{constant_time, digest, hmac, rand};
use store::{PasswordHash, SubmitterSecret};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::api::input::SecretText;
use crate::passwords::Passwords;
use crate::problem::Problem;
use crate::vault::{Record, Vault};

/// A generated password: 32 characters that no keyboard layout of a scanner confuses (RFC 4648 base32 in lower case, without
/// padding: neither 0 nor 1).
pub fn generate() -> Zeroizing<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut octets = Zeroizing::new([0u8; 32]);
    rand::fill(octets.as_mut_slice()).expect("the system has random numbers");
    Zeroizing::new(octets.iter().map(|octet| char::from(ALPHABET[usize::from(octet % 32)])).collect())
}

/// What to keep of a generated password of this submitter.
pub fn seal_generated(vault: &Vault, submitter: Uuid, password: &str) -> SubmitterSecret {
    let id = submitter.to_string();
    SubmitterSecret::Generated {
        keyed_hash: vault.seal(Record::SubmitterPassword(&id), hash(password).as_ref()),
    }
}

/// Compares, and remembers what was right.
#[derive(Debug)]
pub struct Verifier {
    key: hmac::Key,
    right: Mutex<HashMap<Uuid, Remembered>>,
}

#[derive(Debug)]
struct Remembered {
    /// Of which hash it was the password: a new password forgets it.
    hash: PasswordHash,
    tag: hmac::Tag,
    until: OffsetDateTime,
}

/// How long a chosen password is remembered.
const REMEMBERED_FOR: Duration = Duration::minutes(10);

impl Default for Verifier {
    fn default() -> Self {
        let mut key = Zeroizing::new([0u8; 32]);
        rand::fill(key.as_mut_slice()).expect("the system has random numbers");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), right: Mutex::default() }
    }
}

impl Verifier {
    /// Whether `password` is this submitter's, where that can be told at once; none where it takes a slow hash.
    pub fn verify_at_once(
        &self,
        vault: &Vault,
        (submitter, secret): (Uuid, &SubmitterSecret),
        password: &str,
        now: OffsetDateTime,
    ) -> Result<Option<bool>, Problem> {
        match secret {
            SubmitterSecret::Generated { keyed_hash } => {
                let known = vault.open(Record::SubmitterPassword(&submitter.to_string()), keyed_hash)?;
                Ok(Some(constant_time::verify_slices_are_equal(&known, hash(password).as_ref()).is_ok()))
            }
            SubmitterSecret::Chosen(known) => {
                Ok(self.remembers(submitter, known, password, now).then_some(true))
            }
        }
    }

    /// Whether `password` is this submitter's.
    pub async fn verify(
        &self,
        (vault, passwords): (&Vault, &Passwords),
        (submitter, secret): (Uuid, &SubmitterSecret),
        password: &str,
        now: OffsetDateTime,
    ) -> Result<bool, Problem> {
        if let Some(verified) = self.verify_at_once(vault, (submitter, secret), password, now)? {
            return Ok(verified);
        }
        let SubmitterSecret::Chosen(known) = secret else { return Ok(false) };
        let right = passwords.verify(Some(known), &SecretText::new(password)).await?;
        if right {
            self.remember(submitter, known, password, now);
        }
        Ok(right)
    }

    fn remembers(&self, submitter: Uuid, known: &PasswordHash, password: &str, now: OffsetDateTime) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(&submitter).is_some_and(|remembered| {
            remembered.hash == *known
                && now < remembered.until
                && remembered.until - now <= REMEMBERED_FOR
                && hmac::verify(&self.key, password.as_bytes(), remembered.tag.as_ref()).is_ok()
        })
    }

    fn remember(&self, submitter: Uuid, known: &PasswordHash, password: &str, now: OffsetDateTime) {
        let tag = hmac::sign(&self.key, password.as_bytes());
        let remembered = Remembered { hash: known.clone(), tag, until: now + REMEMBERED_FOR };
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.retain(|_, other| now < other.until);
        right.insert(submitter, remembered);
    }
}

fn hash(password: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, password.as_bytes())
}

#[cfg(test)]
mod tests {
    use certs::seal::MasterKey;
    use time::macros::datetime;

    use super::*;
    use crate::passwords::NewPassword;

    const NOON: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
    const SCANNER: Uuid = Uuid::from_u128(7);

    #[tokio::test]
    async fn a_generated_password_is_long_and_right_for_its_submitter_only() {
        let (vault, verifier) = (Vault::new(MasterKey::generate()), Verifier::default());
        let (one, other) = (generate(), generate());
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
        let secret = seal_generated(&vault, SCANNER, &one);
        let tools = (&vault, &Passwords::default());
        assert!(verifier.verify(tools, (SCANNER, &secret), &one, NOON).await.unwrap());
        assert!(!verifier.verify(tools, (SCANNER, &secret), &other, NOON).await.unwrap());
        let elsewhere = (Uuid::from_u128(8), &secret);
        assert!(verifier.verify(tools, elsewhere, &one, NOON).await.is_err(), "it was moved to another row");
    }

    #[tokio::test]
    async fn a_chosen_password_is_remembered_for_a_while_and_not_when_it_was_changed() {
        let (vault, verifier, passwords) =
            (Vault::new(MasterKey::generate()), Verifier::default(), Passwords::default());
        let chosen = SecretText::new("correct horse battery");
        let known =
            passwords.hash(&NewPassword::check(&chosen, "scanner", "password").unwrap()).await.unwrap();
        let secret = SubmitterSecret::Chosen(known.clone());
        let tools = (&vault, &passwords);
        assert!(!verifier.verify(tools, (SCANNER, &secret), "wrong", NOON).await.unwrap());
        assert!(!verifier.remembers(SCANNER, &known, "wrong", NOON), "what was wrong is not remembered");
        assert!(verifier.verify(tools, (SCANNER, &secret), chosen.expose(), NOON).await.unwrap());
        assert!(verifier.remembers(SCANNER, &known, chosen.expose(), NOON + Duration::minutes(9)));
        assert!(!verifier.remembers(SCANNER, &known, "wrong", NOON));
        assert!(!verifier.remembers(SCANNER, &known, chosen.expose(), NOON + Duration::minutes(10)));
        let changed = PasswordHash::new("another".to_owned());
        assert!(!verifier.remembers(SCANNER, &changed, chosen.expose(), NOON));
    }
}
