//! Throws dirt at the reader of what somebody pasted for an explanation.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m365::dirt::paste(bytes));
