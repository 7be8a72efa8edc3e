//! The far side takes what it is sent and never answers: only the mailbox whose mail that is waits, and the door stays open.
//! Field story 25: one hung call froze the whole server.

use m365_sim::world::Switches;
use serde_json::json;
use store::queue::{AttemptOutcome, MessageState};

use super::post::{ANN, MEGAN, Post, letter};

/// So many calls of one mailbox Graph takes at the same time.
const PLACES: usize = 4;

#[tokio::test]
async fn calls_that_are_never_answered_hold_up_their_own_mailbox_only() {
    let post = Post::with(json!({ "sign_in": "application", "from": MEGAN }), "").await;
    post.house
        .local()
        .patch("/api/v1/accounts/mail", json!({ "senders": ["*@contoso.example"] }))
        .await
        .done(200);
    let mut device = post.device().await;
    let mut stalled = Vec::new();
    for number in 0..PLACES {
        let to = format!("timeout+{number}@fabrikam.example");
        stalled.push(device.send(MEGAN, &[&to], &letter(&to)).await);
    }
    let waiting = device.send(MEGAN, &[ANN], &letter(ANN)).await;
    let other = letter(ANN).replace(MEGAN, "nosmtp@contoso.example");
    let other = device.send("nosmtp@contoso.example", &[ANN], &other).await;
    post.until(other, MessageState::Sent).await;
    assert_eq!(
        post.story(waiting).await.row.state,
        MessageState::Queued,
        "all places of its mailbox are taken"
    );
    // The far side dies, and what it was given may have been sent.
    post.house.sim.change_world(|world| world.switches.https_refused = true);
    for id in stalled {
        let story = post.until_tried(id).await;
        assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::Unknown), "{story:#?}");
        // It would only stall again.
        post.house.local().post(&format!("/api/v1/messages/{id}/cancel"), json!({})).await.done(200);
    }
    post.house.sim.change_world(|world| world.switches = Switches::default());
    post.house.advance(time::Duration::minutes(2));
    post.until(waiting, MessageState::Sent).await;
    assert_eq!(post.inbox(ANN).len(), 2);
    post.stop().await;
}
