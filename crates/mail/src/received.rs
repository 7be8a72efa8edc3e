//! The trace of one hop: the Received field of RFC 5321 §4.4. It says how a message came in, and nothing that
//! a stranger could have put into it: no line break, no second clause.

use std::fmt;
use std::net::IpAddr;

use time::OffsetDateTime;

use crate::Address;
use crate::date::written_date;

/// One Received field. Displayed folded, with its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// How the message came in.
    pub origin: Origin,
    /// The name of this host.
    pub by: String,
    /// The message's id here: what an administrator looks for.
    pub id: String,
    /// The recipient, where there is only one: several would tell each of the others (RFC 5321 §7.6).
    pub recipient: Option<Address>,
    /// When it was accepted.
    pub at: OffsetDateTime,
}

/// How a message came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// By SMTP.
    Smtp {
        /// What the client called itself; written only where it looks like a name.
        hello: String,
        /// Where it came from.
        address: IpAddr,
        /// `ESMTP`, with `S` for TLS and `A` for AUTH (RFC 3848): `ESMTPSA`.
        protocol: &'static str,
        /// The version of TLS and the cipher, where there was TLS.
        tls: Option<String>,
    },
    /// By the REST API.
    Http {
        /// Where it came from.
        address: Option<IpAddr>,
    },
    /// From a program on this machine, run by that user.
    Local {
        /// The user's id.
        uid: u32,
    },
}

impl Received {
    /// As of a message that came in just so.
    pub fn one_recipient(to: &[Address]) -> Option<Address> {
        match to {
            [only] => Some(only.clone()),
            _ => None,
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Received: {}\r\n by {} (Postern)", self.origin, word(&self.by))?;
        match &self.origin {
            Origin::Smtp { protocol, tls: Some(tls), .. } => {
                write!(out, " with {protocol} ({})", comment(tls))?;
            }
            Origin::Smtp { protocol, .. } => write!(out, " with {protocol}")?,
            Origin::Http { .. } => write!(out, " with HTTP")?,
            Origin::Local { .. } => {}
        }
        write!(out, " id {}", word(&self.id))?;
        if let Some(recipient) = &self.recipient {
            write!(out, "\r\n for <{recipient}>")?;
        }
        write!(out, ";\r\n {}\r\n", written_date(self.at))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Smtp { hello, address, .. } => {
                write!(out, "from {} ({})", word(hello), literal(*address))
            }
            Origin::Http { address: Some(address) } => write!(out, "from {}", literal(*address)),
            Origin::Http { address: None } => out.write_str("(by the API)"),
            Origin::Local { uid } => write!(out, "(from user {uid})"),
        }
    }
}

/// RFC 5321 §4.1.3.
fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

/// A name or an address literal, or `unknown`: devices say anything after EHLO.
fn word(text: &str) -> &str {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b".-_:[]".contains(&octet);
    let sound = !text.is_empty() && text.len() <= 255 && text.bytes().all(allowed);
    if sound { text } else { "unknown" }
}

/// What may stand in a comment without ending it (RFC 5322 §3.2.2).
fn comment(text: &str) -> String {
    text.chars().filter(|character| matches!(character, ' '..='~') && !"()\\".contains(*character)).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn received(origin: Origin) -> Received {
        Received {
            origin,
            by: "gate.contoso.com".into(),
            id: "0190c2aa-0000-7000-8000-000000000001".into(),
            recipient: None,
            at: datetime!(2026-11-22 01:24:06 +01:00),
        }
    }

    fn by_smtp(hello: &str, address: &str) -> Received {
        received(Origin::Smtp {
            hello: hello.into(),
            address: address.parse().unwrap(),
            protocol: "ESMTPSA",
            tls: Some("TLSv1.3, TLS_AES_256_GCM_SHA384".into()),
        })
    }

    #[test]
    fn a_message_by_smtp_tells_who_brought_it_and_how() {
        let mut field = by_smtp("scanner.contoso.com", "192.0.2.7");
        field.recipient = Received::one_recipient(&["ann@fabrikam.com".parse().unwrap()]);
        let expected = "Received: from scanner.contoso.com ([192.0.2.7])\r\n \
                        by gate.contoso.com (Postern) with ESMTPSA (TLSv1.3, TLS_AES_256_GCM_SHA384) \
                        id 0190c2aa-0000-7000-8000-000000000001\r\n for <ann@fabrikam.com>;\r\n \
                        Sun, 22 Nov 2026 00:24:06 +0000\r\n";
        assert_eq!(field.to_string(), expected);
    }

    #[test]
    fn several_recipients_are_not_told_of_each_other() {
        let to = ["ann@fabrikam.com", "bob@fabrikam.com"].map(|address| address.parse().unwrap());
        assert_eq!(Received::one_recipient(&to), None);
    }

    #[test]
    fn a_greeting_can_neither_break_the_line_nor_add_a_clause() {
        for hello in ["", "a b", "nas\r\nBcc: eve@evil.example", "x) by evil (", "é", &"x".repeat(256)] {
            let field = by_smtp(hello, "2001:db8::1").to_string();
            assert!(field.starts_with("Received: from unknown ([IPv6:2001:db8::1])\r\n by gate"), "{field}");
        }
        let field = by_smtp("[192.0.2.7]", "::ffff:192.0.2.7").to_string();
        assert!(field.starts_with("Received: from [192.0.2.7] ([192.0.2.7])\r\n"), "{field}");
    }

    #[test]
    fn other_doors_are_named_too() {
        let by_api = received(Origin::Http { address: Some("192.0.2.7".parse().unwrap()) }).to_string();
        assert!(
            by_api.starts_with("Received: from [192.0.2.7]\r\n by gate.contoso.com (Postern) with HTTP id ")
        );
        let local = received(Origin::Local { uid: 1000 }).to_string();
        assert!(local.starts_with("Received: (from user 1000)\r\n by gate.contoso.com (Postern) id "));
    }
}
