//! Limits with real counters under the tenant's clock, and what each answers.

use crate::support::{GRAPH, Lab, Reply};
use base64::{Engine, engine::general_purpose::STANDARD};
use m365_sim::{Folder, Via};
use time::Duration;

async fn send(lab: &Lab, token: &str, mime: &str) -> Reply {
    let path = format!("users/{}/sendMail", lab.user);
    lab.graph_post(&path, token, "text/plain", STANDARD.encode(mime)).await
}

fn message(body: &str) -> String {
    format!("From: megan@contoso.example\r\nTo: bob@else.example\r\n\r\n{body}\r\n")
}

fn retry_after(reply: &Reply) -> i64 {
    reply.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn so_many_calls_in_ten_minutes_and_no_more() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    lab.switch(|switches| switches.graph_requests_per_10_minutes = 3);
    for _ in 0..3 {
        assert_eq!(send(&lab, &token, &message("hi")).await.status, 202);
    }
    let refused = send(&lab, &token, &message("hi")).await;
    refused.denied(429, "TooManyRequests");
    assert!((590..=600).contains(&retry_after(&refused)), "{}", retry_after(&refused));
    lab.sim.advance_clock(Duration::seconds(retry_after(&refused)));
    assert_eq!(send(&lab, &token, &message("hi")).await.status, 202, "Retry-After keeps its word");
}

#[tokio::test]
async fn so_many_bytes_in_five_minutes_and_no_more() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    lab.switch(|switches| switches.graph_upload_bytes_per_5_minutes = 1_000_000);
    let large = message(&"x".repeat(600_000));
    assert_eq!(send(&lab, &token, &large).await.status, 202);
    let refused = send(&lab, &token, &large).await;
    refused.denied(429, "ApplicationThrottled");
    assert_eq!(refused.body["error"]["message"], "Application is over its IncomingBytes limit.");
    assert_eq!(send(&lab, &token, &message("small")).await.status, 202);
    lab.sim.advance_clock(Duration::seconds(retry_after(&refused)));
    assert_eq!(send(&lab, &token, &large).await.status, 202);
}

#[tokio::test]
async fn too_many_recipients_come_back_as_a_report() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    lab.switch(|switches| switches.recipients_per_message = 2);
    let mime = "From: megan@contoso.example\r\nTo: a@else.example, b@else.example, c@else.example\r\nSubject: many\r\n\r\nhi\r\n";
    assert_eq!(send(&lab, &token, mime).await.status, 202);
    assert!(lab.sim.messages("a@else.example", Folder::Inbox).is_empty());
    let reports = lab.sim.messages(&lab.user, Folder::Inbox);
    assert_eq!((reports.len(), reports[0].via), (1, Via::Bounce));
    let text = String::from_utf8_lossy(&reports[0].mime).into_owned();
    assert!(
        text.contains("Subject: Undeliverable: many") && text.contains("RESOLVER.ADR.RecipLimit"),
        "{text}"
    );
}

#[tokio::test]
async fn discarded_messages_leave_counts_only() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    lab.switch(|switches| switches.discard_messages = true);
    for _ in 0..3 {
        assert_eq!(send(&lab, &token, &message("hi")).await.status, 202);
    }
    assert!(lab.sim.messages("bob@else.example", Folder::Inbox).is_empty());
    let boxes = lab.control_get("/mailboxes").await.body;
    let of = |address: &str| {
        boxes.as_array().unwrap().iter().find(|one| one["address"] == *address).unwrap().clone()
    };
    let bob = of("bob@else.example");
    assert_eq!((&bob["messages"], &bob["received"]), (&0.into(), &3.into()));
    assert_eq!(of(&lab.user)["sent"], 3);
}

#[tokio::test]
async fn sent_items_may_lag_behind() {
    let lab = Lab::start_with(|world| {
        world.apps[0].application.push("Mail.Read".to_owned().try_into().unwrap());
        world.switches.sent_items_delay_seconds = 30;
    })
    .await;
    let token = lab.app_token(GRAPH).await;
    let mime = format!("Message-ID: <7@x>\r\n{}", message("hi"));
    assert_eq!(send(&lab, &token, &mime).await.status, 202);
    let path = format!("users/{}/messages?$filter=internetMessageId eq '<7@x>'", lab.user);
    let found = async || lab.graph_get(&path, &token).await.body["value"].as_array().unwrap().len();
    assert_eq!(found().await, 0);
    lab.sim.advance_clock(Duration::seconds(31));
    assert_eq!(found().await, 1);
}

#[tokio::test]
async fn revoked_sessions_end_access_tokens_where_that_is_evaluated() {
    let lab = Lab::start().await;
    let token = lab.signed_in(crate::support::SIGN_IN).await.access_token();
    lab.sim.advance_clock(Duration::seconds(10));
    let now = lab.sim.now();
    lab.sim.change_world(|world| world.users[0].tokens_valid_from = Some(now));
    assert_eq!(lab.graph_get("me", &token).await.status, 200);
    lab.switch(|switches| switches.continuous_access = true);
    let refused = lab.graph_get("me", &token).await;
    refused.denied(401, "InvalidAuthenticationToken");
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("error=\"insufficient_claims\"") && challenge.contains("claims=\""),
        "{challenge}"
    );
}
