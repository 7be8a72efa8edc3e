//! The people who sign in: passwords as argon2id hashes, second factors sealed, recovery codes as hashes. It must never
//! leave the house without an administrator, and never let a code count twice. Its neighbours are `sessions`, which
//! takes what a sign-in uses up into its own transaction, and the users' page.

use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::api_tokens::Role;
use crate::audit::AuditEntry;
use crate::database::{Change, Store};
use crate::engine::{Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::{Record, millis_of};
use crate::sessions;
use crate::setup_link;

const TABLE: &str = "users";

/// A password's hash: a PHC string of argon2id. It is not printed: it can be guessed at.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// From the PHC string.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// A user as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Their id (UUIDv7).
    pub id: Uuid,
    /// Their name, unique whatever the case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their password's hash.
    pub password_hash: PasswordHash,
    /// The second factor's secret, sealed; `None` where there is no second factor.
    pub sealed_totp_secret: Option<Vec<u8>>,
    /// A second factor that was offered and is not yet confirmed, sealed.
    pub sealed_offered_totp_secret: Option<Vec<u8>>,
    /// When they were added.
    pub created_at: OffsetDateTime,
    /// When they last signed in.
    pub last_sign_in_at: Option<OffsetDateTime>,
}

/// What an administrator, or the user, changes; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserEdit {
    /// What they may do from now on.
    pub role: Option<Role>,
    /// The new password's hash.
    pub password_hash: Option<PasswordHash>,
    /// Whether the second factor stays.
    pub second_factor: SecondFactorEdit,
    /// The session that does not end with the others: the one in which users change their own password.
    pub spared_session: Option<Uuid>,
}

/// What happens to a second factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecondFactorEdit {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes, with the recovery codes.
    Remove,
}

