//! The clouds that accounts can live in: Microsoft's own and those of the configuration, each with the connection that
//! its calls go over.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use m365::Failure;
use m365::cloud::{Cloud, CloudSettings};
use m365::connection::{Connection, ConnectionOptions};
use m365::failure::LocalTrouble;
use m365::proxy::{Proxy, ProxyChoice};
use m365::trust::Roots;

use crate::config::{CloudConfig, Config, TrustedRoots};
use crate::problem::{Problem, shown};

/// All clouds by name.
#[derive(Debug)]
pub struct Clouds(BTreeMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    cloud: Arc<Cloud>,
    /// Where no connection could be made ready (no trusted roots on this system), calls fail with the reason.
    connection: Result<Arc<Connection>, LocalTrouble>,
    built_in: bool,
}

/// The cloud of an account that names none.
pub const DEFAULT_CLOUD: &str = "global";

impl Clouds {
    /// The built-in clouds and those of the configuration; reads the CA files it names.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let options = connection_options(config)?;
        let mut clouds = BTreeMap::new();
        let configured = config.clouds.iter().map(read).collect::<anyhow::Result<Vec<Cloud>>>()?;
        let built_in = Cloud::built_in().into_iter().map(|cloud| (cloud, true));
        for (cloud, built_in) in built_in.chain(configured.into_iter().map(|cloud| (cloud, false))) {
            let cloud = Arc::new(cloud);
            let connection = Connection::new(Arc::clone(&cloud), &options).map(Arc::new);
            if let Err(trouble) = &connection {
                tracing::error!(cloud = cloud.name, %trouble, hint = trouble.hint, "cannot make calls to this cloud");
            }
            let name = cloud.name.clone();
            let entry = Entry { cloud, connection, built_in };
            anyhow::ensure!(
                clouds.insert(name.clone(), entry).is_none(),
                "two [[cloud]] have the name {name}"
            );
        }
        Ok(Self(clouds))
    }

    /// The cloud of that name.
    pub fn find(&self, name: &str) -> Result<&Arc<Cloud>, Problem> {
        self.entry(name).map(|entry| &entry.cloud)
    }

    /// The connection to a cloud that is here.
    pub fn connection(&self, cloud: &Cloud) -> Result<Arc<Connection>, Failure> {
        let entry = self.0.get(&cloud.name).expect("a cloud comes from this table");
        entry.connection.clone().map_err(Failure::Local)
    }

    /// Each cloud, and whether it is built in.
    pub fn iter(&self) -> impl Iterator<Item = (&Cloud, bool)> {
        self.0.values().map(|entry| (entry.cloud.as_ref(), entry.built_in))
    }

    fn entry(&self, name: &str) -> Result<&Entry, Problem> {
        self.0.get(name).ok_or_else(|| {
            let known = self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let why = format!("there is no cloud {}; known are {known}", shown(name));
            Problem::invalid("cloud", why)
        })
    }
}

fn read(config: &CloudConfig) -> anyhow::Result<Cloud> {
    let missing = |key: &str| format!("[[cloud]] {}: {key} is missing", config.name);
    let given = |key: &str, value: &Option<String>| value.clone().with_context(|| missing(key));
    let ca_pem = config.ca_file.as_deref().map(|file| {
        std::fs::read(file)
            .with_context(|| format!("[[cloud]] {}: cannot read ca_file {}", config.name, file.display()))
    });
    let settings = CloudSettings {
        name: config.name.clone(),
        // With a plain OpenID provider the endpoints come from its discovery document; login is not used.
        login: given("login", &config.login.clone().or_else(|| config.discovery.clone()))?,
        graph: given("graph", &config.graph)?,
        outlook_scope: given("outlook_scope", &config.outlook_scope)?,
        outlook_app_scope: given("outlook_app_scope", &config.outlook_app_scope)?,
        smtp: given("smtp", &config.smtp)?,
        ca_pem: ca_pem.transpose()?,
        discovery: config.discovery.clone(),
    };
    Ok(Cloud::try_from(settings)?)
}

fn connection_options(config: &Config) -> anyhow::Result<ConnectionOptions> {
    let proxy = match &config.proxy {
        None => ProxyChoice::Environment,
        Some(configured) => {
            let proxy: Proxy = configured.url.as_str().parse().context("[proxy] url")?;
            ProxyChoice::Through(match &configured.no_proxy {
                Some(hosts) => proxy.except(hosts),
                None => proxy,
            })
        }
    };
    let roots = match config.trusted_roots {
        TrustedRoots::System => Roots::System,
        TrustedRoots::BuiltIn => Roots::BuiltIn,
    };
    Ok(ConnectionOptions { proxy, roots, ..ConnectionOptions::default() })
}
