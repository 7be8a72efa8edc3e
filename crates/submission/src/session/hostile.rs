//! What a session does with octets that nobody should send, and that content comes through exactly.

use std::sync::Arc;

use bytes::BytesMut;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Action, Answer, Session};
use crate::content::PIECE_OCTETS;
use crate::{Accepted, Admission, Caps, Census, Limits, Peer, Security, Settings, Submitter};

/// A session whose house takes everything.
struct Taker {
    session: Session,
    input: BytesMut,
    said: Vec<u8>,
    under_way: Option<Vec<u8>>,
    taken: Vec<Vec<u8>>,
    closed: bool,
}

impl Taker {
    fn new(limits: Limits) -> Taker {
        let settings = Settings {
            hello: "gate.example".into(),
            postmaster: None,
            security: Security::Plain,
            proxies: Vec::new(),
            limits,
            census: Census::new(Caps::default()),
        };
        let local = "127.0.0.1:587".parse().unwrap();
        let peer = Peer { address: "127.0.0.1:40000".parse().unwrap(), local, proxy: None };
        let mut session = Session::new(Arc::new(settings), peer, None);
        session.greet(Admission::Known(submitter()));
        let said = Vec::new();
        Taker { session, input: BytesMut::new(), said, under_way: None, taken: Vec::new(), closed: false }
    }

    /// Gives `octets` in parts of `step`.
    fn give(&mut self, octets: &[u8], step: usize) {
        for part in octets.chunks(step) {
            if self.closed {
                return;
            }
            self.input.extend_from_slice(part);
            self.run();
            assert!(self.input.len() <= crate::command::MAX_LOGIN_OCTETS, "no line is kept that is too long");
        }
    }

    fn run(&mut self) {
        loop {
            let action = self.session.next(&mut self.input);
            self.said.append(self.session.outbox());
            let answer = match action {
                Action::Read => return,
                Action::Close => {
                    self.closed = true;
                    return;
                }
                Action::StartTls => unreachable!("it isn't offered"),
                Action::Abandon => {
                    assert!(self.under_way.take().is_some(), "only what was begun is abandoned");
                    continue;
                }
                Action::LogIn(_) => Answer::LoggedIn(Ok(submitter())),
                Action::CheckSender { .. } | Action::CheckRecipient(_) => Answer::Checked(Ok(())),
                Action::Begin(_) => {
                    assert!(self.under_way.replace(Vec::new()).is_none(), "one message at a time");
                    Answer::Checked(Ok(()))
                }
                Action::Write(piece) => {
                    assert!(!piece.is_empty() && piece.len() <= PIECE_OCTETS);
                    self.under_way.as_mut().unwrap().extend_from_slice(&piece);
                    Answer::Checked(Ok(()))
                }
                Action::Finish => {
                    self.taken.push(self.under_way.take().unwrap());
                    Answer::Finished(Ok(Accepted { id: "1".into() }))
                }
            };
            self.session.answer(answer);
        }
    }

    fn taken_messages_are_clean(&self) -> bool {
        self.taken.iter().all(|message| {
            let text = [&b"\r\n"[..], message].concat();
            !text.contains(&0) && text.windows(2).all(|pair| (pair[0] == b'\r') == (pair[1] == b'\n'))
        })
    }
}

fn submitter() -> Submitter {
    Submitter { id: Uuid::nil(), name: "printer".into() }
}

fn limits() -> Limits {
    Limits { errors: 1000, idle_commands: 1000, text_line_octets: 1 << 30, ..Limits::default() }
}

/// Parts of sessions, and dirt.
fn part() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&[u8]; 22] = [
        b"EHLO x\r\n",
        b"MAIL FROM:<a@b.example>\r\n",
        b"RCPT TO:<c@d.example>\r\n",
        b"DATA\r\n",
        b"BDAT 5\r\n",
        b"BDAT 7 LAST\r\n",
        b"BDAT 0 LAST\r\n",
        b"BDAT x\r\n",
        b"RSET\r\n",
        b"AUTH PLAIN AGEAYg==\r\n",
        b"AUTH LOGIN\r\n",
        b"*\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"text\r\n",
        b"..text\r\n",
        b"\n.\n",
        b"STARTTLS\r\n",
        b"\xff",
    ];
    prop_oneof![
        8 => prop::sample::select(&PARTS[..]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

/// Lines as a message has them, some with dots in front.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::collection::vec(
        prop_oneof![2 => Just(b'.'), 8 => any::<u8>().prop_filter("no line's end", |o| !b"\r\n\0".contains(o))],
        0..30,
    );
    let line = (line, prop_oneof![9 => Just(1_usize), 1 => 1_usize..4000]);
    prop::collection::vec(line, 0..40).prop_map(|lines| {
        let line = |(line, times): (Vec<u8>, usize)| [line.repeat(times), b"\r\n".to_vec()].concat();
        lines.into_iter().flat_map(line).collect()
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_pass_on_what_is_unclean(
        parts in prop::collection::vec(part(), 0..60),
        step in 1_usize..50,
    ) {
        let octets = parts.concat();
        let mut cut = Taker::new(limits());
        cut.give(b"HELO x\r\n", 99);
        cut.give(&octets, step);
        prop_assert!(cut.taken_messages_are_clean());
        let mut whole = Taker::new(limits());
        whole.give(b"HELO x\r\n", 99);
        whole.give(&octets, 10_000);
        prop_assert_eq!(cut.taken, whole.taken);
        prop_assert_eq!(cut.said.escape_ascii().to_string(), whole.said.escape_ascii().to_string());
    }

    #[test]
    fn a_message_arrives_as_it_is(message in message(), step in 1_usize..40_000, sizes in prop::collection::vec(0_usize..9000, 0..20)) {
        let mut taker = Taker::new(limits());
        taker.give(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n", 99);
        let mut dotted = Vec::new();
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                dotted.push(b'.');
            }
            dotted.extend_from_slice(line);
        }
        dotted.extend_from_slice(b".\r\n");
        // In a line's place the session wouldn't take so much at once.
        taker.give(&dotted, step.min(crate::command::MAX_LOGIN_OCTETS));
        prop_assert!(taker.taken == [message.clone()]);

        taker.give(b"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n", 99);
        let mut rest = &message[..];
        for size in sizes {
            let (chunk, more) = rest.split_at(size.min(rest.len()));
            rest = more;
            taker.give(format!("BDAT {}\r\n", chunk.len()).as_bytes(), 99);
            taker.give(chunk, step.min(crate::command::MAX_LOGIN_OCTETS));
        }
        taker.give(format!("BDAT {} LAST\r\n", rest.len()).as_bytes(), 99);
        taker.give(rest, step.min(crate::command::MAX_LOGIN_OCTETS));
        prop_assert!(taker.taken == [message.clone(), message]);
    }
}
