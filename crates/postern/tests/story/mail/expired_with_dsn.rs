//! A message that was tried for as long as it may be is given up, and its sender is told.

use m365_sim::world::{Outage, Switches};
use store::queue::MessageState;
use time::Duration;

use super::post::{ANN, MEGAN, Post};

#[tokio::test]
async fn after_five_days_the_sender_is_told_that_it_was_given_up() {
    let post = Post::new().await;
    post.house.sim.change_world(|world| world.switches.graph_outage = Outage::Unavailable);
    let id = post.send(&[ANN]).await;
    post.until_tried(id).await;
    post.house.advance(Duration::days(5) + Duration::MINUTE);
    let story = post.until(id, MessageState::Expired).await;
    assert!(story.has_content, "a person may still want it");
    post.house.sim.change_world(|world| world.switches = Switches::default());
    post.house.advance(Duration::minutes(5));
    post.until_story(id, |_| post.inbox(MEGAN).len() == 1).await;
    let report = String::from_utf8(post.inbox(MEGAN)[0].mime.to_vec()).unwrap();
    assert!(report.contains("Action: failed") && report.contains(ANN), "{report}");
    assert!(post.inbox(ANN).is_empty());
    post.stop().await;
}
