//! The main job, walked without a person, every way there is: by certificate and by secret, delegated and application,
//! Graph and SMTP. It uses the REST API as the command line does, and believes nothing: what arrives in the mailbox is
//! compared with what was sent.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::anyhow;
use serde::Serialize;
use serde_json::{Value, json};

use super::browser::{Browser, words_of};
use super::mailbox::{Arrived, Control, Sent};
use super::{Demo, Facts};
use crate::cli::client::{Client, path};
use crate::cli::failure::Failure;
use crate::cli::globals::Target;

/// How the tour ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    Failed,
}

/// A step that was walked.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) step: &'static str,
    #[serde(skip)]
    pub(crate) title: String,
    #[serde(flatten)]
    way: Option<Way>,
    pub(crate) ok: bool,
    pub(crate) took_ms: u64,
    pub(crate) detail: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) fix: Option<String>,
}

/// One of the eight combinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Way {
    credential: Credential,
    sign_in: SignIn,
    transport: Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Credential {
    Certificate,
    Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum SignIn {
    Delegated,
    Application,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Transport {
    Graph,
    Smtp,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy)]
enum Task {
    Generate,
    Upload,
    AddAccount(Way),
    Authorize(Way),
    Send(Way),
    Compare(Way),
}

/// Why a step failed: what happened, what it means, what to do.
#[derive(Debug, Default)]
struct Trouble {
    detail: String,
    code: Option<String>,
    cause: Option<String>,
    fix: Option<String>,
}

/// A tour under way.
pub(crate) struct Tour<'a> {
    demo: &'a Demo,
    client: Client,
    control: Control,
    tasks: VecDeque<Task>,
    /// Ids and names of what the tour makes; unique in the data directory.
    certificate: String,
    account: String,
    message_id: String,
    prefix: String,
}

impl<'a> Tour<'a> {
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn new(demo: &'a Demo) -> Result<Self, Failure> {
        let control = Control::new(&demo.facts().control).map_err(|error| Failure::of_start(&error))?;
        Ok(Self {
            demo,
            client: Client::new(Target::DataDir(demo.facts().data_dir.clone().into()))?,
            control,
            tasks: plan(),
            certificate: String::new(),
            account: String::new(),
            message_id: String::new(),
            prefix: "tour".to_owned(),
        })
    }

    /// What lies in the mailbox that the tour sends to.
    pub(crate) async fn mailbox(&self) -> Result<(&str, Vec<Arrived>), Failure> {
        let owner = self.demo.recipient();
        let arrived = self.control.list(owner).await.map_err(|error| Failure::of_start(&error))?;
        Ok((owner, arrived))
    }

    /// What comes next, in words; `None` at the end.
    pub(crate) fn next_title(&self) -> Option<String> {
        self.tasks.front().map(|task| task.title().to_owned())
    }

    /// Walks the next step.
    ///
    /// # Panics
    /// After the end: [`Tour::next_title`] says when that is.
    pub(crate) async fn walk_on(&mut self) -> Step {
        let task = self.tasks.pop_front().expect("next_title said that there is a step");
        let begun = Instant::now();
        let ended = self.walk(task).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (ok, trouble) = match ended {
            Ok(detail) => (true, Trouble { detail, ..Trouble::default() }),
            Err(trouble) => (false, trouble),
        };
        Step {
            step: task.name(),
            title: task.title().to_owned(),
            way: task.way(),
            ok,
            took_ms,
            detail: Some(trouble.detail).filter(|detail| !detail.is_empty()),
            code: trouble.code,
            cause: trouble.cause,
            fix: trouble.fix,
        }
    }

    async fn walk(&mut self, task: Task) -> Result<String, Trouble> {
        match task {
            Task::Generate => self.generate().await,
            Task::Upload => self.upload().await,
            Task::AddAccount(way) => self.add_account(way).await,
            Task::Authorize(way) => self.authorize(way).await,
            Task::Send(_) => self.send().await,
            Task::Compare(way) => self.compare(way).await,
        }
    }

    async fn generate(&mut self) -> Result<String, Trouble> {
        self.prefix = self.find_free_prefix().await?;
        let body = json!({ "name": self.prefix, "description": "made by the tour" });
        let made = self.client.post("/certificates/generate", body).await?;
        self.certificate = string(&made, "id");
        Ok(format!("thumbprint {}", string(&made, "thumbprint_sha1")))
    }

