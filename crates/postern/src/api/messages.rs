//! The routes of `/messages`: hand a message over, as JSON or as it is, look what became of it, intervene. 202 means that
//! the message is on disk. A submitter's token opens exactly two of them: handing over, and looking at its own.

mod hand_over;
mod input;
mod view;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use store::AuditEntry;
use store::queue::{ActError, MessageFilter, MessageState};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::{MailReader, Operator, Sender};
use super::input::{IdOrName, Query};
use super::list;
use super::moment;
use crate::app::App;
use crate::problem::Problem;
use crate::{accounts, audit, submitters};

pub use input::NewMessage;
pub use view::{MessageView, StoryView};

/// Which messages, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct MessageQuery {
    /// States, separated by commas: `queued`, `sending`, `deferred`, `sent`, `failed`, `expired`, `held`, `cancelled`.
    state: Option<String>,
    /// Id or name of an account.
    account: Option<String>,
    /// Id or name of a submitter.
    submitter: Option<String>,
    /// A text in sender, recipients, subject, Message-ID or submitter.
    q: Option<String>,
    /// Received at this time or later: RFC 3339 time or date.
    since: Option<String>,
    /// Received before this time.
    until: Option<String>,
    /// How many at most: 1 to 500, 100 by default.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// What stands beside a message that is handed over as it is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeQuery {
    /// The envelope's sender; `<>` is the null sender. The author in From is the default.
    from: Option<String>,
    /// The envelope's recipients, separated by commas. Those in To, Cc and Bcc are the default.
    to: Option<String>,
    /// Id or name of the account; for operators. The one that fits From is the default.
    account: Option<String>,
}

/// A message that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptedMessage {
    /// Its id here.
    id: String,
    /// Whether the same request had been taken before: this is the message of that time.
    duplicate: bool,
}

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageList {
    items: Vec<MessageView>,
    next: Option<String>,
    /// Rows that could not be read, if any; they hide nothing else.
    damaged: Vec<String>,
}

/// Hands a message over: parts as JSON, or the message itself as `message/rfc822`. It is on disk when this answers 202.
#[utoipa::path(post, path = "/messages", tag = "messages",
    params(EnvelopeQuery, ("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 printable ASCII characters: the same request with the same key is done once")),
    request_body(content((NewMessage = "application/json"), (String = "message/rfc822"))),
    responses((status = 202, body = AcceptedMessage)))]
pub async fn send(
    State(app): State<Arc<App>>,
    sender: Sender,
    Query(envelope): Query<EnvelopeQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let taken = match kind.as_str() {
        "message/rfc822" => hand_over::stream(&app, &sender, &envelope, request).await,
        "" => hand_over::compose(&app, &sender, request).await,
        json if json.ends_with("json") => hand_over::compose(&app, &sender, request).await,
        _ => Err(Problem::new(
            "unsupported_media_type",
            "A message is taken as JSON or as message/rfc822.",
            "Send it with Content-Type: application/json or message/rfc822.",
        )),
    }?;
    let accepted = AcceptedMessage { id: taken.id.to_string(), duplicate: taken.duplicate };
    Ok((StatusCode::ACCEPTED, axum::Json(accepted)).into_response())
}

/// Lists messages, newest first.
#[utoipa::path(get, path = "/messages", tag = "messages", params(MessageQuery), responses((status = 200, body = MessageList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    reader: MailReader,
    Query(query): Query<MessageQuery>,
) -> Result<Response, Problem> {
    let page = list::page(query.limit, query.cursor.as_deref())?;
    let filter = filter(&app, &reader, &query).await?;
    let page = app.store.queue().list(&page, &filter).await?;
    let accounts = app.queue.directory.senders(&app).await?;
    let items = page.rows.iter().map(|row| MessageView::new(row, &accounts)).collect();
    let damaged = page.corrupt.iter().map(ToString::to_string).collect();
    Ok(list::answer(MessageList { items, next: list::cursor(page.next), damaged }))
}

/// Shows the whole story of a message.
#[utoipa::path(get, path = "/messages/{message}", tag = "messages",
    params(("message" = String, Path, description = "id")), responses((status = 200, body = StoryView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    reader: MailReader,
    IdOrName(message): IdOrName,
) -> Result<Response, Problem> {
    let view = story(&app, read_id(&message)?, |submitter| reader.may_read(submitter)).await?;
    Ok(axum::Json(view).into_response())
}

/// Tries a message again now: one that waits, is held, failed, expired or was called off.
#[utoipa::path(post, path = "/messages/{message}/retry", tag = "messages",
    params(("message" = String, Path, description = "id")), responses((status = 200, body = StoryView)))]
