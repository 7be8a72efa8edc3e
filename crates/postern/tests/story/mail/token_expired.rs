//! A token is refused in mid-flight: it is renewed once, and the message goes in the same attempt.

use store::queue::MessageState;

use super::post::{ANN, Post};

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_and_the_message_goes() {
    let post = Post::new().await;
    post.until(post.send(&[ANN]).await, MessageState::Sent).await;
    post.house.sim.change_world(|world| world.switches.graph_reject_tokens = 1);
    let story = post.until(post.send(&[ANN]).await, MessageState::Sent).await;
    assert_eq!(story.attempts.len(), 1);
    assert_eq!(post.inbox(ANN).len(), 2);
    post.finish().await;
}
