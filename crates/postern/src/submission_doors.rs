//! The doors for devices, as the configuration names them: each with its port, its encryption and its limits. Their
//! certificate is the console's or their own, and a new one needs no restart. The talking is `submission`'s; the house
//! behind the doors is `queue::door`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use submission::{Caps, Census, Limits, Security, Settings};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::api::host::Hosts;
use crate::app::App;
use crate::config::{ListenerTls, MailLimits, SubmissionListener};
use crate::listener;
use crate::queue::door::Gate;
use crate::tls::{self, CurrentCertificate};

/// A door whose port is taken and which isn't open yet.
pub struct Bound {
    socket: TcpSocket,
    config: SubmissionListener,
    /// Of its own, where it has one.
    certificate: Option<Arc<CurrentCertificate>>,
}

/// What is told of a door.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it is open, as it was really got.
    pub address: SocketAddr,
    /// Its encryption.
    pub tls: ListenerTls,
    /// Its own certificate; without one it shows the console's.
    pub certificate: Option<Arc<CurrentCertificate>>,
}

impl Server {
    /// The name by which a device reaches it.
    pub fn host<'h>(&self, hosts: &'h Hosts) -> &'h str {
        // However this machine is called elsewhere, only its own programs come to such a door.
        if self.address.ip().is_loopback() { "localhost" } else { hosts.own_name() }
    }
}

/// Takes all ports and reads all certificates; what is wrong with one of them is found before anything else is touched.
pub fn bind(listeners: &[SubmissionListener]) -> anyhow::Result<Vec<Bound>> {
    let mut bound = Vec::with_capacity(listeners.len());
    for config in listeners {
        let certificate = config.tls_files.as_ref().map(tls::read_files).transpose()?;
        let socket = listener::take_port(config.listen).with_context(|| cannot_listen(config))?;
        let certificate = certificate.map(CurrentCertificate::new);
        bound.push(Bound { socket, config: config.clone(), certificate });
    }
    Ok(bound)
}

/// The doors, as devices must be told of them.
pub fn servers(bound: &[Bound]) -> Vec<Server> {
    let server = |door: &Bound| {
        let address = door.socket.local_addr().unwrap_or(door.config.listen);
        Server { address, tls: door.config.tls, certificate: door.certificate.clone() }
    };
    bound.iter().map(server).collect()
}

/// Opens the doors; returns their addresses, in the order of the configuration.
pub fn open(
    tasks: &mut JoinSet<()>,
    app: &Arc<App>,
    gate: &Arc<Gate>,
    bound: Vec<Bound>,
    console: &Arc<CurrentCertificate>,
) -> anyhow::Result<Vec<SocketAddr>> {
    let census = Census::new(caps(&app.queue.limits));
    let mut addresses = Vec::with_capacity(bound.len());
    for Bound { socket, config, certificate } in bound {
        let listener = socket.listen(listener::BACKLOG).with_context(|| cannot_listen(&config))?;
        let address = listener.local_addr().context("cannot read the address of a submission listener")?;
        if let Some((files, certificate)) = config.tls_files.clone().zip(certificate.clone()) {
            tasks.spawn(tls::watch_files(files, certificate, app.shutdown.clone()));
        }
        let settings = Settings {
            hello: app.hosts.own_name().to_owned(),
            postmaster: app.queue.config.report_to.clone(),
            security: security(&config, certificate.unwrap_or_else(|| Arc::clone(console))),
            proxies: config.proxy_protocol_from,
            limits: limits(&app.queue.limits),
            census: Arc::clone(&census),
        };
        tasks.spawn(submission::serve(listener, settings, Arc::clone(gate), app.shutdown.clone()));
        tracing::info!(%address, tls = ?config.tls, "devices may hand mail over");
        addresses.push(address);
    }
    Ok(addresses)
}

fn cannot_listen(config: &SubmissionListener) -> String {
    format!("cannot listen on {} for submission; [[submission]] listen names another address", config.listen)
}

fn security(config: &SubmissionListener, certificate: Arc<CurrentCertificate>) -> Security {
    match config.tls {
        ListenerTls::Starttls => Security::StartTls(tls::mail_config(certificate)),
        ListenerTls::Implicit => Security::Implicit(tls::mail_config(certificate)),
        // Beyond loopback the configuration has said that it is meant.
        ListenerTls::None if config.listen.ip().is_loopback() => Security::Plain,
        ListenerTls::None => Security::PlainAnywhere,
    }
}

pub(crate) fn caps(limits: &MailLimits) -> Caps {
    Caps {
        total: limits.connections,
        per_address: limits.connections_per_address,
        per_submitter: limits.connections_per_submitter,
    }
}

pub(crate) fn limits(limits: &MailLimits) -> Limits {
    Limits { message_octets: limits.message_octets, recipients: limits.recipients, ..Limits::default() }
}
