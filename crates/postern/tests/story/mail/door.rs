//! Who is let in at the submission door, as whom, and how fast.

use serde_json::json;
use store::ForeignFrom;
use store::queue::MessageState;

use super::post::{ANN, Device, MEGAN, Post, letter};
use crate::house::Caller;

#[tokio::test]
async fn nobody_hands_mail_over_without_proving_who_they_are() {
    let post = Post::new().await;
    let door = post.house.running().submission[0];
    let mut stranger = Device::knock(door).await;
    stranger.expect(&format!("MAIL FROM:<{MEGAN}>"), "530").await;
    let wrong = stranger.try_log_in("nas", "wrong").await;
    let unknown = stranger.try_log_in("nobody", "wrong").await;
    assert_eq!(wrong, unknown, "the answer doesn't tell which was wrong");
    assert!(wrong.starts_with("535 5.7.8"), "{wrong}");
    post.enter("off", |row| row.is_enabled = false).await;
    let off = Device::knock(door).await.try_log_in("off", &post.password).await;
    assert_eq!(off, wrong);
    post.finish().await;
}

#[tokio::test]
async fn a_network_needs_no_password() {
    let post = Post::new().await;
    post.enter("printers", |row| {
        row.user_name = None;
        row.secret = None;
        row.networks = vec!["127.0.0.0/8".to_owned()];
    })
    .await;
    let mut printer = Device::knock(post.house.running().submission[0]).await;
    let id = printer.send(MEGAN, &[ANN], &letter(ANN)).await;
    let story = post.until(id, MessageState::Sent).await;
    assert_eq!(story.row.submitter_name, "printers");
    post.finish().await;
}

#[tokio::test]
async fn a_foreign_from_is_refused_or_rewritten_with_reply_to() {
    let post = Post::new().await;
    post.enter("strict", |row| row.foreign_from = ForeignFrom::Refuse).await;
    let foreign = letter(ANN).replace(&format!("Megan <{MEGAN}>"), "NAS 3 <root@nas3.local>");
    let mut device = Device::knock(post.house.running().submission[0]).await;
    device.log_in("strict", &post.password).await;
    let reply = device.offer("root@nas3.local", &[ANN], &foreign).await;
    assert!(reply.starts_with("550 5.7.1") && reply.contains("root@nas3.local"), "{reply}");
    let id = post.device().await.send("root@nas3.local", &[ANN], &foreign).await;
    post.until(id, MessageState::Sent).await;
    let arrived = String::from_utf8(post.inbox(ANN)[0].mime.to_vec()).unwrap();
    assert!(arrived.contains(MEGAN) && arrived.contains("NAS 3"), "{arrived}");
    assert!(arrived.contains("Reply-To: NAS 3 <root@nas3.local>"), "{arrived}");
    post.finish().await;
}

#[tokio::test]
async fn a_message_that_goes_round_in_a_circle_is_stopped() {
    let post = Post::new().await;
    let hop = "Received: from a.example by b.example; Sun, 22 Nov 2026 00:00:00 +0000\r\n";
    let id = post.device().await.send(MEGAN, &[ANN], &format!("{}{}", hop.repeat(99), letter(ANN))).await;
    post.until(id, MessageState::Sent).await;
    let reply =
        post.device().await.offer(MEGAN, &[ANN], &format!("{}{}", hop.repeat(100), letter(ANN))).await;
    assert!(reply.starts_with("550 5.4.6"), "{reply}");
    post.finish().await;
}

#[tokio::test]
async fn a_submitter_has_its_share_of_each_minute() {
    let post = Post::new().await;
    post.enter("slow", |row| row.rate_per_minute = Some(2)).await;
    let mut device = Device::knock(post.house.running().submission[0]).await;
    device.log_in("slow", &post.password).await;
    for _ in 0..2 {
        device.send(MEGAN, &[ANN], &letter(ANN)).await;
    }
    let reply = device.offer(MEGAN, &[ANN], &letter(ANN)).await;
    assert!(reply.starts_with("451 4.7.1"), "{reply}");
    post.house.advance(time::Duration::MINUTE);
    device.send(MEGAN, &[ANN], &letter(ANN)).await;
    post.finish().await;
}

#[tokio::test]
async fn its_share_is_one_for_all_doors() {
    let post = Post::new().await;
    let form = json!({ "name": "both", "user_name": "both", "token": true, "rate_per_minute": 2 });
    let made = post.house.local().post("/api/v1/submitters", form).await.done(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let caller = Caller { token: Some(text("token")), ..post.house.stranger() };
    let message = json!({ "to": [ANN], "subject": "by REST", "text": "hi" });
    caller.post("/api/v1/messages", message.clone()).await.done(202);
    let mut device = Device::knock(post.house.running().submission[0]).await;
    device.log_in("both", &text("password")).await;
    device.send(MEGAN, &[ANN], &letter(ANN)).await;
    let refused = caller.post("/api/v1/messages", message.clone()).await.refused(503, "try_later");
    assert_eq!(
        (&refused["smtp_code"], &refused["enhanced_code"]),
        (&json!(451), &json!("4.7.1")),
        "{refused}"
    );
    assert!(device.offer(MEGAN, &[ANN], &letter(ANN)).await.starts_with("451 4.7.1"));
    post.house.advance(time::Duration::MINUTE);
    caller.post("/api/v1/messages", message).await.done(202);
    post.finish().await;
}

#[tokio::test]
async fn without_an_account_the_device_is_told_to_come_back_and_the_administrator_what_to_do() {
    let post = Post::new().await;
    post.house.local().delete("/api/v1/accounts/mail").await.done(204);
    let reply = post.device().await.offer(MEGAN, &[ANN], &letter(ANN)).await;
    assert!(reply.starts_with("451 4.3.5") && reply.contains("the administrator must add one"), "{reply}");
    post.finish().await;
}
