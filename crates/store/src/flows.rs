//! The authorizations under way, from the button to the grant. A state is redeemed once: it must never open a flow twice,
//! late, or for an account that has been changed since. Its neighbours are the authorize page, which takes a flow by the
//! state that comes back, and `grants`, where a confirmed flow ends.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::{self, StateRow};
use crate::audit::AuditEntry;
use crate::database::{Change, Store};
use crate::engine::{Row, Statement, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::grants::{self, GrantRow};
use crate::record::{Record, millis_of};
use crate::word::words;

const TABLE: &str = "flows";

words! {
    /// Which way an authorization goes.
    pub enum FlowKind {
        /// A browser is sent to Microsoft and back.
        AuthorizationCode = "authorization_code",
        /// A person types a code on another machine.
        DeviceCode = "device_code",
        /// No person: a token for the application itself.
        Application = "application",
    }
}

words! {
    /// How far an authorization has come.
    pub enum FlowStatus {
        /// The person has not come back yet.
        Waiting = "waiting",
        /// Somebody signed in; whoever started it has to confirm what it found.
        Pending = "pending",
        /// It is done.
        Confirmed = "confirmed",
        /// Microsoft or the person said no.
        Failed = "failed",
        /// Nobody came in time.
        Expired = "expired",
        /// Whoever started it called it off.
        Cancelled = "cancelled",
    }
}

/// An authorization as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowRow {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// The account it is for.
    pub account_id: Uuid,
    /// The version that the account had when it began.
    pub account_version: i64,
    /// Which way it goes.
    pub kind: FlowKind,
    /// SHA-256 of the state parameter; unique. `None` where there is none (device code, application).
    pub state_hash: Option<Vec<u8>>,
    /// Verifier, nonce, device code: sealed. Empty once the flow has ended.
    pub sealed_secrets: Vec<u8>,
    /// SHA-256 of the cookie of the browser that started it; `None` when no browser did.
    pub browser_hash: Option<Vec<u8>>,
    /// Who started it.
    pub started_by: String,
    /// The redirect URI that the browser comes back to.
    pub redirect_uri: Option<String>,
    /// How far it has come.
    pub status: FlowStatus,
    /// When its state came back.
    pub redeemed_at: Option<OffsetDateTime>,
    /// Whom it found: user, object id, tenant, scopes.
    pub found: Option<Value>,
    /// What it will leave behind once confirmed, sealed; only while it is pending.
    pub sealed_grant: Option<Vec<u8>>,
    /// Why it failed: code, message, hint.
    pub failure: Option<Value>,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// From when on it is too late.
    pub expires_at: OffsetDateTime,
}

/// How an authorization goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Settlement<'a> {
    /// Somebody signed in, in another browser than the one that asked: it waits to be confirmed.
    Pending {
        /// Whom it found.
        found: &'a Value,
        /// What it will leave behind, sealed.
        sealed_grant: &'a [u8],
        /// Until when it can be confirmed.
        expires_at: OffsetDateTime,
    },
    /// It is done.
    Confirmed {
        /// Whom it found.
        found: &'a Value,
        /// What it leaves behind; `None` for an application, which has no grant.
        grant: Option<&'a GrantRow>,
    },
    /// It failed.
    Failed {
        /// Why: code, message, hint.
        failure: &'a Value,
    },
    /// Nobody came in time.
    Expired,
    /// It was called off.
    Cancelled,
}

/// A state that came back opens no flow.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// No flow began with it.
    #[error("no authorization is waiting for this answer")]
    Unknown,
    /// It came too late.
    #[error("this authorization has expired")]
    Expired,
    /// It came a second time, or after the flow had ended.
    #[error("this answer has been used already")]
    AlreadyUsed,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An authorization did not go on; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is none with this id.
    #[error("there is no such authorization")]
    NotFound,
    /// It has ended already.
    #[error("this authorization has ended already: {status}")]
    AlreadySettled {
        /// How.
        status: FlowStatus,
    },
    /// What it found was not confirmed in time.
    #[error("this authorization was not confirmed in time")]
    Expired,
    /// The account has been changed since it began: what it found belongs to the old settings.
    #[error("the account has been changed meanwhile")]
    AccountChanged,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The authorizations of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Flows<'s>(pub(crate) &'s Store);

