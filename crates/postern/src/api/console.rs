//! The web console: its files as they were built into the binary, and its page for every address of its own.
//!
//! It knows nothing of its users: whoever asks gets the same files, and the API decides what they may see.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use rust_embed::{Embed, EmbeddedFile};

use super::status;

#[derive(Embed)]
#[folder = "$OUT_DIR/console"]
struct Files;

const PAGE: &str = "index.html";
/// Where the build puts files that carry a hash of their content in their name.
const HASHED: &str = "assets/";
/// The first segments of the console's own addresses; `app/routes.tsx` lists them all.
const OWN: [&str; 6] = ["", "audit", "settings", "setup", "mail", "submission"];

/// A file of the console, its page, or the refusal for an address that nobody has.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if method != Method::GET && method != Method::HEAD {
        return status::no_such_route(uri).await.into_response();
    }
    if let Some(response) = file(path, &headers) {
        return response;
    }
    let first = path.split('/').next().unwrap_or_default();
    let page = || file(PAGE, &headers).expect("the build always makes a page");
    match OWN.contains(&first) {
        true => page(),
        // A person who mistyped an address sees so in the console; a program gets the refusal.
        false if first != "api" && !path.starts_with(HASHED) && wants_page(&headers) => {
            (StatusCode::NOT_FOUND, page()).into_response()
        }
        false => status::no_such_route(uri).await.into_response(),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    header_text(headers, header::ACCEPT).contains("text/html")
}

fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = Files::get(path)?;
    let content_type = HeaderValue::from_str(plain.metadata.mimetype()).ok()?;
    let cache = match path.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let (encoding, file) = match compressed(path, headers) {
        Some((encoding, file)) => (Some(encoding), file),
        None => (None, plain),
    };
    let mut response = file.data.into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, content_type);
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

/// The form that Vite compressed beforehand, if there is one that the browser takes.
fn compressed(path: &str, headers: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = header_text(headers, header::ACCEPT_ENCODING);
    let takes = |encoding: &str| {
        accepted.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == encoding)
    };
    [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, ending)| {
        let file = takes(encoding).then(|| Files::get(&format!("{path}.{ending}")))??;
        Some((encoding, file))
    })
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str, headers: &[(&'static str, &'static str)]) -> Response {
        let headers =
            headers.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)));
        serve(Method::GET, path.parse().unwrap(), headers.collect()).await
    }

    #[tokio::test]
    async fn every_address_of_the_console_gets_its_page_and_no_cache_keeps_it() {
        for path in [
            "/",
            "/mail",
            "/mail/01a22b8e-30fe-72e5-a769-ef972780b9ff",
            "/submission",
            "/audit",
            "/settings",
            "/settings/inventory/certificates",
            "/setup",
        ] {
            let response = get(path, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        }
    }

    #[tokio::test]
    async fn an_address_that_nobody_has_is_a_page_for_a_person_and_a_problem_for_a_program() {
        let person = get("/nowhere", &[("accept", "text/html,*/*")]).await;
        assert_eq!(
            (person.status(), person.headers()[header::CONTENT_TYPE].to_str().unwrap()),
            (StatusCode::NOT_FOUND, "text/html")
        );
        for path in ["/nowhere", "/api/v1/nowhere", "/assets/nowhere.js"] {
            let program = get(path, &[("accept", "*/*")]).await;
            assert_eq!(program.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(program.headers()[header::CONTENT_TYPE], "application/problem+json");
        }
    }

    #[tokio::test]
    async fn a_hashed_file_is_kept_for_ever_and_sent_compressed_to_those_who_take_it() {
        // A build without npm has the page alone.
        let Some(script) = Files::iter().find(|path| path.starts_with(HASHED) && path.ends_with(".js.br"))
        else {
            return;
        };
        let path = format!("/{}", script.trim_end_matches(".br"));
        let compressed = get(&path, &[("accept-encoding", "gzip, br;q=1.0")]).await;
        assert_eq!(compressed.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(compressed.headers()[header::CONTENT_TYPE], "text/javascript");
        assert!(compressed.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let plain = get(&path, &[("accept-encoding", "brotli")]).await;
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
    }
}
