//! What each stage looks at.

use certs::{CertificateDetails, Status};
use mail::test_message::{TestMessage, compose};
use mail::{Address, Envelope, MessageId, Traits};
use time::{Duration, OffsetDateTime};

use super::recorder::{Found, Recorder, Stopped};
use super::{Context, StageName};
use crate::account::{Account, ClientCertificate, Credential, SignIn, Transport};
use crate::courier::{Courier, Origin};
use crate::diagnosis::needed_permission;
use crate::failure::{Failure, LocalTrouble};
use crate::graph::{self, MailboxLicence};
use crate::parcel::{InMemory, Parcel, Reports, ReturnPath};
use crate::scope::Resource;
use crate::secret::AccessToken;
use crate::state::Missing;

/// What the stages before the message have found open.
pub(super) struct Way {
    /// The mailbox that the message goes out of.
    sender: Address,
}

/// Walks everything but the message.
pub(super) async fn up_to_mailbox(
    context: &Context<'_>,
    courier: &Courier,
    recorder: &mut Recorder<'_>,
) -> Result<Way, Stopped> {
    let account = context.account.as_ref();
    recorder.begin(StageName::Settings);
    recorder.end(check_settings(account))?;

    match &account.credential {
        Credential::Secret(_) => {
            recorder.skip(StageName::Certificate, tell_secret(context.secret_expires_at, context.now));
        }
        Credential::Certificate(certificate) => {
            recorder.begin(StageName::Certificate);
            recorder.end(check_certificate(certificate, context.now))?;
        }
    }

    recorder.begin(StageName::Token);
    let token = recorder.end(fetch_token(context).await)?;
    if account.sign_in == SignIn::Application
        && let Some(id) = token.hints().object_id
    {
        recorder.know_principal(id);
    }

    recorder.begin(StageName::Permission);
    let permission = look_for_permission(account, &token);
    if let Some(suspicion) = &permission.value {
        recorder.suspect(suspicion.clone());
    }
    recorder.end(Ok(permission))?;

    recorder.begin(StageName::Mailbox);
    recorder.end(reach_mailbox(context, courier, token).await)
}

/// Sends the message, the way that all mail goes.
pub(super) async fn send_message(
    context: &Context<'_>,
    courier: &Courier,
    way: &Way,
    to: &Address,
    message_id: &MessageId,
    recorder: &mut Recorder<'_>,
) -> Result<(), Stopped> {
    recorder.begin(StageName::Message);
    recorder.end(hand_over(context, courier, &way.sender, to, message_id).await)
}

/// Settings are missing.
pub(super) fn incomplete(missing: &[Missing]) -> Failure {
    let names: Vec<&str> = missing.iter().map(|missing| name(*missing)).collect();
    LocalTrouble::new(
        "incomplete",
        format!("the account isn't complete: {} missing", names.join(", ")),
        "Fill it in at Settings > Email Settings, or run: postern account edit",
    )
    .into()
}

fn name(missing: Missing) -> &'static str {
    match missing {
        Missing::Tenant => "Tenant ID",
        Missing::ClientId => "Client ID",
        Missing::Credential => "certificate or secret",
        Missing::From => "From",
    }
}

fn check_settings(account: &Account) -> Result<Found<()>, Failure> {
    if account.sign_in == SignIn::Application && account.sender().is_none() {
        return Err(incomplete(&[Missing::From]));
    }
    let sender = account.sender().map_or("whoever signs in".to_owned(), ToString::to_string);
    let detail = format!(
        "{} sign-in by {}, sends as {sender} through {}, cloud {}",
        match account.sign_in {
            SignIn::Delegated => "delegated",
            SignIn::Application => "application",
        },
        match account.credential {
            Credential::Certificate(_) => "certificate",
            Credential::Secret(_) => "client secret",
        },
        service(account.transport),
        account.cloud.name
    );
    Ok(Found::new((), detail))
}

