//! Recipients that say what happens to their message, by Graph and by SMTP; connections that are cut.

use crate::support::{Dialog, GRAPH, Lab, OUTLOOK_APP, Reply};
use base64::{Engine, engine::general_purpose::STANDARD};
use m365_sim::{Folder, Via};
use serde_json::Value;

async fn try_graph(lab: &Lab, token: &str, to: &str) -> Result<Reply, reqwest::Error> {
    let mime = format!("From: megan@contoso.example\r\nTo: {to}\r\nSubject: hi\r\n\r\nhello\r\n");
    let url = format!("{}/v1.0/users/{}/sendMail", lab.sim.https_url, lab.user);
    let request = lab.http.post(url).bearer_auth(token).header("content-type", "text/plain");
    Ok(Reply::read(request.body(STANDARD.encode(mime)).send().await?).await)
}

async fn graph(lab: &Lab, token: &str, to: &str) -> Reply {
    try_graph(lab, token, to).await.unwrap()
}

async fn smtp(lab: &Lab) -> Dialog {
    let token = lab.app_token(OUTLOOK_APP).await;
    let mut dialog = Dialog::secure(lab).await;
    assert!(dialog.authenticate(&lab.user, &token).await.starts_with("235"));
    dialog
}

fn arrived(lab: &Lab, address: &str) -> usize {
    lab.sim.messages(address, Folder::Inbox).len()
}

#[tokio::test]
async fn recipients_steer_graph() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    graph(&lab, &token, "permerror@x.example").await.denied(400, "ErrorInvalidRecipients");
    graph(&lab, &token, "temperror@x.example").await.denied(503, "serviceNotAvailable");
    graph(&lab, &token, "451@x.example").await.denied(503, "serviceNotAvailable");
    graph(&lab, &token, "550@x.example").await.denied(400, "ErrorInvalidRecipients");
    graph(&lab, &token, "429@x.example").await.denied(429, "ApplicationThrottled");
    graph(&lab, &token, "504@x.example").await.denied(504, "UnknownError");
    assert_eq!(graph(&lab, &token, "throttle@x.example").await.headers["retry-after"], "5");
    assert!(try_graph(&lab, &token, "reset@x.example").await.is_err());
    assert_eq!(arrived(&lab, "reset@x.example"), 0);
    assert!(try_graph(&lab, &token, "lost@x.example").await.is_err());
    assert_eq!(arrived(&lab, "lost@x.example"), 1);
    graph(&lab, &token, "late@x.example").await.denied(504, "UnknownError");
    assert_eq!(arrived(&lab, "late@x.example"), 1);
    let never = try_graph(&lab, &token, "timeout@x.example");
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), never).await.is_err());
    assert_eq!(arrived(&lab, "timeout@x.example"), 0);
    assert_eq!(graph(&lab, &token, "bounce@x.example").await.status, 202);
    assert_eq!(lab.sim.messages(&lab.user, Folder::Inbox)[0].via, Via::Bounce);
    graph(&lab, &token, "once.503+a@x.example").await.denied(503, "serviceNotAvailable");
    assert_eq!(graph(&lab, &token, "once.503+a@x.example").await.status, 202);
    lab.switch(|switches| switches.steering_recipients = false);
    assert_eq!(graph(&lab, &token, "permerror@x.example").await.status, 202);
}

#[tokio::test]
async fn recipients_steer_smtp_one_by_one() {
    let lab = Lab::start().await;
    let mut dialog = smtp(&lab).await;
    dialog.say(&format!("MAIL FROM:<{}> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e1 SIZE=120", lab.user)).await;
    assert!(dialog.say("RCPT TO:<permerror@x.example>").await.starts_with("550 5.1.1"));
    assert!(dialog.say("RCPT TO:<451+7@x.example>").await.starts_with("451 4.0.0"));
    let good = "RCPT TO:<bob@x.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@x.example";
    assert_eq!(dialog.say(good).await, "250 2.1.5 Recipient OK");
    assert_eq!(dialog.say("RCPT TO:<eve@x.example>").await, "250 2.1.5 Recipient OK");
    dialog.say("DATA").await;
    assert!(dialog.say("From: megan@contoso.example\r\n\r\nhi\r\n.").await.starts_with("250"));
    let seen = lab.control_get("/mailboxes/bob@x.example/messages").await.body[0]["envelope"].clone();
    assert_eq!(seen["to"], serde_json::json!(["bob@x.example", "eve@x.example"]));
    let parameters = &seen["parameters"];
    let named = |name: &str| parameters[name].as_str().map(str::to_owned);
    assert_eq!(
        (named("BODY"), named("RET"), named("ENVID"), named("SMTPUTF8")),
        (Some("8BITMIME".into()), Some("HDRS".into()), Some("e1".into()), Some(String::new()))
    );
    assert_eq!(seen["recipient_parameters"][0]["NOTIFY"], "SUCCESS,FAILURE");
    assert_eq!(seen["recipient_parameters"][1], serde_json::json!({}));
}

