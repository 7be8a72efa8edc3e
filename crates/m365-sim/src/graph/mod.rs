//! Microsoft Graph v1.0: who am I, licences, sendMail, drafts with upload sessions, reading mail.
//! The order of the checks is facts §9's; every resource is listed in `route`. It trusts only tokens that
//! `entra` signed for Graph.

mod attachments;
mod batch;
mod bearer;
mod compose;
mod directory;
mod drafts;
mod limits;
mod messages;
mod refusal;
mod registry;
mod send_mail;
mod upload;

pub(crate) use upload::answer_upload;

use crate::tenant::{State, Tenant};
use crate::web::{Answer, Call};
use crate::world::{Outage, SaidTo, Switches, User};
use bearer::{Bearer, Kind};
use limits::Place;
use refusal::Refusal;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// What Graph remembers between requests.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    usages: limits::Usages,
    drafts: drafts::Drafts,
    registry: registry::Memory,
}

/// One authorised call about one user.
struct Asking<'a> {
    tenant: &'a Tenant,
    call: &'a Call,
    bearer: &'a Bearer,
    user: User,
}

/// Answers a call to Graph.
pub(crate) async fn answer(tenant: &Tenant, call: &Call) -> Answer {
    let switches = tenant.lock().world.switches.clone();
    let request_id = Uuid::new_v4().to_string();
    match switches.graph_outage {
        Outage::Off => {}
        Outage::Hang => std::future::pending().await,
        Outage::Reset => return Answer::dropped(),
        Outage::Unavailable => {
            return dress(call, &request_id, refusal::unavailable().answer(tenant, call, &request_id));
        }
    }
    let claims = call.header("authorization").and_then(bearer::unverified_claims);
    let answer = match handle(tenant, call, &switches).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.answer(tenant, call, &request_id),
    };
    let answer = dress(call, &request_id, answer);
    match claims {
        Some(claims) => answer.noting("token", claims),
        None => answer,
    }
}

async fn handle(tenant: &Tenant, call: &Call, switches: &Switches) -> Result<Answer, Refusal> {
    let segments = keys_as_segments(call);
    let is_meant = |said: &&SaidTo| said.operation.is(call.method.as_str(), &segments[1..]);
    if let Some(said) = switches.graph_says_to.as_ref().filter(is_meant) {
        return Ok(Answer::said(&said.says));
    }
    let bearer = bearer::check(tenant, call)?;
    if switches.graph_throttle_seconds > 0 {
        return Err(refusal::throttled(switches.graph_throttle_seconds));
    }
    if registry::is_here(&segments) {
        return registry::answer(tenant, call, &bearer);
    }
    let (name, rest) = match &segments[..] {
        ["oidc", "userinfo"] => return directory::userinfo(tenant, &bearer),
        ["v1.0", "$batch"] => return Box::pin(batch::answer(tenant, call)).await,
        ["v1.0", "users"] => return directory::list_users(tenant, call, &bearer),
        ["v1.0", "organization"] => return directory::organization(tenant, call, &bearer),
        ["v1.0", "me", rest @ ..] => (bearer.user_id()?, rest),
        ["v1.0", "users", name, rest @ ..] => ((*name).to_owned(), rest),
        _ => return Err(refusal::no_such_segment(segments.last().copied().unwrap_or_default())),
    };
    let action = route(call, rest)?;
    action.check_permission(&bearer, &tenant.lock(), &name)?;
    let user = find_user(&tenant.lock(), &name, action)?;
    let asking = Asking { tenant, call, bearer: &bearer, user };
    if !action.needs_mailbox() {
        return asking.read_directory(action);
    }
    if !asking.user.has_mailbox() {
        return Err(refusal::no_mailbox());
    }
    let bytes = if call.method == http::Method::GET { 0 } else { call.body_bytes() };
    let _place = Place::take(tenant, (bearer.app_id.clone(), asking.user.id), bytes)?;
    if switches.graph_latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(u64::from(switches.graph_latency_ms))).await;
    }
    let id = rest.get(1).copied().unwrap_or_default();
    match action {
        Action::SendMail => asking.send_mail(),
        Action::CreateDraft => asking.create_draft(),
        Action::Attach => asking.attach(id),
        Action::StartUpload => asking.start_upload(id),
        Action::SendDraft => asking.send_draft(id),
        Action::ChangeDraft => asking.change_draft(id),
        Action::DeleteDraft => asking.delete_draft(id),
        _ => asking.read_mailbox(action, rest),
    }
}

