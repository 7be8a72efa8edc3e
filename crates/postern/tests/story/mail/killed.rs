//! The process is killed at random instants, the far side is cut in every way, and the disk fills: every message that was
//! acknowledged arrives, and twice only where nobody could know, with the same Message-ID. `make soak` is the long form.
//! Field story 23: mail was acknowledged and lost.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use m365_sim::world::{Outage, Switches};
use serde_json::json;
use store::Page;
use store::queue::{AttemptOutcome, MessageFilter};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::post::{ANN, MEGAN, Post, letter};
use crate::house::House;

/// How often the process is killed, unless `POSTERN_SOAK_KILLS` says otherwise.
const KILLS: u32 = 10;
const SENDERS: usize = 4;
/// What waits longer than this after the last trouble never comes. Less than a test may take (nextest.toml).
pub(super) const PATIENCE: Duration = Duration::from_secs(150);
/// Short waits between tries, so that a soak takes minutes and not days.
const IMPATIENT: &str = "[console]\nlisten = \"127.0.0.1:0\"\n[queue]\nfirst_retry_seconds = 1\nlongest_retry_seconds = 4\n\
                         [limits]\ndeliveries = 50\n";

/// A Postern in a process of its own, over a house that is set up and stopped.
pub(super) struct Victim {
    pub(super) house: House,
    pub(super) door: SocketAddr,
    pub(super) password: String,
}

impl Victim {
    async fn new() -> Self {
        Self::on("").await
    }

    /// With this section about the database.
    pub(super) async fn on(database: &str) -> Self {
        let door = free_port();
        let mut post = Post::set_up(json!({}), &impatient(door, database)).await;
        post.house.stop().await;
        Self { house: post.house, door, password: post.password }
    }

    /// Another node on the same database.
    pub(super) fn beside(&self, database: &str) -> Self {
        let door = free_port();
        Self { house: self.house.beside(&impatient(door, database)), door, password: self.password.clone() }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        command.arg("serve").arg("--config").arg(self.house.folder.path().join("postern.toml"));
        command
    }

    /// Starts it; returns when the door answers.
    pub(super) async fn start(&self, command: &mut Command) -> Child {
        let mut child = quiet(command).spawn().unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !answers(self.door).await {
            assert!(tokio::time::Instant::now() < deadline, "it never opened its door");
            assert!(child.try_wait().unwrap().is_none(), "it did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child
    }
}

fn impatient(door: SocketAddr, database: &str) -> String {
    format!("[[submission]]\nlisten = \"{door}\"\ntls = \"none\"\n{IMPATIENT}{database}")
}

fn quiet(command: &mut Command) -> &mut Command {
    command.env_clear().env("PATH", "/usr/bin:/bin").stdout(Stdio::null()).stderr(Stdio::null())
}

/// Whether somebody listens there: a port that nobody has may be connected with itself.
pub(super) async fn answers(door: SocketAddr) -> bool {
    TcpStream::connect(door).await.is_ok_and(|stream| stream.local_addr().is_ok_and(|own| own != door))
}

/// Below the ports that outgoing connections are given: one that calls while nobody listens could get the very port, and
/// whoever was to listen there couldn't.
fn free_port() -> SocketAddr {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first =
        10_000 + u16::try_from(std::process::id().wrapping_mul(8) % 20_000).expect("it is below 20,000");
    let ports = std::iter::repeat_with(|| first.saturating_add(TAKEN.fetch_add(1, Ordering::Relaxed)));
    let addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses
        .take(1_000)
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("one of a thousand is free")
}

/// What was acknowledged, by Message-ID.
#[derive(Default)]
pub(super) struct Log {
    pub(super) acknowledged: Mutex<BTreeSet<String>>,
    pub(super) stop: AtomicBool,
}

/// Hands over one message after the other, over connections that break, until it is told to stop. Counts what was
/// acknowledged.
pub(super) async fn send_on(door: SocketAddr, password: String, log: Arc<Log>, count: watch::Sender<usize>) {
    while !log.stop.load(Ordering::Relaxed) {
        // A connection that breaks is the story; what it had not acknowledged is not counted.
        let _ = send_over_one_connection(door, &password, &log, &count).await;
        tokio::task::yield_now().await;
    }
}

async fn send_over_one_connection(
    door: SocketAddr,
    password: &str,
    log: &Log,
    count: &watch::Sender<usize>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(door).await?);
    read(&mut stream).await?;
    say(&mut stream, "EHLO nas").await?;
    let plain =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("\0nas\0{password}"));
    say(&mut stream, &format!("AUTH PLAIN {plain}")).await?;
    for _ in 0..20 {
        if log.stop.load(Ordering::Relaxed) {
            break;
        }
        let mime = letter(ANN);
        say(&mut stream, &format!("MAIL FROM:<{MEGAN}>")).await?;
        say(&mut stream, &format!("RCPT TO:<{ANN}>")).await?;
        if !say(&mut stream, "DATA").await?.starts_with("354") {
            return Ok(());
        }
        stream.write_all(mime.as_bytes()).await?;
        if say(&mut stream, ".").await?.starts_with("250") {
            let id = super::post::id_of(mime.as_bytes());
            log.acknowledged.lock().unwrap().insert(id);
            count.send_modify(|count| *count += 1);
        }
    }
    Ok(())
}

