//! What Microsoft Graph says when mail is sent, and what it means: facts 5.4, additions B8 and C.
//!
//! By code before status: Graph's statuses vary for the same trouble.

use super::Turn;
use super::words::{Words, words};
use crate::account::SignIn;
use crate::failure::GraphRefusal;
use SignIn::{Application, Delegated};
use Turn::{PosternAdministrator, Sender, TenantAdministrator, Wait};

/// What a row answers to. Empty texts and `None` answer to anything; the narrower rows come first.
struct Row {
    code: &'static str,
    status: Option<u16>,
    text: &'static str,
    sign_in: Option<SignIn>,
    words: Words,
}

const fn row(code: &'static str, turn: Turn, cause: &'static str, fix: &'static str) -> Row {
    Row { code, status: None, text: "", sign_in: None, words: words(turn, cause, fix) }
}

impl Row {
    const fn saying(self, text: &'static str) -> Row {
        Row { text, ..self }
    }

    const fn with_sign_in(self, sign_in: SignIn) -> Row {
        Row { sign_in: Some(sign_in), ..self }
    }

    fn answers_to(&self, refusal: &GraphRefusal, sign_in: Option<SignIn>) -> bool {
        let code_fits = self.code == refusal.code || refusal.inner_codes.iter().any(|code| code == self.code);
        (self.code.is_empty() || code_fits)
            && self.status.is_none_or(|status| status == refusal.status)
            && self.sign_in.is_none_or(|row| Some(row) == sign_in)
            && refusal.message.to_lowercase().contains(self.text)
    }
}

const fn by_status(status: u16, turn: Turn, cause: &'static str, fix: &'static str) -> Row {
    Row { code: "", status: Some(status), text: "", sign_in: None, words: words(turn, cause, fix) }
}

/// The words for a refusal, where the table has some. `sign_in` is the account's, where it is known.
pub(super) fn look_up(refusal: &GraphRefusal, sign_in: Option<SignIn>) -> Option<&'static Words> {
    ROWS.iter().find(|row| row.answers_to(refusal, sign_in)).map(|row| &row.words)
}

/// Whether the table has this code or one of those inside it.
pub(super) fn is_known(refusal: &GraphRefusal) -> bool {
    let is_its =
        |row: &Row| row.code == refusal.code || refusal.inner_codes.iter().any(|code| code == row.code);
    ROWS.iter().any(|row| !row.code.is_empty() && is_its(row))
}

/// The codes of the table that stand in the text as words of their own, in its order, each once. `BadRequest`
/// alone says nothing.
pub(super) fn find_codes(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let known = ROWS.iter().find(|row| !row.code.is_empty() && row.code == word && word != "BadRequest");
        match known {
            Some(row) if !found.contains(&row.code) => found.push(row.code),
            _ => {}
        }
    }
    found
}

/// The rows that a code leads to.
#[cfg(test)]
pub(super) fn rows_by_code() -> impl Iterator<Item = (&'static str, &'static Words)> {
    ROWS.iter().filter(|row| !row.code.is_empty()).map(|row| (row.code, &row.words))
}

