//! Walks against scripted servers: what an administrator sees, stage by stage.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::account::{ClientCertificate, Credential, SignIn, Transport};
use crate::grant_keeper::{GrantKeeper, Kept};
use crate::scripted;
use crate::scripted::http::{Play, Request, ScriptedHttp, answer};
use crate::scripted::smtp::ScriptedSmtp;
use crate::secret::RefreshToken;
use crate::testing;

const GOOD_LICENCE: &str = r#"{"value":[{"skuPartNumber":"STANDARDPACK","servicePlans":[{"servicePlanName":"EXCHANGE_S_STANDARD","provisioningStatus":"Success"}]}]}"#;
const NO_MAILBOX_LICENCE: &str = r#"{"value":[{"skuPartNumber":"POWER_BI_STANDARD","servicePlans":[{"servicePlanName":"EXCHANGE_S_FOUNDATION","provisioningStatus":"Success"}]}]}"#;
const PROFILE: &str =
    r#"{"id":"o","displayName":"Relay","mail":"relay@contoso.com","userPrincipalName":"relay@contoso.com"}"#;
const DENIED: &str = r#"{"error":{"code":"ErrorAccessDenied","message":"Access is denied. Check credentials and try again."}}"#;

/// Keeps one refresh token and never runs out of disk.
struct OneGrant;

impl GrantKeeper for OneGrant {
    fn load<'a>(&'a self, _: &'a str, _: i64) -> Kept<'a, Option<RefreshToken>> {
        Box::pin(async { Ok(Some(RefreshToken::new("refresh"))) })
    }

    fn replace<'a>(&'a self, _: &'a str, _: i64, _: RefreshToken, _: OffsetDateTime) -> Kept<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// What a walk left behind.
struct Walked {
    report: Report,
    events: Vec<StageEvent>,
}

impl Walked {
    fn stage(&self, name: StageName) -> &Stage {
        self.report.stages.iter().find(|stage| stage.name == name).unwrap()
    }

    /// One character a stage: + well, - failed, s skipped, . not reached.
    fn marks(&self) -> String {
        let mark = |stage: &Stage| match (stage.ok, stage.skipped) {
            (true, false) => '+',
            (false, false) => '-',
            (true, true) => 's',
            (false, true) => '.',
        };
        self.report.stages.iter().map(mark).collect()
    }
}

enum How {
    Run,
    Check,
}

fn account(sign_in: SignIn, transport: Transport) -> Account {
    let relay = Some("relay@contoso.com".parse().unwrap());
    let (from, mailbox) = match sign_in {
        SignIn::Application => (relay, None),
        SignIn::Delegated => (None, relay),
    };
    Account { sign_in, transport, from, mailbox, ..testing::account("https://login.example") }
}

async fn walk(how: How, account: Account, login_and_graph: &str, smtp_port: u16) -> Walked {
    let connection = Arc::new(scripted::connection(login_and_graph, smtp_port));
    let account = Arc::new(Account { cloud: connection.cloud().clone(), ..account });
    let tokens = Tokens::new(Arc::new(OneGrant));
    let context = Context {
        connection: &connection,
        account: &account,
        tokens: &tokens,
        account_name: "Production",
        host: "gate.contoso.com",
        redirect_uri: None,
        secret_expires_at: None,
        now: testing::now(),
    };
    let mut events = Vec::new();
    let mut on_event = |event| events.push(event);
    let report = match how {
        How::Check => check(&context, &mut on_event).await,
        How::Run => {
            let message_id = "0190c2@contoso.com".parse().unwrap();
            run(&context, &"ann@fabrikam.com".parse().unwrap(), &message_id, &mut on_event).await
        }
    };
    Walked { report, events }
}

async fn walk_by_graph(how: How, sign_in: SignIn, plays: Vec<Play>) -> (Walked, Vec<Request>) {
    let server = ScriptedHttp::play(plays).await;
    let walked = walk(how, account(sign_in, Transport::Graph), &server.url, 1).await;
    (walked, server.requests().await)
}

fn token_with(claims: &Value) -> Play {
    let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
    answer(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}).to_string())
}

fn app_token() -> Play {
    token_with(&json!({"aud": "https://graph.microsoft.com", "roles": ["Mail.Send"], "appidacr": "1"}))
}

