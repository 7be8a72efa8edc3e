//! What happens to certificates, one file for each thing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic where it stands")]

mod asserted;
mod exported;
mod generated;
mod given;
mod hostile;
mod refused;
mod tools;
mod verdicts;
