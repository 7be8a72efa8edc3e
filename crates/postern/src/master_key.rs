//! Finds the key under which all secrets of this installation are sealed, or makes it on the first start.
//!
//! Sources, first found wins: the variable `POSTERN_SECRETS__MASTER_KEY`, the systemd credential `master.key`
//! (`LoadCredential=`), the file `[secrets] master_key_file`. A new key is made only for a database in which nothing
//! is sealed yet: made beside an old database it would look like a start and be the loss of every secret.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use certs::seal::MasterKey;

use crate::config::MasterKeyText;

/// Where a master key may come from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The text from the environment.
    pub environment: Option<&'a MasterKeyText>,
    /// `$CREDENTIALS_DIRECTORY`, set by systemd.
    pub credentials_directory: Option<&'a Path>,
    /// The configured file.
    pub file: &'a Path,
}

/// Why there is no usable master key. Nothing has been changed when one of these is returned.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Secrets exist and their key does not.
    #[error(
        "the master key is missing: {path} does not exist, and the secrets in the database are sealed with the key \
         {expected}. Restore that file from a backup, copy it from another node that uses this database, or name its place \
         in [secrets] master_key_file", path = path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// Identifier of the key that is needed.
        expected: String,
    },
    /// A key is there, and it is another one.
    #[error(
        "the master key from {source_name} is not the one that this database was sealed with (this one is {found}, \
         needed is {expected}). Put the right key in place (all nodes of one database have the same), or the database that \
         belongs to this key"
    )]
    Other {
        /// Where the key came from.
        source_name: String,
        /// Identifier of the key that was found.
        found: String,
        /// Identifier of the key that is needed.
        expected: String,
    },
    /// What is there is no master key.
    #[error("the master key from {source_name} is damaged: {why}")]
    Damaged {
        /// Where the key came from.
        source_name: String,
        /// What is wrong with it; never its text.
        why: String,
    },
    /// The file system refuses.
    #[error("cannot {doing} the master key {path}: {source}", path = path.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Loads the master key. `sealed_with` is the identifier of the key that the database's secrets are sealed with, if
/// any are.
pub fn load_or_create(sources: &Sources<'_>, sealed_with: Option<&str>) -> Result<MasterKey, MasterKeyError> {
    let Some((source_name, text)) = find(sources)? else {
        return match sealed_with {
            Some(expected) => {
                Err(MasterKeyError::Missing { path: sources.file.to_owned(), expected: expected.to_owned() })
            }
            None => create(sources.file),
        };
    };
    let key = MasterKey::from_text(text.trim()).map_err(|error| MasterKeyError::Damaged {
        source_name: source_name.clone(),
        why: error.to_string(),
    })?;
    let found = key.id().to_string();
    match sealed_with {
        Some(expected) if expected != found => {
            Err(MasterKeyError::Other { source_name, found, expected: expected.to_owned() })
        }
        _ => Ok(key),
    }
}

/// Whether there is a key already, wherever it may come from.
pub fn exists(sources: &Sources<'_>) -> Result<bool, MasterKeyError> {
    Ok(find(sources)?.is_some())
}

fn find(sources: &Sources<'_>) -> Result<Option<(String, zeroize::Zeroizing<String>)>, MasterKeyError> {
    if let Some(text) = sources.environment {
        let text = zeroize::Zeroizing::new(text.expose().to_owned());
        return Ok(Some(("POSTERN_SECRETS__MASTER_KEY".to_owned(), text)));
    }
    if let Some(directory) = sources.credentials_directory
        && let Some(text) = read(&directory.join("master.key"))?
    {
        return Ok(Some(("the systemd credential master.key".to_owned(), text)));
    }
    Ok(read(sources.file)?.map(|text| (sources.file.display().to_string(), text)))
}

fn read(path: &Path) -> Result<Option<zeroize::Zeroizing<String>>, MasterKeyError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(MasterKeyError::Io { doing: "read", path: path.to_owned(), source }),
    };
    if let Ok(metadata) = std::fs::metadata(path)
        && metadata.permissions().mode() & 0o077 != 0
        && !path.starts_with("/run/credentials")
    {
        tracing::warn!(path = %path.display(), "the master key can be read by others; run chmod 600 on it");
    }
    Ok(Some(text))
}

fn create(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let key = MasterKey::generate();
    write_new(path, key.to_text().as_bytes()).map_err(|source| MasterKeyError::Io {
        doing: "write",
        path: path.to_owned(),
        source,
    })?;
    tracing::info!(path = %path.display(), id = %key.id(), "made the master key; keep a copy of it apart from the database");
    Ok(key)
}

/// Writes a file that must not exist, mode 0600, and returns only when it and its name are on disk.
fn write_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    match path.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &Path, sealed_with: Option<&str>) -> Result<MasterKey, MasterKeyError> {
        load_or_create(&Sources { environment: None, credentials_directory: None, file }, sealed_with)
    }

    #[test]
    fn the_first_start_makes_a_key_that_only_its_owner_can_read_and_the_second_finds_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("master.key");
        let first = load(&file, None).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let second = load(&file, Some(&first.id().to_string())).unwrap();
        assert_eq!(first.id(), second.id());
    }

    #[test]
    fn a_missing_key_is_never_replaced_where_secrets_exist() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("master.key");
        let error = load(&file, Some("0123456789abcdef")).unwrap_err();
        assert!(matches!(error, MasterKeyError::Missing { .. }), "{error}");
        assert!(!file.exists());
    }

    #[test]
    fn another_key_and_a_damaged_key_are_told_apart_without_showing_them() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("master.key");
        load(&file, None).unwrap();
        let other = load(&file, Some("0123456789abcdef")).unwrap_err();
        assert!(matches!(other, MasterKeyError::Other { .. }), "{other}");
        std::fs::write(&file, "half-a-key").unwrap();
        let damaged = load(&file, None).unwrap_err();
        assert!(matches!(damaged, MasterKeyError::Damaged { .. }), "{damaged}");
        assert!(!damaged.to_string().contains("half-a-key"));
    }
}
