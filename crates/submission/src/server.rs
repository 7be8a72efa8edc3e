//! The listener: takes connections in, gives each a task of its own, and stops in good order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connection::{self, Door};
use crate::{House, Peer, Security, Settings};

/// Serves SMTP on `listener` until `shutdown`. Then no connection is taken in, each that is there is told 421 as soon
/// as no message is under way on it, and what isn't over after `Limits::grace` is cut off: its client has had no 250
/// and sends the message again.
pub async fn serve<H: House>(
    listener: TcpListener,
    settings: Settings,
    house: Arc<H>,
    shutdown: CancellationToken,
) {
    let grace = settings.limits.grace;
    let door = Arc::new(Door { settings: Arc::new(settings), house, shutdown });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = door.shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let door = Arc::clone(&door);
                    connections.spawn(async move {
                        if let Err(error) = connection::attend(stream, address, &door).await {
                            tracing::debug!(%address, %error, "an SMTP connection broke off");
                        }
                    });
                }
                Err(error) => pause_after(&error).await,
            },
        }
    }
    drop(listener);
    let ending = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if timeout(grace, ending).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "cutting off SMTP connections that took too long to end"
        );
    }
}

/// Serves SMTP on one connection that has no network under it (a Unix socket) to its end. It is not encrypted, whatever
/// `settings.security` says, and needs no password where the house knows the peer.
///
/// # Errors
/// The connection broke off.
pub async fn serve_local<S, H>(
    stream: S,
    peer: Peer,
    settings: Settings,
    house: Arc<H>,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: House,
{
    let settings = Settings { security: Security::Plain, ..settings };
    let door = Door { settings: Arc::new(settings), house, shutdown };
    connection::attend_local(stream, peer, &door).await
}

/// A panic is a mistake of ours and ends its own connection only.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an SMTP connection ended in a panic");
    }
}

/// Out of file descriptors, most of the time: without a pause the loop would burn a core and help nobody.
async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "cannot accept an SMTP connection");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
