//! What passes by itself, what only a mistake in the program brings, and the families (`suberror`, `error`)
//! for numbers that aren't listed.

use super::{Row, row};
use crate::diagnosis::Turn::{PosternAdministrator, TenantAdministrator, Wait};
use crate::diagnosis::words::{Words, words};

/// Passes by itself.
pub(super) const PASSING: &[Row] = &[
    row(90055, Wait, BUSY, WAIT_FOR_IT),
    row(90024, Wait, BUSY, WAIT_FOR_IT),
    row(90033, Wait, BUSY, WAIT_FOR_IT),
    row(50033, Wait, BUSY, WAIT_FOR_IT),
    row(50087, Wait, BUSY, WAIT_FOR_IT),
    row(
        50196,
        Wait,
        "Microsoft saw too many equal requests in a short time and takes them for a loop.",
        "Wait: Postern asks less often now. If it comes back, look whether another program signs in with the client ID {client_id}.",
    ),
];

/// An answer of which only the status is known.
pub(super) const OUT_OF_ORDER: Words = words(Wait, BUSY, WAIT_FOR_IT);

/// Only a mistake in the program brings these.
pub(super) const OUR_FAULT: &[Row] = &[
    row(700021, PosternAdministrator, OURS, REPORT),
    row(700023, PosternAdministrator, OURS, REPORT),
    row(5002723, PosternAdministrator, OURS, REPORT),
    row(5002738, PosternAdministrator, OURS, REPORT),
    row(50027, PosternAdministrator, OURS, REPORT),
    row(90014, PosternAdministrator, OURS, REPORT),
    row(50048, PosternAdministrator, OURS, REPORT),
    row(50147, PosternAdministrator, OURS, REPORT),
    row(501491, PosternAdministrator, OURS, REPORT),
    row(900144, PosternAdministrator, OURS, REPORT),
    row(9002313, PosternAdministrator, OURS, REPORT),
    row(900561, PosternAdministrator, OURS, REPORT),
    row(28003, PosternAdministrator, OURS, REPORT),
    row(70003, PosternAdministrator, OURS, REPORT),
    row(70005, PosternAdministrator, OURS, REPORT),
    row(70007, PosternAdministrator, OURS, REPORT),
    row(90023, PosternAdministrator, OURS, REPORT),
];

/// `suberror`, for numbers that aren't listed (facts 2.3).
pub(super) const SUBERRORS: &[(&str, Words)] = &[
    (
        "basic_action",
        words(PosternAdministrator, "Microsoft wants a person to sign in again.", SIGN_IN_AGAIN),
    ),
    (
        "additional_action",
        words(
            PosternAdministrator,
            "Microsoft wants a person to do something first; its page says what.",
            SIGN_IN_AGAIN,
        ),
    ),
    (
        "message_only",
        words(
            TenantAdministrator,
            "Microsoft refuses the sign-in, and says that signing in again won't help now.",
            "At {portal} > Microsoft Entra ID > Monitoring > Sign-in logs, open the failed entry: it says which rule refused.",
        ),
    ),
    (
        "consent_required",
        words(
            TenantAdministrator,
            "Nobody has consented that this application may do this.",
            "At {app} > API permissions, add {permission} if it is missing, then press Grant admin consent. Then press Authorize now again.",
        ),
    ),
    (
        "user_password_expired",
        words(
            PosternAdministrator,
            "The password of {mailbox} has expired.",
            "Sign in as {mailbox} at https://portal.office.com, set a new password, then press Authorize now.",
        ),
    ),
    ("bad_token", words(PosternAdministrator, "The sign-in is no longer valid.", SIGN_IN_AGAIN)),
    ("token_expired", words(PosternAdministrator, "The sign-in has expired.", SIGN_IN_AGAIN)),
    (
        "protection_policy_required",
        words(
            TenantAdministrator,
            "The tenant asks for an app protection policy, which only mobile applications can have.",
            "Exclude {mailbox} from that Conditional Access policy, or change the account to application sign-in.",
        ),
    ),
    (
        "client_mismatch",
        words(
            PosternAdministrator,
            "The sign-in belongs to another application than {client_id}.",
            SIGN_IN_AGAIN,
        ),
    ),
    (
        "device_authentication_failed",
        words(
            TenantAdministrator,
            "The tenant wants to know the device that signs in.",
            "Exclude {mailbox} from that Conditional Access policy, or change the account to application sign-in.",
        ),
    ),
    ("cancel", words(PosternAdministrator, "Whoever was to sign in pressed Cancel.", SIGN_IN_AGAIN)),
];

