//! Many sessions that send mail as fast as they are let, or at a given rate.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::settings::Settings;

/// What is sent, and to whom.
struct Load {
    to: String,
    login: String,
    domain: String,
    recipient: String,
    senders: usize,
    messages: usize,
    octets: usize,
    keeps_connections: bool,
    /// From one message to the next, over all sessions.
    interval: Option<Duration>,
    /// Different in each run, so that no Message-ID comes twice.
    run: u128,
    next: AtomicUsize,
    begun: Instant,
}

/// One acceptance.
struct Acceptance {
    message: usize,
    took: Duration,
    at_unix_ms: f64,
}

pub(crate) fn run(settings: &Settings) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(send(settings))
}

async fn send(settings: &Settings) -> anyhow::Result<Value> {
    let sessions: usize = settings.number("sessions")?;
    let rate: Option<f64> = settings.optional("rate").map(str::parse).transpose()?;
    let login = format!("\0{}\0{}", settings.text("user")?, settings.text("password")?);
    let load = Arc::new(Load {
        to: settings.text("to")?.to_owned(),
        login: base64::engine::general_purpose::STANDARD.encode(login),
        domain: settings.text("domain")?.to_owned(),
        recipient: settings.text("recipient")?.to_owned(),
        senders: settings.number("senders")?,
        messages: settings.number("messages")?,
        octets: settings.number("octets")?,
        keeps_connections: settings.text("keep")? == "yes",
        interval: rate.map(|rate| Duration::from_secs_f64(1.0 / rate)),
        run: SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros(),
        next: AtomicUsize::new(0),
        begun: Instant::now(),
    });
    let all: Vec<_> = (0..sessions).map(|_| tokio::spawn(send_some(Arc::clone(&load)))).collect();
    let mut accepted = Vec::with_capacity(load.messages);
    for session in all {
        accepted.extend(session.await??);
    }
    let seconds = load.begun.elapsed().as_secs_f64();
    if let Some(log) = settings.optional("log") {
        write_log(log, &load, &accepted)?;
    }
    Ok(summary(&accepted, seconds))
}

fn summary(accepted: &[Acceptance], seconds: f64) -> Value {
    let mut took: Vec<f64> = accepted.iter().map(|one| one.took.as_secs_f64() * 1000.0).collect();
    took.sort_by(f64::total_cmp);
    let percentile =
        |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)));
    json!({"accepted": took.len(), "seconds": seconds, "p50_ms": percentile(50), "p99_ms": percentile(99)})
}

/// A line for each message: its Message-ID, and when it was accepted.
fn write_log(path: &str, load: &Load, accepted: &[Acceptance]) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for one in accepted {
        writeln!(file, "{} {:.3}", load.message_id(one.message), one.at_unix_ms)?;
    }
    Ok(file.flush()?)
}

async fn send_some(load: Arc<Load>) -> anyhow::Result<Vec<Acceptance>> {
    let mut accepted = Vec::new();
    let mut kept: Option<Session> = None;
    loop {
        let message = load.next.fetch_add(1, Ordering::Relaxed);
        if message >= load.messages {
            break;
        }
        if let Some(interval) = load.interval {
            let due = load.begun + interval.saturating_mul(u32::try_from(message)?);
            tokio::time::sleep_until(due.into()).await;
        }
        let begun = Instant::now();
        let mut session = match kept.take() {
            Some(session) => session,
            None => Session::open(&load).await?,
        };
        session.send(&load, message).await?;
        let took = begun.elapsed();
        let at_unix_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0;
        accepted.push(Acceptance { message, took, at_unix_ms });
        if load.keeps_connections {
            kept = Some(session);
        } else {
            session.quit().await?;
        }
    }
    if let Some(session) = kept {
        session.quit().await?;
    }
    Ok(accepted)
}

impl Load {
    fn sender(&self, message: usize) -> String {
        format!("user{:03}@{}", message % self.senders, self.domain)
    }

    fn message_id(&self, message: usize) -> String {
        format!("<{}.{message}@{}>", self.run, self.domain)
    }

    /// A message of about the wanted size, with its last line.
    fn compose(&self, message: usize) -> Vec<u8> {
        let mut text = format!(
            "From: Machine <{}>\r\nTo: {}\r\nSubject: Report {message}\r\nMessage-ID: {}\r\n\
             Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n",
            self.sender(message),
            self.recipient,
            self.message_id(message)
        )
        .into_bytes();
        const LINE: &[u8] =
            b"All is well with the backup of last night, as it was the night before that one.\r\n";
        while text.len() + LINE.len() <= self.octets {
            text.extend_from_slice(LINE);
        }
        text.extend_from_slice(b".\r\n");
        text
    }
}

/// A session that is logged in.
struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    line: String,
}

impl Session {
    async fn open(load: &Load) -> anyhow::Result<Session> {
        let stream = TcpStream::connect(&load.to).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let mut session = Session { reader: BufReader::new(reader), writer, line: String::new() };
        session.expect("220").await?;
        session.say(b"EHLO bench.example\r\n").await?;
        session.expect("250").await?;
        session.say(format!("AUTH PLAIN {}\r\n", load.login).as_bytes()).await?;
        session.expect("235").await?;
        Ok(session)
    }

    /// The envelope in one packet (PIPELINING), the content in another.
    async fn send(&mut self, load: &Load, message: usize) -> anyhow::Result<()> {
        let envelope =
            format!("MAIL FROM:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n", load.sender(message), load.recipient);
        self.say(envelope.as_bytes()).await?;
        self.expect("250").await?;
        self.expect("250").await?;
        self.expect("354").await?;
        self.say(&load.compose(message)).await?;
        self.expect("250").await
    }

    async fn quit(mut self) -> anyhow::Result<()> {
        self.say(b"QUIT\r\n").await?;
        self.expect("221").await
    }

    async fn say(&mut self, octets: &[u8]) -> anyhow::Result<()> {
        Ok(self.writer.write_all(octets).await?)
    }

    async fn expect(&mut self, code: &str) -> anyhow::Result<()> {
        loop {
            self.line.clear();
            if self.reader.read_line(&mut self.line).await? == 0 {
                bail!("the server closed the connection where {code} was expected");
            }
            if !self.line.starts_with(code) {
                bail!("{} in place of {code}", self.line.trim_end());
            }
            if self.line.as_bytes().get(3) == Some(&b' ') {
                return Ok(());
            }
        }
    }
}
