//! Judges SMTP authentication: XOAUTH2 tokens, and the passwords of AUTH LOGIN (facts 6.3–6.5).
//! It trusts only tokens that `entra` signed for Exchange.

use crate::entra::resource_named;
use crate::tenant::{State, Tenant};
use crate::world::{Basic, Resource, User};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use uuid::Uuid;

/// Who may send in this session.
#[derive(Clone, Debug)]
pub(super) struct Authenticated {
    /// The mailbox that is sent from.
    pub(super) mailbox: Uuid,
    /// Its address, for replies.
    pub(super) address: String,
    /// Whose rights count: the mailbox's own, and its delegate's.
    pub(super) rights_of: Vec<Uuid>,
}

/// What stands behind `535 `, without the bracket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

impl Refused {
    fn plain() -> Self {
        Self("5.7.3 Authentication unsuccessful".into())
    }

    fn because(reason: &str) -> Self {
        Self(format!("5.7.139 Authentication unsuccessful, {reason}"))
    }
}

/// The two parts of an XOAUTH2 string (facts 6.3).
pub(super) struct Xoauth2 {
    pub(super) user: String,
    pub(super) token: String,
}

impl Xoauth2 {
    /// `user=…^Aauth=Bearer …^A^A`, base64.
    pub(super) fn parse(encoded: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let fields = text.strip_suffix("\u{1}\u{1}")?;
        let (user, bearer) = fields.split_once('\u{1}')?;
        let (scheme, token) = bearer.strip_prefix("auth=")?.split_once(' ')?;
        let user = user.strip_prefix("user=")?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| Self { user: user.to_owned(), token: token.trim().to_owned() })
    }
}

/// Judges an XOAUTH2 string.
pub(super) fn judge(tenant: &Tenant, given: &Xoauth2) -> Result<Authenticated, Refused> {
    let claims = tenant.keys.verify(&given.token).map_err(|_| Refused::plain())?;
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let now = tenant.now().unix_timestamp();
    let alive =
        number("exp").is_some_and(|exp| now < exp) && number("nbf").is_some_and(|nbf| now + 300 >= nbf);
    if !alive || resource_named(text(&claims, "aud"), tenant) != Some(Resource::Exchange) {
        return Err(Refused::plain());
    }
    let state = tenant.lock();
    if state.world.switches.smtp_not_propagated {
        return Err(Refused::plain());
    }
    let user = state.world.user(&given.user).ok_or_else(Refused::plain)?;
    let rights_of = match text(&claims, "idtyp") {
        "app" => check_app(&state, user, &claims)?,
        _ => check_person(&state, user, &claims)?,
    };
    check_mailbox(&state, user)?;
    Ok(Authenticated { mailbox: user.id, address: user.address().to_owned(), rights_of })
}

/// Judges a user name and password.
pub(super) fn judge_password(tenant: &Tenant, name: &str, password: &str) -> Result<Authenticated, Refused> {
    let state = tenant.lock();
    if state.world.switches.smtp_basic == Basic::Disabled {
        return Err(Refused::because("basic authentication is disabled."));
    }
    let known = state.world.user(name).filter(|user| !user.password.is_empty() && user.password == password);
    let user = known.ok_or_else(|| Refused::because("the user credentials were incorrect."))?;
    check_mailbox(&state, user)?;
    Ok(Authenticated { mailbox: user.id, address: user.address().to_owned(), rights_of: vec![user.id] })
}

/// SMTP.Send, and the own mailbox or one with Full Access (facts 6.3).
fn check_person(state: &State, user: &User, claims: &Value) -> Result<Vec<Uuid>, Refused> {
    let allowed = text(claims, "scp").split(' ').any(|scope| scope == "SMTP.Send");
    let person = state.world.user(text(claims, "oid")).filter(|_| allowed).ok_or_else(Refused::plain)?;
    if person.id == user.id {
        return Ok(vec![user.id]);
    }
    if person.has_rights_on(user.address()) { Ok(vec![user.id, person.id]) } else { Err(Refused::plain()) }
}

/// SMTP.SendAsApp and the mailbox's permission, or the RBAC role without any (facts 4.10).
fn check_app(state: &State, user: &User, claims: &Value) -> Result<Vec<Uuid>, Refused> {
    let app = state.world.app(text(claims, "appid")).ok_or_else(Refused::plain)?;
    let names = |list: &[String]| list.iter().any(|address| user.owns(address));
    let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
    let has_role = roles.into_iter().any(|role| role == "SMTP.SendAsApp");
    let by_permission = has_role && app.mailbox_permissions.as_deref().is_none_or(names);
    let by_rbac = !has_role && names(&app.rbac_smtp_mailboxes);
    if by_permission || by_rbac { Ok(vec![user.id]) } else { Err(Refused::plain()) }
}

/// Mailbox, policies, and the switch for authenticated SMTP, which blocks OAuth too (facts 6.5).
fn check_mailbox(state: &State, user: &User) -> Result<(), Refused> {
    let switches = &state.world.switches;
    if !user.has_mailbox() {
        return Err(Refused::plain());
    }
    if switches.smtp_security_defaults {
        let text =
            "user is locked by your organization's security defaults policy. Contact your administrator.";
        return Err(Refused::because(text));
    }
    if switches.smtp_conditional_access {
        let text = "the request did not meet the criteria to be authenticated successfully. Contact your administrator.";
        return Err(Refused::because(text));
    }
    if switches.smtp_account_locked {
        return Err(Refused::because("account locked. Contact your administrator."));
    }
    let disabled = |whose: &str| {
        let text = format!(
            "SmtpClientAuthentication is disabled for the {whose}. Visit https://aka.ms/smtp_auth_disabled for more information."
        );
        Err(Refused::because(&text))
    };
    match user.smtp_auth {
        Some(true) => Ok(()),
        Some(false) => disabled("Mailbox"),
        None if switches.smtp_auth_disabled => disabled("Tenant"),
        None => Ok(()),
    }
}

fn text<'a>(claims: &'a Value, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}
