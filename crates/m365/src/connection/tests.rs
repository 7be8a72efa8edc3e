use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::proxy::Proxy;
use crate::scripted::http::{Play, ScriptedHttp, answer, answer_with};
use crate::testing::{account, connect, connect_with, direct};

fn answer_of(headers: &[(&'static str, &'static str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| {
        (reqwest::header::HeaderName::from_static(name), HeaderValue::from_static(value))
    });
    Answer {
        status: 429,
        headers: headers.collect(),
        body: Vec::new(),
        client_request_id: String::new(),
        target: "a:1".to_owned(),
    }
}

/// Gets the address over a connection with these options.
async fn get(address: &str, options: ConnectionOptions) -> Result<Answer, Failure> {
    let connection = connect_with(&account("https://login.example"), &options);
    connection.exchange(connection.http().get(address)).await
}

fn trouble_of(result: Result<Answer, Failure>) -> NetworkTrouble {
    match result {
        Err(Failure::Network(trouble)) => trouble,
        other => panic!("network trouble was expected, not {other:?}"),
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    assert_eq!(answer_of(&[("retry-after", "17")]).retry_after(), Some(Duration::from_secs(17)));
    let dated = answer_of(&[
        ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("retry-after", "Wed, 21 Oct 2026 07:29:30 GMT"),
    ]);
    assert_eq!(dated.retry_after(), Some(Duration::from_secs(90)));
    assert_eq!(answer_of(&[("retry-after", "soon")]).retry_after(), None);
    assert_eq!(answer_of(&[]).retry_after(), None);
}

#[test]
fn a_target_shows_neither_path_nor_query_nor_user() {
    let address = Url::parse("https://user:pw@login.example/path?code=x").unwrap();
    assert_eq!(name_target(&address), "login.example:443");
}

#[tokio::test]
async fn every_request_has_a_name_and_says_who_asks() {
    let server = ScriptedHttp::play([answer(200, "fine")]).await;
    let answer = get(&server.url, direct()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"fine".as_slice()));
    let request = &server.requests().await[0];
    assert_eq!(request.header("client-request-id"), Some(answer.client_request_id.as_str()));
    assert!(request.header("user-agent").unwrap().starts_with("Postern/"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server =
        ScriptedHttp::play([answer_with(307, &[("Location", "https://evil.example/x?y")], "")]).await;
    let trouble = trouble_of(get(&server.url, direct()).await);
    assert_eq!(trouble.kind, NetworkKind::Unreadable);
    assert!(trouble.detail.ends_with("evil.example:443"), "{trouble}");
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let server = ScriptedHttp::play([answer(200, &"x".repeat(MAX_BODY_BYTES + 1))]).await;
    assert_eq!(trouble_of(get(&server.url, direct()).await).kind, NetworkKind::Unreadable);
}

#[tokio::test]
async fn a_connection_that_breaks_is_not_called_unsent() {
    let server = ScriptedHttp::play([Play::HangUp]).await;
    let trouble = trouble_of(get(&server.url, direct()).await);
    assert_eq!(trouble.kind, NetworkKind::Reset);
    assert!(!trouble.kind.is_before_request());
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let trouble = trouble_of(get(&address, direct()).await);
    assert_eq!(trouble.kind, NetworkKind::Connect);
    assert!(trouble.kind.is_before_request());
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_called_so() {
    // RFC 6761 §6.4: `.invalid` never resolves.
    let trouble = trouble_of(get("http://login.invalid", direct()).await);
    assert_eq!(trouble.kind, NetworkKind::Dns, "{trouble}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move { get(&address, direct()).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.read_u8().await.unwrap();
    tokio::time::pause();
    tokio::time::advance(ConnectionOptions::default().total_timeout).await;
    assert_eq!(trouble_of(asked.await.unwrap()).kind, NetworkKind::Timeout);
}

#[tokio::test]
async fn a_proxy_gets_its_password_and_nobody_else_sees_it() {
    let server = ScriptedHttp::play([answer(407, "")]).await;
    let address = server.url.replace("http://", "http://ann:p%40ss%2Fword@");
    let through = ProxyChoice::Through(address.parse().unwrap());
    let failure = get("https://login.example/x", ConnectionOptions { proxy: through, ..direct() }).await;
    let trouble = trouble_of(failure);
    assert_eq!(trouble.kind, NetworkKind::Proxy);
    assert!(!format!("{trouble} {trouble:?}").contains("ss/word"), "{trouble}");
    let request = &server.requests().await[0];
    assert_eq!(request.line, "CONNECT login.example:443");
    let login = format!("Basic {}", STANDARD.encode("ann:p@ss/word"));
    assert_eq!(request.header("proxy-authorization"), Some(login.as_str()));
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_password_on_a_plain_request_is_told_apart_from_the_service() {
    let server = ScriptedHttp::play([answer(407, "")]).await;
    let through = ProxyChoice::Through(server.url.parse().unwrap());
    let failure = get("http://login.example/x", ConnectionOptions { proxy: through, ..direct() }).await;
    assert_eq!(trouble_of(failure).kind, NetworkKind::Proxy);
    assert_eq!(server.requests().await[0].line, "GET http://login.example/x");
}

#[tokio::test]
async fn a_proxy_is_passed_by_for_its_exceptions() {
    let server = ScriptedHttp::play([answer(200, "direct")]).await;
    let proxy: Proxy = "http://proxy.invalid:3128".parse().unwrap();
    let through = ProxyChoice::Through(proxy.except("other.example, 127.0.0.0/8"));
    let answer = get(&server.url, ConnectionOptions { proxy: through, ..direct() }).await.unwrap();
    assert_eq!(answer.body, b"direct");
}

#[tokio::test]
async fn what_cannot_do_harm_is_tried_once_more() {
    let server = ScriptedHttp::play([answer_with(503, &[("Retry-After", "0")], ""), answer(200, "{}")]).await;
    let account = account(&server.url);
    let connection = connect(&account);
    let failure = connection.find_identity(&account.tenant).await.expect_err("an empty document is no use");
    assert_eq!(failure.code(), "discovery_unusable");
    assert_eq!(server.requests().await.len(), 2);
}

#[tokio::test]
async fn a_pause_longer_than_the_time_left_is_not_waited_for() {
    let server = ScriptedHttp::play([answer_with(429, &[("Retry-After", "120")], "")]).await;
    let account = account(&server.url);
    let failure = connect(&account).find_identity(&account.tenant).await.expect_err("throttled");
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(server.requests().await.len(), 1);
}

/// A server with a certificate that nobody has signed but itself; answers one request.
async fn serve_tls() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            stream.read_u8().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe").await.unwrap();
        }
    });
    (address, made.cert.pem())
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_and_nothing_was_sent() {
    let (address, _) = serve_tls().await;
    let trouble = trouble_of(get(&address, direct()).await);
    assert_eq!(trouble.kind, NetworkKind::Tls, "{trouble}");
    assert!(trouble.detail.contains("invalid peer certificate"), "{trouble}");
}

#[tokio::test]
async fn the_clouds_own_ca_file_is_trusted_besides_the_roots() {
    let (address, pem) = serve_tls().await;
    let cloud = Cloud { ca_pem: Some(pem.into_bytes()), ..Cloud::built_in().remove(0) };
    let connection = Connection::new(Arc::new(cloud), &direct()).unwrap();
    let answer = connection.exchange(connection.http().get(address)).await.unwrap();
    assert_eq!(answer.body, b"safe");
}
