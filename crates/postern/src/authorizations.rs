//! Sign-ins under way, from the button to the grant (the third corridor).
//!
//! A flow is answered by its state, once, within ten minutes. One that a browser started counts only in that browser; one
//! that was started elsewhere ends *pending* until whoever started it has seen who signed in and confirms it. Nothing is
//! kept of a flow that failed but why. Neighbours: `m365::authorize` and `m365::device_code` do the talking, the store
//! keeps each step together with what follows from it.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use m365::Failure;
use m365::account::Account as OpenAccount;
use m365::authorize::{self, Callback, InvalidCallback, ResponseMode, SignedIn};
use m365::device_code::{self, Polled};
use m365::diagnosis::Advice;
use m365::secret::{AuthorizationCode, DeviceSecret, Nonce, Verifier};
use m365::state::Event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{
    AccountRow, AuditEntry, FlowKind, FlowRow, FlowStatus, GrantRow, SettleError, Settlement, SignIn,
    StateRow, TakeError,
};
use subtle::ConstantTimeEq;
use time::Duration;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::api::access::Actor;
use crate::app::App;
use crate::problem::{Problem, sentence};
use crate::vault::Record;
use crate::{account_state, accounts, audit};

/// How long a person has for signing in, and then whoever started it for confirming.
const FLOW_LIFETIME: Duration = Duration::minutes(10);
/// The longest that one question for a flow's progress is held.
pub const LONGEST_WAIT: StdDuration = StdDuration::from_secs(60);

/// How a flow is to be started.
#[derive(Debug)]
pub struct Start {
    /// The redirect URI, one of ours.
    pub redirect_uri: Url,
    /// How the browser brings the answer.
    pub response_mode: ResponseMode,
    /// Whether this request's own browser will bring it: then it gets a cookie, and no one has to confirm.
    pub bind_to_browser: bool,
    /// Whether to use a code typed on another device instead.
    pub device_code: bool,
}

/// A flow as it can be shown to whoever started it.
#[derive(Debug)]
pub struct Flow {
    /// The row.
    pub row: FlowRow,
    /// Name of the account.
    pub account: String,
    /// What to open or to type, while it waits.
    pub invitation: Option<Invitation>,
    /// The value of the cookie that binds the flow to the browser, only right after the start.
    pub browser_cookie: Option<Zeroizing<String>>,
}

/// What a person needs to go on.
#[derive(Debug, Clone)]
pub enum Invitation {
    /// An address to open.
    Open {
        /// It.
        url: String,
    },
    /// A code to type.
    Type {
        /// The code.
        user_code: String,
        /// Where.
        verification_uri: String,
    },
}

/// What a flow must remember and nobody else may know; sealed in the store.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum FlowSecrets {
    Code { url: String, verifier: Zeroizing<String>, nonce: Zeroizing<String> },
    Device { user_code: String, verification_uri: String, device_code: Zeroizing<String> },
    Application,
}

/// What a flow found, sealed until it is confirmed.
#[derive(Serialize, Deserialize)]
struct FoundGrant {
    refresh_token: Zeroizing<String>,
    user: String,
    user_oid: String,
    tenant_id: String,
    scopes: Vec<String>,
}

/// Starts a flow for an account; an application's ends before this returns.
pub async fn start(
    app: &Arc<App>,
    actor: &Actor,
    account: AccountRow,
    start: Start,
) -> Result<Flow, Problem> {
    let opened = accounts::open(app, &account).await?;
    match (account.sign_in, start.device_code) {
        (SignIn::Application, _) => verify_application(app, actor, account, opened).await,
        (SignIn::Delegated, false) => start_code(app, actor, account, opened, start).await,
        (SignIn::Delegated, true) => start_device_code(app, actor, account, opened).await,
    }
}

/// The flow with this id, for whoever may see it.
pub async fn find(app: &App, id: &str) -> Result<Flow, Problem> {
    let row = find_row(app, id).await?;
    show(app, row).await
}

