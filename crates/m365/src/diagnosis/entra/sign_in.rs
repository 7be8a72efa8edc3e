//! The sign-in: what it left behind, the tenant's policies, the person, the device code.

use super::{Row, row};
use crate::diagnosis::Turn::{PosternAdministrator, TenantAdministrator};

/// What a delegated sign-in left behind.
pub(super) const GRANT: &[Row] = &[
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
        "The sign-in was revoked: the password of {mailbox} was reset or changed, or the user was signed out everywhere. That ends all sign-ins of this user, also those of other installations and programs.",
        "Press Authorize now in Settings > Email Settings and sign in as {mailbox}; each other installation that signed in as {mailbox} needs the same. \
         They don't end each other's sign-ins by renewing them. Application sign-in with a certificate knows no such end.",
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
pub(super) const POLICY: &[Row] = &[
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
        "At {portal} > Microsoft Entra ID > Monitoring > Sign-in logs, open the failed entry: its tab Conditional Access names the policy. Exclude {mailbox} or the application from it, or change the account to application sign-in. \
         Where the sign-in was made by device code, press Authorize now in a browser instead: such a sign-in stays marked, and a policy can stop it later.",
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
pub(super) const PERSON: &[Row] = &[
    row(
        50034,
        PosternAdministrator,
        "The user isn't in this tenant.",
        "Sign in as {mailbox}, and check the tenant ID in Settings > Email Settings (now: {tenant}).",
    ),
    row(50020, PosternAdministrator, OUTSIDER, SIGN_IN_INSIDE),
    row(90072, PosternAdministrator, OUTSIDER, SIGN_IN_INSIDE),
    row(
        50089,
        PosternAdministrator,
        "Microsoft's page was answered too late, or twice.",
        "Press Authorize now again, and finish the sign-in without going back in the browser.",
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
pub(super) const DEVICE_CODE: &[Row] = &[
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

const OUTSIDER: &str = "Whoever signed in has an account somewhere else, and isn't a member of this tenant.";
const SIGN_IN_INSIDE: &str = "Press Authorize now and sign in as {mailbox}; a private browser window forgets who was signed in before. If {mailbox} is the right one, check the tenant ID in Settings > Email Settings (now: {tenant}).";
