//! The control port: set-up, switches, mail, requests; and that a restart forgets.

use crate::support::{GRAPH, Lab, Reply, SIGN_IN, TestKey};
use m365_sim::{Sim, SimOptions, World};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn an_app_is_made_and_changed_field_by_field() {
    let lab = Lab::start().await;
    let key = TestKey::new();
    let path = "/apps/11111111-2222-3333-4444-555555555555";
    let whole = json!({"name": "New", "redirect_uris": ["https://localhost:4443/authorize"], "public_client": true,
        "certificates": [key.pem], "secrets": [{"value": "s", "expires": "2030-01-01T00:00:00Z"}],
        "delegated": ["Mail.Send", "SMTP.Send"], "application": ["Mail.Send"], "admin_consent": true});
    assert_eq!(lab.control_put(path, &whole).await.status, 200);
    let reply = lab.control_put(path, &json!({"name": "Newer", "secrets": []})).await;
    assert_eq!((reply.text("name"), &reply.body["secrets"]), ("Newer", &json!([])));
    assert_eq!(reply.body["certificates"].as_array().unwrap().len(), 1);
    assert_eq!(lab.control_get(path).await.body, reply.body);
}

#[tokio::test]
async fn mistakes_are_refused_with_the_name_of_the_field() {
    let lab = Lab::start().await;
    let app = format!("/apps/{}", lab.client);
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cases = [
        (app.as_str(), json!({"colour": "red"}), "colour"),
        (&app, json!({"delegated": ["Mail.Fly"]}), "Mail.Fly"),
        (&app, json!({"certificates": [private]}), "private key"),
        (&app, json!({"certificates": ["nonsense"]}), "PEM"),
        (&app, json!({"redirect_uris": null}), "redirect_uris"),
        (&app, json!({"redirect_uris": ["javascript:alert(1)"]}), "redirect_uris"),
        (&app, json!({"spa_redirect_uris": ["javascript:alert(1)"]}), "spa_redirect_uris"),
        (&app, json!({"secrets": [{"value": "x", "expires": "tomorrow"}]}), "secrets"),
        (&app, json!({"secrets": [{"value": ""}]}), "empty"),
        (&app, json!({"public_client": "yes"}), "public_client"),
        ("/apps/x", json!({}), "GUID"),
        ("/users/a@contoso.example", json!({"licenses": ["GOLD"]}), "GOLD"),
        ("/users/a@contoso.example", json!({"smtp_auth": "yes"}), "boolean"),
        ("/users/nobody", json!({}), "name@domain"),
        ("/users/a@contoso.example", json!({"mail": "x"}), "mail"),
        ("/users/a@contoso.example", json!({"mfa": null}), "mfa"),
        ("/switches", json!({"graph_throttle_seconds": -1}), "graph_throttle_seconds"),
        ("/world", json!({"clock_offset_seconds": "x"}), "clock_offset_seconds"),
        ("/world", json!({"tenant": {"domain": "a b.c"}}), "a b.c"),
        ("/world", json!({"users": [{"upn": "a@contoso.example", "mailbox": 1}]}), "mailbox"),
        ("/switches", json!({"rain": true}), "rain"),
        ("/switches", json!({"ca_block": 7}), "boolean"),
        ("/world", json!({"planets": []}), "planets"),
        ("/world", json!([]), "object"),
    ];
    for (path, body, word) in cases {
        let reply = lab.control_put(path, &body).await;
        assert_eq!(reply.status, 400, "{path} {body}");
        assert!(reply.text("error").contains(word), "{path}: {}", reply.body);
    }
    assert_eq!(lab.control_get("/nothing").await.status, 404);
    assert_eq!(lab.control_get("/apps/11111111-2222-3333-4444-555555555555").await.status, 404);
}

#[tokio::test]
async fn a_mailbox_follows_the_licences_until_it_is_given_itself() {
    let lab = Lab::start().await;
    let put = async |body: Value| {
        lab.control_put("/users/new@contoso.example", &body).await.body["mailbox"].clone()
    };
    assert_eq!(put(json!({"password": "x"})).await, true);
    assert_eq!(put(json!({"licenses": []})).await, false);
    assert_eq!(put(json!({"licenses": ["POWER_BI_STANDARD"]})).await, false);
    assert_eq!(put(json!({"licenses": ["Office 365 E1"]})).await, true);
    assert_eq!(put(json!({"licenses": [], "mailbox": true})).await, true);
    assert_eq!(put(json!({"smtp_auth": null})).await, true);
}

