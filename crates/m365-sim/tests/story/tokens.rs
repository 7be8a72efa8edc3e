//! The token endpoint: grants, scopes, refresh, revocation, policies, the form of answers.

use crate::support::{Browser, GRAPH, Lab, OUTLOOK_APP, OUTLOOK_SMTP, REDIRECT, Reply, SIGN_IN, decode};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use m365_sim::world::Outage;
use serde_json::{Value, json};
use time::Duration;

#[tokio::test]
async fn an_app_only_answer_has_just_its_members_and_a_v1_token() {
    let lab = Lab::start().await;
    let reply = lab.ask(&[("grant_type", "client_credentials"), ("scope", GRAPH)]).await;
    let names: Vec<&String> = reply.body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["token_type", "expires_in", "ext_expires_in", "access_token"]);
    let expires_in = reply.body["expires_in"].as_u64().unwrap();
    assert!((3600..5400).contains(&expires_in));
    let (header, claims) = decode(&reply.access_token());
    assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("RS256"), header["x5t"].as_str()));
    assert!(header["nonce"].is_string());
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{}/", lab.tenant));
    assert_eq!((claims["ver"].as_str(), claims["idtyp"].as_str()), (Some("1.0"), Some("app")));
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["roles"], json!(["Mail.Send"]));
}

#[tokio::test]
async fn a_token_for_exchange_has_its_audience_and_role() {
    let lab = Lab::start().await;
    let (_, claims) = decode(&lab.app_token(OUTLOOK_APP).await);
    assert_eq!(
        (claims["aud"].as_str(), &claims["roles"]),
        (Some("https://outlook.office365.com"), &json!(["SMTP.SendAsApp"]))
    );
}

