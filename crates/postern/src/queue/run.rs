//! The queue at work: claims what is due where there is a place, takes up what a crash has left, and listens for what may
//! mend an account, here or on another node. It must never begin anything new once the server is told to stop. Its
//! neighbours are `traffic`, which says what to claim, `tenure`, and `worker`.

use std::sync::Arc;
use std::time::Duration;

use store::StateName;
use store::queue::{Awarded, Bid, LaneId, PauseRow, Probe, Ring};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::directory::Directory;
use super::dispatcher::ClaimOrder;
use super::limits::Way;
use super::{settle, tenure, worker};
use crate::app::App;
use crate::events::Event;

/// How long attempts under way may take when the server stops; the rest is taken up at the next start, as unknown.
const GRACE: Duration = Duration::from_secs(20);
/// How often the database is asked what waits, in case that a ring was missed.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A probe that says nothing may be followed by another node's after this.
const PROBE_TERM: time::Duration = time::Duration::seconds(30);
/// How often attempts are looked for that nobody is at any more.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Takes over what an earlier run has left. Before the first door opens: nothing new is mixed up with it.
pub async fn take_over(app: &Arc<App>) -> Result<(), store::StoreError> {
    tenure::renew(app).await?;
    tenure::recall(app).await?;
    follow_pauses(app).await?;
    sweep(app).await?;
    look(app).await
}

/// Starts the queue's tasks; they end when the server stops.
pub fn spawn(tasks: &mut JoinSet<()>, app: &Arc<App>) {
    tasks.spawn(claim_what_is_due(Arc::clone(app)));
    tasks.spawn(hear_rings(Arc::clone(app)));
    tasks.spawn(hear_events(Arc::clone(app)));
    if app.store.is_shared() {
        tasks.spawn(tenure::keep(Arc::clone(app)));
    }
    tasks.spawn(every(LOOK_EVERY, Arc::clone(app), async |app| {
        app.queue.look_for_due(app).await;
        if let Err(error) = tenure::keep_counters(app).await {
            tracing::error!(%error, code = error.code(), "cannot write down what was counted");
        }
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
    tenure::leave(app).await;
}

async fn claim(app: Arc<App>, order: ClaimOrder, lane_id: LaneId) {
    let now = app.now();
    let awarded = match app.shutdown.is_cancelled() {
        true => Ok(Awarded::Claims(Vec::new())),
        false => app.store.queue().bid(bid(&app, &order, lane_id, now)).await,
    };
    let (claims, next_due) = match awarded {
        Err(error) => {
            tracing::error!(%error, code = error.code(), "cannot claim messages");
            (Vec::new(), Some(now + time::Duration::seconds(1)))
        }
        Ok(Awarded::Nothing) => {
            app.queue.traffic.leave_to_others(&order);
            (Vec::new(), None)
        }
        Ok(awarded) => {
            if let Awarded::Lane { counters, .. } = &awarded {
                app.queue.traffic.hold(&order, counters);
            }
            let claims = awarded.claims();
            let next_due = match claims.len() == order.limit as usize {
                true => Some(now),
                false => app.store.queue().earliest(lane_id).await.ok().flatten(),
            };
            (claims, next_due)
        }
    };
    let got = u32::try_from(claims.len()).expect("no more than were asked for");
    let slots = app.queue.traffic.claimed(&order, got, next_due);
    for (claim, slot) in claims.into_iter().zip(slots) {
        worker::spawn(&app, claim, slot, None, None);
    }
}

fn bid(app: &App, order: &ClaimOrder, lane_id: LaneId, now: time::OffsetDateTime) -> Bid {
    // Alone, this node knows by itself when it probes.
    let probes = order.is_probe && app.store.is_shared();
    let probe = probes.then(|| Probe { account_id: order.key.account_id, next_at: now + PROBE_TERM });
    let lease = app.queue.lease(now);
    Bid { lane_id, limit: order.limit, now, lease, takes_lane: order.takes_lane, probe }
}

/// Notes every lane in which something waits, and whose it is.
pub async fn look(app: &App) -> Result<(), store::StoreError> {
    let senders = app.queue.directory.senders(app).await?;
    let end_of_time = time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(365 * 200);
    for lane in app.store.queue().due_lanes(end_of_time, app.queue.node(), app.now()).await? {
        let sender = senders.iter().find(|sender| sender.account_id == lane.key.account_id);
        // Mail of an account that was removed meanwhile is claimed, too: whoever sent it is told at once.
        app.queue.traffic.note_found(&lane, sender.map_or(Way::Graph, |sender| sender.usual));
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
            // Whoever accepted it sees to a lane that nobody has.
            Ring::Lane(_) if app.store.is_shared() => {}
            Ring::Lane(_) => app.queue.look_for_due(&app).await,
            Ring::Missed => {
                app.queue.look_for_due(&app).await;
                if let Err(error) = follow_pauses(&app).await {
                    tracing::error!(%error, "cannot read which accounts are paused");
                }
            }
            Ring::Account(account) => follow_pause(&app, account).await,
        }
    }
}

/// Takes over the pauses that there are, and ends those that are over.
async fn follow_pauses(app: &App) -> Result<(), store::StoreError> {
    let pauses = app.store.queue().pauses().await?;
    for pause in &pauses {
        note_pause(app, pause).await;
    }
    for account in app.queue.traffic.paused() {
        if !pauses.iter().any(|pause| pause.account_id == account) {
            end_pause(app, account);
        }
    }
    Ok(())
}

async fn note_pause(app: &App, pause: &PauseRow) {
    app.queue.traffic.note_pause(pause.account_id, pause.next_probe_at);
    if let Ok(Some(row)) = app.store.accounts().find(&pause.account_id.to_string()).await {
        app.queue.note_found_broken(pause.account_id, row.version);
    }
}

fn end_pause(app: &App, account: Uuid) {
    app.queue.forget_broken(account);
    app.queue.traffic.resume(account);
}

/// Another node, or this one, has paused an account, or let its mail go again.
async fn follow_pause(app: &App, account: Uuid) {
    match app.store.queue().pauses().await {
        Ok(pauses) => match pauses.iter().find(|pause| pause.account_id == account) {
            Some(pause) => note_pause(app, pause).await,
            None => end_pause(app, account),
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
    if event.what == "accounts"
        && let Ok(account) = event.id.parse()
        && app.queue.traffic.is_paused(account)
        && is_mended(app, account).await
    {
        app.queue.resume(app, account).await;
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
