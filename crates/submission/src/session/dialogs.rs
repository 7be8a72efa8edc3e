//! Runs the dialogs in `tests/dialogs`: sessions as text, so that they can be read and written without Rust.
//!
//! ```text
//! @ starttls | implicit | plain | plain-anywhere | neighbour | refused | from ADDRESS | postmaster ADDRESS
//! @ NAME=NUMBER (a limit)
//! S: 220 gate.example ESMTP Postern        what the server says, whole; with " ..." at its end: how it begins
//! C: EHLO \xC3\xA9                         what the client says; CR LF is added; \r \n \0 \t \\ \xHH are escapes
//! C- QUIT\n                                the same, without CR LF
//! H: begin <ann@contoso.com> ...           what the house was asked or given
//! T: tls | time out | shut down            what happens around the session
//! S: (closed)
//! ```
//!
//! What the client says in a row is one packet. Each dialog is run whole and cut into parts of 1, 2, 3, 7 and 64 octets:
//! where packets end must not matter.

use std::sync::Arc;

use bytes::BytesMut;
use uuid::Uuid;

use super::{Action, Answer, Session};
use crate::{
    Accepted, Admission, Caps, Census, Limits, Login, Peer, Refusal, Security, Settings, Submitter, Tls,
    Transaction,
};

const DIALOGS: [(&str, &str); 13] = [
    ("abuse", include_str!("../../tests/dialogs/abuse.txt")),
    ("auth", include_str!("../../tests/dialogs/auth.txt")),
    ("bdat", include_str!("../../tests/dialogs/bdat.txt")),
    ("data", include_str!("../../tests/dialogs/data.txt")),
    ("devices", include_str!("../../tests/dialogs/devices.txt")),
    ("dsn", include_str!("../../tests/dialogs/dsn.txt")),
    ("house_says_no", include_str!("../../tests/dialogs/house_says_no.txt")),
    ("lines", include_str!("../../tests/dialogs/lines.txt")),
    ("pipelining", include_str!("../../tests/dialogs/pipelining.txt")),
    ("relay", include_str!("../../tests/dialogs/relay.txt")),
    ("smuggling", include_str!("../../tests/dialogs/smuggling.txt")),
    ("starttls", include_str!("../../tests/dialogs/starttls.txt")),
    ("verbs", include_str!("../../tests/dialogs/verbs.txt")),
];

#[test]
fn each_dialog_goes_as_written_however_its_packets_are_cut() {
    for (file, text) in DIALOGS {
        for dialog in text.split("\n== ").skip(1) {
            let (title, script) = dialog.split_once('\n').unwrap();
            for cut in [usize::MAX, 1, 2, 3, 7, 64] {
                Stage::set(&format!("{file}: {title} (by {cut})"), script, cut);
            }
        }
    }
}

/// A session with a house that writes down what it is asked.
struct Stage {
    title: String,
    session: Session,
    input: BytesMut,
    cut: usize,
    said: Vec<u8>,
    noted: Vec<String>,
    closed: bool,
}

impl Stage {
    fn set(title: &str, script: &str, cut: usize) {
        let mut lines = script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
        let mut scene = Scene::default();
        while let Some(line) = lines.next_if(|line| line.starts_with('@')) {
            scene.set(line[1..].trim());
        }
        let mut stage = Stage {
            title: title.to_owned(),
            session: Session::new(Arc::new(scene.settings), scene.peer, scene.tls),
            input: BytesMut::new(),
            cut,
            said: Vec::new(),
            noted: Vec::new(),
            closed: false,
        };
        stage.session.greet(scene.admission);
        stage.run();
        let mut packet = Vec::new();
        for line in lines {
            let (kind, text) = (&line[..2], line[2..].strip_prefix(' ').unwrap_or(&line[2..]));
            if !kind.starts_with('C') {
                stage.give(&std::mem::take(&mut packet));
            }
            match kind {
                "C:" => packet.extend([unescape(text), b"\r\n".to_vec()].concat()),
                "C-" => packet.extend(unescape(text)),
                "S:" => stage.expect_reply(text),
                "H:" => stage.expect_note(text),
                "T:" => stage.happen(text),
                _ => panic!("{title}: {line}"),
            }
        }
        stage.give(&packet);
        assert!(stage.said.is_empty(), "{title}: also said {:?}", String::from_utf8_lossy(&stage.said));
        assert!(stage.noted.is_empty(), "{title}: also asked {:?}", stage.noted);
    }

