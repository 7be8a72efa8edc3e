//! What happens by the clock, not by request: sign-ins run out, grants are kept alive, the queue is kept tidy.

mod keep_alive;
mod keep_queue;
mod sign_ins;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::app::App;

/// Starts all jobs; they end when the server stops.
pub fn spawn(tasks: &mut JoinSet<()>, app: &Arc<App>) {
    tasks.spawn(sign_ins::run(Arc::clone(app)));
    tasks.spawn(keep_alive::run(Arc::clone(app)));
    tasks.spawn(keep_queue::run(Arc::clone(app)));
}
