//! The person at the terminal, or the pipe in its place: lines from standard input.
//!
//! One reader owns standard input for the life of the command, so that an address pasted while the
//! command waits and the answer to a later question don't get in each other's way.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal};
use tokio::sync::mpsc;

/// Where lines come from. Reading starts with the first line that is wanted.
pub(crate) struct Keyboard {
    terminal: bool,
    lines: Option<mpsc::UnboundedReceiver<String>>,
}

impl Keyboard {
    pub(crate) fn of_process() -> Self {
        Self { terminal: io::stdin().is_terminal(), lines: None }
    }

    /// Whether a person can be asked.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The next line without its end; `None` when no more will come.
    /// Cancel safe: a line that arrives later is kept for the next call.
    pub(crate) async fn next_line(&mut self) -> Option<String> {
        self.lines.get_or_insert_with(read_standard_input).recv().await
    }

    /// Until the guard is dropped, what is typed isn't shown, and a line may be longer than the 4095
    /// characters that a terminal takes line by line (termios(3), ICANON): a pasted address with its code.
    pub(crate) fn hide_typing(&self) -> Option<HiddenTyping> {
        let before = self.terminal.then(|| tcgetattr(io::stdin()).ok())??;
        let mut hidden = before.clone();
        hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
        tcsetattr(io::stdin(), OptionalActions::Now, &hidden).ok()?;
        Some(HiddenTyping(before))
    }

    /// A terminal at which these lines are typed.
    #[cfg(test)]
    pub(crate) fn typed(lines: &[&str]) -> Self {
        Self::scripted(lines, true)
    }

    /// No terminal: a pipe that holds these lines.
    #[cfg(test)]
    pub(crate) fn piped(lines: &[&str]) -> Self {
        Self::scripted(lines, false)
    }

    #[cfg(test)]
    fn scripted(lines: &[&str], terminal: bool) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        for line in lines {
            sender.send((*line).to_owned()).unwrap();
        }
        Self { terminal, lines: Some(receiver) }
    }
}

/// Gives the terminal back as it was.
pub(crate) struct HiddenTyping(Termios);

impl Drop for HiddenTyping {
    fn drop(&mut self) {
        // A terminal that has gone away needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// A thread of its own, because a blocked read of standard input can't be cancelled and would keep
/// the runtime from shutting down; it ends with the process.
fn read_standard_input() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
