//! The permissions that the simulated resources offer (facts 4.7), and which of them an app may name.
//! Only catalogue entries can be granted; `entra::scope` reads scope parameters with it.

use serde::{Deserialize, Serialize};

/// The name is no permission of that kind.
#[derive(Debug, thiserror::Error)]
#[error("unknown {kind} permission '{name}'; known: {known}")]
pub struct UnknownPermission {
    kind: &'static str,
    name: String,
    known: String,
}

/// Who a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Resource {
    /// Microsoft Graph.
    Graph,
    /// Office 365 Exchange Online.
    Exchange,
}

impl Resource {
    /// The application id of the resource itself (facts 4.7).
    pub(crate) fn app_id(self) -> &'static str {
        match self {
            Self::Graph => "00000003-0000-0000-c000-000000000000",
            Self::Exchange => "00000002-0000-0ff1-ce00-000000000000",
        }
    }

    /// What the portal calls it.
    pub(crate) fn display_name(self) -> &'static str {
        match self {
            Self::Graph => "Microsoft Graph",
            Self::Exchange => "Office 365 Exchange Online",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: &'static str,
    resources: &'static [Resource],
    admin_only: bool,
    says: &'static str,
}

use Resource::{Exchange, Graph};

const fn entry(
    name: &'static str,
    resources: &'static [Resource],
    admin_only: bool,
    says: &'static str,
) -> Entry {
    Entry { name, resources, admin_only, says }
}

/// SMTP.Send is shown under Microsoft Graph only and covers Exchange Online (facts 3.4).
const DELEGATED: &[Entry] = &[
    entry("openid", &[Graph], false, "Sign you in"),
    entry("profile", &[Graph], false, "View your basic profile"),
    entry("email", &[Graph], false, "View your email address"),
    entry("offline_access", &[Graph], false, "Maintain access to data you have given it access to"),
    entry("User.Read", &[Graph], false, "Sign you in and read your profile"),
    entry("User.Read.All", &[Graph], true, "Read all users' full profiles"),
    entry("Mail.Send", &[Graph, Exchange], false, "Send mail as you"),
    entry("Mail.Send.Shared", &[Graph], false, "Send mail on behalf of others or yourself"),
    entry("Mail.Read.Shared", &[Graph], false, "Read mail you can access"),
    entry("Mail.ReadWrite.Shared", &[Graph], false, "Read and write mail you can access"),
    entry("Mail.Read", &[Graph, Exchange], false, "Read your mail"),
    entry("Mail.ReadWrite", &[Graph, Exchange], false, "Read and write access to your mail"),
    entry("MailboxSettings.Read", &[Graph], false, "Read your mailbox settings"),
    entry("SMTP.Send", &[Graph, Exchange], false, "Send emails from your mailbox using SMTP AUTH"),
    entry("IMAP.AccessAsUser.All", &[Graph, Exchange], false, "Read and write access to your mail (IMAP)"),
    entry("POP.AccessAsUser.All", &[Graph, Exchange], false, "Read and write access to your mail (POP)"),
    entry("Application.Read.All", &[Graph], true, "Read applications"),
    entry("Application.ReadWrite.All", &[Graph], true, "Read and write applications"),
    entry("AppRoleAssignment.ReadWrite.All", &[Graph], true, "Manage app permission grants"),
    entry("DelegatedPermissionGrant.ReadWrite.All", &[Graph], true, "Manage delegated permission grants"),
    entry("Organization.Read.All", &[Graph], true, "Read organization information"),
];

