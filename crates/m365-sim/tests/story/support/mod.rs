//! A running simulator with a client that trusts it, and the words of its stories.

mod browser;
mod key;
mod smtp;

pub(crate) use browser::{Browser, Page};
pub(crate) use key::{Assertion, TestKey, decode, encodings};
pub(crate) use smtp::{Dialog, xoauth2};

use m365_sim::{Sim, SimOptions, World};
use reqwest::{Certificate, Client, header::HeaderMap};
use serde_json::{Value, json};

pub(crate) const REDIRECT: &str = "https://localhost:4443/authorize";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(crate) const OUTLOOK_APP: &str = "https://outlook.office365.com/.default";
pub(crate) const OUTLOOK_SMTP: &str = "https://outlook.office.com/SMTP.Send";
pub(crate) const SIGN_IN: &str = "openid profile offline_access https://graph.microsoft.com/User.Read https://graph.microsoft.com/Mail.Send";

/// An answer of the token endpoint, of Graph or of the control port.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// Asserts a refusal of Entra: status, `error`, and the specific code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, error: &str, code: u32) {
        let codes = self.body["error_codes"].as_array().cloned().unwrap_or_default();
        assert_eq!(codes.last(), Some(&json!(code)), "{}", self.body);
        assert_eq!((self.status, self.text("error")), (status, error), "{}", self.body);
        let lead = format!("AADSTS{}: ", codes[0]);
        let description = self.text("error_description");
        assert!(description.starts_with(&lead) && description.contains(" Trace ID: "), "{description}");
    }

    /// Asserts a refusal of Graph.
    #[track_caller]
    pub(crate) fn denied(&self, status: u16, code: &str) {
        let got = self.body["error"]["code"].as_str().unwrap_or_default();
        assert_eq!((self.status, got), (status, code), "{}", self.body);
    }

    #[track_caller]
    pub(crate) fn access_token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.text("access_token").to_owned()
    }
}

pub(crate) struct Lab {
    pub(crate) sim: Sim,
    pub(crate) http: Client,
    pub(crate) tenant: String,
    pub(crate) client: String,
    pub(crate) secret: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Lab {
    /// The demo tenant.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The demo tenant with a change.
    pub(crate) async fn start_with(change: impl FnOnce(&mut World)) -> Self {
        let mut world = World::demo(&[REDIRECT]);
        change(&mut world);
        let sim = Sim::start(SimOptions { world: world.clone(), ..SimOptions::default() }).await.unwrap();
        let authority = Certificate::from_pem(sim.ca_pem.as_bytes()).unwrap();
        let http = Client::builder()
            .tls_certs_only([authority])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let (app, user) = (&world.apps[0], &world.users[0]);
        Self {
            http,
            tenant: world.tenant.id.to_string(),
            client: app.client_id.to_string(),
            secret: app.secrets[0].value.clone(),
            user: user.upn.clone(),
            password: user.password.clone(),
            sim,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.sim.https_url, self.tenant)
    }

    pub(crate) fn token_endpoint(&self) -> String {
        self.url("oauth2/v2.0/token")
    }

    /// Posts to the token endpoint with exactly these fields.
    pub(crate) async fn post(&self, fields: &[(&str, &str)]) -> Reply {
        self.post_to(&self.token_endpoint(), fields).await
    }

    pub(crate) async fn post_to(&self, url: &str, fields: &[(&str, &str)]) -> Reply {
        Reply::read(self.http.post(url).form(fields).send().await.unwrap()).await
    }

    /// Posts to the token endpoint, with client id and secret added.
    pub(crate) async fn ask(&self, fields: &[(&str, &str)]) -> Reply {
        let own = [("client_id", self.client.as_str()), ("client_secret", self.secret.as_str())];
        self.post(&[&own, fields].concat()).await
    }

    pub(crate) async fn app_token(&self, scope: &str) -> String {
        self.ask(&[("grant_type", "client_credentials"), ("scope", scope)]).await.access_token()
    }

    pub(crate) async fn redeem(&self, code: &str, scope: &str) -> Reply {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("scope", scope),
        ];
        self.ask(&fields).await
    }

    pub(crate) async fn refresh(&self, token: &str, scope: &str) -> Reply {
        self.ask(&[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
    }

    /// Signs users[0] in and redeems the code for Graph.
    pub(crate) async fn signed_in(&self, scope: &str) -> Reply {
        let mut browser = Browser::new(self);
        let code = browser.code(scope, &self.user, &self.password).await;
        let graph: Vec<&str> = scope.split(' ').filter(|one| !one.contains("outlook")).collect();
        let reply = self.redeem(&code, &graph.join(" ")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply
    }

    pub(crate) async fn graph_get(&self, path: &str, token: &str) -> Reply {
        let url = format!("{}/v1.0/{path}", self.sim.https_url);
        Reply::read(self.http.get(url).bearer_auth(token).send().await.unwrap()).await
    }

    pub(crate) async fn graph_post(
        &self,
        path: &str,
        token: &str,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let url = format!("{}/v1.0/{path}", self.sim.https_url);
        let request = self.http.post(url).bearer_auth(token).header("content-type", kind).body(body);
        Reply::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn control_get(&self, path: &str) -> Reply {
        Reply::read(self.http.get(format!("{}{path}", self.sim.control_url)).send().await.unwrap()).await
    }

    pub(crate) async fn control_put(&self, path: &str, body: &Value) -> Reply {
        self.control_send(reqwest::Method::PUT, path, body).await
    }

    pub(crate) async fn control_send(&self, method: reqwest::Method, path: &str, body: &Value) -> Reply {
        let request = self.http.request(method, format!("{}{path}", self.sim.control_url));
        Reply::read(request.json(body).send().await.unwrap()).await
    }

    #[track_caller]
    pub(crate) fn switch(&self, change: impl FnOnce(&mut m365_sim::world::Switches)) {
        self.sim.change_world(|world| change(&mut world.switches));
    }
}
