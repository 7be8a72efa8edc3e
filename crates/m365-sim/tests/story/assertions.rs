//! Client authentication: certificates and secrets, each refusal by its real path.

use crate::support::{Assertion, GRAPH, Lab, Reply, TestKey, decode, encodings};
use m365_sim::RegisteredCertificate;
use m365_sim::world::Secret;
use serde_json::json;
use time::{Duration, OffsetDateTime};

async fn present(lab: &Lab, client: &str, assertion: &str) -> Reply {
    lab.post(&[
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", GRAPH),
    ])
    .await
}

async fn lab_with(key: &TestKey) -> Lab {
    let certificate = RegisteredCertificate::from_pem(&key.pem).unwrap();
    Lab::start_with(|world| world.apps[0].certificates.push(certificate)).await
}

fn good(lab: &Lab, key: &TestKey) -> Assertion {
    Assertion::new(key, &lab.client, &lab.token_endpoint())
}

#[tokio::test]
async fn a_registered_certificate_proves_the_client_in_all_six_algorithms() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let assertion = good(&lab, &key).header("alg", json!(alg)).sign(&key);
        let token = present(&lab, &lab.client, &assertion).await.access_token();
        assert_eq!(decode(&token).1["appidacr"], "2", "{alg}");
    }
}

#[tokio::test]
async fn the_key_may_be_named_in_every_way_that_clients_use() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    let chain = encodings::standard(&key.der);
    let broken: String =
        chain.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n").collect();
    let names = [
        ("x5t#S256", json!(encodings::padded_url(&key.sha256()))),
        ("x5t#S256", json!(encodings::standard(&key.sha256()))),
        ("x5t", json!(encodings::padded_url(&key.sha1()))),
        ("x5t", json!(encodings::standard(&key.sha1()))),
        ("kid", json!(hex::encode_upper(key.sha1()))),
        ("x5c", json!([broken])),
        ("x5c", json!(chain)),
    ];
    for (name, value) in names {
        let assertion = good(&lab, &key).named_by(name, value.clone()).sign(&key);
        let reply = present(&lab, &lab.client, &assertion).await;
        assert_eq!(reply.status, 200, "{name} {value}: {}", reply.body);
    }
}

#[tokio::test]
async fn audience_may_be_the_token_endpoint_by_id_or_domain_or_the_issuer() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    let base = &lab.sim.https_url;
    let audiences = [
        lab.token_endpoint(),
        format!("{base}/contoso.example/oauth2/v2.0/token"),
        lab.url("v2.0"),
        format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", lab.tenant),
    ];
    for audience in audiences {
        let assertion = good(&lab, &key).claim("aud", json!(audience)).sign(&key);
        assert_eq!(present(&lab, &lab.client, &assertion).await.status, 200, "{audience}");
    }
    for audience in
        [GRAPH.to_owned(), "https://evil.example/x".into(), base.clone(), lab.url("oauth2/v2.0/authorize")]
    {
        let assertion = good(&lab, &key).claim("aud", json!(audience)).sign(&key);
        present(&lab, &lab.client, &assertion).await.refused(401, "invalid_client", 700_023);
    }
}

#[tokio::test]
async fn times_may_be_floats_or_text_and_an_assertion_may_be_used_again() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let floats = good(&lab, &key)
        .without("nbf")
        .claim("exp", json!(now as f64 + 600.25))
        .claim("iat", json!(now as f64 + 0.5));
    let text =
        good(&lab, &key).claim("nbf", json!(now.to_string())).claim("exp", json!((now + 600).to_string()));
    for assertion in [floats.sign(&key), text.sign(&key)] {
        for _ in 0..2 {
            assert_eq!(present(&lab, &lab.client, &assertion).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_malformed_assertion_is_50027() {
    let lab = Lab::start().await;
    for text in ["x", "a.b", "a.b.c", "e30.e30", "bm8.bm8.bm8"] {
        present(&lab, &lab.client, text).await.refused(400, "invalid_request", 50027);
    }
}

#[tokio::test]
async fn an_assertion_without_audience_or_issuer_is_90014() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    for name in ["aud", "iss"] {
        let reply = present(&lab, &lab.client, &good(&lab, &key).without(name).sign(&key)).await;
        reply.refused(400, "invalid_request", 90014);
        assert!(reply.text("error_description").contains(&format!("'{name}'")));
    }
}

#[tokio::test]
async fn other_algorithms_are_5002738_and_a_header_without_key_5002723() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    for alg in ["ES256", "HS256", "none"] {
        let assertion = good(&lab, &key).header("alg", json!(alg)).sign(&key);
        present(&lab, &lab.client, &assertion).await.refused(401, "invalid_client", 5_002_738);
    }
    let nameless = good(&lab, &key).named_by("typ", "JWT").sign(&key);
    present(&lab, &lab.client, &nameless).await.refused(401, "invalid_client", 5_002_723);
}

#[tokio::test]
async fn an_assertion_of_another_client_is_700021_and_an_unknown_client_700016() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    let other = "11111111-2222-3333-4444-555555555555";
    let assertion = good(&lab, &key).claim("sub", json!(other)).sign(&key);
    present(&lab, &lab.client, &assertion).await.refused(401, "invalid_client", 700_021);
    let assertion = Assertion::new(&key, other, &lab.token_endpoint()).sign(&key);
    present(&lab, other, &assertion).await.refused(400, "unauthorized_client", 700_016);
}

