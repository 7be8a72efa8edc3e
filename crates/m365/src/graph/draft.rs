//! Messages above what one request takes: a draft made of the message without its large attachments, those
//! by upload session, and at last the order to send it (facts 5.6). Needs Mail.ReadWrite.
//!
//! What it must never do: send twice. The order is the last step; a try that comes after a crash looks for
//! the message first, by its Message-ID, and throws drafts of its own away. Neighbours: `anatomy` says what
//! travels apart, `look` finds what an earlier try has left; docs/decisions tells what this changes in a
//! message.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mail::{MessageId, Traits};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use serde_json::{Value, json};
use url::Url;

use super::anatomy::{Anatomy, Attachment, Coding, Plan, Scanner, Segment};
use super::{
    ECHO_OCTETS, MAX_MIME_OCTETS, Mailbox, SEND_TIMEOUT, Sent, address, after_last_byte, look, post_mime,
    refusal,
};
use crate::connection::{Answer, Connection};
use crate::failure::{Failure, LocalTrouble, NetworkKind, NetworkTrouble};
use crate::parcel::{Content, ContentTrouble, InMemory};
use crate::secret::AccessToken;

/// Sends a large message by way of a draft.
///
/// # Errors
/// As [`super::send_mime`]; `Local` with `needs_smtp` where the message can't be taken apart, and with
/// `needs_mail_read_write` where the permission for drafts is missing: neither blames the account.
pub(crate) async fn send_by_draft(
    conn: &Connection,
    token: &AccessToken,
    mailbox: Mailbox<'_>,
    message_id: Option<&MessageId>,
    content: &dyn Content,
) -> Result<Sent, Failure> {
    let (source, anatomy) = scan(content).await?;
    let plan = anatomy.plan(MAX_MIME_OCTETS).ok_or_else(needs_smtp)?;
    let desk = Desk { conn, token, mailbox };
    if let Some(message_id) = message_id
        && desk.clear_remains(message_id).await.map_err(before_sending)? == Remains::Sent
    {
        return Ok(Sent { request_id: None });
    }
    let draft = desk.create(&source, &plan).await.map_err(before_sending)?;
    let sent = match desk.attach_all(&draft, &source, &plan).await {
        Ok(()) => desk.order(&draft).await,
        Err(failure) => Err(before_sending(failure)),
    };
    if sent.as_ref().is_err_and(is_certainly_unsent) {
        // What can't be thrown away now is thrown away by the next try.
        let _ = desk.delete(&draft).await;
    }
    sent
}

/// Whose drafts.
struct Desk<'a> {
    conn: &'a Connection,
    token: &'a AccessToken,
    mailbox: Mailbox<'a>,
}

#[derive(Debug, PartialEq, Eq)]
enum Remains {
    None,
    Sent,
}

/// Ten times 320 KiB: what Microsoft's own libraries send, below the 4 MB of one request (facts 5.6).
const RANGE_OCTETS: usize = 10 * 320 * 1024;
/// From here on an attachment needs an upload session; below, it goes in one request.
const SESSION_OCTETS: u64 = 3_000_000;

