//! The grants: what a delegated sign-in has left behind, one per account, its refresh token sealed. It must never put the
//! token of an older sign-in over that of a newer one. Its neighbours are `flows`, which brings a grant, and the token
//! keeper, which renews it.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts;
use crate::audit::AuditEntry;
use crate::database::{Change, Store};
use crate::engine::{Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::queue::Node;
use crate::record::{Record, millis_of};

const TABLE: &str = "grants";

/// A grant as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The account it belongs to.
    pub account_id: Uuid,
    /// The refresh token, sealed.
    pub sealed_refresh_token: Vec<u8>,
    /// Who signed in: the user principal name.
    pub user: String,
    /// Who signed in: the object id.
    pub user_oid: String,
    /// In which tenant: the GUID.
    pub tenant_id: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// When the person signed in.
    pub obtained_at: OffsetDateTime,
    /// When the refresh token was last replaced or proved alive.
    pub renewed_at: OffsetDateTime,
    /// Whether it came by device code.
    pub via_device_code: bool,
}

/// A grant was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutGrantError {
    /// The account has been changed since the sign-in began, or is gone.
    #[error("the account has been changed meanwhile")]
    AccountChanged,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A grant was not renewed; the stored one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RenewGrantError {
    /// The account has been changed, has a newer grant, or is gone: this token belongs to the one before.
    #[error("the account has been changed meanwhile")]
    AccountChanged,
    /// There is no grant any more.
    #[error("the account has no grant")]
    NoGrant,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A grant was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteGrantError {
    /// There is none.
    #[error("the account has no grant")]
    NoGrant,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The grants of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Grants<'s>(pub(crate) &'s Store);

impl Grants<'_> {
    /// Stores a grant in place of the one before, and counts the account's version up, so that a renewal of the one before
    /// comes too late. Returns the new version.
    pub async fn put(
        &self,
        row: &GrantRow,
        expected_version: i64,
        audit: &AuditEntry,
    ) -> Result<i64, PutGrantError> {
        let mut change = self.0.begin().await?;
        if !put_in(&mut change, row, expected_version).await? {
            return Err(PutGrantError::AccountChanged);
        }
        change.commit_with(audit).await?;
        Ok(expected_version + 1)
    }

    /// The account's grant.
    pub async fn find(&self, account_id: Uuid) -> Result<Option<GrantRow>, StoreError> {
        let query = statement("SELECT * FROM grants WHERE account_id = $1").bind(account_id.to_string());
        Ok(self.0.one(query).await?.as_ref().map(read).transpose()?)
    }

    /// Replaces the refresh token, if the account is still the version that the old one was read with. When this returns
    /// `Ok`, the new one is on disk and the old one may be forgotten.
    pub async fn renew(
        &self,
        account_id: Uuid,
        expected_version: i64,
        sealed_refresh_token: &[u8],
        renewed_at: OffsetDateTime,
    ) -> Result<(), RenewGrantError> {
        let mut change = self.0.begin().await?;
        if accounts::version_of(&mut change, account_id).await? != Some(expected_version) {
            return Err(RenewGrantError::AccountChanged);
        }
        let sql = "UPDATE grants SET sealed_refresh_token = $2, renewed_at = $3, renewal_by = NULL, renewal_until = NULL
                   WHERE account_id = $1";
        let update = statement(sql)
            .bind(account_id.to_string())
            .bind(sealed_refresh_token)
            .bind(millis_of(renewed_at));
        if change.run(update).await? == 0 {
            return Err(RenewGrantError::NoGrant);
        }
        Ok(change.commit().await?)
    }

    /// Takes it upon this run of a node to renew the account's grant until `until`, at `now`; tells whether nobody else is at
    /// it. Of several nodes one at a time asks Microsoft: a refresh token that is redeemed twice may be taken for stolen. Read
    /// the grant after this and not before. [`Grants::renew`] ends it.
    pub async fn take_renewal(
        &self,
        account_id: Uuid,
        node: &Node,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE grants SET renewal_by = $2, renewal_until = $4
                   WHERE account_id = $1 AND (renewal_by IS NULL OR renewal_by = $2 OR renewal_until <= $3)";
        let take = statement(sql)
            .bind(account_id.to_string())
            .bind(node.run.to_string())
            .bind(millis_of(now))
            .bind(millis_of(until));
        let mut change = self.0.begin().await?;
        let is_ours = change.run(take).await? == 1;
        change.commit().await?;
        Ok(is_ours)
    }

    /// Lets another node renew the grant, where this one could not.
    pub async fn release_renewal(&self, account_id: Uuid, node: &Node) -> Result<(), StoreError> {
        let sql = "UPDATE grants SET renewal_by = NULL, renewal_until = NULL WHERE account_id = $1 AND renewal_by = $2";
        let mut change = self.0.begin().await?;
        change.run(statement(sql).bind(account_id.to_string()).bind(node.run.to_string())).await?;
        change.commit().await
    }

    /// Forgets the account's grant.
    pub async fn delete(&self, account_id: Uuid, audit: &AuditEntry) -> Result<(), DeleteGrantError> {
        let mut change = self.0.begin().await?;
        let delete = statement("DELETE FROM grants WHERE account_id = $1").bind(account_id.to_string());
        if change.run(delete).await? == 0 {
            return Err(DeleteGrantError::NoGrant);
        }
        Ok(change.commit_with(audit).await?)
    }
}

/// Stores a grant if the account is still the version `version`, and counts that up; tells whether it was.
pub(crate) async fn put_in(change: &mut Change, row: &GrantRow, version: i64) -> Result<bool, StoreError> {
    if !accounts::outdate(change, row.account_id, version).await? {
        return Ok(false);
    }
    let sql = "INSERT INTO grants (account_id, sealed_refresh_token, user_name, user_oid, tenant_id, scopes,
               obtained_at, renewed_at, via_device_code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (account_id) DO UPDATE SET sealed_refresh_token = excluded.sealed_refresh_token,
               user_name = excluded.user_name, user_oid = excluded.user_oid, tenant_id = excluded.tenant_id,
               scopes = excluded.scopes, obtained_at = excluded.obtained_at, renewed_at = excluded.renewed_at,
               via_device_code = excluded.via_device_code";
    let upsert = statement(sql)
        .bind(row.account_id.to_string())
        .bind(&row.sealed_refresh_token)
        .bind(&row.user)
        .bind(&row.user_oid)
        .bind(&row.tenant_id)
        .bind(row.scopes.join(" "))
        .bind(millis_of(row.obtained_at))
        .bind(millis_of(row.renewed_at))
        .bind(row.via_device_code);
    change.run(upsert).await?;
    Ok(true)
}

fn read(row: &Row) -> Result<GrantRow, CorruptRow> {
    let record = Record::new(TABLE, "account_id", row);
    Ok(GrantRow {
        account_id: record.id("account_id")?,
        sealed_refresh_token: record.get("sealed_refresh_token")?,
        user: record.get("user_name")?,
        user_oid: record.get("user_oid")?,
        tenant_id: record.get("tenant_id")?,
        scopes: record.words("scopes")?,
        obtained_at: record.time("obtained_at")?,
        renewed_at: record.time("renewed_at")?,
        via_device_code: record.get("via_device_code")?,
    })
}
