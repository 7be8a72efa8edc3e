//! Postern starts, starts again, or says why it doesn't.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::house::House;
use crate::person::Person;

/// Every file below a folder but the lock, with its content.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.metadata() {
            Ok(found) if found.is_dir() => files.extend(contents(&path)),
            Ok(found) if found.is_file() => files.push((path.clone(), std::fs::read(&path).unwrap())),
            _ => {}
        }
    }
    files.sort();
    files
}

/// Asserts that Postern doesn't start, says this, and leaves its directory as it was.
async fn refuses(house: &House, says: &[&str]) {
    let before = contents(&house.data());
    let sentence = house.refuse_to_start().await;
    for part in says {
        assert!(sentence.contains(part), "{part:?} isn't in: {sentence}");
    }
    let after = contents(&house.data());
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "{sentence}");
    assert!(before == after, "a file was changed: {sentence}");
}

/// A Postern that has run, with an account in it, and is stopped.
async fn used() -> House {
    let mut house = House::new().await;
    house.certificate("gate").await;
    house.account(json!({})).await;
    house.stop().await;
    house
}

#[tokio::test]
async fn everything_works_on_after_a_restart() {
    let mut house = House::new().await;
    house.certificate("gate").await;
    let credential = json!({ "kind": "certificate", "certificate": "gate" });
    house.account(json!({ "credential": credential })).await;
    let viewer = house.holder("tv", "viewer").await;
    let flow = house.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    let mut megan = Person::new(&house, "megan");
    let brought = megan.sign_in(flow["url"].as_str().unwrap()).await;
    let certificate_pem = house.running().certificate_pem.clone();

    // With the person still at Microsoft's page; the port is another one here, so the answer is pasted.
    house.restart().await;
    assert_eq!(house.running().certificate_pem, certificate_pem, "browsers that trust it go on trusting it");
    let place = format!("/api/v1/authorizations/{}", flow["id"].as_str().unwrap());
    let body = json!({ "address": brought.address.as_str() });
    assert_eq!(house.local().post(&format!("{place}/complete"), body).await.done(200)["status"], "pending");

    // With the sign-in unconfirmed.
    house.restart().await;
    house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);

    // With the grant kept.
    house.restart().await;
    let report =
        house.local().post("/api/v1/test-email", json!({ "to": house.user("nosmtp").0 })).await.done(200);
    assert_eq!(report["ok"], true, "{report}");
    let viewer = crate::house::Caller { token: viewer.token, ..house.stranger() };
    assert_eq!(viewer.get("/api/v1/accounts/mail").await.done(200)["state"]["name"], "ready");
    assert!(house.audit().await.iter().any(|line| line.starts_with("account.authorize_started")));
}

#[tokio::test]
async fn what_the_first_start_makes_is_its_owners_alone() {
    let house = House::new().await;
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(house.data()), 0o700);
    assert_eq!(mode(house.data().join("master.key")), 0o600);
    assert_eq!(mode(house.data().join("admin.sock")), 0o600);
}

#[tokio::test]
async fn a_stop_leaves_no_socket_and_no_loose_ends() {
    let house = used().await;
    let names: Vec<String> = std::fs::read_dir(house.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.iter().any(|name| name.ends_with(".sock") || name.contains("-wal")), "{names:?}");
}

#[tokio::test]
async fn a_missing_master_key_is_never_made_anew() {
    let house = used().await;
    let key = house.data().join("master.key");
    std::fs::remove_file(&key).unwrap();
    refuses(&house, &["master key is missing", "master.key", "[secrets] master_key_file"]).await;
}

#[tokio::test]
async fn an_emptied_database_beside_a_master_key_is_no_first_start() {
    let house = used().await;
    let database = house.data().join("postern.db");
    std::fs::write(&database, "").unwrap();
    refuses(&house, &["is empty", "there is a master key", "restore the database from a backup"]).await;
    // Nobody lost anything: the power went while the very first start made its files.
    std::fs::remove_file(house.data().join("master.key")).unwrap();
    assert!(house.try_start().await.is_ok());
}

