//! The submitters: devices and programs that may hand mail over, how they prove themselves, and as whom they may send.
//! It must never keep what a submitter proves itself with, only hashes of it. Its neighbours are the doors, which look a
//! submitter up by what it shows, and the submitters' page.

use std::fmt;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::certificates::pattern_for;
use crate::database::{Change, Store};
use crate::engine::{Row, Statement, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::{Record, millis_of};
use crate::users::PasswordHash;
use crate::word::words;

const TABLE: &str = "submitters";

/// A use is noted at most this often: one for each message would cost as much as the message.
const TOUCH_INTERVAL: Duration = Duration::minutes(1);

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
    /// Counts its changes, from 1; [`Submitters::insert`] and [`Submitters::update`] set it.
    pub version: i64,
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

/// The submitters of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Submitters<'s>(pub(crate) &'s Store);

impl Submitters<'_> {
    /// Stores a new submitter; returns it as it is now.
    pub async fn insert(
        &self,
        row: &SubmitterRow,
        audit: &AuditEntry,
    ) -> Result<SubmitterRow, PutSubmitterError> {
        let mut change = self.0.begin().await?;
        check(&mut change, row).await?;
        let row = SubmitterRow { version: 1, ..row.clone() };
        change.run(bind_columns(INSERT, &row)).await?;
        change.commit_with(audit).await?;
        Ok(row)
    }

    /// Writes all of `row` in place of version `expected_version`; returns it as it is now.
    pub async fn update(
        &self,
        row: &SubmitterRow,
        expected_version: i64,
        audit: &AuditEntry,
    ) -> Result<SubmitterRow, PutSubmitterError> {
        let mut change = self.0.begin().await?;
        let query = statement("SELECT id, version FROM submitters WHERE id = $1").bind(row.id.to_string());
        let before = change.one(query).await?.ok_or(PutSubmitterError::NotFound)?;
        let version: i64 = Record::new(TABLE, "id", &before).get("version").map_err(StoreError::from)?;
        if version != expected_version {
            return Err(PutSubmitterError::Conflict);
        }
        check(&mut change, row).await?;
        let row = SubmitterRow { version: expected_version + 1, ..row.clone() };
        change.run(bind_columns(UPDATE, &row)).await?;
        change.commit_with(audit).await?;
        Ok(row)
    }

    /// Removes a submitter. What it has handed over keeps its name.
    pub async fn remove(&self, id: Uuid, audit: &AuditEntry) -> Result<(), RemoveSubmitterError> {
        let mut change = self.0.begin().await?;
        let delete = statement("DELETE FROM submitters WHERE id = $1").bind(id.to_string());
        if change.run(delete).await? == 0 {
            return Err(RemoveSubmitterError::NotFound);
        }
        Ok(change.commit_with(audit).await?)
    }

    /// The submitter with this id or name, the id first.
    pub async fn find(&self, id_or_name: &str) -> Result<Option<SubmitterRow>, StoreError> {
        if let Ok(id) = id_or_name.parse::<Uuid>() {
            let by_id = statement("SELECT * FROM submitters WHERE id = $1").bind(id.to_string());
            if let Some(row) = self.0.one(by_id).await? {
                return Ok(Some(read(&row)?));
            }
        }
        self.find_by("SELECT * FROM submitters WHERE name_key = $1", id_or_name.to_lowercase()).await
    }

    /// The submitter that logs in by this name, enabled or not.
    pub async fn find_by_user_name(&self, user_name: &str) -> Result<Option<SubmitterRow>, StoreError> {
        self.find_by("SELECT * FROM submitters WHERE user_name_key = $1", user_name.to_lowercase()).await
    }

    /// The submitter with the token of this hash, enabled or not.
    pub async fn find_by_token_hash(&self, token_hash: &[u8]) -> Result<Option<SubmitterRow>, StoreError> {
        self.find_by("SELECT * FROM submitters WHERE token_hash = $1", token_hash.to_vec()).await
    }

    async fn find_by(
        &self,
        sql: &'static str,
        key: impl Into<crate::engine::Value>,
    ) -> Result<Option<SubmitterRow>, StoreError> {
        Ok(self.0.one(statement(sql).bind(key)).await?.as_ref().map(read).transpose()?)
    }

    /// The enabled submitters that need no password where they come from: a network, or a local user. One that can't be read
    /// is left out: it may not send.
    pub async fn known_by_place(&self) -> Result<Vec<SubmitterRow>, StoreError> {
        let sql =
            "SELECT * FROM submitters WHERE is_enabled AND (networks <> '' OR uids <> '') ORDER BY name_key";
        let rows = self.0.all(statement(sql)).await?;
        Ok(rows.iter().filter_map(|row| read(row).ok()).collect())
    }

    /// The submitters in the order of their names; with a filter, those whose name or user name contains it, whatever the
    /// case.
    pub async fn list(&self, page: &Page, filter: Option<&str>) -> Result<Paged<SubmitterRow>, StoreError> {
        let sql = "SELECT * FROM submitters WHERE name_key > $1
                   AND (name_key LIKE $2 ESCAPE '\\' OR user_name_key LIKE $2 ESCAPE '\\') ORDER BY name_key LIMIT $3";
        let query = statement(sql)
            .bind(Cursor::name(page)?)
            .bind(pattern_for(filter.unwrap_or_default()))
            .bind(page.fetch_limit());
        let name_cursor = |row: &Row| Record::new(TABLE, "id", row).get("name_key").map(Cursor::after_name);
        Ok(Paged::read(self.0.all(query).await?, page, read, name_cursor)?)
    }

    /// Notes that it handed something over at `now`, unless that was noted within the minute before.
    pub async fn touch(&self, row: &SubmitterRow, now: OffsetDateTime) -> Result<(), StoreError> {
        if row.last_used_at.is_some_and(|last| now - last < TOUCH_INTERVAL) {
            return Ok(());
        }
        let update = statement("UPDATE submitters SET last_used_at = $2 WHERE id = $1");
        let mut change = self.0.begin().await?;
        change.run(update.bind(row.id.to_string()).bind(millis_of(now))).await?;
        change.commit().await
    }
}

