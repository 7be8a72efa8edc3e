//! A session ends: by itself, by its user, by an administrator; also while it is used.

use http::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::console::{Browser, PASSWORD};
use crate::house::{Answer, House};

async fn is_over(browser: &Browser) -> bool {
    browser.caller.get("/api/v1/session").await.done(200).is_null()
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_after_a_week_in_any_case() {
    let house = House::new().await;
    house.add_user("anna", "viewer").await;
    let anna = house.sign_in("anna").await;
    house.advance(Duration::hours(11));
    assert!(!is_over(&anna).await);
    for _ in 0..14 {
        house.advance(Duration::hours(11));
        assert!(!is_over(&anna).await);
    }
    house.advance(Duration::hours(11));
    assert!(is_over(&anna).await, "15 × 11 hours and one more are over a week");
    let idle = house.sign_in("anna").await;
    house.advance(Duration::hours(12) + Duration::seconds(1));
    assert!(is_over(&idle).await);
    anna.caller.get("/api/v1/status").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn whoever_signs_out_is_out_and_others_are_not() {
    let house = House::new().await;
    house.add_user("anna", "viewer").await;
    let (one, two) = (house.sign_in("anna").await, house.sign_in("anna").await);
    let answer = one.caller.delete("/api/v1/session").await;
    answer.done(204);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert!(is_over(&one).await && !is_over(&two).await);
}

#[tokio::test]
async fn another_password_role_or_a_removal_ends_a_users_sessions() {
    let house = House::new().await;
    house.add_user("root", "administrator").await;
    house.add_user("anna", "operator").await;
    let local = house.local();
    for change in [json!({ "role": "viewer" }), json!({ "password": "another horse battery" })] {
        let anna = house.sign_in("anna").await;
        local.patch("/api/v1/users/anna", change).await.done(200);
        assert!(is_over(&anna).await);
    }
    local.patch("/api/v1/users/anna", json!({ "password": PASSWORD })).await.done(200);
    let anna = house.sign_in("anna").await;
    local.delete("/api/v1/users/anna").await.done(204);
    assert!(is_over(&anna).await);
    house.try_sign_in("anna", PASSWORD).await.refused(401, "wrong_credentials");
}

#[tokio::test]
async fn whoever_changes_their_own_password_stays_here_and_is_out_elsewhere() {
    let house = House::new().await;
    house.add_user("anna", "viewer").await;
    let (here, elsewhere) = (house.sign_in("anna").await, house.sign_in("anna").await);
    let change = |old: &str, new: &str| json!({ "password": old, "new_password": new });
    let path = "/api/v1/me/password";
    here.caller.post(path, change("wrong", "another horse battery")).await.refused(422, "wrong_password");
    let short = here.caller.post(path, change(PASSWORD, "short")).await.refused(422, "password_refused");
    assert_eq!(short["field"], "new_password");
    here.caller.post(path, change(PASSWORD, "another horse battery")).await.done(204);
    assert!(!is_over(&here).await && is_over(&elsewhere).await);
    house.try_sign_in("anna", PASSWORD).await.refused(401, "wrong_credentials");
    house.try_sign_in("anna", "another horse battery").await.done(200);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let house = House::new().await;
    for (name, role) in [("root", "administrator"), ("anna", "viewer")] {
        house.add_user(name, role).await;
    }
    let (root, anna, again) =
        (house.sign_in("root").await, house.sign_in("anna").await, house.sign_in("anna").await);
    let list = |listed: Value| -> Vec<(String, bool, String)> {
        let items = listed["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                let text = |name: &str| item[name].as_str().unwrap().to_owned();
                (text("user"), item["current"].as_bool().unwrap(), text("id"))
            })
            .collect()
    };
    let all = list(root.caller.get("/api/v1/sessions").await.done(200));
    let names: Vec<_> = all.iter().map(|(user, current, _)| (user.as_str(), *current)).collect();
    assert_eq!(names, [("anna", false), ("anna", false), ("root", true)]);
    let own = list(anna.caller.get("/api/v1/sessions").await.done(200));
    assert_eq!(own.iter().map(|(_, current, _)| *current).collect::<Vec<_>>(), [false, true]);
    let end = |id: &str| format!("/api/v1/sessions/{id}");
    anna.caller.delete(&end(&all[2].2)).await.refused(404, "not_found");
    anna.caller.delete(&end(&own[0].2)).await.done(204);
    assert!(is_over(&again).await && !is_over(&root).await);
    root.caller.delete(&end(&own[1].2)).await.done(204);
    assert!(is_over(&anna).await);
    root.caller.delete(&end(&own[1].2)).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_ended_session_hears_no_more_events() {
    let house = House::new().await;
    house.add_user("anna", "viewer").await;
    let anna = house.sign_in("anna").await;
    let mut listening = anna.caller.request(Method::GET, "/api/v1/events").send().await.unwrap();
    assert_eq!(listening.headers()["x-accel-buffering"], "no", "a proxy must not hold them back");
    anna.caller.delete("/api/v1/session").await.done(204);
    let end = async { while listening.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), end).await.expect("the stream ends");
}

#[tokio::test]
async fn a_made_up_cookie_is_nobody() {
    let house = House::new().await;
    for cookie in ["__Host-postern-session=", "__Host-postern-session=abc", "postern-session=abc"] {
        let request = house.stranger().request(Method::GET, "/api/v1/session").header("cookie", cookie);
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert!(answer.done(200).is_null(), "{cookie}");
        let request = house.stranger().request(Method::GET, "/api/v1/status").header("cookie", cookie);
        assert_eq!(request.send().await.unwrap().status(), 401, "{cookie}");
    }
}
