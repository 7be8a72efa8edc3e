//! Judges a finished message at the end of its data (facts 6.6) and delivers it.

use super::reply;
use super::session::{Session, Transaction};
use crate::mailbox::{Submission, Via, exchange_id};
use crate::mime::{header_bytes, read_headers};
use crate::steering::Steering;
use crate::tenant::{State, Tenant};
use crate::world::Switches;
use bytes::Bytes;
use time::OffsetDateTime;

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted(String),
    Refused(String),
    /// The connection ends without a reply.
    Lost,
    /// Not taken, and never answered.
    Unanswered,
}

/// When it is this message's turn.
pub(super) fn turn(tenant: &Tenant, session: &Session) -> OffsetDateTime {
    let now = tenant.now();
    let Some(who) = session.authenticated() else { return now };
    let mut state = tenant.lock();
    let limit = state.world.switches.smtp_messages_per_minute;
    state.exchange.turn(who.mailbox, limit, now)
}

/// Judges and, where it is good, delivers.
pub(super) fn submit(
    tenant: &Tenant,
    session: &Session,
    transaction: Transaction,
    mime: Option<Bytes>,
) -> Verdict {
    let mut guard = tenant.lock();
    let state = &mut *guard;
    let switches = state.world.switches.clone();
    let Some(mime) = mime.filter(|_| !transaction.too_big) else {
        return Verdict::Refused(reply::TOO_BIG.into());
    };
    let now = tenant.now();
    if let Some(refusal) = refuse_mailbox(state, session, &switches, &transaction, &mime, now) {
        return Verdict::Refused(refusal);
    }
    let who = session.authenticated().expect("MAIL is taken from authenticated clients only");
    let steered = match switches.steering_recipients {
        true => state.turns.take_first(&transaction.recipients),
        false => None,
    };
    if let Some(verdict) = steered.and_then(|steering| not_taken(steering, session)) {
        return verdict;
    }
    let submission = Submission {
        via: Via::Smtp,
        sender: who.address.clone(),
        envelope: transaction.envelope(),
        mime,
        save_to_sent_items: true,
    };
    state.mailboxes.deliver(&state.world, now, submission);
    match steered {
        Some(Steering::Lost) => Verdict::Lost,
        Some(Steering::Late) => Verdict::Refused(reply::LATE.into()),
        _ if switches.smtp_lost_answers => Verdict::Lost,
        _ => Verdict::Accepted(reply::accepted(&exchange_id(&session.host), &session.host)),
    }
}

/// What becomes of a message that a recipient keeps from being taken.
fn not_taken(steering: Steering, session: &Session) -> Option<Verdict> {
    let host = &session.host;
    Some(match steering {
        Steering::DataPermanent => Verdict::Refused(reply::permanent(host)),
        Steering::DataTemporary => Verdict::Refused(reply::temporary(host)),
        Steering::Throttle => Verdict::Refused(reply::too_many_connections(host)),
        Steering::Timeout => Verdict::Unanswered,
        Steering::Reset => Verdict::Lost,
        _ => return None,
    })
}

fn refuse_mailbox(
    state: &mut State,
    session: &Session,
    switches: &Switches,
    transaction: &Transaction,
    mime: &[u8],
    now: OffsetDateTime,
) -> Option<String> {
    let host = &session.host;
    let who = session.authenticated()?;
    if let Some(said) = &switches.smtp_says_after_data {
        return Some(said.as_str().to_owned());
    }
    let most = switches.smtp_max_header_bytes as usize;
    if most > 0 && header_bytes(mime) > most {
        return Some(reply::HEADER_TOO_BIG.to_owned());
    }
    if state.exchange.rank(who.mailbox, session.id) >= switches.smtp_connections as usize {
        return Some(reply::too_many_connections(host));
    }
    if switches.smtp_temporary_error {
        return Some(reply::temporary(host));
    }
    if switches.smtp_sender_throttled {
        return Some(reply::sender_throttled(host));
    }
    if switches.smtp_bad_sender {
        return Some(reply::bad_outbound_sender(host));
    }
    if let Some(from) = denied_sender(state, session, transaction, mime) {
        return Some(reply::send_as_denied(&who.address, &from, host));
    }
    if mime.len() as u64 > switches.max_message_bytes {
        return Some(reply::over_mailbox_size(host));
    }
    if switches.mailbox_full {
        return Some(reply::mailbox_full(host));
    }
    let today = state.mailboxes.recipients_today(&state.world, &who.address, now);
    let count = u32::try_from(transaction.recipients.len()).unwrap_or(u32::MAX);
    (today.saturating_add(count) > switches.recipients_per_day).then(|| reply::quota_exceeded(host))
}

/// The first of MAIL FROM and the From field in whose name the mailbox may not send.
fn denied_sender(state: &State, session: &Session, transaction: &Transaction, mime: &[u8]) -> Option<String> {
    let who = session.authenticated()?;
    let holders: Vec<_> = state.world.users.iter().filter(|user| who.rights_of.contains(&user.id)).collect();
    let mut names = read_headers(mime).from;
    names.extend(Some(transaction.from.clone()).filter(|from| !from.is_empty()));
    names.into_iter().find(|name| !holders.iter().any(|user| user.may_send_as(name)))
}
