//! Too many connections, and what becomes of a place whose holder is gone.

use submission::Caps;

use crate::house::{Encryption, Gate, LOGIN, Plan};

#[tokio::test]
async fn one_too_many_is_told_so_and_a_place_is_free_again_afterwards() {
    let caps = Caps { total: 9, per_address: 2, per_submitter: 9 };
    let gate = Gate::open(Plan { caps, ..Plan::default() }).await;
    let mut first = gate.call().await;
    assert!(first.read().await.starts_with("220"));
    let mut second = gate.call().await;
    assert!(second.read().await.starts_with("220"));
    let mut third = gate.call().await;
    let refusal = third.read().await;
    assert_eq!(refusal, "421 4.7.0 Too many connections from your address; try again later");
    assert!(third.is_closed().await);
    first.talk(&[("QUIT", "221")]).await;
    assert!(first.is_closed().await);
    drop(first);
    while gate.census.connected() > 1 {
        tokio::task::yield_now().await;
    }
    assert!(gate.call().await.read().await.starts_with("220"));
}

#[tokio::test]
async fn all_and_one_submitter_have_their_limits_too() {
    let caps = Caps { total: 1, per_address: 9, per_submitter: 9 };
    let gate = Gate::open(Plan { caps, ..Plan::default() }).await;
    let mut first = gate.call().await;
    first.read().await;
    assert_eq!(gate.call().await.read().await, "421 4.7.0 Too many connections; try again later");

    let caps = Caps { total: 9, per_address: 9, per_submitter: 1 };
    let gate = Gate::open(Plan { caps, neighbour: false, ..Plan::default() }).await;
    let mut first = gate.call().await;
    first.read().await;
    first.talk(&[("EHLO device", "250"), (LOGIN, "235")]).await;
    let mut second = gate.call().await;
    second.read().await;
    second.talk(&[("EHLO device", "250"), (LOGIN, "421 4.7.0 Too many connections with this login")]).await;
    assert!(second.is_closed().await);
    first.talk(&[("MAIL FROM:<ann@contoso.com>", "250")]).await;
}

#[tokio::test]
async fn a_panic_in_one_session_harms_no_other_and_keeps_no_place() {
    let gate = Gate::open(Plan { encryption: Encryption::None, ..Plan::default() }).await;
    let mut other = gate.call().await;
    other.read().await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&[("HELO device", "250"), ("MAIL FROM:<ann@contoso.com>", "250")]).await;
    client.write(b"RCPT TO:<panic@contoso.com>\r\n").await;
    assert!(client.is_closed().await);
    other.talk(&[("HELO device", "250"), ("MAIL FROM:<ann@contoso.com>", "250")]).await;
    assert_eq!(gate.census.connected(), 1);
}
