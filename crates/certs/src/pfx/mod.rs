//! Reads PKCS#12 files of every vintage (RFC 7292; RFC 9579 for PBMAC1).
//!
//! Our own reader, since every library refuses a part of the files that are in use. It reads BER layer by
//! layer and never re-encodes, because the MAC is made over exact octets. It finds keys and certificates
//! and opens them; it judges nothing but damage, passwords and algorithms: the rest is `check`. Hostile
//! files cost a bounded amount of work, see `Passphrase`, [`MOST_BAGS`] and [`MOST_NESTED`].

mod mac;

use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::{
    Password,
    ber::{Element, Malformed, Oid, Reader, Tag},
    check::Found,
    encryption::{Opened, Passphrase, Scheme, passphrases, unsupported},
    private_key::PrivateKey,
    refusal::{NotPkcs12, Refusal, WrongPassword},
};
use mac::Mac;

/// Bags in a file: the trust stores of operating systems have 150.
const MOST_BAGS: usize = 1_000;
/// Bags in bags in bags; nobody makes them, but the standard allows it and other readers don't mind.
const MOST_NESTED: usize = 64;

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

// Content types (RFC 5652).
const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
const ENVELOPED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.3");
const ENCRYPTED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.6");

// Bags (RFC 7292 §4.2). CRL and secret bags are of no use here and are passed over.
const KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.3");
const NESTED_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.6");
const X509_CERTIFICATE: ObjectIdentifier = oid("1.2.840.113549.1.9.22.1");

/// Whether the file begins as PKCS#12 does: a SEQUENCE whose first element is the number 3; or a version that others
/// pass over, as long as no key begins like that. The lengths are not believed, so that a cut-off file is still
/// recognised.
pub(crate) fn begins_as_pfx(bytes: &[u8]) -> bool {
    let Some([0x30, length, rest @ ..]) = bytes.get(..) else { return false };
    let more = if *length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    more <= 8
        && rest.get(more..).is_some_and(|rest| matches!(rest, [2, 1, 3, ..] | [2, 1, 2 | 4..=9, 0x30, ..]))
}

/// Reads a file for which [`begins_as_pfx`] is true.
pub(crate) fn read(bytes: &[u8], password: Option<&Password>) -> Result<Found, Refusal> {
    let mut pfx = Reader::new(bytes).sequence()?;
    pfx.expect(Tag::INTEGER)?;
    let contents = read_authenticated_safe(&mut pfx)?;
    let mac = pfx.optional(Tag::SEQUENCE)?.map(|mac| Mac::read(&mac)).transpose()?;
    let mut passphrases = passphrases(password);
    let none_typed = passphrases.len() == 2 && passphrases[0].utf8.is_empty();
    let proven = match mac {
        None => false,
        Some(mac) => {
            let Some(right) = find_passphrase(&passphrases, &mac, &contents)? else {
                return Err(explain_mismatch(&contents, &passphrases, none_typed));
            };
            // What the MAC was made with most likely opens the rest too.
            passphrases.swap(0, right);
            true
        }
    };
    let mut safe = Safe::new(&passphrases, proven);
    let read = safe.read_contents(&contents);
    read.map_err(|refusal| match refusal {
        Refusal::WrongPassword { .. } => wrong_password(none_typed, proven || safe.opened),
        other => other,
    })?;
    Ok(safe.found)
}

fn wrong_password(none_typed: bool, proven: bool) -> Refusal {
    let which = match (none_typed, proven) {
        (_, true) => WrongPassword::KeyHasAnother,
        (true, false) => WrongPassword::NoneTyped,
        (false, false) => WrongPassword::Typed,
    };
    Refusal::WrongPassword { which }
}

/// The octets that the MAC covers: the content of the outer ContentInfo, joined where it came in pieces.
fn read_authenticated_safe(pfx: &mut Reader<'_>) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut info = pfx.sequence()?;
    let kind = info.oid()?;
    if !kind.is(DATA) {
        // Signed instead of MACed (RFC 7292 §3.1, public-key integrity mode): nobody is known to write it.
        return Err(unsupported(kind));
    }
    // The content may be missing (RFC 5652 §3): such a file is empty, not damaged.
    let Some(content) = info.optional(Tag::context(0))? else { return Ok(Zeroizing::default()) };
    let content = content.open().expect(Tag::OCTET_STRING)?;
    Ok(Zeroizing::new(content.octets()?.into_owned()))
}

