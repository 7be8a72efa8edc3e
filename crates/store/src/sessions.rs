//! The sessions of people who are signed in, as hashes of what their browsers hold. It must never start one by a code
//! that was used before, or by a password that was changed meanwhile. Its neighbours are `users`, whose changes end
//! sessions, and the console's door.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::database::{Change, Store};
use crate::engine::{Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::{Record, millis_of};
use crate::users::{self, InsertUserError, UserRow};
use crate::{Role, setup_link};

const TABLE: &str = "sessions";

/// A use is noted at most this often: a page that asks all the time would otherwise cost a disk flush for each call.
const TOUCH_INTERVAL: Duration = Duration::minutes(1);

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// SHA-256 of what the browser holds, which has 256 random bits: nothing slower is needed.
    pub token_hash: Vec<u8>,
    /// Whose it is.
    pub user_id: Uuid,
    /// When it started.
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_seen_at: OffsetDateTime,
    /// When it ends at the latest.
    pub expires_at: OffsetDateTime,
    /// From which address it started.
    pub source: String,
    /// What the browser calls itself.
    pub user_agent: String,
}

/// What a sign-in shows beside the password; it is used up with the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor<'a> {
    /// Nothing, because the user has no second factor.
    None,
    /// A code of this 30-second step (RFC 6238).
    TotpStep(i64),
    /// The recovery code with this hash.
    RecoveryCode(&'a [u8]),
}

/// A session was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartSessionError {
    /// The user is gone, or has another password or second factor than the one that was checked.
    #[error("the user was changed meanwhile")]
    UserChanged,
    /// The code has been used already, or a newer one has.
    #[error("this code has been used")]
    CodeUsed,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The first administrator was not made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The link was used, was renewed, or never was.
    #[error("this set-up link is not valid, or no longer")]
    LinkOver,
    /// Somebody has the name.
    #[error("there is already a user with this name")]
    NameTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndSessionError {
    /// There is none with this id.
    #[error("there is no such session")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The sessions of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'s>(pub(crate) &'s Store);

impl Sessions<'_> {
    /// Starts a session for `user` as they were when password and code were checked, and uses the code up. Sessions that
    /// were not used since `idle_since`, or are over, go.
    pub async fn start(
        &self,
        row: &SessionRow,
        user: &UserRow,
        factor: SecondFactor<'_>,
        idle_since: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<(), StartSessionError> {
        let mut change = self.0.begin().await?;
        if !note_sign_in(&mut change, user, row.created_at).await? {
            return Err(StartSessionError::UserChanged);
        }
        if !use_up(&mut change, user.id, factor).await? {
            return Err(StartSessionError::CodeUsed);
        }
        drop_over(&mut change, row.created_at, idle_since).await?;
        insert(&mut change, row).await?;
        Ok(change.commit_with(audit).await?)
    }

    /// Makes an administrator by the set-up link with this hash, which is used up, and starts their session.
    pub async fn set_up(
        &self,
        row: &SessionRow,
        user: &UserRow,
        link_hash: &[u8],
        audit: &AuditEntry,
    ) -> Result<(), SetUpError> {
        let mut change = self.0.begin().await?;
        if user.role != Role::Administrator || !setup_link::use_up(&mut change, link_hash).await? {
            return Err(SetUpError::LinkOver);
        }
        users::insert_in(&mut change, user).await.map_err(|error| match error {
            InsertUserError::NameTaken => SetUpError::NameTaken,
            InsertUserError::Store(error) => error.into(),
        })?;
        insert(&mut change, row).await?;
        Ok(change.commit_with(audit).await?)
    }

    /// The session with this hash and its user, over or not: the caller compares with the clock.
    pub async fn find_by_hash(&self, token_hash: &[u8]) -> Result<Option<(SessionRow, UserRow)>, StoreError> {
        let query = statement("SELECT * FROM sessions WHERE token_hash = $1").bind(token_hash);
        let Some(row) = self.0.one(query).await? else { return Ok(None) };
        let session = read(&row)?;
        let query = statement("SELECT * FROM users WHERE id = $1").bind(session.user_id.to_string());
        let user = self.0.one(query).await?;
        Ok(user.as_ref().map(users::read).transpose()?.map(|user| (session, user)))
    }

    /// The session with this id and its user's name.
    pub async fn find(&self, id: Uuid) -> Result<Option<(SessionRow, String)>, StoreError> {
        let query = statement(
            "SELECT sessions.*, users.name AS user_name FROM sessions JOIN users ON users.id = sessions.user_id
             WHERE sessions.id = $1",
        );
        Ok(self.0.one(query.bind(id.to_string())).await?.as_ref().map(read_named).transpose()?)
    }

    /// The sessions, with their users' names, that are not over at `now` and were used since `idle_since`; of one user, or
    /// of all. Newest first.
    pub async fn list(
        &self,
        page: &Page,
        user: Option<Uuid>,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
    ) -> Result<Paged<(SessionRow, String)>, StoreError> {
        let query = statement(
            "SELECT sessions.*, users.name AS user_name FROM sessions JOIN users ON users.id = sessions.user_id
             WHERE ($1 = '' OR sessions.id < $1) AND ($2 IS NULL OR sessions.user_id = $2)
             AND sessions.expires_at > $3 AND sessions.last_seen_at > $4 ORDER BY sessions.id DESC LIMIT $5",
        )
        .bind(Cursor::name(page)?)
        .bind(user.map(|id| id.to_string()))
        .bind(millis_of(now))
        .bind(millis_of(idle_since))
        .bind(page.fetch_limit());
        let id_cursor = |row: &Row| Record::new(TABLE, "id", row).get("id").map(Cursor::after_name);
        Ok(Paged::read(self.0.all(query).await?, page, read_named, id_cursor)?)
    }

    /// Ends a session: what the browser holds opens nothing from now on.
    pub async fn end(&self, id: Uuid, audit: &AuditEntry) -> Result<(), EndSessionError> {
        let mut change = self.0.begin().await?;
        let delete = statement("DELETE FROM sessions WHERE id = $1").bind(id.to_string());
        if change.run(delete).await? == 0 {
            return Err(EndSessionError::NotFound);
        }
        Ok(change.commit_with(audit).await?)
    }

    /// Notes that the session was used at `now`, unless a use within the minute before is noted already. No audit row:
    /// what was done in it has its own.
    pub async fn touch(&self, session: &SessionRow, now: OffsetDateTime) -> Result<(), StoreError> {
        if now - session.last_seen_at < TOUCH_INTERVAL {
            return Ok(());
        }
        let update = statement("UPDATE sessions SET last_seen_at = $2 WHERE id = $1")
            .bind(session.id.to_string())
            .bind(millis_of(now));
        let mut change = self.0.begin().await?;
        change.run(update).await?;
        change.commit().await
    }
}

/// Ends all sessions of a user but the spared one; returns their ids.
pub(crate) async fn end_all_in(
    change: &mut Change,
    user: Uuid,
    spared: Option<Uuid>,
) -> Result<Vec<Uuid>, StoreError> {
    let delete = statement("DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id")
        .bind(user.to_string())
        .bind(spared.map(|id| id.to_string()).unwrap_or_default());
    let rows = change.all(delete).await?;
    rows.iter().map(|row| Ok(Record::new(TABLE, "id", row).id("id")?)).collect()
}

/// Tells whether the user is still the one whose password was checked.
async fn note_sign_in(change: &mut Change, user: &UserRow, now: OffsetDateTime) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET last_sign_in_at = $2 WHERE id = $1 AND password_hash = $3
               AND (sealed_totp_secret = $4 OR (sealed_totp_secret IS NULL AND $4 IS NULL))";
    let update = statement(sql)
        .bind(user.id.to_string())
        .bind(millis_of(now))
        .bind(user.password_hash.as_str())
        .bind(&user.sealed_totp_secret);
    Ok(change.run(update).await? == 1)
}

