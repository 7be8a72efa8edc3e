//! `postern account authorize`: print the address to open, wait for the person who opens it, show who
//! signed in, and keep the grant only after a yes.
//!
//! The flow has no browser session of its own, so what it finds is pending until it is confirmed here
//! (product, section 6). Nothing but the address is on its line, so that it can be copied; Ctrl-C
//! cancels the flow on the server too.

mod render;

use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};
use std::time::Duration;

use super::account;
use super::certificate::quoted;
use super::client::path;
use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::screen::json_line;
use super::spinner::Spinner;

/// How long the server holds back its answer while nothing happens, and how long we wait for that.
const POLL_SECONDS: u64 = 25;
const POLL_LIMIT: Duration = Duration::from_secs(POLL_SECONDS + 35);

#[derive(Debug, clap::Args)]
pub(crate) struct Authorize {
    /// Name or id of the account
    #[arg(value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
    account: String,
    /// Redirect URI to use, one of those that the app registration has
    #[arg(long, value_name = "URL", conflicts_with = "device_code", value_parser = NonEmptyStringValueParser::new())]
    redirect: Option<String>,
    /// Sign in by a code on another device (last resort: Microsoft may stop such a sign-in later)
    #[arg(long, conflicts_with = "paste")]
    device_code: bool,
    /// Don't wait: print the address and end; `postern account confirm` keeps what the sign-in finds
    #[arg(long, conflicts_with_all = ["yes", "paste"])]
    no_wait: bool,
    /// Keep the sign-in without asking
    #[arg(long, short)]
    yes: bool,
    /// The browser can't open the page it ends at: read that page's address from standard input
    #[arg(long)]
    paste: bool,
}

pub(crate) async fn run(authorize: &Authorize, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let flow = begin(authorize, context).await?;
    if authorize.no_wait {
        let name = quoted(&authorize.account);
        context.show(&flow, |context| render::flow(&flow, context) + &render::how_to_confirm(&flow, &name));
        return Ok(Verdict::Done);
    }
    announce(&flow, authorize, context);
    let address = path(&["authorizations", &text(&flow, "id").unwrap_or_default()]);
    tokio::select! {
        verdict = finish(flow, authorize, context) => return verdict,
        _ = tokio::signal::ctrl_c() => {}
    }
    // Best effort: a flow that stays behind expires by itself.
    let _ = context.client.delete(&address).await;
    Err(Failure::new("cancelled", "the sign-in is cancelled"))
}

async fn begin(authorize: &Authorize, context: &Context<'_>) -> Result<Value, Failure> {
    let mut body = Map::new();
    if let Some(redirect) = &authorize.redirect {
        body.insert("redirect_uri".into(), json!(redirect));
    }
    if authorize.device_code {
        body.insert("device_code".into(), json!(true));
    }
    let address = path(&["accounts", &authorize.account, "authorize"]);
    context.client.post(&address, Value::Object(body)).await
}

/// The address for whoever opens it; for a program the flow on a line of its own, before the result.
fn announce(flow: &Value, authorize: &Authorize, context: &mut Context<'_>) {
    if kind(flow) == "application" {
        return;
    }
    if context.json {
        context.screen.out(&format!("{}\n", json_line(flow)));
        return;
    }
    let text = render::flow(flow, context);
    context.screen.out(&text);
    if listens(flow, authorize, context) {
        context.screen.err(render::HOW_TO_PASTE);
    }
}

/// From the address that was printed to the grant that is kept.
async fn finish(flow: Value, authorize: &Authorize, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let settled = await_settled(flow, authorize, context).await?;
    match text(&settled, "status").unwrap_or_default().as_str() {
        "confirmed" => {}
        "pending" => confirm(&settled, authorize, context).await?,
        status => return Err(not_signed_in(&settled, status)),
    }
    let account = account::fetch(&authorize.account, context).await?;
    context.show(&account, |context| {
        if kind(&settled) == "application" {
            render::token_obtained(&account, context)
        } else {
            account::render_kept(&account, context)
        }
    });
    Ok(Verdict::Done)
}

