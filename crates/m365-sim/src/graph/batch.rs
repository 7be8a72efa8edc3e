//! JSON batching (facts 5.7): up to 20 calls in one, answered in their order by the same doors as alone.
//! A call that depends on one that failed isn't made. A body that is no JSON travels as base64.

use super::refusal::{self, Refusal};
use super::{answer as answer_one, odata};
use crate::tenant::Tenant;
use crate::web::{Answer, Call, Fate, Fields, segments};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const MOST: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// Answers `POST /$batch`.
///
/// # Errors
/// When it isn't one, or has more than 20 calls.
pub(super) async fn answer(tenant: &Tenant, call: &Call) -> Result<Answer, Refusal> {
    if call.method != http::Method::POST {
        return Err(refusal::method_not_allowed());
    }
    let body = call.body.as_deref().ok_or_else(refusal::over_4_mb)?;
    let batch: Batch = serde_json::from_slice(body).map_err(|_| refusal::unreadable_body())?;
    if batch.requests.len() > MOST {
        return Err(refusal::batch_too_large(MOST));
    }
    let (mut responses, mut failed) = (Vec::new(), Vec::new());
    for part in batch.requests {
        let id = part.id.clone();
        let response = match part.depends_on.iter().any(|other| failed.contains(other)) {
            true => json!({"id": id, "status": 424, "body": refusal::failed_dependency()}),
            false => answer_part(tenant, call, part).await?,
        };
        if response["status"].as_u64().is_none_or(|status| status >= 400) {
            failed.push(id);
        }
        responses.push(response);
    }
    Ok(odata(&json!({ "responses": responses })))
}

async fn answer_part(tenant: &Tenant, call: &Call, part: Part) -> Result<Value, Refusal> {
    let id = part.id.clone();
    let answer = answer_one(tenant, &part.into_call(call)?).await;
    if answer.fate != Fate::Sent {
        return Ok(json!({"id": id, "status": 504, "headers": {}}));
    }
    let (head, body) = answer.response.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
    let mut headers = Map::new();
    for (name, value) in &head.headers {
        headers.insert(name.to_string(), json!(value.to_str().unwrap_or_default()));
    }
    let mut response = json!({"id": id, "status": head.status.as_u16(), "headers": headers});
    if !body.is_empty() {
        response["body"] = serde_json::from_slice(&body).unwrap_or_else(|_| json!(STANDARD.encode(&body)));
    }
    Ok(response)
}

impl Part {
    /// The call that this part stands for, with the batch's own token.
    fn into_call(self, batch: &Call) -> Result<Call, Refusal> {
        let (path, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        // Relative to the version; Microsoft's client for JavaScript leaves the version in.
        let below = path.trim_start_matches('/');
        let below =
            ["v1.0/", "beta/"].iter().find_map(|version| below.strip_prefix(version)).unwrap_or(below);
        let path = format!("/v1.0/{below}");
        if path.starts_with("/v1.0/$batch") {
            return Err(refusal::no_such_segment("$batch"));
        }
        let method = self.method.parse().map_err(|_| refusal::unreadable_body())?;
        let mut headers = HeaderMap::new();
        if let Some(token) = batch.headers.get(http::header::AUTHORIZATION) {
            headers.insert(http::header::AUTHORIZATION, token.clone());
        }
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refusal::unreadable_body())?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| refusal::unreadable_body())?);
        }
        let is_json =
            headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"application/json"));
        let body = match self.body {
            None => Bytes::new(),
            Some(Value::String(text)) if !is_json => {
                STANDARD.decode(text).map_err(|_| refusal::unreadable_body())?.into()
            }
            Some(body) => body.to_string().into(),
        };
        Ok(Call {
            segments: segments(&path),
            query: Fields::parse(query.as_bytes()),
            path,
            asked: batch.asked.clone(),
            method,
            headers,
            body: Some(body),
            host: batch.host.clone(),
        })
    }
}
