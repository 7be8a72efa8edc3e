//! The database server goes away and comes back while mail flows, with two nodes on it: devices are told to try again, what
//! was acknowledged arrives, and twice only where nobody could know.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::killed::{Log, PATIENCE, Victim, count_duplicates, read, say, send_on, until_all_arrived};
use super::post::{ANN, MEGAN, letter};
use crate::postgres::{address_of, create_database, psql};

const OUTAGES: usize = 3;

/// Every connection is cut, and nobody is let in any more.
fn take_away(database: &str) {
    psql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"));
    psql(
        "postgres",
        &format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{database}'"
        ),
    );
}

fn give_back(database: &str) {
    psql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true"));
}

/// What a device is told that wants to hand a message over: the first reply that is no consent.
async fn refusal(door: SocketAddr, password: &str) -> std::io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(door).await?);
    let greeting = read(&mut stream).await?;
    if !greeting.starts_with("220") {
        return Ok(greeting);
    }
    let plain =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("\0nas\0{password}"));
    let commands = [
        "EHLO nas".to_owned(),
        format!("AUTH PLAIN {plain}"),
        format!("MAIL FROM:<{MEGAN}>"),
        format!("RCPT TO:<{ANN}>"),
        "DATA".to_owned(),
        format!("{}.", letter(ANN)),
    ];
    for command in commands {
        let reply = say(&mut stream, &command).await?;
        if !reply.starts_with(['2', '3']) {
            return Ok(reply);
        }
    }
    Ok("250".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_under_load_loses_nothing() {
    let database = tokio::task::spawn_blocking(create_database).await.unwrap();
    let section = format!("[database]\nurl = \"{}\"\n", address_of(&database));
    let mut first = Victim::on(&section).await;
    let second = first.beside(&section);
    let (log, (count, mut counted)) = (Arc::new(Log::default()), watch::channel(0));
    let mut processes =
        vec![first.start(&mut first.command()).await, second.start(&mut second.command()).await];
    let senders: Vec<_> = [first.door, second.door, first.door, second.door]
        .map(|door| tokio::spawn(send_on(door, first.password.clone(), Arc::clone(&log), count.clone())))
        .into();
    for _ in 0..OUTAGES {
        let target = *counted.borrow() + 50;
        tokio::time::timeout(PATIENCE, counted.wait_for(|count| *count >= target)).await.unwrap().unwrap();
        take_away(&database);
        for node in [&first, &second] {
            let told = refusal(node.door, &node.password).await.unwrap();
            assert!(told.starts_with('4'), "{told}");
        }
        give_back(&database);
    }
    let target = *counted.borrow() + 50;
    tokio::time::timeout(PATIENCE, counted.wait_for(|count| *count >= target)).await.unwrap().unwrap();
    log.stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    until_all_arrived(&first, &log).await;
    for process in &mut processes {
        assert!(process.try_wait().unwrap().is_none(), "it outlives its database");
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let duplicates = count_duplicates(&mut first).await;
    let acknowledged = log.acknowledged.lock().unwrap().len();
    println!("{acknowledged} acknowledged, {duplicates} of them twice, {OUTAGES} outages");
}
