//! `postern serve`: the server itself, until it is told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::context::Verdict;
use super::failure::Failure;
use super::globals::Globals;
use super::{logging, signals};
use crate::clock::Clock;
use crate::config::{self, Overrides};
use crate::serve;

/// Run the server until it is told to stop
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postern serve
  postern serve --config /etc/postern/postern.toml
  postern serve --data-dir /srv/postern --listen 127.0.0.1:4443

Options win over the environment (POSTERN_CONSOLE__LISTEN), and that over the file.")]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port of the console, TLS always [default: [::]:4443]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Starts the server and waits for SIGINT or SIGTERM.
///
/// # Errors
/// Whatever kept it from starting.
pub(crate) async fn run(serve: &Serve, globals: &Globals) -> Result<Verdict, Failure> {
    logging::start("info");
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let overrides = Overrides { data_dir: globals.data_dir.clone(), listen: serve.listen };
    let config = config::load(serve.config.as_deref(), environment, overrides)
        .map_err(|error| Failure::new("configuration", error.to_string()))?;
    let mut stop = signals::Stop::listen()?;
    let running = serve::start(config, Clock::system()).await.map_err(|error| Failure::of_start(&error))?;
    if let Some(link) = &running.setup_link {
        show_setup_link(&link.url);
    }
    stop.requested().await;
    running.stop().await;
    Ok(Verdict::Done)
}

/// On a terminal only: what is no terminal may be a journal that many read, and the file holds the link as well.
fn show_setup_link(url: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("\nNo users yet. This link makes the first administrator, once:\n\n  {url}\n");
    }
}
