//! The account believes that it may send as somebody, and Microsoft doesn't: the message fails at once, its sender is told in
//! Microsoft's words, and the account, which sends everything else, is not blamed. Field stories 20 and 27.

use serde_json::json;
use store::queue::MessageState;

use super::post::{ANN, MEGAN, Post, letter};

#[tokio::test]
async fn a_from_that_microsoft_refuses_is_reported_and_breaks_no_account() {
    for (transport, code) in [("graph", "ErrorSendAsDenied"), ("smtp", "554 5.2.252")] {
        let post = Post::with(json!({ "transport": transport }), "").await;
        let senders = json!({ "senders": ["*@contoso.example"] });
        post.house.local().patch("/api/v1/accounts/mail", senders).await.done(200);
        let foreign = letter(ANN).replace(&format!("Megan <{MEGAN}>"), "nosmtp@contoso.example");
        let id = post.device().await.send(MEGAN, &[ANN], &foreign).await;
        let story = post.until(id, MessageState::Failed).await;
        assert_eq!((story.attempts.len(), story.row.code.as_deref()), (1, Some(code)), "{story:#?}");
        post.until_story(id, |_| post.inbox(MEGAN).len() == 1).await;
        let report = post.inbox(MEGAN).remove(0).mime;
        assert!(String::from_utf8_lossy(&report).contains(code), "{transport}");
        assert_eq!(post.house.look_at("mail").await["state"]["name"], "ready");
        let next = post.send(&[ANN]).await;
        post.until(next, MessageState::Sent).await;
        post.stop().await;
    }
}
