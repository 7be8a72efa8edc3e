//! Sign-ins and the clock: takes up those by device code that a restart interrupted, or whose node is gone, and ends those
//! whose time is over, so that nothing pending and no secret of a flow stays behind.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::authorizations;

const EVERY: Duration = Duration::from_secs(30);

pub(super) async fn run(app: Arc<App>) {
    if let Err(problem) = authorizations::resume(&app).await {
        tracing::warn!(problem = problem.message(), "cannot take up the sign-ins that were under way");
    }
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if app.store.is_shared()
            && let Err(problem) = authorizations::resume(&app).await
        {
            tracing::warn!(problem = problem.message(), "cannot take up the sign-ins of nodes that are gone");
        }
        if let Err(problem) = authorizations::expire_overdue(&app).await {
            tracing::warn!(problem = problem.message(), "cannot end the sign-ins that ran out");
        }
    }
}
