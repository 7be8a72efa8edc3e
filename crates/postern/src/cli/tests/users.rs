//! `postern user …`.

use serde_json::json;

use super::server::{Answer, Server};
use super::{NoPrompt, Types, Verdict, assert_golden, run, run_with};
use crate::cli::keyboard::Keyboard;

const PASSWORD: &str = "correct horse battery";

fn anna() -> serde_json::Value {
    json!({"id": "u1", "user": "anna", "role": "administrator", "totp": true,
        "created": "2026-11-01T00:00:00Z", "last_sign_in": "2026-11-21T09:00:00Z"})
}

#[tokio::test]
async fn a_user_is_added_with_a_password_typed_twice() {
    let server = Server::expecting([("POST /users", Answer::json(201, &anna()))]).await;
    let line = "user add --name anna --role administrator";
    let ran = run_with(server.data_dir(), line, Keyboard::typed(&[]), Types(PASSWORD)).await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD));
    assert_eq!(server.asked(), [json!({"user": "anna", "role": "administrator", "password": PASSWORD})]);
}

#[tokio::test]
async fn a_password_comes_from_a_file_and_without_one_nobody_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let server = Server::expecting([("PATCH /users/anna", Answer::json(200, &anna()))]).await;
    let line = format!("user reset-password anna --remove-totp --password-file {}", file.display());
    run(&server, &line).await.end.unwrap();
    assert_eq!(server.asked(), [json!({"password": PASSWORD, "totp": false})]);

    let server = Server::expecting([]).await;
    let ran = run(&server, "user add --name anna --role viewer").await;
    assert_eq!(ran.end.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn a_second_factor_that_stays_after_a_reset_is_told_of() {
    let server = Server::expecting([("PATCH /users/anna", Answer::json(200, &anna()))]).await;
    let line = "user reset-password anna";
    let ran = run_with(server.data_dir(), line, Keyboard::typed(&[]), Types(PASSWORD)).await;
    assert!(ran.err.contains("--remove-totp"), "{}", ran.err);
    assert_eq!(server.asked(), [json!({"password": PASSWORD})]);
}

#[tokio::test]
async fn users_are_listed() {
    let ben = json!({"id": "u2", "user": "ben", "role": "viewer", "totp": false,
        "created": "2026-11-20T00:00:00Z", "last_sign_in": null});
    let page = json!({"items": [anna(), ben], "next": null});
    let server = Server::expecting([("GET /users?limit=200", Answer::json(200, &page))]).await;
    assert_golden("user-list.txt", &run(&server, "user list").await.out);
}

#[tokio::test]
async fn a_person_is_asked_before_a_user_is_removed() {
    let server = Server::expecting([]).await;
    let no = run_with(server.data_dir(), "user remove ben", Keyboard::typed(&["n"]), NoPrompt).await;
    assert_eq!(no.code(), "cancelled");
    server.asked();
    let server = Server::expecting([("DELETE /users/ben", Answer::nothing())]).await;
    let yes = run_with(server.data_dir(), "user remove ben", Keyboard::typed(&["y"]), NoPrompt).await;
    assert_eq!(yes.end, Ok(Verdict::Done));
    server.asked();
}

#[tokio::test]
async fn a_role_is_changed_and_the_last_administrators_is_not() {
    let server =
        Server::expecting([("PATCH /users/anna", Answer::problem(409, "last_administrator", &json!({})))])
            .await;
    assert_eq!(run(&server, "user role anna viewer").await.code(), "last_administrator");
    assert_eq!(server.asked(), [json!({"role": "viewer"})]);
}

#[tokio::test]
async fn a_new_set_up_link_is_shown() {
    let link = json!({"url": "https://gate.example:4443/setup#abc", "file": "/var/lib/postern/setup-link"});
    let server = Server::expecting([("POST /setup-link", Answer::json(201, &link))]).await;
    let ran = run(&server, "user setup-link").await;
    assert!(ran.out.lines().any(|line| line == "https://gate.example:4443/setup#abc"), "{}", ran.out);
    server.asked();
}
