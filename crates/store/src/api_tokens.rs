//! The API tokens, as hashes: the token itself is shown once and kept nowhere. It must never find a token by anything but
//! its whole hash. Its neighbours are the API's door and the tokens' page.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::database::Store;
use crate::engine::{Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::{Record, millis_of};
use crate::word::words;

const TABLE: &str = "api_tokens";

/// A use is noted at most this often: a busy script would otherwise cost a disk flush for each call.
const TOUCH_INTERVAL: Duration = Duration::minutes(1);

words! {
    /// What a token's holder may do.
    pub enum Role {
        /// Everything.
        Administrator = "administrator",
        /// Run what is set up.
        Operator = "operator",
        /// Look.
        Viewer = "viewer",
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// Its name, unique whatever the case: the audit log calls its holder by it.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// SHA-256 of the token, which has 256 random bits: nothing slower is needed.
    pub token_hash: Vec<u8>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// By whom.
    pub created_by: String,
    /// From when on it is no longer accepted.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// A token was not stored.
#[derive(Debug, thiserror::Error)]
pub enum InsertTokenError {
    /// Another has the name.
    #[error("there is already a token with this name")]
    NameTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A token was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteTokenError {
    /// There is none with this id.
    #[error("there is no such token")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The API tokens of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct ApiTokens<'s>(pub(crate) &'s Store);

impl ApiTokens<'_> {
    /// Stores a new token.
    pub async fn insert(&self, row: &TokenRow, audit: &AuditEntry) -> Result<(), InsertTokenError> {
        let sql = "INSERT INTO api_tokens (id, name, name_key, role, token_hash, created_at, created_by, expires_at,
                   last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name_key) DO NOTHING";
        let insert = statement(sql)
            .bind(row.id.to_string())
            .bind(&row.name)
            .bind(row.name.to_lowercase())
            .bind(row.role.as_str())
            .bind(&row.token_hash)
            .bind(millis_of(row.created_at))
            .bind(&row.created_by)
            .bind(row.expires_at.map(millis_of))
            .bind(row.last_used_at.map(millis_of));
        let mut change = self.0.begin().await?;
        if change.run(insert).await? == 0 {
            return Err(InsertTokenError::NameTaken);
        }
        Ok(change.commit_with(audit).await?)
    }

    /// The token with this hash, expired or not: the caller compares with the clock.
    pub async fn find_by_hash(&self, token_hash: &[u8]) -> Result<Option<TokenRow>, StoreError> {
        let query = statement("SELECT * FROM api_tokens WHERE token_hash = $1").bind(token_hash);
        Ok(self.0.one(query).await?.as_ref().map(read).transpose()?)
    }

    /// The token with this id, or else with this name.
    pub async fn find(&self, id_or_name: &str) -> Result<Option<TokenRow>, StoreError> {
        if let Ok(id) = id_or_name.parse::<Uuid>() {
            let by_id = statement("SELECT * FROM api_tokens WHERE id = $1").bind(id.to_string());
            if let Some(row) = self.0.one(by_id).await? {
                return Ok(Some(read(&row)?));
            }
        }
        let by_name =
            statement("SELECT * FROM api_tokens WHERE name_key = $1").bind(id_or_name.to_lowercase());
        Ok(self.0.one(by_name).await?.as_ref().map(read).transpose()?)
    }

    /// The tokens in the order of their names.
    pub async fn list(&self, page: &Page) -> Result<Paged<TokenRow>, StoreError> {
        let query = statement("SELECT * FROM api_tokens WHERE name_key > $1 ORDER BY name_key LIMIT $2")
            .bind(Cursor::name(page)?)
            .bind(page.fetch_limit());
        let name_cursor = |row: &Row| Record::new(TABLE, "id", row).get("name_key").map(Cursor::after_name);
        Ok(Paged::read(self.0.all(query).await?, page, read, name_cursor)?)
    }

    /// Deletes a token: from now on it opens nothing.
    pub async fn delete(&self, id: Uuid, audit: &AuditEntry) -> Result<(), DeleteTokenError> {
        let mut change = self.0.begin().await?;
        let delete = statement("DELETE FROM api_tokens WHERE id = $1").bind(id.to_string());
        if change.run(delete).await? == 0 {
            return Err(DeleteTokenError::NotFound);
        }
        Ok(change.commit_with(audit).await?)
    }

    /// Notes that the token was used at `now`, unless a use within the minute before is noted already. No audit row: what
    /// was done with it has its own.
    pub async fn touch(&self, token: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        if token.last_used_at.is_some_and(|last| now - last < TOUCH_INTERVAL) {
            return Ok(());
        }
        let update = statement("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1")
            .bind(token.id.to_string())
            .bind(millis_of(now));
        let mut change = self.0.begin().await?;
        change.run(update).await?;
        change.commit().await
    }
}

fn read(row: &Row) -> Result<TokenRow, CorruptRow> {
    let record = Record::new(TABLE, "id", row);
    Ok(TokenRow {
        id: record.id("id")?,
        name: record.get("name")?,
        role: record.parse("role")?,
        token_hash: record.get("token_hash")?,
        created_at: record.time("created_at")?,
        created_by: record.get("created_by")?,
        expires_at: record.optional_time("expires_at")?,
        last_used_at: record.optional_time("last_used_at")?,
    })
}
