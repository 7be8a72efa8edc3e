//! The open database: its handle, the check that it is ours and no newer than we are, and the mark of the master key
//! that its secrets are sealed with. It must never change a file that it can't serve. Its neighbours are `engine`, which
//! knows SQLite, and the tables' modules, which run their statements through it.

use std::path::Path;

use serde_json::json;
use sqlx::Connection;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::SqliteConnection;
use time::OffsetDateTime;
use tokio::sync::broadcast;

use crate::audit::{self, AuditEntry, Outcome};
use crate::engine::sqlite::{self, Found, NEWEST_VERSION, Readers, Writer};
use crate::engine::{Row, Statement, statement};
use crate::failure::{OpenError, StoreError};
use crate::location::Location;
use crate::queue::{Desk, Queue, Ring};
use crate::{Accounts, ApiTokens, Audit, Certificates, Flows, Grants, Sessions, Submitters, Users};

/// The open database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Writer,
    readers: Readers,
    desk: Desk,
    rings: broadcast::Sender<Ring>,
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
pub(crate) struct Change(sqlite::Transaction);

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
        let Location::Sqlite(path) = location;
        prepare_file(path)?;
        let failed = |source: sqlx::Error| OpenError::Store { path: path.clone(), source: source.into() };
        let mut writer = sqlite::connect_writer(path).await.map_err(failed)?;
        let from = match migrate(path, &mut writer).await {
            Ok(from) => from,
            Err(error) => {
                writer.close().await.map_err(failed)?;
                return Err(error);
            }
        };
        let readers = sqlite::connect_readers(path).await.map_err(failed)?;
        let writer = Writer::new(path, writer);
        let (rings, _) = broadcast::channel(RINGS_KEPT);
        let desk = Desk::open(writer.clone(), rings.clone());
        let store = Self { writer, readers, desk, rings };
        store.note_migration(path, from, now).await?;
        Ok(store)
    }

    /// Ends all connections and folds the write-ahead log into the file. Calls that come later get
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Asks the database for a sign of life: whether it can read and could start to write.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.one(statement("SELECT 1")).await?;
        self.begin().await?.0.undo().await;
        Ok(())
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

    /// Where the queue's machines hand in what they ask.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Where those who work on lanes are told what is due.
    pub(crate) fn rings(&self) -> &broadcast::Sender<Ring> {
        &self.rings
    }

    /// The audit log.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    pub(crate) async fn one(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(sqlite::prepare(statement).fetch_optional(&self.readers).await?.map(Row))
    }

    pub(crate) async fn all(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(sqlite::rows(sqlite::prepare(statement).fetch_all(&self.readers).await?))
    }

    pub(crate) async fn begin(&self) -> Result<Change, StoreError> {
        Change::begin(&self.writer).await
    }

    async fn note_migration(&self, path: &Path, from: i64, now: OffsetDateTime) -> Result<(), OpenError> {
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
        noted.map_err(|source| OpenError::Migration { path: path.to_owned(), source })
    }
}

impl Change {
    /// Waits for its turn to write.
    pub(crate) async fn begin(writer: &Writer) -> Result<Self, StoreError> {
        Ok(Self(writer.begin().await?))
    }

    /// Runs a statement; tells how many rows it touched.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<u64, StoreError> {
        Ok(sqlite::prepare(statement).execute(self.0.connection()).await?.rows_affected())
    }

    pub(crate) async fn one(&mut self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(sqlite::prepare(statement).fetch_optional(self.0.connection()).await?.map(Row))
    }

    pub(crate) async fn all(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(sqlite::rows(sqlite::prepare(statement).fetch_all(self.0.connection()).await?))
    }

    /// Puts it on disk, together with the audit row that says who did it.
    pub(crate) async fn commit_with(mut self, audit: &AuditEntry) -> Result<(), StoreError> {
        audit::write(&mut self, audit).await?;
        self.commit().await
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.0.commit().await
    }
}

/// Checks the file before SQLite gets to see it, and makes it where there is none.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) {
        return Err(OpenError::NoDirectory { path: directory.to_owned() });
    }
    match sqlite::inspect(path)? {
        Found::Version(_) => Ok(()),
        Found::Nothing => sqlite::create_file(path)
            .map_err(|error| OpenError::NotAccessible { path: path.to_owned(), why: error.to_string() }),
    }
}

/// Brings the tables up to date; tells which version they had.
async fn migrate(path: &Path, writer: &mut SqliteConnection) -> Result<i64, OpenError> {
    let from = sqlite::recognise(path, writer).await?;
    let migrator = Migrator::with_migrations(sqlite::migrations());
    migrator.run(writer).await.map_err(|error| explain(path, error))?;
    Ok(from)
}

fn explain(path: &Path, error: MigrateError) -> OpenError {
    let path = path.to_owned();
    match error {
        MigrateError::VersionMissing(found) => OpenError::NewerVersion { path, found, known: NEWEST_VERSION },
        MigrateError::VersionMismatch(version) => OpenError::OtherBuild { path, version },
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
            OpenError::Migration { path, source: source.into() }
        }
        other => OpenError::Migration { path, source: StoreError::Unexpected { detail: other.to_string() } },
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
