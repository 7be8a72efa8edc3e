//! Looks for a message by its Message-ID: was it sent, or is it only a draft?

use mail::MessageId;
use serde_json::Value;

use super::{Mailbox, address, read_json};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::parcel::Seen;
use crate::secret::AccessToken;

/// A message in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Graph's name for it.
    pub(crate) id: String,
    /// Not sent yet.
    pub(crate) is_draft: bool,
}

/// Whether the mailbox holds the message as one that isn't a draft, in whatever folder. Needs Mail.Read or
/// Mail.ReadWrite.
///
/// # Errors
/// `Graph` when it was refused for another reason than a missing permission, `Network` without an answer.
pub(crate) async fn was_sent(
    conn: &Connection,
    token: &AccessToken,
    mailbox: Mailbox<'_>,
    message_id: &MessageId,
) -> Result<Seen, Failure> {
    match find(conn, token, mailbox, message_id).await {
        Ok(found) if found.iter().any(|message| !message.is_draft) => Ok(Seen::Sent),
        Ok(_) => Ok(Seen::NotFound),
        Err(Failure::Graph(refusal)) if refusal.status == 403 => Ok(Seen::CannotLook),
        Err(failure) => Err(failure),
    }
}

/// Everything in the mailbox that has this Message-ID.
pub(super) async fn find(
    conn: &Connection,
    token: &AccessToken,
    mailbox: Mailbox<'_>,
    message_id: &MessageId,
) -> Result<Vec<Found>, Failure> {
    let mut url = address(conn, mailbox, &["messages"]);
    // OData doubles a quote inside a text (OData 4.01, URL conventions §5.1.1.6.1).
    let quoted = message_id.to_string().replace('\'', "''");
    url.query_pairs_mut()
        .append_pair("$filter", &format!("internetMessageId eq '{quoted}'"))
        .append_pair("$select", "id,isDraft");
    let answer = conn.exchange(conn.http().get(url).bearer_auth(token.expose())).await?;
    let list = read_json(&answer)?;
    let found = list["value"].as_array().map(|messages| messages.iter().filter_map(read_found).collect());
    found.ok_or_else(|| answer.unreadable("the messages have no list"))
}

fn read_found(message: &Value) -> Option<Found> {
    let id = message["id"].as_str()?.to_owned();
    Some(Found { id, is_draft: message["isDraft"].as_bool().unwrap_or_default() })
}