fn service(transport: Transport) -> &'static str {
    match transport {
        Transport::Graph => "Microsoft Graph",
        Transport::Smtp => "SMTP",
    }
}

fn check_certificate(certificate: &ClientCertificate, now: OffsetDateTime) -> Result<Found<()>, Failure> {
    let details = CertificateDetails::from_der(&certificate.leaf_der).map_err(|error| {
        unusable("certificate_unreadable", format!("the certificate can't be read: {error}"))
    })?;
    if !certificate.key.matches(&certificate.leaf_der) {
        let why = "the private key doesn't belong to the certificate".to_owned();
        return Err(unusable("key_mismatch", why));
    }
    let (days, until) = (details.days_left(now), details.not_after.date());
    let told = format!(
        "{}, valid until {until} ({days} days), thumbprint {}",
        details.subject, details.thumbprint_sha1
    );
    match details.status(now) {
        Status::Valid => Ok(Found::new((), told)),
        Status::Expiring => Ok(Found::warning((), format!("warning: expires soon. {told}"), RENEW_CERTIFICATE)),
        Status::Expired => {
            Err(unusable("certificate_expired", format!("the certificate expired on {until}: {told}")))
        }
        Status::NotYetValid => Err(LocalTrouble::new(
            "certificate_not_yet_valid",
            format!("the certificate isn't valid before {}: {told}", details.not_before),
            "Wait until then, or check this machine's clock (`timedatectl`); else choose another certificate.",
        )
        .into()),
    }
}

fn unusable(code: &'static str, why: String) -> Failure {
    LocalTrouble::new(code, why, RENEW_CERTIFICATE).into()
}

/// The end of a secret can't be seen from outside; what was noted of it is worth a warning, never a verdict.
fn tell_secret(expires_at: Option<OffsetDateTime>, now: OffsetDateTime) -> Found<()> {
    let Some(end) = expires_at else { return Found::new((), USES_SECRET) };
    match end - now {
        left if left <= Duration::ZERO => {
            let told = format!("{USES_SECRET}. warning: by what was noted, it expired on {}", end.date());
            Found::warning((), told, RENEW_SECRET)
        }
        left if left < NEARS_ITS_END => {
            let days = left.whole_days();
            let told = format!("{USES_SECRET}. warning: it expires on {} ({days} days)", end.date());
            Found::warning((), told, RENEW_SECRET)
        }
        _ => Found::new((), format!("{USES_SECRET}, which expires on {}", end.date())),
    }
}

pub(super) const USES_SECRET: &str = "the account uses a client secret";
/// As for certificates.
const NEARS_ITS_END: Duration = Duration::days(30);
const RENEW_SECRET: &str = "Make a new secret in Azure (App registrations > the application > Certificates & secrets > New client secret), copy its \
     Value, and give it in Settings > Email Settings with its expiry date, or run: postern account edit A --secret-stdin --secret-expires DATE. \
     A client certificate can be renewed without an interruption.";

const RENEW_CERTIFICATE: &str = "Generate or import a new certificate (Settings > Inventory > Manage > Certificates), upload its .cer to the \
     application in Azure (Certificates & secrets > Upload certificate), and choose it in Settings > Email Settings.";

async fn fetch_token(context: &Context<'_>) -> Result<Found<AccessToken>, Failure> {
    let resource = Resource::from(context.account.transport);
    let token = context.tokens.access(context.connection, context.account, resource, context.now).await?;
    let service = match resource {
        Resource::Graph | Resource::Mailbox => "Microsoft Graph",
        Resource::Outlook => "Exchange Online (SMTP)",
    };
    let proof = match token.hints().client_proof.as_deref() {
        Some("1") => ", proved by the client secret",
        Some("2") => ", proved by the certificate",
        _ => "",
    };
    let life = context.tokens.lifetime(context.account, resource).map(|life| tell_life(life, context.now));
    Ok(Found::new(token, format!("token for {service}{proof}{}", life.unwrap_or_default())))
}

