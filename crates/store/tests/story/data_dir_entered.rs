//! A process enters the data directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use store::{DataDir, DataDirError};
use tempfile::TempDir;

fn mode_of(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_directory_that_is_not_there_is_made_for_its_owner_only() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("var/lib/postern");
    let entered = DataDir::open(&path).unwrap();
    assert_eq!(entered.path(), path);
    assert_eq!((mode_of(&path), mode_of(&path.join("postern.lock"))), (0o700, 0o600));
    assert_eq!(entered.warning(), None);
}

#[test]
fn a_second_process_is_refused_and_told_who_is_there_until_the_first_has_left() {
    let folder = TempDir::new().unwrap();
    let first = DataDir::open(folder.path()).unwrap();
    // The kernel's lock belongs to the open file: a second one of this process is held off like another process.
    let refused = DataDir::open(folder.path()).unwrap_err();
    let (path, pid) = (folder.path().display(), std::process::id());
    assert_eq!(
        refused.to_string(),
        format!("the data directory {path} is in use by another process (process {pid})")
    );
    assert_eq!(refused.code(), "data_dir_in_use");
    drop(first);
    DataDir::open(folder.path()).unwrap();
}

#[test]
fn a_lock_file_that_a_killed_process_has_left_holds_nobody_off() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("postern.lock"), "4194304999\n").unwrap();
    let _entered = DataDir::open(folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join("postern.lock")).unwrap();
    assert_eq!(text.trim(), std::process::id().to_string());
}

#[test]
fn a_file_in_its_place_or_above_it_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let refused = DataDir::open(&path).unwrap_err();
        assert!(matches!(refused, DataDirError::NotADirectory { .. }), "{refused:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn a_directory_that_can_not_be_made_or_written_is_named_with_the_reason() {
    // The kernel's own folder takes no files, not even from root.
    let refused = DataDir::open(Path::new("/sys")).unwrap_err();
    assert!(matches!(refused, DataDirError::NotWritable { .. }), "{refused:?}");
    let refused = DataDir::open(Path::new("/sys/postern")).unwrap_err();
    assert!(matches!(refused, DataDirError::NotCreated { .. }), "{refused:?}");
    assert!(!refused.hint().is_empty());
}

#[test]
fn a_directory_that_others_may_enter_is_used_with_a_warning() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let entered = DataDir::open(folder.path()).unwrap();
    let path = folder.path().display();
    let expected = format!(
        "the data directory {path} is open to other users (mode 0755): its files hold secrets, run chmod 0700 {path}"
    );
    assert_eq!(entered.warning(), Some(expected));
    assert_eq!(mode_of(folder.path()), 0o755);
}
