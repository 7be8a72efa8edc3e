//! The end of a sign-in: tokens have come, and now it is proved who signed in.
//!
//! Nothing is believed or kept before the ID token has been checked. Neighbours: `authorize` and
//! `device_code` bring the token answer, `id_token` judges.

use time::OffsetDateTime;

use crate::account::{Account, Transport};
use crate::connection::Connection;
use crate::failure::{Failure, LocalTrouble};
use crate::id_token::{self, Expected};
use crate::scope::Resource;
use crate::secret::{Nonce, RefreshToken};
use crate::token::{self, Issued, TokenAnswer};

/// What a sign-in found, to be confirmed and kept.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// With which name the person signed in (`preferred_username`), for people to read.
    pub user: String,
    /// The person's object ID in the tenant: with the tenant it says who it is (facts 3.3).
    pub user_oid: String,
    /// The tenant's GUID; a plain OpenID provider has none.
    pub tenant_id: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// To be stored, sealed.
    pub refresh_token: RefreshToken,
    /// What a first call could use; the token cache fetches its own.
    pub issued: Issued,
}

/// Checks who signed in, and that there is a refresh token.
pub(crate) async fn prove(
    connection: &Connection,
    account: &Account,
    answer: TokenAnswer,
    nonce: Option<&Nonce>,
    now: OffsetDateTime,
) -> Result<SignedIn, Failure> {
    let token = answer.id_token.ok_or_else(id_token_missing)?;
    let identity = connection.find_identity(&account.tenant).await?;
    let kid = id_token::unverified_kid(&token)?;
    let keys = connection.find_keys(&identity.keys, kid.as_deref()).await?;
    let expected = Expected {
        client_id: &account.client_id,
        issuer: &identity.issuer,
        tenant: &account.tenant,
        tenant_id: identity.tenant_id,
        nonce,
        now,
    };
    let proved = id_token::verify(&token, &keys, &expected)?;
    Ok(SignedIn {
        user: proved.user,
        user_oid: proved.user_oid,
        tenant_id: proved.tenant_id,
        scopes: answer.issued.scopes.clone(),
        refresh_token: answer.issued.refresh_token.clone().ok_or_else(refresh_token_missing)?,
        issued: answer.issued,
    })
}

/// The code was redeemed for Graph; an account that sends by SMTP needs a token for Exchange as well. Asked
/// for at once, so that "authorized" means "can send" (field 10): a refusal is told now, while the person is
/// still there. What passes by itself doesn't spoil the sign-in.
pub(crate) async fn reach_transport(
    connection: &Connection,
    account: &Account,
    signed_in: SignedIn,
    now: OffsetDateTime,
) -> Result<SignedIn, Failure> {
    if account.transport == Transport::Graph {
        return Ok(signed_in);
    }
    match token::refresh(connection, account, Resource::Outlook, &signed_in.refresh_token, now).await {
        Ok(issued) => Ok(signed_in.extend(issued)),
        Err(failure) if failure.is_temporary() => Ok(signed_in),
        Err(failure) => Err(failure),
    }
}

impl SignedIn {
    /// The latest refresh token wins (facts 3.4).
    fn extend(mut self, issued: Issued) -> Self {
        self.scopes.extend(
            issued.scopes.iter().filter(|scope| !self.scopes.contains(scope)).cloned().collect::<Vec<_>>(),
        );
        self.refresh_token = issued.refresh_token.unwrap_or(self.refresh_token);
        self
    }
}

fn id_token_missing() -> Failure {
    LocalTrouble::new(
        "id_token_missing",
        "the answer doesn't say who signed in: it has no ID token",
        "The provider must grant the scope openid.",
    )
    .into()
}

fn refresh_token_missing() -> Failure {
    LocalTrouble::new(
        "refresh_token_missing",
        "the sign-in gave no lasting access: the answer has no refresh token",
        "Grant the permission offline_access, then sign in again.",
    )
    .into()
}
