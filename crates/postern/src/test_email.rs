//! *Send Test Email* and *Check*: walks an account's way to Microsoft stage by stage and notes what that says about the
//! account. The walking is `m365::test_mail`'s.

use m365::account::Account as OpenAccount;
use m365::diagnosis::{self, Facts};
use m365::state::{Event, Step};
use m365::test_mail::{self, ALL, ALL_BUT_MESSAGE, Context, Report, StageEvent, StageName, Unreadable};
use mail::{Address, MessageId};
use serde_json::json;
use std::sync::Arc;
use store::{AccountRow, AuditEntry, CredentialRow, Outcome};
use uuid::Uuid;

use crate::accounts::Unopened;
use crate::api::access::Actor;
use crate::app::App;
use crate::problem::Problem;
use crate::{account_state, accounts, audit};

/// Walks all stages and sends a message to `to`; tells each stage as it starts and ends.
pub async fn send(
    app: &App,
    actor: &Actor,
    row: AccountRow,
    to: &Address,
    mut on_event: impl FnMut(StageEvent) + Send,
) -> Result<Report, Problem> {
    let opened = match open(app, &row, ALL, &mut on_event).await? {
        Opened::Account(opened) => opened,
        Opened::NotYet(report) => return Ok(report),
        Opened::Broken(report) => {
            app.append_audit(&entry(app, actor, "test_email.send", &row, &report)).await;
            note(app, row, &report).await;
            return Ok(report);
        }
    };
    let message_id = new_message_id(&opened);
    // A token from before would hide what has changed since: another certificate, a policy, a permission.
    app.tokens.forget(&opened.id);
    let report = match app.clouds.connection(&opened.cloud) {
        Ok(connection) => {
            let walk = Walk { app, row: &row, opened: &opened };
            test_mail::run(&walk.context(&connection), to, &message_id, &mut on_event).await
        }
        Err(failure) => {
            return Err(Problem::new("no_connection", failure.to_string(), no_connection_hint(&failure)));
        }
    };
    let detail = json!({ "to": to.as_str(), "message_id": report.message_id });
    app.append_audit(&audit::with(entry(app, actor, "test_email.send", &row, &report), detail)).await;
    note(app, row, &report).await;
    Ok(report)
}

/// Walks all stages but the message.
pub async fn check(app: &App, actor: &Actor, row: AccountRow) -> Result<Report, Problem> {
    let mut on_event = |_: StageEvent| {};
    let opened = match open(app, &row, ALL_BUT_MESSAGE, &mut on_event).await? {
        Opened::Account(opened) => opened,
        Opened::NotYet(report) => return Ok(report),
        Opened::Broken(report) => {
            app.append_audit(&entry(app, actor, "account.check", &row, &report)).await;
            note(app, row, &report).await;
            return Ok(report);
        }
    };
    app.tokens.forget(&opened.id);
    let report = match app.clouds.connection(&opened.cloud) {
        Ok(connection) => {
            let walk = Walk { app, row: &row, opened: &opened };
            test_mail::check(&walk.context(&connection), &mut on_event).await
        }
        Err(failure) => {
            return Err(Problem::new("no_connection", failure.to_string(), no_connection_hint(&failure)));
        }
    };
    app.append_audit(&entry(app, actor, "account.check", &row, &report)).await;
    note(app, row, &report).await;
    Ok(report)
}

/// An account at the door of its walk.
enum Opened {
    Account(Arc<OpenAccount>),
    /// Settings are missing, and the report says which.
    NotYet(Report),
    /// What it proves itself with is damaged, and the report says so.
    Broken(Report),
}

async fn open(
    app: &App,
    row: &AccountRow,
    stages: &'static [StageName],
    on_event: &mut (impl FnMut(StageEvent) + Send),
) -> Result<Opened, Problem> {
    let missing = account_state::missing(row.sign_in, row.from_address.is_some());
    if !missing.is_empty() {
        return Ok(Opened::NotYet(test_mail::report_incomplete(&missing, stages, on_event)));
    }
    match accounts::open(app, row).await {
        Ok(opened) => Ok(Opened::Account(opened)),
        Err(Unopened::Credential(trouble)) => {
            let credential = match row.credential {
                CredentialRow::Certificate { .. } => Unreadable::Certificate,
                CredentialRow::Secret { .. } => Unreadable::Secret,
            };
            Ok(Opened::Broken(test_mail::report_unreadable(credential, trouble, stages, on_event)))
        }
        Err(Unopened::Other(problem)) => Err(problem),
    }
}

fn entry(app: &App, actor: &Actor, action: &str, row: &AccountRow, report: &Report) -> AuditEntry {
    let done = audit::done(actor, app.now(), action, &row.name);
    match report.ok {
        true => done,
        false => {
            let code = report.stages.iter().find_map(|stage| stage.code.clone());
            AuditEntry { outcome: Outcome::Refused, code, ..done }
        }
    }
}

struct Walk<'a> {
    app: &'a App,
    row: &'a AccountRow,
    opened: &'a Arc<OpenAccount>,
}

impl<'a> Walk<'a> {
    fn context(&self, connection: &'a Arc<m365::connection::Connection>) -> Context<'a> {
        let redirect_uris = self.app.hosts.redirect_uris();
        Context {
            connection,
            account: self.opened,
            tokens: &self.app.tokens,
            account_name: &self.row.name,
            host: self.app.hosts.own_name(),
            redirect_uri: redirect_uris.first().map(url::Url::as_str),
            secret_expires_at: match self.row.credential {
                CredentialRow::Secret { expires_at, .. } => expires_at,
                CredentialRow::Certificate { .. } => None,
            },
            now: self.app.now(),
        }
    }
}

/// A walk that got through mends what broke the account on the same stretch; one that was refused for good breaks it.
async fn note(app: &App, row: AccountRow, report: &Report) {
    let now = app.now();
    let state = match &report.failure {
        None if report.ok => account_state::after(&row, Event::Reached(last_step(report)), now),
        None => return,
        Some(failure) => {
            let advice = diagnosis::explain(failure, &report.facts);
            account_state::after_failure(&row, failure, &advice, now)
        }
    };
    accounts::note_state(app, &row, state).await;
}

fn last_step(report: &Report) -> Step {
    match report.stages.last().map(|stage| stage.name) {
        Some(StageName::Message) => Step::Message,
        _ => Step::Mailbox,
    }
}

fn no_connection_hint(failure: &m365::Failure) -> String {
    diagnosis::explain(failure, &Facts::default()).fix
}

/// Unique, and under the domain of the sender, as receivers expect it.
fn new_message_id(account: &OpenAccount) -> MessageId {
    let domain = account
        .sender()
        .and_then(|sender| sender.as_str().rsplit_once('@'))
        .map_or("localhost", |(_, domain)| domain);
    let unique = Uuid::now_v7().simple();
    let wanted = format!("{unique}@{domain}");
    // A domain that can't stand in a Message-ID (an IP literal, an overlong one) is left out of it.
    wanted.parse().unwrap_or_else(|_| {
        format!("{unique}@localhost").parse().expect("hex and a plain name are a Message-ID")
    })
}