impl Desk<'_> {
    async fn clear_remains(&self, message_id: &MessageId) -> Result<Remains, Failure> {
        let found = look::find(self.conn, self.token, self.mailbox, message_id).await.map_err(permission)?;
        if found.iter().any(|message| !message.is_draft) {
            return Ok(Remains::Sent);
        }
        for draft in found {
            self.delete(&draft.id).await?;
        }
        Ok(Remains::None)
    }

    /// Its id. Only 201 has made one: a 200 is what Graph says to what it doesn't take (additions C2).
    async fn create(&self, source: &Source<'_>, plan: &Plan) -> Result<String, Failure> {
        let rest = InMemory::new(source.read_rest(&plan.rest).await?, Traits::default());
        let request = self.conn.http().post(self.address(&["messages"])).timeout(SEND_TIMEOUT);
        // A draft that may have been made is found and thrown away by the next try.
        let answer = post_mime(self.conn, self.token, request, &rest).await?;
        let draft = read_created(&answer).map_err(permission)?;
        draft["id"].as_str().map(str::to_owned).ok_or_else(|| answer.unreadable("the draft has no id"))
    }

    async fn attach_all(&self, draft: &str, source: &Source<'_>, plan: &Plan) -> Result<(), Failure> {
        for attachment in &plan.apart {
            self.attach(draft, source, attachment).await?;
        }
        Ok(())
    }

    /// The last step: from here on the message may be under way.
    async fn order(&self, draft: &str) -> Result<Sent, Failure> {
        let order = self.conn.http().post(self.address(&["messages", draft, "send"])).timeout(SEND_TIMEOUT);
        let order = order.bearer_auth(self.token.expose()).header(CONTENT_LENGTH, 0);
        let answer = self.conn.exchange(order).await.map_err(after_last_byte)?;
        match answer.status {
            202 => Ok(Sent { request_id: answer.header("request-id").map(str::to_owned) }),
            _ => Err(refusal::of_answer(&answer).into()),
        }
    }

    async fn attach(&self, draft: &str, source: &Source<'_>, attachment: &Attachment) -> Result<(), Failure> {
        if attachment.octets < SESSION_OCTETS {
            return self.attach_at_once(draft, source, attachment).await;
        }
        match self.open_session(draft, attachment).await {
            Ok(session) => self.upload(&session, source, attachment).await,
            // Microsoft's 3 MB may be the binary ones.
            Err(Failure::Graph(refusal)) if refusal.code == TOO_SMALL_FOR_SESSION => {
                self.attach_at_once(draft, source, attachment).await
            }
            Err(failure) => Err(failure),
        }
    }

    async fn attach_at_once(
        &self,
        draft: &str,
        source: &Source<'_>,
        attachment: &Attachment,
    ) -> Result<(), Failure> {
        let mut reader = Reader::of(source, attachment);
        let octets = reader.read(attachment.octets as usize).await?;
        let body = json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": attachment.name,
            "contentType": attachment.content_type,
            "isInline": attachment.is_inline,
            "contentId": attachment.content_id,
            "contentBytes": STANDARD.encode(&octets),
        });
        drop(octets);
        let url = self.address(&["messages", draft, "attachments"]);
        let request = self.conn.http().post(url).timeout(SEND_TIMEOUT).bearer_auth(self.token.expose());
        read_created(&self.conn.exchange_up_to(ECHO_OCTETS, request.json(&body)).await?).map(drop)
    }

    /// Where to put the octets. The address is a secret of its own: it opens the session without a token.
    async fn open_session(&self, draft: &str, attachment: &Attachment) -> Result<Url, Failure> {
        let url = self.address(&["messages", draft, "attachments", "createUploadSession"]);
        let body = json!({"AttachmentItem": {
            "attachmentType": "file",
            "name": attachment.name,
            "size": attachment.octets,
            "contentType": attachment.content_type,
            "isInline": attachment.is_inline,
            "contentId": attachment.content_id,
        }});
        let request = self.conn.http().post(url).bearer_auth(self.token.expose()).json(&body);
        let answer = self.conn.exchange(request).await?;
        let session = read_created(&answer)?;
        let url = session["uploadUrl"].as_str().and_then(|text| Url::parse(text).ok());
        url.filter(|url| url.scheme() == self.conn.cloud().graph.scheme())
            .ok_or_else(|| answer.unreadable("the upload session has no usable address"))
    }

    /// In order, each range below 4 MB; the last is answered by 201. No token goes along: the address may be
    /// of another host.
    async fn upload(
        &self,
        session: &Url,
        source: &Source<'_>,
        attachment: &Attachment,
    ) -> Result<(), Failure> {
        let mut reader = Reader::of(source, attachment);
        let (mut begin, total) = (0, attachment.octets);
        while begin < total {
            let range = reader.read(RANGE_OCTETS).await?;
            let end = begin + range.len() as u64;
            let request = self
                .conn
                .http()
                .put(session.clone())
                .timeout(SEND_TIMEOUT)
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, range.len())
                .header(CONTENT_RANGE, format!("bytes {begin}-{}/{total}", end - 1))
                .body(range);
            let answer = self.conn.exchange(request).await?;
            match (answer.status, end == total) {
                (200, false) | (201, true) => begin = end,
                _ => return Err(refusal::of_answer(&answer).into()),
            }
        }
        Ok(())
    }

    async fn delete(&self, draft: &str) -> Result<(), Failure> {
        let url = self.address(&["messages", draft]);
        let answer =
            self.conn.exchange(self.conn.http().delete(url).bearer_auth(self.token.expose())).await?;
        match answer.status {
            204 | 404 => Ok(()),
            _ => Err(permission(refusal::of_answer(&answer).into())),
        }
    }

    fn address(&self, call: &[&str]) -> Url {
        address(self.conn, self.mailbox, call)
    }
}

const TOO_SMALL_FOR_SESSION: &str = "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize";

/// The message, and where each of its pieces begins.
struct Source<'a> {
    content: &'a dyn Content,
    begins: Vec<u64>,
}

async fn scan(content: &dyn Content) -> Result<(Source<'_>, Anatomy), ContentTrouble> {
    let mut scanner = Scanner::default();
    let (mut begins, mut at, mut index) = (Vec::new(), 0, 0);
    while let Some(piece) = content.piece(index).await? {
        begins.push(at);
        at += piece.len() as u64;
        index += 1;
        scanner.add(&piece);
    }
    Ok((Source { content, begins }, scanner.finish()))
}

