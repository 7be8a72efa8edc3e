//! Calls and answers: one HTTP request taken in whole, one response with what the log shall show.
//! Knows no protocol above HTTP; `entra`, `graph` and `control` are its callers.

use crate::world::Said;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Bodies over this are not kept (Graph's cap on a request, facts 5.5).
pub(crate) const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// More than this isn't even read to its end.
const DRAIN_LIMIT: usize = 64 * 1024 * 1024;

/// Names and values in the order of sending.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The value of a field that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.present(name).filter(|value| !value.is_empty())
    }

    /// The value of a field that is there.
    pub(crate) fn present(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Call {
    /// As it is answered: HEAD is a GET whose body stays away (RFC 9110, 9.3.2), which hyper sees to.
    pub(crate) method: Method,
    /// As it was asked.
    pub(crate) asked: Method,
    pub(crate) path: String,
    pub(crate) segments: Vec<String>,
    pub(crate) query: Fields,
    pub(crate) headers: HeaderMap,
    /// None: over [`BODY_LIMIT`].
    pub(crate) body: Option<Bytes>,
    pub(crate) host: String,
}

impl Call {
    /// Reads a request to its end.
    ///
    /// # Errors
    /// When the connection breaks or the body is beyond all measure.
    pub(crate) async fn read(request: Request<Incoming>) -> Result<Self, BrokenRequest> {
        let (parts, body) = request.into_parts();
        let host = host_of(&parts).unwrap_or_else(|| "localhost".into());
        let path = parts.uri.path().to_owned();
        let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
        Ok(Self {
            method,
            asked: parts.method,
            segments: segments(&path),
            query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            path,
            headers: parts.headers,
            body: read_body(body).await?,
            host,
        })
    }

    /// `https://` and the host that the client used.
    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.host)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the body is; over the limit: the limit.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.body.as_ref().map_or(BODY_LIMIT, Bytes::len) as u64
    }

    /// The fields of a posted form.
    pub(crate) fn form(&self) -> Fields {
        Fields::parse(self.body.as_deref().unwrap_or_default())
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let all = self.headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// The request can't be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the request broke off")]
pub(crate) struct BrokenRequest;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    /// The connection is closed without it.
    Dropped,
    /// It never comes.
    Never,
}

/// A response, and what the request log shall say beside it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Full<Bytes>>,
    pub(crate) note: Map<String, Value>,
    pub(crate) fate: Fate,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = StatusCode::from_u16(status).expect("statuses in this crate are real ones");
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { response, note: Map::new(), fate: Fate::Sent }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// What a switch says, word for word.
    pub(crate) fn said(said: &Said) -> Self {
        match &said.body {
            Value::Null => Self::empty(said.status),
            Value::String(page) => Self::new(said.status, "text/html; charset=utf-8", page.clone()),
            body => Self::json(said.status, body),
        }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        let mut answer = Self::new(status, "text/plain", Bytes::new());
        answer.response.headers_mut().remove(CONTENT_TYPE);
        answer
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::empty(302).with("location", to)
    }

    /// No answer at all: the connection is closed.
    pub(crate) fn dropped() -> Self {
        Self { fate: Fate::Dropped, ..Self::empty(503) }
    }

    /// No answer at all, and the connection stays open.
    pub(crate) fn never() -> Self {
        Self { fate: Fate::Never, ..Self::empty(503) }
    }

    /// Sets a header; a value that can't be one is left out.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().append(HeaderName::from_static(name), value);
        }
        self
    }

    /// Adds a line to the request log's entry.
    pub(crate) fn noting(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.note.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }
}

/// The host the client asked for: `Host`, or `:authority` in HTTP/2; only what a host may look like.
fn host_of(parts: &http::request::Parts) -> Option<String> {
    let named = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let header = || parts.headers.get(http::header::HOST)?.to_str().ok().map(str::to_owned);
    let host = named.or_else(header)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    (!host.is_empty() && host.chars().all(plain)).then_some(host)
}

/// Empty segments don't count: Graph's own Python SDK sends `/v1.0//users/…`.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

async fn read_body(mut body: Incoming) -> Result<Option<Bytes>, BrokenRequest> {
    let mut kept = Vec::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BrokenRequest)?.into_data() else { continue };
        size += data.len();
        if size > DRAIN_LIMIT {
            return Err(BrokenRequest);
        }
        if size <= BODY_LIMIT {
            kept.extend_from_slice(&data);
        }
    }
    Ok((size <= BODY_LIMIT).then(|| Bytes::from(kept)))
}
