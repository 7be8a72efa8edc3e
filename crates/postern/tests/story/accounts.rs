//! Accounts are added, changed and removed.

use serde_json::{Value, json};

use crate::house::{CLOUD, House};

async fn add(house: &House, given: Value) -> crate::house::Answer {
    house.local().post("/api/v1/accounts", house.account_form(given)).await
}

async fn edit(house: &House, change: Value) -> Value {
    house.local().patch("/api/v1/accounts/mail", change).await.done(200)
}

#[tokio::test]
async fn what_is_not_said_of_a_new_account_has_its_default() {
    let house = House::new().await;
    let client_id = "11112222-AAAA-3333-BBBB-4444CCCC5555";
    let secret = json!({ "kind": "secret", "secret": " Geheim~1234 \n", "expires": "2027-01-31" });
    let form = json!({ "tenant_id": "Contoso.Example", "client_id": client_id, "credential": secret });
    let account = house.local().post("/api/v1/accounts", form).await.done(201);
    for (name, value) in [
        ("name", json!("contoso.example")),
        ("cloud", json!("global")),
        ("tenant_id", json!("contoso.example")),
        ("client_id", json!(client_id.to_lowercase())),
        ("sign_in", json!("delegated")),
        ("transport", json!("graph")),
        ("from", Value::Null),
        ("default", json!(true)),
        ("grant", Value::Null),
        ("pending", Value::Null),
    ] {
        assert_eq!(account[name], value, "{name}");
    }
    assert_eq!(account["state"]["name"], "needs_sign_in");
    assert_eq!(
        (&account["credential"]["kind"], &account["credential"]["expires"]),
        (&json!("secret"), &json!("2027-01-31T00:00:00Z"))
    );
    let port = house.port();
    let uris = [format!("https://localhost:{port}/authorize"), format!("https://127.0.0.1:{port}/authorize")];
    assert_eq!(account["redirect_uris"], json!(uris));
    for answer in [
        account,
        house.look_at("contoso.example").await,
        house.local().get("/api/v1/accounts").await.done(200),
    ] {
        assert!(!answer.to_string().contains("Geheim~1234"), "{answer}");
    }
    let log = house.local().get("/api/v1/audit").await.text();
    assert!(!log.contains("Geheim~1234"));
}

#[tokio::test]
async fn a_tenant_that_would_lead_elsewhere_is_refused() {
    let house = House::new().await;
    house.account(json!({})).await;
    for (trick, code) in [
        ("", "tenant_missing"),
        ("common", "tenant_shared"),
        ("Organizations", "tenant_shared"),
        ("consumers", "tenant_shared"),
        ("9188040d-6c67-4c5b-b112-36a304b66dad", "tenant_shared"),
        ("..", "tenant_malformed"),
        ("../common", "tenant_malformed"),
        ("contoso.example/../common", "tenant_malformed"),
        ("contoso.example%2f..%2fcommon", "tenant_malformed"),
        ("contoso.example?x=1", "tenant_malformed"),
        ("contoso.example#x", "tenant_malformed"),
        ("a@contoso.example", "tenant_malformed"),
        ("contoso.example\\..", "tenant_malformed"),
        ("contoso.example:443", "tenant_malformed"),
        ("contoso。example", "tenant_malformed"),
        ("contoso.example\u{0}", "tenant_malformed"),
        ("127.0.0.1", "tenant_malformed"),
        ("con toso.example", "tenant_malformed"),
    ] {
        let problem = add(&house, json!({ "name": "trick", "tenant_id": trick })).await;
        assert_eq!(problem.status, 422, "{trick:?}: {}", problem.text());
        let found: Value = serde_json::from_slice(&problem.body).unwrap();
        assert_eq!(
            (&found["field"], found["code"].as_str()),
            (&json!("tenant_id"), Some(code)),
            "{trick:?}: {found}"
        );
        problem.refused(422, code);
        house.local().patch("/api/v1/accounts/mail", json!({ "tenant_id": trick })).await.refused(422, code);
    }
    assert_eq!(house.names("accounts").await, ["mail"]);
    assert_eq!(house.look_at("mail").await["tenant_id"], house.sim.world().tenant.id.to_string());
}

