//! Graph's refusals: status, code and message of each (facts 5.4), and their JSON form (additions B0).

use crate::tenant::Tenant;
use crate::timestamp;
use crate::web::{Answer, Call};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// A refusal of Graph.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    retry_after_seconds: Option<u32>,
    /// Claims that a new token must answer, for the challenge of a 401.
    claims: Option<String>,
    /// What stands between message and innerError.
    details: Option<Box<Value>>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_seconds: None, claims: None, details: None }
    }

    pub(crate) fn answer(&self, tenant: &Tenant, call: &Call, request_id: &str) -> Answer {
        if self.message.is_empty() && matches!(self.status, 413 | 500) {
            // No JSON was ever seen with them (additions C1).
            return Answer::empty(self.status).noting("error_code", self.code);
        }
        let mut body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": timestamp::graph_error(tenant.now()),
                "request-id": request_id,
                "client-request-id": call.header("client-request-id").unwrap_or(request_id),
            },
        }});
        if let Some(details) = &self.details {
            let inner = body["error"].as_object_mut().and_then(|error| error.remove("innerError"));
            body["error"]["details"] = (**details).clone();
            body["error"]["innerError"] = inner.unwrap_or_default();
        }
        let mut answer =
            Answer::new(self.status, "application/json", body.to_string()).noting("error_code", self.code);
        if let Some(seconds) = self.retry_after_seconds {
            answer = answer.with("retry-after", &seconds.to_string());
        }
        if self.status == 401 {
            let mut realm = format!(
                "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"",
                call.origin()
            );
            if let Some(claims) = &self.claims {
                let description = &self.message;
                let claims = STANDARD.encode(claims);
                realm += &format!(
                    ", error_description=\"{description}\", error=\"insufficient_claims\", claims=\"{claims}\""
                );
            }
            answer = answer.with("www-authenticate", &realm);
        }
        answer
    }
}

fn invalid_token(message: &str) -> Refusal {
    Refusal::new(401, "InvalidAuthenticationToken", message)
}

pub(super) fn token_empty() -> Refusal {
    invalid_token("Access token is empty.")
}

pub(super) fn token_not_well_formed() -> Refusal {
    invalid_token(
        "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to be in JWS or JWE Compact Serialization Format.",
    )
}

pub(super) fn token_signature() -> Refusal {
    invalid_token("Access token validation failure. Invalid signature.")
}

pub(super) fn token_expired() -> Refusal {
    invalid_token("Lifetime validation failed, the token is expired.")
}

/// The user's sessions were revoked after the token was issued (continuous access evaluation).
pub(super) fn token_revoked(valid_from: OffsetDateTime) -> Refusal {
    let message = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp";
    let not_before = json!({"essential": true, "value": valid_from.unix_timestamp().to_string()});
    let claims = json!({"access_token": {"nbf": not_before}}).to_string();
    Refusal { claims: Some(claims), ..invalid_token(message) }
}

pub(super) fn token_audience() -> Refusal {
    invalid_token("Access token validation failure. Invalid audience.")
}

pub(super) fn access_denied() -> Refusal {
    Refusal::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
}

pub(super) fn blocked_by_policy() -> Refusal {
    Refusal::new(403, "ErrorAccessDenied", "Access to OData is disabled.")
}

