//! What happens to a whole Postern with a simulated tenant, one file for each thing that happens.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a story fails it; the lint knows #[test] functions only"
)]

mod console;
mod house;
mod mail;
mod person;
mod postgres;
#[path = "../../../store/tests/story/postgres_server.rs"]
mod postgres_server;
mod provider;

mod accounts;
mod audit;
mod authorize;
mod broken_account;
mod certificates;
mod explain;
mod http;
mod identity;
mod listeners;
mod messages;
mod nodes;
mod recorded;
mod refusals;
mod roles;
mod secrets;
mod sendmail;
mod session_ended;
mod set_up;
mod sign_in;
mod sign_in_refused;
mod start;
mod submitters;
mod test_email;
