//! Who signed in is proved, or nothing is kept: at a plain OpenID provider that can lie.

use serde_json::{Value, json};

use crate::house::House;
use crate::person::Person;
use crate::provider::{CLIENT_ID, Lie, Provider};

/// A Postern whose account `mail` lives at the provider.
async fn house_of(provider: &Provider) -> House {
    let house = House::configured("", &provider.section()).await;
    let credential = json!({ "kind": "secret", "secret": "provider-secret" });
    let form = json!({ "cloud": "idp", "client_id": CLIENT_ID, "credential": credential });
    house.account(form).await;
    house
}

/// Signs somebody in; the flow as it is then.
async fn sign_in(house: &House) -> Value {
    let flow = house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    let mut person = Person::new(house, "megan");
    let brought = person.sign_in(flow["url"].as_str().unwrap()).await;
    person.bring(&brought).await;
    house.local().get(&format!("/api/v1/authorizations/{}", flow["id"].as_str().unwrap())).await.done(200)
}

#[tokio::test]
async fn an_account_can_live_at_a_plain_openid_provider() {
    let provider = Provider::start().await;
    let house = house_of(&provider).await;
    let flow = sign_in(&house).await;
    assert_eq!(
        (&flow["status"], &flow["found"]["user"]),
        (&json!("pending"), &json!("scanner@idp.example")),
        "{flow}"
    );
    let account = house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    assert_eq!((&account["state"]["name"], &account["grant"]["tenant_id"]), (&json!("ready"), &json!("")));
    let report = house.local().post("/api/v1/test-email", json!({ "to": "a@idp.example" })).await.done(200);
    assert_eq!(report["ok"], true, "{report}");
}

#[tokio::test]
async fn each_lie_about_who_signed_in_is_refused_and_nothing_is_kept() {
    let provider = Provider::start().await;
    let house = house_of(&provider).await;
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    for (lie, code) in [
        (Lie::Claim("nonce", json!("of another sign-in")), "id_token_nonce"),
        (Lie::Claim("nonce", Value::Null), "id_token_nonce"),
        (Lie::Claim("aud", json!("another-app")), "id_token_audience"),
        (Lie::Claim("aud", json!([CLIENT_ID, "another-app"])), "id_token_audience"),
        (Lie::Claim("iss", json!("https://evil.example")), "id_token_issuer"),
        (Lie::Claim("tid", json!("aaaabbbb-0000-cccc-1111-dddd2222eeee")), "id_token_tenant"),
        (Lie::Claim("exp", json!(now - 3600)), "id_token_expired"),
        (Lie::Claim("exp", Value::Null), "id_token_expired"),
        (Lie::Claim("iat", json!(now + 3600)), "id_token_not_yet_valid"),
        (Lie::Claim("sub", Value::Null), "id_token_subject"),
        (Lie::Signature, "id_token_signature"),
        (Lie::Algorithm("none"), "id_token_algorithm"),
        (Lie::Algorithm("HS256"), "id_token_algorithm"),
        (Lie::Key, "id_token_unknown_key"),
        (Lie::Without("id_token"), "id_token_missing"),
        (Lie::Without("refresh_token"), "refresh_token_missing"),
    ] {
        provider.lie(lie.clone());
        let flow = sign_in(&house).await;
        assert_eq!(
            (&flow["status"], &flow["failure"]["code"]),
            (&json!("failed"), &json!(code)),
            "{lie:?}: {flow}"
        );
        assert_eq!(flow["found"], Value::Null);
        let account = house.look_at("mail").await;
        assert_eq!(
            (&account["grant"], &account["state"]["name"]),
            (&Value::Null, &json!("needs_sign_in")),
            "{lie:?}"
        );
        assert_eq!(house.audit().await[0], format!("account.authorize refused {code}"));
    }
    provider.lie(Lie::Claim("tid", json!(house.sim.world().tenant.id)));
    assert_eq!(sign_in(&house).await["status"], "pending", "the account's own tenant");
}

#[tokio::test]
async fn a_code_is_redeemed_once_with_its_own_verifier() {
    let provider = Provider::start().await;
    let house = house_of(&provider).await;
    sign_in(&house).await;
    sign_in(&house).await;
    let verifiers = provider.asked("code_verifier");
    assert_eq!((verifiers.len(), provider.asked("code").len()), (2, 2));
    assert_ne!(verifiers[0], verifiers[1]);
    assert!(verifiers.iter().all(|verifier| (43..=128).contains(&verifier.len())), "RFC 7636, section 4.1");
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_keeps_the_old() {
    let provider = Provider::start().await;
    let mut house = house_of(&provider).await;
    sign_in(&house).await;
    house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    let mail = json!({ "to": "a@idp.example" });
    provider.lie(Lie::Without("refresh_token"));
    for _ in 0..2 {
        house.restart().await;
        assert_eq!(house.local().post("/api/v1/test-email", mail.clone()).await.done(200)["ok"], true);
    }
    provider.lie(Lie::None);
    for _ in 0..2 {
        house.restart().await;
        assert_eq!(house.local().post("/api/v1/test-email", mail.clone()).await.done(200)["ok"], true);
    }
    let used = provider.asked("refresh_token");
    assert_eq!(used.len(), 4);
    assert!(used[0] == used[1] && used[1] == used[2], "the old one goes on");
    assert_ne!(used[2], used[3], "and gives way to its successor");
}

#[tokio::test]
async fn a_callback_that_names_another_issuer_is_not_redeemed() {
    let provider = Provider::start().await;
    let house = house_of(&provider).await;
    provider.lie(Lie::CallbackIssuer("https://evil.example".to_owned()));
    let flow = sign_in(&house).await;
    assert_eq!(
        (&flow["status"], &flow["failure"]["code"]),
        (&json!("failed"), &json!("issuer_mismatch")),
        "{flow}"
    );
    let message = flow["failure"]["message"].as_str().unwrap();
    assert!(message.contains("https://evil.example") && message.contains(&provider.url), "{message}");
    assert!(provider.asked("code").is_empty(), "the code goes nowhere");
    provider.lie(Lie::CallbackIssuer(provider.url.clone()));
    assert_eq!(sign_in(&house).await["status"], "pending", "the account's own provider");
}
