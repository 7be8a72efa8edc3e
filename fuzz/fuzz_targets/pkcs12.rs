//! Throws dirt at the reader of PKCS#12 files, with no password and with the fixtures' own.
#![no_main]

use certs::{ImportOptions, Password, import};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let now = time::macros::datetime!(2026-11-21 8:00 UTC);
    for password in [None, Some(Password::new("hunter2"))] {
        // Read or refused: only that it comes back counts.
        let _ = import(bytes, &ImportOptions { password: password.as_ref(), thumbprint: None, now });
    }
});
