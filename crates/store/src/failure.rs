//! What can go wrong with the database itself, each with whose fault it is and what to do next. What can go wrong with a
//! request (a name taken, a certificate in use) stands beside the call that refuses it. A failure must never carry a
//! value from a row: rows hold sealed secrets. Its neighbours are all modules here and the API's problem answers.

use std::path::PathBuf;

use crate::page::BadCursor;

/// A row that can't be read: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {id} of table {table} is damaged: column {column}: {why}")]
pub struct CorruptRow {
    /// The table.
    pub table: &'static str,
    /// The row's id as it stands there.
    pub id: String,
    /// The column that doesn't hold what it should.
    pub column: &'static str,
    /// What is wrong with it, without its content.
    pub why: String,
}

/// The database didn't do what it was asked. Nothing has been changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// One row can't be read; the others can.
    #[error(transparent)]
    Corrupt(#[from] CorruptRow),
    /// The cursor is not one of this list: the caller's fault.
    #[error(transparent)]
    BadCursor(#[from] BadCursor),
    /// Somebody else was writing for too long.
    #[error("the database is busy: {detail}")]
    Busy {
        /// The database's own words.
        detail: String,
    },
    /// No room is left on the disk.
    #[error("the disk that holds the database is full: {detail}")]
    Full {
        /// The database's own words.
        detail: String,
    },
    /// The file itself is damaged.
    #[error("the database file is damaged: {detail}")]
    Damaged {
        /// The database's own words.
        detail: String,
    },
    /// The file can be read but not written.
    #[error("the database can't be written: {detail}")]
    ReadOnly {
        /// The database's own words.
        detail: String,
    },
    /// The disk answered with an error.
    #[error("the disk that holds the database reports an error: {detail}")]
    Io {
        /// The database's own words.
        detail: String,
    },
    /// The database server can't be reached, or the connection to it was lost.
    #[error("the database server can't be reached: {detail}")]
    Unreachable {
        /// The database's own words, or the system's.
        detail: String,
    },
    /// The store has been closed.
    #[error("the database is closed: the server is shutting down")]
    Closed,
    /// What should not happen: a mistake in Postern.
    #[error("the database refused what Postern asked of it: {detail}")]
    Unexpected {
        /// The database's own words.
        detail: String,
    },
}

impl StoreError {
    /// The word for it, for logs and for the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Corrupt(_) => "corrupt_row",
            Self::BadCursor(_) => "bad_cursor",
            Self::Busy { .. } => "database_busy",
            Self::Full { .. } => "disk_full",
            Self::Damaged { .. } => "database_damaged",
            Self::ReadOnly { .. } => "database_read_only",
            Self::Io { .. } => "disk_error",
            Self::Unreachable { .. } => "database_unreachable",
            Self::Closed => "shutting_down",
            Self::Unexpected { .. } => "database_refused",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Corrupt(_) => {
                "Restore a backup, or delete the row and enter it again. All other rows are intact."
            }
            Self::BadCursor(_) => "Start again without a cursor.",
            Self::Busy { .. } => {
                "Try again. If it stays so, look for another program that holds the database file open."
            }
            Self::Full { .. } => "Make room on that disk, then try again; nothing has been lost.",
            Self::Damaged { .. } => "Stop Postern, keep a copy of the file, and restore a backup.",
            Self::ReadOnly { .. } => {
                "Make the file and its directory writable for the user that Postern runs as; on PostgreSQL, make that user \
                 the owner of the database."
            }
            Self::Io { .. } => "Look into the kernel's log: the disk or its file system may be failing.",
            Self::Unreachable { .. } => {
                "Check that PostgreSQL runs, that this machine can reach it and may log in; Postern goes on by itself."
            }
            Self::Closed => "Try again when the server is up.",
            Self::Unexpected { .. } => {
                "This is a mistake in Postern: please report it with the server's log."
            }
        }
    }
}

