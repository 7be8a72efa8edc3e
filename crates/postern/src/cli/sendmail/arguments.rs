//! The options of sendmail, as programs give them: a letter, and its value behind it or in the next word.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;

use mail::Address;
use mail::dsn_request::{EnvId, Notify, Ret};

use super::aliases::{ALIASES, Recipient};
use super::{Status, Trouble};

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) mode: Mode,
    /// `-t`: the recipients of the header count too.
    pub(super) read_recipients: bool,
    /// `-i`, `-oi`: a line with only a dot is text.
    pub(super) ignore_dots: bool,
    /// `-f`, `-r`.
    pub(super) sender: Sender,
    /// `-F`.
    pub(super) full_name: Option<String>,
    /// `-N`.
    pub(super) notify: Option<Notify>,
    /// `-R`.
    pub(super) ret: Option<Ret>,
    /// `-V`.
    pub(super) envid: Option<EnvId>,
    /// `-oA`, `-O AliasFile=`: who reads what is sent to names of this machine.
    pub(super) aliases: PathBuf,
    pub(super) recipients: Vec<Recipient>,
}

/// What it is called for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// `-bm`: a message from standard input.
    #[default]
    Deliver,
    /// `-bs`: SMTP on standard input and output.
    Smtp,
    /// `-q`: there is no queue of its own to run.
    Nothing,
}

/// The envelope's sender.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Sender {
    /// Not given: the author in From.
    #[default]
    OfHeader,
    /// `-f ''`, `-f '<>'`: the null sender.
    Nobody,
    /// `-f`.
    Given(Address),
}

/// Options with a value that mean nothing here: configuration files, protocol names, labels of logs, body types.
const IGNORED_WITH_VALUE: &str = "ABCLOXdhopr";
/// Options without a value that mean nothing here.
const IGNORED: &str = "GUemnsv";

impl Arguments {
    pub(super) fn parse(arguments: &[OsString]) -> Result<Self, Trouble> {
        let mut parsed = Self {
            mode: Mode::default(),
            read_recipients: false,
            ignore_dots: false,
            sender: Sender::default(),
            full_name: None,
            notify: None,
            ret: None,
            envid: None,
            aliases: ALIASES.into(),
            recipients: Vec::new(),
        };
        let mut words: VecDeque<String> = VecDeque::new();
        for argument in arguments {
            words.push_back(argument.to_str().ok_or_else(|| usage("an argument is not UTF-8"))?.to_owned());
        }
        while let Some(word) = words.pop_front() {
            match word.strip_prefix('-') {
                Some("-") => {
                    let recipients = std::mem::take(&mut words);
                    recipients.iter().try_for_each(|word| parsed.add_recipients(word))?;
                }
                Some(options) if !options.is_empty() => parsed.take_options(options, &mut words)?,
                _ => parsed.add_recipients(&word)?,
            }
        }
        Ok(parsed)
    }

    /// The letters of one word: several without a value may stand together, and one with a value ends it.
    fn take_options(&mut self, options: &str, words: &mut VecDeque<String>) -> Result<(), Trouble> {
        for (place, letter) in options.char_indices() {
            let rest = &options[place + letter.len_utf8()..];
            match letter {
                't' => self.read_recipients = true,
                'i' => self.ignore_dots = true,
                // `-em`, `-oem`: how errors are reported; by the exit code.
                'e' => return Ok(()),
                _ if IGNORED.contains(letter) => {}
                'b' => return self.take_mode(rest),
                'q' => {
                    self.mode = Mode::Nothing;
                    return Ok(());
                }
                _ => return self.take_value(letter, value(letter, rest, words)?),
            }
        }
        Ok(())
    }

    fn take_mode(&mut self, mode: &str) -> Result<(), Trouble> {
        self.mode = match mode {
            "m" => Mode::Deliver,
            "s" => Mode::Smtp,
            _ => {
                return Err(usage(format!(
                    "the mode -b{mode} isn't there: -bm takes a message, -bs speaks SMTP; \
                     `postern queue list` shows the queue"
                )));
            }
        };
        Ok(())
    }

    fn take_value(&mut self, letter: char, value: String) -> Result<(), Trouble> {
        let wrong = |why: String| usage(format!("-{letter} {value}: {why}"));
        match letter {
            'f' | 'r' => self.sender = read_sender(&value).map_err(wrong)?,
            'F' => self.full_name = Some(value),
            'N' => self.notify = Some(value.parse().map_err(|error| wrong(format!("{error}")))?),
            'R' => self.ret = Some(value.parse().map_err(|error| wrong(format!("{error}")))?),
            'V' => self.envid = Some(value.parse().map_err(|error| wrong(format!("{error}")))?),
            'o' if value.starts_with('i') => self.ignore_dots = true,
            'O' if value.eq_ignore_ascii_case("IgnoreDots") => self.ignore_dots = true,
            'o' if value.starts_with('A') => self.aliases = value[1..].into(),
            'O' if value.starts_with("AliasFile=") => self.aliases = value["AliasFile=".len()..].into(),
            _ if IGNORED_WITH_VALUE.contains(letter) => {}
            _ => return Err(usage(format!("there is no option -{letter}"))),
        }
        Ok(())
    }

