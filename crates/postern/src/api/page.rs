//! The plain pages that a browser sees outside the console: no script, no foreign resource, everything escaped.

use axum::response::{IntoResponse, Response};
use html_escape::encode_text;
use http::{HeaderValue, StatusCode, header};

/// One page: what happened, and what to do next.
#[derive(Debug)]
pub struct Page {
    status: StatusCode,
    mark: Mark,
    title: String,
    paragraphs: Vec<String>,
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, Copy)]
enum Mark {
    Good,
    Waiting,
    Bad,
}

impl Page {
    /// It worked.
    pub fn good(title: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, Mark::Good, title)
    }

    /// It worked so far, and someone has to do something.
    pub fn waiting(title: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, Mark::Waiting, title)
    }

    /// It did not work.
    pub fn bad(title: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Mark::Bad, title)
    }

    fn new(status: StatusCode, mark: Mark, title: impl Into<String>) -> Self {
        Self { status, mark, title: title.into(), paragraphs: Vec::new(), facts: Vec::new() }
    }

    /// Adds a paragraph; empty ones are left out.
    #[must_use]
    pub fn say(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.paragraphs.push(text);
        }
        self
    }

    /// Adds a named value, such as who signed in.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    fn html(&self) -> String {
        let (class, sign) = match self.mark {
            Mark::Good => ("good", "✓"),
            Mark::Waiting => ("waiting", "…"),
            Mark::Bad => ("bad", "✗"),
        };
        let title = encode_text(&self.title);
        let paragraphs: String =
            self.paragraphs.iter().map(|text| format!("<p>{}</p>\n", encode_text(text))).collect();
        let facts: String = self
            .facts
            .iter()
            .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", encode_text(name), encode_text(value)))
            .collect();
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} – Postern</title>\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>{STYLE}</style></head>\n\
             <body><main><header>Postern</header><h1 class=\"{class}\"><span aria-hidden=\"true\">{sign}</span> {title}</h1>\n\
             {paragraphs}<dl>{facts}</dl></main></body></html>\n"
        )
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::response::Html(self.html())).into_response();
        // The address bar holds a one-time code: it must not travel on as a referrer or stay in a cache.
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#242424;--soft:#616161;--paper:#fff;--ground:#f5f5f5;--line:#d1d1d1;--good:#0e700e;--bad:#b10e1c;--wait:#8a6100}\
@media(prefers-color-scheme:dark){:root{--ink:#fff;--soft:#adadad;--paper:#292929;--ground:#141414;--line:#525252;--good:#54b054;--bad:#ff99a4;--wait:#fde361}}\
body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.5 'Segoe UI Variable','Segoe UI',system-ui,sans-serif}\
main{max-width:34rem;margin:12vh auto 2rem;padding:2rem;background:var(--paper);border:1px solid var(--line);border-radius:8px}\
header{color:var(--soft);font-weight:600}h1{font-size:1.4rem;line-height:1.3;margin:.5rem 0 1rem}\
.good span{color:var(--good)}.bad span{color:var(--bad)}.waiting span{color:var(--wait)}\
p{margin:.6rem 0;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:1rem 0 0}\
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_on_a_page_is_escaped() {
        let page = Page::bad("<b>").say("<script>alert(1)</script>").fact("Who", "a&b<c>");
        let html = page.html();
        assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("<c>"));
        assert!(html.contains("a&amp;b&lt;c&gt;"));
    }
}