/// OData has three forms of a key: `users/x`, `users('x')` and `applications(appId='x')`. What beta has of these
/// resources is as in v1.0.
fn keys_as_segments(call: &Call) -> Vec<&str> {
    let mut parts = Vec::new();
    for segment in &call.segments {
        match segment.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((name, key)) => {
                let bare = key.strip_prefix('\'').and_then(|key| key.strip_suffix('\''));
                parts.extend([name, bare.unwrap_or(key)]);
            }
            None => parts.push(segment.as_str()),
        }
    }
    if let Some(first) = parts.first_mut().filter(|first| **first == "beta") {
        *first = "v1.0";
    }
    parts
}

/// What can be done with a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    ReadUser,
    ReadLicenses,
    SendMail,
    ReadSettings,
    ReadFolders,
    ReadMessages,
    CreateDraft,
    Attach,
    StartUpload,
    SendDraft,
    ChangeDraft,
    DeleteDraft,
}

/// All of Graph's resources below a user.
fn route(call: &Call, rest: &[&str]) -> Result<Action, Refusal> {
    let last = rest.last().map(|name| name.strip_prefix("microsoft.graph.").unwrap_or(name));
    Ok(match (call.method.as_str(), rest, last) {
        ("GET", [], _) => Action::ReadUser,
        ("GET", ["licenseDetails"], _) => Action::ReadLicenses,
        ("POST", [_], Some("sendMail")) => Action::SendMail,
        ("GET", ["mailboxSettings"], _) => Action::ReadSettings,
        ("GET", ["mailFolders"] | ["mailFolders", _], _) => Action::ReadFolders,
        (
            "GET",
            ["messages"]
            | ["messages", _]
            | ["messages", _, "$value" | "attachments"]
            | ["messages", _, "attachments", _]
            | ["mailFolders", _, "messages"],
            _,
        ) => Action::ReadMessages,
        ("POST", ["messages"], _) => Action::CreateDraft,
        ("POST", ["mailFolders", name, "messages"], _) if name.eq_ignore_ascii_case("drafts") => {
            Action::CreateDraft
        }
        ("PATCH", ["messages", _], _) => Action::ChangeDraft,
        ("DELETE", ["messages", _], _) => Action::DeleteDraft,
        ("POST", ["messages", _, "attachments"], _) => Action::Attach,
        ("POST", ["messages", _, "attachments", _], Some("createUploadSession")) => Action::StartUpload,
        ("POST", ["messages", _, _], Some("send")) => Action::SendDraft,
        (_, [] | ["messages", ..] | ["mailFolders", ..] | ["licenseDetails" | "mailboxSettings"], _)
        | (_, [_], Some("sendMail")) => return Err(refusal::method_not_allowed()),
        _ => return Err(refusal::no_such_segment(last.unwrap_or_default())),
    })
}

impl Action {
    fn needs_mailbox(self) -> bool {
        !matches!(self, Self::ReadUser | Self::ReadLicenses)
    }

