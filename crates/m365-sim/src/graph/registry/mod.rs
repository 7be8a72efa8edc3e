//! The directory's registrations through Graph (additions B): applications with their credentials, service
//! principals, and what is granted to them. They live in the world, where the control port shows them; what
//! Graph alone knows of them (names and ids of credentials) lives here.

mod applications;
mod credentials;
mod grants;
mod principals;

use super::bearer::{Bearer, Kind};
use super::refusal::{self, Refusal};
use super::{keys_as_segments, odata};
use crate::tenant::{State, Tenant};
use crate::web::{Answer, Call};
use crate::world::{App, Resource, World};
use credentials::Credentials;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// What the directory remembers beside the world.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    credentials: Credentials,
    /// `uniqueName` of applications, and whose it is.
    unique_names: BTreeMap<String, Uuid>,
    created: BTreeMap<Uuid, OffsetDateTime>,
    /// When application permissions were granted, by the assignment's id.
    assigned: BTreeMap<String, OffsetDateTime>,
    /// `signInAudience`, where it isn't this tenant alone.
    audiences: BTreeMap<Uuid, String>,
    /// Applications that were deleted and not yet purged.
    deleted: Vec<App>,
}

/// One authorised call.
struct Asking<'a> {
    tenant: &'a Tenant,
    call: &'a Call,
    bearer: &'a Bearer,
}

const READ: &[&str] = &[
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
];
const WRITE: &[&str] = &["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"];

const MY_ORG: &str = "AzureADMyOrg";

/// Whether a path is one of these.
pub(super) fn is_here(segments: &[&str]) -> bool {
    matches!(
        segments,
        ["v1.0", "applications" | "servicePrincipals" | "oauth2PermissionGrants", ..]
            | ["v1.0", "directory", "deletedItems", ..]
    )
}

/// Answers, and says what it cost: 1, or 2 for applications that are searched (additions B0).
pub(super) fn answer(tenant: &Tenant, call: &Call, bearer: &Bearer) -> Result<Answer, Refusal> {
    let searched = call.query.get("$filter").is_some() && keys_as_segments(call)[1..] == ["applications"];
    let answer = route(&Asking { tenant, call, bearer })?;
    Ok(answer.with("x-ms-resource-unit", if searched { "2" } else { "1" }))
}

/// All of the directory's routes.
fn route(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let call = asking.call;
    let segments = keys_as_segments(call);
    let last = segments.last().copied().unwrap_or_default();
    match (call.method.as_str(), &segments[1..]) {
        ("GET", ["applications"]) => asking.list_applications(),
        ("POST", ["applications"]) => asking.create_application(None),
        ("GET", ["applications", id]) => asking.read_application(id),
        ("PATCH", ["applications", id]) => asking.change_application(id),
        ("DELETE", ["applications", id]) => asking.delete_application(id),
        ("POST", ["applications", id, "addKey"]) => asking.add_key(id),
        ("POST", ["applications", id, "removeKey"]) => asking.remove_key(id),
        ("POST", ["applications", id, "addPassword"]) => asking.add_password(id),
        ("POST", ["applications", id, "removePassword"]) => asking.remove_password(id),
        ("DELETE", ["directory", "deletedItems", id]) => asking.purge(id),
        ("GET", ["servicePrincipals"]) => asking.list_principals(),
        ("POST", ["servicePrincipals"]) => asking.create_principal(),
        ("GET", ["servicePrincipals", id]) => asking.read_principal(id),
        ("GET", ["servicePrincipals", id, "appRoleAssignedTo"]) => asking.list_assigned_to(id),
        ("GET", ["servicePrincipals", id, "appRoleAssignments"]) => asking.list_assignments(id),
        ("POST", ["servicePrincipals", _, "appRoleAssignedTo" | "appRoleAssignments"]) => {
            asking.assign_role()
        }
        ("DELETE", ["servicePrincipals", _, "appRoleAssignedTo" | "appRoleAssignments", id]) => {
            asking.take_role_away(id)
        }
        ("GET", ["oauth2PermissionGrants"]) => asking.list_grants(),
        ("POST", ["oauth2PermissionGrants"]) => asking.create_grant(),
        ("GET", ["oauth2PermissionGrants", id]) => asking.read_grant(id),
        ("PATCH", ["oauth2PermissionGrants", id]) => asking.change_grant(id),
        ("DELETE", ["oauth2PermissionGrants", id]) => asking.delete_grant(id),
        _ => Err(refusal::no_such_segment(last)),
    }
}

