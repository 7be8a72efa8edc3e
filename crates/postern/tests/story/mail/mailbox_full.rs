//! The mailbox is full, often of its own Sent Items: its mail waits, the story says why, and it goes when there is room.
//! Field story 34.

use m365_sim::world::Switches;
use store::queue::{AttemptOutcome, MessageState};
use time::Duration;

use super::post::{ANN, Post};

#[tokio::test]
async fn mail_out_of_a_full_mailbox_waits_until_there_is_room() {
    for post in [Post::new().await, Post::by_smtp().await] {
        post.house.sim.change_world(|world| world.switches.mailbox_full = true);
        let id = post.send(&[ANN]).await;
        let story = post.until_tried(id).await;
        assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::Retry), "{story:#?}");
        assert!(story.row.code.is_some() && story.row.next_attempt_at.is_some(), "{story:#?}");
        post.house.sim.change_world(|world| world.switches = Switches::default());
        post.house.advance(Duration::hours(4));
        post.until(id, MessageState::Sent).await;
        assert_eq!(post.inbox(ANN).len(), 1);
        post.finish().await;
    }
}
