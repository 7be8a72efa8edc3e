//! Codes of an authenticator app: RFC 6238 with what all apps know, HMAC-SHA-1, six digits, 30 seconds. It never looks at
//! a clock and keeps nothing: that a code counts once is the store's business. Its neighbours are `second_factor`, which
//! offers it, and `sign_in`, which asks for it.

use aws_lc_rs::hmac;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// RFC 4226, section 4, R6: 160 bits are recommended.
const SECRET_BYTES: usize = 20;
/// RFC 6238, section 5.2.
const STEP_SECONDS: i64 = 30;
/// Steps before and after now that count, for clocks that differ and people who type slowly.
const TOLERANCE: i64 = 1;

/// What the app and Postern share.
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// A new one.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
        Self(bytes)
    }

    /// One that was kept.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// For sealing only.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app: base32 (RFC 4648, section 6) without padding.
    pub fn to_base32(&self) -> Zeroizing<String> {
        base32(&self.0)
    }

    /// As a QR code carries it (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
    pub fn otpauth_url(&self, host: &str, user: &str) -> Zeroizing<String> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let issuer = encode(&format!("Postern {host}"));
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP_SECONDS}",
            encode(user),
            *self.to_base32()
        ))
    }

    /// The step that `code` belongs to, if it is one of those around `now`.
    pub fn find_step(&self, code: &str, now: OffsetDateTime) -> Option<i64> {
        let current = now.unix_timestamp().div_euclid(STEP_SECONDS);
        let matches = |step: &i64| bool::from(self.code(*step).as_bytes().ct_eq(code.as_bytes()));
        (current - TOLERANCE..=current + TOLERANCE).rev().find(matches)
    }

    /// RFC 4226, section 5.3, with the step as the counter.
    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let digest = tag.as_ref();
        let at = usize::from(digest[digest.len() - 1] & 0xf);
        let number = u32::from_be_bytes([digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]]);
        format!("{:06}", number % 1_000_000)
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

/// RFC 4648, section 6, without padding: five bits a character.
pub(crate) fn base32(bytes: &[u8]) -> Zeroizing<String> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(5) * 8));
    for chunk in bytes.chunks(5) {
        let mut padded = [0; 8];
        padded[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(padded);
        let characters = (chunk.len() * 8).div_ceil(5);
        text.extend((0..characters).map(|n| char::from(ALPHABET[(bits >> (35 - 5 * n)) as usize & 31])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the test vectors of RFC 6238, appendix B, and RFC 4226, appendix D.
    fn secret() -> TotpSecret {
        TotpSecret::new(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn the_test_vectors_of_the_rfc_come_out() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().code(seconds / 30), code);
            assert_eq!(secret().find_step(code, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_one_step_late() {
        let code = secret().code(100);
        for (seconds, expected) in
            [(2969, None), (2970, Some(100)), (3000, Some(100)), (3059, Some(100)), (3060, None)]
        {
            assert_eq!(secret().find_step(&code, at(seconds)), expected, "{seconds}");
        }
        for wrong in ["", "1", "0000000", "abcdef"] {
            assert_eq!(secret().find_step(wrong, at(3000)), None, "{wrong}");
        }
    }

    #[test]
    fn the_test_vectors_of_base32_come_out() {
        for (plain, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(*base32(plain.as_bytes()), text);
        }
    }

    #[test]
    fn the_address_for_the_qr_code_carries_all_that_an_app_needs() {
        let url = secret().otpauth_url("gate.example", "anna b");
        assert_eq!(
            *url,
            "otpauth://totp/Postern%20gate%2Eexample:anna%20b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Postern%20gate%2Eexample&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(format!("{:?}", secret()), "<redacted>");
    }
}
