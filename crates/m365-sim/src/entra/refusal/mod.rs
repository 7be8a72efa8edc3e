//! Entra's refusals: each AADSTS code with its `error`, status and text (facts 2.4), made in one place.
//! `request`, `client` and `grant` have the codes by what is at fault.
//! Where a code is shown (JSON, redirect, page) is decided by the endpoint.

mod client;
mod grant;
mod request;

pub(crate) use client::*;
pub(crate) use grant::*;
pub(crate) use request::*;

use crate::tenant::Tenant;
use crate::timestamp;
use crate::web::{Answer, Call};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

/// A refusal, not yet bound to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    /// All numbers of the answer; the specific one is last (additions E1).
    pub(crate) codes: Vec<u32>,
    /// Without the `AADSTSn: ` of the (first) code.
    pub(crate) text: String,
    pub(crate) suberror: Option<&'static str>,
    pub(crate) claims: Option<String>,
    pub(crate) retry_after_seconds: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(code: u32, error: &'static str, text: impl Into<String>) -> Self {
        Self {
            error,
            codes: vec![code],
            text: text.into(),
            suberror: None,
            claims: None,
            retry_after_seconds: None,
        }
    }

    fn with_suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    /// 401 for invalid_client, 400 for the rest (facts 2.3), but for what is temporary.
    fn status(&self) -> u16 {
        match (self.error, self.retry_after_seconds) {
            ("invalid_client", _) => 401,
            ("temporarily_unavailable", Some(_)) => 429,
            ("temporarily_unavailable", None) => 503,
            _ => 400,
        }
    }

    /// `AADSTSn: text Trace ID: … Correlation ID: … Timestamp: …`.
    pub(crate) fn description(&self, trace: &Trace) -> String {
        let Trace { trace_id, correlation_id, at } = trace;
        let time = timestamp::entra(*at);
        format!("{} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {time}", self.message())
    }

    /// `AADSTSn: text`.
    pub(crate) fn message(&self) -> String {
        format!("AADSTS{}: {}", self.codes[0], self.text)
    }

    /// The token endpoint's JSON (facts 2.3).
    pub(crate) fn json(&self, call: &Call, trace: &Trace) -> Answer {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(trace),
            "error_codes": self.codes,
            "timestamp": timestamp::entra(trace.at),
            "trace_id": trace.trace_id,
            "correlation_id": trace.correlation_id,
            "error_uri": format!("{}/error?code={}", call.origin(), self.codes[self.codes.len() - 1]),
        });
        if let Some(suberror) = self.suberror {
            body["suberror"] = json!(suberror);
        }
        if let Some(claims) = &self.claims {
            body["claims"] = json!(claims);
        }
        let answer = Answer::json(self.status(), &body).noting("error_codes", json!(self.codes));
        match self.retry_after_seconds {
            Some(seconds) => answer.with("retry-after", &seconds.to_string()),
            None => answer,
        }
    }
}

/// What names one request in Entra's logs.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) trace_id: String,
    pub(crate) correlation_id: String,
    pub(crate) at: OffsetDateTime,
}

impl Trace {
    pub(crate) fn new(tenant: &Tenant, call: &Call) -> Self {
        let asked = call.header("client-request-id").or_else(|| call.query.get("client-request-id"));
        let asked = asked.and_then(|id| Uuid::parse_str(id).ok());
        Self {
            trace_id: Uuid::new_v4().to_string(),
            correlation_id: asked.unwrap_or_else(Uuid::new_v4).to_string(),
            at: tenant.now(),
        }
    }
}
