//! Which application calls the token endpoint, and how it proved itself.
//! Secrets are compared here; assertions are verified in `assertion`.

use super::assertion;
use super::refusal::{self, Refusal};
use crate::tenant::Tenant;
use crate::web::{Call, Fields};
use crate::world::{App, World};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

/// How a client proved itself: `appidacr` of access tokens (facts 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Public,
    Secret,
    Certificate,
}

impl Proof {
    pub(crate) fn appidacr(self) -> &'static str {
        match self {
            Self::Public => "0",
            Self::Secret => "1",
            Self::Certificate => "2",
        }
    }
}

/// A client that was found, and its proof.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) app: App,
    pub(crate) proof: Proof,
}

impl Client {
    /// # Errors
    /// 7000218 for a client that must prove itself and didn't.
    pub(crate) fn must_have_proof(&self) -> Result<(), Refusal> {
        if self.proof == Proof::Public { Err(refusal::no_credential()) } else { Ok(()) }
    }

    /// # Errors
    /// 7000218 for a client without proof when public client flows aren't allowed.
    pub(crate) fn must_be_public_or_proven(&self) -> Result<(), Refusal> {
        if self.app.public_client { Ok(()) } else { self.must_have_proof() }
    }
}

/// Finds the application and verifies its credential, if it sent one.
///
/// # Errors
/// The refusals of facts 2.4 for clients.
pub(crate) fn authenticate(
    world: &World,
    tenant: &Tenant,
    call: &Call,
    form: &Fields,
) -> Result<Client, Refusal> {
    let basic = basic_credential(call);
    let jwt = form.get("client_assertion");
    let client_id = form
        .get("client_id")
        .map(str::to_owned)
        .or_else(|| basic.as_ref().map(|(id, _)| id.clone()))
        .or_else(|| jwt.and_then(assertion::claimed_client))
        .ok_or_else(|| refusal::missing_parameter("client_id"))?;
    if let Some(jwt) = jwt {
        check_assertion_type(form)?;
        assertion::verify(jwt, &client_id, world, tenant, call)?;
    }
    let app = find_app(world, &client_id)?;
    let secret = form.get("client_secret").map(str::to_owned).or(basic.map(|(_, secret)| secret));
    let proof = match (jwt, secret) {
        (Some(_), _) => Proof::Certificate,
        (None, Some(secret)) => check_secret(&app, &secret, tenant)?,
        (None, None) => Proof::Public,
    };
    if proof != Proof::Public && app.public_client && app.redirect_uris.is_empty() {
        return Err(refusal::public_with_credential());
    }
    Ok(Client { app, proof })
}

/// The application, when it is there and may be used.
///
/// # Errors
/// 700016, 7000112, 7000229.
pub(crate) fn find_app(world: &World, client_id: &str) -> Result<App, Refusal> {
    let directory = &world.tenant.name;
    let app = world.app(client_id).ok_or_else(|| refusal::app_not_found(client_id, directory))?;
    if world.is_unseen(&app.object_id.to_string()) {
        return Err(refusal::app_not_found(client_id, directory));
    }
    let no_principal = !app.service_principal || world.is_unseen(&app.service_principal_id.to_string());
    if world.switches.service_principal_missing || no_principal {
        return Err(refusal::service_principal_missing(client_id, &world.tenant.id.to_string()));
    }
    if world.switches.app_disabled {
        return Err(refusal::app_disabled(client_id, &app.name));
    }
    Ok(app.clone())
}

/// RFC 7521, 4.2.
fn check_assertion_type(form: &Fields) -> Result<(), Refusal> {
    match form.get("client_assertion_type") {
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") => Ok(()),
        Some(_) => Err(refusal::malformed()),
        None => Err(refusal::missing_parameter("client_assertion_type")),
    }
}

fn check_secret(app: &App, secret: &str, tenant: &Tenant) -> Result<Proof, Refusal> {
    let client_id = app.client_id.to_string();
    let mut known = app.secrets.iter().filter(|known| known.value == secret).peekable();
    if known.peek().is_none() {
        return Err(refusal::wrong_secret(&client_id));
    }
    let now = tenant.now();
    if known.all(|known| known.expires.is_some_and(|end| end <= now)) {
        return Err(refusal::expired_secret(&client_id));
    }
    Ok(Proof::Secret)
}

/// RFC 6749, 2.3.1: id and secret form-encoded, then Basic.
fn basic_credential(call: &Call) -> Option<(String, String)> {
    let (scheme, encoded) = call.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    Some((decode(id), decode(secret)))
}
