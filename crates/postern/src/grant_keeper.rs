//! The store behind `m365`'s token cache: refresh tokens are sealed on their way in and opened on their way out. Where several
//! nodes share the store, one at a time uses an account's: a token that two redeem at once may be taken for stolen.

use std::sync::Arc;
use std::time::Duration;

use m365::grant_keeper::{GrantKeeper, KeeperTrouble, Kept};
use m365::secret::RefreshToken;
use store::queue::Node;
use store::{GrantRow, RenewGrantError, Store};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::clock::Clock;
use crate::vault::{Record, Vault};

/// Keeps grants in the store.
pub struct SealedGrants {
    store: Store,
    vault: Arc<Vault>,
    node: Node,
    clock: Clock,
}

/// When another node may use a grant of which nobody said that its use is over: longer than a request to Entra takes with its
/// repetition and the search for its doors.
const TERM: Duration = Duration::from_secs(120);
/// How often a node that waits for its turn looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl SealedGrants {
    /// Over this store and vault, for this node.
    pub fn new(store: Store, vault: Arc<Vault>, node: Node, clock: Clock) -> Self {
        Self { store, vault, node, clock }
    }

    async fn load(&self, account_id: &str, version: i64) -> Result<Option<RefreshToken>, KeeperTrouble> {
        let row = self.store.accounts().find(account_id).await.map_err(failed)?;
        let row = row.filter(|row| row.version == version).ok_or(KeeperTrouble::AccountChanged)?;
        let Some(grant) = self.take(row.id).await.map_err(failed)? else { return Ok(None) };
        let record = Record::RefreshToken(account_id);
        let token = self.vault.open_text(record, &grant.sealed_refresh_token).map_err(failed)?;
        Ok(Some(RefreshToken::new(token.as_str())))
    }

    /// The grant, once no other node uses it. It is read afterwards: the other one may have replaced it.
    async fn take(&self, account: Uuid) -> Result<Option<GrantRow>, store::StoreError> {
        let grants = self.store.grants();
        while self.store.is_shared() {
            let now = self.clock.now();
            if grants.take_renewal(account, &self.node, now, now + TERM).await? {
                break;
            }
            if grants.find(account).await?.is_none() {
                return Ok(None);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        grants.find(account).await
    }

    async fn release(&self, account_id: &str) -> Result<(), KeeperTrouble> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let id: Uuid = account_id.parse().map_err(failed)?;
        self.store.grants().release_renewal(id, &self.node).await.map_err(failed)
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

    fn release<'a>(&'a self, account_id: &'a str) -> Kept<'a, ()> {
        Box::pin(self.release(account_id))
    }
}

fn failed(error: impl std::fmt::Display) -> KeeperTrouble {
    KeeperTrouble::Failed(error.to_string())
}
