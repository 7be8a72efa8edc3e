//! One SMTP session as a state machine: a line in, a step out. It does no input or output of its own.

use super::path::{is_address, read_path};
use super::reply;
use super::xoauth2::{self, Authenticated, Refused, Xoauth2};
use crate::mailbox::Envelope;
use crate::request_log::decode_unverified;
use crate::steering::Steering;
use crate::tenant::Tenant;
use crate::world::SaidReply;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

const MAX_ERRORS: u32 = 20;

/// What the connection shall do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Reply(String),
    /// Reply, then TLS.
    StartTls,
    /// Reply 354, then read the message.
    ReadData,
    /// Read a chunk of so many bytes.
    ReadChunk {
        size: usize,
        last: bool,
    },
    /// Reply and close.
    Close(String),
}

/// How far authentication has come.
#[derive(Debug)]
enum Authentication {
    None,
    Failed(String),
    Done(Authenticated),
}

/// What the next line answers instead of being a command.
#[derive(Debug)]
enum Awaiting {
    Xoauth2,
    LoginName,
    LoginPassword(String),
    /// The empty line after a 334 with a refusal in it.
    ChallengeAnswer(String),
}

/// A message under way.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) from: String,
    pub(super) recipients: Vec<String>,
    parameters: BTreeMap<String, String>,
    recipient_parameters: Vec<BTreeMap<String, String>>,
    pub(super) chunks: Vec<u8>,
    /// More came than the server takes.
    pub(super) too_big: bool,
    binary: bool,
    chunked: bool,
}

impl Transaction {
    /// The envelope exactly as it was given.
    pub(super) fn envelope(self) -> Envelope {
        let Self { from, recipients: to, parameters, mut recipient_parameters, .. } = self;
        if recipient_parameters.iter().all(BTreeMap::is_empty) {
            recipient_parameters.clear();
        }
        Envelope { from, to, parameters, recipient_parameters }
    }
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Uuid,
    pub(super) host: String,
    pub(super) name: String,
    peer: String,
    started: OffsetDateTime,
    tls: bool,
    greeted: bool,
    authentication: Authentication,
    awaiting: Option<Awaiting>,
    transaction: Option<Transaction>,
    errors: u32,
}

impl Session {
    pub(super) fn new(peer: String, started: OffsetDateTime) -> Self {
        let part = crate::random::hex_upper(3);
        Self {
            id: Uuid::new_v4(),
            host: format!("SIM{part}CA0097.simprd01.prod.outlook.com"),
            name: format!("08DE{}", crate::random::hex_upper(6)),
            peer,
            started,
            tls: false,
            greeted: false,
            authentication: Authentication::None,
            awaiting: None,
            transaction: None,
            errors: 0,
        }
    }

    pub(super) fn greeting(&self, tenant: &Tenant) -> String {
        reply::greeting(&self.host, tenant.now(), &self.name)
    }

    /// What it is told when nothing came for too long.
    pub(super) fn idle(&self, now: OffsetDateTime) -> String {
        reply::idle(now - self.started)
    }

    /// TLS has begun: all that was said before is forgotten (RFC 3207, 4.2).
    pub(super) fn secured(&mut self) {
        self.tls = true;
        self.greeted = false;
        self.authentication = Authentication::None;
        self.awaiting = None;
        self.transaction = None;
    }

    pub(super) fn authenticated(&self) -> Option<&Authenticated> {
        match &self.authentication {
            Authentication::Done(who) => Some(who),
            _ => None,
        }
    }

    pub(super) fn take_transaction(&mut self) -> Transaction {
        self.transaction.take().unwrap_or_default()
    }

    /// Keeps a chunk; None: it was too much.
    pub(super) fn keep_chunk(&mut self, chunk: Option<Vec<u8>>) {
        let Some(transaction) = &mut self.transaction else { return };
        match chunk {
            Some(bytes) => transaction.chunks.extend(bytes),
            None => transaction.too_big = true,
        }
    }

    /// Bytes that further chunks may have.
    pub(super) fn room_for_chunks(&self) -> usize {
        self.transaction
            .as_ref()
            .map_or(0, |transaction| reply::SIZE.saturating_sub(transaction.chunks.len()))
    }

