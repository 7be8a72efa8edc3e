//! Accounts from request to store, and opened for a piece of work. What a state means and how it follows from events is
//! decided in `m365::state`; here it is kept.

use std::str::FromStr;
use std::sync::Arc;

use m365::account::{Account as OpenAccount, ClientCertificate, Credential};
use m365::failure::LocalTrouble;
use m365::secret::Secret;
use m365::state::{Event, GrantFate};
use m365::tenant::{ClientId, Tenant};
use mail::Address;
use serde_json::json;
use store::{
    AccountRow, CredentialRow, GrantRow, InsertAccountError, LargeMail, RemoveAccountError, SetStateError,
    SignIn, StateRow, Transport, UnknownPolicy, UpdateAccountError,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::api::access::Actor;
use crate::api::input::{Name, SecretText};
use crate::app::App;
use crate::problem::{Problem, shown};
use crate::queue::route::SenderPattern;
use crate::vault::{CannotOpen, Record};
use crate::{account_state, audit, authorizations, certificates};

/// An account with what belongs to it.
#[derive(Debug)]
pub struct Account {
    /// The row.
    pub row: AccountRow,
    /// The certificate it uses.
    pub certificate: Option<UsedCertificate>,
    /// What a delegated sign-in left.
    pub grant: Option<GrantRow>,
    /// A sign-in that waits to be confirmed.
    pub pending: Option<Pending>,
}

/// A sign-in that waits to be confirmed.
#[derive(Debug)]
pub struct Pending {
    /// Who signed in: `user`, `tenant_id`, `scopes`.
    pub found: serde_json::Value,
    /// When.
    pub since: OffsetDateTime,
}

/// What an account shows of its certificate.
#[derive(Debug)]
pub struct UsedCertificate {
    /// Its name.
    pub name: String,
    /// Upper-case hex.
    pub thumbprint_sha1: String,
    /// When it expires.
    pub not_after: OffsetDateTime,
}

/// A new account.
#[derive(Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: Name,
    /// Name of a known cloud.
    pub cloud: String,
    /// Its tenant.
    pub tenant: Tenant,
    /// The application.
    pub client_id: ClientId,
    /// What it proves itself with.
    pub credential: NewCredential,
    /// As whom mail goes out.
    pub sign_in: SignIn,
    /// Which way mail goes.
    pub transport: Transport,
    /// The sender, if it is not the signed-in mailbox.
    pub from: Option<Address>,
    /// As whom else it may send.
    pub senders: Vec<SenderPattern>,
    /// What happens to a message of which nobody knows whether it was sent.
    pub unknown_policy: UnknownPolicy,
    /// Which way mail goes that Graph can't carry as it is.
    pub large_mail: LargeMail,
    /// Whether it shall be the default.
    pub default: bool,
}

/// A credential as it comes in.
#[derive(Debug)]
pub enum NewCredential {
    /// Id or name of a stored certificate.
    Certificate(String),
    /// A client secret.
    Secret {
        /// Its Value.
        secret: SecretText,
        /// When it expires, if that was noted.
        expires_at: Option<OffsetDateTime>,
    },
}

/// What shall change; `None` stays.
#[derive(Debug, Default)]
pub struct Changes {
    /// Its name.
    pub name: Option<Name>,
    /// Name of a known cloud.
    pub cloud: Option<String>,
    /// Its tenant.
    pub tenant: Option<Tenant>,
    /// The application.
    pub client_id: Option<ClientId>,
    /// What it proves itself with.
    pub credential: Option<NewCredential>,
    /// As whom mail goes out.
    pub sign_in: Option<SignIn>,
    /// Which way mail goes.
    pub transport: Option<Transport>,
    /// The sender; `Some(None)` goes back to the signed-in mailbox.
    pub from: Option<Option<Address>>,
    /// As whom else it may send.
    pub senders: Option<Vec<SenderPattern>>,
    /// What happens to a message of which nobody knows whether it was sent.
    pub unknown_policy: Option<UnknownPolicy>,
    /// Which way mail goes that Graph can't carry as it is.
    pub large_mail: Option<LargeMail>,
    /// Whether it takes over as the default.
    pub default: bool,
}

