//! The error answer of Entra ID, from the token endpoint (JSON) or on a redirect (form fields).
//!
//! Microsoft forbids programs to branch on the AADSTS numbers, "because they can change": decisions go by
//! `error` and `suberror` first, and the numbers choose the words of the advice (facts 2.3).

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::printable;

/// A refusal by Entra ID (RFC 6749 §5.2 and §4.1.2.1, with Microsoft's additional members).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntraRefusal {
    /// HTTP status; 0 where the refusal came on a redirect.
    pub status: u16,
    /// `error`, e.g. `invalid_client`; empty where the answer had none.
    pub error: String,
    /// `suberror` (or `error_subcode` on a redirect), e.g. `consent_required`.
    pub suberror: Option<String>,
    /// The AADSTS numbers, the most specific **last** (additions E1).
    pub codes: Vec<u32>,
    /// `error_description`, cut before `Trace ID:` and cleaned of control characters.
    pub description: String,
    /// The claims challenge (JSON text): what a new sign-in must satisfy.
    pub claims: Option<String>,
    /// Microsoft's name for the request.
    pub trace_id: Option<String>,
    /// The name that ties the steps of one sign-in together; the `client-request-id` that we sent.
    pub correlation_id: Option<String>,
    /// Microsoft's page about the code, where it has one.
    pub error_uri: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// What an error answer may hold; every member may be missing, or be of another type than expected.
#[derive(Default)]
struct WireError {
    error: String,
    error_description: String,
    error_codes: Vec<u32>,
    suberror: Option<String>,
    claims: Option<String>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
    error_uri: Option<String>,
}

/// The parts of an `error_description`.
struct Description {
    text: String,
    trace_id: Option<String>,
    correlation_id: Option<String>,
}

impl EntraRefusal {
    /// Reads the body of an error answer. What isn't Microsoft's JSON (a proxy's page, a load balancer's
    /// text) is kept as the description, under no `error`.
    pub fn from_answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        match WireError::read(body) {
            Some(wire) => Self::from_wire(status, wire, retry_after),
            None => Self {
                status,
                description: printable(&String::from_utf8_lossy(body), UNREADABLE_CHARS),
                retry_after,
                ..Self::default()
            },
        }
    }

    /// The refusal that a redirect brought (`error`, `error_description`, `error_subcode`, `error_uri`).
    pub fn from_redirect(
        error: &str,
        description: &str,
        suberror: Option<String>,
        error_uri: Option<String>,
    ) -> Self {
        let wire = WireError {
            error: error.to_owned(),
            error_description: description.to_owned(),
            suberror,
            error_uri,
            ..WireError::default()
        };
        Self::from_wire(0, wire, None)
    }

    /// The most specific AADSTS number.
    pub fn aadsts(&self) -> Option<u32> {
        self.codes.last().copied()
    }

    /// Whether waiting may help: throttled, broken at Microsoft's side, or one of the codes that Microsoft
    /// documents as passing (facts 2.4, last rows).
    pub fn is_temporary(&self) -> bool {
        matches!(
            (self.error.as_str(), self.status, self.aadsts()),
            ("temporarily_unavailable" | "server_error" | "slow_down", _, _)
                | (_, 408 | 429 | 500..=599, _)
                | (_, _, Some(90055 | 90024 | 90033 | 50033 | 50087 | 50196))
        )
    }

    /// Whether the refresh token that was sent is of no use any more, or not without a person: the families
    /// of `invalid_grant` and `interaction_required` (RFC 6749 §5.2; facts 2.3 `suberror`, 2.4).
    pub fn is_grant_dead(&self) -> bool {
        !self.is_temporary()
            && (matches!(
                self.error.as_str(),
                "invalid_grant" | "interaction_required" | "login_required" | "consent_required"
            ) || matches!(self.suberror.as_deref(), Some("bad_token" | "token_expired")))
    }

    /// `AADSTS700027`, else `error`, else `suberror`, else the status.
    pub fn label(&self) -> String {
        match (self.aadsts(), self.error.as_str(), &self.suberror) {
            (Some(code), ..) => format!("AADSTS{code}"),
            (None, "", Some(suberror)) => suberror.clone(),
            (None, "", None) => format!("http_{}", self.status),
            (None, error, _) => error.to_owned(),
        }
    }

    /// Another provider, or a proxy on the way, must not be taken for Microsoft, whose refusals have numbers.
    pub(crate) fn has_microsofts_marks(&self) -> bool {
        !self.codes.is_empty() || self.trace_id.is_some()
    }

    fn from_wire(status: u16, wire: WireError, retry_after: Option<Duration>) -> Self {
        let description = Description::read(&wire.error_description);
        let codes = match wire.error_codes.is_empty() {
            true => find_aadsts(&description.text),
            false => wire.error_codes,
        };
        Self {
            status,
            error: printable(&wire.error, SHORT_CHARS),
            suberror: short(wire.suberror),
            codes,
            description: description.text,
            claims: wire.claims,
            trace_id: short(wire.trace_id).or(description.trace_id),
            correlation_id: short(wire.correlation_id).or(description.correlation_id),
            error_uri: short(wire.error_uri),
            retry_after,
        }
    }
}

