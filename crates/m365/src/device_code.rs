//! Sign-in with a code typed on another device (RFC 8628): the last resort for a machine whose console no
//! browser reaches.
//!
//! Such a grant stays marked as one, and a policy may stop it later (additions G1): whoever offers this
//! flow says so. The ID token has no nonce here; all else is checked as for `authorize`.

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::account::Account;
use crate::connection::{Answer, Connection};
use crate::failure::{Failure, LocalTrouble};
use crate::scope;
use crate::secret::DeviceSecret;
use crate::signed_in::{self, SignedIn};
use crate::token::{Form, Grant, request_token};

/// What to show to the person, and what to poll with.
#[derive(Debug, Clone)]
pub struct DeviceCode {
    /// To be typed.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Microsoft's own sentence with both.
    pub message: Option<String>,
    /// When it is over.
    pub expires_at: OffsetDateTime,
    /// The pause between two polls.
    pub interval: Duration,
    /// With what to poll.
    pub secret: DeviceSecret,
}

/// How a poll ended.
#[derive(Debug)]
pub enum Polled {
    /// Not yet: poll again after the interval.
    Pending,
    /// Not yet, and we ask too often: the interval grows by five seconds (RFC 8628 §3.5).
    SlowDown,
    /// It is done.
    SignedIn(Box<SignedIn>),
    /// The person said no.
    Declined,
    /// Nobody came in time.
    Expired,
}

/// Starts a flow.
///
/// # Errors
/// What Entra or the network said; [`Failure::Local`] with `device_code_unsupported` where a plain OpenID
/// provider has no such endpoint.
pub async fn start(
    connection: &Connection,
    account: &Account,
    now: OffsetDateTime,
) -> Result<DeviceCode, Failure> {
    let doors = connection.find_doors(&account.tenant).await?;
    let endpoint = doors.device_code.clone().ok_or_else(unsupported)?;
    let mut form = Form::default();
    form.add("client_id", account.client_id.as_str());
    form.add("scope", &scope::to_sign_in_by_device(account));
    // Entra takes these two fields only (facts 1.9); others authenticate the client here too (§3.1).
    let answer = match account.cloud.is_entra() {
        true => form.post(connection, &endpoint, None).await?,
        false => form.post_proved(connection, account, &doors, &endpoint, now).await?,
    };
    read_device_code(&answer, now)
}

/// Asks once whether the person is done.
///
/// # Errors
/// As [`crate::authorize::redeem`]; a network trouble means: poll again.
pub async fn poll(
    connection: &Connection,
    account: &Account,
    device_code: &DeviceSecret,
    now: OffsetDateTime,
) -> Result<Polled, Failure> {
    let grant = Grant::DeviceCode { device_code };
    let answer = match request_token(connection, account, &grant, now).await {
        Ok(answer) => answer,
        Err(failure) => return read_patience(failure),
    };
    let signed_in = signed_in::prove(connection, account, answer, None, now).await?;
    Ok(Polled::SignedIn(Box::new(signed_in)))
}

/// RFC 8628 §3.2: five seconds where the answer doesn't say.
const DEFAULT_INTERVAL_SECONDS: i64 = 5;
/// Microsoft's 15 minutes (facts 1.9).
const DEFAULT_LIFETIME_SECONDS: i64 = 900;
/// Nobody waits longer; a larger number must not overflow a date.
const LONGEST_LIFETIME_SECONDS: i64 = 60 * 60;

fn read_device_code(answer: &Answer, now: OffsetDateTime) -> Result<DeviceCode, Failure> {
    let members: Value =
        serde_json::from_slice(&answer.body).map_err(|_| answer.unreadable("not a device code answer"))?;
    let text = |name: &str| members[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let needed =
        |name: &str| text(name).ok_or_else(|| answer.unreadable(&format!("no {name} in the answer")));
    let seconds = |name: &str, default: i64| {
        let said = members[name].as_i64().or_else(|| members[name].as_str()?.parse().ok());
        Duration::seconds(said.unwrap_or(default).clamp(1, LONGEST_LIFETIME_SECONDS))
    };
    Ok(DeviceCode {
        user_code: needed("user_code")?,
        // The v1 endpoint calls it verification_url (additions A, 1.9).
        verification_uri: needed("verification_uri").or_else(|_| needed("verification_url"))?,
        message: text("message"),
        expires_at: now + seconds("expires_in", DEFAULT_LIFETIME_SECONDS),
        interval: seconds("interval", DEFAULT_INTERVAL_SECONDS),
        secret: DeviceSecret::new(needed("device_code")?),
    })
}

/// For `dirt`.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_dirt(answer: &Answer, now: OffsetDateTime) {
    // Only that it comes back counts.
    let _ = read_device_code(answer, now);
}

/// The errors that are no failures (RFC 8628 §3.5; Microsoft's names, facts 1.9).
fn read_patience(failure: Failure) -> Result<Polled, Failure> {
    let error = match &failure {
        Failure::Entra(refusal) => refusal.error.as_str(),
        _ => return Err(failure),
    };
    match error {
        "authorization_pending" => Ok(Polled::Pending),
        "slow_down" => Ok(Polled::SlowDown),
        "authorization_declined" | "access_denied" => Ok(Polled::Declined),
        "expired_token" => Ok(Polled::Expired),
        _ => Err(failure),
    }
}

fn unsupported() -> Failure {
    LocalTrouble::new(
        "device_code_unsupported",
        "this identity provider offers no device code",
        "Authorize in a browser, or paste the address that the browser ended at.",
    )
    .into()
}

#[cfg(test)]
mod tests;
