//! Answers that are given word for word, whatever was asked: so that each text that Microsoft was ever seen to say
//! can be met on the wire. It judges their form, never what they say.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// 200 to 599.
    #[serde(deserialize_with = "final_status")]
    pub status: u16,
    /// JSON. A text is sent as a page, as a proxy would; null: no body.
    #[serde(default)]
    pub body: Value,
}

/// An answer to one operation of Graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaidTo {
    /// Which calls get it.
    pub operation: Operation,
    /// The answer.
    pub says: Said,
}

/// A method and a path below Graph's version: `POST applications`, `GET users/*/messages`. `*` stands for any one segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Operation {
    method: String,
    path: Vec<String>,
}

impl Operation {
    /// Whether a call with these segments is one.
    pub(crate) fn is(&self, method: &str, segments: &[&str]) -> bool {
        let fits = |(own, given): (&String, &&str)| own == "*" || own.eq_ignore_ascii_case(given);
        self.method == method && self.path.len() == segments.len() && self.path.iter().zip(segments).all(fits)
    }
}

/// A text that names no operation.
#[derive(Debug, thiserror::Error)]
#[error("an operation is a method and a path, as `POST applications` or `GET users/*/messages`")]
pub struct NotAnOperation;

impl TryFrom<String> for Operation {
    type Error = NotAnOperation;

    fn try_from(text: String) -> Result<Self, NotAnOperation> {
        let (method, path) = text.split_once(' ').ok_or(NotAnOperation)?;
        let path: Vec<String> = path.trim_start_matches('/').split('/').map(str::to_owned).collect();
        let is_path = path.iter().all(|part| !part.is_empty() && !part.contains([' ', '?']));
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_method && is_path { Ok(Self { method: method.to_owned(), path }) } else { Err(NotAnOperation) }
    }
}

impl From<Operation> for String {
    fn from(operation: Operation) -> Self {
        format!("{} {}", operation.method, operation.path.join("/"))
    }
}

/// A reply of SMTP that refuses: 4yz or 5yz and its text, in one line (RFC 5321, 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SaidReply(String);

impl SaidReply {
    /// The line, without its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that can't stand for a refusal.
#[derive(Debug, thiserror::Error)]
#[error("a reply that refuses is 4yz or 5yz and its text, in one line of at most 2000 characters")]
pub struct NotAReply;

impl TryFrom<String> for SaidReply {
    type Error = NotAReply;

    fn try_from(text: String) -> Result<Self, NotAReply> {
        let (code, rest) = text.split_at_checked(3).ok_or(NotAReply)?;
        let refuses = code.starts_with(['4', '5']) && code.bytes().all(|byte| byte.is_ascii_digit());
        let is_line = (rest.is_empty() || rest.starts_with(' ')) && !text.contains(char::is_control);
        if refuses && is_line && text.len() <= 2000 { Ok(Self(text)) } else { Err(NotAReply) }
    }
}

impl From<SaidReply> for String {
    fn from(reply: SaidReply) -> Self {
        reply.0
    }
}

fn final_status<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let status = u16::deserialize(from)?;
    let is_final = (200..600).contains(&status);
    is_final.then_some(status).ok_or_else(|| D::Error::custom("a status is a number from 200 to 599"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_is_told_by_method_and_path() {
        let operation = Operation::try_from("GET users/*/messages".to_owned()).unwrap();
        assert!(operation.is("GET", &["users", "megan@contoso.example", "Messages"]));
        for (method, path) in
            [("POST", "users/x/messages"), ("GET", "users/x"), ("GET", "users/x/messages/1")]
        {
            let path: Vec<&str> = path.split('/').collect();
            assert!(!operation.is(method, &path), "{method} {path:?}");
        }
        assert_eq!(String::from(operation), "GET users/*/messages");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for good in [json!({"status": 400}), json!({"status": 502, "body": "<html>"})] {
            assert!(serde_json::from_value::<Said>(good).is_ok());
        }
        for bad in [
            json!({"status": 100}),
            json!({"status": 600}),
            json!({"body": {}}),
            json!({"status": 400, "x": 1}),
        ] {
            assert!(serde_json::from_value::<Said>(bad).is_err());
        }
        for good in ["POST applications", "GET /users/*/messages", "GET me"] {
            assert!(Operation::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "POST", "POST ", "post me", "GET users//messages", "GET me?x=1"] {
            assert!(Operation::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        for good in ["535", "550 5.7.708 Service unavailable"] {
            assert!(SaidReply::try_from(good.to_owned()).is_ok());
        }
        for bad in ["", "53", "250 2.0.0 OK", "550-a", "5x0 a", "550 a\r\n250 b", "€50"] {
            assert!(SaidReply::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
