//! Reading mail: folders, lists of messages with simple filters, one message, its MIME.

use super::directory::select;
use super::refusal::{self, Refusal};
use super::{Action, Asking, odata};
use crate::mailbox::{Folder, Stored};
use crate::timestamp;
use crate::web::Answer;
use mail_parser::MessageParser;
use serde_json::{Map, Value, json};
use time::Duration;

const FOLDERS: [(Folder, &str, &str); 3] = [
    (Folder::Inbox, "inbox", "Inbox"),
    (Folder::SentItems, "sentitems", "Sent Items"),
    (Folder::Drafts, "drafts", "Drafts"),
];

impl Asking<'_> {
    pub(super) fn read_mailbox(&self, action: Action, rest: &[&str]) -> Result<Answer, Refusal> {
        match (action, rest) {
            (Action::ReadSettings, _) => Ok(self.settings()),
            (_, ["mailFolders"]) => Ok(self.folders()),
            (_, ["mailFolders", name]) => {
                let (folder, id, title) = find_folder(name)?;
                let count = self.count(folder);
                Ok(odata(&self.selected(
                    folder_json(id, title, count),
                    &format!("{}/mailFolders/$entity", self.context_path()),
                )))
            }
            (_, ["mailFolders", name, "messages"]) => self.list(&[find_folder(name)?.0]),
            (_, ["messages"]) => self.list(&[Folder::Inbox, Folder::SentItems, Folder::Drafts]),
            (_, ["messages", id, "$value"]) => {
                Ok(Answer::new(200, "text/plain", self.find(id)?.mime.to_vec()))
            }
            (_, ["messages", id, "attachments"]) => self.list_attachments(id),
            (_, ["messages", id, "attachments", file]) => self.read_attachment(id, file),
            (_, ["messages", id]) => {
                let message = self.find_json(id)?;
                Ok(odata(&self.selected(message, &format!("{}/messages/$entity", self.context_path()))))
            }
            _ => Err(refusal::no_such_segment(rest.last().copied().unwrap_or_default())),
        }
    }

    fn folders(&self) -> Answer {
        let all = FOLDERS
            .iter()
            .map(|(folder, id, title)| Value::Object(folder_json(id, title, self.count(*folder))));
        odata(&json!({
            "@odata.context": format!("{}/v1.0/$metadata#{}/mailFolders", self.call.origin(), self.context_path()),
            "value": all.collect::<Vec<_>>(),
        }))
    }

    /// Newest first; `$filter`, `$top`, `$skip`, `$select`.
    fn list(&self, folders: &[Folder]) -> Result<Answer, Refusal> {
        let query = &self.call.query;
        let filter = query.get("$filter").map(Filter::parse).transpose()?;
        let number = |name: &str, otherwise: usize| {
            query.get(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
        };
        let mut stored = self.stored(folders);
        if let Some(id) = filter.as_ref().and_then(Filter::message_id) {
            // A quick look instead of a whole reading, for mailboxes with thousands of messages.
            stored.retain(|message| find_bytes(&message.mime, id.as_bytes()));
        }
        let mut messages: Vec<Map<String, Value>> = stored.iter().map(message_json).collect();
        if folders.contains(&Folder::Drafts) {
            messages.extend(self.tenant.lock().graph.drafts.of(self.user.id));
        }
        messages.retain(|message| filter.as_ref().is_none_or(|filter| filter.matches(message)));
        messages.reverse();
        let page = messages.into_iter().skip(number("$skip", 0)).take(number("$top", 10).min(1000));
        let shown = page.map(|message| Value::Object(select(query.get("$select"), message)));
        Ok(odata(&json!({
            "@odata.context": format!("{}/v1.0/$metadata#{}/messages", self.call.origin(), self.context_path()),
            "value": shown.collect::<Vec<_>>(),
        })))
    }

    fn count(&self, folder: Folder) -> usize {
        match folder {
            Folder::Drafts => self.tenant.lock().graph.drafts.of(self.user.id).count(),
            _ => self.stored(&[folder]).len(),
        }
    }

    /// What can be found: Sent Items lag behind, as the switch says.
    fn stored(&self, folders: &[Folder]) -> Vec<Stored> {
        let state = self.tenant.lock();
        let delay = Duration::seconds(i64::from(state.world.switches.sent_items_delay_seconds));
        let until = self.tenant.now() - delay;
        let of = |folder: &Folder| state.mailboxes.messages(&state.world, self.user.address(), *folder);
        let mut all: Vec<Stored> = folders.iter().flat_map(of).collect();
        all.retain(|message| message.folder != Folder::SentItems || message.received <= until);
        all.sort_by_key(|message| message.received);
        all
    }

    pub(super) fn find(&self, id: &str) -> Result<Stored, Refusal> {
        let all = self.stored(&[Folder::Inbox, Folder::SentItems]);
        all.into_iter().find(|message| message.id == id).ok_or_else(refusal::no_such_item)
    }
}

