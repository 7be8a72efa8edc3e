//! STARTTLS and TLS from the first octet, with a client that checks the certificate.

use crate::house::{Encryption, Gate, LOGIN, Plan};

#[tokio::test]
async fn a_message_goes_in_after_starttls_and_its_cipher_is_known() {
    let mut gate =
        Gate::open(Plan { encryption: Encryption::StartTls, neighbour: false, ..Plan::default() }).await;
    let mut client = gate.call().await;
    assert_eq!(client.read().await, "220 gate.example ESMTP Postern");
    client.talk(&[("EHLO device", "250"), ("STARTTLS", "220")]).await;
    let mut client = gate.encrypt(client.into_inner()).await.unwrap();
    let offers = client.say("EHLO device").await;
    assert!(offers.contains("AUTH PLAIN LOGIN") && !offers.contains("STARTTLS"), "{offers}");
    client
        .talk(&[
            (LOGIN, "235"),
            ("MAIL FROM:<ann@contoso.com>", "250"),
            ("RCPT TO:<bob@contoso.com>", "250"),
            ("DATA", "354"),
            ("Subject: scan\r\n\r\n..\r\n.", "250"),
            ("QUIT", "221"),
        ])
        .await;
    let taken = gate.next_taken().await;
    assert_eq!(taken.content, b"Subject: scan\r\n\r\n.\r\n");
    assert_eq!(taken.transaction.protocol(), "ESMTPSA");
    let tls = taken.transaction.tls.unwrap();
    assert_eq!((tls.version, tls.cipher), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
}

#[tokio::test]
async fn commands_behind_starttls_in_one_packet_are_never_heard() {
    let gate = Gate::open(Plan { encryption: Encryption::StartTls, ..Plan::default() }).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&[("EHLO device", "250")]).await;
    client.write(b"STARTTLS\r\nEHLO eve\r\nMAIL FROM:<eve@evil.example>\r\n").await;
    assert!(client.read().await.starts_with("220"));
    let mut client = gate.encrypt(client.into_inner()).await.unwrap();
    client
        .talk(&[("RCPT TO:<bob@contoso.com>", "503"), ("MAIL FROM:<ann@contoso.com>", "503 5.5.1 Say EHLO")])
        .await;
}

#[tokio::test]
async fn tls_from_the_first_octet_greets_through_it() {
    let gate =
        Gate::open(Plan { encryption: Encryption::Implicit, neighbour: false, ..Plan::default() }).await;
    let stream = gate.call().await.into_inner();
    let mut client = gate.encrypt(stream).await.unwrap();
    assert_eq!(client.read().await, "220 gate.example ESMTP Postern");
    client.talk(&[("EHLO device", "250"), (LOGIN, "235"), ("STARTTLS", "503"), ("QUIT", "221")]).await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn who_speaks_no_tls_harms_nobody() {
    let gate = Gate::open(Plan { encryption: Encryption::Implicit, ..Plan::default() }).await;
    let mut deaf = gate.call().await;
    deaf.write(b"EHLO device\r\n").await;
    deaf.is_closed().await;
    let stream = gate.call().await.into_inner();
    assert!(gate.encrypt(stream).await.unwrap().read().await.starts_with("220"));
}
