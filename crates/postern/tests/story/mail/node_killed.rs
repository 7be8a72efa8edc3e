//! A node is killed: the other takes its lanes over, and what it was at is of unknown outcome.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use m365_sim::world::{Outage, Switches};
use serde_json::json;
use store::queue::{AttemptOutcome, MessageState};
use time::Duration;

use super::killed::answers;
use super::post::{ANN, BOB, Device, MEGAN, Post, id_of, letter};
use crate::house::House;

/// Starts Postern as a process of its own; returns when its door answers.
async fn start(house: &House, door: SocketAddr) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    command.arg("serve").arg("--config").arg(house.folder.path().join("postern.toml"));
    command.env_clear().env("PATH", "/usr/bin:/bin").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while !answers(door).await {
        assert!(tokio::time::Instant::now() < deadline, "it never opened its door");
        assert!(child.try_wait().unwrap().is_none(), "it did not start");
        tokio::task::yield_now().await;
    }
    child
}

#[tokio::test]
async fn the_other_node_goes_on_with_what_a_killed_one_was_at_and_with_what_waited_there() {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let database = crate::postgres::section().await;
    let usual = format!("[console]\nlisten = \"127.0.0.1:0\"\n{database}");
    let doors = |address: &str| format!("[[submission]]\nlisten = \"{address}\"\ntls = \"none\"\n{usual}");
    let survivor = Post::set_up(json!({}), &doors("127.0.0.1:0")).await;
    let victim = survivor.house.beside(&doors(&door.to_string()));
    let mut process = start(&victim, door).await;

    let mut device = Device::knock(door).await;
    device.log_in("nas", &survivor.password).await;
    let sent = device.send(MEGAN, &[BOB], &letter(BOB)).await;
    survivor.until(sent, MessageState::Sent).await;
    assert_eq!(survivor.tries(), 0, "the lane is the victim's");
    survivor.house.sim.change_world(|world| world.switches.graph_outage = Outage::Hang);
    let mime = letter(ANN);
    let cut_off = device.send(MEGAN, &[ANN], &mime).await;
    let story = survivor.until(cut_off, MessageState::Sending).await;
    assert_eq!(story.attempts.len(), 1, "it is under way, and on disk");
    process.kill().unwrap();
    process.wait().unwrap();
    survivor.house.sim.change_world(|world| world.switches = Switches::default());

    let waiting = survivor.send(&[BOB]).await;
    assert_eq!(survivor.story(waiting).await.attempts.len(), 0, "nobody knows yet that the lane is free");
    survivor.house.advance(Duration::seconds(31));
    postern::queue::run::take_over(survivor.app()).await.unwrap();
    survivor.until(waiting, MessageState::Sent).await;
    // Both have the machine's name, so that it is known for an earlier run's at once, and not when its lease is over.
    let story = survivor.until_tried(cut_off).await;
    assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::Unknown), "{story:#?}");
    survivor.house.advance(Duration::minutes(2));
    survivor.until(cut_off, MessageState::Sent).await;
    let arrived = survivor.inbox(ANN);
    assert!(!arrived.is_empty() && arrived.iter().all(|one| id_of(&one.mime) == id_of(mime.as_bytes())));
    survivor.finish().await;
}
