//! What messages say, in pieces: large ones are written before the message is accepted, so that nothing has to hold them.
//! It must never leave a piece behind that no message and no spool knows of. Its neighbours are `batch` and `purge`.

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::database::{Change, Store};
use crate::engine::statement;
use crate::failure::StoreError;
use crate::record::{Record, millis_of};

pub(super) async fn add_piece(
    change: &mut Change,
    id: Uuid,
    index: u32,
    octets: &Bytes,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if index == 0 {
        let insert = statement("INSERT INTO spools (message_id, started_at) VALUES ($1, $2)");
        change.run(insert.bind(id.to_string()).bind(millis_of(now))).await?;
    }
    let insert = statement("INSERT INTO content (message_id, piece, octets) VALUES ($1, $2, $3)");
    change.run(insert.bind(id.to_string()).bind(index).bind(octets.as_ref())).await.map(|_| ())
}

/// Forgets what was written of a message that won't be accepted; one that has been accepted stays.
pub(super) async fn discard(change: &mut Change, id: Uuid) -> Result<(), StoreError> {
    let delete = statement("DELETE FROM spools WHERE message_id = $1").bind(id.to_string());
    if change.run(delete).await? == 1 {
        change.run(statement("DELETE FROM content WHERE message_id = $1").bind(id.to_string())).await?;
    }
    Ok(())
}

pub(super) async fn piece(store: &Store, id: Uuid, index: u32) -> Result<Option<Bytes>, StoreError> {
    let query = statement("SELECT message_id, octets FROM content WHERE message_id = $1 AND piece = $2");
    let row = store.one(query.bind(id.to_string()).bind(index)).await?;
    let octets =
        row.map(|row| Record::new("content", "message_id", &row).get::<Vec<u8>>("octets")).transpose()?;
    Ok(octets.map(Bytes::from))
}
