//! Postern and a simulated tenant in one process, everything on loopback. It is the real server with the real API; only
//! Microsoft is played. It must never touch a real tenant or a real data directory that wasn't named.

pub(crate) mod browser;
pub(crate) mod mailbox;
pub(crate) mod tour;

use std::fs::{DirBuilder, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use m365_sim::{App, Sim, SimOptions, World};
use serde::Serialize;
use store::{ForeignFrom, Role, SecondFactorEdit, SubmitterRow};
use tempfile::TempDir;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::api::access::Actor;
use crate::api::input::{Name, SecretText};
use crate::clock::Clock;
use crate::config::{self, CloudConfig, Config, ListenerTls, Overrides, SubmissionListener};
use crate::queue::accept;
use crate::serve::{self, Running};
use crate::sessions;
use crate::users::{self, Edit, NewUser};
use crate::{audit, submitter_password};

/// The name under which the simulated tenant's cloud is configured.
const CLOUD: &str = "demo";
/// Who signs in to the console.
const USER: &str = "admin";
/// Who hands mail over.
const DEVICE: &str = "device";
/// The simulator's authority, in the data directory.
const CA_FILE: &str = "demo-ca.pem";

/// How a demo is started.
#[derive(Debug, Clone)]
pub(crate) struct DemoOptions {
    /// Port of the console; 0 is a free one.
    pub(crate) port: u16,
    /// A temporary directory without one.
    pub(crate) data_dir: Option<PathBuf>,
}

/// What a visitor needs to know, as `postern demo --json` prints it (product contract, section 9).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    pub(crate) console: String,
    /// Who signs in to the console: an administrator without a second factor.
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) control: String,
    pub(crate) smtp: String,
    pub(crate) cloud: String,
    pub(crate) tenant_id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) domain: String,
    pub(crate) users: Vec<Visitor>,
    /// What a device needs to hand mail over.
    pub(crate) submission: Door,
    pub(crate) data_dir: String,
}

/// A submission listener, and a submitter that it lets in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Door {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As in the configuration: `starttls`.
    pub(crate) tls: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Somebody who can sign in. The first has all that is needed, the others lack one thing each.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Visitor {
    pub(crate) upn: String,
    pub(crate) password: String,
}

/// A demo that is up.
pub(crate) struct Demo {
    facts: Facts,
    recipient: String,
    /// What a visitor's browser must trust: the simulator's authority and the console's certificate.
    trusted_pem: String,
    running: Running,
    sim: Sim,
    // Dropped last: the server's files are in it.
    _folder: Option<TempDir>,
}

impl Demo {
    /// Starts the tenant, then Postern in it; when it returns both accept.
    ///
    /// # Errors
    /// A port or the data directory can't be had.
    pub(crate) async fn start(options: DemoOptions) -> anyhow::Result<Self> {
        let (data_dir, folder) = choose_folder(options.data_dir)?;
        let sim = Sim::start(SimOptions::default()).await?;
        let config = configure(&data_dir, options.port, &sim)?;
        let running = serve::start(config, Clock::system()).await?;
        register_redirects(&sim, running.console.port());
        let password = admit_user(&running).await?;
        let submission = open_door(&running).await?;
        let facts = gather_facts(&sim, running.console.port(), &data_dir, (password, submission))?;
        let console_pem = running.certificate_pem.clone().unwrap_or_default();
        let trusted_pem = format!("{}\n{console_pem}", sim.ca_pem);
        let recipient = choose_recipient(&sim)?;
        Ok(Self { facts, recipient, trusted_pem, running, sim, _folder: folder })
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Who gets the tour's mail: a user besides the first, with a mailbox.
    pub(crate) fn recipient(&self) -> &str {
        &self.recipient
    }

    /// PEM of all that a visitor's browser must trust.
    pub(crate) fn trusted_pem(&self) -> &str {
        &self.trusted_pem
    }

    /// Stops Postern first, so that nothing fails for want of its tenant.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
        self.sim.stop().await;
    }
}

fn choose_folder(named: Option<PathBuf>) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    if let Some(path) = named {
        return Ok((path, None));
    }
    let folder = tempfile::Builder::new()
        .prefix("postern-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .context("can't make a temporary directory")?;
    Ok((folder.path().to_owned(), Some(folder)))
}

