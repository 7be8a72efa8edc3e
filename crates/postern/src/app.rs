//! The house wired together: what every handler and job works with.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use store::{AuditEntry, Store};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::api::access::Actor;
use crate::api::host::Hosts;
use crate::audit;
use crate::clock::Clock;
use crate::clouds::Clouds;
use crate::events::Events;
use crate::problem::Problem;
use crate::queue::Queue;
use crate::ration::Ration;
use crate::sign_in::Door;
use crate::submission_doors::Server;
use crate::tls::CurrentCertificate;
use crate::vault::Vault;

/// Everything that outlives a request.
pub struct App {
    /// The database.
    pub store: Store,
    /// Seals and opens.
    pub vault: Arc<Vault>,
    /// The names under which the console is reached.
    pub hosts: Arc<Hosts>,
    /// The clouds accounts can live in, each with its connection.
    pub clouds: Clouds,
    /// What all who sign in to the console pass through.
    pub door: Door,
    /// Where the server's files are.
    pub data_dir: PathBuf,
    /// Access tokens in memory.
    pub tokens: m365::token::Tokens,
    /// Mail on its way.
    pub queue: Queue,
    /// Where devices hand mail over.
    pub servers: Vec<Server>,
    /// What the console proves itself with, and each door that has no certificate of its own; there once the doors open.
    pub console_certificate: OnceLock<Arc<CurrentCertificate>>,
    /// Tells listeners what changed.
    pub events: Events,
    /// How many audit rows strangers may cause.
    pub strangers: Ration,
    /// The time of day.
    pub clock: Clock,
    /// Told when the process stops; long answers end then.
    pub shutdown: CancellationToken,
}

impl App {
    /// Now, UTC.
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Writes the refusal into the audit log and hands it on. A log that can't be written must not hide the refusal.
    pub async fn refuse(&self, actor: &Actor, action: &str, target: &str, problem: Problem) -> Problem {
        let entry = audit::refused(actor, self.now(), action, target, &problem);
        self.append_audit(&entry).await;
        problem
    }

    /// Hands on how something ended; a refusal is written into the audit log first.
    pub async fn audit_refusal<T>(
        &self,
        actor: &Actor,
        action: &str,
        target: &str,
        ended: Result<T, Problem>,
    ) -> Result<T, Problem> {
        match ended {
            Ok(done) => Ok(done),
            Err(problem) => Err(self.refuse(actor, action, target, problem).await),
        }
    }

    /// The same for someone who need not prove who they are: so many rows a minute and no more, or anyone on the
    /// network could fill the disk and drown what matters.
    pub async fn refuse_stranger(&self, actor: &Actor, action: &str, problem: Problem) -> Problem {
        if self.strangers.admit(self.now()) {
            return self.refuse(actor, action, "", problem).await;
        }
        tracing::warn!(
            source = actor.source,
            action,
            code = problem.code(),
            "refused; not in the audit log, there are too many"
        );
        problem
    }

    /// Writes an audit row that stands on its own; a failure is logged and changes nothing.
    pub async fn append_audit(&self, entry: &AuditEntry) {
        if let Err(error) = self.store.audit().append(entry).await {
            tracing::error!(%error, action = entry.action, "cannot write the audit log");
        }
    }
}
