//! Speaks SMTP on one connection: reads lines, does what `session` says, writes replies, logs commands.

use super::reply;
use super::session::{Session, Step};
use super::submit::{self, Verdict};
use super::wire::{Wire, WireError};
use crate::door::Connection;
use crate::tenant::Tenant;
use crate::world::Outage;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

const HANDSHAKE: Duration = Duration::from_secs(10);
/// Exchange drops a session that is idle for so long between commands (additions D5), by the tenant's clock.
const IDLE: time::Duration = time::Duration::minutes(5);

/// How a conversation ended.
enum End {
    Closed,
    StartTls,
}

/// A session that leaves the count of its mailbox's connections when it ends.
struct Guard<'a> {
    session: Session,
    tenant: &'a Tenant,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut state = self.tenant.lock();
        if let Some(who) = self.session.authenticated()
            && let Some(all) = state.exchange.sessions.get_mut(&who.mailbox)
        {
            all.retain(|one| *one != self.session.id);
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: Connection,
    acceptor: &TlsAcceptor,
    tenant: &Tenant,
) -> Result<(), WireError> {
    let peer = stream.peer_addr()?.ip().to_string();
    let switches = tenant.lock().world.switches.clone();
    let mut wire = Wire::new(stream);
    match switches.smtp_outage {
        Outage::Off => {}
        Outage::Hang => std::future::pending().await,
        Outage::Reset => return Ok(()),
        Outage::Unavailable => return wire.write(&format!("{}\r\n", reply::UNAVAILABLE)).await,
    }
    if let Some(said) = switches.smtp_says_at_connect {
        return wire.write(&format!("{}\r\n", said.as_str())).await;
    }
    let mut guard = Guard { session: Session::new(peer, tenant.now()), tenant };
    let greeting = guard.session.greeting(tenant);
    wire.write(&format!("{greeting}\r\n")).await?;
    if matches!(talk(&mut wire, &mut guard.session, tenant).await?, End::Closed) {
        return Ok(());
    }
    let accepted = tokio::time::timeout(HANDSHAKE, acceptor.accept(wire.into_stream())).await;
    let mut wire = Wire::new(accepted.map_err(|_| WireError::Idle)??);
    guard.session.secured();
    talk(&mut wire, &mut guard.session, tenant).await?;
    Ok(())
}

async fn talk<S>(wire: &mut Wire<S>, session: &mut Session, tenant: &Tenant) -> Result<End, WireError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut idle_since = tenant.now();
    loop {
        let line = match next_line(wire, tenant, idle_since + IDLE).await {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(End::Closed),
            Err(WireError::Idle) => {
                let text = session.idle(tenant.now());
                log(tenant, session, Map::new(), &text);
                wire.write(&format!("{text}\r\n")).await?;
                return Ok(End::Closed);
            }
            Err(error) => return Err(error),
        };
        let (step, mut note) = session.line(tenant, &line);
        let (text, end) = match step {
            Step::Reply(text) => (text, None),
            Step::Close(text) => (text, Some(End::Closed)),
            Step::StartTls => (reply::STARTTLS_READY.to_owned(), Some(End::StartTls)),
            Step::ReadData => {
                wire.write(&format!("{}\r\n", reply::START_INPUT)).await?;
                let mime = wire.read_data(reply::SIZE).await?;
                finish(session, tenant, mime, &mut note).await
            }
            Step::ReadChunk { size, last } => {
                read_chunk(wire, session, tenant, size, last, &mut note).await?
            }
        };
        log(tenant, session, note, &text);
        if text.is_empty() {
            return Ok(End::Closed);
        }
        // Before the reply is out: whoever reads it may move the clock at once.
        idle_since = tenant.now();
        wire.write(&format!("{text}\r\n")).await?;
        if let Some(end) = end.or(reply::closes(&text).then_some(End::Closed)) {
            return Ok(end);
        }
    }
}

/// The next line; what was said already counts more than what the clock shows.
async fn next_line<S>(
    wire: &mut Wire<S>,
    tenant: &Tenant,
    idle_at: OffsetDateTime,
) -> Result<Option<String>, WireError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        biased;
        line = wire.read_line() => line,
        () = tenant.clock.wait_until(idle_at) => Err(WireError::Idle),
    }
}

async fn read_chunk<S>(
    wire: &mut Wire<S>,
    session: &mut Session,
    tenant: &Tenant,
    size: usize,
    last: bool,
    note: &mut Map<String, Value>,
) -> Result<(String, Option<End>), WireError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if size > reply::SIZE {
        return Ok((reply::TOO_BIG.to_owned(), Some(End::Closed)));
    }
    let room = session.room_for_chunks();
    let chunk = wire.read_chunk(size, room).await?;
    if let Some(refusal) = session.chunk_refusal() {
        return Ok((refusal.to_owned(), None));
    }
    session.keep_chunk((size <= room).then_some(chunk));
    if !last {
        return Ok((reply::chunk_received(size), None));
    }
    Ok(finish(session, tenant, Some(Vec::new()), note).await)
}

/// The end of a message, by either command: `mime` is what DATA brought, or empty for chunks.
async fn finish(
    session: &mut Session,
    tenant: &Tenant,
    mime: Option<Vec<u8>>,
    note: &mut Map<String, Value>,
) -> (String, Option<End>) {
    let mut transaction = session.take_transaction();
    let chunks = std::mem::take(&mut transaction.chunks);
    let mime = mime.map(|mime| if chunks.is_empty() { mime } else { chunks });
    note.insert("message_bytes".into(), json!(mime.as_ref().map(Vec::len)));
    tenant.clock.wait_until(submit::turn(tenant, session)).await;
    match submit::submit(tenant, session, transaction, mime.map(Bytes::from)) {
        Verdict::Unanswered => std::future::pending().await,
        Verdict::Accepted(text) | Verdict::Refused(text) => (text, None),
        Verdict::Lost => (String::new(), Some(End::Closed)),
    }
}

fn log(tenant: &Tenant, session: &Session, note: Map<String, Value>, reply: &str) {
    let mut entry = Map::new();
    entry.insert("service".into(), json!("smtp"));
    entry.insert("session".into(), json!(session.name));
    entry.extend(note);
    entry.insert("reply".into(), json!(reply));
    tracing::info!(session = session.name, reply = reply.lines().last().unwrap_or_default(), "SMTP");
    tenant.lock().requests.keep_command(tenant.now(), entry);
}