#[tokio::test]
async fn a_certificate_that_is_not_on_this_application_is_700027_with_its_thumbprint() {
    let (key, other) = (TestKey::new(), TestKey::new());
    let lab = lab_with(&key).await;
    let assertion = Assertion::new(&other, &lab.client, &lab.token_endpoint())
        .named_by("x5t", encodings::padded_url(&other.sha1()));
    let reply = present(&lab, &lab.client, &assertion.sign(&other)).await;
    reply.refused(401, "invalid_client", 700_027);
    let text = reply.text("error_description");
    assert!(text.contains("[Reason - The key was not found., Thumbprint of key used by client: '"), "{text}");
    assert!(text.contains(&hex::encode_upper(other.sha1())), "{text}");
}

#[tokio::test]
async fn a_signature_by_another_key_is_700027() {
    let (key, other) = (TestKey::new(), TestKey::new());
    let lab = lab_with(&key).await;
    let reply = present(&lab, &lab.client, &good(&lab, &key).sign(&other)).await;
    reply.refused(401, "invalid_client", 700_027);
    assert!(reply.text("error_description").contains("Found key 'Start="));
}

#[tokio::test]
async fn an_expired_certificate_is_700027_with_its_life() {
    let now = OffsetDateTime::now_utc();
    let key = TestKey::valid(now - Duration::days(30), now - Duration::days(1));
    let lab = lab_with(&key).await;
    let reply = present(&lab, &lab.client, &good(&lab, &key).sign(&key)).await;
    reply.refused(401, "invalid_client", 700_027);
    assert!(reply.text("error_description").contains("[Reason - The key used is expired., Thumbprint"));
}

#[tokio::test]
async fn an_assertion_outside_its_time_is_700024_and_five_minutes_of_skew_pass() {
    let key = TestKey::new();
    let lab = lab_with(&key).await;
    let assertion = good(&lab, &key).sign(&key);
    lab.sim.advance_clock(Duration::seconds(600 + 240));
    assert_eq!(present(&lab, &lab.client, &assertion).await.status, 200);
    lab.sim.advance_clock(Duration::seconds(120));
    present(&lab, &lab.client, &assertion).await.refused(401, "invalid_client", 700_024);
    lab.sim.advance_clock(Duration::seconds(-960 - 400));
    present(&lab, &lab.client, &assertion).await.refused(401, "invalid_client", 700_024);
}

#[tokio::test]
async fn a_weak_key_is_50032_after_70002() {
    let key = TestKey::new();
    let weak = RegisteredCertificate::from_pem(include_str!("data/rsa1024.pem")).unwrap();
    let thumbprint = encodings::padded_url(&weak.thumbprint_sha1());
    let lab = Lab::start_with(|world| world.apps[0].certificates.push(weak)).await;
    let reply = present(&lab, &lab.client, &good(&lab, &key).named_by("x5t", thumbprint).sign(&key)).await;
    reply.refused(401, "invalid_client", 50032);
    assert_eq!(reply.body["error_codes"], json!([70002, 50032]));
    assert!(reply.text("error_description").contains("RSA key size 1024 is less than"));
}

#[tokio::test]
async fn a_secret_is_taken_in_the_form_and_by_basic() {
    let lab = Lab::start().await;
    let fields = [("grant_type", "client_credentials"), ("scope", GRAPH)];
    let token = lab.ask(&fields).await.access_token();
    assert_eq!(decode(&token).1["appidacr"], "1");
    let request =
        lab.http.post(lab.token_endpoint()).basic_auth(&lab.client, Some(&lab.secret)).form(&fields);
    assert_eq!(Reply::read(request.send().await.unwrap()).await.status, 200);
}

#[tokio::test]
async fn wrong_expired_and_missing_secrets_have_their_codes() {
    let past = OffsetDateTime::now_utc() - Duration::days(1);
    let lab = Lab::start_with(|world| {
        world.apps[0].secrets.push(Secret { value: "old".into(), expires: Some(past) });
    })
    .await;
    let ask = async |secret: &str| {
        lab.post(&[
            ("grant_type", "client_credentials"),
            ("client_id", &lab.client),
            ("client_secret", secret),
            ("scope", GRAPH),
        ])
        .await
    };
    ask("wrong").await.refused(401, "invalid_client", 7_000_215);
    ask("old").await.refused(401, "invalid_client", 7_000_222);
    lab.post(&[("grant_type", "client_credentials"), ("client_id", &lab.client), ("scope", GRAPH)])
        .await
        .refused(401, "invalid_client", 7_000_218);
}

#[tokio::test]
async fn a_public_client_that_shows_a_credential_is_700025() {
    let lab = Lab::start_with(|world| world.apps[0].redirect_uris.clear()).await;
    lab.ask(&[("grant_type", "client_credentials"), ("scope", GRAPH)]).await.refused(
        401,
        "invalid_client",
        700_025,
    );
}
