//! Drafts: a message that is made, gets its attachments and is sent, in separate calls (facts 5.6).
//! They lie in memory with their uploads, bounded as a whole; the oldest draft goes first.

use super::compose::{compose, describe_attachment, member, text};
use super::messages::message_json;
use super::refusal::{self, Refusal};
use super::send_mail::{Body, Outgoing, check_custom_headers};
use super::upload::Upload;
use super::{Asking, odata, odata_created};
use crate::mailbox::{Envelope, Folder, Stored, Via};
use crate::mime::{self, Attachment, read_headers, with_attachments};
use crate::web::Answer;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use time::OffsetDateTime;
use uuid::Uuid;

const KEPT_DRAFTS: usize = 1_000;
const KEPT_BYTES: usize = 512 * 1024 * 1024;

/// A message that isn't sent yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) user: Uuid,
    pub(super) app_id: String,
    /// Without the attachments that came later.
    mime: Bytes,
    pub(super) attachments: Vec<Attachment>,
    pub(super) uploads: Vec<Upload>,
    created: OffsetDateTime,
}

/// All drafts of all mailboxes, oldest first.
#[derive(Debug, Default)]
pub(super) struct Drafts(VecDeque<Draft>);

impl Draft {
    /// Bytes of the message so far: its own, and those of its files.
    pub(super) fn size(&self) -> usize {
        self.mime.len() + self.attachments.iter().map(|file| file.bytes.len()).sum::<usize>()
    }

    /// All files: those of its text, and those that came later.
    pub(super) fn files(&self) -> Vec<Attachment> {
        [mime::attachments(&self.mime, &self.id), self.attachments.clone()].concat()
    }

    /// Its JSON with other members in place of its own; of the header only what a client may set (facts 5.2).
    fn changed(&self, change: &Map<String, Value>) -> Value {
        let mut message = self.to_json();
        if let Some(Value::Array(headers)) = message.get_mut("internetMessageHeaders") {
            headers.retain(|header| text(header, "name").to_ascii_lowercase().starts_with("x-"));
        }
        message.retain(|name, _| !change.keys().any(|other| other.eq_ignore_ascii_case(name)));
        message.extend(change.clone());
        Value::Object(message)
    }

    fn weight(&self) -> usize {
        self.size() + self.uploads.iter().map(Upload::received).sum::<usize>()
    }

    fn to_json(&self) -> Map<String, Value> {
        let headers = read_headers(&self.mime);
        let envelope = Envelope {
            from: headers.from.into_iter().next().unwrap_or_default(),
            to: headers.recipients,
            ..Envelope::default()
        };
        let mut message = message_json(&Stored {
            id: self.id.clone(),
            folder: Folder::Drafts,
            received: self.created,
            via: Via::Draft,
            envelope: Arc::new(envelope),
            mime: self.mime.clone(),
            saved_to_sent_items: false,
        });
        let with_files = !self.attachments.is_empty() || message["hasAttachments"] == true;
        message.insert("hasAttachments".into(), json!(with_files));
        message
    }
}

impl Drafts {
    pub(super) fn of(&self, user: Uuid) -> impl Iterator<Item = Map<String, Value>> {
        self.0.iter().filter(move |draft| draft.user == user).map(Draft::to_json)
    }

    pub(super) fn find(&self, user: Uuid, id: &str) -> Result<&Draft, Refusal> {
        self.0.iter().find(|draft| draft.user == user && draft.id == id).ok_or_else(refusal::no_such_item)
    }

    pub(super) fn find_mut(&mut self, user: Uuid, id: &str) -> Result<&mut Draft, Refusal> {
        self.0.iter_mut().find(|draft| draft.user == user && draft.id == id).ok_or_else(refusal::no_such_item)
    }

    /// The draft with the upload session that this token opens.
    pub(super) fn find_upload(&mut self, token: &str) -> Option<&mut Draft> {
        self.0.iter_mut().find(|draft| draft.uploads.iter().any(|upload| upload.token == token))
    }

    pub(super) fn remove(&mut self, user: Uuid, id: &str) {
        self.0.retain(|draft| draft.user != user || draft.id != id);
    }

    /// Forgets the oldest drafts (never the newest) until the rest has room.
    pub(super) fn make_room(&mut self) {
        let mut weight: usize = self.0.iter().map(Draft::weight).sum();
        while self.0.len() > 1 && (self.0.len() > KEPT_DRAFTS || weight > KEPT_BYTES) {
            weight -= self.0.pop_front().map_or(0, |draft| draft.weight());
        }
    }
}

