//! The exchange of AUTH: base64 in, a login out. Knows no password to compare with; what it decodes is wiped.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::reply::{self, Reply};
use crate::{Login, Mechanism};

/// What the next line of the client is.
#[derive(Debug)]
pub(super) enum Exchange {
    PlainResponse,
    LoginUser,
    LoginPassword { user: String },
}

/// What a line of the exchange leads to.
#[derive(Debug)]
pub(super) enum Turn {
    /// Say this and read another line.
    Ask(Exchange, Reply),
    /// All is said.
    Complete(Login),
    /// The exchange is over.
    Broken(Reply),
}

/// Padding is often forgotten or doubled by devices; nothing depends on it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Exchange {
    /// Begins with what stands behind AUTH.
    pub(super) fn begin(rest: &str) -> Turn {
        let (mechanism, initial) = match rest.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.trim())),
            None => (rest, None),
        };
        if mechanism.eq_ignore_ascii_case("PLAIN") {
            match initial {
                Some(initial) => Exchange::PlainResponse.go_on(initial.as_bytes()),
                None => Turn::Ask(Exchange::PlainResponse, reply::ASK_SASL),
            }
        } else if mechanism.eq_ignore_ascii_case("LOGIN") {
            match initial {
                Some(initial) => Exchange::LoginUser.go_on(initial.as_bytes()),
                None => Turn::Ask(Exchange::LoginUser, reply::ASK_USER),
            }
        } else if mechanism.is_empty() {
            Turn::Broken(reply::NO_MECHANISM)
        } else {
            Turn::Broken(reply::UNKNOWN_MECHANISM)
        }
    }

    /// Goes on with the client's next line.
    pub(super) fn go_on(self, line: &[u8]) -> Turn {
        // RFC 4954 §4: `*` cancels, `=` is an empty initial response.
        if line == b"*" {
            return Turn::Broken(reply::LOGIN_CANCELLED);
        }
        let Some(text) = decode(line) else { return Turn::Broken(reply::BAD_BASE64) };
        match self {
            Exchange::PlainResponse => read_plain(&text),
            Exchange::LoginUser => {
                Turn::Ask(Exchange::LoginPassword { user: text.to_string() }, reply::ASK_PASSWORD)
            }
            Exchange::LoginPassword { user } => {
                Turn::Complete(Login { mechanism: Mechanism::Login, user, secret: text })
            }
        }
    }
}

fn decode(line: &[u8]) -> Option<Zeroizing<String>> {
    let line = if line == b"=" { b"" } else { line };
    let octets = Zeroizing::new(BASE64.decode(line).ok()?);
    std::str::from_utf8(&octets).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// RFC 4616 §2: `[authzid] NUL authcid NUL passwd`. To act as somebody else isn't offered.
fn read_plain(text: &str) -> Turn {
    let mut parts = text.split('\0');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(acts_as), Some(user), Some(secret), None) = parts else {
        return Turn::Broken(reply::BAD_BASE64);
    };
    if !acts_as.is_empty() && acts_as != user {
        return Turn::Broken(reply::NOT_FOR_OTHERS);
    }
    let secret = Zeroizing::new(secret.to_owned());
    Turn::Complete(Login { mechanism: Mechanism::Plain, user: user.to_owned(), secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        base64::engine::general_purpose::STANDARD.encode(text)
    }

    fn complete(turn: Turn) -> (Mechanism, String, String) {
        let Turn::Complete(login) = turn else { panic!("{turn:?}") };
        (login.mechanism, login.user, login.secret.to_string())
    }

    #[test]
    fn plain_comes_at_once_or_when_asked() {
        let expected = (Mechanism::Plain, "scanner".to_owned(), "päss word".to_owned());
        for acts_as in ["", "scanner"] {
            let response = encode(&format!("{acts_as}\0scanner\0päss word"));
            assert_eq!(complete(Exchange::begin(&format!("plain {response}"))), expected);
            let Turn::Ask(exchange, asked) = Exchange::begin("PLAIN") else { panic!() };
            assert_eq!(asked, reply::ASK_SASL);
            assert_eq!(complete(exchange.go_on(response.as_bytes())), expected);
        }
    }

    #[test]
    fn login_asks_for_both_or_for_the_password_only() {
        let expected = (Mechanism::Login, "scanner".to_owned(), "secret".to_owned());
        for begin in ["LOGIN".to_owned(), format!("LOGIN {}", encode("scanner"))] {
            let mut turn = Exchange::begin(&begin);
            if begin == "LOGIN" {
                let Turn::Ask(exchange, asked) = turn else { panic!("{turn:?}") };
                assert_eq!(asked, reply::ASK_USER);
                turn = exchange.go_on(encode("scanner").trim_end_matches('=').as_bytes());
            }
            let Turn::Ask(exchange, asked) = turn else { panic!("{turn:?}") };
            assert_eq!(asked, reply::ASK_PASSWORD);
            assert_eq!(complete(exchange.go_on(encode("secret").as_bytes())), expected);
        }
    }

    #[test]
    fn what_is_not_a_login_ends_the_exchange() {
        let other = encode("admin\0scanner\0secret");
        for (begin, code) in [
            ("", 501),
            ("CRAM-MD5", 504),
            ("PLAIN *", 501),
            ("PLAIN =", 501),
            ("PLAIN !", 501),
            ("LOGIN *", 501),
            (&*format!("PLAIN {}", encode("scanner\0secret")), 501),
            (&*format!("PLAIN {}", encode("a\0b\0c\0d")), 501),
            (&*format!("PLAIN {other}"), 535),
        ] {
            let Turn::Broken(said) = Exchange::begin(begin) else { panic!("{begin}") };
            assert_eq!(said.code, code, "{begin}");
        }
    }
}