/// The database can't be opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory that should hold the file isn't there, or is no directory.
    #[error("there is no directory {}", .path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The file system doesn't let us read or write the file.
    #[error("the database {} can't be opened: {why}", .path.display())]
    NotAccessible {
        /// The database file.
        path: PathBuf,
        /// The operating system's reason.
        why: String,
    },
    /// The file holds something else.
    #[error("{} is not a database", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// It is a database, but another program's.
    #[error("{place} is a database, but not one of Postern's")]
    NotOurs {
        /// The file, or the server and its database.
        place: String,
    },
    /// The server doesn't answer, or doesn't let us in.
    #[error("the database {place} can't be reached: {why}")]
    Unreachable {
        /// The server and its database.
        place: String,
        /// What the server said, or the system.
        why: String,
        /// What stands in the way.
        barrier: Barrier,
    },
    /// The server is older than what Postern needs.
    #[error("the server of {place} is PostgreSQL {found}, and Postern needs {needed} or newer")]
    OldServer {
        /// The server and its database.
        place: String,
        /// Its major version.
        found: i64,
        /// The oldest that will do.
        needed: i64,
    },
    /// A newer Postern has already changed the tables.
    #[error(
        "the database {place} was written by a newer Postern (its version is {found}, this one knows {known})"
    )]
    NewerVersion {
        /// The file, or the server and its database.
        place: String,
        /// The version of its tables.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The tables were made by a Postern of another build: a migration has another text.
    #[error("the tables of {place} were made by a different build of Postern (migration {version} differs)")]
    OtherBuild {
        /// The file, or the server and its database.
        place: String,
        /// The migration whose text differs.
        version: i64,
    },
    /// Making or changing the tables failed.
    #[error("the tables of {place} could not be made: {source}")]
    Migration {
        /// The file, or the server and its database.
        place: String,
        /// What the database said.
        source: StoreError,
    },
    /// The database answered with an error.
    #[error("the database {place} can't be opened: {source}")]
    Store {
        /// The file, or the server and its database.
        place: String,
        /// What the database said.
        source: StoreError,
    },
}

/// What stands between this machine and a database on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// Nobody answers there, or not in time.
    Network,
    /// TLS: the server has none, or a certificate that isn't trusted or is another host's.
    Tls,
    /// User, password, or the server's rules of who may come in.
    Login,
    /// There is no database of that name.
    Database,
}

impl Barrier {
    fn hint(self) -> &'static str {
        match self {
            Self::Network => {
                "Check host and port in database.url, that PostgreSQL runs there, and that this machine can reach it."
            }
            Self::Tls => {
                "The server needs a certificate for the host in database.url; add sslrootcert=FILE to the address where it \
                 is from an authority of your own. Only sslmode=disable does without TLS."
            }
            Self::Login => {
                "Check user and password in database.url (or PGPASSWORD), and that the server's pg_hba.conf lets this \
                 machine in."
            }
            Self::Database => {
                "Create it (createdb), owned by Postern's user, or correct its name in database.url."
            }
        }
    }
}

impl OpenError {
    /// The word for it, for logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDirectory { .. } => "no_directory",
            Self::NotAccessible { .. } => "not_accessible",
            Self::NotADatabase { .. } => "not_a_database",
            Self::NotOurs { .. } => "not_ours",
            Self::Unreachable { .. } => "database_unreachable",
            Self::OldServer { .. } => "database_too_old",
            Self::NewerVersion { .. } => "newer_version",
            Self::OtherBuild { .. } => "other_build",
            Self::Migration { source, .. } | Self::Store { source, .. } => source.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoDirectory { .. } => "Create it, or correct database.url in the configuration.",
            Self::NotAccessible { .. } => {
                "Make the file and its directory writable for the user that Postern runs as."
            }
            Self::NotADatabase { .. } | Self::NotOurs { .. } => {
                "Correct database.url in the configuration, or move that file away; Postern has not touched it."
            }
            Self::Unreachable { barrier, .. } => barrier.hint(),
            Self::OldServer { .. } => "Update PostgreSQL, or name another server in database.url.",
            Self::NewerVersion { .. } => {
                "Start the newer Postern, or restore the backup made before the update; the database has not been changed."
            }
            Self::OtherBuild { .. } => "Start the Postern that made it; the database has not been changed.",
            Self::Migration { source, .. } | Self::Store { source, .. } => source.hint(),
        }
    }
}
