//! What Exchange Online says over SMTP, and what it means: facts 6.4 to 6.6, additions D.
//!
//! `535 5.7.3` is one answer to many faults: its advice is an order in which to look, never a verdict.

use super::Turn;
use super::words::{Words, words};
use crate::account::SignIn;
use crate::failure::{SmtpRefusal, SmtpStage};
use SignIn::{Application, Delegated};
use Turn::{PosternAdministrator, Sender, TenantAdministrator, Wait};

/// What a row answers to. 0, empty texts and `None` answer to anything; the narrower rows come first.
/// Texts are lower-case; in `enhanced` a `?` stands for any one digit (`4.7.5??`), and [`NONE`] for no such code.
struct Row {
    code: u16,
    enhanced: &'static str,
    text: &'static str,
    stage: Option<SmtpStage>,
    sign_in: Option<SignIn>,
    words: Words,
}

const fn row(code: u16, enhanced: &'static str, text: &'static str, words: Words) -> Row {
    Row { code, enhanced, text, stage: None, sign_in: None, words }
}

impl Row {
    const fn at(self, stage: SmtpStage) -> Row {
        Row { stage: Some(stage), ..self }
    }

    const fn with_sign_in(self, sign_in: SignIn) -> Row {
        Row { sign_in: Some(sign_in), ..self }
    }

    fn answers_to(&self, refusal: &SmtpRefusal, text: &str, sign_in: Option<SignIn>) -> bool {
        (self.code == 0 || self.code == refusal.code)
            && fits(self.enhanced, refusal.enhanced.as_deref().unwrap_or_default())
            && text.contains(self.text)
            && self.stage.is_none_or(|stage| stage == refusal.stage)
            && self.sign_in.is_none_or(|row| Some(row) == sign_in)
    }
}

fn fits(wanted: &str, enhanced: &str) -> bool {
    let same = |(wanted, given): (u8, u8)| wanted == given || wanted == b'?' && given.is_ascii_digit();
    match wanted {
        "" => true,
        NONE => enhanced.is_empty(),
        _ => wanted.len() == enhanced.len() && wanted.bytes().zip(enhanced.bytes()).all(same),
    }
}

/// For an answer without an enhanced code: one that isn't in the table is not to be guessed by its reply code.
const NONE: &str = "-";

/// Whether the text itself says something that the table knows, not only its numbers.
pub(super) fn knows_text(refusal: &SmtpRefusal) -> bool {
    let text = refusal.text.to_lowercase();
    let tables = [LOG_IN, SETTING_UP, MESSAGE, LIMITS];
    tables.into_iter().flatten().any(|row| !row.text.is_empty() && row.answers_to(refusal, &text, None))
}

/// The words for a refusal, where the table has some. `sign_in` is the account's, where it is known.
pub(super) fn look_up(refusal: &SmtpRefusal, sign_in: Option<SignIn>) -> Option<&'static Words> {
    let text = refusal.text.to_lowercase();
    let tables = [LOG_IN, SETTING_UP, MESSAGE, LIMITS];
    tables.into_iter().flatten().find(|row| row.answers_to(refusal, &text, sign_in)).map(|row| &row.words)
}

/// The rows that don't need to know where in the dialog they are.
#[cfg(test)]
pub(super) fn rows_of_any_stage() -> impl Iterator<Item = &'static Words> {
    let rows = [LOG_IN, SETTING_UP, MESSAGE, LIMITS].into_iter().flatten();
    rows.filter(|row| row.stage.is_none()).map(|row| &row.words)
}