#[tokio::test]
async fn the_world_can_be_read_written_and_reset() {
    let lab = Lab::start().await;
    let world = lab.control_get("/world").await.body;
    let change = json!({"tenant": {"name": "Fabrikam"}, "users": [{"upn": "solo@contoso.example", "password": "p"}], "switches": {"ca_block": true}});
    let changed = lab.control_put("/world", &change).await.body;
    assert_eq!(
        (changed["tenant"]["name"].as_str(), &changed["tenant"]["id"]),
        (Some("Fabrikam"), &world["tenant"]["id"])
    );
    assert_eq!(changed["users"].as_array().unwrap().len(), 1);
    assert_eq!(changed["apps"], world["apps"]);
    assert_eq!(lab.control_put("/world", &world).await.body, world, "what GET gives, PUT takes");
    lab.control_put("/switches", &json!({"mailbox_full": true})).await;
    lab.control_send(Method::POST, "/clock", &json!({"advance_seconds": 3600})).await;
    assert_eq!(lab.control_send(Method::POST, "/reset", &json!({})).await.body, world);
    assert_eq!(lab.control_get("/clock").await.body["offset_seconds"], 0);
    assert_eq!(lab.control_get("/requests").await.body, json!([]));
}

#[tokio::test]
async fn the_clock_moves_everything() {
    let lab = Lab::start().await;
    let before = lab.sim.now();
    let reply = lab.control_send(Method::POST, "/clock", &json!({"advance_seconds": 86400})).await;
    assert_eq!(reply.status, 200);
    assert!(lab.sim.now() - before >= time::Duration::days(1));
    assert_eq!(lab.control_send(Method::POST, "/clock", &json!({"days": 1})).await.status, 400);
    let now = lab.sim.now();
    let too_far = lab.control_send(Method::POST, "/clock", &json!({"advance_seconds": i64::MAX})).await;
    assert!(too_far.status == 400 && too_far.text("error").contains("clock"), "{}", too_far.body);
    assert!(lab.sim.now() - now < time::Duration::HOUR, "nothing has moved");
}

#[tokio::test]
async fn every_switch_is_listed_with_what_it_does_and_provokes() {
    let lab = Lab::start().await;
    let list = lab.control_put("/switches", &json!({"ca_block": true})).await.body;
    let list = list.as_array().unwrap();
    assert!(list.len() > 30);
    for switch in list {
        assert!(
            ["name", "does", "provokes"]
                .iter()
                .all(|name| switch[*name].as_str().is_some_and(|text| !text.is_empty()))
        );
    }
    let block = list.iter().find(|switch| switch["name"] == "ca_block").unwrap();
    assert_eq!(
        (&block["value"], &block["default"], block["provokes"].as_str()),
        (&json!(true), &json!(false), Some("AADSTS53003"))
    );
}

#[tokio::test]
async fn requests_are_shown_decoded_and_without_secrets() {
    let lab = Lab::start().await;
    let reply = lab.signed_in(SIGN_IN).await;
    let (access, refresh) = (reply.access_token(), reply.text("refresh_token").to_owned());
    lab.refresh(&refresh, SIGN_IN).await;
    lab.graph_get("me", &access).await;
    let shown = lab.control_get("/requests").await.body;
    let text = shown.to_string();
    for secret in [&lab.secret, &lab.password, &refresh, &access] {
        assert!(!text.contains(secret.as_str()));
    }
    let last = shown.as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (last["path"].as_str(), last["token"]["appid"].as_str()),
        (Some("/v1.0/me"), Some(lab.client.as_str()))
    );
    let token = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["form"]["grant_type"] == "authorization_code")
        .unwrap();
    assert_eq!((token["form"]["code"].as_str(), &token["status"]), (Some("<masked>"), &json!(200)));
}