#[tokio::test]
async fn a_client_id_that_is_none_is_refused() {
    let house = House::new().await;
    for (client_id, code) in [
        ("", "client_id_missing"),
        ("Postern", "client_id_malformed"),
        ("11112222-aaaa-3333-bbbb-4444cccc555", "client_id_malformed"),
    ] {
        let problem = add(&house, json!({ "client_id": client_id })).await.refused(422, code);
        assert_eq!(problem["field"], "client_id");
    }
}

#[tokio::test]
async fn each_other_wrong_setting_is_refused_by_its_field() {
    let house = House::new().await;
    for (name, value, field) in [
        ("cloud", json!("mars"), "cloud"),
        ("sign_in", json!("magic"), "sign_in"),
        ("transport", json!("pigeon"), "transport"),
        ("from", json!("Megan Bowen <megan@contoso.example>"), "from"),
        ("from", json!("megan"), "from"),
        ("from", json!("megan@contoso.example\r\nBcc: x@evil.example"), "from"),
        ("from", json!(""), "from"),
        ("colour", json!("red"), "colour"),
        ("credential", json!({ "kind": "secret", "secret": " " }), "credential.secret"),
        ("credential", json!({ "kind": "secret", "secret": "a\nb" }), "credential.secret"),
        ("credential", json!({ "kind": "secret", "secret": "a", "expires": "soon" }), "credential.expires"),
        ("credential", json!({ "kind": "password", "secret": "a" }), "credential"),
        ("name", json!("a\u{202e}b"), "name"),
    ] {
        let problem = add(&house, json!({ name: value })).await.refused(422, "invalid_request");
        let found = problem["field"].as_str().unwrap();
        assert!(found.starts_with(field), "{name} = {value}: {problem}");
    }
    add(&house, json!({ "credential": { "kind": "certificate", "certificate": "none" } }))
        .await
        .refused(404, "not_found");
    assert_eq!(house.names("accounts").await, [""; 0]);
}

#[tokio::test]
async fn an_application_must_say_from_which_mailbox_it_sends() {
    let house = House::new().await;
    let problem = add(&house, json!({ "sign_in": "application" })).await.refused(422, "from_missing");
    assert_eq!(problem["field"], "from");
    house.account(json!({})).await;
    let change = json!({ "sign_in": "application" });
    house.local().patch("/api/v1/accounts/mail", change).await.refused(422, "from_missing");
    edit(&house, json!({ "sign_in": "application", "from": "alerts@contoso.example" })).await;
    house.local().patch("/api/v1/accounts/mail", json!({ "from": null })).await.refused(422, "from_missing");
    let back = edit(&house, json!({ "sign_in": "delegated", "from": null })).await;
    assert_eq!(back["from"], Value::Null);
}