impl fmt::Display for EntraRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.has_microsofts_marks() {
            true => "Microsoft Entra ID refused",
            false => "The sign-in service refused",
        })?;
        if !self.error.is_empty() {
            write!(out, " ({})", self.error)?;
        } else if let (Some(suberror), 0) = (&self.suberror, self.status) {
            write!(out, " ({suberror})")?;
        } else if self.status != 0 {
            write!(out, " (status {})", self.status)?;
        }
        if !self.description.is_empty() {
            write!(out, ": {}", self.description)?;
        }
        Ok(())
    }
}

impl WireError {
    /// None where the body isn't a JSON object with an `error`.
    fn read(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = |member: &str| answer[member].as_str().map(str::to_owned);
        let codes = answer["error_codes"].as_array().map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            error: text("error").filter(|error| !error.is_empty())?,
            error_description: text("error_description").unwrap_or_default(),
            error_codes: codes.iter().filter_map(|code| code.as_u64()?.try_into().ok()).collect(),
            suberror: text("suberror"),
            claims: text("claims"),
            trace_id: text("trace_id"),
            correlation_id: text("correlation_id"),
            error_uri: text("error_uri"),
        })
    }
}

impl Description {
    /// Old answers join the parts by CRLF, newer ones by a single space (facts 2.3): `Trace ID:` is the cut.
    fn read(text: &str) -> Self {
        let whole = printable(text, DESCRIPTION_CHARS);
        let cut = whole.find("Trace ID:").unwrap_or(whole.len());
        let (text, rest) = whole.split_at(cut);
        Self {
            text: text.trim_end().to_owned(),
            trace_id: word_after(rest, "Trace ID:"),
            correlation_id: word_after(rest, "Correlation ID:"),
        }
    }
}

/// Longest description that is kept.
const DESCRIPTION_CHARS: usize = 4000;
/// Longest text kept of an answer that isn't Microsoft's.
const UNREADABLE_CHARS: usize = 300;
/// Longest id, code or address.
const SHORT_CHARS: usize = 200;

fn short(text: Option<String>) -> Option<String> {
    text.map(|text| printable(&text, SHORT_CHARS)).filter(|text| !text.is_empty())
}

