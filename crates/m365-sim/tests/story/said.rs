//! Whatever Microsoft was ever seen to say can be said: each service answers word for word what a switch gives.

use crate::support::{Browser, Dialog, GRAPH, Lab, OUTLOOK_APP, SIGN_IN};
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
async fn any_operation_of_graph_says_what_it_is_told_to() {
    let lab = Lab::start().await;
    let token = lab.signed_in(SIGN_IN).await.access_token();
    let body = json!({"error": {"code": "Conflict", "message": "in these words"}});
    let say_to = async |operation: &str| {
        let says = json!({"status": 409, "body": body});
        say(&lab, "graph_says_to", json!({"operation": operation, "says": says})).await;
    };
    say_to("GET me").await;
    let refused = lab.graph_get("me", &token).await;
    assert_eq!((refused.status, &refused.body), (409, &body));
    say_to("POST users/*/messages").await;
    assert_eq!(lab.graph_get("me", &token).await.status, 200);
    for path in [format!("users/{}/messages", lab.user), format!("users('{}')/messages", lab.user)] {
        assert_eq!(lab.graph_post(&path, &token, "application/json", "{}").await.body, body);
    }
    say(&lab, "graph_says_to", Value::Null).await;
    assert_ne!(lab.graph_get("me", &token).await.status, 409);
}

#[tokio::test]
async fn a_sign_in_goes_back_with_what_it_is_told_to_say() {
    let lab = Lab::start().await;
    let description = "AADSTS90099: in these words";
    let told = json!({"error": "access_denied", "error_description": description, "error_subcode": "x"});
    say(&lab, "entra_redirects_with", told).await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("state", "s-1")]).await;
    page.refuses("access_denied", 90099);
    let answer = page.answer();
    assert_eq!((answer["state"].as_str(), answer["error_subcode"].as_str()), ("s-1", "x"));
    say(&lab, "entra_redirects_with", Value::Null).await;
    assert_eq!(browser.authorize(&[]).await.location, None);
}

#[tokio::test]
async fn smtp_says_what_it_is_told_to_at_each_stage() {
    let lab = Lab::start().await;
    let token = lab.app_token(OUTLOOK_APP).await;
    let mut dialog = Dialog::secure(&lab).await;
    assert!(dialog.authenticate(&lab.user, &token).await.starts_with("235"));
    let mail = format!("MAIL FROM:<{}>", lab.user);
    let rcpt = "RCPT TO:<bob@x.example>";
    for (switch, said, command) in [
        ("smtp_says_at_mail", "550 5.1.8 Access denied, bad outbound sender", mail.as_str()),
        ("smtp_says_at_rcpt", "550 5.1.10 in these words", rcpt),
        ("smtp_says_at_ehlo", "451 4.7.500 Access denied, please try again later", "EHLO client.example"),
    ] {
        say(&lab, switch, json!(said)).await;
        assert_eq!(dialog.say(command).await, said);
        say(&lab, switch, Value::Null).await;
        assert!(dialog.say(command).await.starts_with("250"), "{command}");
    }
    say(&lab, "smtp_says_at_mail", json!("421 4.3.2 Service not available")).await;
    assert!(dialog.say(&mail).await.starts_with("421 4.3.2"));
    assert_eq!(dialog.reply().await, "", "421 closes the channel");
    say(&lab, "smtp_says_at_connect", json!("554 5.7.1 Not from here")).await;
    let mut dialog = Dialog::connect(&lab).await;
    assert_eq!(dialog.greeting, "554 5.7.1 Not from here");
    assert_eq!(dialog.reply().await, "", "and closed");
}

#[tokio::test]
async fn what_can_be_no_answer_is_not_taken() {
    let lab = Lab::start().await;
    for wrong in [
        json!({"entra_says": {"status": 99}}),
        json!({"graph_says": {"body": {}}}),
        json!({"graph_says_to": {"status": 400}}),
        json!({"graph_says_to": {"operation": "applications", "says": {"status": 400}}}),
        json!({"entra_redirects_with": {"error": 7}}),
        json!({"smtp_says_at_rcpt": "250 2.1.5 Recipient OK"}),
        json!({"smtp_says_at_auth": "235 2.7.0 Authentication successful"}),
        json!({"smtp_says_after_data": "550 a\r\n250 b"}),
    ] {
        assert_eq!(lab.control_put("/switches", &wrong).await.status, 400, "{wrong}");
    }
}
