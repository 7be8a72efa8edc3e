//! An application registration with its enterprise application, credentials and consents.
//! It knows nothing of tokens; `entra` asks it what was registered and granted.

use super::permission::{ApplicationPermission, DelegatedPermission, Resource};
use super::{RegisteredCertificate, WorldError, laid_over};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

/// A client secret. Its value is a test's own, so it is readable by the control port.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The value that the client sends.
    pub value: String,
    /// When it ends; never, when absent.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub expires: Option<OffsetDateTime>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("value", &"<redacted>").field("expires", &self.expires).finish()
    }
}

/// What one user, or an administrator for everyone, has consented to beside `admin_consent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The user's sign-in name; absent when it holds for everyone.
    #[serde(default)]
    pub user: Option<String>,
    /// The delegated permissions.
    pub scopes: Vec<DelegatedPermission>,
}

/// An application registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct App {
    /// Application (client) id.
    pub client_id: Uuid,
    /// Object id of the registration.
    pub object_id: Uuid,
    /// Object id of the enterprise application (service principal); `oid` of app-only tokens.
    pub service_principal_id: Uuid,
    /// Display name.
    pub name: String,
    /// Redirect URIs of the platform Web.
    pub redirect_uris: Vec<String>,
    /// Redirect URIs of the platform "Mobile and desktop": such a client may send no credential.
    pub public_redirect_uris: Vec<String>,
    /// Redirect URIs of the platform "Single-page application": no credential, and refresh tokens of a day.
    pub spa_redirect_uris: Vec<String>,
    /// "Allow public client flows" is Yes: device code without a credential.
    pub public_client: bool,
    /// Certificates registered, as PEM.
    pub certificates: Vec<RegisteredCertificate>,
    /// Client secrets.
    pub secrets: Vec<Secret>,
    /// Delegated permissions configured.
    pub delegated: Vec<DelegatedPermission>,
    /// Application permissions configured.
    pub application: Vec<ApplicationPermission>,
    /// An administrator has granted all that is configured. When one of these grants is changed through Graph, they
    /// are written out into `consents` and `app_roles`.
    pub admin_consent: bool,
    /// Consents beside that.
    pub consents: Vec<Consent>,
    /// Application permissions granted beside that.
    pub app_roles: Vec<ApplicationPermission>,
    /// There is a service principal (enterprise application) in the tenant.
    pub service_principal: bool,
    /// Mailboxes on which the app's Exchange service principal has Full Access (app-only SMTP);
    /// null: all of them.
    pub mailbox_permissions: Option<Vec<String>>,
    /// Mailboxes in the scope of an RBAC role assignment "Application SMTP.SendAsApp": SMTP works
    /// for them without any Entra permission.
    pub rbac_smtp_mailboxes: Vec<String>,
}

impl Default for App {
    fn default() -> Self {
        Self::new(Uuid::new_v4(), "Application")
    }
}

impl App {
    /// A registration with nothing in it.
    pub fn new(client_id: Uuid, name: &str) -> Self {
        Self {
            client_id,
            object_id: Uuid::new_v4(),
            service_principal_id: Uuid::new_v4(),
            name: name.to_owned(),
            redirect_uris: Vec::new(),
            public_redirect_uris: Vec::new(),
            spa_redirect_uris: Vec::new(),
            public_client: false,
            certificates: Vec::new(),
            secrets: Vec::new(),
            delegated: Vec::new(),
            application: Vec::new(),
            admin_consent: false,
            consents: Vec::new(),
            app_roles: Vec::new(),
            service_principal: true,
            mailbox_permissions: None,
            rbac_smtp_mailboxes: Vec::new(),
        }
    }

    /// The app that results from laying `change` over `known` (or over a new one).
    ///
    /// # Errors
    /// [`WorldError`] names the field.
    pub fn from_change(known: Option<&Self>, change: &Value) -> Result<Self, WorldError> {
        let app: Self = laid_over(&known.cloned().unwrap_or_default(), change, "an app")?;
        app.check()?;
        Ok(app)
    }

    /// What the portal wouldn't take either: facts 1.8.
    fn check(&self) -> Result<(), WorldError> {
        let refuse = |text: String| Err(WorldError::Value(text));
        let is_web = |uri: &str| {
            Url::parse(uri).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "https" | "http"))
        };
        for (field, uris) in
            [("redirect_uris", &self.redirect_uris), ("spa_redirect_uris", &self.spa_redirect_uris)]
        {
            if let Some(uri) = uris.iter().find(|uri| !is_web(uri) || uri.len() > 256) {
                return refuse(format!("an app: {field}: '{uri}' is no address of at most 256 characters"));
            }
        }
        if let Some(uri) = self.public_redirect_uris.iter().find(|uri| Url::parse(uri).is_err()) {
            return refuse(format!("an app: public_redirect_uris: '{uri}' is no address"));
        }
        if self.secrets.iter().any(|secret| secret.value.is_empty()) {
            return refuse("an app: secrets: a value is empty".into());
        }
        Ok(())
    }

    /// The delegated permissions of `resource` that hold for this user, by name.
    pub(crate) fn granted_scopes(&self, upn: &str, resource: Resource) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self
            .consented(upn)
            .filter(|permission| permission.covers(resource))
            .map(|permission| permission.name())
            .collect();
        names.sort_by_key(|name| name.to_ascii_lowercase());
        names.dedup();
        names
    }

    /// Whether anything at all is consented for this user.
    pub(crate) fn has_any_consent(&self, upn: &str) -> bool {
        self.consented(upn).next().is_some()
    }

    /// The app roles of `resource` that are granted.
    pub(crate) fn granted_roles(&self, resource: Resource) -> Vec<&'static str> {
        let configured = self.application.iter().filter(|_| self.admin_consent);
        let granted = configured.chain(&self.app_roles).filter(|role| role.resource() == resource);
        let mut names: Vec<&'static str> = Vec::new();
        for role in granted {
            if !names.contains(&role.name()) {
                names.push(role.name());
            }
        }
        names
    }

    /// Keeps what a user (or, with none, an administrator for everyone) accepted.
    pub(crate) fn keep_consent(&mut self, user: Option<&str>, scopes: &[DelegatedPermission]) {
        let user = user.map(str::to_ascii_lowercase);
        let known = self.consents.iter_mut().find(|consent| consent.user == user);
        match known {
            Some(consent) => {
                let new = scopes.iter().filter(|scope| !consent.scopes.contains(scope)).cloned();
                let new: Vec<_> = new.collect();
                consent.scopes.extend(new);
            }
            None => self.consents.push(Consent { user, scopes: scopes.to_vec() }),
        }
    }

    /// The same application with what `admin_consent` grants as `consents` and `app_roles`.
    pub(crate) fn with_consent_written_out(&self) -> Self {
        let mut app = self.clone();
        if !std::mem::take(&mut app.admin_consent) {
            return app;
        }
        if !app.delegated.is_empty() {
            app.keep_consent(None, &self.delegated);
        }
        let new = self.application.iter().filter(|role| !self.app_roles.contains(role));
        app.app_roles.extend(new.cloned());
        app
    }

    fn consented(&self, upn: &str) -> impl Iterator<Item = &DelegatedPermission> {
        let by_admin = self.delegated.iter().filter(|_| self.admin_consent);
        let upn = upn.to_ascii_lowercase();
        let mine = move |consent: &&Consent| {
            consent.user.as_ref().is_none_or(|user| user.eq_ignore_ascii_case(&upn))
        };
        by_admin.chain(self.consents.iter().filter(mine).flat_map(|consent| &consent.scopes))
    }
}
