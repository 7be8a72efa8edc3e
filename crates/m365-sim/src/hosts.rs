//! Microsoft's own host names, by cloud and role (facts 1.2), so that clients can be run against the simulator
//! under them: what the server certificate names, and what a resource or an authority may be called.
//! It knows names only; no traffic is sent to any of them.

/// The hosts of one cloud; the first of each list is the one that Microsoft's documents use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// Entra ID, with its aliases.
    pub(crate) login: &'static [&'static str],
    /// Under which name MSAL caches what the cloud gave (KnownMetadataProvider).
    pub(crate) preferred_cache: &'static str,
    /// Microsoft Graph.
    pub(crate) graph: &'static [&'static str],
    /// Exchange Online as a resource, and for upload sessions.
    pub(crate) outlook: &'static [&'static str],
    /// SMTP AUTH.
    pub(crate) smtp: &'static [&'static str],
    /// `cloud_instance_name` of the discovery document.
    pub(crate) instance: &'static str,
}

/// The cloud that everything else falls back to.
pub(crate) const GLOBAL: Hosts = Hosts {
    login: &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    preferred_cache: "login.windows.net",
    graph: &["graph.microsoft.com"],
    outlook: &["outlook.office.com", "outlook.office365.com"],
    smtp: &["smtp.office365.com"],
    instance: "microsoftonline.com",
};

/// Both clouds of the US government: they share the login host.
const US_GOV: Hosts = Hosts {
    login: &["login.microsoftonline.us"],
    preferred_cache: "login.microsoftonline.us",
    graph: &["graph.microsoft.us", "dod-graph.microsoft.us"],
    outlook: &["outlook.office365.us", "outlook-dod.office365.us"],
    smtp: &["smtp.office365.us", "outlook-dod.office365.us"],
    instance: "microsoftonline.us",
};

const CHINA: Hosts = Hosts {
    login: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
    preferred_cache: "login.partner.microsoftonline.cn",
    graph: &["microsoftgraph.chinacloudapi.cn"],
    outlook: &["partner.outlook.cn"],
    smtp: &["smtp.partner.outlook.cn"],
    instance: "partner.microsoftonline.cn",
};

const CLOUDS: [Hosts; 3] = [GLOBAL, US_GOV, CHINA];

impl Hosts {
    /// The cloud whose Entra ID has this name.
    pub(crate) fn of_login(host: &str) -> Option<Self> {
        CLOUDS.into_iter().find(|cloud| has(cloud.login, host))
    }

    /// The cloud whose Graph has this name.
    pub(crate) fn of_graph(host: &str) -> Option<Self> {
        CLOUDS.into_iter().find(|cloud| has(cloud.graph, host))
    }

    /// The cloud whose Exchange has this name.
    pub(crate) fn of_outlook(host: &str) -> Option<Self> {
        CLOUDS.into_iter().find(|cloud| has(cloud.outlook, host))
    }
}

/// Every name, each once.
pub(crate) fn all() -> Vec<&'static str> {
    let lists = CLOUDS.into_iter().flat_map(|cloud| [cloud.login, cloud.graph, cloud.outlook, cloud.smtp]);
    let mut names: Vec<&str> = lists.flatten().copied().collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn has(list: &[&str], host: &str) -> bool {
    list.iter().any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_leads_to_its_cloud() {
        assert_eq!(Hosts::of_login("LOGIN.windows.net"), Some(GLOBAL));
        assert_eq!(Hosts::of_graph("dod-graph.microsoft.us"), Some(US_GOV));
        assert_eq!(Hosts::of_outlook("partner.outlook.cn"), Some(CHINA));
        assert_eq!(Hosts::of_login("localhost"), None);
        assert!(all().contains(&"smtp.office365.com") && all().len() > 15);
    }
}