#[tokio::test]
async fn a_good_walk_tells_each_stage_as_it_starts_and_ends() {
    let plays = vec![app_token(), answer(200, GOOD_LICENCE), answer(202, "")];
    let (walked, requests) = walk_by_graph(How::Run, SignIn::Application, plays).await;
    assert!(walked.report.ok, "{:#?}", walked.report);
    assert_eq!(walked.marks(), "+s++++");
    assert_eq!(walked.report.message_id.as_deref(), Some("<0190c2@contoso.com>"));
    let told: Vec<StageName> = walked
        .events
        .iter()
        .map(|event| match event {
            StageEvent::Started(name) => *name,
            StageEvent::Ended(stage) => stage.name,
        })
        .collect();
    use StageName::{Certificate, Mailbox, Message, Permission, Settings, Token};
    let expected = [
        Settings,
        Settings,
        Certificate,
        Token,
        Token,
        Permission,
        Permission,
        Mailbox,
        Mailbox,
        Message,
        Message,
    ];
    assert_eq!(told, expected);
    assert_eq!(
        walked.stage(Token).detail,
        "token for Microsoft Graph, proved by the client secret, valid 59 minutes, obtained just now"
    );
    assert_eq!(walked.stage(Mailbox).detail, "relay@contoso.com has a mailbox (EXCHANGE_S_STANDARD)");
    assert_eq!(requests[2].line, "POST /v1.0/users/relay@contoso.com/sendMail");
    let mime = String::from_utf8(STANDARD.decode(&requests[2].body).unwrap()).unwrap();
    assert!(mime.contains("Message-ID: <0190c2@contoso.com>\r\n"), "{mime}");
    assert!(mime.contains("From: <relay@contoso.com>\r\n") && mime.contains("To: <ann@fabrikam.com>\r\n"));
    assert!(mime.contains("gate.contoso.com"));
}

#[tokio::test]
async fn a_person_without_a_mailbox_licence_is_warned_of_and_may_still_send() {
    let token = token_with(&json!({"aud": "https://graph.microsoft.com", "scp": "Mail.Send User.Read"}));
    let plays = vec![token, answer(200, PROFILE), answer(200, NO_MAILBOX_LICENCE), answer(202, "")];
    let (walked, requests) = walk_by_graph(How::Run, SignIn::Delegated, plays).await;
    assert!(walked.report.ok);
    let mailbox = walked.stage(StageName::Mailbox);
    assert!(mailbox.detail.starts_with("warning: relay@contoso.com has licences (POWER_BI_STANDARD)"));
    assert!(mailbox.fix.as_ref().unwrap().contains("Licenses and apps"));
    assert_eq!(requests[3].line, "POST /v1.0/me/sendMail");
}

#[tokio::test]
async fn a_check_sends_nothing_and_a_licence_that_cannot_be_read_is_a_warning() {
    let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}"#;
    let plays = vec![app_token(), answer(403, denied)];
    let (walked, _) = walk_by_graph(How::Check, SignIn::Application, plays).await;
    assert!(walked.report.ok);
    assert_eq!(walked.marks(), "+s+++");
    assert_eq!(walked.report.message_id, None);
    assert!(
        walked.stage(StageName::Mailbox).detail.contains("couldn't be read (Authorization_RequestDenied)")
    );
}

#[tokio::test]
async fn a_refused_token_ends_the_walk_with_its_cause_and_the_rest_is_not_reached() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for app 'x' are expired.","error_codes":[7000222]}"#;
    let (walked, _) = walk_by_graph(How::Run, SignIn::Application, vec![answer(401, body)]).await;
    assert!(!walked.report.ok);
    assert_eq!(walked.marks(), "+s-...");
    assert_eq!(walked.report.message_id, None);
    let token = walked.stage(StageName::Token);
    assert_eq!(token.code.as_deref(), Some("AADSTS7000222"));
    assert!(token.detail.contains("AADSTS7000222: The provided client secret keys"), "{}", token.detail);
    assert_eq!(token.cause.as_deref(), Some("The client secret has expired."));
    assert!(token.fix.as_ref().unwrap().contains(testing::CLIENT_ID));
    assert_eq!(token.turn, Some(Turn::TenantAdministrator));
    assert_eq!(walked.stage(StageName::Message).detail, "not reached");
}

#[tokio::test]
async fn a_401_on_the_way_renews_the_token_once() {
    let expired = r#"{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed, the token is expired."}}"#;
    let plays =
        vec![app_token(), answer(200, GOOD_LICENCE), answer(401, expired), app_token(), answer(202, "")];
    let (walked, _) = walk_by_graph(How::Run, SignIn::Application, plays).await;
    assert!(walked.report.ok, "{:#?}", walked.report);
    let plays =
        vec![app_token(), answer(200, GOOD_LICENCE), answer(401, expired), app_token(), answer(401, expired)];
    let (walked, _) = walk_by_graph(How::Run, SignIn::Application, plays).await;
    assert_eq!(walked.marks(), "+s+++-");
    assert_eq!(walked.stage(StageName::Message).code.as_deref(), Some("InvalidAuthenticationToken"));
}

