//! A network as a submitter names it: `192.0.2.0/24`, `2001:db8::/32`, or one address.

use std::net::IpAddr;
use std::str::FromStr;

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    prefix: u8,
}

/// The text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network; write 192.0.2.0/24, 2001:db8::/32 or a single address")]
pub struct NotANetwork(String);

/// IPv4 addresses live in `::ffff:0:0/96` (RFC 4291 §2.5.5.2), so that there is one kind of address.
const V4_PREFIX: u8 = 96;

impl Network {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        (number(address) ^ self.address) & self.mask() == 0
    }

    /// How many bits its addresses share; the more, the narrower.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refused = || NotANetwork(text.to_owned());
        let (address, prefix) =
            text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let (most, base) = if address.is_ipv4() { (32, V4_PREFIX) } else { (128, 0) };
        let prefix: u8 = prefix.map_or(Ok(most), str::parse).map_err(|_| refused())?;
        if prefix > most {
            return Err(refused());
        }
        let network = Self { address: number(address), prefix: base + prefix };
        Ok(Self { address: network.address & network.mask(), ..network })
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_begins_alike() {
        for (network, address, held) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.77/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "203.0.113.9", true),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), held, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "nas", "192.0.2.0/33", "192.0.2/24", "2001:db8::/129", "192.0.2.0/-1", "192.0.2.0/24/8"]
        {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork(text.to_owned())));
        }
    }
}