/// AUTH (facts 6.5). A MAIL FROM after a failed AUTH repeats the 535 in its text: `530 5.7.57 … Error: 535 …`.
const LOG_IN: &[Row] = &[
    row(0, "", "smtpclientauthentication is disabled for the tenant", words(TenantAdministrator,
        "Authenticated SMTP is switched off for the whole tenant, and not switched on for {mailbox}. It blocks OAuth too. Security defaults switch it off.",
        "Switch it on for this mailbox: {admin} > Users > Active users > {mailbox} > Mail > Manage email apps > Authenticated SMTP, \
         or `Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false`. It can take up to an hour. Or set the account's transport to Microsoft Graph, which has no such switch.")),
    row(0, "", "smtpclientauthentication is disabled for the mailbox", words(TenantAdministrator,
        "Authenticated SMTP is switched off for {mailbox}. It blocks OAuth too.",
        "Switch it on: {admin} > Users > Active users > {mailbox} > Mail > Manage email apps > Authenticated SMTP, \
         or `Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false` ($null would inherit the tenant's setting). It can take up to an hour.")),
    row(0, "", "the user credentials were incorrect", words(PosternAdministrator,
        "Exchange was given a user name and a password, and they are wrong. Postern never sends a password.",
        "Let the program that got this answer send through Postern instead.")),
    row(0, "", "basic authentication is disabled", words(PosternAdministrator,
        "Exchange was given a user name and a password, which it no longer takes here. Postern never sends a password.",
        "Let the program that got this answer send through Postern instead.")),
    row(550, "5.7.30", "", words(PosternAdministrator,
        "Exchange was given a user name and a password, which it no longer takes. Postern never sends a password.",
        "Let the program that got this answer send through Postern instead.")),
    row(0, "", "did not meet the criteria to be authenticated successfully", words(TenantAdministrator,
        "A rule of the tenant (Conditional Access or an authentication policy) keeps {mailbox} from logging in by SMTP.",
        "At {portal} > Microsoft Entra ID > Monitoring > Sign-in logs, open the failed entry of {mailbox}: it names the policy. Exclude {mailbox} or the application from it, or set the account's transport to Microsoft Graph.")),
    row(0, "", "security defaults policy", words(TenantAdministrator,
        "The tenant's security defaults keep {mailbox} from logging in by SMTP.",
        "Set the account's transport to Microsoft Graph; or replace security defaults by Conditional Access policies ({portal} > Microsoft Entra ID > Properties > Manage security defaults), \
         and switch on Authenticated SMTP for {mailbox}.")),
    row(0, "", "account locked", words(TenantAdministrator,
        "The account of {mailbox} is locked.",
        "At {portal} > Microsoft Entra ID > Users > {mailbox}, look why (sign-in logs, risky users), unlock it, then press Authorize now in Postern.")),
    row(0, "", "federated sts", words(TenantAdministrator,
        "The tenant hands sign-ins to a server of its own (federation), and Exchange couldn't reach it by https.",
        "Whoever runs the federation server (AD FS) must bring it back. An account with application sign-in doesn't need it.")),
    row(501, "5.5.127", "", words(Wait, "The access token is too near its end for this server.", "Wait: Postern takes a fresh one and tries again.")),
    row(501, "5.5.124", "", words(PosternAdministrator,
        "The server couldn't read what Postern logged in with.",
        "Report it to the makers of Postern: it is a fault in the program.")),
    row(535, "5.7.3", "", words(TenantAdministrator,
        "Exchange refuses the log-in and doesn't say why. The same answer stands for a missing service principal, a missing right, a wrong mailbox, Authenticated SMTP switched off, and for changes that haven't arrived yet.",
        "Check in this order: 1. Exchange knows the application: `Get-ServicePrincipal` lists {client_id}; if not, `New-ServicePrincipal -AppId {client_id} -ObjectId {principal}`, \
         with the Object ID from {enterprise_app} > Overview (that of App registrations is another one and fails just like this). \
         2. It may use the mailbox: `Add-MailboxPermission -Identity {mailbox} -User {principal} -AccessRights FullAccess`. \
         3. {app} > API permissions lists SMTP.SendAsApp (Application, Office 365 Exchange Online) with admin consent; with RBAC for Applications it must not be listed. \
         4. Authenticated SMTP is on: `Get-CASMailbox {mailbox} | fl SmtpClientAuthenticationDisabled` says False, or says nothing while `Get-TransportConfig | fl SmtpClientAuthenticationDisabled` says False. 5. {mailbox} has a mailbox. 6. Wait: a change takes up to an hour.")).with_sign_in(Application),
    row(535, "5.7.3", "", words(TenantAdministrator,
        "Exchange refuses the log-in and doesn't say why. The same answer stands for a wrong person signed in, Authenticated SMTP switched off, a missing permission, a missing mailbox, and for changes that haven't arrived yet.",
        "Check in this order: 1. The one who signed in is {mailbox} itself, not an administrator: press Authorize now and sign in as the mailbox that sends (for a shared mailbox: as one with Full Access to it). \
         2. {admin} > Users > Active users > {mailbox} > Mail > Manage email apps > Authenticated SMTP is ticked. \
         3. {app} > API permissions lists SMTP.Send (Delegated) with consent. 4. {mailbox} has a licence with Exchange Online. 5. Wait: a change takes up to an hour.")).with_sign_in(Delegated),
    row(535, "5.7.3", "", words(TenantAdministrator,
        "Exchange refuses the log-in and doesn't say why: a wrong person signed in, a token for another service, Authenticated SMTP switched off, no service principal or right in Exchange (application sign-in), no mailbox, or changes that haven't arrived yet.",
        "Check in this order: 1. Who signed in is the mailbox that sends. 2. {admin} > Users > Active users > {mailbox} > Mail > Manage email apps > Authenticated SMTP is ticked. \
         3. {app} > API permissions lists SMTP.Send (Delegated) or SMTP.SendAsApp (Application). 4. For application sign-in, `Get-ServicePrincipal` lists {client_id}. 5. Wait: a change takes up to an hour.")),
    row(530, "5.7.57", "", words(PosternAdministrator,
        "The server took mail for unauthenticated: the log-in before it failed, or there was none.",
        "Postern always logs in first: look at the answer to the log-in. Where this came from another program, let it send through Postern.")),
    row(535, "5.7.139", "", words(TenantAdministrator,
        "Exchange refuses the log-in by a rule of the tenant or of the mailbox; its own words say which.",
        "Read Microsoft's words above. {portal} > Microsoft Entra ID > Monitoring > Sign-in logs has the entry; and check that Authenticated SMTP is on for {mailbox}.")),
    // The usual answers of other servers (RFC 4954 §6).
    row(535, "5.7.8", "", words(PosternAdministrator, REFUSED, ALLOW_APPLICATION)).with_sign_in(Application),
    row(535, NONE, "", words(PosternAdministrator, REFUSED, ALLOW_APPLICATION)).with_sign_in(Application),
    row(454, "4.7.0", "", words(Wait, "The server can't check log-ins at the moment.", "Wait: Postern tries again.")),
    row(535, "5.7.8", "", words(PosternAdministrator, REFUSED, SIGN_IN_ANEW)),
    row(535, NONE, "", words(PosternAdministrator, REFUSED, SIGN_IN_ANEW)),
];

