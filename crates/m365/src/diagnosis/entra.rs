//! What Entra ID says, and what it means: facts 2.4, additions E and F.
//!
//! Microsoft says the numbers can change, so decisions elsewhere go by `error` and `suberror`; a number only
//! chooses the words here. A number that isn't listed falls back to its `suberror`, then to its `error`.

use super::words::{Words, words};
use crate::failure::EntraRefusal;
use Turn::{PosternAdministrator, TenantAdministrator, Wait};

use super::Turn;

/// One AADSTS number; with a text where one number has several meanings (the texted rows come first).
struct Row {
    number: u32,
    text: &'static str,
    words: Words,
}

const fn row(number: u32, turn: Turn, cause: &'static str, fix: &'static str) -> Row {
    Row { number, text: "", words: words(turn, cause, fix) }
}

const fn texted(number: u32, text: &'static str, turn: Turn, cause: &'static str, fix: &'static str) -> Row {
    Row { number, text, words: words(turn, cause, fix) }
}

/// The words for a refusal; `None` where neither its numbers nor its `error` say more than itself.
pub(super) fn look_up(refusal: &EntraRefusal) -> Option<&'static Words> {
    by_number(refusal).or_else(|| by_suberror(refusal)).or_else(|| by_error(refusal))
}

/// Whether the table has words for this number.
pub(super) fn is_known(number: u32) -> bool {
    tables().any(|row| row.number == number)
}

fn by_number(refusal: &EntraRefusal) -> Option<&'static Words> {
    let description = refusal.description.to_lowercase();
    let fits = |number: u32| {
        tables().find(|row| row.number == number && description.contains(row.text)).map(|row| &row.words)
    };
    // Of several numbers the specific one is last (additions E1).
    refusal.codes.iter().rev().find_map(|number| fits(*number))
}

fn by_suberror(refusal: &EntraRefusal) -> Option<&'static Words> {
    let suberror = refusal.suberror.as_deref()?;
    SUBERRORS.iter().find(|(name, _)| *name == suberror).map(|(_, words)| words)
}

fn by_error(refusal: &EntraRefusal) -> Option<&'static Words> {
    ERRORS.iter().find(|(name, _)| *name == refusal.error).map(|(_, words)| words)
}

fn tables() -> impl Iterator<Item = &'static Row> {
    [CREDENTIALS, APPLICATION, CONSENT, SCOPES, GRANT, POLICY, PERSON, DEVICE_CODE, PASSING, OUR_FAULT]
        .into_iter()
        .flatten()
}

/// What the application proves itself with.
const CREDENTIALS: &[Row] = &[
    texted(
        700027,
        "expired",
        TenantAdministrator,
        "The certificate that Postern proves itself with is on the application, but it has expired.",
        "Make a new certificate in Postern: Settings > Inventory > Manage > Certificates > Generate Certificate (or Replace). \
         Upload its .cer at {app} > Certificates & secrets > Certificates > Upload certificate, and choose it in Settings > Email Settings.",
    ),
    row(
        700027,
        TenantAdministrator,
        "The certificate that Postern proves itself with isn't on this application: it was never uploaded, was uploaded to \
         another application, or was removed. Right after an upload Microsoft may not know it yet.",
        "Download the certificate's .cer in Postern (Settings > Inventory > Manage > Certificates) and upload it at \
         {app} > Certificates & secrets > Certificates > Upload certificate. The portal must then list the thumbprint {thumbprint}. \
         If it lists it already, wait a few minutes and try again; then check that {client_id} is the application you are looking at.",
    ),
    row(
        50012,
        TenantAdministrator,
        "Microsoft couldn't verify the credential. Most often the certificate isn't on this application.",
        "At {app} > Certificates & secrets > Certificates, look for the thumbprint {thumbprint}; upload the .cer from Postern if it isn't there.",
    ),
    row(
        700024,
        PosternAdministrator,
        "The clock of the machine that Postern runs on is wrong: what Postern signed isn't valid yet, or no longer, by Microsoft's clock. \
         The message above shows both times.",
        "Set the clock and keep it synchronised: `timedatectl` shows whether it is, `timedatectl set-ntp true` switches it on. Then try again.",
    ),
    row(
        700030,
        TenantAdministrator,
        "The application accepts certificates by subject name, and this one's name isn't among them.",
        "Upload the certificate itself at {app} > Certificates & secrets > Certificates > Upload certificate (thumbprint {thumbprint}), \
         or choose a certificate whose subject is allowed.",
    ),
    row(
        50032,
        PosternAdministrator,
        "The certificate's RSA key is too small: Microsoft asks for 2048 bits or more.",
        "Generate a certificate in Postern (2048 bits), upload its .cer at {app} > Certificates & secrets, and choose it in Settings > Email Settings.",
    ),
    row(
        7000215,
        PosternAdministrator,
        "The client secret is wrong. Most often the secret's ID was pasted instead of its Value, or a character was lost when copying.",
        "At {app} > Certificates & secrets > Client secrets, create a new secret, copy the column Value at once (it is shown only once), \
         and paste it in Settings > Email Settings. A certificate avoids this.",
    ),
    row(
        7000222,
        TenantAdministrator,
        "The client secret has expired.",
        "At {app} > Certificates & secrets > Client secrets > New client secret, create one, copy its Value, and paste it in Settings > Email \
         Settings together with its expiry date, so that Postern can remind you. Or change to a client certificate.",
    ),
    row(
        7000218,
        PosternAdministrator,
        "Microsoft wants a certificate or a secret for this application and got none. The redirect URI may be registered for another platform than Web.",
        "Choose a certificate or a secret in Settings > Email Settings. At {app} > Authentication, {redirect_uri} must stand under the platform Web.",
    ),
    row(
        700025,
        TenantAdministrator,
        "Microsoft takes the application for a public client, which may not send a certificate or a secret.",
        "At {app} > Authentication, register {redirect_uri} under the platform Web, and remove it from Mobile and desktop applications and from Single-page application.",
    ),
];