impl Asking<'_> {
    fn find_json(&self, id: &str) -> Result<Map<String, Value>, Refusal> {
        let draft = self.tenant.lock().graph.drafts.of(self.user.id).find(|draft| draft["id"] == id);
        draft.map_or_else(|| self.find(id).map(|stored| message_json(&stored)), Ok)
    }
}

fn find_folder(name: &str) -> Result<(Folder, &'static str, &'static str), Refusal> {
    let found = FOLDERS.iter().find(|(_, id, title)| name.eq_ignore_ascii_case(id) || name == *title);
    found.copied().ok_or_else(refusal::no_such_item)
}

fn folder_json(id: &str, title: &str, count: usize) -> Map<String, Value> {
    let full = json!({"id": id, "displayName": title, "parentFolderId": "msgfolderroot", "childFolderCount": 0,
        "unreadItemCount": 0, "totalItemCount": count, "isHidden": false});
    full.as_object().expect("written as an object").clone()
}

pub(super) fn message_json(stored: &Stored) -> Map<String, Value> {
    let message = MessageParser::default().parse(&*stored.mime).unwrap_or_default();
    let people = |field: Option<&mail_parser::Address<'_>>| -> Vec<Value> {
        let all = field.into_iter().flat_map(|field| field.iter());
        all.map(
            |one| json!({"emailAddress": {"name": one.name().or(one.address()), "address": one.address()}}),
        )
        .collect()
    };
    let html = message.html_bodies().next().is_some_and(|part| part.is_text_html());
    let body = if html { message.body_html(0) } else { message.body_text(0) };
    let headers: Vec<Value> =
        message.headers_raw().map(|(name, value)| json!({"name": name, "value": value.trim()})).collect();
    let from = people(message.from()).into_iter().next();
    let at = timestamp::seconds(stored.received);
    let folder = FOLDERS.iter().find(|(folder, ..)| *folder == stored.folder).map(|(_, id, _)| *id);
    let full = json!({
        "id": stored.id,
        "createdDateTime": at,
        "receivedDateTime": at,
        "sentDateTime": message.date().map(|date| date.to_rfc3339()).unwrap_or(at),
        "hasAttachments": message.attachment_count() > 0,
        "internetMessageId": message.message_id().map(|id| format!("<{id}>")),
        "subject": message.subject().unwrap_or_default(),
        "bodyPreview": message.body_preview(255).unwrap_or_default(),
        "importance": "normal",
        "parentFolderId": folder,
        "isRead": stored.folder == Folder::SentItems,
        "isDraft": stored.folder == Folder::Drafts,
        "body": {"contentType": if html { "html" } else { "text" }, "content": body.unwrap_or_default()},
        "sender": from,
        "from": from,
        "toRecipients": people(message.to()),
        "ccRecipients": people(message.cc()),
        "bccRecipients": people(message.bcc()),
        "replyTo": people(message.reply_to()),
        "internetMessageHeaders": headers,
    });
    full.as_object().expect("written as an object").clone()
}

/// `name eq 'text'` and comparisons of times, joined by `and`.
pub(super) struct Filter(Vec<(String, Comparison, String)>);

#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    AtLeast,
    AtMost,
    Over,
    Under,
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let clauses: Option<Vec<_>> = text.split(" and ").map(Self::clause).collect();
        clauses.map(Self).ok_or_else(refusal::bad_filter)
    }

    /// The Message-ID that is looked for, without its brackets.
    fn message_id(&self) -> Option<&str> {
        let (_, _, id) = self.0.iter().find(|(name, comparison, _)| {
            name == "internetMessageId" && matches!(comparison, Comparison::Equal)
        })?;
        Some(id.trim_start_matches('<').trim_end_matches('>'))
    }

    fn clause(text: &str) -> Option<(String, Comparison, String)> {
        let mut words = text.trim().splitn(3, ' ');
        let name = words.next()?.to_owned();
        let comparison = match words.next()? {
            "eq" => Comparison::Equal,
            "ge" => Comparison::AtLeast,
            "le" => Comparison::AtMost,
            "gt" => Comparison::Over,
            "lt" => Comparison::Under,
            _ => return None,
        };
        let value = words.next()?.trim();
        let unquoted = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        Some((name, comparison, unquoted.map_or_else(|| value.to_owned(), |text| text.replace("''", "'"))))
    }

    pub(super) fn matches(&self, message: &Map<String, Value>) -> bool {
        self.0.iter().all(|(name, comparison, wanted)| {
            let value = message
                .get(name)
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            value.is_some_and(|value| match comparison {
                Comparison::Equal => value == *wanted,
                Comparison::AtLeast => value >= *wanted,
                Comparison::AtMost => value <= *wanted,
                Comparison::Over => value > *wanted,
                Comparison::Under => value < *wanted,
            })
        })
    }
}

fn find_bytes(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}