fn word_after(text: &str, label: &str) -> Option<String> {
    let (_, rest) = text.split_once(label)?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// The numbers that the text itself announces: `AADSTS70002: … AADSTS50032: …`.
fn find_aadsts(text: &str) -> Vec<u32> {
    text.split("AADSTS").skip(1).filter_map(leading_number).collect()
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> EntraRefusal {
        EntraRefusal::from_answer(status, body.as_bytes(), None)
    }

    #[test]
    fn a_description_joined_by_spaces_is_cut_before_the_trace_id() {
        let refusal = answer(
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 11111111-aaaa Correlation ID: 22222222-bbbb Timestamp: 2026-01-27 10:00:00Z","error_codes":[7000215],"timestamp":"2026-01-27 10:00:00Z","trace_id":"t-1","correlation_id":"c-1","error_uri":"https://login.microsoftonline.com/error?code=7000215"}"#,
        );
        assert_eq!(refusal.description, "AADSTS7000215: Invalid client secret provided.");
        assert_eq!(refusal.codes, [7000215]);
        assert_eq!(refusal.label(), "AADSTS7000215");
        assert_eq!(refusal.trace_id.as_deref(), Some("t-1"));
        assert_eq!(refusal.correlation_id.as_deref(), Some("c-1"));
        assert!(!refusal.is_temporary());
        assert!(!refusal.is_grant_dead());
    }

    #[test]
    fn a_description_joined_by_line_breaks_gives_its_ids_when_the_members_are_missing() {
        let refusal = answer(
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: aaaa\r\nCorrelation ID: bbbb\r\nTimestamp: 2022-01-01 00:00:00Z"}"#,
        );
        assert_eq!(refusal.description, "AADSTS700082: The refresh token has expired due to inactivity.");
        assert_eq!(refusal.codes, [700082]);
        assert_eq!(refusal.trace_id.as_deref(), Some("aaaa"));
        assert_eq!(refusal.correlation_id.as_deref(), Some("bbbb"));
        assert!(refusal.is_grant_dead());
    }

    #[test]
    fn of_several_codes_the_specific_one_is_last() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS70002: Error validating credentials. AADSTS50032: RSA key size 1024 is less than the minimum required 2048 bits.","error_codes":[70002,50032]}"#;
        assert_eq!(answer(401, body).aadsts(), Some(50032));
        let without_list = body.replace(r#","error_codes":[70002,50032]"#, "");
        assert_eq!(answer(401, &without_list).codes, [70002, 50032]);
    }

    #[test]
    fn no_code_at_all_leaves_the_error_as_the_label() {
        assert_eq!(answer(400, r#"{"error":"invalid_scope"}"#).label(), "invalid_scope");
        assert_eq!(answer(400, r#"{"error":"invalid_scope"}"#).aadsts(), None);
    }

    #[test]
    fn a_page_instead_of_json_is_kept_as_text_and_judged_by_its_status() {
        let refusal = answer(502, "<html>\x1b[1mBad gateway</html>");
        assert_eq!(refusal.description, "<html> [1mBad gateway</html>");
        assert_eq!(refusal.label(), "http_502");
        assert_eq!(
            refusal.to_string(),
            "The sign-in service refused (status 502): <html> [1mBad gateway</html>"
        );
        assert!(refusal.is_temporary());
        assert!(!answer(403, "blocked by the firewall").is_temporary());
    }

    #[test]
    fn a_claims_challenge_and_suberror_survive() {
        let refusal = answer(
            400,
            r#"{"error":"interaction_required","suberror":"basic_action","error_description":"AADSTS50079: enroll","error_codes":[50079],"claims":"{\"access_token\":{}}"}"#,
        );
        assert_eq!(refusal.suberror.as_deref(), Some("basic_action"));
        assert_eq!(refusal.claims.as_deref(), Some(r#"{"access_token":{}}"#));
        assert!(refusal.is_grant_dead());
    }

    #[test]
    fn passing_trouble_never_kills_a_grant() {
        for body in [
            r#"{"error":"temporarily_unavailable","error_codes":[90055]}"#,
            r#"{"error":"invalid_grant","error_codes":[50196]}"#,
            r#"{"error":"invalid_request","error_codes":[90033]}"#,
        ] {
            assert!(answer(400, body).is_temporary(), "{body}");
            assert!(!answer(400, body).is_grant_dead(), "{body}");
        }
        let outage = answer(503, r#"{"error":"invalid_grant"}"#);
        assert!(outage.is_temporary() && !outage.is_grant_dead());
    }

    #[test]
    fn every_family_of_dead_grants_is_known() {
        for code in [65001, 700082, 700081, 700084, 70008, 70000, 70043, 50173, 50076, 54005] {
            let body = format!(r#"{{"error":"invalid_grant","error_codes":[{code}]}}"#);
            assert!(answer(400, &body).is_grant_dead(), "{code}");
        }
        assert!(answer(400, r#"{"error":"odd","suberror":"bad_token"}"#).is_grant_dead());
    }

    #[test]
    fn a_refusal_on_a_redirect_is_read_the_same_way() {
        let refusal = EntraRefusal::from_redirect(
            "access_denied",
            "AADSTS65004: User declined to consent.\r\nTrace ID: t\r\nCorrelation ID: c\r\nTimestamp: 2019",
            Some("cancel".to_owned()),
            None,
        );
        assert_eq!(refusal.aadsts(), Some(65004));
        assert_eq!(refusal.suberror.as_deref(), Some("cancel"));
        assert_eq!(
            refusal.to_string(),
            "Microsoft Entra ID refused (access_denied): AADSTS65004: User declined to consent."
        );
    }

    #[test]
    fn members_of_the_wrong_type_do_not_break_the_reading() {
        let refusal = answer(400, r#"{"error":"invalid_grant","error_codes":["x",-1,7],"trace_id":5}"#);
        assert_eq!((refusal.status, refusal.error.as_str()), (400, "invalid_grant"));
        assert_eq!(refusal.codes, [7]);
        assert_eq!(refusal.trace_id, None);
    }
}
