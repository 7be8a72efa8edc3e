//! Microsoft says `Retry-After`: the mailbox waits exactly so long, and no other waits with it.
//! Field story 22: mail was lost where nobody retried, and `Retry-After` was ignored.

use m365_sim::world::Switches;
use serde_json::json;
use store::queue::MessageState;
use time::Duration;

use super::post::{ANN, BOB, MEGAN, Post, letter};

#[tokio::test]
async fn a_throttled_mailbox_is_not_asked_before_the_time_that_was_named() {
    let post = Post::new().await;
    post.house.sim.change_world(|world| world.switches.graph_throttle_seconds = 40);
    let first = post.send(&[ANN]).await;
    let story =
        post.until_story(first, |story| story.attempts.iter().any(|one| one.ended_at.is_some())).await;
    let wait = story.row.next_attempt_at.unwrap() - story.attempts[0].ended_at.unwrap();
    assert!(wait > Duration::seconds(38) && wait <= Duration::seconds(41), "{wait}");
    let second = post.send(&[BOB]).await;
    post.house.sim.change_world(|world| world.switches = Switches::default());
    let asked = post.house.sim.requests().len();
    post.house.advance(Duration::seconds(30));
    assert_eq!(post.story(second).await.attempts.len(), 0, "it waits with its mailbox");
    assert_eq!(post.house.sim.requests().len(), asked);
    post.house.advance(Duration::seconds(11));
    post.until(first, MessageState::Sent).await;
    post.until(second, MessageState::Sent).await;
    post.finish().await;
}

#[tokio::test]
async fn a_slow_mailbox_delays_no_other() {
    let post = Post::with(json!({ "sign_in": "application", "from": MEGAN }), "").await;
    let senders = json!({ "senders": ["*@Contoso.example"] });
    let account = post.house.local().patch("/api/v1/accounts/mail", senders).await.done(200);
    assert_eq!(account["senders"], json!(["*@contoso.example"]));
    let mut device = post.device().await;
    let throttled =
        device.send(MEGAN, &["throttle@fabrikam.example"], &letter("throttle@fabrikam.example")).await;
    post.until_story(throttled, |story| story.attempts.iter().any(|one| one.ended_at.is_some())).await;
    let waiting = device.send(MEGAN, &[ANN], &letter(ANN)).await;
    let other = letter(ANN).replace(MEGAN, "nosmtp@contoso.example");
    let other = device.send("nosmtp@contoso.example", &[ANN], &other).await;
    post.until(other, MessageState::Sent).await;
    assert_eq!(post.story(waiting).await.row.state, MessageState::Queued, "its mailbox is throttled");
    assert_eq!(post.inbox(ANN).len(), 1);
    post.house.advance(Duration::seconds(6));
    post.until(waiting, MessageState::Sent).await;
    let app = post.app();
    let entry = super::post::entry(app, "message.cancel", "throttled");
    post.until_story(throttled, |story| story.row.next_attempt_at.is_some()).await;
    app.store.queue().cancel(throttled, app.now(), &entry).await.unwrap();
    post.stop().await;
}
