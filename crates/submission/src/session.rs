//! One SMTP session, decided in pure code: octets in, replies and questions out. It does no I/O, has no clock and
//! knows no submitter; `connection` reads, writes, waits and asks the house for it.
//!
//! The rule that keeps strangers out: an envelope begins only for somebody whom the house knows. The rule that keeps
//! smugglers out: whoever could see another end of a line or of a message than we do is refused, and nothing that he
//! says afterwards counts.

mod content;
#[cfg(test)]
mod dialogs;
mod envelope;
mod login;
mod message;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use mail::Address;
use zeroize::Zeroize;

use crate::command::{self, Command, MAX_LOGIN_OCTETS, Verb};
use crate::reply::{self, Reply};
use crate::{
    Accepted, Admission, Hello, HelloVerb, Login, Peer, Proof, Refusal, Security, Settings, Submitter, Tls,
    Transaction,
};
use login::{Exchange, Turn};
use message::{Body, Message};

/// What the connection does next.
#[derive(Debug)]
pub(crate) enum Action {
    /// Write what is in the outbox, then read more.
    Read,
    /// Ask the house, answer with [`Answer::LoggedIn`].
    LogIn(Login),
    /// Ask the house, answer with [`Answer::Checked`].
    CheckSender { from: Option<Address>, size_octets: Option<u64> },
    /// Ask the house, answer with [`Answer::Checked`].
    CheckRecipient(Address),
    /// Open an intake, answer with [`Answer::Checked`].
    Begin(Box<Transaction>),
    /// Give it to the intake, answer with [`Answer::Checked`]; drop the intake where that is a refusal.
    Write(Bytes),
    /// Finish the intake, answer with [`Answer::Finished`].
    Finish,
    /// Drop the intake.
    Abandon,
    /// Write what is in the outbox, then begin TLS and call [`Session::secured`].
    StartTls,
    /// Write what is in the outbox, then close.
    Close,
}

/// What the house said.
#[derive(Debug)]
pub(crate) enum Answer {
    LoggedIn(Result<Submitter, Refusal>),
    Checked(Result<(), Refusal>),
    Finished(Result<Accepted, Refusal>),
}

/// What the session is waiting for: how long that may take is the connection's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A command of somebody who has yet to log in.
    Stranger,
    /// A command.
    Command,
    /// Content.
    Content,
    /// The end of content that holds false ends: perhaps the client believes that it has ended.
    DisputedContent,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Arc<Settings>,
    peer: Peer,
    /// Whom the house knows by its address.
    neighbour: Option<Submitter>,
    login: Option<LoggedIn>,
    tls: Option<Tls>,
    hello: Option<Hello>,
    message: Option<Message>,
    stage: Stage,
    outbox: Vec<u8>,
    /// How much of the input is known to have no line's end in it.
    searched: usize,
    counts: Counts,
}

#[derive(Debug)]
struct LoggedIn {
    submitter: Submitter,
    user: String,
}

/// What the next octets are.
#[derive(Debug)]
enum Stage {
    /// A command.
    Command,
    /// The rest of a line that is too long, and what is said at its end.
    LongLine(Reply),
    /// An answer to 334.
    Login(Exchange),
    /// Nothing is read: the house was asked.
    Asked(Question),
    /// Content up to CR LF . CR LF.
    Data(Box<Body>),
    /// Content of a chunk.
    Chunk { body: Box<Body>, left: u64, octets: u64, is_last: bool },
    /// Nothing is read: the content is with the house, and the message is to be finished.
    Finishing,
    /// A chunk that nobody wants, and what is said at its end.
    UnwantedChunk { left: u64, reply: Reply },
    /// Nothing: the connection is being closed.
    Closed,
}

/// What the house was asked.
#[derive(Debug)]
enum Question {
    Login {
        user: String,
    },
    Sender(Box<Message>),
    Recipient(Box<crate::Recipient>),
    Data(Box<Body>),
    Chunk {
        body: Box<Body>,
        chunk: command::Chunk,
    },
    /// A piece: afterwards it goes on with this.
    Piece(Box<Stage>),
    LastPiece,
    Finish,
}