#[tokio::test]
async fn a_single_page_application_proves_nothing_and_signs_in_daily() {
    let lab = Lab::start_with(|world| {
        let app = &mut world.apps[0];
        app.spa_redirect_uris = std::mem::take(&mut app.redirect_uris);
    })
    .await;
    let code = Browser::new(&lab).code(SIGN_IN, &lab.user, &lab.password).await;
    lab.redeem(&code, SIGN_IN).await.refused(401, "invalid_client", 700_025);
    let own = ("client_id", lab.client.as_str());
    let fields = [
        own,
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("scope", SIGN_IN),
    ];
    let tokens = lab.post(&fields).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let refresh = async |tokens: &Reply| {
        let fields = [own, ("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
        lab.post(&fields).await
    };
    lab.sim.advance_clock(Duration::hours(23));
    let newer = refresh(&tokens).await;
    assert_eq!(newer.status, 200, "{}", newer.body);
    lab.sim.advance_clock(Duration::hours(2));
    refresh(&newer).await.refused(400, "invalid_grant", 700_084);
}

#[tokio::test]
async fn the_life_of_codes_can_be_set() {
    let lab = Lab::start_with(|world| world.switches.code_lifetime_seconds = 60).await;
    let mut browser = Browser::new(&lab);
    let code = browser.code(SIGN_IN, &lab.user, &lab.password).await;
    lab.sim.advance_clock(Duration::seconds(61));
    lab.redeem(&code, SIGN_IN).await.refused(400, "invalid_grant", 70008);
}

#[tokio::test]
async fn refusals_name_the_request_and_its_correlation() {
    let lab = Lab::start().await;
    let id = "0a9a2a1c-8b1c-4b7c-9a3c-6a2f3c5d7e11";
    let request =
        lab.http.post(lab.token_endpoint()).form(&[("grant_type", "x"), ("client_id", lab.client.as_str())]);
    let request = request.header("client-request-id", id).header("return-client-request-id", "true");
    let reply = Reply::read(request.send().await.unwrap()).await;
    reply.refused(400, "unsupported_grant_type", 70003);
    assert_eq!(reply.text("correlation_id"), id);
    assert_eq!(reply.headers["client-request-id"], id);
    assert_eq!(reply.headers["x-ms-request-id"], reply.text("trace_id"));
    assert!(reply.text("error_uri").ends_with("/error?code=70003"));
    assert!(reply.text("timestamp").ends_with('Z') && !reply.text("timestamp").contains('T'));
}

#[tokio::test]
async fn other_tenants_are_refused_by_their_kind() {
    let lab = Lab::start().await;
    let base = &lab.sim.https_url;
    let fields = [("grant_type", "client_credentials"), ("client_id", lab.client.as_str()), ("scope", GRAPH)];
    let ask = async |tenant: &str| lab.post_to(&format!("{base}/{tenant}/oauth2/v2.0/token"), &fields).await;
    ask("11111111-2222-3333-4444-555555555555").await.refused(400, "invalid_request", 90002);
    ask("other.example").await.refused(400, "invalid_request", 90002);
    ask("nonsense").await.refused(400, "invalid_request", 900_023);
    ask("common").await.refused(400, "invalid_request", 9_001_023);
    ask("organizations").await.refused(400, "invalid_request", 50059);
}

#[tokio::test]
async fn missing_parameters_are_900144_and_other_verbs_900561() {
    let lab = Lab::start().await;
    lab.post(&[("client_id", &lab.client)]).await.refused(400, "invalid_request", 900_144);
    lab.post(&[("grant_type", "client_credentials")]).await.refused(400, "invalid_request", 900_144);
    lab.ask(&[("grant_type", "client_credentials")]).await.refused(400, "invalid_request", 900_144);
    let reply = Reply::read(lab.http.get(lab.token_endpoint()).send().await.unwrap()).await;
    reply.refused(400, "invalid_request", 900_561);
}

#[tokio::test]
async fn app_only_scopes_must_be_the_default_of_a_known_resource() {
    let lab = Lab::start().await;
    let ask = async |scope: &str| lab.ask(&[("grant_type", "client_credentials"), ("scope", scope)]).await;
    ask("https://graph.microsoft.com/Mail.Send").await.refused(400, "invalid_scope", 1_002_012);
    ask("https://nobody.example/.default").await.refused(400, "invalid_resource", 500_011);
    lab.switch(|switches| switches.exchange_missing = true);
    ask(OUTLOOK_APP).await.refused(400, "invalid_resource", 500_011);
}

#[tokio::test]
async fn a_sign_in_gives_access_id_and_refresh_token() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("nonce", "n-1")]).await;
    let code = browser.sign_in(&page, &lab.user, &lab.password).await.answer().remove("code").unwrap();
    let scope = "openid offline_access https://graph.microsoft.com/Mail.Send";
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("scope", scope),
        ("client_info", "1"),
    ];
    let reply = lab.ask(&fields).await;
    let (_, access) = decode(&reply.access_token());
    assert_eq!(access["scp"], "Mail.Send openid profile SMTP.Send User.Read");
    assert_eq!((access["upn"].as_str(), access["idtyp"].as_str()), (Some(lab.user.as_str()), Some("user")));
    let scopes: Vec<&str> = reply.text("scope").split(' ').collect();
    assert!(
        scopes.contains(&"https://graph.microsoft.com/Mail.Send") && scopes.contains(&"openid"),
        "{scopes:?}"
    );
    assert!(!scopes.iter().any(|scope| scope.contains("offline_access")), "{scopes:?}");
    let (_, id) = decode(reply.text("id_token"));
    assert_eq!((id["aud"].as_str(), id["nonce"].as_str()), (Some(lab.client.as_str()), Some("n-1")));
    assert_eq!(id["iss"], lab.url("v2.0"));
    assert_eq!(id["oid"], access["oid"]);
    let info: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(reply.text("client_info")).unwrap()).unwrap();
    assert_eq!((&info["uid"], &info["utid"]), (&access["oid"], &access["tid"]));
    assert!(reply.text("refresh_token").len() > 200);
}

#[tokio::test]
async fn the_id_token_verifies_with_the_published_keys_and_graph_tokens_do_not() {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
    let lab = Lab::start().await;
    let reply = lab.signed_in(SIGN_IN).await;
    let keys = Reply::read(lab.http.get(lab.url("discovery/v2.0/keys")).send().await.unwrap()).await;
    let key = &keys.body["keys"][0];
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: part("n"), e: part("e") };
    let verifies = |jwt: &str| {
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        key.verify(
            &RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
        .is_ok()
    };
    assert!(verifies(reply.text("id_token")));
    assert!(!verifies(reply.text("access_token")), "Graph's tokens are opaque to clients");
}

#[tokio::test]
async fn discovery_is_built_from_the_host_that_was_used() {
    let lab = Lab::start().await;
    let path = |tenant: &str| format!("{}/{tenant}/v2.0/.well-known/openid-configuration", lab.sim.https_url);
    let get = async |url: String| Reply::read(lab.http.get(url).send().await.unwrap()).await;
    let document = get(path(&lab.tenant)).await;
    assert_eq!(document.text("token_endpoint"), lab.token_endpoint());
    assert_eq!(document.text("issuer"), lab.url("v2.0"));
    let by_ip = get(path("contoso.example").replace("localhost", "127.0.0.1")).await;
    assert!(by_ip.text("jwks_uri").starts_with("https://127.0.0.1:"), "{}", by_ip.body);
    get(path("other.example")).await.refused(400, "invalid_tenant", 90002);
    assert!(get(path("common")).await.text("issuer").ends_with("/{tenantid}/v2.0"));
}

