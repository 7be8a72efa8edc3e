//! Refusals of a request: tenant, parameters, redirect URI, scope; and the service's own troubles.

use super::Refusal;

pub(crate) fn unavailable() -> Refusal {
    Refusal::new(90033, "temporarily_unavailable", "A transient error has occurred. Please try again.")
}

/// In the words of Microsoft's list of codes (reference-error-codes); how it is said on the wire was not seen.
pub(crate) fn throttled(seconds: u32) -> Refusal {
    let mut refusal = Refusal::new(90055, "temporarily_unavailable", "There are too many incoming requests.");
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

pub(crate) fn no_tenant_named() -> Refusal {
    Refusal::new(
        50059,
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
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

/// In the words of Microsoft's list of codes (reference-error-codes).
pub(crate) fn empty_scope() -> Refusal {
    Refusal::new(
        28003,
        "invalid_request",
        "Provided value for the input parameter scope can't be empty when requesting an access token using the provided authorization code. Specify a valid scope.",
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
