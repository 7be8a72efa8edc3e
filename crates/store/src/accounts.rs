//! The accounts. Exactly one is the default as long as there is any. It must never let an answer that belongs to an
//! older version of an account change the newer one. Its neighbours are the accounts' API, `grants`, which an account
//! loses when it moves to another tenant, client or cloud, and `certificates`, which it proves itself with.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::certificates::pattern_for;
use crate::database::{Change, Store};
use crate::engine::{Row, Statement, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::{Record, millis_of};
use crate::word::words;

const TABLE: &str = "accounts";

words! {
    /// As whom mail goes out.
    pub enum SignIn {
        /// As the person who pressed Authorize.
        Delegated = "delegated",
        /// As the application itself.
        Application = "application",
    }
}

words! {
    /// Which way mail goes.
    pub enum Transport {
        /// Microsoft Graph.
        Graph = "graph",
        /// SMTP AUTH with XOAUTH2.
        Smtp = "smtp",
    }
}

words! {
    /// Where an account stands.
    pub enum StateName {
        /// A setting is missing.
        Incomplete = "incomplete",
        /// Nobody has signed in yet, or the grant is gone.
        NeedsSignIn = "needs_sign_in",
        /// Somebody has signed in; whoever started it has not confirmed it yet. Told to those who look, and
        /// kept by databases of the first release only.
        Pending = "pending",
        /// It can send.
        Ready = "ready",
        /// It can't, until somebody mends it.
        Broken = "broken",
    }
}

words! {
    /// What happens to a message of which nobody knows whether it was sent.
    pub enum UnknownPolicy {
        /// It is looked for where reading is granted, and sent again with the same Message-ID if it isn't found.
        LookThenResend = "look_then_resend",
        /// It waits for a person.
        Hold = "hold",
    }
}

words! {
    /// Which way mail goes that is too large for Graph's sendMail.
    pub enum LargeMail {
        /// By a draft and an upload session, where Mail.ReadWrite is granted; by SMTP otherwise.
        Draft = "draft",
        /// By SMTP.
        Smtp = "smtp",
        /// It is refused at the door.
        Refuse = "refuse",
    }
}

words! {
    /// How far the way of a message led before what broke the account was met.
    pub enum Step {
        /// Before there was an access token.
        Token = "token",
        /// Before the mailbox let us in.
        Mailbox = "mailbox",
        /// Before a message was accepted.
        Message = "message",
    }
}

/// An account as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// Counts its changes of settings and its new grants, from 1; [`Accounts::insert`] and [`Accounts::update`] set it.
    pub version: i64,
    /// Its name, unique whatever the case.
    pub name: String,
    /// The name of its cloud.
    pub cloud: String,
    /// Its tenant: GUID or domain.
    pub tenant: String,
    /// Its client (application) id.
    pub client_id: String,
    /// What it proves itself with.
    pub credential: CredentialRow,
    /// As whom mail goes out.
    pub sign_in: SignIn,
    /// Which way mail goes.
    pub transport: Transport,
    /// The sender, where one is set.
    pub from_address: Option<String>,
    /// As whom it may send besides: `scanner@contoso.com`, `*@contoso.com`. Only as its sender where this is empty.
    pub senders: Vec<String>,
    /// What happens to a message of which nobody knows whether it was sent.
    pub unknown_policy: UnknownPolicy,
    /// Which way mail goes that is too large for the usual one.
    pub large_mail: LargeMail,
    /// Whether it is the one that is used where none is named.
    pub is_default: bool,
    /// Where it stands.
    pub state: StateRow,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When its settings last changed.
    pub updated_at: OffsetDateTime,
}

/// What an account proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialRow {
    /// A stored certificate.
    Certificate {
        /// Its id.
        certificate_id: Uuid,
    },
    /// A client secret.
    Secret {
        /// It, sealed.
        sealed_secret: Vec<u8>,
        /// When it expires, as far as the user noted it.
        expires_at: Option<OffsetDateTime>,
    },
}

/// Where an account stands, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// Where it stands.
    pub name: StateName,
    /// Since when.
    pub since: OffsetDateTime,
    /// The code of what broke it.
    pub code: Option<String>,
    /// What broke it, or is missing.
    pub cause: Option<String>,
    /// What to do.
    pub fix: Option<String>,
    /// Where what broke it was met: what leads as far shows that it is over.
    pub step: Option<Step>,
}

