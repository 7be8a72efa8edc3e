//! Exactly the envelope is reached, and nobody sees a Bcc.
//! Field story 28: Bcc was shown to everyone, or lost.

use serde_json::json;
use store::queue::MessageState;

use super::post::{ANN, BOB, MEGAN, Post, letter};

#[tokio::test]
async fn a_hidden_recipient_gets_it_and_nobody_sees_that() {
    for transport in ["graph", "smtp"] {
        let post = Post::with(json!({ "transport": transport }), "").await;
        for mime in [letter(ANN), letter(ANN).replace("Subject:", &format!("Bcc: {BOB}\r\nSubject:"))] {
            let id = post.device().await.send(MEGAN, &[ANN, BOB], &mime).await;
            post.until(id, MessageState::Sent).await;
        }
        for name in [ANN, BOB] {
            let arrived = post.inbox(name);
            assert_eq!(arrived.len(), 2, "{transport} {name}");
            for copy in arrived {
                assert!(!String::from_utf8_lossy(&copy.mime).contains("Bcc"), "{transport} {name}");
            }
        }
        post.finish().await;
    }
}

#[tokio::test]
async fn a_recipient_field_that_stands_there_twice_loses_nobody() {
    let post = Post::new().await;
    let mime = letter(ANN).replace("Subject:", &format!("To: {BOB}\r\nBcc: Array\r\nSubject:"));
    let id = post.device().await.send(MEGAN, &[ANN, BOB], &mime).await;
    post.until(id, MessageState::Sent).await;
    for name in [ANN, BOB] {
        let arrived = post.inbox(name);
        assert_eq!(arrived.len(), 1, "{name}");
        assert!(!String::from_utf8_lossy(&arrived[0].mime).contains("Bcc"), "{name}");
    }
    post.finish().await;
}

#[tokio::test]
async fn a_bcc_that_is_not_in_the_envelope_is_not_mailed() {
    let post = Post::new().await;
    let mime = letter(ANN).replace("Subject:", &format!("Bcc: {BOB}\r\nSubject:"));
    let id = post.device().await.send(MEGAN, &[ANN], &mime).await;
    post.until(id, MessageState::Sent).await;
    assert_eq!((post.inbox(ANN).len(), post.inbox(BOB).len()), (1, 0));
    post.finish().await;
}

#[tokio::test]
async fn header_recipients_outside_the_envelope_are_never_mailed() {
    let post = Post::new().await;
    let mime = letter(&format!("{ANN}, {BOB}"));
    let reply = post.device().await.offer(MEGAN, &[ANN], &mime).await;
    assert!(reply.starts_with("550 5.6.0") && reply.contains(BOB), "{reply}");
    post.house.local().patch("/api/v1/accounts/mail", json!({ "large_mail": "smtp" })).await.done(200);
    let id = post.device().await.send(MEGAN, &[ANN], &mime).await;
    let story = post.until(id, MessageState::Sent).await;
    assert_eq!(story.attempts[0].via.as_deref(), Some("smtp"));
    assert_eq!((post.inbox(ANN).len(), post.inbox(BOB).len()), (1, 0));
    post.finish().await;
}
