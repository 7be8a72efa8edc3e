//! The part of a session that lets a submitter log in. Whether a password is right, the house says.

use super::sasl::{Exchange, Turn};
use super::{Action, LoggedIn, Question, Session, Stage};
use crate::reply;
use crate::{Proof, Refusal, Submitter};

impl Session {
    pub(super) fn log_in(&mut self, rest: &str) -> Option<Action> {
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

    pub(super) fn go_on_login(&mut self, turn: Turn) -> Option<Action> {
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

    pub(super) fn logged_in(&mut self, user: String, result: Result<Submitter, Refusal>) {
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

    pub(super) fn proof(&self) -> Proof {
        match &self.login {
            Some(login) => Proof::Login { user: login.user.clone() },
            None => Proof::Network,
        }
    }
}
