//! The routes of `/accounts`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use m365::tenant::{ClientId, Tenant};
use mail::Address;
use serde::{Deserialize, Deserializer, Serialize};
use store::{CredentialRow, LargeMail, SignIn, Transport, UnknownPolicy};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::access::{Administrator, Operator, Viewer};
use super::input::{IdOrName, Json, Name, Query, SecretText, parsed_option};
use super::list::{self, ListQuery};
use super::moment;
use super::test_email::ReportView;
use crate::account_state;
use crate::accounts::{self, Account, Changes, NewAccount, NewCredential};
use crate::app::App;
use crate::credential_expiry::{self, Warning};
use crate::problem::Problem;
use crate::queue::route::SenderPattern;
use crate::test_email;

/// An account as everybody may see it: never its secret or token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    id: String,
    name: String,
    /// Name of the cloud, such as `global`.
    cloud: String,
    /// GUID or verified domain.
    tenant_id: String,
    client_id: String,
    credential: CredentialView,
    /// `delegated` or `application`.
    sign_in: &'static str,
    /// `graph` or `smtp`.
    transport: &'static str,
    from: Option<String>,
    /// As whom else it may send: `scanner@contoso.com`, `*@contoso.com`, or `*`.
    senders: Vec<String>,
    /// What happens to a message of which nobody knows whether it was sent: `look_then_resend` or `hold`.
    unknown_policy: &'static str,
    /// How mail goes that Graph can't carry as it is: `draft`, `smtp` or `refuse`.
    large_mail: &'static str,
    default: bool,
    state: StateView,
    grant: Option<GrantView>,
    /// Who signed in and waits to be confirmed: `user`, `tenant_id`, `scopes`.
    #[schema(value_type = Option<Object>)]
    pending: Option<serde_json::Value>,
    /// What somebody should see to before the account fails: the end of its certificate or secret.
    warnings: Vec<WarningView>,
    /// The redirect URIs to register, the best first.
    redirect_uris: Vec<String>,
    created: String,
    updated: String,
    /// What this change brought with it, such as a sign-in that is no longer valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountWarning)]
struct WarningView {
    /// `secret_expired`, `secret_expiring`, `certificate_expired` or `certificate_expiring`.
    code: &'static str,
    text: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
struct CredentialView {
    /// `certificate` or `secret`.
    kind: &'static str,
    /// Name of the certificate.
    certificate: Option<String>,
    certificate_id: Option<String>,
    /// Upper-case hex, as the Azure portal shows it.
    thumbprint_sha1: Option<String>,
    /// When the certificate or, if it was noted, the secret expires.
    expires: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountState)]
struct StateView {
    /// `incomplete`, `needs_sign_in`, `pending`, `ready` or `broken`.
    name: &'static str,
    since: String,
    code: Option<String>,
    cause: Option<String>,
    fix: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grant)]
struct GrantView {
    /// Who signed in.
    user: String,
    tenant_id: String,
    scopes: Vec<String>,
    obtained: String,
    renewed: String,
    /// A sign-in by device code can be stopped by Microsoft's policies later.
    via_device_code: bool,
}

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountList {
    items: Vec<AccountView>,
    next: Option<String>,
    /// Rows that could not be read, if any; they hide nothing else.
    damaged: Vec<String>,
}

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// The tenant is the default.
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// `global` is the default.
    cloud: Option<String>,
    /// GUID or verified domain.
    tenant_id: String,
    /// GUID; with a plain OpenID provider whatever it gave.
    client_id: String,
    credential: CredentialRequest,
    /// `delegated` is the default.
    #[schema(value_type = Option<String>)]
    sign_in: Option<SignIn>,
    /// `graph` is the default.
    #[schema(value_type = Option<String>)]
    transport: Option<Transport>,
    /// The signed-in mailbox is the default; an application must say it.
    #[serde(default, deserialize_with = "parsed_option")]
    #[schema(value_type = Option<String>)]
    from: Option<Address>,
    /// As whom else it may send: `scanner@contoso.com`, `*@contoso.com`, or `*`; nobody is the default.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    senders: Vec<SenderPattern>,
    /// What happens to a message of which nobody knows whether it was sent: `look_then_resend` (the default) or `hold`.
    #[schema(value_type = Option<String>)]
    unknown_policy: Option<UnknownPolicy>,
    /// How mail goes that Graph can't carry as it is: `draft` (the default: a draft and an upload session, or SMTP where
    /// that can't be), `smtp` (also for messages whose header names others than the envelope) or `refuse`.
    #[schema(value_type = Option<String>)]
    large_mail: Option<LargeMail>,
    #[serde(default)]
    default: bool,
}

/// What to change of an account; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    cloud: Option<String>,
    tenant_id: Option<String>,
    client_id: Option<String>,
    credential: Option<CredentialRequest>,
    #[schema(value_type = Option<String>)]
    sign_in: Option<SignIn>,
    #[schema(value_type = Option<String>)]
    transport: Option<Transport>,
    /// Null goes back to the signed-in mailbox.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    from: Option<Option<Address>>,
    /// As whom else it may send: all of them, in place of those before.
    #[schema(value_type = Option<Vec<String>>)]
    senders: Option<Vec<SenderPattern>>,
    /// `look_then_resend` or `hold`.
    #[schema(value_type = Option<String>)]
    unknown_policy: Option<UnknownPolicy>,
    /// `draft`, `smtp` or `refuse`.
    #[schema(value_type = Option<String>)]
    large_mail: Option<LargeMail>,
    /// True makes it the default; the default ends when another takes it.
    #[serde(default)]
    default: bool,
}

