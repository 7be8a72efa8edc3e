//! Microsoft is out of order for a while: mail waits, is tried again, and arrives once.
//! Field story 24: every transient error became 5xx, so that the sender bounced.

use m365_sim::world::{Outage, Switches};
use store::queue::{AttemptOutcome, MessageState};
use time::Duration;

use super::post::{ANN, Post, id_of};

#[tokio::test]
async fn a_message_that_met_an_outage_goes_when_it_is_over() {
    for post in [Post::new().await, Post::by_smtp().await] {
        post.house.sim.change_world(|world| {
            world.switches.graph_outage = Outage::Unavailable;
            world.switches.smtp_outage = Outage::Unavailable;
        });
        let id = post.send(&[ANN]).await;
        let story = post.until_tried(id).await;
        assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::Retry), "{story:#?}");
        assert!(story.row.code.is_some() && story.row.text.is_some());
        assert!(story.row.next_attempt_at.unwrap() > story.attempts[0].ended_at.unwrap());
        post.house.sim.change_world(|world| world.switches = Switches::default());
        post.house.advance(Duration::seconds(80));
        let story = post.until(id, MessageState::Sent).await;
        assert!(story.attempts.len() >= 2);
        let arrived = post.inbox(ANN);
        assert_eq!(arrived.len(), 1);
        assert_eq!(id_of(&arrived[0].mime).trim_matches(['<', '>']), story.message.message_id);
        post.finish().await;
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_or_cut_is_no_reason_to_give_up() {
    for change in [
        |switches: &mut Switches| switches.smtp_refused = true,
        |switches: &mut Switches| switches.smtp_reset_after_bytes = 200,
        |switches: &mut Switches| switches.smtp_temporary_error = true,
    ] {
        let post = Post::by_smtp().await;
        post.house.sim.change_world(|world| change(&mut world.switches));
        let id = post.send(&[ANN]).await;
        let story = post.until(id, MessageState::Deferred).await;
        assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::Retry), "{story:#?}");
        let wait = story.row.next_attempt_at.unwrap() - story.attempts[0].ended_at.unwrap();
        assert!(
            wait >= Duration::seconds(44) && wait <= Duration::seconds(76),
            "a minute, with jitter: {wait}"
        );
        post.house.sim.change_world(|world| world.switches = Switches::default());
        post.house.advance(Duration::seconds(80));
        post.until(id, MessageState::Sent).await;
        assert_eq!(post.inbox(ANN).len(), 1);
        post.finish().await;
    }
}
