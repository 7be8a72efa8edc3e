//! What every command has at hand: the server, the screen, the keyboard and the time of day.

use serde_json::Value;
use time::OffsetDateTime;

use super::client::Client;
use super::failure::Failure;
use super::globals::Globals;
use super::keyboard::Keyboard;
use super::password::{Prompt, TerminalPrompt};
use super::screen::{Screen, clean};

/// How a command ended that wasn't refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    /// It ran, and what it found isn't well: a failed check. Exit code 1, and no error line.
    NotOk,
    /// An exit code of its own: that of `sendmail`.
    Status(u8),
}

pub(crate) struct Context<'a> {
    pub(crate) client: Client,
    pub(crate) screen: &'a mut Screen,
    pub(crate) keyboard: Keyboard,
    pub(crate) prompt: Box<dyn Prompt>,
    pub(crate) json: bool,
    pub(crate) now: OffsetDateTime,
}

impl<'a> Context<'a> {
    /// # Errors
    /// The global options don't name one server.
    pub(crate) fn of_process(globals: &Globals, screen: &'a mut Screen) -> Result<Self, Failure> {
        let target = globals.target(&|name| std::env::var(name).ok())?;
        Ok(Self {
            client: Client::new(target)?,
            screen,
            keyboard: Keyboard::of_process(),
            prompt: Box::new(TerminalPrompt),
            json: globals.json,
            now: OffsetDateTime::now_utc(),
        })
    }

    /// The person to ask for a password, where there is one.
    pub(crate) fn prompt(&mut self) -> Option<&mut dyn Prompt> {
        if self.keyboard.is_terminal() { Some(&mut *self.prompt) } else { None }
    }

    /// A whole list, as the array that `--json` prints; entries that can't be read are told of beside it.
    pub(crate) async fn fetch_list(&mut self, path: &str) -> Result<Value, Failure> {
        let listed = self.client.fetch_all(path, &[], usize::MAX).await?;
        for damage in &listed.damaged {
            self.screen.warn(&clean(damage));
        }
        Ok(Value::Array(listed.entries))
    }

    /// Prints the object for a program, or what `render` makes of it for a person.
    pub(crate) fn show(&mut self, value: &Value, render: impl FnOnce(&Self) -> String) {
        if self.json {
            self.screen.json(value);
        } else {
            let text = render(self);
            self.screen.out(&text);
        }
    }

    /// Says in one line what was done, or prints the resulting object for a program.
    pub(crate) fn tell_done(&mut self, value: &Value, text: &str) {
        if self.json {
            self.screen.json(value);
        } else {
            self.screen.done(text);
        }
    }

    /// Asks a question that is answered by y or n; anything but yes is no.
    pub(crate) async fn confirm(&mut self, question: &str) -> bool {
        self.screen.err(&format!("{question} [y/N] "));
        let answer = self.keyboard.next_line().await.unwrap_or_default();
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

/// A member of an object as clean text; `None` where it is missing, null or empty.
pub(crate) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(clean)
}

/// The members of a list as clean texts.
pub(crate) fn texts(value: &Value, name: &str) -> Vec<String> {
    let list = value.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(clean).collect()
}
