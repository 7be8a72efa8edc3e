//! One small HTTP client for the REST API, over the server's Unix socket or over TLS.
//!
//! Every call has a time limit, every answer a size limit; what the server refuses comes back as a
//! [`Failure`] with the server's own words. Nothing here knows what the answers mean.

mod events;
mod network;
mod socket;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::time::Duration;

pub(crate) use events::{Event, EventStream};

use super::failure::Failure;
use super::globals::Target;

/// RFC 3986, section 2.3: everything but the unreserved characters is encoded in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A server that has read the request answers ordinary ones within this time.
const ORDINARY: Duration = Duration::from_secs(60);
/// Checks and test mails speak with Microsoft, several times, each within its own limit.
const PATIENT: Duration = Duration::from_secs(300);
/// The largest answer that is read: a page of the audit log is far below it.
const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;
/// Entries asked for in one page of a list.
const PAGE_SIZE: usize = 200;

/// draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

type Cause = Box<dyn std::error::Error + Send + Sync>;
/// A body of either transport.
pub(crate) type Body = UnsyncBoxBody<Bytes, Cause>;

/// What is asked of the server.
struct Request {
    method: Method,
    /// Path below `/api/v1`, with its query.
    path: String,
    body: Option<Value>,
    /// Under which the server does it once, however often it is asked.
    idempotency_key: Option<String>,
    accept: &'static str,
    limit: Duration,
}

/// A whole list.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) entries: Vec<Value>,
    /// What the server says of entries that it can't read any more.
    pub(crate) damaged: Vec<String>,
}

/// The way to one server. Nothing is connected before the first call.
pub(crate) struct Client {
    transport: Transport,
}

enum Transport {
    Socket(socket::Socket),
    Network(network::Network),
}

/// A path below `/api/v1`, each segment encoded: `["certificates", "a/b"]` → `/certificates/a%2Fb`.
pub(crate) fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    path
}

