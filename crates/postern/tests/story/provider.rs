//! A scripted OpenID provider and Graph on loopback, whose every secret is known: it tells what it was sent, and lies in
//! the ID token when it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// What is wrong with the token answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// A claim of the ID token has this value; null takes it away.
    Claim(&'static str, Value),
    /// The ID token's signature fits another text.
    Signature,
    /// The ID token claims this algorithm.
    Algorithm(&'static str),
    /// The ID token is signed with a key that isn't published.
    Key,
    /// The callback names this issuer (RFC 9207).
    CallbackIssuer(String),
    /// A member of the answer is missing.
    Without(&'static str),
}

/// The provider.
pub(crate) struct Provider {
    pub(crate) url: String,
    script: Arc<Script>,
}

struct Script {
    url: String,
    key: KeyPair,
    lie: Mutex<Lie>,
    nonce: Mutex<String>,
    /// The fields of each request for tokens.
    asked: Mutex<Vec<BTreeMap<String, String>>>,
    /// Codes and tokens that were given out.
    given: Mutex<Vec<String>>,
}

/// The client ID that it knows.
pub(crate) const CLIENT_ID: &str = "postern-gate";

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Script {
            url: url.clone(),
            key: KeyPair::generate(KeySize::Rsa2048).unwrap(),
            lie: Mutex::new(Lie::None),
            nonce: Mutex::default(),
            asked: Mutex::default(),
            given: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/v1.0/me", get(me))
            .route("/v1.0/me/licenseDetails", get(licences))
            .route("/v1.0/me/sendMail", post(http::StatusCode::ACCEPTED))
            .with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    /// Its section of the configuration: the cloud `idp`.
    pub(crate) fn section(&self) -> String {
        let url = &self.url;
        format!(
            "[[cloud]]\nname = \"idp\"\ndiscovery = \"{url}/.well-known/openid-configuration\"\ngraph = \"{url}\"\n\
             outlook_scope = \"https://outlook.office.com\"\noutlook_app_scope = \"https://outlook.office365.com\"\n\
             smtp = \"localhost:1\"\n"
        )
    }

    pub(crate) fn lie(&self, lie: Lie) {
        *self.script.lie.lock().unwrap() = lie;
    }

    /// The value of a field in each request for tokens that had it.
    pub(crate) fn asked(&self, field: &str) -> Vec<String> {
        self.script.asked.lock().unwrap().iter().filter_map(|request| request.get(field).cloned()).collect()
    }

    /// Every code and token that it has given out.
    pub(crate) fn given(&self) -> Vec<String> {
        self.script.given.lock().unwrap().clone()
    }
}

impl Script {
    fn give(&self, what: &str) -> String {
        let mut bytes = [0_u8; 24];
        aws_lc_rs::rand::fill(&mut bytes).unwrap();
        let text = format!("{what}-{}", URL_SAFE_NO_PAD.encode(bytes));
        self.given.lock().unwrap().push(text.clone());
        text
    }

    fn id_token(&self, lie: &Lie) -> String {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let nonce = self.nonce.lock().unwrap().clone();
        let mut claims = json!({ "iss": self.url, "aud": CLIENT_ID, "sub": "subject-1", "iat": now, "exp": now + 3600,
            "nonce": nonce, "preferred_username": "scanner@idp.example" });
        if let Lie::Claim(name, value) = lie {
            claims[name] = value.clone();
            claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
        let algorithm = if let Lie::Algorithm(name) = lie { name } else { "RS256" };
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!(
            "{}.{}",
            encode(&json!({ "alg": algorithm, "kid": if *lie == Lie::Key { "other" } else { "key-1" } })),
            encode(&claims)
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed = if *lie == Lie::Signature { "another text" } else { &text };
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        let signature = if algorithm == "none" { Vec::new() } else { signature };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn discovery(State(script): State<Arc<Script>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", script.url);
    Json(
        json!({ "issuer": script.url, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"), "jwks_uri": at("keys") }),
    )
}

async fn keys(State(script): State<Arc<Script>>) -> Json<Value> {
    let public = script.key.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (public.modulus(), public.exponent());
    Json(json!({ "keys": [{ "kty": "RSA", "use": "sig", "kid": "key-1",
        "n": number(n.big_endian_without_leading_zero()), "e": number(e.big_endian_without_leading_zero()) }] }))
}

/// Everybody is signed in already and consents.
async fn authorize(
    State(script): State<Arc<Script>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Redirect {
    script.nonce.lock().unwrap().clone_from(&query["nonce"]);
    let code = script.give("code");
    let issuer = match &*script.lie.lock().unwrap() {
        Lie::CallbackIssuer(issuer) => format!("&iss={issuer}"),
        _ => String::new(),
    };
    Redirect::to(&format!("{}?code={code}&state={}{issuer}", query["redirect_uri"], query["state"]))
}

async fn token(
    State(script): State<Arc<Script>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> impl IntoResponse {
    let lie = script.lie.lock().unwrap().clone();
    let scope = form.get("scope").cloned().unwrap_or_default();
    script.asked.lock().unwrap().push(form);
    let mut answer = json!({ "token_type": "Bearer", "expires_in": 3600, "scope": scope, "access_token": script.give("access"),
        "refresh_token": script.give("refresh"), "id_token": script.id_token(&lie) });
    if let Lie::Without(member) = lie {
        answer.as_object_mut().unwrap().remove(member);
    }
    Json(answer)
}

async fn me() -> Json<Value> {
    Json(json!({ "id": "1", "userPrincipalName": "scanner@idp.example", "mail": "scanner@idp.example" }))
}

async fn licences() -> Json<Value> {
    Json(json!({ "value": [] }))
}