/// Whether its names are free and its account is there.
async fn check(change: &mut Change, row: &SubmitterRow) -> Result<(), PutSubmitterError> {
    let is_taken = "SELECT 1 AS taken FROM submitters WHERE name_key = $1 AND id <> $2";
    let is_taken = statement(is_taken).bind(row.name.to_lowercase()).bind(row.id.to_string());
    if change.one(is_taken).await?.is_some() {
        return Err(PutSubmitterError::NameTaken);
    }
    let is_taken = "SELECT 1 AS taken FROM submitters WHERE user_name_key = $1 AND id <> $2";
    let is_taken = statement(is_taken).bind(user_name_key(row)).bind(row.id.to_string());
    if change.one(is_taken).await?.is_some() {
        return Err(PutSubmitterError::UserNameTaken);
    }
    let Some(account_id) = row.account_id else { return Ok(()) };
    let account = statement("SELECT 1 AS there FROM accounts WHERE id = $1").bind(account_id.to_string());
    match change.one(account).await? {
        Some(_) => Ok(()),
        None => Err(PutSubmitterError::AccountNotFound),
    }
}

fn user_name_key(row: &SubmitterRow) -> Option<String> {
    row.user_name.as_ref().map(|name| name.to_lowercase())
}

const INSERT: &str =
    "INSERT INTO submitters (id, version, name, name_key, description, user_name, user_name_key,
    password_hash, keyed_hash, token_hash, networks, uids, senders, foreign_from, account_id, rate_per_minute,
    is_enabled, created_at, updated_at, last_used_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";

const UPDATE: &str = "UPDATE submitters SET version = $2, name = $3, name_key = $4, description = $5, user_name = $6,
    user_name_key = $7, password_hash = $8, keyed_hash = $9, token_hash = $10, networks = $11, uids = $12,
    senders = $13, foreign_from = $14, account_id = $15, rate_per_minute = $16, is_enabled = $17, created_at = $18,
    updated_at = $19, last_used_at = $20 WHERE id = $1";

/// [`INSERT`] and [`UPDATE`] number their columns alike.
fn bind_columns(sql: &'static str, row: &SubmitterRow) -> Statement {
    let (password_hash, keyed_hash) = match &row.secret {
        None => (None, None),
        Some(SubmitterSecret::Chosen(hash)) => (Some(hash.as_str()), None),
        Some(SubmitterSecret::Generated { keyed_hash }) => (None, Some(keyed_hash)),
    };
    let uids: Vec<String> = row.uids.iter().map(u32::to_string).collect();
    statement(sql)
        .bind(row.id.to_string())
        .bind(row.version)
        .bind(&row.name)
        .bind(row.name.to_lowercase())
        .bind(&row.description)
        .bind(&row.user_name)
        .bind(user_name_key(row))
        .bind(password_hash)
        .bind(keyed_hash)
        .bind(&row.token_hash)
        .bind(row.networks.join(" "))
        .bind(uids.join(" "))
        .bind(row.senders.join(" "))
        .bind(row.foreign_from.as_str())
        .bind(row.account_id.map(|id| id.to_string()))
        .bind(row.rate_per_minute)
        .bind(row.is_enabled)
        .bind(millis_of(row.created_at))
        .bind(millis_of(row.updated_at))
        .bind(row.last_used_at.map(millis_of))
}

fn read(row: &Row) -> Result<SubmitterRow, CorruptRow> {
    let record = Record::new(TABLE, "id", row);
    let uids = record.words("uids")?;
    Ok(SubmitterRow {
        id: record.id("id")?,
        version: record.get("version")?,
        name: record.get("name")?,
        description: record.get("description")?,
        user_name: record.get("user_name")?,
        secret: read_secret(&record)?,
        token_hash: record.get("token_hash")?,
        networks: record.words("networks")?,
        uids: uids
            .iter()
            .map(|uid| uid.parse())
            .collect::<Result<_, _>>()
            .map_err(|error| record.corrupt("uids", error))?,
        senders: record.words("senders")?,
        foreign_from: record.parse("foreign_from")?,
        account_id: record.optional_id("account_id")?,
        rate_per_minute: record.optional_count("rate_per_minute")?,
        is_enabled: record.get("is_enabled")?,
        created_at: record.time("created_at")?,
        updated_at: record.time("updated_at")?,
        last_used_at: record.optional_time("last_used_at")?,
    })
}

fn read_secret(record: &Record<'_>) -> Result<Option<SubmitterSecret>, CorruptRow> {
    let chosen: Option<String> = record.get("password_hash")?;
    let generated: Option<Vec<u8>> = record.get("keyed_hash")?;
    Ok(match (chosen, generated) {
        (Some(phc), _) => Some(SubmitterSecret::Chosen(PasswordHash::new(phc))),
        (None, Some(keyed_hash)) => Some(SubmitterSecret::Generated { keyed_hash }),
        (None, None) => None,
    })
}