/// `?a=b&c=d` from those that have a value; empty when none has.
pub(crate) fn query(fields: &[(&str, Option<String>)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    let form = form.finish();
    if form.is_empty() { form } else { format!("?{form}") }
}

impl Client {
    /// # Errors
    /// The certificate authority's file can't be used.
    pub(crate) fn new(target: Target) -> Result<Self, Failure> {
        let transport = match target {
            Target::DataDir(path) => Transport::Socket(socket::Socket::new(path)),
            Target::Address { url, token, ca_pem } => {
                Transport::Network(network::Network::new(url, token, ca_pem)?)
            }
        };
        Ok(Self { transport })
    }

    pub(crate) async fn fetch(&self, path: &str) -> Result<Value, Failure> {
        self.exchange(Request::new(Method::GET, path)).await
    }

    /// Waits longer than usual: for a long poll, whose answer the server holds back.
    pub(crate) async fn fetch_within(&self, path: &str, limit: Duration) -> Result<Value, Failure> {
        let mut request = Request::new(Method::GET, path);
        request.limit = limit;
        self.exchange(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        self.exchange(Request::with_body(Method::POST, path, body)).await
    }

    /// The same, done once however often it is asked with the same key.
    pub(crate) async fn post_once(
        &self,
        path: &str,
        body: Value,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut request = Request::with_body(Method::POST, path, body);
        request.idempotency_key = key.map(str::to_owned);
        request.limit = PATIENT;
        self.exchange(request).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Result<Value, Failure> {
        self.exchange(Request::with_body(Method::PATCH, path, body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.exchange(Request::new(Method::DELETE, path)).await?;
        Ok(())
    }

    /// Bytes that are no JSON: a certificate.
    pub(crate) async fn fetch_bytes(&self, path: &str) -> Result<Bytes, Failure> {
        let mut request = Request::new(Method::GET, path);
        request.accept = "*/*";
        read_bytes(self.accepted(request).await?).await
    }

    /// Bytes that are made for the question: a PKCS#12 file.
    pub(crate) async fn post_for_bytes(&self, path: &str, body: Value) -> Result<Bytes, Failure> {
        let mut request = Request::with_body(Method::POST, path, body);
        request.accept = "*/*";
        read_bytes(self.accepted(request).await?).await
    }

    /// Asks for server-sent events; a server that has none for this answers with the report itself.
    pub(crate) async fn post_for_events(&self, path: &str, body: Value) -> Result<EventStream, Failure> {
        let mut request = Request::with_body(Method::POST, path, body);
        request.accept = "text/event-stream, application/json;q=0.5";
        request.limit = PATIENT;
        let response = self.accepted(request).await?;
        if is_type(&response, "text/event-stream") {
            return Ok(EventStream::live(response.into_body(), PATIENT));
        }
        let report = parse(&read_bytes(response).await?)?;
        Ok(EventStream::of_report(report))
    }

    /// All entries of a list, page by page, at most `limit` of them.
    pub(crate) async fn fetch_all(
        &self,
        path: &str,
        fields: &[(&str, Option<String>)],
        limit: usize,
    ) -> Result<Listed, Failure> {
        let mut listed = Listed::default();
        let mut cursor: Option<String> = None;
        while listed.entries.len() < limit {
            let size = PAGE_SIZE.min(limit - listed.entries.len());
            let mut asked = fields.to_vec();
            asked.push(("limit", Some(size.to_string())));
            asked.push(("cursor", cursor.take()));
            let page = self.fetch(&format!("{path}{}", query(&asked))).await?;
            cursor = listed.take_page(&page)?;
            if cursor.is_none() {
                break;
            }
        }
        listed.entries.truncate(limit);
        Ok(listed)
    }

    async fn exchange(&self, request: Request) -> Result<Value, Failure> {
        let limit = request.limit;
        let response = self.accepted(request).await?;
        let bytes =
            tokio::time::timeout(limit, read_bytes(response)).await.map_err(|_| too_slow(limit))??;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        parse(&bytes)
    }

    /// Sends the request; an answer that isn't 2xx is a failure.
    async fn accepted(&self, request: Request) -> Result<Response<Body>, Failure> {
        let limit = request.limit;
        let sending = async {
            match &self.transport {
                Transport::Socket(socket) => socket.send(request).await,
                Transport::Network(network) => network.send(request).await,
            }
        };
        let response = tokio::time::timeout(limit, sending).await.map_err(|_| too_slow(limit))??;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(read_refusal(response).await)
    }
}

impl Listed {
    /// Takes a page in; where the next one begins, unless this was the last.
    fn take_page(&mut self, page: &Value) -> Result<Option<String>, Failure> {
        let list = |name: &str| page.get(name).and_then(Value::as_array);
        let items = list("items").ok_or_else(|| unexpected("a list without items"))?;
        let damaged = list("damaged").map_or(&[][..], Vec::as_slice);
        self.entries.extend(items.iter().cloned());
        self.damaged.extend(damaged.iter().filter_map(Value::as_str).map(str::to_owned));
        // A page of nothing would be followed by the same again.
        let goes_on = !(items.is_empty() && damaged.is_empty());
        Ok(page.get("next").and_then(Value::as_str).filter(|_| goes_on).map(str::to_owned))
    }
}

impl Request {
    fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: format!("/api/v1{path}"),
            body: None,
            idempotency_key: None,
            accept: "application/json",
            limit: ORDINARY,
        }
    }

    fn with_body(method: Method, path: &str, body: Value) -> Self {
        Self { body: Some(body), ..Self::new(method, path) }
    }
}

async fn read_bytes(response: Response<Body>) -> Result<Bytes, Failure> {
    let body = Limited::new(response.into_body(), ANSWER_LIMIT_BYTES);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(broken_off(&error.to_string())),
    }
}

/// A problem document of ours, or what little another answer says (a proxy's page, for example).
async fn read_refusal(response: Response<Body>) -> Failure {
    let status = response.status();
    let bytes = match read_bytes(response).await {
        Ok(bytes) => bytes,
        Err(failure) => return failure,
    };
    let problem = serde_json::from_slice::<Map<String, Value>>(&bytes).ok();
    problem.and_then(Failure::from_problem).unwrap_or_else(|| nameless_refusal(status))
}

fn nameless_refusal(status: StatusCode) -> Failure {
    let failure = Failure::new("unexpected_answer", format!("the server answered {status} without a reason"));
    match status {
        StatusCode::UNAUTHORIZED => failure.hint("check the token: it may have expired"),
        StatusCode::NOT_FOUND => failure.hint("is this a Postern server, and as new as this program?"),
        _ => failure.hint("look into the server's log, or at a proxy on the way"),
    }
}

fn is_type(response: &Response<Body>, wanted: &str) -> bool {
    let found = response.headers().get(header::CONTENT_TYPE);
    found.and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with(wanted))
}

fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|_| unexpected("something that isn't JSON"))
}

fn unexpected(what: &str) -> Failure {
    Failure::new("unexpected_answer", format!("the server answered with {what}"))
        .hint("is this a Postern server, and as new as this program?")
}

fn broken_off(why: &str) -> Failure {
    Failure::new("broken_off", format!("the server's answer broke off: {why}"))
        .hint("what was asked may have been done all the same; look before you ask again")
}

fn too_slow(limit: Duration) -> Failure {
    Failure::new("timeout", format!("the server didn't answer within {} seconds", limit.as_secs()))
        .hint("what was asked may be done all the same; look before you ask again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_one_segment() {
        assert_eq!(
            path(&["certificates", "a/b?c ü%", "download"]),
            "/certificates/a%2Fb%3Fc%20%C3%BC%25/download"
        );
    }

    #[test]
    fn only_fields_with_a_value_are_in_the_query() {
        assert_eq!(query(&[("a", Some("x&y".into())), ("b", None), ("c", Some("1".into()))]), "?a=x%26y&c=1");
        assert_eq!(query(&[("a", None)]), "");
    }
}
