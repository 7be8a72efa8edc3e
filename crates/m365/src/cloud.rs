//! Where one Microsoft cloud has its doors: data, so that another cloud, a simulator or another identity
//! provider can stand in. Built in are the four clouds of Microsoft; the rest comes from the configuration.
//!
//! The login host decides where credentials are sent, so addresses are checked here, once: https only
//! (plain http to loopback), no user name, query or fragment. Neighbour: `connection` calls these doors.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

use crate::tenant::Tenant;

/// One cloud. Made by [`Cloud::built_in`] or from [`CloudSettings`], which check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// How accounts and people call it.
    pub name: String,
    /// The login host, e.g. `https://login.microsoftonline.com`.
    pub login: Url,
    /// The root of Microsoft Graph, which is also the prefix of its scopes.
    pub graph: Url,
    /// The prefix of the delegated SMTP scope, without a slash at the end.
    pub outlook_scope: String,
    /// The prefix of the app-only SMTP scope, without a slash at the end.
    pub outlook_app_scope: String,
    /// Where mail is submitted by SMTP.
    pub smtp: SmtpServer,
    /// Certificates to trust besides the system's, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The discovery document of a plain OpenID provider that stands in for Entra.
    pub discovery: Option<Url>,
    /// The administrators' portal, where it is known.
    pub portal: Option<Url>,
}

/// `host:port` of an SMTP server; an IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Name or address, without brackets.
    pub host: String,
    /// Usually 587.
    pub port: u16,
}

/// A cloud as an administrator writes it down (`[[cloud]]`); `ca_pem` is the content of `ca_file`.
#[derive(Debug, Clone, Default)]
pub struct CloudSettings {
    /// Not one of the built-in names.
    pub name: String,
    /// The login host.
    pub login: String,
    /// The root of Graph.
    pub graph: String,
    /// Prefix of the delegated SMTP scope.
    pub outlook_scope: String,
    /// Prefix of the app-only SMTP scope.
    pub outlook_app_scope: String,
    /// `host:port`.
    pub smtp: String,
    /// PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Of a plain OpenID provider.
    pub discovery: Option<String>,
}

/// Which key of a `[[cloud]]` is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cloud \"{cloud}\": {key} {why}")]
pub struct InvalidCloud {
    /// The cloud's name.
    pub cloud: String,
    /// The key in the configuration.
    pub key: &'static str,
    /// What is wrong with its value.
    pub why: String,
}

impl Cloud {
    /// Microsoft's own (facts 1.2). GCC (moderate) is part of `global`.
    pub fn built_in() -> Vec<Self> {
        BUILT_IN.iter().map(BuiltIn::to_cloud).collect()
    }

    /// Whether Entra ID signs people in here, rather than a plain OpenID provider.
    pub fn is_entra(&self) -> bool {
        self.own_provider().is_none()
    }

    /// The host of the plain OpenID provider that stands in for Entra.
    pub fn own_provider(&self) -> Option<&str> {
        self.discovery.as_ref().and_then(Url::host_str)
    }

    /// Entra's authorize page for the tenant (facts 1.1).
    pub(crate) fn authorize_endpoint(&self, tenant: &Tenant) -> Url {
        self.login_path(tenant, &["oauth2", "v2.0", "authorize"])
    }

    /// Entra's token endpoint for the tenant: also the audience of assertions (facts 2.2).
    pub(crate) fn token_endpoint(&self, tenant: &Tenant) -> Url {
        self.login_path(tenant, &["oauth2", "v2.0", "token"])
    }

    /// Entra's device code endpoint for the tenant.
    pub(crate) fn device_code_endpoint(&self, tenant: &Tenant) -> Url {
        self.login_path(tenant, &["oauth2", "v2.0", "devicecode"])
    }

    /// The discovery document: the tenant's at Entra, else the provider's.
    pub(crate) fn discovery_document(&self, tenant: &Tenant) -> Url {
        match &self.discovery {
            Some(discovery) => discovery.clone(),
            None => self.login_path(tenant, &["v2.0", ".well-known", "openid-configuration"]),
        }
    }

