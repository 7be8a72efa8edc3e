//! The files of a message: added to a draft, and read (facts 5.6).

use super::compose::read_attachment;
use super::refusal::{self, Refusal};
use super::{Asking, odata, odata_created};
use crate::mime::{self, Attachment};
use crate::timestamp;
use crate::web::Answer;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

impl Asking<'_> {
    /// POST attachments: a file in one call; the cap of a request is its limit.
    pub(super) fn attach(&self, id: &str) -> Result<Answer, Refusal> {
        let body = self.call.body.as_deref().ok_or_else(refusal::attachment_over_4_mb)?;
        let given: Value = serde_json::from_slice(body).map_err(|_| refusal::unreadable_body())?;
        let file = read_attachment(&given)?;
        if file.name.is_empty() {
            return Err(refusal::unreadable_body());
        }
        let shown = self.attachment(id, &file);
        let limit = self.max_message_bytes();
        let mut state = self.tenant.lock();
        let draft = state.graph.drafts.find_mut(self.user.id, id)?;
        if draft.size() + file.bytes.len() > limit {
            return Err(refusal::too_large_message());
        }
        draft.attachments.push(file);
        state.graph.drafts.make_room();
        Ok(odata_created(&shown))
    }

    /// GET attachments: those of a draft, or of a message that arrived or was sent.
    pub(super) fn list_attachments(&self, id: &str) -> Result<Answer, Refusal> {
        let files = self.files(id)?;
        let select = self.call.query.get("$select");
        let shown = files.iter().map(|file| super::directory::select(select, self.attachment_json(file)));
        Ok(odata(&json!({
            "@odata.context": format!("{}/v1.0/$metadata#{}/messages('{id}')/attachments", self.call.origin(), self.context_path()),
            "value": shown.collect::<Vec<_>>(),
        })))
    }

    pub(super) fn read_attachment(&self, id: &str, file: &str) -> Result<Answer, Refusal> {
        let found = self.files(id)?.into_iter().find(|one| one.id == file);
        Ok(odata(&self.attachment(id, &found.ok_or_else(refusal::no_such_item)?)))
    }

    fn files(&self, id: &str) -> Result<Vec<Attachment>, Refusal> {
        if let Ok(draft) = self.tenant.lock().graph.drafts.find(self.user.id, id) {
            return Ok(draft.files());
        }
        Ok(mime::attachments(&self.find(id)?.mime, id))
    }

    fn attachment(&self, id: &str, file: &Attachment) -> Value {
        let kind = format!("{}/messages('{id}')/attachments/$entity", self.context_path());
        self.selected(self.attachment_json(file), &kind)
    }

    fn attachment_json(&self, file: &Attachment) -> Map<String, Value> {
        let full = json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "id": file.id,
            "lastModifiedDateTime": timestamp::seconds(self.tenant.now()),
            "name": file.name,
            "contentType": file.content_type,
            "size": file.bytes.len(),
            "isInline": file.inline,
            "contentId": file.content_id,
            "contentLocation": null,
            "contentBytes": STANDARD.encode(&file.bytes),
        });
        full.as_object().expect("written as an object").clone()
    }
}
