//! Who keeps the refresh tokens: the store behind `postern`, as this room needs it.
//!
//! The rules (product.md §3): a refresh token is replaced only after its successor is safely stored; an
//! answer without a new one keeps the old; a transient error never discards it. So there is no way here to
//! delete one, and [`GrantKeeper::replace`] must not return before the successor is on disk.

use std::future::Future;
use std::pin::Pin;

use time::OffsetDateTime;

use crate::failure::{Failure, LocalTrouble};
use crate::secret::RefreshToken;

/// What a keeper's call returns: boxed, so that keepers can be exchanged at run time.
pub type Kept<'a, T> = Pin<Box<dyn Future<Output = Result<T, KeeperTrouble>> + Send + 'a>>;

/// Keeps one refresh token per account.
pub trait GrantKeeper: Send + Sync + 'static {
    /// The refresh token of the account, where a sign-in left one; [`KeeperTrouble::AccountChanged`] where
    /// the account isn't of this version any more. It is whoever loaded it who uses it, until
    /// [`GrantKeeper::replace`] or [`GrantKeeper::release`]: where several processes share the keeper's
    /// store, the others wait here.
    fn load<'a>(&'a self, account_id: &'a str, version: i64) -> Kept<'a, Option<RefreshToken>>;

    /// Stores the successor, durably, if the account is still of this version. A new sign-in has to count
    /// as a new version, or a renewal of the grant before it could overwrite it.
    fn replace<'a>(
        &'a self,
        account_id: &'a str,
        version: i64,
        successor: RefreshToken,
        renewed_at: OffsetDateTime,
    ) -> Kept<'a, ()>;

    /// The token that was loaded is not in use any more, and has no successor.
    fn release<'a>(&'a self, _account_id: &'a str) -> Kept<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Why a keeper couldn't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeeperTrouble {
    /// The account was changed, or removed, since this work began.
    #[error("the account was changed meanwhile")]
    AccountChanged,
    /// The store failed; the text is for the log and holds no secret.
    #[error("{0}")]
    Failed(String),
}

/// The account isn't the one that this work was begun for: its result is of no use any more.
pub(crate) fn account_changed() -> Failure {
    LocalTrouble::new(
        "account_changed",
        "the account was changed while a token was being fetched for it",
        "Nothing to do: the next try uses the new settings.",
    )
    .into()
}

pub(crate) fn not_loaded(trouble: KeeperTrouble) -> Failure {
    explain(trouble, "grant_not_loaded", "the grant can't be read from the store")
}

pub(crate) fn not_stored(trouble: KeeperTrouble) -> Failure {
    explain(trouble, "grant_not_stored", "the renewed grant can't be stored, so the old one stays in use")
}

fn explain(trouble: KeeperTrouble, code: &'static str, what: &str) -> Failure {
    match trouble {
        KeeperTrouble::AccountChanged => account_changed(),
        KeeperTrouble::Failed(why) => {
            LocalTrouble::new(code, format!("{what}: {why}"), "Check the disk and the database.").into()
        }
    }
}