/// Adds an account.
pub async fn create(app: &App, actor: &Actor, new: NewAccount) -> Result<Account, Problem> {
    let name = new.name.as_str().to_owned();
    let added = add(app, actor, new).await;
    app.audit_refusal(actor, "account.add", &name, added).await
}

async fn add(app: &App, actor: &Actor, new: NewAccount) -> Result<Account, Problem> {
    let (id, now) = (Uuid::now_v7(), app.now());
    app.clouds.find(&new.cloud)?;
    sender_is_known(new.sign_in, new.from.as_ref())?;
    let name = new.name.as_str().to_owned();
    let state = account_state::of_new(new.sign_in, new.from.is_some(), now);
    let row = AccountRow {
        id,
        version: 1,
        name: name.clone(),
        cloud: new.cloud,
        tenant: new.tenant.to_string(),
        client_id: new.client_id.to_string(),
        credential: seal(app, id, new.credential).await?,
        sign_in: new.sign_in,
        transport: new.transport,
        from_address: new.from.map(|from| from.to_string()),
        senders: texts(&new.senders),
        unknown_policy: new.unknown_policy,
        large_mail: new.large_mail,
        is_default: new.default,
        state,
        created_at: now,
        updated_at: now,
    };
    let entry = audit::with(audit::done(actor, now, "account.add", &name), facts(&row));
    let row = app.store.accounts().insert(&row, &entry).await.map_err(|error| match error {
        InsertAccountError::NameTaken => name_taken(&name),
        InsertAccountError::CertificateNotFound => certificate_gone(),
        InsertAccountError::Store(error) => error.into(),
    })?;
    app.events.tell("accounts", &id.to_string(), "created");
    describe(app, row).await
}

/// Changes an account; the notices say what that brought with it.
pub async fn edit(
    app: &App,
    actor: &Actor,
    before: AccountRow,
    changes: Changes,
) -> Result<(Account, Vec<String>), Problem> {
    let name = before.name.clone();
    let edited = change(app, actor, before, changes).await;
    app.audit_refusal(actor, "account.edit", &name, edited).await
}

async fn change(
    app: &App,
    actor: &Actor,
    before: AccountRow,
    changes: Changes,
) -> Result<(Account, Vec<String>), Problem> {
    let now = app.now();
    let (old_name, version) = (before.name.clone(), before.version);
    let row = changed(app, before.clone(), changes, now).await?;
    app.clouds.find(&row.cloud)?;
    let from = row.from_address.as_deref().map(Address::from_str).transpose().map_err(Problem::internal)?;
    sender_is_known(row.sign_in, from.as_ref())?;
    let row = AccountRow { state: state_after_change(&before, &row, now), ..row };
    let entry = audit::with(audit::done(actor, now, "account.edit", &old_name), facts(&row));
    let updated = app.store.accounts().update(&row, version, &entry).await.map_err(|error| match error {
        UpdateAccountError::NotFound => Problem::not_found("account", &old_name),
        UpdateAccountError::Conflict => changed_meanwhile(&old_name),
        UpdateAccountError::NameTaken => name_taken(&row.name),
        UpdateAccountError::CertificateNotFound => certificate_gone(),
        UpdateAccountError::Store(error) => error.into(),
    })?;
    app.tokens.forget(&row.id.to_string());
    app.events.tell("accounts", &row.id.to_string(), "changed");
    let notices = updated.forgotten_grant_of.map(|user| {
        format!("The sign-in of {user} belonged to the old tenant, application or cloud and has ended. Authorize again.")
    });
    Ok((describe(app, updated.account).await?, notices.into_iter().collect()))
}

