//! The door for devices: the SMTP submission server (RFC 6409, RFC 8314).
//!
//! `session` decides in pure code: octets in, replies and questions out. `server` and `connection` around it only
//! read, write, wait and ask the house ([`House`]). This room never keeps a message, never knows a password and
//! never makes itself an open relay: without a submitter there is no envelope. Neighbours: `mail`, whose words it
//! speaks, and `postern/src/queue`, which is the house.

mod census;
mod command;
mod connection;
mod content;
mod handshake;
mod house;
mod pace;
mod peer;
mod proxy;
mod reply;
mod server;
mod session;
mod settings;
mod transaction;

pub use census::{Caps, Census};
pub use house::{Accepted, Admission, House, Intake, Login, Mechanism, Peer, Refusal, Submitter};
pub use server::{serve, serve_local};
pub use settings::{Limits, Security, Settings};
pub use transaction::{Hello, HelloVerb, Proof, Recipient, Tls, Transaction};
