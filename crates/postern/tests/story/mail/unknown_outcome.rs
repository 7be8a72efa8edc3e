//! The answer is lost after the last byte: never quietly a second mail, but what the account's policy says.
//! Field story 30: the retry doubled a message that had been delivered.

use m365_sim::world::{DelegatedPermission, Switches};
use serde_json::json;
use store::queue::{AttemptOutcome, MessageState};
use time::Duration;

use super::post::{ANN, Post, entry, id_of};

async fn lose_the_answer(post: &Post) -> uuid::Uuid {
    post.house.sim.change_world(|world| world.switches.graph_lost_answers = true);
    let id = post.send(&[ANN]).await;
    let story = post.until_story(id, |story| story.attempts.iter().any(|one| one.ended_at.is_some())).await;
    assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::Unknown), "{story:#?}");
    post.house.sim.change_world(|world| world.switches = Switches::default());
    id
}

#[tokio::test]
async fn it_is_sent_again_with_the_same_message_id_where_nobody_can_look() {
    let post = Post::new().await;
    let id = lose_the_answer(&post).await;
    post.house.advance(Duration::seconds(80));
    let story = post.until(id, MessageState::Sent).await;
    assert_eq!(story.attempts.len(), 2);
    let arrived = post.inbox(ANN);
    assert_eq!(arrived.len(), 2, "the first was taken after all");
    assert_eq!(id_of(&arrived[0].mime), id_of(&arrived[1].mime));
    post.finish().await;
}

#[tokio::test]
async fn it_is_looked_for_where_that_is_granted_and_not_sent_again() {
    let post = Post::new().await;
    post.house.sim.change_world(|world| {
        let read = DelegatedPermission::try_from("Mail.ReadWrite".to_owned()).unwrap();
        world.apps[0].delegated.push(read);
    });
    post.house.authorize("mail", "megan").await;
    let id = lose_the_answer(&post).await;
    post.house.advance(Duration::seconds(80));
    let story = post.until(id, MessageState::Sent).await;
    assert_eq!(story.attempts[1].via.as_deref(), Some("look"), "{story:#?}");
    assert_eq!(post.inbox(ANN).len(), 1);
    post.finish().await;
}

/// Looking is refused for good, while mail is taken: that breaks no account, and holds nothing up.
#[tokio::test]
async fn it_is_sent_again_where_looking_is_refused() {
    let post = Post::new().await;
    post.house.sim.change_world(|world| {
        let read = DelegatedPermission::try_from("Mail.ReadWrite".to_owned()).unwrap();
        world.apps[0].delegated.push(read);
    });
    post.house.authorize("mail", "megan").await;
    let id = lose_the_answer(&post).await;
    post.house.sim.change_world(|world| {
        let refusal = json!({ "operation": "GET me/messages", "says": { "status": 400, "body": "no" } });
        world.switches.graph_says_to = Some(serde_json::from_value(refusal).unwrap());
    });
    post.house.advance(Duration::seconds(80));
    let story = post.until(id, MessageState::Sent).await;
    assert_eq!(story.attempts[1].via.as_deref(), Some("graph"), "{story:#?}");
    assert_eq!(post.house.look_at("mail").await["state"]["name"], "ready");
    post.finish().await;
}

#[tokio::test]
async fn it_is_held_for_a_person_where_the_account_says_so_and_goes_when_released() {
    let post = Post::new().await;
    post.house.local().patch("/api/v1/accounts/mail", json!({ "unknown_policy": "hold" })).await.done(200);
    let id = lose_the_answer(&post).await;
    let story = post.until(id, MessageState::Held).await;
    assert!(story.row.text.unwrap().contains("Nobody knows whether"));
    post.house.advance(Duration::hours(1));
    assert_eq!(post.story(id).await.row.state, MessageState::Held);
    let app = post.app();
    app.store.queue().release(id, app.now(), &entry(app, "message.release", &id.to_string())).await.unwrap();
    post.until(id, MessageState::Sent).await;
    post.finish().await;
}