/// The flow once it does something else than wait, or after `patience`.
pub async fn wait(app: &App, id: &str, patience: StdDuration) -> Result<Flow, Problem> {
    let deadline = tokio::time::Instant::now() + patience.min(LONGEST_WAIT);
    // Listening starts before looking: what happens in between is not missed.
    let mut events = app.events.listen();
    loop {
        let row = find_row(app, id).await?;
        if row.status != FlowStatus::Waiting {
            return show(app, row).await;
        }
        let changed = async {
            while let Ok(event) = events.recv().await {
                if event.what == "authorizations" && event.id == id {
                    return;
                }
            }
        };
        tokio::select! {
            () = changed => {}
            () = app.shutdown.cancelled() => return show(app, row).await,
            () = tokio::time::sleep_until(deadline) => return show(app, row).await,
        }
    }
}

/// Who brings an answer: where from, and with which of our cookies.
pub struct Bringer<'a> {
    /// For the audit log.
    pub source: &'a str,
    /// The cookie of the flow with this id, if the browser has one.
    pub cookie: &'a (dyn Fn(Uuid) -> Option<String> + Sync),
}

/// Takes the answer that a browser brought to the redirect URI.
pub async fn receive(app: &App, encoded: &str, bringer: Bringer<'_>) -> Result<Flow, Problem> {
    let stranger =
        Actor { name: "browser".to_owned(), source: bringer.source.to_owned(), role: store::Role::Viewer };
    let callback = match Callback::parse(encoded) {
        Ok(callback) => callback,
        Err(error) => return Err(app.refuse(&stranger, "account.authorize", "", unreadable(&error)).await),
    };
    let flow = match app.store.flows().take_by_state(&hash(callback.state().expose()), app.now()).await {
        Ok(flow) => flow,
        Err(error) => return Err(app.refuse(&stranger, "account.authorize", "", not_taken(error)).await),
    };
    let account = row_of(app, flow.account_id).await?;
    if let Some(expected) = &flow.browser_hash {
        let brought = (bringer.cookie)(flow.id).map(|cookie| hash(&cookie)).unwrap_or_default();
        if !bool::from(brought.ct_eq(expected)) {
            let problem = other_browser();
            fail(app, &stranger, &flow, &account, &problem).await?;
            return Err(problem);
        }
    }
    finish(app, &stranger, flow, account, callback).await
}

/// Takes the address that a person pasted, for a browser that can't reach us.
pub async fn complete(
    app: &App,
    actor: &Actor,
    id: &str,
    address: &str,
    cookie: &(dyn Fn(Uuid) -> Option<String> + Sync),
) -> Result<Flow, Problem> {
    let row = find_row(app, id).await?;
    let callback = Callback::parse_address(address).map_err(|error| unreadable(&error))?;
    let state_hash = hash(callback.state().expose());
    if row.state_hash.as_deref() != Some(&state_hash) {
        let problem = Problem::new(
            "state_mismatch",
            "That address belongs to another sign-in than this one.",
            "Paste the address that the browser ended at after opening this sign-in's own link.",
        );
        return Err(app.refuse(actor, "account.authorize", id, problem).await);
    }
    let flow = app.store.flows().take_by_state(&state_hash, app.now()).await.map_err(not_taken)?;
    let account = row_of(app, flow.account_id).await?;
    // The session that started the flow holds its cookie; anyone else's paste waits for a confirmation.
    let bound = flow.browser_hash.as_ref().is_some_and(|expected| {
        cookie(flow.id).is_some_and(|cookie| bool::from(hash(&cookie).ct_eq(expected)))
    });
    let flow = if bound { flow } else { FlowRow { browser_hash: None, ..flow } };
    finish(app, actor, flow, account, callback).await
}

/// Keeps what a pending flow found. Only whoever started it can.
pub async fn confirm(app: &App, actor: &Actor, id: &str) -> Result<Flow, Problem> {
    let flow = find_row(app, id).await?;
    let account = row_of(app, flow.account_id).await?;
    if flow.started_by != actor.name {
        let problem = Problem::new(
            "forbidden",
            format!("This sign-in was started by {}, and only they can confirm it.", flow.started_by),
            "Start a sign-in of your own.",
        );
        return Err(app.refuse(actor, "account.confirm", &account.name, problem).await);
    }
    let (Some(sealed), Some(found)) = (&flow.sealed_grant, &flow.found) else {
        return Err(nothing_pending(&account.name));
    };
    let opened = app.vault.open(Record::FlowGrant(&flow.id.to_string()), sealed)?;
    let grant: FoundGrant = serde_json::from_slice(&opened).map_err(Problem::internal)?;
    let entry = audit::with(audit::done(actor, app.now(), "account.confirm", &account.name), found.clone());
    let row = keep(app, &flow, &account, grant, found, &entry).await?;
    show(app, row).await
}

