//! `postern token …` and `postern audit list`.

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

use super::server::{Answer, Server};
use super::{Verdict, assert_golden, run};

const TOKEN: &str = "pst_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

fn entry(id: &str, name: &str) -> Value {
    json!({"id": id, "name": name, "role": "viewer", "created": "2026-11-01T00:00:00Z",
        "expires": "2027-11-21T12:00:00Z", "last_used": null})
}

fn made() -> Answer {
    Answer::json(201, &json!({"id": "t1", "name": "ci", "role": "viewer", "expires": null, "token": TOKEN}))
}

fn list(entries: &[Value]) -> (&'static str, Answer) {
    ("GET /tokens?limit=200", Answer::json(200, &json!({"items": entries, "next": null})))
}

#[tokio::test]
async fn a_token_is_shown_once_alone_on_its_line() {
    let server = Server::expecting([("POST /tokens", made())]).await;
    let ran = run(&server, "token create --name ci --role viewer --expires 365d").await;
    assert!(ran.out.lines().any(|line| line == TOKEN), "{}", ran.out);
    assert_eq!(server.asked(), [json!({"name": "ci", "role": "viewer", "expires": "2027-11-21T12:00:00Z"})]);
}

#[tokio::test]
async fn a_token_in_a_file_is_not_shown() {
    let server = Server::expecting([("POST /tokens", made())]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let line = format!("token create --name ci --role viewer --json --output {}", file.display());
    let ran = run(&server, &line).await;
    assert!(!ran.out.contains(TOKEN));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{TOKEN}\n"));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn tokens_are_listed_and_revoked_by_name_or_id() {
    let server = Server::expecting([list(&[entry("t1", "ci"), entry("t2", "monitoring")])]).await;
    let ran = run(&server, "token list").await;
    assert_golden("token-list.txt", &ran.out);

    for wanted in ["t2", "monitoring"] {
        let server = Server::expecting([
            list(&[entry("t1", "ci"), entry("t2", "monitoring")]),
            ("DELETE /tokens/t2", Answer::nothing()),
        ])
        .await;
        let ran = run(&server, &format!("token revoke {wanted}")).await;
        assert_eq!(ran.end, Ok(Verdict::Done));
        server.asked();
    }
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_shown_so() {
    let mut over = entry("t1", "ci");
    over["expires"] = json!("2026-11-20T12:00:00Z");
    let server = Server::expecting([list(&[over])]).await;
    let ran = run(&server, "token list").await;
    assert!(ran.out.contains("expired 2026-11-20"), "{}", ran.out);
}

#[tokio::test]
async fn a_token_that_is_not_one_of_a_kind_is_not_revoked() {
    for (entries, code) in [(vec![], "not_found"), (vec![entry("t1", "ci"), entry("t2", "ci")], "ambiguous")]
    {
        let server = Server::expecting([list(&entries)]).await;
        assert_eq!(run(&server, "token delete ci").await.code(), code);
        server.asked();
    }
}

#[tokio::test]
async fn the_audit_log_is_filtered_by_the_server_and_cut_at_the_limit() {
    let entries = json!([
        {"id": 2, "at": "2026-11-21T11:58:00Z", "actor": "root", "source": "admin.sock",
            "action": "certificate.import", "target": "gate", "outcome": "refused", "code": "wrong_password"},
        {"id": 1, "at": "2026-11-21T11:57:00Z", "actor": "root", "source": "admin.sock",
            "action": "account.add", "target": null, "outcome": "done", "code": null},
    ]);
    let answer = Answer::json(200, &json!({"items": entries, "next": "more"}));
    let line = "GET /audit?actor=root&since=2026-11-14T12%3A00%3A00Z&limit=2";
    let server = Server::expecting([(line, answer)]).await;
    let ran = run(&server, "audit list --actor root --since 7d --limit 2").await;
    assert_golden("audit-list.txt", &ran.out);
    server.asked();
}
