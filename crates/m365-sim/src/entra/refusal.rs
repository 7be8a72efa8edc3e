//! Entra's refusals: each AADSTS code with its `error`, status and text (facts 2.4), made in one place.
//! Where a code is shown (JSON, redirect, page) is decided by the endpoint.

use crate::tenant::Tenant;
use crate::timestamp;
use crate::web::{Answer, Call};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

/// A refusal, not yet bound to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    /// All numbers of the answer; the specific one is last (additions E1).
    pub(crate) codes: Vec<u32>,
    /// Without the `AADSTSn: ` of the (first) code.
    pub(crate) text: String,
    pub(crate) suberror: Option<&'static str>,
    pub(crate) claims: Option<String>,
    pub(crate) retry_after_seconds: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(code: u32, error: &'static str, text: impl Into<String>) -> Self {
        Self {
            error,
            codes: vec![code],
            text: text.into(),
            suberror: None,
            claims: None,
            retry_after_seconds: None,
        }
    }

    fn with_suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    /// 401 for invalid_client, 400 for the rest (facts 2.3), but for what is temporary.
    fn status(&self) -> u16 {
        match (self.error, self.retry_after_seconds) {
            ("invalid_client", _) => 401,
            ("temporarily_unavailable", Some(_)) => 429,
            ("temporarily_unavailable", None) => 503,
            _ => 400,
        }
    }

    /// `AADSTSn: text Trace ID: … Correlation ID: … Timestamp: …`.
    pub(crate) fn description(&self, trace: &Trace) -> String {
        let Trace { trace_id, correlation_id, at } = trace;
        let time = timestamp::entra(*at);
        format!("{} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {time}", self.message())
    }

    /// `AADSTSn: text`.
    pub(crate) fn message(&self) -> String {
        format!("AADSTS{}: {}", self.codes[0], self.text)
    }

    /// The token endpoint's JSON (facts 2.3).
    pub(crate) fn json(&self, call: &Call, trace: &Trace) -> Answer {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(trace),
            "error_codes": self.codes,
            "timestamp": timestamp::entra(trace.at),
            "trace_id": trace.trace_id,
            "correlation_id": trace.correlation_id,
            "error_uri": format!("{}/error?code={}", call.origin(), self.codes[self.codes.len() - 1]),
        });
        if let Some(suberror) = self.suberror {
            body["suberror"] = json!(suberror);
        }
        if let Some(claims) = &self.claims {
            body["claims"] = json!(claims);
        }
        let answer = Answer::json(self.status(), &body).noting("error_codes", json!(self.codes));
        match self.retry_after_seconds {
            Some(seconds) => answer.with("retry-after", &seconds.to_string()),
            None => answer,
        }
    }
}

/// What names one request in Entra's logs.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) trace_id: String,
    pub(crate) correlation_id: String,
    pub(crate) at: OffsetDateTime,
}

impl Trace {
    pub(crate) fn new(tenant: &Tenant, call: &Call) -> Self {
        let asked = call.header("client-request-id").or_else(|| call.query.get("client-request-id"));
        let asked = asked.and_then(|id| Uuid::parse_str(id).ok());
        Self {
            trace_id: Uuid::new_v4().to_string(),
            correlation_id: asked.unwrap_or_else(Uuid::new_v4).to_string(),
            at: tenant.now(),
        }
    }
}

const DOCS: &str =
    "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials";

pub(crate) fn unavailable() -> Refusal {
    Refusal::new(90033, "temporarily_unavailable", "A transient error has occurred. Please try again.")
}

pub(crate) fn throttled(seconds: u32) -> Refusal {
    let mut refusal = Refusal::new(
        90055,
        "temporarily_unavailable",
        "Server is terminating incoming requests because of too many requests.",
    );
    refusal.retry_after_seconds = Some(seconds);
    refusal
}

pub(crate) fn tenant_not_found(tenant: &str) -> Refusal {
    Refusal::new(
        90002,
        "invalid_request",
        format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. \
         Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
        ),
    )
}

pub(crate) fn tenant_malformed(tenant: &str) -> Refusal {
    Refusal::new(
        900_023,
        "invalid_request",
        format!(
            "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."
        ),
    )
}

pub(crate) fn unknown_instance() -> Refusal {
    Refusal::new(50049, "invalid_instance", "Unknown or invalid instance.")
}

pub(crate) fn not_over_common() -> Refusal {
    Refusal::new(
        9_001_023,
        "invalid_request",
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
    )
}

pub(crate) fn single_tenant_on_common(client_id: &str, name: &str) -> Refusal {
    Refusal::new(
        50194,
        "invalid_request",
        format!(
            "Application '{client_id}'({name}) is not configured as a multi-tenant application. Usage of the /common endpoint is not \
         supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant."
        ),
    )
}