/// What an update did beyond what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The account as it is now.
    pub account: AccountRow,
    /// Whose grant was forgotten, because it belonged to another tenant, client or cloud.
    pub forgotten_grant_of: Option<String>,
}

/// What the removal of an account did beyond what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The name of the account that is the default now, if the removed one was.
    pub new_default: Option<String>,
}

/// An account was not stored.
#[derive(Debug, thiserror::Error)]
pub enum InsertAccountError {
    /// Another has the name.
    #[error("there is already an account with this name")]
    NameTaken,
    /// The certificate that it names is gone.
    #[error("the certificate has been deleted")]
    CertificateNotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateAccountError {
    /// There is none with this id.
    #[error("there is no such account")]
    NotFound,
    /// Somebody else has changed it meanwhile.
    #[error("the account has been changed meanwhile")]
    Conflict,
    /// Another has the name.
    #[error("there is already an account with this name")]
    NameTaken,
    /// The certificate that it names is gone.
    #[error("the certificate has been deleted")]
    CertificateNotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveAccountError {
    /// There is none with this id.
    #[error("there is no such account")]
    NotFound,
    /// Submitters send by it.
    #[error("the account is used by submitters")]
    HasSubmitters {
        /// Their names.
        submitters: Vec<String>,
    },
    /// Mail waits for it, is being sent or is held.
    #[error("there is mail that waits for this account")]
    HasMail,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account's state was not noted.
#[derive(Debug, thiserror::Error)]
pub enum SetStateError {
    /// There is none with this id.
    #[error("there is no such account")]
    NotFound,
    /// The account has been changed since: what is known about it belongs to its old settings.
    #[error("the account has been changed meanwhile")]
    Conflict,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The accounts of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'s>(pub(crate) &'s Store);

impl Accounts<'_> {
    /// Stores a new account with version 1. The first one becomes the default; a later one that is to be takes it over.
    pub async fn insert(
        &self,
        row: &AccountRow,
        audit: &AuditEntry,
    ) -> Result<AccountRow, InsertAccountError> {
        let mut change = self.0.begin().await?;
        if !has_its_certificate(&mut change, row).await? {
            return Err(InsertAccountError::CertificateNotFound);
        }
        if name_is_taken(&mut change, row).await? {
            return Err(InsertAccountError::NameTaken);
        }
        let mut row = AccountRow { version: 1, ..row.clone() };
        row.is_default = settle_default(&mut change, &row).await?;
        change.run(bind_columns(INSERT, &row)).await?;
        change.commit_with(audit).await?;
        Ok(row)
    }

    /// The account with this id, or else with this name.
    pub async fn find(&self, id_or_name: &str) -> Result<Option<AccountRow>, StoreError> {
        if let Ok(id) = id_or_name.parse::<Uuid>() {
            let by_id = statement("SELECT * FROM accounts WHERE id = $1").bind(id.to_string());
            if let Some(row) = self.0.one(by_id).await? {
                return Ok(Some(read(&row)?));
            }
        }
        let by_name = statement("SELECT * FROM accounts WHERE name_key = $1").bind(id_or_name.to_lowercase());
        Ok(self.0.one(by_name).await?.as_ref().map(read).transpose()?)
    }

    /// The default account; `None` where there is no account at all.
    pub async fn find_default(&self) -> Result<Option<AccountRow>, StoreError> {
        let query = statement("SELECT * FROM accounts WHERE is_default");
        Ok(self.0.one(query).await?.as_ref().map(read).transpose()?)
    }

    /// The accounts in the order of their names; with a filter, those whose name contains it, whatever the case.
    pub async fn list(&self, page: &Page, filter: Option<&str>) -> Result<Paged<AccountRow>, StoreError> {
        let sql = "SELECT * FROM accounts WHERE name_key > $1 AND name_key LIKE $2 ESCAPE '\\'
                   ORDER BY name_key LIMIT $3";
        let query = statement(sql)
            .bind(Cursor::name(page)?)
            .bind(pattern_for(filter.unwrap_or_default()))
            .bind(page.fetch_limit());
        let name_cursor = |row: &Row| Record::new(TABLE, "id", row).get("name_key").map(Cursor::after_name);
        Ok(Paged::read(self.0.all(query).await?, page, read, name_cursor)?)
    }

    /// Writes all of `row` in place of version `expected_version`, and counts the version up. Where tenant, client or
    /// cloud change, the grant goes: it belongs to the old ones. The default stays where it is until another takes it.
    pub async fn update(
        &self,
        row: &AccountRow,
        expected_version: i64,
        audit: &AuditEntry,
    ) -> Result<Updated, UpdateAccountError> {
        let mut change = self.0.begin().await?;
        let before = find_in(&mut change, row.id).await?.ok_or(UpdateAccountError::NotFound)?;
        if before.version != expected_version {
            return Err(UpdateAccountError::Conflict);
        }
        if !has_its_certificate(&mut change, row).await? {
            return Err(UpdateAccountError::CertificateNotFound);
        }
        if name_is_taken(&mut change, row).await? {
            return Err(UpdateAccountError::NameTaken);
        }
        let mut row =
            AccountRow { version: expected_version + 1, created_at: before.created_at, ..row.clone() };
        row.is_default = before.is_default || settle_default(&mut change, &row).await?;
        change.run(bind_columns(UPDATE, &row)).await?;
        let forgotten_grant_of = match belongs_to_the_same(&before, &row) {
            true => None,
            false => forget_grant(&mut change, row.id).await?,
        };
        change.commit_with(audit).await?;
        Ok(Updated { account: row, forgotten_grant_of })
    }

    /// Removes an account with its grant and its authorizations. If it was the default, the oldest other takes its place.
    pub async fn remove(&self, id: Uuid, audit: &AuditEntry) -> Result<Removed, RemoveAccountError> {
        let mut change = self.0.begin().await?;
        check_unused(&mut change, id).await?;
        let delete =
            statement("DELETE FROM accounts WHERE id = $1 RETURNING is_default").bind(id.to_string());
        let removed = change.one(delete).await?.ok_or(RemoveAccountError::NotFound)?;
        let was_default: bool = removed.try_get("is_default").map_err(StoreError::from)?;
        let new_default = if was_default { appoint_oldest(&mut change).await? } else { None };
        change.commit_with(audit).await?;
        Ok(Removed { new_default })
    }

    /// Notes where the account stands, if it is still the version that this was learned about.
    pub async fn set_state(
        &self,
        id: Uuid,
        expected_version: i64,
        state: &StateRow,
        audit: Option<&AuditEntry>,
    ) -> Result<(), SetStateError> {
        let mut change = self.0.begin().await?;
        if !write_state(&mut change, id, expected_version, state).await? {
            return Err(match version_of(&mut change, id).await? {
                Some(_) => SetStateError::Conflict,
                None => SetStateError::NotFound,
            });
        }
        let written = match audit {
            Some(audit) => change.commit_with(audit).await,
            None => change.commit().await,
        };
        Ok(written?)
    }
}

/// Writes the state of version `version`; tells whether there is one.
pub(crate) async fn write_state(
    change: &mut Change,
    id: Uuid,
    version: i64,
    state: &StateRow,
) -> Result<bool, StoreError> {
    let sql =
        "UPDATE accounts SET state = $3, state_since = $4, state_code = $5, state_cause = $6, state_fix = $7,
               state_step = $8 WHERE id = $1 AND version = $2";
    let update = statement(sql)
        .bind(id.to_string())
        .bind(version)
        .bind(state.name.as_str())
        .bind(millis_of(state.since))
        .bind(&state.code)
        .bind(&state.cause)
        .bind(&state.fix)
        .bind(state.step.map(Step::as_str));
    Ok(change.run(update).await? == 1)
}

/// The account's version; `None` where there is no such account.
pub(crate) async fn version_of(change: &mut Change, id: Uuid) -> Result<Option<i64>, StoreError> {
    let row =
        change.one(statement("SELECT version FROM accounts WHERE id = $1").bind(id.to_string())).await?;
    row.map(|row| row.try_get("version").map_err(StoreError::from)).transpose()
}

/// Counts the version up, so that answers to the one before come too late; tells whether it was `version`.
pub(crate) async fn outdate(change: &mut Change, id: Uuid, version: i64) -> Result<bool, StoreError> {
    let update = statement("UPDATE accounts SET version = version + 1 WHERE id = $1 AND version = $2")
        .bind(id.to_string())
        .bind(version);
    Ok(change.run(update).await? == 1)
}

const INSERT: &str = "INSERT INTO accounts (id, version, name, name_key, cloud, tenant, client_id, credential_kind,
    certificate_id, sealed_secret, secret_expires_at, sign_in, transport, from_address, is_default, state,
    state_since, state_code, state_cause, state_fix, created_at, updated_at, senders, unknown_policy, large_mail,
    state_step)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
    $24, $25, $26)";

