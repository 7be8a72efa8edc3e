//! `postern queue …`: the messages that were accepted, what became of each, and what a person may do about it.

mod render;
mod story;

use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::path;
use super::context::{Context, Verdict};
use super::failure::Failure;
use super::when::{self, Past};

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List messages, newest first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  postern queue list
  postern queue list --state deferred --state held
  postern queue list --search invoice --since 7d
  postern queue list --submitter scanner --limit 1000 --json"
    )]
    List(List),
    /// Show how much waits and since when, and which accounts are paused and why
    #[command(after_help = "Examples:
  postern queue status
  postern queue status --json")]
    Status,
    /// Show the whole story of a message
    #[command(after_help = "Examples:
  postern queue show 0190c2aa-7c00-7000-8000-000000000001
  postern queue show 0190c2aa-7c00-7000-8000-000000000001 --json")]
    Show(Which),
    /// Try messages again now: those that wait, failed, expired or were held
    #[command(after_help = "Examples:
  postern queue retry 0190c2aa-7c00-7000-8000-000000000001
  postern queue retry --all --state failed --account contoso")]
    Retry(Many),
    /// Call messages off: they are not sent
    #[command(after_help = "Examples:
  postern queue cancel 0190c2aa-7c00-7000-8000-000000000001
  postern queue cancel --all --submitter scanner")]
    Cancel(Many),
    /// Hold messages back until somebody releases them
    #[command(after_help = "Examples:
  postern queue hold 0190c2aa-7c00-7000-8000-000000000001")]
    Hold(Many),
    /// Let held messages go
    #[command(after_help = "Examples:
  postern queue release 0190c2aa-7c00-7000-8000-000000000001
  postern queue release --all")]
    Release(Many),
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Filter {
    /// Only messages in this state (may be repeated)
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<State>,
    /// Only messages of this account: its name or id
    #[arg(long)]
    account: Option<String>,
    /// Only messages from this submitter: its name or id
    #[arg(long)]
    submitter: Option<String>,
    /// Only messages with this in sender, recipients, subject, Message-ID or submitter
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Not before: a date, a time, or days, hours or minutes ago (7d, 12h, 30m)
    #[arg(long, value_name = "WHEN", value_parser = Past::parse)]
    since: Option<Past>,
    /// Not after: in the same forms
    #[arg(long, value_name = "WHEN", value_parser = Past::parse)]
    until: Option<Past>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Id of the message
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Many {
    /// Ids of the messages
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all", value_parser = NonEmptyStringValueParser::new())]
    ids: Vec<String>,
    /// All messages that can be, or those that the filters leave
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Queued,
    Sending,
    Deferred,
    Sent,
    Failed,
    Expired,
    Held,
    Cancelled,
}

/// What is done to a message, in the words of the API.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Retry,
    Cancel,
    Hold,
    Release,
}

pub(crate) async fn run(command: QueueCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    match command {
        QueueCommand::List(list) => list_some(&list, context).await,
        QueueCommand::Status => status(context).await,
        QueueCommand::Show(which) => show(&which, context).await,
        QueueCommand::Retry(many) => act(Deed::Retry, &many, context).await,
        QueueCommand::Cancel(many) => act(Deed::Cancel, &many, context).await,
        QueueCommand::Hold(many) => act(Deed::Hold, &many, context).await,
        QueueCommand::Release(many) => act(Deed::Release, &many, context).await,
    }
}

async fn list_some(list: &List, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let found = fetch(&list.filter, limit, context).await?;
    context.show(&found, |context| render::list(&found, context.screen.out_look, context.now));
    Ok(Verdict::Done)
}

async fn status(context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let found = context.client.fetch("/queue").await?;
    context.show(&found, |context| render::status(&found, context.screen.out_look, context.now));
    Ok(Verdict::Done)
}

async fn show(which: &Which, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let found = context.client.fetch(&path(&["messages", &which.id])).await?;
    context.show(&found, |context| story::tell(&found, context.screen.out_look, context.now));
    Ok(Verdict::Done)
}

/// Goes on after a refusal, so that one message that has just been sent doesn't keep the others waiting.
async fn act(deed: Deed, many: &Many, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    if let ([id], false) = (&many.ids[..], many.all) {
        let done = context.client.post(&path(&["messages", id, deed.word()]), json!({})).await?;
        context.tell_done(&done, deed.done());
        return Ok(Verdict::Done);
    }
    let ids = if many.all { ids_of_all(deed, &many.filter, context).await? } else { many.ids.clone() };
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for id in ids {
        match context.client.post(&path(&["messages", &id, deed.word()]), json!({})).await {
            Ok(message) => done.push(message),
            Err(failure) => {
                refused.push(json!({ "id": id, "code": failure.code, "message": failure.message }));
            }
        }
    }
    let verdict = if refused.is_empty() { Verdict::Done } else { Verdict::NotOk };
    let answer = json!({ "done": done, "refused": refused });
    context.show(&answer, |context| render::acted(deed.word(), &answer, context.screen.out_look));
    Ok(verdict)
}

async fn ids_of_all(deed: Deed, filter: &Filter, context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let mut filter = filter.clone();
    if filter.state.is_empty() {
        filter.state = deed.states().to_vec();
    }
    let found = fetch(&filter, usize::MAX, context).await?;
    let ids = found.as_array().into_iter().flatten().filter_map(|message| message.get("id")?.as_str());
    Ok(ids.map(str::to_owned).collect())
}

async fn fetch(filter: &Filter, limit: usize, context: &Context<'_>) -> Result<Value, Failure> {
    let moment = |past: Option<Past>| past.map(|past| when::to_api(past.before(context.now)));
    let states: Vec<&str> = filter.state.iter().map(|state| state.as_str()).collect();
    let fields = [
        ("state", (!states.is_empty()).then(|| states.join(","))),
        ("account", filter.account.clone()),
        ("submitter", filter.submitter.clone()),
        ("q", filter.search.clone()),
        ("since", moment(filter.since)),
        ("until", moment(filter.until)),
    ];
    Ok(Value::Array(context.client.fetch_all("/messages", &fields, limit).await?.entries))
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Deferred => "deferred",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Deed {
    const fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Retry => "The message is tried again now.",
            Self::Cancel => "The message is called off.",
            Self::Hold => "The message is held until somebody releases it.",
            Self::Release => "The message goes its way again.",
        }
    }

    /// Whom `--all` means where no state is given: what failed for good is tried again only when it is named.
    const fn states(self) -> &'static [State] {
        match self {
            Self::Retry => &[State::Queued, State::Deferred],
            Self::Cancel => &[State::Queued, State::Deferred, State::Held],
            Self::Hold => &[State::Queued, State::Deferred],
            Self::Release => &[State::Held],
        }
    }
}
