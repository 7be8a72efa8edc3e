//! The program as a whole: from its start to the first answer of `/healthz`, the memory it keeps when nothing happens, its
//! size, and how many tokens a second the simulator gives out, which must not be the bottleneck of other measurements.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use m365_sim::{Sim, SimOptions, World};
use reqwest::{Certificate, Client};

const POSTERN: &str = env!("CARGO_BIN_EXE_postern");
const MEASURE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    tell_size("postern", POSTERN);
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
    tokens_a_second().await;
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

fn tell_size(name: &str, file: &str) {
    let octets = std::fs::metadata(file).expect("it was built").len();
    println!("size of {name}: {:.1} MB", octets as f64 / 1e6);
}

/// Client credentials with a secret, by eight clients at once.
async fn tokens_a_second() {
    let world = World::demo(&["https://localhost:4443/authorize"]);
    let (client_id, secret) = (world.apps[0].client_id, world.apps[0].secrets[0].value.clone());
    let tenant = world.tenant.id;
    let sim = Sim::start(SimOptions { world, ..SimOptions::default() }).await.expect("the simulator starts");
    let ca = Certificate::from_pem(sim.ca_pem.as_bytes()).expect("its own authority");
    let client = Client::builder().no_proxy().tls_certs_only([ca]).build().expect("a client");
    let address = format!("{}/{tenant}/oauth2/v2.0/token", sim.https_url);
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client_id.to_string()),
        ("client_secret", secret),
        ("scope", "https://graph.microsoft.com/.default".to_owned()),
    ];
    let given = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let (client, address, form, given) =
                (client.clone(), address.clone(), form.clone(), Arc::clone(&given));
            tokio::spawn(async move {
                while began.elapsed() < MEASURE {
                    let answer = client.post(&address).form(&form).send().await.expect("an answer");
                    assert!(answer.status().is_success(), "{}", answer.status());
                    answer.bytes().await.expect("read to its end");
                    given.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for one in asking {
        one.await.expect("it ends");
    }
    let rate = f64::from(given.load(Ordering::Relaxed)) / began.elapsed().as_secs_f64();
    println!("tokens a second of the simulator, signed RS256, eight clients: {rate:.0}");
    sim.stop().await;
}
