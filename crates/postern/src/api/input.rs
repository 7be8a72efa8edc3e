//! What comes in by JSON, query and path: read once into types that cannot hold a wrong value. A refusal names the
//! field and what it expects.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use http::StatusCode;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;

/// A JSON body. Unknown members, wrong types and values out of range are refused by the member's name.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = request.headers().get(http::header::CONTENT_TYPE).is_none_or(|value| {
            value
                .to_str()
                .is_ok_and(|value| value.split(';').next().unwrap_or_default().trim().ends_with("json"))
        });
        if !json {
            return Err(Problem::new(
                "unsupported_media_type",
                "This route takes JSON.",
                "Send the body with Content-Type: application/json.",
            ));
        }
        let body = axum::body::Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(
                    "too_large",
                    "The request is larger than 2 MiB.",
                    "A certificate file may have 1 MiB at most.",
                )
            } else {
                Problem::new(
                    "malformed_json",
                    "The request's body did not arrive whole.",
                    "Send the request again.",
                )
            }
        })?;
        parse(if body.is_empty() { b"{}" } else { &body }).map(Self)
    }
}

/// Reads a body; what is wrong is named by its member.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // serde_json ends its messages with a place in the text, which says nothing to someone who filled in a field.
        let text = error.inner().to_string();
        let why = text.split(" at line ").next().unwrap_or_default();
        // serde names our type; whoever sends an array or a number wants to know what belongs there.
        let why = if why.contains("expected struct") { "it must be one JSON object" } else { why };
        if error.inner().is_syntax() || error.inner().is_eof() {
            Problem::new("malformed_json", format!("The body is not JSON: {text}."), "Send one JSON object.")
        } else {
            Problem::invalid(if path == "." { "request" } else { &path }, why)
        }
    })?;
    deserializer.end().map_err(|_| {
        Problem::new("malformed_json", "There is more text behind the JSON.", "Send one JSON object.")
    })?;
    Ok(value)
}

/// A query string; a wrong or unknown parameter is refused by its name.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                Err(Problem::invalid(
                    "query",
                    text.trim_start_matches("Failed to deserialize query string: "),
                ))
            }
        }
    }
}

/// An id or a name out of the path.
#[derive(Debug)]
pub struct IdOrName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdOrName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(composed(&text))),
            Err(_) => Err(Problem::invalid("path", "it is not valid UTF-8")),
        }
    }
}

/// What a person calls a thing: 1 to 100 characters, no control characters, no spaces around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// A free text beside a name: at most 1000 characters, no control characters but line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Description {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = composed(text.trim());
        match name.chars().count() {
            0 => Err("a name is needed".to_owned()),
            // Clients take them for the folder and the one above it (URL Standard, 4.4), also when they are encoded.
            _ if matches!(name.as_str(), "." | "..") => {
                Err("a name of dots alone stands for a folder in addresses".to_owned())
            }
            101.. => Err("it is longer than 100 characters".to_owned()),
            _ if name.chars().any(hides_itself) => Err("it contains a control character".to_owned()),
            _ => Ok(Self(name)),
        }
    }
}

impl std::str::FromStr for Description {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            1001.. => Err("it is longer than 1000 characters".to_owned()),
            _ if text.chars().any(|c| hides_itself(c) && c != '\n' && c != '\r') => {
                Err("it contains a control character".to_owned())
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// One form for letters that can be written in two (é as one character or as e with an accent): normalization form C.
fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Control characters, and the ones that turn text around or can't be seen: two names must not look alike by them.
fn hides_itself(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl<'de> Deserialize<'de> for Description {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

/// Deserialises a text through the type's own `FromStr`.
pub fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// Deserialises a text that may be missing or null through the type's own `FromStr`.
pub fn parsed_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// Deserialises a list of texts through the type's own `FromStr`; it may be missing or null.
pub fn parsed_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Some(texts) = Option::<Vec<String>>::deserialize(deserializer)? else { return Ok(None) };
    let parsed = texts.iter().map(|text| text.parse().map_err(|error| format!("{text:?}: {error}")));
    parsed.collect::<Result<_, _>>().map(Some).map_err(serde::de::Error::custom)
}

/// Tells null, which sets something back, from a member that is missing.
pub fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// The same for a text that is read through the type's own `FromStr`.
pub fn parsed_given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    parsed_option(deserializer).map(Some)
}

/// A secret text in a request. Prints as `<redacted>`, wiped on drop.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct SecretText(zeroize::Zeroizing<String>);

impl SecretText {
    /// From a text that is secret.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned().into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is tested")]
    struct Sample {
        name: Name,
        count: Option<u8>,
        password: Option<SecretText>,
    }

    fn refusal(body: &str) -> Problem {
        parse::<Sample>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn each_bad_body_names_its_field() {
        for (body, expected) in [
            (r#"{"name": 5}"#, "name: invalid type: integer `5`, expected a string"),
            (r#"{"name": "  "}"#, "name: a name is needed"),
            (r#"{"name": "a\u0007"}"#, "name: it contains a control character"),
            (r#"{"name": "a\u202eb"}"#, "name: it contains a control character"),
            (r#"{"name": "n", "count": 300}"#, "count: invalid value: integer `300`, expected u8"),
            (r#"{"name": "n", "colour": 1}"#, "colour: unknown field `colour`"),
            (r#"{}"#, "request: missing field `name`"),
            (r#"[]"#, "request: it must be one JSON object"),
        ] {
            let problem = refusal(body);
            assert!(problem.message().starts_with(expected), "{body}: {}", problem.message());
            assert_eq!(problem.code(), "invalid_request");
        }
        assert!(
            refusal(&format!(r#"{{"name": "{}"}}"#, "x".repeat(101))).message().contains("longer than 100")
        );
        assert_eq!(refusal("{").code(), "malformed_json");
        assert_eq!(refusal(r#"{"name":"n"} x"#).code(), "malformed_json");
    }

    #[test]
    fn a_name_that_looks_the_same_is_the_same() {
        assert_eq!("Cafe\u{301}".parse::<Name>(), "Caf\u{e9}".parse::<Name>());
    }

    #[test]
    fn a_password_in_a_request_does_not_print() {
        let sample: Sample = parse(br#"{"name": "n", "password": "geheim"}"#).unwrap();
        assert!(!format!("{sample:?}").contains("geheim"));
    }
}
