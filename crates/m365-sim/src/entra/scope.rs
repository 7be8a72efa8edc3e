//! Reads the parameter `scope`: which resource, which permissions, which OpenID words (facts 3.4).
//! It knows the catalogue, not what is granted.

use super::refusal::{self, Refusal};
use crate::hosts::Hosts;
use crate::tenant::Tenant;
use crate::world::{DelegatedPermission, Resource, delegated_permission};
use url::Url;

const OPENID_WORDS: &[&str] = &["openid", "profile", "email", "offline_access"];

/// A scope parameter that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Scopes {
    pub(crate) raw: String,
    pub(crate) openid: Vec<&'static str>,
    pub(crate) wanted: Vec<Wanted>,
}

/// One scope of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) resource: Resource,
    /// The resource as it was named; the token's audience.
    pub(crate) audience: String,
    pub(crate) what: What,
}

/// What is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// `/.default`: all that is granted.
    Default,
    /// One permission.
    Permission(DelegatedPermission),
}

impl Scopes {
    /// # Errors
    /// 70011 for an unknown scope or `.default` beside others, 500011 for an unknown resource.
    pub(crate) fn parse(raw: &str, tenant: &Tenant, directory: &str) -> Result<Self, Refusal> {
        let mut scopes = Self { raw: raw.to_owned(), openid: Vec::new(), wanted: Vec::new() };
        for scope in raw.split_ascii_whitespace() {
            if let Some(word) = OPENID_WORDS.iter().find(|word| word.eq_ignore_ascii_case(scope)) {
                scopes.openid.push(word);
                continue;
            }
            let wanted = scopes.read(scope, tenant, directory)?;
            scopes.wanted.push(wanted);
        }
        let defaults = scopes.wanted.iter().filter(|wanted| wanted.what == What::Default).count();
        if defaults > 0 && scopes.wanted.len() > 1 {
            return Err(refusal::scope_invalid(raw, raw));
        }
        Ok(scopes)
    }

    /// Whether the words name more than one resource.
    pub(crate) fn spans_resources(&self) -> bool {
        self.wanted.windows(2).any(|pair| pair[0].resource != pair[1].resource)
    }

    /// The resource that a token is for: the first one; Graph, when only OpenID words were given.
    pub(crate) fn first(&self) -> (Resource, String) {
        let first = self.wanted.first();
        first.map_or((Resource::Graph, Resource::Graph.app_id().into()), |w| (w.resource, w.audience.clone()))
    }

    /// Those of the resource that a token would be for.
    pub(crate) fn of_first(&self) -> impl Iterator<Item = &Wanted> {
        let (resource, _) = self.first();
        self.wanted.iter().filter(move |wanted| wanted.resource == resource)
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.openid.contains(&word)
    }

    /// A list is read by its first permission: a bare name belongs to the resource that came first.
    fn read(&self, scope: &str, tenant: &Tenant, directory: &str) -> Result<Wanted, Refusal> {
        let (resource, audience, name) = match scope.rsplit_once('/') {
            Some((audience, name)) => {
                let audience = audience.to_owned();
                let resource = resource_named(&audience, tenant)
                    .ok_or_else(|| refusal::resource_not_found(&audience, directory))?;
                (resource, audience, name)
            }
            None => {
                let (resource, audience) = self.first();
                (resource, audience, scope)
            }
        };
        let what = if name.eq_ignore_ascii_case(".default") {
            What::Default
        } else {
            let permission = delegated_permission(resource, name);
            What::Permission(permission.ok_or_else(|| refusal::scope_invalid(&self.raw, scope))?)
        };
        Ok(Wanted { resource, audience, what })
    }
}

/// The resource that a URI or application id means.
pub(crate) fn resource_named(name: &str, tenant: &Tenant) -> Option<Resource> {
    for resource in [Resource::Graph, Resource::Exchange] {
        if name.eq_ignore_ascii_case(resource.app_id()) {
            return Some(resource);
        }
    }
    let url = Url::parse(name).ok().filter(|url| url.scheme() == "https")?;
    let host = url.host_str()?;
    if Hosts::of_outlook(host).is_some() {
        return Some(Resource::Exchange);
    }
    (Hosts::of_graph(host).is_some() || tenant.is_own_host(host)).then_some(Resource::Graph)
}