const ROWS: &[Row] = &[
    // 401: the token.
    row("InvalidAuthenticationToken", PosternAdministrator,
        "The access token is for another service than Microsoft Graph.",
        "Check `graph` of the [[cloud]] in postern.toml. If you configured none, report it: it is a fault in Postern.").saying("audience"),
    row("InvalidAuthenticationToken", PosternAdministrator,
        "Microsoft Graph takes the access token for expired, also when asked with a fresh one. One of its servers sometimes does; a wrong clock here looks the same.",
        "Try again. If it stays, check the clock of the machine that Postern runs on (`timedatectl`).").saying("expired"),
    row("InvalidAuthenticationToken", PosternAdministrator,
        "Microsoft Graph doesn't take the access token.",
        "Try again. If it stays, press Authorize now in Settings > Email Settings, and check the cloud there."),
    // 403: the permission.
    row("ErrorAccessDenied", TenantAdministrator,
        "An application access policy of the tenant keeps this application away from {mailbox}.",
        "`Test-ApplicationAccessPolicy -Identity {mailbox} -AppId {client_id}` says which policy. Add {mailbox} to the policy's group; a change can take more than an hour.")
        .saying("access to odata is disabled"),
    row("ErrorAccessDenied", TenantAdministrator,
        "The application may not send as {mailbox}: Mail.Send (application) isn't granted, or its use is limited to other mailboxes.",
        "Check in this order: 1. {app} > API permissions lists Mail.Send of type Application, with admin consent granted. \
         2. Where RBAC for Applications limits it: `Test-ServicePrincipalAuthorization -Identity {client_id} -Resource {mailbox}` must say InScope True. \
         3. If both are right, the change may not have arrived yet: try again later.").with_sign_in(Application),
    row("ErrorAccessDenied", TenantAdministrator,
        "Whoever signed in may not send from {mailbox} in this way: Mail.Send (delegated) isn't granted, or the mailbox is another person's.",
        "Check in this order: 1. {app} > API permissions lists Mail.Send of type Delegated, with consent. 2. Press Authorize now in Postern and sign in as the mailbox that sends, not as an administrator. \
         3. To send from another's mailbox, use application sign-in.").with_sign_in(Delegated),
    row("ErrorAccessDenied", TenantAdministrator,
        "The application, or whoever signed in, may not do this with {mailbox}.",
        "Check that {app} > API permissions lists Mail.Send (Delegated or Application, as the account signs in) with admin consent granted."),
    row("ErrorSendAsDenied", TenantAdministrator,
        "{mailbox} may not send as {from}. The user name (UPN) of a mailbox can differ from its address, and an alias isn't always allowed.",
        "Set From in Settings > Email Settings to the primary address of {mailbox}; or allow it: Exchange admin center > Recipients > Mailboxes > {from} > Delegation > Send as, \
         or `Add-RecipientPermission {from} -Trustee {mailbox} -AccessRights SendAs`. A delegated sign-in also needs Mail.Send.Shared."),
    // Registering the application (additions B8, B9): what a script or the portal says when it is set up.
    row("Authorization_RequestDenied", Wait, NOT_REPLICATED, TRY_AGAIN).saying("must in the local tenant"),
    row("Request_BadRequest", Wait, NOT_REPLICATED, TRY_AGAIN).saying("does not reference a valid application object"),
    row("Request_BadRequest", TenantAdministrator,
        "One of the ids that were given isn't one that fits there, or what it stands for was made a moment ago and isn't known everywhere yet.",
        "Check that the ids are those of enterprise applications ({enterprise_app} > Overview > Object ID), not those of App registrations; then try again in a few minutes.")
        .saying("not a valid reference update"),
    row("Request_BadRequest", TenantAdministrator,
        "An entry of the list of certificates was sent back without its `usage`.",
        "Send back the entries that are to stay as they were read, each with `usage` (Verify); or upload the .cer at {app} > Certificates & secrets > Certificates.")
        .saying("acceptable values are sign, verify"),
    row("Request_BadRequest", TenantAdministrator,
        "The directory can't use something in the request: a script, or a program that registers applications, sent what doesn't belong there.",
        "Look in the script's request for a member that is misspelt or of the wrong kind. Postern itself doesn't write to the directory.")
        .saying("one or more properties are invalid"),
    row("KeyNotUpdatable", TenantAdministrator,
        "An entry of the list of certificates was sent back changed, which isn't allowed; most often its dates were rounded.",
        "Send back the entries that are to stay exactly as they were read; or upload the .cer at {app} > Certificates & secrets > Certificates, which adds to the list."),
    row("Authorization_RequestDenied", TenantAdministrator,
        "The application, or whoever signed in, may not read or change this in the directory. Where a key was added or removed with a proof of possession, a missing proof is answered like this, too.",
        "Sending doesn't need it. To let Postern read it, add User.Read (Delegated) or User.Read.All (Application) at {app} > API permissions, and grant admin consent. \
         Where an application was to be registered, let an administrator do it: Users can register applications may be off ({portal} > Microsoft Entra ID > Users > User settings)."),
    row("CredentialInvalidLifetimeAsPerAppPolicy", TenantAdministrator,
        "A policy of the tenant (app management policy) caps how long a certificate or secret of an application may be valid, and this one is valid longer.",
        "Generate a certificate with a shorter validity: `postern certificate generate --name NAME --days 180`, or 90, or what the policy allows; upload its .cer at {app} > Certificates & secrets."),
    row("CredentialTypeNotAllowedAsPerAppPolicy", TenantAdministrator,
        "A policy of the tenant (app management policy) forbids this kind of credential; most often that is the client secret.",
        "Use a client certificate: generate one in Postern and upload its .cer at {app} > Certificates & secrets > Certificates > Upload certificate."),
    row("SignInAudienceNotAllowedAsPerAppPolicy", TenantAdministrator,
        "A policy of the tenant (app management policy) forbids applications that are meant for other tenants, too.",
        "Register the application with Supported account types: Accounts in this organizational directory only."),
    row("KeyCredentialsInvalidEndDate", TenantAdministrator,
        "The end that was given for the certificate lies after the certificate's own end, or a clock or time zone makes it look so.",
        "Upload the .cer at {app} > Certificates & secrets > Certificates > Upload certificate: the portal takes the end from the certificate. A script gives its notAfter in UTC, a second earlier."),
    row("KeyCredentialsInvalidValue", TenantAdministrator,
        "The certificate that was uploaded is empty or garbled.",
        "Download the .cer in Postern again (Settings > Inventory > Manage > Certificates) and upload that file at {app} > Certificates & secrets > Certificates."),
    row("Authentication_MissingOrMalformed", TenantAdministrator,
        "Microsoft takes the request for unsigned. When a key is added or removed with a proof of possession, a wrong proof is answered like this although the access token is fine.",
        "Check the proof first: its `iss` is the application's Object ID, its `aud` is 00000002-0000-0000-c000-000000000000, it is valid 10 minutes at most, and a certificate that is on the application signed it."),
    row("Directory_QuotaExceeded", TenantAdministrator, DIRECTORY_FULL, DELETE_OBJECTS),
    row("Directory_ResourceSizeExceeded", TenantAdministrator,
        "The application has become too large, most often by very many certificates.",
        "Remove certificates that aren't used at {app} > Certificates & secrets > Certificates, then try again."),
    row("Request_MultipleObjectsWithSameKeyValue", TenantAdministrator,
        "What was to be made exists already: the enterprise application, or the consent.",
        "Nothing is lost: look at {enterprise_app}, and at {app} > API permissions, and go on with what is there."),
    // 404: the mailbox.
    row("MailboxNotEnabledForRESTAPI", TenantAdministrator,
        "{mailbox} has no mailbox in Exchange Online: no licence with Exchange Online, a licence given a moment ago, or a mailbox on premises.",
        "At {admin} > Users > Active users > {mailbox} > Licenses and apps, assign a licence with Exchange Online. A new mailbox takes some minutes. A shared mailbox needs none."),
    row("ErrorInvalidUser", PosternAdministrator, NO_SUCH_USER, CHECK_FROM),
    row("ResourceNotFound", PosternAdministrator, NO_SUCH_USER, CHECK_FROM),
    row("Request_ResourceNotFound", PosternAdministrator,
        "Microsoft's directory has nothing by this name: a user who isn't in this tenant, a wrong id, or something made a moment ago that isn't known everywhere yet.",
        "Where {mailbox} is what wasn't found, correct From in Settings > Email Settings: a user or shared mailbox of the tenant {tenant}. Where an application was to be registered, try again in a few minutes; \
         if it comes back, check the id."),
    // The message.
    row("ErrorInvalidRecipients", Sender,
        "At least one recipient isn't an address that Exchange can use, or there is none.",
        "Correct the recipients in the program that sends."),
    row("ErrorMimeContentInvalidBase64String", PosternAdministrator,
        "Microsoft Graph couldn't decode what Postern sent. Your settings aren't the cause.",
        "Report it to the makers of Postern: it is a fault in the program, or in a proxy that changes requests."),
    row("ErrorMessageSizeExceeded", Sender,
        "The message is larger than {mailbox} may send.",
        "Send less, or raise the limit (35 MB unless it was changed, 150 MB at most): `Set-Mailbox {mailbox} -MaxSendSize 150MB`."),
    row("BadRequest", Sender, TOO_LARGE, SEND_LESS).saying("maximum request length"),
    row("RequestEntityTooLarge", Sender, TOO_LARGE, SEND_LESS),
    by_status(413, Sender, TOO_LARGE, SEND_LESS),
    row("InvalidInternetMessageHeader", PosternAdministrator, ODD_HEADER, REPORT_HEADER),
    row("InvalidInternetMessageHeaderCollection", PosternAdministrator, ODD_HEADER, REPORT_HEADER),
    row("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", PosternAdministrator,
        "Microsoft Graph takes attachments below 3 MB in another way only.",
        "Report it to the makers of Postern: it is a fault in the program."),
    // Limits.
    row("ErrorExceededMessageLimit", Wait,
        "{mailbox} has reached its daily limit of messages or recipients.",
        "Wait a day, then try again; where Microsoft's words above speak of the Inbox, look there first. Where machines send much, spread it over several mailboxes, or ask Microsoft about High Volume Email."),
    row("ApplicationThrottled", Wait,
        "Too much is sent to {mailbox} by this client ID at once. Another program with the same client ID may be using it too.",
        "Wait a few minutes, then try again. A program, or an installation of Postern, with a client ID of its own has limits of its own.").saying("incomingbytes"),
    row("ApplicationThrottled", Wait,
        "More than four requests at a time work on {mailbox}. Another program, or another installation of Postern, with the same client ID may be using it too: the limit counts for both together.",
        "Wait a few minutes, then try again. If it comes back, give the other one a client ID or a mailbox of its own.").saying("mailboxconcurrency"),
    row("ApplicationThrottled", Wait, THROTTLED, GOES_ON),
    row("TooManyRequests", Wait, THROTTLED, GOES_ON),
    row("activityLimitReached", Wait, THROTTLED, GOES_ON),
    row("ErrorQuotaExceeded", TenantAdministrator, MAILBOX_FULL, MAKE_ROOM),
    row("quotaLimitReached", TenantAdministrator, MAILBOX_FULL, MAKE_ROOM),
    by_status(507, TenantAdministrator, MAILBOX_FULL, MAKE_ROOM),
    // Trouble at Microsoft.
    row("serviceNotAvailable", Wait, BUSY, GOES_ON),
    row("ErrorServerBusy", Wait, BUSY, GOES_ON),
    by_status(429, Wait, THROTTLED, GOES_ON),
    by_status(408, PosternAdministrator, MAYBE_SENT, LOOK),
    by_status(502, PosternAdministrator, MAYBE_SENT, LOOK),
    by_status(504, PosternAdministrator, MAYBE_SENT, LOOK),
    by_status(500, Wait, BUSY, GOES_ON),
    by_status(503, Wait, BUSY, GOES_ON),
    // A success that is none (additions C2).
    by_status(200, Sender,
        "Microsoft Graph answered 200 where only 202 means sent. It does so for messages that are too large for this way, and doesn't send them.",
        "Send a smaller message (up to about 2 MB), or set the account's transport to SMTP."),
];

