//! The listening sockets and their connections as the switches want them: open, refusing, cut off after so
//! many bytes. It moves bytes and knows no protocol; `server` and `exchange` speak.

use crate::tenant::Tenant;
use crate::world::Switches;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at a time per listener; more wait.
const CONNECTIONS: usize = 1_024;
const BACKLOG: u32 = 1_024;
const BREATH: Duration = Duration::from_millis(20);

/// Which of the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Entra and Graph.
    Microsoft,
    /// Exchange's SMTP.
    Smtp,
    /// The control port, which never fails.
    Control,
}

impl Door {
    fn is_refusing(self, switches: &Switches) -> bool {
        match self {
            Self::Microsoft => switches.https_refused,
            Self::Smtp => switches.smtp_refused,
            Self::Control => false,
        }
    }

    /// After how many bytes a connection is reset, and after how many it stalls; 0: never.
    fn cuts(self, switches: &Switches) -> (u64, u64) {
        match self {
            Self::Microsoft => (switches.https_reset_after_bytes, switches.https_stall_after_bytes),
            Self::Smtp => (switches.smtp_reset_after_bytes, switches.smtp_stall_after_bytes),
            Self::Control => (0, 0),
        }
    }
}

/// Takes connections and runs `each` on every one, until `shutdown` ends them all.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    door: Door,
    tenant: Arc<Tenant>,
    shutdown: CancellationToken,
    each: impl Fn(Connection) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut changes = tenant.changes();
    let mut ear = Ear::Open(listener);
    let mut open = shutdown.child_token();
    while !shutdown.is_cancelled() {
        let refusing = door.is_refusing(&tenant.lock().world.switches);
        if refusing {
            open.cancel();
            open = shutdown.child_token();
        }
        ear = match ear.turn(refusing) {
            Ok(ear) => ear,
            Err(error) => {
                tracing::error!(%error, ?door, "cannot listen again");
                return;
            }
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            // The sender lives as long as the tenant.
            _ = changes.changed() => continue,
            accepted = ear.accept(&room) => accepted,
        };
        let Ok((stream, permit)) = accepted else {
            // Out of file descriptors, or the peer was gone already: take a breath, go on.
            tokio::time::sleep(BREATH).await;
            continue;
        };
        // Without it small answers wait for the peer's acknowledgement; it fails on dead sockets only.
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(stream, door.cuts(&tenant.lock().world.switches));
        let (work, open) = (each(connection), open.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = open.cancelled() => {}
                () = work => {}
            }
            drop(permit);
        });
    }
}

/// A port that is ours: listened on, or only held, so that connections are refused.
enum Ear {
    Open(TcpListener),
    Closed(TcpSocket),
}

impl Ear {
    fn turn(self, refusing: bool) -> io::Result<Self> {
        match (self, refusing) {
            (Self::Open(listener), true) => {
                let address = listener.local_addr()?;
                drop(listener);
                hold(address).map(Self::Closed)
            }
            (Self::Closed(socket), false) => socket.listen(BACKLOG).map(Self::Open),
            (ear, _) => Ok(ear),
        }
    }

    async fn accept(
        &self,
        room: &Arc<Semaphore>,
    ) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        let Self::Open(listener) = self else { return std::future::pending().await };
        let permit = Arc::clone(room).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, _) = listener.accept().await?;
        Ok((stream, permit))
    }
}

/// Linux refuses connections to a port that is bound and not listened on.
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// A connection that may be cut off.
pub(crate) struct Connection {
    stream: TcpStream,
    read: u64,
    reset_after: u64,
    stall_after: u64,
}

impl Connection {
    fn new(stream: TcpStream, (reset_after, stall_after): (u64, u64)) -> Self {
        Self { stream, read: 0, reset_after, stall_after }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    fn has_stalled(&self) -> bool {
        self.stall_after > 0 && self.read >= self.stall_after
    }

    /// The peer gets a RST when the stream is dropped after this.
    fn check_reset(&self) -> io::Result<()> {
        if self.reset_after == 0 || self.read < self.reset_after {
            return Ok(());
        }
        self.stream.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// Bytes that may still be read before something happens.
    fn room(&self) -> usize {
        let limits = [self.reset_after, self.stall_after].into_iter().filter(|limit| *limit > 0);
        let nearest = limits.map(|limit| limit.saturating_sub(self.read)).min();
        nearest.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_reset()?;
        if self.has_stalled() {
            return Poll::Pending;
        }
        let room = self.room();
        let count = if room >= buffer.remaining() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
            buffer.filled().len() - before
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
            let count = part.filled().len();
            buffer.advance(count);
            count
        };
        self.read += count as u64;
        Poll::Ready(self.check_reset())
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.has_stalled() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.has_stalled() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
