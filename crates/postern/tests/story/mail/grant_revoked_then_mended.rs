//! The account is at fault: its mail waits without burning its tries, one message probes, and all goes when it is mended.

use serde_json::json;
use store::queue::{AttemptOutcome, MessageState};
use time::Duration;

use super::post::{ANN, BOB, MEGAN, Post};

#[tokio::test]
async fn mail_waits_for_a_revoked_sign_in_and_goes_when_somebody_has_signed_in_again() {
    let post = Post::new().await;
    let revoked = post.house.sim.now() + Duration::seconds(1);
    post.house.sim.change_world(|world| {
        world.switches.continuous_access = true;
        world.users[0].tokens_valid_from = Some(revoked);
    });
    let first = post.send(&[ANN]).await;
    let story =
        post.until_story(first, |story| story.attempts.iter().any(|one| one.ended_at.is_some())).await;
    assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::AccountBroken), "{story:#?}");
    assert_eq!(story.row.state, MessageState::Queued, "it is the account's fault, not the message's");
    let account = post.house.look_at("mail").await;
    assert_eq!(account["state"]["name"], "broken", "{account}");
    let second = post.send(&[BOB]).await;
    assert_eq!(post.story(second).await.attempts.len(), 0, "nobody else tries");
    // The probe finds it as it was.
    post.house.advance(Duration::seconds(31));
    post.until_story(first, |story| story.attempts.iter().filter(|one| one.ended_at.is_some()).count() == 2)
        .await;
    post.house.sim.change_world(|world| world.users[0].tokens_valid_from = None);
    post.house.authorize("mail", "megan").await;
    post.until(first, MessageState::Sent).await;
    let story = post.until(second, MessageState::Sent).await;
    assert_eq!(story.attempts.len(), 1);
    assert_eq!(post.house.look_at("mail").await["state"]["name"], "ready");
    assert_eq!((post.inbox(ANN).len(), post.inbox(BOB).len()), (1, 1));
    post.finish().await;
}

#[tokio::test]
async fn what_is_to_be_done_names_the_service_principal_also_where_it_was_mail_that_met_it() {
    let account = json!({ "sign_in": "application", "transport": "smtp", "from": MEGAN });
    let post = Post::with(account, "").await;
    post.house.sim.change_world(|world| world.switches.smtp_not_propagated = true);
    let id = post.send(&[ANN]).await;
    post.until_story(id, |story| story.attempts.iter().any(|one| one.ended_at.is_some())).await;
    let state = &post.house.look_at("mail").await["state"];
    assert_eq!((&state["name"], &state["code"]), (&json!("broken"), &json!("535 5.7.3")));
    let principal = post.house.sim.world().apps[0].service_principal_id.to_string();
    assert!(state["fix"].as_str().unwrap().contains(&principal), "{state}");
    post.house.sim.change_world(|world| world.switches.smtp_not_propagated = false);
    post.house.advance(Duration::seconds(31));
    post.until(id, MessageState::Sent).await;
    post.finish().await;
}
