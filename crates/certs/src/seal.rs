//! Seals secrets for storage: private keys, client secrets, refresh tokens.
//!
//! Each record has a data key of its own, which the master key wraps; both layers are AES-256-GCM-SIV
//! (RFC 8452), which stays safe should a random nonce ever repeat. A record is bound to its identity, such
//! as `certificate/<id>/key`: moved to another row, it does not open. It names the master key that sealed
//! it, so that keys can turn. Nothing here is stored or logged; its neighbour is whoever owns the row.
//!
//! A sealed record, byte for byte (version 1):
//! ```text
//! offset  length  what
//!      0       3  "pst"
//!      3       1  version, 0x01
//!      4       8  id of the master key: HMAC-SHA-256(master key, "postern master key id"), cut
//!     12      12  nonce of the wrapped data key, random
//!     24      32  data key, encrypted under the master key
//!     56      16  tag of the data key
//!     72      12  nonce of the content, random
//!     84       n  content, encrypted under the data key
//!   84+n      16  tag of the content
//! ```
//! Additional authenticated data of both layers: octets 0 to 11, then the identity in UTF-8.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac, rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

const MAGIC: [u8; 4] = *b"pst\x01";
const KEY_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;
const ID_END: usize = 12;
const DATA_KEY_END: usize = ID_END + NONCE_LEN + KEY_LENGTH + TAG_LENGTH;
const LEAST_LENGTH: usize = DATA_KEY_END + NONCE_LEN + TAG_LENGTH;

/// Marks the text of a master key, so that it is not mistaken for another secret.
const TEXT_PREFIX: &str = "postern-master-key-1:";

/// The key that wraps all data keys: 256 bits.
pub struct MasterKey(Zeroizing<[u8; KEY_LENGTH]>);

/// Names a master key without telling anything about it: 16 hex characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MasterKeyId([u8; 8]);

/// The text is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a master key: it begins with {TEXT_PREFIX} and 43 base64url characters follow")]
pub struct NotAMasterKey;

/// The text is not the id of a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a master key: it has 16 hex characters")]
pub struct NotAMasterKeyId;

/// Why a sealed record did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bytes were never sealed, or by a later version.
    #[error("not a sealed record that this version knows")]
    NotSealed,
    /// Another master key is needed.
    #[error("sealed by the master key {sealed_by}, which is not the one in use")]
    OtherMasterKey {
        /// Which one.
        sealed_by: MasterKeyId,
    },
    /// Changed since it was sealed, or moved to another identity.
    #[error("the sealed record was changed, or belongs to another row")]
    Broken,
}

impl MasterKey {
    /// Makes a new one.
    pub fn generate() -> Self {
        MasterKey(random())
    }

    /// Reads what [`MasterKey::to_text`] wrote; space around it does not matter.
    pub fn from_text(text: &str) -> Result<Self, NotAMasterKey> {
        let encoded = text.trim().strip_prefix(TEXT_PREFIX).ok_or(NotAMasterKey)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotAMasterKey)?);
        let key = <[u8; KEY_LENGTH]>::try_from(bytes.as_slice()).map_err(|_| NotAMasterKey)?;
        Ok(MasterKey(Zeroizing::new(key)))
    }

    /// One line for a key file, without the line's end.
    pub fn to_text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()));
        Zeroizing::new(format!("{TEXT_PREFIX}{}", *encoded))
    }

    /// Its name.
    pub fn id(&self) -> MasterKeyId {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let tag = hmac::sign(&key, b"postern master key id");
        MasterKeyId(*tag.as_ref().first_chunk().expect("a SHA-256 tag is longer than 8 octets"))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MasterKeyId {
    type Err = NotAMasterKeyId;

    fn from_str(text: &str) -> Result<Self, NotAMasterKeyId> {
        let mut id = [0; 8];
        hex::decode_to_slice(text, &mut id).map_err(|_| NotAMasterKeyId)?;
        Ok(MasterKeyId(id))
    }
}

/// Seals a secret for one identity.
pub fn seal(master_key: &MasterKey, identity: &str, plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(LEAST_LENGTH + plain.len());
    sealed.extend_from_slice(&MAGIC);
    sealed.extend_from_slice(&master_key.id().0);
    let bound_to = [&sealed[..], identity.as_bytes()].concat();
    let data_key = random::<KEY_LENGTH>();
    encrypt(&master_key.0, &bound_to, data_key.as_slice(), &mut sealed);
    encrypt(&data_key, &bound_to, plain, &mut sealed);
    sealed
}

/// Opens a record that was sealed for this identity.
pub fn open(master_key: &MasterKey, identity: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let sealed_by = sealed_by(sealed).ok_or(OpenError::NotSealed)?;
    if sealed_by != master_key.id() {
        return Err(OpenError::OtherMasterKey { sealed_by });
    }
    let bound_to = [&sealed[..ID_END], identity.as_bytes()].concat();
    let data_key = decrypt(&master_key.0, &bound_to, &sealed[ID_END..DATA_KEY_END])?;
    let data_key = data_key.as_slice().try_into().map_err(|_| OpenError::Broken)?;
    decrypt(&Zeroizing::new(data_key), &bound_to, &sealed[DATA_KEY_END..])
}

/// Which master key sealed the record; `None` when it is not a sealed record.
pub fn sealed_by(sealed: &[u8]) -> Option<MasterKeyId> {
    if sealed.len() < LEAST_LENGTH || !sealed.starts_with(&MAGIC) {
        return None;
    }
    sealed[MAGIC.len()..].first_chunk().map(|id| MasterKeyId(*id))
}

fn random<const LENGTH: usize>() -> Zeroizing<[u8; LENGTH]> {
    let mut octets = Zeroizing::new([0; LENGTH]);
    rand::fill(octets.as_mut_slice()).expect("the system has random numbers");
    octets
}

fn cipher(key: &[u8; KEY_LENGTH]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).expect("the key has 32 octets"))
}

