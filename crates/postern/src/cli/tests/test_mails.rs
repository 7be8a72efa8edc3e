//! `postern test-email` and `postern account check`: stages as they happen, and the report.

use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{Verdict, assert_golden, run};

fn stage(name: &str) -> Value {
    json!({"name": name, "ok": true, "skipped": false, "took_ms": 12, "detail": "fine",
        "code": null, "cause": null, "fix": null})
}

fn failed_token() -> Value {
    json!({"name": "token", "ok": false, "skipped": false, "took_ms": 1204,
        "detail": "Microsoft answered: AADSTS700027: no match", "code": "AADSTS700027",
        "cause": "The certificate isn't registered.", "fix": "Upload its public part."})
}

fn events(events: &[(&str, Value)]) -> Answer {
    let text: String = events.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect();
    Answer::events(&text)
}

fn failed_report() -> Value {
    let mut skipped = stage("permission");
    skipped["ok"] = json!(false);
    skipped["skipped"] = json!(true);
    skipped["detail"] = Value::Null;
    json!({"ok": false, "message_id": null,
        "stages": [stage("settings"), failed_token(), skipped]})
}

fn failing() -> Answer {
    events(&[
        ("stage", json!({"name": "settings", "state": "started"})),
        ("stage", stage("settings")),
        ("stage", json!({"name": "token", "state": "started"})),
        ("stage", failed_token()),
        ("report", failed_report()),
    ])
}

#[tokio::test]
async fn stages_are_shown_with_cause_and_fix_and_the_exit_code_says_not_ok() {
    let server = Server::expecting([("POST /test-email", failing())]).await;
    let ran = run(&server, "test-email --to a@b.c --account contoso").await;
    assert_eq!(ran.end, Ok(Verdict::NotOk));
    assert_golden("test-email-failed.txt", &ran.out);
    assert_eq!(server.asked(), [json!({"to": "a@b.c", "account": "contoso"})]);
}

#[tokio::test]
async fn a_program_gets_the_report_and_nothing_else() {
    let server = Server::expecting([("POST /test-email", failing())]).await;
    let ran = run(&server, "test-email --to a@b.c --json").await;
    assert_eq!(ran.end, Ok(Verdict::NotOk));
    assert_eq!(ran.json(), failed_report());
    assert_eq!(ran.err, "");
}

#[tokio::test]
async fn success_names_the_message() {
    let report = json!({"ok": true, "message_id": "<1@gate.example>", "stages": [stage("settings")]});
    let server = Server::expecting([(
        "POST /test-email",
        events(&[("stage", stage("settings")), ("report", report)]),
    )])
    .await;
    let ran = run(&server, "test-email --to a@b.c").await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert_eq!(
        ran.out,
        "✓ settings       12 ms  fine\n\nThe test mail is accepted. Message-ID: <1@gate.example>\n"
    );
}

#[tokio::test]
async fn check_shows_the_stages_of_a_report_that_came_in_one_piece() {
    let report = json!({"ok": true, "message_id": null, "stages": [stage("settings"), stage("token")]});
    let server = Server::expecting([("POST /accounts/contoso/check", Answer::json(200, &report))]).await;
    let ran = run(&server, "account check contoso").await;
    assert_eq!(ran.out, "✓ settings       12 ms  fine\n✓ token          12 ms  fine\n\nAll is well.\n");
}

#[tokio::test]
async fn a_test_that_never_reports_is_a_failure() {
    let server = Server::expecting([("POST /test-email", events(&[("stage", stage("settings"))]))]).await;
    assert_eq!(run(&server, "test-email --to a@b.c").await.code(), "broken_off");
}

#[tokio::test]
async fn a_refusal_is_not_a_report() {
    let server =
        Server::expecting([("POST /test-email", Answer::problem(404, "not_found", &json!({})))]).await;
    let ran = run(&server, "test-email --to a@b.c --json").await;
    assert_eq!(ran.code(), "not_found");
    assert_eq!(ran.out, "");
}
