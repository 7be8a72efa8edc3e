//! Whether what an account proves itself with has ended or is about to, as far as that is known: of a certificate it is,
//! of a client secret only what was noted. A warning is never a verdict; that is Microsoft's.

use store::{AccountRow, CredentialRow};
use time::{Duration, OffsetDateTime};

use crate::accounts::UsedCertificate;

/// What somebody should know about an account before it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable and snake_case.
    pub code: &'static str,
    /// What is the matter and what to do.
    pub text: String,
}

/// As certificates are called expiring.
const NEARS_ITS_END: Duration = Duration::days(30);

/// What is to be said about the end of an account's credential.
pub fn warn(row: &AccountRow, certificate: Option<&UsedCertificate>, now: OffsetDateTime) -> Option<Warning> {
    match &row.credential {
        CredentialRow::Secret { expires_at, .. } => {
            let end = (*expires_at)?;
            let fix = "Make a new one in Azure (Certificates & secrets > New client secret), and give its Value and expiry date here.";
            let texts = match left(end, now)? {
                Left::Nothing => (
                    "secret_expired",
                    format!("By what was noted, the client secret expired on {}.", end.date()),
                ),
                Left::Days(days) => {
                    ("secret_expiring", format!("The client secret expires on {} ({days} days).", end.date()))
                }
            };
            Some(Warning { code: texts.0, text: format!("{} {fix}", texts.1) })
        }
        CredentialRow::Certificate { .. } => {
            let UsedCertificate { name, not_after: end, .. } = certificate?;
            let fix = "Generate a new one, upload its .cer to the application in Azure, and choose it here.";
            let texts = match left(*end, now)? {
                Left::Nothing => {
                    ("certificate_expired", format!("The certificate {name} expired on {}.", end.date()))
                }
                Left::Days(days) => (
                    "certificate_expiring",
                    format!("The certificate {name} expires on {} ({days} days).", end.date()),
                ),
            };
            Some(Warning { code: texts.0, text: format!("{} {fix}", texts.1) })
        }
    }
}

enum Left {
    Nothing,
    Days(i64),
}

/// `None` while there is time enough.
fn left(end: OffsetDateTime, now: OffsetDateTime) -> Option<Left> {
    match end - now {
        left if left <= Duration::ZERO => Some(Left::Nothing),
        left if left < NEARS_ITS_END => Some(Left::Days(left.whole_days())),
        _ => None,
    }
}
