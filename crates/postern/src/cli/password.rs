//! Passwords and secrets on their way in: from a file, from standard input, or typed unseen.
//!
//! Never from the command line's arguments, which every user of the machine can read. What was read
//! is wiped when it is dropped and isn't printed by `Debug`.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::files;

/// Nobody's password is longer; a device file would never end.
const LIMIT_BYTES: u64 = 64 * 1024;

/// A password, a client secret or a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// Where a password comes from.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub(crate) struct PasswordSource {
    /// Read the file's password from this file (one final newline is dropped)
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Read the file's password from standard input (one final newline is dropped)
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Where a client secret comes from.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub(crate) struct SecretSource {
    /// Read the client secret from this file (one final newline is dropped)
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Read the client secret from standard input (one final newline is dropped)
    #[arg(long)]
    pub(crate) secret_stdin: bool,
}

/// How often a person types a password: twice where it is chosen, once where it exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typing {
    Once,
    Twice,
}

/// Asks the person at the terminal; tests put their own in.
pub(crate) trait Prompt {
    /// Shows the question and reads a line that isn't shown.
    fn ask(&mut self, question: &str) -> std::io::Result<String>;
}

/// The terminal of the process, whatever standard input and output are connected to.
pub(crate) struct TerminalPrompt;

impl Prompt for TerminalPrompt {
    fn ask(&mut self, question: &str) -> std::io::Result<String> {
        rpassword::prompt_password(question)
    }
}

impl PasswordSource {
    /// The password of a file; `None` where there is none. An empty one counts as none.
    ///
    /// # Errors
    /// The file can't be read, isn't text, or two entries differ.
    pub(crate) fn read(
        &self,
        typing: Typing,
        prompt: Option<&mut dyn Prompt>,
    ) -> Result<Option<Secret>, Failure> {
        let given = read_given(self.password_file.as_deref(), self.password_stdin && prompt.is_none())?;
        let secret = match (given, prompt) {
            (Some(secret), _) => Some(secret),
            (None, Some(prompt)) => Some(ask_password(typing, prompt)?),
            (None, None) => None,
        };
        Ok(secret.filter(|secret| !secret.is_empty()))
    }
}

impl SecretSource {
    pub(crate) fn is_given(&self) -> bool {
        self.secret_stdin || self.secret_file.is_some()
    }

    /// The client secret from the place that was given, else from the person at the terminal.
    ///
    /// # Errors
    /// It can't be read or is empty; nobody can be asked.
    pub(crate) fn read(&self, prompt: Option<&mut dyn Prompt>) -> Result<Secret, Failure> {
        let given = read_given(self.secret_file.as_deref(), self.secret_stdin && prompt.is_none())?;
        let secret = match (given, prompt) {
            (Some(secret), _) => secret,
            (None, Some(prompt)) => ask(prompt, "Client secret (its Value, not its ID): ")?,
            (None, None) => return Err(no_credential()),
        };
        // The portal's Value has no white space; a copied one often has.
        let trimmed = Secret::new(secret.expose().trim().to_owned());
        if trimmed.is_empty() {
            return Err(Failure::new("secret_empty", "the client secret is empty")
                .hint("copy the secret's Value from Certificates & secrets; the portal shows it once"));
        }
        Ok(trimmed)
    }
}

fn no_credential() -> Failure {
    Failure::usage("the account needs something to prove itself with")
        .hint("add --certificate NAME, --secret-file FILE or --secret-stdin")
}

/// Reads what an option names; `None` when no option was given. Standard input that is a terminal isn't read
/// here: it would show what is typed, so the person is asked instead.
pub(crate) fn read_given(file: Option<&Path>, stdin: bool) -> Result<Option<Secret>, Failure> {
    if let Some(path) = file {
        return files::read(path, LIMIT_BYTES)
            .and_then(|bytes| secret_of(bytes, &path.display().to_string()))
            .map(Some);
    }
    if stdin {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .take(LIMIT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable("standard input", &error.to_string()))?;
        return secret_of(bytes, "standard input").map(Some);
    }
    Ok(None)
}

