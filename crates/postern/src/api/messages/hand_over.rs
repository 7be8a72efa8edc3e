//! Takes a message in by HTTP: composed of JSON parts, or streamed as it is, without ever being held whole. What
//! `queue::accept` refuses is told in the words of the API.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::HeaderMap;
use mail::header::{Collected, HeaderBlock, HeaderCollector};
use mail::{Address, LineEnds, Origin};
use store::queue::{Idempotency, Recipient};
use submission::Refusal;
use uuid::Uuid;

use super::super::access::Sender;
use super::super::input;
use super::EnvelopeQuery;
use super::input::{NewMessage, refused};
use crate::accounts;
use crate::app::App;
use crate::problem::{Problem, sentence};
use crate::queue::accept::{self, Offer, Reception, Taken};
use crate::queue::journal;
use crate::queue::route::{self, Permit};

/// What became of a message that was handed over.
pub(super) struct HandedOver {
    pub(super) id: Uuid,
    pub(super) duplicate: bool,
}

/// The header in which a client names its request (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Base64 in JSON, line ends escaped, takes this many times the octets of the message at most, and some more around it.
const JSON_FOR_A_MESSAGE: u64 = 2;

/// Takes parts, and composes the message.
pub(super) async fn compose(
    app: &Arc<App>,
    sender: &Sender,
    request: Request,
) -> Result<HandedOver, Problem> {
    let key = read_key(request.headers())?;
    count(app, sender)?;
    let limit = app.queue.limits.message_octets.saturating_mul(JSON_FOR_A_MESSAGE);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let body = axum::body::to_bytes(request.into_body(), limit).await.map_err(|_| too_large(app))?;
    let mut hash = Context::new(&SHA256);
    hash.update(&body);
    let message: NewMessage = input::parse(&body)?;
    drop(body);
    let permit = permit(app, sender, message.account.as_deref()).await?;
    let own = own_address(app, sender, &permit, message.author()).await?;
    let message_id = accept::new_message_id(accept::new_id(app.now()), message.author().unwrap_or(&own));
    let draft = message.into_draft(own);
    let composed = draft.compose(&message_id, app.now()).map_err(|error| refused(&error))?;
    drop(draft);
    if composed.octets.len() as u64 > app.queue.limits.message_octets {
        return Err(too_large(app));
    }
    let envelope = (composed.envelope.from().cloned(), composed.envelope.to().to_vec());
    let mut reception = Reception::begin(app, offer(app, sender, permit, envelope)?);
    reception
        .write(Bytes::from(composed.octets))
        .await
        .map_err(|refusal| turn_down(app, sender, &refusal))?;
    if let Some(key) = key {
        reception.do_once(idempotency(sender, key, hash));
    }
    finish(app, sender, reception).await
}

/// Takes a message as it is. The envelope comes from the query, or from its header.
pub(super) async fn stream(
    app: &Arc<App>,
    sender: &Sender,
    query: &EnvelopeQuery,
    request: Request,
) -> Result<HandedOver, Problem> {
    let key = read_key(request.headers())?;
    count(app, sender)?;
    let permit = permit(app, sender, query.account.as_deref()).await?;
    let mut content = Box::pin(content(app.queue.limits.message_octets, too_large(app), request.into_body()));
    let mut hash = Context::new(&SHA256);
    hash.update(format!("{:?} {:?}\n", query.from, query.to).as_bytes());
    let (header, mut octets) = read_header(&mut content).await?;
    let envelope = (read_from(query, &header)?, read_to(query, &header)?);
    let mut reception = Reception::begin(app, offer(app, sender, permit, envelope)?);
    loop {
        hash.update(&octets);
        reception.write(octets).await.map_err(|refusal| turn_down(app, sender, &refusal))?;
        match content.next().await {
            Some(next) => octets = next?,
            None => break,
        }
    }
    if let Some(key) = key {
        reception.do_once(idempotency(sender, key, hash));
    }
    finish(app, sender, reception).await
}

/// A submitter has one share of messages a minute, at whichever door.
fn count(app: &App, sender: &Sender) -> Result<(), Problem> {
    match sender {
        Sender::Submitter { row, .. } => {
            app.queue.rates.count(row, app.now()).map_err(|refusal| turn_down(app, sender, &refusal))
        }
        Sender::Operator(_) => Ok(()),
    }
}

