//! Recovery codes: ten of them, each signs in once when the authenticator app is lost. A code has 80 random bits, so that
//! a plain hash keeps it safe; the code itself is shown once and kept nowhere.

use aws_lc_rs::digest::{Context, SHA256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::totp::base32;

/// How many a user gets.
pub const COUNT: usize = 10;
const CODE_BYTES: usize = 10;
const GROUP: usize = 4;

/// New codes, in groups of four characters: `abcd-efgh-ijkl-mnop`.
pub fn generate() -> Vec<Zeroizing<String>> {
    (0..COUNT).map(|_| generate_one()).collect()
}

/// What is kept of a code of this user, however it is typed: case, spaces and hyphens don't count.
pub fn hash(user: Uuid, code: &str) -> Vec<u8> {
    let bare: Zeroizing<String> =
        Zeroizing::new(code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect());
    let bare = Zeroizing::new(bare.to_lowercase());
    let mut context = Context::new(&SHA256);
    context.update(user.as_bytes());
    context.update(bare.as_bytes());
    context.finish().as_ref().to_vec()
}

fn generate_one() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; CODE_BYTES]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).expect("the system's random generator works");
    let mut code = Zeroizing::new(String::new());
    for (place, character) in base32(bytes.as_slice()).to_lowercase().chars().enumerate() {
        if place > 0 && place % GROUP == 0 {
            code.push('-');
        }
        code.push(character);
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ten_different_ones_that_can_be_typed_in_any_way() {
        let codes = generate();
        let user = Uuid::from_u128(1);
        let mut hashes: Vec<_> = codes.iter().map(|code| hash(user, code)).collect();
        assert!(codes.iter().all(|code| code.len() == 19 && code.matches('-').count() == 3), "{codes:?}");
        assert_eq!(hash(user, &codes[0].to_uppercase().replace('-', " ")), hashes[0]);
        assert_ne!(hash(Uuid::from_u128(2), &codes[0]), hashes[0], "a code is its owner's alone");
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), COUNT);
    }
}
