//! What was asked of the simulator, decoded, newest last.
//! Never holds a secret: passwords, codes, tokens and signatures are masked before they come here.

use crate::web::{Answer, Call, Fate, Fields};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use time::OffsetDateTime;

/// Entries kept; older ones go.
const KEPT: usize = 5_000;

/// Fields whose value is a secret or stands for one.
const SECRET_FIELDS: &[&str] = &[
    "client_secret",
    "password",
    "code",
    "refresh_token",
    "device_code",
    "code_verifier",
    "access_token",
    "id_token_hint",
    "ctx",
];

#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<Value>,
    last_id: u64,
}

impl RequestLog {
    pub(crate) fn all(&self) -> Vec<Value> {
        self.entries.iter().cloned().collect()
    }

    /// Keeps an HTTP call with its answer.
    pub(crate) fn keep_call(&mut self, now: OffsetDateTime, service: &str, call: &Call, answer: &Answer) {
        let mut entry = Map::new();
        entry.insert("service".into(), service.into());
        entry.insert("method".into(), call.asked.as_str().into());
        entry.insert("host".into(), call.host.clone().into());
        entry.insert("path".into(), call.path.clone().into());
        entry.insert("query".into(), masked(&call.query));
        for name in ["user-agent", "client-request-id", "content-type"] {
            if let Some(value) = call.header(name) {
                entry.insert(name.replace('-', "_"), value.into());
            }
        }
        if call
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        {
            entry.insert("form".into(), masked(&call.form()));
        }
        entry.insert("body_bytes".into(), json!(call.body.as_ref().map(bytes::Bytes::len)));
        entry.extend(answer.note.clone());
        let status = (answer.fate == Fate::Sent).then(|| answer.status());
        entry.insert("status".into(), json!(status));
        self.keep(now, entry);
    }

    /// Keeps an SMTP command with its reply.
    pub(crate) fn keep_command(&mut self, now: OffsetDateTime, entry: Map<String, Value>) {
        self.keep(now, entry);
    }

    fn keep(&mut self, now: OffsetDateTime, entry: Map<String, Value>) {
        self.last_id += 1;
        let mut full = Map::new();
        full.insert("id".into(), self.last_id.into());
        full.insert("at".into(), crate::timestamp::seconds(now).into());
        full.extend(entry);
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Value::Object(full));
    }
}

fn masked(fields: &Fields) -> Value {
    let mut shown = Map::new();
    for (name, value) in &fields.0 {
        let value = match name.as_str() {
            "client_assertion" => decode_unverified(value).unwrap_or_else(|| json!("<not a JWT>")),
            name if SECRET_FIELDS.contains(&name) => json!("<masked>"),
            _ => json!(value),
        };
        shown.insert(name.clone(), value);
    }
    Value::Object(shown)
}

/// Header and claims of a JWT, unverified, without its signature.
pub(crate) fn decode_unverified(jwt: &str) -> Option<Value> {
    let mut parts = jwt.split('.');
    let mut next = || -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(parts.next()?.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    Some(json!({"header": next()?, "claims": next()?}))
}
