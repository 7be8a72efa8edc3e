//! The authorize endpoint and its pages, as a browser without scripts sees them.

use crate::support::{Browser, Lab, OUTLOOK_SMTP, REDIRECT, Reply, SIGN_IN};
use m365_sim::User;
use m365_sim::world::UserConsent;
use serde_json::json;

const UNKNOWN: &str = "11111111-2222-3333-4444-555555555555";

#[tokio::test]
async fn what_must_not_be_redirected_stays_on_entras_page() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    browser.authorize(&[("client_id", UNKNOWN)]).await.shows(700_016);
    browser.authorize(&[("redirect_uri", "https://evil.example/authorize")]).await.shows(50011);
    browser.authorize(&[("redirect_uri", "https://localhost:4443/other")]).await.shows(50011);
    browser.authorize(&[("redirect_uri", "http://gate.example/authorize")]).await.shows(500_117);
    browser.authorize(&[("redirect_uri", "/authorize")]).await.shows(90102);
    browser.authorize(&[("client_id", "")]).await.shows(900_144);
    let url = format!("{}/{UNKNOWN}/oauth2/v2.0/authorize?client_id={}", lab.sim.https_url, lab.client);
    browser.get(&url).await.shows(90002);
    browser.get(&url.replace(UNKNOWN, "common")).await.shows(50194);
    lab.sim.change_world(|world| world.apps[0].redirect_uris.clear());
    browser.authorize(&[]).await.shows(900_971);
}

#[tokio::test]
async fn the_error_page_prints_what_support_asks_for() {
    let lab = Lab::start().await;
    let page = Browser::new(&lab).authorize(&[("redirect_uri", "https://evil.example/<x>")]).await;
    for words in [
        "Request Id:",
        "Correlation Id:",
        "Timestamp:",
        "Message:",
        "does not match the redirect URIs configured",
    ] {
        assert!(page.html.contains(words), "{words}");
    }
    assert!(!page.html.contains("<x>"), "what comes from outside is escaped");
}

#[tokio::test]
async fn other_mistakes_are_told_to_the_application() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("response_type", "code id_token")]).await;
    page.refuses("unsupported_response_type", 700_054);
    assert_eq!(page.answer()["state"], "abc");
    browser.authorize(&[("response_type", "")]).await.refuses("invalid_request", 900_144);
    browser.authorize(&[("scope", "")]).await.refuses("invalid_request", 900_144);
    browser
        .authorize(&[("scope", "https://graph.microsoft.com/Mail.Fly")])
        .await
        .refuses("invalid_scope", 70011);
    browser.authorize(&[("scope", "https://nobody.example/x")]).await.refuses("invalid_resource", 500_011);
    browser.authorize(&[("code_challenge", "short")]).await.refuses("invalid_request", 501_491);
    browser.authorize(&[("prompt", "dance")]).await.refuses("invalid_request", 90023);
    browser.authorize(&[("response_mode", "pigeon")]).await.refuses("invalid_request", 70007);
    lab.switch(|switches| switches.exchange_missing = true);
    browser.authorize(&[("scope", OUTLOOK_SMTP)]).await.refuses("invalid_resource", 650_052);
}

#[tokio::test]
async fn the_answer_comes_by_query_fragment_or_form() {
    let lab = Lab::start().await;
    for (mode, start) in [("query", "?code="), ("fragment", "#code=")] {
        let mut browser = Browser::new(&lab);
        let page = browser.authorize(&[("response_mode", mode)]).await;
        let page = browser.sign_in(&page, &lab.user, &lab.password).await;
        assert!(page.location.as_deref().unwrap().starts_with(&format!("{REDIRECT}{start}")), "{page:?}");
        assert_eq!(page.answer()["state"], "abc");
        assert!(page.answer().contains_key("session_state"));
    }
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("response_mode", "form_post")]).await;
    let page = browser.sign_in(&page, &lab.user, &lab.password).await;
    assert!(
        page.html.contains(&format!("action=\"{REDIRECT}\"")) && page.html.contains("<button"),
        "{}",
        page.html
    );
    let fields = page.hidden();
    let code = &fields.iter().find(|(name, _)| name == "code").unwrap().1;
    assert!(fields.contains(&("state".into(), "abc".into())));
    assert_eq!(lab.redeem(code, SIGN_IN).await.status, 200);
}

