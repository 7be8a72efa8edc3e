//! The doors for devices, as the API tells of them: where they really are, and what they prove themselves with.

use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn listeners_are_told_as_they_are_really_open() {
    let mut house = House::stopped("", "").await;
    let own = rcgen::generate_simple_self_signed(["gate.contoso.example".to_owned()]).unwrap();
    house.write("own.pem", own.cert.pem().as_bytes());
    house.write("own.key", own.signing_key.serialize_pem().as_bytes());
    let folder = house.folder.path().display().to_string();
    house.configure(
        "public_url = \"https://gate.contoso.example\"",
        &format!(
            "[[submission]]\nlisten = \"127.0.0.1:0\"\ntls = \"starttls\"\n\
             [[submission]]\nlisten = \"0.0.0.0:0\"\ntls = \"implicit\"\n\
             certificate_file = \"{folder}/own.pem\"\nkey_file = \"{folder}/own.key\"\n\
             [[submission]]\nlisten = \"[::1]:0\"\ntls = \"none\"\n"
        ),
    );
    house.start().await;
    let told = house.local().get("/api/v1/listeners").await.done(200);
    let items = told["items"].as_array().unwrap();
    let addresses: Vec<String> = house.running().submission.iter().map(ToString::to_string).collect();
    assert_eq!(items.iter().map(|item| item["address"].as_str().unwrap()).collect::<Vec<_>>(), addresses);
    let member = |name: &str| items.iter().map(|item| item[name].clone()).collect::<Vec<Value>>();
    assert_eq!(member("tls"), ["starttls", "implicit", "none"]);
    assert_eq!(member("host"), ["localhost", "gate.contoso.example", "localhost"]);
    assert_eq!(member("loopback"), [true, false, true]);
    let [console, own, none] = &member("certificate")[..] else { panic!("{told}") };
    assert_eq!((&console["source"], &console["self_signed"]), (&json!("console"), &json!(true)), "{told}");
    assert_eq!(console["subject"], "CN=Postern console");
    assert!((395..=397).contains(&console["days_left"].as_i64().unwrap()), "{console}");
    assert_eq!(own["source"], "own");
    assert_ne!(own["thumbprint_sha256"], console["thumbprint_sha256"]);
    assert!(none.is_null());
}

#[tokio::test]
async fn without_listeners_the_list_is_empty() {
    let house = House::new().await;
    assert_eq!(house.local().get("/api/v1/listeners").await.done(200), json!({ "items": [] }));
    assert_eq!(house.local().get("/api/v1/listeners/refusals").await.done(200), json!({ "items": [] }));
}
