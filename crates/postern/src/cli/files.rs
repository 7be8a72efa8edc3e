//! The files a command names: read here, on the client's side of the wire, and written atomically.
//!
//! A file that is too large is refused before it is read; an output file is either complete or isn't
//! there, replaces regular files only, and is the owner's alone where it holds a private key.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::screen::Screen;

/// Reads a file of at most `limit_bytes`.
///
/// # Errors
/// `file_not_found`, `not_a_file`, `permission_denied`, `too_large`, `file_unreadable`.
pub(crate) fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, Failure> {
    let mut file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    let facts = file.metadata().map_err(|error| cannot_read(path, &error))?;
    if facts.is_dir() {
        return Err(not_a_file(path));
    }
    if facts.len() > limit_bytes {
        return Err(too_large(path, limit_bytes));
    }
    let mut bytes = Vec::new();
    // A pipe or a device has no length; one byte over the limit tells that there is more.
    Read::by_ref(&mut file)
        .take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot_read(path, &error))?;
    if bytes.len() as u64 > limit_bytes {
        return Err(too_large(path, limit_bytes));
    }
    Ok(bytes)
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => Failure::new("file_not_found", format!("there is no file {path}")),
        ErrorKind::PermissionDenied => {
            Failure::new("permission_denied", format!("you aren't allowed to read {path}"))
        }
        ErrorKind::IsADirectory => not_a_file(Path::new(&path.to_string())),
        _ => Failure::new("file_unreadable", format!("can't read {path}: {error}")),
    }
}

fn not_a_file(path: &Path) -> Failure {
    Failure::new("not_a_file", format!("{} is a directory, not a file", path.display()))
}

fn too_large(path: &Path, limit_bytes: u64) -> Failure {
    let limit = if limit_bytes >= 1024 * 1024 {
        format!("{} MiB", limit_bytes / (1024 * 1024))
    } else {
        format!("{} KiB", limit_bytes / 1024)
    };
    Failure::new("too_large", format!("{} is larger than {limit}", path.display()))
        .hint("this is not the file you mean")
}

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Mode 0600: private keys and tokens.
    OwnerOnly,
    /// What the umask leaves of 0666: public certificates.
    AsUsual,
}

/// Where a result goes: a file that may be written, or standard output (`-`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    File { path: PathBuf, replaces: bool },
}

impl Output {
    /// Looks, before anything else is done, whether the file could be written.
    ///
    /// # Errors
    /// `cannot_write` with the reason: no such directory, not a regular file.
    pub(crate) fn check(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        // Through a symbolic link the file it points to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let replaces = match fs::metadata(&target) {
            Ok(facts) if facts.is_file() => true,
            Ok(facts) if facts.is_dir() => {
                return Err(cannot_write(path, "it is a directory").hint("name the file, with its directory"));
            }
            Ok(_) => return Err(cannot_write(path, "it isn't a regular file")),
            Err(_) => false,
        };
        let folder = folder_of(&target);
        if !folder.is_dir() {
            let why = format!("there is no directory {}", folder.display());
            return Err(cannot_write(path, &why));
        }
        Ok(Self::File { path: target, replaces })
    }

    /// Writes the whole file beside its place, then moves it there.
    ///
    /// # Errors
    /// `cannot_write` with the reason. A file that was there before is then untouched.
    pub(crate) fn write(&self, bytes: &[u8], readers: Readers, screen: &mut Screen) -> Result<(), Failure> {
        match self {
            Self::Stdout => screen
                .out_bytes(bytes)
                .map_err(|error| cannot_write(Path::new("standard output"), &error.to_string())),
            Self::File { path, .. } => {
                write_file(path, bytes, readers).map_err(|error| cannot_write(path, &describe(&error)))
            }
        }
    }

    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// `F`, or `F (the file that was there is replaced)`.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File { path, replaces } if *replaces => {
                format!("{}, replacing the file that was there", path.display())
            }
            Self::File { path, .. } => path.display().to_string(),
        }
    }
}

fn write_file(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let mode = match readers {
        Readers::OwnerOnly => 0o600,
        Readers::AsUsual => 0o666,
    };
    let mut file = tempfile::Builder::new()
        .prefix(".postern-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "you aren't allowed to write there".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}

fn cannot_write(path: &Path, why: &str) -> Failure {
    Failure::new("cannot_write", format!("can't write {}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::screen::Look;
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), Failure> {
        let (mut screen, _, _) = Screen::recorded(Look::plain());
        Output::check(path)?.write(bytes, readers, &mut screen)
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        fs::write(&large, vec![0; 2048]).unwrap();
        for (path, code) in [
            (folder.path().join("absent"), "file_not_found"),
            (folder.path().to_path_buf(), "not_a_file"),
            (large.clone(), "too_large"),
            (PathBuf::from("/dev/zero"), "too_large"),
        ] {
            assert_eq!(read(&path, 1024).unwrap_err().code, code, "{path:?}");
        }
        assert_eq!(read(&large, 2048).unwrap().len(), 2048);
    }

    #[test]
    fn a_private_key_is_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pfx");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        write(&path, b"new", Readers::OwnerOnly).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in
            [folder.path().to_path_buf(), PathBuf::from("/dev/null"), folder.path().join("absent/file")]
        {
            let refused = write(&path, b"x", Readers::AsUsual).unwrap_err();
            assert_eq!(refused.code, "cannot_write", "{path:?}");
        }
    }

    #[test]
    fn a_symbolic_link_keeps_pointing_to_the_file_that_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new", Readers::AsUsual).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }
}