/// Drops one final newline (`\n` or `\r\n`), as `echo` and editors add it.
fn secret_of(bytes: Vec<u8>, origin: &str) -> Result<Secret, Failure> {
    let text = String::from_utf8(bytes).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        unreadable(origin, "it isn't UTF-8 text")
    })?;
    let text = Zeroizing::new(text);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Secret::new(line.to_owned()))
}

fn unreadable(origin: &str, why: &str) -> Failure {
    Failure::new("password_unreadable", format!("can't read the password from {origin}: {why}"))
}

fn ask_password(typing: Typing, prompt: &mut dyn Prompt) -> Result<Secret, Failure> {
    match typing {
        Typing::Once => ask(prompt, "Password of the file (empty if it has none): "),
        Typing::Twice => {
            let first = ask(prompt, "Password for the file: ")?;
            if first == ask(prompt, "Repeat password: ")? {
                return Ok(first);
            }
            Err(Failure::new("passwords_differ", "the two passwords differ")
                .hint("nothing was done; type the same password twice"))
        }
    }
}

fn ask(prompt: &mut dyn Prompt, question: &str) -> Result<Secret, Failure> {
    prompt.ask(question).map(Secret::new).map_err(|error| unreadable("the terminal", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Typed(Vec<&'static str>);

    impl Prompt for Typed {
        fn ask(&mut self, _question: &str) -> std::io::Result<String> {
            Ok(self.0.remove(0).to_owned())
        }
    }

    fn from_file(content: &str) -> Option<Secret> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, content).unwrap();
        let source = PasswordSource { password_file: Some(path), password_stdin: false };
        source.read(Typing::Once, None).unwrap()
    }

    #[test]
    fn one_final_newline_is_dropped_and_no_more() {
        assert_eq!(from_file("geheim\n").unwrap().expose(), "geheim");
        assert_eq!(from_file("geheim\r\n").unwrap().expose(), "geheim");
        assert_eq!(from_file("geheim\n\n").unwrap().expose(), "geheim\n");
        assert_eq!(from_file(" geheim ").unwrap().expose(), " geheim ");
    }

    #[test]
    fn without_a_terminal_and_an_option_there_is_no_password() {
        let nothing = PasswordSource::default().read(Typing::Once, None).unwrap();
        assert_eq!(nothing, None);
        assert_eq!(from_file("\n"), None);
    }

    #[test]
    fn a_chosen_password_is_typed_twice() {
        let source = PasswordSource::default();
        let same = source.read(Typing::Twice, Some(&mut Typed(vec!["a", "a"])));
        assert_eq!(same.unwrap().unwrap().expose(), "a");
        let other = source.read(Typing::Twice, Some(&mut Typed(vec!["a", "b"])));
        assert_eq!(other.unwrap_err().code, "passwords_differ");
    }

    #[test]
    fn a_client_secret_is_trimmed_and_never_empty() {
        let source = SecretSource::default();
        let secret = source.read(Some(&mut Typed(vec![" abc~Q "]))).unwrap();
        assert_eq!(secret.expose(), "abc~Q");
        let empty = source.read(Some(&mut Typed(vec!["  "])));
        assert_eq!(empty.unwrap_err().code, "secret_empty");
        assert_eq!(source.read(None).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn standard_input_that_is_a_terminal_is_asked_unseen() {
        // Reading the real one here would wait for ever, or find nothing.
        let source = SecretSource { secret_file: None, secret_stdin: true };
        assert_eq!(source.read(Some(&mut Typed(vec!["abc~Q"]))).unwrap().expose(), "abc~Q");
        let source = PasswordSource { password_file: None, password_stdin: true };
        let typed = source.read(Typing::Once, Some(&mut Typed(vec!["geheim"])));
        assert_eq!(typed.unwrap().unwrap().expose(), "geheim");
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("x".into())), "<redacted>");
    }
}