    /// A named data directory may hold what an earlier tour left.
    async fn find_free_prefix(&self) -> Result<String, Trouble> {
        let mut taken: Vec<String> = Vec::new();
        for list in ["/certificates", "/accounts"] {
            let listed = self.client.fetch_all(list, &[], usize::MAX).await?;
            taken.extend(listed.entries.iter().map(|entry| string(entry, "name")));
        }
        let is_free = |prefix: &String| !taken.iter().any(|name| name.starts_with(prefix.as_str()));
        let numbered = (2..).map(|number| format!("tour{number}"));
        let mut candidates = std::iter::once("tour".to_owned()).chain(numbered);
        Ok(candidates.find(is_free).expect("numbers don't run out"))
    }

    async fn upload(&self) -> Result<String, Trouble> {
        let address = path(&["certificates", &self.certificate, "download"]);
        let pem = self.client.fetch_bytes(&format!("{address}?format=pem")).await?;
        let client_id = &self.facts().client_id;
        self.control.upload_certificate(client_id, &String::from_utf8_lossy(&pem)).await?;
        Ok("app registration > Certificates & secrets > Upload certificate".to_owned())
    }

    async fn add_account(&mut self, way: Way) -> Result<String, Trouble> {
        let facts = self.facts();
        let credential = match way.credential {
            Credential::Certificate => json!({ "kind": "certificate", "certificate": self.certificate }),
            Credential::Secret => json!({ "kind": "secret", "secret": facts.client_secret }),
        };
        let mut body = json!({
            "name": format!("{}-{}", self.prefix, way.slug()), "cloud": facts.cloud, "tenant_id": facts.tenant_id,
            "client_id": facts.client_id, "credential": credential, "sign_in": way.sign_in, "transport": way.transport,
        });
        if way.sign_in == SignIn::Application {
            body["from"] = json!(self.sender());
        }
        let added = self.client.post("/accounts", body).await?;
        self.account = string(&added, "name");
        Ok(format!("account {}", self.account))
    }

    async fn authorize(&self, way: Way) -> Result<String, Trouble> {
        let address = path(&["accounts", &self.account, "authorize"]);
        let flow = self.client.post(&address, json!({})).await?;
        if way.sign_in == SignIn::Application {
            return self.expect_status(&flow, "confirmed").map(|()| "a token was obtained".to_owned());
        }
        let mut browser = Browser::new(self.demo.trusted_pem())?;
        let browsed = browser.sign_in(&string(&flow, "url"), &self.facts().users[0]).await;
        let address = path(&["authorizations", &string(&flow, "id")]);
        let flow = self.client.fetch(&address).await?;
        if flow["status"] == "waiting" {
            let page = browsed?;
            return Err(
                anyhow!("the sign-in ended at {}: {}", page.address.path(), words_of(&page.text)).into()
            );
        }
        // What the flow says of its failure is more than the page that the browser saw.
        self.expect_status(&flow, "pending")?;
        let user = string(&flow["found"], "user");
        if !user.eq_ignore_ascii_case(self.sender()) {
            return Err(anyhow!("{} signed in, and {user} was found", self.sender()).into());
        }
        let flow = self.client.post(&format!("{address}/confirm"), json!({})).await?;
        self.expect_status(&flow, "confirmed")?;
        Ok(format!("{user} signed in, and it was confirmed"))
    }

    fn expect_status(&self, flow: &Value, status: &str) -> Result<(), Trouble> {
        if flow["status"] == status {
            return Ok(());
        }
        let failure = &flow["failure"];
        Err(Trouble {
            detail: format!("the sign-in is {}, not {status}", string(flow, "status")),
            code: option(failure, "code"),
            cause: option(failure, "message"),
            fix: option(failure, "hint"),
        })
    }

    async fn send(&mut self) -> Result<String, Trouble> {
        let body = json!({ "to": self.recipient(), "account": self.account });
        let mut events = self.client.post_for_events("/test-email", body).await?;
        while let Some(event) = events.next().await? {
            if event.name != "report" {
                continue;
            }
            self.message_id = string(&event.data, "message_id");
            return read_report(&event.data);
        }
        Err(anyhow!("the test mail never reported").into())
    }

