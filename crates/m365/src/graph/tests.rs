//! Exchanges with a scripted server: each answer that Graph is known to give has its own.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::parcel::Seen;
use crate::parcel::testing::Cut;
use crate::scripted;
use crate::scripted::http::{Play, Request, ScriptedHttp, answer, answer_with};

const MIME: &[u8] = b"Subject: hello\r\n\r\nbye\r\n";

fn token() -> AccessToken {
    AccessToken::new("the-token")
}

async fn send_in(limit: Duration, mime: &[u8], play: Play) -> (Result<Sent, Failure>, Request) {
    let server = ScriptedHttp::play([play]).await;
    let conn = scripted::connection(&server.url, 1);
    let sender = "relay@contoso.com".parse().unwrap();
    let sent = send_within(limit, &conn, &token(), Mailbox::User(&sender), &Cut::whole(mime)).await;
    let request = server.requests().await.remove(0);
    (sent, request)
}

async fn send(play: Play) -> (Result<Sent, Failure>, Request) {
    send_in(Duration::from_secs(20), MIME, play).await
}

async fn refusal_of(play: Play) -> crate::failure::GraphRefusal {
    match send(play).await.0.unwrap_err() {
        Failure::Graph(refusal) => *refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

#[tokio::test]
async fn a_message_goes_out_whole_as_base64_and_202_means_sent() {
    let (sent, request) = send(answer_with(202, &[("request-id", "r-1")], "")).await;
    assert_eq!(sent, Ok(Sent { request_id: Some("r-1".to_owned()) }));
    assert_eq!(request.line, "POST /v1.0/users/relay@contoso.com/sendMail");
    assert_eq!(request.header("content-type"), Some("text/plain"));
    assert_eq!(request.header("authorization"), Some("Bearer the-token"));
    assert_eq!(request.header("transfer-encoding"), None);
    assert!(request.header("user-agent").unwrap().starts_with("Postern/"));
    assert!(request.header("client-request-id").is_some());
    assert_eq!(STANDARD.decode(request.body).unwrap(), MIME);
}

#[tokio::test]
async fn who_signed_in_sends_under_me() {
    let server = ScriptedHttp::play([answer(202, "")]).await;
    let conn = scripted::connection(&server.url, 1);
    send_mime(&conn, &token(), Mailbox::Me, &Cut::whole(MIME)).await.unwrap();
    assert_eq!(server.requests().await[0].line, "POST /v1.0/me/sendMail");
}

#[tokio::test]
async fn a_name_cannot_leave_its_place_in_the_path() {
    let server = ScriptedHttp::play([answer(202, "")]).await;
    let conn = scripted::connection(&server.url, 1);
    let odd = "a/b?c#d%2e@contoso.com".parse().unwrap();
    send_mime(&conn, &token(), Mailbox::User(&odd), &Cut::whole(MIME)).await.unwrap();
    assert_eq!(server.requests().await[0].line, "POST /v1.0/users/a%2Fb%3Fc%23d%252e@contoso.com/sendMail");
}

#[tokio::test]
async fn a_success_that_is_not_202_is_no_success() {
    for status in [200, 201, 204] {
        let refusal = refusal_of(answer(status, "")).await;
        assert_eq!(refusal.status, status);
        assert!(refusal.message.contains("has not sent the message"), "{}", refusal.message);
    }
}

#[tokio::test]
async fn a_401_is_handed_back_and_a_fresh_token_gets_through() {
    let expired = r#"{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed, the token is expired.","innerError":{"request-id":"r"}}}"#;
    let server = ScriptedHttp::play([answer(401, expired), answer(202, "")]).await;
    let conn = scripted::connection(&server.url, 1);
    let first = send_mime(&conn, &token(), Mailbox::Me, &Cut::whole(MIME)).await.unwrap_err();
    assert_eq!(first.code(), "InvalidAuthenticationToken");
    send_mime(&conn, &AccessToken::new("fresh"), Mailbox::Me, &Cut::whole(MIME)).await.unwrap();
    assert_eq!(server.requests().await[1].header("authorization"), Some("Bearer fresh"));
}

#[tokio::test]
async fn refusals_keep_code_words_and_the_names_of_the_request() {
    let body = r#"{"error":{"code":"ErrorSendAsDenied","message":"The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account. Cannot submit message.","innerError":{"request-id":"inner","date":"2026-11-21T10:00:00"}}}"#;
    let refusal = refusal_of(answer_with(403, &[("request-id", "outer")], body)).await;
    assert_eq!((refusal.status, refusal.code.as_str()), (403, "ErrorSendAsDenied"));
    assert!(refusal.message.starts_with("The user account which was used"));
    assert_eq!(refusal.request_id.as_deref(), Some("outer"));
    assert_eq!(refusal_of(answer(403, body)).await.request_id.as_deref(), Some("inner"));
    assert!(refusal.client_request_id.is_some());
}

#[tokio::test]
async fn every_known_refusal_is_judged_by_its_code() {
    for (status, code, temporary) in [
        (403, "ErrorAccessDenied", false),
        (404, "MailboxNotEnabledForRESTAPI", false),
        (400, "ErrorMimeContentInvalidBase64String", false),
        (400, "ErrorExceededMessageLimit", true),
        (429, "ApplicationThrottled", true),
        (504, "UnknownError", true),
    ] {
        let refusal = refusal_of(answer(status, &format!(r#"{{"error":{{"code":"{code}"}}}}"#))).await;
        assert_eq!((refusal.status, refusal.code.as_str()), (status, code));
        assert_eq!(refusal.is_temporary(), temporary, "{code}");
    }
    let too_large = refusal_of(answer(413, "<html>Request Entity Too Large</html>")).await;
    assert_eq!(Failure::from(too_large).code(), "http_413");
}

#[tokio::test]
async fn a_pause_is_read_in_any_case_and_in_both_forms() {
    let date = ("Date", "Sat, 21 Nov 2026 10:00:00 GMT");
    for (headers, expected) in [
        (vec![("Retry-After", "17")], Some(17)),
        (vec![("retry-after", " 17 ")], Some(17)),
        (vec![("RETRY-AFTER", "0")], Some(0)),
        (vec![date, ("reTRY-aFTER", "Sat, 21 Nov 2026 10:02:00 GMT")], Some(120)),
        (vec![date, ("Retry-After", "Sat, 21 Nov 2026 09:00:00 GMT")], None),
        (vec![("Retry-After", "soon")], None),
        (vec![("Retry-After", "-5")], None),
        (vec![], None),
    ] {
        let refusal = refusal_of(answer_with(429, &headers, "")).await;
        assert_eq!(refusal.retry_after.map(|pause| pause.as_secs()), expected, "{headers:?}");
    }
}

#[tokio::test]
async fn silence_after_the_whole_message_means_unknown() {
    let brief = Duration::from_millis(300);
    for (limit, play) in [(brief, Play::Silence), (Duration::from_secs(20), Play::HangUp)] {
        let (sent, _) = send_in(limit, MIME, play).await;
        assert_eq!(sent.unwrap_err().code(), "after_last_byte");
    }
}

#[tokio::test]
async fn a_message_in_many_pieces_arrives_as_one_and_only_a_few_are_held() {
    let message: Vec<u8> = (0..MAX_MIME_OCTETS).map(|at| b"abcdefg\r\n"[at as usize % 9]).collect();
    let content = Cut::into_pieces(message.as_slice(), 50_000);
    let server = ScriptedHttp::play([answer(202, "")]).await;
    let conn = scripted::connection(&server.url, 1);
    send_mime(&conn, &token(), Mailbox::Me, &content).await.unwrap();
    let request = server.requests().await.remove(0);
    assert_eq!(request.header("content-length"), Some("2796204"));
    assert_eq!(STANDARD.decode(request.body).unwrap(), message);
    assert!(content.alive.most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_the_message_has_sent_nothing() {
    let content = Cut::into_pieces("x".repeat(2_000_000), 50_000);
    let server = ScriptedHttp::play([Play::CutAfter(10_000)]).await;
    let conn = scripted::connection(&server.url, 1);
    let failure = send_mime(&conn, &token(), Mailbox::Me, &content).await.unwrap_err();
    assert_eq!(failure.code(), "reset");
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_message_is_the_verdict() {
    let content = Cut::into_pieces("x".repeat(2_000_000), 50_000);
    let Play::Answer(busy) = answer_with(429, &[("Retry-After", "7")], "") else { panic!("an answer") };
    let server = ScriptedHttp::play([Play::AnswerEarly(busy)]).await;
    let conn = scripted::connection(&server.url, 1);
    let failure = send_mime(&conn, &token(), Mailbox::Me, &content).await.unwrap_err();
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_ends_the_request_and_the_message_is_tried_again() {
    let mut content = Cut::into_pieces("x".repeat(2_000_000), 500_000);
    let server = ScriptedHttp::play([Play::CutAfter(0)]).await;
    let conn = scripted::connection(&server.url, 1);
    content.broken = Some(1);
    let failure = send_mime(&conn, &token(), Mailbox::Me, &content).await.unwrap_err();
    assert_eq!(failure.code(), "content_unreadable");
    assert!(failure.is_temporary());
}

#[tokio::test]
async fn a_sent_message_is_told_from_a_draft_and_from_none() {
    let list = |messages: &str| answer(200, &format!(r#"{{"value":[{messages}]}}"#));
    let denied = r#"{"error":{"code":"ErrorAccessDenied","message":"Access is denied."}}"#;
    let id = "o'brien.1@contoso.com".parse().unwrap();
    for (play, expected) in [
        (list(r#"{"id":"a","isDraft":true},{"id":"b","isDraft":false}"#), Seen::Sent),
        (list(r#"{"id":"a","isDraft":true}"#), Seen::NotFound),
        (list(""), Seen::NotFound),
        (answer(403, denied), Seen::CannotLook),
    ] {
        let server = ScriptedHttp::play([play]).await;
        let conn = scripted::connection(&server.url, 1);
        assert_eq!(was_sent(&conn, &token(), Mailbox::Me, &id).await, Ok(expected));
        let line = &server.requests().await[0].line;
        let filter = "%24filter=internetMessageId+eq+%27%3Co%27%27brien.1%40contoso.com%3E%27";
        assert_eq!(line, &format!("GET /v1.0/me/messages?{filter}&%24select=id%2CisDraft"));
    }
    let server = ScriptedHttp::play([answer(503, "")]).await;
    let conn = scripted::connection(&server.url, 1);
    assert!(was_sent(&conn, &token(), Mailbox::Me, &id).await.unwrap_err().is_temporary());
}

#[tokio::test]
async fn nobody_listening_is_no_unknown_outcome() {
    let conn = scripted::connection("http://127.0.0.1:1", 1);
    let failure = send_mime(&conn, &token(), Mailbox::Me, &Cut::whole(MIME)).await.unwrap_err();
    assert_eq!(failure.code(), "connect");
}

#[tokio::test]
async fn what_graph_would_swallow_is_not_sent_at_all() {
    let conn = scripted::connection("http://127.0.0.1:1", 1);
    let too_large = Cut::whole(vec![b'x'; MAX_MIME_OCTETS as usize + 1]);
    let failure = send_mime(&conn, &token(), Mailbox::Me, &too_large).await.unwrap_err();
    assert_eq!(failure.code(), "message_too_large");
}

#[tokio::test]
async fn a_redirect_speaks_for_nobody() {
    let (sent, _) = send(answer_with(302, &[("Location", "https://portal.example/login")], "")).await;
    assert_eq!(sent.unwrap_err().code(), "unreadable");
}

#[tokio::test]
async fn who_signed_in_is_read_from_the_profile() {
    let body = r#"{"id":"o-1","displayName":"Relay","mail":"relay@contoso.com","userPrincipalName":"relay@contoso.onmicrosoft.com"}"#;
    let no_mail = r#"{"id":"o-1","displayName":null,"mail":null,"userPrincipalName":"admin@contoso.com"}"#;
    let server = ScriptedHttp::play([answer(200, body), answer(200, no_mail), answer(200, "{}")]).await;
    let conn = scripted::connection(&server.url, 1);
    let profile = who_am_i(&conn, &token()).await.unwrap();
    assert_eq!(profile.user_principal_name, "relay@contoso.onmicrosoft.com");
    assert_eq!(profile.mail.as_deref(), Some("relay@contoso.com"));
    assert_eq!(who_am_i(&conn, &token()).await.unwrap().mail, None);
    assert_eq!(who_am_i(&conn, &token()).await.unwrap_err().code(), "unreadable");
    let line = &server.requests().await[0].line;
    assert_eq!(line, "GET /v1.0/me?$select=id,displayName,mail,userPrincipalName");
}

#[tokio::test]
async fn licences_are_read_or_refused() {
    let body = r#"{"value":[{"id":"x","skuId":"y","skuPartNumber":"STANDARDPACK","servicePlans":[{"servicePlanId":"z","servicePlanName":"EXCHANGE_S_STANDARD","provisioningStatus":"Success","appliesTo":"User"}]}]}"#;
    let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}"#;
    let server = ScriptedHttp::play([answer(200, body), answer(403, denied)]).await;
    let conn = scripted::connection(&server.url, 1);
    let relay = "relay@contoso.com".parse().unwrap();
    let licences = read_licences(&conn, &token(), Mailbox::Me).await.unwrap();
    assert_eq!(licences.mailbox(), MailboxLicence::Present { plan: "EXCHANGE_S_STANDARD".to_owned() });
    let failure = read_licences(&conn, &token(), Mailbox::User(&relay)).await.unwrap_err();
    assert_eq!(failure.code(), "Authorization_RequestDenied");
    assert_eq!(server.requests().await[1].line, "GET /v1.0/users/relay@contoso.com/licenseDetails");
}
