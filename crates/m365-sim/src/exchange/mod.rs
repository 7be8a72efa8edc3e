//! Exchange Online SMTP AUTH.

use crate::tenant::Tenant;
use rustls::ServerConfig;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What Exchange remembers between sessions.
#[derive(Debug, Default)]
pub(crate) struct Memory {}

pub(crate) async fn run(listener: TcpListener, _tls: Arc<ServerConfig>, _tenant: Arc<Tenant>, shutdown: CancellationToken) {
    let _listener = listener;
    shutdown.cancelled().await;
}
