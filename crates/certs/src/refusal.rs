//! Why a file was not imported: one variant for each code that product and API promise.

use time::{OffsetDateTime, macros::format_description};

use crate::ber::Malformed;

/// A certificate that could be meant when a file holds several keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// SHA-1 of the certificate, upper-case hex.
    pub thumbprint_sha1: String,
    /// Subject, as in `CN=mail gate, O=Contoso`.
    pub subject: String,
    /// When it expires.
    pub not_after: OffsetDateTime,
}

/// Why a file was refused. Display is the message for a person, [`Refusal::hint`] what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither PKCS#12 nor PEM, or one that is damaged.
    #[error("{}", .what.message())]
    NotPkcs12 {
        /// What it is instead, as far as can be told.
        what: NotPkcs12,
    },
    /// The password does not open the file.
    #[error("{}", .which.message())]
    WrongPassword {
        /// Whether one was typed, and how far it led.
        which: WrongPassword,
    },
    /// The file is made with an algorithm that Postern does not know.
    #[error("the file uses {name} ({oid}), which Postern cannot read")]
    UnsupportedAlgorithm {
        /// Its registered name, or what it is for.
        name: String,
        /// Its object identifier in dotted form.
        oid: String,
    },
    /// There are keys but no certificate.
    #[error("the file holds a private key but no certificate")]
    NoCertificate,
    /// There are certificates but no key.
    #[error("the file holds a certificate but no private key")]
    NoPrivateKey,
    /// More than one key has its certificate, and none was chosen.
    #[error("{}", tell_choices(.choices.len(), *.thumbprint_given))]
    SeveralKeys {
        /// What can be chosen by thumbprint.
        choices: Vec<Choice>,
        /// A thumbprint was given, and none of these has it.
        thumbprint_given: bool,
    },
    /// No certificate belongs to the key.
    #[error("the private key does not belong to any certificate in the file")]
    KeyMismatch,
    /// The key names the certificate, but its own numbers contradict each other: nothing that it signs would fit.
    #[error("the private key is damaged: its numbers do not belong together")]
    KeyDamaged,
    /// A key of another kind than RSA.
    #[error("the key is {kind}, not RSA")]
    NotRsa {
        /// `EC`, `Ed25519`, `DSA`, …
        kind: String,
    },
    /// An RSA key below 2048 bits.
    #[error("the RSA key has {bits} bits; at least 2048 are needed")]
    KeyTooSmall {
        /// Its size.
        bits: usize,
    },
    /// The certificate's time is over.
    #[error("the certificate expired on {}", day(*.not_after))]
    Expired {
        /// When.
        not_after: OffsetDateTime,
    },
    /// More than a certificate file can reasonably have.
    #[error("the file is larger than {limit_bytes} bytes, more than any certificate file needs")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: usize,
    },
}

/// What a file is that is not a readable PKCS#12 or PEM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPkcs12 {
    /// Nothing in it.
    Empty,
    /// Something else altogether.
    SomethingElse,
    /// A certificate in DER form, without its key.
    CertificateAlone,
    /// A private key in DER form, without its certificate.
    KeyAlone,
    /// A Java key store in Java's own form.
    JavaKeyStore,
    /// It begins as PKCS#12, but is cut off, garbled, or beyond all bounds.
    Damaged,
    /// It begins as PEM, but is cut off or garbled.
    DamagedPem,
    /// A PKCS#12 file that only the certificate of its receiver opens, not a password.
    SealedForReceiver,
}

impl NotPkcs12 {
    fn message(self) -> &'static str {
        match self {
            NotPkcs12::Empty => "the file is empty",
            NotPkcs12::SomethingElse => "the file is neither PKCS#12 (.pfx, .p12) nor PEM",
            NotPkcs12::CertificateAlone => "the file is a certificate alone (.cer), without its private key",
            NotPkcs12::KeyAlone => "the file is a private key alone, without its certificate",
            NotPkcs12::JavaKeyStore => "the file is a Java key store (JKS), not PKCS#12",
            NotPkcs12::Damaged => "the file begins as PKCS#12 but is damaged: cut off, or changed on its way",
            NotPkcs12::DamagedPem => "the file begins as PEM but is damaged: cut off, or changed on its way",
            NotPkcs12::SealedForReceiver => {
                "the file is protected by a certificate or a directory group, not by a password"
            }
        }
    }

    fn hint(self) -> &'static str {
        match self {
            NotPkcs12::Empty | NotPkcs12::Damaged | NotPkcs12::DamagedPem => {
                "Export the certificate again and copy it in binary mode."
            }
            NotPkcs12::SomethingElse => {
                "Choose the .pfx or .p12 file with the certificate and its private key, or a PEM file with both."
            }
            NotPkcs12::CertificateAlone => {
                "This is the public part. Export the certificate with its private key, as a .pfx file."
            }
            NotPkcs12::KeyAlone => {
                "Put the key and its certificate into one PEM file, or export both as a .pfx file."
            }
            NotPkcs12::JavaKeyStore => "Convert it: keytool -importkeystore -deststoretype PKCS12.",
            NotPkcs12::SealedForReceiver => "Export the certificate again and protect it with a password.",
        }
    }
}