/// A user was not stored.
#[derive(Debug, thiserror::Error)]
pub enum InsertUserError {
    /// Another has the name.
    #[error("there is already a user with this name")]
    NameTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user was not changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum EditUserError {
    /// There is none with this id.
    #[error("there is no such user")]
    NotFound,
    /// Nobody would be left who may do everything.
    #[error("this is the last administrator")]
    LastAdministrator,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An offered second factor was not taken into use.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmTotpError {
    /// None is offered, or another than the one that the code was checked with.
    #[error("another second factor is offered now, or none")]
    NotOffered,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The users of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Users<'s>(pub(crate) &'s Store);

impl Users<'_> {
    /// Stores a new user. With an administrator there is nothing left to set up: the set-up link is void from then on.
    pub async fn insert(&self, row: &UserRow, audit: &AuditEntry) -> Result<(), InsertUserError> {
        let mut change = self.0.begin().await?;
        insert_in(&mut change, row).await?;
        if row.role == Role::Administrator {
            setup_link::forget(&mut change).await?;
        }
        Ok(change.commit_with(audit).await?)
    }

    /// Whether there is anybody at all.
    pub async fn any(&self) -> Result<bool, StoreError> {
        Ok(self.0.one(statement("SELECT 1 FROM users LIMIT 1")).await?.is_some())
    }

    /// The user with this id, or else with this name, whatever its case.
    pub async fn find(&self, id_or_name: &str) -> Result<Option<UserRow>, StoreError> {
        if let Ok(id) = id_or_name.parse::<Uuid>() {
            let by_id = statement("SELECT * FROM users WHERE id = $1").bind(id.to_string());
            if let Some(row) = self.0.one(by_id).await? {
                return Ok(Some(read(&row)?));
            }
        }
        self.find_by_name(id_or_name).await
    }

    /// The user with this name, whatever its case: nobody signs in by an id.
    pub async fn find_by_name(&self, name: &str) -> Result<Option<UserRow>, StoreError> {
        let by_name = statement("SELECT * FROM users WHERE name_key = $1").bind(name.to_lowercase());
        Ok(self.0.one(by_name).await?.as_ref().map(read).transpose()?)
    }

    /// The users in the order of their names.
    pub async fn list(&self, page: &Page) -> Result<Paged<UserRow>, StoreError> {
        let query = statement("SELECT * FROM users WHERE name_key > $1 ORDER BY name_key LIMIT $2")
            .bind(Cursor::name(page)?)
            .bind(page.fetch_limit());
        let name_cursor = |row: &Row| Record::new(TABLE, "id", row).get("name_key").map(Cursor::after_name);
        Ok(Paged::read(self.0.all(query).await?, page, read, name_cursor)?)
    }

    /// Changes a user. Another role, another password and a second factor that goes end their sessions, but for the spared
    /// one; returns the ids of those that ended.
    pub async fn edit(
        &self,
        id: Uuid,
        edit: &UserEdit,
        audit: &AuditEntry,
    ) -> Result<Vec<Uuid>, EditUserError> {
        let mut change = self.0.begin().await?;
        let before = find_in(&mut change, id).await?.ok_or(EditUserError::NotFound)?;
        let role = edit.role.unwrap_or(before.role);
        if role != Role::Administrator {
            check_not_last(&mut change, &before).await?;
        } else if before.role != Role::Administrator {
            setup_link::forget(&mut change).await?;
        }
        let update = statement("UPDATE users SET role = $2, password_hash = $3 WHERE id = $1")
            .bind(id.to_string())
            .bind(role.as_str())
            .bind(edit.password_hash.as_ref().unwrap_or(&before.password_hash).as_str());
        change.run(update).await?;
        if edit.second_factor == SecondFactorEdit::Remove {
            remove_totp(&mut change, id).await?;
        }
        let other_rights = role != before.role || edit.password_hash.is_some();
        let ended = match other_rights || edit.second_factor == SecondFactorEdit::Remove {
            true => sessions::end_all_in(&mut change, id, edit.spared_session).await?,
            false => Vec::new(),
        };
        change.commit_with(audit).await?;
        Ok(ended)
    }

    /// Removes a user with all their sessions, whose ids are returned.
    pub async fn remove(&self, id: Uuid, audit: &AuditEntry) -> Result<Vec<Uuid>, EditUserError> {
        let mut change = self.0.begin().await?;
        let before = find_in(&mut change, id).await?.ok_or(EditUserError::NotFound)?;
        check_not_last(&mut change, &before).await?;
        let ended = sessions::end_all_in(&mut change, id, None).await?;
        change.run(statement("DELETE FROM users WHERE id = $1").bind(id.to_string())).await?;
        change.commit_with(audit).await?;
        Ok(ended)
    }

    /// Keeps a second factor that is offered; the one in use stays until this one is confirmed.
    pub async fn offer_totp(&self, id: Uuid, sealed: &[u8], audit: &AuditEntry) -> Result<(), EditUserError> {
        let update = statement("UPDATE users SET sealed_offered_totp_secret = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(sealed);
        let mut change = self.0.begin().await?;
        if change.run(update).await? == 0 {
            return Err(EditUserError::NotFound);
        }
        Ok(change.commit_with(audit).await?)
    }

    /// Takes the offered second factor into use, with new recovery codes. `step` is that of the code that confirmed it: it
    /// signs nobody in any more.
    pub async fn confirm_totp(
        &self,
        id: Uuid,
        offered: &[u8],
        step: i64,
        recovery_code_hashes: &[Vec<u8>],
        audit: &AuditEntry,
    ) -> Result<(), ConfirmTotpError> {
        let sql = "UPDATE users SET sealed_totp_secret = sealed_offered_totp_secret, totp_last_step = $3,
                   sealed_offered_totp_secret = NULL WHERE id = $1 AND sealed_offered_totp_secret = $2";
        let update = statement(sql).bind(id.to_string()).bind(offered).bind(step);
        let mut change = self.0.begin().await?;
        if change.run(update).await? == 0 {
            return Err(ConfirmTotpError::NotOffered);
        }
        forget_recovery_codes(&mut change, id).await?;
        for hash in recovery_code_hashes {
            let insert = "INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)";
            change.run(statement(insert).bind(id.to_string()).bind(hash)).await?;
        }
        Ok(change.commit_with(audit).await?)
    }

    /// How many recovery codes are left.
    pub async fn count_recovery_codes(&self, id: Uuid) -> Result<i64, StoreError> {
        let count = statement("SELECT count(*) AS count FROM recovery_codes WHERE user_id = $1");
        let row = self.0.one(count.bind(id.to_string())).await?;
        Ok(row.map(|row| row.try_get("count")).transpose()?.unwrap_or_default())
    }
}

/// Writes the row of a user whose name is free.
pub(crate) async fn insert_in(change: &mut Change, row: &UserRow) -> Result<(), InsertUserError> {
    let sql = "INSERT INTO users (id, name, name_key, role, password_hash, sealed_totp_secret,
               sealed_offered_totp_secret, created_at, last_sign_in_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name_key) DO NOTHING";
    let insert = statement(sql)
        .bind(row.id.to_string())
        .bind(&row.name)
        .bind(row.name.to_lowercase())
        .bind(row.role.as_str())
        .bind(row.password_hash.as_str())
        .bind(&row.sealed_totp_secret)
        .bind(&row.sealed_offered_totp_secret)
        .bind(millis_of(row.created_at))
        .bind(row.last_sign_in_at.map(millis_of));
    match change.run(insert).await? {
        0 => Err(InsertUserError::NameTaken),
        _ => Ok(()),
    }
}

pub(crate) fn read(row: &Row) -> Result<UserRow, CorruptRow> {
    let record = Record::new(TABLE, "id", row);
    Ok(UserRow {
        id: record.id("id")?,
        name: record.get("name")?,
        role: record.parse("role")?,
        password_hash: PasswordHash(record.get("password_hash")?),
        sealed_totp_secret: record.get("sealed_totp_secret")?,
        sealed_offered_totp_secret: record.get("sealed_offered_totp_secret")?,
        created_at: record.time("created_at")?,
        last_sign_in_at: record.optional_time("last_sign_in_at")?,
    })
}

async fn find_in(change: &mut Change, id: Uuid) -> Result<Option<UserRow>, StoreError> {
    let query = statement("SELECT * FROM users WHERE id = $1").bind(id.to_string());
    Ok(change.one(query).await?.as_ref().map(read).transpose()?)
}

/// Refuses where `user` is the only administrator.
async fn check_not_last(change: &mut Change, user: &UserRow) -> Result<(), EditUserError> {
    let other = statement("SELECT 1 FROM users WHERE role = $1 AND id <> $2 LIMIT 1")
        .bind(Role::Administrator.as_str())
        .bind(user.id.to_string());
    if user.role == Role::Administrator && change.one(other).await?.is_none() {
        return Err(EditUserError::LastAdministrator);
    }
    Ok(())
}

async fn remove_totp(change: &mut Change, id: Uuid) -> Result<(), StoreError> {
    let sql =
        "UPDATE users SET sealed_totp_secret = NULL, sealed_offered_totp_secret = NULL, totp_last_step = NULL
               WHERE id = $1";
    change.run(statement(sql).bind(id.to_string())).await?;
    forget_recovery_codes(change, id).await
}

async fn forget_recovery_codes(change: &mut Change, id: Uuid) -> Result<(), StoreError> {
    let delete = statement("DELETE FROM recovery_codes WHERE user_id = $1").bind(id.to_string());
    change.run(delete).await.map(|_| ())
}
