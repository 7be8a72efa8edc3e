//! `postern certificate …` against the contract.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

use super::server::{Answer, Server};
use super::{Keyboard, NoPrompt, Types, Verdict, assert_golden, run, run_with};

fn gate() -> Value {
    json!({
        "id": "0199-gate", "name": "gate", "description": "for the\u{1b}[31m backup servers",
        "origin": "imported", "exportable": false, "status": "expiring", "days_left": 12,
        "subject": "CN=gate", "issuer": "CN=Contoso CA", "serial": "0A1B",
        "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-12-03T12:00:00Z",
        "key": {"type": "RSA", "bits": 2048}, "signature_algorithm": "sha256WithRSAEncryption",
        "thumbprint_sha1": "8A3F00112233445566778899AABBCCDDEEFF0011", "thumbprint_sha256": "ab12",
        "warnings": [{"code": "expires_soon", "text": "The certificate expires in 12 days."}],
        "used_by": ["contoso"], "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z"
    })
}

fn unused() -> Value {
    let mut certificate = gate();
    certificate["used_by"] = json!([]);
    certificate["name"] = json!("old gate");
    certificate["status"] = json!("valid");
    certificate["days_left"] = json!(1);
    certificate
}

fn list_of(certificates: &[Value]) -> Answer {
    Answer::json(200, &json!({"items": certificates, "next": null}))
}

#[tokio::test]
async fn import_sends_the_file_and_its_password_and_shows_what_was_stored() {
    let server = Server::expecting([("POST /certificates/import", Answer::json(201, &gate()))]).await;
    let (file, password) = (server.data_dir().join("gate.pfx"), server.data_dir().join("pw"));
    std::fs::write(&file, b"\x30\x82bytes").unwrap();
    std::fs::write(&password, "geheim\n").unwrap();
    let ran = run(
        &server,
        &format!(
            "certificate import --name gate --file {} --password-file {} --exportable",
            file.display(),
            password.display()
        ),
    )
    .await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert_golden("certificate-import.txt", &ran.out);
    let asked = server.asked();
    assert_eq!(
        asked,
        [json!({"name": "gate", "file": STANDARD.encode(b"\x30\x82bytes"),
            "password": "geheim", "exportable": true})]
    );
}

#[tokio::test]
async fn without_a_terminal_there_is_no_password_and_with_one_it_is_asked_for() {
    for (keyboard, expected) in [(Keyboard::piped(&[]), Value::Null), (Keyboard::typed(&[]), json!("typed"))]
    {
        let server = Server::expecting([("POST /certificates/import", Answer::json(201, &gate()))]).await;
        let file = server.data_dir().join("gate.pfx");
        std::fs::write(&file, b"bytes").unwrap();
        let line = format!("certificate import --name gate --file {}", file.display());
        let ran = run_with(server.data_dir(), &line, keyboard, Types("typed")).await;
        assert_eq!(ran.end, Ok(Verdict::Done));
        assert_eq!(server.asked()[0]["password"], expected);
    }
}

