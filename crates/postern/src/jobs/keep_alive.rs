//! Renews each grant once a day: a refresh token lives 90 days without use (facts 3.2), and a daily use learns within a
//! day that one is dead, not when the next mail fails. A trouble that passes changes nothing.

use std::sync::Arc;
use std::time::Duration;

use store::{AccountRow, Page, SignIn, StateName, Step};

use crate::app::App;
use crate::problem::Problem;
use crate::{account_state, accounts};

const EVERY: Duration = Duration::from_secs(60 * 60);
const RENEW_AFTER: time::Duration = time::Duration::hours(24);
/// How long a node that renews them has for it.
const TURN: time::Duration = time::Duration::minutes(30);

pub(super) async fn run(app: Arc<App>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(problem) = renew_in_turn(&app).await {
            tracing::warn!(problem = problem.message(), "cannot keep the grants alive this time");
        }
    }
}

/// Of several nodes one does it at a time; the next finds the grants renewed.
pub(super) async fn renew_in_turn(app: &App) -> Result<(), Problem> {
    let now = app.now();
    let turn = ("keep_alive", app.queue.node().run);
    if app.store.is_shared() && !app.store.nodes().take_turn(turn.0, turn.1, now, now + TURN).await? {
        return Ok(());
    }
    renew_all(app).await
}

/// Renews every grant that was not renewed for a day.
async fn renew_all(app: &App) -> Result<(), Problem> {
    let mut page = Page::first(store::MAX_LIMIT);
    loop {
        let accounts = app.store.accounts().list(&page, None).await?;
        for account in accounts.rows {
            if let Err(problem) = renew(app, &account).await {
                tracing::warn!(account = account.name, problem = problem.message(), "cannot renew a grant");
            }
        }
        match accounts.next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(()),
        }
    }
}

/// Broken on the way to a token. What only a mailbox or a message met says nothing about the grant, which would run out
/// unused while somebody mends the rest.
fn is_dead(account: &AccountRow) -> bool {
    account.state.name == StateName::Broken
        && !matches!(account.state.step, Some(Step::Mailbox | Step::Message))
}

async fn renew(app: &App, account: &AccountRow) -> Result<(), Problem> {
    let due = match app.store.grants().find(account.id).await? {
        Some(grant) => app.now() - grant.renewed_at >= RENEW_AFTER,
        None => false,
    };
    if !due || account.sign_in != SignIn::Delegated || is_dead(account) {
        return Ok(());
    }
    let opened = accounts::open(app, account).await?;
    let renewed = match app.clouds.connection(&opened.cloud) {
        Ok(connection) => app.tokens.renew(&connection, &opened, app.now()).await,
        Err(failure) => Err(failure),
    };
    match renewed {
        Ok(()) => tracing::info!(account = account.name, "renewed the grant"),
        Err(failure) if failure.is_temporary() => {
            tracing::info!(account = account.name, %failure, "the grant was not renewed this time");
        }
        Err(failure) => {
            let advice = account_state::explain(app, &opened, None, &failure);
            tracing::warn!(
                account = account.name,
                code = advice.code,
                cause = advice.cause,
                "the grant is dead"
            );
            let state = account_state::after_failure(account, &failure, &advice, app.now());
            accounts::note_state(app, account, state).await;
        }
    }
    Ok(())
}
