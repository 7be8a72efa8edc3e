//! How a time stands in a header: RFC 5322 §3.3, in UTC.

use time::format_description::well_known::Rfc2822;
use time::{OffsetDateTime, UtcOffset};

pub(crate) fn written_date(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(&Rfc2822).expect("no mail is older than the year 1900")
}