impl Flows<'_> {
    /// Stores an authorization that begins.
    pub async fn insert(&self, row: &FlowRow, audit: &AuditEntry) -> Result<(), StoreError> {
        let mut change = self.0.begin().await?;
        change.run(insert(row)).await?;
        change.commit_with(audit).await
    }

    /// The authorization with this id.
    pub async fn find(&self, id: Uuid) -> Result<Option<FlowRow>, StoreError> {
        let query = statement("SELECT * FROM flows WHERE id = $1").bind(id.to_string());
        Ok(self.0.one(query).await?.as_ref().map(read).transpose()?)
    }

    /// Takes the flow that is waiting for this state, and marks it as redeemed at `now`, in one step: of two that come at
    /// the same time, one gets it.
    pub async fn take_by_state(&self, state_hash: &[u8], now: OffsetDateTime) -> Result<FlowRow, TakeError> {
        let mut change = self.0.begin().await?;
        let sql =
            "UPDATE flows SET redeemed_at = $2 WHERE state_hash = $1 AND status = $3 AND redeemed_at IS NULL
                   AND expires_at > $2 RETURNING *";
        let take = statement(sql).bind(state_hash).bind(millis_of(now)).bind(FlowStatus::Waiting.as_str());
        if let Some(row) = change.one(take).await? {
            let flow = read(&row).map_err(StoreError::from)?;
            change.commit().await?;
            return Ok(flow);
        }
        Err(why_not_taken(&mut change, state_hash).await?)
    }

    /// The authorization of this account that was last left to be confirmed and still can be at `now`.
    pub async fn latest_pending(
        &self,
        account_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<FlowRow>, StoreError> {
        let sql = "SELECT * FROM flows WHERE account_id = $1 AND status = $2 AND expires_at > $3
                   ORDER BY created_at DESC, id DESC LIMIT 1";
        let query = statement(sql)
            .bind(account_id.to_string())
            .bind(FlowStatus::Pending.as_str())
            .bind(millis_of(now));
        Ok(self.0.one(query).await?.as_ref().map(read).transpose()?)
    }

    /// The ids of the authorizations that nobody has ended and whose time is over at `now`, the first 100: they are to be
    /// settled as expired.
    pub async fn overdue(&self, now: OffsetDateTime) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT id FROM flows WHERE status IN ($1, $2) AND expires_at <= $3 ORDER BY expires_at LIMIT 100";
        let query = statement(sql)
            .bind(FlowStatus::Waiting.as_str())
            .bind(FlowStatus::Pending.as_str())
            .bind(millis_of(now));
        let rows = self.0.all(query).await?;
        Ok(rows.iter().map(|row| Record::new(TABLE, "id", row).id("id")).collect::<Result<_, _>>()?)
    }

    /// The authorizations of this kind that wait for their person and still can at `now`.
    pub async fn waiting(&self, kind: FlowKind, now: OffsetDateTime) -> Result<Vec<FlowRow>, StoreError> {
        let sql =
            "SELECT * FROM flows WHERE status = $1 AND kind = $2 AND expires_at > $3 ORDER BY created_at, id";
        let query =
            statement(sql).bind(FlowStatus::Waiting.as_str()).bind(kind.as_str()).bind(millis_of(now));
        let rows = self.0.all(query).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Takes the flow one step further, together with all that follows from it: the grant, the account's state, the audit
    /// row. What it found is refused for an account that has been changed; that it failed, expired or was cancelled is
    /// noted in any case, and then leaves the state of a changed account alone.
    pub async fn settle(
        &self,
        id: Uuid,
        settlement: Settlement<'_>,
        state: Option<&StateRow>,
        now: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<FlowRow, SettleError> {
        let mut change = self.0.begin().await?;
        let flow = find_open(&mut change, id, settlement, now).await?;
        let version = settle_account(&mut change, &flow, settlement).await?;
        if let Some(state) = state {
            accounts::write_state(&mut change, flow.account_id, version, state).await?;
        }
        let flow = settled(flow, settlement);
        change.run(overwrite(&flow)).await?;
        change.commit_with(audit).await?;
        Ok(flow)
    }
}

async fn why_not_taken(change: &mut Change, state_hash: &[u8]) -> Result<TakeError, StoreError> {
    let query = statement("SELECT status, redeemed_at FROM flows WHERE state_hash = $1").bind(state_hash);
    let Some(row) = change.one(query).await? else {
        return Ok(TakeError::Unknown);
    };
    let (status, redeemed_at): (String, Option<i64>) = (row.try_get("status")?, row.try_get("redeemed_at")?);
    let used = redeemed_at.is_some()
        || (status != FlowStatus::Waiting.as_str() && status != FlowStatus::Expired.as_str());
    Ok(if used { TakeError::AlreadyUsed } else { TakeError::Expired })
}

async fn find_open(
    change: &mut Change,
    id: Uuid,
    settlement: Settlement<'_>,
    now: OffsetDateTime,
) -> Result<FlowRow, SettleError> {
    let query = statement("SELECT * FROM flows WHERE id = $1").bind(id.to_string());
    let row = change.one(query).await?.ok_or(SettleError::NotFound)?;
    let flow = read(&row).map_err(StoreError::from)?;
    match (flow.status, settlement) {
        (FlowStatus::Pending, Settlement::Confirmed { .. }) if flow.expires_at <= now => {
            Err(SettleError::Expired)
        }
        (FlowStatus::Pending, Settlement::Pending { .. }) => {
            Err(SettleError::AlreadySettled { status: flow.status })
        }
        (FlowStatus::Waiting | FlowStatus::Pending, _) => Ok(flow),
        (status, _) => Err(SettleError::AlreadySettled { status }),
    }
}

/// Lets the account keep what the flow found; returns the version that the account has then.
async fn settle_account(
    change: &mut Change,
    flow: &FlowRow,
    settlement: Settlement<'_>,
) -> Result<i64, SettleError> {
    let version = flow.account_version;
    let (fits, version) = match settlement {
        Settlement::Confirmed { grant: Some(grant), .. } => {
            (grants::put_in(change, grant, version).await?, version + 1)
        }
        Settlement::Confirmed { grant: None, .. } | Settlement::Pending { .. } => {
            (accounts::version_of(change, flow.account_id).await? == Some(version), version)
        }
        Settlement::Failed { .. } | Settlement::Expired | Settlement::Cancelled => (true, version),
    };
    if fits { Ok(version) } else { Err(SettleError::AccountChanged) }
}

/// The flow after its step: what it needed on the way to Microsoft is forgotten, and an ended one keeps no secret at all.
fn settled(flow: FlowRow, settlement: Settlement<'_>) -> FlowRow {
    let flow = FlowRow { sealed_secrets: Vec::new(), sealed_grant: None, ..flow };
    match settlement {
        Settlement::Pending { found, sealed_grant, expires_at } => FlowRow {
            status: FlowStatus::Pending,
            found: Some(found.clone()),
            sealed_grant: Some(sealed_grant.to_vec()),
            expires_at,
            ..flow
        },
        Settlement::Confirmed { found, .. } => {
            FlowRow { status: FlowStatus::Confirmed, found: Some(found.clone()), ..flow }
        }
        Settlement::Failed { failure } => {
            FlowRow { status: FlowStatus::Failed, failure: Some(failure.clone()), ..flow }
        }
        Settlement::Expired => FlowRow { status: FlowStatus::Expired, ..flow },
        Settlement::Cancelled => FlowRow { status: FlowStatus::Cancelled, ..flow },
    }
}

fn insert(row: &FlowRow) -> Statement {
    let sql = "INSERT INTO flows (id, account_id, account_version, kind, state_hash, sealed_secrets, browser_hash,
               started_by, redirect_uri, status, redeemed_at, found, sealed_grant, failure, created_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    statement(sql)
        .bind(row.id.to_string())
        .bind(row.account_id.to_string())
        .bind(row.account_version)
        .bind(row.kind.as_str())
        .bind(&row.state_hash)
        .bind(&row.sealed_secrets)
        .bind(&row.browser_hash)
        .bind(&row.started_by)
        .bind(&row.redirect_uri)
        .bind(row.status.as_str())
        .bind(row.redeemed_at.map(millis_of))
        .bind(row.found.as_ref().map(Value::to_string))
        .bind(&row.sealed_grant)
        .bind(row.failure.as_ref().map(Value::to_string))
        .bind(millis_of(row.created_at))
        .bind(millis_of(row.expires_at))
}

fn overwrite(row: &FlowRow) -> Statement {
    let sql =
        "UPDATE flows SET status = $2, sealed_secrets = $3, found = $4, sealed_grant = $5, failure = $6,
               expires_at = $7 WHERE id = $1";
    statement(sql)
        .bind(row.id.to_string())
        .bind(row.status.as_str())
        .bind(&row.sealed_secrets)
        .bind(row.found.as_ref().map(Value::to_string))
        .bind(&row.sealed_grant)
        .bind(row.failure.as_ref().map(Value::to_string))
        .bind(millis_of(row.expires_at))
}

fn read(row: &Row) -> Result<FlowRow, CorruptRow> {
    let record = Record::new(TABLE, "id", row);
    Ok(FlowRow {
        id: record.id("id")?,
        account_id: record.id("account_id")?,
        account_version: record.get("account_version")?,
        kind: record.parse("kind")?,
        state_hash: record.get("state_hash")?,
        sealed_secrets: record.get("sealed_secrets")?,
        browser_hash: record.get("browser_hash")?,
        started_by: record.get("started_by")?,
        redirect_uri: record.get("redirect_uri")?,
        status: record.parse("status")?,
        redeemed_at: record.optional_time("redeemed_at")?,
        found: record.optional_json("found")?,
        sealed_grant: record.get("sealed_grant")?,
        failure: record.optional_json("failure")?,
        created_at: record.time("created_at")?,
        expires_at: record.time("expires_at")?,
    })
}