const UPDATE: &str = "UPDATE accounts SET version = $2, name = $3, name_key = $4, cloud = $5, tenant = $6,
    client_id = $7, credential_kind = $8, certificate_id = $9, sealed_secret = $10, secret_expires_at = $11,
    sign_in = $12, transport = $13, from_address = $14, is_default = $15, state = $16, state_since = $17,
    state_code = $18, state_cause = $19, state_fix = $20, created_at = $21, updated_at = $22, senders = $23,
    unknown_policy = $24, large_mail = $25, state_step = $26 WHERE id = $1";

/// [`INSERT`] and [`UPDATE`] number their columns alike.
fn bind_columns(sql: &'static str, row: &AccountRow) -> Statement {
    let (kind, certificate_id, sealed_secret, expires_at) = match &row.credential {
        CredentialRow::Certificate { certificate_id } => {
            (CERTIFICATE, Some(certificate_id.to_string()), None, None)
        }
        CredentialRow::Secret { sealed_secret, expires_at } => {
            (SECRET, None, Some(sealed_secret), expires_at.map(millis_of))
        }
    };
    statement(sql)
        .bind(row.id.to_string())
        .bind(row.version)
        .bind(&row.name)
        .bind(row.name.to_lowercase())
        .bind(&row.cloud)
        .bind(&row.tenant)
        .bind(&row.client_id)
        .bind(kind)
        .bind(certificate_id)
        .bind(sealed_secret)
        .bind(expires_at)
        .bind(row.sign_in.as_str())
        .bind(row.transport.as_str())
        .bind(&row.from_address)
        .bind(row.is_default)
        .bind(row.state.name.as_str())
        .bind(millis_of(row.state.since))
        .bind(&row.state.code)
        .bind(&row.state.cause)
        .bind(&row.state.fix)
        .bind(millis_of(row.created_at))
        .bind(millis_of(row.updated_at))
        .bind(row.senders.join(" "))
        .bind(row.unknown_policy.as_str())
        .bind(row.large_mail.as_str())
        .bind(row.state.step.map(Step::as_str))
}

