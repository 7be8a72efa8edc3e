//! Keeps the queue tidy: gives up what waited longer than it may without being tried (its account is paused), and deletes
//! what is old: the content of messages that ended badly, stories, orphaned pieces. A little at a time, so that mail
//! doesn't wait for it.

use std::sync::Arc;
use std::time::Duration;

use mail::Reason;
use mail::dsn::Action;
use mail::dsn_request::{Event, Notify};
use store::StoreError;
use store::queue::{ActError, Keep, Recipient};
use time::OffsetDateTime;

use crate::app::App;
use crate::queue::report::{self, Told};

const EVERY: Duration = Duration::from_secs(60);
/// Keys against doing a request twice are kept so long.
const KEEP_KEYS: time::Duration = time::Duration::days(2);
/// Pieces that nobody has accepted are kept so long: no message takes longer to come in.
const KEEP_PIECES: time::Duration = time::Duration::hours(6);
/// So many are given up at a time.
const AT_A_TIME: u32 = 100;

pub(super) async fn run(app: Arc<App>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = expire(&app).await {
            tracing::warn!(%error, "cannot give up what has waited too long");
        }
        if let Err(error) = purge(&app).await {
            tracing::warn!(%error, "cannot delete what is old");
        }
    }
}

/// Gives up every message that has waited for as long as it may.
pub(crate) async fn expire(app: &App) -> Result<(), StoreError> {
    loop {
        let overdue = app.store.queue().overdue(app.now(), AT_A_TIME).await?;
        for id in &overdue {
            match give_up(app, *id).await {
                // Somebody was quicker: it is under way, or a person has decided.
                Ok(()) | Err(ActError::NotFound | ActError::WrongState { .. } | ActError::ContentGone) => {}
                Err(ActError::Store(error)) => return Err(error),
            }
        }
        if overdue.len() < AT_A_TIME as usize {
            return Ok(());
        }
    }
}

async fn give_up(app: &App, id: uuid::Uuid) -> Result<(), ActError> {
    let story = app.store.queue().show(id).await?.ok_or(ActError::NotFound)?;
    let now = app.now();
    let why = Reason {
        code: story.row.code.clone().unwrap_or_else(|| "expired".to_owned()),
        text: story.row.text.clone().unwrap_or_else(|| "it waited for as long as it may".to_owned()),
        request_id: None,
    };
    let pending = story.recipients.iter().filter(|one| one.state == store::queue::RecipientState::Pending);
    let told = pending.filter(|one| hears_of_failure(one.notify.as_deref())).map(|one| Told {
        recipient: Recipient {
            address: one.address.clone(),
            notify: one.notify.clone(),
            orcpt: one.orcpt.clone(),
        },
        action: Action::Expired,
        why: Some(why.clone()),
    });
    let told: Vec<Told> = told.collect();
    let report = match told.is_empty() {
        true => None,
        false => report::compose_of(app, &story.message, &told, now).await,
    };
    app.store.queue().expire(id, now, report).await?;
    tracing::warn!(message = %id, code = why.code, "expired: it waited for as long as it may");
    app.events.tell("messages", &id.to_string(), "changed");
    Ok(())
}

fn hears_of_failure(notify: Option<&str>) -> bool {
    let notify = notify.and_then(|text| text.parse::<Notify>().ok());
    notify.is_none_or(|notify| notify.asks_for(Event::Failure))
}

async fn purge(app: &App) -> Result<(), StoreError> {
    loop {
        if !app.store.queue().purge(&keep(app, app.now())).await?.more || app.shutdown.is_cancelled() {
            return Ok(());
        }
    }
}

fn keep(app: &App, now: OffsetDateTime) -> Keep {
    let config = &app.queue.config;
    Keep {
        history_since: now - config.keep_history,
        content_since: now - config.keep_content,
        keys_since: now - KEEP_KEYS,
        pieces_since: now - KEEP_PIECES,
    }
}
