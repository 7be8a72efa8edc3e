//! Which directory an account belongs to, and which application it is: the two texts that steer where a
//! credential is sent. Both end up in the path or body of requests to the login host, so nothing passes
//! that could change another part of them. Neighbour: `cloud` builds the addresses.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// One directory: its GUID, or one of its verified domains. Lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tenant(TenantName);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum TenantName {
    Guid(Uuid),
    Domain(String),
}

/// The application (client) ID: at Entra a GUID; at a plain OpenID provider any visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// Why a text isn't a tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenant {
    /// Nothing was given.
    #[error("the tenant is empty")]
    Empty,
    /// `common`, `organizations`, `consumers`, or the consumers' own GUID.
    #[error("\"{0}\" isn't one tenant: it lets accounts of any tenant in")]
    Shared(String),
    /// White space, before, after or between.
    #[error("the tenant contains white space")]
    WhiteSpace,
    /// An IP address.
    #[error("the tenant is an IP address")]
    IpAddress,
    /// More than a domain name may have.
    #[error("the tenant is longer than {MAX_DOMAIN_CHARS} characters")]
    TooLong,
    /// Everything else: neither form.
    #[error("the tenant is neither a GUID nor a domain name")]
    Malformed,
}

/// Why a text isn't a client ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientId {
    /// Nothing was given.
    #[error("the client ID is empty")]
    Empty,
    /// Entra's are GUIDs.
    #[error("the client ID isn't a GUID")]
    NotGuid,
    /// RFC 6749 appendix A.1, and a sane length.
    #[error("the client ID may hold visible ASCII characters only, at most {MAX_CLIENT_ID_CHARS}")]
    Malformed,
}

impl Tenant {
    /// The GUID, where that is how the tenant was given: then everything else is pinned to it.
    pub fn guid(&self) -> Option<Uuid> {
        match &self.0 {
            TenantName::Guid(guid) => Some(*guid),
            TenantName::Domain(_) => None,
        }
    }
}

impl FromStr for Tenant {
    type Err = InvalidTenant;

    fn from_str(text: &str) -> Result<Self, InvalidTenant> {
        if text.is_empty() {
            return Err(InvalidTenant::Empty);
        }
        if text.chars().any(char::is_whitespace) {
            return Err(InvalidTenant::WhiteSpace);
        }
        let lower = text.to_ascii_lowercase();
        if SHARED.contains(&lower.as_str()) {
            return Err(InvalidTenant::Shared(lower));
        }
        match read_guid(&lower) {
            Some(guid) => Ok(Self(TenantName::Guid(guid))),
            None => read_domain(lower).map(|domain| Self(TenantName::Domain(domain))),
        }
    }
}

impl ClientId {
    /// Any client ID that RFC 6749 allows, for a cloud that is a plain OpenID provider. Entra's are read
    /// with `FromStr`.
    pub fn of_provider(text: &str) -> Result<Self, InvalidClientId> {
        if text.is_empty() {
            return Err(InvalidClientId::Empty);
        }
        let fits = text.len() <= MAX_CLIENT_ID_CHARS && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidClientId::Malformed)
    }

    /// The text, as it goes into requests and assertions.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        if text.is_empty() {
            return Err(InvalidClientId::Empty);
        }
        let lower = text.to_ascii_lowercase();
        read_guid(&lower).map(|guid| Self(guid.to_string())).ok_or(InvalidClientId::NotGuid)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            TenantName::Guid(guid) => guid.fmt(out),
            TenantName::Domain(domain) => out.write_str(domain),
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl InvalidTenant {
    /// Stable and snake_case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "tenant_missing",
            Self::Shared(_) => "tenant_shared",
            Self::WhiteSpace | Self::IpAddress | Self::TooLong | Self::Malformed => "tenant_malformed",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Shared(_) => {
                "Give your own tenant: with a shared endpoint a token could come from anyone's directory, and \
                 an app registration for one tenant is refused there (AADSTS50194)."
            }
            Self::WhiteSpace => "Remove the spaces and line breaks that came along when it was copied.",
            Self::Empty | Self::IpAddress | Self::TooLong | Self::Malformed => {
                "Copy the Directory (tenant) ID from the app registration's Overview page, or give a verified \
                 domain such as contoso.onmicrosoft.com."
            }
        }
    }
}

impl InvalidClientId {
    /// Stable and snake_case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "client_id_missing",
            Self::NotGuid | Self::Malformed => "client_id_malformed",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::NotGuid => {
                "Copy the Application (client) ID from the app registration's Overview page; it isn't the \
                 Object ID."
            }
            Self::Malformed => "Copy the client ID as the OpenID provider shows it.",
        }
    }
}

/// The endpoints that many tenants share, and the GUID of the consumers' one (facts 1.1).
const SHARED: [&str; 4] = ["common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"];
/// RFC 1035 §2.3.4, without the final dot.
const MAX_DOMAIN_CHARS: usize = 253;
const MAX_LABEL_CHARS: usize = 63;
const MAX_CLIENT_ID_CHARS: usize = 255;

