//! Admin consent (facts 1.7): an administrator grants everything that is configured, or what is named.

use super::redirect::{self, RegisteredRedirect, ResponseMode};
use super::refusal::{self, Refusal, Trace};
use super::scope::{Scopes, What};
use super::sign_in::{self, Purpose};
use super::{authorize, check_tenant, client};
use crate::tenant::Tenant;
use crate::web::{Answer, Call};
use crate::world::{App, DelegatedPermission, World};
use uuid::Uuid;

/// Which of the two endpoints was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    V2,
    Old,
}

/// A request for admin consent.
#[derive(Clone, Debug)]
pub(crate) struct AdminConsentRequest {
    pub(crate) client_id: Uuid,
    pub(crate) scopes: Scopes,
    redirect: RegisteredRedirect,
    state: Option<String>,
    form: Form,
}

impl AdminConsentRequest {
    /// Whether all that is configured is asked for.
    pub(crate) fn is_for_everything(&self) -> bool {
        self.form == Form::Old || self.scopes.wanted.iter().any(|wanted| wanted.what == What::Default)
    }

    /// The delegated permissions that would be granted.
    pub(crate) fn permissions(&self, app: &App) -> Vec<DelegatedPermission> {
        if self.is_for_everything() {
            return app.delegated.clone();
        }
        let named = self.scopes.wanted.iter().filter_map(|wanted| match &wanted.what {
            What::Permission(permission) => Some(permission.clone()),
            What::Default => None,
        });
        named.collect()
    }

    pub(crate) fn accept(&self, world: &World) -> Answer {
        let mut fields = vec![("admin_consent", "True".to_owned()), ("tenant", world.tenant.id.to_string())];
        if self.form == Form::V2 {
            fields.push(("scope", self.scopes.raw.clone()));
        }
        self.send(fields)
    }

    pub(crate) fn refuse(&self, refusal: &Refusal, trace: &Trace) -> Answer {
        let (error, description) = match self.form {
            Form::V2 => ("consent_required", refusal.description(trace)),
            Form::Old => ("permission_denied", "The admin canceled the request".to_owned()),
        };
        let fields = vec![
            ("admin_consent", "True".to_owned()),
            ("error", error.to_owned()),
            ("error_description", description),
        ];
        self.send(fields).noting("error_codes", serde_json::json!(refusal.codes))
    }

    fn send(&self, mut fields: Vec<(&'static str, String)>) -> Answer {
        fields.extend(self.state.clone().map(|state| ("state", state)));
        redirect::send(&self.redirect.uri, ResponseMode::Query, &fields)
    }
}

pub(super) fn answer(tenant: &Tenant, call: &Call, trace: &Trace, name: &str, form: Form) -> Answer {
    match read(tenant, call, name, form) {
        Ok(request) => sign_in::begin(tenant, call, trace, Purpose::AdminConsent(request)),
        Err(refusal) => authorize::error_page(&refusal, trace),
    }
}

fn read(tenant: &Tenant, call: &Call, name: &str, form: Form) -> Result<AdminConsentRequest, Refusal> {
    let world = tenant.lock().world.clone();
    check_tenant(name, &world)?;
    let need = |name| call.query.get(name).ok_or_else(|| refusal::missing_parameter(name));
    let app = client::find_app(&world, need("client_id")?)?;
    let redirect = redirect::find(&app, need("redirect_uri")?)?;
    let raw = match form {
        Form::V2 => need("scope")?,
        Form::Old => "",
    };
    Ok(AdminConsentRequest {
        client_id: app.client_id,
        scopes: Scopes::parse(raw, tenant, &world.tenant.name)?,
        redirect,
        state: call.query.get("state").map(str::to_owned),
        form,
    })
}