fn find_passphrase(
    passphrases: &[Passphrase],
    mac: &Mac<'_>,
    contents: &[u8],
) -> Result<Option<usize>, Refusal> {
    for (index, passphrase) in passphrases.iter().enumerate() {
        if mac.verify(passphrase, contents)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// The MAC fails for a wrong password and for a changed file alike. When the password opens something all
/// the same, or what needs no password is garbled, then the file was changed.
fn explain_mismatch(contents: &[u8], passphrases: &[Passphrase], none_typed: bool) -> Refusal {
    let mut safe = Safe::new(passphrases, false);
    match safe.read_contents(contents) {
        Ok(()) if none_typed && safe.found.has_locked_key => wrong_password(none_typed, false),
        Err(Refusal::NotPkcs12 { what }) => Refusal::NotPkcs12 { what },
        Err(unsupported @ Refusal::UnsupportedAlgorithm { .. })
            if !passphrases.iter().any(Passphrase::is_exhausted) =>
        {
            unsupported
        }
        // A key without a password opens also in a file that has one.
        Err(Refusal::WrongPassword { .. }) if none_typed => wrong_password(none_typed, false),
        _ if safe.opened => Refusal::damaged(),
        _ => wrong_password(none_typed, false),
    }
}

/// What a part was seen to be made with where the MAC was made with this one: the same octets as old NSS gave them to
/// PBES2; or no password, where a program put a key of its own into a Java key store.
fn also_seen(right: &Passphrase) -> Vec<Passphrase> {
    let [absent, empty] = right.none_instead();
    vec![right.in_classic_form_for_all(), absent, empty]
}

/// What is inside, as it is found.
struct Safe<'a> {
    passphrases: &'a [Passphrase],
    found: Found,
    bags: usize,
    /// The MAC has shown which reading of the password is right; it comes first.
    proven: bool,
    /// A password has opened something.
    opened: bool,
}

impl<'a> Safe<'a> {
    fn new(passphrases: &'a [Passphrase], proven: bool) -> Self {
        Safe { passphrases, found: Found::default(), bags: 0, proven, opened: false }
    }

    /// AuthenticatedSafe (RFC 7292 §4.1).
    fn read_contents(&mut self, contents: &[u8]) -> Result<(), Refusal> {
        if contents.is_empty() {
            return Ok(());
        }
        let mut infos = Reader::new(contents).sequence()?;
        while let Some(info) = infos.next()? {
            let mut info = info.open();
            let kind = info.oid()?;
            let Some(content) = info.optional(Tag::context(0))? else { continue };
            let mut content = content.open();
            if kind.is(DATA) {
                let bags = content.expect(Tag::OCTET_STRING)?;
                self.read_bags(&bags.octets()?, MOST_NESTED)?;
            } else if kind.is(ENCRYPTED_DATA) {
                self.read_encrypted(&mut content)?;
            } else if kind.is(ENVELOPED_DATA) {
                return Err(Refusal::NotPkcs12 { what: NotPkcs12::SealedForReceiver });
            } else {
                return Err(unsupported(kind));
            }
        }
        Ok(())
    }

    /// EncryptedData (RFC 5652 §8).
    fn read_encrypted(&mut self, content: &mut Reader<'_>) -> Result<(), Refusal> {
        let mut data = content.sequence()?;
        data.expect(Tag::INTEGER)?;
        let mut info = data.sequence()?;
        info.oid()?;
        let scheme = Scheme::read(&mut info)?;
        let Some(encrypted) = info.optional(Tag::context(0))? else { return Ok(()) };
        let bags = self.open(&scheme, &encrypted)?;
        self.read_bags(&bags, MOST_NESTED)
    }

    fn open(&mut self, scheme: &Scheme<'_>, encrypted: &Element<'_>) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let encrypted = encrypted.octets()?;
        let others = if self.proven { also_seen(&self.passphrases[0]) } else { Vec::new() };
        for passphrase in self.passphrases.iter().chain(&others) {
            match scheme.open(passphrase, &encrypted)? {
                Opened::Right(content) => {
                    self.opened = true;
                    return Ok(content);
                }
                Opened::Damaged => {
                    self.opened = true;
                    return Err(Refusal::damaged());
                }
                Opened::WrongPassword => {}
            }
        }
        Err(wrong_password(false, false))
    }

    /// SafeContents (RFC 7292 §4.2).
    fn read_bags(&mut self, bags: &[u8], nesting: usize) -> Result<(), Refusal> {
        let mut bags = Reader::new(bags).sequence()?;
        while let Some(bag) = bags.next()? {
            self.bags += 1;
            if self.bags > MOST_BAGS {
                return Err(Refusal::damaged());
            }
            let mut bag = bag.open();
            let kind = bag.oid()?;
            let value = bag.expect(Tag::context(0))?;
            self.read_bag(kind, &value, nesting)?;
        }
        Ok(())
    }

    fn read_bag(&mut self, kind: Oid<'_>, value: &Element<'_>, nesting: usize) -> Result<(), Refusal> {
        if kind.is(KEY_BAG) {
            self.found.keys.push(PrivateKey::from_pkcs8(value.content)?);
        } else if kind.is(SHROUDED_KEY_BAG) {
            match self.open_shrouded_key(value) {
                Ok(key) => self.found.keys.push(key),
                // It is the right password, so the key has one of its own: what else there is tells whether that matters.
                Err(Refusal::WrongPassword { .. }) if self.proven || self.opened => {
                    self.found.has_locked_key = true;
                }
                Err(refusal) => return Err(refusal),
            }
        } else if kind.is(CERTIFICATE_BAG) {
            self.read_certificate(value)?;
        } else if kind.is(NESTED_BAG) {
            let nesting = nesting.checked_sub(1).ok_or(Malformed)?;
            self.read_bags(value.content, nesting)?;
        }
        Ok(())
    }

    fn open_shrouded_key(&mut self, value: &Element<'_>) -> Result<PrivateKey, Refusal> {
        let mut info = value.open().sequence()?;
        let scheme = Scheme::read(&mut info)?;
        let encrypted = info.expect(Tag::OCTET_STRING)?;
        let key = self.open(&scheme, &encrypted)?;
        Ok(PrivateKey::from_pkcs8(&key)?)
    }

    fn read_certificate(&mut self, value: &Element<'_>) -> Result<(), Refusal> {
        let mut bag = value.open().sequence()?;
        if bag.oid()?.is(X509_CERTIFICATE) {
            let certificate = bag.expect(Tag::context(0))?.open().expect(Tag::OCTET_STRING)?;
            self.found.certificates.push(certificate.octets()?.into_owned());
        }
        Ok(())
    }
}