/// Removes an account with its grant.
pub async fn remove(app: &App, actor: &Actor, id_or_name: &str) -> Result<(), Problem> {
    let row = find_row(app, id_or_name).await?;
    let entry = audit::done(actor, app.now(), "account.remove", &row.name);
    app.store.accounts().remove(row.id, &entry).await.map_err(|error| match error {
        RemoveAccountError::NotFound => Problem::not_found("account", id_or_name),
        RemoveAccountError::HasSubmitters { submitters } => Problem::new(
            "in_use",
            format!(
                "The account {} is used by {} and was not removed.",
                shown(&row.name),
                submitters.join(", ")
            ),
            "Give those submitters another account first, or remove them.",
        ),
        RemoveAccountError::HasMail => Problem::new(
            "in_use",
            format!("Mail waits for the account {}, which was not removed.", shown(&row.name)),
            "Wait until it is sent, or cancel it first.",
        ),
        RemoveAccountError::Store(error) => error.into(),
    })?;
    app.tokens.forget(&row.id.to_string());
    app.events.tell("accounts", &row.id.to_string(), "deleted");
    Ok(())
}

/// One account by id or name.
pub async fn find(app: &App, id_or_name: &str) -> Result<Account, Problem> {
    let row = find_row(app, id_or_name).await?;
    describe(app, row).await
}

/// The row by id or name.
pub async fn find_row(app: &App, id_or_name: &str) -> Result<AccountRow, Problem> {
    let row = app.store.accounts().find(id_or_name).await?;
    row.ok_or_else(|| Problem::not_found("account", id_or_name))
}

/// The account that is named, or else the default one.
pub async fn find_or_default(app: &App, id_or_name: Option<&str>) -> Result<AccountRow, Problem> {
    if let Some(name) = id_or_name {
        return find_row(app, name).await;
    }
    app.store.accounts().find_default().await?.ok_or_else(|| {
        Problem::new(
            "not_found",
            "There is no account yet.",
            "Add one: postern account add, or Settings > Email Settings.",
        )
    })
}

/// Adds to a row what belongs to it.
pub async fn describe(app: &App, row: AccountRow) -> Result<Account, Problem> {
    let certificate = match &row.credential {
        CredentialRow::Certificate { certificate_id } => read_used(app, *certificate_id).await,
        CredentialRow::Secret { .. } => None,
    };
    let grant = app.store.grants().find(row.id).await?;
    let pending = app.store.flows().latest_pending(row.id, app.now()).await?;
    let pending = pending.filter(|flow| flow.account_version == row.version);
    let pending = pending.and_then(|flow| {
        Some(Pending { found: flow.found?, since: flow.expires_at - authorizations::FLOW_LIFETIME })
    });
    Ok(Account { row, certificate, grant, pending })
}

/// What an account shows of its certificate. One that can't be read hides no account; the log and the list of
/// certificates name it.
async fn read_used(app: &App, id: Uuid) -> Option<UsedCertificate> {
    let row = certificates::find_row(app, &id.to_string()).await.ok()?;
    let stored = certificates::read(&row).ok()?;
    let details = stored.details();
    Some(UsedCertificate {
        name: row.name,
        thumbprint_sha1: details.thumbprint_sha1.clone(),
        not_after: details.not_after,
    })
}

/// An account that can't be opened for work.
#[derive(Debug)]
pub enum Unopened {
    /// What it proves itself with is damaged in the store. Everything else of it may be well.
    Credential(LocalTrouble),
    /// Anything else.
    Other(Problem),
}

/// Opens an account for a piece of work: its secrets are in the clear until it is dropped.
pub async fn open(app: &App, row: &AccountRow) -> Result<Arc<OpenAccount>, Unopened> {
    let broken =
        |what: &str| Problem::internal(format_args!("account {} in the store: {what} is unreadable", row.id));
    let grant = app.store.grants().find(row.id).await.map_err(Problem::from)?;
    let mailbox = grant.as_ref().and_then(|grant| grant.user.parse().ok());
    Ok(Arc::new(OpenAccount {
        id: row.id.to_string(),
        version: row.version,
        cloud: Arc::clone(app.clouds.find(&row.cloud)?),
        tenant: row.tenant.parse().map_err(|_| broken("tenant"))?,
        client_id: ClientId::of_provider(&row.client_id).map_err(|_| broken("client_id"))?,
        credential: open_credential(app, row).await?,
        sign_in: match row.sign_in {
            SignIn::Delegated => m365::account::SignIn::Delegated,
            SignIn::Application => m365::account::SignIn::Application,
        },
        transport: match row.transport {
            Transport::Graph => m365::account::Transport::Graph,
            Transport::Smtp => m365::account::Transport::Smtp,
        },
        from: row.from_address.as_deref().map(str::parse).transpose().map_err(|_| broken("from"))?,
        mailbox,
    }))
}

