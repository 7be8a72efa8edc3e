//! A PostgreSQL of the tests' own. The first test that needs it makes one; all tests share it, each with a database of its own;
//! it goes when no test has used it for a moment. It listens on a Unix socket in a folder that only belongs to this user and
//! this build, and keeps nothing. The stories of `postern` use it too.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a new server may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Holds the server for as long as this process lives.
static SERVER: OnceLock<(PathBuf, File)> = OnceLock::new();

/// The server's socket folder; the server is there.
pub(crate) fn server() -> &'static Path {
    let (folder, _) = SERVER.get_or_init(|| {
        let folder = folder();
        let in_use = lock_file(&folder, "in-use");
        in_use.lock_shared().unwrap();
        let starting = lock_file(&folder, "starting");
        starting.lock().unwrap();
        if !is_up(&folder) {
            start(&folder);
        }
        (folder, in_use)
    });
    folder
}

fn folder() -> PathBuf {
    let uid = Path::new("/proc/self").metadata().unwrap().uid();
    // One for each build directory: two checkouts don't get in each other's way.
    let build = env!("CARGO_TARGET_TMPDIR")
        .bytes()
        .fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)));
    let folder = std::env::temp_dir().join(format!("postern-tests-{uid}-{build:08x}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn lock_file(folder: &Path, name: &str) -> File {
    OpenOptions::new().create(true).append(true).open(folder.join(name)).unwrap()
}

fn is_up(folder: &Path) -> bool {
    // The file says that a server is ready; a socket that answers, that it still is.
    folder.join("run/ready").exists()
        && std::os::unix::net::UnixStream::connect(folder.join("run/.s.PGSQL.5432")).is_ok()
}

/// Starts a server, and a watchman who stops it when nobody holds the lock any more.
fn start(folder: &Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/tests/story/postgres.sh");
    let log = lock_file(folder, "log");
    let started = Command::new("setsid")
        .arg("--fork")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .status();
    assert!(started.unwrap().success(), "{script} was not started");
    let begun = Instant::now();
    while !is_up(folder) {
        let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(!said.contains("postern-tests:"), "PostgreSQL does not start: {said}");
        assert!(begun.elapsed() < PATIENCE, "PostgreSQL does not start: {said}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
