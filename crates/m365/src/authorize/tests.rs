use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::account::Transport;
use crate::scripted::http::{Play, ScriptedHttp, answer};
use crate::testing::{
    self, CLIENT_ID, TENANT_ID, TokenSigner, connect, now, read_form, refusal, token_answer,
};

const REDIRECT_URI: &str = "https://localhost:4443/authorize";
const ISSUER: &str = "https://login.example/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";

async fn begin_with(account: &Account, mode: ResponseMode) -> (Begun, HashMap<String, String>) {
    let begun = begin(&connect(account), account, REDIRECT_URI, mode).await.unwrap();
    let fields = begun.url.query_pairs().into_owned().collect();
    (begun, fields)
}

#[tokio::test]
async fn the_address_has_everything_that_the_flow_is_bound_by() {
    let account = testing::account("https://login.example");
    let (begun, fields) = begin_with(&account, ResponseMode::Query).await;
    let page = format!("https://login.example/{TENANT_ID}/oauth2/v2.0/authorize?");
    assert!(begun.url.as_str().starts_with(&page));
    for (name, value) in [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("response_mode", "query"),
        ("redirect_uri", REDIRECT_URI),
        ("state", begun.state.expose()),
        ("nonce", begun.nonce.expose()),
        ("code_challenge", &begun.verifier.challenge()),
        ("code_challenge_method", "S256"),
        ("prompt", "select_account"),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }
    assert!(!begun.url.as_str().contains(begun.verifier.expose()));
}

#[tokio::test]
async fn no_two_flows_share_anything() {
    let account = testing::account("https://login.example");
    let (one, _) = begin_with(&account, ResponseMode::Query).await;
    let (two, _) = begin_with(&account, ResponseMode::Query).await;
    assert_ne!(one.state.expose(), two.state.expose());
    assert_ne!(one.nonce.expose(), two.nonce.expose());
    assert_ne!(one.verifier.expose(), two.verifier.expose());
}

#[tokio::test]
async fn a_known_mailbox_is_hinted_at_and_nothing_else_is_prompted() {
    let mut account = testing::account("https://login.example");
    account.from = Some("scanner@contoso.example".parse().unwrap());
    let (_, fields) = begin_with(&account, ResponseMode::FormPost).await;
    assert_eq!(fields["login_hint"], "scanner@contoso.example");
    assert_eq!(fields["response_mode"], "form_post");
    assert!(!fields.contains_key("prompt"));
}

#[test]
fn a_plain_provider_is_asked_to_prompt_for_consent_or_it_gives_no_refresh_token() {
    let mut account = testing::account("https://login.example");
    let mut cloud = (*account.cloud).clone();
    cloud.discovery = Some("https://login.example/.well-known/openid-configuration".parse().unwrap());
    account.cloud = cloud.into();
    assert_eq!(whom_to_ask(&account), [("prompt", "consent")]);
    account.from = Some("scanner@contoso.example".parse().unwrap());
    assert_eq!(whom_to_ask(&account), [("prompt", "consent"), ("login_hint", "scanner@contoso.example")]);
}

fn claims() -> Value {
    let now = now().unix_timestamp();
    json!({
        "aud": CLIENT_ID, "iss": ISSUER, "nbf": now, "exp": now + 3600, "nonce": "the-nonce",
        "preferred_username": "scanner@contoso.example", "oid": "oid-1", "tid": TENANT_ID,
    })
}

fn redeemed(id_token: &str) -> Play {
    let members = json!({
        "token_type": "Bearer", "expires_in": 4000, "access_token": "graph", "refresh_token": "first",
        "scope": "openid https://graph.example/User.Read", "id_token": id_token,
    });
    answer(200, &members.to_string())
}

fn discovery(issuer: &str, keys: &ScriptedHttp) -> Play {
    answer(200, &json!({"issuer": issuer, "jwks_uri": format!("{}/keys", keys.url)}).to_string())
}

async fn serve_keys(signer: &TokenSigner) -> ScriptedHttp {
    ScriptedHttp::play([answer(200, &signer.jwks().to_string())]).await
}

async fn redeem_for(account: &Account) -> Result<SignedIn, Failure> {
    redeem_over(&connect(account), account).await
}

async fn redeem_over(connection: &Connection, account: &Account) -> Result<SignedIn, Failure> {
    let (code, verifier) = (AuthorizationCode::new("the-code"), Verifier::new("the-verifier"));
    redeem(connection, account, &code, REDIRECT_URI, &verifier, &Nonce::new("the-nonce"), now()).await
}