/// Before the message.
const SETTING_UP: &[Row] = &[
    row(
        0,
        "",
        "starttls is required to send mail",
        words(
            PosternAdministrator,
            "The server wants TLS before mail. Postern always begins it, so something between takes it out of the dialog.",
            "Look for a firewall or antivirus that inspects SMTP on port 587, and exempt Postern.",
        ),
    ),
    row(0, "5.7.64", "", words(PosternAdministrator, RELAY, RELAY_FIX)),
    row(0, "4.4.62", "", words(PosternAdministrator, RELAY, RELAY_FIX)),
    row(
        421,
        "4.4.1",
        "",
        words(
            Wait,
            "The server had closed the connection for its age. Nothing was accepted.",
            "Wait: Postern connects anew and tries again.",
        ),
    ),
    row(
        421,
        "4.4.2",
        "",
        words(
            Wait,
            "The server dropped the connection. If that was after the end of the message, it isn't certain that it wasn't taken.",
            "Wait: Postern connects anew and tries again. Where it came after the end of the message, Sent Items of {mailbox} tells whether it was taken.",
        ),
    ),
];

/// The message and its addresses (facts 6.6).
const MESSAGE: &[Row] = &[
    row(0, "", "sender throttled", words(TenantAdministrator, PAUSED, MEND_FIRST)),
    row(0, "", "sendasdenied", words(TenantAdministrator, SEND_AS, SEND_AS_FIX)),
    row(0, "5.7.60", "", words(TenantAdministrator, SEND_AS, SEND_AS_FIX)),
    row(
        0,
        "",
        "submissionquotaexceeded",
        words(
            Wait,
            "{mailbox} has sent to as many recipients as it may in a day (10,000).",
            "Wait: the limit counts the last 24 hours. Where machines send much, spread it over several mailboxes.",
        ),
    ),
    row(
        0,
        "",
        "submission quota exceeded",
        words(
            PosternAdministrator,
            "{mailbox} has sent to as many recipients as it may in a day (10,000).",
            "Send again a day later: the limit counts the last 24 hours. Where machines send much, spread it over several mailboxes.",
        ),
    ),
    row(0, "", "maxsubmissionexceeded", words(Sender, TOO_LARGE, RAISE_LIMIT)),
    row(
        552,
        "5.3.4",
        "header size",
        words(
            Sender,
            "The header of the message is larger than Exchange takes: very many recipients in To or Cc, or a runaway field.",
            "Shorten the header in the program that sends: fewer recipients in To and Cc.",
        ),
    ),
    row(552, "5.3.4", "", words(Sender, TOO_LARGE, RAISE_LIMIT)),
    row(0, "5.2.2", "mailbox full", words(TenantAdministrator, FULL, MAKE_ROOM)),
    row(
        0,
        "5.2.2",
        "",
        words(
            TenantAdministrator,
            "Exchange says this of two things: {mailbox} is full, or it has sent to as many recipients as it may in a day.",
            "Look how full {mailbox} is, and empty Sent Items and Deleted Items. If that isn't it, send again a day later.",
        ),
    ),
    // RFC 3463 §3.3.
    row(0, "5.2.3", "", words(Sender, TOO_LARGE, RAISE_LIMIT)),
    row(0, "5.5.3", "", words(Sender, TOO_MANY, SPLIT)),
    row(
        452,
        "4.5.3",
        "",
        words(
            Wait,
            "The message has more recipients than the server takes at once.",
            "Wait: Postern sends to the others in another message.",
        ),
    ),
    row(501, "5.1.3", "", words(Sender, "The server doesn't take this address.", CORRECT_ADDRESS)),
    row(
        550,
        "5.5.105",
        "",
        words(
            TenantAdministrator,
            "High Volume Email sends to recipients inside the tenant only.",
            "Send to this recipient through an ordinary mailbox, with another account of Postern.",
        ),
    ),
];

