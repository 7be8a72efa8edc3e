//! What the command line writes to: standard output for results, standard error for the rest.
//!
//! Colour and motion only where a person looks at a terminal. Text that came over the wire goes
//! through [`clean`] (or [`json_line`]), so that no server data can steer the terminal.

use serde_json::Value;
use std::io::{self, IsTerminal, Write};

/// How a stream is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) color: bool,
    pub(crate) unicode: bool,
    /// Columns of the terminal; `None` where it is a file or a pipe, and nothing is cut or wrapped.
    pub(crate) width: Option<usize>,
}

/// A meaning that has a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

/// The sign in front of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Done,
    Failed,
    Warning,
    Skipped,
}

impl Look {
    /// No colour, UTF-8, not a terminal: as in a pipe.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self { color: false, unicode: true, width: None }
    }

    /// Reads the environment once: `NO_COLOR` (no-color.org), `TERM=dumb`, and the locale.
    fn of(terminal: Option<usize>, var: &dyn Fn(&str) -> Option<String>) -> Self {
        let no_color = var("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = var("TERM").is_some_and(|value| value == "dumb");
        Self {
            color: terminal.is_some() && !no_color && !dumb,
            unicode: locale_is_utf8(var),
            width: terminal,
        }
    }

    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Red => 31,
            Paint::Green => 32,
            Paint::Yellow => 33,
            Paint::Cyan => 36,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    pub(crate) fn mark(self, mark: Mark) -> String {
        let (sign, ascii, paint) = match mark {
            Mark::Done => ("✓", "+", Paint::Green),
            Mark::Failed => ("✗", "x", Paint::Red),
            Mark::Warning => ("!", "!", Paint::Yellow),
            Mark::Skipped => ("–", "-", Paint::Dim),
        };
        self.paint(paint, if self.unicode { sign } else { ascii })
    }

    /// What stands where there is nothing.
    pub(crate) fn nothing(self) -> &'static str {
        if self.unicode { "–" } else { "-" }
    }

    pub(crate) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Breaks text at spaces so that it fits beside `indent` columns; later lines are indented.
    pub(crate) fn wrap(self, text: &str, indent: usize) -> String {
        let Some(width) = self.width else {
            return text.to_owned();
        };
        let room = width.saturating_sub(indent).max(20);
        let mut lines: Vec<String> = vec![String::new()];
        for word in text.split(' ') {
            let line = lines.last_mut().expect("there is always a last line");
            let used = console::measure_text_width(line);
            if used > 0 && used + 1 + console::measure_text_width(word) > room {
                lines.push(word.to_owned());
            } else {
                if used > 0 {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines.join(&format!("\n{}", " ".repeat(indent)))
    }
}

/// POSIX: the first of these that is set and not empty decides the character set.
fn locale_is_utf8(var: &dyn Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| var(name).filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Both streams of the process, or two recordings in a test.
pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    pub(crate) out_look: Look,
    pub(crate) err_look: Look,
    /// Why a result could not be written whole.
    out_failure: Option<io::Error>,
}

impl Screen {
    pub(crate) fn of_process() -> Self {
        let var = |name: &str| std::env::var(name).ok();
        let width =
            |terminal: bool, term: &console::Term| terminal.then(|| usize::from(term.size().1).max(40));
        let out_width = width(io::stdout().is_terminal(), &console::Term::stdout());
        let err_width = width(io::stderr().is_terminal(), &console::Term::stderr());
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            out_look: Look::of(out_width, &var),
            err_look: Look::of(err_width, &var),
            out_failure: None,
        }
    }

    /// Writes a result. A reader that has gone away (`| head`) is no error; what else is wrong with the
    /// stream is told by [`Screen::out_failure`] at the end.
    pub(crate) fn out(&mut self, text: &str) {
        if let Err(error) = self.out_bytes(text.as_bytes())
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.out_failure.get_or_insert(error);
        }
    }

    /// Why a result could not be written whole, if one couldn't: a full disk behind `> file`.
    pub(crate) fn out_failure(&self) -> Option<&io::Error> {
        self.out_failure.as_ref()
    }

    /// Writes bytes that are the result themselves, such as a certificate.
    ///
    /// # Errors
    /// What the stream says: a file cut short must not look whole.
    pub(crate) fn out_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Writes what is said beside the result. Nobody can be told where this fails.
    pub(crate) fn err(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }

    /// Prints a server's object: in full lines for a person, on one line for a program.
    pub(crate) fn json(&mut self, value: &Value) {
        let mut text = if self.out_look.width.is_some() {
            escape_unsafe(&serde_json::to_string_pretty(value).expect("a value is serialisable"))
        } else {
            json_line(value)
        };
        text.push('\n');
        self.out(&text);
    }

    /// `✓ text` on standard output.
    pub(crate) fn done(&mut self, text: &str) {
        let line = format!("{} {text}\n", self.out_look.mark(Mark::Done));
        self.out(&line);
    }

    /// `! text` on standard error.
    pub(crate) fn warn(&mut self, text: &str) {
        let text = self.err_look.wrap(text, 2);
        let line = format!("{} {text}\n", self.err_look.mark(Mark::Warning));
        self.err(&line);
    }
}