/// How long the token lives, and since when it is held: an old one may know nothing of what was mended since.
fn tell_life((obtained_at, expires_at): (OffsetDateTime, OffsetDateTime), now: OffsetDateTime) -> String {
    let left = (expires_at - now).whole_minutes();
    match (now - obtained_at).whole_minutes() {
        ..1 => format!(", valid {left} minutes, obtained just now"),
        age => format!(", valid {left} more minutes, obtained {age} minutes ago"),
    }
}

/// The value is what to suspect if Microsoft refuses later. It never fails: the verdict is Microsoft's.
fn look_for_permission(account: &Account, token: &AccessToken) -> Found<Option<String>> {
    let needed = needed_permission(account.sign_in, account.transport);
    let wanted = needed.split(' ').next().unwrap_or(needed);
    let hints = token.hints();
    let seen = match account.sign_in {
        SignIn::Delegated => &hints.scopes,
        SignIn::Application => &hints.roles,
    };
    if seen.iter().any(|name| name == wanted) {
        return Found::new(None, format!("{needed} is in the token"));
    }
    if hints.audience.is_none() && hints.scopes.is_empty() && hints.roles.is_empty() {
        return Found::new(
            None,
            format!("{needed} can't be seen from the token; Microsoft decides when it is used"),
        );
    }
    let has = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
    let usual = match account.sign_in {
        SignIn::Application => " With RBAC for Applications that is normal.",
        SignIn::Delegated => "",
    };
    let fix = format!(
        "If the next stages fail: App registrations > {} > API permissions, add {needed}, then Grant admin consent, and authorize again.",
        account.client_id
    );
    Found::warning(
        Some(format!("The token doesn't show {wanted} (it shows: {has}).")),
        format!(
            "warning: {wanted} isn't seen in the token (it shows: {has}).{usual} Microsoft decides when it is used."
        ),
        fix,
    )
}

async fn reach_mailbox(
    context: &Context<'_>,
    courier: &Courier,
    token: AccessToken,
) -> Result<Found<Way>, Failure> {
    match context.account.transport {
        Transport::Smtp => log_in(context, courier).await,
        Transport::Graph => look_at_mailbox(context, token).await,
    }
}

/// The log-in itself is the check: it fails where Authenticated SMTP is off, or the mailbox is another's.
async fn log_in(context: &Context<'_>, courier: &Courier) -> Result<Found<Way>, Failure> {
    let account = context.account;
    let sender = account.sender().ok_or_else(no_sender)?;
    let origin = origin(context, sender);
    courier.check_log_in(&origin, context.now).await?;
    let detail = format!("{} let {} in: Authenticated SMTP is on", account.cloud.smtp, origin.login());
    Ok(Found::new(Way { sender: sender.clone() }, detail))
}

fn origin<'a>(context: &Context<'a>, mailbox: &'a Address) -> Origin<'a> {
    Origin { connection: context.connection, account: context.account, mailbox }
}

async fn look_at_mailbox(context: &Context<'_>, token: AccessToken) -> Result<Found<Way>, Failure> {
    let account = context.account;
    let (token, signed_in) = match account.sign_in {
        SignIn::Application => (token, None),
        SignIn::Delegated => who_signed_in(context, token).await?,
    };
    let sender = account.sender().cloned().or(signed_in).ok_or_else(no_sender)?;
    let (detail, fix) = match graph::read_licences(
        context.connection,
        &token,
        origin(context, &sender).graph_mailbox(),
    )
    .await
    {
        Ok(licences) => tell_licence(&sender, &licences.mailbox()),
        Err(failure @ Failure::Network(_)) => return Err(failure),
        Err(failure) => (
            format!(
                "warning: the licence of {sender} couldn't be read ({}); sending will tell",
                failure.code()
            ),
            None,
        ),
    };
    Ok(Found { value: Way { sender }, detail, fix })
}

