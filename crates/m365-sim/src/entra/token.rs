//! The token endpoint: client_credentials, authorization_code, refresh_token, device_code, password.
//! A wrong PKCE verifier doesn't burn a code; a used refresh token stays valid (facts 1.6, 3.2).

use super::client::{self, Client, Proof};
use super::issue::{self, Order};
use super::redirect::Platform;
use super::refusal::{self, Refusal, Trace};
use super::scope::{Scopes, What};
use super::{Grant, check_tenant, device_code, is_common, sign_in};
use crate::tenant::{State, Tenant};
use crate::web::{Answer, Call, Fields};
use crate::world::{Resource, User, World};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Refresh tokens end after so many days without use (facts 3.2).
const INACTIVITY: Duration = Duration::days(90);

/// An authorization code that was given out.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(super) grant: Grant,
    pub(super) scopes: Scopes,
    pub(super) redirect_uri: String,
    pub(super) platform: Platform,
    pub(super) challenge: Option<Challenge>,
    pub(super) expires_at: OffsetDateTime,
    pub(super) redeemed: bool,
}

/// A PKCE challenge (RFC 7636, 4.2).
#[derive(Clone, Debug)]
pub(crate) enum Challenge {
    S256(String),
    Plain(String),
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::S256(challenge) => {
                URL_SAFE_NO_PAD.encode(crate::world::sha256(verifier.as_bytes())) == *challenge
            }
            Self::Plain(challenge) => challenge == verifier,
        }
    }
}

/// A refresh token that was given out.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    grant: Grant,
    scopes: Scopes,
    confidential: bool,
    issued_at: OffsetDateTime,
    used_at: OffsetDateTime,
}

/// One call of the endpoint, with all that its grants need.
struct Asking<'a> {
    tenant: &'a Tenant,
    call: &'a Call,
    form: Fields,
    client: Client,
}

/// A grant that was accepted, before its tokens are made.
struct Accepted {
    grant: Grant,
    /// All that was asked for at sign-in.
    origin: Scopes,
    /// What this token is for.
    asked: Scopes,
    confidential: bool,
    with_refresh_token: bool,
}

pub(super) fn answer(tenant: &Tenant, call: &Call, trace: &Trace, name: &str) -> Answer {
    if let Some(said) = &tenant.lock().world.switches.entra_says {
        return Answer::said(said);
    }
    match redeem(tenant, call, name) {
        Ok((body, proof)) => Answer::json(200, &body)
            .with("cache-control", "no-store, no-cache")
            .with("pragma", "no-cache")
            .noting("client_proof", format!("{proof:?}").to_lowercase()),
        Err(refusal) => {
            refusal.json(call, trace).with("cache-control", "no-store, no-cache").with("pragma", "no-cache")
        }
    }
}

fn redeem(tenant: &Tenant, call: &Call, name: &str) -> Result<(Value, Proof), Refusal> {
    let mut state = tenant.lock();
    if state.world.switches.entra_throttle_seconds > 0 {
        return Err(refusal::throttled(state.world.switches.entra_throttle_seconds));
    }
    let form = call.form();
    let kind = form.get("grant_type").ok_or_else(|| refusal::missing_parameter("grant_type"))?.to_owned();
    if is_common(name) {
        return Err(match kind.as_str() {
            "client_credentials" if name.eq_ignore_ascii_case("organizations") => refusal::no_tenant_named(),
            "client_credentials" => refusal::not_over_common(),
            _ => on_common(&state.world, &form),
        });
    }
    check_tenant(name, &state.world)?;
    let client = client::authenticate(&state.world, tenant, call, &form)?;
    let proof = client.proof;
    let asking = Asking { tenant, call, form, client };
    let body = match kind.as_str() {
        "client_credentials" => asking.client_credentials(&state.world)?,
        "authorization_code" => {
            let accepted = asking.code(&mut state)?;
            asking.issue(&mut state, accepted)?
        }
        "refresh_token" => {
            let accepted = asking.refresh(&mut state)?;
            asking.issue(&mut state, accepted)?
        }
        "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
            let accepted = asking.device(&mut state)?;
            asking.issue(&mut state, accepted)?
        }
        "password" => {
            let accepted = asking.password(&state)?;
            asking.issue(&mut state, accepted)?
        }
        other => return Err(refusal::unsupported_grant(other)),
    };
    Ok((body, proof))
}

fn on_common(world: &World, form: &Fields) -> Refusal {
    let client_id = form.get("client_id").unwrap_or_default();
    match world.app(client_id) {
        Some(app) => refusal::single_tenant_on_common(client_id, &app.name),
        None => refusal::app_not_found(client_id, &world.tenant.name),
    }
}

