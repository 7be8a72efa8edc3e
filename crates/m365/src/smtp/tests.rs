//! Dialogs with a scripted server: each thing that can happen on the way has its own.

mod flow;

use std::time::Duration;

use mail::Envelope;

use super::*;
use crate::failure::{Failure, NetworkKind, SmtpRefusal, SmtpStage};
use crate::parcel::testing::Cut;
use crate::parcel::{Parcel, Reports, ReportsBy, ReturnPath};
use crate::scripted;
use crate::scripted::smtp::{Heard, ScriptedSmtp};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\n.dot\r\nbye\r\n";

/// Up to the log-in, as Exchange Online speaks (facts 6.2).
const GREETING: &str = "
    S: 220 SY5P282CA0097.outlook.office365.com Microsoft ESMTP MAIL Service ready [08DE2A6028D26C22]
    C: EHLO gate.contoso.com
    S: 250-SY5P282CA0097.outlook.office365.com Hello [127.0.0.1]
    S: 250-SIZE 157286400
    S: 250-STARTTLS
    S: 250 SMTPUTF8
    C: STARTTLS
    S: 220 2.0.0 SMTP server ready
    TLS
    C: EHLO gate.contoso.com
    S: 250-SY5P282CA0097.outlook.office365.com Hello [127.0.0.1]
    S: 250-SIZE 157286400
    S: 250-AUTH LOGIN XOAUTH2
    S: 250-8BITMIME
    S: 250 SMTPUTF8
";
const LOGGED_IN: &str = "
    C~ AUTH XOAUTH2 dXNlcj1yZWxheUBjb250b3NvLmNvbQ
    S: 235 2.7.0 Authentication successful
";
const UP_TO_DATA: &str = "
    C: MAIL FROM:<relay@contoso.com> SIZE=29
    S: 250 2.1.0 Sender OK
    C: RCPT TO:<ann@fabrikam.com>
    S: 250 2.1.5 Recipient OK
    C: DATA
    S: 354 Start mail input; end with <CRLF>.<CRLF>
    MESSAGE
";
const BYE: &str = "
    C: QUIT
    S: 221 2.0.0 Service closing transmission channel
";

fn limits() -> Timeouts {
    let limit = Duration::from_secs(10);
    Timeouts {
        connect: limit,
        greeting: limit,
        command: limit,
        data_block: limit,
        end_of_data: limit,
        quit: limit,
    }
}

/// What came of a message that was accepted.
#[derive(Debug)]
struct Sent {
    remote_id: Option<String>,
    refused: Vec<SmtpRefusal>,
}

async fn send_to(server: &ScriptedSmtp, token: &str, to: &[&str], limits: Timeouts) -> Result<Sent, Failure> {
    send_content(server, token, to, limits, &Cut::whole(MESSAGE)).await
}

/// One message over a session of its own.
async fn send_content(
    server: &ScriptedSmtp,
    token: &str,
    to: &[&str],
    limits: Timeouts,
    content: &Cut,
) -> Result<Sent, Failure> {
    let conn = scripted::connection("http://localhost:1", server.port);
    let mailbox: Address = "relay@contoso.com".parse().unwrap();
    let to: Vec<Address> = to.iter().map(|address| address.parse().unwrap()).collect();
    let envelope = Envelope::new(Some(mailbox.clone()), to).unwrap();
    let token = AccessToken::new(token);
    let login = Login { mailbox: &mailbox, token: &token };
    let server = Server::of_cloud(&conn, "gate.contoso.com").with_timeouts(limits);
    let parcel = Parcel {
        envelope: &envelope,
        message_id: None,
        content,
        return_path: ReturnPath::Envelope,
        reports: Reports::default(),
    };
    let mut session = Session::open(&server, &login).await?;
    let handover = session.deliver(&Letter { from: envelope.from(), parcel: &parcel }).await;
    session.close().await;
    Ok(Sent { remote_id: handover.ended?, refused: handover.refused })
}

async fn play(script: &str) -> (Result<Sent, Failure>, Heard) {
    let server = ScriptedSmtp::play(script).await;
    let result = send_to(&server, "token", &["ann@fabrikam.com"], limits()).await;
    (result, server.heard().await)
}

