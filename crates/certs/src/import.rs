//! Finds out what a file is and reads it: PKCS#12, base64 text of one, or PEM.

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::{
    Password,
    ber::{Reader, Tag},
    certificate::Certificate,
    check::{self, CheckedCertificate, Found},
    pem, pfx,
    private_key::PrivateKey,
    refusal::{NotPkcs12, Refusal},
};

/// The largest file that is looked at.
pub const LARGEST_FILE_BYTES: usize = 1024 * 1024;

/// What comes with a file.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions<'a> {
    /// What was typed. `None` (or an empty text): nothing; absent and empty passwords are tried.
    pub password: Option<&'a Password>,
    /// Which certificate, where the file holds several keys: SHA-1 or SHA-256 in hex, in any case, with
    /// colons or spaces.
    pub thumbprint: Option<&'a str>,
    /// The time to judge it by.
    pub now: OffsetDateTime,
}

/// Reads a client certificate with its private key from a file.
///
/// Takes time for files with many iterations (seconds at most): call it where blocking is allowed.
///
/// # Errors
/// Each [`Refusal`] has a code; the file's content, the password or the algorithm is at fault, as it says.
pub fn import(file: &[u8], options: &ImportOptions<'_>) -> Result<CheckedCertificate, Refusal> {
    if file.len() > LARGEST_FILE_BYTES {
        return Err(Refusal::TooLarge { limit_bytes: LARGEST_FILE_BYTES });
    }
    let found = read(file, options.password)?;
    check::check(&found, options.thumbprint, options.now)
}

fn read(file: &[u8], password: Option<&Password>) -> Result<Found, Refusal> {
    if pfx::begins_as_pfx(file) {
        return pfx::read(file, password);
    }
    if let Some(text) = read_text(file) {
        if pem::holds_pem(&text) {
            return pem::read(&text, password);
        }
        // JSON output of command-line tools leaves quotes around the text.
        let decoded = pem::decode_base64(text.trim().trim_matches('"'));
        if let Some(decoded) = decoded.filter(|decoded| pfx::begins_as_pfx(decoded)) {
            return pfx::read(&decoded, password);
        }
    }
    Err(Refusal::NotPkcs12 { what: recognise(file) })
}

/// The file as text: UTF-8, or UTF-16 as Windows PowerShell writes what is redirected; stray octets between the blocks
/// of a PEM file don't matter. `None` for binary files.
fn read_text(file: &[u8]) -> Option<Zeroizing<String>> {
    let decode = |units: fn([u8; 2]) -> u16, rest: &[u8]| {
        let (pairs, _) = rest.as_chunks::<2>();
        Zeroizing::new(String::from_utf16_lossy(&pairs.iter().map(|pair| units(*pair)).collect::<Vec<_>>()))
    };
    match file {
        [0xff, 0xfe, rest @ ..] => Some(decode(u16::from_le_bytes, rest)),
        [0xfe, 0xff, rest @ ..] => Some(decode(u16::from_be_bytes, rest)),
        [0xef, 0xbb, 0xbf, rest @ ..] => read_text(rest),
        _ if file.contains(&0)
            && !file.windows(pem::BEGIN.len()).any(|part| part == pem::BEGIN.as_bytes()) =>
        {
            None
        }
        _ => Some(Zeroizing::new(String::from_utf8_lossy(file).into_owned())),
    }
}

/// What people take for a PKCS#12 file.
fn recognise(file: &[u8]) -> NotPkcs12 {
    if file.iter().all(u8::is_ascii_whitespace) {
        NotPkcs12::Empty
    } else if file.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) {
        NotPkcs12::JavaKeyStore
    } else if Certificate::read(file).is_ok() {
        NotPkcs12::CertificateAlone
    } else if is_key(file) {
        NotPkcs12::KeyAlone
    } else {
        NotPkcs12::SomethingElse
    }
}

fn is_key(file: &[u8]) -> bool {
    let is_encrypted_key = || {
        let mut inside = Reader::new(file).sequence()?;
        inside.algorithm()?;
        inside.expect(Tag::OCTET_STRING)
    };
    PrivateKey::read(file).is_ok() || is_encrypted_key().is_ok()
}
