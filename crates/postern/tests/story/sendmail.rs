//! Programs of this machine call `sendmail`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use m365_sim::Folder;
use serde_json::json;

use crate::house::House;
use crate::messages::{ready, until};

const MEGAN: &str = "megan@contoso.example";
const ANN: &str = "ann@fabrikam.example";

/// The program under the name that other programs know.
fn sendmail(folder: &Path) -> PathBuf {
    let link = folder.join("sendmail");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_postern"), &link).unwrap();
    }
    link
}

async fn call(house: &House, data_dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(sendmail(house.folder.path()));
    command.args(arguments).env("POSTERN_DATA_DIR", data_dir);
    run(command, input).await
}

async fn run(mut command: Command, input: &str) -> Output {
    let input = input.to_owned();
    let running = move || {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses its arguments doesn't read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(running).await.unwrap()
}

/// Lets the user who runs the tests hand mail over.
async fn allow_me(house: &House) {
    let uid = rustix::process::getuid().as_raw();
    house.local().post("/api/v1/submitters", json!({ "name": "cron", "uids": [uid] })).await.done(201);
}

async fn newest(house: &House) -> String {
    let list = house.local().get("/api/v1/messages?limit=1").await.done(200);
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_from_standard_input_arrives() {
    let house = ready("").await;
    allow_me(&house).await;
    let input = format!(
        "From: {MEGAN}\nTo: Ann <{ANN}>\nBcc: bob@fabrikam.example\nSubject: nightly\n\nall well\n.\n..\n"
    );
    let done = call(&house, &house.data(), &["-t", "-i"], &input).await;
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
    let story = until(&house, &newest(&house).await, "sent").await;
    assert_eq!((&story["submitter"]["name"], &story["recipient_count"]), (&json!("cron"), &json!(2)));
    assert_eq!(story["source"], format!("uid {}", rustix::process::getuid().as_raw()));
    let arrived = house.sim.messages(ANN, Folder::Inbox).pop().unwrap();
    let text = String::from_utf8_lossy(&arrived.mime).into_owned();
    assert!(text.starts_with("Received: (from user ") && !text.contains("Bcc"), "{text}");
    assert!(text.ends_with("\r\n\r\nall well\r\n.\r\n..\r\n"), "{text}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    command
        .arg("--data-dir")
        .arg(house.data())
        .args(["sendmail", "-oi", "-f", MEGAN, "-F", "Root", "--", ANN]);
    let done = run(command, "Subject: by its own name\n\n").await;
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    until(&house, &newest(&house).await, "sent").await;
    let arrived = house.sim.messages(ANN, Folder::Inbox).pop().unwrap();
    assert!(String::from_utf8_lossy(&arrived.mime).contains(&format!("From: \"Root\" <{MEGAN}>\r\n")));
}

#[tokio::test]
async fn what_cron_mails_to_root_reaches_who_reads_it() {
    let house = ready("").await;
    let uid = rustix::process::getuid().as_raw();
    let cron = json!({ "name": "cron", "uids": [uid], "foreign_from": "rewrite" });
    house.local().post("/api/v1/submitters", cron).await.done(201);
    let aliases = house.folder.path().join("aliases");
    std::fs::write(&aliases, format!("postmaster: root\nroot: {ANN}\n")).unwrap();
    let named = format!("-oA{}", aliases.display());
    let arguments = [named.as_str(), "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"];
    let input =
        "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@nas> backup\n\nno space left on device\n";
    let done = call(&house, &house.data(), &arguments, input).await;
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    until(&house, &newest(&house).await, "sent").await;
    let arrived = house.sim.messages(ANN, Folder::Inbox).pop().unwrap();
    let text = String::from_utf8_lossy(&arrived.mime).into_owned();
    assert!(text.contains(&format!("\r\nTo: {ANN}\r\n")) && text.contains(MEGAN), "{text}");
}

#[tokio::test]
async fn smtp_on_standard_input_is_the_same_conversation_as_at_the_door() {
    let house = ready("").await;
    allow_me(&house).await;
    let input = format!(
        "EHLO me\r\nMAIL FROM:<{MEGAN}>\r\nRCPT TO:<{ANN}>\r\nDATA\r\nFrom: {MEGAN}\r\nTo: {ANN}\r\n\r\nhi\r\n.\r\nQUIT\r\n"
    );
    let done = call(&house, &house.data(), &["-bs"], &input).await;
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(
        said.starts_with("220 ") && said.contains("250-PIPELINING") && said.contains("\r\n221 "),
        "{said}"
    );
    until(&house, &newest(&house).await, "sent").await;
    assert_eq!(house.sim.messages(ANN, Folder::Inbox).len(), 1);
}

#[tokio::test]
async fn every_end_has_the_exit_code_that_programs_know() {
    let mut house = ready("").await;
    let letter = format!("From: {MEGAN}\nTo: {ANN}\n\nhi\n");
    let end = async |house: &House, arguments: &[&str], input: &str| {
        let done = call(house, &house.data(), arguments, input).await;
        (done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, told) = end(&house, &["-t"], &letter).await;
    assert!(code == 77 && told.contains("postern submitter add") && told.contains("--uid"), "{code} {told}");
    allow_me(&house).await;
    assert_eq!(end(&house, &["-t"], &letter).await, (0, String::new()));
    for (arguments, input, expected) in [
        (&["-Z"][..], letter.as_str(), 64),
        (&[], &letter, 64),
        (&["-bp"], &letter, 64),
        (&["-t"], "Subject: nobody\n\n", 65),
        (&["-oA/nowhere", "root"], &letter, 67),
        (&["-q"], "", 0),
    ] {
        let (code, told) = end(&house, arguments, input).await;
        assert_eq!(code, expected, "{arguments:?}: {told}");
        assert_eq!(told.is_empty(), code == 0, "{arguments:?}: {told}");
    }
    let foreign = format!("From: ceo@elsewhere.example\nTo: {ANN}\n\nhi\n");
    let (code, told) = end(&house, &["-t"], &foreign).await;
    assert!(code == 77 && told.contains("ceo@elsewhere.example"), "{code} {told}");
    house.stop().await;
    let (code, told) = end(&house, &["-t"], &letter).await;
    assert!(code == 75 && told.contains("no Postern answers"), "{code} {told}");
}
