//! The house itself: wires certificates, accounts and the way to Microsoft into one server with a REST API and a
//! command line. It knows every other room; no other room knows it.

pub mod account_state;
pub mod accounts;
pub mod api;
pub mod app;
pub mod audit;
pub mod authorizations;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod clouds;
pub mod config;
mod demo;
pub mod events;
pub mod grant_keeper;
pub mod jobs;
pub mod listener;
pub mod master_key;
pub mod passwords;
pub mod problem;
pub mod queue;
pub mod ration;
pub mod recovery_codes;
pub mod second_factor;
pub mod serve;
pub mod sessions;
pub mod setup_link;
pub mod sign_in;
pub mod submission_doors;
pub mod submitter_password;
pub mod test_email;
pub mod throttle;
pub mod tls;
pub mod totp;
pub mod users;
pub mod vault;
