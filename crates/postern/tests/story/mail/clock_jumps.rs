//! The clock is set forward by a year and back again: mail goes on, and nothing waits for a time that never comes.

use store::queue::MessageState;
use time::Duration;

use super::post::{ANN, Post};

#[tokio::test]
async fn mail_goes_on_when_the_clock_is_set() {
    let post = Post::new().await;
    for jump in
        [Duration::ZERO, Duration::days(400), Duration::days(-400), Duration::hours(-1), Duration::hours(2)]
    {
        post.house.advance(jump);
        let id = post.send(&[ANN]).await;
        let story = post.until(id, MessageState::Sent).await;
        assert_eq!(story.attempts.len(), 1, "after {jump}");
    }
    assert_eq!(post.inbox(ANN).len(), 5);
    post.finish().await;
}
