//! sendMail, in JSON and in MIME: what is refused, and what is accepted and delivered (facts 5.1–5.5).
//! Recipients come from the message; there is no envelope. Only 202 is sent (additions C2).

use super::compose::{compose, member};
use super::refusal::{self, Refusal};
use super::{Asking, Kind};
use crate::mailbox::{Envelope, Submission, Via};
use crate::mime::read_headers;
use crate::steering::Steering;
use crate::web::{Answer, Call};
use crate::world::Switches;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;

/// Raw MIME over this is answered 200 and not sent (additions C2).
const MIME_TRAP_BYTES: usize = 2_240_000;
/// Custom headers of a JSON message (facts 5.2).
const MAX_CUSTOM_HEADERS: usize = 5;

/// A message as it would be sent.
pub(super) struct Outgoing {
    pub(super) via: Via,
    pub(super) mime: Bytes,
    /// What counts for the mailbox's limit.
    pub(super) size: u64,
    pub(super) from: Vec<String>,
    pub(super) recipients: Vec<String>,
    pub(super) save_to_sent_items: bool,
    pub(super) custom_headers: Vec<String>,
    /// The draft that it was.
    pub(super) draft: Option<String>,
}

/// The two forms in which a message can come.
pub(super) enum Body {
    Mime(Bytes),
    Json(Value),
    /// MIME in the size that is answered 200 and not taken.
    Trapped,
}

impl Body {
    /// Reads the body by its content type.
    ///
    /// # Errors
    /// When it is over the cap (`too_large`), or neither of the forms.
    pub(super) fn read(call: &Call, too_large: fn() -> Refusal) -> Result<Self, Refusal> {
        let body = call.body.as_deref().ok_or_else(too_large)?;
        let kind = call.header("content-type").unwrap_or("application/json").to_ascii_lowercase();
        match kind.split(';').next().unwrap_or_default().trim() {
            "text/plain" => {
                let mime = decode_mime(body)?;
                Ok(if mime.len() > MIME_TRAP_BYTES { Self::Trapped } else { Self::Mime(mime) })
            }
            "application/json" => {
                serde_json::from_slice(body).map(Self::Json).map_err(|_| refusal::unreadable_body())
            }
            _ => Err(refusal::unsupported_media_type()),
        }
    }
}

impl Outgoing {
    /// A message that says itself who gets it.
    pub(super) fn from_mime(via: Via, mime: Bytes) -> Self {
        let headers = read_headers(&mime);
        Self {
            via,
            size: mime.len() as u64,
            mime,
            from: headers.from,
            recipients: headers.recipients,
            save_to_sent_items: true,
            custom_headers: Vec::new(),
            draft: None,
        }
    }
}

