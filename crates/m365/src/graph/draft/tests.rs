//! Large messages to a scripted Graph.

use std::sync::atomic::Ordering;

use super::*;
use crate::parcel::testing::Cut;
use crate::scripted;
use crate::scripted::http::{Play, Request, ScriptedHttp, answer};

/// A message with one attachment of so many octets.
fn message(octets: usize) -> String {
    let encoded = STANDARD.encode("x".repeat(octets));
    let lines = encoded.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"]).flatten().copied().collect();
    format!(
        "Message-ID: <m@contoso.com>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n{}--b--\r\n",
        String::from_utf8(lines).unwrap()
    )
}

const REST: &str = "Message-ID: <m@contoso.com>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\n\r\nhello\r\n--b--\r\n";

fn nothing_found() -> Play {
    answer(200, r#"{"value":[]}"#)
}

fn created() -> Play {
    answer(201, r#"{"id":"d1"}"#)
}

fn session() -> Play {
    answer(201, r#"{"uploadUrl":"{self}/upload?authtoken=secret","nextExpectedRanges":["0-"]}"#)
}

fn more() -> Play {
    answer(200, r#"{"nextExpectedRanges":["3276800"]}"#)
}

async fn send(message: &str, plays: Vec<Play>) -> (Result<Sent, Failure>, Vec<Request>) {
    let server = ScriptedHttp::play(plays).await;
    let conn = scripted::connection(&server.url, 1);
    let content = Cut::into_pieces(message, 200_000);
    let (token, id) = (AccessToken::new("token"), "m@contoso.com".parse().unwrap());
    let sent = send_by_draft(&conn, &token, Mailbox::Me, Some(&id), &content).await;
    assert!(content.alive.most.load(Ordering::SeqCst) <= 2);
    (sent, server.requests().await)
}

fn lines(requests: &[Request]) -> Vec<&str> {
    requests.iter().skip(1).map(|request| request.line.as_str()).collect()
}

#[tokio::test]
async fn a_large_attachment_goes_by_ranges_and_the_order_to_send_comes_last() {
    let plays = vec![nothing_found(), created(), session(), more(), answer(201, ""), answer(202, "")];
    let (sent, requests) = send(&message(3_300_000), plays).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(
        lines(&requests),
        [
            "POST /v1.0/me/messages",
            "POST /v1.0/me/messages/d1/attachments/createUploadSession",
            "PUT /upload?authtoken=secret",
            "PUT /upload?authtoken=secret",
            "POST /v1.0/me/messages/d1/send",
        ]
    );
    assert_eq!(STANDARD.decode(&requests[1].body).unwrap(), REST.as_bytes());
    let item: Value = serde_json::from_str(&requests[2].body).unwrap();
    assert_eq!(item["AttachmentItem"]["size"], 3_300_000);
    assert_eq!(item["AttachmentItem"]["name"], "a.pdf");
    assert_eq!(requests[3].header("content-range"), Some("bytes 0-3276799/3300000"));
    assert_eq!(requests[4].header("content-range"), Some("bytes 3276800-3299999/3300000"));
    assert_eq!(requests[3].header("authorization"), None, "the address is another host's");
    let uploaded = requests[3].body.clone() + &requests[4].body;
    assert_eq!(uploaded, "x".repeat(3_300_000));
}

#[tokio::test]
async fn an_attachment_below_the_least_of_a_session_goes_in_one_request() {
    let plays = vec![nothing_found(), created(), answer(201, "{}"), answer(202, "")];
    let (sent, requests) = send(&message(2_000_000), plays).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(lines(&requests)[1], "POST /v1.0/me/messages/d1/attachments");
    let file: Value = serde_json::from_str(&requests[2].body).unwrap();
    assert_eq!(file["contentType"], "application/pdf");
    assert_eq!(STANDARD.decode(file["contentBytes"].as_str().unwrap()).unwrap().len(), 2_000_000);
    let too_small = answer(400, &format!(r#"{{"error":{{"code":"{TOO_SMALL_FOR_SESSION}"}}}}"#));
    let plays = vec![nothing_found(), created(), too_small, answer(201, "{}"), answer(202, "")];
    let (sent, _) = send(&message(3_050_000), plays).await;
    assert!(sent.is_ok(), "{sent:?}");
}

#[tokio::test]
async fn what_an_earlier_try_has_left_is_thrown_away_and_what_it_has_sent_is_not_sent_again() {
    let left = answer(200, r#"{"value":[{"id":"old","isDraft":true}]}"#);
    let plays = vec![left, answer(204, ""), created(), answer(201, "{}"), answer(202, "")];
    let (sent, requests) = send(&message(2_000_000), plays).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(lines(&requests)[0], "DELETE /v1.0/me/messages/old");
    let found = answer(200, r#"{"value":[{"id":"old","isDraft":true},{"id":"s","isDraft":false}]}"#);
    let (sent, requests) = send(&message(2_000_000), vec![found]).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn before_the_order_nothing_is_in_doubt_and_the_draft_is_thrown_away() {
    for (play, code) in [
        (answer(504, ""), "timeout"),
        (Play::HangUp, "reset"),
        (answer(429, r#"{"error":{"code":"ApplicationThrottled"}}"#), "ApplicationThrottled"),
    ] {
        let plays = vec![nothing_found(), created(), play, answer(204, "")];
        let (sent, requests) = send(&message(2_000_000), plays).await;
        assert_eq!(sent.unwrap_err().code(), code);
        assert_eq!(lines(&requests)[2], "DELETE /v1.0/me/messages/d1");
    }
}

#[tokio::test]
async fn an_answer_to_the_order_that_is_lost_means_unknown_and_the_draft_is_left_alone() {
    for play in [Play::HangUp, answer(504, "")] {
        let plays = vec![nothing_found(), created(), answer(201, "{}"), play];
        let (sent, requests) = send(&message(2_000_000), plays).await;
        let outcome = crate::outcome::of_failure(&sent.unwrap_err(), crate::testing::now());
        assert!(matches!(outcome, mail::Outcome::Unknown { .. }), "{outcome:?}");
        assert_eq!(lines(&requests).last(), Some(&"POST /v1.0/me/messages/d1/send"));
    }
}

#[tokio::test]
async fn a_draft_that_was_answered_by_200_was_not_made() {
    let (sent, _) = send(&message(2_000_000), vec![nothing_found(), answer(200, "")]).await;
    assert_eq!(sent.unwrap_err().code(), "http_200");
}

#[tokio::test]
async fn without_the_permission_for_drafts_the_message_is_refused_and_the_account_is_not_blamed() {
    let denied = r#"{"error":{"code":"ErrorAccessDenied","message":"Access is denied."}}"#;
    for plays in [vec![answer(403, denied)], vec![nothing_found(), answer(403, denied)]] {
        let (sent, _) = send(&message(2_000_000), plays).await;
        let failure = sent.unwrap_err();
        assert_eq!(failure.code(), "needs_mail_read_write");
        let outcome = crate::outcome::of_failure(&failure, crate::testing::now());
        assert!(matches!(outcome, mail::Outcome::Rejected { .. }));
    }
}

#[tokio::test]
async fn a_signed_message_is_not_taken_apart() {
    let signed = message(2_000_000).replace("multipart/mixed", "multipart/signed");
    let (sent, requests) = send(&signed, vec![]).await;
    assert_eq!(sent.unwrap_err().code(), "needs_smtp");
    assert!(requests.is_empty());
}
