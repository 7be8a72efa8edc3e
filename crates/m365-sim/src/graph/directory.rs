//! Users as the directory shows them: the user, his licences, userinfo.

use super::bearer::Bearer;
use super::messages::Filter;
use super::refusal::{self, Refusal};
use super::{Action, Asking, odata};
use crate::tenant::Tenant;
use crate::timestamp;
use crate::web::{Answer, Call};
use crate::world::{License, ServicePlan, User};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

impl Asking<'_> {
    pub(super) fn read_directory(&self, action: Action) -> Result<Answer, Refusal> {
        let path = self.context_path();
        match action {
            Action::ReadUser => Ok(odata(&self.selected(user_json(&self.user), "users/$entity"))),
            Action::ReadLicenses => Ok(odata(&json!({
                "@odata.context": format!("{}/v1.0/$metadata#{path}/licenseDetails", self.call.origin()),
                "value": self.user.licenses.iter().map(|license| license_json(*license)).collect::<Vec<_>>(),
            }))),
            _ => Err(refusal::no_such_segment(path.as_str())),
        }
    }

    pub(super) fn context_path(&self) -> String {
        format!("users('{}')", self.user.id)
    }

    /// Applies `$select` and puts the context in front.
    pub(super) fn selected(&self, full: Map<String, Value>, kind: &str) -> Value {
        let mut shown = Map::new();
        shown.insert("@odata.context".into(), json!(format!("{}/v1.0/$metadata#{kind}", self.call.origin())));
        shown.extend(select(self.call.query.get("$select"), full));
        Value::Object(shown)
    }
}

/// Keeps the members that `$select` names; all of them without it.
pub(super) fn select(list: Option<&str>, full: Map<String, Value>) -> Map<String, Value> {
    let Some(list) = list else { return full };
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    full.into_iter()
        .filter(|(name, _)| name == "id" || names.iter().any(|one| one.eq_ignore_ascii_case(name)))
        .collect()
}

/// OpenID Connect's userinfo.
pub(super) fn userinfo(tenant: &Tenant, bearer: &Bearer) -> Result<Answer, Refusal> {
    let state = tenant.lock();
    let user =
        bearer.user(&state).filter(|_| bearer.has_any(&["openid"])).ok_or_else(refusal::access_denied)?;
    Ok(Answer::json(
        200,
        &json!({
            "sub": URL_SAFE_NO_PAD.encode(user.id.as_bytes()),
            "name": user.name,
            "email": user.mail,
            "picture": "https://graph.microsoft.com/v1.0/me/photo/$value",
        }),
    ))
}

/// All users, with `$filter`, `$top` and `$select`.
pub(super) fn list_users(tenant: &Tenant, call: &Call, bearer: &Bearer) -> Result<Answer, Refusal> {
    need(call, bearer, &["User.Read.All"])?;
    let filter = call.query.get("$filter").map(Filter::parse).transpose()?;
    let top = call.query.get("$top").and_then(|text| text.parse().ok()).unwrap_or(100);
    let users = tenant.lock().world.users.clone();
    let fitting =
        users.iter().map(user_json).filter(|user| filter.as_ref().is_none_or(|one| one.matches(user)));
    Ok(list(call, "users", fitting.take(top)))
}

/// The tenant itself.
pub(super) fn organization(tenant: &Tenant, call: &Call, bearer: &Bearer) -> Result<Answer, Refusal> {
    need(call, bearer, &["Organization.Read.All", "User.Read"])?;
    let info = tenant.lock().world.tenant.clone();
    let domain = json!({"capabilities": "Email", "isDefault": true, "isInitial": false, "name": info.domain, "type": "Managed"});
    let full = json!({"id": info.id, "displayName": info.name, "countryLetterCode": null, "tenantType": "AAD",
        "technicalNotificationMails": [], "verifiedDomains": [domain]});
    let only = full.as_object().expect("written as an object").clone();
    Ok(list(call, "organization", std::iter::once(only)))
}

fn need(call: &Call, bearer: &Bearer, wanted: &[&str]) -> Result<(), Refusal> {
    if call.method != http::Method::GET {
        return Err(refusal::method_not_allowed());
    }
    if bearer.has_any(wanted) { Ok(()) } else { Err(refusal::insufficient_privileges()) }
}

fn list(call: &Call, kind: &str, all: impl Iterator<Item = Map<String, Value>>) -> Answer {
    let shown = all.map(|one| Value::Object(select(call.query.get("$select"), one)));
    odata(&json!({
        "@odata.context": format!("{}/v1.0/$metadata#{kind}", call.origin()),
        "value": shown.collect::<Vec<_>>(),
    }))
}

fn user_json(user: &User) -> Map<String, Value> {
    let assigned: Vec<Value> = user
        .licenses
        .iter()
        .flat_map(|license| license.plans())
        .map(|plan| {
            json!({"assignedDateTime": "2026-01-01T00:00:00Z", "capabilityStatus": "Enabled",
                "service": if plan.name.starts_with("EXCHANGE") { "exchange" } else { "PowerBI" }, "servicePlanId": plan.id})
        })
        .collect();
    let full = json!({
        "businessPhones": [],
        "displayName": user.name,
        "givenName": user.name.split(' ').next(),
        "jobTitle": null,
        "mail": if user.has_mailbox() { user.mail.as_deref().or(Some(&user.upn)) } else { None },
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": user.name.split_once(' ').map(|(_, rest)| rest),
        "userPrincipalName": user.upn,
        "id": user.id,
        "accountEnabled": user.enabled,
        "assignedPlans": assigned,
    });
    full.as_object().expect("written as an object").clone()
}

fn license_json(license: License) -> Value {
    let plans: Vec<Value> = license.plans().iter().map(plan_json).collect();
    let id = Uuid::parse_str(license.sku_id()).expect("the catalogue has GUIDs");
    json!({
        "id": URL_SAFE_NO_PAD.encode(id.as_bytes()),
        "skuId": license.sku_id(),
        "skuPartNumber": license.part_number(),
        "servicePlans": plans,
    })
}

fn plan_json(plan: &ServicePlan) -> Value {
    json!({
        "servicePlanId": plan.id,
        "servicePlanName": plan.name,
        "provisioningStatus": "Success",
        "appliesTo": if plan.mailbox { "User" } else { "Company" },
    })
}

impl Asking<'_> {
    /// The mailbox's settings (MailboxSettings.Read).
    pub(super) fn settings(&self) -> Answer {
        let kind = format!("{}/mailboxSettings", self.context_path());
        let full = json!({
            "archiveFolder": null,
            "timeZone": "UTC",
            "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
            "dateFormat": "yyyy-MM-dd",
            "timeFormat": "HH:mm",
            "userPurpose": if self.user.shared { "shared" } else { "user" },
            "automaticRepliesSetting": {"status": "disabled", "externalAudience": "all",
                "scheduledStartDateTime": {"dateTime": timestamp::graph_error(self.tenant.now()), "timeZone": "UTC"}},
        });
        odata(&self.selected(full.as_object().expect("written as an object").clone(), &kind))
    }
}
