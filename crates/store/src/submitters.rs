//! The submitters: devices and programs that may hand mail over, how they prove themselves, and as whom they may send.
//! It must never keep what a submitter proves itself with, only hashes of it. Its neighbours are the doors, which look a
//! submitter up by what it shows, and the submitters' page.

use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::failure::StoreError;
use crate::users::PasswordHash;
use crate::word::words;

words! {
    /// What happens to a From that the submitter or its account may not use.
    pub enum ForeignFrom {
        /// The message is refused.
        Refuse = "refuse",
        /// The account's own takes its place; the old one is kept in Reply-To.
        Rewrite = "rewrite",
    }
}

/// A submitter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitterRow {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// Its name, unique whatever the case.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it logs in as, unique whatever the case; `None` where it can't log in by password.
    pub user_name: Option<String>,
    /// Its password, hashed.
    pub secret: Option<SubmitterSecret>,
    /// SHA-256 of its API token, unique; the token has 256 random bits.
    pub token_hash: Option<Vec<u8>>,
    /// Networks (`192.0.2.0/24`, `2001:db8::/32`) from which it needs no password.
    pub networks: Vec<String>,
    /// Local users who need none at `submit.sock`.
    pub uids: Vec<u32>,
    /// As whom it may send: `scanner@contoso.com`, `*@contoso.com`; anyone its account may send as where this is empty.
    pub senders: Vec<String>,
    /// What happens to any other From.
    pub foreign_from: ForeignFrom,
    /// Its account; the one that fits the From where this is empty.
    pub account_id: Option<Uuid>,
    /// The most messages a minute; no limit of its own where this is empty.
    pub rate_per_minute: Option<u32>,
    /// Whether it may hand mail over at present.
    pub is_enabled: bool,
    /// When it was entered.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
    /// When it last handed a message over, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// A submitter's password, hashed.
#[derive(Clone, PartialEq, Eq)]
pub enum SubmitterSecret {
    /// One that somebody chose: it may be weak, so guessing must be slow (argon2id).
    Chosen(PasswordHash),
    /// One that was generated, with 128 random bits or more: a keyed hash (HMAC-SHA-256) is enough, and fast.
    Generated {
        /// The hash.
        keyed_hash: Vec<u8>,
    },
}

impl fmt::Debug for SubmitterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// A submitter was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutSubmitterError {
    /// There is none with this id.
    #[error("there is no such submitter")]
    NotFound,
    /// Somebody else has changed it meanwhile.
    #[error("the submitter has been changed meanwhile")]
    Conflict,
    /// Another has the name.
    #[error("there is already a submitter with this name")]
    NameTaken,
    /// Another logs in by this name.
    #[error("another submitter already logs in by this user name")]
    UserNameTaken,
    /// The account that it names is gone.
    #[error("the account has been deleted")]
    AccountNotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A submitter was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveSubmitterError {
    /// There is none with this id.
    #[error("there is no such submitter")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