async fn finish(app: &App, sender: &Sender, reception: Reception) -> Result<HandedOver, Problem> {
    match reception.finish().await {
        Ok(Taken::Accepted(id)) => Ok(HandedOver { id, duplicate: false }),
        Ok(Taken::Duplicate(id)) => Ok(HandedOver { id, duplicate: true }),
        Err(refusal) => Err(turn_down(app, sender, &refusal)),
    }
}

/// The body with the line ends of mail, up to the limit.
fn content(limit: u64, too_large: Problem, body: Body) -> impl Stream<Item = Result<Bytes, Problem>> + Send {
    let begin = (body.into_data_stream(), Some(LineEnds::default()), 0_u64, too_large);
    futures_util::stream::try_unfold(begin, move |(mut body, ends, octets, too_large)| async move {
        let Some(mut line_ends) = ends else { return Ok(None) };
        let Some(next) = body.next().await else {
            line_ends.finish().map_err(|error| not_mail(&error))?;
            return Ok(None);
        };
        let next = next.map_err(|_| broken_off())?;
        let next = match line_ends.push(&next).map_err(|error| not_mail(&error))? {
            std::borrow::Cow::Borrowed(_) => next,
            std::borrow::Cow::Owned(changed) => Bytes::from(changed),
        };
        let octets = octets + next.len() as u64;
        if octets > limit {
            return Err(too_large);
        }
        Ok(Some((next, (body, Some(line_ends), octets, too_large))))
    })
}

/// The header, and all octets that have come until it was complete.
async fn read_header(
    content: &mut (impl Stream<Item = Result<Bytes, Problem>> + Unpin),
) -> Result<(HeaderBlock, Bytes), Problem> {
    let mut collector = HeaderCollector::default();
    let mut octets = Vec::new();
    while let Some(next) = content.next().await {
        let next = next?;
        octets.extend_from_slice(&next);
        collector = match collector.push(&next) {
            Ok(Collected::More(collector)) => collector,
            Ok(Collected::Header { header, .. }) => return Ok((header, Bytes::from(octets))),
            Err(error) => {
                return Err(Problem::new("too_large", sentence(&error), "Send it with a smaller header."));
            }
        };
    }
    if octets.is_empty() {
        return Err(Problem::new("invalid_message", "There is no message in the body.", "Send one."));
    }
    Ok((collector.finish().0, Bytes::from(octets)))
}

fn read_from(query: &EnvelopeQuery, header: &HeaderBlock) -> Result<Option<Address>, Problem> {
    match query.from.as_deref().map(str::trim) {
        Some("<>") => Ok(None),
        Some(from) => from.parse().map(Some).map_err(|error| Problem::invalid("from", error)),
        None => Ok(header.authors().addresses.into_iter().next()),
    }
}

fn read_to(query: &EnvelopeQuery, header: &HeaderBlock) -> Result<Vec<Address>, Problem> {
    let Some(to) = &query.to else {
        let recipients = header.recipients();
        if let Some(unreadable) = recipients.all_unreadable().next() {
            let why = format!("the header names {unreadable:?}, which is no address");
            return Err(Problem::invalid("to", why));
        }
        return Ok(recipients.all().cloned().collect());
    };
    to.split(',')
        .map(|address| address.trim().parse().map_err(|error| Problem::invalid("to", error)))
        .collect()
}

/// What the sender may do: a submitter what it was permitted; an operator may use every account.
async fn permit(app: &App, sender: &Sender, account: Option<&str>) -> Result<Permit, Problem> {
    match (sender, account) {
        (Sender::Submitter { row, .. }, None) => Ok(crate::queue::directory::permit_of(row)),
        (Sender::Submitter { .. }, Some(_)) => Err(Problem::new(
            "forbidden",
            "A submitter's account is the one that was set for it.",
            "Leave account out, or ask the administrator to set it for this submitter.",
        )),
        (Sender::Operator(_), account) => {
            let account_id = match account {
                Some(account) => Some(accounts::find_row(app, account).await?.id),
                None => None,
            };
            Ok(Permit { senders: Vec::new(), foreign_from: store::ForeignFrom::Refuse, account_id })
        }
    }
}

