//! The door alone: takes mail from anybody on loopback and throws it away, so that what the door itself costs can be
//! measured (`bench/relay/run`). Prints its address, and runs until it is killed.

use std::sync::Arc;

use bytes::Bytes;
use mail::Address;
use submission::{
    Accepted, Admission, Caps, Census, House, Intake, Limits, Login, Peer, Refusal, Security, Settings,
    Submitter, Transaction, serve,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

struct Nobody;

struct Nothing;

impl House for Nobody {
    type Intake = Nothing;

    async fn admit(&self, _: &Peer) -> Admission {
        Admission::Stranger
    }

    async fn log_in(&self, _: &Peer, login: &Login) -> Result<Submitter, Refusal> {
        Ok(Submitter { id: Uuid::nil(), name: login.user.clone() })
    }

    async fn check_sender(&self, _: &Submitter, _: Option<&Address>, _: Option<u64>) -> Result<(), Refusal> {
        Ok(())
    }

    async fn check_recipient(&self, _: &Submitter, _: &Address) -> Result<(), Refusal> {
        Ok(())
    }

    async fn begin(&self, _: &Submitter, _: Transaction) -> Result<Nothing, Refusal> {
        Ok(Nothing)
    }

    fn refused(&self, _: &Peer, _: Option<&Submitter>, _: &Refusal) {}
}

impl Intake for Nothing {
    async fn write(&mut self, _: Bytes) -> Result<(), Refusal> {
        Ok(())
    }

    async fn finish(self) -> Result<Accepted, Refusal> {
        Ok(Accepted { id: Uuid::nil().to_string() })
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let caps = Caps { total: 10_000, per_address: 10_000, per_submitter: 10_000 };
    let settings = Settings {
        hello: "door.example".into(),
        postmaster: None,
        security: Security::Plain,
        proxies: Vec::new(),
        limits: Limits::default(),
        census: Census::new(caps),
    };
    serve(listener, settings, Arc::new(Nobody), CancellationToken::new()).await;
    Ok(())
}