pub(crate) fn verb_not_accepted(verbs: &str, received: &str) -> Refusal {
    Refusal::new(
        900_561,
        "invalid_request",
        format!("The endpoint only accepts {verbs} requests. Received a {received} request."),
    )
}

pub(crate) fn missing_parameter(name: &str) -> Refusal {
    Refusal::new(
        900_144,
        "invalid_request",
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

pub(crate) fn malformed() -> Refusal {
    Refusal::new(9_002_313, "invalid_request", "Invalid request. Request is malformed or invalid.")
}

pub(crate) fn unsupported_grant(name: &str) -> Refusal {
    Refusal::new(
        70003,
        "unsupported_grant_type",
        format!("The app requested an unsupported grant type '{name}'."),
    )
}

pub(crate) fn unsupported_response_type(name: &str) -> Refusal {
    if name.contains("id_token") {
        let text = "response_type 'id_token' is not enabled for the application.";
        return Refusal::new(700_054, "unsupported_response_type", text);
    }
    Refusal::new(
        70005,
        "unsupported_response_type",
        format!("The app requested an unsupported response type '{name}'."),
    )
}

pub(crate) fn unsupported_response_mode(name: &str) -> Refusal {
    Refusal::new(
        70007,
        "invalid_request",
        format!("'{name}' is not a supported value of 'response_mode' when requesting a code."),
    )
}

pub(crate) fn unsupported_prompt() -> Refusal {
    Refusal::new(90023, "invalid_request", "Unsupported 'prompt' value.")
}

pub(crate) fn bad_challenge() -> Refusal {
    Refusal::new(501_491, "invalid_request", "Invalid size of Code_Challenge parameter.")
}

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

pub(crate) fn redirect_mismatch(uri: &str, client_id: &str) -> Refusal {
    Refusal::new(
        50011,
        "invalid_request",
        format!(
            "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the application '{client_id}'. \
         Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to \
         https://aka.ms/redirectUriMismatchError to learn more about how to fix this."
        ),
    )
}

pub(crate) fn no_reply_address() -> Refusal {
    Refusal::new(900_971, "invalid_request", "No reply address provided.")
}

pub(crate) fn redirect_not_absolute() -> Refusal {
    Refusal::new(90102, "invalid_request", "'redirect_uri' value must be a valid absolute URI.")
}

pub(crate) fn redirect_not_secure() -> Refusal {
    Refusal::new(
        500_117,
        "invalid_request",
        "The reply uri specified in the request isn't using a secure scheme.",
    )
}

pub(crate) fn redirect_differs(now: &str, then: &str) -> Refusal {
    Refusal::new(
        500_112,
        "invalid_client",
        format!(
            "The reply address '{now}' does not match the reply address '{then}' provided when requesting Authorization code."
        ),
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

pub(crate) fn not_consented(client_id: &str, name: &str) -> Refusal {
    Refusal::new(65001, "invalid_grant", format!(
        "The user or administrator has not consented to use the application with ID '{client_id}' named '{name}'. Send an interactive \
         authorization request for this user and resource."
    ))
    .with_suberror("consent_required")
}

pub(crate) fn consent_declined(error: &'static str) -> Refusal {
    Refusal::new(65004, error, "User declined to consent to access the app.")
}

pub(crate) fn admin_consent_required() -> Refusal {
    Refusal::new(90094, "access_denied", "The grant requires admin permission.")
}

pub(crate) fn scope_invalid(raw: &str, scope: &str) -> Refusal {
    Refusal::new(
        70011,
        "invalid_scope",
        format!(
            "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.{}",
            if raw == scope { String::new() } else { format!(" Requested: '{raw}'.") }
        ),
    )
}

pub(crate) fn scope_needs_default(raw: &str) -> Refusal {
    Refusal::new(
        1_002_012,
        "invalid_scope",
        format!(
            "The provided value for scope {raw} is not valid. Client credential flows must have a scope value with /.default suffixed to \
         the resource identifier (application ID URI)."
        ),
    )
}

pub(crate) fn several_resources(raw: &str) -> Refusal {
    Refusal::new(
        28000,
        "invalid_request",
        format!(
            "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {raw} is not valid."
        ),
    )
}

pub(crate) fn empty_scope() -> Refusal {
    Refusal::new(
        28003,
        "invalid_request",
        "Provided value for the input parameter scope cannot be empty when requesting an access token using the provided authorization code. Please specify a valid scope.",
    )
}

pub(crate) fn resource_not_found(resource: &str, directory: &str) -> Refusal {
    Refusal::new(
        500_011,
        "invalid_resource",
        format!(
            "The resource principal named {resource} was not found in the tenant named {directory}. This can happen if the application has \
         not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your \
         authentication request to the wrong tenant."
        ),
    )
}

pub(crate) fn service_not_subscribed(resource: &str, directory: &str) -> Refusal {
    Refusal::new(
        650_052,
        "invalid_resource",
        format!(
            "The app needs access to a service (\"{resource}\") that your organization \"{directory}\" hasn't subscribed to or enabled. \
         Contact your IT Admin to review the configuration of your service subscriptions."
        ),
    )
}

pub(crate) fn grant_expired() -> Refusal {
    Refusal::new(
        70008,
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    )
}

pub(crate) fn grant_invalid(what: &str) -> Refusal {
    Refusal::new(70000, "invalid_grant", format!("Provided grant is invalid or malformed: {what}."))
}

pub(crate) fn code_redeemed() -> Refusal {
    Refusal::new(
        54005,
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    )
}

pub(crate) fn verifier_mismatch() -> Refusal {
    Refusal::new(
        501_481,
        "invalid_grant",
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    )
}

pub(crate) fn refresh_inactive(issued: OffsetDateTime) -> Refusal {
    Refusal::new(
        700_082,
        "invalid_grant",
        format!(
            "The refresh token has expired due to inactivity. The token was issued on {} and was inactive for 90.00:00:00.",
            timestamp::entra_iso(issued)
        ),
    )
}

pub(crate) fn revoked(issued: OffsetDateTime, valid_from: OffsetDateTime) -> Refusal {
    Refusal::new(
        50173,
        "invalid_grant",
        format!(
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset \
         their password. The grant was issued on '{}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{}'.",
            timestamp::entra_iso(issued),
            timestamp::entra_iso(valid_from)
        ),
    )
}

pub(crate) fn sign_in_frequency(issued: OffsetDateTime, hours: u32) -> Refusal {
    Refusal::new(
        70043,
        "invalid_grant",
        format!(
            "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on {} \
         and the maximum allowed lifetime for this request is {}.",
            timestamp::entra_iso(issued),
            u64::from(hours) * 3600
        ),
    )
}

pub(crate) fn mfa_required(resource: &str) -> Refusal {
    let text = "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access";
    with_policy(Refusal::new(50076, "invalid_grant", format!("{text} '{resource}'.")))
}

pub(crate) fn mfa_enrollment(resource: &str) -> Refusal {
    let text = "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access";
    with_policy(Refusal::new(50079, "interaction_required", format!("{text} '{resource}'.")))
}

fn with_policy(refusal: Refusal) -> Refusal {
    let policy = Uuid::new_v4();
    let claims = json!({"access_token": {"capolids": {"essential": true, "values": [policy]}}}).to_string();
    Refusal { claims: Some(claims), ..refusal.with_suberror("basic_action") }
}

pub(crate) fn blocked(error: &'static str) -> Refusal {
    Refusal::new(
        53003,
        error,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    )
}

pub(crate) fn user_unknown(directory: &str) -> Refusal {
    Refusal::new(
        50034,
        "invalid_grant",
        format!(
            "The user account does not exist in the {directory} directory. To sign into this application, the account must be added to the directory."
        ),
    )
}

pub(crate) fn wrong_password() -> Refusal {
    Refusal::new(50126, "invalid_grant", "Error validating credentials due to invalid username or password.")
}

pub(crate) fn user_disabled() -> Refusal {
    Refusal::new(50057, "invalid_grant", "The user account is disabled.")
}

pub(crate) fn not_signed_in() -> Refusal {
    Refusal::new(50058, "login_required", "A silent sign-in request was sent but no user is signed in.")
}

pub(crate) fn interaction_required(refusal: Refusal) -> Refusal {
    Refusal { error: "interaction_required", ..refusal }
}

pub(crate) fn device_pending() -> Refusal {
    Refusal::new(
        70016,
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    )
}

pub(crate) fn device_declined() -> Refusal {
    consent_declined("authorization_declined")
}

pub(crate) fn device_expired() -> Refusal {
    Refusal::new(70019, "expired_token", "Verification code expired. Have the user retry the sign-in.")
}

pub(crate) fn device_unknown() -> Refusal {
    Refusal::new(
        70000,
        "bad_verification_code",
        "The device_code sent to the token endpoint was not recognized.",
    )
}

pub(crate) fn user_code_wrong() -> Refusal {
    Refusal::new(
        70018,
        "invalid_grant",
        "Invalid verification code due to User typing in wrong user code for device code flow.",
    )
}

pub(crate) fn user_code_empty() -> Refusal {
    Refusal::new(90119, "invalid_request", "The user code is null or empty.")
}

pub(crate) fn user_code_used() -> Refusal {
    Refusal::new(90120, "invalid_request", "The request was already authorized or declined.")
}