/// `error`, where nothing more is known (RFC 6749 §4.1.2.1, §5.2; RFC 8628 §3.5; facts 1.5).
pub(super) const ERRORS: &[(&str, Words)] = &[
    (
        "invalid_client",
        words(
            PosternAdministrator,
            "Microsoft refuses the certificate or the secret of the application.",
            "At {app} > Certificates & secrets, check that the thumbprint {thumbprint} is listed and not expired; for a secret, paste its Value again.",
        ),
    ),
    ("invalid_grant", words(PosternAdministrator, "The sign-in is no longer valid.", SIGN_IN_AGAIN)),
    (
        "interaction_required",
        words(PosternAdministrator, "Microsoft wants a person to sign in again.", SIGN_IN_AGAIN),
    ),
    (
        "login_required",
        words(PosternAdministrator, "Microsoft wants a person to sign in again.", SIGN_IN_AGAIN),
    ),
    (
        "consent_required",
        words(
            TenantAdministrator,
            "Nobody has consented that this application may do this.",
            "At {app} > API permissions, add {permission} if it is missing, then press Grant admin consent. Then press Authorize now again.",
        ),
    ),
    (
        "access_denied",
        words(
            PosternAdministrator,
            "The sign-in was declined: by the person, or by a rule of the tenant.",
            "Press Authorize now again and accept. If it comes back: {portal} > Microsoft Entra ID > Monitoring > Sign-in logs says which rule refused.",
        ),
    ),
    (
        "permission_denied",
        words(
            TenantAdministrator,
            "An administrator was to consent, and pressed Cancel.",
            "At {app} > API permissions, press Grant admin consent, as one who may consent for the tenant; then press Authorize now.",
        ),
    ),
    ("invalid_request", words(PosternAdministrator, OURS, CHECK_OR_REPORT)),
    ("unsupported_grant_type", words(PosternAdministrator, OURS, CHECK_OR_REPORT)),
    (
        "unauthorized_client",
        words(
            TenantAdministrator,
            "The application may not be used in this way.",
            "Check the client ID {client_id} and the tenant ID {tenant}, and at {enterprise_app} > Properties that it is enabled.",
        ),
    ),
    (
        "invalid_scope",
        words(
            PosternAdministrator,
            "Microsoft doesn't know the permission (scope) that was asked for.",
            "Check the cloud in Settings > Email Settings, and `outlook_scope` of the [[cloud]] if you configured one.",
        ),
    ),
    (
        "invalid_resource",
        words(
            TenantAdministrator,
            "The service that was asked for doesn't exist in this tenant.",
            "Check the tenant ID {tenant} and the cloud, and that the tenant has Exchange Online.",
        ),
    ),
    (
        "invalid_tenant",
        words(
            PosternAdministrator,
            "Microsoft doesn't know this tenant.",
            "Copy Directory (tenant) ID from {app} > Overview > Essentials into Settings > Email Settings (now: {tenant}), and check the cloud.",
        ),
    ),
    (
        "invalid_instance",
        words(
            PosternAdministrator,
            "Microsoft doesn't know the login host that was asked.",
            "Check the cloud in Settings > Email Settings, and `login` of the [[cloud]] if you configured one.",
        ),
    ),
    ("unsupported_response_type", words(PosternAdministrator, OURS, REPORT)),
    ("temporarily_unavailable", words(Wait, BUSY, WAIT_FOR_IT)),
    ("server_error", words(Wait, BUSY, WAIT_FOR_IT)),
    (
        "slow_down",
        words(Wait, "Microsoft wants to be asked less often.", "Wait a few minutes, then try again."),
    ),
    (
        "authorization_pending",
        words(
            PosternAdministrator,
            "Nobody has entered the device code yet.",
            "Open the address that was shown, enter the code, and sign in as {mailbox}.",
        ),
    ),
    (
        "authorization_declined",
        words(
            PosternAdministrator,
            "Whoever entered the device code declined.",
            "Start again and accept; or use Authorize now in a browser, which is better.",
        ),
    ),
    (
        "bad_verification_code",
        words(
            PosternAdministrator,
            "Microsoft doesn't know this device code.",
            "Start again: Postern shows a new code.",
        ),
    ),
    (
        "expired_token",
        words(
            PosternAdministrator,
            "The device code wasn't used in time. A policy that blocks device codes looks the same from here.",
            "Start again and enter the code within 15 minutes; or use Authorize now in a browser, which is better.",
        ),
    ),
];

const BUSY: &str =
    "Microsoft's sign-in service has trouble of its own at the moment. Your settings aren't the cause.";
const WAIT_FOR_IT: &str =
    "Wait a few minutes, then try again. Microsoft reports outages at {admin} > Health > Service health.";
const OURS: &str = "Microsoft couldn't read what Postern sent. Your settings aren't the cause.";
const REPORT: &str = "Report it to the makers of Postern with the message above: it is a fault in the program, or in a proxy that changes requests.";
const CHECK_OR_REPORT: &str = "Check the tenant ID {tenant}, the client ID {client_id} and the cloud in Settings > Email Settings. If they are right, report it to the makers of Postern \
     with the message above: it is a fault in the program, or in a proxy that changes requests.";
const SIGN_IN_AGAIN: &str = "Press Authorize now in Settings > Email Settings and sign in as {mailbox}.";
