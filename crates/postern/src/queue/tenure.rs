//! This node's place among others that work on the same database: says from time to time that it is there, keeps what it has
//! counted for whoever comes after it, and lets go of lanes. Where the database isn't shared it is alone and says nothing. It
//! must never let the dispatcher believe longer than the others that this node is there. The deciding is
//! `dispatcher::holding`'s; its neighbour is `run`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use store::StoreError;

use crate::app::App;

/// How long the others wait for a node before they take its lanes.
const TERM: Duration = Duration::from_secs(30);
/// So much earlier the node itself stops relying on it: clocks differ a little, and a word takes its time.
const MARGIN: Duration = Duration::from_secs(5);
/// How often it says that it is there.
const EVERY: Duration = Duration::from_secs(5);

/// Comes to work, or goes on: its lanes are its own for another term.
pub async fn renew(app: &App) -> Result<(), StoreError> {
    if !app.store.is_shared() {
        return Ok(());
    }
    let now = app.now();
    let was_unbroken = app.store.nodes().stay(app.queue.node(), now, now + TERM).await?;
    if !was_unbroken {
        app.queue.traffic.doubt_all();
    }
    app.queue.traffic.renew_tenure(now + (TERM - MARGIN));
    Ok(())
}

/// Goes on until the server stops.
pub(super) async fn keep(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = renew(&app).await {
            tracing::error!(%error, code = error.code(), "cannot tell the other nodes that this one is there");
        }
    }
}

/// Writes down what was counted since the last time, and lets go of the lanes that have nothing to remember.
pub async fn keep_counters(app: &App) -> Result<(), StoreError> {
    let (store, node) = (app.store.queue(), app.queue.node());
    store.keep_counters(node, app.queue.traffic.take_counted()).await?;
    let idle = app.queue.traffic.forget_idle();
    match app.store.is_shared() {
        true => store.release_lanes(&idle, node).await,
        false => store.keep_counters(node, idle.into_iter().map(|lane| (lane, json!({}))).collect()).await,
    }
}

/// Takes over what an earlier run has counted. Where lanes go from node to node, that comes with each of them.
pub(super) async fn recall(app: &App) -> Result<(), StoreError> {
    if app.store.is_shared() {
        return Ok(());
    }
    let senders = app.queue.directory.senders(app).await?;
    for lane in app.store.queue().counted_lanes().await? {
        if let Some(sender) = senders.iter().find(|sender| sender.account_id == lane.key.account_id) {
            app.queue.traffic.recall(&lane, sender.usual);
        }
    }
    Ok(())
}

/// Goes home: the others may have its lanes at once.
pub(super) async fn leave(app: &App) {
    let left = async {
        keep_counters(app).await?;
        match app.store.is_shared() {
            true => app.store.nodes().leave(app.queue.node()).await,
            false => Ok(()),
        }
    };
    if let Err(error) = left.await {
        tracing::error!(%error, code = error.code(), "cannot write down what was counted");
    }
}
