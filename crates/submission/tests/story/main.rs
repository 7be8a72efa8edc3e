//! Stories of the server on real sockets: what the session's dialogs can't tell, because it is about time, TLS,
//! several connections and the operating system.

#![expect(clippy::unwrap_used, reason = "helpers of tests, in which anything unexpected is to panic")]

mod connections_counted;
mod house;
mod large_body;
mod proxied;
mod slow_client;
mod stopped;
mod tls;
mod turned_away;
