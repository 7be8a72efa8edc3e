//! The sign-in pages and the steps behind them: password, second factor, account choice, then consent.
//! A flow belongs to one request (authorize, device code, admin consent) and ends with its answer.

use super::authorize::{self, AuthorizeRequest, Prompt};
use super::redirect::Platform;
use super::refusal::{self, Refusal, Trace};
use super::scope::Scopes;
use super::token::Code;
use super::{Grant, Session, admin_consent, consent, device_code, redirect};
use crate::page;
use crate::tenant::{State, Tenant};
use crate::web::{Answer, Call, Fields};
use crate::world::{App, User, World};
use time::Duration;
use uuid::Uuid;

const COOKIE: &str = "ESTSAUTH";

/// What the sign-in is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    Authorize(Box<AuthorizeRequest>),
    Device(device_code::DeviceSignIn),
    AdminConsent(admin_consent::AdminConsentRequest),
}

impl Purpose {
    pub(crate) fn client_id(&self) -> Uuid {
        match self {
            Self::Authorize(request) => request.client_id,
            Self::Device(device) => device.client_id,
            Self::AdminConsent(request) => request.client_id,
        }
    }

    pub(crate) fn scopes(&self) -> &Scopes {
        match self {
            Self::Authorize(request) => &request.scopes,
            Self::Device(device) => &device.scopes,
            Self::AdminConsent(request) => &request.scopes,
        }
    }

    pub(crate) fn prompt(&self) -> Prompt {
        match self {
            Self::Authorize(request) => request.prompt,
            Self::Device(_) | Self::AdminConsent(_) => Prompt::WhenNeeded,
        }
    }

    /// Tells whoever waits for this sign-in that it was refused.
    pub(crate) fn refuse(&self, state: &mut State, refusal: &Refusal, trace: &Trace) -> Answer {
        match self {
            Self::Authorize(request) => request.refuse(refusal, trace),
            Self::Device(device) => {
                if refusal.codes == [65004] {
                    device_code::decline(state, device);
                }
                authorize::error_page(refusal, trace)
            }
            Self::AdminConsent(request) => request.refuse(refusal, trace),
        }
    }
}

/// A sign-in under way.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(super) purpose: Purpose,
    pub(super) session: Option<Session>,
}

/// Starts a sign-in: with the browser's session where there is one, else with the page.
pub(super) fn begin(tenant: &Tenant, call: &Call, trace: &Trace, purpose: Purpose) -> Answer {
    let mut state = tenant.lock();
    let session = find_session(&state, call);
    let ctx = crate::random::token(24);
    match (purpose.prompt(), session) {
        (Prompt::None, None) => purpose.refuse(&mut state, &refusal::not_signed_in(), trace),
        (Prompt::Login, _) | (_, None) => {
            let answer = password_page(&state, &purpose, &ctx, None);
            state.entra.flows.insert(ctx, Flow { purpose, session: None });
            answer
        }
        (Prompt::SelectAccount, Some(session)) => {
            let answer = account_page(&state, &session, &ctx);
            state.entra.flows.insert(ctx, Flow { purpose, session: Some(session) });
            answer
        }
        (_, Some(session)) => {
            let other = hint(&purpose).is_some_and(|hint| !is_user(&state, session.user, &hint));
            if other && purpose.prompt() != Prompt::None {
                let answer = password_page(&state, &purpose, &ctx, None);
                state.entra.flows.insert(ctx, Flow { purpose, session: None });
                return answer;
            }
            state.entra.flows.insert(ctx.clone(), Flow { purpose, session: Some(session) });
            consent::proceed(tenant, &mut state, trace, &ctx)
        }
    }
}

/// *Email*, *Password*, *Sign in*.
pub(super) fn post_password(tenant: &Tenant, call: &Call, trace: &Trace) -> Answer {
    let mut state = tenant.lock();
    let form = call.form();
    let Some((ctx, flow)) = find_flow(&state, &form) else { return over(trace) };
    if form.get("answer") == Some("cancel") {
        state.entra.flows.remove(&ctx);
        return flow.purpose.refuse(&mut state, &refusal::consent_declined("access_denied"), trace);
    }
    let (email, password) = (form.get("email").unwrap_or_default(), form.get("password").unwrap_or_default());
    let user = match check_password(&state.world, email, password) {
        Ok(user) => user.clone(),
        Err(refusal) => return password_page(&state, &flow.purpose, &ctx, Some((&form, &refusal))),
    };
    let session = Session {
        id: Uuid::new_v4().to_string(),
        user: user.id,
        with_mfa: false,
        signed_in_at: tenant.now(),
    };
    state.entra.flows.insert(ctx.clone(), Flow { session: Some(session.clone()), ..flow });
    if user.mfa {
        return second_factor_page(&state, &ctx);
    }
    signed_in(tenant, &mut state, trace, &ctx, session)
}

