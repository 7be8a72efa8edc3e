//! The data directory: one process at a time, readable by its owner. It must never be entered while another process is in
//! it: two would seal with two keys and write one database. Its neighbours are the server's start and the file system.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "postern.lock";

/// The data directory, held by this process until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    mode: u32,
    /// The kernel lets go of the lock when this file is closed, however the process ends.
    _lock: File,
}

/// The data directory can't be used. Nothing has been changed in it.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process holds it.
    #[error("the data directory {} is in use by another process{}", .path.display(), in_brackets(.pid.as_ref()))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, as far as it has said so.
        pid: Option<u32>,
    },
    /// There is a file of that name.
    #[error("the data directory {} is not a directory", .path.display())]
    NotADirectory {
        /// What stands there.
        path: PathBuf,
    },
    /// It isn't there and can't be made.
    #[error("the data directory {} can't be created: {why}", .path.display())]
    NotCreated {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        why: String,
    },
    /// It is there, but nothing can be written in it.
    #[error("the data directory {} can't be written: {why}", .path.display())]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        why: String,
    },
}

impl DataDir {
    /// Enters the directory, and makes it (mode 0700) where there is none.
    ///
    /// # Errors
    /// [`DataDirError`] when another process is in it, it is no directory, or can't be made or written.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        create(path)?;
        let lock = take_lock(path)?;
        let mode = path.metadata().map_err(|error| not_writable(path, &error))?.permissions().mode() & 0o777;
        Ok(Self { path: path.to_owned(), mode, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What should be mended although the directory can be used: that others than its owner may look into it. Passing
    /// through it, to a socket that they know by name, is not looking.
    pub fn warning(&self) -> Option<String> {
        let open = self.mode & 0o066 != 0;
        open.then(|| {
            let path = self.path.display();
            format!(
                "the data directory {path} is open to other users (mode {:04o}): its files hold secrets, \
                 run chmod 0700 {path}",
                self.mode
            )
        })
    }
}

impl DataDirError {
    /// The word for it, for logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "data_dir_in_use",
            Self::NotADirectory { .. } => "data_dir_not_a_directory",
            Self::NotCreated { .. } => "data_dir_not_created",
            Self::NotWritable { .. } => "data_dir_not_writable",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::InUse { .. } => {
                "Stop the other Postern, or give this one a directory of its own with --data-dir."
            }
            Self::NotADirectory { .. } => "Choose another place with --data-dir, or move that file away.",
            Self::NotCreated { .. } => {
                "Create it for the user that Postern runs as, or choose another with --data-dir."
            }
            Self::NotWritable { .. } => {
                "Give it to the user that Postern runs as, or choose another with --data-dir."
            }
        }
    }
}

fn create(path: &Path) -> Result<(), DataDirError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            DataDirError::NotADirectory { path: path.to_owned() }
        }
        _ => DataDirError::NotCreated { path: path.to_owned(), why: error.to_string() },
    })
}

fn take_lock(path: &Path) -> Result<File, DataDirError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path.join(LOCK_FILE)).map_err(|error| not_writable(path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataDirError::InUse { path: path.to_owned(), pid: read_pid(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(not_writable(path, &error)),
    }
    write_pid(&mut file).map_err(|error| not_writable(path, &error))?;
    Ok(file)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

/// `None` when the holder has not come to write it yet, or the file can't be read: the lock counts, not its text.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn not_writable(path: &Path, error: &io::Error) -> DataDirError {
    DataDirError::NotWritable { path: path.to_owned(), why: error.to_string() }
}

fn in_brackets(pid: Option<&u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
