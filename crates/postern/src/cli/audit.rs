//! `postern audit list`: who did what, when, from where, newest first.

use clap::Subcommand;
use serde_json::Value;

use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::screen::{Look, Mark};
use super::table::{draw, expendable, kept};
use super::when::{self, Past};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List what was done, newest first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  postern audit list
  postern audit list --action certificate.export --since 2026-11-01
  postern audit list --since 7d --limit 1000 --json"
    )]
    List(List),
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only what this one did
    #[arg(long)]
    actor: Option<String>,
    /// Only this action, for example certificate.import
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to this one
    #[arg(long)]
    target: Option<String>,
    /// Not before: a date, a time, or days, hours or minutes ago (7d, 12h, 30m)
    #[arg(long, value_name = "WHEN", value_parser = Past::parse)]
    since: Option<Past>,
    /// Not after: in the same forms
    #[arg(long, value_name = "WHEN", value_parser = Past::parse)]
    until: Option<Past>,
    /// At most so many entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(crate) async fn run(command: AuditCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let AuditCommand::List(list) = command;
    let moment = |past: Option<Past>| past.map(|past| when::to_api(past.before(context.now)));
    let fields = [
        ("actor", list.actor),
        ("action", list.action),
        ("target", list.target),
        ("since", moment(list.since)),
        ("until", moment(list.until)),
    ];
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let listed = context.client.fetch_all("/audit", &fields, limit).await?;
    let found = Value::Array(listed.entries);
    context.show(&found, |context| render(&found, context.screen.out_look));
    Ok(Verdict::Done)
}

fn render(entries: &Value, look: Look) -> String {
    let entries = entries.as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return "Nothing was found.\n".to_owned();
    }
    let columns = [
        kept("TIME (UTC)"),
        kept("ACTION"),
        kept("TARGET"),
        kept("OUTCOME"),
        expendable("ACTOR", 1),
        expendable("FROM", 2),
    ];
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, look)).collect();
    draw(&columns, &rows, look)
}

fn row(entry: &Value, look: Look) -> Vec<String> {
    let cell = |name: &str| text(entry, name).unwrap_or_else(|| look.nothing().to_owned());
    let at = text(entry, "at").and_then(|at| when::parse(&at));
    vec![
        at.map_or_else(|| cell("at"), |at| when::minute(at).replace(" UTC", "")),
        cell("action"),
        cell("target"),
        outcome(entry, look),
        cell("actor"),
        cell("source"),
    ]
}

fn outcome(entry: &Value, look: Look) -> String {
    let outcome = text(entry, "outcome").unwrap_or_default();
    let mark = look.mark(if outcome == "done" { Mark::Done } else { Mark::Failed });
    match text(entry, "code") {
        Some(code) => format!("{mark} {outcome}: {code}"),
        None => format!("{mark} {outcome}"),
    }
}
