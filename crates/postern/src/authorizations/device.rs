//! A sign-in with a code typed on another device: started, then polled until the person is done. Of several nodes one polls:
//! Entra takes two that poll for one that is too quick.

use std::sync::Arc;

use m365::Failure;
use m365::account::Account as OpenAccount;
use m365::device_code::{self, Polled};
use m365::secret::DeviceSecret;
use store::{AccountRow, FlowKind, FlowRow, FlowStatus, Role};
use time::Duration;
use uuid::Uuid;

use super::steps::{self, FlowSecrets};
use super::{Flow, words};
use crate::accounts;
use crate::api::access::Actor;
use crate::app::App;
use crate::problem::Problem;

pub(super) async fn start_device_code(
    app: &Arc<App>,
    actor: &Actor,
    account: AccountRow,
    opened: Arc<OpenAccount>,
) -> Result<Flow, Problem> {
    let connection =
        app.clouds.connection(&opened.cloud).map_err(|failure| words::unreached(app, &opened, &failure))?;
    let started = device_code::start(&connection, &opened, app.now()).await;
    let started = started.map_err(|failure| words::unreached(app, &opened, &failure))?;
    let secrets = FlowSecrets::Device {
        user_code: started.user_code.clone(),
        verification_uri: started.verification_uri.clone(),
        device_code: started.secret.expose().to_owned().into(),
        interval_seconds: started.interval.whole_seconds(),
    };
    let row = FlowRow {
        expires_at: started.expires_at,
        ..steps::new_row(app, actor, &account, FlowKind::DeviceCode, &secrets)
    };
    let row = steps::insert(app, actor, &account, row).await?;
    let poller = DevicePoller::new(app, actor.clone(), row.id, opened);
    tokio::spawn(poller.run(started.secret, started.interval));
    steps::show(app, row).await
}

/// Goes on polling for the device codes that wait and nobody polls for.
pub(super) async fn resume_device_codes(app: &Arc<App>) -> Result<(), Problem> {
    for flow in app.store.flows().waiting(FlowKind::DeviceCode, app.now()).await? {
        let id = flow.id;
        if let Err(problem) = resume(app, flow).await {
            tracing::warn!(flow = %id, problem = problem.message(), "cannot go on with a device code");
        }
    }
    Ok(())
}

async fn resume(app: &Arc<App>, flow: FlowRow) -> Result<(), Problem> {
    let FlowSecrets::Device { device_code, interval_seconds, .. } = steps::open_secrets(app, &flow)? else {
        return Err(Problem::internal("a device code flow without a device code"));
    };
    let account = steps::row_of(app, flow.account_id).await?;
    let opened = accounts::open(app, &account).await?;
    // Who it was is known; from where they asked was not kept.
    let actor = Actor { name: flow.started_by, source: "clock".to_owned(), role: Role::Administrator };
    let poller = DevicePoller::new(app, actor, flow.id, opened);
    if !poller.has_turn(Duration::seconds(interval_seconds)).await? {
        return Ok(());
    }
    tokio::spawn(poller.run(DeviceSecret::new(device_code.as_str()), Duration::seconds(interval_seconds)));
    Ok(())
}

/// Polls until the person is done, the code is over or the flow is called off.
struct DevicePoller {
    app: Arc<App>,
    actor: Actor,
    flow: Uuid,
    opened: Arc<OpenAccount>,
    /// By what this poller is known among the nodes.
    holder: Uuid,
}

/// So long after it should have asked again a poller is taken for gone.
const TURN: Duration = Duration::seconds(30);

impl DevicePoller {
    fn new(app: &Arc<App>, actor: Actor, flow: Uuid, opened: Arc<OpenAccount>) -> Self {
        Self { app: Arc::clone(app), actor, flow, opened, holder: Uuid::new_v4() }
    }

    /// Whether no other polls for this flow; then none does until after the next time this one asks.
    async fn has_turn(&self, interval: Duration) -> Result<bool, Problem> {
        if !self.app.store.is_shared() {
            return Ok(true);
        }
        let (name, now) = (format!("device_code {}", self.flow), self.app.now());
        let until = now + interval + TURN;
        Ok(self.app.store.nodes().take_turn(&name, self.holder, now, until).await?)
    }

    async fn run(self, secret: DeviceSecret, mut interval: Duration) {
        loop {
            tokio::select! {
                () = self.app.shutdown.cancelled() => return,
                () = tokio::time::sleep(interval.unsigned_abs()) => {}
            }
            match self.poll(&secret, interval).await {
                Ok(Next::Again) => {}
                Ok(Next::Slower) => interval += Duration::seconds(5),
                Ok(Next::Over) => return,
                Err(problem) => {
                    tracing::warn!(flow = %self.flow, problem = problem.message(), "a device code flow ended badly");
                    return;
                }
            }
        }
    }

    async fn poll(&self, secret: &DeviceSecret, interval: Duration) -> Result<Next, Problem> {
        let app = &self.app;
        if !self.has_turn(interval).await? {
            return Ok(Next::Over);
        }
        let flow = steps::find_row(app, &self.flow.to_string()).await?;
        if flow.status != FlowStatus::Waiting {
            return Ok(Next::Over);
        }
        let account = steps::row_of(app, flow.account_id).await?;
        steps::same_account(app, &self.actor, &flow, &account).await?;
        let connection = match app.clouds.connection(&self.opened.cloud) {
            Ok(connection) => connection,
            Err(failure) => return self.end(&flow, &failure).await,
        };
        match device_code::poll(&connection, &self.opened, secret, app.now()).await {
            Ok(Polled::Pending) => Ok(Next::Again),
            Ok(Polled::SlowDown) => Ok(Next::Slower),
            Ok(Polled::SignedIn(signed_in)) => {
                steps::found(app, &self.actor, &flow, &account, *signed_in).await?;
                Ok(Next::Over)
            }
            Ok(Polled::Declined) => {
                self.refuse(&flow, "declined", "The sign-in was declined on the other device.").await
            }
            Ok(Polled::Expired) => self.refuse(&flow, "expired", "The code was not used in time.").await,
            Err(failure) if failure.is_temporary() => Ok(Next::Again),
            Err(failure) => self.end(&flow, &failure).await,
        }
    }

    async fn end(&self, flow: &FlowRow, failure: &Failure) -> Result<Next, Problem> {
        let account = steps::row_of(&self.app, flow.account_id).await?;
        steps::fail_by(&self.app, &self.actor, flow, &account, &self.opened, failure).await?;
        Ok(Next::Over)
    }

    async fn refuse(&self, flow: &FlowRow, code: &'static str, message: &str) -> Result<Next, Problem> {
        let account = steps::row_of(&self.app, flow.account_id).await?;
        let problem = Problem::new(code, message, "Start again; a sign-in in the browser is the better way.");
        steps::fail(&self.app, &self.actor, flow, &account, &problem).await?;
        Ok(Next::Over)
    }
}

enum Next {
    Again,
    Slower,
    Over,
}
