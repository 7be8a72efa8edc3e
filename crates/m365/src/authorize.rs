//! Authorize now: authorization code with PKCE, from the address a person opens to the proof of who it was
//! (RFC 6749 §4.1, RFC 7636, OpenID Connect Core §3.1).
//!
//! A callback says nothing about who called: it counts only with the state of a flow that we began, its
//! code only with that flow's verifier, and the tokens only with its nonce in a checked ID token. A code is
//! redeemed once and never again. Neighbours: `postern` keeps the flow and binds it to the browser.

mod callback;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use crate::account::Account;
use crate::connection::Connection;
use crate::failure::{Failure, LocalTrouble, printable};
use crate::scope;
use crate::secret::{AuthorizationCode, FlowState, Nonce, Verifier, random_text};
use crate::signed_in;
use crate::token::{Grant, request_token};

pub use crate::signed_in::SignedIn;
pub use callback::{Callback, InvalidCallback};

/// How the browser brings the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the address: can be pasted, and stands in the browser's history.
    #[default]
    Query,
    /// As a form, posted from Microsoft's page.
    FormPost,
}

/// A flow that has begun: what to open, and what to keep until it comes back.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The address for the browser. It holds the state, the nonce and the challenge, and no secret else.
    pub url: Url,
    /// Comes back with the callback.
    pub state: FlowState,
    /// Comes back in the ID token.
    pub nonce: Nonce,
    /// Goes with the code.
    pub verifier: Verifier,
}

/// Begins a flow. Asks the network only where the cloud is a plain OpenID provider.
///
/// # Errors
/// That provider's discovery document can't be had, or used.
pub async fn begin(
    connection: &Connection,
    account: &Account,
    redirect_uri: &str,
    mode: ResponseMode,
) -> Result<Begun, Failure> {
    let doors = connection.find_doors(&account.tenant).await?;
    let state = FlowState::new(random_text());
    let nonce = Nonce::new(random_text());
    let verifier = Verifier::new(random_text());
    let mut url = doors.authorize?;
    url.query_pairs_mut()
        .append_pair("client_id", account.client_id.as_str())
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_mode", mode.name())
        .append_pair("scope", &scope::to_authorize(account))
        .append_pair("state", state.expose())
        .append_pair("nonce", nonce.expose())
        .append_pair("code_challenge", &verifier.challenge())
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(whom_to_ask(account));
    Ok(Begun { url, state, nonce, verifier })
}

/// Compares who a callback says it comes from with whom the account asks (RFC 9207 §2.4): a code of one
/// identity provider must not be taken to another. Entra names nobody; a provider that announces that it does
/// must.
///
/// # Errors
/// [`Failure::Local`] with `issuer_mismatch`; or the provider's discovery document can't be had, or used.
pub async fn check_issuer(
    connection: &Connection,
    account: &Account,
    callback: &Callback,
) -> Result<(), Failure> {
    let named = callback.issuer();
    if named.is_none() && account.cloud.is_entra() {
        return Ok(());
    }
    let identity = connection.find_identity(&account.tenant).await?;
    match named {
        Some(named) if named == identity.issuer => Ok(()),
        None if !identity.names_itself => Ok(()),
        named => Err(wrong_issuer(&identity.issuer, named).into()),
    }
}

/// Trades the code for tokens, once, and proves who signed in.
///
/// # Errors
/// What Entra or the network said (the code may be used up); or [`Failure::Local`] with a code that begins
/// with `id_token_`, or `refresh_token_missing`, or `discovery_unusable`.
pub async fn redeem(
    connection: &Connection,
    account: &Account,
    code: &AuthorizationCode,
    redirect_uri: &str,
    verifier: &Verifier,
    nonce: &Nonce,
    now: OffsetDateTime,
) -> Result<SignedIn, Failure> {
    let scope = scope::to_redeem(account);
    let grant = Grant::Code { code, redirect_uri, verifier, scope: &scope };
    let answer = request_token(connection, account, &grant, now).await?;
    let signed_in = signed_in::prove(connection, account, answer, Some(nonce), now).await?;
    signed_in::reach_transport(connection, account, signed_in, now).await
}

fn wrong_issuer(expected: &str, named: Option<&str>) -> LocalTrouble {
    let named = named.map_or("doesn't say where it comes from".to_owned(), |named| {
        format!("says that it comes from {}", printable(named, 200))
    });
    LocalTrouble::new(
        "issuer_mismatch",
        format!("the answer {named}; the account signs in at {expected}"),
        "Start the sign-in again with Authorize now. If it comes back, another sign-in service answers in place of the \
         account's: check the cloud and the tenant, and look who sent you the link.",
    )
}

impl ResponseMode {
    fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }
}

/// The mailbox that shall send, where it is known: else the administrator's own session would be taken
/// without a question (field 4). A hint and `select_account` can't be combined (facts 1.5). A plain provider
/// gives `offline_access` only where consent is prompted for (OpenID Connect Core §11).
fn whom_to_ask(account: &Account) -> Vec<(&'static str, &str)> {
    let hint = account.mailbox.as_ref().or(account.from.as_ref());
    let hint = hint.map(|address| ("login_hint", address.as_str()));
    let prompt = match (account.cloud.is_entra(), hint) {
        (false, _) => Some(("prompt", "consent")),
        (true, None) => Some(("prompt", "select_account")),
        (true, Some(_)) => None,
    };
    prompt.into_iter().chain(hint).collect()
}

#[cfg(test)]
mod tests;