/// *Approve* or *Cancel*: the simulated second factor.
pub(super) fn post_second_factor(tenant: &Tenant, call: &Call, trace: &Trace) -> Answer {
    let mut state = tenant.lock();
    let form = call.form();
    let Some((ctx, flow)) = find_flow(&state, &form) else { return over(trace) };
    let Some(session) = flow.session.clone() else { return over(trace) };
    if form.get("answer") != Some("approve") {
        state.entra.flows.remove(&ctx);
        return flow.purpose.refuse(&mut state, &refusal::consent_declined("access_denied"), trace);
    }
    let session = Session { with_mfa: true, ..session };
    state.entra.flows.insert(ctx.clone(), Flow { session: Some(session.clone()), ..flow });
    signed_in(tenant, &mut state, trace, &ctx, session)
}

/// The choice between the account that is signed in and another one.
pub(super) fn post_account(tenant: &Tenant, call: &Call, trace: &Trace) -> Answer {
    let mut state = tenant.lock();
    let form = call.form();
    let Some((ctx, flow)) = find_flow(&state, &form) else { return over(trace) };
    if form.get("answer") == Some("this") && flow.session.is_some() {
        return consent::proceed(tenant, &mut state, trace, &ctx);
    }
    let flow = Flow { session: None, ..flow };
    let answer = password_page(&state, &flow.purpose, &ctx, None);
    state.entra.flows.insert(ctx, flow);
    answer
}

/// Ends the browser's session; goes back only to a registered address (facts 1.8).
pub(super) fn sign_out(tenant: &Tenant, call: &Call) -> Answer {
    let mut state = tenant.lock();
    if let Some(id) = call.cookie(COOKIE) {
        state.entra.sessions.remove(id);
    }
    let form = call.form();
    let wanted = call.query.get("post_logout_redirect_uri").or_else(|| form.get("post_logout_redirect_uri"));
    let registered = wanted.filter(|uri| state.world.apps.iter().any(|app| redirect::find(app, uri).is_ok()));
    let answer = match registered {
        Some(uri) => match call.query.get("state").or_else(|| form.get("state")) {
            Some(text) => redirect::send(uri, redirect::ResponseMode::Query, &[("state", text.to_owned())]),
            None => Answer::redirect(uri),
        },
        None => page::narrow(
            200,
            "Sign out",
            "<h1>You signed out of your account</h1><p>It’s a good idea to close all browser windows.</p>",
        ),
    };
    answer.with("set-cookie", &format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None"))
}

/// Answers the request that the sign-in was for.
pub(super) fn finish(tenant: &Tenant, state: &mut State, flow: &Flow, app: &App) -> Answer {
    let session = flow.session.as_ref().expect("consent comes after the sign-in");
    let grant = Grant {
        client_id: app.client_id,
        user: session.user,
        openid: flow.purpose.scopes().openid.clone(),
        nonce: None,
        session_id: session.id.clone(),
        with_mfa: session.with_mfa,
        by_device_code: matches!(flow.purpose, Purpose::Device(_)),
        spa_since: None,
        signed_in_at: session.signed_in_at,
    };
    match &flow.purpose {
        Purpose::Authorize(request) => send_code(tenant, state, request, grant),
        Purpose::Device(device) => device_code::approve(state, device, grant, &app.name),
        Purpose::AdminConsent(request) => request.accept(&state.world),
    }
}

fn send_code(tenant: &Tenant, state: &mut State, request: &AuthorizeRequest, grant: Grant) -> Answer {
    let text = format!("1.{}", crate::random::token(400));
    let life = Duration::seconds(i64::from(state.world.switches.code_lifetime_seconds));
    let session_state = grant.session_id.clone();
    let code = Code {
        grant: Grant {
            nonce: request.nonce.clone(),
            spa_since: (request.redirect.platform == Platform::Spa).then(|| tenant.now()),
            ..grant
        },
        scopes: request.scopes.clone(),
        redirect_uri: request.redirect.uri.clone(),
        platform: request.redirect.platform,
        challenge: request.challenge.clone(),
        expires_at: tenant.now() + life,
        redeemed: false,
    };
    state.entra.codes.insert(text.clone(), code);
    let mut fields = vec![("code", text)];
    fields.extend(request.state.clone().map(|state| ("state", state)));
    fields.push(("session_state", session_state));
    redirect::send(&request.redirect.uri, request.mode, &fields)
}

fn signed_in(tenant: &Tenant, state: &mut State, trace: &Trace, ctx: &str, session: Session) -> Answer {
    let key = crate::random::token(32);
    state.entra.sessions.insert(key.clone(), session);
    let cookie = format!("{COOKIE}={key}; Path=/; Secure; HttpOnly; SameSite=None");
    consent::proceed(tenant, state, trace, ctx).with("set-cookie", &cookie)
}

/// The user behind a name and a password.
///
/// # Errors
/// 50034, 50126, 50057.
pub(super) fn check_password<'a>(world: &'a World, name: &str, password: &str) -> Result<&'a User, Refusal> {
    let user = world.user(name.trim()).filter(|user| !user.shared);
    let user = user.ok_or_else(|| refusal::user_unknown(&world.tenant.name))?;
    if user.password.is_empty() || password != user.password {
        return Err(refusal::wrong_password());
    }
    if user.enabled { Ok(user) } else { Err(refusal::user_disabled()) }
}

