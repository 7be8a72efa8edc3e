//! The HTTP connection to one cloud: every request of this room goes through [`Connection::exchange`].
//!
//! It bounds what it waits for and what it reads, follows no redirect (a credential must not travel on to
//! another address), names each request, and tells apart what certainly didn't arrive from what may have.
//! Neighbours: `trust` and `proxy` below, `token`, `authorize`, `device_code` and `graph` above.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, Response, redirect};
use rustls::ClientConfig;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::failure::{Failure, LocalTrouble, NetworkKind, NetworkTrouble};
use crate::provider::Provider;
use crate::proxy::ProxyChoice;
use crate::trust::{self, Roots};
use crate::tunnel::Ways;

/// The connection to one cloud, with what was learned about it. Made once and shared.
#[derive(Debug)]
pub struct Connection {
    cloud: Arc<Cloud>,
    http: reqwest::Client,
    smtp_tls: Arc<ClientConfig>,
    ways: Ways,
    total_timeout: Duration,
    pub(crate) provider: Provider,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectionOptions {
    /// The way out.
    pub proxy: ProxyChoice,
    /// Whom to trust.
    pub roots: Roots,
    /// To be connected, TLS included.
    pub connect_timeout: Duration,
    /// For a request as a whole, its retry included; a request may set its own.
    pub total_timeout: Duration,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most 1 MiB where nothing else was said.
    pub body: Vec<u8>,
    /// The `client-request-id` that was sent.
    pub client_request_id: String,
    /// `host:port` of whom we asked.
    pub target: String,
}

impl Connection {
    /// Gets ready; connects to nobody yet.
    ///
    /// # Errors
    /// The system has no trusted roots, the cloud's `ca_pem` is unusable, or the proxy is.
    pub fn new(cloud: Arc<Cloud>, options: &ConnectionOptions) -> Result<Self, LocalTrouble> {
        let tls = trust::configure(options.roots, cloud.ca_pem.as_deref())?;
        let http = build_client(tls.clone(), options)?;
        let smtp_tls = Arc::new(tls);
        Ok(Self {
            cloud,
            http,
            ways: Ways::new(&options.proxy, Arc::clone(&smtp_tls))?,
            smtp_tls,
            total_timeout: options.total_timeout,
            provider: Provider::default(),
        })
    }

    /// Which cloud it leads to.
    pub fn cloud(&self) -> &Arc<Cloud> {
        &self.cloud
    }

    /// What requests are built with, to be sent by [`Connection::exchange`].
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The same trust for the SMTP server.
    pub fn smtp_tls(&self) -> &Arc<ClientConfig> {
        &self.smtp_tls
    }

    /// How the SMTP server is reached: straight, or through the proxy.
    pub(crate) fn ways(&self) -> &Ways {
        &self.ways
    }

    /// Sends one request, once, and reads the answer whatever its status, except a redirect or a proxy's
    /// demand for a password.
    ///
    /// # Errors
    /// Always [`Failure::Network`]: no answer, or not one of the service that was asked.
    pub async fn exchange(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        self.exchange_up_to(MAX_BODY_BYTES, request).await
    }

    /// The same, where the answer may be longer than usual.
    pub(crate) async fn exchange_up_to(
        &self,
        max_body_bytes: usize,
        request: RequestBuilder,
    ) -> Result<Answer, Failure> {
        let client_request_id = Uuid::new_v4().to_string();
        let request = request
            .header("client-request-id", &client_request_id)
            .header("return-client-request-id", "true")
            .build()
            .map_err(|error| trouble("request", NetworkKind::Unreadable, &error.without_url().to_string()))?;
        let target = name_target(request.url());
        let response = self.http.execute(request).await.map_err(|error| explain(&target, error))?;
        check_who_answered(&target, &response)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read_body(&target, response, max_body_bytes).await?;
        Ok(Answer { status, headers, body, client_request_id, target })
    }

    /// Tries once more where that is harmless: never connected, throttled, or broken at the other side; and
    /// only if the pause that was asked for fits into the time that is left.
    pub(crate) async fn with_one_retry<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let started = Instant::now();
        let failure = match attempt().await {
            Err(failure) if is_worth_retrying(&failure) => failure,
            settled => return settled,
        };
        let pause = failure.retry_after().unwrap_or_else(jittered_pause);
        if started.elapsed() + pause >= self.total_timeout {
            return Err(failure);
        }
        tokio::time::sleep(pause).await;
        attempt().await
    }
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            proxy: ProxyChoice::default(),
            roots: Roots::default(),
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
        }
    }
}

