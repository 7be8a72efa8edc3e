//! Throws dirt at the reader of a set of keys and an ID token.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m365::dirt::id_token(bytes));
