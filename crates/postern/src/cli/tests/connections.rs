//! What a person reads when there is no server, or something else in its place.

use std::os::unix::net::UnixListener;

use super::server::{Answer, Server};
use super::{Keyboard, NoPrompt, run, run_with};
use crate::cli::client::Client;
use crate::cli::globals::Globals;

async fn list_in(folder: &std::path::Path) -> crate::cli::failure::Failure {
    let ran = run_with(folder, "account list", Keyboard::piped(&[]), NoPrompt).await;
    ran.end.unwrap_err()
}

#[tokio::test]
async fn without_a_server_the_error_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().display().to_string();
    let failure = list_in(folder.path()).await;
    assert_eq!(failure.code, "no_server");
    assert_eq!(failure.message, format!("no server is running with data directory {shown}"));
    assert_eq!(failure.hint, Some(format!("start it with `postern serve --data-dir {shown}`")));
}

#[tokio::test]
async fn a_socket_that_a_dead_server_left_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(folder.path().join("admin.sock")).unwrap());
    let failure = list_in(folder.path()).await;
    assert_eq!(failure.code, "no_server");
    assert!(failure.message.contains("nobody answers"), "{failure}");
}

#[tokio::test]
async fn an_answer_of_something_else_is_named_by_its_status() {
    let server =
        Server::expecting([("GET /accounts?limit=200", Answer::page(502, "<html>Bad Gateway"))]).await;
    let ran = run(&server, "account list").await;
    assert_eq!(ran.code(), "unexpected_answer");
    assert!(ran.end.unwrap_err().message.contains("502 Bad Gateway"));
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_unreachable_and_its_token_unseen() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let globals =
        Globals { url: Some(format!("http://127.0.0.1:{port}").parse().unwrap()), ..Globals::default() };
    let target = globals.target(&|name| (name == "POSTERN_TOKEN").then(|| "pst_secret".to_owned())).unwrap();
    let failure = Client::new(target).unwrap().fetch("/accounts").await.unwrap_err();
    assert_eq!(failure.code, "unreachable");
    assert!(!failure.to_json().contains("pst_secret"));
}
