//! What is done is written down: who, from where, what, and how it ended. And the tokens that such a who may be.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::house::{Caller, House};

async fn log(house: &House, query: &str) -> Vec<Value> {
    let log = house.local().get(&format!("/api/v1/audit?{query}")).await.done(200);
    log["items"].as_array().unwrap().clone()
}

/// Asserts what the latest entry says.
async fn last(house: &House, actor: &str, action: &str, target: &str, outcome: &str) {
    let entry = log(house, "limit=1").await.remove(0);
    let said = ["actor", "action", "target", "outcome"].map(|name| entry[name].as_str().unwrap());
    assert_eq!(said, [actor, action, target, outcome], "{entry}");
}

#[tokio::test]
async fn each_action_is_written_down_with_who_did_it_to_what() {
    let house = House::new().await;
    let anna = house.holder("anna", "administrator").await;
    last(&house, "local:0", "token.create", "anna", "done").await;
    let api = |path: &str| format!("/api/v1/{path}");
    let exportable = json!({ "name": "gate", "exportable": true });
    anna.post(&api("certificates/generate"), exportable).await.done(201);
    last(&house, "token:anna", "certificate.generate", "gate", "done").await;
    anna.patch(&api("certificates/gate"), json!({ "description": "x" })).await.done(200);
    last(&house, "token:anna", "certificate.edit", "gate", "done").await;
    let pfx = anna.post(&api("certificates/gate/export"), json!({ "password": "long enough" })).await;
    last(&house, "token:anna", "certificate.export", "gate", "done").await;
    anna.delete(&api("certificates/gate")).await.done(204);
    last(&house, "token:anna", "certificate.delete", "gate", "done").await;
    house.import("gate", &pfx.body, json!({ "password": "long enough" })).await.done(201);
    last(&house, "local:0", "certificate.import", "gate", "done").await;
    anna.post(&api("accounts"), house.account_form(json!({}))).await.done(201);
    last(&house, "token:anna", "account.add", "mail", "done").await;
    anna.patch(&api("accounts/mail"), json!({ "name": "post" })).await.done(200);
    last(&house, "token:anna", "account.edit", "mail", "done").await;
    let flow = anna.post(&api("accounts/post/authorize"), json!({})).await.done(201);
    last(&house, "token:anna", "account.authorize_started", "post", "done").await;
    anna.delete(&api(&format!("authorizations/{}", flow["id"].as_str().unwrap()))).await.done(204);
    last(&house, "token:anna", "account.authorize_cancelled", "post", "done").await;
    house.authorize("post", "megan").await;
    last(&house, "local:0", "account.confirm", "post", "done").await;
    let op = house.holder("op", "operator").await;
    op.post(&api("accounts/post/check"), json!({})).await.done(200);
    last(&house, "token:op", "account.check", "post", "done").await;
    op.post(&api("test-email"), json!({ "to": "nosmtp@contoso.example" })).await.done(200);
    last(&house, "token:op", "test_email.send", "post", "done").await;
    anna.delete(&api("accounts/post")).await.done(204);
    last(&house, "token:anna", "account.remove", "post", "done").await;
    anna.delete(&api("tokens/op")).await.done(204);
    last(&house, "token:anna", "token.delete", "op", "done").await;
}

#[tokio::test]
async fn where_it_came_from_is_written_down() {
    let house = House::new().await;
    let anna = house.holder("anna", "administrator").await;
    assert_eq!(log(&house, "limit=1").await[0]["source"], "admin.sock");
    anna.delete("/api/v1/tokens/anna").await.done(204);
    assert_eq!(log(&house, "limit=1").await[0]["source"], "127.0.0.1");
    let stranger = house
        .stranger()
        .request(http::Method::GET, "/authorize?code=a&state=b")
        .header("x-forwarded-for", "6.6.6.6");
    stranger.send().await.unwrap();
    let entry = log(&house, "limit=1").await.remove(0);
    assert_eq!(
        (&entry["actor"], &entry["source"], &entry["code"]),
        (&json!("browser"), &json!("127.0.0.1"), &json!("unknown_state"))
    );
}