    /// A word may hold several addresses, with names and commas between them, as in a header.
    fn add_recipients(&mut self, word: &str) -> Result<(), Trouble> {
        let header = format!("To: {}", word.replace(char::is_control, " "));
        let found = mail::header::HeaderBlock::split(header.as_bytes()).0.recipients();
        for text in found.to.iter().map(Address::as_str).chain(found.unreadable.iter().map(String::as_str)) {
            let not_one =
                || Trouble::new(Status::NoUser, format!("{text:?} is neither an address nor a name"));
            self.recipients.push(Recipient::read(text).ok_or_else(not_one)?);
        }
        Ok(())
    }
}

/// Behind the letter, or the next word.
fn value(letter: char, rest: &str, words: &mut VecDeque<String>) -> Result<String, Trouble> {
    match rest {
        "" => words.pop_front().ok_or_else(|| usage(format!("-{letter} needs a value"))),
        rest => Ok(rest.to_owned()),
    }
}

fn read_sender(text: &str) -> Result<Sender, String> {
    let text = text.trim();
    // `-f 'Backup <backup@contoso.com>'`: the name is no part of an envelope.
    let bare = text.rsplit_once('<').map_or(text, |(_, address)| address).trim_end_matches('>').trim();
    match bare {
        "" => Ok(Sender::Nobody),
        // `-f root`: a local name that no one outside knows; the author in From is a better sender.
        local if !local.contains('@') => Ok(Sender::OfHeader),
        bare => bare.parse().map(Sender::Given).map_err(|error| error.to_string()),
    }
}

fn usage(text: impl Into<String>) -> Trouble {
    Trouble::new(Status::Usage, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Trouble> {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        Arguments::parse(&words)
    }

    fn recipients(line: &str) -> Vec<String> {
        let text = |recipient: &Recipient| match recipient {
            Recipient::Address(address) => address.to_string(),
            Recipient::Local(name) => format!("local {name}"),
        };
        parse(line).unwrap().recipients.iter().map(text).collect()
    }

    #[test]
    fn the_ways_in_which_programs_call_it_are_understood() {
        // cron, PHP, git send-email, mutt, logwatch, smartd
        for line in [
            "-FCronDaemon -i -B8BITMIME -oem root@contoso.com",
            "-t -i",
            "-i ann@contoso.com",
            "-oem -oi -f git@contoso.com -- ann@contoso.com",
            "-t -oi -oeq -fwww@contoso.com",
            "-Am -odb -oi -t",
        ] {
            let parsed = parse(line).unwrap();
            assert!(parsed.ignore_dots, "{line}");
            assert_eq!(parsed.mode, Mode::Deliver, "{line}");
        }
        assert_eq!(parse("-FCronDaemon -i").unwrap().full_name.as_deref(), Some("CronDaemon"));
        assert_eq!(parse("-F Cron -i").unwrap().full_name.as_deref(), Some("Cron"));
        assert_eq!(parse("-bs").unwrap().mode, Mode::Smtp);
        assert_eq!(parse("-q30m").unwrap().mode, Mode::Nothing);
        assert!(parse("-ti").unwrap().read_recipients);
    }

    #[test]
    fn the_sender_is_given_nobody_or_left_to_the_header() {
        let given = Sender::Given("a@b.c".parse().unwrap());
        for (line, expected) in [
            ("-f a@b.c", given.clone()),
            ("-fa@b.c", given.clone()),
            ("-r a@b.c", given),
            ("-f <>", Sender::Nobody),
            ("-f root", Sender::OfHeader),
            ("", Sender::OfHeader),
        ] {
            assert_eq!(parse(line).unwrap().sender, expected, "{line}");
        }
        assert_eq!(Arguments::parse(&["-f".into(), "".into()]).unwrap().sender, Sender::Nobody);
        let with_name = Arguments::parse(&["-f".into(), "Back up <a@b.c>".into()]).unwrap();
        assert_eq!(with_name.sender, Sender::Given("a@b.c".parse().unwrap()));
    }

    #[test]
    fn recipients_may_be_lists_and_follow_a_double_dash() {
        assert_eq!(recipients("a@b.c d@e.f,g@h.i"), ["a@b.c", "d@e.f", "g@h.i"]);
        assert_eq!(recipients("-i -- -odd@b.c"), ["-odd@b.c"]);
        assert_eq!(
            recipients("ann@b.c,root www-data@localhost"),
            ["ann@b.c", "local root", "local www-data"]
        );
        assert_eq!(parse("|/bin/sh").unwrap_err().status, Status::NoUser);
    }

    #[test]
    fn another_file_of_aliases_can_be_named() {
        assert_eq!(parse("root").unwrap().aliases, PathBuf::from(ALIASES));
        for line in
            ["-oA/tmp/aliases root", "-O AliasFile=/tmp/aliases root", "-OAliasFile=/tmp/aliases root"]
        {
            assert_eq!(parse(line).unwrap().aliases, PathBuf::from("/tmp/aliases"), "{line}");
        }
    }

    #[test]
    fn wishes_about_reports_are_checked() {
        let parsed = parse("-N success,failure -R hdrs -V job17 a@b.c").unwrap();
        assert_eq!(parsed.notify.unwrap().to_string(), "SUCCESS,FAILURE");
        assert_eq!(parsed.ret, Some(Ret::Headers));
        assert_eq!(parsed.envid.unwrap().as_str(), "job17");
        for line in ["-N always", "-R some", "-f a@", "-bp", "-bd", "-Z", "-f"] {
            assert_eq!(parse(line).unwrap_err().status, Status::Usage, "{line}");
        }
    }
}