    /// A Graph permission as a full URI: bare names change their meaning with their neighbours (facts 3.4).
    pub(crate) fn graph_scope(&self, permission: &str) -> String {
        format!("{}/{permission}", self.graph.as_str().trim_end_matches('/'))
    }

    fn login_path(&self, tenant: &Tenant, rest: &[&str]) -> Url {
        let mut address = self.login.clone();
        let tenant = tenant.to_string();
        address
            .path_segments_mut()
            .expect("a checked login address is http(s)")
            .pop_if_empty()
            .push(&tenant)
            .extend(rest);
        address
    }
}

impl TryFrom<CloudSettings> for Cloud {
    type Error = InvalidCloud;

    fn try_from(settings: CloudSettings) -> Result<Self, InvalidCloud> {
        let cloud = settings.name.clone();
        let blame = |key: &'static str| {
            let cloud = cloud.clone();
            move |why: String| InvalidCloud { cloud, key, why }
        };
        check_name(&settings.name).map_err(blame("name"))?;
        if let Some(pem) = &settings.ca_pem {
            check_certificates(pem).map_err(blame("ca_file"))?;
        }
        Ok(Self {
            login: read_address(&settings.login).map_err(blame("login"))?,
            graph: read_address(&settings.graph).map_err(blame("graph"))?,
            outlook_scope: read_scope(&settings.outlook_scope).map_err(blame("outlook_scope"))?,
            outlook_app_scope: read_scope(&settings.outlook_app_scope).map_err(blame("outlook_app_scope"))?,
            smtp: settings.smtp.parse().map_err(blame("smtp"))?,
            discovery: settings
                .discovery
                .as_deref()
                .map(read_address)
                .transpose()
                .map_err(blame("discovery"))?,
            ca_pem: settings.ca_pem,
            portal: None,
            name: settings.name,
        })
    }
}

impl FromStr for SmtpServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("isn't host:port: {text:?}");
        let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(malformed)?;
        let host = match Host::parse(host).map_err(|_| malformed())? {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(out, "[{}]:{}", self.host, self.port),
            false => write!(out, "{}:{}", self.host, self.port),
        }
    }
}

/// Reads an address that requests will be built on: https, or http where the host is this machine.
pub(crate) fn read_address(text: &str) -> Result<Url, String> {
    let address = Url::parse(text).map_err(|error| format!("isn't an address: {error}"))?;
    let plain_to_loopback = address.scheme() == "http" && is_loopback(&address);
    if address.scheme() != "https" && !plain_to_loopback {
        return Err("must begin with https:// (http:// is for loopback only)".to_owned());
    }
    if !address.username().is_empty() || address.password().is_some() {
        return Err("must not contain a user name or password".to_owned());
    }
    if address.query().is_some() || address.fragment().is_some() {
        return Err("must not contain ? or #".to_owned());
    }
    Ok(address)
}

fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if BUILT_IN.iter().any(|built_in| built_in.name == name) {
        return Err("is the name of a built-in cloud".to_owned());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match !name.is_empty() && name.len() <= MAX_NAME_CHARS && name.bytes().all(fits) {
        true => Ok(()),
        false => Err(format!("must be 1 to {MAX_NAME_CHARS} letters, digits, hyphens, dots or underscores")),
    }
}

fn check_certificates(pem: &[u8]) -> Result<(), String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("holds no PEM certificate".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("can't be read: {error}")),
    }
}

/// RFC 6749 §3.3: a scope token is visible ASCII without `"` and `\`.
fn read_scope(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let scope = text.trim_end_matches('/');
    match !scope.is_empty() && scope.bytes().all(fits) {
        true => Ok(scope.to_owned()),
        false => Err("must be the beginning of a scope, such as https://outlook.office.com".to_owned()),
    }
}

const MAX_NAME_CHARS: usize = 64;

