//! One line of set-up for mail: a tenant, a Postern with an account that sends, a door, and a device that knocks at it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use m365_sim::{Folder, Stored};
use postern::app::App;
use postern::queue::accept;
use postern::submitter_password;
use serde_json::{Value, json};
use store::queue::{MessageState, MessageStory};
use store::{AuditEntry, ForeignFrom, Outcome, SubmitterRow};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::house::House;

/// Who sends, and who gets it.
pub(crate) const MEGAN: &str = "megan@contoso.example";
pub(crate) const ANN: &str = "ann@fabrikam.example";
pub(crate) const BOB: &str = "bob@fabrikam.example";

/// What waits longer than this in a story never comes.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const DOOR: &str = "[[submission]]\nlisten = \"127.0.0.1:0\"\ntls = \"none\"\n";
const USER: &str = "nas";

/// A house with mail.
pub(crate) struct Post {
    pub(crate) house: House,
    pub(crate) password: String,
}

impl Post {
    /// Megan has signed in; her mail goes by Graph.
    pub(crate) async fn new() -> Self {
        Self::with(json!({}), "").await
    }

    /// The same by SMTP.
    pub(crate) async fn by_smtp() -> Self {
        Self::with(json!({ "transport": "smtp" }), "").await
    }

    /// The same with another account, and more configuration.
    pub(crate) async fn with(account: Value, sections: &str) -> Self {
        Self::set_up(account, &format!("{DOOR}{sections}")).await
    }

    /// The same, the door being among `sections`.
    pub(crate) async fn set_up(account: Value, sections: &str) -> Self {
        let house = House::configured("", sections).await;
        let as_application = account["sign_in"] == "application";
        house.account(account).await;
        match as_application {
            true => drop(house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201)),
            false => drop(house.authorize("mail", "megan").await),
        }
        let password = submitter_password::generate().to_string();
        let post = Self { house, password };
        post.enter(USER, |_| {}).await;
        post
    }

    /// Two nodes on one PostgreSQL; the account and the device are set up on the first.
    pub(crate) async fn two_nodes(account: Value, sections: &str) -> (Self, Self) {
        let sections = format!("{DOOR}{}{sections}", crate::postgres::section().await);
        let first = Self::set_up(account, &sections).await;
        let mut house = first.house.beside(&sections);
        house.start().await;
        let second = Self { house, password: first.password.clone() };
        (first, second)
    }

    /// How many tries to deliver a message this node has made.
    pub(crate) fn tries(&self) -> u64 {
        let mut text = String::new();
        self.app().queue.meter.write(&mut text);
        let counts = text.lines().filter(|line| line.starts_with("postern_attempts_total"));
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Waits until it is so: what one node does is seen by the other when it has been told.
    pub(crate) async fn until_so(what: &str, so: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !so().await {
            assert!(tokio::time::Instant::now() < deadline, "{what}: it never came so");
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.house.running().app
    }

    /// Enters a submitter with the device's password; `change` makes it another.
    pub(crate) async fn enter(&self, name: &str, change: impl FnOnce(&mut SubmitterRow)) -> SubmitterRow {
        let app = self.app();
        let now = app.now();
        let id = accept::new_id(now);
        let mut row = SubmitterRow {
            id,
            version: 1,
            name: name.to_owned(),
            description: String::new(),
            user_name: Some(name.to_owned()),
            secret: Some(submitter_password::seal_generated(&app.vault, id, &self.password)),
            token_hash: None,
            networks: Vec::new(),
            uids: Vec::new(),
            senders: Vec::new(),
            foreign_from: ForeignFrom::Rewrite,
            account_id: None,
            rate_per_minute: None,
            is_enabled: true,
            created_at: now,
            updated_at: now,
            last_used_at: None,
        };
        change(&mut row);
        let row = app.store.submitters().insert(&row, &entry(app, "submitter.add", name)).await.unwrap();
        app.events.tell("submitters", &row.id.to_string(), "created");
        app.queue.directory.forget();
        row
    }

    /// A device at the door, logged in.
    pub(crate) async fn device(&self) -> Device {
        let mut device = Device::knock(self.house.running().submission[0]).await;
        device.log_in(USER, &self.password).await;
        device
    }

    /// Hands over a small message of the usual form; returns its id.
    pub(crate) async fn send(&self, to: &[&str]) -> Uuid {
        self.device().await.send(MEGAN, to, &letter(&to.join(", "))).await
    }

    /// What arrived there.
    pub(crate) fn inbox(&self, address: &str) -> Vec<Stored> {
        self.house.sim.messages(address, Folder::Inbox)
    }

    /// The story of a message, as soon as it stands there.
    pub(crate) async fn until(&self, id: Uuid, state: MessageState) -> MessageStory {
        self.until_story(id, |story| story.row.state == state).await
    }

    /// The story of a message, as soon as it is so.
    pub(crate) async fn until_story(&self, id: Uuid, so: impl Fn(&MessageStory) -> bool) -> MessageStory {
        let mut events = self.app().events.listen();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let story = self.story(id).await;
            if so(&story) {
                return story;
            }
            // Too many events at once are as good as one.
            if tokio::time::timeout_at(deadline, events.recv()).await.is_err() {
                panic!("it never came so: {story:#?}");
            }
        }
    }

    pub(crate) async fn story(&self, id: Uuid) -> MessageStory {
        self.app().store.queue().show(id).await.unwrap().expect("the message is known")
    }

    /// The story of a message, as soon as an attempt has ended.
    pub(crate) async fn until_tried(&self, id: Uuid) -> MessageStory {
        self.until_story(id, |story| story.attempts.iter().any(|one| one.ended_at.is_some())).await
    }

    /// Waits until all that was handed over has been sent.
    pub(crate) async fn until_empty(&self) {
        let mut events = self.app().events.listen();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let counts = self.app().store.queue().counts().await.unwrap();
            if counts.iter().all(|count| count.messages == 0) {
                return;
            }
            if tokio::time::timeout_at(deadline, events.recv()).await.is_err() {
                panic!("something is left: {counts:?}");
            }
        }
    }

    /// At the end of a story the queue is empty.
    pub(crate) async fn finish(self) {
        self.until_empty().await;
        self.stop().await;
    }

    /// The end of a story in which something ended badly on purpose.
    pub(crate) async fn stop(mut self) {
        self.house.stop().await;
    }
}

