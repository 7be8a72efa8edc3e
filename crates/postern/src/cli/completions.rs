//! `postern completions SHELL`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::context::Verdict;
use super::screen::Screen;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postern completions bash > /etc/bash_completion.d/postern
  postern completions zsh > \"${fpath[1]}/_postern\"
  postern completions fish > ~/.config/fish/completions/postern.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn print(completions: &Completions, screen: &mut Screen) -> Verdict {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "postern", &mut script);
    screen.out(&String::from_utf8_lossy(&script));
    Verdict::Done
}
