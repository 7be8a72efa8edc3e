//! Who is connected, counted: in all, by address, by submitter. A place is given back when its guard is dropped,
//! however the connection ends.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// How many may be connected at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// In all.
    pub total: usize,
    /// From one address; an IPv6 /64 counts as one.
    pub per_address: usize,
    /// Of one submitter.
    pub per_submitter: usize,
}

impl Default for Caps {
    fn default() -> Caps {
        Caps { total: 1000, per_address: 100, per_submitter: 100 }
    }
}

/// The count of connections; shared by all listeners.
#[derive(Debug, Default)]
pub struct Census {
    caps: Caps,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    addresses: HashMap<IpAddr, usize>,
    submitters: HashMap<Uuid, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    House,
    Address,
    Submitter,
}

/// One place; given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    census: Arc<Census>,
    kind: PlaceKind,
}

#[derive(Debug, Clone, Copy)]
enum PlaceKind {
    House,
    Address(IpAddr),
    Submitter(Uuid),
}

impl Census {
    /// Counts up to `caps`.
    pub fn new(caps: Caps) -> Arc<Census> {
        Arc::new(Census { caps, counts: Mutex::default() })
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.lock().total
    }

    pub(crate) fn enter(self: &Arc<Self>) -> Result<Place, Full> {
        self.take(PlaceKind::House)
    }

    pub(crate) fn enter_from(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        self.take(PlaceKind::Address(network_of(address)))
    }

    pub(crate) fn enter_as(self: &Arc<Self>, submitter: Uuid) -> Result<Place, Full> {
        self.take(PlaceKind::Submitter(submitter))
    }

    fn take(self: &Arc<Self>, kind: PlaceKind) -> Result<Place, Full> {
        let caps = self.caps;
        let mut counts = self.lock();
        let taken = match kind {
            PlaceKind::House if counts.total >= caps.total => Err(Full::House),
            PlaceKind::House => {
                counts.total += 1;
                Ok(())
            }
            PlaceKind::Address(address) => {
                count_up(&mut counts.addresses, address, caps.per_address).ok_or(Full::Address)
            }
            PlaceKind::Submitter(id) => {
                count_up(&mut counts.submitters, id, caps.per_submitter).ok_or(Full::Submitter)
            }
        };
        taken.map(|()| Place { census: Arc::clone(self), kind })
    }

    // Nothing panics while it is held; a poisoned count is still a count.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.census.lock();
        match self.kind {
            PlaceKind::House => counts.total -= 1,
            PlaceKind::Address(address) => count_down(&mut counts.addresses, address),
            PlaceKind::Submitter(id) => count_down(&mut counts.submitters, id),
        }
    }
}

fn count_up<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K, cap: usize) -> Option<()> {
    let count = counts.entry(key).or_default();
    let free = *count < cap;
    *count += usize::from(free);
    free.then_some(())
}

fn count_down<K: Eq + Hash + Copy>(counts: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

/// A customer gets a /64 at least, so its single addresses would be no limit at all.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(total: usize, per_address: usize, per_submitter: usize) -> Arc<Census> {
        Census::new(Caps { total, per_address, per_submitter })
    }

    #[test]
    fn places_are_given_back_when_their_guards_go() {
        let census = census(1, 1, 1);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let places = (
            census.enter().unwrap(),
            census.enter_from(address).unwrap(),
            census.enter_as(Uuid::nil()).unwrap(),
        );
        assert_eq!(census.enter().unwrap_err(), Full::House);
        assert_eq!(census.enter_from(address).unwrap_err(), Full::Address);
        assert_eq!(census.enter_as(Uuid::nil()).unwrap_err(), Full::Submitter);
        drop(places);
        assert_eq!(census.connected(), 0);
        assert!(census.lock().addresses.is_empty() && census.lock().submitters.is_empty());
        assert!(census.enter().is_ok() && census.enter_from(address).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address_and_a_mapped_address_as_what_it_maps() {
        let census = census(9, 1, 1);
        let _one = census.enter_from("2001:db8::1".parse().unwrap()).unwrap();
        assert!(census.enter_from("2001:db8::ffff:2".parse().unwrap()).is_err());
        assert!(census.enter_from("2001:db8:0:1::1".parse().unwrap()).is_ok());
        let _v4 = census.enter_from("192.0.2.1".parse().unwrap()).unwrap();
        assert!(census.enter_from("::ffff:192.0.2.1".parse().unwrap()).is_err());
    }
}