/// What the account proves itself with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialRequest {
    /// A stored certificate.
    Certificate {
        /// Id or name.
        certificate: String,
    },
    /// A client secret.
    Secret {
        /// The secret's Value, not its ID.
        #[schema(value_type = String)]
        secret: SecretText,
        /// When it expires, as the portal says: RFC 3339 time or date.
        expires: Option<String>,
    },
}

/// Lists the accounts in the order of their names.
#[utoipa::path(get, path = "/accounts", tag = "accounts", params(ListQuery), responses((status = 200, body = AccountList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let page = app.store.accounts().list(&query.page()?, query.filter()).await?;
    let mut items = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        items.push(AccountView::new(&app, accounts::describe(&app, row).await?, Vec::new()));
    }
    let damaged = page.corrupt.iter().map(ToString::to_string).collect();
    Ok(list::answer(AccountList { items, next: list::cursor(page.next), damaged }))
}

/// Adds an account.
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = AccountRequest,
    responses((status = 201, body = AccountView)))]
pub async fn create(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    Json(request): Json<AccountRequest>,
) -> Result<Response, Problem> {
    let tenant = tenant(&request.tenant_id)?;
    let name = match request.name {
        Some(name) => name,
        None => tenant.to_string().parse().map_err(|error| Problem::invalid("name", error))?,
    };
    let cloud = request.cloud.unwrap_or_else(|| crate::clouds::DEFAULT_CLOUD.to_owned());
    let new = NewAccount {
        name,
        client_id: client_id(&app, &cloud, &request.client_id)?,
        cloud,
        tenant,
        credential: request.credential.read(app.now())?,
        sign_in: request.sign_in.unwrap_or(SignIn::Delegated),
        transport: request.transport.unwrap_or(Transport::Graph),
        from: request.from,
        senders: request.senders,
        unknown_policy: request.unknown_policy.unwrap_or(UnknownPolicy::LookThenResend),
        large_mail: request.large_mail.unwrap_or(LargeMail::Draft),
        default: request.default,
    };
    let account = accounts::create(&app, &actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(AccountView::new(&app, account, Vec::new()))).into_response())
}

/// Shows one account.
#[utoipa::path(get, path = "/accounts/{account}", tag = "accounts",
    params(("account" = String, Path, description = "id or name")), responses((status = 200, body = AccountView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    IdOrName(account): IdOrName,
) -> Result<Response, Problem> {
    let account = accounts::find(&app, &account).await?;
    Ok(axum::Json(AccountView::new(&app, account, Vec::new())).into_response())
}

/// Changes an account. Another tenant, client or cloud ends its sign-in, and the answer says so.
#[utoipa::path(patch, path = "/accounts/{account}", tag = "accounts", request_body = AccountChange,
    params(("account" = String, Path, description = "id or name")), responses((status = 200, body = AccountView)))]
pub async fn edit(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(account): IdOrName,
    Json(request): Json<AccountChange>,
) -> Result<Response, Problem> {
    let before = accounts::find_row(&app, &account).await?;
    let cloud = request.cloud.as_deref().unwrap_or(&before.cloud);
    let client_id = request.client_id.as_deref().map(|text| client_id(&app, cloud, text)).transpose()?;
    let changes = Changes {
        name: request.name,
        cloud: request.cloud,
        tenant: request.tenant_id.as_deref().map(tenant).transpose()?,
        client_id,
        credential: request.credential.map(|credential| credential.read(app.now())).transpose()?,
        sign_in: request.sign_in,
        transport: request.transport,
        from: request.from,
        senders: request.senders,
        unknown_policy: request.unknown_policy,
        large_mail: request.large_mail,
        default: request.default,
    };
    let (account, notices) = accounts::edit(&app, &actor, before, changes).await?;
    Ok(axum::Json(AccountView::new(&app, account, notices)).into_response())
}

/// Removes an account with its sign-in. Mail is not touched; certificates stay.
#[utoipa::path(delete, path = "/accounts/{account}", tag = "accounts",
    params(("account" = String, Path, description = "id or name")), responses((status = 204)))]
pub async fn remove(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(account): IdOrName,
) -> Result<StatusCode, Problem> {
    accounts::remove(&app, &actor, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Goes through all stages of a test mail but the message itself.
#[utoipa::path(post, path = "/accounts/{account}/check", tag = "accounts",
    params(("account" = String, Path, description = "id or name")), responses((status = 200, body = ReportView)))]
pub async fn check(
    State(app): State<Arc<App>>,
    Operator(actor): Operator,
    IdOrName(account): IdOrName,
) -> Result<Response, Problem> {
    let row = accounts::find_row(&app, &account).await?;
    let report = test_email::check(&app, &actor, row).await?;
    Ok(axum::Json(ReportView::from(report)).into_response())
}

