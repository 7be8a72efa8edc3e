//! The part of a session that builds an envelope: MAIL and RCPT.

use super::message::Message;
use super::{Action, Question, Session, Stage};
use crate::command::{self, Sender};
use crate::reply::{self, Reply};
use crate::session::message::Chunks;
use crate::{Recipient, Refusal};

impl Session {
    pub(super) fn mail(&mut self, rest: &str) -> Option<Action> {
        let sender = match self.read_sender(rest) {
            Ok(sender) => sender,
            Err(complaint) => return self.say(&complaint),
        };
        let action = Action::CheckSender { from: sender.address.clone(), size_octets: sender.size_octets };
        self.stage = Stage::Asked(Question::Sender(Box::new(Message::new(sender))));
        Some(action)
    }

    fn read_sender(&self, rest: &str) -> Result<Sender, Reply> {
        if self.hello.is_none() {
            return Err(reply::HELLO_FIRST);
        }
        if self.message.is_some() {
            return Err(reply::SENDER_TWICE);
        }
        // Never an open relay: a stranger gets no further.
        if self.submitter().is_none() {
            return Err(if self.offers_tls() { reply::TLS_FIRST } else { reply::LOGIN_FIRST });
        }
        let sender = command::read_sender(rest)?;
        match sender.size_octets {
            Some(octets) if octets > self.settings.limits.message_octets => {
                Err(reply::too_large(&self.settings.limits))
            }
            _ => Ok(sender),
        }
    }

    pub(super) fn sender_checked(&mut self, message: Message, result: Result<(), Refusal>) {
        match result {
            Ok(()) => {
                self.message = Some(message);
                reply::SENDER_OK.write(&mut self.outbox);
            }
            Err(refusal) => self.say_refusal(refusal),
        }
    }

    pub(super) fn rcpt(&mut self, rest: &str) -> Option<Action> {
        let recipient = match self.read_recipient(rest) {
            Ok(recipient) => recipient,
            Err(complaint) => {
                if let Some(message) = &mut self.message {
                    message.refused += 1;
                }
                return self.say(&complaint);
            }
        };
        let action = Action::CheckRecipient(recipient.address.clone());
        self.stage = Stage::Asked(Question::Recipient(Box::new(recipient)));
        Some(action)
    }

    fn read_recipient(&self, rest: &str) -> Result<Recipient, Reply> {
        let Some(message) = &self.message else {
            return Err(if self.submitter().is_none() { reply::LOGIN_FIRST } else { reply::MAIL_FIRST });
        };
        if !matches!(message.chunks, Chunks::None) {
            return Err(reply::NOT_AFTER_BDAT);
        }
        let postmaster = self.settings.postmaster.as_ref();
        let recipient = command::read_recipient(rest, message.sender.international, postmaster)?;
        let is_full = message.recipients.len() >= self.settings.limits.recipients;
        if is_full && !message.names(&recipient.address) {
            return Err(reply::TOO_MANY_RECIPIENTS);
        }
        Ok(recipient)
    }

    pub(super) fn recipient_checked(&mut self, recipient: Recipient, result: Result<(), Refusal>) {
        let message = self.message.as_mut().expect("only within a message is a recipient asked about");
        match result {
            Ok(()) => {
                message.add(recipient);
                reply::RECIPIENT_OK.write(&mut self.outbox);
            }
            Err(refusal) => {
                message.refused += 1;
                self.say_refusal(refusal);
            }
        }
    }
}
