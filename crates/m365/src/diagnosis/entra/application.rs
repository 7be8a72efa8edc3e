//! The application: its credential, its registration, consent, permissions.

use super::{Row, row, texted};
use crate::diagnosis::Turn::{PosternAdministrator, TenantAdministrator};

/// What the application proves itself with.
pub(super) const CREDENTIALS: &[Row] = &[
    texted(
        700027,
        "expired",
        TenantAdministrator,
        "The certificate that Postern proves itself with is on the application, but it has expired.",
        "Make a new certificate in Postern: Settings > Inventory > Manage > Certificates > Generate Certificate (or Replace). \
         Upload its .cer at {app} > Certificates & secrets > Certificates > Upload certificate, and choose it in Settings > Email Settings.",
    ),
    texted(
        700027,
        "not yet valid",
        PosternAdministrator,
        "The certificate that Postern proves itself with is on the application, but by Microsoft's clock it isn't valid yet. The message above shows from when it is.",
        "Wait until then, or choose another certificate in Settings > Email Settings. If it should be valid by now, the clock of the machine that made it was wrong: `timedatectl` shows this machine's.",
    ),
    texted(
        700027,
        "did not match the expected signature",
        PosternAdministrator,
        "A certificate with this thumbprint is on the application, but what was signed doesn't fit it: it was signed with another key, or changed on the way.",
        "Look for a proxy that changes requests. If there is none, choose another certificate in Settings > Email Settings, upload its .cer at \
         {app} > Certificates & secrets > Certificates > Upload certificate, and report it to the makers of Postern with the message above.",
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
        70002,
        PosternAdministrator,
        "Microsoft couldn't validate the credential; another code of the same answer says why.",
        "Follow the advice for that code. If there is none, check at {app} > Certificates & secrets that the thumbprint {thumbprint} is listed and not expired; for a secret, paste its Value again.",
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
        "The client secret is wrong. Most often the secret's ID was pasted instead of its Value, or a character (`~`, `.`, `_`) was lost on the way.",
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
pub(super) const APPLICATION: &[Row] = &[
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
        50059,
        PosternAdministrator,
        "Microsoft can't tell which tenant is meant.",
        "Copy Directory (tenant) ID from {app} > Overview > Essentials into Settings > Email Settings (now: {tenant}). Another program must be given it instead of `organizations`.",
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
    row(900971, TenantAdministrator, NO_REDIRECT, ADD_REDIRECT),
    row(500113, TenantAdministrator, NO_REDIRECT, ADD_REDIRECT),
    row(
        700054,
        TenantAdministrator,
        "The application was asked for an ID token in the redirect itself, which it isn't allowed to give. Postern never asks for that.",
        "Give the program that asks for it `response_type=code`, or tick ID tokens at {app} > Authentication > Implicit grant and hybrid flows.",
    ),
];

/// Consent.
pub(super) const CONSENT: &[Row] = &[
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
    texted(
        90093,
        "quota limit",
        TenantAdministrator,
        "The tenant, or the person who signed in, has as many directory objects as allowed, so that no new one can be made for the consent.",
        "An administrator deletes objects that aren't used, also at {portal} > Microsoft Entra ID > App registrations > Deleted applications, or asks Microsoft to raise the quota. Then press Authorize now again.",
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
pub(super) const SCOPES: &[Row] = &[
    row(
        650052,
        TenantAdministrator,
        "The tenant has no subscription to the service that was asked for: without Exchange Online there is no mail permission to give.",
        "Check at {admin} > Billing > Your products that the tenant has Exchange Online, and that the tenant ID {tenant} is the right one.",
    ),
    row(
        500011,
        TenantAdministrator,
        "The service that was asked for doesn't exist in this tenant: no Exchange Online, another tenant, or another cloud.",
        "Check the tenant ID {tenant} and the cloud in Settings > Email Settings, and at {admin} > Billing > Your products that the tenant has Exchange Online.",
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

const NO_REDIRECT: &str = "The application has no redirect URI at all.";
const ADD_REDIRECT: &str = "At {app} > Authentication > Add a platform > Web, add {redirect_uri}.";
