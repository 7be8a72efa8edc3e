//! A message of parts as it comes in by JSON, and the draft that `mail::compose` makes a message of.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use mail::Address;
use mail::compose::{Attachment, Draft, ExtraHeader, Mailbox};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problem::{Problem, sentence};

/// A message of parts. An address is `ann@contoso.com`, `Ann <ann@contoso.com>` or `{"name", "address"}`; where several
/// may stand, one may stand without a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The account's own address is the default.
    #[serde(default, deserialize_with = "mailbox")]
    #[schema(value_type = Option<String>)]
    from: Option<Mailbox>,
    #[serde(default, deserialize_with = "mailboxes")]
    #[schema(value_type = Vec<String>)]
    to: Vec<Mailbox>,
    #[serde(default, deserialize_with = "mailboxes")]
    #[schema(value_type = Vec<String>)]
    cc: Vec<Mailbox>,
    /// They are in the envelope and in no header.
    #[serde(default, deserialize_with = "mailboxes")]
    #[schema(value_type = Vec<String>)]
    bcc: Vec<Mailbox>,
    #[serde(default, deserialize_with = "mailboxes")]
    #[schema(value_type = Vec<String>)]
    reply_to: Vec<Mailbox>,
    #[serde(default)]
    subject: String,
    /// What it says, in plain text.
    text: Option<String>,
    /// The same in HTML.
    html: Option<String>,
    /// Further headers: `{"X-Job": "17"}`, or a list of `{"name", "value"}`.
    #[serde(default, deserialize_with = "headers")]
    #[schema(value_type = Object)]
    headers: Vec<ExtraHeader>,
    #[serde(default)]
    attachments: Vec<NewAttachment>,
    /// Id or name of the account; for operators. The one that fits From is the default.
    pub(super) account: Option<String>,
}

/// Something that a message carries along.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAttachment {
    /// Its file name.
    #[serde(alias = "filename")]
    name: String,
    /// Its MIME type; found by the file name where it is missing.
    #[serde(alias = "type")]
    content_type: Option<String>,
    /// Base64.
    #[serde(deserialize_with = "octets")]
    #[schema(value_type = String)]
    content: Vec<u8>,
    /// The name by which the HTML shows it: `<img src="cid:logo">`.
    #[serde(alias = "cid")]
    content_id: Option<String>,
}

impl NewMessage {
    /// Who it says it is from.
    pub(super) fn author(&self) -> Option<&Address> {
        self.from.as_ref().map(|mailbox| &mailbox.address)
    }

    /// The draft of it; `own` is who it is from where it doesn't say.
    pub(super) fn into_draft(self, own: Address) -> Draft {
        Draft {
            from: self.from.unwrap_or(Mailbox { name: None, address: own }),
            to: self.to,
            cc: self.cc,
            bcc: self.bcc,
            reply_to: self.reply_to,
            subject: self.subject,
            text: self.text,
            html: self.html,
            headers: self.headers,
            attachments: self.attachments.into_iter().map(NewAttachment::into_attachment).collect(),
        }
    }
}

/// Why parts can't become a message.
pub(super) fn refused(error: &mail::compose::InvalidDraft) -> Problem {
    Problem::new("invalid_message", sentence(error), "Correct that part and send the message again.")
}

