//! `postern send`, `postern queue …` and `postern submitter …`.

use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{Verdict, assert_golden, run};

fn message(state: &str) -> Value {
    json!({
        "id": "0190c2aa-7c00-7000-8000-000000000001", "state": state, "state_since": "2026-11-21T11:58:00Z",
        "account": {"id": "a1", "name": "contoso"}, "mailbox": "relay@contoso.com",
        "submitter": {"id": "s1", "name": "scanner"}, "from": "scan@contoso.com", "header_from": "scan@contoso.com",
        "first_recipient": "ann@fabrikam.com", "recipient_count": 2, "subject": "Page 1",
        "message_id": "a@b", "size_octets": 123_456, "received": "2026-11-21T11:55:00Z",
        "expires": "2026-11-26T11:55:00Z", "next_attempt": "2026-11-21T12:04:00Z", "attempt_count": 2,
        "code": null, "text": null,
    })
}

fn story(state: &str) -> Value {
    let mut story = message(state);
    story["source"] = json!("192.0.2.7");
    story["recipients"] = json!([
        {"address": "ann@fabrikam.com", "state": "sent", "code": null, "text": null},
        {"address": "bob@fabrikam.com", "state": "failed", "code": "550 5.1.1", "text": "no such user"},
    ]);
    story["attempts"] = json!([
        {"number": 1, "started": "2026-11-21T11:55:01Z", "ended": "2026-11-21T11:55:02Z", "took_ms": 812,
            "outcome": "retry", "via": "graph", "code": "503", "text": "Service unavailable", "request_id": "r-1",
            "remote_id": null},
        {"number": 2, "started": "2026-11-21T11:58:00Z", "ended": null, "took_ms": null, "outcome": null,
            "via": "smtp", "code": null, "text": null, "request_id": null, "remote_id": null},
    ]);
    story["happenings"] =
        json!([{"at": "2026-11-21T11:57:00Z", "what": "retried", "actor": "user:anna", "detail": {}}]);
    story
}

#[tokio::test]
async fn messages_are_listed_with_the_filters_that_were_given() {
    let page = json!({"items": [message("deferred"), message("sent")], "next": null});
    let asked = "GET /messages?state=deferred%2Csent&q=page&since=2026-11-14T12%3A00%3A00Z&limit=50";
    let server = Server::expecting([(asked, Answer::json(200, &page))]).await;
    let ran = run(&server, "queue list --state deferred --state sent --search page --since 7d").await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert_golden("queue-list.txt", &ran.out);
}

#[tokio::test]
async fn the_queue_says_how_much_waits_and_what_is_paused_and_why() {
    let counts = |queued: u64, deferred: u64, failed: u64| json!({"queued": queued, "sending": 0, "deferred": deferred, "held": 0, "failed": failed, "expired": 0, "cancelled": 7});
    let account = |name: &str, counts: Value, paused: Value| json!({"account": {"id": "a1", "name": name}, "counts": counts, "oldest": null, "paused": paused});
    let pause = json!({"since": "2026-11-21T11:00:00Z", "code": "AADSTS7000222", "reason": "The client secret has expired.",
        "probes": 3, "next_probe": "2026-11-21T12:04:00Z"});
    let oldest =
        json!({"received": "2026-11-21T10:55:00Z", "message": "0190c2aa-7c00-7000-8000-000000000001"});
    let busy = json!({"counts": counts(41, 2, 1), "oldest": oldest, "deliveries": 2, "accounts": [
        account("contoso", counts(40, 0, 0), pause), account("fabrikam", counts(1, 2, 1), Value::Null),
    ]});
    let empty = json!({"counts": counts(0, 0, 0), "oldest": null, "deliveries": 0, "accounts": []});
    let server = Server::expecting([
        ("GET /queue", Answer::json(200, &busy)),
        ("GET /queue", Answer::json(200, &empty)),
    ])
    .await;
    let busy = run(&server, "queue status").await.out;
    let empty = run(&server, "queue status").await.out;
    assert_golden("queue-status.txt", &format!("{busy}\n=====\n\n{empty}"));
}

#[tokio::test]
async fn the_whole_story_of_a_message_is_told_in_words() {
    let server = Server::expecting([
        ("GET /messages/1", Answer::json(200, &story("sending"))),
        ("GET /messages/1", Answer::json(200, &story("deferred"))),
    ])
    .await;
    let sending = run(&server, "queue show 1").await.out;
    let deferred = run(&server, "queue show 1").await.out;
    assert_golden("queue-show.txt", &format!("{sending}\n=====\n\n{deferred}"));
}

