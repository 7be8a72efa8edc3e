//! `postern explain`: what an error of Microsoft's means. It needs no server, unless the values of an account are to be
//! filled in: the catalogue is built in, and errors come when things don't work.

use std::io::Read;

use clap::builder::NonEmptyStringValueParser;
use m365::diagnosis::{self, Facts};
use serde_json::{Value, json};

use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::screen::{Look, Paint, Screen};
use super::table::draw_facts;

/// No more of a text is read.
const LIMIT_BYTES: u64 = 256 * 1024;

/// Explain an error of Microsoft's, and what to do about it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postern explain AADSTS700027
  postern explain '535 5.7.3' --account contoso
  postern explain --json ErrorSendAsDenied
  journalctl -u postfix --since today | postern explain --stdin")]
pub(crate) struct Explain {
    /// A code, or a whole text: an error page, a JSON answer, lines of a log, a bounce
    #[arg(value_name = "CODE-OR-TEXT", required_unless_present = "stdin", conflicts_with = "stdin", value_parser = NonEmptyStringValueParser::new())]
    words: Vec<String>,
    /// Read the text from standard input
    #[arg(long)]
    stdin: bool,
    /// Fill in the values of this account; only this needs a running server
    #[arg(long, value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) account: Option<String>,
}

impl Explain {
    fn text(&self) -> Result<String, Failure> {
        if !self.stdin {
            return Ok(self.words.join(" "));
        }
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(LIMIT_BYTES).read_to_end(&mut bytes).map_err(|error| {
            Failure::new("input_unreadable", format!("can't read standard input: {error}"))
        })?;
        // A log may hold anything; what isn't UTF-8 is no code.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// By the catalogue that is built in.
pub(crate) fn run_alone(explain: &Explain, as_json: bool, screen: &mut Screen) -> Result<Verdict, Failure> {
    let found = diagnosis::find(&explain.text()?, &Facts::default());
    if found.is_empty() {
        let problem = crate::explain::nothing_found();
        return Err(Failure::new(problem.code(), problem.message()).hint(problem.hint()));
    }
    let items = serde_json::to_value(found).expect("advice is texts and words");
    show(&json!({ "items": items }), as_json, screen);
    Ok(Verdict::Done)
}

/// By a server, with the values of one of its accounts.
pub(crate) async fn run(explain: &Explain, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let body = json!({ "text": explain.text()?, "account": explain.account });
    let explained = context.client.post("/explain", body).await?;
    show(&explained, context.json, context.screen);
    Ok(Verdict::Done)
}

fn show(explained: &Value, as_json: bool, screen: &mut Screen) {
    if as_json {
        screen.json(explained);
        return;
    }
    let items = explained.get("items").and_then(Value::as_array);
    let told: Vec<String> = items.into_iter().flatten().map(|item| render(item, screen.out_look)).collect();
    screen.out(&told.join("\n"));
}

fn render(advice: &Value, look: Look) -> String {
    let code = text(advice, "code").unwrap_or_default();
    let facts = [
        ("Said", text(advice, "says")),
        ("Cause", text(advice, "cause")),
        ("Fix", text(advice, "fix")),
        ("Turn", Some(turn(advice).to_owned())),
        ("Passes", Some(passes(advice).to_owned())),
    ];
    format!("{}\n{}", look.paint(Paint::Bold, &code), draw_facts(&facts, look))
}

fn turn(advice: &Value) -> &'static str {
    match text(advice, "turn").as_deref() {
        Some("tenant_administrator") => "the administrator of the Microsoft 365 tenant",
        Some("postern_administrator") => "the administrator of Postern",
        Some("sender") => "whoever makes the message: the device or program that sends it",
        _ => "nobody: wait",
    }
}

fn passes(advice: &Value) -> &'static str {
    let is = |name: &str| advice.get(name) == Some(&Value::Bool(true));
    match (is("temporary"), is("known")) {
        (true, _) => "perhaps by itself",
        (false, true) => "not by itself",
        (false, false) => "nobody knows",
    }
}
