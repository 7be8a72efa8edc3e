//! The command line: `postern <noun> <verb>`. It reads options and files, asks the server by the REST
//! API, and prints. It never decides what the server should decide, never shows a secret, and touches no
//! database; its neighbour is `api`.

mod account;
mod audit;
mod authorize;
mod certificate;
pub(crate) mod client;
mod completions;
mod context;
mod demo;
mod explain;
pub(crate) mod failure;
mod files;
pub(crate) mod globals;
mod keyboard;
mod logging;
mod openapi;
mod password;
mod queue;
mod screen;
mod send;
mod sendmail;
mod serve;
mod signals;
mod spinner;
mod stages;
mod submitter;
mod table;
mod test_email;
mod token;
mod user;
mod when;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tokio::runtime::Runtime;

use context::{Context, Verdict};
use failure::Failure;
use globals::Globals;
use screen::Screen;

/// The side gate through which machines send their mail into Microsoft 365
#[derive(Debug, Parser)]
#[command(
    name = "postern",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:
  postern serve --config /etc/postern/postern.toml
  postern certificate generate --name gate --output gate.cer
  postern account add --name contoso --tenant contoso.com --client APPLICATION-ID --certificate gate
  postern account authorize contoso
  postern test-email --to you@contoso.com

Exit status: 0 done, 1 failed, 2 wrong usage."
)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
enum Command {
    Serve(serve::Serve),
    Demo(demo::DemoCommand),
    #[command(flatten)]
    Client(ClientCommand),
    Sendmail(sendmail::Sendmail),
    Explain(explain::Explain),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    Completions(completions::Completions),
}

/// What a running server is asked for.
#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Manage the certificates that accounts prove themselves with
    #[command(
        subcommand,
        visible_alias = "cert",
        after_help = "Examples:
  postern certificate generate --name gate --output gate.cer
  postern certificate import --name gate --file gate.pfx
  postern certificate list"
    )]
    Certificate(certificate::CertificateCommand),
    /// Manage Microsoft 365 accounts
    #[command(
        subcommand,
        after_help = "Examples:
  postern account add --name contoso --tenant contoso.com --client APPLICATION-ID --certificate gate
  postern account authorize contoso
  postern account check contoso"
    )]
    Account(account::AccountCommand),
    TestEmail(test_email::TestEmail),
    Send(send::Send),
    /// Look at the messages that were accepted, and intervene
    #[command(
        subcommand,
        after_help = "Examples:
  postern queue list --state deferred
  postern queue show ID
  postern queue retry ID"
    )]
    Queue(queue::QueueCommand),
    /// Manage the devices and programs that may hand mail over
    #[command(
        subcommand,
        after_help = "Examples:
  postern submitter add --name scanner --sender scanner@contoso.com
  postern submitter list"
    )]
    Submitter(submitter::SubmitterCommand),
    /// Manage API tokens
    #[command(
        subcommand,
        after_help = "Examples:
  postern token create --name monitoring --role viewer --expires 365d
  postern token list"
    )]
    Token(token::TokenCommand),
    /// Manage who may sign in to the console
    #[command(
        subcommand,
        after_help = "Examples:
  postern user setup-link
  postern user add --name anna --role operator
  postern user reset-password anna"
    )]
    User(user::UserCommand),
    /// Look into the audit log
    #[command(
        subcommand,
        after_help = "Examples:
  postern audit list
  postern audit list --json | jq -r '.[].action'"
    )]
    Audit(audit::AuditCommand),
}

/// Runs the command line of this process, to its exit code: 0 done, 1 failed, 2 wrong usage.
pub fn run() -> ExitCode {
    let called: Vec<_> = std::env::args_os().collect();
    if sendmail::is_called_so(called.first()) {
        return ExitCode::from(sendmail::run(&called[1..], None));
    }
    let mut screen = Screen::of_process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_usage(&error, &mut screen),
    };
    let json = cli.globals.json;
    match start(cli, &mut screen).and_then(|verdict| was_told(verdict, &screen)) {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::NotOk) => ExitCode::from(1),
        Ok(Verdict::Status(status)) => ExitCode::from(status),
        Err(failure) => {
            tell(&failure, json, &mut screen);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A result that did not reach its file is none: whoever wrote `> file` on a full disk must not think it whole.
fn was_told(verdict: Verdict, screen: &Screen) -> Result<Verdict, Failure> {
    match screen.out_failure() {
        None => Ok(verdict),
        Some(error) => Err(Failure::new("cannot_write", format!("can't write to standard output: {error}"))),
    }
}

/// Help and version are no errors; whoever wants JSON gets a wrong usage as JSON too, on the last line.
fn refuse_usage(error: &clap::Error, screen: &mut Screen) -> ExitCode {
    let printed = error.print();
    if !error.use_stderr() {
        return match printed {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        };
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let failure = Failure::usage(first_sentence(&error.to_string()));
        tell(&failure.hint("see --help"), true, screen);
    }
    ExitCode::from(2)
}

fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.strip_prefix("error: ").unwrap_or(paragraph);
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tell(failure: &Failure, json: bool, screen: &mut Screen) {
    let text = if json { format!("{}\n", failure.to_json()) } else { failure.to_text(screen.err_look) };
    screen.err(&text);
}

fn start(cli: Cli, screen: &mut Screen) -> Result<Verdict, Failure> {
    match cli.command {
        Command::Serve(command) => server_runtime()?.block_on(serve::run(&command, &cli.globals)),
        Command::Demo(command) => server_runtime()?.block_on(demo::run(&command, &cli.globals, screen)),
        Command::Sendmail(command) => Ok(Verdict::Status(command.run(cli.globals.data_dir.as_deref()))),
        Command::Explain(command) if command.account.is_none() => {
            explain::run_alone(&command, cli.globals.json, screen)
        }
        Command::Explain(command) => {
            let mut context = Context::of_process(&cli.globals, screen)?;
            client_runtime()?.block_on(explain::run(&command, &mut context))
        }
        Command::OpenApi(_) => Ok(openapi::print(screen)),
        Command::Completions(command) => Ok(completions::print(&command, screen)),
        Command::Client(command) => {
            let mut context = Context::of_process(&cli.globals, screen)?;
            client_runtime()?.block_on(ask_server(command, &mut context))
        }
    }
}

fn server_runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(no_runtime)
}

/// One connection needs no threads.
fn client_runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_runtime)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn no_runtime(error: std::io::Error) -> Failure {
    Failure::new("no_runtime", format!("can't start: {error}"))
}

/// Runs a command that is a client of the REST API.
async fn ask_server(command: ClientCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    match command {
        ClientCommand::Certificate(command) => certificate::run(command, context).await,
        ClientCommand::Account(command) => account::run(command, context).await,
        ClientCommand::TestEmail(command) => test_email::run(&command, context).await,
        ClientCommand::Send(command) => send::run(&command, context).await,
        ClientCommand::Queue(command) => queue::run(command, context).await,
        ClientCommand::Submitter(command) => submitter::run(command, context).await,
        ClientCommand::Token(command) => token::run(command, context).await,
        ClientCommand::User(command) => user::run(command, context).await,
        ClientCommand::Audit(command) => audit::run(command, context).await,
    }
}

#[cfg(test)]
mod tests;
