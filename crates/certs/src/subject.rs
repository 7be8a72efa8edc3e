//! The subject of a certificate that Postern makes: `CN=mail gate, O=Contoso` (RFC 4514).
//!
//! Parsed once and valid from then on. Names that others made are shown by `name`.

use std::{fmt, str::FromStr};

use rcgen::{DistinguishedName, DnType, DnValue};

/// Longest values (RFC 5280 appendix A.1, ub-…), in characters.
const KINDS: [(&str, usize); 7] =
    [("CN", 64), ("O", 64), ("OU", 64), ("L", 128), ("ST", 128), ("C", 2), ("EMAILADDRESS", 255)];

/// A distinguished name with at least one part, each kind at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(Vec<(&'static str, String)>);

/// Why a text is not a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Nothing in it.
    #[error("the subject is empty; write it like CN=mail gate, O=Contoso")]
    Empty,
    /// A part without `=`.
    #[error("{0:?} is not a part of a subject; write it like CN=mail gate, O=Contoso")]
    NotAPart(String),
    /// A kind of part that isn't known here.
    #[error("{0:?} is not known in a subject; known are CN, O, OU, L, ST, C and emailAddress")]
    UnknownKind(String),
    /// The same kind twice.
    #[error("{0} is there twice")]
    Repeated(&'static str),
    /// A value that its kind does not allow.
    #[error("the value of {kind} must have 1 to {longest} characters and no control characters")]
    BadValue {
        /// Which part.
        kind: &'static str,
        /// Its longest value, in characters.
        longest: usize,
    },
    /// Not a country code.
    #[error("C must be a country code of two capital letters, like DE")]
    BadCountry,
    /// Not an e-mail address in ASCII.
    #[error("emailAddress must be an address in ASCII, like admin@contoso.example")]
    BadEmailAddress,
}

impl Subject {
    /// A subject with a common name only.
    pub fn common_name(name: &str) -> Result<Self, SubjectError> {
        let mut subject = Subject(Vec::new());
        subject.add("CN", name)?;
        Ok(subject)
    }

    fn add(&mut self, kind: &str, value: &str) -> Result<(), SubjectError> {
        let (kind, longest) = KINDS
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(kind) || (*known == "EMAILADDRESS" && kind == "E"))
            .ok_or_else(|| SubjectError::UnknownKind(kind.to_owned()))?;
        if self.0.iter().any(|(known, _)| *known == kind) {
            return Err(SubjectError::Repeated(kind));
        }
        check_value(kind, longest, value)?;
        self.0.push((kind, value.to_owned()));
        Ok(())
    }

    /// In the order of X.509: the least specific part, which the text has last, comes first.
    pub(crate) fn distinguished_name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        for (kind, value) in self.0.iter().rev() {
            name.push(attribute_type(kind), attribute_value(kind, value));
        }
        name
    }
}

fn check_value(kind: &'static str, longest: usize, value: &str) -> Result<(), SubjectError> {
    let is_email_address = value.is_ascii() && value.split('@').filter(|part| !part.is_empty()).count() == 2;
    match kind {
        _ if value.trim().is_empty()
            || value.chars().count() > longest
            || value.chars().any(char::is_control) =>
        {
            Err(SubjectError::BadValue { kind, longest })
        }
        "C" if !(value.len() == 2 && value.bytes().all(|letter| letter.is_ascii_uppercase())) => {
            Err(SubjectError::BadCountry)
        }
        "EMAILADDRESS" if !is_email_address => Err(SubjectError::BadEmailAddress),
        _ => Ok(()),
    }
}

fn attribute_type(kind: &str) -> DnType {
    match kind {
        "CN" => DnType::CommonName,
        "O" => DnType::OrganizationName,
        "OU" => DnType::OrganizationalUnitName,
        "L" => DnType::LocalityName,
        "ST" => DnType::StateOrProvinceName,
        "C" => DnType::CountryName,
        // pkcs-9-at-emailAddress (RFC 5280 appendix A.1)
        _ => DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
    }
}

fn attribute_value(kind: &str, value: &str) -> DnValue {
    match kind {
        "C" => DnValue::PrintableString(value.try_into().expect("a country code is two letters")),
        "EMAILADDRESS" => DnValue::Ia5String(value.try_into().expect("an e-mail address here is ASCII")),
        _ => DnValue::Utf8String(value.to_owned()),
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let mut subject = Subject(Vec::new());
        for part in split_parts(text) {
            let (kind, value) = part.split_once('=').ok_or_else(|| SubjectError::NotAPart(part.clone()))?;
            subject.add(kind.trim(), &unescape(value.trim_start()))?;
        }
        if subject.0.is_empty() { Err(SubjectError::Empty) } else { Ok(subject) }
    }
}

/// Splits at commas that no backslash precedes.
fn split_parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for character in text.chars() {
        match character {
            ',' if !escaped => parts.push(String::new()),
            _ => parts.last_mut().expect("there is always a part").push(character),
        }
        escaped = character == '\\' && !escaped;
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Takes the backslashes away (RFC 4514 §3); unescaped spaces at the end are not part of the value.
fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut kept = 0;
    let mut escaped = false;
    for character in value.chars() {
        if character == '\\' && !escaped {
            escaped = true;
            continue;
        }
        plain.push(character);
        if escaped || character != ' ' {
            kept = plain.len();
        }
        escaped = false;
    }
    plain.truncate(kept);
    plain
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, value)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let kind = if *kind == "EMAILADDRESS" { "emailAddress" } else { kind };
            write!(f, "{separator}{kind}={}", crate::name::escape(value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_and_shown_in_the_same_form() {
        for text in ["CN=mail gate, O=Contoso, C=DE", "CN=a\\, b, OU=x\\+y", "CN=\\ padded\\ "] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        let loose: Subject = " cn = mail gate ,O=Contoso,,emailaddress=a@b.example ".parse().unwrap();
        assert_eq!(loose.to_string(), "CN=mail gate, O=Contoso, emailAddress=a@b.example");
    }

    #[test]
    fn each_wrong_subject_has_its_reason() {
        let refused = |text: &str| text.parse::<Subject>().unwrap_err();
        assert_eq!(refused(" , "), SubjectError::Empty);
        assert_eq!(refused("mail gate"), SubjectError::NotAPart("mail gate".to_owned()));
        assert_eq!(refused("XX=1"), SubjectError::UnknownKind("XX".to_owned()));
        assert_eq!(refused("CN=a, CN=b"), SubjectError::Repeated("CN"));
        assert_eq!(refused("CN="), SubjectError::BadValue { kind: "CN", longest: 64 });
        assert_eq!(
            refused(&format!("CN={}", "x".repeat(65))),
            SubjectError::BadValue { kind: "CN", longest: 64 }
        );
        assert_eq!(refused("CN=a\nb"), SubjectError::BadValue { kind: "CN", longest: 64 });
        assert_eq!(refused("CN=a, C=de"), SubjectError::BadCountry);
        assert_eq!(refused("emailAddress=nobody"), SubjectError::BadEmailAddress);
    }
}
