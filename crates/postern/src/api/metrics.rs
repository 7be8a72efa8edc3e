//! `/metrics`: what Postern counts, for Prometheus (text exposition format 0.0.4). On loopback it is open, from elsewhere
//! it takes an API token; it names accounts and no addresses of people.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use http::header;
use http::request::Parts;
use store::queue::{Count, MessageState};
use store::{AccountRow, CredentialRow, Page};

use super::access::Viewer;
use super::host::Source;
use crate::app::App;
use crate::listener::Peer;
use crate::problem::Problem;
use crate::queue::meter::{escaped, family, sample};

/// Somebody on this machine, or with a token. Behind a proxy everybody seems to be on this machine, so the address that
/// the proxy names counts.
pub(super) struct Scraper;

impl FromRequestParts<Arc<App>> for Scraper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let local =
            matches!(parts.extensions.get::<Peer>(), Some(Peer::Network(peer)) if peer.ip().is_loopback());
        let named = parts.extensions.get::<Source>().and_then(|source| source.0.parse::<IpAddr>().ok());
        if local && named.is_some_and(|address| address.is_loopback()) {
            return Ok(Self);
        }
        Viewer::from_request_parts(parts, app).await.map(|_| Self)
    }
}

/// Everything that is counted.
pub(super) async fn show(
    _: Scraper,
    State(app): State<Arc<App>>,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    let mut text = String::new();
    app.queue.meter.write(&mut text);
    family(&mut text, "postern_deliveries_in_flight", "gauge", "Deliveries under way.");
    sample(&mut text, "postern_deliveries_in_flight", "", app.queue.traffic.in_flight());
    write_tokens(&app, &mut text);
    let accounts = read_accounts(&app).await?;
    write_queue(&app, &accounts, &mut text).await?;
    write_expiries(&app, &accounts, &mut text).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn write_tokens(app: &App, text: &mut String) {
    let fetches = app.tokens.fetches();
    let name = "postern_token_refreshes_total";
    family(text, name, "counter", "Access tokens that Entra was asked for.");
    sample(text, name, "result=\"obtained\"", fetches.obtained);
    sample(text, name, "result=\"failed\"", fetches.failed);
}

async fn read_accounts(app: &App) -> Result<Vec<AccountRow>, Problem> {
    let mut rows = Vec::new();
    let mut page = Page::first(store::MAX_LIMIT);
    loop {
        let accounts = app.store.accounts().list(&page, None).await?;
        rows.extend(accounts.rows);
        match accounts.next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(rows),
        }
    }
}

async fn write_queue(app: &App, accounts: &[AccountRow], text: &mut String) -> Result<(), Problem> {
    let counts = app.store.queue().counts().await?;
    let name = |count: &Count| {
        let account = accounts.iter().find(|account| account.id == count.account_id);
        escaped(account.map_or("(removed)", |account| &account.name))
    };
    family(text, "postern_queue_messages", "gauge", "Messages in the queue, by state and account.");
    for count in &counts {
        let labels = format!("state=\"{}\",account=\"{}\"", count.state.as_str(), name(count));
        sample(text, "postern_queue_messages", &labels, count.messages);
    }
    family(
        text,
        "postern_queue_oldest_seconds",
        "gauge",
        "Age of the oldest message that waits, by account.",
    );
    let waits =
        |state| matches!(state, MessageState::Queued | MessageState::Deferred | MessageState::Sending);
    for account in accounts {
        let own = counts.iter().filter(|count| count.account_id == account.id && waits(count.state));
        let age = own.map(|count| (app.now() - count.oldest).whole_seconds()).max().unwrap_or(0).max(0);
        let labels = format!("account=\"{}\"", escaped(&account.name));
        sample(text, "postern_queue_oldest_seconds", &labels, age);
    }
    Ok(())
}

async fn write_expiries(app: &App, accounts: &[AccountRow], text: &mut String) -> Result<(), Problem> {
    let now = app.now();
    let name = "postern_account_ready";
    family(text, name, "gauge", "1 where the account can send, 0 where somebody has to do something.");
    for account in accounts {
        let ready = account.state.name == store::StateName::Ready && !app.queue.traffic.is_paused(account.id);
        sample(text, name, &format!("account=\"{}\"", escaped(&account.name)), u8::from(ready));
    }
    let name = "postern_grant_expiry_seconds";
    family(text, name, "gauge", "Seconds until the account's sign-in would lapse if it were not renewed.");
    for account in accounts {
        if let Some(grant) = app.store.grants().find(account.id).await? {
            let left = (grant.renewed_at + GRANT_LIFE - now).whole_seconds();
            sample(text, name, &format!("account=\"{}\"", escaped(&account.name)), left);
        }
    }
    let name = "postern_client_secret_expiry_seconds";
    family(
        text,
        name,
        "gauge",
        "Seconds until the account's client secret expires, where its end was noted.",
    );
    for account in accounts {
        if let CredentialRow::Secret { expires_at: Some(end), .. } = &account.credential {
            sample(
                text,
                name,
                &format!("account=\"{}\"", escaped(&account.name)),
                (*end - now).whole_seconds(),
            );
        }
    }
    let name = "postern_certificate_expiry_seconds";
    family(text, name, "gauge", "Seconds until the certificate expires.");
    let mut page = Page::first(store::MAX_LIMIT);
    loop {
        let certificates = app.store.certificates().list(&page, None).await?;
        for row in &certificates.rows {
            // One that can't be read is named in the log and in the list of certificates.
            let Ok(stored) = crate::certificates::read(row) else { continue };
            let left = (stored.details().not_after - now).whole_seconds();
            sample(text, name, &format!("certificate=\"{}\"", escaped(&row.name)), left);
        }
        match certificates.next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(()),
        }
    }
}

/// A refresh token lives so long without use (facts 3.2).
const GRANT_LIFE: time::Duration = time::Duration::days(90);