const NOT_REPLICATED: &str =
    "The application was registered a moment ago, and isn't known everywhere at Microsoft yet.";
const TRY_AGAIN: &str = "Wait a few minutes, then try the same again. Nothing has to be undone.";
const DIRECTORY_FULL: &str = "Whoever registers the application, or the tenant, has as many directory objects as allowed. A person who is no administrator may make 250, and deleted ones count.";
const DELETE_OBJECTS: &str = "Delete applications that aren't used, also at {portal} > Microsoft Entra ID > App registrations > Deleted applications; or let an administrator register this one.";
const NO_SUCH_USER: &str = "Microsoft doesn't know {mailbox} in this tenant.";
const CHECK_FROM: &str = "Correct From in Settings > Email Settings: it must be a user or shared mailbox of the tenant {tenant}, by its user name (UPN) or its primary address.";
const TOO_LARGE: &str = "The message is larger than one request to Microsoft Graph may be (about 4 MB, of which encoding takes a part).";
const SEND_LESS: &str = "Send a smaller message (up to about 2 MB), or set the account's transport to SMTP.";
const ODD_HEADER: &str = "Microsoft Graph refused a header of the message.";
const REPORT_HEADER: &str =
    "Report it to the makers of Postern: mail is sent whole, with its headers, and should never meet this.";
const THROTTLED: &str = "Microsoft slows this application or mailbox down.";
const MAILBOX_FULL: &str = "{mailbox} is full. A copy of all that is sent is kept in its Sent Items.";
const MAKE_ROOM: &str =
    "Empty Sent Items and Deleted Items of {mailbox}, or let a retention policy do it. Then try again.";
/// A gateway's answer says nothing about what stood behind it (field 30).
const MAYBE_SENT: &str = "Something in front of Microsoft Graph answered, for Graph itself didn't in time. The message may have been sent all the same.";
const LOOK: &str = "Look into Sent Items of {mailbox} before sending it again.";
const BUSY: &str = "Microsoft Graph has trouble of its own at the moment. Your settings aren't the cause.";
const GOES_ON: &str =
    "Wait a few minutes, then try again. Microsoft reports outages at {admin} > Health > Service health.";
