//! The control port: the tenant's set-up, its switches, its mail, what was asked (product.md §9).
//! Plain HTTP and JSON, for tests and for `postern demo`; every route is listed in `route`.

mod pages;

use crate::mailbox::{Folder, Stored};
use crate::steering::STEERING;
use crate::tenant::Tenant;
use crate::timestamp;
use crate::web::{Answer, Call};
use crate::world::{App, SWITCHES, User, World, WorldError, clock_offset, laid_over, object};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

/// Why the control port refused.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("the body is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("nothing is here: {0}")]
    NotFound(String),
    #[error("another site's form")]
    Foreign,
    #[error("{0}")]
    Bad(String),
}

/// Answers a call to the control port.
pub(crate) fn answer(tenant: &Tenant, call: &Call) -> Answer {
    route(tenant, call).unwrap_or_else(|error| {
        let status = match error {
            ControlError::NotFound(_) => 404,
            ControlError::Foreign => 403,
            _ => 400,
        };
        Answer::json(status, &json!({"error": error.to_string()}))
    })
}

/// All of the control port's routes.
fn route(tenant: &Tenant, call: &Call) -> Result<Answer, ControlError> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), &segments[..]) {
        ("GET", []) => Ok(pages::overview(tenant)),
        ("GET", ["mail", address]) => Ok(pages::mailbox(tenant, address)),
        ("POST", ["page", "switch"]) => pages::set_switch(tenant, call),
        ("POST", ["page", "clock"]) => pages::move_clock(tenant, call),
        ("GET", ["world"]) => Ok(Answer::json(200, &json!(tenant.lock().world))),
        ("PUT", ["world"]) => put_world(tenant, &body(call)?),
        ("POST", ["reset"]) => Ok(reset(tenant)),
        ("POST", ["clock"]) => advance(tenant, &body(call)?),
        ("GET", ["clock"]) => Ok(clock(tenant)),
        ("GET", ["apps", id]) => show(tenant.lock().world.app(id), "app", id),
        ("PUT", ["apps", id]) => put_app(tenant, id, &body(call)?),
        ("GET", ["users", upn]) => show(tenant.lock().world.user(upn), "user", upn),
        ("PUT", ["users", upn]) => put_user(tenant, upn, &body(call)?),
        ("GET", ["switches"]) => Ok(switches(tenant)),
        ("PUT", ["switches"]) => put_switches(tenant, &body(call)?),
        ("GET", ["mailboxes"]) => Ok(mailboxes(tenant)),
        ("GET", ["mailboxes", address, "messages"]) => messages(tenant, call, address),
        ("GET", ["requests"]) => Ok(Answer::json(200, &json!(tenant.lock().requests.all()))),
        (verb, _) => Err(ControlError::NotFound(format!("{verb} {}", call.path))),
    }
}

fn body(call: &Call) -> Result<Value, ControlError> {
    let bytes = call.body.as_deref().ok_or_else(|| ControlError::Bad("the body is over 4 MiB".into()))?;
    Ok(serde_json::from_slice(bytes)?)
}

fn put_world(tenant: &Tenant, change: &Value) -> Result<Answer, ControlError> {
    let mut state = tenant.lock();
    let world = state.world.changed(change)?;
    tenant.set_world(&mut state, world);
    Ok(Answer::json(200, &json!(state.world)))
}

fn reset(tenant: &Tenant) -> Answer {
    tenant.reset();
    Answer::json(200, &json!(tenant.lock().world))
}

fn advance(tenant: &Tenant, change: &Value) -> Result<Answer, ControlError> {
    let given = object(change, "the body")?;
    let seconds = match given.get("advance_seconds").and_then(Value::as_i64) {
        Some(seconds) if given.len() == 1 => seconds,
        _ => return Err(ControlError::Bad("expected {\"advance_seconds\": n}, n a whole number".into())),
    };
    let mut state = tenant.lock();
    let mut world = state.world.clone();
    let offset = world.clock_offset_seconds.saturating_add(seconds);
    world.clock_offset_seconds = clock_offset(&json!(offset))?;
    tenant.set_world(&mut state, world);
    drop(state);
    Ok(clock(tenant))
}

fn clock(tenant: &Tenant) -> Answer {
    let offset = tenant.lock().world.clock_offset_seconds;
    Answer::json(200, &json!({"now": timestamp::seconds(tenant.now()), "offset_seconds": offset}))
}

