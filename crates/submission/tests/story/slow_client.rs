//! Clients that take too long.

use std::time::Duration;

use submission::Limits;
use tokio::time::Instant;

use crate::house::{ENVELOPE, Gate, Plan};

#[tokio::test]
async fn a_command_that_does_not_end_is_not_waited_for() {
    let limits = Limits { command: Duration::from_millis(200), ..Limits::default() };
    let gate = Gate::open(Plan { limits, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.write(b"EHLO dev").await;
    assert_eq!(client.read().await, "421 4.4.2 Too slow; closing the connection");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_stranger_has_less_time_than_a_submitter() {
    let limits = Limits { stranger: Duration::from_millis(200), ..Limits::default() };
    let gate = Gate::open(Plan { limits, neighbour: false, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&[("EHLO device", "250")]).await;
    assert!(client.read().await.starts_with("421 4.4.2"));
}

#[tokio::test]
async fn content_that_trickles_is_given_up() {
    let limits = Limits { content: Duration::from_millis(300), slowest: 1_000_000, ..Limits::default() };
    let mut gate = Gate::open(Plan { limits, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&ENVELOPE).await;
    assert_eq!(client.say("a line and no end").await, "421 4.4.2 Too slow; closing the connection");
    assert!(gate.taken.try_recv().is_err());
}

#[tokio::test]
async fn a_failed_login_takes_its_time_and_a_good_one_does_not() {
    let limits = Limits { failed_login: Duration::from_millis(300), ..Limits::default() };
    let gate = Gate::open(Plan { limits, neighbour: false, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&[("EHLO device", "250")]).await;
    let asked = Instant::now();
    client.talk(&[("AUTH PLAIN AG5vYm9keQBzZWNyZXQ=", "535 5.7.8")]).await;
    assert!(asked.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_chunk_that_nobody_wants_buys_a_stranger_no_time() {
    let limits = Limits { stranger: Duration::from_millis(200), ..Limits::default() };
    let gate = Gate::open(Plan { limits, neighbour: false, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&[("EHLO device", "250")]).await;
    client.write(b"BDAT 1000000000\r\nx").await;
    assert_eq!(client.read().await, "421 4.4.2 Too slow; closing the connection");
}