/// The flow of this account that waits to be confirmed.
pub async fn latest_pending(app: &App, account: &AccountRow) -> Result<FlowRow, Problem> {
    let flow = app.store.flows().latest_pending(account.id, app.now()).await?;
    flow.ok_or_else(|| nothing_pending(&account.name))
}

/// Calls a flow off.
pub async fn cancel(app: &App, actor: &Actor, id: &str) -> Result<(), Problem> {
    let flow = find_row(app, id).await?;
    let account = row_of(app, flow.account_id).await?;
    let entry = audit::done(actor, app.now(), "account.authorize_cancelled", &account.name);
    settle(app, &flow, &account, Settlement::Cancelled, Event::FlowEnded, &entry).await.map(|_| ())
}

/// Ends the flows whose time is over.
pub async fn expire_overdue(app: &App) -> Result<(), Problem> {
    let now = app.now();
    for id in app.store.flows().overdue(now).await? {
        let flow = find_row(app, &id.to_string()).await?;
        let account = row_of(app, flow.account_id).await?;
        let clock = Actor {
            name: "postern".to_owned(),
            source: "clock".to_owned(),
            role: store::Role::Administrator,
        };
        let entry = audit::done(&clock, now, "account.authorize_expired", &account.name);
        settle(app, &flow, &account, Settlement::Expired, Event::FlowEnded, &entry).await?;
    }
    Ok(())
}

async fn start_code(
    app: &App,
    actor: &Actor,
    account: AccountRow,
    opened: Arc<OpenAccount>,
    start: Start,
) -> Result<Flow, Problem> {
    let redirect_uri = start.redirect_uri.to_string();
    let connection = app.clouds.connection(&opened.cloud).map_err(|failure| unreached(&opened, &failure))?;
    let begun = authorize::begin(&connection, &opened, &redirect_uri, start.response_mode).await;
    let begun = begun.map_err(|failure| unreached(&opened, &failure))?;
    let secrets = FlowSecrets::Code {
        url: begun.url.to_string(),
        verifier: begun.verifier.expose().to_owned().into(),
        nonce: begun.nonce.expose().to_owned().into(),
    };
    let cookie = start.bind_to_browser.then(random_cookie);
    let row = FlowRow {
        state_hash: Some(hash(begun.state.expose())),
        browser_hash: cookie.as_ref().map(|cookie| hash(cookie)),
        redirect_uri: Some(redirect_uri),
        ..new_row(app, actor, &account, FlowKind::AuthorizationCode, &secrets)
    };
    let row = insert(app, actor, &account, row).await?;
    Ok(Flow { browser_cookie: cookie, ..show(app, row).await? })
}

async fn start_device_code(
    app: &Arc<App>,
    actor: &Actor,
    account: AccountRow,
    opened: Arc<OpenAccount>,
) -> Result<Flow, Problem> {
    let connection = app.clouds.connection(&opened.cloud).map_err(|failure| unreached(&opened, &failure))?;
    let started = device_code::start(&connection, &opened, app.now()).await;
    let started = started.map_err(|failure| unreached(&opened, &failure))?;
    let secrets = FlowSecrets::Device {
        user_code: started.user_code.clone(),
        verification_uri: started.verification_uri.clone(),
        device_code: started.secret.expose().to_owned().into(),
    };
    let row = FlowRow {
        expires_at: started.expires_at,
        ..new_row(app, actor, &account, FlowKind::DeviceCode, &secrets)
    };
    let row = insert(app, actor, &account, row).await?;
    let poller = DevicePoller { app: Arc::clone(app), actor: actor.clone(), flow: row.id, opened };
    tokio::spawn(poller.run(started.secret, started.interval));
    show(app, row).await
}

