//! `postern account authorize`: from the address to the grant that is kept.

use serde_json::{Value, json};

use super::accounts::contoso;
use super::server::{Answer, Server};
use super::{Keyboard, NoPrompt, Verdict, assert_golden, run, run_with};

const POLL: &str = "GET /authorizations/f1?wait=25";
const BEGIN: &str = "POST /accounts/contoso/authorize";
const CONFIRM: &str = "POST /authorizations/f1/confirm";

fn flow(status: &str) -> Value {
    json!({
        "id": "f1", "account": "contoso", "kind": "authorization_code", "status": status,
        "url": "https://login.example/t/authorize?client_id=1&state=x",
        "redirect_uri": "https://localhost:4443/authorize", "user_code": null,
        "verification_uri": null, "warning": null, "expires": "2026-11-21T12:10:00Z",
        "found": null, "failure": null
    })
}

fn pending() -> Value {
    let mut pending = flow("pending");
    pending["found"] = json!({"user": "anna@contoso.example", "tenant_id": "t-1", "scopes": ["Mail.Send"]});
    pending
}

fn answers(status: u16, flow: &Value) -> Answer {
    Answer::json(status, flow)
}

fn account() -> (&'static str, Answer) {
    ("GET /accounts/contoso", Answer::json(200, &contoso()))
}

#[tokio::test]
async fn the_address_stands_alone_on_its_line_and_the_sign_in_is_kept_with_yes() {
    let server = Server::expecting([
        (BEGIN, answers(201, &flow("waiting"))),
        (POLL, answers(200, &flow("waiting"))),
        (POLL, answers(200, &pending())),
        (CONFIRM, answers(200, &flow("confirmed"))),
        account(),
    ])
    .await;
    let ran =
        run(&server, "account authorize contoso --yes --redirect https://localhost:4443/authorize").await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert_golden("authorize.txt", &ran.out);
    assert!(ran.err.contains("anna@contoso.example"), "{}", ran.err);
    let url = flow("")["url"].as_str().unwrap().to_owned();
    assert!(ran.out.lines().any(|line| line == url));
    assert_eq!(server.asked()[0], json!({"redirect_uri": "https://localhost:4443/authorize"}));
}

#[tokio::test]
async fn a_program_gets_the_flow_on_one_line_and_the_account_on_the_next() {
    let server = Server::expecting([
        (BEGIN, answers(201, &flow("waiting"))),
        (POLL, answers(200, &pending())),
        (CONFIRM, answers(200, &flow("confirmed"))),
        account(),
    ])
    .await;
    let ran = run(&server, "account authorize contoso --yes --json").await;
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [flow("waiting"), contoso()]);
}

#[tokio::test]
async fn nothing_is_kept_where_nobody_can_be_asked() {
    let server =
        Server::expecting([(BEGIN, answers(201, &flow("waiting"))), (POLL, answers(200, &pending()))]).await;
    let failure = run(&server, "account authorize contoso").await.end.unwrap_err();
    assert_eq!(failure.code, "confirmation_needed");
    assert_eq!(failure.exit_code(), 1);
    let hint = failure.hint.unwrap();
    assert!(hint.contains("postern account confirm contoso"), "{hint}");
    server.asked();
}

#[tokio::test]
async fn a_person_decides_whether_the_sign_in_is_kept() {
    let server = Server::expecting([
        (BEGIN, answers(201, &pending())),
        (CONFIRM, answers(200, &flow("confirmed"))),
        account(),
    ])
    .await;
    let yes = Keyboard::typed(&["y"]);
    let ran = run_with(server.data_dir(), "account authorize contoso", yes, NoPrompt).await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    server.asked();

    let server = Server::expecting([
        (BEGIN, answers(201, &pending())),
        ("DELETE /authorizations/f1", Answer::nothing()),
    ])
    .await;
    let no = Keyboard::typed(&["n"]);
    let ran = run_with(server.data_dir(), "account authorize contoso", no, NoPrompt).await;
    assert_eq!(ran.code(), "cancelled");
    server.asked();
}

#[tokio::test]
async fn no_wait_prints_the_flow_and_ends() {
    for (line, golden) in
        [("account authorize contoso --no-wait", true), ("account authorize contoso --no-wait --json", false)]
    {
        let server = Server::expecting([(BEGIN, answers(201, &flow("waiting")))]).await;
        let ran = run(&server, line).await;
        assert_eq!(ran.end, Ok(Verdict::Done));
        if golden {
            assert_golden("authorize-no-wait.txt", &ran.out);
        } else {
            assert_eq!(ran.json(), flow("waiting"));
        }
    }
}

