//! Under which names the console may be addressed, and who really asks when a reverse proxy stands in front.
//!
//! A request for another host is refused with 421 (RFC 9110, section 15.5.20), so that a foreign name pointed at this
//! address (DNS rebinding) reaches nothing. Forwarded headers count only when the connection comes from a configured
//! proxy.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use url::Url;

use crate::config::Config;
use crate::listener::Peer;
use crate::problem::{Problem, shown};

/// The names and proxies of the configuration, with the port that the listener really got.
#[derive(Debug, Clone)]
pub struct Hosts {
    allowed: Vec<String>,
    trusted_proxies: Vec<IpAddr>,
    redirect_uris: Vec<Url>,
    public_url: Option<Url>,
}

/// Where a request came from, for the audit log: an address, or `admin.sock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source(pub String);

/// The host by which a request reached us, as `host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachedAs(pub Option<String>);

/// The path that a sign-in's redirect ends at.
const AUTHORIZE_PATH: &str = "authorize";

impl Hosts {
    /// From the configuration and the console's actual port.
    pub fn new(config: &Config, port: u16) -> Self {
        let mut allowed: Vec<String> = vec!["localhost".into(), "127.0.0.1".into()];
        allowed.extend(config.names.iter().map(|name| name.as_str().to_owned()));
        let mut bases: Vec<Url> = allowed.iter().filter_map(|name| base(name, port)).collect();
        if let Some(url) = &config.public_url {
            allowed.extend(url.host_str().map(str::to_ascii_lowercase));
            bases.insert(0, url.clone());
        }
        let mut redirect_uris: Vec<Url> =
            bases.iter().filter_map(|base| base.join(AUTHORIZE_PATH).ok()).collect();
        let mut seen = std::collections::HashSet::new();
        redirect_uris.retain(|uri| seen.insert(uri.as_str().to_owned()));
        let trusted_proxies = config.trusted_proxies.clone();
        Self { allowed, trusted_proxies, redirect_uris, public_url: config.public_url.clone() }
    }

    /// The redirect URIs that may be registered, the public one first.
    pub fn redirect_uris(&self) -> &[Url] {
        &self.redirect_uris
    }

    /// The address under which the console is known outside, when one is configured.
    pub fn public_url(&self) -> Option<&Url> {
        self.public_url.as_ref()
    }

    /// The name by which this machine introduces itself: the public one, else a configured one, else localhost.
    pub fn own_name(&self) -> &str {
        let public = self.public_url.as_ref().and_then(Url::host_str);
        public.or_else(|| self.allowed.get(2).map(String::as_str)).unwrap_or("localhost")
    }

    /// Where the first administrator is made: under the name by which this machine introduces itself.
    pub fn setup_url(&self) -> Url {
        let own = self.redirect_uris.iter().find(|uri| uri.host_str() == Some(self.own_name()));
        let base = own.or(self.redirect_uris.first()).expect("localhost is always among them");
        base.join("setup").expect("a path joins to an address")
    }

    /// Whether a page of `origin` (RFC 6454, section 6.2) is one of this console's, reached as the request was.
    pub fn is_own_origin(&self, origin: &str, reached_as: &ReachedAs) -> bool {
        let Ok(origin) = Url::parse(origin).map(|url| url.origin()) else { return false };
        let reached = reached_as.0.as_deref().and_then(|host| Url::parse(&format!("https://{host}")).ok());
        origin.is_tuple()
            && [reached.as_ref(), self.public_url()].into_iter().flatten().any(|own| own.origin() == origin)
    }

    /// The names that the console's own certificate must carry.
    pub fn names(&self) -> &[String] {
        &self.allowed
    }

    /// The redirect URI for a flow: the one asked for if it is ours, else the one that fits how the request came.
    pub fn choose_redirect(&self, asked: Option<&str>, reached_as: &ReachedAs) -> Result<Url, Problem> {
        match asked {
            Some(asked) => {
                self.redirect_uris.iter().find(|uri| uri.as_str() == asked).cloned().ok_or_else(|| {
                    let ours: Vec<&str> = self.redirect_uris.iter().map(Url::as_str).collect();
                    Problem::new(
                        "redirect_not_ours",
                        format!("The redirect URI {} does not lead to this Postern.", shown(asked)),
                        format!(
                            "Use one of {}; set public_url or names in the configuration for another host.",
                            ours.join(", ")
                        ),
                    )
                })
            }
            None => Ok(self.fitting_redirect(reached_as)),
        }
    }

    fn fitting_redirect(&self, reached_as: &ReachedAs) -> Url {
        let by_host = reached_as.0.as_deref().and_then(|host| {
            let wanted = Url::parse(&format!("https://{host}/{AUTHORIZE_PATH}")).ok()?;
            self.redirect_uris.iter().find(|uri| **uri == wanted).cloned()
        });
        by_host.unwrap_or_else(|| self.redirect_uris.first().expect("localhost is always among them").clone())
    }

    fn allows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        self.allowed.contains(&name)
    }
}

fn base(name: &str, port: u16) -> Option<Url> {
    Url::parse(&format!("https://{name}:{port}/")).ok()
}

