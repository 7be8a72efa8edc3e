//! Throws dirt at the reader of Graph's answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m365::dirt::graph(bytes));
