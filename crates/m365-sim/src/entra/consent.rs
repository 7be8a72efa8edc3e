//! After the sign-in: policies, what consent is missing, the consent page (*Accept*, *Cancel*).
//! It keeps consents in the world, where the control port shows them.

use super::authorize::Prompt;
use super::refusal::{self, Refusal, Trace};
use super::scope::What;
use super::sign_in::{self, Flow, Purpose};
use crate::page;
use crate::tenant::{State, Tenant};
use crate::web::{Answer, Call};
use crate::world::{App, DelegatedPermission, Resource, User, UserConsent, World, delegated_permission};

/// What stands between a signed-in user and the application.
enum Need {
    Nothing,
    Consent(Vec<DelegatedPermission>),
    Administrator,
    /// The user may only file a request.
    Request,
}

/// Goes on with a flow whose user has signed in.
pub(super) fn proceed(tenant: &Tenant, state: &mut State, trace: &Trace, ctx: &str) -> Answer {
    let Some(flow) = state.entra.flows.get(ctx).cloned() else { return sign_in::over(trace) };
    let Some((app, user)) = parties(&state.world, &flow) else { return sign_in::over(trace) };
    let silent = flow.purpose.prompt() == Prompt::None;
    if let Some(refusal) = blocked(state, &flow) {
        state.entra.flows.remove(ctx);
        return flow.purpose.refuse(state, &refusal, trace);
    }
    match need(&state.world, &app, &user, &flow.purpose) {
        Need::Nothing => {
            state.entra.flows.remove(ctx);
            sign_in::finish(tenant, state, &flow, &app)
        }
        _ if silent => {
            state.entra.flows.remove(ctx);
            let missing = refusal::not_consented(&app.client_id.to_string(), &app.name);
            flow.purpose.refuse(state, &refusal::interaction_required(missing), trace)
        }
        Need::Consent(list) => consent_page(&app, &user, &flow.purpose, &list, ctx),
        Need::Administrator => administrator_page(&app, ctx),
        Need::Request => request_page(&app),
    }
}

/// *Accept* or *Cancel*.
pub(super) fn post(tenant: &Tenant, call: &Call, trace: &Trace) -> Answer {
    let mut state = tenant.lock();
    let form = call.form();
    let Some((ctx, flow)) = sign_in::find_flow(&state, &form) else { return sign_in::over(trace) };
    let Some((app, user)) = parties(&state.world, &flow) else { return sign_in::over(trace) };
    state.entra.flows.remove(&ctx);
    match (form.get("answer"), need(&state.world, &app, &user, &flow.purpose)) {
        (Some("accept"), Need::Consent(list)) => {
            keep(&mut state.world, &app, &user, &flow.purpose, &list);
            sign_in::finish(tenant, &mut state, &flow, &app)
        }
        (_, Need::Administrator) => {
            flow.purpose.refuse(&mut state, &refusal::admin_consent_required(), trace)
        }
        _ => flow.purpose.refuse(&mut state, &refusal::consent_declined("access_denied"), trace),
    }
}

fn parties(world: &World, flow: &Flow) -> Option<(App, User)> {
    let app = world.app(&flow.purpose.client_id().to_string())?.clone();
    let id = flow.session.as_ref()?.user;
    let user = world.users.iter().find(|user| user.id == id)?.clone();
    Some((app, user))
}

fn blocked(state: &State, flow: &Flow) -> Option<Refusal> {
    let switches = &state.world.switches;
    let device = matches!(flow.purpose, Purpose::Device(_)) && switches.device_code_blocked;
    (switches.ca_block || device).then(|| refusal::blocked("access_denied"))
}

fn need(world: &World, app: &App, user: &User, purpose: &Purpose) -> Need {
    let admin = world.is_admin(user);
    if let Purpose::AdminConsent(request) = purpose {
        return if admin { Need::Consent(request.permissions(app)) } else { Need::Administrator };
    }
    let missing = listed(app, user, purpose, Listing::Missing);
    let shown = match purpose.prompt() {
        Prompt::Consent => listed(app, user, purpose, Listing::Asked),
        _ => missing.clone(),
    };
    if shown.is_empty() {
        return Need::Nothing;
    }
    match world.switches.user_consent {
        _ if admin || missing.is_empty() => Need::Consent(shown),
        UserConsent::Blocked => Need::Administrator,
        UserConsent::Request => Need::Request,
        UserConsent::Allowed if missing.iter().any(DelegatedPermission::admin_only) => Need::Administrator,
        UserConsent::Allowed => Need::Consent(shown),
    }
}

