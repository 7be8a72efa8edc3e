//! What the process is told before it starts: one TOML file, the environment and the command line, in rising order
//! of precedence. What an administrator changes at run time lives in the database, never here.
//!
//! Every key that is not inside an array can be given as an environment variable: `[console] listen` is
//! `POSTERN_CONSOLE__LISTEN`. A list is written with commas there. Relative paths are relative to `data_dir`.

mod mail;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use store::Location;
use url::Url;

pub use self::mail::{ListenerTls, MailLimits, QueueConfig, SubmissionListener};
use self::mail::{RawLimits, RawQueue, RawSubmission};

/// Where the data lives when nobody says otherwise.
pub const DEFAULT_DATA_DIR: &str = "/var/lib/postern";
/// The console's port; the redirect URIs that administrators register are made with it.
pub const DEFAULT_CONSOLE_PORT: u16 = 4443;
const DEFAULT_DATABASE: &str = "sqlite:postern.db";

/// The configuration as the program uses it: complete, checked, every path absolute or relative to the working
/// directory.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the database, the sockets and the keys.
    pub data_dir: PathBuf,
    /// The address under which administrators reach the console, when it is not the listener's own.
    pub public_url: Option<Url>,
    /// Further host names under which the console may be addressed.
    pub names: Vec<HostName>,
    /// Addresses of reverse proxies whose forwarded headers count.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// The HTTPS listener.
    pub console: Console,
    /// The doors for devices.
    pub submission: Vec<SubmissionListener>,
    /// What is too much.
    pub limits: MailLimits,
    /// How patient the queue is and what it keeps.
    pub queue: QueueConfig,
    /// The database.
    pub database: Location,
    /// File of the master key, made on first start.
    pub master_key_file: PathBuf,
    /// The master key itself, when the environment carries it.
    pub master_key: Option<MasterKeyText>,
    /// The proxy for all calls to Microsoft; the usual environment variables count when there is none.
    pub proxy: Option<ProxyConfig>,
    /// Whose certification authorities calls to Microsoft trust.
    pub trusted_roots: TrustedRoots,
    /// Clouds besides the built-in ones.
    pub clouds: Vec<CloudConfig>,
}

/// The console's HTTPS listener.
#[derive(Debug, Clone)]
pub struct Console {
    /// Address and port; TLS always.
    pub listen: SocketAddr,
    /// Certificate chain and key in PEM; without them a self-signed certificate is made.
    pub tls_files: Option<TlsFiles>,
}

/// A certificate chain and its key, both PEM, reloaded when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Chain, leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1 key.
    pub key: PathBuf,
}

/// Whose certification authorities are trusted, besides a cloud's own `ca_file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustedRoots {
    /// The system's store.
    #[default]
    System,
    /// Mozilla's list, built into the program: for systems without a store.
    BuiltIn,
}

/// The HTTP proxy for calls to Microsoft. Its password never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    /// `http://` or `https://`, with user and password where the proxy asks for them.
    pub url: Url,
    /// Hosts that are reached without it, separated by commas.
    pub no_proxy: Option<String>,
}

impl std::fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProxyConfig({}://{})", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }
}

/// The master key as text, from the environment. Prints as `<redacted>`.
#[derive(Clone)]
pub struct MasterKeyText(zeroize::Zeroizing<String>);

impl MasterKeyText {
    /// The text, for the one place that parses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for MasterKeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

/// A host name or IP literal under which the console may be addressed, lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name as it stands in a `Host` header, without the port.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match url::Host::parse(text) {
            Ok(host) => Ok(Self(host.to_string().to_ascii_lowercase())),
            Err(_) => {
                Err(format!("{text:?} is not a host name; give the name alone, without https:// and port"))
            }
        }
    }
}

/// One `[[cloud]]`: a set of endpoints that stands in for Microsoft's (product contract, section 8).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudConfig {
    /// The name accounts refer to.
    pub name: String,
    /// Base address of the login service.
    pub login: Option<String>,
    /// Base address of Microsoft Graph.
    pub graph: Option<String>,
    /// Scope prefix of Exchange for delegated sign-in.
    pub outlook_scope: Option<String>,
    /// Scope prefix of Exchange for application sign-in.
    pub outlook_app_scope: Option<String>,
    /// Host and port of SMTP AUTH.
    pub smtp: Option<String>,
    /// PEM file of the roots that this cloud's certificates come from.
    pub ca_file: Option<PathBuf>,
    /// A plain OpenID provider's discovery document, in place of Entra.
    pub discovery: Option<String>,
}