#[tokio::test]
async fn one_message_that_refuses_does_not_keep_the_others_waiting() {
    let page = json!({"items": [{"id": "1"}, {"id": "2"}], "next": null});
    let server = Server::expecting([
        ("GET /messages?state=held&limit=200", Answer::json(200, &page)),
        ("POST /messages/1/release", Answer::problem(409, "wrong_state", &json!({}))),
        ("POST /messages/2/release", Answer::json(200, &story("queued"))),
    ])
    .await;
    let ran = run(&server, "queue release --all").await;
    assert_eq!(ran.end, Ok(Verdict::NotOk));
    assert!(
        ran.out.contains("release: 1 message") && ran.out.contains("1: refused: wrong_state"),
        "{}",
        ran.out
    );
    server.asked();

    let server =
        Server::expecting([("POST /messages/1/cancel", Answer::problem(404, "not_found", &json!({})))]).await;
    assert_eq!(run(&server, "queue cancel 1").await.code(), "not_found");
}

#[tokio::test]
async fn a_message_is_sent_with_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let (text, report) = (folder.path().join("text"), folder.path().join("report.pdf"));
    std::fs::write(&text, "hello\n").unwrap();
    std::fs::write(&report, b"%PDF").unwrap();
    let server = Server::expecting([("POST /messages", Answer::json(202, &json!({"id": "m1"})))]).await;
    let line = format!(
        "send --to a@b.c --cc 'Bob <d@e.f>' --subject s --text-file {} --attach {} --header 'X-Job: 17' --account n",
        text.display(),
        report.display()
    );
    let ran = run(&server, &line).await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert!(format!("{}{}", ran.out, ran.err).contains("postern queue show m1"), "{} {}", ran.out, ran.err);
    assert_eq!(
        server.asked(),
        [json!({"subject": "s", "to": ["a@b.c"], "cc": ["Bob <d@e.f>"], "account": "n", "text": "hello\n",
            "headers": [{"name": "X-Job", "value": "17"}],
            "attachments": [{"name": "report.pdf", "content": "JVBERg=="}]})]
    );
    let server = Server::expecting([]).await;
    let binary = format!("send --to a@b.c --subject s --text-file {}", folder.path().display());
    assert_eq!(run(&server, &binary).await.code(), "not_a_file");
}

fn submitter(name: &str) -> Value {
    json!({
        "id": "s1", "name": name, "description": "", "user_name": name, "has_password": true, "has_token": false,
        "networks": ["192.0.2.0/24"], "uids": [1000], "senders": ["*@contoso.com"], "foreign_from": "rewrite",
        "account": {"id": "a1", "name": "contoso"}, "rate_per_minute": 30, "enabled": true,
        "created": "2026-11-01T00:00:00Z", "last_used": "2026-11-21T11:00:00Z",
        "servers": [{"host": "gate.contoso.com", "port": 587, "tls": "starttls"}],
    })
}

#[tokio::test]
async fn a_new_submitter_shows_the_three_lines_that_a_device_needs() {
    let mut made = submitter("scanner");
    made["password"] = json!("abcdefgh23456772");
    let server = Server::expecting([("POST /submitters", Answer::json(201, &made))]).await;
    let ran = run(&server, "submitter add --name scanner --sender *@contoso.com --rate 30 --uid 1000").await;
    assert_golden("submitter-add.txt", &ran.out);
    let asked =
        json!({"name": "scanner", "senders": ["*@contoso.com"], "rate_per_minute": 30, "uids": [1000]});
    assert_eq!(server.asked(), [asked]);
}

#[tokio::test]
async fn submitters_are_listed_and_shown() {
    let mut disabled = submitter("ups");
    disabled["enabled"] = json!(false);
    disabled["account"] = Value::Null;
    disabled["senders"] = json!([]);
    let page = json!({"items": [submitter("scanner"), disabled], "next": null});
    let server = Server::expecting([
        ("GET /submitters?limit=200", Answer::json(200, &page)),
        ("GET /submitters/scanner", Answer::json(200, &submitter("scanner"))),
    ])
    .await;
    let list = run(&server, "submitter list").await.out;
    let shown = run(&server, "submitter show scanner").await.out;
    assert_golden("submitter-list.txt", &format!("{list}\n{shown}"));
}

#[tokio::test]
async fn what_is_cleared_is_sent_as_nothing_and_an_empty_edit_is_wrong_usage() {
    let server = Server::expecting([("PATCH /submitters/nas", Answer::json(200, &submitter("nas")))]).await;
    let line = "submitter edit nas --disable --clear senders --clear account --clear token";
    run(&server, line).await.end.unwrap();
    assert_eq!(server.asked(), [json!({"senders": [], "account": null, "token": false, "enabled": false})]);
    let server = Server::expecting([]).await;
    assert_eq!(run(&server, "submitter edit nas").await.end.unwrap_err().exit_code(), 2);
}
