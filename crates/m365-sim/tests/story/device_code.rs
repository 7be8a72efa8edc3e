//! Device code: the code, the page, the polling.

use crate::support::{Browser, Lab, Page, Reply, SIGN_IN};
use time::Duration;

async fn start(lab: &Lab) -> Reply {
    let fields = [("client_id", lab.client.as_str()), ("scope", SIGN_IN)];
    let reply = lab.post_to(&lab.url("oauth2/v2.0/devicecode"), &fields).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply
}

async fn poll(lab: &Lab, started: &Reply) -> Reply {
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", lab.client.as_str()),
        ("device_code", started.text("device_code")),
    ];
    lab.post(&fields).await
}

async fn enter(browser: &mut Browser<'_>, started: &Reply) -> Page {
    let page = browser.get(started.text("verification_uri")).await;
    browser.press(&page, "Next", &[("Code", started.text("user_code"))]).await
}

#[tokio::test]
async fn the_device_waits_until_someone_has_signed_in() {
    let lab = Lab::start().await;
    let started = start(&lab).await;
    assert_eq!(
        (started.body["expires_in"].as_u64(), started.body["interval"].as_u64()),
        (Some(900), Some(5))
    );
    assert!(started.text("message").contains(started.text("user_code")));
    poll(&lab, &started).await.refused(400, "authorization_pending", 70016);
    let mut browser = Browser::new(&lab);
    let page = enter(&mut browser, &started).await;
    let page = browser.sign_in(&page, &lab.user, &lab.password).await;
    assert!(page.html.contains("You have signed in to the Postern application"), "{}", page.html);
    let reply = poll(&lab, &started).await;
    assert_ne!(reply.text("refresh_token"), "", "{}", reply.body);
    assert_ne!(reply.text("id_token"), "");
    poll(&lab, &started).await.refused(400, "bad_verification_code", 70000);
}

#[tokio::test]
async fn wrong_empty_and_used_codes_are_refused_on_the_page() {
    let lab = Lab::start().await;
    let started = start(&lab).await;
    let mut browser = Browser::new(&lab);
    let page = browser.get(started.text("verification_uri")).await;
    browser.press(&page, "Next", &[("Code", "WRONG")]).await.shows(70018);
    browser.press(&page, "Next", &[("Code", " ")]).await.shows(90119);
    let page = enter(&mut browser, &started).await;
    browser.sign_in(&page, &lab.user, &lab.password).await;
    enter(&mut browser, &started).await.shows(90120);
}

#[tokio::test]
async fn a_declined_and_an_expired_code_end_the_polling() {
    let lab = Lab::start().await;
    let started = start(&lab).await;
    let mut browser = Browser::new(&lab);
    let page = enter(&mut browser, &started).await;
    browser.press(&page, "Cancel", &[]).await.shows(65004);
    poll(&lab, &started).await.refused(400, "authorization_declined", 65004);
    let started = start(&lab).await;
    lab.sim.advance_clock(Duration::seconds(901));
    poll(&lab, &started).await.refused(400, "expired_token", 70019);
}

#[tokio::test]
async fn a_policy_against_device_code_shows_in_the_browser_only() {
    let lab = Lab::start().await;
    lab.switch(|switches| switches.device_code_blocked = true);
    let started = start(&lab).await;
    let mut browser = Browser::new(&lab);
    let page = enter(&mut browser, &started).await;
    browser.sign_in(&page, &lab.user, &lab.password).await.shows(53003);
    poll(&lab, &started).await.refused(400, "authorization_pending", 70016);
}

#[tokio::test]
async fn a_policy_against_device_code_also_stops_a_sign_in_that_was_made_by_one() {
    let lab = Lab::start().await;
    let started = start(&lab).await;
    let mut browser = Browser::new(&lab);
    let page = enter(&mut browser, &started).await;
    browser.sign_in(&page, &lab.user, &lab.password).await;
    let first = lab.refresh(poll(&lab, &started).await.text("refresh_token"), SIGN_IN).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let by_browser = lab.signed_in(SIGN_IN).await;
    lab.switch(|switches| switches.device_code_blocked = true);
    let later = lab.refresh(first.text("refresh_token"), SIGN_IN).await;
    later.refused(400, "interaction_required", 53003);
    assert_eq!(lab.refresh(by_browser.text("refresh_token"), SIGN_IN).await.status, 200);
}

#[tokio::test]
async fn without_public_client_flows_the_device_needs_a_credential() {
    let lab = Lab::start_with(|world| world.apps[0].public_client = false).await;
    let started = start(&lab).await;
    poll(&lab, &started).await.refused(401, "invalid_client", 7_000_218);
}