#[tokio::test]
async fn a_missing_permission_is_suspected_early_and_judged_by_microsoft() {
    let bare = || token_with(&json!({"aud": "https://graph.microsoft.com", "roles": ["User.Read.All"]}));
    let plays = vec![bare(), answer(200, GOOD_LICENCE), answer(403, DENIED), bare(), answer(403, DENIED)];
    let (walked, _) = walk_by_graph(How::Run, SignIn::Application, plays).await;
    assert_eq!(walked.marks(), "+s+++-");
    let permission = walked.stage(StageName::Permission);
    assert!(
        permission
            .detail
            .starts_with("warning: Mail.Send isn't seen in the token (it shows: User.Read.All).")
    );
    assert!(permission.detail.contains("With RBAC for Applications that is normal."));
    let message = walked.stage(StageName::Message);
    assert_eq!(message.code.as_deref(), Some("ErrorAccessDenied"));
    let cause = message.cause.as_ref().unwrap();
    assert!(
        cause.starts_with("The token doesn't show Mail.Send (it shows: User.Read.All). The application may")
    );
}

#[tokio::test]
async fn a_permission_mended_a_moment_ago_is_found_with_a_fresh_token() {
    let bare = token_with(&json!({"aud": "https://graph.microsoft.com", "roles": []}));
    let plays = vec![bare, answer(200, GOOD_LICENCE), answer(403, DENIED), app_token(), answer(202, "")];
    let (walked, _) = walk_by_graph(How::Run, SignIn::Application, plays).await;
    assert!(walked.report.ok, "{:#?}", walked.report);
}

#[tokio::test]
async fn an_opaque_token_is_no_reason_to_worry() {
    let opaque = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"opaque"}"#;
    let plays = vec![answer(200, opaque), answer(200, GOOD_LICENCE), answer(202, "")];
    let (walked, _) = walk_by_graph(How::Run, SignIn::Application, plays).await;
    assert!(walked.report.ok);
    let permission = walked.stage(StageName::Permission);
    assert!(permission.detail.contains("can't be seen from the token"), "{}", permission.detail);
    assert_eq!(permission.fix, None);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_message_id_to_look_for() {
    let plays = vec![app_token(), answer(200, GOOD_LICENCE), Play::HangUp];
    let (walked, _) = walk_by_graph(How::Run, SignIn::Application, plays).await;
    assert_eq!(walked.marks(), "+s+++-");
    assert_eq!(walked.stage(StageName::Message).code.as_deref(), Some("after_last_byte"));
    assert_eq!(walked.report.message_id.as_deref(), Some("<0190c2@contoso.com>"));
}

#[tokio::test]
async fn an_application_without_from_has_nobody_to_send_as() {
    let account = Account { from: None, ..account(SignIn::Application, Transport::Graph) };
    let walked = walk(How::Run, account, "http://127.0.0.1:1", 1).await;
    assert_eq!(walked.marks(), "-.....");
    let settings = walked.stage(StageName::Settings);
    assert_eq!(settings.code.as_deref(), Some("incomplete"));
    assert!(settings.cause.as_ref().unwrap().contains("From"));
}

#[test]
fn an_incomplete_account_is_told_what_is_missing() {
    let mut events = Vec::new();
    let missing = [Missing::Tenant, Missing::Credential];
    let report = report_incomplete(&missing, ALL_BUT_MESSAGE, &mut |event| events.push(event));
    assert!(!report.ok);
    assert_eq!(report.stages.len(), 5);
    assert!(report.stages[0].detail.contains("Tenant ID, certificate or secret missing"));
    assert_eq!(events.len(), 6);
}

fn certificate_made_at(now: OffsetDateTime) -> Credential {
    let options = certs::GenerateOptions {
        subject: certs::Subject::common_name("Postern test").unwrap(),
        key_bits: certs::KeyBits::try_from(2048).unwrap(),
        days: certs::ValidityDays::try_from(90).unwrap(),
    };
    let made = certs::generate(&options, now).unwrap();
    let leaf_der = made.leaf_der().to_vec();
    let key = made.into_key();
    Credential::Certificate(Arc::new(ClientCertificate { key, leaf_der }))
}

