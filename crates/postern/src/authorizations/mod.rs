//! Sign-ins under way, from the button to the grant (the third corridor).
//!
//! A flow is answered by its state, once, within ten minutes. One that a browser started counts only in that browser; one
//! that was started elsewhere ends *pending* until whoever started it has seen who signed in and confirms it. Nothing is
//! kept of a flow that failed but why. Neighbours: `m365::authorize` and `m365::device_code` do the talking, the store
//! keeps each step together with what follows from it.

mod browser;
mod device;
mod steps;
mod words;

use std::sync::Arc;
use std::time::Duration as StdDuration;

use m365::account::Account as OpenAccount;
use m365::authorize::ResponseMode;
use m365::state::{Event, Step};
use serde_json::json;
use store::{AccountRow, FlowKind, FlowRow, FlowStatus, Settlement, SignIn};
use time::Duration;
use url::Url;
use zeroize::Zeroizing;

use crate::api::access::Actor;
use crate::app::App;
use crate::problem::Problem;
use crate::vault::Record;
use crate::{accounts, audit};
use steps::{FlowSecrets, FoundGrant, fail_by, find_row, insert, keep, new_row, row_of, settle, show};

pub use browser::{Bringer, complete, receive};

/// How long a person has for signing in, and then whoever started it for confirming.
pub const FLOW_LIFETIME: Duration = Duration::minutes(10);

/// The longest that one question for a flow's progress is held.
pub const LONGEST_WAIT: StdDuration = StdDuration::from_secs(60);

/// How a flow is to be started.
#[derive(Debug)]
pub struct Start {
    /// The redirect URI, one of ours.
    pub redirect_uri: Url,
    /// How the browser brings the answer.
    pub response_mode: ResponseMode,
    /// Whether this request's own browser will bring it: then it gets a cookie, and no one has to confirm.
    pub bind_to_browser: bool,
    /// Whether to use a code typed on another device instead.
    pub device_code: bool,
}

/// A flow as it can be shown to whoever started it.
#[derive(Debug)]
pub struct Flow {
    /// The row.
    pub row: FlowRow,
    /// Name of the account.
    pub account: String,
    /// The sender that is set for it.
    pub from: Option<String>,
    /// What to open or to type, while it waits.
    pub invitation: Option<Invitation>,
    /// The value of the cookie that binds the flow to the browser, only right after the start.
    pub browser_cookie: Option<Zeroizing<String>>,
}

/// What a person needs to go on.
#[derive(Debug, Clone)]
pub enum Invitation {
    /// An address to open.
    Open {
        /// It.
        url: String,
    },
    /// A code to type.
    Type {
        /// The code.
        user_code: String,
        /// Where.
        verification_uri: String,
    },
}

/// Starts a flow for an account; an application's ends before this returns.
pub async fn start(
    app: &Arc<App>,
    actor: &Actor,
    account: AccountRow,
    start: Start,
) -> Result<Flow, Problem> {
    let opened = accounts::open(app, &account).await?;
    match (account.sign_in, start.device_code) {
        (SignIn::Application, _) => verify_application(app, actor, account, opened).await,
        (SignIn::Delegated, false) => browser::start_code(app, actor, account, opened, start).await,
        (SignIn::Delegated, true) => device::start_device_code(app, actor, account, opened).await,
    }
}

/// The flow with this id, for whoever may see it.
pub async fn find(app: &App, id: &str) -> Result<Flow, Problem> {
    let row = find_row(app, id).await?;
    show(app, row).await
}

/// The flow once it does something else than wait, or after `patience`.
pub async fn wait(app: &App, id: &str, patience: StdDuration) -> Result<Flow, Problem> {
    let deadline = tokio::time::Instant::now() + patience.min(LONGEST_WAIT);
    // Listening starts before looking: what happens in between is not missed.
    let mut events = app.events.listen();
    loop {
        let row = find_row(app, id).await?;
        if row.status != FlowStatus::Waiting {
            return show(app, row).await;
        }
        let changed = async {
            while let Ok(event) = events.recv().await {
                if event.what == "authorizations" && event.id == id {
                    return;
                }
            }
        };
        tokio::select! {
            () = changed => {}
            () = app.shutdown.cancelled() => return show(app, row).await,
            () = tokio::time::sleep_until(deadline) => return show(app, row).await,
        }
    }
}