#[tokio::test]
async fn a_wrong_verifier_does_not_burn_the_code_and_a_second_redemption_is_54005() {
    let lab = Lab::start().await;
    let verifier = "v".repeat(50);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(digest);
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("code_challenge", &challenge), ("code_challenge_method", "S256")]).await;
    let code = browser.sign_in(&page, &lab.user, &lab.password).await.answer().remove("code").unwrap();
    let redeem = async |verifier: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("scope", SIGN_IN),
            ("code_verifier", verifier),
        ];
        lab.ask(&fields).await
    };
    redeem("wrong").await.refused(400, "invalid_grant", 501_481);
    redeem("").await.refused(400, "invalid_grant", 501_481);
    assert_eq!(redeem(&verifier).await.status, 200);
    redeem(&verifier).await.refused(400, "invalid_grant", 54005);
}

#[tokio::test]
async fn a_plain_challenge_is_the_verifier_itself() {
    let lab = Lab::start().await;
    let verifier = "p".repeat(43);
    let mut browser = Browser::new(&lab);
    let page = browser.authorize(&[("code_challenge", &verifier)]).await;
    let code = browser.sign_in(&page, &lab.user, &lab.password).await.answer().remove("code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", &verifier),
    ];
    assert_eq!(lab.ask(&fields).await.status, 200);
}

#[tokio::test]
async fn codes_expire_and_belong_to_their_redirect_and_scope() {
    let lab = Lab::start().await;
    let mut browser = Browser::new(&lab);
    let code = browser.code(SIGN_IN, &lab.user, &lab.password).await;
    let other = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "https://localhost:1/authorize"),
    ];
    lab.ask(&other).await.refused(401, "invalid_client", 500_112);
    lab.redeem(&code, "").await.refused(400, "invalid_request", 28003);
    lab.redeem(&code, &format!("{GRAPH} {OUTLOOK_SMTP}")).await.refused(400, "invalid_scope", 70011);
    let both = format!("https://graph.microsoft.com/Mail.Send {OUTLOOK_SMTP}");
    lab.redeem(&code, &both).await.refused(400, "invalid_request", 28000);
    lab.redeem(&code, "https://graph.microsoft.com/Mail.Fly").await.refused(400, "invalid_scope", 70011);
    lab.redeem(&code, "https://graph.microsoft.com/Mail.Read").await.refused(400, "invalid_grant", 65001);
    lab.redeem("1.unknown", SIGN_IN).await.refused(400, "invalid_grant", 70000);
    let public = [
        ("grant_type", "authorization_code"),
        ("client_id", lab.client.as_str()),
        ("code", &code),
        ("redirect_uri", REDIRECT),
    ];
    lab.post(&public).await.refused(401, "invalid_client", 7_000_218);
    lab.sim.advance_clock(Duration::minutes(11));
    lab.redeem(&code, SIGN_IN).await.refused(400, "invalid_grant", 70008);
}

#[tokio::test]
async fn one_sign_in_serves_graph_and_smtp_and_old_refresh_tokens_stay_valid() {
    let lab = Lab::start().await;
    let first = lab.signed_in(&format!("{SIGN_IN} {OUTLOOK_SMTP}")).await;
    let token = first.text("refresh_token");
    for _ in 0..2 {
        let reply = lab.refresh(token, &format!("{OUTLOOK_SMTP} offline_access")).await;
        let (_, claims) = decode(&reply.access_token());
        assert_eq!(
            (claims["aud"].as_str(), claims["scp"].as_str()),
            (Some("https://outlook.office.com"), Some("SMTP.Send"))
        );
        assert_ne!(reply.text("refresh_token"), token);
        assert_ne!(reply.text("refresh_token"), "");
    }
    let mixed = lab.refresh(token, &format!("https://graph.microsoft.com/Mail.Send {OUTLOOK_SMTP}")).await;
    assert_eq!(
        decode(&mixed.access_token()).1["aud"],
        "https://graph.microsoft.com",
        "the first scope decides"
    );
    lab.switch(|switches| switches.refresh_token_in_answers = false);
    assert_eq!(lab.refresh(token, SIGN_IN).await.body.get("refresh_token"), None);
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let lab = Lab::start().await;
    let reply = lab.signed_in("openid https://graph.microsoft.com/Mail.Send").await;
    assert_eq!(reply.body.get("refresh_token"), None);
    assert!(reply.body.get("id_token").is_some());
}

