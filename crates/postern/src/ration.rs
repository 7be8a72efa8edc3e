//! So many a minute and no more: for what anyone may cause, and what must not pile up.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// Counts within minutes that begin with the first use.
#[derive(Debug, Default)]
pub struct Ration(Mutex<Option<(OffsetDateTime, u32)>>);

const PER_MINUTE: u32 = 20;

impl Ration {
    /// Whether one more is within the ration; it counts if it is.
    pub fn admit(&self, now: OffsetDateTime) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, used) = minute.filter(|(began, _)| now - *began < Duration::MINUTE).unwrap_or((now, 0));
        let admitted = used < PER_MINUTE;
        *minute = Some((began, used + u32::from(admitted)));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_a_minute_are_admitted_and_the_next_minute_begins_anew() {
        let (ration, now) = (Ration::default(), time::macros::datetime!(2026-11-21 12:00 UTC));
        assert_eq!((0..50).filter(|_| ration.admit(now)).count(), 20);
        assert!(!ration.admit(now + Duration::seconds(59)));
        assert!(ration.admit(now + Duration::MINUTE));
    }
}
