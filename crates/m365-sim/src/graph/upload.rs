//! Upload sessions for large attachments (facts 5.6): ranges are PUT, in order and 4 MB at most, to an opaque
//! address that needs no token, for it holds one. The last range answers 201 and where the attachment is.

use super::Asking;
use super::drafts::Draft;
use super::limits::Place;
use super::refusal::{self, Refusal};
use crate::hosts::Hosts;
use crate::mime::Attachment;
use crate::tenant::Tenant;
use crate::timestamp;
use crate::web::{Answer, Call};
use crate::world::Outage;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

const LIFE: Duration = Duration::HOUR;
/// Smaller files are posted whole.
const MIN_BYTES: u64 = 3 * 1024 * 1024;
const MAX_BYTES: u64 = 150 * 1024 * 1024;
/// Where uploads go: to Exchange's host when Graph was reached under Microsoft's own name, else to the same place.
fn upload_origin(call: &Call) -> String {
    match Hosts::of_graph(&call.host) {
        Some(cloud) => format!("https://{}", cloud.outlook[0]),
        None => call.origin(),
    }
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Upload {
    id: String,
    pub(super) token: String,
    file: Attachment,
    size: usize,
    bytes: Vec<u8>,
    expires_at: OffsetDateTime,
}

impl Upload {
    /// # Errors
    /// Below 3 MB or above 150 MB.
    pub(super) fn start(file: Attachment, size: u64, now: OffsetDateTime) -> Result<Self, Refusal> {
        if size < MIN_BYTES {
            return Err(refusal::too_small_upload());
        }
        if size > MAX_BYTES {
            return Err(refusal::too_large_upload());
        }
        Ok(Self {
            id: crate::random::token(96),
            token: format!(
                "{}.{}.{}",
                crate::random::token(30),
                crate::random::token(300),
                crate::random::token(256)
            ),
            file,
            size: usize::try_from(size).expect("150 MB fit into memory addresses"),
            bytes: Vec::new(),
            expires_at: now + LIFE,
        })
    }

    pub(super) fn received(&self) -> usize {
        self.bytes.len()
    }

    /// The answer to createUploadSession.
    pub(super) fn session_json(&self, asking: &Asking<'_>, message: &str) -> Value {
        let origin = asking.call.origin();
        let host = upload_origin(asking.call);
        let tenant = asking.tenant.lock().world.tenant.id;
        let url = format!(
            "{host}/api/gv1.0/users('{}@{tenant}')/messages('{message}')/AttachmentSessions('{}')?authtoken={}",
            asking.user.id, self.id, self.token
        );
        json!({
            "@odata.context": format!("{origin}/v1.0/$metadata#microsoft.graph.uploadSession"),
            "uploadUrl": url,
            "expirationDateTime": timestamp::entra_iso(self.expires_at),
            "nextExpectedRanges": ["0-"],
        })
    }
}

/// Answers a call to an upload address.
pub(crate) async fn answer_upload(tenant: &Tenant, call: &Call) -> Answer {
    let outage = tenant.lock().world.switches.graph_outage;
    let request_id = uuid::Uuid::new_v4().to_string();
    let result = match outage {
        Outage::Off => take(tenant, call),
        Outage::Hang => std::future::pending().await,
        Outage::Reset => return Answer::dropped(),
        Outage::Unavailable => Err(refusal::unavailable()),
    };
    let answer = result.unwrap_or_else(|refusal| refusal.answer(tenant, call, &request_id));
    super::dress(call, &request_id, answer)
        .noting("with_authorization", call.header("authorization").is_some())
        .noting("content_range", call.header("content-range"))
}

fn take(tenant: &Tenant, call: &Call) -> Result<Answer, Refusal> {
    let token = call.query.get("authtoken").unwrap_or_default();
    let pair = {
        let mut state = tenant.lock();
        let draft = find(&mut state.graph.drafts, token, tenant.now())?;
        (draft.app_id.clone(), draft.user)
    };
    match call.method.as_str() {
        "PUT" => {
            let body = call.body.as_deref().ok_or_else(refusal::too_large_request)?;
            let _place = Place::take(tenant, pair, body.len() as u64)?;
            put(tenant, call, token, body)
        }
        "DELETE" => {
            let mut state = tenant.lock();
            find(&mut state.graph.drafts, token, tenant.now())?
                .uploads
                .retain(|upload| upload.token != token);
            Ok(Answer::empty(204))
        }
        _ => Err(refusal::method_not_allowed()),
    }
}

fn put(tenant: &Tenant, call: &Call, token: &str, body: &[u8]) -> Result<Answer, Refusal> {
    let range = Range::parse(call.header("content-range").unwrap_or_default())
        .ok_or_else(|| refusal::bad_range("expected bytes first-last/size"))?;
    let mut guard = tenant.lock();
    let state = &mut *guard;
    let limit = usize::try_from(state.world.switches.max_message_bytes).unwrap_or(usize::MAX);
    let tenant_id = state.world.tenant.id;
    let draft = find(&mut state.graph.drafts, token, tenant.now())?;
    let taken = draft.size();
    let at =
        draft.uploads.iter().position(|upload| upload.token == token).ok_or_else(refusal::no_such_item)?;
    let upload = &mut draft.uploads[at];
    range.check(upload, body.len())?;
    if taken + upload.received() + body.len() > limit {
        return Err(refusal::too_large_upload());
    }
    upload.bytes.extend_from_slice(body);
    if upload.received() < upload.size {
        let next = json!({"ExpirationDateTime": timestamp::entra_iso(upload.expires_at), "nextExpectedRanges": [upload.received().to_string()]});
        state.graph.drafts.make_room();
        return Ok(Answer::json(200, &next));
    }
    let Upload { file, bytes, .. } = draft.uploads.remove(at);
    let location = format!(
        "{}/api/gv1.0/users('{}@{tenant_id}')/messages('{}')/Attachments('{}')",
        call.origin(),
        draft.user,
        draft.id,
        file.id
    );
    draft.attachments.push(Attachment { bytes: bytes.into(), ..file });
    Ok(Answer::empty(201).with("location", &location))
}

fn find<'a>(
    drafts: &'a mut super::drafts::Drafts,
    token: &str,
    now: OffsetDateTime,
) -> Result<&'a mut Draft, Refusal> {
    let draft = drafts.find_upload(token).ok_or_else(refusal::no_such_item)?;
    let alive = draft.uploads.iter().any(|upload| upload.token == token && now < upload.expires_at);
    if alive { Ok(draft) } else { Err(refusal::no_such_item()) }
}

/// `Content-Range: bytes first-last/size` (RFC 9110, 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: usize,
    last: usize,
    size: usize,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last, size) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
        (first <= last && last < size).then_some(Self { first, last, size })
    }

    /// The next bytes, of this session, and as many as came.
    fn check(self, upload: &Upload, came: usize) -> Result<(), Refusal> {
        if self.size != upload.size {
            return Err(refusal::bad_range("the size differs from the session's"));
        }
        if self.last - self.first + 1 != came {
            return Err(refusal::bad_range("its length differs from the body's"));
        }
        if self.first != upload.received() {
            return Err(refusal::bad_range("it is not the next range"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_to_the_letter() {
        assert_eq!(Range::parse("bytes 0-9/20"), Some(Range { first: 0, last: 9, size: 20 }));
        for bad in ["", "bytes 0-20/20", "bytes 9-0/20", "bytes */20", "0-9/20", "bytes -9/20"] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
    }
}
