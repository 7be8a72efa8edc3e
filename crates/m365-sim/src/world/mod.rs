//! What the simulated tenant is made of: applications, users, switches, the clock's offset.
//! This is the JSON of `--world` and of the control port; it never holds what happens while the
//! simulator runs (mail, tokens, requests): that is `tenant`'s.

mod app;
mod certificate;
mod demo;
mod license;
mod permission;
pub(crate) mod permission_by_id;
mod said;
mod switches;
mod user;

pub use app::{App, Consent, Secret};
pub use certificate::{RegisteredCertificate, UnreadableCertificate};
pub use license::{License, UnknownLicense};
pub use permission::{ApplicationPermission, DelegatedPermission, UnknownPermission};
pub use said::{NotAReply, NotAnOperation, Operation, Said, SaidReply, SaidTo};
pub use switches::{Basic, Outage, SWITCHES, SwitchInfo, Switches, UserConsent};
pub use user::User;

pub(crate) use certificate::{rsa_parts, sha256};
pub(crate) use license::ServicePlan;
pub(crate) use permission::{Resource, delegated_permission};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Why a world, or a change of one, was refused.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The JSON doesn't have the form of a world; the text names the field.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// Two objects claim one name.
    #[error("{what} '{name}' is there twice")]
    Twice {
        /// "app" or "user".
        what: &'static str,
        /// The id that is there twice.
        name: String,
    },
    /// A value is not possible; the text says which and why.
    #[error("{0}")]
    Value(String),
}

/// The tenant itself: directory id, verified domain, display name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantInfo {
    /// Directory (tenant) id.
    pub id: Uuid,
    /// The verified domain, lower case.
    pub domain: String,
    /// What people call the organisation.
    pub name: String,
}

impl Default for TenantInfo {
    fn default() -> Self {
        Self { id: Uuid::new_v4(), domain: "contoso.example".into(), name: "Contoso".into() }
    }
}

/// Everything that is set up, as opposed to what happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// The directory.
    pub tenant: TenantInfo,
    /// Registered applications.
    pub apps: Vec<App>,
    /// People and shared mailboxes.
    pub users: Vec<User>,
    /// What goes wrong on purpose.
    pub switches: Switches,
    /// How far the simulated clock is ahead of the real one (negative: behind), in seconds.
    pub clock_offset_seconds: i64,
    /// What was made a moment ago and isn't seen everywhere yet, and when it will be (additions B9).
    #[serde(skip)]
    pub(crate) unseen: BTreeMap<String, OffsetDateTime>,
}

impl World {
    /// An empty tenant with this verified domain.
    pub fn new(domain: &str) -> Self {
        let tenant = TenantInfo { domain: domain.to_ascii_lowercase(), ..TenantInfo::default() };
        Self { tenant, ..Self::default() }
    }

    /// Reads the JSON of `--world`.
    ///
    /// # Errors
    /// [`WorldError`] names the field that is unknown, of the wrong form, or impossible.
    pub fn from_json(text: &str) -> Result<Self, WorldError> {
        Self::default().changed(&serde_json::from_str(text)?)
    }

    /// Adds an application.
    #[must_use]
    pub fn with_app(mut self, app: App) -> Self {
        self.apps.push(app);
        self
    }

    /// Adds a user.
    #[must_use]
    pub fn with_user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// This world with the fields of `change` in place of its own; a list replaces the list.
    ///
    /// # Errors
    /// As [`World::from_json`]; then nothing has changed.
    pub fn changed(&self, change: &Value) -> Result<Self, WorldError> {
        let mut form = serde_json::to_value(self)?;
        let given = object(change, "a world")?;
        for (name, value) in given {
            match name.as_str() {
                "tenant" => form[name] = json!(laid_over(&self.tenant, value, name)?),
                "switches" => form[name] = json!(laid_over(&self.switches, value, name)?),
                "apps" => form[name] = complete(value, "apps", |v| App::from_change(None, v))?,
                "users" => form[name] = complete(value, "users", |v| User::from_change(None, v))?,
                "clock_offset_seconds" => form[name] = json!(clock_offset(value)?),
                _ => form[name] = value.clone(),
            }
        }
        let world = Self { unseen: self.unseen.clone(), ..serde_json::from_value(form)? };
        world.check()?;
        Ok(world)
    }

