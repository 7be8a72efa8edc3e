//! After a whole tour no secret stands anywhere it shouldn't: not in a file of the data directory, an answer, the audit
//! log, nor the program's log at its most talkative.
//! Field story 33: secrets stood in clear, in the configuration and in traces.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use certs::{GenerateOptions, KeyBits, Subject, ValidityDays};
use serde_json::{Value, json};

use crate::house::{Answer, Caller, House};
use crate::person::Person;
use crate::provider::{CLIENT_ID, Provider};

/// What the program logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that is to be searched, by where it was found.
#[derive(Default)]
struct Haystack(Vec<(String, String)>);

impl Haystack {
    fn add(&mut self, place: &str, answer: &Answer) {
        self.0.push((place.to_owned(), as_text(&answer.body)));
        self.0.push((format!("{place} (head)"), format!("{:?}", answer.headers)));
    }

    fn add_files(&mut self, folder: &Path) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                self.add_files(&path);
            } else if path.is_file() {
                self.0.push((path.display().to_string(), as_text(&std::fs::read(&path).unwrap())));
            }
        }
    }

    #[track_caller]
    fn lacks(&self, what: &str, needle: &[u8]) {
        assert!(needle.len() >= 8, "{what} is too short to be looked for");
        let needle = as_text(needle);
        for (place, hay) in &self.0 {
            assert!(!hay.contains(&needle), "{what} stands in {place}");
        }
    }

    /// As it is, in base64 of both alphabets at each of three offsets, and in hex.
    #[track_caller]
    fn lacks_in_any_form(&self, what: &str, secret: &[u8]) {
        self.lacks(what, secret);
        for skip in 0..3 {
            // Whole groups only: the ends depend on their neighbours.
            let part = &secret[skip..];
            let part = &part[..part.len() / 3 * 3];
            self.lacks(&format!("{what} in base64"), STANDARD.encode(part).as_bytes());
            self.lacks(&format!("{what} in base64url"), URL_SAFE_NO_PAD.encode(part).as_bytes());
        }
        self.lacks(&format!("{what} in hex"), hex::encode(secret).as_bytes());
        self.lacks(&format!("{what} in hex"), hex::encode_upper(secret).as_bytes());
    }
}

/// Each byte as the character of its number: texts are searched much faster than bytes in a debug build.
fn as_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn no_secret_stands_anywhere_after_a_whole_tour() {
    let log = Log::default();
    let sink = log.clone();
    let ours = "off,postern=trace,m365=trace,certs=trace,store=trace,mail=trace";
    let filter = tracing_subscriber::EnvFilter::new(ours);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .init();

    let provider = Provider::start().await;
    let mut house = House::configured("", &provider.section()).await;
    let mut hay = Haystack::default();
    let (mut secrets, token) = tour(&house, &mut hay).await;
    provider_tour(&house, &mut hay).await;
    look_around(&house, &mut hay, &token).await;

    hay.add_files(&house.data());
    house.stop().await;
    hay.add_files(&house.data());
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.len() > 500, "the log was captured: {}", String::from_utf8_lossy(&logged));
    hay.0.push(("the log".to_owned(), as_text(&logged)));
    // The master key is a file of its own; everywhere else it is as secret as what it seals.
    let master = std::fs::read_to_string(house.data().join("master.key")).unwrap();
    hay.0.retain(|(place, _)| !place.ends_with("master.key"));
    secrets.push(("the master key", master.trim().as_bytes().to_vec()));

    secrets.push(("a provider's secret", b"provider-secret-9f1c".to_vec()));
    for (what, values) in [
        ("a code or token", provider.given()),
        ("a PKCE verifier", provider.asked("code_verifier")),
        ("a refresh token", provider.asked("refresh_token")),
    ] {
        assert!(!values.is_empty(), "{what}");
        secrets.extend(values.into_iter().map(|value| (what, value.into_bytes())));
    }
    for user in house.sim.world().users {
        secrets.push(("a user's password", user.password.into_bytes()));
    }
    // What may be found is found: the search looks where it should.
    for (place, text) in [
        ("postern.db", "by-secret-graph"),
        ("/accounts", "by-secret-graph"),
        ("/audit", "by-secret-graph"),
        ("the log", "Postern is up"),
    ] {
        let mut there = hay.0.iter().filter(|(known, _)| known.ends_with(place));
        assert!(there.any(|(_, hay)| hay.contains(text)), "{place} was not searched");
    }
    for (what, secret) in &secrets {
        hay.lacks_in_any_form(what, secret);
    }
}