const APPLICATION: &[Entry] = &[
    entry("Mail.Send", &[Graph], true, "Send mail as any user"),
    entry("Mail.Read", &[Graph], true, "Read mail in all mailboxes"),
    entry("Mail.ReadWrite", &[Graph], true, "Read and write mail in all mailboxes"),
    entry("MailboxSettings.Read", &[Graph], true, "Read all user mailbox settings"),
    entry("User.Read.All", &[Graph], true, "Read all users' full profiles"),
    entry("Application.Read.All", &[Graph], true, "Read all applications"),
    entry("Application.ReadWrite.OwnedBy", &[Graph], true, "Manage apps that this app creates or owns"),
    entry("Application.ReadWrite.All", &[Graph], true, "Read and write all applications"),
    entry("AppRoleAssignment.ReadWrite.All", &[Graph], true, "Manage app permission grants"),
    entry("DelegatedPermissionGrant.ReadWrite.All", &[Graph], true, "Manage all delegated permission grants"),
    entry("Organization.Read.All", &[Graph], true, "Read organization information"),
    entry("SMTP.SendAsApp", &[Exchange], true, "Application access for sending emails via SMTP AUTH"),
    entry("IMAP.AccessAsApp", &[Exchange], true, "IMAP access as an application"),
    entry("POP.AccessAsApp", &[Exchange], true, "POP access as an application"),
];

/// A delegated permission (scope) of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DelegatedPermission {
    entry: &'static Entry,
    resource: Resource,
}

impl DelegatedPermission {
    /// The bare name, e.g. `Mail.Send`.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    pub(crate) fn resource(&self) -> Resource {
        self.resource
    }

    pub(crate) fn admin_only(&self) -> bool {
        self.entry.admin_only
    }

    /// What a consent page says of it.
    pub(crate) fn says(&self) -> &'static str {
        self.entry.says
    }

    /// Whether a consent to this permission gives the name on that resource, too.
    pub(crate) fn covers(&self, resource: Resource) -> bool {
        self.resource == resource
            || matches!(self.name(), "SMTP.Send" | "IMAP.AccessAsUser.All" | "POP.AccessAsUser.All")
    }
}

impl TryFrom<String> for DelegatedPermission {
    type Error = UnknownPermission;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (resource, name) = split(&text);
        delegated_permission(resource, name).ok_or_else(|| unknown("delegated", &text, DELEGATED))
    }
}

impl From<DelegatedPermission> for String {
    fn from(permission: DelegatedPermission) -> Self {
        match permission.resource {
            Graph => permission.name().to_owned(),
            Exchange => format!("https://outlook.office.com/{}", permission.name()),
        }
    }
}

/// An application permission (app role) of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApplicationPermission(&'static Entry);

impl ApplicationPermission {
    /// The name, e.g. `SMTP.SendAsApp`.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    pub(crate) fn resource(&self) -> Resource {
        self.0.resources[0]
    }

    pub(crate) fn says(&self) -> &'static str {
        self.0.says
    }
}

impl TryFrom<String> for ApplicationPermission {
    type Error = UnknownPermission;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        application_permission(split(&text).1).ok_or_else(|| unknown("application", &text, APPLICATION))
    }
}

impl From<ApplicationPermission> for String {
    fn from(permission: ApplicationPermission) -> Self {
        permission.name().to_owned()
    }
}

/// The delegated permission of this name on this resource.
pub(crate) fn delegated_permission(resource: Resource, name: &str) -> Option<DelegatedPermission> {
    let entry = DELEGATED.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))?;
    entry.resources.contains(&resource).then_some(DelegatedPermission { entry, resource })
}

/// Every application permission.
pub(crate) fn applications() -> impl Iterator<Item = ApplicationPermission> {
    APPLICATION.iter().map(ApplicationPermission)
}

/// Every delegated permission, once for each of its resources.
pub(crate) fn delegations() -> impl Iterator<Item = DelegatedPermission> {
    DELEGATED.iter().flat_map(|entry| {
        entry.resources.iter().map(move |resource| DelegatedPermission { entry, resource: *resource })
    })
}

// The application permission of this name.
fn application_permission(name: &str) -> Option<ApplicationPermission> {
    APPLICATION.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).map(ApplicationPermission)
}

fn split(text: &str) -> (Resource, &str) {
    match text.rsplit_once('/') {
        Some((prefix, name)) if prefix.contains("outlook") => (Exchange, name),
        Some((_, name)) => (Graph, name),
        None => (Graph, text),
    }
}

fn unknown(kind: &'static str, name: &str, catalogue: &[Entry]) -> UnknownPermission {
    let known = catalogue.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    UnknownPermission { kind, name: name.to_owned(), known }
}
