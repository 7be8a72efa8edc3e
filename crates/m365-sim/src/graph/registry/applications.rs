//! Applications: create, read, change (lists are replaced), delete (additions B1–B3).

use super::super::refusal::{self, Refusal};
use super::{Asking, MY_ORG, READ, WRITE, audience_of, find_application, replicate, text};
use crate::graph::{odata, odata_created};
use crate::tenant::State;
use crate::timestamp;
use crate::web::Answer;
use crate::world::{App, ApplicationPermission, DelegatedPermission, Resource, permission_by_id};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const KIND: &str = "applications/$entity";
const EVERYBODY: &str = "AzureADandPersonalMicrosoftAccount";
const AUDIENCES: [&str; 4] = [MY_ORG, "AzureADMultipleOrgs", EVERYBODY, "PersonalMicrosoftAccount"];
/// Of one application (facts 1.8).
const MOST_URIS: usize = 256;

impl Asking<'_> {
    pub(super) fn list_applications(&self) -> Result<Answer, Refusal> {
        self.need(READ)?;
        let state = self.tenant.lock();
        let seen = state.world.apps.iter().filter(|app| !state.world.is_unseen(&app.object_id.to_string()));
        let all = seen.map(|app| application_json(&state, app)).collect();
        drop(state);
        self.listed("applications", all)
    }

    pub(super) fn read_application(&self, key: &str) -> Result<Answer, Refusal> {
        self.need(READ)?;
        let state = self.tenant.lock();
        let app = &state.world.apps[find_application(&state, key)?];
        Ok(odata(&self.shown(KIND, application_json(&state, app))))
    }

    /// POST, or the PATCH that creates what is missing (additions B2).
    pub(super) fn create_application(&self, unique_name: Option<&str>) -> Result<Answer, Refusal> {
        self.need(WRITE)?;
        let body = self.body()?;
        let now = self.tenant.now();
        let mut state = self.tenant.lock();
        if state.world.switches.directory_quota_exceeded {
            return Err(refusal::directory_quota());
        }
        let name = text(&body, "displayName");
        if name.is_empty() {
            return Err(refusal::bad_properties());
        }
        let mut app = App { service_principal: false, ..App::new(Uuid::new_v4(), name) };
        let (id, tenant) = (app.object_id, state.world.tenant.id);
        // What isn't said is everybody (additions B1).
        state.graph.registry.audiences.insert(id, EVERYBODY.to_owned());
        self.apply(&mut state, &mut app, &body)?;
        state.graph.registry.created.insert(id, now);
        if let Some(unique) = unique_name.or(Some(text(&body, "uniqueName")).filter(|name| !name.is_empty()))
        {
            state.graph.registry.unique_names.insert(unique.to_owned(), id);
        }
        replicate(&mut state, id.to_string(), now);
        state.world.apps.push(app.clone());
        let mut full = application_json(&state, &app);
        // More exactly than it is ever told again (additions B1).
        full.insert("createdDateTime".into(), json!(timestamp::entra_iso(now)));
        let shown = self.shown(KIND, full);
        let rest = format!("directoryObjects/{id}/Microsoft.DirectoryServices.Application");
        Ok(odata_created(&shown).with("location", &self.location(tenant, &rest)))
    }

    pub(super) fn change_application(&self, key: &str) -> Result<Answer, Refusal> {
        self.need(WRITE)?;
        let body = self.body()?;
        let mut state = self.tenant.lock();
        let found = find_application(&state, key);
        let unique = key.strip_prefix("uniqueName='").and_then(|rest| rest.strip_suffix('\''));
        let creates = self.call.header("prefer").is_some_and(|prefer| prefer.contains("create-if-missing"));
        let at = match (found, unique) {
            (Ok(at), _) => at,
            (Err(_), Some(name)) if creates => {
                drop(state);
                return self.create_application(Some(name));
            }
            (Err(refusal), _) => return Err(refusal),
        };
        let mut app = state.world.apps[at].clone();
        self.apply(&mut state, &mut app, &body)?;
        state.world.apps[at] = app;
        Ok(Answer::empty(204))
    }

    pub(super) fn delete_application(&self, key: &str) -> Result<Answer, Refusal> {
        self.need(WRITE)?;
        let mut state = self.tenant.lock();
        let at = find_application(&state, key)?;
        let app = state.world.apps.remove(at);
        state.graph.registry.unique_names.retain(|_, id| *id != app.object_id);
        state.graph.registry.deleted.push(app);
        Ok(Answer::empty(204))
    }

    pub(super) fn purge(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(WRITE)?;
        let mut state = self.tenant.lock();
        let deleted = &mut state.graph.registry.deleted;
        let before = deleted.len();
        deleted.retain(|app| !app.object_id.to_string().eq_ignore_ascii_case(id));
        if deleted.len() == before { Err(refusal::no_such_object(id)) } else { Ok(Answer::empty(204)) }
    }

    /// Members that are left out keep their values; each list that is sent is replaced.
    fn apply(&self, state: &mut State, app: &mut App, body: &Map<String, Value>) -> Result<(), Refusal> {
        // Secrets come by addPassword only (additions B1).
        if body.get("passwordCredentials").and_then(Value::as_array).is_some_and(|all| !all.is_empty()) {
            return Err(refusal::bad_properties());
        }
        if let Some(name) = body.get("displayName").and_then(Value::as_str) {
            name.clone_into(&mut app.name);
        }
        if let Some(audience) = body.get("signInAudience") {
            let known = audience.as_str().filter(|audience| AUDIENCES.contains(audience));
            let audience = known.ok_or_else(|| refusal::bad_property("signInAudience"))?;
            state.graph.registry.audiences.insert(app.object_id, audience.to_owned());
        }
        if let Some(public) = body.get("isFallbackPublicClient") {
            app.public_client = public.as_bool().unwrap_or(false);
        }
        for (platform, list) in [
            ("web", &mut app.redirect_uris),
            ("publicClient", &mut app.public_redirect_uris),
            ("spa", &mut app.spa_redirect_uris),
        ] {
            let Some(given) = body.get(platform).filter(|given| !given.is_null()) else { continue };
            let given = given.as_object().ok_or_else(|| refusal::bad_property(platform))?;
            if let Some(uris) = given.get("redirectUris") {
                *list = read_uris(uris, platform)?;
            }
        }
        if let Some(required) = body.get("requiredResourceAccess") {
            (app.delegated, app.application) =
                read_required(required).ok_or_else(|| refusal::bad_property("requiredResourceAccess"))?;
        }
        match body.get("keyCredentials").and_then(Value::as_array) {
            Some(keys) => self.replace_keys(state, app, keys),
            None => Ok(()),
        }
    }
}

