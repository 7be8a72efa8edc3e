//! One line of set-up: a simulated tenant, a Postern on free ports in a temporary directory, and those who ask it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use m365_sim::{Sim, SimOptions, World};
use postern::clock::Clock;
use postern::config::{self, Overrides};
use postern::serve::{self, Running};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::person::Person;

/// A file of the fixtures that `certs` is judged by.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../certs/tests/fixtures");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

/// When the fixtures were made.
pub(crate) const FIXTURE_TIME: OffsetDateTime = time::macros::datetime!(2026-11-21 08:00 UTC);

/// The simulated tenant's cloud in the configuration.
pub(crate) const CLOUD: &str = "lab";

/// A tenant and a Postern that serves it.
pub(crate) struct House {
    pub(crate) sim: Arc<Sim>,
    pub(crate) folder: TempDir,
    /// By which clock Postern lives: so many seconds ahead of the real one.
    ahead_seconds: Arc<AtomicI64>,
    running: Option<Running>,
}

impl House {
    /// The demo tenant and a Postern with nothing in it.
    pub(crate) async fn new() -> Self {
        Self::configured("", "").await
    }

    /// The same with Postern's clock at a given time. Only for those at the socket: to others its certificate is of that time.
    pub(crate) async fn at(now: OffsetDateTime) -> Self {
        let mut house = Self::stopped("", "").await;
        house.advance(now - OffsetDateTime::now_utc());
        house.start().await;
        house
    }

    /// The same with more configuration: keys for the top of the file and sections for its end.
    pub(crate) async fn configured(top: &str, sections: &str) -> Self {
        let mut house = Self::stopped(top, sections).await;
        house.start().await;
        house
    }

    /// Everything is there but a running Postern.
    pub(crate) async fn stopped(top: &str, sections: &str) -> Self {
        let redirects = ["https://localhost:4443/authorize", "https://127.0.0.1:4443/authorize"];
        let options = SimOptions { world: World::demo(&redirects), ..SimOptions::default() };
        let sim = Arc::new(Sim::start(options).await.unwrap());
        let house =
            Self { sim, folder: tempfile::tempdir().unwrap(), ahead_seconds: Arc::default(), running: None };
        house.write("lab-ca.pem", house.sim.ca_pem.as_bytes());
        house.configure(top, sections);
        house
    }

