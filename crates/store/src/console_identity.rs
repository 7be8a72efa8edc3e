//! The console's own TLS certificate with its sealed key, when it was made here. It is kept among the database's facts: one
//! for each node, whose console has its own names, and it is made again when it is lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::database::Store;
use crate::engine::statement;
use crate::failure::{CorruptRow, StoreError};
use crate::queue::Node;

/// A self-signed certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleIdentity {
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The private key, sealed.
    pub sealed_key: Vec<u8>,
}

const NAME: &str = "console_identity";

impl Store {
    /// The certificate of the node's console; `None` where none was made yet.
    pub async fn console_identity(&self, node: &Node) -> Result<Option<ConsoleIdentity>, StoreError> {
        let query = statement("SELECT value FROM facts WHERE name = $1").bind(self.name_of(node));
        let Some(row) = self.one(query).await? else { return Ok(None) };
        let value: String = row.try_get("value")?;
        let pair = value.split_once(' ').and_then(|(certificate, key)| {
            let certificate_der = STANDARD.decode(certificate).ok()?;
            Some(ConsoleIdentity { certificate_der, sealed_key: STANDARD.decode(key).ok()? })
        });
        pair.map(Some).ok_or_else(|| corrupt().into())
    }

    /// Keeps it in place of the one before.
    pub async fn keep_console_identity(
        &self,
        node: &Node,
        identity: &ConsoleIdentity,
    ) -> Result<(), StoreError> {
        let value = format!(
            "{} {}",
            STANDARD.encode(&identity.certificate_der),
            STANDARD.encode(&identity.sealed_key)
        );
        let upsert = "INSERT INTO facts (name, value) VALUES ($1, $2)
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let mut change = self.begin().await?;
        change.run(statement(upsert).bind(self.name_of(node)).bind(value)).await?;
        change.commit().await
    }

    /// A database that isn't shared stays the machine's when that gets another name.
    fn name_of(&self, node: &Node) -> String {
        if self.is_shared() { format!("{NAME} {}", node.name) } else { NAME.to_owned() }
    }
}

fn corrupt() -> CorruptRow {
    CorruptRow {
        table: "facts",
        id: NAME.to_owned(),
        column: "value",
        why: "not a certificate and a key".to_owned(),
    }
}
