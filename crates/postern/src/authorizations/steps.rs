//! The steps that every kind of sign-in takes: begun, found somebody, kept, failed. Each is one transaction of the store
//! with all that follows from it. What a flow must remember is sealed, and forgotten when the flow ends.

use aws_lc_rs::digest::{SHA256, digest};
use m365::Failure;
use m365::account::Account as OpenAccount;
use m365::authorize::SignedIn;
use m365::state::Event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{AccountRow, AuditEntry, FlowKind, FlowRow, FlowStatus, GrantRow, Settlement};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{FLOW_LIFETIME, Flow, Invitation, words};
use crate::api::access::Actor;
use crate::app::App;
use crate::problem::Problem;
use crate::vault::Record;
use crate::{account_state, accounts, audit};

/// What a flow must remember and nobody else may know; sealed in the store.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum FlowSecrets {
    Code {
        url: String,
        verifier: Zeroizing<String>,
        nonce: Zeroizing<String>,
    },
    Device {
        user_code: String,
        verification_uri: String,
        device_code: Zeroizing<String>,
        /// The pause between two polls (RFC 8628 §3.2).
        interval_seconds: i64,
    },
    Application,
}

/// What a flow found, sealed until it is confirmed.
#[derive(Serialize, Deserialize)]
pub(super) struct FoundGrant {
    refresh_token: Zeroizing<String>,
    user: String,
    user_oid: String,
    tenant_id: String,
    scopes: Vec<String>,
}

/// Somebody signed in: kept at once where the same browser asked, else left to be confirmed.
pub(super) async fn found(
    app: &App,
    actor: &Actor,
    flow: &FlowRow,
    account: &AccountRow,
    signed_in: SignedIn,
) -> Result<FlowRow, Problem> {
    let grant = FoundGrant {
        refresh_token: signed_in.refresh_token.expose().to_owned().into(),
        user: signed_in.user,
        user_oid: signed_in.user_oid,
        tenant_id: signed_in.tenant_id.unwrap_or_default(),
        scopes: signed_in.scopes,
    };
    let found = json!({ "user": grant.user, "tenant_id": grant.tenant_id, "scopes": grant.scopes });
    let entry = audit::with(audit::done(actor, app.now(), "account.authorize", &account.name), found.clone());
    let kept = match flow.browser_hash {
        Some(_) => keep(app, flow, account, grant, &found, &entry).await,
        None => leave_pending(app, flow, account, &grant, &found, &entry).await,
    };
    match kept {
        // Between the first look and now: the flow ends here, or who waits for it would wait for nothing.
        Err(problem) if problem.code() == "changed_meanwhile" => {
            fail(app, actor, flow, account, &problem).await?;
            Err(problem)
        }
        kept => kept,
    }
}

/// Ends the flow of an account that was changed since: a code, a secret and a person of different settings must not meet.
pub(super) async fn same_account(
    app: &App,
    actor: &Actor,
    flow: &FlowRow,
    account: &AccountRow,
) -> Result<(), Problem> {
    if flow.account_version == account.version {
        return Ok(());
    }
    let problem = words::changed_meanwhile();
    fail(app, actor, flow, account, &problem).await?;
    Err(problem)
}

async fn leave_pending(
    app: &App,
    flow: &FlowRow,
    account: &AccountRow,
    grant: &FoundGrant,
    found: &Value,
    entry: &AuditEntry,
) -> Result<FlowRow, Problem> {
    let plain = Zeroizing::new(serde_json::to_vec(grant).expect("texts serialise"));
    let sealed_grant = app.vault.seal(Record::FlowGrant(&flow.id.to_string()), &plain);
    let settlement =
        Settlement::Pending { found, sealed_grant: &sealed_grant, expires_at: app.now() + FLOW_LIFETIME };
    settle(app, flow, account, settlement, None, entry).await
}

pub(super) async fn keep(
    app: &App,
    flow: &FlowRow,
    account: &AccountRow,
    grant: FoundGrant,
    found: &Value,
    entry: &AuditEntry,
) -> Result<FlowRow, Problem> {
    let (id, now) = (account.id.to_string(), app.now());
    let grant = GrantRow {
        account_id: account.id,
        sealed_refresh_token: app.vault.seal(Record::RefreshToken(&id), grant.refresh_token.as_bytes()),
        user: grant.user,
        user_oid: grant.user_oid,
        tenant_id: grant.tenant_id,
        scopes: grant.scopes,
        obtained_at: now,
        renewed_at: now,
        via_device_code: flow.kind == FlowKind::DeviceCode,
    };
    let settlement = Settlement::Confirmed { found, grant: Some(&grant) };
    let row = settle(app, flow, account, settlement, Some(Event::Confirmed), entry).await?;
    app.tokens.forget(&id);
    Ok(row)
}