/// What is counted until it is too much.
#[derive(Debug, Default)]
struct Counts {
    errors: u32,
    failed_logins: u32,
    idle_commands: u32,
    /// Steps forward: lines and chunks. It never goes back.
    progress: u64,
}

/// The third line of the signature of PROXY protocol v2, which begins with two empty ones.
const PROXY_LINE: &[u8; 3] = b"\0\r\n";

impl Session {
    /// A session with `peer`, over TLS already where the listener's TLS is implicit.
    pub(crate) fn new(settings: Arc<Settings>, peer: Peer, tls: Option<Tls>) -> Session {
        Session {
            settings,
            peer,
            neighbour: None,
            login: None,
            tls,
            hello: None,
            message: None,
            stage: Stage::Command,
            outbox: Vec::with_capacity(512),
            searched: 0,
            counts: Counts::default(),
        }
    }

    /// The house has decided about the connection: says the greeting, or why there is none.
    pub(crate) fn greet(&mut self, admission: Admission) {
        match admission {
            Admission::Known(submitter) => self.neighbour = Some(submitter),
            Admission::Stranger => {}
            Admission::Refused(refusal) => return self.say_and_close(&refusal.into()),
        }
        // RFC 5321 §4.2: the name first. What is behind it tells a person whom he has reached, and no version.
        let greeting = format!("{} ESMTP Postern", self.settings.hello);
        reply::write_lines(&mut self.outbox, 220, &[greeting.into()]);
    }

    /// What is to be written; the connection takes it out.
    pub(crate) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// Who sends, if anybody is known.
    pub(crate) fn submitter(&self) -> Option<&Submitter> {
        self.login.as_ref().map(|login| &login.submitter).or(self.neighbour.as_ref())
    }

    /// What it waits for when it says [`Action::Read`].
    pub(crate) fn waiting(&self) -> Waiting {
        match &self.stage {
            Stage::Data(body) if body.content.is_disputed() => Waiting::DisputedContent,
            Stage::Data(_) | Stage::Chunk { .. } | Stage::UnwantedChunk { .. } => Waiting::Content,
            _ if self.submitter().is_none() => Waiting::Stranger,
            _ => Waiting::Command,
        }
    }

    /// Counts up whenever something is complete: a line, a message.
    pub(crate) fn progress(&self) -> u64 {
        self.counts.progress
    }

