//! Service principals: the applications' own, and those of Microsoft Graph and Exchange Online, whose
//! permissions are listed with their ids (additions B4).

use super::super::refusal::{self, Refusal};
use super::{Asking, READ, WRITE, audience_of, principal_of, replicate, text};
use crate::graph::{odata, odata_created};
use crate::tenant::State;
use crate::web::Answer;
use crate::world::{App, Resource, World, permission_by_id};
use serde_json::{Map, Value, json};

const KIND: &str = "servicePrincipals/$entity";

impl Asking<'_> {
    pub(super) fn list_principals(&self) -> Result<Answer, Refusal> {
        self.need(READ)?;
        let all = all_principals(&self.tenant.lock());
        self.listed("servicePrincipals", all)
    }

    pub(super) fn read_principal(&self, key: &str) -> Result<Answer, Refusal> {
        self.need(READ)?;
        let all = all_principals(&self.tenant.lock());
        let app_id = key.strip_prefix("appId='").and_then(|rest| rest.strip_suffix('\''));
        let (name, wanted) = app_id.map_or(("id", key), |app_id| ("appId", app_id));
        let is = |one: &Map<String, Value>| text(one, name).eq_ignore_ascii_case(wanted);
        let one = all.into_iter().find(is).ok_or_else(|| refusal::no_such_object(key))?;
        Ok(odata(&self.shown(KIND, one)))
    }

    pub(super) fn create_principal(&self) -> Result<Answer, Refusal> {
        self.need(WRITE)?;
        let body = self.body()?;
        let app_id = text(&body, "appId");
        let now = self.tenant.now();
        let mut state = self.tenant.lock();
        let seen = |app: &&App| !state.world.is_unseen(&app.object_id.to_string());
        // Two answers were seen; the sentence of the one fits the narrower permission.
        let missing = || match self.bearer.has_any(&["Application.ReadWrite.All"]) {
            true => refusal::no_backing_application(app_id),
            false => refusal::not_in_local_tenant(),
        };
        let app = state.world.app(app_id).filter(seen).ok_or_else(missing)?;
        if app.service_principal {
            return Err(refusal::principal_exists(app_id));
        }
        let id = app.service_principal_id;
        let known = state.world.apps.iter_mut().find(|app| app.service_principal_id == id);
        let known = known.expect("it was found under the same lock");
        known.service_principal = true;
        let shown = self.shown(KIND, of_application(&known.clone(), &state));
        replicate(&mut state, id.to_string(), now);
        let rest = format!("directoryObjects/{id}/Microsoft.DirectoryServices.ServicePrincipal");
        let location = self.location(state.world.tenant.id, &rest);
        Ok(odata_created(&shown).with("location", &location))
    }
}

fn all_principals(state: &State) -> Vec<Map<String, Value>> {
    let world = &state.world;
    let seen = |app: &&App| app.service_principal && !world.is_unseen(&app.service_principal_id.to_string());
    let own = world.apps.iter().filter(seen).map(|app| of_application(app, state));
    let services = [Resource::Graph, Resource::Exchange];
    let there =
        services.into_iter().filter(|one| *one == Resource::Graph || !world.switches.exchange_missing);
    own.chain(there.map(|resource| of_service(resource, world))).collect()
}

/// The members in the order of recorded answers.
fn of_application(app: &App, state: &State) -> Map<String, Value> {
    let world = &state.world;
    let full = json!({
        "id": app.service_principal_id,
        "deletedDateTime": null,
        "accountEnabled": !world.switches.app_disabled,
        "alternativeNames": [],
        "appDisplayName": app.name,
        "appDescription": null,
        "appId": app.client_id,
        "applicationTemplateId": null,
        "appOwnerOrganizationId": world.tenant.id,
        "appRoleAssignmentRequired": false,
        "createdDateTime": null,
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": app.name,
        "homepage": null,
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null,
        "replyUrls": app.redirect_uris,
        "servicePrincipalNames": [app.client_id],
        "servicePrincipalType": "Application",
        "signInAudience": audience_of(state, app),
        "tags": [],
        "tokenEncryptionKeyId": null,
        "samlSingleSignOnSettings": null,
        "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
        "addIns": [],
        "appRoles": [],
        "info": {"logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null, "termsOfServiceUrl": null},
        "keyCredentials": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "resourceSpecificApplicationPermissions": [],
    });
    full.as_object().expect("written as an object").clone()
}

fn of_service(resource: Resource, world: &World) -> Map<String, Value> {
    let name = resource.display_name();
    let full = json!({
        "id": principal_of(world, resource),
        "deletedDateTime": null,
        "accountEnabled": true,
        "appDisplayName": name,
        "appId": resource.app_id(),
        "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "appRoleAssignmentRequired": false,
        "displayName": name,
        "servicePrincipalType": "Application",
        "appRoles": permission_by_id::roles_json(resource),
        "oauth2PermissionScopes": permission_by_id::scopes_json(resource),
    });
    full.as_object().expect("written as an object").clone()
}