/// Waits by long polls; a line that comes meanwhile is the address the browser ended at.
async fn await_settled(
    mut flow: Value,
    authorize: &Authorize,
    context: &mut Context<'_>,
) -> Result<Value, Failure> {
    let address = path(&["authorizations", &text(&flow, "id").unwrap_or_default()]);
    let poll = format!("{address}?wait={POLL_SECONDS}");
    let mut listens = listens(&flow, authorize, context);
    let mut refused = None;
    let _unseen = listens.then(|| context.keyboard.hide_typing());
    let _spinner = Spinner::start(context.screen.err_look, "Waiting for the sign-in");
    while text(&flow, "status").as_deref() == Some("waiting") {
        tokio::select! {
            biased;
            line = context.keyboard.next_line(), if listens => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => match complete(&address, line.trim(), context).await {
                    Ok(completed) => flow = completed,
                    Err(failure) => refused = Some(try_again(failure, context)),
                },
                // Nothing more will be pasted, and what was is refused: it would wait for nobody.
                None => match refused.take() {
                    Some(failure) if authorize.paste => return Err(failure),
                    _ => listens = false,
                },
            },
            polled = context.client.fetch_within(&poll, POLL_LIMIT) => flow = polled?,
        }
    }
    Ok(flow)
}

/// Hands over a pasted address.
async fn complete(address: &str, pasted: &str, context: &Context<'_>) -> Result<Value, Failure> {
    context.client.post(&format!("{address}/complete"), json!({ "address": pasted })).await
}

/// Whoever pasted something else may paste again: says what was wrong, and goes on waiting. Where the sign-in
/// itself came to nothing, the next look at it ends the wait.
fn try_again(failure: Failure, context: &mut Context<'_>) -> Failure {
    if !context.json {
        let told = failure.to_text(context.screen.err_look);
        context.screen.err(&told);
    }
    failure
}

/// Shows who signed in, and asks before that is kept.
async fn confirm(flow: &Value, authorize: &Authorize, context: &mut Context<'_>) -> Result<(), Failure> {
    let address = path(&["authorizations", &text(flow, "id").unwrap_or_default()]);
    let found = render::found(flow, context.screen.err_look);
    context.screen.err(&found);
    if !authorize.yes {
        if !context.keyboard.is_terminal() {
            return Err(unconfirmed(flow, &authorize.account));
        }
        let question = format!("Keep this sign-in for account \"{}\"?", authorize.account);
        if !context.confirm(&question).await {
            context.client.delete(&address).await?;
            return Err(Failure::new("cancelled", "the sign-in is not kept"));
        }
    }
    context.client.post(&format!("{address}/confirm"), json!({})).await?;
    Ok(())
}

fn unconfirmed(flow: &Value, account: &str) -> Failure {
    let found = flow.get("found").cloned().unwrap_or(Value::Null);
    let user = text(&found, "user").unwrap_or_else(|| "somebody".to_owned());
    Failure::new(
        "confirmation_needed",
        format!("{user} signed in, and nobody confirmed that this is to be kept"),
    )
    .hint(format!(
        "keep it within ten minutes with `postern account confirm {}`, or start again with --yes",
        quoted(account)
    ))
    .with("found", found)
}

fn not_signed_in(flow: &Value, status: &str) -> Failure {
    let failure = flow.get("failure").and_then(Value::as_object).cloned();
    let told = failure.and_then(|mut failure| {
        let message = failure.shift_remove("message")?;
        failure.insert("detail".into(), message);
        Failure::from_problem(failure)
    });
    told.unwrap_or_else(|| match status {
        "expired" => Failure::new("flow_expired", "nobody signed in in time")
            .hint("start again with `postern account authorize`"),
        "cancelled" => Failure::new("cancelled", "the sign-in was cancelled"),
        _ => Failure::new("sign_in_failed", "the sign-in failed"),
    })
}

/// Whether pasted addresses are waited for: always at a terminal, from a pipe only when asked to.
fn listens(flow: &Value, authorize: &Authorize, context: &Context<'_>) -> bool {
    kind(flow) == "authorization_code" && (authorize.paste || context.keyboard.is_terminal())
}

fn kind(flow: &Value) -> &str {
    flow.get("kind").and_then(Value::as_str).unwrap_or_default()
}