/// Notes where an account stands, unless it has been changed since `row` was read: then it is another's state.
pub async fn note_state(app: &App, row: &AccountRow, state: StateRow) {
    let gist = |state: &StateRow| (state.name, state.code.clone(), state.step);
    if gist(&row.state) == gist(&state) {
        return;
    }
    match app.store.accounts().set_state(row.id, row.version, &state, None).await {
        Ok(()) => app.events.tell("accounts", &row.id.to_string(), "changed"),
        Err(SetStateError::Conflict | SetStateError::NotFound) => {
            tracing::debug!(account = %row.id, "the account was changed meanwhile; its state is not noted");
        }
        Err(SetStateError::Store(error)) => {
            tracing::error!(%error, account = %row.id, "cannot note an account's state");
        }
    }
}

impl From<Problem> for Unopened {
    fn from(problem: Problem) -> Self {
        Self::Other(problem)
    }
}

impl From<Unopened> for Problem {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Credential(trouble) => Problem::new(trouble.code, trouble.message, trouble.hint),
            Unopened::Other(problem) => problem,
        }
    }
}

async fn open_credential(app: &App, row: &AccountRow) -> Result<Credential, Unopened> {
    let id = row.id.to_string();
    Ok(match &row.credential {
        CredentialRow::Secret { sealed_secret, .. } => {
            let secret = app.vault.open_text(Record::ClientSecret(&id), sealed_secret);
            Credential::Secret(Secret::new(
                secret.map_err(|error| damaged_secret(&row.name, &error))?.as_str(),
            ))
        }
        CredentialRow::Certificate { certificate_id } => {
            let certificate = certificates::find_row(app, &certificate_id.to_string()).await?;
            let key = app.vault.open_key(&certificate.id.to_string(), &certificate.material.sealed_key);
            let key = key.map_err(|error| damaged_key(&certificate.name, &error))?;
            let leaf_der = certificate.material.leaf_der;
            Credential::Certificate(Arc::new(ClientCertificate { key, leaf_der }))
        }
    })
}

fn damaged_key(certificate: &str, error: &CannotOpen) -> Unopened {
    tracing::error!(%error, certificate, "a stored private key is damaged");
    let certificate = shown(certificate);
    Unopened::Credential(LocalTrouble::new(
        "key_damaged",
        format!("The stored private key of the certificate {certificate} is damaged and cannot be opened."),
        format!(
            "Restore the database and its master key from one backup. Or put the same certificate in its place again, from its file: \
             postern certificate replace {certificate} --file FILE. A new certificate does too, but must be uploaded to the application in \
             Azure (Certificates & secrets > Upload certificate)."
        ),
    ))
}

fn damaged_secret(account: &str, error: &CannotOpen) -> Unopened {
    tracing::error!(%error, account, "a stored client secret is damaged");
    let account = shown(account);
    Unopened::Credential(LocalTrouble::new(
        "secret_damaged",
        format!("The stored client secret of the account {account} is damaged and cannot be opened."),
        format!(
            "Restore the database and its master key from one backup. Or give the secret again: postern account edit {account} --secret-stdin. \
             Azure shows a secret's Value once only; a new one is made at Certificates & secrets > New client secret."
        ),
    ))
}