/// Refuses foreign hosts and notes where the request came from and how it reached us.
pub async fn check(State(hosts): State<Arc<Hosts>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let Some(Peer::Network(address)) = peer else {
        request.extensions_mut().insert(Source("admin.sock".to_owned()));
        request.extensions_mut().insert(ReachedAs(None));
        return next.run(request).await;
    };
    let (source, host) = whereabouts(&hosts, address, &request);
    // Probes reach a container by its address; these two routes say yes or no and nothing else.
    let probe = matches!(request.uri().path(), "/healthz" | "/readyz");
    if probe || host.as_deref().is_some_and(|host| hosts.allows(host)) {
        request.extensions_mut().insert(Source(source));
        request.extensions_mut().insert(ReachedAs(host));
        return next.run(request).await;
    }
    refuse(host.as_deref()).into_response()
}

fn refuse(host: Option<&str>) -> Problem {
    Problem::new(
        "misdirected",
        format!("This Postern does not answer for the host {}.", shown(host.unwrap_or_default())),
        "Use the address in public_url, localhost or 127.0.0.1, or add the name to names in the configuration.",
    )
}

fn whereabouts(hosts: &Hosts, address: SocketAddr, request: &Request) -> (String, Option<String>) {
    let peer_ip = address.ip().to_canonical();
    let own_host = || {
        let by_header = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
        by_header.map(str::to_owned).or_else(|| request.uri().authority().map(ToString::to_string))
    };
    if !hosts.trusted_proxies.contains(&peer_ip) {
        return (peer_ip.to_string(), own_host());
    }
    let forwarded_for =
        last_listed(request.headers(), "x-forwarded-for").and_then(|text| text.parse::<IpAddr>().ok());
    let forwarded_host = last_listed(request.headers(), "x-forwarded-host");
    (forwarded_for.unwrap_or(peer_ip).to_string(), forwarded_host.or_else(own_host))
}

/// The last value of a list header: the one that the trusted proxy itself wrote.
fn last_listed(headers: &HeaderMap, name: &str) -> Option<String> {
    let last = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next().map(|value| value.trim().to_owned())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(extra: &str) -> Hosts {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postern.toml");
        std::fs::write(&path, extra).unwrap();
        let config = crate::config::load(Some(&path), [], crate::config::Overrides::default()).unwrap();
        Hosts::new(&config, 4443)
    }

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(axum::body::Body::empty()).unwrap()
    }

    #[test]
    fn the_redirect_uris_are_the_documented_ones_with_the_public_one_first() {
        let hosts = hosts("public_url = 'https://gate.example'\nnames = ['10.1.2.3']\n");
        let uris: Vec<&str> = hosts.redirect_uris().iter().map(Url::as_str).collect();
        assert_eq!(
            uris,
            [
                "https://gate.example/authorize",
                "https://localhost:4443/authorize",
                "https://127.0.0.1:4443/authorize",
                "https://10.1.2.3:4443/authorize"
            ]
        );
    }

    #[test]
    fn a_flow_returns_to_the_host_it_was_started_from() {
        let hosts = hosts("");
        let via =
            |host: &str| hosts.choose_redirect(None, &ReachedAs(Some(host.into()))).unwrap().to_string();
        assert_eq!(via("127.0.0.1:4443"), "https://127.0.0.1:4443/authorize");
        assert_eq!(via("other.example"), "https://localhost:4443/authorize");
        let refused =
            hosts.choose_redirect(Some("https://evil.example/authorize"), &ReachedAs(None)).unwrap_err();
        assert_eq!(refused.code(), "redirect_not_ours");
    }

    #[test]
    fn the_set_up_link_leads_to_the_name_that_others_know() {
        assert_eq!(hosts("").setup_url().as_str(), "https://localhost:4443/setup");
        assert_eq!(hosts("names = ['10.1.2.3']").setup_url().as_str(), "https://10.1.2.3:4443/setup");
        let public = hosts("public_url = 'https://gate.example'\nnames = ['10.1.2.3']\n");
        assert_eq!(public.setup_url().as_str(), "https://gate.example/setup");
    }

    #[test]
    fn only_the_consoles_own_pages_are_its_own() {
        let hosts = hosts("public_url = 'https://gate.example'");
        let own = |origin: &str, host: &str| hosts.is_own_origin(origin, &ReachedAs(Some(host.to_owned())));
        assert!(own("https://localhost:4443", "localhost:4443"));
        assert!(own("https://gate.example", "10.0.0.1:4443"), "behind a proxy that changes the host");
        for foreign in ["null", "", "https://evil.example", "http://localhost:4443", "https://localhost"] {
            assert!(!own(foreign, "localhost:4443"), "{foreign}");
        }
    }

    #[test]
    fn forwarded_headers_count_only_from_a_trusted_proxy() {
        let hosts = hosts("trusted_proxies = ['192.0.2.1']\nnames = ['gate.example']\n");
        let forwarded = request(&[
            ("host", "10.0.0.1"),
            ("x-forwarded-host", "gate.example"),
            ("x-forwarded-for", "6.6.6.6, 198.51.100.7"),
        ]);
        let from = |address: &str| whereabouts(&hosts, address.parse().unwrap(), &forwarded);
        assert_eq!(from("192.0.2.1:5"), ("198.51.100.7".into(), Some("gate.example".into())));
        assert_eq!(from("203.0.113.9:5"), ("203.0.113.9".into(), Some("10.0.0.1".into())));
    }

    #[test]
    fn only_known_hosts_are_answered_for() {
        let hosts = hosts("names = ['Gate.Example']\n");
        for good in ["localhost", "LOCALHOST:4443", "127.0.0.1:1", "gate.example:4443"] {
            assert!(hosts.allows(good), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "[::1]:4443"] {
            assert!(!hosts.allows(bad), "{bad}");
        }
    }
}