#[tokio::test]
async fn a_code_becomes_a_proved_sign_in() {
    let signer = TokenSigner::new("key-1");
    let keys = serve_keys(&signer).await;
    let server = ScriptedHttp::play([redeemed(&signer.sign(&claims())), discovery(ISSUER, &keys)]).await;
    let account = testing::account(&server.url);
    let signed_in = redeem_for(&account).await.unwrap();
    assert_eq!(signed_in.user, "scanner@contoso.example");
    assert_eq!((signed_in.user_oid.as_str(), signed_in.tenant_id.as_deref()), ("oid-1", Some(TENANT_ID)));
    assert_eq!(signed_in.refresh_token.expose(), "first");
    assert_eq!(signed_in.scopes, ["openid", "https://graph.example/User.Read"]);
    let form = read_form(&server.requests().await[0].body);
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "the-code"),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", "the-verifier"),
        ("client_secret", "the~secret"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    assert!(!form["scope"].contains("outlook"));
}

#[tokio::test]
async fn an_account_that_sends_by_smtp_gets_its_second_token_at_once() {
    let signer = TokenSigner::new("key-1");
    let keys = serve_keys(&signer).await;
    let exchange = json!({
        "token_type": "Bearer", "expires_in": 4000, "access_token": "smtp", "refresh_token": "second",
        "scope": "https://outlook.example/SMTP.Send",
    });
    let plays =
        [redeemed(&signer.sign(&claims())), discovery(ISSUER, &keys), answer(200, &exchange.to_string())];
    let server = ScriptedHttp::play(plays).await;
    let mut account = testing::account(&server.url);
    account.transport = Transport::Smtp;
    let signed_in = redeem_for(&account).await.unwrap();
    assert_eq!(signed_in.refresh_token.expose(), "second");
    assert!(signed_in.scopes.contains(&"https://outlook.example/SMTP.Send".to_owned()));
    assert_eq!(read_form(&server.requests().await[2].body)["refresh_token"], "first");
}

#[tokio::test]
async fn a_missing_consent_for_smtp_is_told_at_once_and_an_outage_is_not_held_against_the_sign_in() {
    let signer = TokenSigner::new("key-1");
    let outage = || refusal(503, "temporarily_unavailable", 90033);
    for (exchange, outcome) in [
        (vec![refusal(400, "invalid_grant", 65001)], Err("AADSTS65001".to_owned())),
        (vec![outage(), outage()], Ok("first".to_owned())),
    ] {
        let keys = serve_keys(&signer).await;
        let sign_in = vec![redeemed(&signer.sign(&claims())), discovery(ISSUER, &keys)];
        let server = ScriptedHttp::play(sign_in.into_iter().chain(exchange)).await;
        let mut account = testing::account(&server.url);
        account.transport = Transport::Smtp;
        let result = redeem_for(&account).await;
        let told =
            result.map(|found| found.refresh_token.expose().to_owned()).map_err(|failure| failure.code());
        assert_eq!(told, outcome);
    }
}

