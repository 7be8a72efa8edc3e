//! What happens to mail, one file for each thing. At the end of each story the queue is empty.

pub(crate) mod post;

mod arrives;
mod bcc_not_shown;
mod clock_jumps;
mod door;
mod entra_down_at_start;
mod expired_with_dsn;
mod grant_revoked_then_mended;
mod held_and_released;
mod killed;
mod large_mail;
mod limits_kept;
mod metrics;
mod node_killed;
mod nodes;
mod partial_recipients;
mod queue_told;
mod statements;
mod temp_fail;
mod throttled;
mod token_expired;
mod unknown_outcome;