async fn verify_application(
    app: &App,
    actor: &Actor,
    account: AccountRow,
    opened: Arc<OpenAccount>,
) -> Result<Flow, Problem> {
    let row = new_row(app, actor, &account, FlowKind::Application, &FlowSecrets::Application);
    let row = insert(app, actor, &account, row).await?;
    app.tokens.forget(&opened.id);
    let verified = match app.clouds.connection(&opened.cloud) {
        Ok(connection) => {
            app.tokens.access(&connection, &opened, opened.transport.into(), app.now()).await.map(|_| ())
        }
        Err(failure) => Err(failure),
    };
    let row = match verified {
        Ok(()) => {
            let found = json!({ "user": null, "tenant_id": account.tenant, "scopes": [] });
            let entry = audit::done(actor, app.now(), "account.verify", &account.name);
            settle(
                app,
                &row,
                &account,
                Settlement::Confirmed { found: &found, grant: None },
                Event::Confirmed,
                &entry,
            )
            .await?
        }
        Err(failure) => fail_by(app, actor, &row, &account, &opened, &failure).await?,
    };
    show(app, row).await
}

/// Redeems what came back and keeps it, or leaves it to be confirmed.
async fn finish(
    app: &App,
    actor: &Actor,
    flow: FlowRow,
    account: AccountRow,
    callback: Callback,
) -> Result<Flow, Problem> {
    let opened = accounts::open(app, &account).await?;
    let signed_in = match callback {
        Callback::Refused { refusal, .. } => Err(Failure::Entra(refusal)),
        Callback::Code { code, .. } => redeem(app, &flow, &opened, &code).await?,
    };
    let row = match signed_in {
        Ok(signed_in) => found(app, actor, &flow, &account, signed_in).await?,
        Err(failure) => fail_by(app, actor, &flow, &account, &opened, &failure).await?,
    };
    show(app, row).await
}

async fn redeem(
    app: &App,
    flow: &FlowRow,
    opened: &Arc<OpenAccount>,
    code: &AuthorizationCode,
) -> Result<Result<SignedIn, Failure>, Problem> {
    let FlowSecrets::Code { verifier, nonce, .. } = open_secrets(app, flow)? else {
        return Err(Problem::internal("an authorization code came for a flow without one"));
    };
    let redirect_uri = flow.redirect_uri.as_deref().unwrap_or_default();
    let (verifier, nonce) = (Verifier::new(verifier.as_str()), Nonce::new(nonce.as_str()));
    Ok(match app.clouds.connection(&opened.cloud) {
        Ok(connection) => {
            authorize::redeem(&connection, opened, code, redirect_uri, &verifier, &nonce, app.now()).await
        }
        Err(failure) => Err(failure),
    })
}

/// Somebody signed in: kept at once where the same browser asked, else left to be confirmed.
async fn found(
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
    if flow.browser_hash.is_some() {
        return keep(app, flow, account, grant, &found, &entry).await;
    }
    let plain = Zeroizing::new(serde_json::to_vec(&grant).expect("texts serialise"));
    let sealed_grant = app.vault.seal(Record::FlowGrant(&flow.id.to_string()), &plain);
    let settlement = Settlement::Pending {
        found: &found,
        sealed_grant: &sealed_grant,
        expires_at: app.now() + FLOW_LIFETIME,
    };
    settle(app, flow, account, settlement, Event::FlowPending, &entry).await
}

async fn keep(
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
    let row = settle(app, flow, account, settlement, Event::Confirmed, entry).await?;
    app.tokens.forget(&id);
    Ok(row)
}

/// Microsoft or the network said no. What speaks about the account changes its state too.
async fn fail_by(
    app: &App,
    actor: &Actor,
    flow: &FlowRow,
    account: &AccountRow,
    opened: &OpenAccount,
    failure: &Failure,
) -> Result<FlowRow, Problem> {
    let advice = account_state::explain(opened, flow.redirect_uri.as_deref(), failure);
    let problem = from_advice(&advice);
    let mut entry = audit::refused(actor, app.now(), "account.authorize", &account.name, &problem);
    entry.code = Some(advice.code.clone());
    let failure = json!({ "code": advice.code, "message": problem.message(), "hint": advice.fix });
    settle(app, flow, account, Settlement::Failed { failure: &failure }, Event::FlowEnded, &entry).await
}

