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
use crate::failure::Failure;
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
    let mut url = doors.authorize;
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
        .extend_pairs([choose_account(account)]);
    Ok(Begun { url, state, nonce, verifier })
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

impl ResponseMode {
    fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }
}

/// The mailbox that shall send, where it is known: else the administrator's own session would be taken
/// without a question (field 4). A hint and `select_account` can't be combined (facts 1.5).
fn choose_account(account: &Account) -> (&'static str, &str) {
    match account.mailbox.as_ref().or(account.from.as_ref()) {
        Some(address) => ("login_hint", address.as_str()),
        None => ("prompt", "select_account"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::connection::ConnectionOptions;
    use crate::testing;
    use crate::trust::Roots;

    async fn begin_with(account: &Account, mode: ResponseMode) -> (Begun, HashMap<String, String>) {
        let options = ConnectionOptions { roots: Roots::BuiltIn, ..ConnectionOptions::default() };
        let connection = Connection::new(Arc::clone(&account.cloud), &options).unwrap();
        let begun = begin(&connection, account, "https://localhost:4443/authorize", mode).await.unwrap();
        let fields = begun.url.query_pairs().into_owned().collect();
        (begun, fields)
    }

    #[tokio::test]
    async fn the_address_has_everything_that_the_flow_is_bound_by() {
        let account = testing::account("https://login.example");
        let (begun, fields) = begin_with(&account, ResponseMode::Query).await;
        assert!(begun.url.as_str().starts_with(
            "https://login.example/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/authorize?"
        ));
        for (name, value) in [
            ("client_id", testing::CLIENT_ID),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("redirect_uri", "https://localhost:4443/authorize"),
            ("state", begun.state.expose()),
            ("nonce", begun.nonce.expose()),
            ("code_challenge", &begun.verifier.challenge()),
            ("code_challenge_method", "S256"),
            ("prompt", "select_account"),
        ] {
            assert_eq!(fields[name], value, "{name}");
        }
        assert!(!begun.url.as_str().contains(begun.verifier.expose()));
    }

    #[tokio::test]
    async fn no_two_flows_share_anything() {
        let account = testing::account("https://login.example");
        let (one, _) = begin_with(&account, ResponseMode::Query).await;
        let (two, _) = begin_with(&account, ResponseMode::Query).await;
        assert_ne!(one.state.expose(), two.state.expose());
        assert_ne!(one.nonce.expose(), two.nonce.expose());
        assert_ne!(one.verifier.expose(), two.verifier.expose());
    }

    #[tokio::test]
    async fn a_known_mailbox_is_hinted_at_and_nothing_else_is_prompted() {
        let mut account = testing::account("https://login.example");
        account.from = Some("scanner@contoso.example".parse().unwrap());
        let (_, fields) = begin_with(&account, ResponseMode::FormPost).await;
        assert_eq!(fields["login_hint"], "scanner@contoso.example");
        assert_eq!(fields["response_mode"], "form_post");
        assert!(!fields.contains_key("prompt"));
    }
}
