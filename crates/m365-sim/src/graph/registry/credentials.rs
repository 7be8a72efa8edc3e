//! Credentials of an application: its certificates (PATCH, addKey, removeKey with proof of possession) and
//! its secrets (additions B3, B5, B6, B8). The world holds them; here are the ids and names that Graph shows.

use super::super::bearer::Kind;
use super::super::refusal::{self, Refusal};
use super::{Asking, WRITE, find_application, replicate, text};
use crate::entra::proves_possession;
use crate::graph::odata;
use crate::tenant::State;
use crate::timestamp;
use crate::web::Answer;
use crate::world::{App, RegisteredCertificate, Secret};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::{Duration, Month, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Names and ids by application and thumbprint or secret.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    keys: BTreeMap<(Uuid, String), Label>,
    secrets: BTreeMap<(Uuid, String), Label>,
}

#[derive(Clone, Debug)]
struct Label {
    key_id: Uuid,
    name: Option<String>,
    start: Option<OffsetDateTime>,
    end: Option<OffsetDateTime>,
}

impl Label {
    /// Of a credential that didn't come by Graph: the id is computed, so that it stays.
    fn computed(seed: &str) -> Self {
        let key_id = Uuid::from_slice(&crate::world::sha256(seed.as_bytes())[..16]);
        Self { key_id: key_id.expect("16 bytes are a GUID"), name: None, start: None, end: None }
    }
}

impl Credentials {
    fn of_key(&self, app: &App, certificate: &RegisteredCertificate) -> Label {
        let thumbprint = hex::encode_upper(certificate.thumbprint_sha1());
        let known = self.keys.get(&(app.object_id, thumbprint.clone())).cloned();
        known.unwrap_or_else(|| Label::computed(&format!("{}/{thumbprint}", app.object_id)))
    }

    fn of_secret(&self, app: &App, secret: &Secret) -> Label {
        let known = self.secrets.get(&(app.object_id, secret.value.clone())).cloned();
        known.unwrap_or_else(|| Label::computed(&format!("{}/{}", app.object_id, secret.value)))
    }

    pub(super) fn keys_json(&self, app: &App) -> Vec<Value> {
        app.certificates.iter().map(|one| key_json(&self.of_key(app, one), one)).collect()
    }

    pub(super) fn passwords_json(&self, app: &App) -> Vec<Value> {
        let shown = |secret: &Secret| password_json(&self.of_secret(app, secret), secret, None);
        app.secrets.iter().map(shown).collect()
    }
}

fn key_json(label: &Label, certificate: &RegisteredCertificate) -> Value {
    json!({
        "customKeyIdentifier": hex::encode_upper(certificate.thumbprint_sha1()),
        "displayName": label.name.clone().unwrap_or_else(|| certificate.subject()),
        "endDateTime": timestamp::seconds(label.end.unwrap_or(certificate.not_after())),
        "key": null,
        "keyId": label.key_id,
        "startDateTime": timestamp::seconds(label.start.unwrap_or(certificate.not_before())),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}

fn password_json(label: &Label, secret: &Secret, shown: Option<&str>) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": label.name,
        "endDateTime": label.end.or(secret.expires).map(timestamp::seconds),
        "hint": secret.value.chars().take(3).collect::<String>(),
        "keyId": label.key_id,
        "secretText": shown,
        "startDateTime": label.start.map(timestamp::seconds),
    })
}

