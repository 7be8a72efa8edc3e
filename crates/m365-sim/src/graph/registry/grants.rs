//! What is granted: application permissions (appRoleAssignedTo) and delegated ones (oauth2PermissionGrants),
//! with ids computed from those whom they join (additions B7).

use super::super::refusal::{self, Refusal};
use super::{Asking, client_of, joined_id, principal_of, resource_of, text};
use crate::graph::{odata, odata_created};
use crate::tenant::State;
use crate::timestamp;
use crate::web::Answer;
use crate::world::{
    App, ApplicationPermission, Consent, DelegatedPermission, Resource, World, delegated_permission,
    permission_by_id,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const ASSIGN: &[&str] = &["AppRoleAssignment.ReadWrite.All"];
const GRANT: &[&str] = &["DelegatedPermissionGrant.ReadWrite.All"];
/// The second permission that both need.
const READ_ALL: &[&str] = &["Application.Read.All", "Application.ReadWrite.All"];

/// A role of a service, given to an application.
struct Assignment<'a> {
    app: &'a App,
    role: &'a ApplicationPermission,
}

impl Asking<'_> {
    pub(super) fn assign_role(&self) -> Result<Answer, Refusal> {
        self.need(ASSIGN)?;
        self.need(READ_ALL)?;
        let body = self.body()?;
        let mut guard = self.tenant.lock();
        let world = &mut guard.world;
        let resource = resource_of(world, text(&body, "resourceId")).ok_or_else(refusal::bad_reference)?;
        let role = permission_by_id::application(resource, text(&body, "appRoleId"));
        let role = role.ok_or_else(refusal::bad_reference)?;
        let app = client_of(world, text(&body, "principalId")).ok_or_else(refusal::bad_reference)?;
        if app.granted_roles(resource).contains(&role.name()) {
            return Err(refusal::role_assigned_already());
        }
        app.app_roles.push(role.clone());
        let app = app.clone();
        let id = assignment_id(app.service_principal_id, &role);
        guard.graph.registry.assigned.insert(id, self.tenant.now());
        let one = assignment_json(&guard, &Assignment { app: &app, role: &role });
        let kind = format!("servicePrincipals('{}')/appRoleAssignedTo/$entity", text(&one, "resourceId"));
        Ok(odata_created(&self.shown(&kind, one)))
    }

    pub(super) fn list_assigned_to(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(READ_ALL)?;
        let state = self.tenant.lock();
        let resource = resource_of(&state.world, id).ok_or_else(|| refusal::no_such_object(id))?;
        let all = assignments(&state, |one| one.role.resource() == resource);
        drop(state);
        self.listed(&format!("servicePrincipals('{id}')/appRoleAssignedTo"), all)
    }

    pub(super) fn list_assignments(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(READ_ALL)?;
        let state = self.tenant.lock();
        let of = |one: &Assignment<'_>| one.app.service_principal_id.to_string().eq_ignore_ascii_case(id);
        let all = assignments(&state, of);
        drop(state);
        self.listed(&format!("servicePrincipals('{id}')/appRoleAssignments"), all)
    }

    pub(super) fn take_role_away(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(ASSIGN)?;
        let mut state = self.tenant.lock();
        for app in &mut state.world.apps {
            let of = app.service_principal_id;
            let mut changed = app.with_consent_written_out();
            let before = changed.app_roles.len();
            changed.app_roles.retain(|role| assignment_id(of, role) != id);
            if changed.app_roles.len() < before {
                *app = changed;
                return Ok(Answer::empty(204));
            }
        }
        Err(refusal::no_such_object(id))
    }

    pub(super) fn create_grant(&self) -> Result<Answer, Refusal> {
        self.need(GRANT)?;
        self.need(READ_ALL)?;
        let body = self.body()?;
        let mut guard = self.tenant.lock();
        let world = &mut guard.world;
        let resource = resource_of(world, text(&body, "resourceId")).ok_or_else(refusal::bad_reference)?;
        let user = match (text(&body, "consentType"), text(&body, "principalId")) {
            ("AllPrincipals", "") => None,
            ("Principal", id) if !id.is_empty() => {
                Some(world.user(id).ok_or_else(refusal::bad_reference)?.upn.to_ascii_lowercase())
            }
            _ => return Err(refusal::bad_properties()),
        };
        let wanted = Consent { user, scopes: read_scopes(resource, text(&body, "scope"))? };
        let client = client_of(world, text(&body, "clientId")).ok_or_else(refusal::bad_reference)?;
        let client = client.service_principal_id;
        let id = grant_id(world, client, resource, &wanted);
        if find_grant(world, &id).is_ok() {
            return Err(refusal::grant_exists());
        }
        let app = client_of(world, &client.to_string()).ok_or_else(refusal::bad_reference)?;
        app.keep_consent(wanted.user.as_deref(), &wanted.scopes);
        let one = find_grant(world, &id)?;
        let rest = format!("oauth2PermissionGrants/{}", text(&one, "id"));
        let location = self.location(world.tenant.id, &rest);
        let shown = self.shown("oauth2PermissionGrants/$entity", one);
        Ok(odata_created(&shown).with("location", &location))
    }

    pub(super) fn list_grants(&self) -> Result<Answer, Refusal> {
        self.need(&[GRANT, READ_ALL].concat())?;
        let all = grants(&self.tenant.lock().world);
        self.listed("oauth2PermissionGrants", all)
    }

    pub(super) fn read_grant(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(&[GRANT, READ_ALL].concat())?;
        let one = find_grant(&self.tenant.lock().world, id)?;
        Ok(odata(&self.shown("oauth2PermissionGrants/$entity", one)))
    }

    /// PATCH sets the whole list of scopes.
    pub(super) fn change_grant(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(GRANT)?;
        let body = self.body()?;
        self.rewrite(id, |resource| read_scopes(resource, text(&body, "scope")))
    }

    pub(super) fn delete_grant(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(GRANT)?;
        self.rewrite(id, |_| Ok(Vec::new()))
    }

    /// Puts other scopes of the same resource into the grant of this id.
    fn rewrite(
        &self,
        id: &str,
        scopes: impl Fn(Resource) -> Result<Vec<DelegatedPermission>, Refusal>,
    ) -> Result<Answer, Refusal> {
        let mut guard = self.tenant.lock();
        let world = guard.world.clone();
        for app in &mut guard.world.apps {
            let client = app.service_principal_id;
            let mut changed = app.with_consent_written_out();
            for consent in &mut changed.consents {
                for resource in [Resource::Graph, Resource::Exchange] {
                    let has = consent.scopes.iter().any(|scope| scope.resource() == resource);
                    if !has || grant_id(&world, client, resource, consent) != id {
                        continue;
                    }
                    let new = scopes(resource)?;
                    consent.scopes.retain(|scope| scope.resource() != resource);
                    consent.scopes.extend(new);
                    changed.consents.retain(|consent| !consent.scopes.is_empty());
                    *app = changed;
                    return Ok(Answer::empty(204));
                }
            }
        }
        Err(refusal::no_such_object(id))
    }
}