    /// The application with this client id.
    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id.to_string().eq_ignore_ascii_case(client_id))
    }

    /// The user whose sign-in name or mail address this is, or whose object id.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.is(name))
    }

    /// Whether this object (by id), or key (`object/THUMBPRINT`), isn't replicated yet.
    pub(crate) fn is_unseen(&self, key: &str) -> bool {
        self.unseen.contains_key(key)
    }

    /// Whether this user administers the tenant. In a world that names no administrator, all do.
    pub(crate) fn is_admin(&self, user: &User) -> bool {
        user.admin || !self.users.iter().any(|user| user.admin)
    }

    fn check(&self) -> Result<(), WorldError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        if !self.tenant.domain.contains('.') || !self.tenant.domain.chars().all(plain) {
            return Err(WorldError::Value(format!("tenant domain '{}' is no domain", self.tenant.domain)));
        }
        no_twins("app", self.apps.iter().map(|app| app.client_id.to_string()))?;
        no_twins("user", self.users.iter().map(|user| user.upn.to_ascii_lowercase()))
    }
}

/// The members of a JSON object.
pub(crate) fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, WorldError> {
    value.as_object().ok_or_else(|| WorldError::Value(format!("{what} must be a JSON object")))
}

/// `known` with the members of `change` in place of its own.
///
/// # Errors
/// Names the member that is unknown or of the wrong form.
pub(crate) fn laid_over<T: Serialize + DeserializeOwned>(
    known: &T,
    change: &Value,
    what: &str,
) -> Result<T, WorldError> {
    let mut form = serde_json::to_value(known)?;
    for (name, value) in object(change, what)? {
        form[name] = value.clone();
        if let Err(error) = T::deserialize(&form) {
            return Err(WorldError::Value(format!("{what}: {name}: {error}")));
        }
    }
    Ok(serde_json::from_value(form)?)
}

/// How far the clock may be moved: a hundred years each way.
const MOST_SECONDS: i64 = 3_155_760_000;

/// # Errors
/// When the clock can't be moved so far.
pub(crate) fn clock_offset(seconds: &Value) -> Result<i64, WorldError> {
    let offset = seconds.as_i64().filter(|seconds| (-MOST_SECONDS..=MOST_SECONDS).contains(seconds));
    offset.ok_or_else(|| {
        WorldError::Value(format!(
            "clock_offset_seconds: the clock can be moved by whole seconds, {MOST_SECONDS} at most, not by {seconds}"
        ))
    })
}

fn complete<T: Serialize>(
    list: &Value,
    what: &str,
    read: impl Fn(&Value) -> Result<T, WorldError>,
) -> Result<Value, WorldError> {
    let items = list.as_array().ok_or_else(|| WorldError::Value(format!("{what} must be a list")))?;
    let items: Vec<T> = items.iter().map(read).collect::<Result<_, _>>()?;
    Ok(serde_json::to_value(items)?)
}

fn no_twins(what: &'static str, names: impl Iterator<Item = String>) -> Result<(), WorldError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(WorldError::Twice { what, name });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let world = World::demo(&["https://localhost:4443/authorize"]);
        let changed = world.changed(&json!({"switches": {"ca_block": true}})).unwrap();
        assert!(changed.switches.ca_block);
        assert_eq!(changed.apps, world.apps);
        assert_eq!(changed.tenant, world.tenant);
    }

    #[test]
    fn a_list_that_is_given_replaces_the_list() {
        let world = World::demo(&["https://localhost:4443/authorize"]);
        let changed = world.changed(&json!({"users": [{"upn": "solo@contoso.example"}]})).unwrap();
        assert_eq!(changed.users.len(), 1);
        assert!(changed.users[0].has_mailbox());
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let error = World::default().changed(&json!({"planets": 1})).unwrap_err().to_string();
        assert!(error.contains("planets"), "{error}");
        let error = World::default().changed(&json!({"switches": {"rain": true}})).unwrap_err().to_string();
        assert!(error.contains("rain"), "{error}");
    }

    #[test]
    fn what_a_world_writes_it_reads_back() {
        let world = World::demo(&["https://localhost:4443/authorize"]);
        let text = serde_json::to_string(&world).unwrap();
        assert_eq!(World::from_json(&text).unwrap(), world);
    }

    #[test]
    fn two_users_of_one_name_are_refused() {
        let twins = json!({"users": [{"upn": "a@contoso.example"}, {"upn": "A@contoso.example"}]});
        let error = World::default().changed(&twins).unwrap_err().to_string();
        assert!(error.contains("a@contoso.example"), "{error}");
    }
}