    /// Takes a line; the second value is what the request log shows of it.
    pub(super) fn line(&mut self, tenant: &Tenant, line: &str) -> (Step, Map<String, Value>) {
        let mut note = Map::new();
        let step = match self.awaiting.take() {
            Some(awaiting) => {
                note.insert("command".into(), json!("(answer to 334)"));
                self.continue_auth(tenant, awaiting, line, &mut note)
            }
            None => {
                let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
                let shown = if verb == "AUTH" {
                    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
                } else {
                    line.to_owned()
                };
                note.insert("command".into(), json!(shown));
                self.command(tenant, &verb, line.get(verb.len()..).unwrap_or_default().trim(), &mut note)
            }
        };
        (self.count_errors(step), note)
    }

    fn count_errors(&mut self, step: Step) -> Step {
        let Step::Reply(text) = &step else { return step };
        if text.starts_with('5') {
            self.errors += 1;
        }
        if self.errors > MAX_ERRORS { Step::Close(reply::TOO_MANY_ERRORS.into()) } else { step }
    }

    fn command(&mut self, tenant: &Tenant, verb: &str, rest: &str, note: &mut Map<String, Value>) -> Step {
        let say = |text: &str| Step::Reply(text.to_owned());
        if let Some(said) = said_to(tenant, verb) {
            return Step::Reply(said.into());
        }
        match verb {
            "EHLO" | "HELO" => self.hello(verb, rest),
            "NOOP" => say(reply::OK),
            "HELP" => say(reply::HELP),
            "VRFY" => say(reply::CANNOT_VERIFY),
            "QUIT" => Step::Close(reply::CLOSING.into()),
            "RSET" => {
                self.transaction = None;
                say(reply::RESET)
            }
            "STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "BDAT" if !self.greeted => say(reply::SAY_HELLO),
            "STARTTLS" if self.tls => say(reply::BAD_SEQUENCE),
            "STARTTLS" if !rest.is_empty() => say(reply::BAD_ARGUMENTS),
            "STARTTLS" => Step::StartTls,
            "AUTH" => self.auth(tenant, rest, note),
            "MAIL" => self.mail(tenant, rest),
            "RCPT" => Step::Reply(self.rcpt(tenant, rest)),
            "DATA" => self.data(rest),
            "BDAT" => self.bdat(rest),
            _ => Step::Reply(reply::unknown_command(verb)),
        }
    }

    fn hello(&mut self, verb: &str, name: &str) -> Step {
        if name.is_empty() {
            return Step::Reply(reply::BAD_ARGUMENTS.into());
        }
        self.greeted = true;
        self.transaction = None;
        Step::Reply(match verb {
            "EHLO" => {
                let offer = if self.tls { reply::Offer::Auth } else { reply::Offer::StartTls };
                reply::ehlo(&self.host, &self.peer, offer)
            }
            _ => format!("250 {} Hello [{}]", self.host, self.peer),
        })
    }