/// Keeps what a pending flow found. Only whoever started it can.
pub async fn confirm(app: &App, actor: &Actor, id: &str) -> Result<Flow, Problem> {
    let flow = find_row(app, id).await?;
    let account = row_of(app, flow.account_id).await?;
    if flow.started_by != actor.name {
        let problem = Problem::new(
            "forbidden",
            format!("This sign-in was started by {}, and only they can confirm it.", flow.started_by),
            "Start a sign-in of your own.",
        );
        return Err(app.refuse(actor, "account.confirm", &account.name, problem).await);
    }
    let (Some(sealed), Some(found)) = (&flow.sealed_grant, &flow.found) else {
        return Err(words::nothing_pending(&account.name));
    };
    steps::same_account(app, actor, &flow, &account).await?;
    let opened = app.vault.open(Record::FlowGrant(&flow.id.to_string()), sealed)?;
    let grant: FoundGrant = serde_json::from_slice(&opened).map_err(Problem::internal)?;
    let entry = audit::with(audit::done(actor, app.now(), "account.confirm", &account.name), found.clone());
    let row = keep(app, &flow, &account, grant, found, &entry).await?;
    show(app, row).await
}

/// The flow of this account that waits to be confirmed.
pub async fn latest_pending(app: &App, account: &AccountRow) -> Result<FlowRow, Problem> {
    let flow = app.store.flows().latest_pending(account.id, app.now()).await?;
    flow.ok_or_else(|| words::nothing_pending(&account.name))
}

/// Calls a flow off.
pub async fn cancel(app: &App, actor: &Actor, id: &str) -> Result<(), Problem> {
    let flow = find_row(app, id).await?;
    let account = row_of(app, flow.account_id).await?;
    let entry = audit::done(actor, app.now(), "account.authorize_cancelled", &account.name);
    settle(app, &flow, &account, Settlement::Cancelled, None, &entry).await.map(|_| ())
}

/// Takes up what waits for its person and nobody is at: Postern was stopped, or another node is gone.
pub async fn resume(app: &Arc<App>) -> Result<(), Problem> {
    device::resume_device_codes(app).await
}

/// Ends the flows whose time is over.
pub async fn expire_overdue(app: &App) -> Result<(), Problem> {
    let now = app.now();
    for id in app.store.flows().overdue(now).await? {
        let flow = find_row(app, &id.to_string()).await?;
        let account = row_of(app, flow.account_id).await?;
        let clock = Actor {
            name: "postern".to_owned(),
            source: "clock".to_owned(),
            role: store::Role::Administrator,
        };
        let entry = audit::done(&clock, now, "account.authorize_expired", &account.name);
        match settle(app, &flow, &account, Settlement::Expired, None, &entry).await {
            // It was ended at the last moment, or by another node.
            Err(problem) if problem.code() == "flow_over" => {}
            ended => drop(ended?),
        }
    }
    Ok(())
}

async fn verify_application(
    app: &App,
    actor: &Actor,
    account: AccountRow,
    opened: Arc<OpenAccount>,
) -> Result<Flow, Problem> {
    let row = new_row(app, actor, &account, FlowKind::Application, &FlowSecrets::Application);
    let row = insert(app, actor, &account, row).await?;
    app.tokens.forget(&opened.id);
    let verified = match app.clouds.connection(&opened.cloud) {
        Ok(connection) => {
            app.tokens.access(&connection, &opened, opened.transport.into(), app.now()).await.map(|_| ())
        }
        Err(failure) => Err(failure),
    };
    let row = match verified {
        Ok(()) => {
            let found = json!({ "user": null, "tenant_id": account.tenant, "scopes": [] });
            let entry = audit::done(actor, app.now(), "account.verify", &account.name);
            settle(
                app,
                &row,
                &account,
                Settlement::Confirmed { found: &found, grant: None },
                Some(Event::Reached(Step::Token)),
                &entry,
            )
            .await?
        }
        Err(failure) => fail_by(app, actor, &row, &account, &opened, &failure).await?,
    };
    show(app, row).await
}