/// How a password failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongPassword {
    /// The file wants one and none was typed.
    NoneTyped,
    /// The typed one is not the file's.
    Typed,
    /// It opens the file, but the key in it has a password of its own.
    KeyHasAnother,
}

impl WrongPassword {
    fn message(self) -> &'static str {
        match self {
            WrongPassword::NoneTyped => "the file is protected by a password, and none was given",
            WrongPassword::Typed => "the password does not open the file",
            WrongPassword::KeyHasAnother => {
                "the password opens the file, but the private key in it has a password of its own"
            }
        }
    }

    fn hint(self) -> &'static str {
        match self {
            WrongPassword::NoneTyped => "Type the password that was set when the file was exported.",
            WrongPassword::Typed => {
                "Type the password that was set when the file was exported; mind capitals and keyboard layout."
            }
            WrongPassword::KeyHasAnother => "Export the certificate again with one password for everything.",
        }
    }
}

impl Refusal {
    /// The stable code: what scripts and the API compare.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NotPkcs12 { .. } => "not_pkcs12",
            Refusal::WrongPassword { .. } => "wrong_password",
            Refusal::UnsupportedAlgorithm { .. } => "unsupported_algorithm",
            Refusal::NoCertificate => "no_certificate",
            Refusal::NoPrivateKey => "no_private_key",
            Refusal::SeveralKeys { .. } => "several_keys",
            Refusal::KeyMismatch | Refusal::KeyDamaged => "key_mismatch",
            Refusal::NotRsa { .. } => "not_rsa",
            Refusal::KeyTooSmall { .. } => "key_too_small",
            Refusal::Expired { .. } => "expired",
            Refusal::TooLarge { .. } => "too_large",
        }
    }

    /// What to do next, in a sentence.
    pub fn hint(&self) -> String {
        match self {
            Refusal::NotPkcs12 { what } => what.hint(),
            Refusal::WrongPassword { which } => which.hint(),
            Refusal::UnsupportedAlgorithm { .. } => {
                "Export the certificate again with AES-256 and SHA-256, or with TripleDES from old systems."
            }
            Refusal::NoCertificate => "Export the certificate together with its private key.",
            Refusal::NoPrivateKey => {
                "This is the public part. Export the certificate with its private key, as a .pfx file."
            }
            Refusal::SeveralKeys { .. } => "Choose one by its thumbprint.",
            Refusal::KeyMismatch => "Export the key together with the certificate that was issued for it.",
            Refusal::KeyDamaged => "Export the certificate with its private key again, from where it is in use.",
            Refusal::NotRsa { .. } => {
                "Entra ID accepts RSA keys only: generate a certificate here, or have one issued for such a key."
            }
            Refusal::KeyTooSmall { .. } => "Use a certificate whose RSA key has 2048 bits or more.",
            Refusal::Expired { .. } => "Use a renewed certificate, or generate a new one here.",
            Refusal::TooLarge { .. } => "Choose the file that holds the certificate, its chain and its private key only.",
        }
        .to_owned()
    }

    pub(crate) fn damaged() -> Self {
        Refusal::NotPkcs12 { what: NotPkcs12::Damaged }
    }

    pub(crate) fn damaged_pem() -> Self {
        Refusal::NotPkcs12 { what: NotPkcs12::DamagedPem }
    }
}

/// What can't be parsed in a file that is PKCS#12 at its beginning was damaged later.
impl From<Malformed> for Refusal {
    fn from(Malformed: Malformed) -> Self {
        Refusal::damaged()
    }
}

fn tell_choices(count: usize, thumbprint_given: bool) -> String {
    match (count, thumbprint_given) {
        (1, _) => "the certificate in the file does not have the thumbprint that was given".to_owned(),
        (_, true) => format!("none of the {count} certificates with a key has the thumbprint that was given"),
        (_, false) => format!("the file holds {count} private keys with certificates, and none was chosen"),
    }
}

fn day(when: OffsetDateTime) -> String {
    when.format(format_description!("[year]-[month]-[day]")).expect("a date has year, month and day")
}
