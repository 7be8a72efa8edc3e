//! Options that every command knows, before or after its verb: which server, and in which form to print.

use std::path::PathBuf;
use url::Url;

use super::failure::Failure;
use super::files;
use super::password::Secret;

/// Where a server keeps its data when nobody says otherwise.
pub(crate) const DEFAULT_DATA_DIR: &str = "/var/lib/postern";
/// A token or an address of a certificate authority is never larger.
const TOKEN_LIMIT_BYTES: u64 = 4096;
const CA_LIMIT_BYTES: u64 = 1024 * 1024;

/// The global options, as given.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Data directory of the server [env: POSTERN_DATA_DIR] [default: /var/lib/postern]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Talk to a server by its address instead, for example https://mail-gate.example.com:4443 [env: POSTERN_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<Url>,
    /// File that holds the API token for --url [env: POSTERN_TOKEN holds the token itself]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// PEM file of the certificate authority that vouches for --url
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print JSON; a refusal too, as the last line on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The server a command talks to.
#[derive(Debug)]
pub(crate) enum Target {
    /// Through `admin.sock` in this data directory.
    DataDir(PathBuf),
    Address {
        url: Url,
        token: Secret,
        ca_pem: Option<Vec<u8>>,
    },
}

impl Globals {
    /// An option wins over the environment; of two in the environment the address wins.
    ///
    /// # Errors
    /// Options that contradict each other, an address that would show the token to others, files
    /// that can't be read.
    pub(crate) fn target(&self, var: &dyn Fn(&str) -> Option<String>) -> Result<Target, Failure> {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        if self.url.is_some() && self.data_dir.is_some() {
            return Err(Failure::usage("--url and --data-dir name two servers").hint("give the one you mean"));
        }
        let url = match (&self.url, &self.data_dir) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(_)) => None,
            (None, None) => var("POSTERN_URL").map(|text| parse_url(&text)).transpose()?,
        };
        match url {
            Some(url) => self.address(url, var("POSTERN_TOKEN")),
            None => Ok(Target::DataDir(self.data_dir_or(var("POSTERN_DATA_DIR")))),
        }
    }

    fn data_dir_or(&self, from_environment: Option<String>) -> PathBuf {
        self.data_dir
            .clone()
            .or(from_environment.map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR))
    }

    fn address(&self, url: Url, from_environment: Option<String>) -> Result<Target, Failure> {
        check_url(&url)?;
        let token = match (&self.token_file, from_environment) {
            (Some(path), _) => {
                String::from_utf8_lossy(&files::read(path, TOKEN_LIMIT_BYTES)?).trim().to_owned()
            }
            (None, Some(token)) => token.trim().to_owned(),
            (None, None) => {
                return Err(Failure::usage("--url needs an API token")
                    .hint("add --token-file FILE or set POSTERN_TOKEN; `postern token create` makes one"));
            }
        };
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::new("token_unreadable", "this is not an API token")
                .hint("a token is one line that begins with pst_"));
        }
        let ca_pem = self.ca_file.as_deref().map(|path| files::read(path, CA_LIMIT_BYTES)).transpose()?;
        Ok(Target::Address { url, token: Secret::new(token), ca_pem })
    }
}

fn parse_url(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|error| Failure::usage(format!("POSTERN_URL is not an address: {error}")))
}

/// A token goes over TLS, or stays on this machine (RFC 6750, section 5.2).
fn check_url(url: &Url) -> Result<(), Failure> {
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" if url.host().is_some() => Ok(()),
        "http" if local => Ok(()),
        "http" => Err(Failure::usage(
            "--url must begin with https://, because the token would be readable on the way",
        )
        .hint("for example --url https://mail-gate.example.com:4443")),
        _ => Err(Failure::usage(format!("{url} is not a server's address"))
            .hint("for example --url https://mail-gate.example.com:4443")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(globals: &Globals, vars: &[(&str, &str)]) -> Result<Target, Failure> {
        globals
            .target(&|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn with_url(url: &str) -> Globals {
        Globals { url: Some(url.parse().unwrap()), ..Globals::default() }
    }

    #[test]
    fn the_data_directory_is_the_option_then_the_environment_then_the_default() {
        let folder = |found: Result<Target, Failure>| match found.unwrap() {
            Target::DataDir(path) => path.display().to_string(),
            other @ Target::Address { .. } => panic!("{other:?}"),
        };
        let given = Globals { data_dir: Some("/a".into()), ..Globals::default() };
        let environment = [("POSTERN_DATA_DIR", "/b"), ("POSTERN_URL", "https://gate.example")];
        assert_eq!(folder(target(&given, &environment)), "/a");
        assert_eq!(folder(target(&Globals::default(), &environment[..1])), "/b");
        assert_eq!(folder(target(&Globals::default(), &[("POSTERN_DATA_DIR", "")])), DEFAULT_DATA_DIR);
    }

    #[test]
    fn an_address_needs_a_token_and_does_not_show_it() {
        let missing = target(&with_url("https://gate.example"), &[]).unwrap_err();
        assert_eq!(missing.exit_code(), 2);
        let found = target(&with_url("https://gate.example"), &[("POSTERN_TOKEN", "pst_abc\n")]).unwrap();
        let Target::Address { token, .. } = &found else { panic!("{found:?}") };
        assert_eq!(token.expose(), "pst_abc");
        assert!(!format!("{found:?}").contains("pst_abc"));
    }

    #[test]
    fn a_token_never_goes_over_plain_http_to_another_machine() {
        let token = [("POSTERN_TOKEN", "pst_abc")];
        for url in ["http://gate.example", "ftp://gate.example", "http://10.0.0.1"] {
            assert_eq!(target(&with_url(url), &token).unwrap_err().exit_code(), 2);
        }
        for url in ["http://127.0.0.1:4443", "http://localhost", "http://[::1]:1"] {
            assert!(target(&with_url(url), &token).is_ok());
        }
    }

    #[test]
    fn two_servers_at_once_are_refused() {
        let both = Globals { data_dir: Some("/a".into()), ..with_url("https://gate.example") };
        assert_eq!(target(&both, &[]).unwrap_err().exit_code(), 2);
    }
}