/// A row of the built-in table.
struct BuiltIn {
    name: &'static str,
    login: &'static str,
    graph: &'static str,
    outlook_scope: &'static str,
    outlook_app_scope: &'static str,
    smtp: &'static str,
    portal: &'static str,
}

/// Login hosts, Graph roots and portals as Microsoft documents them; the Exchange scopes and SMTP hosts
/// outside `global` are what others measured (facts 1.2).
const BUILT_IN: [BuiltIn; 4] = [
    BuiltIn {
        name: "global",
        login: "https://login.microsoftonline.com",
        graph: "https://graph.microsoft.com",
        outlook_scope: "https://outlook.office.com",
        outlook_app_scope: "https://outlook.office365.com",
        smtp: "smtp.office365.com",
        portal: "https://portal.azure.com",
    },
    // GCC High, L4. The SMTP host and the Exchange scope are third-party knowledge.
    BuiltIn {
        name: "us-gov",
        login: "https://login.microsoftonline.us",
        graph: "https://graph.microsoft.us",
        outlook_scope: "https://outlook.office365.us",
        outlook_app_scope: "https://outlook.office365.us",
        smtp: "smtp.office365.us",
        portal: "https://portal.azure.us",
    },
    // DoD, L5. Not confirmed by Microsoft: the Exchange scope (some code uses
    // https://outlook-dod.office365.us) and the SMTP host. A `[[cloud]]` of one's own can differ.
    BuiltIn {
        name: "us-gov-dod",
        login: "https://login.microsoftonline.us",
        graph: "https://dod-graph.microsoft.us",
        outlook_scope: "https://outlook.office365.us",
        outlook_app_scope: "https://outlook.office365.us",
        smtp: "outlook-dod.office365.us",
        portal: "https://portal.azure.us",
    },
    // 21Vianet. The SMTP host was seen in logs; the Exchange scope is third-party knowledge.
    BuiltIn {
        name: "china",
        login: "https://login.partner.microsoftonline.cn",
        graph: "https://microsoftgraph.chinacloudapi.cn",
        outlook_scope: "https://partner.outlook.cn",
        outlook_app_scope: "https://partner.outlook.cn",
        smtp: "smtp.partner.outlook.cn",
        portal: "https://portal.azure.cn",
    },
];

/// RFC 6409 §3.1.
const SUBMISSION_PORT: u16 = 587;

