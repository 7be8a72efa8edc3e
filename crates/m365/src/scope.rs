//! What an account asks for: the scopes of each step, always as full URIs.
//!
//! A token is for one resource, a sign-in may cover several, one refresh token serves all (facts 3.4). Bare
//! names are read as belonging to the first resource in the list, so none is ever sent except OpenID's own.

use serde::{Deserialize, Serialize};

use crate::account::{Account, Transport};

/// What an access token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Microsoft Graph, to send.
    Graph,
    /// Microsoft Graph with all that was granted: to look for a message, and for drafts.
    Mailbox,
    /// Exchange Online's SMTP.
    Outlook,
}

impl From<Transport> for Resource {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Graph => Self::Graph,
            Transport::Smtp => Self::Outlook,
        }
    }
}

/// For the authorize request: everything that the account will need, of both resources.
pub(crate) fn to_authorize(account: &Account) -> String {
    let mut scopes = graph_permissions(account);
    if account.transport == Transport::Smtp {
        scopes.push(smtp_send(account));
    }
    with_openid(&scopes)
}

/// For the redemption of the code, which is for one resource: Graph.
pub(crate) fn to_redeem(account: &Account) -> String {
    with_openid(&graph_permissions(account))
}

/// For a device code, whose tokens come without a second choice: the transport's own resource.
pub(crate) fn to_sign_in_by_device(account: &Account) -> String {
    with_openid(&permissions(account, account.transport.into()))
}

/// For a refresh.
pub(crate) fn to_refresh(account: &Account, resource: Resource) -> String {
    format!("{} {OFFLINE_ACCESS}", permissions(account, resource).join(" "))
}

/// For client credentials, which take `.default` only (AADSTS1002012).
pub(crate) fn to_act_as_application(account: &Account, resource: Resource) -> String {
    match resource {
        Resource::Graph | Resource::Mailbox => account.cloud.graph_scope(".default"),
        Resource::Outlook => format!("{}/.default", account.cloud.outlook_app_scope),
    }
}

const OFFLINE_ACCESS: &str = "offline_access";

fn with_openid(scopes: &[String]) -> String {
    format!("openid profile {OFFLINE_ACCESS} {}", scopes.join(" "))
}

fn permissions(account: &Account, resource: Resource) -> Vec<String> {
    match resource {
        Resource::Graph => graph_permissions(account),
        // Naming what isn't granted would be refused; `.default` stands for what is (facts 3.4).
        Resource::Mailbox => vec![account.cloud.graph_scope(".default")],
        Resource::Outlook => vec![smtp_send(account)],
    }
}

/// `Mail.Send` only where mail goes by Graph: nothing is asked for that isn't needed.
fn graph_permissions(account: &Account) -> Vec<String> {
    let names: &[&str] = match account.transport {
        Transport::Graph => &["User.Read", "Mail.Send"],
        Transport::Smtp => &["User.Read"],
    };
    names.iter().map(|name| account.cloud.graph_scope(name)).collect()
}

fn smtp_send(account: &Account) -> String {
    format!("{}/SMTP.Send", account.cloud.outlook_scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::account;

    #[test]
    fn a_graph_account_asks_for_graph_only() {
        let account = account("https://login.example");
        assert_eq!(
            to_authorize(&account),
            "openid profile offline_access https://graph.example/User.Read https://graph.example/Mail.Send"
        );
        assert_eq!(to_redeem(&account), to_authorize(&account));
        assert_eq!(
            to_refresh(&account, Resource::Graph),
            "https://graph.example/User.Read https://graph.example/Mail.Send offline_access"
        );
    }

    #[test]
    fn looking_into_the_mailbox_asks_for_what_was_granted() {
        let account = account("https://login.example");
        assert_eq!(to_refresh(&account, Resource::Mailbox), "https://graph.example/.default offline_access");
    }

    #[test]
    fn an_smtp_account_signs_in_for_both_and_redeems_for_one() {
        let mut account = account("https://login.example");
        account.transport = Transport::Smtp;
        assert_eq!(
            to_authorize(&account),
            "openid profile offline_access https://graph.example/User.Read https://outlook.example/SMTP.Send"
        );
        assert_eq!(to_redeem(&account), "openid profile offline_access https://graph.example/User.Read");
        assert_eq!(
            to_refresh(&account, Resource::Outlook),
            "https://outlook.example/SMTP.Send offline_access"
        );
        assert_eq!(
            to_sign_in_by_device(&account),
            "openid profile offline_access https://outlook.example/SMTP.Send"
        );
    }

    #[test]
    fn an_application_asks_for_default_of_one_resource() {
        let account = account("https://login.example");
        assert_eq!(to_act_as_application(&account, Resource::Graph), "https://graph.example/.default");
        assert_eq!(
            to_act_as_application(&account, Resource::Outlook),
            "https://outlook-app.example/.default"
        );
    }
}
