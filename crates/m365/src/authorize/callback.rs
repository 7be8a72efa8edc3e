//! What the browser brings back: a query, a posted form, or the address that a person pasted.
//!
//! Anyone can call the redirect URI with anything, so this only reads, strictly: each field once, of a sane
//! length, without control characters. Whether the state is one of ours is for the caller to look up.

use url::{Url, form_urlencoded};

use crate::failure::EntraRefusal;
use crate::secret::{AuthorizationCode, FlowState};

/// A callback that can be read (RFC 6749 §4.1.2).
#[derive(Debug, Clone)]
pub enum Callback {
    /// Somebody signed in and consented, so it says.
    Code {
        /// To be redeemed, once.
        code: AuthorizationCode,
        /// Which flow it claims to belong to.
        state: FlowState,
        /// Who says so, where it is said (RFC 9207 §2).
        issuer: Option<String>,
    },
    /// It came to nothing, and why.
    Refused {
        /// In Entra's words.
        refusal: Box<EntraRefusal>,
        /// Which flow it claims to belong to.
        state: FlowState,
        /// Who says so, where it is said.
        issuer: Option<String>,
    },
}

/// Why a callback can't be read. It repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCallback {
    /// More than a callback needs.
    #[error("the answer is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// A field came twice: which one to believe?
    #[error("the answer has the field {0} twice")]
    Duplicate(&'static str),
    /// A control character where none belongs.
    #[error("the field {0} holds a control character")]
    ControlCharacter(&'static str),
    /// Both a code and an error.
    #[error("the answer has both a code and an error")]
    Contradictory,
    /// No state: it belongs to no flow.
    #[error("the answer has no state")]
    NoState,
    /// Neither a code nor an error.
    #[error("the answer has neither a code nor an error")]
    NoAnswer,
    /// The pasted text isn't an address.
    #[error("this isn't the address that the browser ended at")]
    NotAddress,
}

impl Callback {
    /// Reads a query (without `?`) or the body of a posted form: they are encoded alike.
    pub fn parse(encoded: &str) -> Result<Self, InvalidCallback> {
        if encoded.len() > MAX_BYTES {
            return Err(InvalidCallback::TooLong);
        }
        let fields = Fields::read(encoded)?;
        let state = FlowState::new(fields.required("state")?.ok_or(InvalidCallback::NoState)?);
        let issuer = fields.required("iss")?.map(str::to_owned);
        match (fields.required("code")?, fields.required("error")?) {
            (Some(_), Some(_)) => Err(InvalidCallback::Contradictory),
            (Some(code), None) => Ok(Self::Code { code: AuthorizationCode::new(code), state, issuer }),
            (None, Some(error)) => {
                Ok(Self::Refused { refusal: Box::new(fields.to_refusal(error)), state, issuer })
            }
            (None, None) => Err(InvalidCallback::NoAnswer),
        }
    }

    /// Reads the address that a browser ended at, as a person pasted it: with white space around it, and
    /// perhaps of a page that couldn't be reached.
    pub fn parse_address(pasted: &str) -> Result<Self, InvalidCallback> {
        if pasted.len() > MAX_BYTES {
            return Err(InvalidCallback::TooLong);
        }
        let address = Url::parse(pasted.trim()).map_err(|_| InvalidCallback::NotAddress)?;
        match address.query() {
            Some(query) => Self::parse(query),
            None => Err(InvalidCallback::NoAnswer),
        }
    }

    /// Which flow it claims to belong to.
    pub fn state(&self) -> &FlowState {
        match self {
            Self::Code { state, .. } | Self::Refused { state, .. } => state,
        }
    }

    /// The issuer that it names (RFC 9207).
    pub fn issuer(&self) -> Option<&str> {
        match self {
            Self::Code { issuer, .. } | Self::Refused { issuer, .. } => issuer.as_deref(),
        }
    }
}

impl InvalidCallback {
    /// Stable and snake_case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "callback_too_long",
            Self::Duplicate(_) | Self::ControlCharacter(_) | Self::Contradictory => "callback_malformed",
            Self::NoState => "callback_without_state",
            Self::NoAnswer => "callback_without_answer",
            Self::NotAddress => "not_an_address",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotAddress | Self::NoAnswer | Self::NoState => {
                "Copy the whole address from the browser's address bar after signing in: it has code= and state= in it."
            }
            _ => "Start the sign-in again.",
        }
    }
}

