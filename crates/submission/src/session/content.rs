//! The part of a session that takes content: DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030 §2).

use bytes::BytesMut;

use super::message::{Body, Chunks, Message, Origin};
use super::{Action, Question, Session, Stage, advance_over};
use crate::command::{self, Chunk};
use crate::content::Progress;
use crate::reply::{self, Reply};
use crate::{Accepted, Refusal, Transaction};

/// So many octets of a chunk that is refused anyway are read; a longer one ends the connection.
const MAX_UNWANTED_OCTETS: u64 = 1 << 30;

impl Session {
    pub(super) fn data(&mut self, rest: &str) -> Option<Action> {
        let complaint = match &self.message {
            _ if !rest.is_empty() => Some(reply::BAD_ARGUMENTS),
            None => Some(self.nothing_begun()),
            Some(Message { chunks: Chunks::None, .. }) => None,
            Some(_) => Some(reply::NOT_AFTER_BDAT),
        };
        let complaint = complaint.or_else(|| self.message.as_ref().and_then(Message::lacks_recipients));
        if let Some(complaint) = complaint {
            return self.say(&complaint);
        }
        let (transaction, body) = self.begin();
        self.stage = Stage::Asked(Question::Data(Box::new(body)));
        Some(Action::Begin(Box::new(transaction)))
    }

    pub(super) fn data_begun(&mut self, body: Box<Body>, result: Result<(), Refusal>) {
        match result {
            Ok(()) => {
                reply::SEND_CONTENT.write(&mut self.outbox);
                self.stage = Stage::Data(body);
            }
            Err(refusal) => {
                self.message = None;
                self.say_refusal(refusal);
            }
        }
    }

    pub(super) fn bdat(&mut self, rest: &str) -> Option<Action> {
        let Some(chunk) = command::read_chunk(rest) else {
            // Where the next command begins is unknown: to go on would be to read content as commands.
            self.say_and_close(&reply::BAD_ARGUMENTS);
            return None;
        };
        let Some(message) = self.message.as_mut() else {
            let complaint = self.nothing_begun();
            return self.skip_chunk(chunk, complaint);
        };
        let complaint = match &message.chunks {
            Chunks::Refused => Some(reply::MESSAGE_REFUSED_ALREADY),
            Chunks::None => message.lacks_recipients(),
            Chunks::Some(_) => None,
        };
        if let Some(complaint) = complaint {
            if chunk.is_last {
                self.message = None;
            }
            return self.skip_chunk(chunk, complaint);
        }
        match std::mem::replace(&mut message.chunks, Chunks::Refused) {
            Chunks::Some(body) => {
                self.take_chunk(body, chunk);
                None
            }
            _ => {
                let (transaction, body) = self.begin();
                self.stage = Stage::Asked(Question::Chunk { body: Box::new(body), chunk });
                Some(Action::Begin(Box::new(transaction)))
            }
        }
    }

    pub(super) fn chunk_begun(&mut self, mut body: Box<Body>, chunk: Chunk, result: Result<(), Refusal>) {
        if let Err(refusal) = result {
            body.is_open = false;
            body.refuse(refusal);
        }
        self.take_chunk(body, chunk);
    }

    fn take_chunk(&mut self, mut body: Box<Body>, chunk: Chunk) {
        if chunk.octets > MAX_UNWANTED_OCTETS.max(self.settings.limits.message_octets) {
            return self.say_and_close(&reply::too_large(&self.settings.limits));
        }
        body.content.announce(chunk.octets);
        let Chunk { octets, is_last } = chunk;
        self.stage = Stage::Chunk { body, left: octets, octets, is_last };
    }

    fn skip_chunk(&mut self, chunk: Chunk, complaint: Reply) -> Option<Action> {
        if chunk.octets > MAX_UNWANTED_OCTETS {
            self.say_and_close(&complaint);
        } else {
            self.stage = Stage::UnwantedChunk { left: chunk.octets, reply: complaint };
        }
        None
    }

    fn nothing_begun(&self) -> Reply {
        if self.submitter().is_none() { reply::LOGIN_FIRST } else { reply::MAIL_FIRST }
    }

    fn begin(&mut self) -> (Transaction, Body) {
        let proof = self.proof();
        let message = self.message.as_mut().expect("content begins only within a message");
        let hello = self.hello.as_ref().expect("a message begins only after a greeting");
        let origin = Origin { peer: self.peer, hello, tls: self.tls.as_ref(), proof };
        let body = Body::new(&self.settings.limits, message.sender.size_octets);
        (message.transaction(origin), body)
    }

