//! Several nodes on one PostgreSQL: each message is sent once, by whichever node has its lane, and what one of them knows of
//! a mailbox or an account all of them keep to.

use std::collections::BTreeMap;

use m365_sim::Folder;
use serde_json::json;
use store::queue::{AttemptOutcome, MessageState, Ring};
use time::Duration;
use uuid::Uuid;

use super::post::{ANN, BOB, MEGAN, Post, id_of, letter};

/// An account that sends for every mailbox of the tenant.
fn for_all_mailboxes() -> serde_json::Value {
    json!({ "sign_in": "application", "from": MEGAN, "senders": ["*@contoso.example"] })
}

async fn finish(first: Post, second: Post) {
    first.until_empty().await;
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn two_nodes_send_each_message_once() {
    let (first, second) = Post::two_nodes(for_all_mailboxes(), "").await;
    let (mut here, mut there) = (first.device().await, second.device().await);
    let mut ids: Vec<Uuid> = Vec::new();
    for from in [MEGAN, "nosmtp@contoso.example"].repeat(10) {
        let mime = || letter(ANN).replace(MEGAN, from);
        ids.push(here.send(from, &[ANN], &mime()).await);
        ids.push(there.send(from, &[ANN], &mime()).await);
    }
    for id in ids {
        let story = first.until(id, MessageState::Sent).await;
        assert_eq!(story.attempts.len(), 1, "{story:#?}");
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for stored in first.house.sim.messages(ANN, Folder::Inbox) {
        *arrived.entry(id_of(&stored.mime)).or_default() += 1;
    }
    assert_eq!((arrived.len(), arrived.values().sum::<usize>()), (40, 40));
    assert_eq!(first.tries() + second.tries(), 40);
    finish(first, second).await;
}

#[tokio::test]
async fn a_message_that_one_node_accepts_is_sent_at_once_by_the_one_that_has_the_lane() {
    let (first, second) = Post::two_nodes(json!({}), "").await;
    first.until(first.send(&[ANN]).await, MessageState::Sent).await;
    let mut rings = first.app().store.queue().rings();
    let id = second.send(&[BOB]).await;
    assert!(matches!(rings.next().await, Some(Ring::Lane(_))), "the owner is told, and need not look");
    second.until(id, MessageState::Sent).await;
    assert_eq!((first.tries(), second.tries()), (2, 0));
    finish(first, second).await;
}

#[tokio::test]
async fn a_node_that_stops_leaves_its_lanes_to_the_other_at_once() {
    let (first, second) = Post::two_nodes(json!({}), "").await;
    first.until(first.send(&[ANN]).await, MessageState::Sent).await;
    first.stop().await;
    let id = second.send(&[BOB]).await;
    second.until(id, MessageState::Sent).await;
    assert_eq!(second.tries(), 1);
    second.finish().await;
}

#[tokio::test]
async fn what_a_mailbox_was_asked_counts_on_the_node_that_has_it_next() {
    let (first, second) = Post::two_nodes(json!({}), "[limits]\nrecipients_per_day = 3\n").await;
    first.until(first.send(&[ANN, BOB]).await, MessageState::Sent).await;
    first.until(first.send(&[ANN]).await, MessageState::Sent).await;
    first.stop().await;
    let id = second.send(&[ANN]).await;
    let tomorrow = second.house.now() + Duration::hours(23);
    second.until_story(id, |story| story.row.next_attempt_at.is_some_and(|at| at > tomorrow)).await;
    assert_eq!(second.inbox(ANN).len(), 2, "the third recipient of the day was the last");
    second.house.advance(Duration::hours(25));
    second.until(id, MessageState::Sent).await;
    second.finish().await;
}

#[tokio::test]
async fn an_account_that_one_node_found_broken_waits_on_the_other_and_goes_on_when_it_is_mended_there() {
    let (first, second) = Post::two_nodes(for_all_mailboxes(), "").await;
    let mut secrets = Vec::new();
    first.house.sim.change_world(|world| secrets = std::mem::take(&mut world.apps[0].secrets));
    first.app().tokens.forget(first.house.look_at("mail").await["id"].as_str().unwrap());
    let found = first.send(&[ANN]).await;
    let story = first.until_tried(found).await;
    assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::AccountBroken), "{story:#?}");
    let account = story.message.lane.account_id;
    Post::until_so("the other node knows", async || second.app().queue.traffic.is_paused(account)).await;
    let asked = first.house.sim.requests().len();
    let mime = letter(BOB).replace(MEGAN, "nosmtp@contoso.example");
    let waiting = second.device().await.send("nosmtp@contoso.example", &[BOB], &mime).await;
    assert_eq!(second.story(waiting).await.attempts.len(), 0, "it burns no try");
    assert_eq!(first.house.sim.requests().len(), asked);
    first.house.sim.change_world(|world| world.apps[0].secrets = secrets.clone());
    let mended = json!({ "credential": { "kind": "secret", "secret": secrets[0].value } });
    second.house.local().patch("/api/v1/accounts/mail", mended).await.done(200);
    first.until(found, MessageState::Sent).await;
    second.until(waiting, MessageState::Sent).await;
    finish(first, second).await;
}

#[tokio::test]
async fn two_nodes_give_up_a_message_once() {
    let sections = "[queue]\nreport_to = \"admin@contoso.example\"\n";
    let (first, second) = Post::two_nodes(json!({}), sections).await;
    first.house.sim.change_world(|world| world.switches.https_refused = true);
    let id = first.send(&[ANN]).await;
    first.until_tried(id).await;
    first.house.advance(Duration::hours(121));
    let (here, there) =
        (postern::jobs::give_up_overdue(first.app()), postern::jobs::give_up_overdue(second.app()));
    let (here, there) = tokio::join!(here, there);
    here.and(there).unwrap();
    let story = first.until(id, MessageState::Expired).await;
    first.house.sim.change_world(|world| world.switches.https_refused = false);
    let filter = store::queue::MessageFilter::default();
    let all = first.app().store.queue().list(&store::Page::first(10), &filter).await.unwrap();
    assert_eq!(all.rows.len(), 2, "the message and one report: {story:#?} {all:#?}");
    second.stop().await;
    first.stop().await;
}