    async fn compare(&self, way: Way) -> Result<String, Trouble> {
        let sent = Sent {
            message_id: &self.message_id,
            account: &self.account,
            from: self.sender(),
            to: self.recipient(),
            via: match way.transport {
                Transport::Graph => "graph-mime",
                Transport::Smtp => "smtp",
            },
        };
        self.control.compare(&sent).await?;
        Ok(format!("{} in the mailbox of {}", self.message_id, sent.to))
    }

    fn facts(&self) -> &'a Facts {
        self.demo.facts()
    }

    /// The one who has all that is needed.
    fn sender(&self) -> &'a str {
        &self.facts().users[0].upn
    }

    /// Another one, who has a mailbox: mail that went back to its sender would prove little.
    fn recipient(&self) -> &'a str {
        self.demo.recipient()
    }
}

fn read_report(report: &Value) -> Result<String, Trouble> {
    let stages = report["stages"].as_array().map_or(&[][..], Vec::as_slice);
    if report["ok"] == true {
        let walked = stages.iter().filter(|stage| stage["skipped"] != true);
        let names: Vec<String> = walked.map(|stage| string(stage, "name")).collect();
        return Ok(format!("{}: all well", names.join(", ")));
    }
    let failed = stages.iter().find(|stage| stage["ok"] == false && stage["skipped"] != true);
    let failed = failed.unwrap_or(&Value::Null);
    Err(Trouble {
        detail: format!("{}: {}", string(failed, "name"), string(failed, "detail")),
        code: option(failed, "code"),
        cause: option(failed, "cause"),
        fix: option(failed, "fix"),
    })
}

/// The certificate first, then every way from an account to the mailbox.
fn plan() -> VecDeque<Task> {
    let mut tasks = VecDeque::from([Task::Generate, Task::Upload]);
    for credential in [Credential::Certificate, Credential::Secret] {
        for sign_in in [SignIn::Delegated, SignIn::Application] {
            for transport in [Transport::Graph, Transport::Smtp] {
                let way = Way { credential, sign_in, transport };
                tasks.extend([
                    Task::AddAccount(way),
                    Task::Authorize(way),
                    Task::Send(way),
                    Task::Compare(way),
                ]);
            }
        }
    }
    tasks
}

impl Step {
    /// The group the step belongs to.
    pub(crate) fn heading(&self) -> String {
        self.way.map_or_else(|| "Certificate".to_owned(), Way::heading)
    }
}

impl Task {
    const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Upload => "upload",
            Self::AddAccount(_) => "add_account",
            Self::Authorize(_) => "authorize",
            Self::Send(_) => "test_email",
            Self::Compare(_) => "mailbox",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Generate => "Generate a certificate",
            Self::Upload => "Upload its public part to the tenant",
            Self::AddAccount(_) => "Set up the account",
            Self::Authorize(_) => "Authorize",
            Self::Send(_) => "Send the test mail",
            Self::Compare(_) => "Compare what arrived with what was sent",
        }
    }

    const fn way(self) -> Option<Way> {
        match self {
            Self::Generate | Self::Upload => None,
            Self::AddAccount(way) | Self::Authorize(way) | Self::Send(way) | Self::Compare(way) => Some(way),
        }
    }
}

impl Way {
    fn heading(self) -> String {
        let credential = match self.credential {
            Credential::Certificate => "Client certificate",
            Credential::Secret => "Client secret",
        };
        let sign_in = match self.sign_in {
            SignIn::Delegated => "delegated sign-in",
            SignIn::Application => "application sign-in",
        };
        let transport = match self.transport {
            Transport::Graph => "Graph",
            Transport::Smtp => "SMTP",
        };
        format!("{credential}, {sign_in}, {transport}")
    }

    /// For the account's name: `certificate-delegated-graph`.
    fn slug(self) -> String {
        let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
        [word(json!(self.credential)), word(json!(self.sign_in)), word(json!(self.transport))].join("-")
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { detail: failure.message, code: Some(failure.code), cause: None, fix: failure.hint }
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self { detail: format!("{error:#}"), ..Self::default() }
    }
}

fn string(value: &Value, name: &str) -> String {
    option(value, name).unwrap_or_default()
}

fn option(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}