fn show<T: serde::Serialize>(found: Option<&T>, what: &str, name: &str) -> Result<Answer, ControlError> {
    let found = found.ok_or_else(|| ControlError::NotFound(format!("{what} {name}")))?;
    Ok(Answer::json(200, &json!(found)))
}

fn put_app(tenant: &Tenant, id: &str, change: &Value) -> Result<Answer, ControlError> {
    let client_id =
        Uuid::parse_str(id).map_err(|_| ControlError::Bad(format!("client id '{id}' is no GUID")))?;
    let mut state = tenant.lock();
    let known = state.world.app(id).cloned();
    let fresh = App::new(client_id, "Application");
    let app = App::from_change(Some(known.as_ref().unwrap_or(&fresh)), change)?;
    if app.client_id != client_id {
        return Err(ControlError::Bad("client_id differs from the address".into()));
    }
    let answer = Answer::json(200, &json!(app));
    let apps = &mut state.world.apps;
    match apps.iter_mut().find(|known| known.client_id == client_id) {
        Some(known) => *known = app,
        None => apps.push(app),
    }
    Ok(answer)
}

/// A password that differs is an administrator's reset: grants from before are revoked (facts 3.2).
fn put_user(tenant: &Tenant, upn: &str, change: &Value) -> Result<Answer, ControlError> {
    let mut state = tenant.lock();
    let known = state.world.user(upn).cloned();
    let fresh = User { upn: upn.to_owned(), ..User::default() };
    let mut user = User::from_change(Some(known.as_ref().unwrap_or(&fresh)), change)?;
    if let Some(known) = &known
        && known.password != user.password
        && change.get("tokens_valid_from").is_none()
    {
        user.tokens_valid_from = Some(tenant.now());
    }
    let answer = Answer::json(200, &json!(user));
    let mut world = state.world.clone();
    match world.users.iter_mut().find(|other| known.as_ref().is_some_and(|known| known.id == other.id)) {
        Some(known) => *known = user,
        None => world.users.push(user),
    }
    let world = world.changed(&json!({}))?;
    tenant.set_world(&mut state, world);
    Ok(answer)
}

fn switches(tenant: &Tenant) -> Answer {
    let values = json!(tenant.lock().world.switches);
    let defaults = json!(crate::world::Switches::default());
    let switches = SWITCHES.iter().map(|switch| {
        json!({"name": switch.name, "kind": "switch", "value": values[switch.name], "default": defaults[switch.name],
            "does": switch.does, "provokes": switch.provokes})
    });
    let recipients = STEERING.iter().map(
        |name| json!({"name": name.name, "kind": "recipient", "does": name.does, "provokes": name.provokes}),
    );
    Answer::json(200, &Value::Array(switches.chain(recipients).collect()))
}

fn put_switches(tenant: &Tenant, change: &Value) -> Result<Answer, ControlError> {
    let mut state = tenant.lock();
    let changed = laid_over(&state.world.switches, change, "switches")?;
    let world = World { switches: changed, ..state.world.clone() };
    tenant.set_world(&mut state, world);
    drop(state);
    Ok(switches(tenant))
}

/// `messages`: those in the Inbox that are still kept; `received`, `sent`: all that there ever were.
fn mailboxes(tenant: &Tenant) -> Answer {
    let state = tenant.lock();
    let list = state.mailboxes.counts().map(|(address, counts)| {
        json!({"address": address, "messages": state.mailboxes.kept(address), "received": counts.received, "sent": counts.sent})
    });
    Answer::json(200, &Value::Array(list.collect()))
}

/// The inbox of any address, oldest first; `?folder=sentitems` for the sender's copies.
fn messages(tenant: &Tenant, call: &Call, address: &str) -> Result<Answer, ControlError> {
    let folder = match call.query.get("folder") {
        None | Some("inbox") => Folder::Inbox,
        Some("sentitems") => Folder::SentItems,
        Some(other) => {
            return Err(ControlError::Bad(format!("folder '{other}' is neither inbox nor sentitems")));
        }
    };
    let state = tenant.lock();
    let all = state.mailboxes.messages(&state.world, address, folder);
    Ok(Answer::json(200, &Value::Array(all.iter().map(message_json).collect())))
}

fn message_json(stored: &Stored) -> Value {
    json!({
        "id": stored.id,
        "received": timestamp::exchange(stored.received),
        "via": stored.via,
        "envelope": *stored.envelope,
        "mime": STANDARD.encode(&stored.mime),
        "saved_to_sent_items": stored.saved_to_sent_items,
    })
}