/// Tells whether the code was still unused.
async fn use_up(change: &mut Change, user: Uuid, factor: SecondFactor<'_>) -> Result<bool, StoreError> {
    let statement = match factor {
        SecondFactor::None => return Ok(true),
        SecondFactor::TotpStep(step) => {
            let sql = "UPDATE users SET totp_last_step = $2
                       WHERE id = $1 AND (totp_last_step IS NULL OR totp_last_step < $2)";
            statement(sql).bind(user.to_string()).bind(step)
        }
        SecondFactor::RecoveryCode(hash) => {
            statement("DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2")
                .bind(user.to_string())
                .bind(hash)
        }
    };
    Ok(change.run(statement).await? == 1)
}

async fn drop_over(
    change: &mut Change,
    now: OffsetDateTime,
    idle_since: OffsetDateTime,
) -> Result<(), StoreError> {
    let delete = statement("DELETE FROM sessions WHERE expires_at <= $1 OR last_seen_at <= $2")
        .bind(millis_of(now))
        .bind(millis_of(idle_since));
    change.run(delete).await.map(|_| ())
}

async fn insert(change: &mut Change, row: &SessionRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO sessions (id, token_hash, user_id, created_at, last_seen_at, expires_at, source,
               user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let insert = statement(sql)
        .bind(row.id.to_string())
        .bind(&row.token_hash)
        .bind(row.user_id.to_string())
        .bind(millis_of(row.created_at))
        .bind(millis_of(row.last_seen_at))
        .bind(millis_of(row.expires_at))
        .bind(&row.source)
        .bind(&row.user_agent);
    change.run(insert).await.map(|_| ())
}

fn read_named(row: &Row) -> Result<(SessionRow, String), CorruptRow> {
    Ok((read(row)?, Record::new(TABLE, "id", row).get("user_name")?))
}

fn read(row: &Row) -> Result<SessionRow, CorruptRow> {
    let record = Record::new(TABLE, "id", row);
    Ok(SessionRow {
        id: record.id("id")?,
        token_hash: record.get("token_hash")?,
        user_id: record.id("user_id")?,
        created_at: record.time("created_at")?,
        last_seen_at: record.time("last_seen_at")?,
        expires_at: record.time("expires_at")?,
        source: record.get("source")?,
        user_agent: record.get("user_agent")?,
    })
}
