//! The server stops: who is idle hears it at once, who is in the middle of a message may finish it.

use std::sync::Arc;
use std::time::Duration;

use submission::Limits;
use tokio::sync::Notify;

use crate::house::{ENVELOPE, Gate, Plan};

#[tokio::test]
async fn who_is_idle_is_told_421() {
    let gate = Gate::open(Plan::default()).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&[("HELO device", "250")]).await;
    gate.shutdown.cancel();
    assert_eq!(client.read().await, "421 4.3.2 Restarting; try again in a minute");
    assert!(client.is_closed().await);
    drop(client);
    gate.server.await.unwrap();
}

#[tokio::test]
async fn a_message_under_way_is_taken_in_first() {
    let mut gate = Gate::open(Plan::default()).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&ENVELOPE).await;
    client.write(b"the first half\r\n").await;
    gate.shutdown.cancel();
    client.write(b"the second\r\n.\r\nMAIL FROM:<ann@contoso.com>\r\n").await;
    assert_eq!(client.read().await, "250 2.0.0 Accepted as 0197");
    assert!(client.read().await.starts_with("421"));
    assert_eq!(gate.next_taken().await.content, b"the first half\r\nthe second\r\n");
    drop(client);
    gate.server.await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_being_written_to_disk_is_waited_for() {
    let finishing = Arc::new(Notify::new());
    let mut gate = Gate::open(Plan { finishing: Some(Arc::clone(&finishing)), ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&ENVELOPE).await;
    client.write(b"text\r\n.\r\n").await;
    gate.shutdown.cancel();
    finishing.notify_one();
    assert!(client.read().await.starts_with("250"));
    assert_eq!(gate.next_taken().await.content, b"text\r\n");
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_time_of_grace() {
    let limits = Limits { grace: Duration::from_millis(200), ..Limits::default() };
    let gate = Gate::open(Plan { limits, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&ENVELOPE).await;
    gate.shutdown.cancel();
    gate.server.await.unwrap();
    assert!(client.is_closed().await);
    assert_eq!(gate.census.connected(), 0);
}