/// What `serve` was told on the command line; each wins over the environment and the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--listen`, or `--port` of the demo.
    pub listen: Option<SocketAddr>,
}

/// Why the process cannot start as configured. Each says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {path}: {source}", path = path.display())]
    Unreadable {
        /// The file that was named.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key or a value of the wrong kind.
    #[error("{path}, line {line}: {message}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line of the offending key, from 1.
        line: usize,
        /// What is wrong, with the key's name.
        message: String,
    },
    /// A variable does not fit its key.
    #[error("environment variable {variable}: {message}")]
    Variable {
        /// Its name.
        variable: String,
        /// What is wrong.
        message: String,
    },
    /// The database's address is none that can be opened.
    #[error("[database] url: {0}")]
    Database(#[from] store::LocationError),
    /// Values that are each fine and don't go together.
    #[error("{0}")]
    Contradiction(String),
}

/// Reads the configuration: `file` (if given), then `environment` over it, then `overrides` over both.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: Overrides,
) -> Result<Config, ConfigError> {
    let mut raw = match file {
        None => RawConfig::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
            parse_file(path, &text)?
        }
    };
    overlay_environment(&mut raw, environment)?;
    if overrides.data_dir.is_some() {
        raw.data_dir = overrides.data_dir;
    }
    if let Some(listen) = overrides.listen {
        raw.console.listen = Some(listen);
    }
    complete(raw)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    data_dir: Option<PathBuf>,
    #[serde(deserialize_with = "read_url")]
    public_url: Option<Url>,
    names: Option<Vec<String>>,
    trusted_proxies: Option<Vec<std::net::IpAddr>>,
    trusted_roots: TrustedRoots,
    console: RawConsole,
    submission: Vec<RawSubmission>,
    limits: RawLimits,
    queue: RawQueue,
    database: RawDatabase,
    secrets: RawSecrets,
    proxy: RawProxy,
    cloud: Vec<CloudConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawConsole {
    listen: Option<SocketAddr>,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawDatabase {
    url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawSecrets {
    master_key_file: Option<PathBuf>,
    // Only the environment may carry it: a configuration file is copied, mailed and committed.
    #[serde(skip)]
    master_key: Option<String>,
}

impl std::fmt::Debug for RawSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawProxy {
    #[serde(deserialize_with = "read_url")]
    url: Option<Url>,
    no_proxy: Option<String>,
}

impl std::fmt::Debug for RawProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

fn parse_file(path: &Path, text: &str) -> Result<RawConfig, ConfigError> {
    let invalid = |key: &str, error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        let line = text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
        let message = error.message().trim();
        // Where the file isn't TOML there is no key; an unknown key is named in the message.
        let message = match key.is_empty() || key == "." || message.starts_with("unknown field") {
            true => message.to_owned(),
            false => format!("{key}: {message}"),
        };
        ConfigError::Invalid { path: path.to_owned(), line, message }
    };
    let document = toml::Deserializer::parse(text).map_err(|error| invalid("", &error))?;
    serde_path_to_error::deserialize(document)
        .map_err(|error| invalid(&error.path().to_string(), error.inner()))
}

/// Variables that belong to the command line's client, not to the server.
const CLIENT_VARIABLES: [&str; 4] = ["POSTERN_URL", "POSTERN_TOKEN", "POSTERN_TOKEN_FILE", "POSTERN_CA_FILE"];

fn overlay_environment(
    raw: &mut RawConfig,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let variables: BTreeMap<String, String> =
        environment.into_iter().filter(|(name, _)| name.starts_with("POSTERN_")).collect();
    for (variable, value) in variables {
        let key = variable.trim_start_matches("POSTERN_").to_ascii_lowercase().replace("__", ".");
        let known = set(raw, &key, &value)
            .map_err(|message| ConfigError::Variable { variable: variable.clone(), message })?;
        // A nested name can only be meant for us. A flat one may come from elsewhere: Kubernetes sets
        // POSTERN_PORT and POSTERN_SERVICE_HOST for a service of that name.
        if !known && key.contains('.') {
            let message = "there is no such key; the configuration reference lists them".to_owned();
            return Err(ConfigError::Variable { variable, message });
        }
        if !known && !CLIENT_VARIABLES.contains(&variable.as_str()) {
            tracing::warn!(variable, "ignoring an environment variable that is no key of the configuration");
        }
    }
    Ok(())
}

fn set(raw: &mut RawConfig, key: &str, value: &str) -> Result<bool, String> {
    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(value: &str) -> Result<Option<T>, String> {
        value.parse().map(Some).map_err(|error: T::Err| error.to_string())
    }
    match key {
        "data_dir" => raw.data_dir = Some(value.into()),
        "public_url" => raw.public_url = parsed(value)?,
        "names" => raw.names = Some(split_list(value).map(str::to_owned).collect()),
        "trusted_proxies" => {
            let addresses: Result<Vec<_>, _> = split_list(value).map(str::parse).collect();
            raw.trusted_proxies =
                Some(addresses.map_err(|error: std::net::AddrParseError| error.to_string())?);
        }
        "trusted_roots" => raw.trusted_roots = trusted_roots(value)?,
        "console.listen" => raw.console.listen = parsed(value)?,
        "console.certificate_file" => raw.console.certificate_file = Some(value.into()),
        "console.key_file" => raw.console.key_file = Some(value.into()),
        key if key.starts_with("limits.") => return raw.limits.set(&key["limits.".len()..], value),
        key if key.starts_with("queue.") => return raw.queue.set(&key["queue.".len()..], value),
        "database.url" => raw.database.url = Some(value.to_owned()),
        "secrets.master_key_file" => raw.secrets.master_key_file = Some(value.into()),
        "secrets.master_key" => raw.secrets.master_key = Some(value.to_owned()),
        "proxy.url" => raw.proxy.url = parsed(value)?,
        "proxy.no_proxy" => raw.proxy.no_proxy = Some(value.to_owned()),
        _ => return Ok(false),
    }
    Ok(true)
}

fn read_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn trusted_roots(value: &str) -> Result<TrustedRoots, String> {
    match value {
        "system" => Ok(TrustedRoots::System),
        "built_in" => Ok(TrustedRoots::BuiltIn),
        _ => Err("it must be system or built_in".to_owned()),
    }
}

fn split_list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn complete(raw: RawConfig) -> Result<Config, ConfigError> {
    let data_dir = raw.data_dir.unwrap_or_else(|| DEFAULT_DATA_DIR.into());
    let contradiction = |text: String| Err(ConfigError::Contradiction(text));
    let tls_files = match (raw.console.certificate_file, raw.console.key_file) {
        (Some(certificate), Some(key)) => {
            Some(TlsFiles { certificate: data_dir.join(certificate), key: data_dir.join(key) })
        }
        (None, None) => None,
        _ => {
            return contradiction(
                "[console] certificate_file and key_file go together: give both or neither".into(),
            );
        }
    };
    if let Some(url) = &raw.public_url {
        check_public_url(url)?;
    }
    let names = raw.names.unwrap_or_default().iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>();
    let proxy = match raw.proxy.url {
        Some(url) if !matches!(url.scheme(), "http" | "https") => {
            return contradiction(format!(
                "[proxy] url must begin with http:// or https://, not {}:",
                url.scheme()
            ));
        }
        url => url.map(|url| ProxyConfig { url, no_proxy: raw.proxy.no_proxy }),
    };
    raw.limits.check()?;
    let submission = raw.submission.into_iter().map(|listener| listener.complete(&data_dir));
    Ok(Config {
        submission: submission.collect::<Result<_, _>>()?,
        limits: raw.limits.complete(),
        queue: raw.queue.complete()?,
        database: Location::parse(raw.database.url.as_deref().unwrap_or(DEFAULT_DATABASE), &data_dir)?,
        master_key_file: data_dir.join(raw.secrets.master_key_file.unwrap_or_else(|| "master.key".into())),
        master_key: raw.secrets.master_key.map(|text| MasterKeyText(text.into())),
        public_url: raw.public_url,
        names: names.map_err(|message| ConfigError::Contradiction(format!("names: {message}")))?,
        trusted_proxies: raw.trusted_proxies.unwrap_or_default(),
        console: Console {
            listen: raw
                .console
                .listen
                .unwrap_or_else(|| (std::net::Ipv6Addr::UNSPECIFIED, DEFAULT_CONSOLE_PORT).into()),
            tls_files,
        },
        proxy,
        trusted_roots: raw.trusted_roots,
        clouds: raw.cloud.into_iter().map(|cloud| relative_to(&data_dir, cloud)).collect(),
        data_dir,
    })
}

fn check_public_url(url: &Url) -> Result<(), ConfigError> {
    let plain =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if url.scheme() == "https" && url.host().is_some() && plain {
        return Ok(());
    }
    let text = format!("public_url {url} must be https://host or https://host:port, with nothing behind it");
    Err(ConfigError::Contradiction(text))
}

fn relative_to(data_dir: &Path, mut cloud: CloudConfig) -> CloudConfig {
    cloud.ca_file = cloud.ca_file.map(|file| data_dir.join(file));
    cloud
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postern.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(Some(&path), environment, Overrides::default())
    }

    fn sentence(text: &str, environment: &[(&str, &str)]) -> String {
        let error = load_text(text, environment).unwrap_err().to_string();
        error.split_once("postern.toml, ").map_or(error.clone(), |(_, rest)| rest.to_owned())
    }

    #[test]
    fn nothing_given_means_the_documented_defaults() {
        let config = load(None, [], Overrides::default()).unwrap();
        assert_eq!(config.data_dir, Path::new("/var/lib/postern"));
        assert_eq!(config.console.listen, "[::]:4443".parse().unwrap());
        assert_eq!(config.database, Location::Sqlite("/var/lib/postern/postern.db".into()));
        assert_eq!(config.master_key_file, Path::new("/var/lib/postern/master.key"));
    }

    #[test]
    fn option_wins_over_environment_and_environment_over_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postern.toml");
        std::fs::write(&path, "data_dir = '/file'\n[console]\nlisten = '127.0.0.1:1'\n").unwrap();
        let environment = [
            ("POSTERN_DATA_DIR".to_owned(), "/env".to_owned()),
            ("POSTERN_CONSOLE__LISTEN".to_owned(), "127.0.0.1:2".to_owned()),
        ];
        let overrides = Overrides { data_dir: Some("/option".into()), listen: None };
        let config = load(Some(&path), environment, overrides).unwrap();
        assert_eq!(config.data_dir, Path::new("/option"));
        assert_eq!(config.console.listen.port(), 2);
    }

    #[test]
    fn relative_paths_are_relative_to_the_data_directory() {
        let config = load_text(
            "data_dir = '/d'\n[console]\ncertificate_file = 'c.pem'\nkey_file = '/k.pem'\n[[cloud]]\nname = 'lab'\nca_file = 'ca.pem'\n",
            &[],
        )
        .unwrap();
        let files = config.console.tls_files.unwrap();
        assert_eq!(
            (files.certificate.as_path(), files.key.as_path()),
            (Path::new("/d/c.pem"), Path::new("/k.pem"))
        );
        assert_eq!(config.clouds[0].ca_file.as_deref(), Some(Path::new("/d/ca.pem")));
    }

    #[test]
    fn each_wrong_configuration_has_its_sentence() {
        for (text, expected) in [
            ("data_dir = '/d'\nlisen = 1\n", "line 2: unknown field `lisen`"),
            ("[console]\n\nlisten = 'here'\n", "line 3: console.listen: invalid socket address syntax"),
            ("[console]\nlisten = 4443\n", "line 2: console.listen: invalid type: integer `4443`"),
            ("names = 'gate'\n", "line 1: names: invalid type: string \"gate\", expected a sequence"),
            ("[[cloud]]\nname = 'lab'\nca_file = true\n", "line 3: cloud[0].ca_file: invalid type: boolean"),
            ("[secrets]\nmaster_key = 'x'\n", "line 2: unknown field `master_key`"),
            ("data_dir = \n", "line 1: "),
            ("[console]\nkey_file = 'k'\n", "[console] certificate_file and key_file go together"),
            ("public_url = 'http://gate.example'\n", "public_url http://gate.example/ must be https://host"),
            ("public_url = 'https://gate.example/x'\n", "must be https://host or https://host:port"),
            ("names = ['https://x']\n", "names: \"https://x\" is not a host name"),
            (
                "[database]\nurl = 'mysql://u:geheim@h/d'\n",
                "[database] url: the database address starts with “mysql:”",
            ),
            ("[proxy]\nurl = 'socks5://p'\n", "[proxy] url must begin with http:// or https://"),
            ("[[submission]]\ntls = 'starttls'\n", "line 1: submission[0]: missing field `listen`"),
            (
                "[[submission]]\nlisten = '127.0.0.1:25'\ntls = 'ssl'\n",
                "line 3: submission[0].tls: unknown variant `ssl`",
            ),
            (
                "[[submission]]\nlisten = '0.0.0.0:25'\ntls = 'none'\n",
                "[[submission]] 0.0.0.0:25: tls = \"none\" would send passwords and mail in the clear",
            ),
            (
                "[[submission]]\nlisten = '[::]:465'\ntls = 'implicit'\nkey_file = 'k'\n",
                "[[submission]] [::]:465: certificate_file and key_file go together",
            ),
            ("[limits]\ndeliveries = 0\n", "[limits] deliveries must be 1 or more"),
            ("[limits]\nrecipient = 5\n", "line 2: unknown field `recipient`"),
            ("[queue]\nlongest_retry_seconds = 5\n", "[queue] longest_retry_seconds must not be below"),
            ("[queue]\ngive_up_after_hours = 0\n", "[queue] give_up_after_hours must be between"),
            ("[queue]\nreport_to = 'nobody'\n", "line 2: queue.report_to: the address has no @"),
            ("[[cloud]]\nname = 'lab'\nlogni = 'https://l'\n", "line 3: unknown field `logni`"),
        ] {
            let got = sentence(text, &[]);
            assert!(got.contains(expected), "for {text:?}: {got}");
            assert!(!got.contains("geheim"), "{got}");
        }
    }

    #[test]
    fn the_way_of_mail_has_its_keys() {
        let config = load_text(
            "data_dir = '/d'\n[[submission]]\nlisten = '0.0.0.0:25'\ntls = 'none'\nallow_plain = true\n\
             [[submission]]\nlisten = '[::]:465'\ntls = 'implicit'\ncertificate_file = 'c.pem'\nkey_file = 'k.pem'\n\
             [queue]\ngive_up_after_hours = 48\nreport_to = 'it@contoso.com'\n",
            &[("POSTERN_LIMITS__RECIPIENTS_PER_DAY", "500"), ("POSTERN_QUEUE__FIRST_RETRY_SECONDS", "30")],
        )
        .unwrap();
        let tls: Vec<_> = config.submission.iter().map(|listener| listener.tls).collect();
        assert_eq!(tls, [ListenerTls::None, ListenerTls::Implicit]);
        assert_eq!(config.submission[1].tls_files.as_ref().unwrap().key, Path::new("/d/k.pem"));
        assert_eq!(config.limits.mailbox.recipients_per_day, 500);
        assert_eq!((config.limits.mailbox.graph_calls, config.limits.recipients), (4, 500));
        assert_eq!(config.queue.schedule.give_up_after.as_secs(), 48 * 3600);
        assert_eq!(config.queue.schedule.first.as_secs(), 30);
        assert_eq!(config.queue.report_to.unwrap().as_str(), "it@contoso.com");
        assert!(sentence("", &[("POSTERN_LIMITS__RECIPIENT", "1")]).contains("there is no such key"));
    }

    #[test]
    fn an_unknown_nested_variable_is_refused_and_a_flat_one_is_not() {
        let error = sentence("", &[("POSTERN_CONSOLE__LISEN", "x")]);
        assert!(error.contains("POSTERN_CONSOLE__LISEN: there is no such key"), "{error}");
        assert!(load_text("", &[("POSTERN_PORT", "tcp://10.0.0.1:80")]).is_ok());
    }

    #[test]
    fn secrets_of_the_configuration_do_not_print() {
        let config = load_text(
            "[proxy]\nurl = 'http://me:geheim@proxy:3128'\n",
            &[("POSTERN_SECRETS__MASTER_KEY", "geheim-key")],
        )
        .unwrap();
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
