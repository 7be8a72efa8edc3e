//! A large message goes through in pieces, and arrives octet for octet. Field story 21: above 3 MB no relay sends by Graph.

use m365_sim::world::DelegatedPermission;
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;
use store::queue::MessageState;

use super::post::{ANN, MEGAN, Post, id_of, letter};

/// About 5 MB of lines.
fn large() -> String {
    let line = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz\r\n";
    format!("{}{}", letter(ANN), line.repeat(70_000))
}

#[tokio::test]
async fn a_large_message_arrives_octet_for_octet_by_smtp() {
    let post = Post::with(json!({ "transport": "smtp" }), "").await;
    let written = large();
    let id = post.device().await.send(MEGAN, &[ANN], &written).await;
    let story = post.until(id, MessageState::Sent).await;
    assert!(story.message.size_octets > 5_000_000);
    let arrived = post.inbox(ANN).remove(0);
    assert!(arrived.mime.ends_with(written.split_once("Subject:").unwrap().1.as_bytes()));
    post.finish().await;
}

async fn grant_drafts(post: &Post) {
    post.house.sim.change_world(|world| {
        let write = DelegatedPermission::try_from("Mail.ReadWrite".to_owned()).unwrap();
        world.apps[0].delegated.push(write);
    });
    post.house.authorize("mail", "megan").await;
}

#[tokio::test]
async fn a_large_attachment_goes_as_a_draft_where_that_is_granted() {
    let post = Post::new().await;
    grant_drafts(&post).await;
    let written = large().replace("Subject:", &format!("MIME-Version: 1.0\r\n{ATTACHED}\r\nSubject:"));
    let (header, body) = written.split_once("\r\n\r\n").unwrap();
    let mime = format!(
        "{header}\r\n\r\n--cut\r\nContent-Type: text/plain\r\n\r\nAll is well.\r\n--cut\r\n\
         Content-Type: application/octet-stream; name=log.bin\r\nContent-Disposition: attachment; filename=log.bin\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}--cut--\r\n",
        body.replace("All is well.\r\n", "")
            .replace("0123456789abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij")
    );
    let id = post.device().await.send(MEGAN, &[ANN], &mime).await;
    let story = post.until(id, MessageState::Sent).await;
    assert_eq!(story.attempts[0].via.as_deref(), Some("draft"), "{story:#?}");
    let all = post.house.sim.requests();
    let with_token: Vec<_> =
        all.iter().filter(|one| one["service"] == "outlook").map(|one| &one["with_authorization"]).collect();
    assert!(with_token.len() > 1 && with_token.iter().all(|with| **with == false), "{with_token:?}");
    let arrived = post.inbox(ANN);
    assert_eq!((arrived.len(), id_of(&arrived[0].mime)), (1, id_of(mime.as_bytes())));
    let [sent, arrived] =
        [mime.as_bytes(), &arrived[0].mime].map(|mime| MessageParser::default().parse(mime).unwrap());
    assert_eq!(arrived.subject(), Some("the backup ran"));
    assert_eq!(arrived.body_text(0).unwrap().trim_end(), "All is well.");
    assert_eq!(
        (arrived.attachment_count(), arrived.attachment(0).unwrap().attachment_name()),
        (1, Some("log.bin"))
    );
    let [sent, arrived] = [sent, arrived].map(|message| message.attachment(0).unwrap().contents().to_vec());
    assert!(sent.len() > 3_000_000 && sent == arrived, "{} octets became {}", sent.len(), arrived.len());
    post.finish().await;
}

const ATTACHED: &str = "Content-Type: multipart/mixed; boundary=cut";

#[tokio::test]
async fn what_graph_cannot_carry_goes_by_smtp_in_the_same_attempt() {
    let post = Post::new().await;
    // Neither may drafts be kept, nor could this text be taken apart.
    let id = post.device().await.send(MEGAN, &[ANN], &large()).await;
    let story = post.until(id, MessageState::Sent).await;
    assert_eq!((story.attempts.len(), story.attempts[0].via.as_deref()), (1, Some("smtp")), "{story:#?}");
    assert_eq!(post.inbox(ANN).len(), 1);
    post.finish().await;
}

#[tokio::test]
async fn a_large_message_is_refused_at_the_door_where_the_account_says_so() {
    let post = Post::new().await;
    post.house.local().patch("/api/v1/accounts/mail", json!({ "large_mail": "refuse" })).await.done(200);
    let reply = post.device().await.offer(MEGAN, &[ANN], &large()).await;
    assert!(reply.starts_with("552 5.3.4") && reply.contains("the administrator may allow it"), "{reply}");
    post.finish().await;
}