/// Appends nonce, ciphertext and tag. The ciphertext is made in a buffer of its own size, so that no copy
/// of the plain text is left behind by a growing vector.
fn encrypt(key: &Zeroizing<[u8; KEY_LENGTH]>, bound_to: &[u8], plain: &[u8], sealed: &mut Vec<u8>) {
    let nonce = random::<NONCE_LEN>();
    let mut content = Zeroizing::new(plain.to_vec());
    let tag = cipher(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(bound_to), &mut content)
        .expect("sealing fails only beyond 64 GiB");
    sealed.extend_from_slice(nonce.as_slice());
    sealed.extend_from_slice(&content);
    sealed.extend_from_slice(tag.as_ref());
}

fn decrypt(
    key: &Zeroizing<[u8; KEY_LENGTH]>,
    bound_to: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, content) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Broken)?;
    let mut content = Zeroizing::new(content.to_vec());
    let length = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound_to), &mut content)
        .map_err(|_| OpenError::Broken)?
        .len();
    content.truncate(length);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDENTITY: &str = "certificate/0198/key";

    #[test]
    fn a_sealed_record_opens_for_its_identity_only() {
        let master_key = MasterKey::generate();
        let sealed = seal(&master_key, IDENTITY, b"secret");
        assert_eq!(open(&master_key, IDENTITY, &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(open(&master_key, "certificate/0199/key", &sealed), Err(OpenError::Broken));
    }

    #[test]
    fn a_record_has_the_documented_size_and_a_data_key_of_its_own() {
        let master_key = MasterKey::generate();
        let [one, two] = [(); 2].map(|()| seal(&master_key, IDENTITY, b"secret"));
        assert_eq!(one.len(), 84 + 6 + 16);
        assert_eq!(one[..12], two[..12]);
        assert_ne!(one[24..56], two[24..56]);
        assert_ne!(one[84..90], two[84..90]);
    }

    #[test]
    fn another_master_key_is_told_by_its_name() {
        let sealed = seal(&MasterKey::generate(), IDENTITY, b"secret");
        let named = sealed_by(&sealed).unwrap();
        let other = MasterKey::generate();
        assert_eq!(open(&other, IDENTITY, &sealed), Err(OpenError::OtherMasterKey { sealed_by: named }));
        assert_eq!(named.to_string().parse(), Ok(named));
    }

    #[test]
    fn every_changed_octet_is_noticed() {
        let master_key = MasterKey::generate();
        let sealed = seal(&master_key, IDENTITY, b"secret");
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(open(&master_key, IDENTITY, &changed).is_err(), "octet {position}");
            assert!(open(&master_key, IDENTITY, &sealed[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn a_master_key_survives_its_text_form_and_is_not_printed() {
        let master_key = MasterKey::generate();
        let text = master_key.to_text();
        let again = MasterKey::from_text(&format!("{}\n", *text)).unwrap();
        assert_eq!(again.id(), master_key.id());
        assert_eq!(format!("{master_key:?}"), "<redacted>");
        for wrong in ["", "postern-master-key-1:", &text[..60], &text.replace("key-1", "key-2")] {
            assert_eq!(MasterKey::from_text(wrong).err(), Some(NotAMasterKey), "{wrong}");
        }
    }

    /// A record sealed when version 1 was written: it must open for as long as version 1 is read.
    #[test]
    fn a_record_of_version_1_still_opens() {
        let master_key = MasterKey(Zeroizing::new([7; 32]));
        let sealed = hex::decode(include_str!("../tests/fixtures/sealed-v1.hex").trim()).unwrap();
        assert_eq!(open(&master_key, IDENTITY, &sealed).unwrap().as_slice(), b"sealed in 2026");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(plain in proptest::collection::vec(any::<u8>(), 0..2000), identity: String) {
            let master_key = MasterKey::generate();
            let sealed = seal(&master_key, &identity, &plain);
            let opened = open(&master_key, &identity, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plain);
        }
    }
}
