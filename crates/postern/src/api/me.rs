//! The routes of `/me`: what users do for themselves, in a session of the console. Whatever changes how they sign in
//! needs the password again, so that a session somebody left open is not enough.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Person;
use super::input::{Json, SecretText};
use crate::app::App;
use crate::problem::Problem;
use crate::sign_in::confirm_password;
use crate::{second_factor, users};

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present one.
    #[schema(value_type = String, format = Password)]
    password: SecretText,
    /// 12 to 200 characters.
    #[schema(value_type = String, format = Password)]
    new_password: SecretText,
}

/// The present password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordProof {
    #[schema(value_type = String, format = Password)]
    password: SecretText,
}

/// A second factor to add to an authenticator app, the only time it is shown.
#[derive(Serialize, ToSchema)]
pub struct TotpOffer {
    /// Base32, to type into the app.
    secret: String,
    /// The same for a QR code.
    otpauth_url: String,
}

/// What the app shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpConfirmation {
    #[schema(value_type = String)]
    code: SecretText,
}

/// Codes that sign in once each when the app is lost, the only time they are shown.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Changes one's own password; one's other sessions end.
#[utoipa::path(post, path = "/me/password", tag = "me", security(("session" = [])), request_body = PasswordChange,
    responses((status = 204)))]
pub async fn change_password(
    State(app): State<Arc<App>>,
    person: Person,
    Json(request): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    confirm_password(&app, &person.signed_in, &person.source, &request.password).await?;
    users::change_own_password(&app, &person.signed_in, &person.source, &request.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offers a second factor. It counts once a code has confirmed it; until then the one before does.
#[utoipa::path(post, path = "/me/totp", tag = "me", security(("session" = [])), request_body = PasswordProof,
    responses((status = 200, body = TotpOffer)))]
pub async fn offer_totp(
    State(app): State<Arc<App>>,
    person: Person,
    Json(request): Json<PasswordProof>,
) -> Result<Response, Problem> {
    confirm_password(&app, &person.signed_in, &person.source, &request.password).await?;
    let secret = second_factor::offer(&app, &person.signed_in, &person.source).await?;
    let url = secret.otpauth_url(app.hosts.own_name(), &person.signed_in.user.name);
    let offer = TotpOffer { secret: secret.to_base32().to_string(), otpauth_url: url.to_string() };
    Ok(axum::Json(offer).into_response())
}

/// Takes the offered second factor into use.
#[utoipa::path(post, path = "/me/totp/confirm", tag = "me", security(("session" = [])),
    request_body = TotpConfirmation, responses((status = 200, body = RecoveryCodes)))]
pub async fn confirm_totp(
    State(app): State<Arc<App>>,
    person: Person,
    Json(request): Json<TotpConfirmation>,
) -> Result<Response, Problem> {
    let codes = second_factor::confirm(&app, &person.signed_in, &person.source, &request.code).await?;
    let recovery_codes = codes.iter().map(|code| code.to_string()).collect();
    Ok(axum::Json(RecoveryCodes { recovery_codes }).into_response())
}

/// Removes the second factor with its recovery codes; one's other sessions end.
#[utoipa::path(delete, path = "/me/totp", tag = "me", security(("session" = [])), request_body = PasswordProof,
    responses((status = 204)))]
pub async fn remove_totp(
    State(app): State<Arc<App>>,
    person: Person,
    Json(request): Json<PasswordProof>,
) -> Result<StatusCode, Problem> {
    confirm_password(&app, &person.signed_in, &person.source, &request.password).await?;
    second_factor::remove(&app, &person.signed_in, &person.source).await?;
    Ok(StatusCode::NO_CONTENT)
}
