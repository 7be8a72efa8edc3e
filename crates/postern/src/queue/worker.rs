//! Makes one attempt: opens the account, reads the header, chooses the way, and lets the courier bring the message. The
//! attempt is on disk before it begins. It must never send a message of which nobody knows whether it was sent without
//! looking first, where looking is granted. Its neighbours are `accept` and `run`, which bring it claims, and `settle`.

use std::sync::Arc;
use std::time::Duration;

use m365::account::Transport;
use m365::courier::{Delivery, Origin};
use m365::parcel::{ContentTrouble, Parcel, RecipientReports, Reports, ReportsBy, ReturnPath, Seen};
use mail::{Address, Attempted, Envelope, MessageId, Outcome, Reason, Scope};
use store::LargeMail;
use store::queue::{AttemptOutcome, AttemptRow, Claim, Message};
use submission::Refusal;
use time::OffsetDateTime;

use super::content::{Outgoing, Pieces};
use super::directory::Opened;
use super::limits::Way;
use super::route::{self, Plan, Sender};
use super::settle;
use super::traffic::Slot;
use crate::app::App;
use crate::problem::Problem;

/// How an attempt went.
#[derive(Debug)]
pub struct Ended {
    /// How it ended, for each recipient.
    pub attempted: Attempted,
    /// By which door.
    pub way: Way,
    /// The same more exactly: `graph`, `draft`, `smtp`, `look`; none where nothing was asked of Microsoft.
    pub via: Option<&'static str>,
    /// What stood in the way, for the account's state.
    pub failure: Option<m365::Failure>,
    /// Who tells of a success, where that was asked for.
    pub reports: ReportsBy,
    /// The account as it was opened, where it could be.
    pub opened: Option<Arc<Opened>>,
    /// The mailbox has no room for it before this: it goes back to wait as if it had not been claimed.
    pub not_before: Option<OffsetDateTime>,
}

/// Starts an attempt that is on disk. `plan` and `pieces` are known of a message that was accepted a moment ago.
pub fn spawn(app: &Arc<App>, claim: Claim, slot: Slot, pieces: Option<Pieces>, plan: Option<Plan>) {
    let task = run(Arc::clone(app), claim, slot, pieces, plan);
    app.queue.workers.spawn(task);
}

async fn run(app: Arc<App>, claim: Claim, mut slot: Slot, pieces: Option<Pieces>, plan: Option<Plan>) {
    app.queue.begin(&claim);
    let attempt = attempt(&app, &claim, &mut slot, pieces, plan);
    let ended = Box::pin(keep_lease(&app, &claim, attempt)).await;
    settle::settle(&app, &claim, slot, ended).await;
    app.queue.end(&claim);
}

/// Does `work`, and tells the store from time to time that somebody is at it.
async fn keep_lease<T>(app: &App, claim: &Claim, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        match tokio::time::timeout(LEASE / 3, &mut work).await {
            Ok(done) => return done,
            Err(_) => {
                let lease = app.queue.lease(app.now());
                if let Err(error) = app.store.queue().extend(&[claim.key()], lease).await {
                    tracing::error!(message = %claim.message.id, %error, "cannot extend a lease");
                }
            }
        }
    }
}

/// How long nobody else may take a claim for abandoned.
pub const LEASE: Duration = Duration::from_secs(5 * 60);

async fn attempt(
    app: &App,
    claim: &Claim,
    slot: &mut Slot,
    pieces: Option<Pieces>,
    plan: Option<Plan>,
) -> Ended {
    let message = &claim.message;
    let opened = match app.queue.directory.open(app, message.lane.account_id).await {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            return Ended::rejected(
                "account_removed",
                "the account that this message was to go through was removed",
            );
        }
        Err(problem) => return Ended::not_opened(&problem),
    };
    match prepare_and_send(app, claim, slot, &opened, pieces, plan).await {
        Ok(ended) => Ended { opened: Some(opened), ..ended },
        Err(trouble) => Ended { opened: Some(opened), ..Ended::unreadable(&trouble) },
    }
}

