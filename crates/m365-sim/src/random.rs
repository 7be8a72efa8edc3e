//! Randomness for keys, codes and ids, from the cryptographic library.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// `bytes` random bytes as base64url.
pub(crate) fn token(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

/// A client secret in the looks of Entra's: 40 characters, `~` among them.
pub(crate) fn client_secret() -> String {
    let text = token(30);
    format!("{}~{}", &text[..3], &text[4..])
}

/// A number in `from..to`.
pub(crate) fn number(from: u32, to: u32) -> u32 {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    from + u32::from_be_bytes(bytes) % (to - from)
}

/// Upper-case hexadecimal digits.
pub(crate) fn hex_upper(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer);
    hex::encode_upper(buffer)
}

/// `len` characters of those that a person can't mix up.
pub(crate) fn user_code(len: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = vec![0; len];
    fill(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

fn fill(buffer: &mut [u8]) {
    aws_lc_rs::rand::fill(buffer).expect("the operating system gives random bytes");
}
