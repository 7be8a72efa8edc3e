//! Reads PEM bundles: certificates and a key in one text, in any order (RFC 7468, RFC 1421 §4.6).
//!
//! Text between the blocks, line ends of every system and blocks of other kinds are passed over. It finds
//! keys and certificates and opens them; the rest is `check`. Its neighbour `encryption` decrypts.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use crate::{
    Password,
    ber::{Reader, Tag},
    check::Found,
    encryption::{
        Opened, Passphrase, Scheme, cipher::Cipher, derivation::derive_openssl, mode::Mode, passphrases,
    },
    pfx,
    private_key::PrivateKey,
    refusal::{Refusal, WrongPassword},
};

/// Base64 as mail and portals leave it: with or without padding, with stray bits at the end.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(crate) const BEGIN: &str = "-----BEGIN ";

/// Blocks in a file; a bundle of all public certification authorities has 150.
const MOST_BLOCKS: usize = 1_000;

/// Whether there is a PEM block in the text.
pub(crate) fn holds_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Reads a text for which [`holds_pem`] is true.
pub(crate) fn read(text: &str, password: Option<&Password>) -> Result<Found, Refusal> {
    let passphrases = passphrases(password);
    let mut found = Found::default();
    let mut rest = text;
    for _ in 0..MOST_BLOCKS {
        let Some((block, after)) = split_block(rest)? else { return Ok(found) };
        read_block(&block, &passphrases, password, &mut found)?;
        rest = after;
    }
    Err(Refusal::damaged_pem())
}

/// Decodes base64 with white space anywhere in it; `None` when it is something else. A last digit that stands
/// alone is dropped: the text was cut off, and what it holds will tell.
pub(crate) fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let packed: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let whole = if packed.len() % 4 == 1 { packed.len() - 1 } else { packed.len() };
    TOLERANT.decode(&packed.as_bytes()[..whole]).ok().map(Zeroizing::new)
}

struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

fn split_block(text: &str) -> Result<Option<(Block<'_>, &str)>, Refusal> {
    let Some((_, begun)) = text.split_once(BEGIN) else { return Ok(None) };
    let (label, begun) = begun.split_once("-----").ok_or_else(Refusal::damaged_pem)?;
    let end = format!("-----END {label}-----");
    let (body, after) = begun.split_once(&end).ok_or_else(Refusal::damaged_pem)?;
    // A block that begins inside of another means that the first was cut off.
    if body.contains(BEGIN) {
        return Err(Refusal::damaged_pem());
    }
    Ok(Some((Block { label: label.trim(), body }, after)))
}

fn read_block(
    block: &Block<'_>,
    passphrases: &[Passphrase],
    password: Option<&Password>,
    found: &mut Found,
) -> Result<(), Refusal> {
    match block.label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            found.certificates.push(read_certificate(block)?);
        }
        "PRIVATE KEY" => found.keys.push(in_pem(PrivateKey::read(&decode(block.body)?))?),
        "ENCRYPTED PRIVATE KEY" => found.keys.push(read_encrypted_key(block, passphrases)?),
        "RSA PRIVATE KEY" => {
            found.keys.push(in_pem(PrivateKey::read(&read_traditional(block, passphrases)?))?);
        }
        "EC PRIVATE KEY" => found.keys.push(PrivateKey::from_sec1(&read_traditional(block, passphrases)?)),
        "DSA PRIVATE KEY" => found.keys.push(PrivateKey::Other { kind: "DSA".to_owned(), public_key: None }),
        "PKCS12" | "PFX" => {
            let inner = pfx::read(&decode(block.body)?, password)?;
            found.keys.extend(inner.keys);
            found.certificates.extend(inner.certificates);
        }
        _ => {}
    }
    Ok(())
}

/// A TRUSTED CERTIFICATE has more behind the certificate; only the certificate itself is kept.
fn read_certificate(block: &Block<'_>) -> Result<Vec<u8>, Refusal> {
    let der = decode(block.body)?;
    Ok(in_pem(Reader::new(&der).expect(Tag::SEQUENCE))?.raw.to_vec())
}