#[tokio::test]
async fn ninety_days_without_use_end_a_refresh_token() {
    let lab = Lab::start().await;
    let token = lab.signed_in(SIGN_IN).await.text("refresh_token").to_owned();
    lab.sim.advance_clock(Duration::days(89));
    assert_eq!(lab.refresh(&token, SIGN_IN).await.status, 200);
    lab.sim.advance_clock(Duration::days(90));
    let reply = lab.refresh(&token, SIGN_IN).await;
    reply.refused(400, "invalid_grant", 700_082);
    assert!(reply.text("error_description").contains("was inactive for 90.00:00:00."));
}

#[tokio::test]
async fn a_new_password_by_the_administrator_revokes_grants() {
    let lab = Lab::start().await;
    let token = lab.signed_in(SIGN_IN).await.text("refresh_token").to_owned();
    lab.sim.advance_clock(Duration::seconds(5));
    assert_eq!(
        lab.control_put(&format!("/users/{}", lab.user), &json!({"password": "new one"})).await.status,
        200
    );
    lab.refresh(&token, SIGN_IN).await.refused(400, "invalid_grant", 50173);
}

#[tokio::test]
async fn a_withdrawn_consent_is_65001() {
    let lab = Lab::start().await;
    let token = lab.signed_in(SIGN_IN).await.text("refresh_token").to_owned();
    lab.control_put(&format!("/apps/{}", lab.client), &json!({"admin_consent": false})).await;
    let reply = lab.refresh(&token, SIGN_IN).await;
    reply.refused(400, "invalid_grant", 65001);
    assert_eq!(reply.text("suberror"), "consent_required");
}

#[tokio::test]
async fn policies_that_come_later_stop_a_refresh_with_their_codes() {
    let lab = Lab::start().await;
    let token = lab.signed_in(SIGN_IN).await.text("refresh_token").to_owned();
    lab.switch(|switches| switches.ca_block = true);
    lab.refresh(&token, SIGN_IN).await.refused(400, "interaction_required", 53003);
    lab.switch(|switches| (switches.ca_block, switches.mfa_enrollment_required) = (false, true));
    lab.refresh(&token, SIGN_IN).await.refused(400, "interaction_required", 50079);
    lab.switch(|switches| switches.mfa_enrollment_required = false);
    lab.control_put(&format!("/users/{}", lab.user), &json!({"mfa": true})).await;
    let reply = lab.refresh(&token, SIGN_IN).await;
    reply.refused(400, "invalid_grant", 50076);
    assert_eq!(reply.text("suberror"), "basic_action");
    assert!(reply.text("claims").contains("capolids"));
    lab.control_put(&format!("/users/{}", lab.user), &json!({"mfa": false})).await;
    lab.switch(|switches| switches.sign_in_frequency_hours = Some(1));
    lab.sim.advance_clock(Duration::hours(2));
    lab.refresh(&token, SIGN_IN).await.refused(400, "invalid_grant", 70043);
}

#[tokio::test]
async fn disabled_and_missing_applications_are_refused() {
    let lab = Lab::start().await;
    let fields = [("grant_type", "client_credentials"), ("scope", GRAPH)];
    lab.switch(|switches| switches.app_disabled = true);
    lab.ask(&fields).await.refused(400, "unauthorized_client", 7_000_112);
    lab.switch(|switches| switches.service_principal_missing = true);
    lab.ask(&fields).await.refused(401, "invalid_client", 7_000_229);
}

#[tokio::test]
async fn outages_and_throttling_look_like_microsofts() {
    let lab = Lab::start().await;
    let fields = [("grant_type", "client_credentials"), ("scope", GRAPH)];
    lab.switch(|switches| switches.entra_throttle_seconds = 7);
    let reply = lab.ask(&fields).await;
    reply.refused(429, "temporarily_unavailable", 90055);
    assert_eq!(reply.headers["retry-after"], "7");
    lab.switch(|switches| switches.entra_outage = Outage::Unavailable);
    lab.ask(&fields).await.refused(503, "temporarily_unavailable", 90033);
    lab.switch(|switches| switches.entra_outage = Outage::Reset);
    assert!(lab.http.post(lab.token_endpoint()).send().await.is_err());
    lab.switch(|switches| switches.entra_outage = Outage::Hang);
    let waiting =
        lab.http.post(lab.token_endpoint()).timeout(std::time::Duration::from_millis(200)).send().await;
    assert!(waiting.unwrap_err().is_timeout());
}

