//! What a message costs the database where there is one node: it must not pay for what several need. Counted, not timed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use serde_json::json;

use super::killed::answers;
use super::post::{ANN, Device, MEGAN, Post, letter};

const MESSAGES: usize = 20;
/// BEGIN, message, recipients, content, history, COMMIT; BEGIN, attempt, message, content, history, COMMIT.
const STATEMENTS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_costs_two_commits_and_not_a_statement_for_other_nodes() {
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sections =
        format!("[console]\nlisten = \"127.0.0.1:0\"\n[[submission]]\nlisten = \"{door}\"\ntls = \"none\"\n");
    let mut post = Post::set_up(json!({}), &sections).await;
    post.house.stop().await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("serve")
        .arg("--config")
        .arg(post.house.folder.path().join("postern.toml"))
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("RUST_LOG", "off,sqlx::query=debug")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (told, statements) = mpsc::channel();
    let log = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
    while !answers(door).await {
        assert!(child.try_wait().unwrap().is_none(), "it did not start");
        tokio::task::yield_now().await;
    }
    let mut device = Device::knock(door).await;
    device.log_in("nas", &post.password).await;
    // The first makes the lane and fetches a token.
    device.send(MEGAN, &[ANN], &letter(ANN)).await;
    let mut log = read_until(&statements, |log| count(log, "INSERT INTO attempts") == 1);
    log.clear();
    for _ in 0..MESSAGES {
        device.send(MEGAN, &[ANN], &letter(ANN)).await;
    }
    let log = read_until(&statements, |log| settled(log) == MESSAGES);
    child.kill().unwrap();
    child.wait().unwrap();
    // A note that the submitter was used may be among them; and what comes at the same time shares one.
    let commits = count(&log, "summary=\"COMMIT\"");
    assert!(commits <= 2 * MESSAGES + 1, "{commits} commits for {MESSAGES} messages: {log:#?}");
    let written = log.iter().filter(|line| !line.contains("summary=\"SELECT")).count();
    assert!(written <= STATEMENTS * MESSAGES + 3, "{written} statements for {MESSAGES} messages: {log:#?}");
    for table in ["nodes", "turns", "owner_run", "renewal_by", "counters"] {
        let asked: Vec<_> = log.iter().filter(|line| line.contains(table)).collect();
        assert!(asked.is_empty(), "{table}: {asked:#?}");
    }
}

/// The lines until it is so; the last commit is in it.
fn read_until(lines: &mpsc::Receiver<String>, so: impl Fn(&[String]) -> bool) -> Vec<String> {
    let mut log = Vec::new();
    while !so(&log) || !log.last().is_some_and(|line: &String| line.contains("summary=\"COMMIT\"")) {
        log.push(lines.recv_timeout(std::time::Duration::from_secs(60)).expect("it goes on"));
    }
    log
}

fn count(log: &[String], text: &str) -> usize {
    log.iter().filter(|line| line.contains(text)).count()
}

/// How many attempts were ended: a statement may end several.
fn settled(log: &[String]) -> usize {
    let rows = |line: &String| {
        let (_, rows) = line.split_once("rows_returned=")?;
        rows.split(' ').next()?.parse::<usize>().ok()
    };
    log.iter().filter(|line| line.contains("INSERT INTO attempts")).filter_map(rows).sum()
}
