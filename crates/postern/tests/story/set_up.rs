//! A fresh installation: the set-up link, and the users after the first one.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::console::PASSWORD;
use crate::house::House;

fn link(house: &House) -> String {
    std::fs::read_to_string(house.data().join("setup-link")).unwrap().trim().to_owned()
}

fn token(link: &str) -> String {
    link.split_once("/setup#").unwrap().1.to_owned()
}

fn form(token: &str, user: &str, password: &str) -> serde_json::Value {
    json!({ "token": token, "user": user, "password": password })
}

#[tokio::test]
async fn the_set_up_link_makes_one_administrator_and_its_file_goes() {
    let mut house = House::new().await;
    let link_before = link(&house);
    assert!(link_before.starts_with(&format!("{}/setup#", house.console())), "{link_before}");
    let mode = std::fs::metadata(house.data().join("setup-link")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{:?}", house.running().setup_link).contains(&token(&link_before)));
    house.restart().await;
    assert_eq!(token(&link(&house)), token(&link_before), "a restart leaves it as it is");
    let token = token(&link_before);
    let stranger = house.stranger();
    assert_eq!(stranger.get("/api/v1/setup").await.done(200), json!({ "needed": true }));
    stranger.post("/api/v1/setup", form("guessed", "eve", PASSWORD)).await.refused(410, "setup_over");
    stranger.post("/api/v1/setup", form(&token, "anna", "short")).await.refused(422, "password_refused");
    stranger
        .post("/api/v1/setup", form(&token, "horse battery", "Horse Battery"))
        .await
        .refused(422, "password_refused");
    let made = stranger.post("/api/v1/setup", form(&token, "anna", PASSWORD)).await;
    assert_eq!(made.done(201)["role"], "administrator");
    assert_eq!(stranger.get("/api/v1/setup").await.done(200), json!({ "needed": false }));
    let anna = house.browser(&made).caller;
    anna.get("/api/v1/tokens").await.done(200);
    assert!(!house.data().join("setup-link").exists());
    stranger.post("/api/v1/setup", form(&token, "eve", PASSWORD)).await.refused(410, "setup_over");
    house.restart().await;
    assert!(!house.data().join("setup-link").exists() && house.running().setup_link.is_none());
    house.try_sign_in("anna", PASSWORD).await.done(200);
}

#[tokio::test]
async fn the_link_is_renewed_on_demand_and_the_old_one_is_void() {
    let house = House::new().await;
    let old = token(&link(&house));
    let made = house.local().post("/api/v1/setup-link", json!({})).await.done(201);
    assert_eq!(made["url"], link(&house));
    let stranger = house.stranger();
    stranger.post("/api/v1/setup", form(&old, "eve", PASSWORD)).await.refused(410, "setup_over");
    stranger.post("/api/v1/setup", form(&token(&link(&house)), "anna", PASSWORD)).await.done(201);
}

#[tokio::test]
async fn a_lost_file_is_made_anew_at_the_start_and_an_administrator_made_otherwise_ends_the_link() {
    let mut house = House::new().await;
    let old = token(&link(&house));
    std::fs::remove_file(house.data().join("setup-link")).unwrap();
    house.restart().await;
    let new = token(&link(&house));
    assert_ne!(old, new);
    house.add_user("tv", "viewer").await;
    assert!(house.data().join("setup-link").exists());
    house.add_user("anna", "administrator").await;
    assert!(!house.data().join("setup-link").exists());
    house.stranger().post("/api/v1/setup", form(&new, "eve", PASSWORD)).await.refused(410, "setup_over");
}

#[tokio::test]
async fn the_last_administrator_can_neither_go_nor_become_less() {
    let house = House::new().await;
    house.add_user("anna", "administrator").await;
    let anna = house.sign_in("anna").await.caller;
    for caller in [&anna, &house.local()] {
        caller.delete("/api/v1/users/anna").await.refused(409, "last_administrator");
        let demoted = caller.patch("/api/v1/users/anna", json!({ "role": "operator" })).await;
        demoted.refused(409, "last_administrator");
    }
    anna.get("/api/v1/session").await.done(200);
    let ben = json!({ "user": "ben", "password": PASSWORD, "role": "administrator" });
    anna.post("/api/v1/users", ben.clone()).await.done(201);
    anna.post("/api/v1/users", ben).await.refused(409, "name_taken");
    anna.delete("/api/v1/users/anna").await.done(204);
    assert!(anna.get("/api/v1/session").await.done(200).is_null());
    assert!(house.audit().await.contains(&"user.remove refused last_administrator".to_owned()));
}

#[tokio::test]
async fn no_secret_of_a_users_lies_in_the_data_directory_or_in_the_audit_log() {
    let mut house = House::new().await;
    let setup = token(&link(&house));
    let made = house.stranger().post("/api/v1/setup", form(&setup, "anna", PASSWORD)).await;
    let anna = house.browser(&made);
    let offer = anna.caller.post("/api/v1/me/totp", json!({ "password": PASSWORD })).await.done(200);
    let secret = offer["secret"].as_str().unwrap().to_owned();
    let code = crate::console::code_of(&secret, house.now());
    let codes = anna.caller.post("/api/v1/me/totp/confirm", json!({ "code": code })).await.done(200);
    house
        .try_sign_in("a password typed as a name", "wrong horse battery")
        .await
        .refused(401, "wrong_credentials");
    let cookie = anna.cookie.split_once('=').unwrap().1.to_owned();
    let mut secrets =
        vec![PASSWORD.to_owned(), setup, secret, cookie, "a password typed as a name".to_owned()];
    secrets.extend(
        codes["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()),
    );
    let (mut answers, local) = (String::new(), house.local());
    for path in ["users", "sessions", "audit", "session", "status"] {
        answers.push_str(&anna.caller.get(&format!("/api/v1/{path}")).await.text());
        answers.push_str(&local.get(&format!("/api/v1/{path}")).await.text());
    }
    assert!(answers.contains("anna") && !answers.contains("argon2"));
    house.stop().await;
    let mut kept = answers.into_bytes();
    for entry in std::fs::read_dir(house.data()).unwrap() {
        kept.extend(std::fs::read(entry.unwrap().path()).unwrap_or_default());
    }
    for secret in secrets {
        let found = kept.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is kept somewhere");
    }
}