#[tokio::test]
async fn an_expired_certificate_is_not_shown_to_microsoft() {
    let credential = certificate_made_at(testing::now() - time::Duration::days(91));
    let account = Account { credential, ..account(SignIn::Application, Transport::Graph) };
    let walked = walk(How::Run, account, "http://127.0.0.1:1", 1).await;
    assert_eq!(walked.marks(), "+-....");
    let certificate = walked.stage(StageName::Certificate);
    assert_eq!(certificate.code.as_deref(), Some("certificate_expired"));
    assert!(certificate.fix.as_ref().unwrap().contains("Upload certificate"));
}

#[tokio::test]
async fn a_certificate_near_its_end_is_warned_of() {
    let credential = certificate_made_at(testing::now() - time::Duration::days(80));
    let account = Account { credential, ..account(SignIn::Application, Transport::Graph) };
    let server = ScriptedHttp::play([app_token(), answer(200, GOOD_LICENCE)]).await;
    let walked = walk(How::Check, account, &server.url, 1).await;
    assert!(walked.report.ok, "{:#?}", walked.report);
    let certificate = walked.stage(StageName::Certificate);
    assert!(
        certificate.detail.starts_with("warning: expires soon. CN=Postern test"),
        "{}",
        certificate.detail
    );
    assert!(certificate.fix.is_some());
    assert!(server.requests().await[0].body.contains("client_assertion="));
}

const SMTP_UP_TO_LOGIN: &str = "
    S: 220 outlook.office365.com ready
    C: EHLO gate.contoso.com
    S: 250-outlook.office365.com
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    TLS
    C: EHLO gate.contoso.com
    S: 250-outlook.office365.com
    S: 250 AUTH LOGIN XOAUTH2
    C~ AUTH XOAUTH2 
";

fn smtp_token() -> Play {
    token_with(&json!({"aud": "https://outlook.office.com", "scp": "SMTP.Send"}))
}

#[tokio::test]
async fn by_smtp_the_log_in_is_the_check_and_the_message_goes_the_same_way() {
    let script = [
        SMTP_UP_TO_LOGIN,
        "
        S: 235 2.7.0 Authentication successful
        C: MAIL FROM:<relay@contoso.com>
        S: 250 OK
        C: RCPT TO:<ann@fabrikam.com>
        S: 250 OK
        C: DATA
        S: 354 go
        MESSAGE
        S: 250 2.0.0 OK <id@prod.outlook.com> [Hostname=x]
        C: QUIT
        S: 221 bye
        ",
    ];
    let smtp = ScriptedSmtp::play(&script.concat()).await;
    let login = ScriptedHttp::play([smtp_token()]).await;
    let account = account(SignIn::Delegated, Transport::Smtp);
    let walked = walk(How::Run, account, &login.url, smtp.port).await;
    assert!(walked.report.ok, "{:#?}", walked.report);
    assert!(walked.stage(StageName::Mailbox).detail.contains("Authenticated SMTP is on"));
    assert!(walked.stage(StageName::Message).detail.ends_with("as <id@prod.outlook.com>"));
    assert!(smtp.heard().await.messages[0].contains("Message-ID: <0190c2@contoso.com>"));
}

#[tokio::test]
async fn authenticated_smtp_switched_off_fails_the_mailbox_stage_with_its_fix() {
    let refused = "
        S: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [X]
        SILENCE
    ";
    let script = [SMTP_UP_TO_LOGIN, refused, "RECONNECT", SMTP_UP_TO_LOGIN, refused].concat();
    let smtp = ScriptedSmtp::play(&script).await;
    let login = ScriptedHttp::play([smtp_token(), smtp_token()]).await;
    let account = account(SignIn::Delegated, Transport::Smtp);
    let walked = walk(How::Check, account, &login.url, smtp.port).await;
    assert_eq!(walked.marks(), "+s++-");
    let mailbox = walked.stage(StageName::Mailbox);
    assert_eq!(mailbox.code.as_deref(), Some("535 5.7.139"));
    assert!(mailbox.fix.as_ref().unwrap().contains("Set-CASMailbox -Identity relay@contoso.com"));
    smtp.heard().await;
}

#[test]
fn a_report_is_json_as_the_contract_says() {
    let report = report_incomplete(&[Missing::From], ALL, &mut |_| {});
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["message_id"], Value::Null);
    let stage = &json["stages"][0];
    for member in ["name", "ok", "skipped", "took_ms", "detail", "code", "cause", "fix", "turn"] {
        assert!(stage.get(member).is_some(), "{member}");
    }
    let names: Vec<&str> =
        json["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["settings", "certificate", "token", "permission", "mailbox", "message"]);
}
