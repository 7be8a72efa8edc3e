//! What the simulator promises, by its real doors: HTTPS, SMTP and the control port.

#![expect(clippy::unwrap_used, reason = "a test that can't go on shall stop where it stands")]

mod support;

mod assertions;
mod authorize;
mod control;
mod device_code;
mod drafts;
mod graph;
mod limits;
mod registry;
mod said;
mod smtp;
mod steering;
mod tokens;