async fn prepare_and_send(
    app: &App,
    claim: &Claim,
    slot: &mut Slot,
    opened: &Arc<Opened>,
    pieces: Option<Pieces>,
    plan: Option<Plan>,
) -> Result<Ended, ContentTrouble> {
    let message = &claim.message;
    let found = find_sender(app, message).await?;
    let Some(sender) = &found else {
        return Ok(Ended::rejected(
            "account_removed",
            "the account that this message was to go through was removed",
        ));
    };
    let pieces = pieces.unwrap_or_else(|| Pieces::stored(&app.store, message));
    let header = pieces.header(message).await?;
    let plan = match plan {
        Some(plan) => plan,
        None => match plan_claimed(sender, &header.recipients(), message, slot) {
            Ok(plan) => plan,
            Err(ended) => return Ok(*ended),
        },
    };
    let connection = match app.clouds.connection(&opened.account.cloud) {
        Ok(connection) => connection,
        Err(failure) => return Ok(Ended::failed(failure, plan.way, app.now())),
    };
    let Ok(mailbox) = message.lane.mailbox.parse::<Address>() else {
        return Ok(Ended::rejected("mailbox_invalid", "the mailbox of this message is no address"));
    };
    let origin = Origin { connection: &connection, account: &opened.account, mailbox: &mailbox };
    let message_id = message.message_id.parse::<MessageId>().ok();
    if claim.attempt > 1
        && let Some(message_id) = &message_id
        && is_to_be_looked_for(app, claim, plan.way).await
    {
        match app.queue.courier.was_sent(&origin, message_id, app.now()).await {
            Ok(Seen::Sent) => return Ok(Ended::found_sent(plan.way)),
            Ok(Seen::NotFound | Seen::CannotLook) => {}
            Err(failure) if failure.is_temporary() => {
                return Ok(Ended::could_not_look(failure, plan.way, app.now()));
            }
            // Who may not look can't; whether the account is broken, sending tells.
            Err(failure) => tracing::info!(id = %message.id, %failure, "can't look whether it was sent"),
        }
    }
    let header = &header;
    let send_by = async |plan: &Plan| {
        let outgoing = Outgoing::prepare(message, header, pieces.clone(), plan);
        send(app, &origin, message, (sender, plan), &outgoing, message_id.as_ref()).await
    };
    let ended = send_by(&plan).await;
    if !ended.needs_smtp() || sender.large_mail == LargeMail::Refuse {
        return Ok(ended);
    }
    // Graph can't take it apart, or may not keep drafts; nothing of it was sent.
    let by_smtp = Plan { way: Way::Smtp, ..plan };
    Ok(match slot.admit(&route::load(Way::Smtp, message.size_octets, message.recipients.len())) {
        Ok(()) => send_by(&by_smtp).await,
        Err(at) => Ended::not_now(Way::Smtp, at),
    })
}

/// The account as routes see it. One that another node has added a moment ago isn't remembered yet.
async fn find_sender(app: &App, message: &Message) -> Result<Option<Sender>, ContentTrouble> {
    let account = message.lane.account_id;
    let remembered = async || {
        let senders = app.queue.directory.senders(app).await;
        let senders = senders.map_err(|error| ContentTrouble(error.to_string()))?;
        Ok::<_, ContentTrouble>(senders.iter().find(|sender| sender.account_id == account).cloned())
    };
    match remembered().await? {
        Some(sender) => Ok(Some(sender)),
        None => {
            app.queue.directory.forget();
            remembered().await
        }
    }
}

/// The way of a message that has waited, and the place that it needs there.
fn plan_claimed(
    sender: &Sender,
    shown: &mail::header::Recipients,
    message: &Message,
    slot: &mut Slot,
) -> Result<Plan, Box<Ended>> {
    let plan = route::plan(sender, shown, &envelope(message), message.size_octets)
        .map_err(|refusal| Box::new(Ended::refused(&refusal)))?;
    let load = route::load(plan.way, message.size_octets, message.recipients.len());
    slot.admit(&load).map_err(|at| Box::new(Ended::not_now(plan.way, at)))?;
    Ok(plan)
}

async fn send(
    app: &App,
    origin: &Origin<'_>,
    message: &Message,
    (sender, plan): (&Sender, &Plan),
    outgoing: &Outgoing,
    message_id: Option<&MessageId>,
) -> Ended {
    let envelope = Envelope::new(message.from.clone(), envelope(message))
        .expect("a claimed message has recipients who are still to get it");
    let reports = message.recipients.iter().map(|recipient| RecipientReports {
        notify: recipient.notify.as_deref().and_then(|text| text.parse().ok()),
        orcpt: recipient.orcpt.as_deref().and_then(|text| text.parse().ok()),
    });
    let reports: Vec<RecipientReports> = reports.collect();
    let envid = message.envid.as_deref().and_then(|text| text.parse().ok());
    let parcel = Parcel {
        envelope: &envelope,
        message_id,
        content: outgoing,
        return_path: return_path(sender, message.from.as_ref()),
        reports: Reports {
            ret: message.ret.as_deref().and_then(|text| text.parse().ok()),
            envid: envid.as_ref(),
            recipients: &reports,
        },
    };
    let (transport, via) = match plan.way {
        Way::Smtp => (Transport::Smtp, "smtp"),
        Way::Graph if message.size_octets > route::GRAPH_ONE_REQUEST_OCTETS => (Transport::Graph, "draft"),
        Way::Graph => (Transport::Graph, "graph"),
    };
    let delivery = app.queue.courier.deliver(origin, transport, &parcel, app.now()).await;
    Ended::delivered(delivery, plan.way, via)
}