pub(super) async fn say(stream: &mut BufReader<TcpStream>, command: &str) -> std::io::Result<String> {
    stream.write_all(format!("{command}\r\n").as_bytes()).await?;
    read(stream).await
}

pub(super) async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line);
        }
    }
}

/// One trouble of the far side, or none.
fn any_trouble(switches: &mut Switches) {
    *switches = Switches::default();
    match rand::random_range(0..10) {
        0 => switches.https_refused = true,
        1 => switches.https_reset_after_bytes = rand::random_range(1..20_000),
        2 => switches.graph_throttle_seconds = 1,
        3 => switches.graph_outage = Outage::Unavailable,
        4 => switches.graph_reject_tokens = 3,
        5 => switches.graph_lost_answers = true,
        6 => switches.graph_late_timeout = true,
        7 => switches.graph_outage = Outage::Reset,
        8 => switches.https_stall_after_bytes = rand::random_range(1..20_000),
        _ => {}
    }
}

/// How often each message lies in the mailbox.
fn arrivals(house: &House) -> BTreeMap<String, usize> {
    let mut arrivals = BTreeMap::new();
    for stored in house.sim.messages(ANN, m365_sim::Folder::Inbox) {
        *arrivals.entry(super::post::id_of(&stored.mime)).or_default() += 1;
    }
    arrivals
}

