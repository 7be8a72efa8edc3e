//! The accept loops: HTTPS for Entra and Graph, plain HTTP for the control port.
//! It speaks HTTP and logs; what is answered is decided by `entra`, `graph` and `control`.

use crate::door::{self, Door};
use crate::tenant::Tenant;
use crate::web::{Answer, Call, Fate};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves Entra and Graph until `shutdown`.
pub(crate) async fn run_https(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    tenant: Arc<Tenant>,
    shutdown: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let all = Arc::clone(&tenant);
    door::accept(listener, Door::Microsoft, all, shutdown, move |stream| {
        let (acceptor, tenant) = (acceptor.clone(), Arc::clone(&tenant));
        async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                serve(stream, tenant, Door::Microsoft).await;
            }
        }
    })
    .await;
}

/// Serves the control port until `shutdown`.
pub(crate) async fn run_control(listener: TcpListener, tenant: Arc<Tenant>, shutdown: CancellationToken) {
    let all = Arc::clone(&tenant);
    door::accept(listener, Door::Control, all, shutdown, move |stream| {
        serve(stream, Arc::clone(&tenant), Door::Control)
    })
    .await;
}

/// The connection is closed instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer, as a switch says")]
struct Dropped;

async fn serve<S>(stream: S, tenant: Arc<Tenant>, door: Door)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| respond(request, Arc::clone(&tenant), door));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection ended");
    }
}

async fn respond(
    request: Request<Incoming>,
    tenant: Arc<Tenant>,
    door: Door,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let call = Call::read(request).await.map_err(|_| Dropped)?;
    let answer = match door {
        Door::Control => crate::control::answer(&tenant, &call),
        Door::Microsoft | Door::Smtp => answer_as_microsoft(&tenant, &call).await,
    };
    match answer.fate {
        Fate::Sent => Ok(answer.response),
        Fate::Dropped => Err(Dropped),
        Fate::Never => std::future::pending().await,
    }
}

/// Entra's and Graph's paths don't meet, so one listener serves both.
async fn answer_as_microsoft(tenant: &Tenant, call: &Call) -> Answer {
    let (service, answer) = match call.segments.first().map(String::as_str) {
        _ if call.method == http::Method::OPTIONS => ("preflight", preflight(call)),
        Some("v1.0" | "oidc" | "beta") => ("graph", crate::graph::answer(tenant, call).await),
        Some("api") => ("outlook", crate::graph::answer_upload(tenant, call).await),
        _ => ("entra", crate::entra::answer(tenant, call).await),
    };
    tracing::info!(service, method = %call.asked, path = call.path, status = answer.status(), "answered");
    tenant.lock().requests.keep_call(tenant.now(), service, call, &answer);
    answer
}

/// A browser's question whether a page of another site may ask (Fetch, 4.8): Entra and Graph let all of them.
fn preflight(call: &Call) -> Answer {
    let wanted = call.header("access-control-request-headers").unwrap_or("authorization,content-type");
    Answer::empty(200)
        .with("access-control-allow-origin", "*")
        .with("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
        .with("access-control-allow-headers", wanted)
        .with("access-control-max-age", "3600")
}
