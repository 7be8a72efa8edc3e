//! The program as a whole: from its start to the first answer of `/healthz`, the memory it keeps when nothing happens, and
//! its size.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;

const POSTERN: &str = env!("CARGO_BIN_EXE_postern");

#[tokio::main]
async fn main() {
    let octets = std::fs::metadata(POSTERN).expect("it was built").len();
    println!("size of postern: {:.1} MB", octets as f64 / 1e6);
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The first start makes keys and a certificate; what counts is every other one.
    let first = start(folder.path()).await;
    println!("start to the first answer of /healthz, the very first: {:.0?}", first.took);
    let idle = resident_mib(&first.process);
    first.stop();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        let started = start(folder.path()).await;
        times.push(started.took);
        started.stop();
    }
    times.sort();
    println!("start to the first answer of /healthz, median of 5: {:.0?} (target 200 ms)", times[2]);
    println!("resident memory, idle: {idle:.1} MiB (target 30 MB)");
}

struct Started {
    process: Child,
    took: Duration,
}

impl Started {
    fn stop(mut self) {
        // It may have ended by itself, and has then said why on standard error.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn start(data_dir: &std::path::Path) -> Started {
    let port = free_port();
    let began = Instant::now();
    let process = Command::new(POSTERN)
        .args(["serve", "--data-dir"])
        .arg(data_dir)
        .env("POSTERN_CONSOLE__LISTEN", SocketAddr::from(([127, 0, 0, 1], port)).to_string())
        .env("POSTERN_TRUSTED_ROOTS", "built_in")
        .env("RUST_LOG", "off")
        .stdout(Stdio::null())
        .spawn()
        .expect("postern starts");
    let client =
        Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().expect("a client");
    let address = format!("https://127.0.0.1:{port}/healthz");
    while client.get(&address).send().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "no answer within half a minute");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Started { process, took: began.elapsed() }
}

/// Somebody else may take it meanwhile; then the start fails, and says so.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// `VmRSS` of proc_pid_status(5).
fn resident_mib(process: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the line is there");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib / 1024.0
}
