//! The REST API: thin handlers over the house's rooms. `router` lists every route.

pub mod access;
pub mod accounts;
pub mod audit_log;
pub mod authorizations;
pub mod certificates;
pub mod console;
mod document;
mod event_stream;
pub mod explain;
pub mod host;
pub mod input;
pub mod list;
pub mod listeners;
pub mod me;
pub mod messages;
mod metrics;
pub mod moment;
pub mod page;
pub mod queue;
pub mod router;
pub mod same_site;
pub mod session;
pub mod setup;
pub mod status;
pub mod submitters;
pub mod test_email;
pub mod tokens;
pub mod users;

pub use router::openapi_json;
