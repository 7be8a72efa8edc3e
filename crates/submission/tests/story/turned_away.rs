//! What the door refuses by itself, the house is told: whoever sets a device up wants to know why it isn't let in.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use submission::{Caps, Limits, Refusal};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::house::{Encryption, Gate, LOGIN, Plan};

async fn next(gate: &mut Gate) -> String {
    let (peer, Refusal { code, enhanced, text }) = gate.next_refusal().await;
    assert!(peer.address.ip().is_loopback());
    format!("{code} {enhanced} {text}")
}

#[tokio::test]
async fn a_first_try_without_a_login_is_told_once_for_each_connection() {
    let mut gate = Gate::open(Plan { neighbour: false, ..Plan::default() }).await;
    for _ in 0..2 {
        let mut client = gate.call().await;
        client.read().await;
        let mail = "MAIL FROM:<ann@contoso.com>";
        client.talk(&[("EHLO device", "250"), (mail, "530"), (mail, "530"), ("AUTH CRAM-MD5", "504")]).await;
        assert_eq!(next(&mut gate).await, "530 5.7.0 Log in first");
        assert_eq!(next(&mut gate).await, "504 5.5.4 Log in with PLAIN or LOGIN");
    }
}

#[tokio::test]
async fn a_false_line_end_is_told_and_what_the_house_said_is_not_told_back() {
    let mut gate = Gate::open(Plan { neighbour: false, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&[("EHLO device", "250"), ("AUTH PLAIN AHNjYW5uZXIAd3Jvbmc=", "535"), (LOGIN, "235")]).await;
    client.talk(&[("MAIL FROM:<ann@contoso.com>", "250"), ("RCPT TO:<bob@contoso.com>", "250")]).await;
    client.talk(&[("DATA", "354"), ("Subject: scan\n\r\n.", "550 5.5.2")]).await;
    assert!(next(&mut gate).await.starts_with("550 5.5.2 The message has an LF without CR"));
}

#[tokio::test]
async fn too_many_errors_and_too_many_connections_are_told() {
    let limits = Limits { errors: 2, ..Limits::default() };
    let mut gate =
        Gate::open(Plan { limits, caps: Caps { total: 1, ..Caps::default() }, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    assert!(gate.call().await.read().await.starts_with("421 4.7.0 Too many connections"));
    assert_eq!(next(&mut gate).await, "421 4.7.0 Too many connections; try again later");
    client.write(b"A\r\nB\r\n").await;
    assert_eq!(next(&mut gate).await, "500 5.5.1 Unknown command");
    assert_eq!(next(&mut gate).await, "421 4.7.0 Too many errors; closing the connection");
}

#[tokio::test]
async fn a_handshake_that_fails_is_told_in_words() {
    let mut gate = Gate::open(Plan { encryption: Encryption::Implicit, ..Plan::default() }).await;
    // Who only looks whether the port is open is refused nothing.
    drop(gate.call().await);
    let mut deaf = gate.call().await;
    deaf.write(b"EHLO device\r\n").await;
    assert!(next(&mut gate).await.starts_with("421 4.7.5 What the device sent is not TLS; set it to "));
    // An alert in place of a ClientHello: close_notify, by a client that thinks better of it.
    let mut leaving = gate.call().await;
    leaving.write(b"\x15\x03\x03\x00\x02\x02\x00").await;
    assert!(next(&mut gate).await.starts_with("421 4.7.5 The device broke off the TLS handshake; "));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let distrustful = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let stream = TcpStream::connect(gate.address).await.unwrap();
    let name = ServerName::try_from("gate.example").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(distrustful));
    assert!(connector.connect(name, stream).await.is_err());
    let told = next(&mut gate).await;
    assert!(told.starts_with("421 4.7.5 The device refused the certificate of this port"), "{told}");
}

#[tokio::test]
async fn who_says_nothing_where_tls_is_to_begin_is_told_as_too_late() {
    let limits = Limits { handshake: std::time::Duration::from_millis(50), ..Limits::default() };
    let mut gate = Gate::open(Plan { encryption: Encryption::Implicit, limits, ..Plan::default() }).await;
    let mut silent = gate.call().await.into_inner();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(next(&mut gate).await.starts_with("421 4.7.5 The device began no TLS in time; "));
}