#[tokio::test]
async fn there_is_one_default_account_and_it_moves() {
    let house = House::new().await;
    let defaults = async || {
        let list = house.local().get("/api/v1/accounts").await.done(200);
        let items = list["items"].as_array().unwrap().iter().filter(|item| item["default"] == true);
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for name in ["one", "two", "three"] {
        house.account(json!({ "name": name })).await;
    }
    assert_eq!(defaults().await, ["one"]);
    house.account(json!({ "name": "four", "default": true })).await;
    assert_eq!(defaults().await, ["four"]);
    house.local().patch("/api/v1/accounts/three", json!({ "default": true })).await.done(200);
    assert_eq!(defaults().await, ["three"]);
    house.local().patch("/api/v1/accounts/three", json!({ "default": false })).await.done(200);
    assert_eq!(defaults().await, ["three"], "it ends when another takes it");
    house.local().delete("/api/v1/accounts/three").await.done(204);
    assert_eq!(defaults().await, ["one"]);
    for name in ["one", "two", "four"] {
        house.local().delete(&format!("/api/v1/accounts/{name}")).await.done(204);
    }
    let to = json!({ "to": "a@contoso.example" });
    house.local().post("/api/v1/test-email", to).await.refused(404, "not_found");
}

#[tokio::test]
async fn another_tenant_application_or_cloud_ends_the_sign_in_and_says_so() {
    for change in [
        json!({ "tenant_id": "aaaabbbb-0000-cccc-1111-dddd2222eeee" }),
        json!({ "tenant_id": "contoso.example" }),
        json!({ "client_id": "11112222-aaaa-3333-bbbb-4444cccc5555" }),
        json!({ "cloud": "china" }),
    ] {
        let house = House::new().await;
        house.account(json!({})).await;
        house.authorize("mail", "megan").await;
        let same = house.account_form(json!({}));
        let same = json!({ "tenant_id": same["tenant_id"].as_str().unwrap().to_uppercase(), "client_id": same["client_id"], "cloud": CLOUD });
        let account = edit(&house, same).await;
        assert_eq!(
            (&account["notices"], &account["state"]["name"]),
            (&Value::Null, &json!("ready")),
            "nothing changed"
        );
        let account = edit(&house, change.clone()).await;
        assert!(
            account["notices"][0].as_str().unwrap().contains("megan@contoso.example"),
            "{change}: {account}"
        );
        assert_eq!(
            (&account["state"]["name"], &account["grant"], &account["from"]),
            (&json!("needs_sign_in"), &Value::Null, &Value::Null)
        );
        let again = edit(&house, json!({})).await;
        assert_eq!(again["notices"], Value::Null);
    }
}

#[tokio::test]
async fn a_change_that_has_nothing_to_do_with_the_sign_in_keeps_it() {
    let house = House::new().await;
    house.certificate("gate").await;
    house.account(json!({})).await;
    house.authorize("mail", "megan").await;
    for change in [
        json!({ "name": "mail" }),
        json!({ "from": "megan@contoso.example" }),
        json!({ "transport": "smtp" }),
        json!({ "credential": { "kind": "certificate", "certificate": "gate" } }),
        json!({ "credential": { "kind": "secret", "secret": "another" } }),
    ] {
        let account = edit(&house, change.clone()).await;
        assert_eq!(
            (&account["grant"]["user"], &account["notices"]),
            (&json!("megan@contoso.example"), &Value::Null),
            "{change}"
        );
        assert_eq!(account["state"]["name"], "ready", "{change}");
        assert!(!account.to_string().contains("another"), "{account}");
    }
}

#[tokio::test]
async fn a_name_is_given_once_and_an_account_is_found_by_id_too() {
    let house = House::new().await;
    let account = house.account(json!({ "name": "Mail" })).await;
    add(&house, json!({ "name": "mail" })).await.refused(409, "name_taken");
    house.account(json!({ "name": "other" })).await;
    house.local().patch("/api/v1/accounts/other", json!({ "name": "MAIL" })).await.refused(409, "name_taken");
    assert_eq!(house.look_at(account["id"].as_str().unwrap()).await, house.look_at("mail").await);
    // A name that looks like another's id does not hide that other.
    let disguised = json!({ "name": account["id"] });
    house.local().patch("/api/v1/accounts/other", disguised).await.done(200);
    assert_eq!(house.look_at(account["id"].as_str().unwrap()).await["name"], "Mail");
    house.local().get("/api/v1/accounts/nobody").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_removed_account_takes_its_sign_ins_along_and_leaves_its_certificate() {
    let house = House::new().await;
    house.certificate("gate").await;
    house.account(json!({ "credential": { "kind": "certificate", "certificate": "gate" } })).await;
    let flow = house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    let mut megan = crate::person::Person::new(&house, "megan");
    let brought = megan.sign_in(flow["url"].as_str().unwrap()).await;
    house.local().delete("/api/v1/accounts/mail").await.done(204);
    assert_eq!(megan.bring(&brought).await.status, 400);
    let place = format!("/api/v1/authorizations/{}", flow["id"].as_str().unwrap());
    house.local().get(&place).await.refused(404, "not_found");
    assert_eq!(house.names("certificates").await, ["gate"]);
    house.local().delete("/api/v1/accounts/mail").await.refused(404, "not_found");
}