/// Who signed in, by `/me`; a 401 renews the token once, other refusals are no verdict on sending.
async fn who_signed_in(
    context: &Context<'_>,
    token: AccessToken,
) -> Result<(AccessToken, Option<Address>), Failure> {
    let (token, asked) = match graph::who_am_i(context.connection, &token).await {
        Err(failure) if is_unauthorized(&failure) => {
            let token = renew_token(context, &token).await?;
            let asked = graph::who_am_i(context.connection, &token).await;
            (token, asked)
        }
        asked => (token, asked),
    };
    match asked {
        Ok(profile) => {
            let address = profile.mail.unwrap_or(profile.user_principal_name);
            Ok((token, address.parse().ok()))
        }
        Err(Failure::Graph(refusal)) if refusal.status != 401 => Ok((token, None)),
        Err(failure) => Err(failure),
    }
}

fn tell_licence(sender: &Address, licence: &MailboxLicence) -> (String, Option<String>) {
    let assign = Some(format!(
        "If sending fails: admin.microsoft.com > Users > Active users > {sender} > Licenses and apps, assign a licence with Exchange Online."
    ));
    match licence {
        MailboxLicence::Present { plan } => (format!("{sender} has a mailbox ({plan})"), None),
        MailboxLicence::Pending { plan } => {
            (format!("warning: the mailbox of {sender} is being made ({plan})"), None)
        }
        MailboxLicence::Disabled { plan } => {
            (format!("warning: the mailbox of {sender} is switched off in its licence ({plan})"), assign)
        }
        MailboxLicence::Missing { skus } => {
            (format!("warning: {sender} has licences ({}), but none with a mailbox", skus.join(", ")), assign)
        }
        MailboxLicence::Unlicensed => {
            (format!("warning: {sender} has no licence, which only a shared mailbox does without"), assign)
        }
    }
}

fn write_message(context: &Context<'_>, from: &Address, to: &Address, message_id: &MessageId) -> Vec<u8> {
    let account = context.account;
    let facts = [("Transport", service(account.transport)), ("Cloud", account.cloud.name.as_str())];
    let message = TestMessage {
        from,
        to,
        account: context.account_name,
        host: context.host,
        facts: &facts,
        message_id,
    };
    compose(&message, context.now)
}

async fn hand_over(
    context: &Context<'_>,
    courier: &Courier,
    sender: &Address,
    to: &Address,
    message_id: &MessageId,
) -> Result<Found<()>, Failure> {
    let message = write_message(context, sender, to, message_id);
    let traits = Traits { eight_bit: !message.is_ascii(), international: !message.is_ascii() };
    let envelope = Envelope::new(Some(sender.clone()), [to.clone()]).expect("there is one recipient");
    let parcel = Parcel {
        envelope: &envelope,
        message_id: Some(message_id),
        content: &InMemory::new(message, traits),
        return_path: ReturnPath::Envelope,
        reports: Reports::default(),
    };
    let transport = context.account.transport;
    let handover = courier.hand_over(&origin(context, sender), transport, &parcel, context.now).await;
    let id = handover.ended?;
    let detail = match transport {
        Transport::Graph => {
            let id = id.map(|id| format!(", request {id}")).unwrap_or_default();
            format!("Microsoft Graph accepted the message (202{id}); a bounce would come to {sender}")
        }
        Transport::Smtp => {
            let id = id.map(|id| format!(" as {id}")).unwrap_or_default();
            format!("Exchange Online accepted the message{id}")
        }
    };
    Ok(Found::new((), detail))
}

fn is_unauthorized(failure: &Failure) -> bool {
    matches!(failure, Failure::Graph(refusal) if refusal.status == 401)
}

async fn renew_token(context: &Context<'_>, refused: &AccessToken) -> Result<AccessToken, Failure> {
    let resource = Resource::from(context.account.transport);
    context.tokens.invalidate(context.account, resource, refused);
    context.tokens.access(context.connection, context.account, resource, context.now).await
}

fn no_sender() -> Failure {
    incomplete(&[Missing::From])
}
