//! The store behind `m365`'s token cache: refresh tokens are sealed on their way in and opened on their way out.

use m365::grant_keeper::{GrantKeeper, KeeperTrouble, Kept};
use m365::secret::RefreshToken;
use store::{RenewGrantError, Store};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::vault::{Record, Vault};

/// Keeps grants in the store.
pub struct SealedGrants {
    store: Store,
    vault: std::sync::Arc<Vault>,
}

impl SealedGrants {
    /// Over this store and vault.
    pub fn new(store: Store, vault: std::sync::Arc<Vault>) -> Self {
        Self { store, vault }
    }

    async fn load(&self, account_id: &str, version: i64) -> Result<Option<RefreshToken>, KeeperTrouble> {
        let row = self.store.accounts().find(account_id).await.map_err(failed)?;
        let row = row.filter(|row| row.version == version).ok_or(KeeperTrouble::AccountChanged)?;
        let Some(grant) = self.store.grants().find(row.id).await.map_err(failed)? else { return Ok(None) };
        let record = Record::RefreshToken(account_id);
        let token = self.vault.open_text(record, &grant.sealed_refresh_token).map_err(failed)?;
        Ok(Some(RefreshToken::new(token.as_str())))
    }

    async fn replace(
        &self,
        account_id: &str,
        version: i64,
        successor: RefreshToken,
        renewed_at: OffsetDateTime,
    ) -> Result<(), KeeperTrouble> {
        let sealed = self.vault.seal(Record::RefreshToken(account_id), successor.expose().as_bytes());
        let id: Uuid = account_id.parse().map_err(failed)?;
        match self.store.grants().renew(id, version, &sealed, renewed_at).await {
            Ok(()) => Ok(()),
            Err(RenewGrantError::AccountChanged | RenewGrantError::NoGrant) => {
                Err(KeeperTrouble::AccountChanged)
            }
            Err(RenewGrantError::Store(error)) => Err(failed(error)),
        }
    }
}

impl GrantKeeper for SealedGrants {
    fn load<'a>(&'a self, account_id: &'a str, version: i64) -> Kept<'a, Option<RefreshToken>> {
        Box::pin(self.load(account_id, version))
    }

    fn replace<'a>(
        &'a self,
        account_id: &'a str,
        version: i64,
        successor: RefreshToken,
        renewed_at: OffsetDateTime,
    ) -> Kept<'a, ()> {
        Box::pin(self.replace(account_id, version, successor, renewed_at))
    }
}

fn failed(error: impl std::fmt::Display) -> KeeperTrouble {
    KeeperTrouble::Failed(error.to_string())
}
