//! A sign-in in the browser: the address to open, and what the browser or a person brings back.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use m365::Failure;
use m365::account::Account as OpenAccount;
use m365::authorize::{self, Callback, SignedIn};
use m365::secret::{AuthorizationCode, Nonce, Verifier};
use store::{AccountRow, FlowKind, FlowRow};
use subtle::ConstantTimeEq;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::steps::{self, FlowSecrets, hash};
use super::{Flow, Start, words};
use crate::accounts;
use crate::api::access::Actor;
use crate::app::App;
use crate::problem::Problem;

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
        Err(error) => {
            return Err(app.refuse_stranger(&stranger, "account.authorize", words::unreadable(&error)).await);
        }
    };
    let flow = match app.store.flows().take_by_state(&hash(callback.state().expose()), app.now()).await {
        Ok(flow) => flow,
        Err(error) => {
            return Err(app.refuse_stranger(&stranger, "account.authorize", words::not_taken(error)).await);
        }
    };
    let account = steps::row_of(app, flow.account_id).await?;
    if let Some(expected) = &flow.browser_hash {
        let brought = (bringer.cookie)(flow.id).map(|cookie| hash(&cookie)).unwrap_or_default();
        if !bool::from(brought.ct_eq(expected)) {
            let problem = words::other_browser();
            steps::fail(app, &stranger, &flow, &account, &problem).await?;
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
    let row = steps::find_row(app, id).await?;
    let callback = Callback::parse_address(address).map_err(|error| words::unreadable(&error))?;
    let redirect_uri = row.redirect_uri.as_deref().unwrap_or_default();
    if !leads_to(address, redirect_uri) {
        return Err(words::other_address(redirect_uri));
    }
    let state_hash = hash(callback.state().expose());
    if row.state_hash.as_deref() != Some(&state_hash) {
        let problem = Problem::new(
            "state_mismatch",
            "That address belongs to another sign-in than this one.",
            "Paste the address that the browser ended at after opening this sign-in's own link.",
        );
        return Err(app.refuse(actor, "account.authorize", id, problem).await);
    }
    let flow = app.store.flows().take_by_state(&state_hash, app.now()).await.map_err(words::not_taken)?;
    let account = steps::row_of(app, flow.account_id).await?;
    // The session that started the flow holds its cookie; anyone else's paste waits for a confirmation.
    let bound = flow.browser_hash.as_ref().is_some_and(|expected| {
        cookie(flow.id).is_some_and(|cookie| bool::from(hash(&cookie).ct_eq(expected)))
    });
    let flow = if bound { flow } else { FlowRow { browser_hash: None, ..flow } };
    finish(app, actor, flow, account, callback).await
}

pub(super) async fn start_code(
    app: &App,
    actor: &Actor,
    account: AccountRow,
    opened: Arc<OpenAccount>,
    start: Start,
) -> Result<Flow, Problem> {
    let redirect_uri = start.redirect_uri.to_string();
    let connection =
        app.clouds.connection(&opened.cloud).map_err(|failure| words::unreached(app, &opened, &failure))?;
    let begun = authorize::begin(&connection, &opened, &redirect_uri, start.response_mode).await;
    let begun = begun.map_err(|failure| words::unreached(app, &opened, &failure))?;
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
        ..steps::new_row(app, actor, &account, FlowKind::AuthorizationCode, &secrets)
    };
    let row = steps::insert(app, actor, &account, row).await?;
    Ok(Flow { browser_cookie: cookie, ..steps::show(app, row).await? })
}

/// Redeems what came back and keeps it, or leaves it to be confirmed.
pub(super) async fn finish(
    app: &App,
    actor: &Actor,
    flow: FlowRow,
    account: AccountRow,
    callback: Callback,
) -> Result<Flow, Problem> {
    steps::same_account(app, actor, &flow, &account).await?;
    let opened = accounts::open(app, &account).await?;
    let signed_in = match (check_issuer(app, &opened, &callback).await, callback) {
        (Err(failure), _) => Err(failure),
        (Ok(()), Callback::Refused { refusal, .. }) => Err(Failure::Entra(refusal)),
        (Ok(()), Callback::Code { code, .. }) => redeem(app, &flow, &opened, &code).await?,
    };
    let row = match signed_in {
        Ok(signed_in) => steps::found(app, actor, &flow, &account, signed_in).await?,
        Err(failure) => steps::fail_by(app, actor, &flow, &account, &opened, &failure).await?,
    };
    steps::show(app, row).await
}

async fn check_issuer(app: &App, opened: &OpenAccount, callback: &Callback) -> Result<(), Failure> {
    authorize::check_issuer(&*app.clouds.connection(&opened.cloud)?, opened, callback).await
}

pub(super) async fn redeem(
    app: &App,
    flow: &FlowRow,
    opened: &Arc<OpenAccount>,
    code: &AuthorizationCode,
) -> Result<Result<SignedIn, Failure>, Problem> {
    let FlowSecrets::Code { verifier, nonce, .. } = steps::open_secrets(app, flow)? else {
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

pub(super) fn random_cookie() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).expect("the system's random generator works");
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

/// Whether a pasted address is the redirect URI with something behind it.
fn leads_to(address: &str, redirect_uri: &str) -> bool {
    let Ok(mut address) = Url::parse(address.trim()) else { return false };
    address.set_query(None);
    address.set_fragment(None);
    address.as_str() == redirect_uri
}