/// The fields that count, each at most once. Others (`session_state`, …) are passed over.
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn read(encoded: &str) -> Result<Self, InvalidCallback> {
        let mut fields: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded.as_bytes()) {
            let Some(known) = KNOWN.into_iter().find(|known| *known == name) else { continue };
            if fields.iter().any(|(earlier, _)| *earlier == known) {
                return Err(InvalidCallback::Duplicate(known));
            }
            fields.push((known, value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// A field that must be clean; empty counts as absent.
    fn required(&self, name: &'static str) -> Result<Option<&str>, InvalidCallback> {
        match self.find(name) {
            Some(value) if value.chars().any(char::is_control) => {
                Err(InvalidCallback::ControlCharacter(name))
            }
            found => Ok(found),
        }
    }

    fn find(&self, name: &'static str) -> Option<&str> {
        let field = self.0.iter().find(|(known, value)| *known == name && !value.is_empty());
        field.map(|(_, value)| value.as_str())
    }

    /// `error_description` may have line breaks (facts 1.5); reading it cleans them away.
    fn to_refusal(&self, error: &str) -> EntraRefusal {
        let owned = |name| self.find(name).map(str::to_owned);
        let suberror = owned("error_subcode").or_else(|| owned("suberror"));
        EntraRefusal::from_redirect(
            error,
            self.find("error_description").unwrap_or_default(),
            suberror,
            owned("error_uri"),
        )
    }
}

/// Codes have been seen with 1 to 2 kB; a description adds another.
const MAX_BYTES: usize = 16 * 1024;
const KNOWN: [&str; 8] =
    ["code", "state", "iss", "error", "error_description", "error_subcode", "suberror", "error_uri"];

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(encoded: &str) -> InvalidCallback {
        Callback::parse(encoded).expect_err(encoded)
    }

    #[test]
    fn a_success_brings_code_and_state() {
        let callback =
            Callback::parse("code=0.AX%2B1&state=s%3D1&session_state=ignored&iss=https%3A%2F%2Fidp").unwrap();
        assert_eq!(callback.issuer(), Some("https://idp"));
        assert_eq!(callback.state().expose(), "s=1");
        let Callback::Code { code, .. } = callback else { panic!("a code was sent") };
        assert_eq!(code.expose(), "0.AX+1");
    }

    #[test]
    fn a_cancelled_sign_in_brings_microsofts_words() {
        let callback = Callback::parse(
            "error=access_denied&error_subcode=cancel&state=s&error_description=AADSTS65004%3a+User+declined.\
             %0d%0aTrace+ID%3a+t-1%0d%0aCorrelation+ID%3a+c-1%0d%0aTimestamp%3a+2019-09-24+18%3a34%3a26Z",
        );
        let Callback::Refused { refusal, state, issuer } = callback.unwrap() else {
            panic!("an error was sent")
        };
        assert_eq!(state.expose(), "s");
        assert_eq!(refusal.description, "AADSTS65004: User declined.");
        assert_eq!(refusal.aadsts(), Some(65004));
        assert_eq!(refusal.suberror.as_deref(), Some("cancel"));
        assert_eq!(refusal.trace_id.as_deref(), Some("t-1"));
        assert_eq!(issuer, None);
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        assert_eq!(refused("code=a&code=b&state=s"), InvalidCallback::Duplicate("code"));
        assert_eq!(refused("code=a&state=s&state=t"), InvalidCallback::Duplicate("state"));
        assert_eq!(refused("code=a&error=x&state=s"), InvalidCallback::Contradictory);
        assert_eq!(refused("code=a"), InvalidCallback::NoState);
        assert_eq!(refused("error=x"), InvalidCallback::NoState);
        assert_eq!(refused("state=s"), InvalidCallback::NoAnswer);
        assert_eq!(refused("code=a&state=s&iss=x&iss=y"), InvalidCallback::Duplicate("iss"));
        assert_eq!(refused("code=&state=s"), InvalidCallback::NoAnswer);
        assert_eq!(refused(""), InvalidCallback::NoState);
        assert_eq!(refused("code=a%00b&state=s"), InvalidCallback::ControlCharacter("code"));
        assert_eq!(refused("code=a&state=s%0d%0aSet-Cookie"), InvalidCallback::ControlCharacter("state"));
        assert_eq!(refused(&format!("code={}&state=s", "a".repeat(MAX_BYTES))), InvalidCallback::TooLong);
    }

    #[test]
    fn a_pasted_address_may_have_white_space_around_it() {
        let callback =
            Callback::parse_address(" https://localhost:4443/authorize?code=c&state=s#x\n").unwrap();
        assert_eq!(callback.state().expose(), "s");
    }

    #[test]
    fn a_wrong_paste_says_what_to_copy() {
        for (pasted, why) in [
            ("code=c&state=s", InvalidCallback::NotAddress),
            ("https://localhost:4443/authorize", InvalidCallback::NoAnswer),
            ("https://login.example/authorize?client_id=x&state=s", InvalidCallback::NoAnswer),
        ] {
            let refusal = Callback::parse_address(pasted).expect_err(pasted);
            assert_eq!(refusal, why);
            assert!(refusal.hint().contains("address bar"));
        }
    }
}
