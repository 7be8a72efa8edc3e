//! Who is at the other end of a connection: as the operating system says or, behind a proxy that the administrator named,
//! as that proxy says. A named proxy that doesn't say it isn't served: its own address is nobody's.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::connection::Door;
use crate::handshake;
use crate::house::House;
use crate::proxy::{self, Header};
use crate::{Peer, Refusal};

/// Finds out who it is. None: a proxy that didn't say.
pub(crate) async fn identify<H: House>(
    stream: &mut TcpStream,
    address: SocketAddr,
    door: &Door<H>,
) -> io::Result<Option<Peer>> {
    let peer = Peer { address: canonical(address), local: canonical(stream.local_addr()?), proxy: None };
    let proxy = peer.address.ip();
    if !door.settings.proxies.iter().any(|known| known.to_canonical() == proxy) {
        return Ok(Some(peer));
    }
    match handshake::in_time(door, read_header(stream)).await {
        Ok(Header::Own) => Ok(Some(peer)),
        Ok(Header::Client { source, .. }) => {
            Ok(Some(Peer { address: canonical(source), proxy: Some(proxy), ..peer }))
        }
        Err(error) => {
            // A proxy that only looks whether the port is open says nothing; a server that stops doesn't listen.
            if error.kind() != io::ErrorKind::ConnectionAborted {
                door.house.refused(&peer, None, &silent_about_its_client());
            }
            Ok(None)
        }
    }
}

/// Takes the header off the stream and not an octet more: what follows is the client's, and may be TLS.
async fn read_header(stream: &mut TcpStream) -> io::Result<Header> {
    let mut octets = Vec::with_capacity(proxy::FIXED_OCTETS);
    loop {
        let header =
            proxy::read(&octets).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if let Some(header) = header {
            return Ok(header);
        }
        let missing = proxy::missing(&octets);
        if (&mut *stream).take(missing).read_buf(&mut octets).await? == 0 {
            return Err(match octets.is_empty() {
                true => io::ErrorKind::ConnectionAborted.into(),
                false => io::ErrorKind::UnexpectedEof.into(),
            });
        }
    }
}

fn silent_about_its_client() -> Refusal {
    Refusal::new(
        554,
        "5.7.0",
        "The proxy at this address did not say whom it brings; let it send PROXY protocol version 2 \
         (haproxy: send-proxy-v2), or take it out of proxy_protocol_from",
    )
}

/// On a socket for both protocols IPv4 clients have mapped addresses.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(IpAddr::to_canonical(&address.ip()), address.port())
}