/// EncryptedPrivateKeyInfo (RFC 5208 §6).
fn read_encrypted_key(block: &Block<'_>, passphrases: &[Passphrase]) -> Result<PrivateKey, Refusal> {
    let der = decode(block.body)?;
    let mut info = in_pem(Reader::new(&der).sequence())?;
    let scheme = Scheme::read(&mut info).map_err(blame_pem)?;
    let encrypted = in_pem(info.expect(Tag::OCTET_STRING).and_then(|encrypted| encrypted.octets()))?;
    let key = open_with(passphrases, |passphrase| scheme.open(passphrase, &encrypted))?;
    in_pem(PrivateKey::from_pkcs8(&key))
}

fn open_with(
    passphrases: &[Passphrase],
    open: impl Fn(&Passphrase) -> Result<Opened, Refusal>,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    for passphrase in passphrases {
        match open(passphrase).map_err(blame_pem)? {
            Opened::Right(content) => return Ok(content),
            Opened::Damaged => return Err(Refusal::damaged_pem()),
            Opened::WrongPassword => {}
        }
    }
    let none_typed = passphrases.first().is_none_or(|first| first.utf8.is_empty());
    let which = if none_typed { WrongPassword::NoneTyped } else { WrongPassword::Typed };
    Err(Refusal::WrongPassword { which })
}

/// A key in OpenSSL's old form: plain, or encrypted as its `DEK-Info` header says (RFC 1421 §4.6.1.3).
fn read_traditional(block: &Block<'_>, passphrases: &[Passphrase]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let Some((_, information)) = block.body.split_once("DEK-Info:") else { return decode(block.body) };
    let (information, body) = information.trim_start().split_once('\n').ok_or_else(Refusal::damaged_pem)?;
    let (name, vector) = information.trim().split_once(',').ok_or_else(Refusal::damaged_pem)?;
    let (cipher, mode) = named_cipher(name.trim()).ok_or_else(|| Refusal::UnsupportedAlgorithm {
        name: name.trim().to_owned(),
        oid: "named by DEK-Info".to_owned(),
    })?;
    let vector = hex::decode(vector.trim()).map_err(|_| Refusal::damaged_pem())?;
    let salt = vector.first_chunk::<8>().ok_or_else(Refusal::damaged_pem)?;
    let encrypted = decode(body)?;
    open_with(passphrases, |passphrase| {
        let key = derive_openssl(&passphrase.utf8, salt, cipher.key_octets());
        Ok(Opened::judge(cipher.decrypt(mode, &key, &vector, &encrypted)?, cipher.padding_octets(mode)))
    })
}

/// As OpenSSL names a cipher and its mode; RC2's name tells the size of its key too.
fn named_cipher(name: &str) -> Option<(Cipher, Mode)> {
    let rc2 = |key_octets| Cipher::Rc2 { key_octets, effective_bits: key_octets * 8 };
    let (cipher, mode) = name.rsplit_once('-')?;
    let cipher = match cipher {
        "AES-128" => Cipher::Aes128,
        "AES-192" => Cipher::Aes192,
        "AES-256" => Cipher::Aes256,
        "CAMELLIA-128" => Cipher::Camellia128,
        "CAMELLIA-192" => Cipher::Camellia192,
        "CAMELLIA-256" => Cipher::Camellia256,
        "ARIA-128" => Cipher::Aria128,
        "ARIA-192" => Cipher::Aria192,
        "ARIA-256" => Cipher::Aria256,
        "SM4" => Cipher::Sm4,
        "SEED" => Cipher::Seed,
        "IDEA" => Cipher::Idea,
        "CAST5" => Cipher::Cast5,
        "BF" => Cipher::Blowfish,
        "RC2" => rc2(16),
        "RC2-64" => rc2(8),
        "RC2-40" => rc2(5),
        "DES-EDE3" => Cipher::TripleDes,
        "DES-EDE" => Cipher::TwoKeyTripleDes,
        "DES" => Cipher::Des,
        _ => return None,
    };
    Some((cipher, Mode::named(mode)?))
}

fn decode(body: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    decode_base64(body).ok_or_else(Refusal::damaged_pem)
}

fn in_pem<T, E>(read: Result<T, E>) -> Result<T, Refusal> {
    read.map_err(|_| Refusal::damaged_pem())
}

/// Damage is told of the file that the person chose, which is PEM.
fn blame_pem(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::NotPkcs12 { .. } => Refusal::damaged_pem(),
        other => other,
    }
}