impl Asking<'_> {
    pub(super) fn send_mail(&self) -> Result<Answer, Refusal> {
        let outgoing = match Body::read(self.call, refusal::too_large_request)? {
            Body::Trapped => return Ok(Answer::empty(200)),
            Body::Mime(mime) => Outgoing::from_mime(Via::GraphMime, mime),
            Body::Json(body) => self.read_json(&body)?,
        };
        self.submit(outgoing)
    }

    /// Judges and, where it is good, delivers.
    pub(super) fn submit(&self, outgoing: Outgoing) -> Result<Answer, Refusal> {
        let mut guard = self.tenant.lock();
        let state = &mut *guard;
        let switches = state.world.switches.clone();
        if let Some(said) = &switches.graph_says {
            return Ok(Answer::said(said));
        }
        self.check_sender(&outgoing)?;
        check_custom_headers(&outgoing.custom_headers)?;
        check_recipients(&outgoing.recipients)?;
        let now = self.tenant.now();
        let today = state.mailboxes.recipients_today(&state.world, self.user.address(), now);
        check_mailbox(&switches, &outgoing, today)?;
        let steered = match switches.steering_recipients {
            true => state.turns.take_first(&outgoing.recipients),
            false => None,
        };
        if let Some(answer) = steered.and_then(not_taken) {
            return answer;
        }
        let from = outgoing.from.first().cloned().unwrap_or_else(|| self.user.address().to_owned());
        let submission = Submission {
            via: outgoing.via,
            sender: self.user.address().to_owned(),
            envelope: Envelope { from, to: outgoing.recipients, ..Envelope::default() },
            mime: outgoing.mime,
            save_to_sent_items: outgoing.save_to_sent_items,
        };
        state.mailboxes.deliver(&state.world, now, submission);
        if let Some(id) = outgoing.draft {
            state.graph.drafts.remove(self.user.id, &id);
        }
        answer_taken(&switches, steered)
    }

    /// From must be the mailbox's, or one whose name may be used; the latter needs Mail.Send.Shared when a
    /// person sends (facts 5.3).
    fn check_sender(&self, outgoing: &Outgoing) -> Result<(), Refusal> {
        if !outgoing.from.iter().all(|from| self.user.may_send_as(from)) {
            return Err(refusal::send_as_denied());
        }
        let own = outgoing.from.iter().all(|from| self.user.owns(from));
        let shared = self.bearer.kind == Kind::AppOnly || self.bearer.has_any(&["Mail.Send.Shared"]);
        if own || shared { Ok(()) } else { Err(refusal::access_denied()) }
    }

    fn read_json(&self, body: &Value) -> Result<Outgoing, Refusal> {
        let message = member(body, "message").filter(|message| message.is_object());
        let message = message.ok_or_else(refusal::unreadable_body)?;
        let mut outgoing = compose(message, self.user.address(), &self.user.name, self.tenant.now())?;
        outgoing.save_to_sent_items = match member(body, "saveToSentItems") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(save)) => *save,
            Some(Value::String(text)) => !text.eq_ignore_ascii_case("false"),
            Some(_) => return Err(refusal::unreadable_body()),
        };
        Ok(outgoing)
    }
}

/// What is answered to a message that a recipient keeps from being taken.
fn not_taken(steering: Steering) -> Option<Result<Answer, Refusal>> {
    Some(match steering {
        Steering::Permanent | Steering::DataPermanent => Err(refusal::bad_recipient("permerror@")),
        Steering::Temporary | Steering::DataTemporary => Err(refusal::unavailable()),
        Steering::Code(code) => Err(refusal::with_status(code)),
        Steering::Throttle => Err(refusal::throttled(5)),
        Steering::Timeout => Ok(Answer::never()),
        Steering::Reset => Ok(Answer::dropped()),
        Steering::Lost | Steering::Late | Steering::Bounce => return None,
    })
}

/// What is answered to a message that was taken.
fn answer_taken(switches: &Switches, steered: Option<Steering>) -> Result<Answer, Refusal> {
    if switches.graph_lost_answers || steered == Some(Steering::Lost) {
        return Ok(Answer::dropped());
    }
    if switches.graph_late_timeout || steered == Some(Steering::Late) {
        return Err(refusal::late_timeout());
    }
    Ok(Answer::empty(202))
}

/// The doc's own sample has line breaks in the base64 (facts 5.1).
fn decode_mime(body: &[u8]) -> Result<Bytes, Refusal> {
    let plain: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let mime = STANDARD.decode(plain).map_err(|_| refusal::bad_base64())?;
    if mime.is_empty() { Err(refusal::bad_base64()) } else { Ok(mime.into()) }
}

pub(super) fn check_custom_headers(names: &[String]) -> Result<(), Refusal> {
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

fn check_mailbox(switches: &Switches, outgoing: &Outgoing, today: u32) -> Result<(), Refusal> {
    if outgoing.size > switches.max_message_bytes {
        return Err(refusal::too_large_message());
    }
    let count = u32::try_from(outgoing.recipients.len()).unwrap_or(u32::MAX);
    if switches.graph_daily_limit || today.saturating_add(count) > switches.recipients_per_day {
        return Err(refusal::daily_limit());
    }
    if switches.mailbox_full { Err(refusal::mailbox_full()) } else { Ok(()) }
}