/// Application, tenant, cloud, redirect URI.
const APPLICATION: &[Row] = &[
    row(
        700016,
        PosternAdministrator,
        "Microsoft doesn't know this application in this tenant: the client ID or the tenant ID is wrong, or the application was deleted.",
        "Compare both with {app} > Overview > Essentials: Application (client) ID is {client_id}? Directory (tenant) ID is {tenant}? \
         The Object ID is neither. An application registered a moment ago may need a minute.",
    ),
    row(
        90002,
        PosternAdministrator,
        "Microsoft doesn't know this tenant: a typing error, a subscription ID in its place, or a tenant of another cloud.",
        "Copy Directory (tenant) ID from {app} > Overview > Essentials into Settings > Email Settings (now: {tenant}), and check the cloud there.",
    ),
    row(
        900023,
        PosternAdministrator,
        "The tenant is neither a GUID nor a domain that Microsoft can read.",
        "Copy Directory (tenant) ID from {app} > Overview > Essentials into Settings > Email Settings (now: {tenant}).",
    ),
    row(
        50049,
        PosternAdministrator,
        "Microsoft doesn't know the login host that was asked.",
        "Check the cloud in Settings > Email Settings, and `login` of the [[cloud]] if you configured one.",
    ),
    row(
        90038,
        PosternAdministrator,
        "The tenant belongs to another national cloud.",
        "Choose the cloud of the tenant in Settings > Email Settings (global, us-gov, us-gov-dod, china). The application must be registered in that cloud.",
    ),
    row(
        50194,
        PosternAdministrator,
        "The application is for one tenant only, and was asked for under /common.",
        "Postern always asks under the tenant's own path; where this came from another program, give it the tenant ID {tenant} instead of `common`.",
    ),
    row(
        9001023,
        PosternAdministrator,
        "This way of signing in needs the tenant's own address, not /common or /consumers.",
        "Copy Directory (tenant) ID from {app} > Overview > Essentials into Settings > Email Settings.",
    ),
    row(
        7000112,
        TenantAdministrator,
        "The application is switched off in this tenant.",
        "At {enterprise_app} > Properties, set Enabled for users to sign-in? to Yes, and save.",
    ),
    row(
        7000229,
        TenantAdministrator,
        "The application has no enterprise application (service principal) in this tenant. Since March 2026 Microsoft refuses such applications.",
        "Grant admin consent once at {app} > API permissions, or run `New-MgServicePrincipal -AppId {client_id}`: either creates it.",
    ),
    row(
        50011,
        TenantAdministrator,
        "The redirect URI that Postern sent isn't registered on the application. It must match in scheme, host, port and path, in upper and lower case.",
        "At {app} > Authentication > Web > Add URI, add exactly {redirect_uri} and save. Behind a reverse proxy, set public_url in postern.toml to the address that browsers use.",
    ),
    row(
        500117,
        TenantAdministrator,
        "The redirect URI doesn't begin with https://. Microsoft allows http:// for localhost only.",
        "Open the console by https, register {redirect_uri} at {app} > Authentication > Web, and authorize from that address.",
    ),
    row(
        500112,
        PosternAdministrator,
        "The redirect URI changed between the sign-in and its completion.",
        "Authorize again and stay on one address of the console all the time. Behind a reverse proxy, set public_url in postern.toml.",
    ),
    row(
        90102,
        PosternAdministrator,
        "The redirect URI isn't a whole address.",
        "Set public_url in postern.toml to the console's full address, for example https://mail-gate.example.com:4443.",
    ),
    row(
        900971,
        TenantAdministrator,
        "The application has no redirect URI at all.",
        "At {app} > Authentication > Add a platform > Web, add {redirect_uri}.",
    ),
];

