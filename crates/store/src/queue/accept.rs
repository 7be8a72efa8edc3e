//! Taking messages in: the rows of a message, many messages at once. It must never take one whose content isn't there, or
//! one that was taken before under the same key. Its neighbour is `batch`, in whose transaction this runs.

use uuid::Uuid;

use super::batch::{Batch, Offer, Taken};
use super::lanes::LaneId;
use super::message::{AcceptError, Idempotency, Message, MessageState, NewContent, PIECE_OCTETS};
use crate::engine::{Value, statement};
use crate::failure::StoreError;
use crate::record::{Record, millis_of};

const INSERT_MESSAGES: &str = "INSERT INTO messages (id, lane_id, state, state_since, next_attempt_at, expires_at,
    attempt, tries, started_at, node, node_run, leased_until, has_content, received_at, submitter_id, submitter_name,
    source, from_address, recipients, first_recipient, ret, envid, header_from, subject, message_id, size_octets,
    header_octets, eight_bit, international, notes, search_text) VALUES";
const INSERT_RECIPIENTS: &str =
    "INSERT INTO recipients (message_id, position, address, notify, orcpt) VALUES";
const INSERT_CONTENT: &str = "INSERT INTO content (message_id, piece, octets) VALUES";

/// How many recipients the search text names; a search for a recipient looks at all of them.
const SEARCHED_RECIPIENTS: usize = 20;

