//! Mail arrives: by both ways, with what a gate adds and nothing else.
//! Field story 29: mail that was rebuilt lost its Message-ID, alternatives and signatures; and 32: it waited for a poll.

use m365_sim::Via;
use serde_json::json;
use store::queue::{AttemptOutcome, MessageState};

use super::post::{ANN, MEGAN, Post, letter};

#[tokio::test]
async fn a_message_arrives_as_it_was_handed_over_with_one_received_field_on_top() {
    for (transport, via) in [("graph", Via::GraphMime), ("smtp", Via::Smtp)] {
        let post = Post::with(json!({ "transport": transport }), "").await;
        let written = letter(ANN);
        let id = post.device().await.send("nas@contoso.example", &[ANN], &written).await;
        let story = post.until(id, MessageState::Sent).await;
        let arrived = post.inbox(ANN);
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].via, via);
        let text = String::from_utf8(arrived[0].mime.to_vec()).unwrap();
        let (received, rest) = text.split_once("From: Megan").unwrap();
        assert_eq!(format!("From: Megan{rest}"), written, "{transport}");
        assert!(received.starts_with("Received: from nas.contoso.example ([127.0.0.1])"), "{received}");
        assert!(
            received.contains(&format!("id {id}")) && received.contains(&format!("for <{ANN}>")),
            "{received}"
        );
        assert_eq!(arrived[0].envelope.from, MEGAN, "the mailbox answers for what it sends");
        assert_eq!(story.attempts.len(), 1);
        assert_eq!(story.attempts[0].outcome, Some(AttemptOutcome::Delivered));
        assert_eq!(story.attempts[0].via.as_deref(), Some(transport));
        assert!(!story.has_content, "what was sent needn't be kept");
        post.finish().await;
    }
}