/// The address of the account that a message without an author goes by.
async fn own_address(
    app: &App,
    sender: &Sender,
    permit: &Permit,
    author: Option<&Address>,
) -> Result<Address, Problem> {
    let accounts = app.queue.directory.senders(app).await?;
    let authors =
        mail::header::Authors { addresses: author.cloned().into_iter().collect(), ..Default::default() };
    let account = route::choose(&accounts, permit, &authors);
    let account = account.map_err(|refusal| turn_down(app, sender, &refusal))?;
    match author.or(account.mailbox.as_ref()) {
        Some(own) => Ok(own.clone()),
        None => Err(turn_down(app, sender, &route::not_signed_in(account))),
    }
}

fn offer(
    app: &App,
    sender: &Sender,
    permit: Permit,
    (from, to): (Option<Address>, Vec<Address>),
) -> Result<Offer, Problem> {
    let mut seen = std::collections::HashSet::new();
    let to: Vec<Address> = to.into_iter().filter(|address| seen.insert(address.clone())).collect();
    let most = app.queue.limits.recipients;
    if to.is_empty() {
        let hint = "Give at least one in to, cc or bcc.";
        return Err(Problem::new("no_recipients", "The message has no recipients.", hint));
    }
    if to.len() > most {
        let why = format!("The message has {} recipients; {most} are the most.", to.len());
        return Err(Problem::new("too_many_recipients", why, "Send it to some of them at a time."));
    }
    let (submitter_id, submitter_name, source) = sender.names();
    let recipients = to.into_iter().map(|address| Recipient { address, notify: None, orcpt: None }).collect();
    Ok(Offer {
        submitter_id,
        submitter_name,
        permit,
        from,
        recipients,
        ret: None,
        envid: None,
        origin: Origin::Http { address: source.parse().ok() },
        source,
        idempotency: None,
    })
}

fn read_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.to_str().unwrap_or_default();
    let sound = (1..=255).contains(&key.len()) && key.bytes().all(|octet| (b' '..=b'~').contains(&octet));
    match sound {
        true => Ok(Some(key.to_owned())),
        false => Err(Problem::invalid("Idempotency-Key", "it must be 1 to 255 printable ASCII characters")),
    }
}

fn idempotency(sender: &Sender, key: String, request: Context) -> Idempotency {
    Idempotency { scope: sender.scope(), key, request_hash: request.finish().as_ref().to_vec() }
}

/// A refusal at this door, noted like one at any other.
fn turn_down(app: &App, sender: &Sender, refusal: &Refusal) -> Problem {
    let (_, name, source) = sender.names();
    journal::refused(app, &name, &source, refusal);
    problem_of(refusal)
}

/// A refusal of the door in the words of the API: the same reason, and a status that says whose turn it is.
fn problem_of(refusal: &Refusal) -> Problem {
    let Refusal { code, enhanced, text } = refusal;
    let (word, hint) = match (code, *enhanced) {
        (400..=499, _) => {
            ("try_later", "Send it again in a while; the same Idempotency-Key keeps it from going twice.")
        }
        (_, "5.7.1") => {
            ("sender_not_allowed", "Use another From, or ask the administrator to allow this one.")
        }
        (552, _) => ("too_large", "Send it with less in it."),
        (554, _) => ("idempotency_key_reused", "Use a new key for another message."),
        _ => ("message_refused", "Correct the message and send it again."),
    };
    // A sentence may begin with an address, which is written as it is.
    let begins_with_address = text.split(' ').next().is_some_and(|first| first.contains('@'));
    let text = if begins_with_address { format!("{text}.") } else { sentence(text) };
    let problem = Problem::new(word, text, hint).with("smtp_code", *code).with("enhanced_code", *enhanced);
    if word == "try_later" { problem.with("retry_after_seconds", 60) } else { problem }
}

fn too_large(app: &App) -> Problem {
    let most = app.queue.limits.message_octets;
    let why = format!("The message is larger than {most} octets.");
    Problem::new(
        "too_large",
        why,
        "Send less at a time; [limits] message_octets in the configuration sets the most.",
    )
}

fn not_mail(error: &mail::InvalidLine) -> Problem {
    Problem::new("invalid_message", sentence(error), "Correct the program that made the message.")
}

fn broken_off() -> Problem {
    Problem::new("malformed_json", "The request's body did not arrive whole.", "Send the request again.")
}
