//! The look of every page: plain, tidy, without a script, SIMULATED on top.
//! Whatever comes from outside goes through `text` or `attribute`, which escape it.

use crate::web::Answer;
use html_escape::{encode_double_quoted_attribute, encode_text};

const STYLE: &str = "body{font:16px/1.5 'Segoe UI',system-ui,sans-serif;background:#f3f2f1;color:#201f1e;margin:0}\
.sim{background:#7a2e00;color:#fff;text-align:center;padding:.3rem;font-weight:600;letter-spacing:.08em}\
main{background:#fff;max-width:28rem;margin:3rem auto;padding:2rem 2.5rem;box-shadow:0 2px 8px #0002}\
main.wide{max-width:70rem}h1{font-size:1.5rem;font-weight:600;margin:0 0 1rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}\
label{display:block;margin-top:.8rem}input[type=text],input[type=email],input[type=password]{width:100%;box-sizing:border-box;\
padding:.45rem;font:inherit;border:1px solid #8a8886}button{font:inherit;padding:.4rem 1.4rem;margin:1.2rem .5rem 0 0;\
border:1px solid #8a8886;background:#fff}button.main{background:#0067b8;border-color:#0067b8;color:#fff}\
.error{color:#a4262c}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #edebe9;vertical-align:top}code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}\
td form{display:flex;gap:.4rem}td button{margin:0;padding:.2rem .8rem}";

/// Escaped for the text of an element.
pub(crate) fn text(raw: &str) -> String {
    encode_text(raw).into_owned()
}

/// Escaped for an attribute in double quotes.
pub(crate) fn attribute(raw: &str) -> String {
    encode_double_quoted_attribute(raw).into_owned()
}

/// A narrow page, as Entra's are. `body` is HTML.
pub(crate) fn narrow(status: u16, title: &str, body: &str) -> Answer {
    page(status, title, "", body, None)
}

/// A wide page. `body` is HTML.
pub(crate) fn wide(status: u16, title: &str, body: &str) -> Answer {
    page(status, title, "wide", body, None)
}

/// A page whose first form posts itself where scripts run; its button does it where they don't.
pub(crate) fn posting_itself(title: &str, body: &str) -> Answer {
    let nonce = crate::random::token(16);
    page(200, title, "", body, Some(&nonce))
}

/// A hidden field.
pub(crate) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", attribute(name), attribute(value))
}

fn page(status: u16, title: &str, class: &str, body: &str, nonce: Option<&str>) -> Answer {
    let script = nonce.map(|nonce| format!("<script nonce=\"{nonce}\">document.forms[0].submit();</script>"));
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{} (SIMULATED)</title>\
         <style>{STYLE}</style></head>\n<body><div class=\"sim\">SIMULATED</div>\n<main class=\"{class}\">{body}</main>\n{}</body></html>\n",
        text(title),
        script.unwrap_or_default(),
    );
    let scripts = nonce.map(|nonce| format!("; script-src 'nonce-{nonce}'")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'{scripts}"
    );
    Answer::new(status, "text/html; charset=utf-8", html)
        .with("content-security-policy", &policy)
        .with("cache-control", "no-store, no-cache")
        .with("referrer-policy", "no-referrer")
        .with("x-content-type-options", "nosniff")
}
