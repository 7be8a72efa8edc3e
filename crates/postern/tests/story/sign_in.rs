//! Somebody signs in to the console, or tries to.

use http::Method;
use serde_json::json;
use time::Duration;

use crate::console::{PASSWORD, code_of};
use crate::house::{Answer, House};

#[tokio::test]
async fn a_session_is_in_a_cookie_that_only_this_host_gets_and_no_script_reads() {
    let house = House::new().await;
    house.add_user("Anna", "operator").await;
    let answer = house.try_sign_in(" anna ", PASSWORD).await;
    let told = answer.done(200);
    assert_eq!(
        (&told["user"], &told["role"], &told["totp"]),
        (&json!("Anna"), &json!("operator"), &json!(false))
    );
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-postern-session="), "{cookie}");
    for flag in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    let anna = house.browser(&answer);
    assert_eq!(anna.caller.get("/api/v1/session").await.done(200), told);
    anna.caller.get("/api/v1/status").await.done(200);
    let users = house.local().get("/api/v1/users").await.done(200);
    assert!(users["items"][0]["last_sign_in"].is_string(), "{users}");
    let audit = house.local().get("/api/v1/audit?action=session.start").await.done(200);
    assert_eq!(
        (&audit["items"][0]["actor"], &audit["items"][0]["source"]),
        (&json!("user:Anna"), &json!("127.0.0.1"))
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let house = House::new().await;
    house.add_user("anna", "administrator").await;
    let wrong = house.try_sign_in("anna", "wrong horse battery").await.refused(401, "wrong_credentials");
    let long = "x".repeat(100_000);
    for (user, password) in [("nobody", PASSWORD), ("", PASSWORD), ("anna", ""), ("anna", &long), (&long, "")]
    {
        let answer = house.try_sign_in(user, password).await;
        assert_eq!(answer.refused(401, "wrong_credentials"), wrong);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    let anna = house.local().get("/api/v1/users/anna").await;
    assert_eq!(anna.status, 405);
    let id =
        house.local().get("/api/v1/users").await.done(200)["items"][0]["id"].as_str().unwrap().to_owned();
    house.try_sign_in(&id, PASSWORD).await.refused(401, "wrong_credentials");
}

#[tokio::test]
async fn whoever_guesses_waits_longer_each_time_and_the_right_password_ends_it() {
    let house = House::new().await;
    house.add_user("anna", "administrator").await;
    for _ in 0..5 {
        house.try_sign_in("anna", "wrong horse battery").await.refused(401, "wrong_credentials");
    }
    let answer = house.try_sign_in("ANNA", PASSWORD).await;
    let problem = answer.refused(429, "throttled");
    let wait = problem["retry_after_seconds"].as_i64().unwrap();
    assert!((1..=2).contains(&wait), "{problem}");
    assert_eq!(answer.header("retry-after"), wait.to_string());
    house.advance(Duration::seconds(wait));
    house.try_sign_in("anna", "wrong horse battery").await.refused(401, "wrong_credentials");
    let problem = house.try_sign_in("anna", PASSWORD).await.refused(429, "throttled");
    assert!(problem["retry_after_seconds"].as_i64().unwrap() > wait, "{problem}");
    house.advance(Duration::seconds(4));
    house.try_sign_in("anna", PASSWORD).await.done(200);
    house.try_sign_in("anna", "wrong horse battery").await.refused(401, "wrong_credentials");
    house.try_sign_in("anna", PASSWORD).await.done(200);
}

#[tokio::test]
async fn an_unknown_user_is_slowed_down_like_a_known_one() {
    let house = House::new().await;
    for _ in 0..5 {
        house.try_sign_in("nobody", PASSWORD).await.refused(401, "wrong_credentials");
    }
    house.try_sign_in("nobody", PASSWORD).await.refused(429, "throttled");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_is_confirmed_and_each_code_counts_once() {
    let house = House::new().await;
    house.add_user("anna", "administrator").await;
    let anna = house.sign_in("anna").await.caller;
    anna.post("/api/v1/me/totp", json!({ "password": "wrong" })).await.refused(422, "wrong_password");
    anna.post("/api/v1/me/totp/confirm", json!({ "code": "000000" })).await.refused(409, "nothing_pending");
    let offer = anna.post("/api/v1/me/totp", json!({ "password": PASSWORD })).await.done(200);
    let secret = offer["secret"].as_str().unwrap();
    assert!(offer["otpauth_url"].as_str().unwrap().contains(&format!("secret={secret}&")), "{offer}");
    house.try_sign_in("anna", PASSWORD).await.done(200);
    let now = house.now();
    let other = if code_of(secret, now) == "000000" { "000001" } else { "000000" };
    anna.post("/api/v1/me/totp/confirm", json!({ "code": other })).await.refused(422, "code_mismatch");
    let code = code_of(secret, now);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let codes = anna.post("/api/v1/me/totp/confirm", json!({ "code": spaced })).await.done(200);
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(anna.get("/api/v1/session").await.done(200)["totp"], true);

    house.try_sign_in("anna", PASSWORD).await.refused(401, "code_needed");
    house.try_sign_in("anna", "wrong horse battery").await.refused(401, "wrong_credentials");
    let with = async |code: String| {
        let typed = json!({ "user": "anna", "password": PASSWORD, "code": code });
        house.stranger().post("/api/v1/session", typed).await
    };
    with(code).await.refused(401, "wrong_code");
    house.advance(Duration::seconds(60));
    let next = code_of(secret, house.now());
    with(next.clone()).await.done(200);
    with(next).await.refused(401, "wrong_code");
    house.advance(Duration::seconds(120));
    let old = code_of(secret, house.now() - Duration::seconds(90));
    with(old).await.refused(401, "wrong_code");
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_and_goes_with_the_second_factor() {
    let house = House::new().await;
    house.add_user("anna", "administrator").await;
    let anna = house.sign_in("anna").await.caller;
    let offer = anna.post("/api/v1/me/totp", json!({ "password": PASSWORD })).await.done(200);
    let code = code_of(offer["secret"].as_str().unwrap(), house.now());
    let made = anna.post("/api/v1/me/totp/confirm", json!({ "code": code })).await.done(200);
    let codes: Vec<String> = serde_json::from_value(made["recovery_codes"].clone()).unwrap();
    let with = async |code: String| {
        let typed = json!({ "user": "anna", "password": PASSWORD, "code": code });
        house.stranger().post("/api/v1/session", typed).await
    };
    let typed_otherwise = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(with(typed_otherwise).await.done(200)["recovery_codes"], 9);
    with(codes[3].clone()).await.refused(401, "wrong_code");
    with(codes[4].clone()).await.done(200);
    anna.ask(Method::DELETE, "/api/v1/me/totp", Some(json!({ "password": "wrong" })))
        .await
        .refused(422, "wrong_password");
    anna.ask(Method::DELETE, "/api/v1/me/totp", Some(json!({ "password": PASSWORD }))).await.done(204);
    house.try_sign_in("anna", PASSWORD).await.done(200);
}

#[tokio::test]
async fn a_lost_phone_is_no_end_an_administrator_removes_the_second_factor() {
    let house = House::new().await;
    house.add_user("anna", "administrator").await;
    let anna = house.sign_in("anna").await.caller;
    let offer = anna.post("/api/v1/me/totp", json!({ "password": PASSWORD })).await.done(200);
    let code = code_of(offer["secret"].as_str().unwrap(), house.now());
    anna.post("/api/v1/me/totp/confirm", json!({ "code": code })).await.done(200);
    let local = house.local();
    local.patch("/api/v1/users/anna", json!({ "totp": true })).await.refused(422, "invalid_request");
    let rescued = json!({ "password": "another horse battery", "totp": false });
    assert_eq!(local.patch("/api/v1/users/anna", rescued).await.done(200)["totp"], false);
    assert!(anna.get("/api/v1/session").await.done(200).is_null());
    house.try_sign_in("anna", "another horse battery").await.done(200);
}

#[tokio::test]
async fn a_request_that_another_site_makes_a_browser_send_changes_nothing() {
    let house = House::new().await;
    house.add_user("anna", "administrator").await;
    let cookie = house.sign_in("anna").await.cookie;
    let own = house.console();
    let send = |headers: &[(&'static str, &str)]| {
        let request = house.stranger().request(Method::POST, "/api/v1/tokens").header("cookie", &cookie);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let name =
            format!("{headers:?}").chars().filter(char::is_ascii_alphanumeric).take(90).collect::<String>();
        async move {
            let body = json!({ "name": format!("t{name}"), "role": "viewer" });
            Answer::read(request.json(&body).send().await.unwrap()).await
        }
    };
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("x-postern", "1"), ("sec-fetch-site", "cross-site")],
        &[("x-postern", "1"), ("sec-fetch-site", "same-site")],
        &[("x-postern", "1"), ("origin", "https://evil.example")],
        &[("x-postern", "1"), ("origin", "https://localhost")],
        &[("x-postern", "1"), ("origin", "null")],
        &[("x-postern", "1"), ("sec-fetch-site", "cross-site"), ("origin", &own)],
    ] {
        send(headers).await.refused(403, "cross_site");
    }
    for headers in [
        &[("x-postern", "1")][..],
        &[("x-postern", "1"), ("origin", &own)],
        &[("x-postern", "1"), ("sec-fetch-site", "same-origin")],
    ] {
        send(headers).await.done(201);
    }
    let typed = json!({ "user": "anna", "password": PASSWORD });
    let foreign =
        house.stranger().request(Method::POST, "/api/v1/session").header("sec-fetch-site", "cross-site");
    Answer::read(foreign.json(&typed).send().await.unwrap()).await.refused(403, "cross_site");
}
