//! What a client certificate is: read from a file, made here, checked, sealed, exported, and used to sign.
//!
//! This crate does no I/O and reads no clock: the time comes in as an argument. A private key enters through
//! [`import()`], [`generate()`] or [`SigningKey::from_pkcs8_der`] and leaves only as sealed bytes or as an
//! export that someone asked for; it is never printed. Its neighbours are `m365`, which signs assertions,
//! and `postern`, which seals, stores and exports.
//!
//! PKCS#12 and certificates are read by our own tolerant reader (`ber`, `pfx`, `certificate`), since the
//! strict ones refuse files that are in use. [`import()`], [`generate()`] and [`export::pfx`] cost up to
//! seconds of computing: call them where blocking is allowed.

pub mod assertion;
mod ber;
mod certificate;
mod check;
mod details;
mod encryption;
pub mod export;
mod generate;
mod import;
mod key;
mod name;
mod password;
mod pem;
mod pfx;
mod private_key;
mod refusal;
pub mod seal;
mod subject;
mod warning;
mod x509_time;

pub use check::CheckedCertificate;
pub use details::{CertificateDetails, KeyInfo, Status, StoredCertificate, UnreadableCertificate};
pub use generate::{
    GenerateError, GenerateOptions, KeyBits, UnknownKeySize, UnsuitableValidity, ValidityDays, generate,
};
pub use import::{ImportOptions, LARGEST_FILE_BYTES, import};
pub use key::{SigningKey, UnusableKey};
pub use password::Password;
pub use refusal::{Choice, NotPkcs12, Refusal, WrongPassword};
pub use subject::{Subject, SubjectError};
pub use warning::{Warning, warnings};