/// Limits, blocks, and trouble at Microsoft.
const LIMITS: &[Row] = &[
    row(432, "4.3.2", "sender thread limit", words(Wait, THREADS, CONNECTIONS_FIX)),
    row(432, "4.3.2", "", words(Wait, CONNECTIONS, CONNECTIONS_FIX)),
    row(0, "5.1.8", "", words(TenantAdministrator,
        "Microsoft has blocked {mailbox} for sending what looked like spam.",
        "At {defender} > Email & collaboration > Review > Restricted entities, find out what was sent, and unblock {mailbox}.")),
    row(0, "5.7.501", "", words(TenantAdministrator, BANNED, BANNED_FIX)),
    row(0, "5.7.502", "", words(TenantAdministrator, BANNED, BANNED_FIX)),
    row(0, "5.7.503", "", words(TenantAdministrator, BANNED, BANNED_FIX)),
    row(0, "5.7.511", "", words(TenantAdministrator, BANNED, BANNED_FIX)),
    row(0, "5.7.705", "", words(TenantAdministrator,
        "The tenant has passed Microsoft's limit of sending, often because a mailbox was taken over.",
        "Look at {defender} > Restricted entities and at the message trace for what was sent; then ask Microsoft's support to lift it.")),
    row(0, "5.7.708", "", words(TenantAdministrator,
        "Microsoft doesn't take mail from this IP address or tenant, often because the tenant is new or a trial.",
        "Ask Microsoft's support, with the code AS(…) from the words above.")),
    row(0, "5.7.750", "", words(TenantAdministrator,
        "The tenant sends from domains that aren't registered in it.",
        "Set From to a domain of the tenant ({admin} > Settings > Domains), or add the domain there.")),
    row(451, "4.7.0", "", words(Wait, BUSY, GOES_ON)),
    row(0, "4.7.5??", "", words(Wait, BUSY, GOES_ON)),
    row(0, "4.7.6??", "", words(Wait, BUSY, GOES_ON)),
    row(421, "4.3.2", "", words(Wait, BUSY, GOES_ON)),
    row(421, NONE, "", words(Wait, BUSY, GOES_ON)),
    row(450, "", "", words(Wait, NOT_NOW, "Wait: Postern tries again.")).at(SmtpStage::Greeting),
    row(451, "", "", words(Wait, NOT_NOW, "Wait: Postern tries again.")).at(SmtpStage::Greeting),
    row(0, "", "", words(PosternAdministrator,
        "This server doesn't want to speak with us.",
        "Check `smtp` of the [[cloud]] in postern.toml. With Microsoft's own clouds, look for a firewall that inspects SMTP on port 587.")).at(SmtpStage::Greeting),
    row(0, "5.1.1", "", words(Sender, UNKNOWN_RECIPIENT, CORRECT_ADDRESS)),
    row(0, "5.1.10", "", words(Sender, UNKNOWN_RECIPIENT, CORRECT_ADDRESS)),
];

