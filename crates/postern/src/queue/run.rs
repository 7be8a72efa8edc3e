//! The queue at work: claims what is due where there is a place, takes up what a crash has left, and listens for what may
//! mend an account. It must never begin anything new once the server is told to stop. Its neighbours are `traffic`, which
//! says what to claim, and `worker`.

use std::sync::Arc;
use std::time::Duration;

use store::StateName;
use store::queue::{LaneId, Ring};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::directory::Directory;
use super::dispatcher::ClaimOrder;
use super::{settle, worker};
use crate::app::App;
use crate::events::Event;

/// How long attempts under way may take when the server stops; the rest is taken up at the next start, as unknown.
const GRACE: Duration = Duration::from_secs(20);
/// How often the database is asked what waits, in case that a ring was missed.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How often attempts are looked for that nobody is at any more.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Takes over what an earlier run has left. Before the first door opens: nothing new is mixed up with it.
pub async fn take_over(app: &Arc<App>) -> Result<(), store::StoreError> {
    for pause in app.store.queue().pauses().await? {
        app.queue.traffic.note_pause(pause.account_id, pause.next_probe_at);
    }
    sweep(app).await?;
    look(app).await
}

/// Starts the queue's tasks; they end when the server stops.
pub fn spawn(tasks: &mut JoinSet<()>, app: &Arc<App>) {
    tasks.spawn(claim_what_is_due(Arc::clone(app)));
    tasks.spawn(hear_rings(Arc::clone(app)));
    tasks.spawn(hear_events(Arc::clone(app)));
    tasks.spawn(every(LOOK_EVERY, Arc::clone(app), async |app| {
        app.queue.look_for_due(app).await;
        app.queue.traffic.forget_idle();
        app.queue.courier.close_idle().await;
    }));
    tasks.spawn(every(SWEEP_EVERY, Arc::clone(app), async |app| {
        if let Err(error) = sweep(app).await {
            tracing::error!(%error, "cannot look for attempts that were cut off");
        }
    }));
}

async fn every(pause: Duration, app: Arc<App>, work: impl AsyncFn(&Arc<App>)) {
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => work(&app).await,
        }
    }
}

async fn claim_what_is_due(app: Arc<App>) {
    let stopped = app.shutdown.clone();
    while !stopped.is_cancelled() {
        for (order, lane_id) in app.queue.traffic.next_claims() {
            app.queue.workers.spawn(claim(Arc::clone(&app), order, lane_id));
        }
        tokio::select! {
            () = stopped.cancelled() => {}
            () = app.queue.traffic.wait() => {}
        }
    }
    drain(&app).await;
}

/// Attempts under way may end; what doesn't is cut off, and its outcome unknown.
async fn drain(app: &App) {
    app.queue.workers.close();
    if tokio::time::timeout(GRACE, app.queue.workers.wait()).await.is_err() {
        tracing::warn!(
            in_flight = app.queue.traffic.in_flight(),
            "some deliveries did not end in time and were cut off"
        );
    }
    app.queue.courier.close().await;
}

async fn claim(app: Arc<App>, order: ClaimOrder, lane_id: LaneId) {
    let queue = app.store.queue();
    let now = app.now();
    let claimed = match app.shutdown.is_cancelled() {
        true => Ok(Vec::new()),
        false => queue.claim(lane_id, order.limit, now, app.queue.lease(now)).await,
    };
    let (claims, next_due) = match claimed {
        Err(error) => {
            tracing::error!(%error, code = error.code(), "cannot claim messages");
            (Vec::new(), Some(now + time::Duration::seconds(1)))
        }
        Ok(claims) if claims.len() == order.limit as usize => (claims, Some(now)),
        Ok(claims) => (claims, queue.earliest(lane_id).await.ok().flatten()),
    };
    let got = u32::try_from(claims.len()).expect("no more than were asked for");
    let slots = app.queue.traffic.claimed(&order, got, next_due);
    for (claim, slot) in claims.into_iter().zip(slots) {
        worker::spawn(&app, claim, slot, None, None);
    }
}

/// Notes every lane in which something waits.
pub async fn look(app: &App) -> Result<(), store::StoreError> {
    let senders = app.queue.directory.senders(app).await?;
    let end_of_time = time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(365 * 200);
    for lane in app.store.queue().due_lanes(end_of_time).await? {
        let usual = senders.iter().find(|sender| sender.account_id == lane.key.account_id);
        if let (Some(usual), Some(earliest)) = (usual, lane.earliest) {
            app.queue.traffic.note_waiting(&lane.key, lane.id, usual.usual, earliest);
        }
    }
    Ok(())
}

/// Settles the attempts that nobody is at any more. One of this process's own may look abandoned when the clock was set.
async fn sweep(app: &Arc<App>) -> Result<(), store::StoreError> {
    loop {
        let found = app.store.queue().interrupted(app.queue.node(), app.now()).await?;
        let abandoned: Vec<_> = found.iter().filter(|claim| !app.queue.is_at(claim)).collect();
        for claim in &abandoned {
            settle::settle_interrupted(app, claim).await;
        }
        if abandoned.is_empty() {
            return Ok(());
        }
    }
}

async fn hear_rings(app: Arc<App>) {
    let mut rings = app.store.queue().rings();
    while let Some(ring) = until(&app.shutdown, rings.next()).await.flatten() {
        match ring {
            Ring::Lane(lane_id) if app.queue.traffic.note_ring(lane_id) => {}
            Ring::Lane(_) | Ring::Missed => app.queue.look_for_due(&app).await,
            Ring::Account(account) => follow_pause(&app, account).await,
        }
    }
}

/// Another node, or this one, has paused an account, or let its mail go again.
async fn follow_pause(app: &App, account: Uuid) {
    match app.store.queue().pauses().await {
        Ok(pauses) => match pauses.iter().find(|pause| pause.account_id == account) {
            Some(pause) => app.queue.traffic.note_pause(account, pause.next_probe_at),
            None => drop(app.queue.traffic.resume(account)),
        },
        Err(error) => tracing::error!(%error, "cannot read which accounts are paused"),
    }
}

/// What was changed makes what is remembered stale, and may have mended an account.
async fn hear_events(app: Arc<App>) {
    let mut events = app.events.listen();
    loop {
        use tokio::sync::broadcast::error::RecvError;
        match until(&app.shutdown, events.recv()).await {
            None | Some(Err(RecvError::Closed)) => return,
            Some(Err(RecvError::Lagged(_))) => app.queue.directory.forget(),
            Some(Ok(event)) if Directory::is_concerned(&event) => {
                app.queue.directory.forget();
                look_whether_mended(&app, &event).await;
            }
            Some(Ok(_)) => {}
        }
    }
}

async fn look_whether_mended(app: &App, event: &Event) {
    match (event.what, event.id.parse()) {
        // Whose certificate it was isn't asked: a probe too many does no harm.
        ("certificates", _) => app.queue.traffic.probe_all_soon(),
        ("accounts", Ok(account)) if app.queue.traffic.is_paused(account) => {
            let mended = is_mended(app, account).await;
            if mended {
                app.queue.resume(app, account).await;
            }
        }
        _ => {}
    }
}

/// Ready again, or at least not as it was when it broke.
async fn is_mended(app: &App, account: Uuid) -> bool {
    match app.store.accounts().find(&account.to_string()).await {
        Ok(Some(row)) => {
            row.state.name == StateName::Ready
                || app.queue.broken_version(account).is_some_and(|at| at != row.version)
        }
        Ok(None) | Err(_) => false,
    }
}

async fn until<T>(shutdown: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        () = shutdown.cancelled() => None,
        done = work => Some(done),
    }
}