impl Asking<'_> {
    /// POST messages, in JSON or MIME; MIME that is too large is answered 200 and not taken (additions C2).
    pub(super) fn create_draft(&self) -> Result<Answer, Refusal> {
        let mime = match Body::read(self.call, refusal::over_4_mb)? {
            Body::Trapped => return Ok(Answer::empty(200)),
            Body::Mime(mime) => mime,
            Body::Json(message) => {
                let outgoing = compose(&message, self.user.address(), &self.user.name, self.tenant.now())?;
                check_custom_headers(&outgoing.custom_headers)?;
                outgoing.mime
            }
        };
        let draft = Draft {
            id: crate::random::token(96),
            user: self.user.id,
            app_id: self.bearer.app_id.clone(),
            mime,
            attachments: Vec::new(),
            uploads: Vec::new(),
            created: self.tenant.now(),
        };
        let shown = self.selected(draft.to_json(), &format!("{}/messages/$entity", self.context_path()));
        let location =
            format!("{}/v1.0/{}/messages('{}')", self.call.origin(), self.context_path(), draft.id);
        let mut state = self.tenant.lock();
        state.graph.drafts.0.push_back(draft);
        state.graph.drafts.make_room();
        Ok(odata_created(&shown).with("location", &location))
    }

    /// POST attachments/createUploadSession: 3 MB and more; where to put the bytes.
    pub(super) fn start_upload(&self, id: &str) -> Result<Answer, Refusal> {
        let body = self.call.body.as_deref().ok_or_else(refusal::over_4_mb)?;
        let body: Value = serde_json::from_slice(body).map_err(|_| refusal::unreadable_body())?;
        let item = member(&body, "AttachmentItem").ok_or_else(refusal::unreadable_body)?;
        let size = member(item, "size").and_then(Value::as_u64).ok_or_else(refusal::unreadable_body)?;
        if text(item, "name").is_empty() || !text(item, "attachmentType").eq_ignore_ascii_case("file") {
            return Err(refusal::unreadable_body());
        }
        let upload = Upload::start(describe_attachment(item), size, self.tenant.now())?;
        let shown = upload.session_json(self, id);
        let mut state = self.tenant.lock();
        state.graph.drafts.find_mut(self.user.id, id)?.uploads.push(upload);
        Ok(odata_created(&shown))
    }

    /// POST send: 202; the draft is no draft any more.
    pub(super) fn send_draft(&self, id: &str) -> Result<Answer, Refusal> {
        let outgoing = {
            let state = self.tenant.lock();
            let draft = state.graph.drafts.find(self.user.id, id)?;
            let size = draft.size() as u64;
            let mime = with_attachments(&draft.mime, &draft.attachments);
            Outgoing { size, draft: Some(id.to_owned()), ..Outgoing::from_mime(Via::Draft, mime) }
        };
        self.submit(outgoing)
    }

    /// PATCH of a draft: the members that are given; its Message-ID and its files stay.
    pub(super) fn change_draft(&self, id: &str) -> Result<Answer, Refusal> {
        let body = self.call.body.as_deref().ok_or_else(refusal::over_4_mb)?;
        let change: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| refusal::unreadable_body())?;
        let mut state = self.tenant.lock();
        let draft = state.graph.drafts.find_mut(self.user.id, id)?;
        let changed = draft.changed(&change);
        let outgoing = compose(&changed, self.user.address(), &self.user.name, self.tenant.now())?;
        check_custom_headers(&outgoing.custom_headers)?;
        draft.attachments = draft.files();
        draft.mime = mime::with_message_id_of(&draft.mime, &outgoing.mime);
        let shown = self.selected(draft.to_json(), &format!("{}/messages/$entity", self.context_path()));
        Ok(odata(&shown))
    }

    /// DELETE of a draft.
    pub(super) fn delete_draft(&self, id: &str) -> Result<Answer, Refusal> {
        let mut state = self.tenant.lock();
        state.graph.drafts.find(self.user.id, id)?;
        state.graph.drafts.remove(self.user.id, id);
        Ok(Answer::empty(204))
    }

    pub(super) fn max_message_bytes(&self) -> usize {
        usize::try_from(self.tenant.lock().world.switches.max_message_bytes).unwrap_or(usize::MAX)
    }
}
