//! Writes the report (RFC 3464) that follows from an attempt, as a message of the queue's own: it goes the same way as all
//! mail, through the same account, and is accepted in the commit that settles the attempt. It must never report on a
//! report. Its neighbours are `settle` and `expire`; the words are `mail::dsn`'s.

use bytes::Bytes;
use m365::parcel::Content as _;
use mail::dsn::{self, Action, Addressee, Fate, Original, Report, Returned};
use mail::dsn_request::{EnvId, Event, Orcpt, Ret};
use mail::header::HeaderBlock;
use mail::{Address, Envelope, Reason, Traits};
use serde_json::json;
use store::queue::{Claim, Message, NewContent, NewMessage, Next, PIECE_OCTETS, Recipient};
use time::OffsetDateTime;

use super::accept::{new_id, new_message_id};
use super::content::{Outgoing, Pieces};
use super::judge::Judgement;
use super::limits::Way;
use super::route::Plan;
use crate::app::App;

/// A report brings back at most so much of a message, whatever was asked for.
const MOST_RETURNED_OCTETS: u64 = PIECE_OCTETS as u64;

/// The report on an attempt, where somebody is to get one. What can't be read of the message is left out of it.
pub async fn compose(
    app: &App,
    claim: &Claim,
    judgement: &Judgement,
    now: OffsetDateTime,
) -> Option<NewMessage> {
    let expired = judgement.next == Next::Expired;
    let until = claim.message.expires_at;
    let fates = judgement.reports.iter().map(|(recipient, event, why)| Told {
        recipient: recipient.clone(),
        action: match event {
            Event::Success => Action::Relayed,
            Event::Delay => Action::Delayed { until },
            Event::Failure if expired => Action::Expired,
            Event::Failure => Action::Failed,
        },
        why: why.clone(),
    });
    compose_of(app, &claim.message, &fates.collect::<Vec<_>>(), now).await
}

/// What is to be told of one recipient.
#[derive(Debug, Clone)]
pub struct Told {
    /// Who.
    pub recipient: Recipient,
    /// What became of them.
    pub action: Action,
    /// Why.
    pub why: Option<Reason>,
}

/// The report on these recipients of a message.
pub async fn compose_of(
    app: &App,
    message: &Message,
    told: &[Told],
    now: OffsetDateTime,
) -> Option<NewMessage> {
    let pieces = Pieces::stored(&app.store, message);
    let header = pieces.header(message).await.unwrap_or_else(|_| HeaderBlock::split(b"").0);
    let addressee = addressee(app, message, &header, told)?;
    let mailbox: Address = message.lane.mailbox.parse().ok()?;
    let failed = told.iter().any(|told| matches!(told.action, Action::Failed | Action::Expired));
    let asked_for_all = message.ret.as_deref().and_then(|ret| ret.parse().ok()) == Some(Ret::Full);
    let full = match failed && asked_for_all && message.size_octets <= MOST_RETURNED_OCTETS {
        true => read_whole(message, &header, pieces).await,
        false => None,
    };
    let id = new_id(now);
    let octets = write(app, message, (&addressee, &mailbox, id), (&header, full.as_deref()), told, now);
    Some(as_message(app, message, &addressee, id, octets, now))
}

/// The envelope's sender; the administrator where there is none, and something has failed.
fn addressee(app: &App, message: &Message, header: &HeaderBlock, told: &[Told]) -> Option<Addressee> {
    let failed = told.iter().any(|told| matches!(told.action, Action::Failed | Action::Expired));
    let administrator = app.queue.config.report_to.as_ref().filter(|_| failed);
    let to = message.from.as_ref().or(administrator)?;
    let recipients = told.iter().map(|told| told.recipient.address.clone());
    Addressee::of(&Envelope::new(Some(to.clone()), recipients).ok()?, header)
}

async fn read_whole(message: &Message, header: &HeaderBlock, pieces: Pieces) -> Option<Vec<u8>> {
    // Bcc is not shown to whoever reads the report.
    let outgoing = Outgoing::prepare(message, header, pieces, &Plan { way: Way::Smtp, hidden: Vec::new() });
    let mut whole = Vec::new();
    for index in 0.. {
        match outgoing.piece(index).await {
            Ok(Some(piece)) => whole.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    Some(whole)
}

fn write(
    app: &App,
    message: &Message,
    (addressee, mailbox, id): (&Addressee, &Address, uuid::Uuid),
    (header, full): (&HeaderBlock, Option<&[u8]>),
    told: &[Told],
    now: OffsetDateTime,
) -> Vec<u8> {
    let orcpts: Vec<Option<Orcpt>> =
        told.iter().map(|told| told.recipient.orcpt.as_deref().and_then(|text| text.parse().ok())).collect();
    let said: Vec<Option<String>> =
        told.iter().map(|told| told.why.as_ref().map(|why| format!("{} {}", why.code, why.text))).collect();
    let fates: Vec<Fate<'_>> = told
        .iter()
        .zip(&orcpts)
        .zip(&said)
        .map(|((told, orcpt), said)| Fate {
            recipient: &told.recipient.address,
            orcpt: orcpt.as_ref(),
            action: told.action,
            said: said.as_deref(),
            advice: None,
            last_attempt: Some(now),
        })
        .collect();
    let envid: Option<EnvId> = message.envid.as_deref().and_then(|text| text.parse().ok());
    let original_id = message.id.to_string();
    let report = Report {
        to: addressee,
        from: mailbox,
        message_id: &new_message_id(id, mailbox),
        host: app.hosts.own_name(),
        fates: &fates,
        original: Original {
            id: &original_id,
            accepted_at: message.received_at,
            envid: envid.as_ref(),
            returned: full.map_or(Returned::Header(header.octets()), Returned::Full),
        },
    };
    dsn::build(&report, now)
}

fn as_message(
    app: &App,
    about: &Message,
    addressee: &Addressee,
    id: uuid::Uuid,
    octets: Vec<u8>,
    now: OffsetDateTime,
) -> NewMessage {
    let (header, rest) = HeaderBlock::split(&octets);
    let mut traits = Traits::of_header(header.octets());
    traits.add_body(&octets[rest..]);
    let recipients = addressee.envelope().to().to_vec();
    // Nobody hears of the fate of a report.
    let silent = |address| Recipient { address, notify: Some("NEVER".to_owned()), orcpt: None };
    let message = Message {
        id,
        lane: about.lane.clone(),
        submitter_id: None,
        submitter_name: "postern".to_owned(),
        source: "postern".to_owned(),
        from: None,
        recipients: recipients.into_iter().map(silent).collect(),
        ret: None,
        envid: None,
        header_from: about.lane.mailbox.clone(),
        subject: header.subject().unwrap_or_default(),
        message_id: header.message_id().map_or_else(String::new, |id| id.bare().to_owned()),
        size_octets: octets.len() as u64,
        header_octets: (rest + 2) as u64,
        traits,
        notes: json!({ "report_on": about.id }),
        received_at: now,
        expires_at: app.queue.config.schedule.expires_at(now),
    };
    let octets = Bytes::from(octets);
    let cut = |from: usize| octets.slice(from..octets.len().min(from + PIECE_OCTETS));
    let pieces = (0..octets.len()).step_by(PIECE_OCTETS).map(cut).collect();
    NewMessage { message, first_attempt_at: now, idempotency: None, content: NewContent::Whole(pieces) }
}
