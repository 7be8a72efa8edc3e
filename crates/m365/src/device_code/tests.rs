use serde_json::json;

use super::*;
use crate::scripted::http::{ScriptedHttp, answer};
use crate::testing::{self, CLIENT_ID, TENANT_ID, TokenSigner, connect, now, read_form, refusal};

#[tokio::test]
async fn a_flow_starts_with_what_to_type_and_where() {
    let members = json!({
        "device_code": "d-1", "user_code": "ABC123", "verification_uri": "https://microsoft.com/devicelogin",
        "expires_in": "900", "interval": 5, "message": "To sign in, …",
    });
    let server = ScriptedHttp::play([answer(200, &members.to_string())]).await;
    let account = testing::account(&server.url);
    let begun = start(&connect(&account), &account, now()).await.unwrap();
    assert_eq!((begun.user_code.as_str(), begun.secret.expose()), ("ABC123", "d-1"));
    assert_eq!(begun.verification_uri, "https://microsoft.com/devicelogin");
    assert_eq!((begun.expires_at, begun.interval), (now() + Duration::minutes(15), Duration::seconds(5)));
    assert!(!format!("{begun:?}").contains("d-1"));
    let request = &server.requests().await[0];
    assert_eq!(request.line, format!("POST /{TENANT_ID}/oauth2/v2.0/devicecode"));
    let form = read_form(&request.body);
    assert_eq!(form.len(), 2, "client_id and scope, no credential");
    assert!(form["scope"].ends_with("https://graph.example/User.Read https://graph.example/Mail.Send"));
}

#[tokio::test]
async fn an_answer_without_a_code_is_no_start() {
    let server = ScriptedHttp::play([answer(200, r#"{"user_code":"ABC"}"#)]).await;
    let account = testing::account(&server.url);
    let failure = start(&connect(&account), &account, now()).await.expect_err("no device code");
    assert_eq!(failure.code(), "unreadable");
}

async fn poll_once(error: &str, code: u32) -> Result<Polled, Failure> {
    let server = ScriptedHttp::play([refusal(400, error, code)]).await;
    let account = testing::account(&server.url);
    let polled = poll(&connect(&account), &account, &DeviceSecret::new("d-1"), now()).await;
    let form = read_form(&server.requests().await[0].body);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(form["device_code"], "d-1");
    polled
}

#[tokio::test]
async fn waiting_declining_and_expiring_are_no_failures() {
    assert!(matches!(poll_once("authorization_pending", 70016).await, Ok(Polled::Pending)));
    assert!(matches!(poll_once("slow_down", 0).await, Ok(Polled::SlowDown)));
    assert!(matches!(poll_once("authorization_declined", 0).await, Ok(Polled::Declined)));
    assert!(matches!(poll_once("expired_token", 70019).await, Ok(Polled::Expired)));
    let failure = poll_once("invalid_grant", 53003).await.expect_err("blocked by policy");
    assert_eq!(failure.code(), "AADSTS53003");
}

#[tokio::test]
async fn a_sign_in_elsewhere_is_proved_without_a_nonce() {
    let signer = TokenSigner::new("key-1");
    let seconds = now().unix_timestamp();
    let issuer = format!("https://login.example/{TENANT_ID}/v2.0");
    let id_token = signer.sign(&json!({
        "aud": CLIENT_ID, "iss": issuer, "exp": seconds + 60, "tid": TENANT_ID, "oid": "o", "upn": "a@b.example",
    }));
    let tokens = json!({
        "token_type": "Bearer", "expires_in": 3600, "access_token": "t", "refresh_token": "r", "id_token": id_token,
    });
    let keys = ScriptedHttp::play([answer(200, &signer.jwks().to_string())]).await;
    let discovery = json!({"issuer": issuer, "jwks_uri": keys.url});
    let server =
        ScriptedHttp::play([answer(200, &tokens.to_string()), answer(200, &discovery.to_string())]).await;
    let account = testing::account(&server.url);
    let polled = poll(&connect(&account), &account, &DeviceSecret::new("d-1"), now()).await.unwrap();
    let Polled::SignedIn(signed_in) = polled else { panic!("it is done") };
    assert_eq!(signed_in.user, "a@b.example");
}