pub async fn retry(
    State(app): State<Arc<App>>,
    operator: Operator,
    IdOrName(message): IdOrName,
) -> Result<Response, Problem> {
    let expires_at = app.queue.config.schedule.expires_at(app.now());
    act(&app, operator, "message.retry", &message, async |id, entry| {
        app.store.queue().retry(id, entry.at, expires_at, entry).await
    })
    .await
}

/// Calls a message off that waits or is held: it is not sent.
#[utoipa::path(post, path = "/messages/{message}/cancel", tag = "messages",
    params(("message" = String, Path, description = "id")), responses((status = 200, body = StoryView)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    operator: Operator,
    IdOrName(message): IdOrName,
) -> Result<Response, Problem> {
    act(&app, operator, "message.cancel", &message, async |id, entry| {
        app.store.queue().cancel(id, entry.at, entry).await
    })
    .await
}

/// Holds a message back that waits, until somebody releases it.
#[utoipa::path(post, path = "/messages/{message}/hold", tag = "messages",
    params(("message" = String, Path, description = "id")), responses((status = 200, body = StoryView)))]
pub async fn hold(
    State(app): State<Arc<App>>,
    operator: Operator,
    IdOrName(message): IdOrName,
) -> Result<Response, Problem> {
    act(&app, operator, "message.hold", &message, async |id, entry| {
        let why = format!("held by {}", entry.actor);
        app.store.queue().hold(id, &why, entry.at, entry).await
    })
    .await
}

/// Lets a held message go.
#[utoipa::path(post, path = "/messages/{message}/release", tag = "messages",
    params(("message" = String, Path, description = "id")), responses((status = 200, body = StoryView)))]
pub async fn release(
    State(app): State<Arc<App>>,
    operator: Operator,
    IdOrName(message): IdOrName,
) -> Result<Response, Problem> {
    act(&app, operator, "message.release", &message, async |id, entry| {
        app.store.queue().release(id, entry.at, entry).await
    })
    .await
}

async fn act(
    app: &App,
    Operator(actor): Operator,
    action: &str,
    message: &str,
    deed: impl AsyncFnOnce(Uuid, &AuditEntry) -> Result<(), ActError>,
) -> Result<Response, Problem> {
    let id = read_id(message)?;
    let entry = audit::done(&actor, app.now(), action, message);
    let done = deed(id, &entry).await.map_err(|error| not_done(message, error));
    app.audit_refusal(&actor, action, message, done).await?;
    app.events.tell("messages", message, "changed");
    Ok(axum::Json(story(app, id, |_| true).await?).into_response())
}

async fn story(app: &App, id: Uuid, may_read: impl Fn(Option<Uuid>) -> bool) -> Result<StoryView, Problem> {
    let story = app.store.queue().show(id).await?.filter(|story| may_read(story.row.submitter_id));
    let story = story.ok_or_else(|| Problem::not_found("message", &id.to_string()))?;
    let accounts = app.queue.directory.senders(app).await?;
    Ok(StoryView::new(&story, &accounts))
}

fn not_done(message: &str, error: ActError) -> Problem {
    match error {
        ActError::NotFound => Problem::not_found("message", message),
        ActError::WrongState { state } => Problem::new(
            "wrong_state",
            format!("The message is {state}; this can't be done to it."),
            "Look at it again: it may have gone on meanwhile.",
        )
        .with("state", state.as_str()),
        ActError::ContentGone => Problem::new(
            "content_gone",
            "The message's content is no longer here: it was sent, or is too old.",
            "Have it submitted again by the program that made it.",
        ),
        ActError::Store(error) => error.into(),
    }
}

async fn filter(app: &App, reader: &MailReader, query: &MessageQuery) -> Result<MessageFilter, Problem> {
    let states = query.state.as_deref().map_or_else(Vec::new, |states| states.split(',').collect());
    let states: Result<Vec<MessageState>, Problem> = states
        .into_iter()
        .map(|state| state.trim().parse().map_err(|error| Problem::invalid("state", error)))
        .collect();
    let moment = |name: &str, text: &Option<String>| {
        text.as_deref().map(moment::parse).transpose().map_err(|error| Problem::invalid(name, error))
    };
    let account_id = match &query.account {
        Some(account) => Some(accounts::find_row(app, account).await?.id),
        None => None,
    };
    let submitter_id = match (reader, &query.submitter) {
        (MailReader::Submitter(own), _) => Some(own.id),
        (MailReader::Viewer, Some(submitter)) => Some(submitters::find(app, submitter).await?.id),
        (MailReader::Viewer, None) => None,
    };
    Ok(MessageFilter {
        states: states?,
        account_id,
        submitter_id,
        since: moment("since", &query.since)?,
        until: moment("until", &query.until)?,
        text: query.q.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
        ..MessageFilter::default()
    })
}

fn read_id(message: &str) -> Result<Uuid, Problem> {
    message.parse().map_err(|_| Problem::not_found("message", message))
}