impl Asking<'_> {
    /// One of these permissions; a person has to be an administrator as well.
    fn need(&self, wanted: &[&str]) -> Result<(), Refusal> {
        let state = self.tenant.lock();
        let person = self.bearer.kind == Kind::Delegated;
        let admin = self.bearer.user(&state).is_some_and(|user| state.world.is_admin(user));
        if self.bearer.has_any(wanted) && (admin || !person) {
            Ok(())
        } else {
            Err(refusal::insufficient_privileges())
        }
    }

    fn body(&self) -> Result<Map<String, Value>, Refusal> {
        let bytes = self.call.body.as_deref().ok_or_else(refusal::over_4_mb)?;
        if bytes.is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(bytes).map_err(|_| refusal::unreadable_body())
    }

    /// A list, filtered by `name eq 'text'` clauses, with `$select`.
    fn listed(&self, kind: &str, all: Vec<Map<String, Value>>) -> Result<Answer, Refusal> {
        let filter = self.call.query.get("$filter").map(super::messages::Filter::parse).transpose()?;
        let select = self.call.query.get("$select");
        let kept = all.into_iter().filter(|one| filter.as_ref().is_none_or(|filter| filter.matches(one)));
        let shown: Vec<Value> =
            kept.map(|one| Value::Object(super::directory::select(select, one))).collect();
        Ok(odata(&json!({
            "@odata.context": format!("{}/v1.0/$metadata#{kind}", self.call.origin()),
            "value": shown,
        })))
    }

    fn shown(&self, kind: &str, one: Map<String, Value>) -> Value {
        let mut all = Map::new();
        all.insert("@odata.context".into(), json!(format!("{}/v1.0/$metadata#{kind}", self.call.origin())));
        all.extend(super::directory::select(self.call.query.get("$select"), one));
        Value::Object(all)
    }

    /// Where Entra says that an object lies; not to be followed (additions B0).
    fn location(&self, tenant: Uuid, rest: &str) -> String {
        format!("https://graph.microsoft.com/v2/{tenant}/{rest}")
    }
}

/// From now on this is there; it is seen after the delay of the switch (additions B9).
fn replicate(state: &mut State, key: String, now: OffsetDateTime) {
    let delay = Duration::seconds(i64::from(state.world.switches.replication_delay_seconds));
    if delay.is_positive() {
        state.world.unseen.insert(key, now + delay);
    }
}

/// The application with this object id, or `appId='…'`, or `uniqueName='…'`.
fn find_application(state: &State, key: &str) -> Result<usize, Refusal> {
    let missing = || refusal::no_such_object(key);
    let of = |name: &str| key.strip_prefix(name)?.strip_prefix("='")?.strip_suffix('\'');
    let object = match (of("appId"), of("uniqueName")) {
        (Some(app_id), _) => state.world.app(app_id).map(|app| app.object_id),
        (_, Some(name)) => state.graph.registry.unique_names.get(name).copied(),
        _ => Uuid::parse_str(key).ok(),
    };
    let object = object.ok_or_else(missing)?;
    let at = state.world.apps.iter().position(|app| app.object_id == object).ok_or_else(missing)?;
    if state.world.is_unseen(&object.to_string()) { Err(missing()) } else { Ok(at) }
}

/// Whom an application signs in: this tenant's people, unless it was registered for more (additions B1).
fn audience_of<'a>(state: &'a State, app: &App) -> &'a str {
    state.graph.registry.audiences.get(&app.object_id).map_or(MY_ORG, String::as_str)
}

/// The service principal of one of Microsoft's own services: its id differs per tenant (facts 4.8).
fn principal_of(world: &World, resource: Resource) -> Uuid {
    let seed = format!("{}/{}", world.tenant.id, resource.app_id());
    Uuid::from_slice(&crate::world::sha256(seed.as_bytes())[..16]).expect("16 bytes are a GUID")
}

/// The service that this is the principal of.
fn resource_of(world: &World, id: &str) -> Option<Resource> {
    let resources = [Resource::Graph, Resource::Exchange];
    resources.into_iter().find(|one| principal_of(world, *one).to_string().eq_ignore_ascii_case(id))
}

/// The application whose service principal this is, when it is seen already.
fn client_of<'a>(world: &'a mut World, id: &str) -> Option<&'a mut App> {
    if world.is_unseen(&id.to_ascii_lowercase()) {
        return None;
    }
    let is = |app: &&mut App| {
        app.service_principal && app.service_principal_id.to_string().eq_ignore_ascii_case(id)
    };
    world.apps.iter_mut().find(is)
}

/// GUIDs in their little-endian form, one after the other, as base64url (additions B7).
fn joined_id(parts: &[Uuid]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let bytes: Vec<u8> = parts.iter().flat_map(|id| id.to_bytes_le()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_grants_are_the_guids_in_little_endian_order_one_after_the_other() {
        let principal = Uuid::from_u128(0xb0d9_b9e3_0ecf_4bfd_8dab_9273_dd05_5a94);
        let other = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        let id = joined_id(&[principal, other]);
        assert!(id.starts_with("47nZsM8O_UuN"), "the sample of additions B7: {id}");
        assert_eq!(id, "47nZsM8O_UuNq5Jz3QValDMiEQBVRHdmiJmqu8zd7v8");
        assert_eq!(
            joined_id(&[principal, other, other]),
            "47nZsM8O_UuNq5Jz3QValDMiEQBVRHdmiJmqu8zd7v8zIhEAVUR3ZoiZqrvM3e7_"
        );
    }
}
