//! The header of PROXY protocol version 2 (haproxy's proxy-protocol.txt, §2.2), with which a load balancer says who the
//! client is. Pure. Whoever may send it is asked elsewhere: a stranger's header is a lie.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// The proxy speaks for itself: a health check.
    Own,
    /// It brings a client.
    Client {
        /// The client.
        source: SocketAddr,
        /// The address of the proxy that it called.
        destination: SocketAddr,
    },
}

/// The octets aren't a header that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a header of PROXY protocol version 2 with addresses of TCP")]
pub(crate) struct NotAHeader;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What every header has; with the length of the rest.
pub(crate) const FIXED_OCTETS: usize = 16;
/// What is behind the addresses (TLV) is passed over; nobody sends more of it.
const MAX_OCTETS: usize = 4096;

/// Reads a header that stands alone in `octets`. None: more is needed, [`missing`] says how much.
pub(crate) fn read(octets: &[u8]) -> Result<Option<Header>, NotAHeader> {
    let known = octets.len().min(SIGNATURE.len());
    if octets[..known] != SIGNATURE[..known] {
        return Err(NotAHeader);
    }
    let Some(length) = whole_length(octets) else { return Ok(None) };
    if length > MAX_OCTETS {
        return Err(NotAHeader);
    }
    let Some(header) = octets.get(..length) else { return Ok(None) };
    read_addresses(header[12], header[13], &header[FIXED_OCTETS..]).map(Some)
}

/// How many octets the header still has, as far as can be told from its beginning.
pub(crate) fn missing(beginning: &[u8]) -> u64 {
    let whole = whole_length(beginning).unwrap_or(FIXED_OCTETS);
    whole.saturating_sub(beginning.len()) as u64
}

/// None: the beginning isn't there yet that tells it.
fn whole_length(beginning: &[u8]) -> Option<usize> {
    let length = [*beginning.get(FIXED_OCTETS - 2)?, *beginning.get(FIXED_OCTETS - 1)?];
    Some(FIXED_OCTETS + usize::from(u16::from_be_bytes(length)))
}

fn read_addresses(version_and_command: u8, family: u8, block: &[u8]) -> Result<Header, NotAHeader> {
    match (version_and_command, family) {
        (0x20, _) => Ok(Header::Own),
        (0x21, 0x11) => read_v4(block).ok_or(NotAHeader),
        (0x21, 0x21) => read_v6(block).ok_or(NotAHeader),
        _ => Err(NotAHeader),
    }
}

fn read_v4(block: &[u8]) -> Option<Header> {
    let (source, block) = block.split_first_chunk::<4>()?;
    let (destination, block) = block.split_first_chunk::<4>()?;
    let ports = read_ports(block)?;
    Some(Header::Client {
        source: (Ipv4Addr::from(*source), ports.0).into(),
        destination: (Ipv4Addr::from(*destination), ports.1).into(),
    })
}

fn read_v6(block: &[u8]) -> Option<Header> {
    let (source, block) = block.split_first_chunk::<16>()?;
    let (destination, block) = block.split_first_chunk::<16>()?;
    let ports = read_ports(block)?;
    Some(Header::Client {
        source: (Ipv6Addr::from(*source), ports.0).into(),
        destination: (Ipv6Addr::from(*destination), ports.1).into(),
    })
}

fn read_ports(block: &[u8]) -> Option<(u16, u16)> {
    let (source, block) = block.split_first_chunk::<2>()?;
    let (destination, _) = block.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*source), u16::from_be_bytes(*destination)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, block].concat()
    }

    #[test]
    fn the_client_is_read_from_a_whole_header_and_not_from_a_part() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0x02, 0x4b, 0x04, 0, 0];
        let octets = [&header(0x21, 0x11, &v4)[..], b"EHLO"].concat();
        let whole = octets.len() - 4;
        let expected = Header::Client {
            source: "192.0.2.1:12345".parse().unwrap(),
            destination: "198.51.100.2:587".parse().unwrap(),
        };
        for end in 0..octets.len() {
            assert_eq!(read(&octets[..end]), Ok((end >= whole).then_some(expected)));
            let told = if end < FIXED_OCTETS { FIXED_OCTETS } else { whole };
            assert_eq!(missing(&octets[..end]), told.saturating_sub(end) as u64);
        }
        let mut v6 = [0; 36];
        v6[15] = 1;
        v6[31] = 2;
        let expected =
            Header::Client { source: "[::1]:0".parse().unwrap(), destination: "[::2]:0".parse().unwrap() };
        assert_eq!(read(&header(0x21, 0x21, &v6)), Ok(Some(expected)));
    }

    #[test]
    fn a_health_check_speaks_for_itself() {
        assert_eq!(read(&header(0x20, 0, &[])), Ok(Some(Header::Own)));
    }

    #[test]
    fn anything_else_is_refused_at_once() {
        assert_eq!(read(b"EHLO"), Err(NotAHeader));
        assert_eq!(read(b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"), Err(NotAHeader));
        assert_eq!(read(&header(0x11, 0x11, &[0; 12])), Err(NotAHeader), "a version 1 in binary");
        assert_eq!(read(&header(0x21, 0x31, &[0; 216])), Err(NotAHeader), "Unix sockets");
        assert_eq!(read(&header(0x21, 0x11, &[0; 11])), Err(NotAHeader), "too short");
        assert_eq!(read(&header(0x21, 0x11, &[0; 5000])), Err(NotAHeader), "too long");
    }
}