/// What the audit log says of a deed of the story's.
pub(crate) fn entry(app: &App, action: &str, target: &str) -> AuditEntry {
    AuditEntry {
        at: app.now(),
        actor: "story".to_owned(),
        source: "story".to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        outcome: Outcome::Done,
        code: None,
        detail: Value::Null,
    }
}

/// A message from Megan, `to` in its header.
pub(crate) fn letter(to: &str) -> String {
    format!(
        "From: Megan <{MEGAN}>\r\nTo: {to}\r\nSubject: the backup ran\r\nMessage-ID: <{}@nas>\r\n\
         Date: Sun, 22 Nov 2026 00:00:00 +0000\r\n\r\nAll is well.\r\n",
        Uuid::new_v4().simple()
    )
}

/// The Message-ID of what [`letter`] wrote.
pub(crate) fn id_of(mime: &[u8]) -> String {
    let text = String::from_utf8_lossy(mime).into_owned();
    let line = text.lines().find(|line| line.starts_with("Message-ID:")).expect("it has a Message-ID");
    line["Message-ID:".len()..].trim().to_owned()
}

/// A device: speaks SMTP as they do, and believes every reply.
pub(crate) struct Device {
    stream: BufReader<TcpStream>,
}

impl Device {
    pub(crate) async fn knock(door: SocketAddr) -> Self {
        let mut device = Self { stream: BufReader::new(TcpStream::connect(door).await.unwrap()) };
        let greeting = device.read().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        device.expect("EHLO nas.contoso.example", "250").await;
        device
    }

    pub(crate) async fn log_in(&mut self, user: &str, password: &str) {
        let reply = self.try_log_in(user, password).await;
        assert!(reply.starts_with("235"), "{reply}");
    }

    pub(crate) async fn try_log_in(&mut self, user: &str, password: &str) -> String {
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        self.say(&format!("AUTH PLAIN {plain}")).await
    }

    /// Hands a message over; returns its id.
    pub(crate) async fn send(&mut self, from: &str, to: &[&str], mime: &str) -> Uuid {
        let reply = self.offer(from, to, mime).await;
        let id = reply.strip_prefix("250 2.0.0 Accepted as ").unwrap_or_else(|| panic!("{reply}"));
        id.trim().parse().unwrap()
    }

    /// Hands a message over; returns the reply that decides.
    pub(crate) async fn offer(&mut self, from: &str, to: &[&str], mime: &str) -> String {
        let reply = self.say(&format!("MAIL FROM:<{from}>")).await;
        if !reply.starts_with("250") {
            return reply;
        }
        for to in to {
            // With parameters: `<a@b> NOTIFY=SUCCESS`.
            let path = if to.starts_with('<') { (*to).to_owned() } else { format!("<{to}>") };
            self.expect(&format!("RCPT TO:{path}"), "250").await;
        }
        let reply = self.say("DATA").await;
        if !reply.starts_with("354") {
            return reply;
        }
        let stuffed = mime.replace("\r\n.", "\r\n..");
        self.stream.write_all(stuffed.as_bytes()).await.unwrap();
        self.say(".").await
    }

    pub(crate) async fn expect(&mut self, command: &str, code: &str) -> String {
        let reply = self.say(command).await;
        assert!(reply.starts_with(code), "{command}: {reply}");
        reply
    }

    pub(crate) async fn say(&mut self, command: &str) -> String {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        self.read().await
    }

    /// A whole reply; its last line is returned.
    async fn read(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stream.read_line(&mut line).await.unwrap(), 0, "the door was shut");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }
}