#[tokio::test]
async fn a_file_with_several_keys_is_refused_with_the_choices() {
    let refusal = Answer::problem(422, "several_keys", &json!({"choices": ["AA11", "BB22"]}));
    let server = Server::expecting([("POST /certificates/import", refusal)]).await;
    let file = server.data_dir().join("two.pfx");
    std::fs::write(&file, b"bytes").unwrap();
    let line = format!("certificate import --name two --file {} --json", file.display());
    let ran = run(&server, &line).await;
    assert_eq!(ran.out, "");
    assert_eq!(
        ran.end.unwrap_err().to_json(),
        r#"{"error":{"code":"several_keys","message":"refused: several_keys","hint":"do something else","choices":["AA11","BB22"]}}"#
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_before_the_server_is_asked() {
    let server = Server::expecting([]).await;
    let ran = run(&server, "certificate import --name n --file /nonexistent").await;
    assert_eq!(ran.code(), "file_not_found");
    server.asked();
}

#[tokio::test]
async fn generate_saves_the_public_part_and_says_where_to_upload_it() {
    let server = Server::expecting([
        ("POST /certificates/generate", Answer::json(201, &unused())),
        ("GET /certificates/0199-gate/download?format=cer", Answer::bytes(b"public part")),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.cer");
    let line = format!(
        "certificate generate --name 'old gate' --key-size 3072 --days 90 --subject 'CN=a, O=b' --output {}",
        file.display()
    );
    let ran = run(&server, &line).await;
    assert_eq!(std::fs::read(&file).unwrap(), b"public part");
    let shown = ran.out.replace(&file.display().to_string(), "gate.cer");
    assert_golden("certificate-generate.txt", &shown);
    assert_eq!(
        server.asked()[0],
        json!({"name": "old gate", "subject": "CN=a, O=b", "key_bits": 3072, "days": 90, "exportable": false})
    );
}

#[tokio::test]
async fn nothing_is_generated_when_the_output_cannot_be_written() {
    let server = Server::expecting([]).await;
    let ran = run(&server, "certificate generate --name n --output /nonexistent/n.cer").await;
    assert_eq!(ran.code(), "cannot_write");
    server.asked();
}

#[tokio::test]
async fn list_follows_the_pages_and_prints_a_table_or_an_array() {
    let pages = || {
        [
            ("GET /certificates?limit=200", Answer::json(200, &json!({"items": [gate()], "next": "c 2"}))),
            ("GET /certificates?limit=200&cursor=c+2", list_of(&[unused()])),
        ]
    };
    let server = Server::expecting(pages()).await;
    let ran = run(&server, "certificate list").await;
    assert_golden("certificate-list.txt", &ran.out);
    let server = Server::expecting(pages()).await;
    let ran = run(&server, "certificate list --json").await;
    assert_eq!(ran.json(), json!([gate(), unused()]));
}

#[tokio::test]
async fn entries_that_the_server_cannot_read_hide_nothing_else() {
    let page = json!({"items": [gate()], "next": null, "damaged": ["certificate 0199-x: broken\u{7}"]});
    let server = Server::expecting([("GET /certificates?limit=200", Answer::json(200, &page))]).await;
    let ran = run(&server, "certificate list --json").await;
    assert_eq!(ran.json(), json!([gate()]));
    assert_eq!(ran.err, "! certificate 0199-x: broken\\u{7}\n");
}

#[tokio::test]
async fn an_empty_list_invites() {
    let server = Server::expecting([("GET /certificates?limit=200", list_of(&[]))]).await;
    let ran = run(&server, "certificate list").await;
    assert!(ran.out.starts_with("No certificates yet"), "{}", ran.out);
}

#[tokio::test]
async fn show_prints_all_facts_and_the_json_as_the_server_sent_it() {
    let server = Server::expecting([("GET /certificates/gate", Answer::json(200, &gate()))]).await;
    let ran = run(&server, "certificate show gate").await;
    assert_golden("certificate-show.txt", &ran.out);
    let server = Server::expecting([("GET /certificates/a%2Fb", Answer::json(200, &gate()))]).await;
    let ran = run(&server, "certificate show a/b --json").await;
    assert_eq!(ran.json(), gate());
    assert_eq!(ran.out.lines().count(), 1);
}

#[tokio::test]
async fn edit_sends_only_what_was_given() {
    let server = Server::expecting([("PATCH /certificates/gate", Answer::json(200, &gate()))]).await;
    let ran = run(&server, "certificate edit gate --description ''").await;
    assert_eq!(ran.out, "✓ Certificate \"gate\" is changed.\n");
    assert_eq!(server.asked(), [json!({"description": ""})]);
}

#[tokio::test]
async fn delete_asks_a_person_and_needs_a_yes_of_a_script() {
    let found = || ("GET /certificates/gate", Answer::json(200, &unused()));
    let deleted = || ("DELETE /certificates/0199-gate", Answer::nothing());

    let server = Server::expecting([found()]).await;
    let ran = run(&server, "certificate delete gate").await;
    assert_eq!(ran.code(), "confirmation_needed");
    server.asked();

    let server = Server::expecting([found(), deleted()]).await;
    let ran = run(&server, "certificate delete gate --yes").await;
    assert_eq!(ran.out, "✓ Certificate \"old gate\" is deleted.\n");
    server.asked();

    let server = Server::expecting([found(), deleted()]).await;
    let yes = Keyboard::typed(&["Y"]);
    let ran = run_with(server.data_dir(), "certificate delete gate", yes, NoPrompt).await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert_eq!(ran.err, "Delete certificate \"old gate\" with its private key? [y/N] ");
    server.asked();

    let server = Server::expecting([found()]).await;
    let no = Keyboard::typed(&[""]);
    let ran = run_with(server.data_dir(), "certificate delete gate", no, NoPrompt).await;
    assert_eq!(ran.code(), "cancelled");
    server.asked();
}

#[tokio::test]
async fn a_certificate_in_use_is_named_with_its_accounts() {
    let found = || ("GET /certificates/gate", Answer::json(200, &gate()));
    let refusal = Answer::problem(409, "in_use", &json!({"accounts": ["contoso"]}));
    for (line, server) in [
        ("certificate delete gate", Server::expecting([found()]).await),
        (
            "certificate delete gate --yes",
            Server::expecting([found(), ("DELETE /certificates/0199-gate", refusal)]).await,
        ),
    ] {
        let failure = run(&server, line).await.end.unwrap_err();
        assert_eq!(failure.code, "in_use");
        assert_eq!(failure.more["accounts"], json!(["contoso"]));
        server.asked();
    }
}

#[tokio::test]
async fn export_writes_a_private_key_for_its_owner_alone() {
    let mut certificate = gate();
    certificate["exportable"] = json!(true);
    let server = Server::expecting([
        ("GET /certificates/gate", Answer::json(200, &certificate)),
        ("POST /certificates/0199-gate/export", Answer::bytes(b"pkcs12")),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.pfx");
    let line = format!("certificate export gate --format pfx --output {} --profile 3des", file.display());
    let keyboard = Keyboard::typed(&[]);
    let ran = run_with(server.data_dir(), &line, keyboard, Types("geheim")).await;
    assert_eq!(ran.end, Ok(Verdict::Done));
    assert_eq!(std::fs::read(&file).unwrap(), b"pkcs12");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(server.asked()[1], json!({"password": "geheim", "profile": "3des"}));
}

#[tokio::test]
async fn nobody_is_asked_for_the_password_of_a_key_that_is_not_exportable() {
    let server = Server::expecting([("GET /certificates/gate", Answer::json(200, &gate()))]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.pfx");
    let line = format!("certificate export gate --format pfx --output {}", file.display());
    let ran = run_with(server.data_dir(), &line, Keyboard::typed(&[]), NoPrompt).await;
    assert_eq!(ran.code(), "not_exportable");
    assert!(!file.exists());
    server.asked();
}

#[tokio::test]
async fn a_private_key_does_not_leave_without_a_password() {
    let mut certificate = gate();
    certificate["exportable"] = json!(true);
    let server = Server::expecting([("GET /certificates/gate", Answer::json(200, &certificate))]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.pfx");
    let ran =
        run(&server, &format!("certificate export gate --format pfx --output {}", file.display())).await;
    assert_eq!(ran.code(), "password_missing");
    assert!(!file.exists());
    server.asked();
}

#[tokio::test]
async fn the_public_part_can_go_to_standard_output_but_not_together_with_json() {
    let server = Server::expecting([
        ("GET /certificates/gate", Answer::json(200, &gate())),
        ("GET /certificates/0199-gate/download?format=pem", Answer::bytes(b"-----BEGIN\n")),
    ])
    .await;
    let ran = run(&server, "certificate export gate --format pem --output -").await;
    assert_eq!(ran.out, "-----BEGIN\n");
    let ran = run(&server, "certificate export gate --format pem --output - --json").await;
    assert_eq!(ran.end.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn replace_keeps_the_name() {
    let server = Server::expecting([("POST /certificates/gate/replace", Answer::json(200, &gate()))]).await;
    let file = server.data_dir().join("new.pfx");
    std::fs::write(&file, b"new").unwrap();
    let line = format!("certificate replace gate --file {}", file.display());
    let ran = run(&server, &line).await;
    assert!(ran.out.starts_with("✓ Certificate \"gate\" is replaced.\n"), "{}", ran.out);
    assert_eq!(server.asked(), [json!({"file": STANDARD.encode(b"new")})]);
}