pub(super) async fn until_all_arrived(victim: &Victim, log: &Log) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let arrived = arrivals(&victim.house);
        let missing = log.acknowledged.lock().unwrap().iter().filter(|id| !arrived.contains_key(*id)).count();
        if missing == 0 {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{missing} acknowledged messages never arrived");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Duplicates, each of which must have an attempt whose outcome nobody knew. Returns how many there are.
pub(super) async fn count_duplicates(victim: &mut Victim) -> usize {
    let twice: Vec<String> =
        arrivals(&victim.house).into_iter().filter(|(_, times)| *times > 1).map(|(id, _)| id).collect();
    victim.house.start().await;
    let store = victim.house.running().app.store.clone();
    for id in &twice {
        let bare = id.trim_matches(['<', '>']).to_owned();
        let filter = MessageFilter { text: Some(bare), ..MessageFilter::default() };
        let found = store.queue().list(&Page::first(5), &filter).await.unwrap();
        let story = store.queue().show(found.rows[0].id).await.unwrap().unwrap();
        let unknown = story.attempts.iter().any(|one| one.outcome == Some(AttemptOutcome::Unknown));
        assert!(unknown, "{id} arrived twice although its outcome was known: {story:#?}");
    }
    victim.house.stop().await;
    twice.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_message_arrives_however_often_the_process_is_killed() {
    let kills = std::env::var("POSTERN_SOAK_KILLS").ok().map_or(KILLS, |kills| kills.parse().unwrap());
    let mut victim = Victim::new().await;
    let (log, (count, mut counted)) = (Arc::new(Log::default()), watch::channel(0));
    let mut child = victim.start(&mut victim.command()).await;
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| tokio::spawn(send_on(victim.door, victim.password.clone(), Arc::clone(&log), count.clone())))
        .collect();
    for _ in 0..kills {
        victim.house.sim.change_world(|world| any_trouble(&mut world.switches));
        let target = *counted.borrow() + rand::random_range(1..40);
        tokio::time::timeout(PATIENCE, counted.wait_for(|count| *count >= target)).await.unwrap().unwrap();
        // Somewhere between two acknowledgements.
        tokio::time::sleep(Duration::from_micros(rand::random_range(0..20_000))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        child = victim.start(&mut victim.command()).await;
    }
    // A call that stalls is waited for as long as a call may take: two minutes. The last trouble ends with the process.
    child.kill().unwrap();
    child.wait().unwrap();
    victim.house.sim.change_world(|world| world.switches = Switches::default());
    child = victim.start(&mut victim.command()).await;
    log.stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    until_all_arrived(&victim, &log).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let duplicates = count_duplicates(&mut victim).await;
    let acknowledged = log.acknowledged.lock().unwrap().len();
    println!(
        "{kills} kills, {acknowledged} acknowledged, all arrived, {duplicates} twice because nobody could know"
    );
}

/// Runs Postern under `wrapper` until it refuses a message; then without it, and everything that was acknowledged arrives.
async fn refuse_then_recover(wrapper: impl FnOnce(&Victim) -> Command) -> String {
    let victim = Victim::new().await;
    let log = Log::default();
    let (count, _) = watch::channel(0);
    let mut wrapped = wrapper(&victim);
    // The wrapper and what it runs end together.
    let child = victim.start(wrapped.process_group(0)).await;
    victim.house.sim.change_world(|world| world.switches.https_refused = true);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut refused = String::new();
    while refused.is_empty() && tokio::time::Instant::now() < deadline {
        // Two at a time, so that one commit holds the messages of both: each is told of its own.
        let (one, other) = tokio::join!(fill(&victim, &log, &count), fill(&victim, &log, &count));
        let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
        let same = one.get(..9) == other.get(..9) || one.is_empty() || other.is_empty();
        assert!(same, "the same trouble, told differently: {one:?} {other:?}");
        refused = one + &other;
    }
    end_group(child);
    victim.house.sim.change_world(|world| world.switches = Switches::default());
    let child = victim.start(victim.command().process_group(0)).await;
    until_all_arrived(&victim, &log).await;
    end_group(child);
    refused
}

fn end_group(mut child: Child) {
    let group = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_is_told_to_the_device_and_loses_nothing() {
    // No file may grow beyond this; the signal that would say so is ignored, so that writing fails as on a full disk.
    let refused = refuse_then_recover(|victim| {
        let serve = victim.command();
        let mut limited = Command::new("sh");
        limited.arg("-c").arg("trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"");
        limited.arg(serve.get_program()).args(serve.get_args());
        limited
    })
    .await;
    assert!(refused.starts_with("452 4.3.1") || refused.starts_with("451 4.3.0"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_to_flush_is_told_to_the_device_and_loses_nothing() {
    let refused =
        refuse_then_recover(|victim| traced(victim, "fsync,fdatasync", "error=EIO:when=30+", None)).await;
    assert!(refused.starts_with("451 4.3.0"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_space_left_amid_a_commit_of_several_messages_is_told_to_each_and_loses_nothing() {
    let refused = refuse_then_recover(|victim| {
        let log = victim.house.data().join("postern.db-wal");
        traced(victim, "pwrite64", "error=ENOSPC:when=400+", Some(&log))
    })
    .await;
    assert!(refused.starts_with("452 4.3.1"), "{refused:?}");
}

/// Postern under strace, which makes these calls fail; those on one file only, where one is given.
fn traced(victim: &Victim, calls: &str, how: &str, only: Option<&Path>) -> Command {
    let serve = victim.command();
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    traced.args(["-e", &format!("inject={calls}:{how}")]);
    if let Some(file) = only {
        traced.arg("-P").arg(file);
    }
    traced.arg(serve.get_program()).args(serve.get_args());
    traced
}

/// Hands over messages of 100 kB until one is refused; returns that refusal.
async fn fill(victim: &Victim, log: &Log, count: &watch::Sender<usize>) -> std::io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(victim.door).await?);
    read(&mut stream).await?;
    say(&mut stream, "EHLO nas").await?;
    let plain = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("\0nas\0{}", victim.password),
    );
    say(&mut stream, &format!("AUTH PLAIN {plain}")).await?;
    for _ in 0..1000 {
        let mime = format!("{}{}", letter(ANN), "all is well, and this is padding\r\n".repeat(3000));
        for command in [format!("MAIL FROM:<{MEGAN}>"), format!("RCPT TO:<{ANN}>"), "DATA".to_owned()] {
            let reply = say(&mut stream, &command).await?;
            if reply.starts_with('4') {
                return Ok(reply);
            }
        }
        stream.write_all(mime.as_bytes()).await?;
        let reply = say(&mut stream, ".").await?;
        if !reply.starts_with("250") {
            return Ok(reply);
        }
        log.acknowledged.lock().unwrap().insert(super::post::id_of(mime.as_bytes()));
        count.send_modify(|count| *count += 1);
    }
    Ok(String::new())
}