impl Asking<'_> {
    /// PATCH: the list replaces the list; entries that stay are told by their keyId (additions B3).
    pub(super) fn replace_keys(
        &self,
        state: &mut State,
        app: &mut App,
        keys: &[Value],
    ) -> Result<(), Refusal> {
        let before = app.clone();
        let mut kept = Vec::new();
        for entry in keys {
            let entry = entry.as_object().ok_or_else(refusal::bad_properties)?;
            if text(entry, "usage") != "Verify" {
                return Err(refusal::bad_usage());
            }
            match entry.get("key").and_then(Value::as_str) {
                Some(key) => kept.push(self.new_key(state, &before, entry, key)?),
                None => kept.push(known_key(state, &before, entry)?),
            }
        }
        app.certificates = kept;
        Ok(())
    }

    /// A certificate that is uploaded; base64 with or without line breaks.
    fn new_key(
        &self,
        state: &mut State,
        app: &App,
        entry: &Map<String, Value>,
        key: &str,
    ) -> Result<RegisteredCertificate, Refusal> {
        if state.world.switches.directory_object_full {
            return Err(refusal::object_too_large());
        }
        let plain: String = key.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(plain).map_err(|_| refusal::bad_key())?;
        let certificate = read_certificate(&der).ok_or_else(refusal::bad_key)?;
        let (start, end) = (moment(entry, "startDateTime"), moment(entry, "endDateTime"));
        if end.is_some_and(|end| end > certificate.not_after()) {
            return Err(refusal::bad_key_end());
        }
        let now = self.tenant.now();
        let life = end.unwrap_or(certificate.not_after()) - start.unwrap_or(now);
        if let Some(days) = state.world.switches.key_lifetime_max_days
            && life > Duration::days(i64::from(days))
        {
            return Err(refusal::lifetime_over_policy(state.world.tenant.id));
        }
        let key_id = Uuid::parse_str(text(entry, "keyId")).unwrap_or_else(|_| Uuid::new_v4());
        let name = entry.get("displayName").and_then(Value::as_str).map(str::to_owned);
        let thumbprint = hex::encode_upper(certificate.thumbprint_sha1());
        replicate(state, format!("{}/{thumbprint}", app.object_id), now);
        let label = Label { key_id, name, start, end };
        state.graph.registry.credentials.keys.insert((app.object_id, thumbprint), label);
        Ok(certificate)
    }

    /// An application's own right, with proof that it holds a valid key of its own (additions B5).
    pub(super) fn add_key(&self, id: &str) -> Result<Answer, Refusal> {
        let body = self.body()?;
        let mut state = self.tenant.lock();
        let at = self.prove(&state, id, &body)?;
        let entry =
            body.get("keyCredential").and_then(Value::as_object).ok_or_else(refusal::bad_properties)?;
        let key = entry.get("key").and_then(Value::as_str).ok_or_else(refusal::bad_key)?;
        if text(entry, "usage") != "Verify" {
            return Err(refusal::bad_usage());
        }
        let app = state.world.apps[at].clone();
        let certificate = self.new_key(&mut state, &app, entry, key)?;
        let shown = key_json(&state.graph.registry.credentials.of_key(&app, &certificate), &certificate);
        state.world.apps[at].certificates.push(certificate);
        let kind = "microsoft.graph.keyCredential";
        Ok(odata(&self.shown(kind, shown.as_object().expect("written as an object").clone())))
    }

    pub(super) fn remove_key(&self, id: &str) -> Result<Answer, Refusal> {
        let body = self.body()?;
        let mut state = self.tenant.lock();
        let at = self.prove(&state, id, &body)?;
        let app = state.world.apps[at].clone();
        let gone = known_key(&state, &app, &body)?;
        state.world.apps[at].certificates.retain(|one| *one != gone);
        Ok(Answer::empty(204))
    }

    /// App-only tokens; the proof names the application by its object id.
    fn prove(&self, state: &State, id: &str, body: &Map<String, Value>) -> Result<usize, Refusal> {
        let at = find_application(state, id)?;
        let app = &state.world.apps[at];
        let own = self.bearer.app_id.eq_ignore_ascii_case(&app.client_id.to_string());
        let proof = text(body, "proof");
        if self.bearer.kind != Kind::AppOnly || proof.is_empty() || !(own || self.bearer.has_any(WRITE)) {
            return Err(refusal::insufficient_privileges());
        }
        if !proves_possession(proof, app, self.tenant.now()) {
            return Err(refusal::proof_refused());
        }
        Ok(at)
    }

    pub(super) fn add_password(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(WRITE)?;
        let body = self.body()?;
        let given = body.get("passwordCredential").and_then(Value::as_object).cloned().unwrap_or_default();
        let now = self.tenant.now();
        let mut state = self.tenant.lock();
        if state.world.switches.secrets_forbidden {
            return Err(refusal::secrets_forbidden());
        }
        if state.world.switches.directory_object_full {
            return Err(refusal::object_too_large());
        }
        let at = find_application(&state, id)?;
        let start = moment(&given, "startDateTime").unwrap_or(now);
        let end = moment(&given, "endDateTime").or_else(|| two_years_after(start));
        let end = end.ok_or_else(refusal::bad_properties)?;
        let secret = Secret { value: crate::random::client_secret(), expires: Some(end) };
        let name = given.get("displayName").and_then(Value::as_str).map(str::to_owned);
        let label = Label { key_id: Uuid::new_v4(), name, start: Some(start), end: Some(end) };
        let shown = password_json(&label, &secret, Some(&secret.value));
        let object = state.world.apps[at].object_id;
        state.graph.registry.credentials.secrets.insert((object, secret.value.clone()), label);
        state.world.apps[at].secrets.push(secret);
        let kind = "microsoft.graph.passwordCredential";
        Ok(odata(&self.shown(kind, shown.as_object().expect("written as an object").clone())))
    }

    pub(super) fn remove_password(&self, id: &str) -> Result<Answer, Refusal> {
        self.need(WRITE)?;
        let body = self.body()?;
        let mut state = self.tenant.lock();
        let at = find_application(&state, id)?;
        let app = state.world.apps[at].clone();
        let labels = &state.graph.registry.credentials;
        let is = |secret: &&Secret| labels.of_secret(&app, secret).key_id.to_string() == text(&body, "keyId");
        let gone = app.secrets.iter().find(is).ok_or_else(refusal::bad_properties)?.clone();
        state.world.apps[at].secrets.retain(|one| *one != gone);
        Ok(Answer::empty(204))
    }
}

