//! The command line against a scripted server that answers as the REST contract says.

mod accounts;
mod arguments;
mod certificates;
mod connections;
mod explain;
mod help;
mod logs_and_tokens;
mod mail;
mod server;
mod sign_in;
mod test_mails;
mod users;

use clap::Parser;
use serde_json::Value;
use std::path::Path;
use time::OffsetDateTime;
use time::macros::datetime;

use super::client::Client;
use super::context::{Context, Verdict};
use super::failure::Failure;
use super::globals::Target;
use super::keyboard::Keyboard;
use super::password::Prompt;
use super::screen::{Look, Screen};
use super::{Cli, Command, ask_server};
use server::Server;

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

/// What a command printed, and how it ended.
struct Ran {
    out: String,
    err: String,
    end: Result<Verdict, Failure>,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    fn code(&self) -> &str {
        &self.end.as_ref().unwrap_err().code
    }
}

/// Nobody types a password.
struct NoPrompt;

impl Prompt for NoPrompt {
    fn ask(&mut self, question: &str) -> std::io::Result<String> {
        panic!("nobody expected the question {question:?}")
    }
}

/// Always types the same.
struct Types(&'static str);

impl Prompt for Types {
    fn ask(&mut self, _question: &str) -> std::io::Result<String> {
        Ok(self.0.to_owned())
    }
}

/// Runs a command against the scripted server, in a pipe.
async fn run(server: &Server, arguments: &str) -> Ran {
    run_with(server.data_dir(), arguments, Keyboard::piped(&[]), NoPrompt).await
}

/// Runs a command with somebody at the keyboard.
async fn run_with(
    data_dir: &Path,
    arguments: &str,
    keyboard: Keyboard,
    prompt: impl Prompt + 'static,
) -> Ran {
    let cli = Cli::try_parse_from(words(arguments)).unwrap();
    let (mut screen, out, err) = Screen::recorded(Look::plain());
    let mut context = Context {
        client: Client::new(Target::DataDir(data_dir.to_owned())).unwrap(),
        screen: &mut screen,
        keyboard,
        prompt: Box::new(prompt),
        json: cli.globals.json,
        now: NOW,
    };
    let Command::Client(command) = cli.command else { panic!("{arguments} asks no server") };
    let end = ask_server(command, &mut context).await;
    Ran { out: out.text(), err: err.text(), end }
}

/// Splits at spaces; a word in single quotes may hold some.
fn words(arguments: &str) -> Vec<String> {
    let mut words = vec!["postern".to_owned()];
    let mut rest = arguments.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap(),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// Compares with a file beside the tests; `BLESS=1` writes it anew.
fn assert_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name} (BLESS=1 writes it anew)");
}
