//! The directory through Graph: an application is registered, proves itself, is granted what it needs.

use crate::support::{Assertion, GRAPH, Lab, Reply, TestKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use m365_sim::RegisteredCertificate;
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

const ALL: &[&str] = &[
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
];
const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
const MAIL_SEND_ROLE: &str = "b633e1c5-b582-4048-a93e-9f11b44c7e96";

/// A lab whose application may register others, and its token.
async fn lab() -> (Lab, String) {
    let lab = Lab::start_with(|world| {
        let more = ALL.iter().map(|name| (*name).to_owned().try_into().unwrap());
        world.apps[0].application.extend(more);
    })
    .await;
    let token = lab.app_token(GRAPH).await;
    (lab, token)
}

async fn send(lab: &Lab, token: &str, method: Method, path: &str, body: &Value) -> Reply {
    let url = format!("{}/v1.0/{path}", lab.sim.https_url);
    Reply::read(lab.http.request(method, url).bearer_auth(token).json(body).send().await.unwrap()).await
}

async fn create(lab: &Lab, token: &str, more: &Value) -> Reply {
    let mut body = json!({"displayName": "Gate", "signInAudience": "AzureADMyOrg",
        "web": {"redirectUris": ["https://gate.example:4443/authorize"]},
        "requiredResourceAccess": [{"resourceAppId": GRAPH_ID, "resourceAccess": [{"id": MAIL_SEND_ROLE, "type": "Role"}]}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = send(lab, token, Method::POST, "applications", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply
}

fn entry(key: &TestKey) -> Value {
    json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": STANDARD.encode(&key.der)})
}

/// A proof of possession for this application (by object id).
fn proof(key: &TestKey, object: &str, seconds: i64) -> String {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    Assertion::new(key, object, "00000002-0000-0000-c000-000000000000")
        .claim("exp", json!(now + seconds))
        .sign(key)
}

async fn service(lab: &Lab, token: &str, app_id: &str) -> String {
    let path = format!("servicePrincipals?$filter=appId eq '{app_id}'&$select=id,appId,displayName");
    let found = lab.graph_get(&path, token).await;
    assert_eq!(found.body["value"][0].as_object().unwrap().len(), 3, "{}", found.body);
    found.body["value"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_application_is_registered_and_sends_mail() {
    let (lab, token) = lab().await;
    let key = TestKey::new();
    let made = create(&lab, &token, &json!({"keyCredentials": [entry(&key)]})).await;
    let shown = &made.body["keyCredentials"][0];
    assert_eq!((&shown["displayName"], &shown["key"]), (&json!("CN=rcgen self signed cert"), &Value::Null));
    assert_eq!(shown["customKeyIdentifier"].as_str().unwrap().len(), 40);
    assert!(made.headers["location"].to_str().unwrap().ends_with("Microsoft.DirectoryServices.Application"));
    let app_id = made.text("appId").to_owned();
    let ask = async |lab: &Lab| {
        let assertion = Assertion::new(&key, &app_id, &lab.token_endpoint()).sign(&key);
        lab.post(&[
            ("grant_type", "client_credentials"),
            ("client_id", &app_id),
            ("scope", GRAPH),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ])
        .await
    };
    ask(&lab).await.refused(401, "invalid_client", 7_000_229);
    let principal = send(&lab, &token, Method::POST, "servicePrincipals", &json!({"appId": app_id})).await;
    assert_eq!((principal.status, principal.text("servicePrincipalType")), (201, "Application"));
    send(&lab, &token, Method::POST, "servicePrincipals", &json!({"appId": app_id}))
        .await
        .denied(409, "Request_MultipleObjectsWithSameKeyValue");
    let graph = service(&lab, &token, GRAPH_ID).await;
    let role = json!({"principalId": principal.text("id"), "resourceId": graph, "appRoleId": MAIL_SEND_ROLE});
    let path = format!("servicePrincipals/{graph}/appRoleAssignedTo");
    let assigned = send(&lab, &token, Method::POST, &path, &role).await;
    assert_eq!((assigned.status, assigned.text("principalType")), (201, "ServicePrincipal"));
    assert_eq!(assigned.text("id").len(), 43);
    assert!(assigned.text("createdDateTime").ends_with('Z'), "{}", assigned.body);
    let twice = send(&lab, &token, Method::POST, &path, &role).await;
    twice.denied(400, "Request_BadRequest");
    assert_eq!(twice.body["error"]["message"], "EntitlementGrant entry already exists");
    let own = ask(&lab).await.access_token();
    let mime = STANDARD.encode("From: megan@contoso.example\r\nTo: bob@else.example\r\n\r\nhi\r\n");
    let path = format!("users/{}/sendMail", lab.user);
    assert_eq!(lab.graph_post(&path, &own, "text/plain", mime).await.status, 202);
    let gone = format!("servicePrincipals/{graph}/appRoleAssignedTo/{}", assigned.text("id"));
    assert_eq!(send(&lab, &token, Method::DELETE, &gone, &json!({})).await.status, 204);
    assert_eq!(
        send(&lab, &token, Method::DELETE, &format!("applications/{}", made.text("id")), &json!({}))
            .await
            .status,
        204
    );
    let purge = format!("directory/deletedItems/{}", made.text("id"));
    assert_eq!(send(&lab, &token, Method::DELETE, &purge, &json!({})).await.status, 204);
    ask(&lab).await.refused(400, "unauthorized_client", 700_016);
}

#[tokio::test]
async fn a_list_of_keys_is_replaced_and_what_stays_is_told_as_it_was_read() {
    let (lab, token) = lab().await;
    let (one, two) = (TestKey::new(), TestKey::new());
    let id = "11111111-2222-3333-4444-555555555555";
    let mut first = entry(&one);
    first["keyId"] = json!(id);
    let made = create(&lab, &token, &json!({"keyCredentials": [first]})).await;
    let path = format!("applications/{}", made.text("id"));
    let patch =
        async |keys: Value| send(&lab, &token, Method::PATCH, &path, &json!({"keyCredentials": keys})).await;
    let keys = async || lab.graph_get(&path, &token).await.body["keyCredentials"].clone();
    let read = keys().await[0].clone();
    assert_eq!(read["keyId"], id, "the client's own id is kept");
    assert_eq!(patch(json!([read, entry(&two)])).await.status, 204);
    assert_eq!(keys().await.as_array().unwrap().len(), 2);
    let mut changed = read.clone();
    changed["endDateTime"] = json!("2026-12-01T00:00:00Z");
    patch(json!([changed])).await.denied(400, "KeyNotUpdatable");
    let mut without = read.clone();
    without.as_object_mut().unwrap().remove("usage");
    patch(json!([without])).await.denied(400, "Request_BadRequest");
    assert_eq!(patch(json!([entry(&two)])).await.status, 204);
    assert_eq!(keys().await.as_array().unwrap().len(), 1, "the one that was left out is gone");
    let mut late = entry(&one);
    late["endDateTime"] = json!("2099-01-01T00:00:00Z");
    patch(json!([late])).await.denied(400, "KeyCredentialsInvalidEndDate");
    patch(json!([{"usage": "Verify", "key": "AAAA"}])).await.denied(400, "KeyCredentialsInvalidValue");
    lab.switch(|switches| switches.key_lifetime_max_days = Some(1));
    let refused = patch(json!([entry(&one)])).await;
    refused.denied(400, "CredentialInvalidLifetimeAsPerAppPolicy");
    assert_eq!(refused.body["error"]["details"][0]["code"], "InvalidKeyEndDate");
}

#[tokio::test]
async fn an_application_rolls_its_own_key_by_proof_of_possession() {
    let (lab, _) = lab().await;
    let (old, new) = (TestKey::new(), TestKey::new());
    lab.sim.change_world(|world| {
        world.apps[0].certificates = vec![RegisteredCertificate::from_der(&old.der).unwrap()];
    });
    let token = lab.app_token(GRAPH).await;
    let object = lab.sim.world().apps[0].object_id.to_string();
    let path = |verb: &str| format!("applications/{object}/{verb}");
    let add = async |proof: Value| {
        let body = json!({"keyCredential": entry(&new), "passwordCredential": null, "proof": proof});
        send(&lab, &token, Method::POST, &path("addKey"), &body).await
    };
    add(Value::Null).await.denied(403, "Authorization_RequestDenied");
    add(json!("garbage")).await.denied(401, "Authentication_MissingOrMalformed");
    add(json!(proof(&new, &object, 600))).await.denied(401, "Authentication_MissingOrMalformed");
    add(json!(proof(&old, &lab.client, 600))).await.denied(401, "Authentication_MissingOrMalformed");
    add(json!(proof(&old, &object, 3600))).await.denied(401, "Authentication_MissingOrMalformed");
    let added = add(json!(proof(&old, &object, 600))).await;
    assert_eq!(added.status, 200, "{}", added.body);
    let remove = json!({"keyId": added.text("keyId"), "proof": proof(&old, &object, 600)});
    assert_eq!(send(&lab, &token, Method::POST, &path("removeKey"), &remove).await.status, 204);
    assert_eq!(lab.sim.world().apps[0].certificates.len(), 1);
}

#[tokio::test]
async fn secrets_are_shown_once() {
    let (lab, token) = lab().await;
    let made = create(&lab, &token, &json!({})).await;
    let path = format!("applications/{}", made.text("id"));
    let added = send(
        &lab,
        &token,
        Method::POST,
        &format!("{path}/addPassword"),
        &json!({"passwordCredential": {"displayName": "key1"}}),
    )
    .await;
    let secret = added.text("secretText");
    assert_eq!((added.status, secret.len(), &secret[..3]), (200, 40, added.text("hint")));
    let read = lab.graph_get(&path, &token).await;
    assert_eq!(
        (
            &read.body["passwordCredentials"][0]["secretText"],
            &read.body["passwordCredentials"][0]["displayName"]
        ),
        (&Value::Null, &json!("key1"))
    );
    let gone = json!({"keyId": added.text("keyId")});
    assert_eq!(send(&lab, &token, Method::POST, &format!("{path}/removePassword"), &gone).await.status, 204);
    assert_eq!(lab.graph_get(&path, &token).await.body["passwordCredentials"], json!([]));
    let from = async |start: &str| {
        let body = json!({"passwordCredential": {"startDateTime": start}});
        send(&lab, &token, Method::POST, &format!("{path}/addPassword"), &body).await
    };
    assert_eq!(from("2022-05-07T06:52:43Z").await.text("endDateTime"), "2024-05-07T06:52:43Z");
    assert_eq!(from("2024-02-29T00:00:00Z").await.text("endDateTime"), "2026-02-28T00:00:00Z");
    from("9999-12-31T00:00:00Z").await.denied(400, "Request_BadRequest");
    lab.switch(|switches| switches.directory_object_full = true);
    send(&lab, &token, Method::POST, &format!("{path}/addPassword"), &json!({}))
        .await
        .denied(403, "Directory_ResourceSizeExceeded");
    let keys = json!({"keyCredentials": [entry(&TestKey::new())]});
    send(&lab, &token, Method::PATCH, &path, &keys).await.denied(403, "Directory_ResourceSizeExceeded");
    lab.switch(|switches| switches.secrets_forbidden = true);
    send(&lab, &token, Method::POST, &format!("{path}/addPassword"), &json!({}))
        .await
        .denied(400, "CredentialTypeNotAllowedAsPerAppPolicy");
}

#[tokio::test]
async fn delegated_grants_have_computed_ids_that_stay() {
    let (lab, token) = lab().await;
    let app_id = create(&lab, &token, &json!({})).await.text("appId").to_owned();
    let client = send(&lab, &token, Method::POST, "servicePrincipals", &json!({"appId": app_id}))
        .await
        .text("id")
        .to_owned();
    let graph = service(&lab, &token, GRAPH_ID).await;
    let body = json!({"clientId": client, "consentType": "AllPrincipals", "resourceId": graph, "scope": "Mail.Send User.Read"});
    let post = async || send(&lab, &token, Method::POST, "oauth2PermissionGrants", &body).await;
    let made = post().await;
    assert_eq!((made.status, made.text("scope"), made.text("id").len()), (201, "Mail.Send User.Read", 43));
    post().await.denied(409, "Request_MultipleObjectsWithSameKeyValue");
    let path = format!("oauth2PermissionGrants/{}", made.text("id"));
    assert_eq!(send(&lab, &token, Method::PATCH, &path, &json!({"scope": "Mail.Send"})).await.status, 204);
    let list = lab
        .graph_get(
            &format!("oauth2PermissionGrants?$filter=clientId eq '{client}' and resourceId eq '{graph}'"),
            &token,
        )
        .await;
    assert_eq!(list.body["value"][0]["scope"], "Mail.Send");
    assert_eq!(send(&lab, &token, Method::DELETE, &path, &json!({})).await.status, 204);
    lab.graph_get(&path, &token).await.denied(404, "Request_ResourceNotFound");
    assert_eq!(post().await.text("id"), made.text("id"), "the same id again");
}

#[tokio::test]
async fn a_grant_of_nothing_is_refused() {
    let (lab, token) = lab().await;
    let client = lab.sim.world().apps[0].service_principal_id;
    let graph = service(&lab, &token, GRAPH_ID).await;
    for scope in ["", "  "] {
        let body =
            json!({"clientId": client, "consentType": "AllPrincipals", "resourceId": graph, "scope": scope});
        send(&lab, &token, Method::POST, "oauth2PermissionGrants", &body)
            .await
            .denied(400, "Request_BadRequest");
    }
}

#[tokio::test]
async fn ids_are_the_same_in_capital_letters() {
    let (lab, token) = lab().await;
    let app_id = create(&lab, &token, &json!({})).await.text("appId").to_owned();
    let made = send(&lab, &token, Method::POST, "servicePrincipals", &json!({"appId": app_id})).await;
    let client = made.text("id").to_uppercase();
    let graph = service(&lab, &token, GRAPH_ID).await.to_uppercase();
    let body = json!({"clientId": client, "consentType": "AllPrincipals", "resourceId": graph, "scope": "Mail.Send"});
    let made = send(&lab, &token, Method::POST, "oauth2PermissionGrants", &body).await;
    assert_eq!((made.status, made.text("clientId")), (201, client.to_lowercase().as_str()));
}

#[tokio::test]
async fn what_an_administrator_granted_as_a_whole_is_changed_one_by_one() {
    let (lab, token) = lab().await;
    let client = lab.sim.world().apps[0].service_principal_id.to_string();
    let graph = service(&lab, &token, GRAPH_ID).await;
    let list = async |path: &str| lab.graph_get(path, &token).await.body["value"].as_array().unwrap().clone();
    let grants = format!("oauth2PermissionGrants?$filter=clientId eq '{client}' and resourceId eq '{graph}'");
    let listed = list(&grants).await;
    assert_eq!(listed.len(), 1);
    let again = json!({"clientId": client, "consentType": "AllPrincipals", "resourceId": graph, "scope": "Mail.Send"});
    send(&lab, &token, Method::POST, "oauth2PermissionGrants", &again)
        .await
        .denied(409, "Request_MultipleObjectsWithSameKeyValue");
    let grant = format!("oauth2PermissionGrants/{}", listed[0]["id"].as_str().unwrap());
    let change = json!({"scope": "Mail.Send User.Read"});
    assert_eq!(send(&lab, &token, Method::PATCH, &grant, &change).await.status, 204);
    assert_eq!(list(&grants).await[0]["scope"], "Mail.Send User.Read");
    assert_eq!(send(&lab, &token, Method::DELETE, &grant, &json!({})).await.status, 204);
    assert_eq!(list(&grants).await, [] as [Value; 0]);

    let assignments = format!("servicePrincipals/{client}/appRoleAssignments");
    let before = list(&assignments).await;
    let send_mail = before.iter().find(|one| one["appRoleId"] == MAIL_SEND_ROLE).unwrap();
    let one = format!("{assignments}/{}", send_mail["id"].as_str().unwrap());
    assert_eq!(send(&lab, &token, Method::DELETE, &one, &json!({})).await.status, 204);
    assert_eq!(list(&assignments).await.len(), before.len() - 1);
    let own = lab.app_token(GRAPH).await;
    let path = format!("users/{}/sendMail", lab.user);
    lab.graph_post(&path, &own, "text/plain", "RnJvbTogYQ0KDQo=").await.denied(403, "ErrorAccessDenied");
}

#[tokio::test]
async fn what_is_made_is_seen_only_after_the_delay() {
    let (lab, token) = lab().await;
    lab.switch(|switches| switches.replication_delay_seconds = 20);
    let made = create(&lab, &token, &json!({})).await;
    let (path, app_id) = (format!("applications/{}", made.text("id")), made.text("appId"));
    let principal =
        async || send(&lab, &token, Method::POST, "servicePrincipals", &json!({"appId": app_id})).await;
    lab.graph_get(&path, &token).await.denied(404, "Request_ResourceNotFound");
    let refused = principal().await;
    refused.denied(400, "Request_BadRequest");
    assert!(
        refused.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains(" does not reference a valid application object.")
    );
    lab.sim.advance_clock(Duration::seconds(21));
    assert_eq!(lab.graph_get(&path, &token).await.status, 200);
    let made = principal().await;
    let graph = service(&lab, &token, GRAPH_ID).await;
    let role = json!({"principalId": made.text("id"), "resourceId": graph, "appRoleId": MAIL_SEND_ROLE});
    let assign = async || {
        send(&lab, &token, Method::POST, &format!("servicePrincipals/{graph}/appRoleAssignedTo"), &role).await
    };
    let refused = assign().await;
    refused.denied(400, "Request_BadRequest");
    assert_eq!(refused.body["error"]["message"], "Not a valid reference update.");
    lab.sim.advance_clock(Duration::seconds(21));
    assert_eq!(assign().await.status, 201);
}

#[tokio::test]
async fn an_application_is_for_everybody_unless_it_is_said_to_be_for_this_tenant() {
    let (lab, token) = lab().await;
    let post = async |body: Value| send(&lab, &token, Method::POST, "applications", &body).await;
    let open = post(json!({"displayName": "Open"})).await;
    let audience = |reply: &Reply| {
        (reply.text("signInAudience").to_owned(), reply.body["api"]["requestedAccessTokenVersion"].clone())
    };
    assert_eq!(audience(&open), ("AzureADandPersonalMicrosoftAccount".to_owned(), json!(2)));
    assert_eq!(open.text("createdDateTime").len(), "2026-11-21T10:00:00.0000000Z".len());
    let path = format!("applications/{}", open.text("id"));
    assert_eq!(
        lab.graph_get(&path, &token).await.text("createdDateTime").len(),
        "2026-11-21T10:00:00Z".len()
    );
    let change = json!({"signInAudience": "AzureADMyOrg"});
    assert_eq!(send(&lab, &token, Method::PATCH, &path, &change).await.status, 204);
    assert_eq!(audience(&lab.graph_get(&path, &token).await), ("AzureADMyOrg".to_owned(), Value::Null));
    let change = json!({"spa": {"redirectUris": ["https://page.example/"]}});
    assert_eq!(send(&lab, &token, Method::PATCH, &path, &change).await.status, 204);
    assert_eq!(lab.graph_get(&path, &token).await.body["spa"], change["spa"]);
    for wrong in [
        json!({"signInAudience": "Everybody"}),
        json!({"web": {"redirectUris": ["https://*.contoso.com/authorize"]}}),
        json!({"web": {"redirectUris": vec!["https://gate.example/authorize"; 257]}}),
        json!({"passwordCredentials": [{"displayName": "key"}]}),
    ] {
        send(&lab, &token, Method::PATCH, &path, &wrong).await.denied(400, "Request_BadRequest");
    }
}

#[tokio::test]
async fn the_directorys_answers_are_not_kept_and_say_what_they_cost() {
    let (lab, token) = lab().await;
    let header = |reply: &Reply, name: &str| reply.headers[name].to_str().unwrap().to_owned();
    for (path, cost) in
        [("applications", "1"), ("applications?$filter=displayName eq 'x'", "2"), ("servicePrincipals", "1")]
    {
        let reply = lab.graph_get(path, &token).await;
        assert_eq!(
            (header(&reply, "cache-control"), header(&reply, "x-ms-resource-unit")),
            ("no-cache".into(), cost.into())
        );
    }
    let path = format!("users/{}", lab.user);
    assert_eq!(header(&lab.graph_get(&path, &token).await, "cache-control"), "private");
}

#[tokio::test]
async fn with_the_narrower_permission_a_new_application_is_not_in_the_tenant_yet() {
    let lab = Lab::start_with(|world| {
        world.apps[0].application.push("Application.ReadWrite.OwnedBy".to_owned().try_into().unwrap());
    })
    .await;
    let token = lab.app_token(GRAPH).await;
    lab.switch(|switches| switches.replication_delay_seconds = 20);
    let app_id = create(&lab, &token, &json!({})).await.text("appId").to_owned();
    let principal =
        async || send(&lab, &token, Method::POST, "servicePrincipals", &json!({"appId": app_id})).await;
    let refused = principal().await;
    refused.denied(403, "Authorization_RequestDenied");
    assert!(refused.body["error"]["message"].as_str().unwrap().ends_with("must in the local tenant"));
    lab.sim.advance_clock(Duration::seconds(21));
    assert_eq!(principal().await.status, 201);
}

#[tokio::test]
async fn an_application_is_created_once_by_its_unique_name() {
    let (lab, token) = lab().await;
    let url = format!("{}/v1.0/applications(uniqueName='postern-gate')", lab.sim.https_url);
    let upsert = async |prefer: &str| {
        let request = lab.http.patch(&url).bearer_auth(&token).header("prefer", prefer);
        Reply::read(request.json(&json!({"displayName": "Gate"})).send().await.unwrap()).await
    };
    upsert("").await.denied(404, "Request_ResourceNotFound");
    assert_eq!(upsert("create-if-missing").await.status, 201);
    assert_eq!(upsert("create-if-missing").await.status, 204);
    let list = lab.graph_get("applications?$filter=displayName eq 'Gate'", &token).await;
    assert_eq!(list.body["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn registering_needs_the_permissions_and_a_person_has_to_be_an_administrator() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    send(&lab, &token, Method::POST, "applications", &json!({"displayName": "x"}))
        .await
        .denied(403, "Authorization_RequestDenied");
    let (lab, token) = self::lab().await;
    lab.switch(|switches| switches.directory_quota_exceeded = true);
    send(&lab, &token, Method::POST, "applications", &json!({"displayName": "x"}))
        .await
        .denied(403, "Directory_QuotaExceeded");
}