async fn fail(
    app: &App,
    actor: &Actor,
    flow: &FlowRow,
    account: &AccountRow,
    problem: &Problem,
) -> Result<(), Problem> {
    let entry = audit::refused(actor, app.now(), "account.authorize", &account.name, problem);
    let failure = json!({ "code": problem.code(), "message": problem.message(), "hint": problem.hint() });
    settle(app, flow, account, Settlement::Failed { failure: &failure }, Event::FlowEnded, &entry)
        .await
        .map(|_| ())
}

async fn settle(
    app: &App,
    flow: &FlowRow,
    account: &AccountRow,
    settlement: Settlement<'_>,
    event: Event<'_>,
    entry: &AuditEntry,
) -> Result<FlowRow, Problem> {
    let now = app.now();
    let state: StateRow = account_state::after(account, event, now);
    let state = (state != account.state).then_some(&state);
    let settled =
        app.store.flows().settle(flow.id, settlement, state, now, entry).await.map_err(not_settled)?;
    app.events.tell("authorizations", &flow.id.to_string(), "changed");
    app.events.tell("accounts", &account.id.to_string(), "changed");
    Ok(settled)
}

/// Polls until the person is done, the code is over or the flow is called off.
struct DevicePoller {
    app: Arc<App>,
    actor: Actor,
    flow: Uuid,
    opened: Arc<OpenAccount>,
}

impl DevicePoller {
    async fn run(self, secret: DeviceSecret, mut interval: Duration) {
        loop {
            tokio::select! {
                () = self.app.shutdown.cancelled() => return,
                () = tokio::time::sleep(interval.unsigned_abs()) => {}
            }
            match self.poll(&secret).await {
                Ok(Next::Again) => {}
                Ok(Next::Slower) => interval += Duration::seconds(5),
                Ok(Next::Over) => return,
                Err(problem) => {
                    tracing::warn!(flow = %self.flow, problem = problem.message(), "a device code flow ended badly");
                    return;
                }
            }
        }
    }

    async fn poll(&self, secret: &DeviceSecret) -> Result<Next, Problem> {
        let app = &self.app;
        let flow = find_row(app, &self.flow.to_string()).await?;
        if flow.status != FlowStatus::Waiting {
            return Ok(Next::Over);
        }
        let connection = match app.clouds.connection(&self.opened.cloud) {
            Ok(connection) => connection,
            Err(failure) => return self.end(&flow, &failure).await,
        };
        match device_code::poll(&connection, &self.opened, secret, app.now()).await {
            Ok(Polled::Pending) => Ok(Next::Again),
            Ok(Polled::SlowDown) => Ok(Next::Slower),
            Ok(Polled::SignedIn(signed_in)) => {
                let account = row_of(app, flow.account_id).await?;
                found(app, &self.actor, &flow, &account, *signed_in).await?;
                Ok(Next::Over)
            }
            Ok(Polled::Declined) => {
                self.refuse(&flow, "declined", "The sign-in was declined on the other device.").await
            }
            Ok(Polled::Expired) => self.refuse(&flow, "expired", "The code was not used in time.").await,
            Err(failure) if failure.is_temporary() => Ok(Next::Again),
            Err(failure) => self.end(&flow, &failure).await,
        }
    }

    async fn end(&self, flow: &FlowRow, failure: &Failure) -> Result<Next, Problem> {
        let account = row_of(&self.app, flow.account_id).await?;
        fail_by(&self.app, &self.actor, flow, &account, &self.opened, failure).await?;
        Ok(Next::Over)
    }

    async fn refuse(&self, flow: &FlowRow, code: &'static str, message: &str) -> Result<Next, Problem> {
        let account = row_of(&self.app, flow.account_id).await?;
        let problem = Problem::new(code, message, "Start again; a sign-in in the browser is the better way.");
        fail(&self.app, &self.actor, flow, &account, &problem).await?;
        Ok(Next::Over)
    }
}