const REFUSED: &str = "The server refuses the log-in.";
const SIGN_IN_ANEW: &str = "Press Authorize now in Settings > Email Settings and sign in as {mailbox}. If it stays, read the server's words above.";
const ALLOW_APPLICATION: &str = "Check that the server lets the application {client_id} send as {mailbox}, and `outlook_app_scope` of the [[cloud]] if you configured one; the server's words are above.";
const RELAY: &str = "This is an answer to mail without a log-in (a connector). Postern logs in.";
const RELAY_FIX: &str = "Check `smtp` of the [[cloud]] in postern.toml: it must be the submission server on port 587 (of the worldwide cloud smtp.office365.com:587).";
const SEND_AS: &str = "{mailbox} may not send as the From of this message. Exchange looks at From in the header, not only at the envelope.";
const SEND_AS_FIX: &str = "Let the program that sends use {mailbox} as From; or allow it: Exchange admin center > Recipients > Mailboxes > {from} > Delegation > Send as, \
     or `Add-RecipientPermission {from} -Trustee {mailbox} -AccessRights SendAs`. For aliases: `Set-OrganizationConfig -SendFromAliasEnabled $true`.";
const PAUSED: &str = "Exchange has paused SMTP for {mailbox}, because the same error came again and again; its words say which.";
const MEND_FIRST: &str = "Mend that error first (read Microsoft's words above), then wait some hours. Only SMTP of this mailbox is paused: Microsoft Graph is not.";
const FULL: &str = "{mailbox} is full. A copy of all that is sent is kept in its Sent Items.";
const MAKE_ROOM: &str =
    "Empty Sent Items and Deleted Items of {mailbox}, or let a retention policy do it. Then try again.";
const NOT_NOW: &str = "The server takes no mail at the moment.";
const UNKNOWN_RECIPIENT: &str = "The server doesn't know this recipient.";
const CORRECT_ADDRESS: &str = "Correct the address in the program that sends.";
const TOO_LARGE: &str = "The message is larger than {mailbox} may send. (The size that the server announces isn't the mailbox's own limit.)";
const RAISE_LIMIT: &str = "Send less, or raise the limit (35 MB unless it was changed, 150 MB at most): `Set-Mailbox {mailbox} -MaxSendSize 150MB`.";
const TOO_MANY: &str =
    "The message has more recipients than Exchange takes at once (500 unless it was changed).";
const SPLIT: &str = "Send to fewer recipients at once, or to a group; `Set-Mailbox {mailbox} -RecipientLimits 1000` raises the limit up to 1000.";
const CONNECTIONS: &str = "More than three connections send for {mailbox} at the same time. Postern keeps to three, so another program, or another installation of Postern, uses this mailbox too.";
const THREADS: &str = "Exchange takes no more messages of {mailbox} at the same time.";
const CONNECTIONS_FIX: &str = "Wait a few minutes, then try again. Let the other program send through Postern, or give it a mailbox of its own.";
const BANNED: &str = "Microsoft has banned this sender for what it sent.";
const BANNED_FIX: &str = "Look at {defender} > Restricted entities, find out what was sent, and ask Microsoft's support to lift the ban.";
const BUSY: &str =
    "Exchange Online has trouble of its own at the moment, or is very busy. Your settings aren't the cause.";
const GOES_ON: &str =
    "Wait a few minutes, then try again. Microsoft reports outages at {admin} > Health > Service health.";
