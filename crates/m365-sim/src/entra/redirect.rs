//! Redirect URIs: which one matches a registration, and how an answer is sent to one (facts 1.5, 1.8).

use super::refusal::{self, Refusal};
use crate::page;
use crate::web::Answer;
use crate::world::App;
use url::Url;

/// How the answer reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// A redirect URI that is registered, exactly as the request gave it.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredRedirect {
    pub(crate) uri: String,
    pub(crate) platform: Platform,
}

/// For which kind of client a redirect URI is registered (facts 1.8, 1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// It proves itself.
    Web,
    /// Mobile and desktop: it may send no credential.
    Public,
    /// Single-page application: none either, and its refresh tokens last a day.
    Spa,
}

/// Finds the registration of `uri`.
///
/// # Errors
/// 90102, 500117, 900971, 50011: all of them for Entra's own page.
pub(crate) fn find(app: &App, uri: &str) -> Result<RegisteredRedirect, Refusal> {
    let url = Url::parse(uri).ok().filter(Url::has_host).ok_or_else(refusal::redirect_not_absolute)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(refusal::redirect_not_secure());
    }
    let lists = [
        (Platform::Web, &app.redirect_uris),
        (Platform::Public, &app.public_redirect_uris),
        (Platform::Spa, &app.spa_redirect_uris),
    ];
    if lists.iter().all(|(_, list)| list.is_empty()) {
        return Err(refusal::no_reply_address());
    }
    let found = lists.into_iter().find(|(_, list)| list.iter().any(|known| matches(known, uri)));
    let (platform, _) = found.ok_or_else(|| refusal::redirect_mismatch(uri, &app.client_id.to_string()))?;
    Ok(RegisteredRedirect { uri: uri.to_owned(), platform })
}

/// Sends the fields of an answer to the client.
pub(crate) fn send(uri: &str, mode: ResponseMode, fields: &[(&str, String)]) -> Answer {
    match mode {
        ResponseMode::Query => {
            Answer::redirect(&with_part(uri, if uri.contains('?') { '&' } else { '?' }, fields))
        }
        ResponseMode::Fragment => Answer::redirect(&with_part(uri, '#', fields)),
        ResponseMode::FormPost => post_form(uri, fields),
    }
}

/// OAuth 2.0 Form Post Response Mode; the button serves browsers without scripts.
fn post_form(uri: &str, fields: &[(&str, String)]) -> Answer {
    let inputs: String = fields.iter().map(|(name, value)| page::hidden(name, value)).collect();
    let body = format!(
        "<h1>Working…</h1><form method=\"post\" action=\"{}\">{inputs}<p>Going back to the application.</p>\
         <button class=\"main\" type=\"submit\">Continue</button></form>",
        page::attribute(uri)
    );
    page::posting_itself("Working", &body)
}

/// The URI stays as it was registered; one without a path gets a slash (facts 1.8).
fn with_part(uri: &str, separator: char, fields: &[(&str, String)]) -> String {
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let has_path = uri.splitn(4, '/').count() > 3;
    let slash = if has_path || uri.contains('?') { "" } else { "/" };
    format!("{uri}{slash}{separator}{text}")
}

/// Exact, but for the port of a loopback host.
fn matches(known: &str, uri: &str) -> bool {
    if known == uri {
        return true;
    }
    let (Ok(known), Ok(uri)) = (Url::parse(known), Url::parse(uri)) else { return false };
    let same_place = known.port_or_known_default() == uri.port_or_known_default() || is_loopback(&uri);
    known.scheme() == uri.scheme()
        && known.host_str() == uri.host_str()
        && known.path() == uri.path()
        && known.query() == uri.query()
        && same_place
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_a_loopback_redirect_does_not_matter_and_any_other_does() {
        assert!(matches("https://localhost:4443/authorize", "https://localhost:9/authorize"));
        assert!(!matches("https://gate.example:4443/authorize", "https://gate.example/authorize"));
    }

    #[test]
    fn the_path_is_compared_to_the_letter() {
        assert!(!matches("https://gate.example/authorize", "https://gate.example/Authorize"));
        assert!(!matches("https://gate.example/authorize", "https://gate.example/authorize/"));
    }

    #[test]
    fn a_redirect_without_a_path_comes_back_with_a_slash() {
        let fields = [("code", "a b".to_owned())];
        assert_eq!(with_part("https://gate.example", '?', &fields), "https://gate.example/?code=a+b");
        assert_eq!(with_part("https://gate.example/x", '#', &fields), "https://gate.example/x#code=a+b");
    }
}