    /// The permissions of which one must be in the token (facts 5, Microsoft's reference pages).
    fn check_permission(self, bearer: &Bearer, state: &State, name: &str) -> Result<(), Refusal> {
        let own = bearer.is_about(state, name);
        let wanted: &[&str] = match (self, &bearer.kind, own) {
            (Self::ReadUser | Self::ReadLicenses, Kind::Delegated, true) => &["User.Read", "User.Read.All"],
            (Self::ReadUser | Self::ReadLicenses, _, _) => &["User.Read.All"],
            (Self::SendMail | Self::SendDraft, Kind::Delegated, false) => &["Mail.Send.Shared"],
            (Self::SendMail | Self::SendDraft, _, _) => &["Mail.Send"],
            (
                Self::CreateDraft | Self::Attach | Self::StartUpload | Self::ChangeDraft | Self::DeleteDraft,
                Kind::Delegated,
                false,
            ) => &["Mail.ReadWrite.Shared"],
            (
                Self::CreateDraft | Self::Attach | Self::StartUpload | Self::ChangeDraft | Self::DeleteDraft,
                _,
                _,
            ) => &["Mail.ReadWrite"],
            (Self::ReadFolders | Self::ReadMessages, Kind::Delegated, false) => {
                &["Mail.Read.Shared", "Mail.ReadWrite.Shared"]
            }
            (Self::ReadSettings, _, _) => &["MailboxSettings.Read"],
            (Self::ReadFolders | Self::ReadMessages, _, _) => &["Mail.Read", "Mail.ReadWrite"],
        };
        if !bearer.has_any(wanted) {
            return Err(if self.needs_mailbox() {
                refusal::access_denied()
            } else {
                refusal::insufficient_privileges()
            });
        }
        if self.needs_mailbox() { check_reach(bearer, state, name) } else { Ok(()) }
    }
}

/// Another's mailbox needs Full Access; app-only access may be limited by a policy (facts 4.9, 5.3).
fn check_reach(bearer: &Bearer, state: &State, name: &str) -> Result<(), Refusal> {
    let other = state.world.user(name);
    let has_rights = |user: &User| other.is_some_and(|other| user.has_rights_on(other.address()));
    match &bearer.kind {
        Kind::Delegated if bearer.is_about(state, name) => Ok(()),
        Kind::Delegated if bearer.user(state).is_some_and(has_rights) => Ok(()),
        Kind::Delegated => Err(refusal::access_denied()),
        Kind::AppOnly => match &state.world.switches.graph_app_mailboxes {
            Some(list) if !other.is_some_and(|user| list.iter().any(|one| user.owns(one))) => {
                Err(refusal::blocked_by_policy())
            }
            _ => Ok(()),
        },
    }
}

fn find_user(state: &State, name: &str, action: Action) -> Result<User, Refusal> {
    let found = state.world.user(name).cloned();
    found.ok_or_else(|| {
        if action.needs_mailbox() { refusal::invalid_user(name) } else { refusal::no_such_object(name) }
    })
}

/// The headers that all of Graph's answers have (additions B0).
fn dress(call: &Call, request_id: &str, answer: Answer) -> Answer {
    let diagnostic = r#"{"ServerInfo":{"DataCenter":"SIMULATED","Slice":"E","Ring":"5","ScaleUnit":"001","RoleInstance":"SIM00000001"}}"#;
    let client_request_id = call.header("client-request-id").unwrap_or(request_id);
    // The directory's own answers are not a person's (additions B0).
    let caching = if registry::is_here(&keys_as_segments(call)) { "no-cache" } else { "private" };
    let answer = match call.header("origin") {
        Some(_) => answer.with("access-control-allow-origin", "*").with(
            "access-control-expose-headers",
            "ETag, Location, Content-Range, request-id, client-request-id, Retry-After",
        ),
        None => answer,
    };
    answer
        .with("cache-control", caching)
        .with("vary", "Accept-Encoding")
        .with("strict-transport-security", "max-age=31536000")
        .with("request-id", request_id)
        .with("client-request-id", client_request_id)
        .with("x-ms-ags-diagnostic", diagnostic)
}

/// A JSON answer with the headers of OData.
fn odata(body: &Value) -> Answer {
    odata_with(200, body)
}

/// The same for what was created.
fn odata_created(body: &Value) -> Answer {
    odata_with(201, body)
}

fn odata_with(status: u16, body: &Value) -> Answer {
    let kind =
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
    Answer::new(status, kind, body.to_string()).with("odata-version", "4.0")
}