async fn refusal_of(script: &str) -> SmtpRefusal {
    match play(script).await.0.unwrap_err() {
        Failure::Smtp(refusal) => *refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

async fn network_trouble_of(script: &str) -> (NetworkKind, String) {
    match play(script).await.0.unwrap_err() {
        Failure::Network(trouble) => (trouble.kind, trouble.detail),
        other => panic!("not a network trouble: {other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_sent_stuffed_and_its_name_is_kept() {
    let accepted = "S: 250 2.0.0 OK <BYAPR17MB2920@namprd17.prod.outlook.com> [Hostname=BYAPR17MB2920]";
    let (sent, heard) = play(&[GREETING, LOGGED_IN, UP_TO_DATA, accepted, BYE].concat()).await;
    let sent = sent.unwrap();
    assert_eq!(sent.remote_id.as_deref(), Some("<BYAPR17MB2920@namprd17.prod.outlook.com>"));
    assert_eq!(sent.refused, []);
    assert_eq!(heard.messages, ["Subject: hello\r\n\r\n..dot\r\nbye\r\n"]);
}

#[tokio::test]
async fn a_long_token_goes_on_a_line_of_its_own() {
    let token = "t".repeat(2000);
    let asked = "
        C: AUTH XOAUTH2
        S: 334
        C~ dXNlcj1yZWxheUBjb250b3NvLmNvbQFhdXRoPUJlYXJlciB0dHR0
        S: 235 2.7.0 Authentication successful
    ";
    let script = [GREETING, asked, UP_TO_DATA, "S: 250 2.0.0 OK", BYE].concat();
    let server = ScriptedSmtp::play(&script).await;
    let sent = send_to(&server, &token, &["ann@fabrikam.com"], limits()).await.unwrap();
    assert_eq!(sent.remote_id, None);
    let heard = server.heard().await;
    assert!(heard.lines.iter().any(|line| line.len() > 2000));
}

#[tokio::test]
async fn each_refusal_of_the_log_in_is_kept_as_it_is_said() {
    for said in [
        "535 5.7.3 Authentication unsuccessful [SN2PR00CA0018.namprd00.prod.outlook.com 2024-03-14T00:58:28.419Z 08DC432AD9175861]",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [FRONTEND]",
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator. [FRONTEND]",
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator. [FRONTEND]",
    ] {
        let answer = format!("C~ AUTH XOAUTH2 \nS: {said}\nSILENCE");
        let refusal = refusal_of(&[GREETING, &answer].concat()).await;
        assert_eq!((refusal.stage, refusal.code), (SmtpStage::Auth, 535));
        assert_eq!(format!("535 {} {}", refusal.enhanced.unwrap(), refusal.text), said);
        assert_eq!(refusal.challenge, None);
    }
}

#[tokio::test]
async fn an_error_inside_a_334_is_answered_by_an_empty_line_and_kept() {
    // {"status":"401","schemes":"Bearer","scope":"https://mail.example/"}
    let asked = "
        C~ AUTH XOAUTH2 
        S: 334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZXhhbXBsZS8ifQ==
        C: 
        S: 535 5.7.8 Username and Password not accepted
        SILENCE
    ";
    let refusal = refusal_of(&[GREETING, asked].concat()).await;
    assert_eq!((refusal.stage, refusal.code), (SmtpStage::Auth, 535));
    assert_eq!(
        refusal.challenge.as_deref(),
        Some(r#"{"status":"401","schemes":"Bearer","scope":"https://mail.example/"}"#)
    );
}

#[tokio::test]
async fn nothing_is_said_to_a_server_without_starttls() {
    let script = "
        S: 220 relay ready
        C: EHLO gate.contoso.com
        S: 250-relay
        S: 250 AUTH PLAIN XOAUTH2
        SILENCE
    ";
    let (result, heard) = play(script).await;
    assert_eq!(result.unwrap_err().code(), "starttls_not_offered");
    assert_eq!(heard.lines, ["EHLO gate.contoso.com"]);
}

#[tokio::test]
async fn a_refused_starttls_is_the_end() {
    let script = "
        S: 220 relay ready
        C: EHLO gate.contoso.com
        S: 250-relay
        S: 250 STARTTLS
        C: STARTTLS
        S: 454 4.7.0 TLS not available due to temporary reason
        SILENCE
    ";
    let refusal = refusal_of(script).await;
    assert_eq!((refusal.stage, refusal.code), (SmtpStage::StartTls, 454));
    assert!(refusal.is_temporary());
}

#[tokio::test]
async fn text_slipped_in_behind_the_answer_to_starttls_is_not_believed() {
    let script = "
        S: 220 relay ready
        C: EHLO gate.contoso.com
        S: 250-relay
        S: 250 STARTTLS
        C: STARTTLS
        RAW: 220 go\\r\\n250-relay\\r\\n250 AUTH XOAUTH2\\r\\n
        SILENCE
    ";
    let (kind, detail) = network_trouble_of(script).await;
    assert_eq!(kind, NetworkKind::Tls);
    assert!(detail.contains("before TLS began"), "{detail}");
}

#[tokio::test]
async fn what_was_offered_before_tls_does_not_count_after_it() {
    let script = "
        S: 220 relay ready
        C: EHLO gate.contoso.com
        S: 250-relay
        S: 250-AUTH XOAUTH2
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 go
        TLS
        C: EHLO gate.contoso.com
        S: 250 relay
        SILENCE
    ";
    let (result, heard) = play(script).await;
    assert_eq!(result.unwrap_err().code(), "xoauth2_not_offered");
    assert_eq!(heard.lines, ["EHLO gate.contoso.com", "STARTTLS", "EHLO gate.contoso.com"]);
}

#[tokio::test]
async fn a_certificate_for_another_name_gets_no_token() {
    let server = ScriptedSmtp::play_as("smtp.evil.example", GREETING).await;
    let failure = send_to(&server, "token", &["ann@fabrikam.com"], limits()).await.unwrap_err();
    let Failure::Network(trouble) = failure else { panic!("not a network trouble: {failure:?}") };
    assert_eq!(trouble.kind, NetworkKind::Tls);
    assert!(trouble.detail.contains("not valid for name"), "{}", trouble.detail);
    assert_eq!(server.heard().await.lines, ["EHLO gate.contoso.com", "STARTTLS"]);
}

#[tokio::test]
async fn each_recipient_has_a_verdict_and_the_others_get_the_message() {
    let dialog = "
        C: MAIL FROM:<relay@contoso.com> SIZE=29
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@fabrikam.com>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<bad@fabrikam.com>
        S: 550 5.1.1 Mailbox unavailable
        C: RCPT TO:<late@fabrikam.com>
        S: 452 4.5.3 Too many recipients
        C: DATA
        S: 354 Start mail input; end with <CRLF>.<CRLF>
        MESSAGE
        S: 250 2.0.0 OK <id@x>
    ";
    let server = ScriptedSmtp::play(&[GREETING, LOGGED_IN, dialog, BYE].concat()).await;
    let to = ["ann@fabrikam.com", "bad@fabrikam.com", "late@fabrikam.com"];
    let sent = send_to(&server, "token", &to, limits()).await.unwrap();
    let refused: Vec<_> = sent
        .refused
        .iter()
        .map(|refusal| (refusal.recipient.as_ref().unwrap().as_str(), refusal.code, refusal.is_temporary()))
        .collect();
    assert_eq!(refused, [("bad@fabrikam.com", 550, false), ("late@fabrikam.com", 452, true)]);
    server.heard().await;
}

#[tokio::test]
async fn a_message_that_nobody_may_get_is_not_sent() {
    let dialog = "
        C~ MAIL FROM:
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@fabrikam.com>
        S: 550 5.1.1 Mailbox unavailable
        C: RSET
        S: 250 2.0.0 Resetting
    ";
    let refusal = refusal_of(&[GREETING, LOGGED_IN, dialog, BYE].concat()).await;
    assert_eq!((refusal.stage, refusal.code), (SmtpStage::RcptTo, 550));
    assert_eq!(refusal.recipient.unwrap().as_str(), "ann@fabrikam.com");
}

#[tokio::test]
async fn refusals_after_the_message_are_told_apart() {
    for (said, temporary) in [
        (
            "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=X]",
            true,
        ),
        (
            "554 5.2.252 SendAsDenied; relay@contoso.com not allowed to send as ann@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
            false,
        ),
    ] {
        let refused = format!("S: {said}\n");
        let refusal = refusal_of(&[GREETING, LOGGED_IN, UP_TO_DATA, &refused, BYE].concat()).await;
        assert_eq!(refusal.stage, SmtpStage::EndOfData);
        assert_eq!(refusal.is_temporary(), temporary, "{said}");
    }
}

#[tokio::test]
async fn before_the_final_dot_a_lost_connection_means_not_sent() {
    let dialog = "
        C~ MAIL FROM:
        S: 250 2.1.0 Sender OK
        C~ RCPT TO:
        CLOSE
    ";
    let (kind, _) = network_trouble_of(&[GREETING, LOGGED_IN, dialog].concat()).await;
    assert_eq!(kind, NetworkKind::Reset);
}

#[tokio::test]
async fn after_the_final_dot_a_lost_connection_means_unknown() {
    for last in ["CLOSE", "S: HTTP/1.1 200 OK\nSILENCE"] {
        let (kind, _) = network_trouble_of(&[GREETING, LOGGED_IN, UP_TO_DATA, last].concat()).await;
        assert_eq!(kind, NetworkKind::AfterLastByte, "{last}");
    }
}

#[tokio::test]
async fn silence_is_a_timeout_before_the_final_dot_and_unknown_after_it() {
    let brief = Duration::from_millis(200);
    for (script, limits, expected) in [
        ("SILENCE".to_owned(), Timeouts { greeting: brief, ..limits() }, NetworkKind::Timeout),
        (
            [GREETING, LOGGED_IN, UP_TO_DATA, "SILENCE"].concat(),
            Timeouts { end_of_data: brief, quit: brief, ..limits() },
            NetworkKind::AfterLastByte,
        ),
    ] {
        let server = ScriptedSmtp::play(&script).await;
        let failure = send_to(&server, "token", &["ann@fabrikam.com"], limits).await.unwrap_err();
        assert_eq!(failure.code(), expected.name());
        server.heard().await;
    }
}

#[tokio::test]
async fn what_does_not_speak_smtp_is_said_so() {
    for (said, part) in [
        ("S: HTTP/1.1 400 Bad Request\nSILENCE".to_owned(), "HTTP/1.1 400 Bad Request"),
        (format!("RAW: {}\nSILENCE", "2".repeat(20_000)), "longer than any"),
        (format!("RAW: {}\nSILENCE", "220-x\\r\\n".repeat(12_000)), "longer than any"),
    ] {
        let (kind, detail) = network_trouble_of(&said).await;
        assert_eq!(kind, NetworkKind::Unreadable);
        assert!(detail.contains(part), "{detail}");
    }
}

#[tokio::test]
async fn an_unwelcoming_greeting_is_a_refusal() {
    let refusal = refusal_of("S: 554 5.3.2 no service here\nSILENCE").await;
    assert_eq!((refusal.stage, refusal.code), (SmtpStage::Greeting, 554));
}

#[tokio::test]
async fn nobody_listening_is_a_connect_trouble() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let conn = scripted::connection("http://localhost:1", port);
    let mailbox = "relay@contoso.com".parse().unwrap();
    let token = AccessToken::new("token");
    let login = Login { mailbox: &mailbox, token: &token };
    let failure = Session::open(&Server::of_cloud(&conn, "x"), &login).await.err().unwrap();
    assert_eq!(failure.code(), "connect");
}

#[tokio::test]
async fn a_message_that_smtp_cannot_carry_is_refused_before_mail_from() {
    let server = ScriptedSmtp::play(&[GREETING, LOGGED_IN, BYE].concat()).await;
    let smuggled = Cut::whole("a\r\n.\nMAIL FROM:<eve@x>\r\n");
    let sent = send_content(&server, "token", &["ann@fabrikam.com"], limits(), &smuggled).await;
    assert_eq!(sent.unwrap_err().code(), "bare_line_break");
    server.heard().await;
}

#[test]
fn a_token_does_not_show_itself() {
    let mailbox = "relay@contoso.com".parse().unwrap();
    let token = AccessToken::new("sesame");
    assert!(!format!("{:?}", Login { mailbox: &mailbox, token: &token }).contains("sesame"));
}

#[test]
fn a_host_name_cannot_break_the_dialog() {
    assert_eq!(presentable("gate.contoso.com"), "gate.contoso.com");
    for odd in ["", "a b", "x\r\nMAIL FROM:<>", "bücher"] {
        assert_eq!(presentable(odd), "localhost");
    }
}