/// Takes the offers; what became of each stands beside its place.
pub(super) async fn accept(
    batch: &mut Batch<'_>,
    offers: &[(usize, Offer<'_>)],
) -> Result<Vec<(usize, Result<Taken, AcceptError>)>, StoreError> {
    let mut results = Vec::with_capacity(offers.len());
    let (mut messages, mut recipients, mut content) = (Vec::new(), Vec::new(), Vec::new());
    for (place, offer) in offers {
        let taken = match check(batch, offer).await {
            Ok(None) => {
                let lane_id = batch.lane(&offer.new.message.lane).await?;
                messages.push(message_row(offer, lane_id));
                recipients.extend(recipient_rows(&offer.new.message));
                content.extend(content_rows(offer));
                note(batch, offer, lane_id);
                Ok(Taken::Into(lane_id))
            }
            Ok(Some(before)) => Ok(Taken::BeforeAs(before)),
            Err(AcceptError::Store(error)) => return Err(error),
            Err(refused) => Err(refused),
        };
        results.push((*place, taken));
    }
    batch.run_many(INSERT_MESSAGES, "", messages).await?;
    batch.run_many(INSERT_RECIPIENTS, "", recipients).await?;
    batch.run_many(INSERT_CONTENT, "", content).await?;
    Ok(results)
}

/// Whether it may be taken; the id of the message that was taken before under the same key.
async fn check(batch: &mut Batch<'_>, offer: &Offer<'_>) -> Result<Option<Uuid>, AcceptError> {
    let message = &offer.new.message;
    if let Some(key) = &offer.new.idempotency
        && let Some(before) = use_key(batch, key, message).await?
    {
        return Ok(Some(before));
    }
    if offer.new.content == NewContent::Spooled && !take_spooled(batch, message).await? {
        return Err(AcceptError::ContentMissing);
    }
    Ok(None)
}

/// Uses the key up; the message that it was used for before.
async fn use_key(
    batch: &mut Batch<'_>,
    key: &Idempotency,
    message: &Message,
) -> Result<Option<Uuid>, AcceptError> {
    let insert = statement(
        "INSERT INTO idempotency_keys (scope, key, request_hash, message_id, used_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    );
    let insert = insert
        .bind(&key.scope)
        .bind(&key.key)
        .bind(&key.request_hash)
        .bind(message.id.to_string())
        .bind(millis_of(message.received_at));
    if batch.change.run(insert).await? == 1 {
        return Ok(None);
    }
    let select = statement("SELECT * FROM idempotency_keys WHERE scope = $1 AND key = $2");
    let row = batch.change.one(select.bind(&key.scope).bind(&key.key)).await?;
    let row = row.ok_or_else(|| StoreError::Unexpected { detail: "a key is gone".to_owned() })?;
    let record = Record::new("idempotency_keys", "key", &row);
    let used_for: Vec<u8> = record.get("request_hash").map_err(StoreError::from)?;
    if used_for != key.request_hash {
        return Err(AcceptError::KeyReused);
    }
    Ok(Some(record.id("message_id").map_err(StoreError::from)?))
}

/// Whether all its pieces are there; if so, they are the message's from now on.
async fn take_spooled(batch: &mut Batch<'_>, message: &Message) -> Result<bool, StoreError> {
    let id = message.id.to_string();
    let count = statement("SELECT count(*) AS pieces FROM content WHERE message_id = $1").bind(&id);
    let row = batch.change.one(count).await?.expect("a count is a row");
    let pieces = Record::new("content", "pieces", &row).amount("pieces")?;
    if pieces != message.size_octets.div_ceil(PIECE_OCTETS as u64) {
        return Ok(false);
    }
    let delete = statement("DELETE FROM spools WHERE message_id = $1").bind(&id);
    Ok(batch.change.run(delete).await? == 1)
}

/// Tells the chart, and whoever works on the lane where it isn't claimed yet.
fn note(batch: &mut Batch<'_>, offer: &Offer<'_>, lane_id: LaneId) {
    batch.count(offer.at, offer.new.message.lane.account_id).accepted += 1;
    if offer.lease.is_none() {
        batch.ring(lane_id);
    }
}

fn message_row(offer: &Offer<'_>, lane_id: LaneId) -> Vec<Value> {
    let message = &offer.new.message;
    let received_at = millis_of(message.received_at);
    let (state, next_attempt_at) = match offer.lease {
        Some(_) => (MessageState::Sending, None),
        None => (MessageState::Queued, Some(millis_of(offer.new.first_attempt_at))),
    };
    let attempt = i64::from(offer.lease.is_some());
    vec![
        message.id.to_string().into(),
        lane_id.0.into(),
        state.as_str().into(),
        received_at.into(),
        next_attempt_at.into(),
        millis_of(message.expires_at).into(),
        attempt.into(),
        0_i64.into(),
        offer.lease.map(|_| received_at).into(),
        offer.lease.map(|lease| lease.node.name.clone()).into(),
        offer.lease.map(|lease| lease.node.run.to_string()).into(),
        offer.lease.map(|lease| millis_of(lease.until)).into(),
        true.into(),
        received_at.into(),
        message.submitter_id.map(|id| id.to_string()).into(),
        (&message.submitter_name).into(),
        (&message.source).into(),
        message.from.as_ref().map(|from| from.as_str()).into(),
        number(message.recipients.len()),
        message.recipients.first().map_or("", |first| first.address.as_str()).into(),
        (&message.ret).into(),
        (&message.envid).into(),
        (&message.header_from).into(),
        (&message.subject).into(),
        (&message.message_id).into(),
        number(message.size_octets),
        number(message.header_octets),
        message.traits.eight_bit.into(),
        message.traits.international.into(),
        message.notes.to_string().into(),
        search_text(message).into(),
    ]
}

fn recipient_rows(message: &Message) -> impl Iterator<Item = Vec<Value>> {
    message.recipients.iter().enumerate().map(|(position, recipient)| {
        vec![
            message.id.to_string().into(),
            number(position),
            recipient.address.as_str().into(),
            (&recipient.notify).into(),
            (&recipient.orcpt).into(),
        ]
    })
}

fn content_rows(offer: &Offer<'_>) -> impl Iterator<Item = Vec<Value>> {
    let pieces = match &offer.new.content {
        NewContent::Whole(pieces) => pieces.as_slice(),
        NewContent::Spooled => &[],
    };
    pieces.iter().enumerate().map(|(piece, octets)| {
        vec![offer.new.message.id.to_string().into(), number(piece), octets.as_ref().into()]
    })
}

/// What a search looks in.
fn search_text(message: &Message) -> String {
    let sender = message.from.as_ref().map_or("<>", |from| from.as_str());
    let mut words =
        vec![sender, &message.header_from, &message.subject, &message.message_id, &message.submitter_name];
    words.extend(message.recipients.iter().take(SEARCHED_RECIPIENTS).map(|to| to.address.as_str()));
    words.join("\n").to_lowercase()
}

/// A count or a size; none comes near the end of the numbers.
fn number(count: impl TryInto<i64>) -> Value {
    count.try_into().unwrap_or(i64::MAX).into()
}
