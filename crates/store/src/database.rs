//! The open database: its handle, and the mark of the master key that its secrets are sealed with. It must never tell those
//! who work on the queue of what isn't committed. Its neighbours are `engine`, which knows SQLite and PostgreSQL, and the
//! tables' modules, which run their statements through it.

use std::collections::BTreeSet;

use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::audit::{self, AuditEntry, Outcome};
use crate::engine::postgres::{self, Postgres};
use crate::engine::sqlite::Sqlite;
use crate::engine::{Among, Composed, Engine, Marks, NEWEST_VERSION, Row, Statement, Transaction, statement};
use crate::failure::{OpenError, StoreError};
use crate::location::Location;
use crate::news::News;
use crate::queue::{Desk, Queue, Ring};
use crate::{Accounts, ApiTokens, Audit, Certificates, Flows, Grants, Nodes, Sessions, Submitters, Users};

/// The open database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    desk: Desk,
    rings: broadcast::Sender<Ring>,
    news: broadcast::Sender<News>,
    teller: Uuid,
}

/// The master key that is to be used is not the one that the database's secrets are sealed with.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another key has sealed them.
    #[error("the secrets in this database are sealed with the master key {sealed_with}, not with {offered}")]
    OtherMasterKey {
        /// The id of the key that the database belongs to.
        sealed_with: String,
        /// The id of the key that was offered.
        offered: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A writing transaction: `commit` it, or everything it did is undone when it is dropped.
pub(crate) struct Change {
    transaction: Transaction,
    rings: BTreeSet<Ring>,
    bell: broadcast::Sender<Ring>,
}

/// How many rings may wait for a listener; one that is further behind is told to look everywhere.
const RINGS_KEPT: usize = 1024;

const MASTER_KEY_ID: &str = "master_key_id";

impl Store {
    /// Opens the database, or makes it; brings its tables up to date and notes in the audit log that it did, at `now`.
    ///
    /// # Errors
    /// [`OpenError`] when there is no directory for it, the file can't be written, is no database, is another program's or
    /// a newer Postern's: then the file is as it was.
    pub async fn open(location: &Location, now: OffsetDateTime) -> Result<Self, OpenError> {
        let (rings, _) = broadcast::channel(RINGS_KEPT);
        let (news, _) = broadcast::channel(RINGS_KEPT);
        let teller = Uuid::new_v4();
        let (engine, from) = match location {
            Location::Sqlite(path) => {
                let (sqlite, from) = Sqlite::open(path).await?;
                (Engine::Sqlite(sqlite), from)
            }
            Location::Postgres(address) => {
                let (postgres, from) = Postgres::open(address).await?;
                let failed = |source| OpenError::Store { place: address.to_string(), source };
                let listener = postgres.listen().await.map_err(failed)?;
                let bells = postgres::Bells { rings: rings.clone(), news: news.clone(), own: teller };
                tokio::spawn(postgres::pass_on(listener, bells));
                (Engine::Postgres(postgres), from)
            }
        };
        let desk = Desk::open(engine.clone(), rings.clone());
        let store = Self { engine, desk, rings, news, teller };
        store.note_migration(location, from, now).await?;
        Ok(store)
    }

    /// Ends all connections; SQLite's write-ahead log is folded into the file. Calls that come later get
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// Asks the database for a sign of life: whether it can read and could start to write.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.one(statement("SELECT 1")).await?;
        self.begin().await?.transaction.undo().await
    }

    /// The id of the master key that this database's secrets are sealed with; `None` in a new one.
    pub async fn master_key_id(&self) -> Result<Option<String>, StoreError> {
        let row = self.one(statement("SELECT value FROM facts WHERE name = $1").bind(MASTER_KEY_ID)).await?;
        row.map(|row| row.try_get("value").map_err(StoreError::from)).transpose()
    }

    /// Notes in a new database that its secrets are sealed with the master key `id`; in one that has such a note, checks
    /// that it is the same.
    ///
    /// # Errors
    /// [`ClaimError::OtherMasterKey`] when it belongs to another key; the note stays as it was.
    pub async fn claim_master_key(&self, id: &str) -> Result<(), ClaimError> {
        let mut change = self.begin().await?;
        let claim = "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        change.run(statement(claim).bind(MASTER_KEY_ID).bind(id)).await?;
        change.commit().await?;
        match self.master_key_id().await? {
            Some(sealed_with) if sealed_with != id => {
                Err(ClaimError::OtherMasterKey { sealed_with, offered: id.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// The certificates.
    pub fn certificates(&self) -> Certificates<'_> {
        Certificates(self)
    }

    /// The accounts.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts(self)
    }

    /// What delegated sign-ins have left behind.
    pub fn grants(&self) -> Grants<'_> {
        Grants(self)
    }

    /// The authorizations under way.
    pub fn flows(&self) -> Flows<'_> {
        Flows(self)
    }

    /// The API tokens.
    pub fn api_tokens(&self) -> ApiTokens<'_> {
        ApiTokens(self)
    }

    /// The users.
    pub fn users(&self) -> Users<'_> {
        Users(self)
    }

    /// The sessions of users who are signed in.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }

    /// The queue.
    pub fn queue(&self) -> Queue<'_> {
        Queue(self)
    }

    /// The submitters.
    pub fn submitters(&self) -> Submitters<'_> {
        Submitters(self)
    }

    /// The nodes that share the database.
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes(self)
    }

    /// Whether other processes may use this database at the same time.
    pub fn is_shared(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Where the queue's machines hand in what they ask.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Where those who work on lanes are told what is due.
    pub(crate) fn rings(&self) -> broadcast::Receiver<Ring> {
        self.rings.subscribe()
    }

    pub(crate) fn news(&self) -> &broadcast::Sender<News> {
        &self.news
    }

    /// By what this store's own news are known.
    pub(crate) fn teller(&self) -> Uuid {
        self.teller
    }

    /// The audit log.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    pub(crate) async fn one(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        self.engine.one(statement).await
    }

    pub(crate) async fn all(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.engine.all(statement).await
    }

    pub(crate) async fn begin(&self) -> Result<Change, StoreError> {
        Change::begin(&self.engine, Among::All, &self.rings).await
    }

    async fn note_migration(
        &self,
        location: &Location,
        from: i64,
        now: OffsetDateTime,
    ) -> Result<(), OpenError> {
        if from == NEWEST_VERSION {
            return Ok(());
        }
        let entry = AuditEntry {
            at: now,
            actor: "postern".to_owned(),
            source: "start".to_owned(),
            action: "database.migrate".to_owned(),
            target: String::new(),
            outcome: Outcome::Done,
            code: None,
            detail: json!({ "from": from, "to": NEWEST_VERSION }),
        };
        let noted = self.audit().append(&entry).await;
        noted.map_err(|source| OpenError::Migration { place: location.to_string(), source })
    }
}

