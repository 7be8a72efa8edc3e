//! Throws dirt at the reader of SMTP replies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m365::dirt::smtp(bytes));
