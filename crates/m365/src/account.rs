//! One Microsoft 365 account, opened and ready to work with: who it is, and what it proves itself with.
//!
//! Its secrets are open in here; it is built for a piece of work and dropped after it, and never stored.
//! Neighbours: `postern` makes it from the store, `token` proves it to Entra.

use std::fmt;
use std::sync::Arc;

use certs::SigningKey;
use mail::Address;
use serde::{Deserialize, Serialize};

use crate::cloud::Cloud;
use crate::secret::Secret;
use crate::tenant::{ClientId, Tenant};

/// An app registration in a tenant, and how mail goes out through it.
#[derive(Debug)]
pub struct Account {
    /// The account's id in the store.
    pub id: String,
    /// Grows with each change of the settings: a slow answer for an older version is refused.
    pub version: i64,
    /// Where it lives.
    pub cloud: Arc<Cloud>,
    /// Which directory.
    pub tenant: Tenant,
    /// Which application.
    pub client_id: ClientId,
    /// What it proves itself with.
    pub credential: Credential,
    /// As a person, or as itself.
    pub sign_in: SignIn,
    /// Which way mail goes.
    pub transport: Transport,
    /// The sender, where it was set.
    pub from: Option<Address>,
    /// The mailbox that signed in, where one did.
    pub mailbox: Option<Address>,
}

/// What an account proves itself with.
#[derive(Debug)]
pub enum Credential {
    /// An assertion signed with the certificate's key.
    Certificate(Arc<ClientCertificate>),
    /// A shared secret.
    Secret(Secret),
}

/// A certificate with its key.
pub struct ClientCertificate {
    /// Signs.
    pub key: SigningKey,
    /// The certificate that was uploaded to the app registration, DER.
    pub leaf_der: Vec<u8>,
}

/// Who signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// A person pressed *Authorize now*; mail goes out as that mailbox.
    #[default]
    Delegated,
    /// The application itself (client credentials).
    Application,
}

/// Which way mail goes to Microsoft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Microsoft Graph.
    #[default]
    Graph,
    /// SMTP AUTH with XOAUTH2.
    Smtp,
}

impl Account {
    /// The mailbox that mail goes out as: From where it was set, else who signed in.
    pub fn sender(&self) -> Option<&Address> {
        self.from.as_ref().or(self.mailbox.as_ref())
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ClientCertificate").field("key", &"<redacted>").finish_non_exhaustive()
    }
}