#[tokio::test]
async fn another_master_key_is_told_from_a_damaged_one() {
    let (house, other) = (used().await, used().await);
    let key = house.data().join("master.key");
    let right = std::fs::read_to_string(&key).unwrap();
    std::fs::copy(other.data().join("master.key"), &key).unwrap();
    refuses(&house, &["not the one that this database was sealed with"]).await;
    for damaged in ["", "\n", "half a key", &right[..right.len() / 2], &format!("{right}{right}")] {
        std::fs::write(&key, damaged).unwrap();
        refuses(&house, &["is damaged"]).await;
    }
    std::fs::write(&key, [0xff, 0xfe, 0x00]).unwrap();
    refuses(&house, &["master key"]).await;
    std::fs::write(&key, format!("  {right}\r\n\n")).unwrap();
    let mut house = house;
    house.start().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_turned_away() {
    let house = House::new().await;
    let sentence = house.refuse_to_start().await;
    assert!(sentence.contains("in use by another process") && sentence.contains("hint: "), "{sentence}");
    assert_eq!(house.local().get("/api/v1/status").await.status, 200, "the first goes on");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_nothing_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let house = used().await;
    house.configure("", &format!("[console]\nlisten = \"{address}\""));
    refuses(&house, &[&format!("cannot listen on {address}"), "[console] listen"]).await;
}

#[tokio::test]
async fn a_database_of_a_newer_postern_is_left_alone() {
    let house = used().await;
    // PRAGMA user_version: a big-endian number at offset 60 of the file (SQLite's file format, section 1.3).
    let file = house.data().join("postern.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&file, bytes).unwrap();
    refuses(&house, &["written by a newer Postern", "hint: "]).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let house = used().await;
    std::fs::write(house.data().join("postern.db"), "a letter to the editor").unwrap();
    refuses(&house, &["postern.db", "hint: "]).await;
}

#[tokio::test]
async fn a_data_directory_that_is_none_is_said() {
    let house = House::stopped("", "").await;
    std::fs::write(house.data(), "a file").unwrap();
    let sentence = house.refuse_to_start().await;
    assert!(sentence.contains("is not a directory") && sentence.contains("hint: "), "{sentence}");
}

/// A certificate and its key, PEM.
pub(crate) fn pair(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test]
async fn tls_files_that_do_not_serve_are_named() {
    let house = used().await;
    let folder = house.folder.path().display().to_string();
    let section = format!("[console]\ncertificate_file = \"{folder}/c.pem\"\nkey_file = \"{folder}/k.pem\"");
    house.configure("", &section);
    refuses(&house, &["cannot read the certificate", "c.pem"]).await;
    let ((certificate, key), (_, foreign)) = (pair("localhost"), pair("localhost"));
    house.write("c.pem", certificate.as_bytes());
    refuses(&house, &["cannot read the key", "k.pem"]).await;
    house.write("k.pem", b"no key");
    refuses(&house, &["cannot read the key", "k.pem"]).await;
    house.write("k.pem", foreign.as_bytes());
    refuses(&house, &["do not belong together"]).await;
    house.write("k.pem", key.as_bytes());
    house.write("c.pem", b"");
    refuses(&house, &["holds no certificate"]).await;
    house.write("c.pem", certificate.as_bytes());
    let mut house = house;
    house.start().await;
    assert_eq!(house.running().certificate_pem, None, "it isn't ours to hand out");
}

#[tokio::test]
async fn tls_files_that_do_not_serve_leave_an_empty_directory_without_a_master_key() {
    let house = House::stopped("", "[console]\ncertificate_file = \"c.pem\"\nkey_file = \"k.pem\"").await;
    let sentence = house.refuse_to_start().await;
    assert!(sentence.contains("cannot read the certificate"), "{sentence}");
    assert!(
        !house.data().join("master.key").exists(),
        "nothing is sealed yet, and a key without a use lies about"
    );
}

#[tokio::test]
async fn each_wrong_cloud_has_its_sentence() {
    let house = used().await;
    let whole = [
        ("name", "'other'"),
        ("login", "'https://login.example'"),
        ("graph", "'https://graph.example'"),
        ("outlook_scope", "'https://outlook.example'"),
        ("outlook_app_scope", "'https://outlook.example'"),
        ("smtp", "'smtp.example:587'"),
    ];
    let written = |key: &str, value: &str| {
        let lines = whole.iter().map(|(known, usual)| {
            let value = if *known == key { value } else { usual };
            if value.is_empty() { String::new() } else { format!("{known} = {value}\n") }
        });
        let extra = if whole.iter().any(|(known, _)| *known == key) {
            String::new()
        } else {
            format!("{key} = {value}\n")
        };
        format!("[[cloud]]\n{}{extra}", lines.collect::<String>())
    };
    for (key, value, says) in [
        ("login", "", "[[cloud]] other: login is missing"),
        ("graph", "", "[[cloud]] other: graph is missing"),
        ("smtp", "", "[[cloud]] other: smtp is missing"),
        ("outlook_scope", "", "[[cloud]] other: outlook_scope is missing"),
        ("outlook_app_scope", "", "[[cloud]] other: outlook_app_scope is missing"),
        ("name", "", "missing field `name`"),
        ("name", "'lab'", "two [[cloud]] have the name lab"),
        ("name", "'global'", "global"),
        ("name", "''", "name"),
        ("login", "'http://login.example'", "login"),
        ("login", "'https://user:geheim@login.example'", "login"),
        ("login", "'login.example'", "login"),
        ("smtp", "'smtp.example'", "smtp"),
        ("smtp", "'smtp.example:0'", "smtp"),
        ("ca_file", "'not-there.pem'", "cannot read ca_file"),
        ("discovery", "'ftp://x'", "discovery"),
        ("colour", "'red'", "unknown field `colour`"),
    ] {
        house.configure("", &written(key, value));
        let before = contents(&house.data());
        let sentence = house.refuse_to_start().await;
        assert!(sentence.contains(says), "{key} = {value}: {sentence}");
        assert!(!sentence.contains("geheim"), "{sentence}");
        assert!(contents(&house.data()) == before, "{key} = {value}");
    }
    house.write("empty.pem", b"nothing in it");
    let file = format!("'{}/empty.pem'", house.folder.path().display());
    house.configure("", &written("ca_file", &file));
    refuses(&house, &["ca_file"]).await;
}

#[tokio::test]
async fn a_console_named_by_an_ipv6_address_proves_that_address() {
    let mut house = House::configured("names = ['[::1]']", "").await;
    let pem = house.running().certificate_pem.clone().unwrap();
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
    let parsed = rustls::server::ParsedCertificate::try_from(&der).unwrap();
    let address = std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST);
    let name = rustls::pki_types::ServerName::IpAddress(address.into());
    assert!(
        rustls::client::verify_server_name(&parsed, &name).is_ok(),
        "a browser at https://[::1] refuses it"
    );
    house.restart().await;
    assert_eq!(
        house.running().certificate_pem.as_deref(),
        Some(pem.as_str()),
        "it was made anew at each start"
    );
    let uris = house.local().get("/api/v1/status").await.done(200)["redirect_uris"].to_string();
    assert!(uris.contains(&format!("https://[::1]:{}/authorize", house.port())), "{uris}");
}

#[tokio::test]
async fn a_socket_that_a_crash_left_behind_is_no_hindrance() {
    let mut house = used().await;
    drop(std::os::unix::net::UnixListener::bind(house.data().join("admin.sock")).unwrap());
    house.start().await;
    assert_eq!(house.local().get("/api/v1/status").await.status, 200);
}