/// Consent.
const CONSENT: &[Row] = &[
    row(
        65001,
        TenantAdministrator,
        "Nobody has consented that this application may do this. Consent counts for each permission, each service (Graph and Exchange apart) and each user.",
        "At {app} > API permissions, add {permission} if it is missing, then press Grant admin consent. Then press Authorize now in Postern again.",
    ),
    row(
        90008,
        TenantAdministrator,
        "Nobody has consented to the application; it needs at least to sign the user in and read the profile.",
        "At {app} > API permissions, add User.Read (delegated) and {permission}, then press Grant admin consent.",
    ),
    row(
        65004,
        PosternAdministrator,
        "Whoever was asked for consent declined it, or pressed Cancel.",
        "Press Authorize now again and accept; or let an administrator press Grant admin consent at {app} > API permissions first, then nobody is asked.",
    ),
    row(
        90094,
        TenantAdministrator,
        "Only an administrator can consent to what the application asks for. Since late 2025 that is usual for mail permissions.",
        "An administrator (a Global Administrator can) presses Grant admin consent at {app} > API permissions. Then press Authorize now again.",
    ),
    row(
        90095,
        TenantAdministrator,
        "Consent needs an administrator's approval, and the request for it was offered on Microsoft's page.",
        "An administrator approves it at {portal} > Microsoft Entra ID > Enterprise applications > Admin consent requests, or presses Grant admin consent at {app} > API permissions. Then press Authorize now again.",
    ),
    row(
        90093,
        TenantAdministrator,
        "The person who signed in may not consent to this.",
        "An administrator presses Grant admin consent at {app} > API permissions. Then press Authorize now again.",
    ),
    row(
        90099,
        TenantAdministrator,
        "The application isn't authorised in this customer tenant.",
        "An administrator of that tenant grants admin consent at {app} > API permissions.",
    ),
    row(
        65002,
        PosternAdministrator,
        "The client ID belongs to an application of Microsoft's own, which can't be given this permission.",
        "Register an application of your own in your tenant, and put its client ID in Settings > Email Settings (now: {client_id}).",
    ),
];

/// Permissions and resources.
const SCOPES: &[Row] = &[
    row(
        650052,
        TenantAdministrator,
        "The tenant has no subscription to the service that was asked for: without Exchange Online there is no mail permission to give.",
        "Check at admin.microsoft.com > Billing > Your products that the tenant has Exchange Online, and that the tenant ID {tenant} is the right one.",
    ),
    row(
        500011,
        TenantAdministrator,
        "The service that was asked for doesn't exist in this tenant: no Exchange Online, another tenant, or another cloud.",
        "Check the tenant ID {tenant} and the cloud in Settings > Email Settings, and at admin.microsoft.com > Billing > Your products that the tenant has Exchange Online.",
    ),
    row(
        650056,
        TenantAdministrator,
        "The application lists no permission for this service.",
        "At {app} > API permissions > Add a permission, add {permission}, then press Grant admin consent.",
    ),
    row(
        650057,
        TenantAdministrator,
        "The application lists no permission for this service.",
        "At {app} > API permissions > Add a permission, add {permission}, then press Grant admin consent.",
    ),
    row(
        70011,
        PosternAdministrator,
        "Microsoft doesn't know the permission (scope) that was asked for in this cloud.",
        "Check the cloud in Settings > Email Settings, and `outlook_scope` and `outlook_app_scope` of the [[cloud]] if you configured one.",
    ),
    row(
        1002012,
        PosternAdministrator,
        "Application sign-in was asked for a single permission; it takes all that were granted (`/.default`).",
        "Check `outlook_app_scope` of the [[cloud]] in postern.toml: it is the service's address without a permission's name. If you configured none, report it: it is a fault in Postern.",
    ),
    row(
        28000,
        PosternAdministrator,
        "One request asked for permissions of two services; a token is for one only.",
        "Check `graph` and `outlook_scope` of the [[cloud]] in postern.toml. If you configured none, report it: it is a fault in Postern.",
    ),
];

