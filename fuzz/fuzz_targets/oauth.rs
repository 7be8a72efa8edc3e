//! Throws dirt at the reader of the answers of the OAuth endpoints, and callbacks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m365::dirt::oauth(bytes));