/// The simulated tenant, by certificate and by secret; what must not be found afterwards, and an API token.
async fn tour(house: &House, hay: &mut Haystack) -> (Vec<(&'static str, Vec<u8>)>, String) {
    let options = GenerateOptions {
        subject: Subject::common_name("imported").unwrap(),
        key_bits: KeyBits::try_from(2048).unwrap(),
        days: ValidityDays::try_from(90).unwrap(),
    };
    let made = certs::generate(&options, time::OffsetDateTime::now_utc()).unwrap();
    let key = made.key().pkcs8_der();
    let pem = format!("{}{}", certs::export::pem(made.leaf_der(), &[]), key_pem(&key));
    let imported = house.import("imported", pem.as_bytes(), json!({ "exportable": true })).await;
    assert_eq!(imported.status, 201);
    hay.add("import", &imported);
    let made = house
        .local()
        .post("/api/v1/certificates/generate", json!({ "name": "gate", "exportable": true }))
        .await;
    hay.add("generate", &made);
    house.upload("gate").await;
    let passwords = json!({ "password": PASSWORD, "repeat_password": PASSWORD });
    let exported = house.local().post("/api/v1/certificates/imported/export", passwords).await;
    assert_eq!(exported.status, 200);
    let wrong =
        house.import("again", &exported.body, json!({ "password": format!("{PASSWORD} wrong") })).await;
    hay.add("wrong password", &wrong);

    for (name, credential) in [
        ("by-certificate", json!({ "kind": "certificate", "certificate": "gate" })),
        ("by-secret", house.account_form(json!({}))["credential"].clone()),
    ] {
        for transport in ["graph", "smtp"] {
            let name = format!("{name}-{transport}");
            house.account(json!({ "name": name, "transport": transport, "credential": credential })).await;
            house.authorize(&name, "megan").await;
            let to = json!({ "to": "nosmtp@contoso.example", "account": name });
            let report = house.local().post("/api/v1/test-email", to).await;
            assert_eq!(report.done(200)["ok"], true);
            hay.add("test-email", &report);
        }
    }
    let bad = json!({ "kind": "secret", "secret": "a-wrong-secret-4711" });
    house.account(json!({ "name": "wrong", "credential": bad, "sign_in": "application", "from": "megan@contoso.example" })).await;
    hay.add("refused", &house.local().post("/api/v1/accounts/wrong/authorize", json!({})).await);
    let token = house.holder("tv", "administrator").await.token.unwrap();

    let client_secret = house.sim.world().apps[0].secrets[0].value.clone();
    // The end of PKCS#8 is the key's numbers: primes, exponents, coefficient.
    let numbers = &key[key.len() - 600..];
    let secrets = vec![
        ("a private key", key.to_vec()),
        ("a private key's numbers", numbers[..64].to_vec()),
        ("a private key's numbers", numbers[300..364].to_vec()),
        ("an API token", token.clone().into_bytes()),
        ("a client secret", client_secret.into_bytes()),
        ("a wrong client secret", b"a-wrong-secret-4711".to_vec()),
        ("a password", PASSWORD.as_bytes().to_vec()),
    ];
    (secrets, token)
}

fn key_pem(key: &[u8]) -> String {
    let text = STANDARD.encode(key);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// The provider, whose tokens are known.
async fn provider_tour(house: &House, hay: &mut Haystack) {
    let credential = json!({ "kind": "secret", "secret": "provider-secret-9f1c" });
    house
        .account(json!({ "name": "idp", "cloud": "idp", "client_id": CLIENT_ID, "credential": credential }))
        .await;
    for way in ["confirmed", "pasted", "left"] {
        let flow = house.local().post("/api/v1/accounts/idp/authorize", json!({})).await.done(201);
        let mut person = Person::new(house, "megan");
        let brought = person.sign_in(flow["url"].as_str().unwrap()).await;
        let place = format!("/api/v1/authorizations/{}", flow["id"].as_str().unwrap());
        match way {
            "pasted" => {
                let body = json!({ "address": brought.address.as_str() });
                hay.add("complete", &house.local().post(&format!("{place}/complete"), body).await);
            }
            _ => hay.add("callback", &person.bring(&brought).await),
        }
        if way != "left" {
            hay.add("confirm", &house.local().post(&format!("{place}/confirm"), json!({})).await);
        }
        hay.add("flow", &house.local().get(&place).await);
    }
    let to = json!({ "to": "a@idp.example", "account": "idp" });
    let report = house.local().post("/api/v1/test-email", to).await;
    assert_eq!(report.done(200)["ok"], true, "{}", report.text());
    hay.add("test-email", &report);
}

/// Reads all that can be read.
async fn look_around(house: &House, hay: &mut Haystack, token: &str) {
    let reader = Caller { token: Some(token.to_owned()), ..house.stranger() };
    let document = reader.get("/api/v1/openapi.json").await.done(200);
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_some() && !path.contains('{') && path != "/events" {
            let answer = reader.get(&format!("/api/v1{path}")).await;
            // Nothing was asked to be explained; what it is told instead is looked through as well.
            assert!(
                matches!((answer.status, path.as_str()), (200, _) | (422, "/explain")),
                "{path}: {}",
                answer.status
            );
            hay.add(path, &answer);
        }
    }
    for list in ["certificates", "accounts"] {
        let items: Value = house.local().get(&format!("/api/v1/{list}")).await.done(200);
        for item in items["items"].as_array().unwrap() {
            hay.add(list, &reader.get(&format!("/api/v1/{list}/{}", item["id"].as_str().unwrap())).await);
        }
    }
    for refused in ["/api/v1/status?x=1", "/api/v1/certificates/none", "/nothing"] {
        hay.add(refused, &reader.get(refused).await);
    }
}