const CERTIFICATE: &str = "certificate";
const SECRET: &str = "secret";

fn belongs_to_the_same(before: &AccountRow, after: &AccountRow) -> bool {
    (&before.cloud, &before.tenant, &before.client_id) == (&after.cloud, &after.tenant, &after.client_id)
}

async fn forget_grant(change: &mut Change, id: Uuid) -> Result<Option<String>, StoreError> {
    let delete =
        statement("DELETE FROM grants WHERE account_id = $1 RETURNING user_name").bind(id.to_string());
    let row = change.one(delete).await?;
    row.map(|row| row.try_get("user_name").map_err(StoreError::from)).transpose()
}

async fn check_unused(change: &mut Change, id: Uuid) -> Result<(), RemoveAccountError> {
    let users = statement("SELECT name FROM submitters WHERE account_id = $1 ORDER BY name_key");
    let submitters = change.all(users.bind(id.to_string())).await?;
    if !submitters.is_empty() {
        let names = submitters.iter().map(|row| row.try_get("name").map_err(StoreError::from));
        return Err(RemoveAccountError::HasSubmitters { submitters: names.collect::<Result<_, _>>()? });
    }
    // The conditions of the indexes: what waits, what is under way, what is held.
    for unfinished in [
        "SELECT 1 AS there FROM lanes JOIN messages ON lane_id = lanes.id
         WHERE account_id = $1 AND next_attempt_at IS NOT NULL LIMIT 1",
        "SELECT 1 AS there FROM messages JOIN lanes ON lanes.id = lane_id
         WHERE leased_until IS NOT NULL AND account_id = $1 LIMIT 1",
        "SELECT 1 AS there FROM messages JOIN lanes ON lanes.id = lane_id
         WHERE state IN ('queued', 'deferred', 'failed', 'expired', 'held', 'cancelled') AND state = 'held'
         AND account_id = $1 LIMIT 1",
    ] {
        if change.one(statement(unfinished).bind(id.to_string())).await?.is_some() {
            return Err(RemoveAccountError::HasMail);
        }
    }
    Ok(())
}

