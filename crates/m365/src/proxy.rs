//! The way out through an HTTP proxy.
//!
//! Its password is a secret like any other: it is kept apart from the address, which alone is shown.
//! Neighbour: `connection`.

use std::fmt;
use std::str::FromStr;

use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::secret::Secret;

/// How requests find their way out.
#[derive(Debug, Clone, Default)]
pub enum ProxyChoice {
    /// As `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// Never through a proxy.
    Direct,
    /// Through this one.
    Through(Proxy),
}

/// One HTTP proxy: `http://user:password@proxy.example:3128`.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: Url,
    login: Option<(String, Secret)>,
    except: Option<String>,
}

/// Why a text isn't a proxy. It never repeats the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// Not an address at all.
    #[error("the proxy isn't an address of the form http://host:port")]
    Malformed,
    /// SOCKS and others.
    #[error("the proxy must begin with http:// or https://")]
    Scheme,
    /// More than host and port.
    #[error("the proxy must be host and port only, without a path")]
    Path,
}

impl Proxy {
    /// Hosts that are reached directly, in the form of `NO_PROXY`: names, suffixes, addresses, networks.
    #[must_use]
    pub fn except(self, hosts: impl Into<String>) -> Self {
        Self { except: Some(hosts.into()), ..self }
    }

    /// The same choice for what reqwest doesn't carry.
    pub(crate) fn to_matcher(&self) -> Matcher {
        let mut address = self.address.clone();
        if let Some((user, password)) = &self.login {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            // An http address has a host, so it can have both.
            let _ = address.set_username(&encode(user));
            let _ = address.set_password(Some(&encode(password.expose())));
        }
        let exceptions = self.except.clone().unwrap_or_default();
        Matcher::builder().all(address.to_string()).no(exceptions).build()
    }

    pub(crate) fn to_reqwest(&self) -> reqwest::Result<reqwest::Proxy> {
        let exceptions = self.except.as_deref().and_then(reqwest::NoProxy::from_string);
        let proxy = reqwest::Proxy::all(self.address.clone())?.no_proxy(exceptions);
        Ok(match &self.login {
            Some((user, password)) => proxy.basic_auth(user, password.expose()),
            None => proxy,
        })
    }
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let mut address = Url::parse(text).map_err(|_| InvalidProxy::Malformed)?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(InvalidProxy::Scheme);
        }
        if address.path() != "/" || address.query().is_some() || address.fragment().is_some() {
            return Err(InvalidProxy::Path);
        }
        let login = read_login(&address);
        address.set_username("").expect("an http address has a host");
        address.set_password(None).expect("an http address has a host");
        Ok(Self { address, login, except: None })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.address.as_str().trim_end_matches('/'))
    }
}

/// User and password stand percent-encoded in an address (RFC 3986 §3.2.1).
fn read_login(address: &Url) -> Option<(String, Secret)> {
    if address.username().is_empty() && address.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = Secret::new(decode(address.password().unwrap_or_default()));
    Some((decode(address.username()), password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_kept_apart_and_never_shown() {
        let proxy: Proxy = "http://ann:p%40ss%2Fword@proxy.example:3128".parse().unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.example:3128");
        let (user, password) = proxy.login.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("ann", "p@ss/word"));
        let shown = format!("{proxy:?}");
        assert!(!shown.contains("p@ss") && !shown.contains("p%40ss"), "{shown}");
    }

    #[test]
    fn each_wrong_proxy_has_its_sentence_without_the_password() {
        for (text, why) in [
            ("proxy", InvalidProxy::Malformed),
            ("socks5://u:geheim@proxy:1080", InvalidProxy::Scheme),
            ("http://u:geheim@proxy:1/path", InvalidProxy::Path),
        ] {
            let refusal = text.parse::<Proxy>().unwrap_err();
            assert_eq!(refusal, why);
            assert!(!refusal.to_string().contains("geheim"));
        }
    }
}