impl NewAttachment {
    fn into_attachment(self) -> Attachment {
        let guessed = || mime_guess::from_path(&self.name).first_or_octet_stream().essence_str().to_owned();
        Attachment {
            content_type: self.content_type.unwrap_or_else(guessed),
            name: self.name,
            content: self.content,
            content_id: self.content_id,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenParts {
    #[serde(alias = "email")]
    address: String,
    name: Option<String>,
}

/// A text, or an object. Never a list: serde reads a struct from one, too, and took two addresses for an address with
/// its name.
fn read_mailbox(written: Value) -> Result<Mailbox, String> {
    match written {
        Value::String(text) => text.parse().map_err(|error: mail::compose::InvalidMailbox| error.to_string()),
        Value::Object(_) => {
            let WrittenParts { address, name } =
                serde_json::from_value(written).map_err(|error| error.to_string())?;
            let address = address.parse().map_err(|error| format!("{address:?}: {error}"))?;
            Ok(Mailbox { name: name.filter(|name| !name.is_empty()), address })
        }
        _ => Err("an address is a text, or an object with address and name".to_owned()),
    }
}

fn mailbox<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mailbox>, D::Error> {
    let written = Option::<Value>::deserialize(deserializer)?;
    written.map(read_mailbox).transpose().map_err(serde::de::Error::custom)
}

fn mailboxes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Mailbox>, D::Error> {
    let written = match Option::<Value>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Value::Array(many)) => many,
        Some(one) => vec![one],
    };
    written.into_iter().map(read_mailbox).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHeader {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "headers are an object of names and texts, or a list of names and values")]
enum WrittenHeaders {
    List(Vec<WrittenHeader>),
    Object(Map<String, Value>),
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ExtraHeader>, D::Error> {
    let given: Vec<(String, String)> = match Option::<WrittenHeaders>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(WrittenHeaders::List(list)) => {
            list.into_iter().map(|header| (header.name, header.value)).collect()
        }
        Some(WrittenHeaders::Object(object)) => {
            let text = |(name, value): (String, Value)| match value {
                Value::String(text) => Ok((name, text)),
                Value::Number(number) => Ok((name, number.to_string())),
                _ => Err(serde::de::Error::custom(format!("the header {name} must be a text"))),
            };
            object.into_iter().map(text).collect::<Result<_, D::Error>>()?
        }
    };
    let checked = given.iter().map(|(name, value)| ExtraHeader::new(name, value));
    checked.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

fn octets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD
        .decode(&text)
        .or_else(|_| STANDARD_NO_PAD.decode(&text))
        .map_err(|_| serde::de::Error::custom("it is not base64"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(given: Value) -> Draft {
        serde_json::from_value::<NewMessage>(given).unwrap().into_draft("own@contoso.com".parse().unwrap())
    }

    fn refusal(given: Value) -> String {
        serde_json::from_value::<NewMessage>(given).unwrap_err().to_string()
    }

    #[test]
    fn an_address_may_be_written_as_people_write_it() {
        let draft = draft(json!({
            "to": "Ann <ann@contoso.com>", "cc": ["bob@contoso.com", {"name": "Carl", "address": "c@contoso.com"}],
            "bcc": null, "subject": "x",
        }));
        assert_eq!(draft.from.address.as_str(), "own@contoso.com");
        assert_eq!(draft.to, ["Ann <ann@contoso.com>".parse().unwrap()]);
        assert_eq!(draft.cc, ["bob@contoso.com".parse().unwrap(), "Carl <c@contoso.com>".parse().unwrap()]);
        assert!(draft.bcc.is_empty());
    }

    #[test]
    fn two_addresses_are_two_and_not_an_address_with_its_name() {
        let two = json!(["ann@contoso.com", "bob@contoso.com"]);
        let draft = draft(json!({ "to": two, "cc": two, "bcc": two, "reply_to": two }));
        for list in [draft.to, draft.cc, draft.bcc, draft.reply_to] {
            let addresses: Vec<&str> = list.iter().map(|mailbox| mailbox.address.as_str()).collect();
            assert_eq!(addresses, ["ann@contoso.com", "bob@contoso.com"]);
        }
    }

    #[test]
    fn attachments_and_headers_are_read_in_their_forms() {
        let draft = draft(json!({
            "to": "a@b.c", "headers": {"X-Job": 17, "Importance": "high"},
            "attachments": [{"filename": "report.pdf", "content": "JVBE\nRg=="},
                {"name": "logo", "type": "image/png", "content": "AA", "cid": "logo@x"}],
        }));
        assert_eq!(draft.headers[0], ExtraHeader::new("X-Job", "17").unwrap());
        let [report, logo] = &draft.attachments[..] else { panic!("two attachments") };
        assert_eq!(
            (report.content_type.as_str(), report.content.as_slice()),
            ("application/pdf", &b"%PDF"[..])
        );
        assert_eq!((logo.content_type.as_str(), logo.content_id.as_deref()), ("image/png", Some("logo@x")));
        let list =
            json!({"to": "a@b.c", "headers": [{"name": "X-A", "value": "1"}, {"name": "X-A", "value": "2"}]});
        assert_eq!(self::draft(list).headers.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (given, expected) in [
            (json!({"to": "ann"}), "isn't a mailbox"),
            (json!({"to": [{"address": "ann"}]}), "has no @"),
            (json!({"to": 5}), "an address is a text"),
            (json!({"from": ["a@b.c", "d@e.f"]}), "an address is a text"),
            (json!({"to": [["a@b.c", "d@e.f"]]}), "an address is a text"),
            (json!({"headers": {"Bcc": "eve@evil.example"}}), "can't be set here"),
            (json!({"headers": {"X": "a\r\nBcc: eve@evil.example"}}), "line break"),
            (json!({"headers": {"X": ["a"]}}), "must be a text"),
            (json!({"attachments": [{"name": "a", "content": "%"}]}), "not base64"),
            (json!({"body": "x"}), "unknown field `body`"),
        ] {
            let told = refusal(given.clone());
            assert!(told.contains(expected), "{given}: {told}");
        }
    }
}
