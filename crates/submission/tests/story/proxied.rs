//! PROXY protocol: believed from a proxy that was named, from nobody else.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{Encryption, Gate, Plan};

const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\x00\x71\x09\xc6\x33\x64\x02\x9c\x40\x02\x4b";

fn behind_proxy() -> Plan {
    Plan { proxies: vec!["127.0.0.1".parse().unwrap()], ..Plan::default() }
}

#[tokio::test]
async fn a_named_proxy_says_who_the_client_is() {
    let gate = Gate::open(behind_proxy()).await;
    let mut client = gate.call().await;
    client.write(&[HEADER, b"EHLO device\r\n"].concat()).await;
    assert!(client.read().await.starts_with("220"));
    assert!(client.read().await.starts_with("250-gate.example greets 203.0.113.9\n"));
    let peer = gate.keeper.peers.lock().unwrap()[0];
    assert_eq!(peer.address, "203.0.113.9:40000".parse().unwrap());
    assert_eq!(peer.proxy, Some("127.0.0.1".parse().unwrap()));
}

/// A busy proxy's header and the client's first octets come in one piece.
#[tokio::test]
async fn what_comes_with_the_header_is_the_clients_tls() {
    let gate = Gate::open(Plan { encryption: Encryption::Implicit, ..behind_proxy() }).await;
    let mut stream = gate.call().await.into_inner();
    stream.write_all(&[HEADER, &gate.client_hello()].concat()).await.unwrap();
    let (alert, handshake) = (21, 22);
    let record = stream.read_u8().await.unwrap();
    assert_ne!(record, alert);
    assert_eq!(record, handshake);
}

#[tokio::test]
async fn a_proxy_that_names_nobody_is_not_served() {
    let mut gate = Gate::open(behind_proxy()).await;
    // Who only looks whether the port is open is refused nothing.
    drop(gate.call().await);
    let mut client = gate.call().await;
    client.write(b"EHLO device\r\n").await;
    assert!(client.is_closed().await);
    assert!(gate.keeper.peers.lock().unwrap().is_empty());
    let (proxy, refusal) = gate.next_refusal().await;
    assert!(proxy.address.ip().is_loopback());
    assert!(refusal.text.contains("send PROXY protocol version 2"), "{refusal}");
}

#[tokio::test]
async fn somebody_else_may_not_name_anybody() {
    let gate = Gate::open(Plan::default()).await;
    let mut client = gate.call().await;
    client.write(HEADER).await;
    assert!(client.read().await.starts_with("220"));
    let replies = [client.read().await, client.read().await, client.read().await];
    assert!(replies[2].starts_with("554 5.7.0"), "{replies:?}");
    assert!(client.is_closed().await);
    assert_eq!(gate.keeper.peers.lock().unwrap()[0].address.ip(), gate.address.ip());
}