/// `https`, or `http` to localhost; 256 at most of 256 characters at most, some of which can't be (facts 1.8).
fn read_uris(uris: &Value, platform: &str) -> Result<Vec<String>, Refusal> {
    let bad = || refusal::bad_property(platform);
    let all = uris.as_array().filter(|all| all.len() <= MOST_URIS).ok_or_else(bad)?;
    let read = |uri: &Value| -> Result<String, Refusal> {
        let uri =
            uri.as_str().filter(|uri| uri.len() <= 256 && !uri.contains(UNSUPPORTED)).ok_or_else(bad)?;
        let url = url::Url::parse(uri).map_err(|_| bad())?;
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
        match url.scheme() {
            "http" if !local => Err(bad()),
            _ => Ok(uri.to_owned()),
        }
    };
    all.iter().map(read).collect()
}

/// And no wildcard.
const UNSUPPORTED: [char; 8] = ['!', '$', '\'', '(', ')', ',', ';', '*'];

type Required = (Vec<DelegatedPermission>, Vec<ApplicationPermission>);

fn read_required(required: &Value) -> Option<Required> {
    let (mut delegated, mut application) = (Vec::new(), Vec::new());
    for resource in required.as_array()? {
        let of = resource.get("resourceAppId")?.as_str()?;
        let of = [Resource::Graph, Resource::Exchange].into_iter().find(|one| one.app_id() == of)?;
        for access in resource.get("resourceAccess")?.as_array()? {
            let id = access.get("id")?.as_str()?;
            match access.get("type")?.as_str()? {
                "Scope" => delegated.push(permission_by_id::delegated(of, id)?),
                "Role" => application.push(permission_by_id::application(of, id)?),
                _ => return None,
            }
        }
    }
    Some((delegated, application))
}

fn required_json(app: &App) -> Value {
    let mut all = Vec::new();
    for resource in [Resource::Graph, Resource::Exchange] {
        let scopes = app.delegated.iter().filter(|one| one.resource() == resource);
        let roles = app.application.iter().filter(|one| one.resource() == resource);
        let access: Vec<Value> = scopes
            .map(|one| json!({"id": permission_by_id::scope(one.name()), "type": "Scope"}))
            .chain(roles.map(|one| json!({"id": permission_by_id::role(one.name()), "type": "Role"})))
            .collect();
        if !access.is_empty() {
            all.push(json!({"resourceAppId": resource.app_id(), "resourceAccess": access}));
        }
    }
    Value::Array(all)
}

/// The members in the order of recorded answers (additions B1).
fn application_json(state: &State, app: &App) -> Map<String, Value> {
    let registry = &state.graph.registry;
    let created = registry.created.get(&app.object_id).map(|at| timestamp::seconds(*at));
    let unique = registry.unique_names.iter().find(|(_, id)| **id == app.object_id).map(|(name, _)| name);
    let audience = audience_of(state, app);
    let full = json!({
        "id": app.object_id,
        "deletedDateTime": null,
        "appId": app.client_id,
        "applicationTemplateId": null,
        "disabledByMicrosoftStatus": null,
        "createdDateTime": created,
        "displayName": app.name,
        "description": null,
        "groupMembershipClaims": null,
        "identifierUris": [],
        "isDeviceOnlyAuthSupported": null,
        "isFallbackPublicClient": app.public_client,
        "notes": null,
        "publisherDomain": state.world.tenant.domain,
        "serviceManagementReference": null,
        "signInAudience": audience,
        "tags": [],
        "tokenEncryptionKeyId": null,
        "uniqueName": unique,
        "defaultRedirectUri": null,
        "certification": null,
        "optionalClaims": null,
        "addIns": [],
        "api": {"acceptMappedClaims": null, "knownClientApplications": [], "requestedAccessTokenVersion": (audience == EVERYBODY).then_some(2),
            "oauth2PermissionScopes": [], "preAuthorizedApplications": []},
        "appRoles": [],
        "info": {"logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null, "termsOfServiceUrl": null},
        "keyCredentials": registry.credentials.keys_json(app),
        "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
        "passwordCredentials": registry.credentials.passwords_json(app),
        "publicClient": {"redirectUris": app.public_redirect_uris},
        "requiredResourceAccess": required_json(app),
        "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
        "web": {"homePageUrl": null, "logoutUrl": null, "redirectUris": app.redirect_uris,
            "implicitGrantSettings": {"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false}},
        "spa": {"redirectUris": app.spa_redirect_uris},
    });
    full.as_object().expect("written as an object").clone()
}
