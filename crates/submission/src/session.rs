//! One SMTP session, decided in pure code: octets in, replies and questions out. It does no I/O, has no clock and
//! knows no submitter; `connection` reads, writes, waits and asks the house for it.
//!
//! The rule that keeps strangers out: an envelope begins only for somebody whom the house knows. The rule that keeps
//! smugglers out: whoever could see another end of a line or of a message than we do is refused, and nothing that he
//! says afterwards counts.

mod complaints;
mod content;
#[cfg(test)]
mod dialogs;
mod envelope;
mod greeting;
#[cfg(test)]
mod hostile;
mod line;
mod login;
mod message;
mod sasl;

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use mail::Address;

use crate::command;
use crate::reply::{self, Reply};
use crate::{Accepted, Admission, Hello, Login, Peer, Refusal, Settings, Submitter, Tls, Transaction};
use complaints::Complaints;
use message::{Body, Message};
use sasl::Exchange;

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
    complaints: Complaints,
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
            complaints: Complaints::default(),
        }
    }

    /// The house has decided about the connection: says the greeting, or why there is none.
    pub(crate) fn greet(&mut self, admission: Admission) {
        match admission {
            Admission::Known(submitter) => self.neighbour = Some(submitter),
            Admission::Stranger => {}
            Admission::Refused(refusal) => return self.close_with(&refusal.into()),
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
            // First of all: an unwanted chunk of a gigabyte must not buy a stranger more time.
            _ if self.submitter().is_none() => Waiting::Stranger,
            Stage::Data(body) if body.content.is_disputed() => Waiting::DisputedContent,
            Stage::Data(_) | Stage::Chunk { .. } | Stage::UnwantedChunk { .. } => Waiting::Content,
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
        match std::mem::replace(&mut self.stage, Stage::Command) {
            Stage::Data(mut body) if body.content.is_disputed() => {
                self.say_verdict(&mut body);
                self.stage = Stage::Closed;
            }
            // Who keeps a connection for the next message isn't refused anything.
            _ if self.message.is_none() => self.close_with(&reply::TOO_SLOW),
            _ => self.say_and_close(&reply::TOO_SLOW),
        }
    }

    /// The server stops.
    pub(crate) fn shut_down(&mut self) {
        self.close_with(&reply::SHUTTING_DOWN);
    }

    /// What it has refused by itself since it was asked last, one at a time and each once: the house is to know why a
    /// device doesn't get in.
    pub(crate) fn next_complaint(&mut self) -> Option<Refusal> {
        self.complaints.next()
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

    fn reset(&mut self) -> Option<Action> {
        let abandoned = self.give_up();
        let said = self.say_idle(&reply::OK);
        abandoned.or(said)
    }

    /// Says something, and ends the session when that was an error too many. Gives None so that it can end a step.
    fn say(&mut self, reply: &Reply) -> Option<Action> {
        reply.write(&mut self.outbox);
        if reply.is_error() {
            self.complaints.note(reply);
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
            421 => self.close_with(&reply),
            _ => reply.write(&mut self.outbox),
        }
    }

    /// Ends the session with what the session itself has against it.
    fn say_and_close(&mut self, reply: &Reply) {
        self.complaints.note(reply);
        self.close_with(reply);
    }

    fn close_with(&mut self, reply: &Reply) {
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

/// Drops the front of `input` that `take` has used.
fn advance_over<T>(input: &mut BytesMut, take: impl FnOnce(&mut &[u8]) -> T) -> T {
    let mut rest = &input[..];
    let outcome = take(&mut rest);
    let used = input.len() - rest.len();
    input.advance(used);
    outcome
}