impl Answer {
    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After` in either form (RFC 9110 §10.2.3); a date counts from the answer's own `Date`.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        let now = OffsetDateTime::parse(self.header("date")?, &Rfc2822).ok()?;
        (until - now).try_into().ok()
    }

    /// The answer isn't one that this service gives.
    pub(crate) fn unreadable(&self, why: &str) -> Failure {
        trouble(&self.target, NetworkKind::Unreadable, why)
    }
}

/// No answer of Entra, and hardly one of Graph, that we ask for is longer.
const MAX_BODY_BYTES: usize = 1024 * 1024;
const USER_AGENT: &str = concat!("Postern/", env!("CARGO_PKG_VERSION"));
/// Below the minute or so after which middleboxes forget a connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

fn build_client(mut tls: ClientConfig, options: &ConnectionOptions) -> Result<reqwest::Client, LocalTrouble> {
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .timeout(options.total_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(USER_AGENT);
    let builder = match &options.proxy {
        ProxyChoice::Environment => builder,
        ProxyChoice::Direct => builder.no_proxy(),
        ProxyChoice::Through(proxy) => builder.proxy(proxy.to_reqwest().map_err(|_| unusable_proxy())?),
    };
    builder.build().map_err(|error| {
        let message = format!("no HTTP client can be made: {}", error.without_url());
        LocalTrouble::new("connection_unusable", message, "Check the proxy and ca_file settings.")
    })
}

fn unusable_proxy() -> LocalTrouble {
    LocalTrouble::new(
        "proxy_unusable",
        "the proxy can't be used",
        "Give it as http://user:password@host:port.",
    )
}

/// Neither a redirect nor a proxy speaks for the service.
fn check_who_answered(target: &str, response: &Response) -> Result<(), Failure> {
    let status = response.status();
    if status.as_u16() == 407 {
        return Err(trouble(target, NetworkKind::Proxy, "the proxy asks for a user name and password (407)"));
    }
    if status.is_redirection() {
        let to = response.headers().get("location").map(HeaderValue::as_bytes).unwrap_or_default();
        let to = Url::parse(&String::from_utf8_lossy(to)).map(|to| name_target(&to)).unwrap_or_default();
        return Err(trouble(target, NetworkKind::Unreadable, &format!("a redirect ({status}) to {to}")));
    }
    Ok(())
}

async fn read_body(target: &str, mut response: Response, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(target, error))? {
        if body.len() + chunk.len() > max_bytes {
            let detail = format!("the answer is longer than {max_bytes} octets");
            return Err(trouble(target, NetworkKind::Unreadable, &detail));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `host:port`: what may be shown of an address.
pub(crate) fn name_target(address: &Url) -> String {
    let host = address.host_str().unwrap_or_default();
    match address.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn trouble(target: &str, kind: NetworkKind, detail: &str) -> Failure {
    NetworkTrouble::new(target, kind, detail).into()
}

fn explain(target: &str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    trouble(target, classify(&error), &tell_causes(&error))
}

/// From the earliest phase to the latest: the first that fits is where it broke.
fn classify(error: &reqwest::Error) -> NetworkKind {
    let causes = tell_causes(error);
    match () {
        () if causes.contains("tunnel error") => NetworkKind::Proxy,
        () if error.is_dns() => NetworkKind::Dns,
        () if is_tls(error) && error.is_connect() => NetworkKind::Tls,
        () if error.is_connect() => NetworkKind::Connect,
        () if error.is_timeout() => NetworkKind::Timeout,
        () => NetworkKind::Reset,
    }
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return true;
        }
        cause = look_inside(current).or_else(|| current.source());
    }
    false
}

/// An io::Error made from another error hides that one from `source`.
fn look_inside<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn std::error::Error + 'static)> {
    let inside = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    Some(inside)
}

/// The causes from the outermost in, each once: the innermost one says what happened. "client error
/// (Connect)" is the library's own word for the phase.
fn tell_causes(error: &reqwest::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        let text = current.to_string();
        if !text.starts_with("client error") && !told.iter().any(|earlier| earlier.contains(&text)) {
            told.push(text);
        }
        cause = current.source();
    }
    match told.is_empty() {
        true => error.to_string(),
        false => told.join(": "),
    }
}

fn is_worth_retrying(failure: &Failure) -> bool {
    match failure {
        Failure::Network(trouble) => matches!(trouble.kind, NetworkKind::Dns | NetworkKind::Connect),
        Failure::Entra(refusal) => matches!(refusal.status, 429 | 500..=599),
        Failure::Graph(_) | Failure::Smtp(_) | Failure::Local(_) => false,
    }
}

/// Half a second to one and a half: two of ours must not come back together.
fn jittered_pause() -> Duration {
    Duration::from_millis(rand::random_range(500..1500))
}

#[cfg(test)]
mod tests;
