//! The house behind the submission doors: who may hand mail over, as whom, and how fast. It must never let anyone in who
//! isn't a submitter, or tell by text which of name and password was wrong. Its neighbours are `submission`, which asks,
//! and `accept`, which takes the messages.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mail::{Address, Origin};
use store::SubmitterRow;
use store::queue::Recipient;
use submission::{Accepted, Admission, House, Intake, Login, Peer, Refusal, Submitter, Transaction};

use super::accept::{self, Offer, Reception, Taken};
use super::directory::{self, Submitters};
use super::journal;
use crate::app::App;
use crate::passwords::Passwords;
use crate::problem::Problem;
use crate::submitter_password::Verifier;
use crate::throttle::{Throttle, Wait};

/// The house, as devices meet it. All listeners share one.
pub struct Gate {
    app: Arc<App>,
    verifier: Verifier,
    passwords: Passwords,
    throttle: Mutex<Throttle>,
    /// Slow hashes one after the other: a device that opens many connections at once is no guesser.
    slow: tokio::sync::Mutex<()>,
}

/// A message that a device is handing over.
pub struct SmtpIntake {
    app: Arc<App>,
    reception: Reception,
    submitter: String,
    source: String,
}

impl Gate {
    /// The house in front of this queue.
    pub fn new(app: &Arc<App>) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::clone(app),
            verifier: Verifier::default(),
            passwords: Passwords::default(),
            throttle: Mutex::default(),
            slow: tokio::sync::Mutex::default(),
        })
    }

    async fn submitters(&self) -> Result<Arc<Submitters>, Refusal> {
        self.app.queue.directory.submitters(&self.app).await.map_err(|error| accept::of_store(&error))
    }

    async fn find(&self, who: &Submitter) -> Result<Arc<SubmitterRow>, Refusal> {
        self.submitters().await?.find(who.id).cloned().ok_or_else(|| {
            Refusal::new(550, "5.7.1", format!("The submitter {} may no longer hand mail over", who.name))
        })
    }

    async fn check_password(
        &self,
        login: &Login,
        source: &str,
    ) -> Result<Option<Arc<SubmitterRow>>, Refusal> {
        let submitters = self.submitters().await.map_err(|refusal| Refusal { code: 454, ..refusal })?;
        let row = submitters.find_user(&login.user);
        let known = row.and_then(|row| row.secret.as_ref().map(|secret| (row, secret)));
        let at_once = match known {
            None => Some(false),
            Some((row, secret)) => self
                .verifier
                .verify_at_once(&self.app.vault, (row.id, secret), &login.secret, self.app.now())
                .map_err(|problem| broken(&problem))?,
        };
        let _turn = match at_once {
            Some(_) => None,
            None => Some(self.slow.lock().await),
        };
        let now = self.app.now();
        let begun = self.throttle().begin(&login.user, source, now).map_err(too_many)?;
        let right = match (at_once, known) {
            (Some(right), _) => right,
            (None, Some((row, secret))) => {
                let tools = (&*self.app.vault, &self.passwords);
                let verified = self.verifier.verify(tools, (row.id, secret), &login.secret, now).await;
                verified.map_err(|problem| broken(&problem))?
            }
            (None, None) => false,
        };
        if right {
            self.throttle().succeed(begun);
        }
        Ok(row.filter(|_| right).cloned())
    }

    /// Takes a message in that came from there.
    pub async fn take(
        &self,
        who: &Submitter,
        transaction: Transaction,
        origin: Origin,
        source: String,
    ) -> Result<SmtpIntake, Refusal> {
        let row = self.find(who).await?;
        let reception = Reception::begin(&self.app, offer(&row, transaction, origin, source.clone()));
        Ok(SmtpIntake { app: Arc::clone(&self.app), reception, submitter: who.name.clone(), source })
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse<T>(&self, who: &str, peer: &str, refused: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &refused {
            journal::refused(&self.app, who, peer, refusal);
        }
        refused
    }
}

impl House for Gate {
    type Intake = SmtpIntake;