#[tokio::test]
async fn recipients_steer_smtp_at_the_end_of_the_data() {
    let lab = Lab::start().await;
    let mut dialog = smtp(&lab).await;
    let message = "From: megan@contoso.example\r\n\r\nhi";
    for (to, answer) in [
        ("data-permerror@x.example", "554 5.2.0"),
        ("data-temperror@x.example", "451 4.7.0"),
        ("throttle@x.example", "432 4.3.2"),
    ] {
        let reply = dialog.submit(&lab.user, to, message).await;
        assert!(reply.starts_with(answer), "{to}: {reply}");
        assert_eq!(arrived(&lab, to), 0);
    }
    assert!(dialog.submit(&lab.user, "late@x.example", message).await.starts_with("421 4.4.2"));
    assert_eq!(arrived(&lab, "late@x.example"), 1);
    assert_eq!(dialog.reply().await, "", "421 closes the channel");
    let mut dialog = smtp(&lab).await;
    dialog.say(&format!("MAIL FROM:<{}>", lab.user)).await;
    assert!(dialog.say("RCPT TO:<421@x.example>").await.starts_with("421 4.0.0"));
    assert_eq!(dialog.reply().await, "", "421 closes the channel");
    let mut dialog = smtp(&lab).await;
    assert_eq!(dialog.submit(&lab.user, "lost@x.example", message).await, "", "closed without a reply");
    assert_eq!(arrived(&lab, "lost@x.example"), 1);
    let mut dialog = smtp(&lab).await;
    assert_eq!(dialog.submit(&lab.user, "reset@x.example", message).await, "");
    assert_eq!(arrived(&lab, "reset@x.example"), 0);
}

#[tokio::test]
async fn every_steering_name_is_told_with_the_switches() {
    let lab = Lab::start().await;
    let list = lab.control_get("/switches").await.body;
    let told = |name: &str| {
        list.as_array().unwrap().iter().any(|one: &Value| one["name"] == *name && one["kind"] == "recipient")
    };
    for name in ["permerror@", "NNN@", "timeout@", "lost@", "once.NAME@"] {
        assert!(told(name), "{name}");
    }
}

#[tokio::test]
async fn connections_are_refused_and_later_taken_again_on_the_same_port() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    assert_eq!(graph(&lab, &token, "bob@x.example").await.status, 202);
    lab.switch(|switches| (switches.https_refused, switches.smtp_refused) = (true, true));
    let mut errors = Vec::new();
    for _ in 0..50 {
        let error = try_graph(&lab, &token, "bob@x.example").await.err();
        errors.push(format!("{error:?}"));
        if errors.last().unwrap().contains("ConnectionRefused") {
            break;
        }
    }
    assert!(errors.last().unwrap().contains("ConnectionRefused"), "{errors:?}");
    lab.switch(|switches| (switches.https_refused, switches.smtp_refused) = (false, false));
    let mut status = None;
    for _ in 0..200 {
        status = try_graph(&lab, &token, "bob@x.example").await.ok().map(|reply| reply.status);
        if status.is_some() {
            break;
        }
    }
    assert_eq!(status, Some(202));
    assert_eq!(arrived(&lab, "bob@x.example"), 2);
}

#[tokio::test]
async fn connections_are_cut_after_so_many_bytes() {
    let lab = Lab::start().await;
    let token = lab.app_token(OUTLOOK_APP).await;
    lab.switch(|switches| switches.smtp_reset_after_bytes = 20_000);
    let mut dialog = Dialog::secure(&lab).await;
    assert!(dialog.authenticate(&lab.user, &token).await.starts_with("235"));
    dialog.say(&format!("MAIL FROM:<{}>", lab.user)).await;
    dialog.say("RCPT TO:<bob@x.example>").await;
    dialog.say("DATA").await;
    // The reset may already have come when the rest is written.
    let _ = dialog.try_send(&[b'x'; 40_000]).await;
    assert_eq!(dialog.reply().await, "");
    lab.switch(|switches| (switches.smtp_reset_after_bytes, switches.smtp_stall_after_bytes) = (0, 10));
    let mut dialog = Dialog::connect(&lab).await;
    let never = dialog.say("EHLO client.example");
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), never).await.is_err());
    assert_eq!(arrived(&lab, "bob@x.example"), 0);
}
