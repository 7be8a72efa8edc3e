//! Users' passwords: which ones are taken, and their argon2id hashes. Hashing costs 19 MiB and tens of milliseconds on
//! purpose (RFC 9106, with the parameters of OWASP's password storage cheat sheet), so it runs off the async threads, and
//! few at a time. A password must never be printed or kept. Its neighbours are `users` and `sign_in`.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use store::PasswordHash;
use tokio::sync::Semaphore;

use crate::api::input::SecretText;
use crate::problem::Problem;

/// Length counts, not composition (NIST SP 800-63B, section 5.1.1.2).
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=200;
/// How many are hashed at the same time: more would take the machine from everyone else.
const AT_A_TIME: usize = 2;

/// A password that may be used.
#[derive(Debug)]
pub struct NewPassword(SecretText);

impl NewPassword {
    /// Takes `text` for the user `user`; a refusal names `field`.
    pub fn check(text: &SecretText, user: &str, field: &str) -> Result<Self, Problem> {
        let length = text.expose().chars().count();
        let why = if length < *LENGTHS.start() {
            format!("The password has {length} characters and needs at least {}.", LENGTHS.start())
        } else if length > *LENGTHS.end() {
            format!("The password has {length} characters; {} are the most.", LENGTHS.end())
        } else if text.expose().trim().to_lowercase() == user.trim().to_lowercase() {
            "The password is the user name.".to_owned()
        } else {
            return Ok(Self(text.clone()));
        };
        let hint =
            "Take several words that only you put together; 12 to 200 characters of any kind are fine.";
        Err(Problem::new("password_refused", why, hint).with("field", field))
    }
}

/// Hashes and compares, a few at a time.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

impl Passwords {
    /// The hash to keep.
    pub async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, Problem> {
        let password = password.0.clone();
        let hashed = self.in_turn(move || hash(&password)).await?;
        hashed.map(PasswordHash::new).map_err(Problem::internal)
    }

    /// Whether `password` is the one that was hashed. Without a hash, for a user that isn't there, it is not, and that
    /// takes as long.
    pub async fn verify(&self, hash: Option<&PasswordHash>, password: &SecretText) -> Result<bool, Problem> {
        let (hash, password) = (hash.cloned(), password.clone());
        self.in_turn(move || verify(hash.as_ref(), &password)).await?.map_err(Problem::internal)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turns = Arc::clone(&self.turns);
        let turn = turns.acquire_owned().await.expect("the semaphore is never closed");
        // The turn goes along: a client that hangs up gives it back when the work is done, not before.
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        worked.await.map_err(Problem::internal)
    }
}

fn hash(password: &SecretText) -> Result<String, Error> {
    let hashed: phc::PasswordHash = Argon2::default().hash_password(password.expose().as_bytes())?;
    Ok(hashed.to_string())
}

fn verify(known: Option<&PasswordHash>, password: &SecretText) -> Result<bool, Error> {
    let Some(known) = known else { return hash(password).map(|_| false) };
    let known = phc::PasswordHash::new(known.as_str()).map_err(|_| Error::EncodingInvalid)?;
    match Argon2::default().verify_password(password.expose().as_bytes(), &known) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretText {
        SecretText::new(text)
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        for (password, expected) in [
            ("eleven char", Some("has 11 characters and needs at least 12")),
            ("ääääääääääää", None),
            ("            ", None),
            (&"x".repeat(200), None),
            (&"x".repeat(201), Some("has 201 characters; 200 are the most")),
            ("Administrator", Some("is the user name")),
        ] {
            let checked = NewPassword::check(&secret(password), "administrator", "password");
            match expected {
                None => assert!(checked.is_ok(), "{password}"),
                Some(why) => {
                    let problem = checked.unwrap_err();
                    assert!(problem.message().contains(why), "{}", problem.message());
                    assert_eq!(problem.to_json()["field"], "password");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_hash_knows_its_own_password_and_nobody_elses() {
        let passwords = Passwords::default();
        let new = NewPassword::check(&secret("correct horse battery"), "anna", "password").unwrap();
        let hash = passwords.hash(&new).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(passwords.verify(Some(&hash), &secret("correct horse battery")).await.unwrap());
        assert!(!passwords.verify(Some(&hash), &secret("correct horse batterY")).await.unwrap());
        assert!(!passwords.verify(None, &secret("correct horse battery")).await.unwrap());
        assert_ne!(hash, passwords.hash(&new).await.unwrap(), "each has its own salt");
    }
}
