//! What the simulator promises, by its real doors: HTTPS, SMTP and the control port.

mod support;

mod assertions;
mod authorize;
mod control;
mod device_code;
mod graph;
mod smtp;
mod tokens;