    async fn admit(&self, peer: &Peer) -> Admission {
        match self.submitters().await {
            Ok(submitters) => match submitters.find_address(peer.address.ip()) {
                Some(row) => Admission::Known(Submitter { id: row.id, name: row.name.clone() }),
                None => Admission::Stranger,
            },
            Err(refusal) => Admission::Refused(Refusal { code: 421, ..refusal }),
        }
    }

    async fn log_in(&self, peer: &Peer, login: &Login) -> Result<Submitter, Refusal> {
        let source = peer.address.ip().to_string();
        let checked = self.check_password(login, &source).await;
        let found = self.refuse("", &source, checked)?;
        match found {
            Some(row) => {
                self.app.queue.meter.logged_in();
                Ok(Submitter { id: row.id, name: row.name.clone() })
            }
            None => {
                let refusal = Refusal::wrong_credentials();
                journal::failed_to_log_in(&self.app, &source, &refusal);
                Err(refusal)
            }
        }
    }

    async fn check_sender(
        &self,
        who: &Submitter,
        _: Option<&Address>,
        _: Option<u64>,
    ) -> Result<(), Refusal> {
        let checked = match self.find(who).await {
            Ok(row) => self.app.queue.rates.count(&row, self.app.now()),
            Err(refusal) => Err(refusal),
        };
        self.refuse(&who.name, "", checked)
    }

    async fn check_recipient(&self, _: &Submitter, _: &Address) -> Result<(), Refusal> {
        Ok(())
    }

    async fn begin(&self, who: &Submitter, transaction: Transaction) -> Result<SmtpIntake, Refusal> {
        let address = transaction.peer.address.ip();
        let origin = Origin::Smtp {
            hello: transaction.hello.name.clone(),
            address,
            protocol: transaction.protocol(),
            tls: transaction.tls.as_ref().map(|tls| format!("{}, {}", tls.version, tls.cipher)),
        };
        self.take(who, transaction, origin, address.to_string()).await
    }

    fn refused(&self, peer: &Peer, who: Option<&Submitter>, refusal: &Refusal) {
        journal::turned_away(&self.app, who, &peer.address.ip().to_string(), refusal);
    }
}

impl Intake for SmtpIntake {
    async fn write(&mut self, octets: Bytes) -> Result<(), Refusal> {
        let written = self.reception.write(octets).await;
        written.inspect_err(|refusal| journal::refused(&self.app, &self.submitter, &self.source, refusal))
    }

    async fn finish(self) -> Result<Accepted, Refusal> {
        match self.reception.finish().await {
            Ok(Taken::Accepted(id) | Taken::Duplicate(id)) => Ok(Accepted { id: id.to_string() }),
            Err(refusal) => {
                journal::refused(&self.app, &self.submitter, &self.source, &refusal);
                Err(refusal)
            }
        }
    }
}

fn offer(row: &SubmitterRow, transaction: Transaction, origin: Origin, source: String) -> Offer {
    let recipients = transaction.recipients.into_iter().map(|recipient| Recipient {
        address: recipient.address,
        notify: recipient.notify.map(|notify| notify.to_string()),
        orcpt: recipient.orcpt.map(|orcpt| orcpt.to_string()),
    });
    Offer {
        submitter_id: Some(row.id),
        submitter_name: row.name.clone(),
        permit: directory::permit_of(row),
        from: transaction.from,
        recipients: recipients.collect(),
        ret: transaction.ret.map(|ret| ret.to_string()),
        envid: transaction.envid.map(|envid| envid.to_string()),
        origin,
        source,
        idempotency: None,
    }
}

fn too_many(Wait(wait): Wait) -> Refusal {
    let seconds = wait.whole_seconds().max(1);
    Refusal::new(454, "4.7.0", format!("Too many failed logins; try again in {seconds} seconds"))
}

fn broken(problem: &Problem) -> Refusal {
    tracing::error!(problem = problem.message(), "cannot check a submitter's password");
    Refusal::new(454, "4.7.0", "The password cannot be checked at present; try again later")
}
