//! What the administrator's tools see: `/metrics`.

use store::queue::MessageState;

use super::post::{ANN, Post};

#[tokio::test]
async fn metrics_are_open_on_loopback_and_count_what_happened() {
    let post = Post::new().await;
    post.until(post.send(&[ANN]).await, MessageState::Sent).await;
    let answer = post.house.stranger().get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for line in [
        "postern_messages_accepted_total 1",
        "postern_messages_ended_total{as=\"sent\"} 1",
        "postern_attempts_total{way=\"graph\",outcome=\"delivered\"} 1",
        "postern_submission_log_ins_total{result=\"ok\"} 1",
        "postern_queue_oldest_seconds{account=\"mail\"} 0",
        "postern_token_refreshes_total{result=\"failed\"} 0",
        "postern_account_ready{account=\"mail\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
    }
    assert!(text.contains("postern_grant_expiry_seconds{account=\"mail\"} 77"), "{text}");
    post.finish().await;
}
