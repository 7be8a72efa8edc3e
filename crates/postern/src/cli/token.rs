//! `postern token …`: API tokens. A token is shown once, when it is made, and never again.

use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use time::{Duration, OffsetDateTime};

use super::client::path;
use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::files::{Output, Readers};
use super::screen::{Look, Paint, clean};
use super::table::{draw, expendable, kept};
use super::when;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and show it once
    #[command(
        visible_alias = "add",
        after_help = "Examples:
  postern token create --name monitoring --role viewer --expires 365d
  postern token create --name deploy --role administrator --output /etc/deploy/postern.token
  postern --url https://mail-gate.example.com:4443 --token-file postern.token account list"
    )]
    Create(Create),
    /// List all tokens (never the tokens themselves)
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  postern token list
  postern token list --json"
    )]
    List,
    /// Revoke a token at once
    #[command(visible_aliases = ["revoke", "remove"], after_help = "Examples:
  postern token delete monitoring")]
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Who will use it
    #[arg(long)]
    name: String,
    /// What it may do
    #[arg(long, value_enum)]
    role: Role,
    /// When it ends: a date (2027-11-21) or days from now (365d) [default: never]
    #[arg(long, value_name = "WHEN", value_parser = parse_end)]
    expires: Option<End>,
    /// Write the token to this file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Everything
    Administrator,
    /// Everyday work, but no keys, tokens and settings
    Operator,
    /// Looking only
    Viewer,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    At(OffsetDateTime),
    After(Duration),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// Name or id of the token
    #[arg(value_name = "TOKEN", value_parser = NonEmptyStringValueParser::new())]
    token: String,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(command: TokenCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    match command {
        TokenCommand::Create(create) => create_one(&create, context).await,
        TokenCommand::List => list(context).await,
        TokenCommand::Delete(delete) => delete_one(&delete, context).await,
    }
}

async fn create_one(create: &Create, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let output = create.output.as_deref().map(Output::check).transpose()?;
    let mut body = json!({ "name": create.name, "role": create.role.as_str() });
    if let Some(end) = create.expires {
        body["expires"] = json!(when::to_api(end.after(context.now)));
    }
    let mut made = context.client.post("/tokens", body).await?;
    let token = made.get("token").and_then(Value::as_str).map(str::to_owned);
    let token = token.ok_or_else(|| Failure::new("unexpected_answer", "the server sent no token"))?;
    let name = clean(&create.name);
    let Some(output) = output else {
        context.show(&made, |_| format!("Token \"{name}\", shown this once:\n\n{}\n\n", clean(&token)));
        return Ok(Verdict::Done);
    };
    output.write(format!("{token}\n").as_bytes(), Readers::OwnerOnly, context.screen)?;
    if let (Some(object), false) = (made.as_object_mut(), output.is_stdout()) {
        object.shift_remove("token");
        let place = clean(&output.describe());
        context.tell_done(&made, &format!("Token \"{name}\" is in {place}."));
    }
    Ok(Verdict::Done)
}

async fn list(context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let list = context.fetch_list("/tokens").await?;
    context.show(&list, |context| render_list(&list, context.screen.out_look, context.now));
    Ok(Verdict::Done)
}

async fn delete_one(delete: &Delete, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let listed = context.client.fetch_all("/tokens", &[], usize::MAX).await?;
    let found = find(&listed.entries, &delete.token)?.clone();
    let name = text(&found, "name").unwrap_or_default();
    if !delete.yes && context.keyboard.is_terminal() {
        let question = format!("Revoke token \"{name}\"? Whoever uses it is shut out at once.");
        if !context.confirm(&question).await {
            return Err(Failure::new("cancelled", "nothing is revoked"));
        }
    }
    let id = text(&found, "id").unwrap_or_default();
    context.client.delete(&path(&["tokens", &id])).await?;
    context.tell_done(&found, &format!("Token \"{name}\" is revoked."));
    Ok(Verdict::Done)
}

/// By id, else by name; names of tokens need not be unique.
fn find<'a>(entries: &'a [Value], wanted: &str) -> Result<&'a Value, Failure> {
    let by = |member: &str| -> Vec<&Value> {
        entries.iter().filter(|entry| entry.get(member).and_then(Value::as_str) == Some(wanted)).collect()
    };
    if let [found] = by("id")[..] {
        return Ok(found);
    }
    match by("name")[..] {
        [found] => Ok(found),
        [] => Err(Failure::new("not_found", format!("there is no token \"{wanted}\""))
            .hint("`postern token list` shows all")),
        _ => Err(Failure::new("ambiguous", format!("several tokens are called \"{wanted}\""))
            .hint("name it by its id: `postern token list`")),
    }
}

fn render_list(tokens: &Value, look: Look, now: OffsetDateTime) -> String {
    let entries = tokens.as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return "No tokens yet: `postern token create` makes one.\n".to_owned();
    }
    let columns = [
        kept("NAME"),
        kept("ROLE"),
        expendable("EXPIRES", 1),
        expendable("LAST USED", 2),
        expendable("CREATED", 3),
        kept("ID"),
    ];
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, look, now)).collect();
    draw(&columns, &rows, look)
}

fn row(token: &Value, look: Look, now: OffsetDateTime) -> Vec<String> {
    let cell = |name: &str| text(token, name).unwrap_or_default();
    let moment = |names: &[&str]| {
        names.iter().find_map(|name| text(token, name)).and_then(|moment| when::parse(&moment))
    };
    let nothing = || look.nothing().to_owned();
    vec![
        cell("name"),
        cell("role"),
        moment(&["expires", "expires_at"]).map_or_else(nothing, |end| tell_end(end, look, now)),
        moment(&["last_used", "last_used_at"]).map_or_else(nothing, |used| when::relative(used, now)),
        moment(&["created", "created_at"]).map_or_else(nothing, when::date),
        cell("id"),
    ]
}

fn tell_end(end: OffsetDateTime, look: Look, now: OffsetDateTime) -> String {
    match end <= now {
        true => look.paint(Paint::Red, &format!("expired {}", when::date(end))),
        false => format!("{} ({})", when::date(end), when::relative(end, now)),
    }
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }
}

impl End {
    fn after(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::At(moment) => moment,
            Self::After(span) => now + span,
        }
    }
}

fn parse_end(text: &str) -> Result<End, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    match days {
        Some(days @ 1..=36_500_i64) => Ok(End::After(Duration::days(days))),
        Some(_) => Err("give 1 to 36500 days".to_owned()),
        None => {
            when::parse_given(text).map(End::At).map_err(|error| format!("{error}, or days from now (365d)"))
        }
    }
}
