//! Who may do what: every route, for nobody and for each role.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::house::{Caller, House};

/// The least role that a route lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    Viewer,
    Operator,
    Administrator,
}

use Needs::{Administrator, Operator, Viewer};

/// Every route of the API, and who may use it. A new route belongs in here.
const ROUTES: &[(&str, &str, Needs)] = &[
    ("get", "/certificates", Viewer),
    ("post", "/certificates/import", Administrator),
    ("post", "/certificates/generate", Administrator),
    ("get", "/certificates/{certificate}", Viewer),
    ("patch", "/certificates/{certificate}", Administrator),
    ("delete", "/certificates/{certificate}", Administrator),
    ("post", "/certificates/{certificate}/replace", Administrator),
    ("get", "/certificates/{certificate}/download", Viewer),
    ("post", "/certificates/{certificate}/export", Administrator),
    ("get", "/accounts", Viewer),
    ("post", "/accounts", Administrator),
    ("get", "/accounts/{account}", Viewer),
    ("patch", "/accounts/{account}", Administrator),
    ("delete", "/accounts/{account}", Administrator),
    ("post", "/accounts/{account}/check", Operator),
    ("post", "/accounts/{account}/authorize", Administrator),
    ("post", "/accounts/{account}/confirm", Administrator),
    ("get", "/authorizations/{authorization}", Administrator),
    ("delete", "/authorizations/{authorization}", Administrator),
    ("post", "/authorizations/{authorization}/complete", Administrator),
    ("post", "/authorizations/{authorization}/confirm", Administrator),
    ("post", "/test-email", Operator),
    ("get", "/submitters", Viewer),
    ("post", "/submitters", Administrator),
    ("get", "/submitters/{submitter}", Viewer),
    ("patch", "/submitters/{submitter}", Administrator),
    ("delete", "/submitters/{submitter}", Administrator),
    ("post", "/submitters/{submitter}/password", Administrator),
    ("post", "/submitters/{submitter}/token", Administrator),
    ("get", "/queue", Viewer),
    ("get", "/queue/history", Viewer),
    ("get", "/listeners", Viewer),
    ("get", "/listeners/refusals", Viewer),
    ("get", "/messages", Viewer),
    ("post", "/messages", Operator),
    ("get", "/messages/{message}", Viewer),
    ("post", "/messages/{message}/retry", Operator),
    ("post", "/messages/{message}/cancel", Operator),
    ("post", "/messages/{message}/hold", Operator),
    ("post", "/messages/{message}/release", Operator),
    ("get", "/explain", Viewer),
    ("post", "/explain", Viewer),
    ("get", "/tokens", Administrator),
    ("post", "/tokens", Administrator),
    ("delete", "/tokens/{token}", Administrator),
    ("get", "/sessions", Viewer),
    ("delete", "/sessions/{session}", Viewer),
    ("get", "/users", Administrator),
    ("post", "/users", Administrator),
    ("patch", "/users/{user}", Administrator),
    ("delete", "/users/{user}", Administrator),
    ("post", "/setup-link", Administrator),
    ("get", "/audit", Viewer),
    ("get", "/status", Viewer),
    ("get", "/clouds", Viewer),
    ("get", "/events", Viewer),
];

/// The routes that need nobody signed in.
const OPEN: &[(&str, &str)] =
    &[("get", "/session"), ("post", "/session"), ("get", "/setup"), ("post", "/setup")];

/// The routes for a user's own session, whatever the role; no token opens them, nor does `admin.sock`.
const OWN: &[(&str, &str)] = &[
    ("post", "/me/password"),
    ("post", "/me/totp"),
    ("delete", "/me/totp"),
    ("post", "/me/totp/confirm"),
    ("delete", "/session"),
];

/// Asks a route for a thing that isn't there, with a body that isn't enough: who is let in hears of that.
async fn knock(caller: &Caller, method: &str, route: &str) -> u16 {
    let place = route.split_once('{').map(|(before, rest)| {
        let (_, after) = rest.split_once('}').unwrap();
        format!("{before}00000000-0000-7000-8000-000000000000{after}")
    });
    let path = format!("/api/v1{}", place.as_deref().unwrap_or(route));
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let body = (method == Method::POST || method == Method::PATCH).then(|| json!({ "name": 7 }));
    let request = caller.request(method, &path);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    // The head is enough: live events have no end.
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_route_is_in_the_table() {
    let house = House::new().await;
    let document = house.stranger().get("/api/v1/openapi.json").await.done(200);
    let methods = |path: &String, item: &Value| {
        let names: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        names.into_iter().map(|method| format!("{method} {path}")).collect::<Vec<_>>()
    };
    let served: BTreeSet<String> =
        document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| methods(path, item)).collect();
    let known: BTreeSet<String> = ROUTES
        .iter()
        .map(|(method, path, _)| (method, path))
        .chain(OPEN.iter().chain(OWN).map(|(method, path)| (method, path)))
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    let differ: Vec<&String> = served.symmetric_difference(&known).collect();
    assert!(differ.is_empty(), "say in the table who may use {differ:?}");
}

