//! The authorize endpoint: reads and checks the request, then hands over to `sign_in`.
//! Unknown tenant, client or redirect URI stay on Entra's own page; nothing is sent to an address that
//! isn't registered (facts 1.5).

use super::redirect::{self, RegisteredRedirect, ResponseMode};
use super::refusal::{self, Refusal, Trace};
use super::scope::Scopes;
use super::sign_in::{self, Purpose};
use super::token::Challenge;
use super::{check_tenant, client, is_common};
use crate::page;
use crate::tenant::Tenant;
use crate::web::{Answer, Call, Fields};
use crate::world::{Resource, World};
use uuid::Uuid;

/// An authorize request that may be answered by redirect.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizeRequest {
    pub(crate) client_id: Uuid,
    pub(crate) redirect: RegisteredRedirect,
    pub(crate) mode: ResponseMode,
    pub(crate) scopes: Scopes,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) prompt: Prompt,
    pub(crate) login_hint: Option<String>,
}

/// The parameter `prompt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Prompt {
    #[default]
    WhenNeeded,
    None,
    Login,
    Consent,
    SelectAccount,
}

impl AuthorizeRequest {
    /// Sends a refusal back to the application.
    pub(crate) fn refuse(&self, refusal: &Refusal, trace: &Trace) -> Answer {
        refuse(&self.redirect.uri, self.mode, self.state.as_deref(), refusal, trace)
    }
}

pub(super) fn answer(tenant: &Tenant, call: &Call, trace: &Trace, name: &str) -> Answer {
    let world = tenant.lock().world.clone();
    // By POST the same parameters come as a form (OpenID Connect Core, 3.1.2.1).
    let form = (call.method == http::Method::POST).then(|| call.form());
    let query = form.as_ref().unwrap_or(&call.query);
    let redirect = match find_redirect(&world, query, name) {
        Ok(redirect) => redirect,
        Err(refusal) => return error_page(&refusal, trace),
    };
    let mode = match query.get("response_mode") {
        None | Some("query") => Ok(ResponseMode::Query),
        Some("fragment") => Ok(ResponseMode::Fragment),
        Some("form_post") => Ok(ResponseMode::FormPost),
        Some(other) => Err(refusal::unsupported_response_mode(other)),
    };
    let known_mode = mode.clone().unwrap_or(ResponseMode::Query);
    let state = query.get("state").map(str::to_owned);
    if let Some(said) = &world.switches.entra_redirects_with {
        let said = said.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let fields: Vec<_> = said.chain(state.map(|state| ("state", state))).collect();
        return redirect::send(&redirect.uri, known_mode, &fields);
    }
    let read = mode.and_then(|mode| read_request(tenant, &world, query, redirect.clone(), mode));
    match read {
        Ok(request) => sign_in::begin(tenant, call, trace, Purpose::Authorize(Box::new(request))),
        Err(refusal) => refuse(&redirect.uri, known_mode, state.as_deref(), &refusal, trace),
    }
}

/// Entra's own error page.
pub(crate) fn error_page(refusal: &Refusal, trace: &Trace) -> Answer {
    let body = format!(
        "<h1>Sorry, but we’re having trouble signing you in.</h1><p class=\"error\">{}</p>\
         <p>Request Id: <code>{}</code><br>Correlation Id: <code>{}</code><br>Timestamp: <code>{}</code><br>Message: {}</p>",
        page::text(&refusal.message()),
        page::text(&trace.trace_id),
        page::text(&trace.correlation_id),
        page::text(&crate::timestamp::seconds(trace.at)),
        page::text(&refusal.message()),
    );
    page::narrow(400, "Sign in to your account", &body)
        .noting("error_codes", serde_json::json!(refusal.codes))
}

/// The checks whose failure is shown on Entra's page.
fn find_redirect(world: &World, query: &Fields, name: &str) -> Result<RegisteredRedirect, Refusal> {
    if !is_common(name) {
        check_tenant(name, world)?;
    }
    let client_id = query.get("client_id").ok_or_else(|| refusal::missing_parameter("client_id"))?;
    let app = client::find_app(world, client_id)?;
    if is_common(name) {
        return Err(refusal::single_tenant_on_common(client_id, &app.name));
    }
    let uri = query.get("redirect_uri").ok_or_else(|| refusal::missing_parameter("redirect_uri"))?;
    redirect::find(&app, uri)
}

/// The checks whose failure the application is told.
fn read_request(
    tenant: &Tenant,
    world: &World,
    query: &Fields,
    redirect: RegisteredRedirect,
    mode: ResponseMode,
) -> Result<AuthorizeRequest, Refusal> {
    match query.get("response_type") {
        None => return Err(refusal::missing_parameter("response_type")),
        Some("code") => {}
        Some(other) => return Err(refusal::unsupported_response_type(other)),
    }
    let raw = query.get("scope").ok_or_else(|| refusal::missing_parameter("scope"))?;
    let scopes = Scopes::parse(raw, tenant, &world.tenant.name)?;
    let exchange = scopes.wanted.iter().find(|wanted| wanted.resource == Resource::Exchange);
    if let Some(wanted) = exchange.filter(|_| world.switches.exchange_missing) {
        return Err(refusal::service_not_subscribed(&wanted.audience, &world.tenant.name));
    }
    let client_id = query.get("client_id").and_then(|id| Uuid::parse_str(id).ok());
    Ok(AuthorizeRequest {
        client_id: client_id.expect("the application was found by it"),
        redirect,
        mode,
        scopes,
        state: query.get("state").map(str::to_owned),
        nonce: query.get("nonce").map(str::to_owned),
        challenge: read_challenge(query)?,
        prompt: read_prompt(query)?,
        login_hint: query.get("login_hint").map(str::to_owned),
    })
}

/// RFC 7636, 4.3; the size is 43 to 128 characters.
fn read_challenge(query: &Fields) -> Result<Option<Challenge>, Refusal> {
    let Some(challenge) = query.get("code_challenge") else { return Ok(None) };
    if !(43..=128).contains(&challenge.len()) {
        return Err(refusal::bad_challenge());
    }
    match query.get("code_challenge_method") {
        Some("S256") => Ok(Some(Challenge::S256(challenge.to_owned()))),
        None | Some("plain") => Ok(Some(Challenge::Plain(challenge.to_owned()))),
        Some(_) => Err(refusal::malformed()),
    }
}

fn read_prompt(query: &Fields) -> Result<Prompt, Refusal> {
    match query.get("prompt") {
        None => Ok(Prompt::WhenNeeded),
        Some("none") => Ok(Prompt::None),
        Some("login") => Ok(Prompt::Login),
        Some("consent" | "admin_consent") => Ok(Prompt::Consent),
        Some("select_account") => Ok(Prompt::SelectAccount),
        Some(_) => Err(refusal::unsupported_prompt()),
    }
}

fn refuse(uri: &str, mode: ResponseMode, state: Option<&str>, refusal: &Refusal, trace: &Trace) -> Answer {
    let mut fields = vec![("error", refusal.error.to_owned())];
    if refusal.codes == [65004] {
        fields.push(("error_subcode", "cancel".to_owned()));
    }
    fields.push(("error_description", refusal.description(trace)));
    if let Some(claims) = &refusal.claims {
        fields.push(("claims", claims.clone()));
    }
    if let Some(state) = state {
        fields.push(("state", state.to_owned()));
    }
    redirect::send(uri, mode, &fields).noting("error_codes", serde_json::json!(refusal.codes))
}
