//! What an access token seems to say. Access tokens are opaque to us: this is never a verdict, only words
//! for the advice ("the token allows Mail.Read, but not Mail.Send").

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use crate::secret::AccessToken;

/// Claims peeked at, unverified. Empty where the token isn't a readable JWT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenHints {
    /// `aud`: for which resource.
    pub audience: Option<String>,
    /// `scp`, or `scope` (RFC 9068 §2.2.3): delegated permissions, without the address of their service.
    pub scopes: Vec<String>,
    /// `roles`: application permissions.
    pub roles: Vec<String>,
    /// `oid`: whose token it is; of an application's own, its service principal (facts 3.3).
    pub object_id: Option<Uuid>,
    /// `appidacr` or `azpacr`: 0 public, 1 secret, 2 certificate (facts 3.3).
    pub client_proof: Option<String>,
}

impl AccessToken {
    /// Peeks; for advice only.
    pub fn hints(&self) -> TokenHints {
        unverified_claims(self.expose()).map(|claims| read_hints(&claims)).unwrap_or_default()
    }
}

fn unverified_claims(token: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

fn last_part(scope: &str) -> &str {
    scope.rsplit('/').next().unwrap_or(scope)
}

fn read_hints(claims: &Value) -> TokenHints {
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    let roles = claims["roles"].as_array().map(Vec::as_slice).unwrap_or_default();
    let scopes = text("scp").or_else(|| text("scope")).unwrap_or_default();
    TokenHints {
        audience: text("aud"),
        scopes: scopes.split_whitespace().map(|scope| last_part(scope).to_owned()).collect(),
        roles: roles.iter().filter_map(|role| role.as_str().map(str::to_owned)).collect(),
        object_id: text("oid").and_then(|id| id.parse().ok()),
        client_proof: text("appidacr").or_else(|| text("azpacr")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> AccessToken {
        AccessToken::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string())))
    }

    #[test]
    fn a_readable_token_gives_hints() {
        let delegated = token(
            &json!({"aud": "https://graph.microsoft.com", "scp": "Mail.Send User.Read", "appidacr": "2"}),
        );
        let hints = delegated.hints();
        assert_eq!(hints.scopes, ["Mail.Send", "User.Read"]);
        assert_eq!(hints.client_proof.as_deref(), Some("2"));
        let elsewhere = token(&json!({"scope": "openid https://outlook.office.com/SMTP.Send"}));
        assert_eq!(elsewhere.hints().scopes, ["openid", "SMTP.Send"]);
        let application =
            token(&json!({"roles": ["Mail.Send", 5], "oid": "aaaabbbb-0000-cccc-1111-dddd2222eeee"}));
        assert_eq!(application.hints().roles, ["Mail.Send"]);
        assert!(application.hints().object_id.is_some());
        assert_eq!(token(&json!({"oid": "not an id"})).hints().object_id, None);
    }

    #[test]
    fn an_opaque_token_gives_none() {
        for opaque in ["", "opaque", "a.b.c", "a.e30"] {
            assert_eq!(AccessToken::new(opaque).hints(), TokenHints::default(), "{opaque}");
        }
    }
}