/// The environment is left out: what it says about a real server has no place here.
fn configure(data_dir: &Path, port: u16, sim: &Sim) -> anyhow::Result<Config> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .and_then(|()| std::fs::write(data_dir.join(CA_FILE), &sim.ca_pem))
        .with_context(|| format!("can't write to {}", data_dir.display()))?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let overrides = Overrides { data_dir: Some(data_dir.to_owned()), listen: Some(listen) };
    let mut config = config::load(None, [], overrides)?;
    config.names.extend(host_name().parse());
    config.submission.push(SubmissionListener {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tls: ListenerTls::Starttls,
        tls_files: None,
        proxy_protocol_from: Vec::new(),
    });
    config.clouds.push(CloudConfig {
        name: CLOUD.to_owned(),
        login: Some(sim.https_url.clone()),
        graph: Some(sim.https_url.clone()),
        outlook_scope: Some("https://outlook.office.com".to_owned()),
        outlook_app_scope: Some("https://outlook.office365.com".to_owned()),
        smtp: Some(sim.smtp_addr.clone()),
        ca_file: Some(data_dir.join(CA_FILE)),
        discovery: None,
    });
    Ok(config)
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase()
}

/// The three redirect URIs of the set-up guide, with the port that the console really got.
fn register_redirects(sim: &Sim, port: u16) {
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned(), host_name()];
    let uris: Vec<String> = hosts.iter().map(|host| format!("https://{host}:{port}/authorize")).collect();
    sim.change_world(|world| {
        for app in &mut world.apps {
            app.redirect_uris.clone_from(&uris);
        }
    });
}

/// Makes the administrator that the console is tried as, with a password of this run; returns it. In a data directory of
/// an earlier run they get the new password.
async fn admit_user(running: &Running) -> anyhow::Result<String> {
    let app = &running.app;
    let itself = Actor { name: "postern".to_owned(), source: "demo".to_owned(), role: Role::Administrator };
    let password = SecretText::new(sessions::Token::generate().expose());
    let admitted = match app.store.users().find_by_name(USER).await? {
        None => {
            let name: Name = USER.parse().expect("a plain word is a name");
            let new = NewUser { name: &name, password: &password, role: Role::Administrator };
            users::add(app, &itself, new).await
        }
        Some(user) => {
            let edit = Edit {
                role: Some(Role::Administrator),
                password: Some(&password),
                second_factor: SecondFactorEdit::Remove,
            };
            users::edit(app, &itself, &user.id.to_string(), edit).await
        }
    };
    admitted.map_err(|problem| anyhow::anyhow!("{}\nhint: {}", problem.message(), problem.hint()))?;
    Ok(password.expose().to_owned())
}

/// Lets a device in, with a password of this run.
async fn open_door(running: &Running) -> anyhow::Result<Door> {
    let app = &running.app;
    let port = running.submission.first().context("the demo has a submission listener")?.port();
    let password = submitter_password::generate();
    let now = app.now();
    let known = app.store.submitters().find(DEVICE).await?;
    let mut row = match &known {
        Some(row) => row.clone(),
        None => new_submitter(accept::new_id(now), now),
    };
    row.secret = Some(submitter_password::seal_generated(&app.vault, row.id, &password));
    row.updated_at = now;
    let itself = Actor { name: "postern".to_owned(), source: "demo".to_owned(), role: Role::Administrator };
    match known {
        Some(before) => {
            let entry = audit::done(&itself, now, "submitter.edit", DEVICE);
            app.store.submitters().update(&row, before.version, &entry).await?;
        }
        None => {
            let entry = audit::done(&itself, now, "submitter.add", DEVICE);
            app.store.submitters().insert(&row, &entry).await?;
        }
    }
    app.queue.directory.forget();
    let (host, tls) = ("localhost".to_owned(), "starttls".to_owned());
    Ok(Door { host, port, tls, user: DEVICE.to_owned(), password: password.to_string() })
}

fn new_submitter(id: Uuid, now: OffsetDateTime) -> SubmitterRow {
    SubmitterRow {
        id,
        version: 1,
        name: DEVICE.to_owned(),
        description: "made by postern demo".to_owned(),
        user_name: Some(DEVICE.to_owned()),
        secret: None,
        token_hash: None,
        networks: Vec::new(),
        uids: Vec::new(),
        senders: Vec::new(),
        foreign_from: ForeignFrom::Rewrite,
        account_id: None,
        rate_per_minute: None,
        is_enabled: true,
        created_at: now,
        updated_at: now,
        last_used_at: None,
    }
}