#[tokio::test]
async fn the_loopback_port_does_not_matter() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("redirect_uri", "https://localhost:5555/authorize")]).await;
    let page = browser.sign_in(&page, &lab.user, &lab.password).await;
    assert!(page.location.unwrap().starts_with("https://localhost:5555/authorize?code="));
}

#[tokio::test]
async fn wrong_name_or_password_stay_on_the_page_with_what_was_typed() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("login_hint", &lab.user)]).await;
    assert!(page.html.contains(&format!("value=\"{}\"", lab.user)), "login_hint fills the field in");
    let page = browser.sign_in(&page, "nobody@contoso.example", "x").await;
    page.shows(50034);
    let page = browser.sign_in(&page, &lab.user, "wrong").await;
    page.shows(50126);
    let page = browser.sign_in(&page, &lab.user, &lab.password).await;
    assert!(page.answer().contains_key("code"));
    lab.sim.change_world(|world| world.users[0].enabled = false);
    let page = Browser::new(&lab).authorize(&[]).await;
    browser.sign_in(&page, &lab.user, &lab.password).await.shows(50057);
}

#[tokio::test]
async fn a_finished_sign_in_can_not_be_sent_again() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[]).await;
    assert!(browser.sign_in(&page, &lab.user, &lab.password).await.answer().contains_key("code"));
    browser.sign_in(&page, &lab.user, &lab.password).await.shows(50089);
}

#[tokio::test]
async fn prompt_decides_which_page_is_seen() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    browser.authorize(&[("prompt", "none")]).await.refuses("login_required", 50058);
    let page = browser.authorize(&[]).await;
    browser.sign_in(&page, &lab.user, &lab.password).await;
    assert!(browser.authorize(&[]).await.answer().contains_key("code"), "the session is enough");
    assert!(browser.authorize(&[("prompt", "none")]).await.answer().contains_key("code"));
    assert!(browser.authorize(&[("prompt", "login")]).await.html.contains(">Sign in</button>"));
    let page = browser.authorize(&[("prompt", "select_account")]).await;
    assert!(page.html.contains("Pick an account"));
    assert!(browser.press(&page, &lab.user, &[]).await.answer().contains_key("code"));
    let page = browser.press(&page, "Use another account", &[]).await;
    page.shows(50089);
    let page = browser.authorize(&[("prompt", "consent")]).await;
    assert!(
        page.html.contains(">Accept</button>") && page.html.contains(">Cancel</button>"),
        "{}",
        page.html
    );
    let url = lab.url("oauth2/v2.0/logout");
    assert!(browser.get(&url).await.html.contains("You signed out"));
    browser.authorize(&[("prompt", "none")]).await.refuses("login_required", 50058);
}

#[tokio::test]
async fn consent_is_asked_for_kept_and_refused() {
    let lab = Lab::start_with(|world| world.apps[0].admin_consent = false).await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[]).await;
    let page = browser.sign_in(&page, &lab.user, &lab.password).await;
    assert!(page.html.contains("Mail.Send"), "{}", page.html);
    let declined = browser.press(&page, "Cancel", &[]).await;
    declined.refuses("access_denied", 65004);
    assert_eq!(declined.answer()["error_subcode"], "cancel");
    browser.authorize(&[("prompt", "none")]).await.refuses("interaction_required", 65001);
    let page = browser.authorize(&[]).await;
    let code = browser.press(&page, "Accept", &[]).await.answer().remove("code").unwrap();
    assert_eq!(lab.redeem(&code, SIGN_IN).await.status, 200);
    assert!(browser.authorize(&[]).await.answer().contains_key("code"), "the consent was kept");
    let page = browser.authorize(&[("scope", &format!("{SIGN_IN} {OUTLOOK_SMTP}"))]).await;
    assert!(
        page.html.contains("SMTP.Send") && !page.html.contains("(<code>Mail.Send"),
        "only what is new: {}",
        page.html
    );
}