pub(super) fn insufficient_privileges() -> Refusal {
    Refusal::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

pub(super) fn send_as_denied() -> Refusal {
    Refusal::new(
        403,
        "ErrorSendAsDenied",
        "The user account which was used to submit this request does not have the right to send mail on behalf of the specified \
         sending account. Cannot submit message.",
    )
}

pub(super) fn no_mailbox() -> Refusal {
    let message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
    Refusal::new(404, "MailboxNotEnabledForRESTAPI", message)
}

pub(super) fn invalid_user(name: &str) -> Refusal {
    Refusal::new(404, "ErrorInvalidUser", format!("The requested user '{name}' is invalid."))
}

pub(super) fn no_such_object(name: &str) -> Refusal {
    let message = format!(
        "Resource '{name}' does not exist or one of its queried reference-property objects are not present."
    );
    Refusal::new(404, "Request_ResourceNotFound", message)
}

/// Its real text was not seen; the limit is documented (facts 5.7).
pub(super) fn batch_too_large(most: usize) -> Refusal {
    let message = format!("Number of batch request steps exceeds the maximum value of {most}.");
    Refusal::new(400, "BadRequest", message)
}

/// The body of a part whose predecessor failed.
pub(super) fn failed_dependency() -> Value {
    json!({"error": {"code": "FailedDependency", "message": "This request depends on one that failed."}})
}

pub(super) fn no_such_item() -> Refusal {
    Refusal::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
}

pub(super) fn no_such_segment(name: &str) -> Refusal {
    Refusal::new(400, "BadRequest", format!("Resource not found for the segment '{name}'."))
}

pub(super) fn method_not_allowed() -> Refusal {
    Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
}

pub(super) fn me_without_user() -> Refusal {
    Refusal::new(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
}

pub(super) fn bad_filter() -> Refusal {
    Refusal::new(400, "BadRequest", "Invalid filter clause")
}

pub(super) fn too_large_request() -> Refusal {
    Refusal::new(413, "RequestEntityTooLarge", "")
}

pub(super) fn too_large_message() -> Refusal {
    let message =
        "The message exceeds the maximum supported size., Cannot save changes made to an item to store.";
    Refusal::new(400, "ErrorMessageSizeExceeded", message)
}

/// POST of a message (additions C1).
pub(super) fn over_4_mb() -> Refusal {
    Refusal::new(400, "BadRequest", "The maximum request length supported is 4MB.")
}

/// POST of an attachment: once seen as 500 without a body (additions C1).
pub(super) fn attachment_over_4_mb() -> Refusal {
    Refusal::new(500, "InternalServerError", "")
}

/// In an upload session: the first sentence only (additions C1).
pub(super) fn too_large_upload() -> Refusal {
    Refusal::new(400, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
}

/// Under 3 MB an attachment is posted whole (facts 5.4).
pub(super) fn too_small_upload() -> Refusal {
    let message = "The attachment size is less than the minimum size of an upload session.";
    Refusal::new(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", message)
}

/// A range that isn't the next one, or doesn't fit the session. Its real text was not seen.
pub(super) fn bad_range(why: &str) -> Refusal {
    Refusal::new(416, "InvalidContentRange", format!("The Content-Range header is invalid: {why}."))
}

pub(super) fn bad_base64() -> Refusal {
    Refusal::new(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
}

pub(super) fn unreadable_body() -> Refusal {
    Refusal::new(400, "UnableToDeserializePostBody", "were unable to deserialize ")
}

pub(super) fn unsupported_media_type() -> Refusal {
    Refusal::new(
        415,
        "RequestBodyRead",
        "A supported MIME type could not be found that matches the content type of the request.",
    )
}

pub(super) fn no_recipients() -> Refusal {
    let message =
        "At least one recipient is not valid., A message cannot be sent because it contains no recipients.";
    Refusal::new(400, "ErrorInvalidRecipients", message)
}

pub(super) fn bad_recipient(address: &str) -> Refusal {
    let message = format!(
        "At least one recipient is not valid., Recipient '{address}' is not resolved. All recipients must be resolved before a message can be submitted."
    );
    Refusal::new(400, "ErrorInvalidRecipients", message)
}

pub(super) fn bad_header_name(name: &str) -> Refusal {
    let message = format!("The internet message header name '{name}' should start with 'x-' or 'X-'.");
    Refusal::new(400, "InvalidInternetMessageHeader", message)
}

pub(super) fn too_many_headers() -> Refusal {
    let message = "Maximum number of headers in one message should be less than or equal to 5.";
    Refusal::new(400, "InvalidInternetMessageHeaderCollection", message)
}

pub(super) fn daily_limit() -> Refusal {
    let message = "Cannot send mail. Daily Message/Recipient limit exceeded. Follow the instructions in your Inbox to verify your account.";
    Refusal::new(429, "ErrorExceededMessageLimit", message)
}

pub(super) fn mailbox_full() -> Refusal {
    Refusal::new(507, "ErrorQuotaExceeded", "The mailbox quota has been exceeded.")
}

pub(super) fn over_concurrency() -> Refusal {
    throttled(1)
}

pub(super) fn throttled(seconds: u32) -> Refusal {
    let message = "Application is over its MailboxConcurrency limit.";
    Refusal { retry_after_seconds: Some(seconds), ..Refusal::new(429, "ApplicationThrottled", message) }
}

pub(super) fn over_requests(seconds: u32) -> Refusal {
    let message = "Application is over its request limit for the mailbox.";
    Refusal { retry_after_seconds: Some(seconds), ..Refusal::new(429, "TooManyRequests", message) }
}

pub(super) fn over_upload(seconds: u32) -> Refusal {
    let message = "Application is over its IncomingBytes limit.";
    Refusal { retry_after_seconds: Some(seconds), ..Refusal::new(429, "ApplicationThrottled", message) }
}

pub(super) fn late_timeout() -> Refusal {
    Refusal::new(504, "UnknownError", "")
}

/// What a recipient's name asks for: the status itself, where Graph has it.
pub(super) fn with_status(status: u16) -> Refusal {
    match status {
        401 => token_expired(),
        403 => access_denied(),
        404 => no_such_item(),
        413 => too_large_request(),
        429 => throttled(5),
        500 | 502 | 504 => {
            Refusal::new(status, "UnknownError", "SIMULATED: the recipient asked for this status")
        }
        507 => mailbox_full(),
        401..=499 | 503 => unavailable(),
        _ => bad_recipient("SIMULATED"),
    }
}

pub(super) fn unavailable() -> Refusal {
    let message = "The service is temporarily unavailable. Retry the request after a delay.";
    Refusal { retry_after_seconds: Some(10), ..Refusal::new(503, "serviceNotAvailable", message) }
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "Request_BadRequest", message)
}

pub(super) fn bad_properties() -> Refusal {
    bad_request("One or more properties are invalid.")
}

pub(super) fn bad_property(name: &str) -> Refusal {
    bad_request(format!("Invalid value specified for property '{name}' of resource 'Application'."))
}

pub(super) fn bad_usage() -> Refusal {
    bad_request(
        "The value for the property \"usage\" in one of your credentials is invalid. Acceptable values are Sign, Verify.",
    )
}

pub(super) fn bad_key() -> Refusal {
    Refusal::new(400, "KeyCredentialsInvalidValue", "Key credential value is invalid.")
}

pub(super) fn bad_key_end() -> Refusal {
    Refusal::new(400, "KeyCredentialsInvalidEndDate", "Key credential end date is invalid.")
}

pub(super) fn key_not_updatable(key_id: &str) -> Refusal {
    let message = format!("Update to existing credential with KeyId '{key_id}' is not allowed.");
    Refusal::new(400, "KeyNotUpdatable", message)
}

/// A wrong proof is told as a wrong access token (additions B5).
pub(super) fn proof_refused() -> Refusal {
    Refusal::new(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")
}

pub(super) fn lifetime_over_policy(policy: Uuid) -> Refusal {
    let message =
        format!("Credential lifetime exceeds the max value allowed as per assigned policy '{policy}'.");
    let details = json!([{"code": "InvalidKeyEndDate", "message": message, "target": "EndDate"}]);
    let refusal = Refusal::new(400, "CredentialInvalidLifetimeAsPerAppPolicy", message);
    Refusal { details: Some(Box::new(details)), ..refusal }
}

/// Its real text was not seen (additions B8).
pub(super) fn secrets_forbidden() -> Refusal {
    let message = "Credential type is not allowed as per assigned policy.";
    Refusal::new(400, "CredentialTypeNotAllowedAsPerAppPolicy", message)
}

pub(super) fn directory_quota() -> Refusal {
    let message = "The directory object quota limit for the Principal has been exceeded. Please ask your administrator to increase the \
         quota limit or delete objects to reduce the used quota.";
    Refusal::new(403, "Directory_QuotaExceeded", message)
}

pub(super) fn object_too_large() -> Refusal {
    let message = "The size of the object has exceeded its limit. Please reduce the number of values and retry your request.";
    Refusal::new(403, "Directory_ResourceSizeExceeded", message)
}

pub(super) fn no_backing_application(app_id: &str) -> Refusal {
    bad_request(format!(
        "The appId '{app_id}' of the service principal does not reference a valid application object."
    ))
}

/// As Microsoft wrote it (additions B8).
pub(super) fn not_in_local_tenant() -> Refusal {
    let message = "When using this permission, the backing application of the service principal being created must in the local tenant";
    Refusal::new(403, "Authorization_RequestDenied", message)
}

fn exists(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "Request_MultipleObjectsWithSameKeyValue", message)
}

pub(super) fn principal_exists(app_id: &str) -> Refusal {
    exists(format!(
        "The service principal cannot be created, updated, or restored because the service principal name {app_id} is already in use."
    ))
}

pub(super) fn grant_exists() -> Refusal {
    exists("Permission entry already exists.")
}

pub(super) fn bad_reference() -> Refusal {
    bad_request("Not a valid reference update.")
}

/// The text was seen, its status and code were not (additions B7, H7).
pub(super) fn role_assigned_already() -> Refusal {
    bad_request("EntitlementGrant entry already exists")
}
