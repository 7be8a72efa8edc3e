//! Requests as such: which host, which route, which body, and what every answer carries.

use http::Method;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{Answer, House};

/// A client that believes everything, for hosts that the console's certificate doesn't name.
fn credulous(house: &House, host: &str) -> Client {
    let address = house.running().console;
    let client = Client::builder().no_proxy().tls_danger_accept_invalid_certs(true);
    client.resolve(host, address).build().unwrap()
}

#[tokio::test]
async fn a_request_for_a_foreign_host_reaches_nothing() {
    let house = House::configured("names = ['Gate.Example']", "").await;
    let admin = house.holder("admin", "administrator").await;
    let token = admin.token.clone().unwrap();
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example", "gate.example.evil.example"]
    {
        let client = credulous(&house, host);
        for path in ["/api/v1/status", "/authorize", "/api/docs/", "/", "/api/v1/openapi.json", "/nothing"] {
            let url = format!("https://{host}:{}{path}", house.port());
            let answer = Answer::read(client.get(url).bearer_auth(&token).send().await.unwrap()).await;
            let problem = answer.refused(421, "misdirected");
            assert!(!problem.to_string().contains("version"), "{problem}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        for probe in ["/healthz", "/readyz"] {
            let url = format!("https://{host}:{}{probe}", house.port());
            assert_eq!(
                client.get(url).send().await.unwrap().status(),
                200,
                "probes reach a container by its address"
            );
        }
    }
    for own in ["gate.example", "GATE.EXAMPLE"] {
        let url = format!("https://{own}:{}/api/v1/status", house.port());
        let client = credulous(&house, &own.to_lowercase());
        assert_eq!(client.get(url).bearer_auth(&token).send().await.unwrap().status(), 200, "{own}");
    }
}

#[tokio::test]
async fn a_forwarded_host_counts_for_nobody_but_a_configured_proxy() {
    let mut house = House::new().await;
    let ask = async |house: &House, name: &str, value: &str| {
        let request = house.stranger().request(Method::GET, "/api/v1/openapi.json").header(name, value);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&house, "x-forwarded-host", "evil.example").await, 200, "it is not looked at");
    assert_eq!(ask(&house, "host", "evil.example").await, 421);
    house.stop().await;
    house.configure("trusted_proxies = ['127.0.0.1']", "");
    house.start().await;
    assert_eq!(ask(&house, "x-forwarded-host", "evil.example").await, 421);
    assert_eq!(
        ask(&house, "x-forwarded-host", "evil.example, localhost").await,
        200,
        "the proxy's own word is the last"
    );
    assert_eq!(ask(&house, "x-forwarded-host", "localhost, evil.example").await, 421);
}

#[tokio::test]
async fn health_is_open_and_says_no_more_than_yes() {
    let house = House::new().await;
    for (path, says) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = house.stranger().get(path).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, says));
    }
}