/// What a delegated sign-in left behind.
const GRANT: &[Row] = &[
    row(
        700082,
        PosternAdministrator,
        "The sign-in lapsed: it wasn't used for 90 days.",
        "Press Authorize now in Settings > Email Settings and sign in as {mailbox}. As long as Postern runs, it renews the sign-in in time.",
    ),
    row(
        700081,
        PosternAdministrator,
        "The sign-in has reached its greatest age.",
        "Press Authorize now in Settings > Email Settings and sign in as {mailbox}.",
    ),
    row(
        700084,
        TenantAdministrator,
        "The sign-in lasted 24 hours only, because the redirect URI is registered as a single-page application.",
        "At {app} > Authentication, remove {redirect_uri} from Single-page application and add it under Web. Then press Authorize now again.",
    ),
    row(
        70008,
        PosternAdministrator,
        "The sign-in has expired or was revoked.",
        "Press Authorize now in Settings > Email Settings and sign in as {mailbox}.",
    ),
    row(
        70000,
        PosternAdministrator,
        "The sign-in is no longer valid, or doesn't cover what was asked for.",
        "Press Authorize now in Settings > Email Settings and sign in as {mailbox}. If it comes back at once, check {permission} at {app} > API permissions.",
    ),
    row(
        70043,
        TenantAdministrator,
        "A Conditional Access policy (sign-in frequency) ends every sign-in after some time, so Postern's ends too.",
        "Exempt {mailbox} from that policy, or change the account to application sign-in, which no such policy ends. Until then: Authorize now again, each time.",
    ),
    row(
        50173,
        PosternAdministrator,
        "The sign-in was revoked: the password of {mailbox} was changed or reset, or an administrator signed the user out everywhere.",
        "Press Authorize now in Settings > Email Settings and sign in as {mailbox}.",
    ),
    row(
        54005,
        PosternAdministrator,
        "The sign-in's code had been used already: the page was loaded twice, or went back in the browser.",
        "Press Authorize now again.",
    ),
    row(
        501481,
        PosternAdministrator,
        "The sign-in was finished by another flow than the one that began it.",
        "Press Authorize now again, in one browser window only. If it comes back, report it: it is a fault in Postern.",
    ),
    row(
        700005,
        PosternAdministrator,
        "The code belongs to another tenant than the account's.",
        "Check the tenant ID in Settings > Email Settings (now: {tenant}), and sign in as a user of that tenant.",
    ),
    row(
        50058,
        PosternAdministrator,
        "Nobody was signed in when Microsoft looked without asking.",
        "Press Authorize now in Settings > Email Settings and sign in as {mailbox}.",
    ),
];

/// What the tenant's policies want.
const POLICY: &[Row] = &[
    row(
        50076,
        PosternAdministrator,
        "The tenant now wants multi-factor authentication for this sign-in.",
        "Press Authorize now and sign in as {mailbox} with the second factor. If no person can do that for this mailbox, change the account to application sign-in with a certificate.",
    ),
    row(
        50079,
        PosternAdministrator,
        "{mailbox} must enrol in multi-factor authentication first.",
        "Sign in as {mailbox} at https://aka.ms/mfasetup and enrol, then press Authorize now. If no person can do that for this mailbox, change the account to application sign-in with a certificate.",
    ),
    row(
        50072,
        PosternAdministrator,
        "{mailbox} must enrol a second factor first.",
        "Sign in as {mailbox} at https://aka.ms/mfasetup and enrol, then press Authorize now. Or change the account to application sign-in with a certificate.",
    ),
    row(
        50074,
        PosternAdministrator,
        "The tenant wants strong authentication for this sign-in.",
        "Press Authorize now and sign in as {mailbox} with the second factor. Or change the account to application sign-in with a certificate.",
    ),
    row(
        50158,
        PosternAdministrator,
        "Another security check of the tenant wasn't passed.",
        "Press Authorize now, sign in as {mailbox}, and pass it. Or change the account to application sign-in with a certificate.",
    ),
    row(
        53003,
        TenantAdministrator,
        "A Conditional Access policy of the tenant blocks this sign-in. (Blocking device code also shows like this.)",
        "At {portal} > Microsoft Entra ID > Monitoring > Sign-in logs, open the failed entry: its tab Conditional Access names the policy. Exclude {mailbox} or the application from it, or change the account to application sign-in.",
    ),
    row(
        530032,
        TenantAdministrator,
        "A security policy of the tenant blocks this sign-in.",
        "At {portal} > Microsoft Entra ID > Monitoring > Sign-in logs, open the failed entry: it names the policy. Exclude {mailbox} from it, or change the account to application sign-in.",
    ),
    row(
        530035,
        TenantAdministrator,
        "The tenant's security defaults block this sign-in.",
        "Change the account to application sign-in with a certificate; or replace security defaults by Conditional Access policies that let {mailbox} in.",
    ),
    row(
        530033,
        TenantAdministrator,
        "A device policy blocks the device code: it can't be seen which device asks.",
        "Use Authorize now in a browser instead of the device code.",
    ),
    row(
        50097,
        TenantAdministrator,
        "The tenant wants to know the device that signs in.",
        "Press Authorize now in a browser on a joined device, or exclude {mailbox} from that policy; or change the account to application sign-in.",
    ),
];