#[tokio::test]
async fn the_life_of_access_tokens_can_be_set() {
    let lab = Lab::start().await;
    lab.switch(|switches| switches.access_token_lifetime_seconds = Some(60));
    let reply = lab.ask(&[("grant_type", "client_credentials"), ("scope", GRAPH)]).await;
    assert_eq!(reply.body["expires_in"], 60);
}

#[tokio::test]
async fn a_password_is_judged_as_on_the_page_and_no_second_factor_can_be_asked_for() {
    let lab = Lab::start().await;
    let ask = async |user: &str, password: &str| {
        let fields =
            [("username", user), ("password", password), ("scope", "openid offline_access User.Read")];
        lab.post(&[&[("grant_type", "password"), ("client_id", lab.client.as_str())], &fields[..]].concat())
            .await
    };
    let reply = ask(&lab.user, &lab.password).await;
    let (_, claims) = decode(&reply.access_token());
    assert_eq!((claims["upn"].as_str(), claims["appidacr"].as_str()), (Some(lab.user.as_str()), Some("0")));
    assert!(reply.body["refresh_token"].is_string() && reply.body["id_token"].is_string());
    ask(&lab.user, "wrong").await.refused(400, "invalid_grant", 50126);
    ask("nobody@contoso.example", "x").await.refused(400, "invalid_grant", 50034);
    let shown = lab.control_get("/requests").await.body.to_string();
    assert!(!shown.contains(&lab.password));
    lab.sim.change_world(|world| world.users[0].mfa = true);
    ask(&lab.user, &lab.password).await.refused(400, "invalid_grant", 50076);
    lab.sim.change_world(|world| world.apps[0].public_client = false);
    ask(&lab.user, &lab.password).await.refused(401, "invalid_client", 7_000_218);
    let realm = lab.http.get(format!("{}/common/userrealm/{}", lab.sim.https_url, lab.user));
    assert_eq!(Reply::read(realm.send().await.unwrap()).await.text("account_type"), "Managed");
}

#[tokio::test]
async fn the_scheme_of_a_basic_credential_is_read_in_any_case() {
    let lab = Lab::start().await;
    let encoded = STANDARD.encode(format!("{}:{}", lab.client, lab.secret.replace('~', "%7E")));
    for scheme in ["Basic", "basic", "BASIC"] {
        let form = [("grant_type", "client_credentials"), ("scope", GRAPH)];
        let request = lab.http.post(lab.token_endpoint()).form(&form);
        let request = request.header("authorization", format!("{scheme} {encoded}"));
        Reply::read(request.send().await.unwrap()).await.access_token();
    }
}

#[tokio::test]
async fn head_is_answered_as_get_and_a_preflight_lets_browsers_ask() {
    let lab = Lab::start().await;
    let discovery = lab.url("v2.0/.well-known/openid-configuration");
    let head = lab.http.head(&discovery).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.headers()["content-type"].to_str().unwrap()),
        (200, "application/json; charset=utf-8")
    );
    let graph = format!("{}/v1.0/me", lab.sim.https_url);
    for url in [lab.token_endpoint(), discovery, graph] {
        let asked = lab.http.request(reqwest::Method::OPTIONS, &url).header("origin", "https://app.example");
        let answer = asked.header("access-control-request-method", "POST").send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["access-control-allow-origin"].to_str().unwrap()),
            (200, "*"),
            "{url}"
        );
    }
    let methods: Vec<String> =
        lab.sim.requests().iter().map(|one| one["method"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(methods, ["HEAD", "OPTIONS", "OPTIONS", "OPTIONS"], "as they were asked");
}

#[tokio::test]
async fn an_instance_is_known_by_all_the_names_of_its_cloud() {
    let lab = Lab::start().await;
    let ask = async |authority: &str| {
        let url = format!(
            "{}/common/discovery/instance?api-version=1.1&authorization_endpoint={authority}",
            lab.sim.https_url
        );
        Reply::read(lab.http.get(url).send().await.unwrap()).await
    };
    for host in [
        "login.microsoftonline.com",
        "login.windows.net",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
    ] {
        let reply = ask(&format!("https://{host}/common/oauth2/v2.0/authorize")).await;
        assert_eq!(reply.status, 200, "{host}: {}", reply.body);
    }
    ask("https://evil.example/common/oauth2/v2.0/authorize").await.refused(400, "invalid_instance", 50049);
}