#[tokio::test]
async fn each_role_may_do_what_it_should_and_no_more() {
    let house = House::new().await;
    let holders = [
        (Viewer, house.holder("viewer", "viewer").await),
        (Operator, house.holder("operator", "operator").await),
        (Administrator, house.holder("administrator", "administrator").await),
        (Viewer, house.signed_in("anna", "viewer").await),
        (Operator, house.signed_in("ben", "operator").await),
        (Administrator, house.signed_in("carla", "administrator").await),
    ];
    for (method, route, needs) in ROUTES {
        assert_eq!(knock(&house.stranger(), method, route).await, 401, "nobody: {method} {route}");
        for (role, holder) in &holders {
            let status = knock(holder, method, route).await;
            match role >= needs {
                true => {
                    assert!(![401, 403].contains(&status), "{role:?}: {method} {route} answered {status}");
                }
                false => assert_eq!(status, 403, "{role:?}: {method} {route}"),
            }
        }
        let status = knock(&house.local(), method, route).await;
        assert!(![401, 403].contains(&status), "admin.sock: {method} {route} answered {status}");
    }
}

#[tokio::test]
async fn a_users_own_routes_are_for_users_of_every_role_and_for_nobody_else() {
    let house = House::new().await;
    let token = house.holder("token", "administrator").await;
    let users = [house.signed_in("anna", "viewer").await, house.signed_in("carla", "administrator").await];
    for (method, route) in OWN {
        for other in [&house.stranger(), &token, &house.local()] {
            assert_eq!(knock(other, method, route).await, 401, "{method} {route}");
        }
        for user in &users {
            let status = knock(user, method, route).await;
            assert!(![401, 403].contains(&status), "{method} {route} answered {status}");
        }
    }
    for (method, route) in OPEN {
        let status = knock(&house.stranger(), method, route).await;
        assert!(![401, 403].contains(&status), "{method} {route} answered {status}");
    }
}

#[tokio::test]
async fn what_is_no_token_of_ours_opens_nothing() {
    let house = House::new().await;
    let good = house.holder("good", "administrator").await.token.unwrap();
    let stranger = house.stranger();
    let half = &good[..good.len() - 1];
    for authorization in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {half}"),
        format!("Bearer {good}x"),
        format!("Bearer {}", good.to_uppercase()),
        format!("Basic {good}"),
        good.clone(),
        format!("Bearer {good} {good}"),
    ] {
        let request = stranger.request(Method::GET, "/api/v1/status").header("authorization", &authorization);
        let answer = crate::house::Answer::read(request.send().await.unwrap()).await;
        answer.refused(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    let request =
        stranger.request(Method::GET, "/api/v1/status").header("authorization", format!("bearer {good}"));
    assert_eq!(
        request.send().await.unwrap().status(),
        200,
        "the scheme's case doesn't count (RFC 9110, section 11.1)"
    );
    for place in [format!("/api/v1/status?access_token={good}"), format!("/api/v1/status?token={good}")] {
        assert_eq!(stranger.get(&place).await.status, 401, "addresses end in logs");
    }
}

#[tokio::test]
async fn a_role_is_refused_with_who_may() {
    let house = House::new().await;
    let viewer = house.holder("tv", "viewer").await;
    let problem = viewer.post("/api/v1/tokens", json!({})).await.refused(403, "forbidden");
    let says = problem["detail"].as_str().unwrap();
    assert!(says.contains("token:tv") && says.contains("viewer") && says.contains("administrator"), "{says}");
}

#[tokio::test]
async fn what_is_open_needs_nobody() {
    let house = House::new().await;
    for path in ["/healthz", "/readyz", "/api/v1/openapi.json", "/api/docs/"] {
        assert_eq!(house.stranger().get(path).await.status, 200, "{path}");
    }
}
