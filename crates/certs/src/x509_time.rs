//! Reads the two forms of time in certificates: UTCTime and GeneralizedTime (RFC 5280 §4.1.2.5).
//!
//! Old certificates leave out the seconds or give an offset instead of `Z`; that is read too.

use time::{Date, Duration, Month, OffsetDateTime, Time};

use crate::ber::{Malformed, Reader, Tag};

/// Reads one Time.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<OffsetDateTime, Malformed> {
    let element = reader.next()?.ok_or(Malformed)?;
    let text = std::str::from_utf8(element.content).map_err(|_| Malformed)?;
    match element.tag {
        Tag::UTC_TIME => {
            let (year, rest) = split_number(text, 2)?;
            // RFC 5280 §4.1.2.5.1: 50 to 99 are of the last century.
            read_after_year(if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        Tag::GENERALIZED_TIME => {
            let (year, rest) = split_number(text, 4)?;
            read_after_year(year, rest)
        }
        _ => Err(Malformed),
    }
}

fn read_after_year(year: u16, text: &str) -> Result<OffsetDateTime, Malformed> {
    let (month, text) = split_byte(text)?;
    let (day, text) = split_byte(text)?;
    let (hour, text) = split_byte(text)?;
    let (minute, text) = split_byte(text)?;
    let (second, text) = split_byte(text).unwrap_or((0, text));
    let month = Month::try_from(month).map_err(|_| Malformed)?;
    let date = Date::from_calendar_date(i32::from(year), month, day).map_err(|_| Malformed)?;
    let time = Time::from_hms(hour, minute, second.min(59)).map_err(|_| Malformed)?;
    let offset = read_offset(text.trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit()))?;
    date.with_time(time).assume_utc().checked_sub(offset).ok_or(Malformed)
}

/// `Z`, nothing, or `+hhmm`: how far local time is ahead of UTC.
fn read_offset(text: &str) -> Result<Duration, Malformed> {
    let sign = match text.as_bytes().first() {
        None | Some(b'Z') => return Ok(Duration::ZERO),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(Malformed),
    };
    let (hours, rest) = split_byte(&text[1..])?;
    let (minutes, _) = split_byte(rest).unwrap_or((0, rest));
    Ok((Duration::hours(i64::from(hours)) + Duration::minutes(i64::from(minutes))) * sign)
}

fn split_byte(text: &str) -> Result<(u8, &str), Malformed> {
    let (number, rest) = split_number(text, 2)?;
    Ok((u8::try_from(number).map_err(|_| Malformed)?, rest))
}

fn split_number(text: &str, digits: usize) -> Result<(u16, &str), Malformed> {
    let (number, rest) = text.split_at_checked(digits).ok_or(Malformed)?;
    if !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Malformed);
    }
    Ok((number.parse().map_err(|_| Malformed)?, rest))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn time_of(tag: u8, text: &str) -> Result<OffsetDateTime, Malformed> {
        let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        read(&mut Reader::new(&bytes))
    }

    #[test]
    fn both_forms_and_their_old_variants_are_read() {
        assert_eq!(time_of(0x17, "261121080910Z"), Ok(datetime!(2026-11-21 08:09:10 UTC)));
        assert_eq!(time_of(0x17, "991231235959Z"), Ok(datetime!(1999-12-31 23:59:59 UTC)));
        assert_eq!(time_of(0x17, "2611210809Z"), Ok(datetime!(2026-11-21 08:09 UTC)));
        assert_eq!(time_of(0x17, "2611210809+0130"), Ok(datetime!(2026-11-21 06:39 UTC)));
        assert_eq!(time_of(0x18, "99991231235959Z"), Ok(datetime!(9999-12-31 23:59:59 UTC)));
        assert_eq!(time_of(0x18, "20261121080910.25Z"), Ok(datetime!(2026-11-21 08:09:10 UTC)));
    }

    #[test]
    fn what_is_not_a_time_is_malformed() {
        for text in ["", "26", "261321080910Z", "26112108091x", "+6112108091Z", "2611210809é"] {
            assert_eq!(time_of(0x17, text), Err(Malformed), "{text}");
        }
        assert_eq!(time_of(0x18, "99991231235959-2359"), Err(Malformed));
    }
}
