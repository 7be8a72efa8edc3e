//! Refusals of a client: unknown, disabled, or its credential isn't good.

use super::Refusal;
use crate::timestamp;
use time::OffsetDateTime;

const DOCS: &str =
    "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials";

pub(crate) fn app_not_found(client_id: &str, directory: &str) -> Refusal {
    Refusal::new(
        700_016,
        "unauthorized_client",
        format!(
            "Application with identifier '{client_id}' was not found in the directory '{directory}'. This can happen if the application \
         has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your \
         authentication request to the wrong tenant."
        ),
    )
}

pub(crate) fn app_disabled(client_id: &str, name: &str) -> Refusal {
    Refusal::new(7_000_112, "unauthorized_client", format!("Application '{client_id}'({name}) is disabled."))
}

pub(crate) fn service_principal_missing(client_id: &str, tenant: &str) -> Refusal {
    Refusal::new(
        7_000_229,
        "invalid_client",
        format!("The client application {client_id} is missing service principal in the tenant {tenant}."),
    )
}

pub(crate) fn assertion_malformed() -> Refusal {
    Refusal::new(50027, "invalid_request", "JWT token is invalid or malformed.")
}

pub(crate) fn assertion_claim_missing(name: &str) -> Refusal {
    Refusal::new(
        90014,
        "invalid_request",
        format!(
            "The required field '{name}' is missing from the credential. Ensure that you have all the necessary parameters for the login request."
        ),
    )
}

pub(crate) fn assertion_algorithm(alg: &str) -> Refusal {
    Refusal::new(
        5_002_738,
        "invalid_client",
        format!(
            "Invalid JWT token. '{alg}' is not a supported signature algorithm. Supported signing algorithms are: 'RS256,RS384,RS512,PS256,PS384,PS512'"
        ),
    )
}

pub(crate) fn assertion_names_no_key() -> Refusal {
    Refusal::new(
        5_002_723,
        "invalid_client",
        "Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor keyId specified in token header.",
    )
}

pub(crate) fn assertion_of_another_client() -> Refusal {
    Refusal::new(
        700_021,
        "invalid_client",
        format!(
            "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at {DOCS} ."
        ),
    )
}

pub(crate) fn assertion_audience() -> Refusal {
    Refusal::new(
        700_023,
        "invalid_client",
        format!(
            "Client assertion audience claim does not match Realm issuer. Review the documentation at {DOCS} ."
        ),
    )
}

pub(crate) fn assertion_time(
    now: OffsetDateTime,
    from: Option<OffsetDateTime>,
    until: OffsetDateTime,
) -> Refusal {
    let from = timestamp::entra_iso(from.unwrap_or(OffsetDateTime::UNIX_EPOCH));
    Refusal::new(
        700_024,
        "invalid_client",
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {from}, expiry time of \
         assertion {}. Review the documentation at {DOCS} .",
            timestamp::entra_iso(now),
            timestamp::entra_iso(until)
        ),
    )
}

/// `reason` is all that stands between `Reason - ` and the thumbprint; `found` the life of a key that is there.
pub(crate) fn certificate(
    reason: &str,
    thumbprint: &str,
    found: Option<(OffsetDateTime, OffsetDateTime)>,
    client_id: &str,
) -> Refusal {
    let lead = match found {
        None => {
            "The certificate with identifier used to sign the client assertion is not registered on application."
        }
        Some(_) => "Client assertion contains an invalid signature.",
    };
    let found = found.map(|(start, end)| {
        format!("Found key 'Start={}, End={}', ", timestamp::key_life(start), timestamp::key_life(end))
    });
    Refusal::new(
        700_027,
        "invalid_client",
        format!(
            "{lead} [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}', {}Please visit the Azure Portal, Graph Explorer \
         or directly use MS Graph to see configured keys for app Id '{client_id}'. Review the documentation at \
         https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and \
         https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as \
         'https://graph.microsoft.com/beta/applications/{client_id}'].",
            found.unwrap_or_default()
        ),
    )
}

pub(crate) fn weak_key(bits: usize) -> Refusal {
    let mut refusal = Refusal::new(
        70002,
        "invalid_client",
        format!(
            "Error validating credentials. AADSTS50032: RSA key size {bits} is less than the minimum required 2048 bits."
        ),
    );
    refusal.codes.push(50032);
    refusal
}

pub(crate) fn wrong_secret(client_id: &str) -> Refusal {
    Refusal::new(
        7_000_215,
        "invalid_client",
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client \
         secret ID, for a secret added to app '{client_id}'."
        ),
    )
}

pub(crate) fn expired_secret(client_id: &str) -> Refusal {
    Refusal::new(
        7_000_222,
        "invalid_client",
        format!(
            "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new keys for your app: \
         https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
        ),
    )
}

pub(crate) fn no_credential() -> Refusal {
    Refusal::new(
        7_000_218,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    )
}

pub(crate) fn public_with_credential() -> Refusal {
    Refusal::new(
        700_025,
        "invalid_client",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    )
}
