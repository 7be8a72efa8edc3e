//! `postern account …` against the contract.

use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{Keyboard, NoPrompt, Types, Verdict, assert_golden, run, run_with};

pub(super) fn contoso() -> Value {
    json!({
        "id": "0199-contoso", "name": "contoso", "cloud": "global", "tenant_id": "contoso.example",
        "client_id": "11111111-2222-3333-4444-555555555555",
        "credential": {"kind": "certificate", "certificate": "gate"},
        "sign_in": "delegated", "transport": "graph", "from": null, "default": true,
        "state": {"name": "ready", "since": "2026-11-20T10:00:00Z", "cause": null, "fix": null},
        "grant": {"user": "anna@contoso.example", "tenant_id": "t-1", "scopes": ["Mail.Send", "User.Read"],
            "obtained": "2026-11-20T10:00:00Z", "renewed": "2026-11-21T09:00:00Z"},
        "redirect_uris": ["https://localhost:4443/authorize", "https://127.0.0.1:4443/authorize"]
    })
}

fn broken() -> Value {
    let mut account = contoso();
    account["name"] = json!("fabrikam");
    account["default"] = json!(false);
    account["grant"] = Value::Null;
    account["from"] = json!("scanner@fabrikam.example");
    account["sign_in"] = json!("application");
    account["transport"] = json!("smtp");
    account["credential"] = json!({"kind": "secret", "certificate": null, "expires": "2027-01-01T00:00:00Z"});
    account["state"] = json!({"name": "broken", "since": "2026-11-20T10:00:00Z",
        "cause": "The secret has expired.", "fix": "Make a new one."});
    account
}

#[tokio::test]
async fn add_sends_the_settings_and_names_the_next_step() {
    let mut waiting = contoso();
    waiting["state"] = json!({"name": "needs_sign_in", "since": "2026-11-21T12:00:00Z"});
    waiting["grant"] = Value::Null;
    let server = Server::expecting([("POST /accounts", Answer::json(201, &waiting))]).await;
    let ran = run(
        &server,
        "account add --name contoso --tenant contoso.example --client 1111 --certificate gate --default",
    )
    .await;
    assert_golden("account-add.txt", &ran.out);
    assert_eq!(
        server.asked(),
        [json!({"name": "contoso", "tenant_id": "contoso.example", "client_id": "1111", "default": true,
            "credential": {"kind": "certificate", "certificate": "gate"}})]
    );
}

#[tokio::test]
async fn a_secret_comes_from_a_file_or_from_the_person_at_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "abc~Q\n").unwrap();
    let from_file = format!("--secret-file {} --secret-expires 2027-11-21", file.display());
    for (options, expires) in [(from_file.as_str(), json!("2027-11-21T00:00:00Z")), ("", Value::Null)] {
        let server = Server::expecting([("POST /accounts", Answer::json(201, &broken()))]).await;
        let line = format!(
            "account add --tenant t --client c --sign-in application --transport smtp --from a@b.c {options}"
        );
        let keyboard = Keyboard::typed(&[]);
        let ran = run_with(server.data_dir(), &line, keyboard, Types("abc~Q")).await;
        assert_eq!(ran.end, Ok(Verdict::Done));
        let asked = &server.asked()[0];
        assert_eq!(asked["credential"]["kind"], "secret");
        assert_eq!(asked["credential"]["secret"], "abc~Q");
        assert_eq!(asked["credential"]["expires"], expires);
        assert_eq!(asked["sign_in"], "application");
        assert_eq!(asked["transport"], "smtp");
        assert_eq!(asked["from"], "a@b.c");
    }
}

#[tokio::test]
async fn an_account_without_a_credential_is_wrong_usage_where_nobody_can_be_asked() {
    let server = Server::expecting([]).await;
    let ran = run(&server, "account add --tenant t --client c").await;
    assert_eq!(ran.end.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn list_and_show_tell_how_each_account_is() {
    let list = json!({"items": [contoso(), broken()], "next": null});
    let server = Server::expecting([("GET /accounts?limit=200", Answer::json(200, &list))]).await;
    let ran = run(&server, "account list").await;
    assert_golden("account-list.txt", &ran.out);

    for (name, account) in [("contoso", contoso()), ("fabrikam", broken())] {
        let line = format!("GET /accounts/{name}");
        let server = Server::expecting([(line.as_str(), Answer::json(200, &account))]).await;
        let ran = run(&server, &format!("account show {name}")).await;
        assert_golden(&format!("account-show-{name}.txt"), &ran.out);
    }
}

#[tokio::test]
async fn edit_sends_what_was_named_and_tells_what_it_brought_with_it() {
    let mut changed = contoso();
    changed["notices"] = json!(["The sign-in of anna@contoso.example is void."]);
    let server = Server::expecting([("PATCH /accounts/contoso", Answer::json(200, &changed))]).await;
    let ran = run(&server, "account edit contoso --tenant fabrikam.example --from ''").await;
    assert_eq!(ran.out, "✓ Account \"contoso\" is changed.\n");
    assert_eq!(ran.err, "! The sign-in of anna@contoso.example is void.\n");
    assert_eq!(server.asked(), [json!({"tenant_id": "fabrikam.example", "from": null})]);
}

#[tokio::test]
async fn edit_without_a_change_is_wrong_usage() {
    let server = Server::expecting([]).await;
    let ran = run(&server, "account edit contoso").await;
    assert_eq!(ran.end.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn remove_asks_a_person_only() {
    let found = || ("GET /accounts/contoso", Answer::json(200, &contoso()));
    let removed = || ("DELETE /accounts/0199-contoso", Answer::nothing());

    let server = Server::expecting([found(), removed()]).await;
    let ran = run(&server, "account remove contoso").await;
    assert_eq!(ran.out, "✓ Account \"contoso\" is removed.\n");
    server.asked();

    let server = Server::expecting([found()]).await;
    let no = Keyboard::typed(&["no"]);
    let ran = run_with(server.data_dir(), "account remove contoso", no, NoPrompt).await;
    assert_eq!(ran.code(), "cancelled");
    server.asked();
}

#[tokio::test]
async fn confirm_keeps_the_sign_in_and_says_whose_it_is() {
    let server = Server::expecting([("POST /accounts/contoso/confirm", Answer::json(200, &contoso()))]).await;
    let ran = run(&server, "account confirm contoso").await;
    assert_eq!(ran.out, "✓ Account \"contoso\" is ready: anna@contoso.example signed in.\n");
}
