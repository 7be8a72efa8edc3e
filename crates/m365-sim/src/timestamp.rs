//! The ways in which Microsoft's services write a time.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// `2026-11-21T10:00:00Z`: JSON of Graph and of the control port.
pub(crate) fn seconds(at: OffsetDateTime) -> String {
    let at = at.replace_nanosecond(0).expect("0 is a nanosecond");
    at.format(&Rfc3339).expect("years of this clock have four digits")
}

/// `2026-11-21 10:00:00Z`: Entra's errors (facts 2.3).
pub(crate) fn entra(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z"))
        .expect("the form is fixed")
}

/// `2026-11-21T10:00:00.0000000Z`: inside the texts of Entra's errors.
pub(crate) fn entra_iso(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z"))
        .expect("the form is fixed")
}

/// `11/21/2026 10:00:00`: life of a key in AADSTS700027.
pub(crate) fn key_life(at: OffsetDateTime) -> String {
    at.format(format_description!("[month]/[day]/[year] [hour]:[minute]:[second]"))
        .expect("the form is fixed")
}

/// `2026-11-21T10:00:00`: innerError of Graph (additions B0).
pub(crate) fn graph_error(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"))
        .expect("the form is fixed")
}

/// `2026-11-21T10:00:00.123Z`: the brackets of Exchange (additions D6); arrivals on the control port.
pub(crate) fn exchange(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"))
        .expect("the form is fixed")
}

/// `Sun, 23 Nov 2025 11:12:20 +0000`: Exchange's greeting.
pub(crate) fn mail(at: OffsetDateTime) -> String {
    at.format(format_description!(
        "[weekday repr:short], [day padding:none] [month repr:short] [year] [hour]:[minute]:[second] +0000"
    ))
    .expect("the form is fixed")
}

/// `00:10:01.8904373`, with days in front where there are any: how long something took.
pub(crate) fn span(length: Duration) -> String {
    let seconds = length.whole_seconds().max(0);
    let days = if seconds < 86_400 { String::new() } else { format!("{}.", seconds / 86_400) };
    let ticks = length.subsec_nanoseconds().max(0) / 100;
    format!("{days}{:02}:{:02}:{:02}.{ticks:07}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_days_only_when_it_is_that_long() {
        let logged = Duration::minutes(10) + Duration::nanoseconds(1_890_437_300);
        assert_eq!(span(logged), "00:10:01.8904373");
        assert_eq!(span(Duration::days(90)), "90.00:00:00.0000000");
    }
}