fn choose_recipient(sim: &Sim) -> anyhow::Result<String> {
    let users = sim.world().users;
    let other = users.iter().skip(1).find(|user| user.has_mailbox());
    Ok(other.context("the simulated tenant has no second mailbox")?.upn.clone())
}

fn gather_facts(
    sim: &Sim,
    port: u16,
    data_dir: &Path,
    (password, submission): (String, Door),
) -> anyhow::Result<Facts> {
    let World { tenant, apps, users, .. } = sim.world();
    let app: &App = apps.first().context("the simulated tenant has no application")?;
    let secret = app.secrets.first().context("the simulated application has no secret")?;
    let visitors = users.iter().filter(|user| !user.shared);
    Ok(Facts {
        console: format!("https://localhost:{port}"),
        user: USER.to_owned(),
        password,
        control: sim.control_url.clone(),
        smtp: sim.smtp_addr.clone(),
        cloud: CLOUD.to_owned(),
        tenant_id: tenant.id.to_string(),
        client_id: app.client_id.to_string(),
        client_secret: secret.value.clone(),
        domain: tenant.domain,
        users: visitors
            .map(|user| Visitor { upn: user.upn.clone(), password: user.password.clone() })
            .collect(),
        submission,
        data_dir: data_dir.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::tour::{Step, Tour};
    use super::*;

    async fn demo() -> Demo {
        Demo::start(DemoOptions { port: 0, data_dir: None }).await.unwrap()
    }

    /// Walks until the end or the first step that fails.
    async fn walk(demo: &Demo) -> Vec<Step> {
        let mut tour = Tour::new(demo).unwrap();
        let mut steps: Vec<Step> = Vec::new();
        while tour.next_title().is_some() && steps.last().is_none_or(|step| step.ok) {
            steps.push(tour.walk_on().await);
        }
        steps
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_tour_walks_every_way_and_finds_in_the_mailbox_what_was_sent() {
        let demo = demo().await;
        let steps = walk(&demo).await;
        assert!(steps.iter().all(|step| step.ok), "{:?}", steps.last());
        assert_eq!(steps.len(), 2 + 8 * 4);
        demo.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_second_tour_in_the_same_data_directory_has_names_of_its_own() {
        let demo = demo().await;
        for _ in 0..2 {
            let mut tour = Tour::new(&demo).unwrap();
            for _ in 0..3 {
                let step = tour.walk_on().await;
                assert!(step.ok, "{step:?}");
            }
        }
        demo.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_tour_ends_at_the_first_step_that_fails_and_says_what_to_do() {
        let demo = demo().await;
        demo.sim.change_world(|world| world.apps[0].secrets.clear());
        let steps = walk(&demo).await;
        let failed = steps.last().unwrap();
        assert!(!failed.ok && failed.step == "authorize", "{failed:?}");
        assert!(failed.heading().starts_with("Client secret, delegated"), "{failed:?}");
        assert!(failed.code.is_some() && failed.cause.is_some() && failed.fix.is_some(), "{failed:?}");
        demo.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_facts_have_addresses_without_a_slash_and_a_tenant_that_is_ready() {
        let demo = demo().await;
        let facts = serde_json::to_value(demo.facts()).unwrap();
        for name in ["console", "control", "smtp"] {
            let address = facts[name].as_str().unwrap();
            assert!(!address.ends_with('/'), "{address}");
        }
        let app = demo.sim.world().apps[0].clone();
        let port = demo.running.console.port();
        assert_eq!(app.redirect_uris[0], format!("https://localhost:{port}/authorize"));
        assert_eq!(app.redirect_uris.len(), 3);
        assert!(app.certificates.is_empty());
        assert!(demo.facts().users.len() > 1);
        assert_eq!(facts["submission"]["tls"], "starttls");
        let door = &demo.facts().submission;
        assert_eq!(demo.running.submission[0].port(), door.port);
        let device = demo.running.app.store.submitters().find(&door.user).await.unwrap().unwrap();
        assert!(device.is_enabled && device.secret.is_some() && door.password.len() == 32);
        demo.stop().await;
    }
}
