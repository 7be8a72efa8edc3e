//! The part of a session that greets, tells what is offered, and begins TLS.

use std::borrow::Cow;

use bytes::BytesMut;

use super::{Action, Session};
use crate::reply;
use crate::{Hello, HelloVerb, Security};

impl Session {
    pub(super) fn hello(&mut self, verb: HelloVerb, rest: &str) -> Option<Action> {
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

    pub(super) fn offers_tls(&self) -> bool {
        self.tls.is_none() && matches!(self.settings.security, Security::StartTls(_))
    }

    pub(super) fn takes_passwords(&self) -> bool {
        match &self.settings.security {
            _ if self.tls.is_some() => true,
            Security::PlainAnywhere => true,
            Security::Plain => self.peer.address.ip().is_loopback(),
            Security::StartTls(_) | Security::Implicit(_) => false,
        }
    }

    pub(super) fn start_tls(&mut self, rest: &str, input: &mut BytesMut) -> Option<Action> {
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
}