    fn give(&mut self, packet: &[u8]) {
        for part in packet.chunks(self.cut.min(packet.len().max(1))) {
            if !self.closed {
                self.input.extend_from_slice(part);
                self.run();
            }
        }
    }

    fn run(&mut self) {
        loop {
            let action = self.session.next(&mut self.input);
            self.said.append(self.session.outbox());
            match action {
                Action::Read | Action::StartTls => return,
                Action::Close => {
                    self.closed = true;
                    return;
                }
                Action::Abandon => self.noted.push("abandon".into()),
                action => {
                    let answer = self.ask(action);
                    self.session.answer(answer);
                }
            }
        }
    }

    /// The house: what it thinks of somebody stands in the name.
    fn ask(&mut self, action: Action) -> Answer {
        match action {
            Action::LogIn(login) => Answer::LoggedIn(self.log_in(&login)),
            Action::CheckSender { from, .. } => {
                Answer::Checked(judge(from.as_ref().map_or("", |from| from.as_str())))
            }
            Action::CheckRecipient(to) => Answer::Checked(judge(to.as_str())),
            Action::Begin(transaction) => {
                self.noted.push(format!("begin {}", describe(&transaction)));
                Answer::Checked(judge(transaction.envid.as_ref().map_or("", |id| id.as_str())))
            }
            Action::Write(piece) => {
                self.noted.push(format!("write {}", piece.escape_ascii()));
                let is_full = piece.windows(9).any(|part| part == b"disk-full");
                Answer::Checked(judge(if is_full { "disk-full" } else { "" }))
            }
            Action::Finish => {
                self.noted.push("finish".into());
                Answer::Finished(Ok(Accepted { id: "0197".into() }))
            }
            _ => unreachable!("not a question"),
        }
    }

    fn log_in(&mut self, login: &Login) -> Result<Submitter, Refusal> {
        self.noted.push(format!(
            "login {} {} {}",
            login.mechanism.as_str(),
            login.user,
            login.secret.as_str()
        ));
        judge(&login.user)?;
        match (login.user.as_str(), login.secret.as_str()) {
            ("scanner", "secret") => Ok(submitter("scanner")),
            _ => Err(Refusal::wrong_credentials()),
        }
    }

    fn happen(&mut self, what: &str) {
        match what {
            "tls" => self.session.secured(tls()),
            "time out" => self.session.time_out(),
            "shut down" => self.session.shut_down(),
            _ => panic!("{}: {what}", self.title),
        }
        self.run();
    }

    fn expect_reply(&mut self, expected: &str) {
        if expected == "(closed)" {
            assert!(self.closed && self.said.is_empty(), "{}: not closed, or said more", self.title);
            return;
        }
        let said = String::from_utf8(self.said.clone()).unwrap();
        let (line, _) = said.split_once("\r\n").unwrap_or_else(|| {
            panic!("{}: nothing said in place of {expected:?}; {:?}", self.title, self.noted)
        });
        match expected.strip_suffix("...") {
            Some(begin) => {
                assert!(line.starts_with(begin), "{}: {line:?} in place of {expected:?}", self.title);
            }
            None => assert_eq!(line, expected, "{}", self.title),
        }
        self.said.drain(..line.len() + 2);
    }

    fn expect_note(&mut self, expected: &str) {
        assert!(!self.noted.is_empty(), "{}: the house wasn't asked for {expected:?}", self.title);
        let noted = self.noted.remove(0);
        assert_eq!(noted, expected, "{}", self.title);
    }
}

/// What the `@` lines set.
struct Scene {
    settings: Settings,
    peer: Peer,
    admission: Admission,
    tls: Option<Tls>,
}

impl Default for Scene {
    fn default() -> Scene {
        let limits = Limits { recipients: 3, message_octets: 1000, ..Limits::default() };
        let settings = Settings {
            hello: "gate.example".into(),
            postmaster: None,
            security: Security::Plain,
            proxies: Vec::new(),
            limits,
            census: Census::new(Caps::default()),
        };
        let peer = Peer {
            address: "127.0.0.1:40000".parse().unwrap(),
            local: "127.0.0.1:587".parse().unwrap(),
            proxy: None,
        };
        Scene { settings, peer, admission: Admission::Stranger, tls: None }
    }
}

