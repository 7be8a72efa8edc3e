//! The nodes at work on one database, and what one of them at a time does. A node that doesn't renew its term is taken for
//! gone: its lanes are free. It must never be asked where there is one process only: what costs a statement here costs
//! nothing there. Its neighbours are `queue::lanes`, whose lanes belong to nodes, and the tenure of a node in `postern`.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::database::Store;
use crate::engine::statement;
use crate::failure::StoreError;
use crate::queue::{Node, Ring};
use crate::record::{Record, millis_of};

const TABLE: &str = "nodes";

/// How long what is over is kept before it is deleted.
const KEEP: Duration = Duration::hours(1);

/// The nodes of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Nodes<'s>(pub(crate) &'s Store);

impl Nodes<'_> {
    /// Says that this run of a node is there until `until`; tells whether that was so at `now` already. If not, others may
    /// have taken its lanes meanwhile. Those who have been gone for long are forgotten.
    pub async fn stay(
        &self,
        node: &Node,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut change = self.0.begin().await?;
        let find = statement("SELECT run, until FROM nodes WHERE run = $1").bind(node.run.to_string());
        let before = change.one(find).await?;
        let before = before.map(|row| Record::new(TABLE, "run", &row).time("until")).transpose()?;
        let upsert = "INSERT INTO nodes (run, name, until) VALUES ($1, $2, $3)
                      ON CONFLICT (run) DO UPDATE SET until = excluded.until";
        let upsert = statement(upsert).bind(node.run.to_string()).bind(&node.name).bind(millis_of(until));
        change.run(upsert).await?;
        for forget in ["DELETE FROM nodes WHERE until < $1", "DELETE FROM turns WHERE until < $1"] {
            change.run(statement(forget).bind(millis_of(now - KEEP))).await?;
        }
        change.commit().await?;
        Ok(before.is_some_and(|before| before > now))
    }

    /// Says that this run is no longer there: others may have its lanes at once, and are told to look.
    pub async fn leave(&self, node: &Node) -> Result<(), StoreError> {
        let mut change = self.0.begin().await?;
        change.run(statement("DELETE FROM nodes WHERE run = $1").bind(node.run.to_string())).await?;
        change.ring(Ring::Missed);
        change.commit().await
    }

    /// The names of those who are there at `now`.
    pub async fn present(&self, now: OffsetDateTime) -> Result<Vec<String>, StoreError> {
        let query = statement("SELECT run, name FROM nodes WHERE until > $1 ORDER BY name, run");
        let rows = self.0.all(query.bind(millis_of(now))).await?;
        rows.iter().map(|row| Ok(Record::new(TABLE, "run", row).get("name")?)).collect()
    }

    /// Takes the turn `name` for `holder` until `until`, or keeps it for longer; tells whether it is theirs. Another's is
    /// free when its time is over at `now`.
    pub async fn take_turn(
        &self,
        name: &str,
        holder: Uuid,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let take = "INSERT INTO turns (name, holder, until) VALUES ($1, $2, $4) ON CONFLICT (name) DO UPDATE
                    SET holder = excluded.holder, until = excluded.until
                    WHERE turns.holder = excluded.holder OR turns.until <= $3";
        let take =
            statement(take).bind(name).bind(holder.to_string()).bind(millis_of(now)).bind(millis_of(until));
        let mut change = self.0.begin().await?;
        let is_theirs = change.run(take).await? == 1;
        change.commit().await?;
        Ok(is_theirs)
    }
}
