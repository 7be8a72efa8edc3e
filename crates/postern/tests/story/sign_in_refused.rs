//! Microsoft refuses a sign-in of an account: on a page of its own, on the way back, or when it is used.

use m365_sim::World;
use serde_json::{Value, json};
use time::Duration;

use crate::authorize::{begin, begun, flow_now, path, url};
use crate::house::House;
use crate::person::Person;

/// What Postern makes of a text that was copied from a page, for the account `mail`.
async fn explain(house: &House, text: &str) -> Value {
    let asked = json!({ "text": text, "account": "mail" });
    house.local().post("/api/v1/explain", asked).await.done(200)["items"][0].clone()
}

/// Whoever signs in by a device code: what the last page says.
async fn sign_in_by_code(house: &House, flow: &Value) -> String {
    let (page, code) = (flow["verification_uri"].as_str().unwrap(), flow["user_code"].as_str().unwrap());
    Person::new(house, "megan").type_code(page, code).await
}

/// How a flow ends that whoever polls hears of.
async fn end_of(house: &House, flow: &Value) -> Value {
    house.local().get(&format!("{}?wait=60", path(flow))).await.done(200)
}

#[tokio::test]
async fn what_comes_back_instead_of_a_code_is_named_and_breaks_nothing() {
    let house = House::new().await;
    house.account(json!({ "transport": "smtp" })).await;
    let healthy = house.sim.world();
    // Megan is an administrator, who may consent; Sam isn't.
    for (user, happens, code) in [
        ("megan", (|world| world.switches.ca_block = true) as fn(&mut World), "AADSTS53003"),
        ("megan", |world| world.switches.exchange_missing = true, "AADSTS650052"),
        (
            "nosmtp",
            |world| {
                world.apps[0].admin_consent = false;
                world.switches.user_consent = m365_sim::world::UserConsent::Blocked;
            },
            "AADSTS90094",
        ),
    ] {
        house.sim.change_world(happens);
        let (flow, _) = begin(&house.local(), json!({})).await;
        let mut person = Person::new(&house, user);
        let brought = person.sign_in(url(&flow)).await;
        assert!(brought.field("error_description").starts_with(&format!("{code}: ")), "{brought:?}");
        assert_eq!(person.bring(&brought).await.status, 400);
        let failed = flow_now(&house, &flow).await;
        assert_eq!(
            (&failed["status"], &failed["failure"]["code"]),
            (&json!("failed"), &json!(code)),
            "{failed}"
        );
        assert!(!failed["failure"]["hint"].as_str().unwrap().is_empty());
        assert_eq!(house.look_at("mail").await["state"]["name"], "needs_sign_in");
        house.sim.change_world(|world| *world = healthy.clone());
    }
}

#[tokio::test]
async fn a_page_from_which_nothing_comes_back_is_explained_when_its_text_is_pasted() {
    let house = House::new().await;
    house.account(json!({})).await;
    let healthy = house.sim.world();
    for (happens, code, says) in [
        (
            (|world| world.apps[0].redirect_uris = vec!["https://elsewhere.example/authorize".to_owned()])
                as fn(&mut World),
            "AADSTS50011",
            format!("{}/authorize", house.console()),
        ),
        (
            |world| {
                world.apps[0].admin_consent = false;
                world.switches.user_consent = m365_sim::world::UserConsent::Request;
            },
            "AADSTS90095",
            healthy.apps[0].client_id.to_string(),
        ),
    ] {
        house.sim.change_world(happens);
        let (flow, _) = begin(&house.local(), json!({})).await;
        let text = Person::new(&house, "nosmtp").read_last_page(url(&flow)).await;
        let advice = explain(&house, &text).await;
        let told = (&advice["code"], &advice["turn"], &advice["known"]);
        assert_eq!(told, (&json!(code), &json!("tenant_administrator"), &json!(true)), "{text}: {advice}");
        assert!(advice["fix"].as_str().unwrap().contains(&says), "{advice}");
        assert_eq!(flow_now(&house, &flow).await["status"], "waiting", "the application hears nothing");
        house.sim.change_world(|world| *world = healthy.clone());
    }
}

#[tokio::test]
async fn where_device_codes_are_blocked_the_page_says_so_and_whoever_polls_hears_only_of_the_end() {
    let house = House::new().await;
    house.account(json!({})).await;
    house.sim.change_world(|world| world.switches.device_code_blocked = true);
    let (flow, _) = begin(&house.local(), json!({ "device_code": true })).await;
    let page = sign_in_by_code(&house, &flow).await;
    assert!(page.contains("AADSTS53003"), "{page}");
    assert_eq!(flow_now(&house, &flow).await["status"], "waiting");
    house.sim.advance_clock(Duration::minutes(16));
    let over = end_of(&house, &flow).await;
    assert_eq!((&over["status"], &over["failure"]["code"]), (&json!("failed"), &json!("expired")), "{over}");
    let last = house.sim.requests().pop().unwrap();
    assert_eq!(last["error_codes"], json!([70019]), "{last}");
}

#[tokio::test]
async fn a_sign_in_by_device_code_is_stopped_when_they_are_blocked_later() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, _) = begin(&house.local(), json!({ "device_code": true })).await;
    sign_in_by_code(&house, &flow).await;
    assert_eq!(end_of(&house, &flow).await["status"], "pending");
    house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    house.sim.change_world(|world| world.switches.device_code_blocked = true);
    let check = house.local().post("/api/v1/accounts/mail/check", json!({})).await.done(200);
    let token = &check["stages"][2];
    assert_eq!((&token["name"], &token["code"]), (&json!("token"), &json!("AADSTS53003")), "{check}");
    assert_eq!(house.look_at("mail").await["state"]["code"], "AADSTS53003");
}

#[tokio::test]
async fn a_sign_in_service_that_slows_down_is_named_and_breaks_nothing() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    house.sim.change_world(|world| world.switches.entra_throttle_seconds = 30);
    assert_eq!(megan.bring(&brought).await.status, 400);
    let failed = flow_now(&house, &flow).await;
    assert_eq!(
        (&failed["status"], &failed["failure"]["code"]),
        (&json!("failed"), &json!("AADSTS90055")),
        "{failed}"
    );
    assert_eq!(house.look_at("mail").await["state"]["name"], "needs_sign_in");
}