#[tokio::test]
async fn what_was_refused_is_written_down_too() {
    let house = House::new().await;
    house.account(json!({})).await;
    house.holder("anna", "administrator").await;
    let local = house.local();
    let refused = async |action: &str, code: &str| {
        let entry = log(&house, "limit=1").await.remove(0);
        assert_eq!(
            (&entry["action"], &entry["outcome"], &entry["code"]),
            (&json!(action), &json!("refused"), &json!(code)),
            "{entry}"
        );
    };
    local.post("/api/v1/accounts", house.account_form(json!({}))).await.refused(409, "name_taken");
    refused("account.add", "name_taken").await;
    house.account(json!({ "name": "other" })).await;
    local.patch("/api/v1/accounts/other", json!({ "name": "mail" })).await.refused(409, "name_taken");
    refused("account.edit", "name_taken").await;
    local
        .post("/api/v1/tokens", json!({ "name": "anna", "role": "viewer" }))
        .await
        .refused(409, "name_taken");
    refused("token.create", "name_taken").await;
}

#[tokio::test]
async fn the_log_is_turned_page_by_page_newest_first() {
    let house = House::new().await;
    for number in 0..7 {
        house.holder(&format!("t{number}"), "viewer").await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            house.local().get(&format!("/api/v1/audit?action=token.create&limit=3{cursor}")).await.done(200);
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["target"].as_str().unwrap().to_owned()),
        );
        // What is written meanwhile moves no page.
        house.holder(&format!("later{}", seen.len()), "viewer").await;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]);
}

#[tokio::test]
async fn the_log_is_filtered_by_who_what_and_when() {
    let house = House::new().await;
    let anna = house.holder("anna", "administrator").await;
    house.advance(Duration::hours(1));
    let between = (OffsetDateTime::now_utc() + Duration::minutes(30)).format(&Rfc3339).unwrap();
    anna.post("/api/v1/tokens", json!({ "name": "ben", "role": "viewer" })).await.done(201);
    anna.delete("/api/v1/tokens/ben").await.done(204);
    for (query, found) in [
        ("actor=token:anna".to_owned(), 2),
        ("actor=local:0".to_owned(), 1),
        ("actor=token:ann".to_owned(), 0),
        ("action=token.create".to_owned(), 2),
        ("target=ben".to_owned(), 2),
        ("target=ben&action=token.delete".to_owned(), 1),
        (format!("since={}", between.replace('+', "%2B")), 2),
        (format!("action=token.create&until={}", between.replace('+', "%2B")), 1),
        ("since=2020-01-01&until=2020-01-02".to_owned(), 0),
    ] {
        assert_eq!(log(&house, &query).await.len(), found, "{query}");
    }
}

#[tokio::test]
async fn a_token_is_shown_once() {
    let house = House::new().await;
    let form = json!({ "name": "backup", "role": "operator", "expires": "2099-12-31" });
    let made = house.local().post("/api/v1/tokens", form).await.done(201);
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("pst_") && token.len() == 47, "{token}");
    assert_eq!(
        (&made["role"], &made["expires"], &made["created_by"]),
        (&json!("operator"), &json!("2099-12-31T00:00:00Z"), &json!("local:0"))
    );
    let list = house.local().get("/api/v1/tokens").await;
    assert!(!list.text().contains(token) && list.text().contains("backup"));
    assert_eq!(list.done(200)["items"][0]["last_used"], Value::Null);
    let holder = Caller { token: Some(token.to_owned()), ..house.stranger() };
    holder.get("/api/v1/status").await.done(200);
    assert!(house.local().get("/api/v1/tokens").await.done(200)["items"][0]["last_used"].is_string());
}

#[tokio::test]
async fn a_token_that_expired_or_was_deleted_opens_nothing() {
    let house = House::new().await;
    for past in ["2020-01-01", "yesterday", ""] {
        let form = json!({ "name": "late", "role": "viewer", "expires": past });
        house.local().post("/api/v1/tokens", form).await.refused(422, "invalid_request");
    }
    let expires = (OffsetDateTime::now_utc() + Duration::hours(1)).format(&Rfc3339).unwrap();
    let form = json!({ "name": "short", "role": "administrator", "expires": expires });
    let made = house.local().post("/api/v1/tokens", form).await.done(201);
    let short = Caller { token: Some(made["token"].as_str().unwrap().to_owned()), ..house.stranger() };
    short.get("/api/v1/status").await.done(200);
    house.advance(Duration::hours(1));
    short.get("/api/v1/status").await.refused(401, "unauthenticated");
    let anna = house.holder("anna", "administrator").await;
    anna.delete("/api/v1/tokens/anna").await.done(204);
    anna.get("/api/v1/status").await.refused(401, "unauthenticated");
    house.local().delete("/api/v1/tokens/anna").await.refused(404, "not_found");
    // The name is free again, and the old token stays dead.
    house.holder("anna", "viewer").await;
    anna.get("/api/v1/status").await.refused(401, "unauthenticated");
}
