//! Exchange Online SMTP AUTH on one port: greeting, STARTTLS, XOAUTH2, submission (facts 6, additions D).
//! `session` decides, `submit` judges messages, `connection` speaks. Everything is bounded; it never relays.

mod connection;
mod path;
mod reply;
mod session;
mod submit;
mod wire;
mod xoauth2;

use crate::door::{self, Door};
use crate::tenant::Tenant;
use rustls::ServerConfig;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const MINUTE: Duration = Duration::MINUTE;

/// What Exchange remembers between sessions.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Authenticated sessions of each mailbox, oldest first.
    sessions: HashMap<Uuid, Vec<Uuid>>,
    /// When each mailbox submitted, or is due to submit, within the last minute.
    submissions: HashMap<Uuid, VecDeque<OffsetDateTime>>,
}

impl Memory {
    /// How many sessions of this mailbox are older than this one.
    fn rank(&self, mailbox: Uuid, session: Uuid) -> usize {
        let all = self.sessions.get(&mailbox);
        all.and_then(|all| all.iter().position(|one| *one == session)).unwrap_or(0)
    }

    /// When a submission's turn is, so that no minute sees more than `limit` (facts 6.7: delayed, not refused).
    fn turn(&mut self, mailbox: Uuid, limit: u32, now: OffsetDateTime) -> OffsetDateTime {
        let limit = limit as usize;
        if limit == 0 {
            return now;
        }
        let due = self.submissions.entry(mailbox).or_default();
        while due.front().is_some_and(|at| now - *at >= MINUTE) {
            due.pop_front();
        }
        let turn = if due.len() < limit { now } else { (due[due.len() - limit] + MINUTE).max(now) };
        due.push_back(turn);
        turn
    }
}

/// Serves SMTP until `shutdown`.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    tenant: Arc<Tenant>,
    shutdown: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let all = Arc::clone(&tenant);
    door::accept(listener, Door::Smtp, all, shutdown, move |stream| {
        let (acceptor, tenant) = (acceptor.clone(), Arc::clone(&tenant));
        async move {
            if let Err(error) = connection::serve(stream, &acceptor, &tenant).await {
                tracing::debug!(%error, "SMTP connection ended");
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thirty_first_message_of_a_minute_waits_for_the_minute_to_end() {
        let (mut memory, mailbox, start) = (Memory::default(), Uuid::new_v4(), OffsetDateTime::UNIX_EPOCH);
        for _ in 0..30 {
            assert_eq!(memory.turn(mailbox, 30, start), start);
        }
        let later = start + Duration::seconds(10);
        assert_eq!(memory.turn(mailbox, 30, later), start + MINUTE);
        assert_eq!(memory.turn(Uuid::new_v4(), 30, later), later);
        let after = start + Duration::seconds(61);
        assert_eq!(memory.turn(mailbox, 30, after), after);
    }
}
