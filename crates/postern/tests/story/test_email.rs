//! Somebody presses Send Test Email.

use m365_sim::{Folder, Via};
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::house::House;

const STAGES: [&str; 6] = ["settings", "certificate", "token", "permission", "mailbox", "message"];

async fn send(house: &House, account: &str, to: &str) -> Value {
    house.local().post("/api/v1/test-email", json!({ "to": to, "account": account })).await.done(200)
}

/// The stage that failed; what stands before it must be fine, and what is behind it not tried.
#[track_caller]
fn failed(report: &Value) -> Value {
    assert_eq!(report["ok"], false, "{report}");
    let stages = report["stages"].as_array().unwrap();
    assert_eq!(stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect::<Vec<_>>(), STAGES);
    let at = stages.iter().position(|stage| stage["ok"] == false && stage["skipped"] == false).unwrap();
    for (number, stage) in stages.iter().enumerate() {
        assert!(
            number != at || ["code", "cause", "fix", "detail"].iter().all(|name| stage[*name].is_string()),
            "{stage}"
        );
        assert!(number <= at || stage["skipped"] == true, "{stage}");
    }
    stages[at].clone()
}

#[tokio::test]
async fn mail_arrives_by_all_eight_ways_as_it_was_sent() {
    let house = House::new().await;
    house.certificate("gate").await;
    let secret = house.sim.world().apps[0].secrets[0].value.clone();
    let (from, to) = ("megan@contoso.example", "nosmtp@contoso.example");
    for (kind, credential) in [
        ("certificate", json!({ "kind": "certificate", "certificate": "gate" })),
        ("secret", json!({ "kind": "secret", "secret": secret })),
    ] {
        for sign_in in ["delegated", "application"] {
            for transport in ["graph", "smtp"] {
                let name = format!("{kind}-{sign_in}-{transport}");
                let sender = if sign_in == "application" { json!(from) } else { Value::Null };
                let form = json!({ "name": name, "credential": credential, "sign_in": sign_in, "transport": transport, "from": sender });
                house.account(form).await;
                match sign_in {
                    "delegated" => drop(house.authorize(&name, "megan").await),
                    _ => drop(
                        house
                            .local()
                            .post(&format!("/api/v1/accounts/{name}/authorize"), json!({}))
                            .await
                            .done(201),
                    ),
                }
                let report = send(&house, &name, to).await;
                assert_eq!(report["ok"], true, "{name}: {report}");
                assert_eq!(report["stages"][1]["skipped"], kind == "secret", "{name}");
                let arrived = house.sim.messages(to, Folder::Inbox).pop().unwrap();
                let message = MessageParser::new().parse(&*arrived.mime).unwrap();
                let id = format!("<{}>", message.message_id().unwrap());
                assert_eq!(
                    report["message_id"].as_str().unwrap().trim_matches(['<', '>']),
                    id.trim_matches(['<', '>']),
                    "{name}"
                );
                assert_eq!(
                    (arrived.envelope.from.as_str(), arrived.envelope.to.as_slice()),
                    (from, &[to.to_owned()][..]),
                    "{name}"
                );
                assert_eq!(
                    arrived.via,
                    if transport == "graph" { Via::GraphMime } else { Via::Smtp },
                    "{name}"
                );
                assert_eq!(message.subject().unwrap(), format!("Postern test message ({name})"));
                assert_eq!(message.from().unwrap().first().unwrap().address(), Some(from));
                assert_eq!(message.to().unwrap().first().unwrap().address(), Some(to));
                assert!(
                    message.body_text(0).unwrap().contains(&name)
                        && message.body_html(0).unwrap().contains(&name)
                );
                assert!(message.date().is_some());
            }
        }
    }
    assert_eq!(house.sim.messages(to, Folder::Inbox).len(), 8, "each once");
}

#[tokio::test]
async fn each_user_who_lacks_something_is_told_what() {
    let house = House::new().await;
    for (user, transport, stage, code) in [
        ("nolicense", "graph", "message", "MailboxNotEnabledForRESTAPI"),
        ("foundation", "graph", "message", "MailboxNotEnabledForRESTAPI"),
        ("nosmtp", "smtp", "mailbox", "535 5.7.139"),
        ("nolicense", "smtp", "mailbox", "535 5.7.3"),
    ] {
        let name = format!("{user}-{transport}");
        house.account(json!({ "name": name, "transport": transport })).await;
        house.authorize(&name, user).await;
        let report = send(&house, &name, "megan@contoso.example").await;
        let found = failed(&report);
        assert_eq!(
            (found["name"].as_str().unwrap(), found["code"].as_str().unwrap()),
            (stage, code),
            "{name}: {found}"
        );
    }
    // Who lacks nothing but patience, and who lacks SMTP and doesn't need it.
    for (user, transport) in [("mfa", "graph"), ("mfa", "smtp"), ("nosmtp", "graph")] {
        let name = format!("{user}-{transport}");
        house.account(json!({ "name": name, "transport": transport })).await;
        house.authorize(&name, user).await;
        assert_eq!(send(&house, &name, "megan@contoso.example").await["ok"], true, "{name}");
    }
}

