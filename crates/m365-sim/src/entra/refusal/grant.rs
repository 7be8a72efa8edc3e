//! Refusals of a grant: user, policy, consent, code, refresh token, device code.

use super::Refusal;
use crate::timestamp;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) fn not_consented(client_id: &str, name: &str) -> Refusal {
    Refusal::new(65001, "invalid_grant", format!(
        "The user or administrator has not consented to use the application with ID '{client_id}' named '{name}'. Send an interactive \
         authorization request for this user and resource."
    ))
    .with_suberror("consent_required")
}

pub(crate) fn consent_declined(error: &'static str) -> Refusal {
    Refusal::new(65004, error, "User declined to consent to access the app.")
}

pub(crate) fn admin_consent_required() -> Refusal {
    Refusal::new(90094, "access_denied", "The grant requires admin permission.")
}

pub(crate) fn grant_expired() -> Refusal {
    Refusal::new(
        70008,
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    )
}

pub(crate) fn grant_invalid(what: &str) -> Refusal {
    Refusal::new(70000, "invalid_grant", format!("Provided grant is invalid or malformed: {what}."))
}

pub(crate) fn code_redeemed() -> Refusal {
    Refusal::new(
        54005,
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    )
}

pub(crate) fn verifier_mismatch() -> Refusal {
    Refusal::new(
        501_481,
        "invalid_grant",
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    )
}

pub(crate) fn refresh_inactive(issued: OffsetDateTime) -> Refusal {
    Refusal::new(
        700_082,
        "invalid_grant",
        format!(
            "The refresh token has expired due to inactivity. The token was issued on {} and was inactive for 90.00:00:00.",
            timestamp::entra_iso(issued)
        ),
    )
}

pub(crate) fn refresh_of_spa(issued: OffsetDateTime) -> Refusal {
    Refusal::new(
        700_084,
        "invalid_grant",
        format!(
            "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which can't \
         be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page. The token was issued on {}.",
            timestamp::entra_iso(issued)
        ),
    )
}

pub(crate) fn revoked(issued: OffsetDateTime, valid_from: OffsetDateTime) -> Refusal {
    Refusal::new(
        50173,
        "invalid_grant",
        format!(
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset \
         their password. The grant was issued on '{}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{}'.",
            timestamp::entra_iso(issued),
            timestamp::entra_iso(valid_from)
        ),
    )
}

pub(crate) fn sign_in_frequency(issued: OffsetDateTime, hours: u32) -> Refusal {
    Refusal::new(
        70043,
        "invalid_grant",
        format!(
            "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on {} \
         and the maximum allowed lifetime for this request is {}.",
            timestamp::entra_iso(issued),
            u64::from(hours) * 3600
        ),
    )
}

pub(crate) fn mfa_required(resource: &str) -> Refusal {
    let text = "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access";
    with_policy(Refusal::new(50076, "invalid_grant", format!("{text} '{resource}'.")))
}

pub(crate) fn mfa_enrollment(resource: &str) -> Refusal {
    let text = "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access";
    with_policy(Refusal::new(50079, "interaction_required", format!("{text} '{resource}'.")))
}

fn with_policy(refusal: Refusal) -> Refusal {
    let policy = Uuid::new_v4();
    let claims = json!({"access_token": {"capolids": {"essential": true, "values": [policy]}}}).to_string();
    Refusal { claims: Some(claims), ..refusal.with_suberror("basic_action") }
}

pub(crate) fn blocked(error: &'static str) -> Refusal {
    Refusal::new(
        53003,
        error,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    )
}

pub(crate) fn user_unknown(directory: &str) -> Refusal {
    Refusal::new(
        50034,
        "invalid_grant",
        format!(
            "The user account does not exist in the {directory} directory. To sign into this application, the account must be added to the directory."
        ),
    )
}

pub(crate) fn wrong_password() -> Refusal {
    Refusal::new(50126, "invalid_grant", "Error validating credentials due to invalid username or password.")
}

pub(crate) fn user_disabled() -> Refusal {
    Refusal::new(50057, "invalid_grant", "The user account is disabled.")
}

pub(crate) fn not_signed_in() -> Refusal {
    Refusal::new(50058, "login_required", "A silent sign-in request was sent but no user is signed in.")
}

pub(crate) fn interaction_required(refusal: Refusal) -> Refusal {
    Refusal { error: "interaction_required", ..refusal }
}

pub(crate) fn device_pending() -> Refusal {
    Refusal::new(
        70016,
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    )
}

pub(crate) fn device_declined() -> Refusal {
    consent_declined("authorization_declined")
}

pub(crate) fn device_expired() -> Refusal {
    Refusal::new(70019, "expired_token", "Verification code expired. Have the user retry the sign-in.")
}

pub(crate) fn device_unknown() -> Refusal {
    Refusal::new(
        70000,
        "bad_verification_code",
        "The device_code sent to the token endpoint was not recognized.",
    )
}

pub(crate) fn user_code_wrong() -> Refusal {
    Refusal::new(
        70018,
        "invalid_grant",
        "Invalid verification code due to User typing in wrong user code for device code flow.",
    )
}

pub(crate) fn user_code_empty() -> Refusal {
    Refusal::new(90119, "invalid_request", "The user code is null or empty.")
}

pub(crate) fn user_code_used() -> Refusal {
    Refusal::new(90120, "invalid_request", "The request was already authorized or declined.")
}