impl AccountView {
    /// What the API shows of an account.
    pub fn new(app: &App, account: Account, notices: Vec<String>) -> Self {
        let Account { row, certificate, grant, pending } = account;
        let state = account_state::shown(&row, pending.as_ref());
        let warning = credential_expiry::warn(&row, certificate.as_ref(), app.now());
        Self {
            id: row.id.to_string(),
            name: row.name,
            cloud: row.cloud,
            tenant_id: row.tenant,
            client_id: row.client_id,
            credential: CredentialView::new(&row.credential, certificate.as_ref()),
            sign_in: row.sign_in.as_str(),
            transport: row.transport.as_str(),
            from: row.from_address.or_else(|| grant.as_ref().map(|grant| grant.user.clone())),
            senders: row.senders,
            unknown_policy: row.unknown_policy.as_str(),
            large_mail: row.large_mail.as_str(),
            default: row.is_default,
            state: StateView {
                name: state.name.as_str(),
                since: moment::text(state.since),
                code: state.code,
                cause: state.cause,
                fix: state.fix,
            },
            grant: grant.map(|grant| GrantView {
                user: grant.user,
                tenant_id: grant.tenant_id,
                scopes: grant.scopes,
                obtained: moment::text(grant.obtained_at),
                renewed: moment::text(grant.renewed_at),
                via_device_code: grant.via_device_code,
            }),
            pending: pending.map(|pending| pending.found),
            warnings: warning.map(|Warning { code, text }| WarningView { code, text }).into_iter().collect(),
            redirect_uris: app.hosts.redirect_uris().iter().map(ToString::to_string).collect(),
            created: moment::text(row.created_at),
            updated: moment::text(row.updated_at),
            notices,
        }
    }
}

impl CredentialView {
    fn new(credential: &CredentialRow, certificate: Option<&accounts::UsedCertificate>) -> Self {
        match credential {
            CredentialRow::Certificate { certificate_id } => Self {
                kind: "certificate",
                certificate: certificate.map(|used| used.name.clone()),
                certificate_id: Some(certificate_id.to_string()),
                thumbprint_sha1: certificate.map(|used| used.thumbprint_sha1.clone()),
                expires: certificate.map(|used| moment::text(used.not_after)),
            },
            CredentialRow::Secret { expires_at, .. } => Self {
                kind: "secret",
                certificate: None,
                certificate_id: None,
                thumbprint_sha1: None,
                expires: expires_at.map(moment::text),
            },
        }
    }
}

impl CredentialRequest {
    fn read(self, now: OffsetDateTime) -> Result<NewCredential, Problem> {
        Ok(match self {
            Self::Certificate { certificate } => NewCredential::Certificate(certificate),
            Self::Secret { secret, expires } => {
                let expires_at = expires.as_deref().map(moment::parse).transpose();
                let expires_at = expires_at.map_err(|error| Problem::invalid("credential.expires", error))?;
                if expires_at.is_some_and(|end| end <= now) {
                    return Err(Problem::invalid("credential.expires", "it lies in the past"));
                }
                NewCredential::Secret { secret: checked_secret(&secret)?, expires_at }
            }
        })
    }
}

/// A secret that was copied with a space or a line break around it is still that secret; one with a control character
/// inside is none.
fn checked_secret(secret: &SecretText) -> Result<SecretText, Problem> {
    let text = secret.expose().trim();
    match text.len() {
        0 => Err(Problem::invalid("credential.secret", "a client secret is needed")),
        // Field report 7: the portal shows the secret's ID beside its Value, and the ID is what people copy.
        36 if text.parse::<uuid::Uuid>().is_ok() => Err(Problem::new(
            "secret_id_given",
            "This is the secret's ID, not its Value.",
            "Copy the Value from Certificates & secrets; it is shown only once. If it is hidden by now, add a new secret.",
        )
        .with("field", "credential.secret")),
        1..=1024 if !text.chars().any(char::is_control) => Ok(SecretText::new(text)),
        _ => Err(Problem::invalid("credential.secret", "this is not a client secret's Value")),
    }
}

fn tenant(text: &str) -> Result<Tenant, Problem> {
    // Copied with a space or a line break around it, it is still that tenant.
    text.trim().parse().map_err(|error: m365::tenant::InvalidTenant| {
        Problem::new(error.code(), crate::problem::sentence(&error), error.hint()).with("field", "tenant_id")
    })
}

/// A GUID with Microsoft's clouds; a plain OpenID provider makes its own kind.
fn client_id(app: &App, cloud: &str, text: &str) -> Result<ClientId, Problem> {
    let read = match app.clouds.find(cloud)?.is_entra() {
        true => text.trim().parse(),
        false => ClientId::of_provider(text.trim()),
    };
    read.map_err(|error: m365::tenant::InvalidClientId| {
        Problem::new(error.code(), crate::problem::sentence(&error), error.hint()).with("field", "client_id")
    })
}

/// Tells a member that is null from one that is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Address>>, D::Error> {
    parsed_option(deserializer).map(Some)
}