#[tokio::test]
async fn an_address_from_a_pipe_completes_the_flow() {
    let server = Server::expecting([
        (BEGIN, answers(201, &flow("waiting"))),
        ("POST /authorizations/f1/complete", answers(200, &pending())),
        (CONFIRM, answers(200, &flow("confirmed"))),
        account(),
    ])
    .await;
    let keyboard = Keyboard::piped(&["https://localhost:4443/authorize?code=1&state=x"]);
    let line = "account authorize contoso --paste --yes";
    let ran = run_with(server.data_dir(), line, keyboard, NoPrompt).await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert_eq!(server.asked()[1], json!({"address": "https://localhost:4443/authorize?code=1&state=x"}));
}

#[tokio::test]
async fn a_wrong_line_can_be_followed_by_the_right_one() {
    let wrong =
        json!({"code": "not_an_address", "detail": "That is no address.", "hint": "Copy the whole address."});
    let complete = "POST /authorizations/f1/complete";
    let script = || {
        [
            (BEGIN, answers(201, &flow("waiting"))),
            (complete, answers(422, &wrong)),
            (complete, answers(200, &pending())),
            (CONFIRM, answers(200, &flow("confirmed"))),
            account(),
        ]
    };
    let lines = ["oops", "https://localhost:4443/authorize?code=1&state=x"];
    for (keyboard, line, told) in [
        (Keyboard::piped(&lines), "account authorize contoso --paste --yes", true),
        (Keyboard::typed(&lines), "account authorize contoso --paste --yes", true),
        (Keyboard::piped(&lines), "account authorize contoso --paste --yes --json", false),
    ] {
        let server = Server::expecting(script()).await;
        let ran = run_with(server.data_dir(), line, keyboard, NoPrompt).await;
        assert_eq!(ran.end, Ok(Verdict::Done), "{line}");
        assert_eq!(ran.err.contains("That is no address."), told, "{}", ran.err);
        assert_eq!(server.asked().len(), 5);
    }
}

#[tokio::test]
async fn a_pipe_that_ends_after_a_wrong_line_says_what_was_wrong_with_it() {
    let wrong =
        json!({"code": "not_an_address", "detail": "That is no address.", "hint": "Copy the whole address."});
    let server = Server::expecting([
        (BEGIN, answers(201, &flow("waiting"))),
        ("POST /authorizations/f1/complete", answers(422, &wrong)),
    ])
    .await;
    let line = "account authorize contoso --paste --yes";
    let ran = run_with(server.data_dir(), line, Keyboard::piped(&["oops"]), NoPrompt).await;
    assert_eq!(ran.code(), "not_an_address");
}

#[tokio::test]
async fn a_device_code_is_shown_with_its_warning() {
    let mut code = flow("waiting");
    code["kind"] = json!("device_code");
    code["url"] = Value::Null;
    code["user_code"] = json!("ABCD-EFGH");
    code["verification_uri"] = json!("https://login.example/device");
    code["warning"] = json!("Microsoft may stop such a sign-in later.");
    let server = Server::expecting([(BEGIN, answers(201, &code))]).await;
    let ran = run(&server, "account authorize contoso --device-code --no-wait").await;
    assert_golden("authorize-device-code.txt", &ran.out);
    assert_eq!(server.asked(), [json!({"device_code": true})]);
}

#[tokio::test]
async fn application_sign_in_needs_no_person() {
    let mut done = flow("confirmed");
    done["kind"] = json!("application");
    done["url"] = Value::Null;
    let server = Server::expecting([(BEGIN, answers(201, &done)), account()]).await;
    let ran = run(&server, "account authorize contoso").await;
    assert_eq!(
        ran.out,
        "✓ Account \"contoso\": application sign-in needs no person, and a token was obtained.\n"
    );
}

#[tokio::test]
async fn a_sign_in_that_failed_says_why_and_what_to_do() {
    let mut failed = flow("failed");
    failed["failure"] =
        json!({"code": "AADSTS65004", "message": "The person declined.", "hint": "Ask again."});
    let server =
        Server::expecting([(BEGIN, answers(201, &flow("waiting"))), (POLL, answers(200, &failed))]).await;
    let failure = run(&server, "account authorize contoso --yes").await.end.unwrap_err();
    assert_eq!(
        failure.to_json(),
        r#"{"error":{"code":"AADSTS65004","message":"The person declined.","hint":"Ask again."}}"#
    );
}

#[tokio::test]
async fn a_flow_that_expired_can_be_started_again() {
    let server = Server::expecting([(BEGIN, answers(201, &flow("expired")))]).await;
    let ran = run(&server, "account authorize contoso --yes").await;
    assert_eq!(ran.code(), "flow_expired");
}
