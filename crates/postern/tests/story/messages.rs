//! Messages by the REST API: handed over as parts or as they are, looked up, and intervened with.
//! Field story 35: see, search, resend.

use std::time::{Duration, Instant};

use http::Method;
use m365_sim::world::{Outage, Switches};
use m365_sim::{Folder, Stored};
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::{Value, json};

use crate::house::{Answer, Caller, House};

const MEGAN: &str = "megan@contoso.example";
const ANN: &str = "ann@fabrikam.example";
const BOB: &str = "bob@fabrikam.example";

/// A Postern whose only account is ready to send as Megan.
pub(crate) async fn ready(sections: &str) -> House {
    let house = House::configured("", sections).await;
    house.account(json!({ "name": "mail", "sign_in": "application", "from": MEGAN, "default": true })).await;
    house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    assert_eq!(house.look_at("mail").await["state"]["name"], "ready");
    house
}

/// Waits until the message is in that state, and gives its story.
pub(crate) async fn until(house: &House, id: &str, state: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let story = house.local().get(&format!("/api/v1/messages/{id}")).await.done(200);
        if story["state"] == state {
            return story;
        }
        assert!(Instant::now() < deadline, "not {state}: {story}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the message was tried in vain and waits for its next try.
async fn until_tried(house: &House, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let story = house.local().get(&format!("/api/v1/messages/{id}")).await.done(200);
        let waits = story["state"] == "queued" || story["state"] == "deferred";
        if waits && story["attempts"].as_array().unwrap().iter().any(|attempt| attempt["ended"].is_string()) {
            return story;
        }
        assert!(Instant::now() < deadline, "never tried: {story}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn inbox(house: &House, address: &str) -> Vec<Stored> {
    house.sim.messages(address, Folder::Inbox)
}

async fn accepted(caller: &Caller, message: Value) -> String {
    let accepted = caller.post("/api/v1/messages", message).await.done(202);
    accepted["id"].as_str().unwrap().to_owned()
}

/// A message as it is, with that query and those headers.
async fn post_raw(caller: &Caller, query: &str, headers: &[(&str, &str)], message: &[u8]) -> Answer {
    let request = caller.request(Method::POST, &format!("/api/v1/messages{query}"));
    let request = request.header("content-type", "message/rfc822").body(message.to_vec());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::read(request.send().await.unwrap()).await
}

fn letter(subject: &str) -> Value {
    json!({ "to": ANN, "subject": subject, "text": "hello" })
}

#[tokio::test]
async fn parts_arrive_as_a_message_and_bcc_is_seen_by_nobody() {
    let house = ready("").await;
    let message = json!({
        "from": "Büro <megan@contoso.example>", "to": ["Ann <ann@fabrikam.example>"], "bcc": BOB,
        "subject": "Grüße", "text": "Hallo ✓", "html": "<p>Hallo ✓</p>", "headers": { "X-Job": "17" },
        "attachments": [{ "name": "Übersicht.pdf", "content": "JVBERg==" }],
    });
    let id = accepted(&house.local(), message).await;
    let story = until(&house, &id, "sent").await;
    assert_eq!(story["recipient_count"], 2);
    assert_eq!(story["subject"], "Grüße");
    assert_eq!(story["account"]["name"], "mail");
    assert_eq!(story["attempts"][0]["outcome"], "delivered");
    for address in [ANN, BOB] {
        let arrived = inbox(&house, address).pop().unwrap();
        let message = MessageParser::new().parse(&*arrived.mime).unwrap();
        assert!(message.bcc().is_none());
        assert_eq!(message.from().unwrap().first().unwrap().name(), Some("Büro"));
        assert_eq!(message.attachment(0).unwrap().attachment_name(), Some("Übersicht.pdf"));
        assert_eq!(message.attachment(0).unwrap().contents(), b"%PDF");
        assert!(String::from_utf8_lossy(&arrived.mime).contains("X-Job: 17\r\n"));
    }
}

#[tokio::test]
async fn a_message_as_it_is_arrives_with_one_field_more() {
    let house = ready("").await;
    let head = format!(
        "From: {MEGAN}\r\nTo: {ANN}\r\nMessage-ID: <a:1@nas>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\n"
    );
    let body = "\r\n.\r\n..dots and  blanks \r\n\tend";
    let answer = post_raw(&house.local(), "", &[], format!("{head}{body}").as_bytes()).await.done(202);
    until(&house, answer["id"].as_str().unwrap(), "sent").await;
    let arrived = String::from_utf8(inbox(&house, ANN).pop().unwrap().mime.to_vec()).unwrap();
    let (trace, rest) = arrived.split_at(arrived.find("From: ").unwrap());
    assert!(trace.starts_with("Received: ") && trace.contains(" with HTTP id "), "{trace}");
    assert_eq!(rest, format!("{head}{body}"));

    // Lines of a Unix file, and an envelope of its own.
    let text = format!("From: {MEGAN}\nTo: {ANN}\nSubject: unix\n\none\ntwo\n");
    let query = format!("?from=%3C%3E&to={BOB},{ANN}");
    let answer = post_raw(&house.local(), &query, &[], text.as_bytes()).await.done(202);
    let story = until(&house, answer["id"].as_str().unwrap(), "sent").await;
    assert_eq!((story["from"].clone(), story["recipient_count"].clone()), (Value::Null, json!(2)));
    let arrived = inbox(&house, BOB).pop().unwrap();
    assert!(String::from_utf8_lossy(&arrived.mime).ends_with("\r\n\r\none\r\ntwo\r\n"));
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_done_once() {
    let house = ready("").await;
    let local = house.local();
    let send = async |message: &str| {
        let request = local.request(Method::POST, "/api/v1/messages").header("idempotency-key", "job 17");
        let request = request.header("content-type", "application/json").body(message.to_owned());
        Answer::read(request.send().await.unwrap()).await
    };
    let message = letter("once").to_string();
    let first = send(&message).await.done(202);
    let again = send(&message).await.done(202);
    assert_eq!((&first["duplicate"], &again["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!(first["id"], again["id"]);
    send(&letter("another").to_string()).await.refused(422, "idempotency_key_reused");
    until(&house, first["id"].as_str().unwrap(), "sent").await;
    assert_eq!(inbox(&house, ANN).len(), 1);

    let raw = format!("From: {MEGAN}\r\nTo: {BOB}\r\n\r\nonce\r\n");
    let key = [("idempotency-key", "job 18")];
    let first = post_raw(&local, "", &key, raw.as_bytes()).await.done(202);
    assert_eq!(post_raw(&local, "", &key, raw.as_bytes()).await.done(202)["id"], first["id"]);
    post_raw(&local, "", &[("idempotency-key", "ä")], raw.as_bytes()).await.refused(422, "invalid_request");
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_its_reason() {
    let house = ready("[limits]\nmessage_octets = 20000\nrecipients = 2").await;
    let local = house.local();
    for (message, status, code, says) in [
        (json!({ "subject": "x" }), 422, "invalid_message", "no recipients"),
        (json!({ "to": "ann" }), 422, "invalid_request", "isn't a mailbox"),
        (json!({ "to": ANN, "subject": "a\r\nBcc: x@y.z" }), 422, "invalid_message", "line break"),
        (json!({ "to": ANN, "headers": { "Bcc": "x@y.z" } }), 422, "invalid_request", "can't be set here"),
        (json!({ "to": [ANN, BOB, MEGAN] }), 422, "too_many_recipients", "2 are the most"),
        (
            json!({ "to": ANN, "from": "ceo@elsewhere.example" }),
            403,
            "sender_not_allowed",
            "ceo@elsewhere.example",
        ),
        (json!({ "to": ANN, "account": "none" }), 404, "not_found", "none"),
        (json!({ "to": ANN, "text": "x".repeat(30_000) }), 413, "too_large", "20000"),
        (json!({ "to": ANN, "text": "x".repeat(50_000) }), 413, "too_large", "20000"),
    ] {
        let problem = local.post("/api/v1/messages", message.clone()).await.refused(status, code);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{message}: {problem}");
    }
    let head = format!("From: {MEGAN}\r\nTo: {ANN}\r\n");
    for (message, status, code) in [
        (String::new(), 422, "invalid_message"),
        (format!("{head}\r\na\rb\r\n"), 422, "invalid_message"),
        (format!("{head}\r\na\0b\r\n"), 422, "invalid_message"),
        (format!("{head}\r\n{}\r\n", "x".repeat(999)), 422, "invalid_message"),
        (format!("{head}\r\n{}", "x\r\n".repeat(10_000)), 413, "too_large"),
        (format!("From: {MEGAN}\r\nTo: root\r\n\r\n"), 422, "invalid_request"),
        (format!("From: {MEGAN}\r\nSubject: x\r\n\r\n"), 422, "no_recipients"),
    ] {
        post_raw(&local, "", &[], message.as_bytes()).await.refused(status, code);
    }
    let pdf = local.request(Method::POST, "/api/v1/messages").header("content-type", "application/pdf");
    Answer::read(pdf.body("x").send().await.unwrap()).await.refused(415, "unsupported_media_type");
    let list = local.get("/api/v1/messages").await.done(200);
    assert_eq!(list["items"], json!([]), "nothing of it stays");
}

#[tokio::test]
async fn a_person_holds_releases_retries_and_calls_off() {
    let house = ready("").await;
    let local = house.local();
    house.sim.change_world(|world| world.switches.graph_outage = Outage::Unavailable);
    let id = accepted(&local, letter("waits")).await;
    let story = until_tried(&house, &id).await;
    assert!(story["next_attempt"].is_string() && story["attempts"][0]["outcome"] == "retry", "{story}");
    let act =
        async |id: &str, deed: &str| local.post(&format!("/api/v1/messages/{id}/{deed}"), json!({})).await;
    let held = act(&id, "hold").await.done(200);
    assert_eq!((&held["state"], &held["code"]), (&json!("held"), &json!("held")));
    act(&id, "hold").await.refused(409, "wrong_state");
    house.sim.change_world(|world| world.switches = Switches::default());
    act(&id, "release").await.done(200);
    let story = until(&house, &id, "sent").await;
    let happenings: Vec<&str> = story["happenings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|happening| happening["what"].as_str().unwrap())
        .collect();
    assert_eq!(happenings, ["held", "released"]);
    act(&id, "cancel").await.refused(409, "wrong_state");

    house.sim.change_world(|world| world.switches.graph_outage = Outage::Unavailable);
    let id = accepted(&local, letter("off")).await;
    until_tried(&house, &id).await;
    assert_eq!(act(&id, "cancel").await.done(200)["state"], "cancelled");
    house.sim.change_world(|world| world.switches = Switches::default());
    act(&id, "retry").await.done(200);
    until(&house, &id, "sent").await;
    assert_eq!(inbox(&house, ANN).len(), 2);
    act("00000000-0000-7000-8000-000000000000", "retry").await.refused(404, "not_found");
    let audit = house.audit().await;
    for line in ["message.hold done -", "message.hold refused wrong_state", "message.release done -"] {
        assert!(audit.iter().any(|entry| entry == line), "{line}: {audit:?}");
    }
}

#[tokio::test]
async fn messages_are_found_by_what_they_are() {
    let house = ready("").await;
    let local = house.local();
    let invoice = accepted(&local, letter("Invoice 17")).await;
    let report = accepted(&local, json!({ "to": BOB, "subject": "Report", "text": "x" })).await;
    until(&house, &invoice, "sent").await;
    until(&house, &report, "sent").await;
    let found = async |query: &str| -> Vec<String> {
        let list = local.get(&format!("/api/v1/messages{query}")).await.done(200);
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("").await, [report.clone(), invoice.clone()], "newest first");
    assert_eq!(found("?q=invoice").await, std::slice::from_ref(&invoice));
    assert_eq!(found("?q=BOB@fabrikam").await, std::slice::from_ref(&report));
    assert_eq!(found("?state=queued,deferred").await, [""; 0]);
    assert_eq!(found("?state=sent&account=mail").await.len(), 2);
    assert_eq!(found("?since=2020-01-01&until=2021-01-01").await, [""; 0]);
    let page = local.get("/api/v1/messages?limit=1").await.done(200);
    let next = page["next"].as_str().unwrap();
    assert_eq!(found(&format!("?limit=1&cursor={next}")).await, [invoice]);
    local.get("/api/v1/messages?state=lost").await.refused(422, "invalid_request");
    local.get("/api/v1/messages?account=none").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_submitters_token_hands_over_sees_its_own_and_nothing_else() {
    let house = ready("").await;
    let local = house.local();
    let form = json!({ "name": "deploy", "token": true, "senders": [MEGAN] });
    let made = local.post("/api/v1/submitters", form).await.done(201);
    let token = made["token"].as_str().unwrap().to_owned();
    let deploy = Caller { token: Some(token.clone()), ..house.stranger() };
    let own = accepted(&deploy, letter("mine")).await;
    let others = accepted(&local, letter("yours")).await;
    let story = until(&house, &own, "sent").await;
    assert_eq!(story["submitter"]["name"], "deploy");
    assert_eq!(story["source"], "127.0.0.1");
    let list = deploy.get("/api/v1/messages").await.done(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    deploy.get(&format!("/api/v1/messages/{own}")).await.done(200);
    deploy.get(&format!("/api/v1/messages/{others}")).await.refused(404, "not_found");
    for (method, path) in [
        (Method::POST, format!("/api/v1/messages/{own}/retry")),
        (Method::GET, "/api/v1/submitters".to_owned()),
        (Method::GET, "/api/v1/status".to_owned()),
        (Method::GET, "/api/v1/accounts".to_owned()),
        (Method::GET, "/api/v1/events".to_owned()),
    ] {
        deploy.ask(method, &path, None).await.refused(401, "unauthenticated");
    }
    deploy.post("/api/v1/messages", json!({ "to": ANN, "account": "mail" })).await.refused(403, "forbidden");
    local.patch("/api/v1/submitters/deploy", json!({ "enabled": false })).await.done(200);
    deploy.post("/api/v1/messages", letter("off")).await.refused(401, "unauthenticated");
    let again = local.post("/api/v1/submitters/deploy/token", json!({})).await.done(200);
    assert_ne!(again["token"], json!(token));
    deploy.post("/api/v1/messages", letter("void")).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn what_rest_refuses_stands_beside_what_the_doors_refuse() {
    let house = ready("").await;
    let local = house.local();
    let form = json!({ "name": "deploy", "token": true, "senders": [MEGAN], "rate_per_minute": 2 });
    let made = local.post("/api/v1/submitters", form).await.done(201);
    let token = made["token"].as_str().unwrap().to_owned();
    let deploy = Caller { token: Some(token), ..house.stranger() };
    let foreign = json!({ "from": "boss@contoso.example", "to": ANN, "subject": "x", "text": "x" });
    deploy.post("/api/v1/messages", foreign).await.refused(403, "sender_not_allowed");
    accepted(&deploy, letter("the last of this minute")).await;
    deploy.post("/api/v1/messages", letter("one too many")).await.refused(503, "try_later");
    let told = local.get("/api/v1/listeners/refusals").await.done(200);
    let told = told["items"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|one| (&one["submitter"], &one["source"], &one["code"])).collect();
    let (deploy, here) = (json!("deploy"), json!("127.0.0.1"));
    assert_eq!(told, [(&deploy, &here, &json!(451)), (&deploy, &here, &json!(550))]);
}
