//! The set-up link that makes an administrator once, as its hash among the database's facts. There is one at most: a
//! new one takes the place of the one before. Its neighbour is `sessions`, which uses it up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::AuditEntry;
use crate::database::{Change, Store};
use crate::engine::statement;
use crate::failure::{CorruptRow, StoreError};

const NAME: &str = "setup_link_hash";

impl Store {
    /// SHA-256 of the open link's token; `None` where no link is open.
    pub async fn setup_link_hash(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.one(statement("SELECT value FROM facts WHERE name = $1").bind(NAME)).await?;
        let Some(row) = row else { return Ok(None) };
        let value: String = row.try_get("value")?;
        STANDARD.decode(value).map(Some).map_err(|error| corrupt(&error).into())
    }

    /// Opens a new link in place of the one before.
    pub async fn open_setup_link(&self, token_hash: &[u8], audit: &AuditEntry) -> Result<(), StoreError> {
        let upsert = "INSERT INTO facts (name, value) VALUES ($1, $2)
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let mut change = self.begin().await?;
        change.run(statement(upsert).bind(NAME).bind(STANDARD.encode(token_hash))).await?;
        change.commit_with(audit).await
    }
}

/// Tells whether the link with this hash was open; from then on it is not.
pub(crate) async fn use_up(change: &mut Change, token_hash: &[u8]) -> Result<bool, StoreError> {
    let delete = statement("DELETE FROM facts WHERE name = $1 AND value = $2")
        .bind(NAME)
        .bind(STANDARD.encode(token_hash));
    Ok(change.run(delete).await? == 1)
}

/// Closes the link, if one is open.
pub(crate) async fn forget(change: &mut Change) -> Result<(), StoreError> {
    change.run(statement("DELETE FROM facts WHERE name = $1").bind(NAME)).await.map(|_| ())
}

fn corrupt(why: &base64::DecodeError) -> CorruptRow {
    CorruptRow { table: "facts", id: NAME.to_owned(), column: "value", why: why.to_string() }
}