    fn auth(&mut self, tenant: &Tenant, rest: &str, note: &mut Map<String, Value>) -> Step {
        let say = |text: &str| Step::Reply(text.to_owned());
        if !self.tls {
            return say(reply::TLS_FIRST);
        }
        if self.authenticated().is_some() {
            return say(reply::ALREADY_AUTHENTICATED);
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        match (mechanism.to_ascii_uppercase().as_str(), initial.trim()) {
            ("XOAUTH2", "") => self.ask(Awaiting::Xoauth2, ""),
            ("XOAUTH2", encoded) => self.xoauth2(tenant, encoded, note),
            ("LOGIN", "") => self.ask(Awaiting::LoginName, "Username:"),
            ("LOGIN", name) => self.ask(Awaiting::LoginPassword(name.to_owned()), "Password:"),
            _ => say(reply::UNKNOWN_MECHANISM),
        }
    }

    fn ask(&mut self, awaiting: Awaiting, text: &str) -> Step {
        self.awaiting = Some(awaiting);
        Step::Reply(format!("334 {}", STANDARD.encode(text)))
    }

    fn continue_auth(
        &mut self,
        tenant: &Tenant,
        awaiting: Awaiting,
        line: &str,
        note: &mut Map<String, Value>,
    ) -> Step {
        match awaiting {
            Awaiting::ChallengeAnswer(reason) => self.refuse_auth(tenant, Refused(reason)),
            _ if line == "*" => Step::Reply(reply::AUTH_CANCELLED.into()),
            Awaiting::Xoauth2 => self.xoauth2(tenant, line, note),
            Awaiting::LoginName => self.ask(Awaiting::LoginPassword(line.to_owned()), "Password:"),
            Awaiting::LoginPassword(name) => {
                let decode = |text: &str| {
                    STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
                };
                let (name, password) = (decode(&name).unwrap_or_default(), decode(line).unwrap_or_default());
                note.insert("user".into(), json!(name));
                match xoauth2::judge_password(tenant, &name, &password) {
                    Ok(who) => self.accept_auth(tenant, who),
                    Err(refused) => self.refuse_auth(tenant, refused),
                }
            }
        }
    }

    fn xoauth2(&mut self, tenant: &Tenant, encoded: &str, note: &mut Map<String, Value>) -> Step {
        let given = Xoauth2::parse(encoded).inspect(|given| {
            note.insert("user".into(), json!(given.user));
            note.insert(
                "token".into(),
                json!(decode_unverified(&given.token).map(|token| token["claims"].clone())),
            );
        });
        let switches = tenant.lock().world.switches.clone();
        if let Some(said) = switches.smtp_says_at_auth {
            let reason = said.as_str().trim_start_matches("535 ").to_owned();
            self.authentication = Authentication::Failed(reason);
            return Step::Reply(said.into());
        }
        let judged = given
            .ok_or_else(|| Refused("5.7.3 Authentication unsuccessful".into()))
            .and_then(|given| xoauth2::judge(tenant, &given));
        match judged {
            Ok(who) => self.accept_auth(tenant, who),
            Err(refused) if switches.smtp_challenge => {
                let text =
                    json!({"status": "400", "schemes": "Bearer", "scope": "https://outlook.office.com/"})
                        .to_string();
                self.ask(Awaiting::ChallengeAnswer(refused.0), &text)
            }
            Err(refused) => self.refuse_auth(tenant, refused),
        }
    }

    fn accept_auth(&mut self, tenant: &Tenant, who: Authenticated) -> Step {
        tenant.lock().exchange.sessions.entry(who.mailbox).or_default().push(self.id);
        self.authentication = Authentication::Done(who);
        Step::Reply(reply::AUTHENTICATED.into())
    }

    fn refuse_auth(&mut self, tenant: &Tenant, refused: Refused) -> Step {
        let text = format!("535 {} {}", refused.0, self.bracket(tenant));
        self.authentication = Authentication::Failed(refused.0);
        Step::Reply(text)
    }

    fn mail(&mut self, tenant: &Tenant, rest: &str) -> Step {
        if !self.tls {
            return Step::Reply(reply::starttls_required(&self.bracket(tenant)));
        }
        match &self.authentication {
            Authentication::Done(_) => {}
            Authentication::None => return Step::Reply(reply::unauthenticated(None, &self.bracket(tenant))),
            Authentication::Failed(reason) => {
                return Step::Reply(reply::unauthenticated(Some(reason), &self.bracket(tenant)));
            }
        }
        if self.transaction.is_some() {
            return Step::Reply(reply::SENDER_GIVEN.into());
        }
        Step::Reply(match read_sender(rest) {
            Ok(transaction) => {
                self.transaction = Some(transaction);
                reply::SENDER_OK.into()
            }
            Err(text) => text.into(),
        })
    }

    /// The exact recipient is kept, with its DSN parameters (RFC 3461, 4).
    fn rcpt(&mut self, tenant: &Tenant, rest: &str) -> String {
        let Some(transaction) = &mut self.transaction else { return reply::NEED_MAIL.into() };
        if transaction.chunked {
            return reply::BAD_SEQUENCE.into();
        }
        let known = |name: &str| matches!(name, "NOTIFY" | "ORCPT");
        let Some((address, parameters)) = read_path(rest, "TO:").filter(|(address, _)| is_address(address))
        else {
            return reply::BAD_RECIPIENT.into();
        };
        if !parameters.iter().all(|(name, value)| known(name) && !value.is_empty()) {
            return reply::BAD_ARGUMENTS.into();
        }
        let mut state = tenant.lock();
        if transaction.recipients.len() >= state.world.switches.smtp_recipients_per_transaction as usize {
            return reply::TOO_MANY_RECIPIENTS.into();
        }
        if state.world.switches.steering_recipients
            && let Some(steering) = state.turns.take_at_recipient(&address)
        {
            return refused_recipient(steering);
        }
        transaction.recipients.push(address);
        transaction.recipient_parameters.push(parameters.into_iter().collect());
        reply::RECIPIENT_OK.into()
    }

    fn data(&mut self, rest: &str) -> Step {
        Step::Reply(match &self.transaction {
            _ if !rest.is_empty() => reply::BAD_ARGUMENTS.into(),
            None => reply::NEED_MAIL.into(),
            Some(transaction) if transaction.binary || transaction.chunked => reply::BAD_SEQUENCE.into(),
            Some(transaction) if transaction.recipients.is_empty() => reply::NEED_RCPT.into(),
            Some(_) => return Step::ReadData,
        })
    }

    /// RFC 3030, 2: the chunk follows at once, so a refusal has to read it, too.
    fn bdat(&mut self, rest: &str) -> Step {
        let mut words = rest.split_ascii_whitespace();
        let size = words.next().and_then(|size| size.parse::<usize>().ok());
        let last = match words.next() {
            None => Some(false),
            Some(word) => word.eq_ignore_ascii_case("LAST").then_some(true),
        };
        let (Some(size), Some(last)) = (size, last) else {
            // Where the next command begins is unknown now.
            return Step::Close(reply::BAD_ARGUMENTS.into());
        };
        if let Some(transaction) = &mut self.transaction {
            transaction.chunked = true;
        }
        Step::ReadChunk { size, last }
    }

    /// What a chunk is refused with, when nothing is there that it could belong to.
    pub(super) fn chunk_refusal(&self) -> Option<&'static str> {
        match &self.transaction {
            None => Some(reply::NEED_MAIL),
            Some(transaction) if transaction.recipients.is_empty() => Some(reply::NEED_RCPT),
            Some(_) => None,
        }
    }

