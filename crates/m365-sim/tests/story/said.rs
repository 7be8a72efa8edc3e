//! Whatever Microsoft was ever seen to say can be said: each service answers word for word what a switch gives.

use crate::support::{Dialog, GRAPH, Lab, OUTLOOK_APP};
use serde_json::{Value, json};

async fn say(lab: &Lab, name: &str, what: Value) {
    let reply = lab.control_put("/switches", &json!({ name: what })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn the_token_endpoint_and_graph_say_what_they_are_told_to() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    let body = json!({"error": "invalid_grant", "error_description": "AADSTS50105: not assigned", "error_codes": [50105]});
    say(&lab, "entra_says", json!({"status": 400, "body": body})).await;
    let fields = [("grant_type", "client_credentials"), ("scope", GRAPH)];
    let refused = lab.ask(&fields).await;
    assert_eq!((refused.status, &refused.body), (400, &body));
    say(&lab, "entra_says", Value::Null).await;
    assert_eq!(lab.ask(&fields).await.status, 200);

    let path = format!("users/{}/sendMail", lab.user);
    say(&lab, "graph_says", json!({"status": 502, "body": "<h1>Bad gateway</h1>"})).await;
    let refused = lab.graph_post(&path, &token, "text/plain", "RnJvbTogYQ0KDQo=").await;
    assert_eq!((refused.status, &refused.body), (502, &json!("<h1>Bad gateway</h1>")));
    assert_eq!(refused.headers["content-type"], "text/html; charset=utf-8");
}

#[tokio::test]
async fn smtp_says_what_it_is_told_to_at_the_log_in_and_after_the_data() {
    let lab = Lab::start().await;
    let token = lab.app_token(OUTLOOK_APP).await;
    say(&lab, "smtp_says_at_auth", json!("535 5.7.139 Authentication unsuccessful, something new.")).await;
    let mut dialog = Dialog::secure(&lab).await;
    let refused = dialog.authenticate(&lab.user, &token).await;
    assert_eq!(refused, "535 5.7.139 Authentication unsuccessful, something new.");
    let mail = format!("MAIL FROM:<{}>", lab.user);
    assert!(
        dialog.say(&mail).await.contains("Error: 535 5.7.139 Authentication unsuccessful, something new.")
    );
    say(&lab, "smtp_says_at_auth", Value::Null).await;
    say(&lab, "smtp_says_after_data", json!("550 5.7.708 Service unavailable")).await;
    assert!(dialog.authenticate(&lab.user, &token).await.starts_with("235"));
    dialog.say(&mail).await;
    dialog.say("RCPT TO:<bob@x.example>").await;
    dialog.say("DATA").await;
    assert_eq!(
        dialog.say("From: megan@contoso.example\r\n\r\nhi\r\n.").await,
        "550 5.7.708 Service unavailable"
    );
    assert!(lab.sim.messages("bob@x.example", m365_sim::Folder::Inbox).is_empty());
}

#[tokio::test]
async fn what_can_be_no_answer_is_not_taken() {
    let lab = Lab::start().await;
    for wrong in [
        json!({"entra_says": {"status": 99}}),
        json!({"graph_says": {"body": {}}}),
        json!({"smtp_says_at_auth": "235 2.7.0 Authentication successful"}),
        json!({"smtp_says_after_data": "550 a\r\n250 b"}),
    ] {
        assert_eq!(lab.control_put("/switches", &wrong).await.status, 400, "{wrong}");
    }
}
