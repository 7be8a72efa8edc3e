//! What happens to certificates, one file for each thing.

mod asserted;
mod generated;
mod given;
mod tools;
