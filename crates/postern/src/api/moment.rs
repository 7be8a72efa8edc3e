//! Times in JSON: RFC 3339, UTC, whole seconds.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// `2026-11-21T09:00:00Z`.
pub fn text(at: OffsetDateTime) -> String {
    let whole = at.to_offset(UtcOffset::UTC).replace_nanosecond(0).expect("zero is a valid nanosecond");
    whole.format(&Rfc3339).expect("a year within ±9999 in UTC formats")
}

/// Reads RFC 3339, or a date alone as its first moment in UTC.
pub fn parse(text: &str) -> Result<OffsetDateTime, String> {
    let date = time::macros::format_description!("[year]-[month]-[day]");
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| time::Date::parse(text, date).map(|date| date.midnight().assume_utc()))
        .map_err(|_| {
            "it must be a time such as 2026-12-31T23:59:59Z, or a date such as 2026-12-31".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_in_utc() {
        assert_eq!(text(time::macros::datetime!(2026-11-21 10:00:00.9 +01:00)), "2026-11-21T09:00:00Z");
        assert_eq!(text(parse("2026-12-31").unwrap()), "2026-12-31T00:00:00Z");
        assert!(parse("tomorrow").is_err());
    }
}
