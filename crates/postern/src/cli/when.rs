//! Moments as people read them: days left and the date beside it, always in UTC.
//!
//! The time of day comes in as an argument; nothing here looks at a clock.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

/// `2027-11-21`, in UTC.
pub(crate) fn date(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]");
    in_utc(moment).format(&format).expect("a date has year, month and day")
}

/// `2027-11-21 14:05 UTC`.
pub(crate) fn minute(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    in_utc(moment).format(&format).expect("a moment has a date and a time")
}

/// `14:05 UTC`.
pub(crate) fn time_of_day(moment: OffsetDateTime) -> String {
    let format = format_description!("[hour]:[minute] UTC");
    in_utc(moment).format(&format).expect("a moment has a time")
}

/// `in 364 days`, `3 hours ago`, `just now`.
pub(crate) fn relative(moment: OffsetDateTime, now: OffsetDateTime) -> String {
    let distance = moment - now;
    let amount = amount(distance.abs());
    match (amount, distance.is_negative()) {
        (None, _) => "just now".to_owned(),
        (Some(amount), true) => format!("{amount} ago"),
        (Some(amount), false) => format!("in {amount}"),
    }
}

/// `14 minutes`, counted down to whole units; `None` under a minute.
fn amount(distance: Duration) -> Option<String> {
    let (count, unit) = match distance {
        long if long >= Duration::days(2) => (long.whole_days(), "day"),
        middle if middle >= Duration::hours(2) => (middle.whole_hours(), "hour"),
        short if short >= Duration::minutes(1) => (short.whole_minutes(), "minute"),
        _ => return None,
    };
    Some(plural(count, unit))
}

/// `1 day`, `2 days`.
pub(crate) fn plural(count: i64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// A moment of a server's answer; `None` where it can't be read.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// A moment as a person gives it: `2026-11-21`, `2026-11-21T14:05:00Z`.
///
/// # Errors
/// A sentence that says which forms there are.
pub(crate) fn parse_given(text: &str) -> Result<OffsetDateTime, String> {
    let day = format_description!("[year]-[month]-[day]");
    if let Ok(date) = Date::parse(text, &day) {
        return Ok(date.midnight().assume_utc());
    }
    parse(text).ok_or_else(|| "give a date (2026-11-21) or a time (2026-11-21T14:05:00Z)".into())
}

/// A moment in the past as a person gives it: a date, a time, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Past {
    At(OffsetDateTime),
    Ago(Duration),
}

impl Past {
    /// Reads `2026-11-21`, `7d`, `12h`, `30m`.
    ///
    /// # Errors
    /// A sentence that says which forms there are.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        type Unit = fn(i64) -> Duration;
        let units: [(char, Unit); 3] =
            [('d', Duration::days), ('h', Duration::hours), ('m', Duration::minutes)];
        for (letter, unit) in units {
            let count = text.strip_suffix(letter).and_then(|count| count.parse().ok());
            if let Some(count @ 1..=1_000_000_i64) = count {
                return Ok(Self::Ago(unit(count)));
            }
        }
        parse_given(text).map(Self::At).map_err(|error| format!("{error}, or a time ago (7d, 12h, 30m)"))
    }

    /// The moment itself.
    pub(crate) fn before(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::At(moment) => moment,
            Self::Ago(span) => now - span,
        }
    }
}

/// RFC 3339 in UTC with whole seconds, as the API wants it.
pub(crate) fn to_api(moment: OffsetDateTime) -> String {
    let whole = in_utc(moment).replace_nanosecond(0);
    whole.expect("zero is a nanosecond").format(&Rfc3339).expect("a moment in UTC has an RFC 3339 form")
}

fn in_utc(moment: OffsetDateTime) -> OffsetDateTime {
    moment.to_offset(time::UtcOffset::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    #[test]
    fn distances_are_told_in_the_largest_whole_unit() {
        for (moment, told) in [
            (datetime!(2027-11-20 12:00 UTC), "in 364 days"),
            (datetime!(2026-11-22 12:00 UTC), "in 24 hours"),
            (datetime!(2026-11-21 09:00 UTC), "3 hours ago"),
            (datetime!(2026-11-21 12:01 UTC), "in 1 minute"),
            (datetime!(2026-11-21 11:59:30 UTC), "just now"),
        ] {
            assert_eq!(relative(moment, NOW), told);
        }
    }

    #[test]
    fn dates_are_shown_in_utc() {
        let moment = datetime!(2026-11-21 00:30 +2);
        assert_eq!(date(moment), "2026-11-20");
        assert_eq!(minute(moment), "2026-11-20 22:30 UTC");
        assert_eq!(time_of_day(moment), "22:30 UTC");
        assert_eq!(to_api(moment), "2026-11-20T22:30:00Z");
    }

    #[test]
    fn a_person_gives_a_date_or_a_moment() {
        assert_eq!(parse_given("2026-11-21").map(to_api), Ok("2026-11-21T00:00:00Z".to_owned()));
        assert_eq!(
            parse_given("2026-11-21T14:05:00+02:00").map(to_api),
            Ok("2026-11-21T12:05:00Z".to_owned())
        );
        assert!(parse_given("tomorrow").is_err());
        assert!(parse_given("2026-13-41").is_err());
    }
}
