//! The account is at fault: its mail waits without burning its tries, one message probes, and all goes when it is mended.

use store::queue::{AttemptOutcome, MessageState};
use time::Duration;

use super::post::{ANN, BOB, Post};

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
