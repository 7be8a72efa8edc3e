//! Submitters: entered, told once what to type into the device, changed and removed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::house::House;

const LISTENER: &str = "[[submission]]\nlisten = \"127.0.0.1:0\"\ntls = \"none\"";

/// What the submission door answers to this user and password.
async fn log_in(house: &House, user: &str, password: &Value) -> String {
    let door = house.running().submission[0];
    let mut stream = BufReader::new(TcpStream::connect(door).await.unwrap());
    let response = STANDARD.encode(format!("\0{user}\0{}", password.as_str().unwrap()));
    stream.write_all(format!("EHLO nas\r\nAUTH PLAIN {response}\r\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "the door closed");
        if !line.starts_with("220") && !line.starts_with("250") {
            return line;
        }
    }
}

#[tokio::test]
async fn a_submitter_is_told_once_what_the_device_needs() {
    let house = House::configured("", LISTENER).await;
    let local = house.local();
    let made = local.post("/api/v1/submitters", json!({ "name": "Scanner" })).await.done(201);
    assert_eq!((&made["user_name"], &made["password_kind"]), (&json!("Scanner"), &json!("generated")));
    let port = house.running().submission[0].port();
    assert_eq!(made["servers"][0]["port"], port);
    assert_eq!(made["servers"][0]["tls"], "none");
    assert!(made["password"].as_str().unwrap().len() >= 26, "128 bits");
    let shown = local.get("/api/v1/submitters/scanner").await.done(200);
    assert!(shown["password"].is_null() && shown["has_password"] == true, "{shown}");
    assert!(log_in(&house, "scanner", &made["password"]).await.starts_with("235"));
    assert!(log_in(&house, "scanner", &json!("wrong")).await.starts_with("535"));

    let reset = local.post("/api/v1/submitters/scanner/password", json!({})).await.done(200);
    assert_ne!(reset["password"], made["password"]);
    assert!(log_in(&house, "scanner", &made["password"]).await.starts_with("535"));
    assert!(log_in(&house, "scanner", &reset["password"]).await.starts_with("235"));
    let chosen = json!({ "password": "correct horse battery" });
    let reset = local.post("/api/v1/submitters/scanner/password", chosen.clone()).await.done(200);
    assert!(reset["password"].is_null() && reset["password_kind"] == "chosen", "{reset}");
    assert!(log_in(&house, "scanner", &chosen["password"]).await.starts_with("235"));

    local.patch("/api/v1/submitters/scanner", json!({ "enabled": false })).await.done(200);
    assert!(log_in(&house, "scanner", &chosen["password"]).await.starts_with("535"));
    local.delete("/api/v1/submitters/scanner").await.done(204);
    local.get("/api/v1/submitters/scanner").await.refused(404, "not_found");
    let audit = house.audit().await;
    for action in ["submitter.add", "submitter.reset_password", "submitter.edit", "submitter.remove"] {
        assert!(audit.contains(&format!("{action} done -")), "{action}: {audit:?}");
    }
}

#[tokio::test]
async fn everything_about_a_submitter_can_be_changed_and_set_back() {
    let house = House::new().await;
    house.account(json!({ "name": "mail" })).await;
    let local = house.local();
    let form = json!({
        "name": "printers", "description": "second floor", "networks": ["192.0.2.0/24", "2001:db8::/32"],
        "uids": [1000], "senders": ["*@Contoso.example", "scan@contoso.example"], "foreign_from": "rewrite",
        "account": "mail", "rate_per_minute": 30,
    });
    let made = local.post("/api/v1/submitters", form).await.done(201);
    assert!(made["password"].is_null() && made["user_name"].is_null(), "its network is enough");
    assert_eq!(made["senders"], json!(["*@contoso.example", "scan@contoso.example"]));
    assert_eq!(made["account"]["name"], "mail");
    let change = json!({
        "name": "floor 2", "networks": [], "uids": [], "senders": [], "account": null, "rate_per_minute": null,
        "foreign_from": "refuse", "user_name": "floor2", "token": true,
    });
    let changed = local.patch("/api/v1/submitters/printers", change).await.done(200);
    assert!(changed["password"].is_string() && changed["token"].is_string(), "{changed}");
    for (name, value) in [
        ("name", json!("floor 2")),
        ("networks", json!([])),
        ("account", Value::Null),
        ("rate_per_minute", Value::Null),
        ("has_token", json!(true)),
    ] {
        assert_eq!(changed[name], value, "{name}");
    }
    let cleared = json!({ "user_name": null, "token": false });
    let cleared = local.patch("/api/v1/submitters/floor 2", cleared).await.done(200);
    assert_eq!((&cleared["has_password"], &cleared["has_token"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn wrong_settings_are_refused_by_name() {
    let house = House::new().await;
    let local = house.local();
    local.post("/api/v1/submitters", json!({ "name": "nas", "uids": [0] })).await.done(201);
    local.post("/api/v1/submitters", json!({ "name": "ups", "user_name": "power" })).await.done(201);
    for (form, status, code, field) in [
        (json!({ "name": "NAS" }), 409, "name_taken", "name"),
        (json!({ "name": "b", "user_name": "Power" }), 409, "name_taken", "user_name"),
        (json!({ "name": "b", "uids": [0] }), 409, "uid_taken", "uids"),
        (json!({ "name": "b", "networks": ["192.0.2.0/33"] }), 422, "invalid_request", "networks"),
        (json!({ "name": "b", "senders": ["contoso"] }), 422, "invalid_request", "senders"),
        (json!({ "name": "b", "rate_per_minute": 0 }), 422, "invalid_request", "rate_per_minute"),
        (json!({ "name": "b", "foreign_from": "ignore" }), 422, "invalid_request", "foreign_from"),
        (json!({ "name": "b", "password": "short" }), 422, "password_refused", "password"),
        (json!({ "name": "b", "colour": "red" }), 422, "invalid_request", "colour"),
    ] {
        let problem = local.post("/api/v1/submitters", form.clone()).await.refused(status, code);
        assert_eq!(problem["field"], field, "{form}: {problem}");
    }
    let no_account = json!({ "name": "b", "account": "none" });
    local.post("/api/v1/submitters", no_account).await.refused(404, "not_found");
    assert_eq!(house.names("submitters").await, ["nas", "ups"]);
}
