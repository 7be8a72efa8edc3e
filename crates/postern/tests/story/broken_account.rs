//! An account is broken: what mends it, and what doesn't.

use serde_json::{Value, json};

use crate::house::House;
use crate::person::Person;

async fn send(house: &House) -> Value {
    let to = json!({ "to": "nosmtp@contoso.example", "account": "mail" });
    house.local().post("/api/v1/test-email", to).await.done(200)
}

async fn check(house: &House) -> Value {
    house.local().post("/api/v1/accounts/mail/check", json!({})).await.done(200)
}

async fn state(house: &House) -> (Value, Value) {
    let account = house.look_at("mail").await;
    (account["state"]["name"].clone(), account["state"]["code"].clone())
}

/// Starts a sign-in of the account and lets `user` come back from it; nobody has confirmed it.
async fn leave_pending(house: &House, user: &str) -> String {
    let flow = house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    let mut person = Person::new(house, user);
    let brought = person.sign_in(flow["url"].as_str().unwrap()).await;
    person.bring(&brought).await;
    format!("/api/v1/authorizations/{}", flow["id"].as_str().unwrap())
}

/// An account whose secret Microsoft doesn't take for the moment, and that secret.
async fn broken_by_its_secret(house: &House) -> Vec<m365_sim::world::Secret> {
    house.account(json!({})).await;
    house.authorize("mail", "megan").await;
    let mut kept = Vec::new();
    house.sim.change_world(|world| kept = std::mem::take(&mut world.apps[0].secrets));
    assert_eq!(send(house).await["ok"], false);
    assert_eq!(state(house).await, (json!("broken"), json!("AADSTS7000215")));
    kept
}

#[tokio::test]
async fn a_sign_in_that_comes_to_nothing_leaves_a_broken_account_with_its_grant() {
    let house = House::new().await;
    let secrets = broken_by_its_secret(&house).await;
    house.sim.change_world(|world| world.apps[0].secrets = secrets.clone());
    let flow = leave_pending(&house, "megan").await;
    assert_eq!(state(&house).await, (json!("pending"), Value::Null), "what to do next is to confirm");
    assert_eq!(house.local().delete(&flow).await.status, 204);
    assert_eq!(state(&house).await, (json!("broken"), json!("AADSTS7000215")), "nothing was mended");
    assert_eq!(house.look_at("mail").await["grant"]["user"], "megan@contoso.example");
    assert_eq!(send(&house).await["ok"], true, "the old grant holds");
    assert_eq!(state(&house).await, (json!("ready"), Value::Null));
}

#[tokio::test]
async fn a_broken_account_stays_so_when_nobody_confirms_in_time() {
    let mut house = House::new().await;
    let secrets = broken_by_its_secret(&house).await;
    house.sim.change_world(|world| world.apps[0].secrets = secrets);
    leave_pending(&house, "megan").await;
    house.stop().await;
    house.advance(time::Duration::minutes(11));
    house.start().await;
    assert_eq!(state(&house).await, (json!("broken"), json!("AADSTS7000215")));
}

#[tokio::test]
async fn a_second_sign_in_that_fails_does_not_disturb_the_first() {
    let house = House::new().await;
    house.account(json!({})).await;
    leave_pending(&house, "megan").await;
    let second = house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    let mut megan = Person::new(&house, "megan");
    let brought = megan.cancel_at("login", second["url"].as_str().unwrap()).await;
    megan.bring(&brought).await;
    let ended = format!("/api/v1/authorizations/{}", second["id"].as_str().unwrap());
    assert_eq!(house.local().get(&ended).await.done(200)["status"], "failed");
    assert_eq!(state(&house).await.0, "pending");
    let kept = house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    assert_eq!(kept["state"]["name"], "ready");
}

#[tokio::test]
async fn a_check_does_not_mend_what_only_a_message_meets() {
    type Switch = fn(&mut m365_sim::World);
    let ways: [(&str, &str, Switch); 2] = [
        ("graph", "MailboxNotEnabledForRESTAPI", |world| world.users[0].mailbox = false),
        ("smtp", "550 5.1.8", |world| world.switches.smtp_bad_sender = true),
    ];
    for (transport, code, happens) in ways {
        let house = House::new().await;
        house.account(json!({ "transport": transport })).await;
        house.authorize("mail", "megan").await;
        let healthy = house.sim.world();
        house.sim.change_world(happens);
        assert_eq!(send(&house).await["ok"], false);
        assert_eq!(state(&house).await, (json!("broken"), json!(code)));
        assert_eq!(check(&house).await["ok"], true, "up to the mailbox all is well");
        assert_eq!(
            state(&house).await,
            (json!("broken"), json!(code)),
            "and the message would meet it again"
        );
        house.sim.change_world(|world| *world = healthy);
        assert_eq!(send(&house).await["ok"], true);
        assert_eq!(state(&house).await.0, "ready");
    }
}

#[tokio::test]
async fn a_check_mends_what_it_would_have_met() {
    let house = House::new().await;
    let secrets = broken_by_its_secret(&house).await;
    house.sim.change_world(|world| world.apps[0].secrets = secrets);
    assert_eq!(check(&house).await["ok"], true);
    assert_eq!(state(&house).await.0, "ready");
}

#[tokio::test]
async fn a_token_does_not_mend_a_log_in_that_is_refused() {
    let house = House::new().await;
    house.certificate("gate").await;
    let application = json!({
        "sign_in": "application", "transport": "smtp", "from": "megan@contoso.example",
        "credential": { "kind": "certificate", "certificate": "gate" },
    });
    house.account(application).await;
    house.sim.change_world(|world| world.switches.smtp_auth_disabled = true);
    house.sim.change_world(|world| world.users[0].smtp_auth = None);
    assert_eq!(check(&house).await["ok"], false);
    assert_eq!(state(&house).await, (json!("broken"), json!("535 5.7.139")));
    house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    assert_eq!(state(&house).await, (json!("broken"), json!("535 5.7.139")), "Entra ID has never refused it");
    house.sim.change_world(|world| world.switches.smtp_auth_disabled = false);
    assert_eq!(check(&house).await["ok"], true);
    assert_eq!(state(&house).await.0, "ready");
}

#[tokio::test]
async fn the_grant_of_an_account_that_only_mail_cannot_leave_is_kept_alive() {
    let house = House::new().await;
    house.account(json!({})).await;
    house.authorize("mail", "megan").await;
    house.sim.change_world(|world| {
        let refusal =
            json!({ "status": 403, "body": { "error": { "code": "ErrorAccessDenied", "message": "no" } } });
        world.switches.graph_says = Some(serde_json::from_value(refusal).unwrap());
    });
    assert_eq!(send(&house).await["ok"], false);
    assert_eq!(state(&house).await, (json!("broken"), json!("ErrorAccessDenied")));
    let before = house.look_at("mail").await["grant"]["renewed"].clone();
    house.advance(time::Duration::hours(25));
    postern::jobs::keep_grants_alive(&house.running().app).await.unwrap();
    let after = house.look_at("mail").await;
    assert_ne!(after["grant"]["renewed"], before, "{after}");
    assert_eq!(after["state"]["name"], "broken", "it mends nothing");
}
