//! The doors of the process: HTTPS for people and clients, and `admin.sock` for this machine's administrator. They
//! carry one router; each connection says who is on its other side ([`Peer`]). They know nothing of HTTP's meaning.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Who is on the other side of a connection, as the operating system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An address on the network.
    Network(SocketAddr),
    /// A process of this machine, by its user id, let in by peer credentials.
    Local {
        /// Effective user id.
        uid: u32,
    },
}

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long requests under way may finish when the process is told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 1024;
/// How many of them one address may have: nobody alone can lock all others out. A browser opens a handful.
const MAX_CONNECTIONS_OF_AN_ADDRESS: usize = 64;

/// Clients that may wait to be taken in.
pub(crate) const BACKLOG: u32 = 1024;

/// Takes a port without opening it: another server that is up keeps it from being taken, and no client gets in before
/// there is somebody to answer. `TcpSocket::listen` opens it.
pub(crate) fn take_port(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As the standard library does: connections of an earlier run that aren't quite over don't hold the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves `router` over TLS until `shutdown`, then lets requests under way finish. An address has its share of the
/// connections only, but for the `proxies`, behind which many people stand.
pub async fn serve_https(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    proxies: Vec<IpAddr>,
    shutdown: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let connections = Connections::new(shutdown.clone());
    let shares = Shares::default();
    loop {
        let permit = tokio::select! {
            () = shutdown.cancelled() => break,
            permit = connections.permit() => permit,
        };
        let (stream, address) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => { pause_after_accept_error(&error).await; continue }
            },
        };
        let Some(share) = shares.take(address.ip(), &proxies) else {
            tracing::debug!(%address, "closed a connection: its address has too many");
            continue;
        };
        let (acceptor, connections, router) = (acceptor.clone(), connections.clone(), router.clone());
        tokio::spawn(async move {
            let _share = share;
            // A client that speaks no TLS or stalls is its own trouble and not worth a line at the default level.
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => connections.serve(stream, Peer::Network(address), router, permit).await,
                Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "TLS handshake timed out"),
            }
        });
    }
    connections.drain().await;
}

/// Serves `router` on a Unix socket until `shutdown`. Only root and the server's own user are let in.
pub async fn serve_socket(listener: UnixListener, router: Router, shutdown: CancellationToken) {
    let own_uid = rustix::process::geteuid().as_raw();
    let connections = Connections::new(shutdown.clone());
    loop {
        let permit = tokio::select! {
            () = shutdown.cancelled() => break,
            permit = connections.permit() => permit,
        };
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => { pause_after_accept_error(&error).await; continue }
            },
        };
        let uid = match stream.peer_cred() {
            Ok(credentials) if credentials.uid() == 0 || credentials.uid() == own_uid => credentials.uid(),
            Ok(credentials) => {
                tracing::warn!(uid = credentials.uid(), "refused a user on admin.sock");
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read the peer's credentials on admin.sock");
                continue;
            }
        };
        let (connections, router) = (connections.clone(), router.clone());
        tokio::spawn(async move { connections.serve(stream, Peer::Local { uid }, router, permit).await });
    }
    connections.drain().await;
}

/// Binds `admin.sock`, mode 0600. The caller holds the data directory's lock, so a socket that is there is a dead one.
pub fn bind_socket(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Out of file descriptors, most of the time: without a pause the loop would burn a core and help nobody.
async fn pause_after_accept_error(error: &std::io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Shares(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of one connection among those of its address, given back when dropped.
struct Share {
    shares: Shares,
    address: IpAddr,
}

impl Shares {
    /// `None` where the address has all it may have.
    fn take(&self, address: IpAddr, proxies: &[IpAddr]) -> Option<Share> {
        let address = address.to_canonical();
        let limit = match proxies.contains(&address) {
            true => MAX_CONNECTIONS,
            false => MAX_CONNECTIONS_OF_AN_ADDRESS,
        };
        let address = neighbourhood(address);
        let mut taken = self.0.lock().expect("nobody panics while holding the shares");
        let count = taken.entry(address).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Share { shares: self.clone(), address })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.0.lock().expect("nobody panics while holding the shares");
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 of its network.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
    }
}

#[derive(Clone)]
struct Connections {
    slots: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Connections {
    fn new(shutdown: CancellationToken) -> Self {
        Self { slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)), shutdown }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed")
    }

    async fn serve<S>(&self, stream: S, peer: Peer, router: Router, permit: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A connection that says nothing must not keep a place: hyper's own limit begins with the first byte.
        let mut stream = BufReader::new(stream);
        match tokio::time::timeout(HEADER_TIMEOUT, stream.fill_buf()).await {
            Ok(Ok(first)) if !first.is_empty() => {}
            _ => return,
        }
        let service = hyper::service::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().call(request)
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(30));
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        tokio::pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(?peer, error, "connection ended early");
        }
        drop(permit);
    }

    /// Waits until every connection is done, or [`DRAIN_TIMEOUT`].
    async fn drain(&self) {
        let all = u32::try_from(MAX_CONNECTIONS).expect("a small constant");
        if tokio::time::timeout(DRAIN_TIMEOUT, self.slots.acquire_many(all)).await.is_err() {
            tracing::warn!("some connections did not end in time and were cut");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let shares = Shares::default();
        let mut held: Vec<_> =
            (0..MAX_CONNECTIONS_OF_AN_ADDRESS).map(|_| shares.take(ip("192.0.2.1"), &[]).unwrap()).collect();
        assert!(shares.take(ip("192.0.2.1"), &[]).is_none());
        assert!(
            shares.take(ip("::ffff:192.0.2.1"), &[]).is_none(),
            "the same, as a dual-stack listener sees it"
        );
        assert!(shares.take(ip("192.0.2.2"), &[]).is_some(), "others don't wait for it");
        held.pop();
        assert!(shares.take(ip("192.0.2.1"), &[]).is_some());
        drop(held);
        assert!(shares.0.lock().unwrap().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_together() {
        let shares = Shares::default();
        let _held: Vec<_> = (0..MAX_CONNECTIONS_OF_AN_ADDRESS)
            .map(|number| shares.take(ip(&format!("2001:db8::{number:x}")), &[]).unwrap())
            .collect();
        assert!(shares.take(ip("2001:db8::ffff"), &[]).is_none());
        assert!(shares.take(ip("2001:db8:0:1::1"), &[]).is_some());
    }

    #[test]
    fn a_reverse_proxy_speaks_for_many() {
        let shares = Shares::default();
        let proxies = [ip("192.0.2.1")];
        let held: Vec<_> = (0..200).map_while(|_| shares.take(proxies[0], &proxies)).collect();
        assert_eq!(held.len(), 200);
    }
}