/// Whether `row` is to be the default; if so, the one that has been so far no longer is.
async fn settle_default(change: &mut Change, row: &AccountRow) -> Result<bool, StoreError> {
    if row.is_default {
        change.run(statement("UPDATE accounts SET is_default = $1 WHERE is_default").bind(false)).await?;
        return Ok(true);
    }
    Ok(change.one(statement("SELECT 1 FROM accounts WHERE is_default")).await?.is_none())
}

async fn appoint_oldest(change: &mut Change) -> Result<Option<String>, StoreError> {
    let sql = "UPDATE accounts SET is_default = $1
               WHERE id = (SELECT id FROM accounts ORDER BY created_at, id LIMIT 1) RETURNING name";
    let row = change.one(statement(sql).bind(true)).await?;
    row.map(|row| row.try_get("name").map_err(StoreError::from)).transpose()
}

async fn find_in(change: &mut Change, id: Uuid) -> Result<Option<AccountRow>, StoreError> {
    let query = statement("SELECT * FROM accounts WHERE id = $1").bind(id.to_string());
    Ok(change.one(query).await?.as_ref().map(read).transpose()?)
}

async fn name_is_taken(change: &mut Change, row: &AccountRow) -> Result<bool, StoreError> {
    let query = statement("SELECT 1 FROM accounts WHERE name_key = $1 AND id <> $2")
        .bind(row.name.to_lowercase())
        .bind(row.id.to_string());
    Ok(change.one(query).await?.is_some())
}

async fn has_its_certificate(change: &mut Change, row: &AccountRow) -> Result<bool, StoreError> {
    let CredentialRow::Certificate { certificate_id } = &row.credential else {
        return Ok(true);
    };
    let query = statement("SELECT 1 FROM certificates WHERE id = $1").bind(certificate_id.to_string());
    Ok(change.one(query).await?.is_some())
}

fn read(row: &Row) -> Result<AccountRow, CorruptRow> {
    let record = Record::new(TABLE, "id", row);
    Ok(AccountRow {
        id: record.id("id")?,
        version: record.get("version")?,
        name: record.get("name")?,
        cloud: record.get("cloud")?,
        tenant: record.get("tenant")?,
        client_id: record.get("client_id")?,
        credential: read_credential(&record)?,
        sign_in: record.parse("sign_in")?,
        transport: record.parse("transport")?,
        from_address: record.get("from_address")?,
        senders: record.words("senders")?,
        unknown_policy: record.parse("unknown_policy")?,
        large_mail: record.parse("large_mail")?,
        is_default: record.get("is_default")?,
        state: read_state(&record)?,
        created_at: record.time("created_at")?,
        updated_at: record.time("updated_at")?,
    })
}

fn read_credential(record: &Record<'_>) -> Result<CredentialRow, CorruptRow> {
    match record.get("credential_kind")? {
        CERTIFICATE => Ok(CredentialRow::Certificate { certificate_id: record.id("certificate_id")? }),
        SECRET => Ok(CredentialRow::Secret {
            sealed_secret: record.get("sealed_secret")?,
            expires_at: record.optional_time("secret_expires_at")?,
        }),
        other => {
            Err(record.corrupt("credential_kind", format!("“{other}” is none of: {CERTIFICATE}, {SECRET}")))
        }
    }
}

fn read_state(record: &Record<'_>) -> Result<StateRow, CorruptRow> {
    Ok(StateRow {
        name: record.parse("state")?,
        since: record.time("state_since")?,
        code: record.get("state_code")?,
        cause: record.get("state_cause")?,
        fix: record.get("state_fix")?,
        step: record.parse_optional("state_step")?,
    })
}