    /// Whether nothing is lost when the connection ends now.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.message.is_none() && matches!(self.stage, Stage::Command | Stage::LongLine(_) | Stage::Login(_))
    }

    /// TLS is on. Nothing that was said before counts (RFC 3207 §4.2), except who the house said it is by address.
    pub(crate) fn secured(&mut self, tls: Tls) {
        self.tls = Some(tls);
        self.login = None;
        self.hello = None;
        self.message = None;
        self.stage = Stage::Command;
    }

    /// The client took too long for what the session waits for.
    pub(crate) fn time_out(&mut self) {
        let verdict = match &mut self.stage {
            Stage::Data(body) if body.content.is_disputed() => body.verdict(&self.settings.limits),
            _ => None,
        };
        self.say_and_close(&verdict.unwrap_or(reply::TOO_SLOW));
    }

    /// The server stops.
    pub(crate) fn shut_down(&mut self) {
        self.say_and_close(&reply::SHUTTING_DOWN);
    }

    /// Goes on with `input`, from which it takes what it understands.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Action {
        loop {
            let action = match self.stage {
                Stage::Command | Stage::LongLine(_) | Stage::Login(_) => self.take_line(input),
                Stage::Data(_) | Stage::Chunk { .. } | Stage::UnwantedChunk { .. } => {
                    self.take_content(input)
                }
                Stage::Finishing => Some(self.finish()),
                Stage::Asked(_) => self.ask_again(),
                Stage::Closed => Some(Action::Close),
            };
            if let Some(action) = action {
                return action;
            }
        }
    }

    /// Goes on with what the house said to the last action.
    pub(crate) fn answer(&mut self, answer: Answer) {
        let Stage::Asked(question) = std::mem::replace(&mut self.stage, Stage::Command) else { return };
        match (question, answer) {
            (Question::Login { user }, Answer::LoggedIn(result)) => self.logged_in(user, result),
            (Question::Sender(message), Answer::Checked(result)) => self.sender_checked(*message, result),
            (Question::Recipient(recipient), Answer::Checked(result)) => {
                self.recipient_checked(*recipient, result);
            }
            (Question::Data(body), Answer::Checked(result)) => self.data_begun(body, result),
            (Question::Chunk { body, chunk }, Answer::Checked(result)) => {
                self.chunk_begun(body, chunk, result);
            }
            (Question::Piece(stage), Answer::Checked(result)) => self.piece_written(*stage, result),
            (Question::LastPiece, Answer::Checked(result)) => self.last_written(result),
            (Question::Finish, Answer::Finished(result)) => self.finished(result),
            // The connection's mistake; the client is told to come back rather than anything untrue.
            _ => self.say_and_close(&reply::NOT_TAKEN_IN),
        }
    }

    /// Takes a line off `input`. None: go on at once.
    fn take_line(&mut self, input: &mut BytesMut) -> Option<Action> {
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

    fn hello(&mut self, verb: HelloVerb, rest: &str) -> Option<Action> {
        let Some(name) = rest.split_ascii_whitespace().next() else {
            return self.say(&reply::HELLO_NEEDS_NAME);
        };
        // What devices call themselves ("my_printer") hurts nobody; what could break a Received field does.
        let printable = |letter: char| if letter.is_ascii_graphic() { letter } else { '?' };
        let name = name.chars().take(255).map(printable).collect();
        self.hello = Some(Hello { name, verb });
        let abandoned = self.give_up();
        match verb {
            HelloVerb::Helo => {
                reply::write_lines(&mut self.outbox, 250, &[self.settings.hello.clone().into()]);
            }
            HelloVerb::Ehlo => {
                let offers = self.offers();
                reply::write_lines(&mut self.outbox, 250, &offers);
            }
        }
        self.count_idle();
        abandoned
    }

    /// The service extensions: RFC 5321 §4.1.1.1. BINARYMIME isn't among them.
    fn offers(&self) -> Vec<Cow<'static, str>> {
        let mut lines: Vec<Cow<'static, str>> = Vec::with_capacity(10);
        lines.push(format!("{} greets {}", self.settings.hello, self.peer.address.ip()).into());
        lines.push("PIPELINING".into());
        lines.push(format!("SIZE {}", self.settings.limits.message_octets).into());
        if self.offers_tls() {
            lines.push("STARTTLS".into());
        }
        if self.takes_passwords() {
            lines.push("AUTH PLAIN LOGIN".into());
        }
        let always = ["ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"];
        lines.extend(always.map(Cow::Borrowed));
        lines
    }

    fn offers_tls(&self) -> bool {
        self.tls.is_none() && matches!(self.settings.security, Security::StartTls(_))
    }

    fn takes_passwords(&self) -> bool {
        match &self.settings.security {
            _ if self.tls.is_some() => true,
            Security::PlainAnywhere => true,
            Security::Plain => self.peer.address.ip().is_loopback(),
            Security::StartTls(_) | Security::Implicit(_) => false,
        }
    }

    fn start_tls(&mut self, rest: &str, input: &mut BytesMut) -> Option<Action> {
        let complaint = match &self.settings.security {
            _ if !rest.is_empty() => reply::BAD_ARGUMENTS,
            _ if self.tls.is_some() => reply::TLS_ALREADY,
            Security::StartTls(_) if self.hello.is_none() => reply::HELLO_FIRST,
            Security::StartTls(_) if self.message.is_some() => reply::NOT_AMID_MESSAGE,
            Security::StartTls(_) => {
                // RFC 3207 §4.2 and the STARTTLS injections of 2011 and 2021: what came with it was not encrypted.
                input.clear();
                reply::READY_FOR_TLS.write(&mut self.outbox);
                return Some(Action::StartTls);
            }
            _ => reply::NO_TLS,
        };
        self.say(&complaint)
    }

    fn log_in(&mut self, rest: &str) -> Option<Action> {
        let complaint = match () {
            () if self.hello.is_none() => reply::HELLO_FIRST,
            () if self.login.is_some() => reply::LOGGED_IN_ALREADY,
            () if self.message.is_some() => reply::NOT_AMID_MESSAGE,
            () if self.takes_passwords() => return self.go_on_login(Exchange::begin(rest)),
            () if self.offers_tls() => reply::TLS_FIRST,
            () => reply::TLS_NEEDED_FOR_LOGIN,
        };
        self.say(&complaint)
    }

    fn go_on_login(&mut self, turn: Turn) -> Option<Action> {
        match turn {
            Turn::Ask(exchange, question) => {
                self.stage = Stage::Login(exchange);
                question.write(&mut self.outbox);
                None
            }
            Turn::Broken(complaint) => self.say(&complaint),
            Turn::Complete(login) => {
                self.stage = Stage::Asked(Question::Login { user: login.user.clone() });
                Some(Action::LogIn(login))
            }
        }
    }

    fn logged_in(&mut self, user: String, result: Result<Submitter, Refusal>) {
        match result {
            Ok(submitter) => {
                self.login = Some(LoggedIn { submitter, user });
                reply::LOGGED_IN.write(&mut self.outbox);
            }
            Err(refusal) => {
                self.counts.failed_logins += 1;
                self.say_refusal(refusal);
                if self.counts.failed_logins >= self.settings.limits.failed_logins {
                    self.say_and_close(&reply::TOO_MANY_FAILED_LOGINS);
                }
            }
        }
    }

    fn proof(&self) -> Proof {
        match &self.login {
            Some(login) => Proof::Login { user: login.user.clone() },
            None => Proof::Network,
        }
    }

    fn reset(&mut self) -> Option<Action> {
        let abandoned = self.give_up();
        let said = self.say_idle(&reply::OK);
        abandoned.or(said)
    }

    fn refuse_proxy(&mut self) -> Option<Action> {
        self.say_and_close(&reply::NO_PROXY);
        None
    }

    /// Says something, and ends the session when that was an error too many. Gives None so that it can end a step.
    fn say(&mut self, reply: &Reply) -> Option<Action> {
        reply.write(&mut self.outbox);
        if reply.is_error() {
            self.counts.errors += 1;
            if self.counts.errors >= self.settings.limits.errors {
                self.say_and_close(&reply::TOO_MANY_ERRORS);
            }
        }
        None
    }

    /// Answers a command that brings no message on its way.
    fn say_idle(&mut self, reply: &Reply) -> Option<Action> {
        reply.write(&mut self.outbox);
        self.count_idle();
        None
    }

    fn count_idle(&mut self) {
        self.counts.idle_commands += 1;
        if self.counts.idle_commands > self.settings.limits.idle_commands {
            self.say_and_close(&reply::TOO_IDLE);
        }
    }

    /// The house's own words. They aren't the client's errors; 421 ends the session.
    fn say_refusal(&mut self, refusal: Refusal) {
        let reply = Reply::from(refusal);
        match reply.code {
            421 => self.say_and_close(&reply),
            _ => reply.write(&mut self.outbox),
        }
    }

    fn say_and_close(&mut self, reply: &Reply) {
        if !matches!(self.stage, Stage::Closed) {
            reply.write(&mut self.outbox);
        }
        self.stage = Stage::Closed;
    }

    /// The house hasn't answered: the connection's mistake, and no reason to spin.
    fn ask_again(&mut self) -> Option<Action> {
        self.say_and_close(&reply::NOT_TAKEN_IN);
        None
    }
}

/// Ends with CR LF and has no other CR, LF or NUL in it.
fn is_sound(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|line| memchr::memchr3(b'\r', b'\n', 0, line).is_none())
}

/// Drops the front of `input` that `take` has used.
fn advance_over<T>(input: &mut BytesMut, take: impl FnOnce(&mut &[u8]) -> T) -> T {
    let mut rest = &input[..];
    let outcome = take(&mut rest);
    let used = input.len() - rest.len();
    input.advance(used);
    outcome
}