enum Next {
    Again,
    Slower,
    Over,
}

async fn insert(app: &App, actor: &Actor, account: &AccountRow, row: FlowRow) -> Result<FlowRow, Problem> {
    let entry = audit::done(actor, app.now(), "account.authorize_started", &account.name);
    app.store.flows().insert(&row, &audit::with(entry, json!({ "kind": row.kind.as_str() }))).await?;
    app.events.tell("authorizations", &row.id.to_string(), "created");
    Ok(row)
}

fn new_row(app: &App, actor: &Actor, account: &AccountRow, kind: FlowKind, secrets: &FlowSecrets) -> FlowRow {
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

async fn find_row(app: &App, id: &str) -> Result<FlowRow, Problem> {
    let not_found = || Problem::not_found("sign-in", id);
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    app.store.flows().find(id).await?.ok_or_else(not_found)
}

async fn row_of(app: &App, account: Uuid) -> Result<AccountRow, Problem> {
    accounts::find_row(app, &account.to_string()).await
}

async fn show(app: &App, row: FlowRow) -> Result<Flow, Problem> {
    let account = row_of(app, row.account_id).await?.name;
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
    Ok(Flow { row, account, invitation, browser_cookie: None })
}

fn open_secrets(app: &App, flow: &FlowRow) -> Result<FlowSecrets, Problem> {
    let plain = app.vault.open(Record::FlowSecrets(&flow.id.to_string()), &flow.sealed_secrets)?;
    serde_json::from_slice(&plain).map_err(Problem::internal)
}

fn hash(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

fn random_cookie() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).expect("the system's random generator works");
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

fn unreached(account: &OpenAccount, failure: &Failure) -> Problem {
    from_advice(&account_state::explain(account, None, failure))
}

/// What the diagnosis says, as a refusal. Its own code is Microsoft's and goes along as a member.
fn from_advice(advice: &Advice) -> Problem {
    let message = format!("{} {}", sentence(&advice.says), advice.cause);
    Problem::new("microsoft_refused", message, advice.fix.clone()).with("microsoft_code", advice.code.clone())
}

fn unreadable(error: &InvalidCallback) -> Problem {
    Problem::new(error.code(), sentence(error), error.hint())
}

fn not_taken(error: TakeError) -> Problem {
    let again = "Start again with Authorize now (postern account authorize).";
    match error {
        TakeError::Unknown => Problem::new(
            "unknown_state",
            "This answer belongs to no sign-in that Postern has started.",
            again,
        ),
        TakeError::Expired => {
            Problem::new("state_expired", "This sign-in took longer than ten minutes and has expired.", again)
        }
        TakeError::AlreadyUsed => {
            Problem::new("state_used", "This answer has been used already; it counts once.", again)
        }
        TakeError::Store(error) => error.into(),
    }
}

fn not_settled(error: SettleError) -> Problem {
    let again = "Start again with Authorize now (postern account authorize).";
    match error {
        SettleError::NotFound => Problem::new("not_found", "That sign-in is no longer there.", again),
        SettleError::AlreadySettled { status } => {
            Problem::new("flow_over", format!("That sign-in has already ended: {status}."), again)
        }
        SettleError::Expired => {
            Problem::new("flow_over", "That sign-in was not confirmed within ten minutes.", again)
        }
        SettleError::AccountChanged => Problem::new(
            "changed_meanwhile",
            "The account was changed while the sign-in was under way; nothing was kept.",
            again,
        ),
        SettleError::Store(error) => error.into(),
    }
}

fn other_browser() -> Problem {
    Problem::new(
        "other_browser",
        "This sign-in was started in another browser session, and nothing was kept.",
        "Finish it in the browser in which you pressed Authorize now, or start again here.",
    )
}

fn nothing_pending(account: &str) -> Problem {
    let account = crate::problem::shown(account);
    Problem::new(
        "nothing_pending",
        format!("No sign-in of {account} waits to be confirmed."),
        "Start one: postern account authorize. What it finds can be confirmed for ten minutes.",
    )
}
