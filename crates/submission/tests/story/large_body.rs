//! A large message goes through in pieces.

use crate::house::{ENVELOPE, Gate, Plan};

const LINE: &[u8] = b".234567890123456789012345678901234567890123456789012345678901234567890\r\n";

#[tokio::test]
async fn thirty_megabytes_arrive_whole_in_pieces_of_a_quarter_of_one() {
    let mut gate = Gate::open(Plan::default()).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&ENVELOPE).await;
    let lines = 30_000_000 / LINE.len();
    let dotted = [b".", LINE].concat().repeat(1000);
    for _ in 0..lines / 1000 {
        client.write(&dotted).await;
    }
    assert_eq!(client.say(".").await, "250 2.0.0 Accepted as 0197");
    let taken = gate.next_taken().await;
    assert!(taken.content == LINE.repeat(lines / 1000 * 1000));
    let (last, full) = taken.pieces.split_last().unwrap();
    assert!(full.iter().all(|piece| *piece == 256 * 1024) && *last <= 256 * 1024);
}

#[tokio::test]
async fn chunks_and_what_follows_them_may_come_in_one_packet() {
    let mut gate = Gate::open(Plan::default()).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&ENVELOPE[..3]).await;
    let chunk = LINE.repeat(5000);
    let mut packet = format!("BDAT {}\r\n", chunk.len()).into_bytes();
    packet.extend_from_slice(&chunk);
    packet.extend_from_slice(format!("BDAT {} LAST\r\n", LINE.len()).as_bytes());
    packet.extend_from_slice(LINE);
    packet.extend_from_slice(b"QUIT\r\n");
    client.write(&packet).await;
    assert_eq!(client.read().await, format!("250 2.0.0 {} octets taken", chunk.len()));
    assert_eq!(client.read().await, "250 2.0.0 Accepted as 0197");
    assert_eq!(client.read().await, "221 2.0.0 Goodbye");
    assert!(gate.next_taken().await.content == LINE.repeat(5001));
}

#[tokio::test]
async fn who_goes_away_in_mid_message_leaves_nothing() {
    let mut gate = Gate::open(Plan::default()).await;
    let mut client = gate.call().await;
    client.read().await;
    client.talk(&ENVELOPE).await;
    client.write(b"half a message\r\n").await;
    drop(client);
    let mut other = gate.call().await;
    other.read().await;
    other.talk(&ENVELOPE).await;
    assert!(other.say("whole\r\n.").await.starts_with("250"));
    assert_eq!(gate.next_taken().await.content, b"whole\r\n");
    assert!(gate.taken.try_recv().is_err());
}