#[tokio::test]
async fn a_wrong_address_or_method_is_a_problem_with_code_and_hint() {
    let house = House::new().await;
    let admin = house.holder("admin", "administrator").await;
    for path in [
        "/nothing",
        "/api/v1/nothing",
        "/api/v1/certificates/a/b/c",
        "/api/v2/status",
        "/api/v1/",
        "/authorize/",
    ] {
        for caller in [&admin, &house.stranger()] {
            caller.get(path).await.refused(404, "not_found");
        }
    }
    for (method, path) in [
        (Method::PUT, "/api/v1/accounts"),
        (Method::DELETE, "/api/v1/status"),
        (Method::POST, "/api/v1/audit"),
        (Method::PUT, "/authorize"),
        (Method::POST, "/healthz"),
        (Method::PATCH, "/api/v1/openapi.json"),
    ] {
        admin.ask(method.clone(), path, None).await.refused(405, "method_not_allowed");
        let answer = house.local().ask(method, path, None).await;
        answer.refused(405, "method_not_allowed");
        assert!(!answer.header("allow").is_empty(), "RFC 9110, section 15.5.6");
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_refused_by_name() {
    let house = House::new().await;
    let local = house.local();
    let send = async |kind: &str, body: &str| {
        let request =
            local.request(Method::POST, "/api/v1/tokens").header("content-type", kind).body(body.to_owned());
        Answer::read(request.send().await.unwrap()).await
    };
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        send(kind, r#"{"name":"a","role":"viewer"}"#).await.refused(415, "unsupported_media_type");
    }
    for (body, code, status) in [
        ("{", "malformed_json", 400),
        ("", "invalid_request", 422),
        ("null", "invalid_request", 422),
        ("[]", "invalid_request", 422),
        (r#"{"name":"a","role":"viewer"} {}"#, "malformed_json", 400),
        (r#"{"name":"a","name":"b","role":"viewer"}"#, "invalid_request", 422),
        (r#"{"name":"a","role":"owner"}"#, "invalid_request", 422),
        (r#"{"name":"a","role":"viewer","colour":1}"#, "invalid_request", 422),
        (r#"{"name":"","role":"viewer"}"#, "invalid_request", 422),
        ("{\"name\":\"\u{ff}", "malformed_json", 400),
    ] {
        let problem = send("application/json", body).await.refused(status, code);
        if code == "invalid_request" {
            assert!(problem["field"].is_string(), "{body}: {problem}");
        }
    }
    let deep = format!("{{\"name\":{}", "[".repeat(100_000));
    send("application/json", &deep).await.refused(422, "invalid_request");
    assert_eq!(local.get("/api/v1/tokens").await.done(200)["items"], json!([]), "nothing was made");
    send("application/json; charset=utf-8", r#"{"name":"a","role":"viewer"}"#).await.done(201);
}

#[tokio::test]
async fn a_wrong_query_is_refused_by_name() {
    let house = House::new().await;
    for query in [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=-1",
        "cursor=!",
        "cursor=AAAA",
        "cursor=",
        "colour=1",
        "limit=1&limit=2",
    ] {
        for list in ["certificates", "accounts", "tokens", "audit"] {
            let answer = house.local().get(&format!("/api/v1/{list}?{query}")).await;
            answer.refused(422, "invalid_request");
        }
    }
    house.local().get("/api/v1/audit?since=yesterday").await.refused(422, "invalid_request");
    house.local().get("/api/v1/certificates/%ff%fe").await.refused(422, "invalid_request");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let house = House::new().await;
    let admin = house.holder("admin", "administrator").await;
    let body = json!({ "name": "big", "file": "A".repeat(3 * 1024 * 1024) });
    for caller in [admin, house.local()] {
        caller.post("/api/v1/certificates/import", body.clone()).await.refused(413, "too_large");
    }
    let form = [("code", "A".repeat(3 * 1024 * 1024))];
    let answer = house.stranger().request(Method::POST, "/authorize").form(&form).send().await.unwrap();
    assert!([400, 413].contains(&answer.status().as_u16()), "{answer:?}");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_a_browser() {
    let house = House::new().await;
    let admin = house.holder("admin", "administrator").await;
    for path in
        ["/api/v1/status", "/api/docs/", "/nothing", "/authorize?state=x", "/api/v1/openapi.json", "/healthz"]
    {
        let answer = admin.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{path}");
        let policy = answer.header("content-security-policy");
        for part in ["frame-ancestors 'none'", "base-uri 'none'", "default-src"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe-eval") && !policy.contains("script-src 'unsafe-inline'"),
            "{path}: {policy}"
        );
        assert_eq!(answer.headers.get_all("content-security-policy").iter().count(), 1, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(["same-origin", "no-referrer"].contains(&answer.header("referrer-policy")), "{path}");
    }
    assert_eq!(
        admin.get("/authorize?state=x").await.header("referrer-policy"),
        "no-referrer",
        "the address holds a code"
    );
}

#[tokio::test]
async fn the_api_document_is_the_one_on_file() {
    let house = House::new().await;
    let served = house.stranger().get("/api/v1/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi.json");
    let found = format!("{}\n", served.text().trim_end());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "the API changed; UPDATE_GOLDEN=1 writes tests/openapi.json anew, and git diff shows how"
    );
    let document: Value = serde_json::from_str(&found).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["servers"][0]["url"], "/api/v1");
}

#[tokio::test]
async fn the_api_can_be_browsed_without_anything_from_elsewhere() {
    let house = House::new().await;
    let stranger = house.stranger();
    let first = stranger.get("/api/docs").await;
    assert!(
        first.status == 200 || (first.status == 303 && first.header("location") == "/api/docs/"),
        "{first:?}"
    );
    let page = stranger.get("/api/docs/").await;
    assert_eq!(page.status, 200);
    let html = page.text();
    assert!(html.contains("swagger-ui") && !html.contains("http://") && !html.contains("https://"), "{html}");
    assert!(!html.contains("<script>"), "the policy would stop it: {html}");
    let start = stranger.get("/api/docs/swagger-initializer.js").await;
    assert!(start.text().contains("/api/v1/openapi.json"));
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_hears_no_http() {
    let house = House::new().await;
    let mut stream = tokio::net::TcpStream::connect(house.running().console).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut heard).await;
    assert!(!String::from_utf8_lossy(&heard).contains("HTTP"), "{heard:?}");
}

#[tokio::test]
async fn both_doors_speak_http_1_and_the_console_http_2_too() {
    let house = House::new().await;
    let url = format!("{}/healthz", house.console());
    let trusted =
        reqwest::Certificate::from_pem(house.running().certificate_pem.as_ref().unwrap().as_bytes()).unwrap();
    let client = || Client::builder().no_proxy().tls_certs_only([trusted.clone()]);
    let two = client().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(two.version(), http::Version::HTTP_2);
    let one = client().http1_only().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(one.version(), http::Version::HTTP_11);
}

#[tokio::test]
async fn one_address_cannot_take_all_the_connections() {
    let house = House::new().await;
    let console = house.running().console;
    let from = async |address: [u8; 4]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(std::net::SocketAddr::from((address, 0))).unwrap();
        socket.connect(console).await.unwrap()
    };
    let mut greedy = Vec::new();
    for _ in 0..64 {
        greedy.push(from([127, 0, 0, 2]).await);
    }
    let mut over = from([127, 0, 0, 2]).await;
    // Closed by a reset or an orderly end, as the kernel happens to see it.
    let read = over.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert_eq!(house.stranger().get("/healthz").await.status, 200, "others come in");
    drop(greedy);
}
