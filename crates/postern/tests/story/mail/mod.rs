//! What happens to mail, one file for each thing. At the end of each story the queue is empty. A file that tells one of the
//! field stories, what goes wrong with other relays, names its number.

pub(crate) mod post;

mod account_removed;
mod arrives;
mod bcc_not_shown;
mod certificate_renewed;
mod clock_jumps;
mod database_gone;
mod door;
mod entra_down_at_start;
mod expired_with_dsn;
mod grant_revoked_then_mended;
mod held_and_released;
mod killed;
mod large_mail;
mod limits_kept;
mod mailbox_full;
mod metrics;
mod node_killed;
mod nodes;
mod partial_recipients;
mod queue_told;
mod send_as_denied;
mod stalled;
mod statements;
mod temp_fail;
mod throttled;
mod token_expired;
mod unknown_outcome;