    /// Takes content off `input`. None: go on at once.
    pub(super) fn take_content(&mut self, input: &mut BytesMut) -> Option<Action> {
        match std::mem::replace(&mut self.stage, Stage::Command) {
            Stage::Data(mut body) => {
                let progress = advance_over(input, |octets| body.content.take_dotted(octets));
                if body.content.is_beyond_patience() {
                    return self.end_data(body);
                }
                match progress {
                    Progress::Ended => self.end_data(body),
                    progress => self.go_on_with(progress, body, Stage::Data),
                }
            }
            Stage::Chunk { mut body, mut left, octets, is_last } => {
                let progress = advance_over(input, |input| body.content.take_chunk(input, &mut left));
                match progress {
                    Progress::Ended => self.end_chunk(body, octets, is_last),
                    progress => {
                        self.go_on_with(progress, body, |body| Stage::Chunk { body, left, octets, is_last })
                    }
                }
            }
            Stage::UnwantedChunk { mut left, reply } => {
                let used = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                left -= used as u64;
                let _ = input.split_to(used);
                if left == 0 {
                    return self.say(&reply);
                }
                self.stage = Stage::UnwantedChunk { left, reply };
                Some(Action::Read)
            }
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    fn go_on_with(
        &mut self,
        progress: Progress,
        mut body: Box<Body>,
        stage: impl FnOnce(Box<Body>) -> Stage,
    ) -> Option<Action> {
        let action = match progress {
            _ if body.close_if_refused() => Action::Abandon,
            Progress::PieceFull => {
                let piece = body.content.take_piece();
                self.stage = Stage::Asked(Question::Piece(Box::new(stage(body))));
                return Some(Action::Write(piece));
            }
            _ => Action::Read,
        };
        self.stage = stage(body);
        Some(action)
    }

    pub(super) fn piece_written(&mut self, stage: Stage, result: Result<(), Refusal>) {
        self.stage = stage;
        if let (Stage::Data(body) | Stage::Chunk { body, .. }, Err(refusal)) = (&mut self.stage, result) {
            body.is_open = false;
            body.refuse(refusal);
        }
    }

    fn end_data(&mut self, mut body: Box<Body>) -> Option<Action> {
        self.counts.progress += 1;
        let is_untrustworthy = body.content.is_disputed() || body.content.is_beyond_patience();
        if !is_untrustworthy {
            return self.end_message(body);
        }
        // Who sent false ends may have sent commands behind them: none of them is obeyed.
        self.message = None;
        let action = self.say_verdict(&mut body);
        self.stage = Stage::Closed;
        action
    }

    fn end_chunk(&mut self, mut body: Box<Body>, octets: u64, is_last: bool) -> Option<Action> {
        self.counts.progress += 1;
        if is_last {
            body.content.end_chunks();
            return self.end_message(body);
        }
        let message = self.message.as_mut().expect("a chunk is part of a message");
        if !body.is_refused() {
            message.chunks = Chunks::Some(body);
            Reply::new(250, "2.0.0", format!("{octets} octets taken")).write(&mut self.outbox);
            return None;
        }
        message.chunks = Chunks::Refused;
        self.say_verdict(&mut body)
    }

    fn end_message(&mut self, mut body: Box<Body>) -> Option<Action> {
        if body.is_refused() {
            self.message = None;
            return self.say_verdict(&mut body);
        }
        let piece = body.content.take_piece();
        if piece.is_empty() {
            return Some(self.finish());
        }
        self.stage = Stage::Asked(Question::LastPiece);
        Some(Action::Write(piece))
    }

    /// Says what is against the content: what the house said, or what is wrong with it.
    pub(super) fn say_verdict(&mut self, body: &mut Body) -> Option<Action> {
        if let Some(refusal) = body.refusal.take() {
            self.say_refusal(refusal);
        } else if let Some(fault) = body.content.fault() {
            let verdict = reply::content_fault(fault, &self.settings.limits);
            self.complaints.note(&verdict);
            verdict.write(&mut self.outbox);
        }
        body.is_open.then_some(Action::Abandon)
    }

    pub(super) fn last_written(&mut self, result: Result<(), Refusal>) {
        match result {
            Ok(()) => self.stage = Stage::Finishing,
            Err(refusal) => {
                self.message = None;
                self.say_refusal(refusal);
            }
        }
    }

    pub(super) fn finish(&mut self) -> Action {
        self.stage = Stage::Asked(Question::Finish);
        Action::Finish
    }

    pub(super) fn finished(&mut self, result: Result<Accepted, Refusal>) {
        self.message = None;
        match result {
            Ok(accepted) => {
                self.counts.idle_commands = 0;
                Reply::new(250, "2.0.0", format!("Accepted as {}", accepted.id)).write(&mut self.outbox);
            }
            Err(refusal) => self.say_refusal(refusal),
        }
    }

    /// Forgets the message under way.
    pub(super) fn give_up(&mut self) -> Option<Action> {
        match self.message.take()?.chunks {
            Chunks::Some(body) if body.is_open => Some(Action::Abandon),
            _ => None,
        }
    }
}
