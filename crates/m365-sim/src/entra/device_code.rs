//! The device code grant (facts 1.9): the code, its page (*Code*, *Next*), the polling.
//! A policy that blocks it shows in the browser only; the polling side goes on waiting (additions F).

use super::refusal::{self, Refusal, Trace};
use super::scope::Scopes;
use super::sign_in::{self, Purpose};
use super::{Grant, check_tenant, client, is_common};
use crate::page;
use crate::tenant::{State, Tenant};
use crate::web::{Answer, Call};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Fifteen minutes.
const LIFE_SECONDS: u32 = 900;
const INTERVAL_SECONDS: u32 = 5;

/// What is known of a code by those who sign in with it.
#[derive(Clone, Debug)]
pub(crate) struct DeviceSignIn {
    pub(crate) client_id: Uuid,
    pub(crate) scopes: Scopes,
    user_code: String,
}

/// A device that waits.
#[derive(Clone, Debug)]
pub(crate) struct DeviceRequest {
    sign_in: DeviceSignIn,
    expires_at: OffsetDateTime,
    status: Status,
}

#[derive(Clone, Debug)]
enum Status {
    Waiting,
    Approved(Box<Grant>),
    Declined,
}

/// Gives out a code.
pub(super) fn start(tenant: &Tenant, call: &Call, trace: &Trace, name: &str) -> Answer {
    match try_start(tenant, call, name) {
        Ok(answer) => answer,
        Err(refusal) => refusal.json(call, trace),
    }
}

fn try_start(tenant: &Tenant, call: &Call, name: &str) -> Result<Answer, Refusal> {
    let mut state = tenant.lock();
    let form = call.form();
    let client_id = form.get("client_id").ok_or_else(|| refusal::missing_parameter("client_id"))?;
    if !is_common(name) {
        check_tenant(name, &state.world)?;
    }
    let app = client::find_app(&state.world, client_id)?;
    if is_common(name) {
        return Err(refusal::single_tenant_on_common(client_id, &app.name));
    }
    let raw = form.get("scope").ok_or_else(|| refusal::missing_parameter("scope"))?;
    let scopes = Scopes::parse(raw, tenant, &state.world.tenant.name)?;
    let (device_code, user_code) = (crate::random::token(120), crate::random::user_code(9));
    let sign_in = DeviceSignIn { client_id: app.client_id, scopes, user_code: user_code.clone() };
    let expires_at = tenant.now() + Duration::seconds(i64::from(LIFE_SECONDS));
    let request = DeviceRequest { sign_in, expires_at, status: Status::Waiting };
    state.entra.devices.insert(device_code.clone(), request);
    let page = format!("{}/devicelogin", call.origin());
    let message = format!(
        "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
    );
    Ok(Answer::json(
        200,
        &json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": LIFE_SECONDS,
            "interval": INTERVAL_SECONDS,
            "message": message,
        }),
    ))
}

/// *Code*, *Next*.
pub(super) fn page(tenant: &Tenant, call: &Call, trace: &Trace) -> Answer {
    if call.method == http::Method::GET {
        return code_page(None);
    }
    match find_waiting(tenant, call) {
        Ok(sign_in) => sign_in::begin(tenant, call, trace, Purpose::Device(sign_in)),
        Err(refusal) => code_page(Some(&refusal)),
    }
}

/// What a poll gets.
///
/// # Errors
/// Pending, declined, expired, unknown.
pub(super) fn redeem(
    state: &State,
    device_code: &str,
    client_id: Uuid,
    now: OffsetDateTime,
) -> Result<(Grant, Scopes), Refusal> {
    let request =
        state.entra.devices.get(device_code).filter(|request| request.sign_in.client_id == client_id);
    let request = request.ok_or_else(refusal::device_unknown)?;
    match &request.status {
        Status::Declined => Err(refusal::device_declined()),
        _ if now >= request.expires_at => Err(refusal::device_expired()),
        Status::Waiting => Err(refusal::device_pending()),
        Status::Approved(grant) => Ok(((**grant).clone(), request.sign_in.scopes.clone())),
    }
}

/// A code that was redeemed is no code any more.
pub(super) fn forget(state: &mut State, device_code: &str) {
    state.entra.devices.remove(device_code);
}

pub(super) fn approve(state: &mut State, sign_in: &DeviceSignIn, grant: Grant, app: &str) -> Answer {
    settle(state, sign_in, Status::Approved(Box::new(grant)));
    let body = format!(
        "<h1>{}</h1><p>You have signed in to the {0} application on your device. You may now close this window.</p>",
        page::text(app)
    );
    page::narrow(200, "Signed in", &body)
}

pub(super) fn decline(state: &mut State, sign_in: &DeviceSignIn) {
    settle(state, sign_in, Status::Declined);
}

fn settle(state: &mut State, sign_in: &DeviceSignIn, status: Status) {
    let mut all = state.entra.devices.values_mut();
    if let Some(request) = all.find(|request| request.sign_in.user_code == sign_in.user_code) {
        request.status = status;
    }
}

fn find_waiting(tenant: &Tenant, call: &Call) -> Result<DeviceSignIn, Refusal> {
    let mut state = tenant.lock();
    let form = call.form();
    let typed = form.get("code").unwrap_or_default().trim().to_ascii_uppercase();
    if typed.is_empty() {
        return Err(refusal::user_code_empty());
    }
    let now = tenant.now();
    let mut all = state.entra.devices.values_mut();
    let request = all.find(|request| request.sign_in.user_code == typed && now < request.expires_at);
    let request = request.ok_or_else(refusal::user_code_wrong)?;
    match request.status {
        Status::Waiting => Ok(request.sign_in.clone()),
        Status::Approved(_) | Status::Declined => Err(refusal::user_code_used()),
    }
}

fn code_page(failed: Option<&Refusal>) -> Answer {
    let error = failed.map(|refusal| format!("<p class=\"error\">{}</p>", page::text(&refusal.message())));
    let body = format!(
        "<h1>Enter code to allow access</h1><p>Once you enter the code displayed on your app or device, it will have access to your account.</p>{}\
         <form method=\"post\" action=\"/devicelogin\"><label for=\"code\">Code</label>\
         <input type=\"text\" id=\"code\" name=\"code\" autocomplete=\"off\" autocapitalize=\"characters\" required>\
         <button class=\"main\" type=\"submit\">Next</button></form>",
        error.unwrap_or_default()
    );
    page::narrow(200, "Enter code", &body)
}