/// The one form with hyphens: `Uuid` itself would also take braces, a URN and bare digits.
fn read_guid(lower: &str) -> Option<Uuid> {
    let guid = Uuid::try_parse(lower).ok()?;
    (guid.to_string() == lower && !guid.is_nil()).then_some(guid)
}

fn read_domain(lower: String) -> Result<String, InvalidTenant> {
    if lower.len() > MAX_DOMAIN_CHARS {
        return Err(InvalidTenant::TooLong);
    }
    let ends_in_number =
        lower.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if lower.contains(':') && lower.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(InvalidTenant::IpAddress);
    }
    if !lower.contains('.') || !lower.split('.').all(is_label) {
        return Err(InvalidTenant::Malformed);
    }
    match ends_in_number {
        true => Err(InvalidTenant::IpAddress),
        false => Ok(lower),
    }
}

/// Letters, digits and inner hyphens (RFC 952): no `/`, `%`, `?`, `#`, `@`, no empty label, no `..`.
fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_LABEL_CHARS).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> InvalidTenant {
        text.parse::<Tenant>().expect_err(text)
    }

    #[test]
    fn a_guid_and_a_verified_domain_are_tenants() {
        let guid: Tenant = "AAAABBBB-0000-CCCC-1111-DDDD2222EEEE".parse().unwrap();
        assert_eq!(guid.to_string(), "aaaabbbb-0000-cccc-1111-dddd2222eeee");
        assert!(guid.guid().is_some());
        let domain: Tenant = "Contoso.onMicrosoft.com".parse().unwrap();
        assert_eq!(domain.to_string(), "contoso.onmicrosoft.com");
        assert!(domain.guid().is_none());
        assert!("xn--bcher-kva.example".parse::<Tenant>().is_ok());
    }

    #[test]
    fn the_endpoints_that_everyone_shares_are_refused_with_the_reason() {
        for shared in ["common", "Organizations", "consumers", "9188040D-6c67-4c5b-b112-36a304b66dad"] {
            let refusal = refused(shared);
            assert_eq!(refusal.code(), "tenant_shared", "{shared}");
            assert!(refusal.hint().contains("AADSTS50194"));
        }
    }

    #[test]
    fn nothing_gets_through_that_could_change_the_path() {
        for trick in [
            "..",
            ".",
            "a..b",
            ".contoso.com",
            "contoso.com.",
            "contoso.com/",
            "contoso.com/../common",
            "contoso.com%2f..%2fcommon",
            "contoso.com%2Fx",
            "contoso.com?x=1",
            "contoso.com#x",
            "a@contoso.com",
            "contoso.com@evil.example",
            "contoso.com\\..",
            "contoso.com:443",
            "-a.com",
            "a-.com",
            "contoso",
            "contoso_x.com",
            "contoso.com\0",
            "contoso.com\u{7f}",
            "büch\u{e9}r.example",
            "contoso\u{3002}com",
            "{aaaabbbb-0000-cccc-1111-dddd2222eeee}",
            "urn:uuid:aaaabbbb-0000-cccc-1111-dddd2222eeee",
            "aaaabbbb0000cccc1111dddd2222eeee",
            "00000000-0000-0000-0000-000000000000",
            "aaaabbbb-0000-cccc-1111-dddd2222eee",
        ] {
            assert_eq!(refused(trick).code(), "tenant_malformed", "{trick:?}");
        }
    }

    #[test]
    fn white_space_ip_addresses_length_and_emptiness_have_their_own_sentences() {
        assert_eq!(refused(""), InvalidTenant::Empty);
        for blank in [" contoso.com", "contoso.com\n", "con toso.com", "contoso.com\u{a0}", "\t"] {
            assert_eq!(refused(blank), InvalidTenant::WhiteSpace, "{blank:?}");
        }
        for address in ["127.0.0.1", "10.1.2.3", "::1", "fe80::1", "1.2.3.4.5"] {
            assert_eq!(refused(address), InvalidTenant::IpAddress, "{address}");
        }
        assert_eq!(refused("[::1]"), InvalidTenant::Malformed);
        assert_eq!(refused(&format!("{}com", "a.".repeat(130))), InvalidTenant::TooLong);
        assert_eq!(refused(&format!("{}.com", "a".repeat(64))), InvalidTenant::Malformed);
    }

    #[test]
    fn a_client_id_of_entra_is_a_guid() {
        let id: ClientId = "11112222-AAAA-3333-BBBB-4444CCCC5555".parse().unwrap();
        assert_eq!(id.as_str(), "11112222-aaaa-3333-bbbb-4444cccc5555");
        assert_eq!("postern".parse::<ClientId>(), Err(InvalidClientId::NotGuid));
        assert_eq!("".parse::<ClientId>(), Err(InvalidClientId::Empty));
        assert!("11112222-AAAA-3333-BBBB-4444CCCC5555 ".parse::<ClientId>().is_err());
    }

    #[test]
    fn a_client_id_of_another_provider_is_visible_ascii() {
        assert_eq!(ClientId::of_provider("postern-gate").unwrap().as_str(), "postern-gate");
        for bad in ["a b", "a\n", "é", &"x".repeat(256)] {
            assert_eq!(ClientId::of_provider(bad), Err(InvalidClientId::Malformed), "{bad:?}");
        }
    }
}