/// An address that the mailbox may not send as is refused by Exchange after the whole message (facts 6.6).
fn return_path(sender: &Sender, from: Option<&Address>) -> ReturnPath {
    match from.is_some_and(|from| !sender.may_send_as(from)) {
        true => ReturnPath::Mailbox,
        false => ReturnPath::Envelope,
    }
}

fn envelope(message: &Message) -> Vec<Address> {
    message.recipients.iter().map(|recipient| recipient.address.clone()).collect()
}

/// Whether an attempt before this one may have got through, and looking hasn't failed too often. Where that can't be
/// read, it may.
async fn is_to_be_looked_for(app: &App, claim: &Claim, way: Way) -> bool {
    let Ok(Some(story)) = app.store.queue().show(claim.message.id).await else { return true };
    let is_unknown = |attempt: &AttemptRow| attempt.outcome == Some(AttemptOutcome::Unknown);
    let last_unknown = story.attempts.iter().rposition(is_unknown);
    last_unknown.is_some_and(|at| {
        let looks = story.attempts[at..].iter().filter(|attempt| attempt.via.as_deref() == Some(LOOK));
        // By Graph mail goes through the very door that stays shut: then it waits for that, and looks.
        way == Way::Graph || looks.count() < MOST_LOOKS
    })
}

/// How an attempt is marked that could only have looked.
const LOOK: &str = "look";
/// A door to the mailbox that stays shut, where the one for mail is open, must not keep the mail for ever.
const MOST_LOOKS: usize = 8;

impl Ended {
    /// Whether Graph can't carry it although its size is right for a draft.
    fn needs_smtp(&self) -> bool {
        let code = self.failure.as_ref().map(m365::Failure::code);
        self.way == Way::Graph && matches!(code.as_deref(), Some("needs_smtp" | "needs_mail_read_write"))
    }

    fn delivered(delivery: Delivery, way: Way, via: &'static str) -> Self {
        let Delivery { attempted, failure, reports } = delivery;
        Self { attempted, way, via: Some(via), failure, reports, opened: None, not_before: None }
    }

    fn without_asking(outcome: Outcome, way: Way) -> Self {
        let attempted = Attempted::for_all(outcome);
        Self {
            attempted,
            way,
            via: None,
            failure: None,
            reports: ReportsBy::Us,
            opened: None,
            not_before: None,
        }
    }

    fn found_sent(way: Way) -> Self {
        Self { via: Some(LOOK), ..Self::without_asking(Outcome::Delivered { remote_id: None }, way) }
    }

    fn rejected(code: &str, text: &str) -> Self {
        Self::without_asking(Outcome::Rejected { why: reason(code, text) }, Way::Graph)
    }

    fn refused(refusal: &Refusal) -> Self {
        Self::rejected(&format!("{} {}", refusal.code, refusal.enhanced), &refusal.text)
    }

    fn failed(failure: m365::Failure, way: Way, now: OffsetDateTime) -> Self {
        let outcome = m365::outcome::of_failure(&failure, now);
        Self { failure: Some(failure), ..Self::without_asking(outcome, way) }
    }

    /// Whether it was sent could not be seen this time. Nothing was sent now, whatever was lost of the answer.
    fn could_not_look(failure: m365::Failure, way: Way, now: OffsetDateTime) -> Self {
        let ended = Self { via: Some(LOOK), ..Self::failed(failure, way, now) };
        match ended.attempted.outcome {
            Outcome::AccountBroken { .. } | Outcome::Retry { .. } => ended,
            Outcome::Rejected { why } | Outcome::Unknown { why } => {
                let outcome = Outcome::Retry { why, not_before: None, scope: Scope::Message };
                Self { attempted: Attempted::for_all(outcome), ..ended }
            }
            Outcome::Delivered { .. } => unreachable!("a failure is no delivery"),
        }
    }

    /// Our own store, or the account's secrets, can't be read: it may pass, and is nobody's mail's fault.
    fn not_opened(problem: &Problem) -> Self {
        let why = reason(problem.code(), problem.message());
        Self::without_asking(Outcome::Retry { why, not_before: None, scope: Scope::Account }, Way::Graph)
    }

    fn unreadable(trouble: &ContentTrouble) -> Self {
        let why = reason("content_unreadable", &trouble.to_string());
        Self::without_asking(Outcome::Retry { why, not_before: None, scope: Scope::Message }, Way::Graph)
    }

    fn not_now(way: Way, at: OffsetDateTime) -> Self {
        let why = reason(
            "limit_reached",
            "the mailbox has been asked as much as Microsoft allows; the message waits its turn",
        );
        let outcome = Outcome::Retry { why, not_before: Some(at), scope: Scope::Message };
        Self { not_before: Some(at), ..Self::without_asking(outcome, way) }
    }
}

fn reason(code: &str, text: &str) -> Reason {
    Reason { code: code.to_owned(), text: text.to_owned(), request_id: None }
}