async fn seal(app: &App, account: Uuid, credential: NewCredential) -> Result<CredentialRow, Problem> {
    Ok(match credential {
        NewCredential::Certificate(id_or_name) => {
            CredentialRow::Certificate { certificate_id: certificates::find_row(app, &id_or_name).await?.id }
        }
        NewCredential::Secret { secret, expires_at } => {
            let id = account.to_string();
            let sealed_secret = app.vault.seal(Record::ClientSecret(&id), secret.expose().as_bytes());
            CredentialRow::Secret { sealed_secret, expires_at }
        }
    })
}

async fn changed(
    app: &App,
    row: AccountRow,
    changes: Changes,
    now: OffsetDateTime,
) -> Result<AccountRow, Problem> {
    let credential = match changes.credential {
        Some(credential) => seal(app, row.id, credential).await?,
        None => row.credential.clone(),
    };
    Ok(AccountRow {
        name: changes.name.map_or(row.name, |name| name.as_str().to_owned()),
        cloud: changes.cloud.unwrap_or(row.cloud),
        tenant: changes.tenant.map_or(row.tenant, |tenant| tenant.to_string()),
        client_id: changes.client_id.map_or(row.client_id, |client_id| client_id.to_string()),
        credential,
        sign_in: changes.sign_in.unwrap_or(row.sign_in),
        transport: changes.transport.unwrap_or(row.transport),
        from_address: match changes.from {
            Some(from) => from.map(|from| from.to_string()),
            None => row.from_address,
        },
        senders: changes.senders.map_or(row.senders, |senders| texts(&senders)),
        unknown_policy: changes.unknown_policy.unwrap_or(row.unknown_policy),
        large_mail: changes.large_mail.unwrap_or(row.large_mail),
        is_default: changes.default || row.is_default,
        updated_at: now,
        ..row
    })
}

fn texts(senders: &[SenderPattern]) -> Vec<String> {
    senders.iter().map(|sender| sender.as_str().to_owned()).collect()
}

/// Another tenant, application, cloud or way to sign in needs a new sign-in; another transport needs another permission,
/// which the old sign-in may not cover, and the next call will tell.
fn state_after_change(before: &AccountRow, row: &AccountRow, now: OffsetDateTime) -> StateRow {
    let identity =
        |row: &AccountRow| (row.tenant.clone(), row.client_id.clone(), row.cloud.clone(), row.sign_in);
    let grant = match identity(before) == identity(row) {
        true => GrantFate::Kept,
        false => GrantFate::Invalidated,
    };
    let missing = account_state::missing(row.sign_in, row.from_address.is_some());
    account_state::after(row, Event::SettingsChanged { missing: &missing, grant }, now)
}

/// An application has no mailbox of its own to send from.
fn sender_is_known(sign_in: SignIn, from: Option<&Address>) -> Result<(), Problem> {
    if sign_in == SignIn::Application && from.is_none() {
        return Err(Problem::new(
            "from_missing",
            "With application sign-in nobody signs in, so the sending mailbox must be named.",
            "Give From: the address of the mailbox that mail goes out as.",
        )
        .with("field", "from"));
    }
    Ok(())
}

/// What the audit log keeps of an account's settings.
fn facts(row: &AccountRow) -> serde_json::Value {
    let credential = match row.credential {
        CredentialRow::Certificate { .. } => "certificate",
        CredentialRow::Secret { .. } => "secret",
    };
    json!({
        "name": row.name, "cloud": row.cloud, "tenant_id": row.tenant, "client_id": row.client_id,
        "credential": credential, "sign_in": row.sign_in.as_str(), "transport": row.transport.as_str(),
        "from": row.from_address, "senders": row.senders, "unknown_policy": row.unknown_policy,
        "large_mail": row.large_mail,
    })
}

fn name_taken(name: &str) -> Problem {
    Problem::new(
        "name_taken",
        format!("There is already an account named {}.", shown(name)),
        "Choose another name.",
    )
}

fn certificate_gone() -> Problem {
    Problem::new("not_found", "That certificate has just been deleted.", "Choose another certificate.")
}

fn changed_meanwhile(name: &str) -> Problem {
    let message = format!("The account {} has been changed by someone else meanwhile.", shown(name));
    Problem::new("changed_meanwhile", message, "Look at it again and repeat your change.")
}