/// A grant of nothing is refused; with which answer was not seen.
fn read_scopes(resource: Resource, text: &str) -> Result<Vec<DelegatedPermission>, Refusal> {
    let read = |name: &str| delegated_permission(resource, name).ok_or_else(refusal::bad_properties);
    let scopes: Vec<_> = text.split_ascii_whitespace().map(read).collect::<Result<_, _>>()?;
    if scopes.is_empty() { Err(refusal::bad_properties()) } else { Ok(scopes) }
}

fn assignments(state: &State, wanted: impl Fn(&Assignment<'_>) -> bool) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    for app in state.world.apps.iter().map(App::with_consent_written_out) {
        for role in &app.app_roles {
            let one = Assignment { app: &app, role };
            if wanted(&one) {
                found.push(assignment_json(state, &one));
            }
        }
    }
    found
}

fn assignment_json(state: &State, one: &Assignment<'_>) -> Map<String, Value> {
    let resource = one.role.resource();
    let id = assignment_id(one.app.service_principal_id, one.role);
    let created = state.graph.registry.assigned.get(&id).copied().unwrap_or(state.started);
    let full = json!({
        "id": id,
        "deletedDateTime": null,
        "appRoleId": permission_by_id::role(one.role.name()),
        "createdDateTime": timestamp::seconds(created),
        "principalDisplayName": one.app.name,
        "principalId": one.app.service_principal_id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource.display_name(),
        "resourceId": principal_of(&state.world, resource),
    });
    full.as_object().expect("written as an object").clone()
}

/// The principal's bytes and 16 others (additions B7): here, of the role's hash.
fn assignment_id(principal: Uuid, role: &ApplicationPermission) -> String {
    let hash = crate::world::sha256(format!("{principal}/{}", role.name()).as_bytes());
    joined_id(&[principal, Uuid::from_slice(&hash[..16]).expect("16 bytes are a GUID")])
}

fn grant_id(world: &World, client: Uuid, resource: Resource, consent: &Consent) -> String {
    let mut parts = vec![client, principal_of(world, resource)];
    parts.extend(principal_id(world, consent));
    joined_id(&parts)
}

fn principal_id(world: &World, consent: &Consent) -> Option<Uuid> {
    consent.user.as_deref().and_then(|upn| world.user(upn)).map(|user| user.id)
}

/// One object for each application, resource, and person or everyone.
fn grants(world: &World) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    for app in world.apps.iter().map(App::with_consent_written_out) {
        for consent in &app.consents {
            for resource in [Resource::Graph, Resource::Exchange] {
                let of = consent.scopes.iter().filter(|scope| scope.resource() == resource);
                let scope: Vec<&str> = of.map(DelegatedPermission::name).collect();
                if scope.is_empty() {
                    continue;
                }
                let full = json!({
                    "clientId": app.service_principal_id,
                    "consentType": if consent.user.is_some() { "Principal" } else { "AllPrincipals" },
                    "id": grant_id(world, app.service_principal_id, resource, consent),
                    "principalId": principal_id(world, consent),
                    "resourceId": principal_of(world, resource),
                    "scope": scope.join(" "),
                });
                found.push(full.as_object().expect("written as an object").clone());
            }
        }
    }
    found
}

fn find_grant(world: &World, id: &str) -> Result<Map<String, Value>, Refusal> {
    let one = grants(world).into_iter().find(|one| text(one, "id") == id);
    one.ok_or_else(|| refusal::no_such_object(id))
}