/// An entry without its key stands for one that is there, and may not differ from it.
fn known_key(state: &State, app: &App, entry: &Map<String, Value>) -> Result<RegisteredCertificate, Refusal> {
    let labels = &state.graph.registry.credentials;
    let id = text(entry, "keyId");
    let is =
        |one: &&RegisteredCertificate| labels.of_key(app, one).key_id.to_string().eq_ignore_ascii_case(id);
    let certificate = app.certificates.iter().find(is).ok_or_else(refusal::bad_key)?;
    let as_read = key_json(&labels.of_key(app, certificate), certificate);
    let differs = ["endDateTime", "startDateTime"]
        .iter()
        .any(|name| entry.get(*name).is_some_and(|given| moment_of(given) != moment_of(&as_read[*name])));
    if differs { Err(refusal::key_not_updatable(id)) } else { Ok(certificate.clone()) }
}

/// DER; the how-to's base64 of a whole PEM file is taken, too (facts 4.2).
fn read_certificate(der: &[u8]) -> Option<RegisteredCertificate> {
    let pem = || RegisteredCertificate::from_pem(std::str::from_utf8(der).ok()?).ok();
    RegisteredCertificate::from_der(der).ok().or_else(pem)
}

/// The end of a secret where none is given (additions B6). 29 February leads to 28 February: that was not seen.
fn two_years_after(start: OffsetDateTime) -> Option<OffsetDateTime> {
    let year = start.year().checked_add(2)?;
    let from = if start.month() == Month::February && start.day() == 29 {
        start.replace_day(28).ok()?
    } else {
        start
    };
    from.replace_year(year).ok()
}

fn moment(entry: &Map<String, Value>, name: &str) -> Option<OffsetDateTime> {
    entry.get(name).and_then(moment_of)
}

fn moment_of(value: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()
}