impl BuiltIn {
    fn to_cloud(&self) -> Cloud {
        let address = |text| Url::parse(text).expect("the built-in addresses are well-formed");
        Cloud {
            name: self.name.to_owned(),
            login: address(self.login),
            graph: address(self.graph),
            outlook_scope: self.outlook_scope.to_owned(),
            outlook_app_scope: self.outlook_app_scope.to_owned(),
            smtp: SmtpServer { host: self.smtp.to_owned(), port: SUBMISSION_PORT },
            ca_pem: None,
            discovery: None,
            portal: Some(address(self.portal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> CloudSettings {
        CloudSettings {
            name: "lab".to_owned(),
            login: "https://localhost:8443".to_owned(),
            graph: "https://localhost:8443".to_owned(),
            outlook_scope: "https://outlook.office.com/".to_owned(),
            outlook_app_scope: "https://outlook.office365.com".to_owned(),
            smtp: "localhost:2587".to_owned(),
            ca_pem: None,
            discovery: None,
        }
    }

    fn refused(settings: CloudSettings) -> String {
        Cloud::try_from(settings).expect_err("this cloud is wrong").to_string()
    }

    #[test]
    fn microsofts_clouds_are_built_in() {
        let clouds = Cloud::built_in();
        let names: Vec<&str> = clouds.iter().map(|cloud| cloud.name.as_str()).collect();
        assert_eq!(names, ["global", "us-gov", "us-gov-dod", "china"]);
        for cloud in &clouds {
            assert_eq!(read_address(cloud.login.as_str()), Ok(cloud.login.clone()));
            assert_eq!(read_scope(&cloud.outlook_scope), Ok(cloud.outlook_scope.clone()));
            assert!(cloud.is_entra() && cloud.portal.is_some());
        }
    }

    #[test]
    fn the_doors_of_a_tenant_are_microsofts() {
        let cloud = &Cloud::built_in()[0];
        let tenant: Tenant = "contoso.com".parse().unwrap();
        assert_eq!(
            cloud.token_endpoint(&tenant).as_str(),
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
        );
        assert_eq!(
            cloud.discovery_document(&tenant).as_str(),
            "https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration"
        );
        assert_eq!(cloud.graph_scope("Mail.Send"), "https://graph.microsoft.com/Mail.Send");
    }

    #[test]
    fn a_cloud_of_ones_own_is_taken_from_the_settings() {
        let cloud = Cloud::try_from(lab()).unwrap();
        assert_eq!(cloud.outlook_scope, "https://outlook.office.com");
        assert_eq!(cloud.smtp.to_string(), "localhost:2587");
        let behind_a_path = CloudSettings { login: "https://sso.example/entra/".to_owned(), ..lab() };
        let tenant: Tenant = "contoso.com".parse().unwrap();
        let endpoint = Cloud::try_from(behind_a_path).unwrap().device_code_endpoint(&tenant);
        assert_eq!(endpoint.as_str(), "https://sso.example/entra/contoso.com/oauth2/v2.0/devicecode");
    }

    #[test]
    fn a_plain_provider_is_found_by_its_discovery_document() {
        let discovery = "https://idp.example/.well-known/openid-configuration";
        let cloud =
            Cloud::try_from(CloudSettings { discovery: Some(discovery.to_owned()), ..lab() }).unwrap();
        assert!(!cloud.is_entra());
        let tenant: Tenant = "contoso.com".parse().unwrap();
        assert_eq!(cloud.discovery_document(&tenant).as_str(), discovery);
    }

    #[test]
    fn each_wrong_key_of_a_cloud_has_its_sentence() {
        let with_login = |login: &str| refused(CloudSettings { login: login.to_owned(), ..lab() });
        assert_eq!(
            with_login("http://login.example"),
            "cloud \"lab\": login must begin with https:// (http:// is for loopback only)"
        );
        assert_eq!(
            with_login("https://user:pw@login.example"),
            "cloud \"lab\": login must not contain a user name or password"
        );
        assert_eq!(with_login("https://login.example/?a=b"), "cloud \"lab\": login must not contain ? or #");
        assert!(with_login("login.example").starts_with("cloud \"lab\": login isn't an address"));
        assert_eq!(
            refused(CloudSettings { name: "global".to_owned(), ..lab() }),
            "cloud \"global\": name is the name of a built-in cloud"
        );
        assert_eq!(
            refused(CloudSettings { smtp: "localhost".to_owned(), ..lab() }),
            "cloud \"lab\": smtp isn't host:port: \"localhost\""
        );
        assert_eq!(
            refused(CloudSettings { ca_pem: Some(b"nothing".to_vec()), ..lab() }),
            "cloud \"lab\": ca_file holds no PEM certificate"
        );
        assert!(
            refused(CloudSettings { outlook_scope: "a b".to_owned(), ..lab() }).contains("outlook_scope")
        );
        assert!(refused(CloudSettings { name: "a b".to_owned(), ..lab() }).contains("name must be"));
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for fine in ["http://localhost:80", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert!(read_address(fine).is_ok(), "{fine}");
        }
        for bad in ["http://localhost.example", "http://10.0.0.1", "ftp://localhost", "file:///etc"] {
            assert!(read_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_smtp_server_may_be_an_ipv6_address() {
        let server: SmtpServer = "[::1]:2587".parse().unwrap();
        assert_eq!((server.host.as_str(), server.to_string().as_str()), ("::1", "[::1]:2587"));
        for bad in ["::1:2587", "host:0", "host:x", ":587", "a b:587"] {
            assert!(bad.parse::<SmtpServer>().is_err(), "{bad}");
        }
    }
}
