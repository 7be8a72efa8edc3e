//! HTTPS to `--url` with a bearer token. Redirects aren't followed: the token goes to the address that
//! was given and nowhere else.

use http::{Response, header};
use http_body_util::BodyExt;
use reqwest::redirect;
use std::error::Error;
use std::time::Duration;
use url::Url;

use super::{Body, IDEMPOTENCY_KEY, Request};
use crate::cli::failure::Failure;
use crate::cli::password::Secret;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Network {
    url: Url,
    token: Secret,
    client: reqwest::Client,
}

impl Network {
    /// With `ca_pem` only that authority is trusted.
    pub(super) fn new(url: Url, token: Secret, ca_pem: Option<Vec<u8>>) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("postern/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT);
        if let Some(pem) = ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(no_authority)?;
            builder = builder.tls_certs_only(authorities);
        }
        let client = builder.build().map_err(|error| cannot_use_tls(&error))?;
        Ok(Self { url, token, client })
    }

    pub(super) async fn send(&self, request: Request) -> Result<Response<Body>, Failure> {
        let address = format!("{}{}", self.url.as_str().trim_end_matches('/'), request.path);
        let mut call = self
            .client
            .request(request.method, address)
            .bearer_auth(self.token.expose())
            .header(header::ACCEPT, request.accept);
        if let Some(key) = &request.idempotency_key {
            call = call.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(body) = &request.body {
            call = call.json(body);
        }
        let response = call.send().await.map_err(|error| self.cannot_reach(&error))?;
        let response: Response<reqwest::Body> = response.into();
        Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
    }

    fn cannot_reach(&self, error: &reqwest::Error) -> Failure {
        let why = innermost(error);
        let message = format!("can't reach {}: {why}", self.url);
        if why.to_ascii_lowercase().contains("certificate") {
            return Failure::new("tls_failed", message)
                .hint("name the authority that signed the server's certificate with --ca-file");
        }
        if error.is_timeout() {
            return Failure::new("timeout", message).hint("check the address and the network");
        }
        Failure::new("unreachable", message).hint("check the address, and that the server runs")
    }
}

fn no_authority() -> Failure {
    Failure::new("ca_unreadable", "the --ca-file holds no certificate")
        .hint("it must be a PEM file: -----BEGIN CERTIFICATE-----")
}

fn cannot_use_tls(error: &reqwest::Error) -> Failure {
    let why = innermost(error);
    Failure::new("tls_failed", format!("can't set up TLS: {why}"))
        .hint("name the authority that signed the server's certificate with --ca-file")
}

/// The outer errors only say that something failed.
fn innermost(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