impl Scene {
    fn set(&mut self, what: &str) {
        let limits = &mut self.settings.limits;
        match what.split_once(['=', ' ']) {
            Some(("from", address)) => self.peer.address = address.parse().unwrap(),
            Some(("postmaster", address)) => self.settings.postmaster = Some(address.parse().unwrap()),
            Some(("errors", number)) => limits.errors = number.parse().unwrap(),
            Some(("failed_logins", number)) => limits.failed_logins = number.parse().unwrap(),
            Some(("idle_commands", number)) => limits.idle_commands = number.parse().unwrap(),
            Some(("message_octets", number)) => limits.message_octets = number.parse().unwrap(),
            Some(("text_line_octets", number)) => limits.text_line_octets = number.parse().unwrap(),
            None => self.set_kind(what),
            _ => panic!("{what}"),
        }
    }

    fn set_kind(&mut self, what: &str) {
        match what {
            "plain" => self.settings.security = Security::Plain,
            "plain-anywhere" => self.settings.security = Security::PlainAnywhere,
            "starttls" => self.settings.security = Security::StartTls(tls_config()),
            "implicit" => {
                self.settings.security = Security::Implicit(tls_config());
                self.tls = Some(tls());
            }
            "neighbour" => self.admission = Admission::Known(submitter("printer")),
            "refused" => {
                self.admission = Admission::Refused(Refusal::new(554, "5.7.1", "Not from your network"));
            }
            _ => panic!("{what}"),
        }
    }
}

fn judge(name: &str) -> Result<(), Refusal> {
    match name.split('@').next().unwrap() {
        "no" => Err(Refusal::new(550, "5.7.1", "Not for you")),
        "later" => Err(Refusal::new(451, "4.7.1", "Not now")),
        "disk-full" => Err(Refusal::new(452, "4.3.1", "The disk is full; try again later")),
        "away" => Err(Refusal::new(421, "4.7.0", "Come back in a minute")),
        _ => Ok(()),
    }
}

fn describe(transaction: &Transaction) -> String {
    let mut text = format!("<{}>", transaction.from.as_ref().map_or("", |from| from.as_str()));
    for recipient in &transaction.recipients {
        text += &format!(" <{}>", recipient.address);
        text += &recipient.notify.map_or(String::new(), |notify| format!("/{notify}"));
        text += &recipient.orcpt.as_ref().map_or(String::new(), |orcpt| format!("/{orcpt}"));
    }
    text += &format!(" {} {}", transaction.hello.name, transaction.protocol());
    text += &transaction.declared_octets.map_or(String::new(), |octets| format!(" size={octets}"));
    text += &transaction.ret.map_or(String::new(), |ret| format!(" ret={ret}"));
    text += &transaction.envid.as_ref().map_or(String::new(), |envid| format!(" envid={envid}"));
    if transaction.eight_bit_declared {
        text += " 8bit";
    }
    assert_eq!(transaction.envelope().to().len(), transaction.recipients.len());
    text
}

fn submitter(name: &str) -> Submitter {
    Submitter { id: Uuid::nil(), name: name.into() }
}

fn tls() -> Tls {
    Tls { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" }
}

/// Never used for a handshake: the session only asks whether there is one.
fn tls_config() -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let resolver = Arc::new(rustls::server::ResolvesServerCertUsingSni::new());
    Arc::new(builder.unwrap().with_no_client_auth().with_cert_resolver(resolver))
}

/// `\xHH*N` at the end of an escape repeats it N times, for lines that are too long.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        octets.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest.as_bytes()[at + 1];
        let mut length = 2;
        let octet = match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                length = 4;
                u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap()
            }
            _ => panic!("{text}"),
        };
        rest = &rest[at + length..];
        let digits =
            rest.strip_prefix('*').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        let count = if digits > 0 { rest[1..=digits].parse().unwrap() } else { 1 };
        octets.extend(std::iter::repeat_n(octet, count));
        rest = &rest[if digits > 0 { digits + 1 } else { 0 }..];
    }
    octets.extend_from_slice(rest.as_bytes());
    octets
}

#[test]
fn a_client_that_is_silent_is_waited_for_as_long_as_what_it_owes_may_take() {
    use super::Waiting;
    let scene = Scene::default();
    let mut session = Session::new(Arc::new(scene.settings), scene.peer, None);
    session.greet(Admission::Stranger);
    assert_eq!(session.waiting(), Waiting::Stranger);
    let mut session = Session::new(Arc::new(Scene::default().settings), scene.peer, None);
    session.greet(Admission::Known(submitter("printer")));
    assert_eq!(session.waiting(), Waiting::Command);
    let before = session.progress();
    session.next(&mut BytesMut::from("NO"));
    assert_eq!(session.progress(), before, "half a command is no progress");
}