impl Asking<'_> {
    fn client_credentials(&self, world: &World) -> Result<Value, Refusal> {
        self.client.must_have_proof()?;
        let raw = self.form.get("scope").ok_or_else(|| refusal::missing_parameter("scope"))?;
        if raw.split_ascii_whitespace().count() != 1 || !raw.to_ascii_lowercase().ends_with("/.default") {
            return Err(refusal::scope_needs_default(raw));
        }
        let scopes = Scopes::parse(raw, self.tenant, &world.tenant.name)?;
        check_exchange(world, &scopes)?;
        if world.switches.ca_block {
            return Err(refusal::blocked("access_denied"));
        }
        let (resource, audience) = scopes.first();
        Ok(issue::app_only(&self.order(world, resource, audience)))
    }

    fn code(&self, state: &mut State) -> Result<Accepted, Refusal> {
        let text = self.form.get("code").ok_or_else(|| refusal::missing_parameter("code"))?;
        let redirect_uri =
            self.form.get("redirect_uri").ok_or_else(|| refusal::missing_parameter("redirect_uri"))?;
        let code = state.entra.codes.get(text).filter(|code| self.is_mine(&code.grant)).cloned();
        let code =
            code.ok_or_else(|| refusal::grant_invalid("the code is not known for this application"))?;
        match (code.platform, self.client.proof) {
            (Platform::Web, Proof::Public) => return Err(refusal::no_credential()),
            (Platform::Public | Platform::Spa, Proof::Secret | Proof::Certificate) => {
                return Err(refusal::public_with_credential());
            }
            _ => {}
        }
        if code.redeemed {
            return Err(refusal::code_redeemed());
        }
        if self.tenant.now() >= code.expires_at {
            return Err(refusal::grant_expired());
        }
        if code.redirect_uri != redirect_uri {
            return Err(refusal::redirect_differs(redirect_uri, &code.redirect_uri));
        }
        self.check_verifier(code.challenge.as_ref())?;
        let asked = self.scopes_for_code(&state.world, &code.scopes)?;
        let with_refresh_token = code.scopes.has("offline_access") || asked.has("offline_access");
        let confidential = self.client.proof != Proof::Public;
        let accepted =
            Accepted { grant: code.grant, origin: code.scopes, asked, confidential, with_refresh_token };
        self.check_user(&state.world, &accepted)?;
        state.entra.codes.get_mut(text).expect("it was there under the same lock").redeemed = true;
        Ok(accepted)
    }

    fn refresh(&self, state: &mut State) -> Result<Accepted, Refusal> {
        let text =
            self.form.get("refresh_token").ok_or_else(|| refusal::missing_parameter("refresh_token"))?;
        let token = state.entra.refresh_tokens.get(text).filter(|token| self.is_mine(&token.grant)).cloned();
        let token = token
            .ok_or_else(|| refusal::grant_invalid("the refresh token is not known for this application"))?;
        if token.confidential {
            self.client.must_have_proof()?;
        }
        let now = self.tenant.now();
        if now - token.used_at >= INACTIVITY {
            return Err(refusal::refresh_inactive(token.issued_at));
        }
        if let Some(since) = token.grant.spa_since.filter(|since| now - *since >= Duration::DAY) {
            return Err(refusal::refresh_of_spa(since));
        }
        let asked = match self.form.get("scope") {
            Some(raw) => Scopes::parse(raw, self.tenant, &state.world.tenant.name)?,
            None => token.scopes.clone(),
        };
        let with_refresh_token = state.world.switches.refresh_token_in_answers;
        let confidential = token.confidential;
        let accepted =
            Accepted { grant: token.grant, origin: token.scopes, asked, confidential, with_refresh_token };
        self.check_user(&state.world, &accepted)?;
        if let Some(hours) = state.world.switches.sign_in_frequency_hours
            && now - accepted.grant.signed_in_at >= Duration::hours(i64::from(hours))
        {
            return Err(refusal::sign_in_frequency(accepted.grant.signed_in_at, hours));
        }
        state.entra.refresh_tokens.get_mut(text).expect("it was there under the same lock").used_at = now;
        Ok(accepted)
    }

    fn device(&self, state: &mut State) -> Result<Accepted, Refusal> {
        self.client.must_be_public_or_proven()?;
        let text = self.form.get("device_code").ok_or_else(|| refusal::missing_parameter("device_code"))?;
        let (grant, scopes) = device_code::redeem(state, text, self.client.app.client_id, self.tenant.now())?;
        let accepted = Accepted {
            grant,
            asked: scopes.clone(),
            with_refresh_token: scopes.has("offline_access"),
            origin: scopes,
            confidential: self.client.proof != Proof::Public,
        };
        self.check_user(&state.world, &accepted)?;
        device_code::forget(state, text);
        Ok(accepted)
    }

    /// RFC 6749, 4.3: user name and password, for public clients and those that prove themselves. A second factor
    /// can't be asked for.
    fn password(&self, state: &State) -> Result<Accepted, Refusal> {
        self.client.must_be_public_or_proven()?;
        let need = |name| self.form.get(name).ok_or_else(|| refusal::missing_parameter(name));
        let user = sign_in::check_password(&state.world, need("username")?, need("password")?)?;
        let asked = Scopes::parse(need("scope")?, self.tenant, &state.world.tenant.name)?;
        let grant = Grant {
            client_id: self.client.app.client_id,
            user: user.id,
            openid: asked.openid.clone(),
            nonce: None,
            session_id: Uuid::new_v4().to_string(),
            with_mfa: false,
            by_device_code: false,
            spa_since: None,
            signed_in_at: self.tenant.now(),
        };
        let accepted = Accepted {
            grant,
            with_refresh_token: asked.has("offline_access"),
            origin: asked.clone(),
            asked,
            confidential: self.client.proof != Proof::Public,
        };
        self.check_user(&state.world, &accepted)?;
        Ok(accepted)
    }

    /// The scope of a code's redemption: one resource; the sign-in's own when it is left out (facts 3.4).
    fn scopes_for_code(&self, world: &World, origin: &Scopes) -> Result<Scopes, Refusal> {
        let asked = match self.form.present("scope") {
            Some(raw) if raw.trim().is_empty() => return Err(refusal::empty_scope()),
            Some(raw) => Scopes::parse(raw, self.tenant, &world.tenant.name)?,
            None => origin.clone(),
        };
        if asked.spans_resources() { Err(refusal::several_resources(&asked.raw)) } else { Ok(asked) }
    }

    fn check_verifier(&self, challenge: Option<&Challenge>) -> Result<(), Refusal> {
        let Some(challenge) = challenge else { return Ok(()) };
        let verifier = self.form.get("code_verifier").unwrap_or_default();
        if challenge.is_met_by(verifier) { Ok(()) } else { Err(refusal::verifier_mismatch()) }
    }

    /// The user may still have this token: account, revocation, policies, consent.
    fn check_user(&self, world: &World, accepted: &Accepted) -> Result<(), Refusal> {
        let Accepted { grant, asked, .. } = accepted;
        let user = find_user(world, grant)?;
        if !user.enabled {
            return Err(refusal::user_disabled());
        }
        if let Some(valid_from) = user.tokens_valid_from.filter(|from| grant.signed_in_at < *from) {
            return Err(refusal::revoked(grant.signed_in_at, valid_from));
        }
        check_exchange(world, asked)?;
        let (resource, _) = asked.first();
        check_policies(world, user, grant, resource)?;
        self.check_consent(user, asked, resource)
    }

    fn check_consent(&self, user: &User, asked: &Scopes, resource: Resource) -> Result<(), Refusal> {
        let app = &self.client.app;
        let granted = app.granted_scopes(&user.upn, resource);
        let missing = asked.of_first().any(|wanted| match &wanted.what {
            What::Default => granted.is_empty(),
            What::Permission(permission) => !granted.contains(&permission.name()),
        });
        if missing || !app.has_any_consent(&user.upn) {
            return Err(refusal::not_consented(&app.client_id.to_string(), &app.name));
        }
        Ok(())
    }

    /// Makes the tokens of an accepted grant.
    fn issue(&self, state: &mut State, accepted: Accepted) -> Result<Value, Refusal> {
        let Accepted { mut grant, origin, asked, confidential, with_refresh_token } = accepted;
        let user = find_user(&state.world, &grant)?;
        let (resource, audience) = asked.first();
        let order = self.order(&state.world, resource, audience);
        let mut body = issue::delegated(&order, user, &grant, &asked);
        if self.form.get("client_info") == Some("1") {
            body["client_info"] = json!(issue::client_info(&state.world, user));
        }
        if with_refresh_token {
            let now = self.tenant.now();
            let text = format!("1.{}", crate::random::token(600));
            grant.nonce = None;
            let token = RefreshToken { grant, scopes: origin, confidential, issued_at: now, used_at: now };
            state.entra.refresh_tokens.insert(text.clone(), token);
            body["refresh_token"] = json!(text);
        }
        Ok(body)
    }

    fn order<'a>(&'a self, world: &'a World, resource: Resource, audience: String) -> Order<'a> {
        Order { world, tenant: self.tenant, call: self.call, client: &self.client, resource, audience }
    }

    fn is_mine(&self, grant: &Grant) -> bool {
        grant.client_id == self.client.app.client_id
    }
}

fn find_user<'a>(world: &'a World, grant: &Grant) -> Result<&'a User, Refusal> {
    let user = world.users.iter().find(|user| user.id == grant.user);
    user.ok_or_else(|| refusal::user_unknown(&world.tenant.name))
}

fn check_policies(world: &World, user: &User, grant: &Grant, resource: Resource) -> Result<(), Refusal> {
    let by_blocked_code = grant.by_device_code && world.switches.device_code_blocked;
    if world.switches.ca_block || by_blocked_code {
        return Err(refusal::blocked("interaction_required"));
    }
    if world.switches.mfa_enrollment_required {
        return Err(refusal::mfa_enrollment(resource.app_id()));
    }
    if user.mfa && !grant.with_mfa {
        return Err(refusal::mfa_required(resource.app_id()));
    }
    Ok(())
}

/// A tenant without Exchange has no such resource (facts 2.4, 500011).
fn check_exchange(world: &World, scopes: &Scopes) -> Result<(), Refusal> {
    let (resource, audience) = scopes.first();
    if resource == Resource::Exchange && world.switches.exchange_missing {
        return Err(refusal::resource_not_found(&audience, &world.tenant.name));
    }
    Ok(())
}