/// Makes text from the wire harmless on a terminal: line breaks and tabs become spaces, other control
/// characters and those that reorder text are shown as escapes.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\r' => {}
            '\n' | '\t' => cleaned.push(' '),
            unsafe_one if is_unsafe(unsafe_one) => cleaned.extend(unsafe_one.escape_unicode()),
            harmless => cleaned.push(harmless),
        }
    }
    cleaned
}

/// JSON on one line, with characters that could steer a terminal as `\uXXXX`.
pub(crate) fn json_line(value: &Value) -> String {
    escape_unsafe(&value.to_string())
}

/// In JSON text such characters stand inside strings only, where an escape means the same.
fn escape_unsafe(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_unsafe(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// C0, DEL, C1, line separators, and the bidirectional controls (Unicode TR 9, section 2).
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
pub(crate) mod recording {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// What a command wrote, for tests to read.
    #[derive(Clone, Default)]
    pub(crate) struct Recording(Arc<Mutex<Vec<u8>>>);

    impl Recording {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Recording {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        pub(crate) fn recorded(look: Look) -> (Self, Recording, Recording) {
            let (out, err) = (Recording::default(), Recording::default());
            let screen = Self {
                out: Box::new(out.clone()),
                err: Box::new(err.clone()),
                out_look: look,
                err_look: look,
                out_failure: None,
            };
            (screen, out, err)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(terminal: Option<usize>, vars: &[(&str, &str)]) -> Look {
        Look::of(terminal, &|name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        assert!(look(Some(80), &[("LANG", "C.UTF-8")]).color);
        assert!(!look(None, &[]).color);
        assert!(!look(Some(80), &[("NO_COLOR", "1")]).color);
        assert!(look(Some(80), &[("NO_COLOR", "")]).color);
        assert!(!look(Some(80), &[("TERM", "dumb")]).color);
    }

    #[test]
    fn marks_fall_back_to_ascii_where_the_locale_is_not_utf8() {
        assert_eq!(look(None, &[("LANG", "de_DE.UTF-8")]).mark(Mark::Done), "✓");
        assert_eq!(look(None, &[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).mark(Mark::Done), "+");
        assert_eq!(look(None, &[]).mark(Mark::Failed), "x");
    }

    /// A stream that fails like this.
    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_behind_standard_output_is_remembered_and_a_reader_who_left_is_not() {
        for (kind, remembered) in [(io::ErrorKind::StorageFull, true), (io::ErrorKind::BrokenPipe, false)] {
            let (recorded, _, _) = Screen::recorded(Look::plain());
            let mut screen = Screen { out: Box::new(Fails(kind)), ..recorded };
            screen.out("result\n");
            assert_eq!(screen.out_failure().is_some(), remembered, "{kind}");
        }
    }

    #[test]
    fn text_is_wrapped_at_words_on_a_terminal_only() {
        let narrow = Look { width: Some(24), ..Look::plain() };
        assert_eq!(narrow.wrap("one two three four five", 4), "one two three four\n    five");
        assert_eq!(Look::plain().wrap("one two three four five", 4), "one two three four five");
    }

    #[test]
    fn json_for_a_terminal_means_the_same_and_steers_nothing() {
        let value = serde_json::json!({"name": "a\u{9b}b\u{202e}c\u{1b}"});
        let line = json_line(&value);
        assert!(!line.chars().any(is_unsafe));
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }
}
