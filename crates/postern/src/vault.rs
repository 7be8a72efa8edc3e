//! The one place where secrets are open: seals them before they reach the store and opens what comes back.
//!
//! Each record is bound to its own identity: a sealed value moved to another row does not open there.

use certs::SigningKey;
use certs::seal::{self, MasterKey};
use zeroize::Zeroizing;

/// Seals and opens with the installation's master key.
pub struct Vault {
    master: MasterKey,
}

/// What a sealed value is and to whom it belongs; the value opens under this identity only.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// Private key (PKCS#8 DER) of the certificate with this id.
    CertificateKey(&'a str),
    /// Client secret of the account with this id.
    ClientSecret(&'a str),
    /// Refresh token of the account with this id.
    RefreshToken(&'a str),
    /// PKCE verifier, nonce or device code of the flow with this id.
    FlowSecrets(&'a str),
    /// The grant that a pending flow found, until someone confirms it.
    FlowGrant(&'a str),
    /// What the authenticator app of the user with this id shares with us.
    TotpSecret(&'a str),
    /// Private key of the console's own certificate.
    ConsoleKey,
    /// Hash of the generated password of the submitter with this id.
    SubmitterPassword(&'a str),
}

impl Record<'_> {
    fn identity(self) -> String {
        match self {
            Record::CertificateKey(id) => format!("certificate/{id}/key"),
            Record::ClientSecret(id) => format!("account/{id}/client_secret"),
            Record::RefreshToken(id) => format!("account/{id}/refresh_token"),
            Record::FlowSecrets(id) => format!("flow/{id}/secrets"),
            Record::FlowGrant(id) => format!("flow/{id}/grant"),
            Record::TotpSecret(id) => format!("user/{id}/totp_secret"),
            Record::ConsoleKey => "console/key".to_owned(),
            Record::SubmitterPassword(id) => format!("submitter/{id}/password"),
        }
    }
}

/// A sealed value that does not open. It names the record, never its content.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stored secret {record} cannot be opened: {why}. Restore the database and its master key from one backup"
)]
pub struct CannotOpen {
    record: String,
    why: String,
}

impl Vault {
    /// A vault that seals with `master`.
    pub fn new(master: MasterKey) -> Self {
        Self { master }
    }

    /// Seals `plain` for `record`.
    pub fn seal(&self, record: Record<'_>, plain: &[u8]) -> Vec<u8> {
        seal::seal(&self.master, &record.identity(), plain)
    }

    /// Opens what [`Vault::seal`] made for the same record.
    pub fn open(&self, record: Record<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let identity = record.identity();
        seal::open(&self.master, &identity, sealed)
            .map_err(|error| CannotOpen { record: identity, why: error.to_string() })
    }

    /// Opens a secret that is text.
    pub fn open_text(&self, record: Record<'_>, sealed: &[u8]) -> Result<Zeroizing<String>, CannotOpen> {
        let bytes = self.open(record, sealed)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
            Err(_) => Err(CannotOpen { record: record.identity(), why: "it is not text".to_owned() }),
        }
    }

    /// Opens a certificate's private key.
    pub fn open_key(&self, certificate_id: &str, sealed: &[u8]) -> Result<SigningKey, CannotOpen> {
        let record = Record::CertificateKey(certificate_id);
        let der = self.open(record, sealed)?;
        SigningKey::from_pkcs8_der(&der)
            .map_err(|error| CannotOpen { record: record.identity(), why: error.to_string() })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.master.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_as_the_record_it_was_sealed_for() {
        let vault = Vault::new(MasterKey::generate());
        let sealed = vault.seal(Record::ClientSecret("a"), b"geheim");
        assert_eq!(*vault.open_text(Record::ClientSecret("a"), &sealed).unwrap(), "geheim");
        for other in [Record::ClientSecret("b"), Record::RefreshToken("a"), Record::ConsoleKey] {
            let error = vault.open(other, &sealed).unwrap_err().to_string();
            assert!(!error.contains("geheim"));
        }
    }
}
