//! A user's new password on its way in: from a file, from standard input, or typed unseen, twice.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::password::{Prompt, Secret, read_given};

/// Where the new password comes from.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct NewPassword {
    /// Read the password from this file (one final newline is dropped)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input (one final newline is dropped)
    #[arg(long)]
    password_stdin: bool,
}

impl NewPassword {
    /// The password from the place that was given, else from the person at the terminal.
    ///
    /// # Errors
    /// It can't be read, the two entries differ, or nobody can be asked.
    pub(super) fn read(&self, prompt: Option<&mut dyn Prompt>) -> Result<Secret, Failure> {
        match (read_given(self.password_file.as_deref(), self.password_stdin && prompt.is_none())?, prompt) {
            (Some(secret), _) => Ok(secret),
            (None, Some(prompt)) => ask_twice(prompt),
            (None, None) => Err(Failure::usage("a password is needed, and nobody can be asked for it")
                .hint("add --password-file FILE or --password-stdin")),
        }
    }
}

fn ask_twice(prompt: &mut dyn Prompt) -> Result<Secret, Failure> {
    let mut ask = |question: &str| {
        let typed = prompt.ask(question).map(Secret::new);
        typed
            .map_err(|error| Failure::new("password_unreadable", format!("can't read the password: {error}")))
    };
    let first = ask("New password (12 characters or more): ")?;
    if first == ask("Repeat password: ")? {
        return Ok(first);
    }
    Err(Failure::new("passwords_differ", "the two passwords differ")
        .hint("nothing was done; type the same password twice"))
}
