//! What an OpenID provider of one's own says (RFC 6749 §5.2, RFC 8628 §3.5), for clouds with `discovery`: Microsoft's
//! pages and portals are no help there.

use super::Turn::{PosternAdministrator, Wait};
use super::words::{Words, words};
use crate::failure::EntraRefusal;

/// The words for a refusal; `None` where only the provider's own say what it is.
pub(super) fn look_up(refusal: &EntraRefusal) -> Option<&'static Words> {
    let by_error = ERRORS.iter().find(|(errors, _)| errors.contains(&refusal.error.as_str()));
    match by_error {
        Some((_, words)) => Some(words),
        None if refusal.is_temporary() => Some(&TROUBLE),
        None if refusal.status == 401 => Some(&PROOF),
        None => None,
    }
}

const ERRORS: &[(&[&str], Words)] = &[
    (&["invalid_client", "unauthorized_client"], PROOF),
    (
        &["invalid_grant", "interaction_required", "login_required", "consent_required"],
        words(PosternAdministrator, "The sign-in is no longer valid.", SIGN_IN_AGAIN),
    ),
    (
        &["invalid_request"],
        words(
            PosternAdministrator,
            "{provider} misses something in the request. Some providers answer like this when a sign-in has ended.",
            "Press Authorize now in Settings > Email Settings and sign in as {mailbox}. If it comes back, look into the log of {provider}.",
        ),
    ),
    (
        &["invalid_scope", "invalid_resource", "invalid_target"],
        words(
            PosternAdministrator,
            "{provider} doesn't give this application the permission (scope) that was asked for.",
            "Check `outlook_scope`, `outlook_app_scope` and `graph` of the [[cloud]] in postern.toml, and what {provider} allows the client {client_id}.",
        ),
    ),
    (
        &["access_denied", "authorization_declined"],
        words(
            PosternAdministrator,
            "The sign-in was declined: by the person, or by a rule of {provider}.",
            "Press Authorize now again and accept. If it comes back, look into the log of {provider}.",
        ),
    ),
    (
        &["unsupported_grant_type", "unsupported_response_type"],
        words(
            PosternAdministrator,
            "{provider} doesn't know, or doesn't allow, this way of signing in.",
            "Allow it for the client {client_id} at {provider}, or choose another sign-in for the account.",
        ),
    ),
    (&["temporarily_unavailable", "server_error", "slow_down"], TROUBLE),
    (
        &["authorization_pending"],
        words(
            PosternAdministrator,
            "Nobody has entered the device code yet.",
            "Open the address that was shown, enter the code, and sign in as {mailbox}.",
        ),
    ),
    (
        &["expired_token"],
        words(
            PosternAdministrator,
            "The device code wasn't used in time.",
            "Start again and enter the code sooner; or use Authorize now in a browser.",
        ),
    ),
];

const PROOF: Words = words(
    PosternAdministrator,
    "{provider} doesn't take how Postern proves to be the application {client_id}.",
    "At {provider}, compare the client ID, the secret or the certificate, and the way of proof that is registered for the client \
     (client_secret_basic, client_secret_post or private_key_jwt).",
);
const TROUBLE: Words = words(
    Wait,
    "{provider} has trouble of its own, or wants to be asked less often. Your settings aren't the cause.",
    "Wait: Postern tries again. If it stays, look into the log of {provider}.",
);
const SIGN_IN_AGAIN: &str = "Press Authorize now in Settings > Email Settings and sign in as {mailbox}.";