    /// A second Postern for this one's tenant, by this one's clock and with this one's master key; it doesn't run yet.
    pub(crate) fn beside(&self, sections: &str) -> Self {
        let house = Self {
            sim: Arc::clone(&self.sim),
            folder: tempfile::tempdir().unwrap(),
            ahead_seconds: Arc::clone(&self.ahead_seconds),
            running: None,
        };
        house.write("lab-ca.pem", house.sim.ca_pem.as_bytes());
        house.configure("", sections);
        std::fs::create_dir(house.data()).unwrap();
        std::fs::set_permissions(house.data(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        std::fs::copy(self.data().join("master.key"), house.data().join("master.key")).unwrap();
        house
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, top: &str, sections: &str) {
        let (folder, https, smtp) = (self.folder.path().display(), &self.sim.https_url, &self.sim.smtp_addr);
        let text = format!(
            "data_dir = \"{folder}/data\"\ntrusted_roots = \"built_in\"\n{top}\n\
             [[cloud]]\nname = \"{CLOUD}\"\nlogin = \"{https}\"\ngraph = \"{https}\"\n\
             outlook_scope = \"https://outlook.office.com\"\noutlook_app_scope = \"https://outlook.office365.com\"\n\
             smtp = \"{smtp}\"\nca_file = \"{folder}/lab-ca.pem\"\n{sections}\n"
        );
        self.write("postern.toml", text.as_bytes());
    }

    /// Starts Postern.
    pub(crate) async fn start(&mut self) {
        self.running = Some(self.try_start().await.unwrap());
    }

    /// Starts Postern, if it will.
    pub(crate) async fn try_start(&self) -> anyhow::Result<Running> {
        let overrides = Overrides::default();
        let mut config = config::load(Some(&self.folder.path().join("postern.toml")), [], overrides)?;
        if config.console.listen.port() == config::DEFAULT_CONSOLE_PORT {
            config.console.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        }
        let ahead = Arc::clone(&self.ahead_seconds);
        let now = move || OffsetDateTime::now_utc() + time::Duration::seconds(ahead.load(Ordering::Relaxed));
        serve::start(config, Clock::from_fn(now)).await
    }

    /// The sentence with which Postern refuses to start.
    pub(crate) async fn refuse_to_start(&self) -> String {
        match self.try_start().await {
            Ok(_) => panic!("Postern started"),
            Err(error) => format!("{error:#}"),
        }
    }

    /// Stops Postern.
    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    /// Stops Postern and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// Postern's time.
    pub(crate) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + time::Duration::seconds(self.ahead_seconds.load(Ordering::Relaxed))
    }

    /// Moves Postern's clock; the tenant's stays.
    pub(crate) fn advance(&self, by: time::Duration) {
        self.ahead_seconds.fetch_add(by.whole_seconds(), Ordering::Relaxed);
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Puts a file beside the data directory.
    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.running().console.port()
    }

    /// `https://localhost:PORT`.
    pub(crate) fn console(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// The administrator of this machine, at the socket.
    pub(crate) fn local(&self) -> Caller {
        let client = Client::builder().unix_socket(self.running().admin_socket.clone()).build().unwrap();
        Caller { client, base: "http://localhost".to_owned(), token: None }
    }

    /// Somebody at the console's address, who trusts its certificate, without a token.
    pub(crate) fn stranger(&self) -> Caller {
        Caller { client: self.https_client(), base: self.console(), token: None }
    }

    /// Somebody with a token of this role; `name` is the token's.
    pub(crate) async fn holder(&self, name: &str, role: &str) -> Caller {
        let made = self.local().post("/api/v1/tokens", json!({ "name": name, "role": role })).await;
        let token = made.done(201)["token"].as_str().unwrap().to_owned();
        Caller { token: Some(token), ..self.stranger() }
    }

    /// Trusts the console and the tenant; follows nothing by itself.
    pub(crate) fn https_client(&self) -> Client {
        self.https_builder().build().unwrap()
    }

    /// The same, to be completed.
    pub(crate) fn https_builder(&self) -> reqwest::ClientBuilder {
        let console = self.running().certificate_pem.clone().unwrap_or_default();
        let trusted = [self.sim.ca_pem.as_str(), console.as_str()];
        let trusted = trusted.iter().filter(|pem| !pem.is_empty());
        Client::builder()
            .tls_certs_only(trusted.map(|pem| Certificate::from_pem(pem.as_bytes()).unwrap()))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
    }

    /// Generates a certificate of this name and uploads it to the tenant's application.
    pub(crate) async fn certificate(&self, name: &str) -> Value {
        let made =
            self.local().post("/api/v1/certificates/generate", json!({ "name": name })).await.done(201);
        self.upload(name).await;
        made
    }

    /// Uploads a stored certificate's public part to the tenant's application, in place of the others.
    pub(crate) async fn upload(&self, name: &str) {
        let pem = self.local().get(&format!("/api/v1/certificates/{name}/download?format=pem")).await;
        assert_eq!(pem.status, 200);
        let client_id = self.sim.world().apps[0].client_id;
        let address = format!("{}/apps/{client_id}", self.sim.control_url);
        let body = json!({ "certificates": [pem.text()] });
        let answer =
            Client::builder().no_proxy().build().unwrap().put(address).json(&body).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// What an account of the tenant's application needs, by secret; the members of `given` instead of the usual.
    #[expect(clippy::needless_pass_by_value, reason = "callers write the JSON in place")]
    pub(crate) fn account_form(&self, given: Value) -> Value {
        let world = self.sim.world();
        let mut form = json!({
            "name": "mail", "cloud": CLOUD, "tenant_id": world.tenant.id, "client_id": world.apps[0].client_id,
            "credential": { "kind": "secret", "secret": world.apps[0].secrets[0].value },
        });
        for (name, value) in given.as_object().unwrap() {
            form[name] = value.clone();
        }
        form
    }

    /// Adds an account of the tenant's application.
    pub(crate) async fn account(&self, given: Value) -> Value {
        self.local().post("/api/v1/accounts", self.account_form(given)).await.done(201)
    }

    /// The account as it is now.
    pub(crate) async fn look_at(&self, account: &str) -> Value {
        self.local().get(&format!("/api/v1/accounts/{account}")).await.done(200)
    }

    /// Puts a file under a name; `given` adds to the form.
    pub(crate) async fn import(&self, name: &str, file: &[u8], given: Value) -> Answer {
        let mut form = json!({ "name": name, "file": STANDARD.encode(file) });
        for (name, value) in given.as_object().unwrap() {
            form[name] = value.clone();
        }
        self.local().post("/api/v1/certificates/import", form).await
    }

    /// Lets a user of the tenant sign in for the account, and confirms it.
    pub(crate) async fn authorize(&self, account: &str, user: &str) -> Value {
        let flow =
            self.local().post(&format!("/api/v1/accounts/{account}/authorize"), json!({})).await.done(201);
        let mut person = Person::new(self, user);
        let brought = person.sign_in(flow["url"].as_str().unwrap()).await;
        person.bring(&brought).await;
        self.local().post(&format!("/api/v1/accounts/{account}/confirm"), json!({})).await.done(200)
    }

    /// Name and password of a user of the demo tenant.
    pub(crate) fn user(&self, name: &str) -> (String, String) {
        let users = self.sim.world().users;
        let user = users.iter().find(|user| user.upn.starts_with(name)).unwrap();
        (user.upn.clone(), user.password.clone())
    }

    /// Names in a list of the API.
    pub(crate) async fn names(&self, list: &str) -> Vec<String> {
        let list = self.local().get(&format!("/api/v1/{list}")).await.done(200);
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The audit log, newest first, as `action outcome code`.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let log = self.local().get("/api/v1/audit?limit=500").await.done(200);
        let word = |item: &Value, name: &str| item[name].as_str().unwrap_or("-").to_owned();
        let line = |item: &Value| {
            format!("{} {} {}", word(item, "action"), word(item, "outcome"), word(item, "code"))
        };
        log["items"].as_array().unwrap().iter().map(line).collect()
    }
}

/// Somebody who asks Postern.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) token: Option<String>,
}

impl Caller {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Answer::read(request.send().await.unwrap()).await
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// The JSON of an answer with this status; an empty body is null.
    #[track_caller]
    pub(crate) fn done(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }

    /// The problem document of a refusal, which must be complete.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("urn:postern:problem:{code}"), "{problem}");
        for member in ["title", "detail", "hint"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        problem
    }
}