    fn bracket(&self, tenant: &Tenant) -> String {
        reply::bracket(&self.host, tenant.now(), &self.name)
    }
}

/// What a switch says to this command.
fn said_to(tenant: &Tenant, verb: &str) -> Option<SaidReply> {
    let switches = &tenant.lock().world.switches;
    match verb {
        "EHLO" => switches.smtp_says_at_ehlo.clone(),
        "MAIL" => switches.smtp_says_at_mail.clone(),
        "RCPT" => switches.smtp_says_at_rcpt.clone(),
        _ => None,
    }
}

fn refused_recipient(steering: Steering) -> String {
    match steering {
        Steering::Code(code) => reply::with_code(code),
        Steering::Temporary => reply::NOT_NOW.into(),
        _ => reply::UNKNOWN_RECIPIENT.into(),
    }
}

fn read_sender(rest: &str) -> Result<Transaction, &'static str> {
    let (from, parameters) = read_path(rest, "FROM:").ok_or(reply::BAD_SENDER)?;
    if !from.is_empty() && !is_address(&from) {
        return Err(reply::BAD_SENDER);
    }
    let mut transaction = Transaction { from, ..Transaction::default() };
    for (name, value) in &parameters {
        match (name.as_str(), value.as_str()) {
            ("SIZE", size) => {
                let size: usize = size.parse().map_err(|_| reply::BAD_ARGUMENTS)?;
                if size > reply::SIZE {
                    return Err(reply::TOO_BIG);
                }
            }
            ("BODY", "7BIT" | "8BITMIME") | ("SMTPUTF8", "") => {}
            ("BODY", "BINARYMIME") => transaction.binary = true,
            ("RET" | "ENVID" | "AUTH", value) if !value.is_empty() => {}
            _ => return Err(reply::BAD_ARGUMENTS),
        }
    }
    transaction.parameters = parameters.into_iter().collect();
    Ok(transaction)
}