#[tokio::test]
async fn a_code_is_redeemed_once_even_in_an_outage() {
    let server = ScriptedHttp::play([refusal(503, "temporarily_unavailable", 90033)]).await;
    let account = testing::account(&server.url);
    assert!(redeem_for(&account).await.expect_err("an outage").is_temporary());
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn without_proof_or_lasting_access_there_is_no_sign_in() {
    let server = ScriptedHttp::play([token_answer("t", Some("r"))]).await;
    let failure = redeem_for(&testing::account(&server.url)).await.expect_err("no ID token");
    assert_eq!(failure.code(), "id_token_missing");

    let signer = TokenSigner::new("key-1");
    let keys = serve_keys(&signer).await;
    let members = json!({"token_type": "Bearer", "access_token": "t", "id_token": signer.sign(&claims())});
    let server = ScriptedHttp::play([answer(200, &members.to_string()), discovery(ISSUER, &keys)]).await;
    let failure = redeem_for(&testing::account(&server.url)).await.expect_err("no refresh token");
    assert_eq!(failure.code(), "refresh_token_missing");
}

#[tokio::test]
async fn somebody_elses_sign_in_is_refused() {
    let signer = TokenSigner::new("key-1");
    let keys = serve_keys(&signer).await;
    let mut stolen = claims();
    stolen["nonce"] = json!("of another flow");
    let server = ScriptedHttp::play([redeemed(&signer.sign(&stolen)), discovery(ISSUER, &keys)]).await;
    let failure = redeem_for(&testing::account(&server.url)).await.expect_err("another flow's token");
    assert_eq!(failure.code(), "id_token_nonce");
}

#[tokio::test]
async fn a_tenant_given_as_a_domain_is_pinned_by_the_issuer_of_its_discovery_document() {
    for (tid, outcome) in
        [(TENANT_ID, Ok(())), ("00000000-0000-0000-0000-000000000001", Err("id_token_tenant".to_owned()))]
    {
        let signer = TokenSigner::new("key-1");
        let keys = serve_keys(&signer).await;
        let mut claims = claims();
        claims["tid"] = json!(tid);
        let server = ScriptedHttp::play([redeemed(&signer.sign(&claims)), discovery(ISSUER, &keys)]).await;
        let mut account = testing::account(&server.url);
        account.tenant = "contoso.example".parse().unwrap();
        let told = redeem_for(&account).await.map(|_| ()).map_err(|failure| failure.code());
        assert_eq!(told, outcome);
        let asked = &server.requests().await[1].line;
        assert_eq!(asked, "GET /contoso.example/v2.0/.well-known/openid-configuration");
    }
}

#[tokio::test]
async fn a_discovery_document_of_another_tenant_is_of_no_use() {
    let signer = TokenSigner::new("key-1");
    let keys = serve_keys(&signer).await;
    let other = "https://login.example/00000000-0000-0000-0000-000000000001/v2.0";
    let server = ScriptedHttp::play([redeemed(&signer.sign(&claims())), discovery(other, &keys)]).await;
    let failure = redeem_for(&testing::account(&server.url)).await.expect_err("another tenant's document");
    assert_eq!(failure.code(), "discovery_unusable");
}

#[tokio::test]
async fn keys_that_turned_are_fetched_again_but_not_at_every_call() {
    let (old, new) = (TokenSigner::new("old"), TokenSigner::new("new"));
    let keys =
        ScriptedHttp::play([answer(200, &old.jwks().to_string()), answer(200, &new.jwks().to_string())])
            .await;
    let (first, turned) = (redeemed(&old.sign(&claims())), redeemed(&new.sign(&claims())));
    let plays = [first, discovery(ISSUER, &keys), turned.clone(), turned];
    let server = ScriptedHttp::play(plays).await;
    let account = testing::account(&server.url);
    let connection = connect(&account);
    redeem_over(&connection, &account).await.unwrap();
    let failure = redeem_over(&connection, &account).await.expect_err("the keys rest");
    assert_eq!(failure.code(), "id_token_unknown_key");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    redeem_over(&connection, &account).await.unwrap();
    assert_eq!(keys.requests().await.len(), 2);
}

#[tokio::test]
async fn a_document_that_lacks_something_is_asked_for_again_once_it_was_mended() {
    let whole = json!({
        "issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys",
        "token_endpoint": "https://idp.example/token",
    });
    let mut lacking = whole.clone();
    lacking.as_object_mut().unwrap().remove("token_endpoint");
    let provider =
        ScriptedHttp::play([lacking, whole].map(|document| answer(200, &document.to_string()))).await;
    let account = testing::account_elsewhere(&provider.url);
    let connection = connect(&account);
    let refused = connection.find_doors(&account.tenant).await.unwrap_err();
    assert!(refused.to_string().contains("token_endpoint"), "{refused}");
    let doors = connection.find_doors(&account.tenant).await.unwrap();
    // An application signs in without a browser.
    assert!(doors.authorize.unwrap_err().to_string().contains("authorization_endpoint"));
}

#[tokio::test]
async fn a_plain_provider_is_asked_where_its_document_says() {
    let signer = TokenSigner::new("key-1");
    let mut claims = claims();
    claims["iss"] = json!("https://idp.example");
    claims["tid"] = Value::Null;
    let keys = serve_keys(&signer).await;
    let tokens = ScriptedHttp::play([redeemed(&signer.sign(&claims))]).await;
    let token_endpoint = format!("{}/connect/token?p=policy", tokens.url);
    let document = json!({
        "issuer": "https://idp.example", "jwks_uri": format!("{}/keys", keys.url),
        "authorization_endpoint": "https://idp.example/connect/authorize?p=policy",
        "token_endpoint": token_endpoint,
    });
    let provider = ScriptedHttp::play([answer(200, &document.to_string())]).await;
    let account = testing::account_elsewhere(&provider.url);
    let certificate = Arc::new(testing::client_certificate());
    let account = Account { credential: crate::account::Credential::Certificate(certificate), ..account };
    let connection = connect(&account);
    let begun = begin(&connection, &account, REDIRECT_URI, ResponseMode::Query).await.unwrap();
    assert!(begun.url.as_str().starts_with("https://idp.example/connect/authorize?p=policy&client_id="));
    let signed_in = redeem_over(&connection, &account).await.unwrap();
    assert_eq!(signed_in.tenant_id, None);
    let request = tokens.requests().await.remove(0);
    assert_eq!(request.line, "POST /connect/token?p=policy");
    let assertion = &read_form(&request.body)["client_assertion"];
    assert_eq!(testing::read_claims(assertion)["aud"], json!(token_endpoint));
}
