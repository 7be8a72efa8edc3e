use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::scripted::http::{Play, ScriptedHttp, answer};
use crate::testing::{
    self, CLIENT_ID, TENANT_ID, account, client_certificate, connect, now, read_claims, read_form, refusal,
    token_answer,
};

#[test]
fn a_lifetime_is_a_number_or_a_text_and_never_overflows() {
    assert_eq!(read_lifetime(&json!(3599)), Duration::seconds(3599));
    assert_eq!(read_lifetime(&json!("4511")), Duration::seconds(4511));
    assert_eq!(read_lifetime(&json!(i64::MAX)), Duration::seconds(LONGEST_LIFETIME_SECONDS));
    assert_eq!(read_lifetime(&json!(-5)), Duration::ZERO);
    assert_eq!(read_lifetime(&Value::Null), UNSAID_LIFETIME);
}

/// What comes of one request as the application.
async fn ask(plays: impl IntoIterator<Item = Play>) -> Result<Issued, Failure> {
    let server = ScriptedHttp::play(plays).await;
    let account = account(&server.url);
    client_credentials(&connect(&account), &account, Resource::Graph, now()).await
}

#[tokio::test]
async fn an_application_proves_itself_by_a_fresh_assertion_each_time() {
    let server = ScriptedHttp::play([token_answer("one", None), token_answer("two", None)]).await;
    let mut account = account(&server.url);
    account.credential = Credential::Certificate(Arc::new(client_certificate()));
    let connection = connect(&account);
    for resource in [Resource::Graph, Resource::Outlook] {
        client_credentials(&connection, &account, resource, now()).await.unwrap();
    }
    let endpoint = format!("{}/{TENANT_ID}/oauth2/v2.0/token", server.url);
    let requests = server.requests().await;
    let forms: Vec<_> = requests.iter().map(|request| read_form(&request.body)).collect();
    assert_eq!(requests[0].line, format!("POST /{TENANT_ID}/oauth2/v2.0/token"));
    assert_eq!(forms[0]["grant_type"], "client_credentials");
    assert_eq!(forms[0]["scope"], "https://graph.example/.default");
    assert_eq!(forms[1]["scope"], "https://outlook-app.example/.default");
    assert_eq!(forms[0]["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let claims = read_claims(&forms[0]["client_assertion"]);
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!(endpoint), &json!(CLIENT_ID)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_ne!(claims["jti"], read_claims(&forms[1]["client_assertion"])["jti"]);
    assert!(!forms[0].contains_key("client_secret"));
}

#[tokio::test]
async fn a_secret_goes_in_the_body_as_it_is() {
    let server = ScriptedHttp::play([token_answer("t", Some("next"))]).await;
    let account = account(&server.url);
    let held = RefreshToken::new("held");
    let issued = refresh(&connect(&account), &account, Resource::Outlook, &held, now()).await.unwrap();
    assert_eq!(issued.refresh_token.unwrap().expose(), "next");
    assert_eq!(issued.expires_at, now() + Duration::hours(1));
    let form = read_form(&server.requests().await[0].body);
    assert_eq!(form["client_secret"], "the~secret");
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "held");
    assert_eq!(form["scope"], "https://outlook.example/SMTP.Send offline_access");
}

#[tokio::test]
async fn a_refusal_keeps_microsofts_words_and_both_names_of_the_request() {
    let failure = ask([refusal(401, "invalid_client", 7000222)]).await.expect_err("expired");
    let Failure::Entra(said) = failure else { panic!("Entra answered") };
    assert_eq!((said.status, said.aadsts()), (401, Some(7000222)));
    assert_eq!(said.trace_id.as_deref(), Some("trace-1"));
    let failure = ask([answer(400, r#"{"error":"invalid_scope"}"#)]).await.expect_err("refused");
    let Failure::Entra(said) = failure else { panic!("Entra answered") };
    assert!(
        uuid::Uuid::try_parse(said.correlation_id.as_deref().unwrap()).is_ok(),
        "ours, where it says none"
    );
}

#[tokio::test]
async fn an_outage_is_tried_once_more_and_then_told() {
    let issued =
        ask([refusal(503, "temporarily_unavailable", 90033), token_answer("t", None)]).await.unwrap();
    assert_eq!(issued.access_token.expose(), "t");
    let outage = || refusal(503, "temporarily_unavailable", 90033);
    assert!(ask([outage(), outage()]).await.expect_err("still out").is_temporary());
}

#[tokio::test]
async fn what_is_no_token_answer_is_not_taken_for_one() {
    for body in [
        "<html>please log in to the Wi-Fi</html>",
        "{}",
        r#"{"access_token":"","token_type":"Bearer"}"#,
        r#"{"access_token":"t","token_type":"mac"}"#,
    ] {
        let failure = ask([answer(200, body)]).await.expect_err(body);
        assert_eq!(failure.code(), "unreadable", "{body}");
    }
}

#[tokio::test]
async fn no_failure_shows_a_secret() {
    let failure = ask([refusal(401, "invalid_client", 7000215)]).await.expect_err("refused");
    assert!(!format!("{failure} {failure:?}").contains("the~secret"));
    let form = format!("{:?}", AccessToken::new(URL_SAFE_NO_PAD.encode("x")));
    assert_eq!(form, "AccessToken(<redacted>)");
}

/// An account at a plain provider that lists these ways for a secret, and has this token endpoint.
async fn account_elsewhere(ways: &[&str], token_endpoint: &str) -> Account {
    let document = json!({
        "issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys",
        "authorization_endpoint": "https://idp.example/authorize",
        "token_endpoint": token_endpoint, "token_endpoint_auth_methods_supported": ways,
    });
    let provider = ScriptedHttp::play([answer(200, &document.to_string())]).await;
    testing::account_elsewhere(&provider.url)
}

#[tokio::test]
async fn elsewhere_a_secret_is_said_by_basic_and_in_the_form_where_that_is_not_taken() {
    let both = ["client_secret_basic", "client_secret_post"];
    for (ways, refusals, with_header) in
        [(&both[..], 0, true), (&both[..], 1, false), (&both[1..], 0, false), (&both[..1], 0, true)]
    {
        // Not all say it as the standard has it.
        let refused = || match with_header {
            true => answer(401, r#"{"error":"invalid_client"}"#),
            false => answer(403, r#"{"error":"unauthorized_client"}"#),
        };
        let plays = (0..refusals).map(|_| refused()).chain([token_answer("t", None)]);
        let tokens = ScriptedHttp::play(plays).await;
        let account = account_elsewhere(ways, &tokens.url).await;
        client_credentials(&connect(&account), &account, Resource::Graph, now()).await.unwrap();
        let requests = tokens.requests().await;
        let last = requests.last().unwrap();
        let form = read_form(&last.body);
        let basic = STANDARD.encode(format!("{CLIENT_ID}:the~secret"));
        assert_eq!(last.header("authorization"), with_header.then(|| format!("Basic {basic}")).as_deref());
        assert_eq!(form.get("client_secret").map(String::as_str), (!with_header).then_some("the~secret"));
        assert_eq!(form["grant_type"], "client_credentials");
    }
}

#[tokio::test]
async fn an_answer_that_lacks_its_type_is_taken_and_an_error_by_200_is_a_refusal() {
    for (body, error) in [
        (r#"{"access_token":"t","expires_in":3600}"#, None),
        (r#"{"access_token":"t","token_type":"DPoP"}"#, Some("unreadable")),
        (r#"{"error":"invalid_grant","error_description":"gone"}"#, Some("invalid_grant")),
    ] {
        let tokens = ScriptedHttp::play([answer(200, body)]).await;
        let account = account_elsewhere(&["client_secret_post"], &tokens.url).await;
        let had = client_credentials(&connect(&account), &account, Resource::Graph, now()).await;
        assert_eq!(had.err().map(|failure| failure.code()).as_deref(), error, "{body}");
    }
}

#[test]
fn of_a_secret_only_what_must_be_is_encoded() {
    let said = basic("gate", "a~b:c d%\u{e9}");
    assert_eq!(STANDARD.decode(&said["Basic ".len()..]).unwrap(), b"gate:a~b%3Ac%20d%25%C3%A9");
}

#[tokio::test]
async fn a_secret_that_is_wrong_in_both_ways_is_told_once() {
    let refused =
        || answer(401, r#"{"error":"invalid_client","error_description":"client authentication failed"}"#);
    let tokens = ScriptedHttp::play([refused(), refused()]).await;
    let account = account_elsewhere(&["client_secret_basic", "client_secret_post"], &tokens.url).await;
    let failure = client_credentials(&connect(&account), &account, Resource::Graph, now()).await;
    let failure = failure.expect_err("refused twice");
    assert!(failure.to_string().contains("client authentication failed"), "{failure}");
    assert!(!format!("{failure:?}").contains("the~secret"));
}
