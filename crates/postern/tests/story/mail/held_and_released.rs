//! A person holds a message, changes their mind, retries one that waits, and calls one off.

use m365_sim::world::{Outage, Switches};
use store::queue::MessageState;
use time::Duration;

use super::post::{ANN, BOB, Post, entry};

#[tokio::test]
async fn what_is_held_stays_until_it_is_released_and_what_is_called_off_never_goes() {
    let post = Post::new().await;
    post.house.sim.change_world(|world| world.switches.graph_outage = Outage::Unavailable);
    let (held, called_off) = (post.send(&[ANN]).await, post.send(&[BOB]).await);
    post.until_tried(held).await;
    let app = post.app();
    let queue = app.store.queue();
    post.until_story(held, |story| story.row.next_attempt_at.is_some()).await;
    post.until_story(called_off, |story| story.row.next_attempt_at.is_some()).await;
    queue.hold(held, "somebody asked", app.now(), &entry(app, "message.hold", "held")).await.unwrap();
    queue.cancel(called_off, app.now(), &entry(app, "message.cancel", "called off")).await.unwrap();
    post.house.sim.change_world(|world| world.switches = Switches::default());
    post.house.advance(Duration::hours(1));
    post.until(post.send(&[ANN]).await, MessageState::Sent).await;
    assert_eq!(post.story(held).await.row.state, MessageState::Held);
    queue.release(held, app.now(), &entry(app, "message.release", "held")).await.unwrap();
    post.until(held, MessageState::Sent).await;
    assert_eq!((post.inbox(ANN).len(), post.inbox(BOB).len()), (2, 0));
    assert_eq!(post.story(called_off).await.row.state, MessageState::Cancelled);
    post.stop().await;
}
