//! The part of a session that reads lines: where one ends, whether it is sound, which command it is.

use bytes::BytesMut;
use zeroize::Zeroize;

use super::{Action, Session, Stage};
use crate::HelloVerb;
use crate::command::{self, Command, MAX_LOGIN_OCTETS, Verb};
use crate::reply::{self, Reply};

/// The third line of the signature of PROXY protocol v2, which begins with two empty ones.
const PROXY_LINE: &[u8; 3] = b"\0\r\n";

impl Session {
    /// Takes a line off `input`. None: go on at once.
    pub(super) fn take_line(&mut self, input: &mut BytesMut) -> Option<Action> {
        let Some(end) = memchr::memchr(b'\n', &input[self.searched..]).map(|end| self.searched + end) else {
            return self.wait_for_line(input);
        };
        let mut line = input.split_to(end + 1);
        self.searched = 0;
        self.counts.progress += 1;
        let (limit, complaint) = self.line_limit(&line);
        let stage = std::mem::replace(&mut self.stage, Stage::Command);
        let action = match stage {
            Stage::LongLine(complaint) => self.say(&complaint),
            _ if line.len() > limit => self.say(&complaint),
            Stage::Login(_) if !is_sound(&line) => self.say(&reply::BAD_BASE64),
            Stage::Login(exchange) => self.go_on_login(exchange.go_on(&line[..line.len() - 2])),
            _ if *line == PROXY_LINE[..] && self.hello.is_none() => self.refuse_proxy(),
            _ if !is_sound(&line) => self.say(&reply::BAD_LINE_END),
            _ => self.obey(&line[..line.len() - 2], input),
        };
        if limit == MAX_LOGIN_OCTETS {
            // There may be a password in it.
            line.as_mut().zeroize();
        }
        action
    }

    /// There is no line's end in `input`.
    fn wait_for_line(&mut self, input: &mut BytesMut) -> Option<Action> {
        let (limit, complaint) = self.line_limit(input);
        if matches!(self.stage, Stage::LongLine(_)) {
            input.clear();
        } else if input.len() > limit {
            // It may have been meant for AUTH.
            input.as_mut().zeroize();
            input.clear();
            self.stage = Stage::LongLine(complaint);
        }
        self.searched = input.len();
        Some(Action::Read)
    }

    fn line_limit(&self, begin: &[u8]) -> (usize, Reply) {
        match self.stage {
            Stage::Login(_) => (MAX_LOGIN_OCTETS, reply::LOGIN_TOO_LONG),
            _ => command::line_limit(begin),
        }
    }

    /// Does what a line says.
    fn obey(&mut self, line: &[u8], input: &mut BytesMut) -> Option<Action> {
        let command = match Command::read(line) {
            Ok(command) => command,
            Err(complaint) => return self.say(&complaint),
        };
        match command.verb {
            Verb::Ehlo => self.hello(HelloVerb::Ehlo, command.rest),
            Verb::Helo => self.hello(HelloVerb::Helo, command.rest),
            Verb::StartTls => self.start_tls(command.rest, input),
            Verb::Auth => self.log_in(command.rest),
            Verb::Mail => self.mail(command.rest),
            Verb::Rcpt => self.rcpt(command.rest),
            Verb::Data => self.data(command.rest),
            Verb::Bdat => self.bdat(command.rest),
            Verb::Rset if !command.rest.is_empty() => self.say(&reply::BAD_ARGUMENTS),
            Verb::Rset => self.reset(),
            Verb::Noop => self.say_idle(&reply::OK),
            Verb::Help => self.say_idle(&reply::HELP),
            // RFC 5321 §3.5.3: an address isn't confirmed, and isn't denied.
            Verb::Vrfy if command.rest.is_empty() => self.say(&reply::BAD_ARGUMENTS),
            Verb::Vrfy => self.say_idle(&reply::CANNOT_VERIFY),
            Verb::Quit if !command.rest.is_empty() => self.say(&reply::BAD_ARGUMENTS),
            Verb::Quit => {
                self.say_and_close(&reply::BYE);
                None
            }
            Verb::NotOffered => self.say(&reply::NOT_IMPLEMENTED),
            Verb::Http => {
                self.say_and_close(&reply::NOT_HTTP);
                None
            }
            Verb::Proxy => self.refuse_proxy(),
            Verb::Unknown => self.say(&reply::UNKNOWN_COMMAND),
        }
    }

    fn refuse_proxy(&mut self) -> Option<Action> {
        self.say_and_close(&reply::NO_PROXY);
        None
    }
}

/// Ends with CR LF and has no other CR, LF or NUL in it.
fn is_sound(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|line| memchr::memchr3(b'\r', b'\n', 0, line).is_none())
}
