//! Tells other nodes on the same database what was changed here, and hears what was changed there: what is kept in memory is
//! read anew, whoever listens live hears of it, and a token that was fetched for other settings is forgotten. News may be lost
//! with a connection: nothing may be wrong without them, only slower. Its neighbours are `events` and `store::News`.

use std::sync::Arc;
use std::time::Duration;

use store::News;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use crate::app::App;
use crate::events::Event;
use crate::setup_link;

/// So many events go in one letter at most, and so long the next letter waits: a thousand messages a second must not become
/// as many letters.
const MOST_EVENTS: usize = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// Starts telling and hearing, where there may be others; both end when the server stops.
pub fn spawn(tasks: &mut JoinSet<()>, app: &Arc<App>) {
    if app.store.is_shared() {
        tasks.spawn(tell_others(Arc::clone(app)));
        tasks.spawn(hear_others(Arc::clone(app)));
    }
}

async fn tell_others(app: Arc<App>) {
    let mut own = app.events.listen_to_own();
    loop {
        let mut lines = Vec::new();
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            event = own.recv() => match event {
                Ok(event) => lines.push(write(&event)),
                Err(RecvError::Lagged(_)) => lines.push(MISSED.to_owned()),
                Err(RecvError::Closed) => return,
            },
        }
        while lines.len() < MOST_EVENTS
            && let Ok(event) = own.try_recv()
        {
            lines.push(write(&event));
        }
        lines.dedup();
        if let Err(error) = app.store.tell(&lines).await {
            tracing::warn!(%error, code = error.code(), "cannot tell the other nodes what was changed");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear_others(app: Arc<App>) {
    let mut newsreel = app.store.newsreel();
    loop {
        let news = tokio::select! {
            () = app.shutdown.cancelled() => return,
            news = newsreel.next() => news,
        };
        match news {
            None => return,
            Some(News::Told(line)) => match read(&line) {
                Some(event) => follow(&app, event).await,
                None => app.queue.directory.forget(),
            },
            Some(News::Missed) => app.queue.directory.forget(),
        }
    }
}

/// What is in memory here because of how it was before goes; then those who listen are told.
async fn follow(app: &App, event: Event) {
    match (event.what, event.change) {
        ("accounts", "deleted") => app.tokens.forget(&event.id),
        ("certificates", "changed") => forget_tokens_of(app, &event.id).await,
        ("users", "created") => setup_link::tidy(app).await,
        _ => {}
    }
    app.events.pass_on(event);
}

/// The next token is proved by the certificate as it is now.
async fn forget_tokens_of(app: &App, certificate: &str) {
    let Ok(certificate) = certificate.parse() else { return };
    let users = async {
        let mut users = Vec::new();
        for name in app.store.certificates().used_by(certificate).await? {
            users.extend(app.store.accounts().find(&name).await?);
        }
        Ok::<_, store::StoreError>(users)
    };
    match users.await {
        Ok(users) => users.iter().for_each(|account| app.tokens.forget(&account.id.to_string())),
        Err(error) => tracing::warn!(%error, "cannot see which accounts use a certificate"),
    }
}

/// What is told when too much has happened to tell all of it.
const MISSED: &str = "missed";

/// The words that events are made of; another version may know more, and then everything is read anew.
const WHAT: [&str; 8] =
    ["accounts", "authorizations", "certificates", "messages", "sessions", "submitters", "tokens", "users"];
const CHANGES: [&str; 3] = ["created", "changed", "deleted"];

fn write(event: &Event) -> String {
    format!("{} {} {}", event.what, event.change, event.id)
}

fn read(line: &str) -> Option<Event> {
    let mut words = line.splitn(3, ' ');
    let (what, change, id) = (words.next()?, words.next()?, words.next()?);
    let known = |words: &[&'static str], word| words.iter().find(|known| **known == word).copied();
    Some(Event { what: known(&WHAT, what)?, change: known(&CHANGES, change)?, id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_was_written_and_what_is_not_known_is_none() {
        for (what, change) in WHAT.iter().flat_map(|what| CHANGES.map(|change| (*what, change))) {
            let event = Event { what, id: "7 of 9".to_owned(), change };
            assert_eq!(read(&write(&event)), Some(event));
        }
        for line in ["", MISSED, "accounts changed", "weather changed 7", "accounts painted 7"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