#[tokio::test]
async fn who_has_not_signed_in_is_told_to() {
    let house = House::new().await;
    house.account(json!({})).await;
    let found = failed(&send(&house, "mail", "megan@contoso.example").await);
    assert_eq!((&found["name"], &found["code"]), (&json!("token"), &json!("needs_sign_in")), "{found}");
    assert_eq!(house.look_at("mail").await["state"]["name"], "needs_sign_in");
}

#[tokio::test]
async fn a_check_sends_nothing() {
    let house = House::new().await;
    house.account(json!({})).await;
    house.authorize("mail", "megan").await;
    let report = house.local().post("/api/v1/accounts/mail/check", json!({})).await.done(200);
    assert_eq!((&report["ok"], &report["message_id"]), (&json!(true), &Value::Null), "{report}");
    let names: Vec<&str> =
        report["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(names, STAGES[..5]);
    for user in house.sim.world().users {
        assert!(house.sim.messages(&user.upn, Folder::Inbox).is_empty());
    }
}

#[tokio::test]
async fn stages_are_told_as_they_happen() {
    let house = House::new().await;
    house.account(json!({})).await;
    house.authorize("mail", "megan").await;
    let body = json!({ "to": "nosmtp@contoso.example" });
    let request =
        house.local().request(http::Method::POST, "/api/v1/test-email").header("accept", "text/event-stream");
    let answer = crate::house::Answer::read(request.json(&body).send().await.unwrap()).await;
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), "no", "a proxy must not wait until the last of them");
    let mut told = Vec::new();
    let text = answer.text();
    for event in text.split("\n\n").filter(|event| event.contains("event: ")) {
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        let data: Value = serde_json::from_str(line("data:")).unwrap();
        let ended = if data["state"] == "started" {
            "started"
        } else if data["skipped"] == true {
            "skipped"
        } else {
            "ended"
        };
        told.push(match line("event:") {
            "stage" => format!("{} {ended}", data["name"].as_str().unwrap()),
            other => format!("{other} {}", data["ok"]),
        });
    }
    let expected = [
        "settings started",
        "settings ended",
        "certificate skipped",
        "token started",
        "token ended",
        "permission started",
        "permission ended",
        "mailbox started",
        "mailbox ended",
        "message started",
        "message ended",
        "report true",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_account_that_microsoft_refuses_is_broken_until_it_is_mended() {
    let mut house = House::new().await;
    house.account(json!({})).await;
    house.authorize("mail", "megan").await;
    let mut kept = Vec::new();
    house.sim.change_world(|world| kept = std::mem::take(&mut world.apps[0].secrets));
    // A token in memory would last another hour.
    house.restart().await;
    let found = failed(&send(&house, "mail", "nosmtp@contoso.example").await);
    assert_eq!((&found["name"], &found["code"]), (&json!("token"), &json!("AADSTS7000215")), "{found}");
    let account = house.look_at("mail").await;
    assert_eq!(
        (&account["state"]["name"], &account["state"]["code"]),
        (&json!("broken"), &json!("AADSTS7000215"))
    );
    assert!(account["state"]["cause"].is_string() && account["state"]["fix"].is_string());
    assert_eq!(account["grant"]["user"], "megan@contoso.example", "the sign-in isn't thrown away");
    house.sim.change_world(|world| world.apps[0].secrets = kept);
    assert_eq!(send(&house, "mail", "nosmtp@contoso.example").await["ok"], true);
    let account = house.look_at("mail").await;
    assert_eq!((&account["state"]["name"], &account["state"]["fix"]), (&json!("ready"), &Value::Null));
}

#[tokio::test]
async fn an_outage_breaks_nothing() {
    use m365_sim::world::Outage;
    let house = House::new().await;
    house.account(json!({ "name": "graph" })).await;
    house.account(json!({ "name": "smtp", "transport": "smtp" })).await;
    for name in ["graph", "smtp"] {
        house.authorize(name, "megan").await;
        house.sim.change_world(|world| {
            world.switches.graph_outage = Outage::Unavailable;
            world.switches.smtp_outage = Outage::Unavailable;
        });
        let found = failed(&send(&house, name, "nosmtp@contoso.example").await);
        assert_eq!(found["turn"], "wait", "{found}");
        assert_eq!(house.look_at(name).await["state"]["name"], "ready");
        house.sim.change_world(|world| world.switches = m365_sim::world::Switches::default());
    }
}

#[tokio::test]
async fn a_dead_sign_in_asks_for_a_new_one() {
    let mut house = House::new().await;
    house.account(json!({})).await;
    house.authorize("mail", "megan").await;
    let revoked = house.sim.now() + time::Duration::seconds(1);
    house.sim.change_world(|world| world.users[0].tokens_valid_from = Some(revoked));
    house.restart().await;
    let found = failed(&send(&house, "mail", "nosmtp@contoso.example").await);
    assert_eq!((&found["name"], &found["code"]), (&json!("token"), &json!("AADSTS50173")), "{found}");
    assert_eq!(house.look_at("mail").await["state"]["name"], "broken");
    house.sim.change_world(|world| world.users[0].tokens_valid_from = None);
    assert_eq!(house.authorize("mail", "megan").await["state"]["name"], "ready");
}

#[tokio::test]
async fn where_to_send_must_be_an_address() {
    let house = House::new().await;
    house.account(json!({})).await;
    for to in [
        "",
        "megan",
        "a@b.example, c@d.example",
        "Megan <megan@contoso.example>",
        "a@b.example\r\nBcc: c@d.example",
    ] {
        let answer = house.local().post("/api/v1/test-email", json!({ "to": to })).await;
        assert_eq!(answer.refused(422, "invalid_request")["field"], "to", "{to:?}");
    }
    let nobody = json!({ "to": "a@b.example", "account": "nobody" });
    house.local().post("/api/v1/test-email", nobody).await.refused(404, "not_found");
}

/// Takes the last byte off each sealed credential, behind the back of a Postern that is stopped.
async fn damage_credentials(house: &House) {
    use store::{AuditEntry, CredentialRow, Location, Outcome, Page, Store};
    let now = house.now();
    let entry = AuditEntry {
        at: now,
        actor: "nobody".to_owned(),
        source: "test".to_owned(),
        action: "test.damage".to_owned(),
        target: String::new(),
        outcome: Outcome::Done,
        code: None,
        detail: Value::Null,
    };
    let store = Store::open(&Location::Sqlite(house.data().join("postern.db")), now).await.unwrap();
    for mut row in store.certificates().list(&Page::first(10), None).await.unwrap().rows {
        row.material.sealed_key.pop();
        store.certificates().replace(row.id, row.material, now, &entry).await.unwrap();
    }
    for mut row in store.accounts().list(&Page::first(10), None).await.unwrap().rows {
        if let CredentialRow::Secret { sealed_secret, .. } = &mut row.credential {
            sealed_secret.pop();
            store.accounts().update(&row, row.version, &entry).await.unwrap();
        }
    }
    store.close().await;
}

#[tokio::test]
async fn a_credential_that_is_damaged_in_the_store_fails_its_own_stage() {
    let mut house = House::new().await;
    house.certificate("gate").await;
    let credential = json!({ "kind": "certificate", "certificate": "gate" });
    house.account(json!({ "name": "by certificate", "credential": credential })).await;
    house.account(json!({ "name": "by secret" })).await;
    house.stop().await;
    damage_credentials(&house).await;
    house.start().await;
    for (account, stage, code, fix) in [
        ("by certificate", "certificate", "key_damaged", "postern certificate replace"),
        ("by secret", "token", "secret_damaged", "postern account edit"),
    ] {
        let found = failed(&send(&house, account, "nosmtp@contoso.example").await);
        assert_eq!((&found["name"], &found["code"]), (&json!(stage), &json!(code)), "{found}");
        assert!(found["fix"].as_str().unwrap().contains(fix), "{found}");
        assert_eq!(house.look_at(account).await["state"]["code"], code);
        let start = house.local().post(&format!("/api/v1/accounts/{account}/authorize"), json!({})).await;
        start.refused(500, code);
    }
}

#[tokio::test]
async fn a_secret_whose_noted_end_is_near_or_past_is_warned_of() {
    let house = House::new().await;
    let secret = house.sim.world().apps[0].secrets[0].value.clone();
    let end = (house.now() + time::Duration::days(40)).date().to_string();
    let credential = json!({ "kind": "secret", "secret": secret, "expires": end });
    let made = house.account(json!({ "credential": credential })).await;
    assert_eq!(made["warnings"], json!([]));
    house.authorize("mail", "megan").await;
    for (passed, code, words) in [
        (20, "secret_expiring", "warning: it expires on"),
        (30, "secret_expired", "warning: by what was noted, it expired"),
    ] {
        house.advance(time::Duration::days(passed));
        let warnings = house.look_at("mail").await["warnings"].clone();
        assert_eq!(
            (&warnings[0]["code"], warnings.as_array().unwrap().len()),
            (&json!(code), 1),
            "{warnings}"
        );
        let stage =
            house.local().post("/api/v1/accounts/mail/check", json!({})).await.done(200)["stages"][1].clone();
        assert_eq!(
            (&stage["name"], &stage["ok"], &stage["skipped"]),
            (&json!("certificate"), &json!(true), &json!(true))
        );
        assert!(stage["detail"].as_str().unwrap().contains(words), "{stage}");
        assert!(stage["fix"].as_str().unwrap().contains("--secret-expires"), "{stage}");
    }
    // By now it is ten days over, less what is left of the day of its end.
    let metrics = house.local().get("/metrics").await.text();
    let line =
        metrics.lines().find(|line| line.starts_with("postern_client_secret_expiry_seconds{")).unwrap();
    let left: i64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(line.contains("account=\"mail\"") && (-11 * 86_400..-9 * 86_400).contains(&left), "{line}");
}
