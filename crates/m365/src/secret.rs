//! Texts that nobody may see: each kind its own type, so that one can't be sent where another belongs.
//!
//! Their `Debug` prints `<redacted>`, they have no `Display`, and their bytes are wiped when the last
//! holder lets go. Cloning shares the one copy. Neighbours: everything that sends one calls `expose`.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Arc<Zeroizing<String>>);

        impl $name {
            /// Takes the text over; the caller's copy, if it kept one, is its own to wipe.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Arc::new(Zeroizing::new(text.into())))
            }

            /// The text itself: to send it, or to seal it.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    };
}

secret_text! {
    /// A client secret: its Value, not its ID.
    Secret
}
secret_text! {
    /// What a delegated sign-in leaves behind: mints access tokens for 90 days from its last use.
    RefreshToken
}
secret_text! {
    /// Opens one resource for about an hour. Opaque: [`AccessToken::hints`] is for advice only.
    AccessToken
}
secret_text! {
    /// The `code` of a callback: good once, for about ten minutes.
    AuthorizationCode
}
secret_text! {
    /// The PKCE verifier (RFC 7636 §4.1) of one flow.
    Verifier
}
secret_text! {
    /// What ties an ID token to one flow (OpenID Connect Core §3.1.2.1).
    Nonce
}
secret_text! {
    /// What ties a callback to one flow (RFC 6749 §10.12). Stores keep its hash.
    FlowState
}
secret_text! {
    /// With what we poll for the outcome of a device code flow (RFC 8628 §3.2).
    DeviceSecret
}

impl Verifier {
    /// The S256 challenge (RFC 7636 §4.2).
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.expose().as_bytes()))
    }
}

/// 256 random bits as 43 characters of base64url: fits every rule for state, nonce and PKCE verifier.
pub(crate) fn random_text() -> String {
    let mut bytes = Zeroizing::new([0u8; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).expect("the system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret:?} {:?}", RefreshToken::new("abc")),
            "Secret(<redacted>) RefreshToken(<redacted>)"
        );
        assert_eq!(secret.clone().expose(), "hunter2");
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = Verifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn random_texts_are_long_and_different() {
        let (one, two) = (random_text(), random_text());
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
    }
}
