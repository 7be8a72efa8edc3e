//! What to mind about a certificate that is accepted all the same (facts §8.3).
//!
//! The codes are stable: scripts compare them. A warning never refuses anything; refusals are in `check`.

use serde::Serialize;
use time::{Date, Duration, OffsetDateTime};

use crate::{
    certificate::Certificate,
    details::{EXPIRES_SOON, UnreadableCertificate},
};

/// Above this a key is slow to sign with, without being safer in practice.
const LARGE_KEY_BITS: usize = 4096;

/// Issuers put notBefore a few minutes back for wrong clocks; that does not make a lifetime long.
const CLOCK_ALLOWANCE: Duration = Duration::hours(1);

/// Something to mind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable name, snake_case.
    pub code: &'static str,
    /// A sentence for a person.
    pub text: String,
}

/// What to mind about a certificate in DER form at that time.
pub fn warnings(leaf_der: &[u8], now: OffsetDateTime) -> Result<Vec<Warning>, UnreadableCertificate> {
    Certificate::read(leaf_der).map(|leaf| of(&leaf, now)).map_err(|_| UnreadableCertificate)
}

pub(crate) fn of(leaf: &Certificate, now: OffsetDateTime) -> Vec<Warning> {
    let bits = leaf.public_key.bits();
    let findings = [
        (now < leaf.not_before, "not_yet_valid", not_yet_valid(leaf)),
        (is_expiring(leaf, now), "expires_soon", expires_soon(leaf, now)),
        (leaf.signature_algorithm.weak, "weak_signature", weak_signature(leaf)),
        (
            is_long_lived(leaf),
            "long_lifetime",
            "The certificate is valid for more than 24 months; a policy of the tenant may refuse it."
                .to_owned(),
        ),
        (
            leaf.purposes.forbids_digital_signature,
            "key_usage_without_digital_signature",
            "The key usage does not include digital signature, which is what the key is used for.".to_owned(),
        ),
        (
            leaf.purposes.forbids_client_auth,
            "eku_without_client_auth",
            "The extended key usage does not include client authentication.".to_owned(),
        ),
        (
            bits > LARGE_KEY_BITS,
            "large_key",
            format!("The key has {bits} bits; more than {LARGE_KEY_BITS} make each sign-in slow."),
        ),
        (
            leaf.purposes.is_ca,
            "ca_certificate",
            "The certificate is that of a certification authority; use one that is made for this purpose."
                .to_owned(),
        ),
    ];
    findings.into_iter().filter(|(found, ..)| *found).map(|(_, code, text)| Warning { code, text }).collect()
}

fn is_expiring(leaf: &Certificate, now: OffsetDateTime) -> bool {
    now < leaf.not_after && leaf.not_after - now < EXPIRES_SOON
}

fn is_long_lived(leaf: &Certificate) -> bool {
    two_years_after(leaf.not_before.date())
        .and_then(|day| day.with_time(leaf.not_before.time()).assume_utc().checked_add(CLOCK_ALLOWANCE))
        .is_some_and(|limit| leaf.not_after > limit)
}

/// The same day two years on; 29 February becomes 1 March. `None` beyond the calendar.
fn two_years_after(date: Date) -> Option<Date> {
    let year = date.year() + 2;
    date.replace_year(year).ok().or_else(|| Date::from_calendar_date(year, time::Month::March, 1).ok())
}

fn not_yet_valid(leaf: &Certificate) -> String {
    format!("The certificate is not valid before {}; Entra ID refuses it until then.", at(leaf.not_before))
}

fn expires_soon(leaf: &Certificate, now: OffsetDateTime) -> String {
    match (leaf.not_after - now).whole_days() {
        0 => format!("The certificate expires within a day, on {}.", at(leaf.not_after)),
        1 => format!("The certificate expires in 1 day, on {}.", at(leaf.not_after)),
        days => format!("The certificate expires in {days} days, on {}.", at(leaf.not_after)),
    }
}

fn weak_signature(leaf: &Certificate) -> String {
    format!(
        "The certificate is signed with {}, which is no longer considered safe.",
        leaf.signature_algorithm.name
    )
}

fn at(when: OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    when.format(format).expect("a time has year, month, day, hour and minute")
}