pub(super) fn find_flow(state: &State, form: &Fields) -> Option<(String, Flow)> {
    let ctx = form.get("ctx")?;
    state.entra.flows.get(ctx).map(|flow| (ctx.to_owned(), flow.clone()))
}

/// The flow was finished, or never was.
pub(super) fn over(trace: &Trace) -> Answer {
    let refusal = Refusal::new(
        50089,
        "invalid_request",
        "Authentication failed due to flow token expired. Please sign in again.",
    );
    authorize::error_page(&refusal, trace)
}

fn find_session(state: &State, call: &Call) -> Option<Session> {
    let session = state.entra.sessions.get(call.cookie(COOKIE)?)?;
    let user = state.world.users.iter().find(|user| user.id == session.user && user.enabled)?;
    let valid = user.tokens_valid_from.is_none_or(|from| session.signed_in_at >= from);
    let strong = session.with_mfa || !user.mfa;
    (valid && strong).then(|| session.clone())
}

fn hint(purpose: &Purpose) -> Option<String> {
    match purpose {
        Purpose::Authorize(request) if request.prompt != Prompt::SelectAccount => request.login_hint.clone(),
        _ => None,
    }
}

fn is_user(state: &State, id: Uuid, name: &str) -> bool {
    state.world.users.iter().any(|user| user.id == id && user.is(name))
}

fn form_start(step: &str, ctx: &str) -> String {
    format!("<form method=\"post\" action=\"/common/{step}\">{}", page::hidden("ctx", ctx))
}

fn password_page(state: &State, purpose: &Purpose, ctx: &str, failed: Option<(&Fields, &Refusal)>) -> Answer {
    let app = state.world.app(&purpose.client_id().to_string()).map_or("", |app| &app.name);
    let typed = failed.and_then(|(form, _)| form.get("email").map(str::to_owned));
    let email = typed.or_else(|| hint(purpose)).unwrap_or_default();
    let error =
        failed.map(|(_, refusal)| format!("<p class=\"error\">{}</p>", page::text(&refusal.message())));
    let cancel = match purpose {
        Purpose::Device(_) => {
            "<button type=\"submit\" name=\"answer\" value=\"cancel\" formnovalidate>Cancel</button>"
        }
        _ => "",
    };
    let body = format!(
        "<h1>Sign in</h1><p>to continue to {}</p>{}{}\
         <label for=\"email\">Email</label><input type=\"email\" id=\"email\" name=\"email\" value=\"{}\" autocomplete=\"username\" required>\
         <label for=\"password\">Password</label><input type=\"password\" id=\"password\" name=\"password\" autocomplete=\"current-password\" required>\
         <button class=\"main\" type=\"submit\">Sign in</button>{cancel}</form>",
        page::text(app),
        error.unwrap_or_default(),
        form_start("login", ctx),
        page::attribute(&email),
    );
    page::narrow(200, "Sign in to your account", &body)
}

fn second_factor_page(_state: &State, ctx: &str) -> Answer {
    let body = format!(
        "<h1>Approve sign-in request</h1><p>Your organization requires a second factor. Here a button stands for it.</p>{}\
         <button class=\"main\" type=\"submit\" name=\"answer\" value=\"approve\">Approve</button>\
         <button type=\"submit\" name=\"answer\" value=\"cancel\">Cancel</button></form>",
        form_start("mfa", ctx)
    );
    page::narrow(200, "Approve sign-in request", &body)
}

fn account_page(state: &State, session: &Session, ctx: &str) -> Answer {
    let upn = state.world.users.iter().find(|user| user.id == session.user).map_or("", |user| &user.upn);
    let body = format!(
        "<h1>Pick an account</h1>{}<button class=\"main\" type=\"submit\" name=\"answer\" value=\"this\">{}</button>\
         <button type=\"submit\" name=\"answer\" value=\"other\">Use another account</button></form>",
        form_start("account", ctx),
        page::text(upn)
    );
    page::narrow(200, "Pick an account", &body)
}