/// Which of the permissions asked for are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// All of them, as `prompt=consent` wants.
    Asked,
    /// Those that aren't consented yet.
    Missing,
}

fn listed(app: &App, user: &User, purpose: &Purpose, which: Listing) -> Vec<DelegatedPermission> {
    let all = which == Listing::Asked;
    let mut list = Vec::new();
    for wanted in &purpose.scopes().wanted {
        let granted = app.granted_scopes(&user.upn, wanted.resource);
        match &wanted.what {
            What::Permission(permission) if all || !granted.contains(&permission.name()) => {
                list.push(permission.clone());
            }
            What::Default if all || granted.is_empty() => {
                list.extend(app.delegated.iter().filter(|known| known.covers(wanted.resource)).cloned());
            }
            _ => {}
        }
    }
    if all || !app.has_any_consent(&user.upn) {
        let words =
            purpose.scopes().openid.iter().filter_map(|word| delegated_permission(Resource::Graph, word));
        list.extend(words);
    }
    list
}

fn keep(world: &mut World, app: &App, user: &User, purpose: &Purpose, list: &[DelegatedPermission]) {
    let known = world.apps.iter_mut().find(|known| known.client_id == app.client_id);
    let Some(known) = known else { return };
    match purpose {
        Purpose::AdminConsent(request) if request.is_for_everything() => known.admin_consent = true,
        Purpose::AdminConsent(_) => known.keep_consent(None, list),
        Purpose::Authorize(_) | Purpose::Device(_) => known.keep_consent(Some(&user.upn), list),
    }
}

fn consent_page(
    app: &App,
    user: &User,
    purpose: &Purpose,
    list: &[DelegatedPermission],
    ctx: &str,
) -> Answer {
    let item =
        |name: &str, says: &str| format!("<li>{} (<code>{}</code>)</li>", page::text(says), page::text(name));
    let mut items: String =
        list.iter().map(|permission| item(permission.name(), permission.says())).collect();
    let mut heading = "Permissions requested";
    if let Purpose::AdminConsent(request) = purpose {
        heading = "Permissions requested: review for your organization";
        if request.is_for_everything() {
            items.extend(app.application.iter().map(|role| item(role.name(), role.says())));
        }
    }
    let body = format!(
        "<h1>{heading}</h1><p>{}</p><p><strong>{}</strong> would like to:</p><ul>{items}</ul>\
         <form method=\"post\" action=\"/common/consent\">{}\
         <button class=\"main\" type=\"submit\" name=\"answer\" value=\"accept\">Accept</button>\
         <button type=\"submit\" name=\"answer\" value=\"cancel\">Cancel</button></form>",
        page::text(&user.upn),
        page::text(&app.name),
        page::hidden("ctx", ctx),
    );
    page::narrow(200, "Permissions requested", &body)
}

/// AADSTS90094 (additions F): the way back to the application refuses it.
fn administrator_page(app: &App, ctx: &str) -> Answer {
    let body = format!(
        "<h1>Need admin approval</h1><p>{name} needs permission to access resources in your organization that only an admin can grant. \
         Request an admin to grant permission to this app before you can use it.</p><p><code>AADSTS90094</code></p>\
         <form method=\"post\" action=\"/common/consent\">{}<button type=\"submit\" name=\"answer\" value=\"return\">\
         Return to the application without granting consent</button></form>",
        page::hidden("ctx", ctx),
        name = page::text(&app.name),
    );
    page::narrow(200, "Need admin approval", &body).noting("error_codes", serde_json::json!([90094]))
}

/// AADSTS90095 (additions F): nothing returns to the application.
fn request_page(app: &App) -> Answer {
    let body = format!(
        "<h1>Approval required</h1><p>{} requires your admin’s approval. Your request has been sent; the application hears nothing of it.</p>\
         <p><code>AADSTS90095</code></p>",
        page::text(&app.name)
    );
    page::narrow(200, "Approval required", &body).noting("error_codes", serde_json::json!([90095]))
}
