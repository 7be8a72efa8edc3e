//! An error answer of Graph: `{"error":{"code","message","innerError"}}`, in the shapes that it has in the
//! wild (facts 5.4, additions B0): any case, nested inner errors, no JSON at all.

use serde_json::Value;

use crate::connection::Answer;
use crate::failure::{GraphRefusal, printable};

/// The refusal in an answer, with the names of the request and the pause that was asked for.
pub(super) fn of_answer(answer: &Answer) -> GraphRefusal {
    let refusal = read_refusal(answer.status, &answer.body);
    GraphRefusal {
        request_id: answer.header("request-id").map(|id| printable(id, SHORT_CHARS)).or(refusal.request_id),
        client_request_id: Some(answer.client_request_id.clone()),
        retry_after: answer.retry_after(),
        ..refusal
    }
}

/// Reads the body of an error answer. What isn't Graph's JSON is kept as the message.
pub(crate) fn read_refusal(status: u16, body: &[u8]) -> GraphRefusal {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = member(&answer, "error").unwrap_or(&Value::Null);
    let inner = inner_errors(error);
    let message = match error {
        Value::Null => String::from_utf8_lossy(body).into_owned(),
        Value::String(text) => text.clone(),
        _ => text(error, "message").unwrap_or_default(),
    };
    GraphRefusal {
        status,
        code: text(error, "code").map(|code| printable(&code, SHORT_CHARS)).unwrap_or_default(),
        message: printable(&message, MESSAGE_CHARS),
        inner_codes: inner.iter().filter_map(|inner| text(inner, "code")).collect(),
        request_id: inner.iter().find_map(|inner| text(inner, "request-id")),
        client_request_id: inner.iter().find_map(|inner| text(inner, "client-request-id")),
        retry_after: None,
    }
}

const MESSAGE_CHARS: usize = 2000;
const SHORT_CHARS: usize = 200;
/// Nobody nests deeper in earnest.
const MAX_DEPTH: usize = 8;

/// The inner errors, outermost first: `innerError`, `innererror`, `InnerError`, one inside the other.
fn inner_errors(error: &Value) -> Vec<&Value> {
    std::iter::successors(member(error, "innererror"), |inner| member(inner, "innererror"))
        .take(MAX_DEPTH)
        .collect()
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text(object: &Value, name: &str) -> Option<String> {
    member(object, name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_read_in_any_case_and_depth() {
        for inner in ["innerError", "innererror", "InnerError"] {
            let body = format!(
                r#"{{"error":{{"code":"ErrorSendAsDenied","message":"no right.","{inner}":{{"code":"outer",
                "date":"2026-02-20T10:52:24","request-id":"r-1","client-request-id":"c-1","{inner}":{{"code":"deep"}}}}}}}}"#
            );
            let refusal = read_refusal(403, body.as_bytes());
            assert_eq!(refusal.code, "ErrorSendAsDenied");
            assert_eq!(refusal.message, "no right.");
            assert_eq!(refusal.inner_codes, ["outer", "deep"]);
            assert_eq!(refusal.request_id.as_deref(), Some("r-1"));
            assert_eq!(refusal.client_request_id.as_deref(), Some("c-1"));
        }
    }

    #[test]
    fn what_is_not_graphs_json_is_kept_as_it_is() {
        let refusal = read_refusal(413, b"<html>\r\nRequest Entity Too Large</html>");
        assert_eq!(
            (refusal.code.as_str(), refusal.message.as_str()),
            ("", "<html> Request Entity Too Large</html>")
        );
        assert_eq!(read_refusal(500, b"").message, "");
        assert_eq!(read_refusal(400, br#"{"error":"plain"}"#).message, "plain");
        assert_eq!(read_refusal(400, br#"{"error":{"code":7,"message":null}}"#).code, "");
        assert_eq!(read_refusal(400, b"[1]").message, "[1]");
    }
}
