//! A message in Graph's JSON form, written as MIME (facts 5.1). Recipients that it names are the envelope.

use super::refusal::{self, Refusal};
use super::send_mail::Outgoing;
use crate::mailbox::Via;
use crate::mime::Attachment;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use serde_json::Value;
use time::OffsetDateTime;

/// Writes `message` as the mailbox `address` of `name` would send it.
///
/// # Errors
/// When a part of it can't be read.
pub(super) fn compose(
    message: &Value,
    address: &str,
    name: &str,
    now: OffsetDateTime,
) -> Result<Outgoing, Refusal> {
    let from = member(message, "from").and_then(mail_address);
    let sender = from.clone().unwrap_or_else(|| (name.to_owned(), address.to_owned()));
    let [to, cc, bcc, reply_to] = ["toRecipients", "ccRecipients", "bccRecipients", "replyTo"]
        .map(|field| mail_addresses(message, field));
    let list = |all: &[(String, String)]| Address::new_list(all.iter().map(named).collect());
    let mut builder = MessageBuilder::new()
        .from(named(&sender))
        .subject(text(message, "subject").to_owned())
        .date(now.unix_timestamp())
        .message_id(format!(
            "{}@{}",
            uuid::Uuid::new_v4().simple(),
            address.rsplit('@').next().unwrap_or("localhost")
        ));
    let fields = [("To", &to), ("Cc", &cc), ("Bcc", &bcc), ("Reply-To", &reply_to)];
    for (field, all) in fields.into_iter().filter(|(_, all)| !all.is_empty()) {
        builder = builder.header(field, list(all));
    }
    let custom = custom_headers(message);
    for (name, value) in &custom {
        builder = builder.header(name.clone(), Raw::new(value.clone()));
    }
    let content = member(message, "body").unwrap_or(&Value::Null);
    let body = text(content, "content").to_owned();
    builder = match text(content, "contentType").eq_ignore_ascii_case("html") {
        true => builder.html_body(body),
        false => builder.text_body(body),
    };
    for attachment in member(message, "attachments").and_then(Value::as_array).into_iter().flatten() {
        let file = read_attachment(attachment)?;
        builder = builder.attachment(file.content_type, file.name, file.bytes.to_vec());
    }
    let mime = builder.write_to_vec().map_err(|_| refusal::unreadable_body())?;
    Ok(Outgoing {
        via: Via::GraphJson,
        size: mime.len() as u64,
        mime: mime.into(),
        from: from.into_iter().map(|(_, address)| address).collect(),
        recipients: [to, cc, bcc].concat().into_iter().map(|(_, address)| address).collect(),
        save_to_sent_items: true,
        custom_headers: custom.into_iter().map(|(name, _)| name).collect(),
        draft: None,
    })
}

/// A `fileAttachment`.
///
/// # Errors
/// When its content is no base64.
pub(super) fn read_attachment(attachment: &Value) -> Result<Attachment, Refusal> {
    let bytes = STANDARD.decode(text(attachment, "contentBytes")).map_err(|_| refusal::unreadable_body())?;
    Ok(Attachment { bytes: bytes.into(), ..describe_attachment(attachment) })
}

/// What an attachment says of itself, without its content.
pub(super) fn describe_attachment(attachment: &Value) -> Attachment {
    let kind = Some(text(attachment, "contentType")).filter(|kind| !kind.is_empty());
    let content_id = text(attachment, "contentId");
    Attachment {
        id: crate::random::token(48),
        name: text(attachment, "name").to_owned(),
        content_type: kind.unwrap_or("application/octet-stream").to_owned(),
        content_id: (!content_id.is_empty()).then(|| content_id.to_owned()),
        inline: member(attachment, "isInline").and_then(Value::as_bool).unwrap_or(false),
        bytes: Bytes::new(),
    }
}

/// A member by name in either letter case: Graph's SDKs differ (`Message`, `message`).
pub(super) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    member(object, name).and_then(Value::as_str).unwrap_or_default()
}

fn mail_address(recipient: &Value) -> Option<(String, String)> {
    let address = member(recipient, "emailAddress")?;
    Some((text(address, "name").to_owned(), text(address, "address").to_owned()))
}

fn mail_addresses(message: &Value, field: &str) -> Vec<(String, String)> {
    let list = member(message, field).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(mail_address).collect()
}

fn custom_headers(message: &Value) -> Vec<(String, String)> {
    let list = member(message, "internetMessageHeaders").and_then(Value::as_array).into_iter().flatten();
    list.map(|header| (text(header, "name").to_owned(), text(header, "value").replace(['\r', '\n'], " ")))
        .collect()
}

fn named((name, address): &(String, String)) -> Address<'static> {
    let name = Some(name.clone()).filter(|name| !name.is_empty());
    Address::new_address(name, address.clone())
}