impl Change {
    /// Waits for its turn to write.
    pub(crate) async fn begin(
        engine: &Engine,
        among: Among,
        bell: &broadcast::Sender<Ring>,
    ) -> Result<Self, StoreError> {
        let transaction = engine.begin(among).await?;
        Ok(Self { transaction, rings: BTreeSet::new(), bell: bell.clone() })
    }

    /// Runs a statement; tells how many rows it touched.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<u64, StoreError> {
        self.transaction.run(statement).await
    }

    pub(crate) async fn one(&mut self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.transaction.all(statement).await?.into_iter().next())
    }

    pub(crate) async fn all(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.transaction.all(statement).await
    }

    /// What makes a SELECT keep its rows from others until the commit; SQLite does so without being asked.
    pub(crate) fn locking(&self) -> &'static str {
        match self.transaction {
            Transaction::Sqlite(_) => "",
            Transaction::Postgres(_) => " FOR UPDATE",
        }
    }

    /// The same, and passes over the rows that others keep.
    pub(crate) fn locking_what_is_free(&self) -> &'static str {
        match self.transaction {
            Transaction::Sqlite(_) => "",
            Transaction::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// How a text about many rows marks the places of its values.
    pub(crate) fn marks(&self) -> Marks {
        match self.transaction {
            Transaction::Sqlite(_) => Marks::Nameless,
            Transaction::Postgres(_) => Marks::Numbered,
        }
    }

    /// A number that no other transaction of this moment has.
    pub(crate) fn writer(&self) -> &'static str {
        match self.transaction {
            Transaction::Sqlite(_) => "0",
            Transaction::Postgres(_) => "pg_backend_pid() % 64",
        }
    }

    /// Tells those who work on the queue, once it is committed.
    pub(crate) fn ring(&mut self, ring: Ring) {
        self.rings.insert(ring);
    }

    /// Puts it on disk, together with the audit row that says who did it.
    pub(crate) async fn commit_with(mut self, audit: &AuditEntry) -> Result<(), StoreError> {
        audit::write(&mut self, audit).await?;
        self.commit().await
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let rings = std::mem::take(&mut self.rings);
        if matches!(self.transaction, Transaction::Postgres(_)) {
            // Told by the database, to this node as to others.
            self.notify(&rings).await?;
            return self.transaction.commit().await;
        }
        self.transaction.commit().await?;
        for ring in rings {
            // Nobody listens where the queue isn't worked on.
            let _ = self.bell.send(ring);
        }
        Ok(())
    }

    async fn notify(&mut self, rings: &BTreeSet<Ring>) -> Result<(), StoreError> {
        if rings.is_empty() {
            return Ok(());
        }
        let mut notify = Composed::new(postgres::RING);
        for (position, ring) in rings.iter().enumerate() {
            notify.push(if position == 0 { " (" } else { ", (" }).push_bind(ring.to_string()).push(")");
        }
        notify.push(") AS v");
        self.all(notify.build()).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use time::macros::datetime;

    use super::*;
    use crate::{AuditFilter, Page};

    #[tokio::test]
    async fn a_full_disk_is_called_so_and_what_was_stored_before_stays() {
        let folder = TempDir::new().unwrap();
        let location = Location::Sqlite(folder.path().join("postern.db"));
        let now = datetime!(2026-11-21 12:00 UTC);
        let store = Store::open(&location, now).await.unwrap();
        let mut change = store.begin().await.unwrap();
        change.run(statement("PRAGMA max_page_count = 1")).await.unwrap();
        change.commit().await.unwrap();
        let entry = AuditEntry {
            at: now,
            actor: "x".repeat(1 << 20),
            source: String::new(),
            action: String::new(),
            target: String::new(),
            outcome: Outcome::Done,
            code: None,
            detail: json!({}),
        };
        let refused = store.audit().append(&entry).await.unwrap_err();
        assert_eq!(refused.code(), "disk_full", "{refused}");
        let rows = store.audit().list(&Page::first(10), &AuditFilter::default()).await.unwrap().rows;
        assert_eq!(rows.len(), 1);
    }
}
