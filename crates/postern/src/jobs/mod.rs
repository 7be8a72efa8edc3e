//! What happens by the clock, not by request: sign-ins run out, grants are kept alive, the queue is kept tidy.

mod keep_alive;
mod keep_queue;
mod sign_ins;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::app::App;
use crate::problem::Problem;

/// Starts all jobs; they end when the server stops.
pub fn spawn(tasks: &mut JoinSet<()>, app: &Arc<App>) {
    tasks.spawn(sign_ins::run(Arc::clone(app)));
    tasks.spawn(keep_alive::run(Arc::clone(app)));
    tasks.spawn(keep_queue::run(Arc::clone(app)));
}

/// Renews every grant that was not renewed for a day, unless another node is doing it.
pub async fn keep_grants_alive(app: &App) -> Result<(), Problem> {
    keep_alive::renew_in_turn(app).await
}

/// Gives up every message that has waited for as long as it may.
pub async fn give_up_overdue(app: &App) -> Result<(), store::StoreError> {
    keep_queue::expire(app).await
}