/// Microsoft or the network said no. Where no person stood between, that speaks about the account and changes its state.
pub(super) async fn fail_by(
    app: &App,
    actor: &Actor,
    flow: &FlowRow,
    account: &AccountRow,
    opened: &OpenAccount,
    failure: &Failure,
) -> Result<FlowRow, Problem> {
    let advice = account_state::explain(app, opened, flow.redirect_uri.as_deref(), failure);
    let problem = words::from_advice(&advice);
    let mut entry = audit::refused(actor, app.now(), "account.authorize", &account.name, &problem);
    entry.code = Some(advice.code.clone());
    let told = json!({ "code": advice.code, "message": problem.message(), "hint": advice.fix });
    let trouble = account_state::trouble(failure, &advice);
    let event = match flow.kind {
        FlowKind::Application => Some(Event::Failed { failure, trouble: &trouble }),
        // The grant that the account has, if it has one, is as good as before.
        FlowKind::AuthorizationCode | FlowKind::DeviceCode => None,
    };
    settle(app, flow, account, Settlement::Failed { failure: &told }, event, &entry).await
}

pub(super) async fn fail(
    app: &App,
    actor: &Actor,
    flow: &FlowRow,
    account: &AccountRow,
    problem: &Problem,
) -> Result<(), Problem> {
    let entry = audit::refused(actor, app.now(), "account.authorize", &account.name, problem);
    let failure = json!({ "code": problem.code(), "message": problem.message(), "hint": problem.hint() });
    settle(app, flow, account, Settlement::Failed { failure: &failure }, None, &entry).await.map(|_| ())
}

pub(super) async fn settle(
    app: &App,
    flow: &FlowRow,
    account: &AccountRow,
    settlement: Settlement<'_>,
    event: Option<Event<'_>>,
    entry: &AuditEntry,
) -> Result<FlowRow, Problem> {
    let now = app.now();
    let state = event.map(|event| account_state::after(account, event, now));
    let state = state.filter(|state| *state != account.state);
    let settled = app
        .store
        .flows()
        .settle(flow.id, settlement, state.as_ref(), now, entry)
        .await
        .map_err(words::not_settled)?;
    app.events.tell("authorizations", &flow.id.to_string(), "changed");
    app.events.tell("accounts", &account.id.to_string(), "changed");
    Ok(settled)
}

pub(super) async fn insert(
    app: &App,
    actor: &Actor,
    account: &AccountRow,
    row: FlowRow,
) -> Result<FlowRow, Problem> {
    let entry = audit::done(actor, app.now(), "account.authorize_started", &account.name);
    app.store.flows().insert(&row, &audit::with(entry, json!({ "kind": row.kind.as_str() }))).await?;
    app.events.tell("authorizations", &row.id.to_string(), "created");
    Ok(row)
}

pub(super) fn new_row(
    app: &App,
    actor: &Actor,
    account: &AccountRow,
    kind: FlowKind,
    secrets: &FlowSecrets,
) -> FlowRow {
    let (id, now) = (Uuid::now_v7(), app.now());
    let plain = Zeroizing::new(serde_json::to_vec(secrets).expect("texts serialise"));
    FlowRow {
        id,
        account_id: account.id,
        account_version: account.version,
        kind,
        state_hash: None,
        sealed_secrets: app.vault.seal(Record::FlowSecrets(&id.to_string()), &plain),
        browser_hash: None,
        started_by: actor.name.clone(),
        redirect_uri: None,
        status: FlowStatus::Waiting,
        redeemed_at: None,
        found: None,
        sealed_grant: None,
        failure: None,
        created_at: now,
        expires_at: now + FLOW_LIFETIME,
    }
}

pub(super) async fn find_row(app: &App, id: &str) -> Result<FlowRow, Problem> {
    let not_found = || Problem::not_found("sign-in", id);
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    app.store.flows().find(id).await?.ok_or_else(not_found)
}

pub(super) async fn row_of(app: &App, account: Uuid) -> Result<AccountRow, Problem> {
    accounts::find_row(app, &account.to_string()).await
}

pub(super) async fn show(app: &App, row: FlowRow) -> Result<Flow, Problem> {
    let AccountRow { name: account, from_address: from, .. } = row_of(app, row.account_id).await?;
    let invitation = match row.status {
        FlowStatus::Waiting => match open_secrets(app, &row)? {
            FlowSecrets::Code { url, .. } => Some(Invitation::Open { url }),
            FlowSecrets::Device { user_code, verification_uri, .. } => {
                Some(Invitation::Type { user_code, verification_uri })
            }
            FlowSecrets::Application => None,
        },
        _ => None,
    };
    Ok(Flow { row, account, from, invitation, browser_cookie: None })
}

pub(super) fn open_secrets(app: &App, flow: &FlowRow) -> Result<FlowSecrets, Problem> {
    let plain = app.vault.open(Record::FlowSecrets(&flow.id.to_string()), &flow.sealed_secrets)?;
    serde_json::from_slice(&plain).map_err(Problem::internal)
}

pub(super) fn hash(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}
