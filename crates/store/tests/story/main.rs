//! What happens to a store, one file for each thing that happens. Every story is told once for each database.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a story fails it; the lint knows #[test] functions only"
)]

mod house;
mod postgres;
mod postgres_server;

mod account_changed_meanwhile;
mod account_paused;
mod audit_written;
mod certificate_in_use;
mod certificate_kept;
mod console_identity_kept;
mod data_dir_entered;
mod default_account;
mod flow_settled;
mod grant_renewed;
mod history_told;
mod lane_taken;
mod master_key_claimed;
mod message_accepted;
mod message_acted_on;
mod message_claimed;
mod message_listed;
mod message_purged;
mod message_settled;
mod name_taken;
mod pages_turned;
mod power_cut;
mod row_corrupt;
mod session_started;
mod setup_link_used;
mod state_redeemed;
mod submitter_changed;
mod token_used;
mod user_changed;
mod wrong_file;
