//! What a mailbox was asked today counts after a restart, too.

use serde_json::json;
use store::queue::MessageState;
use time::Duration;

use super::post::{ANN, BOB, Post};

#[tokio::test]
async fn the_recipients_of_the_day_count_after_a_restart() {
    let mut post = Post::with(json!({}), "[limits]\nrecipients_per_day = 3\n").await;
    post.until(post.send(&[ANN, BOB]).await, MessageState::Sent).await;
    post.house.restart().await;
    post.until(post.send(&[ANN]).await, MessageState::Sent).await;
    post.house.restart().await;
    let id = post.send(&[ANN]).await;
    let tomorrow = post.house.now() + Duration::hours(23);
    assert!(post.story(id).await.attempts.is_empty());
    // It isn't even claimed: nothing is due in that lane before.
    post.house.advance(Duration::hours(23));
    assert!(post.house.now() >= tomorrow);
    assert_eq!(post.inbox(ANN).len(), 2);
    post.house.advance(Duration::hours(2));
    post.until(id, MessageState::Sent).await;
    post.finish().await;
}