impl Source<'_> {
    /// At most [`MAX_MIME_OCTETS`], as the plan has made sure.
    async fn read_rest(&self, segments: &[Segment]) -> Result<Vec<u8>, ContentTrouble> {
        let mut rest = Vec::new();
        for segment in segments {
            match segment {
                Segment::Instead(octets) => rest.extend_from_slice(octets),
                Segment::Kept(range) => {
                    let mut stretch = self.stretch(range.clone());
                    while let Some(octets) = stretch.next().await? {
                        rest.extend_from_slice(&octets);
                    }
                }
            }
        }
        Ok(rest)
    }

    fn stretch(&self, range: Range<u64>) -> Stretch<'_> {
        let index = self.begins.partition_point(|begin| *begin <= range.start).saturating_sub(1);
        Stretch {
            content: self.content,
            at: self.begins.get(index).copied().unwrap_or_default(),
            index: u32::try_from(index).expect("a message has no four thousand million pieces"),
            range,
        }
    }
}

/// The octets of a range of the message, piece by piece.
struct Stretch<'a> {
    content: &'a dyn Content,
    /// Where the next piece begins.
    at: u64,
    index: u32,
    range: Range<u64>,
}

impl Stretch<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, ContentTrouble> {
        while self.at < self.range.end {
            let Some(piece) = self.content.piece(self.index).await? else { break };
            let (begin, end) = (self.at, self.at + piece.len() as u64);
            (self.at, self.index) = (end, self.index + 1);
            if end > self.range.start {
                let from = self.range.start.saturating_sub(begin) as usize;
                let to = (self.range.end.min(end) - begin) as usize;
                return Ok(Some(piece.slice(from..to)));
            }
        }
        Ok(None)
    }
}

/// The content of an attachment, its transfer encoding undone.
struct Reader<'a> {
    stretch: Stretch<'a>,
    coding: Coding,
    /// Digits of base64 that don't make a group of four yet.
    digits: Vec<u8>,
    /// Read and not taken yet.
    ready: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn of(source: &'a Source<'_>, attachment: &Attachment) -> Reader<'a> {
        let stretch = source.stretch(attachment.body.clone());
        Reader { stretch, coding: attachment.coding, digits: Vec::new(), ready: Vec::new() }
    }

    /// As many octets as wanted, or what is left.
    async fn read(&mut self, wanted: usize) -> Result<Vec<u8>, ContentTrouble> {
        self.ready.reserve(wanted.saturating_sub(self.ready.len()));
        while self.ready.len() < wanted {
            let Some(octets) = self.stretch.next().await? else { break };
            match self.coding {
                Coding::Identity => self.ready.extend_from_slice(&octets),
                Coding::Base64 => self.decode(&octets)?,
            }
        }
        let rest = self.ready.split_off(wanted.min(self.ready.len()));
        Ok(std::mem::replace(&mut self.ready, rest))
    }

    fn decode(&mut self, octets: &[u8]) -> Result<(), ContentTrouble> {
        self.digits.extend(octets.iter().copied().filter(|octet| !octet.is_ascii_whitespace()));
        let whole = self.digits.len() / 4 * 4;
        STANDARD
            .decode_vec(&self.digits[..whole], &mut self.ready)
            .map_err(|_| ContentTrouble("an attachment reads otherwise than before".to_owned()))?;
        self.digits.drain(..whole);
        Ok(())
    }
}

fn read_created(answer: &Answer) -> Result<Value, Failure> {
    match answer.status {
        201 => serde_json::from_slice(&answer.body).map_err(|_| answer.unreadable("the answer isn't JSON")),
        _ => Err(refusal::of_answer(answer).into()),
    }
}

/// A draft is no message yet: nothing that happens to it leaves a doubt whether something was sent.
fn before_sending(failure: Failure) -> Failure {
    match failure {
        Failure::Network(trouble) if trouble.kind == NetworkKind::AfterLastByte => {
            NetworkTrouble { kind: NetworkKind::Reset, ..trouble }.into()
        }
        Failure::Graph(refusal) if matches!(refusal.status, 408 | 502 | 504) => {
            NetworkTrouble::new("Microsoft Graph", NetworkKind::Timeout, &refusal.to_string()).into()
        }
        failure => failure,
    }
}

fn is_certainly_unsent(failure: &Failure) -> bool {
    match failure {
        Failure::Network(trouble) => trouble.kind != NetworkKind::AfterLastByte,
        Failure::Graph(refusal) => !matches!(refusal.status, 200..300 | 408 | 502 | 504),
        _ => true,
    }
}

/// Sending alone may be granted: that is no fault of the account.
fn permission(failure: Failure) -> Failure {
    match failure {
        Failure::Graph(refusal) if refusal.status == 403 && refusal.code == "ErrorAccessDenied" => {
            LocalTrouble::new(
                "needs_mail_read_write",
                format!("large messages go by way of a draft, which needs the permission Mail.ReadWrite: {refusal}"),
                "Grant Mail.ReadWrite to the application, or let the account's large mail go by SMTP.",
            )
            .into()
        }
        failure => failure,
    }
}

fn needs_smtp() -> Failure {
    LocalTrouble::new(
        "needs_smtp",
        "the message is too large for one request to Microsoft Graph, and can't be taken apart without changing it",
        "Let the account's large mail go by SMTP; signed and encrypted messages pass there as they are.",
    )
    .into()
}

#[cfg(test)]
mod tests;