/// The person who signed in.
const PERSON: &[Row] = &[
    row(
        50034,
        PosternAdministrator,
        "The user isn't in this tenant.",
        "Sign in as {mailbox}, and check the tenant ID in Settings > Email Settings (now: {tenant}).",
    ),
    row(
        50126,
        PosternAdministrator,
        "The user name or the password is wrong.",
        "Press Authorize now and sign in as {mailbox} again.",
    ),
    row(
        50053,
        TenantAdministrator,
        "The account of {mailbox} is locked: too many wrong passwords, or an address with a bad name.",
        "Wait, or unlock the user at {portal} > Microsoft Entra ID > Users; then press Authorize now.",
    ),
    row(
        50055,
        PosternAdministrator,
        "The password of {mailbox} has expired.",
        "Sign in as {mailbox} at https://portal.office.com, set a new password, then press Authorize now.",
    ),
    row(
        50057,
        TenantAdministrator,
        "The user {mailbox} is disabled.",
        "At {portal} > Microsoft Entra ID > Users > {mailbox} > Properties, enable the account. A shared mailbox's user is disabled on purpose: sign in as a user who may send as it.",
    ),
    row(
        50105,
        TenantAdministrator,
        "The application takes assigned users only, and {mailbox} isn't one of them.",
        "At {enterprise_app} > Users and groups, add {mailbox}; or at Properties set Assignment required? to No.",
    ),
];

/// Device code (RFC 8628).
const DEVICE_CODE: &[Row] = &[
    row(
        70016,
        PosternAdministrator,
        "Nobody has entered the device code yet.",
        "Open the address that was shown, enter the code, and sign in as {mailbox}.",
    ),
    row(
        70019,
        PosternAdministrator,
        "The device code wasn't used in time. A policy that blocks device codes looks the same from here.",
        "Start again and enter the code within 15 minutes; or use Authorize now in a browser, which is better.",
    ),
    row(
        70018,
        PosternAdministrator,
        "The code that was typed isn't the one that was shown.",
        "Enter the code again, exactly as shown.",
    ),
    row(90119, PosternAdministrator, "No code was typed.", "Enter the code that Postern shows."),
    row(
        90120,
        PosternAdministrator,
        "This code has been accepted or declined already.",
        "Start again: Postern shows a new code.",
    ),
    row(
        50199,
        PosternAdministrator,
        "Microsoft asks the person to confirm the application. This isn't a refusal.",
        "Answer Microsoft's question in the browser, and go on.",
    ),
];

/// Passes by itself.
const PASSING: &[Row] = &[
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

/// Only a mistake in the program brings these.
const OUR_FAULT: &[Row] = &[
    row(700021, PosternAdministrator, OURS, REPORT),
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
];

const BUSY: &str =
    "Microsoft's sign-in service has trouble of its own at the moment. Your settings aren't the cause.";
const WAIT_FOR_IT: &str = "Wait: Postern tries again by itself. Microsoft reports outages at admin.microsoft.com > Health > Service health.";
const OURS: &str = "Microsoft couldn't read what Postern sent. Your settings aren't the cause.";
const REPORT: &str = "Report it to the makers of Postern with the message above: it is a fault in the program, or in a proxy that changes requests.";
const SIGN_IN_AGAIN: &str = "Press Authorize now in Settings > Email Settings and sign in as {mailbox}.";

/// `suberror`, for numbers that aren't listed (facts 2.3).
const SUBERRORS: &[(&str, Words)] = &[
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
const ERRORS: &[(&str, Words)] = &[
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
        words(Wait, "Microsoft wants to be asked less often.", "Wait: Postern asks less often by itself."),
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