#[tokio::test]
async fn mail_is_read_by_address_with_its_envelope() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    let mime = "From: megan@contoso.example\r\nTo: bob@else.example\r\n\r\nhello\r\n";
    lab.graph_post(&format!("users/{}/sendMail", lab.user), &token, "text/plain", STANDARD.encode(mime))
        .await;
    let list = lab.control_get("/mailboxes/BOB@else.example/messages").await.body;
    let message = &list[0];
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(message["via"], "graph-mime");
    assert_eq!(message["envelope"], json!({"from": "megan@contoso.example", "to": ["bob@else.example"]}));
    assert_eq!(message["mime"], STANDARD.encode(mime));
    assert_eq!(message["saved_to_sent_items"], true);
    assert!(message["id"].is_string() && message["received"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        lab.control_get("/mailboxes").await.body[0],
        json!({"address": "bob@else.example", "messages": 1, "received": 1, "sent": 0})
    );
    let sent = lab.control_get(&format!("/mailboxes/{}/messages?folder=sentitems", lab.user)).await.body;
    assert_eq!(sent.as_array().unwrap().len(), 1);
    assert_eq!(lab.control_get("/mailboxes/nobody@else.example/messages").await.body, json!([]));
}

#[tokio::test]
async fn the_page_says_simulated_and_its_switches_work() {
    let lab = Lab::start().await;
    let page = lab.control_get("/").await;
    let html = page.body.as_str().unwrap();
    assert!(
        html.contains("SIMULATED") && html.contains("megan@contoso.example") && html.contains("ca_block")
    );
    let url = format!("{}/page/switch", lab.sim.control_url);
    let form = [("name", "ca_block"), ("value", "true")];
    let foreign =
        lab.http.post(&url).header("origin", "https://evil.example").form(&form).send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let reply = lab.http.post(&url).form(&form).send().await.unwrap();
    assert_eq!(reply.status(), 303);
    assert!(lab.sim.world().switches.ca_block);
    assert!(html.contains("timeout@"), "the recipients that steer are told");
    let before = lab.sim.now();
    let clock = format!("{}/page/clock", lab.sim.control_url);
    let moved = lab.http.post(&clock).form(&[("advance_seconds", "3600")]).send().await.unwrap();
    assert_eq!(moved.status(), 303);
    assert!(lab.sim.now() - before >= time::Duration::HOUR);
    let foreign = lab.http.post(&clock).header("origin", "https://evil.example");
    assert_eq!(foreign.form(&[("advance_seconds", "1")]).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn microsofts_host_names_are_answered_under_the_same_certificate() {
    let lab = Lab::start().await;
    let port: u16 = lab.sim.https_url.rsplit(':').next().unwrap().parse().unwrap();
    let authority = reqwest::Certificate::from_pem(lab.sim.ca_pem.as_bytes()).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut builder = reqwest::Client::builder().tls_certs_only([authority]).no_proxy();
    for host in ["login.microsoftonline.com", "graph.microsoft.com"] {
        builder = builder.resolve(host, address);
    }
    let http = builder.build().unwrap();
    let url = format!("https://login.microsoftonline.com:{port}/{}/oauth2/v2.0/token", lab.tenant);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", lab.client.as_str()),
        ("client_secret", lab.secret.as_str()),
        ("scope", GRAPH),
    ];
    let token = Reply::read(http.post(url).form(&form).send().await.unwrap()).await.access_token();
    let url = format!("https://graph.microsoft.com:{port}/v1.0/users/{}", lab.user);
    let reply = Reply::read(http.get(url).bearer_auth(token).send().await.unwrap()).await;
    reply.denied(403, "Authorization_RequestDenied");
    let url = format!(
        "https://login.microsoftonline.com:{port}/{}/v2.0/.well-known/openid-configuration",
        lab.tenant
    );
    let document = Reply::read(http.get(url).send().await.unwrap()).await;
    let userinfo = document.text("userinfo_endpoint").to_owned();
    assert_eq!(userinfo, format!("https://graph.microsoft.com:{port}/oidc/userinfo"));
    let person = lab.signed_in(SIGN_IN).await.access_token();
    let reply = Reply::read(http.get(userinfo).bearer_auth(person).send().await.unwrap()).await;
    assert_eq!((reply.status, reply.text("name")), (200, "Megan Bowen"));
}

#[tokio::test]
async fn a_restart_forgets_everything_and_has_new_keys() {
    let world = World::demo(&["https://localhost:4443/authorize"]);
    let options = || SimOptions { world: world.clone(), ..SimOptions::default() };
    let first = Sim::start(options()).await.unwrap();
    let (ca, url) = (first.ca_pem.clone(), first.control_url.clone());
    first.stop().await;
    assert!(
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.is_err(),
        "it has stopped"
    );
    let second = Sim::start(options()).await.unwrap();
    assert_ne!(second.ca_pem, ca);
    assert_eq!(second.requests(), Vec::<Value>::new());
}