#[tokio::test]
async fn where_people_may_not_consent_an_administrator_must() {
    let user = User::new("joe@contoso.example", "Joe", "secret");
    let lab = Lab::start_with(|world| {
        world.apps[0].admin_consent = false;
        world.switches.user_consent = UserConsent::Blocked;
        world.users.push(user);
    })
    .await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[]).await;
    let page = browser.sign_in(&page, "joe@contoso.example", "secret").await;
    page.shows(90094);
    browser
        .press(&page, "Return to the application without granting consent", &[])
        .await
        .refuses("access_denied", 90094);
    browser.authorize(&[("prompt", "consent")]).await.shows(90094);
    lab.switch(|switches| switches.user_consent = UserConsent::Request);
    browser.authorize(&[]).await.shows(90095);
}

#[tokio::test]
async fn an_administrator_consents_for_everyone() {
    let lab = Lab::start_with(|world| world.apps[0].admin_consent = false).await;
    let mut browser = Browser::new(&lab);
    let parameters = [
        ("client_id", lab.client.as_str()),
        ("redirect_uri", REDIRECT),
        ("state", "s"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let url = reqwest::Url::parse_with_params(&lab.url("v2.0/adminconsent"), parameters).unwrap();
    let page = browser.get(url.as_str()).await;
    let page = browser.sign_in(&page, &lab.user, &lab.password).await;
    let refused = browser.press(&page, "Cancel", &[]).await.answer();
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("consent_required", "s"));
    let page = browser.get(url.as_str()).await;
    let answer = browser.press(&page, "Accept", &[]).await.answer();
    assert_eq!((answer["admin_consent"].as_str(), answer["tenant"].as_str()), ("True", lab.tenant.as_str()));
    assert!(lab.sim.world().apps[0].admin_consent);
}

#[tokio::test]
async fn mfa_is_one_more_page_and_conditional_access_ends_the_sign_in() {
    let lab = Lab::start_with(|world| world.users[0].mfa = true).await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[]).await;
    let page = browser.sign_in(&page, &lab.user, &lab.password).await;
    let code = browser.press(&page, "Approve", &[]).await.answer().remove("code").unwrap();
    let reply = lab.redeem(&code, SIGN_IN).await;
    assert_eq!(crate::support::decode(&reply.access_token()).1["amr"], json!(["pwd", "mfa"]));
    lab.switch(|switches| switches.ca_block = true);
    browser.authorize(&[]).await.refuses("access_denied", 53003);
}

#[tokio::test]
async fn signing_out_goes_back_to_registered_addresses_only() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    let url = |uri: &str| {
        reqwest::Url::parse_with_params(&lab.url("oauth2/v2.0/logout"), [("post_logout_redirect_uri", uri)])
            .unwrap()
    };
    assert_eq!(browser.get(url(REDIRECT).as_str()).await.location.as_deref(), Some(REDIRECT));
    assert_eq!(browser.get(url("https://evil.example/").as_str()).await.location, None);
}

#[tokio::test]
async fn instance_discovery_knows_this_host_and_no_other() {
    let lab = Lab::start().await;
    let ask = async |authority: &str| {
        let query = [("api-version", "1.1"), ("authorization_endpoint", authority)];
        let url = format!("{}/common/discovery/instance", lab.sim.https_url);
        let url = reqwest::Url::parse_with_params(&url, query).unwrap();
        Reply::read(lab.http.get(url).send().await.unwrap()).await
    };
    let reply = ask(&lab.url("oauth2/v2.0/authorize")).await;
    assert!(reply.text("tenant_discovery_endpoint").starts_with(&lab.sim.https_url), "{}", reply.body);
    ask("https://other.example/common/oauth2/v2.0/authorize").await.refused(400, "invalid_instance", 50049);
}

#[tokio::test]
async fn the_request_may_come_by_post() {
    let lab = Lab::start().await;
    let fields = [
        ("client_id", lab.client.as_str()),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", SIGN_IN),
        ("state", "posted"),
    ];
    let reply = lab.post_to(&lab.url("oauth2/v2.0/authorize"), &fields).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.as_str().unwrap().contains(">Sign in</button>"), "{}", reply.body);
}
