//! sendMail, in JSON and in MIME: what is refused, and what is accepted and delivered (facts 5.1–5.5).
//! Recipients come from the message; there is no envelope. Only 202 is sent (additions C2).

use super::refusal::{self, Refusal};
use super::{Asking, Kind};
use crate::mailbox::{Envelope, Submission, Via, read_headers};
use crate::web::Answer;
use crate::world::Switches;
use base64::{Engine, engine::general_purpose::STANDARD};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use serde_json::Value;
use time::OffsetDateTime;

/// Raw MIME over this is answered 200 and not sent (additions C2).
const MIME_TRAP_BYTES: usize = 2_240_000;
/// Custom headers of a JSON message (facts 5.2).
const MAX_CUSTOM_HEADERS: usize = 5;

/// A message as it would be sent.
struct Draft {
    via: Via,
    mime: Vec<u8>,
    from: Vec<String>,
    recipients: Vec<String>,
    save_to_sent_items: bool,
    custom_headers: Vec<String>,
}

impl Asking<'_> {
    pub(super) fn send_mail(&self) -> Result<Answer, Refusal> {
        let body = self.call.body.as_deref().ok_or_else(refusal::too_large_request)?;
        let kind = self.call.header("content-type").unwrap_or("application/json").to_ascii_lowercase();
        let draft = match kind.split(';').next().unwrap_or_default().trim() {
            "text/plain" => {
                let mime = decode_mime(body)?;
                if mime.len() > MIME_TRAP_BYTES {
                    return Ok(Answer::empty(200));
                }
                from_mime(mime)
            }
            "application/json" => self.read_json(body)?,
            _ => return Err(refusal::unsupported_media_type()),
        };
        self.submit(draft)
    }

    fn submit(&self, draft: Draft) -> Result<Answer, Refusal> {
        let mut guard = self.tenant.lock();
        let state = &mut *guard;
        let switches = state.world.switches.clone();
        self.check_sender(&draft)?;
        check_custom_headers(&draft.custom_headers)?;
        check_recipients(&draft.recipients)?;
        let now = self.tenant.now();
        let today = state.mailboxes.recipients_today(&state.world, self.user.address(), now);
        check_mailbox(&switches, &draft, today)?;
        let from = draft.from.first().cloned().unwrap_or_else(|| self.user.address().to_owned());
        let submission = Submission {
            via: draft.via,
            sender: self.user.address().to_owned(),
            envelope: Envelope { from, to: draft.recipients },
            mime: draft.mime,
            save_to_sent_items: draft.save_to_sent_items,
        };
        state.mailboxes.deliver(&state.world, now, submission);
        if switches.graph_lost_answers {
            return Ok(Answer::dropped());
        }
        if switches.graph_late_timeout {
            return Err(refusal::late_timeout());
        }
        Ok(Answer::empty(202))
    }

    /// From must be the mailbox's, or one whose name may be used; the latter needs Mail.Send.Shared when a
    /// person sends (facts 5.3).
    fn check_sender(&self, draft: &Draft) -> Result<(), Refusal> {
        if !draft.from.iter().all(|from| self.user.may_send_as(from)) {
            return Err(refusal::send_as_denied());
        }
        let own = draft.from.iter().all(|from| self.user.owns(from));
        let shared = self.bearer.kind == Kind::AppOnly || self.bearer.has_any(&["Mail.Send.Shared"]);
        if own || shared { Ok(()) } else { Err(refusal::access_denied()) }
    }

    fn read_json(&self, body: &[u8]) -> Result<Draft, Refusal> {
        let body: Value = serde_json::from_slice(body).map_err(|_| refusal::unreadable_body())?;
        let message = member(&body, "message").filter(|message| message.is_object());
        let message = message.ok_or_else(refusal::unreadable_body)?;
        let mut draft = compose(message, self.user.address(), &self.user.name, self.tenant.now())?;
        draft.save_to_sent_items = match member(&body, "saveToSentItems") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(save)) => *save,
            Some(Value::String(text)) => !text.eq_ignore_ascii_case("false"),
            Some(_) => return Err(refusal::unreadable_body()),
        };
        Ok(draft)
    }
}

/// The doc's own sample has line breaks in the base64 (facts 5.1).
fn decode_mime(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let plain: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let mime = STANDARD.decode(plain).map_err(|_| refusal::bad_base64())?;
    if mime.is_empty() { Err(refusal::bad_base64()) } else { Ok(mime) }
}

fn from_mime(mime: Vec<u8>) -> Draft {
    let headers = read_headers(&mime);
    Draft {
        via: Via::GraphMime,
        mime,
        from: headers.from,
        recipients: headers.recipients,
        save_to_sent_items: true,
        custom_headers: Vec::new(),
    }
}

fn compose(message: &Value, address: &str, name: &str, now: OffsetDateTime) -> Result<Draft, Refusal> {
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
        let bytes =
            STANDARD.decode(text(attachment, "contentBytes")).map_err(|_| refusal::unreadable_body())?;
        let kind = Some(text(attachment, "contentType")).filter(|kind| !kind.is_empty());
        let kind = kind.unwrap_or("application/octet-stream").to_owned();
        builder = builder.attachment(kind, text(attachment, "name").to_owned(), bytes);
    }
    let mime = builder.write_to_vec().map_err(|_| refusal::unreadable_body())?;
    Ok(Draft {
        via: Via::GraphJson,
        mime,
        from: from.into_iter().map(|(_, address)| address).collect(),
        recipients: [to, cc, bcc].concat().into_iter().map(|(_, address)| address).collect(),
        save_to_sent_items: true,
        custom_headers: custom.into_iter().map(|(name, _)| name).collect(),
    })
}

fn check_custom_headers(names: &[String]) -> Result<(), Refusal> {
    if let Some(name) = names.iter().find(|name| !name.to_ascii_lowercase().starts_with("x-")) {
        return Err(refusal::bad_header_name(name));
    }
    if names.len() > MAX_CUSTOM_HEADERS { Err(refusal::too_many_headers()) } else { Ok(()) }
}

fn check_recipients(recipients: &[String]) -> Result<(), Refusal> {
    if recipients.is_empty() {
        return Err(refusal::no_recipients());
    }
    let good = |address: &str| {
        address.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
    };
    match recipients.iter().find(|address| !good(address)) {
        Some(bad) => Err(refusal::bad_recipient(bad)),
        None => Ok(()),
    }
}

fn check_mailbox(switches: &Switches, draft: &Draft, today: u32) -> Result<(), Refusal> {
    if draft.mime.len() as u64 > switches.max_message_bytes {
        return Err(refusal::too_large_message());
    }
    let count = u32::try_from(draft.recipients.len()).unwrap_or(u32::MAX);
    if switches.graph_daily_limit || today.saturating_add(count) > switches.recipients_per_day {
        return Err(refusal::daily_limit());
    }
    if switches.mailbox_full { Err(refusal::mailbox_full()) } else { Ok(()) }
}

/// A member by name in either letter case: Graph's SDKs differ (`Message`, `message`).
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
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
