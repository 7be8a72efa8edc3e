//! Certificates come in, are looked at, changed and replaced, go out as far as they may, and are deleted.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::house::{FIXTURE_TIME, House, fixture};

const PASSWORD: &str = "hunter2";

async fn look_at(house: &House, certificate: &str) -> Value {
    house.local().get(&format!("/api/v1/certificates/{certificate}")).await.done(200)
}

/// A file that imports: RSA, valid, with a password.
fn good() -> Vec<u8> {
    fixture(GOOD)
}

/// Another one.
fn another() -> Vec<u8> {
    fixture(ANOTHER)
}

const GOOD: &str = "pfx/made/openssl_default_chain.pfx";
const ANOTHER: &str = "pfx/made/judged_two_years.pfx";

/// The SHA-1 thumbprint of what is in a file, as whoever made it has noted: file, password, verdict, thumbprint.
fn thumbprint(file: &str) -> String {
    let verdicts = String::from_utf8(fixture("verdicts.tsv")).unwrap();
    let of_file = verdicts.lines().find(|line| line.split('\t').next() == Some(file)).unwrap();
    of_file.split('\t').nth(3).unwrap().to_owned()
}

#[tokio::test]
async fn each_file_that_can_not_be_used_is_refused_by_its_code_and_leaves_nothing() {
    let house = House::at(FIXTURE_TIME).await;
    for (file, password, code) in [
        (fixture("pfx/made/other_text.pfx"), "", "not_pkcs12"),
        (fixture("pfx/made/other_empty.pfx"), "", "not_pkcs12"),
        (fixture("pfx/made/damaged_cut_at_60_percent.pfx"), PASSWORD, "not_pkcs12"),
        (good(), "wrong", "wrong_password"),
        (good(), "", "wrong_password"),
        (fixture("pfx/made/openssl_aes_256_wrap_pad.pfx"), PASSWORD, "unsupported_algorithm"),
        (fixture("pfx/made/openssl_key_only.pfx"), "x", "no_certificate"),
        (fixture("pem/certificate_only.pem"), "", "no_private_key"),
        (fixture("pfx/made/holds_two_keys.pfx"), "", "several_keys"),
        (fixture("pfx/made/holds_key_of_another.pfx"), "", "key_mismatch"),
        (fixture("pem/ec.pem"), "", "not_rsa"),
        (fixture("pem/rsa_1024.pem"), "", "key_too_small"),
        (fixture("pem/expired.pem"), "", "expired"),
    ] {
        let refused = house.import("gate", &file, json!({ "password": password })).await;
        let problem = refused.refused(422, code);
        assert!(!problem.to_string().contains("wrong\""), "{problem}");
        assert_eq!(house.audit().await[0], format!("certificate.import refused {code}"));
    }
    house.import("gate", &vec![0; 1024 * 1024 + 1], json!({})).await.refused(413, "too_large");
    assert_eq!(house.names("certificates").await, [""; 0]);
}

#[tokio::test]
async fn an_unsupported_algorithm_is_named() {
    let house = House::at(FIXTURE_TIME).await;
    let file = fixture("pfx/made/openssl_aes_256_wrap_pad.pfx");
    let problem = house
        .import("gate", &file, json!({ "password": PASSWORD }))
        .await
        .refused(422, "unsupported_algorithm");
    assert!(problem["detail"].as_str().unwrap().contains("2.16.840.1.101.3.4.1.48"), "{problem}");
}

#[tokio::test]
async fn passwords_that_differ_are_refused_before_the_file_is_read() {
    let house = House::at(FIXTURE_TIME).await;
    for (password, repeated) in
        [(json!(PASSWORD), json!("hunter3")), (json!(PASSWORD), json!("")), (Value::Null, json!("x"))]
    {
        let given = json!({ "password": password, "repeat_password": repeated });
        house.import("gate", b"whatever", given).await.refused(422, "passwords_differ");
    }
    assert_eq!(house.audit().await[0], "certificate.import refused passwords_differ");
    let given = json!({ "password": PASSWORD, "repeat_password": PASSWORD });
    house.import("gate", &good(), given).await.done(201);
}

#[tokio::test]
async fn a_file_that_is_no_base64_is_refused_by_its_field() {
    let house = House::at(FIXTURE_TIME).await;
    let form = json!({ "name": "gate", "file": "not base64!" });
    let problem =
        house.local().post("/api/v1/certificates/import", form).await.refused(422, "invalid_request");
    assert_eq!(problem["field"], "file");
}

#[tokio::test]
async fn a_name_is_given_once_whatever_its_case() {
    let house = House::at(FIXTURE_TIME).await;
    house.import("Gate", &good(), json!({ "password": PASSWORD })).await.done(201);
    for name in ["Gate", "gate", " GATE "] {
        house.import(name, &another(), json!({ "password": PASSWORD })).await.refused(409, "name_taken");
        assert_eq!(house.audit().await[0], "certificate.import refused name_taken");
        let form = json!({ "name": name });
        house.local().post("/api/v1/certificates/generate", form).await.refused(409, "name_taken");
        assert_eq!(house.audit().await[0], "certificate.generate refused name_taken");
    }
    house.import("other", &another(), json!({ "password": PASSWORD })).await.done(201);
    let taken = house.local().patch("/api/v1/certificates/other", json!({ "name": "GATE" })).await;
    taken.refused(409, "name_taken");
    assert_eq!(house.audit().await[0], "certificate.edit refused name_taken");
    assert_eq!(house.names("certificates").await, ["Gate", "other"]);
    house.local().patch("/api/v1/certificates/gate", json!({ "name": "GATE" })).await.done(200);
}

#[tokio::test]
async fn a_certificate_is_stored_once_and_the_refusal_says_as_what() {
    let house = House::at(FIXTURE_TIME).await;
    house.import("gate", &good(), json!({ "password": PASSWORD })).await.done(201);
    // The same certificate out of another file.
    for file in [good(), fixture("pem/pkcs8_first.pem")] {
        let problem =
            house.import("again", &file, json!({ "password": PASSWORD })).await.refused(409, "duplicate");
        assert_eq!(problem["name"], "gate");
        assert_eq!(house.audit().await[0], "certificate.import refused duplicate");
    }
    house.import("other", &another(), json!({ "password": PASSWORD })).await.done(201);
    let form = json!({ "file": base64(&good()), "password": PASSWORD });
    let replaced = house.local().post("/api/v1/certificates/other/replace", form).await;
    assert_eq!(replaced.refused(409, "duplicate")["name"], "gate");
    assert_eq!(house.audit().await[0], "certificate.replace refused duplicate");
}

fn base64(file: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(file)
}

#[tokio::test]
async fn of_several_keys_one_is_chosen_by_its_thumbprint() {
    let house = House::at(FIXTURE_TIME).await;
    let file = fixture("pfx/made/holds_two_keys.pfx");
    let problem = house.import("gate", &file, json!({})).await.refused(422, "several_keys");
    let choices: Vec<String> = serde_json::from_value(problem["choices"].clone()).unwrap();
    assert_eq!(choices.len(), 2);
    assert!(
        choices.iter().all(|choice| choice.len() == 40 && *choice == choice.to_uppercase()),
        "{choices:?}"
    );
    let unknown = json!({ "thumbprint": "0".repeat(40) });
    house.import("gate", &file, unknown).await.refused(422, "several_keys");
    let chosen = json!({ "thumbprint": choices[1].to_lowercase() });
    let stored = house.import("gate", &file, chosen).await.done(201);
    assert_eq!(stored["thumbprint_sha1"], choices[1]);
    let other = house.import("other", &file, json!({ "thumbprint": choices[0] })).await.done(201);
    assert_eq!(other["thumbprint_sha1"], choices[0]);
}

#[tokio::test]
async fn what_a_certificate_says_is_shown() {
    let house = House::at(FIXTURE_TIME).await;
    let given =
        json!({ "password": PASSWORD, "description": "for the scanners\nsecond floor", "exportable": true });
    let stored = house.import("gate", &good(), given).await.done(201);
    assert_eq!(stored, look_at(&house, "gate").await);
    assert_eq!(stored, look_at(&house, stored["id"].as_str().unwrap()).await);
    for (name, value) in [
        ("name", json!("gate")),
        ("description", json!("for the scanners\nsecond floor")),
        ("origin", json!("imported")),
        ("exportable", json!(true)),
        ("status", json!("valid")),
        ("thumbprint_sha1", json!(thumbprint(GOOD))),
        ("chain_length", json!(2)),
        ("used_by", json!([])),
        ("warnings", json!([])),
        ("created", json!("2026-11-21T08:00:00Z")),
    ] {
        // A little time has passed since the clock was set.
        if name == "created" {
            assert!(stored[name].as_str().unwrap().starts_with("2026-11-21T08:0"), "{stored}");
        } else {
            assert_eq!(stored[name], value, "{name}");
        }
    }
    let shown = stored.to_string().to_lowercase();
    assert!(!shown.contains("private") && !shown.contains("sealed"), "{shown}");
}

#[tokio::test]
async fn warnings_are_shown_and_refuse_nothing() {
    let house = House::at(FIXTURE_TIME).await;
    for (file, code, status) in [
        ("not_yet_valid", "not_yet_valid", "not_yet_valid"),
        ("expires_soon", "expires_soon", "expiring"),
        ("long_lifetime", "long_lifetime", "valid"),
        ("key_encipherment", "key_usage_without_digital_signature", "valid"),
        ("server_only", "eku_without_client_auth", "valid"),
        ("ca", "ca_certificate", "valid"),
        ("large_key", "large_key", "valid"),
    ] {
        let bytes = fixture(&format!("pfx/made/judged_{file}.pfx"));
        let stored = house.import(file, &bytes, json!({ "password": PASSWORD })).await.done(201);
        assert_eq!(
            (&stored["warnings"][0]["code"], &stored["status"]),
            (&json!(code), &json!(status)),
            "{stored}"
        );
        assert!(!stored["warnings"][0]["text"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_stored_certificate_ages() {
    let house = House::at(FIXTURE_TIME).await;
    let made = house
        .local()
        .post("/api/v1/certificates/generate", json!({ "name": "gate", "days": 90 }))
        .await
        .done(201);
    assert_eq!((&made["status"], &made["origin"]), (&json!("valid"), &json!("generated")));
    house.advance(time::Duration::days(61));
    assert_eq!(look_at(&house, "gate").await["status"], "expiring");
    house.advance(time::Duration::days(30));
    let expired = look_at(&house, "gate").await;
    assert_eq!(expired["status"], "expired");
    assert!(expired["days_left"].as_i64().unwrap() < 0);
}

#[tokio::test]
async fn a_certificate_is_generated_as_it_is_asked_for() {
    let house = House::new().await;
    let generate = async |form: Value| house.local().post("/api/v1/certificates/generate", form).await;
    let plain = generate(json!({ "name": "gate" })).await.done(201);
    assert_eq!(plain["key"], json!({ "type": "RSA", "bits": 2048 }));
    assert_eq!((&plain["subject"], &plain["exportable"]), (&json!("CN=gate"), &json!(false)));
    assert_eq!(plain["days_left"].as_i64().unwrap() / 10, 36, "{plain}");
    let own = json!({ "name": "own", "key_bits": 3072, "days": 1, "subject": "CN=mail gate, O=Contoso", "exportable": true });
    let own = generate(own).await.done(201);
    assert_eq!((&own["key"]["bits"], &own["subject"]), (&json!(3072), &json!("CN=mail gate, O=Contoso")));
    for (name, value) in [
        ("key_bits", json!(1024)),
        ("key_bits", json!(2049)),
        ("days", json!(0)),
        ("days", json!(731)),
        ("days", json!(-1)),
        ("subject", json!("mail gate")),
        ("subject", json!("")),
        ("description", json!("x".repeat(1001))),
        ("name", json!("x".repeat(101))),
        ("name", json!("..")),
        ("name", json!("import")),
        ("name", json!("Generate")),
    ] {
        let mut form = json!({ "name": "refused" });
        form[name] = value.clone();
        let problem = generate(form).await.refused(422, "invalid_request");
        assert_eq!(problem["field"], name, "{value}: {problem}");
    }
    assert_eq!(house.names("certificates").await, ["gate", "own"]);
}

#[tokio::test]
async fn a_name_may_hold_whatever_people_write() {
    let house = House::at(FIXTURE_TIME).await;
    let name = "Büro/2 \"Nord\" 100% #1?";
    house.import(name, &good(), json!({ "password": PASSWORD })).await.done(201);
    let encoded = "B%C3%BCro%2F2%20%22Nord%22%20100%25%20%231%3F";
    assert_eq!(look_at(&house, encoded).await["name"], name);
    let file = house.local().get(&format!("/api/v1/certificates/{encoded}/download")).await;
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"B_ro_2__Nord__100___1_.cer\"; \
         filename*=UTF-8''B%C3%BCro%2F2%20%22Nord%22%20100%25%20%231%3F.cer"
    );
}

#[tokio::test]
async fn name_and_description_can_be_edited() {
    let house = House::at(FIXTURE_TIME).await;
    let before = house.import("gate", &good(), json!({ "password": PASSWORD })).await.done(201);
    let after = house.local().patch("/api/v1/certificates/gate", json!({ "name": "door" })).await.done(200);
    assert_eq!(
        (&after["id"], &after["name"], &after["description"]),
        (&before["id"], &json!("door"), &json!(""))
    );
    house.local().patch("/api/v1/certificates/door", json!({ "description": "new" })).await.done(200);
    assert_eq!(look_at(&house, "door").await["description"], "new");
    house
        .local()
        .patch("/api/v1/certificates/door", json!({ "exportable": true }))
        .await
        .refused(422, "invalid_request");
    house
        .local()
        .patch("/api/v1/certificates/door", json!({ "name": "import" }))
        .await
        .refused(422, "invalid_request");
    house.local().get("/api/v1/certificates/gate").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_replaced_certificate_keeps_its_name_and_its_accounts() {
    let house = House::at(FIXTURE_TIME).await;
    let before =
        house.import("gate", &good(), json!({ "password": PASSWORD, "exportable": true })).await.done(201);
    house.account(json!({ "credential": { "kind": "certificate", "certificate": "gate" } })).await;
    let refused = json!({ "file": base64(&another()), "password": "wrong" });
    house.local().post("/api/v1/certificates/gate/replace", refused).await.refused(422, "wrong_password");
    assert_eq!(look_at(&house, "gate").await["thumbprint_sha1"], before["thumbprint_sha1"]);
    let form = json!({ "file": base64(&another()), "password": PASSWORD });
    let after = house.local().post("/api/v1/certificates/gate/replace", form).await.done(200);
    assert_eq!((&after["id"], &after["name"]), (&before["id"], &before["name"]));
    assert_eq!(after["thumbprint_sha1"], thumbprint(ANOTHER));
    assert_eq!((&after["used_by"], &after["exportable"]), (&json!(["mail"]), &json!(false)));
    let credential = house.look_at("mail").await["credential"].clone();
    assert_eq!(credential["thumbprint_sha1"], after["thumbprint_sha1"], "{credential}");
    house
        .local()
        .post("/api/v1/certificates/none/replace", json!({ "file": "" }))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn a_certificate_in_use_is_not_deleted_and_the_answer_names_the_accounts() {
    let house = House::at(FIXTURE_TIME).await;
    house.import("gate", &good(), json!({ "password": PASSWORD })).await.done(201);
    let credential = json!({ "kind": "certificate", "certificate": "gate" });
    for name in ["scanner", "Backup"] {
        house.account(json!({ "name": name, "credential": credential })).await;
    }
    let problem = house.local().delete("/api/v1/certificates/gate").await.refused(409, "in_use");
    assert_eq!(problem["accounts"], json!(["Backup", "scanner"]));
    assert_eq!(house.audit().await[0], "certificate.delete refused in_use");
    for name in ["scanner", "backup"] {
        assert_eq!(house.local().delete(&format!("/api/v1/accounts/{name}")).await.status, 204);
    }
    assert_eq!(house.local().delete("/api/v1/certificates/gate").await.status, 204);
    house.local().delete("/api/v1/certificates/gate").await.refused(404, "not_found");
}

#[tokio::test]
async fn the_public_part_can_be_downloaded_at_any_time() {
    let house = House::at(FIXTURE_TIME).await;
    let stored = house.import("gate", &good(), json!({ "password": PASSWORD })).await.done(201);
    let cer = house.local().get("/api/v1/certificates/gate/download?format=cer").await;
    assert_eq!((cer.status, cer.header("content-type")), (200, "application/pkix-cert"));
    assert_eq!(hex::encode(digest(&SHA256, &cer.body)), stored["thumbprint_sha256"].as_str().unwrap());
    assert_eq!(house.local().get("/api/v1/certificates/gate/download").await.body, cer.body);
    let pem = house.local().get("/api/v1/certificates/gate/download?format=pem").await;
    let chain: Vec<CertificateDer<'_>> =
        CertificateDer::pem_slice_iter(&pem.body).map(Result::unwrap).collect();
    assert_eq!((chain[0].as_ref(), chain.len()), (cer.body.as_slice(), 3));
    assert!(!pem.text().contains("PRIVATE"));
    house.local().get("/api/v1/certificates/gate/download?format=pfx").await.refused(422, "invalid_request");
}

#[tokio::test]
async fn a_private_key_leaves_only_where_that_was_allowed_and_under_a_password() {
    let house = House::at(FIXTURE_TIME).await;
    house.import("closed", &another(), json!({ "password": PASSWORD })).await.done(201);
    let stored =
        house.import("open", &good(), json!({ "password": PASSWORD, "exportable": true })).await.done(201);
    let export = async |name: &str, form: Value| {
        house.local().post(&format!("/api/v1/certificates/{name}/export"), form).await
    };
    export("closed", json!({ "password": "long enough" })).await.refused(403, "not_exportable");
    assert_eq!(house.audit().await[0], "certificate.export refused not_exportable");
    export("open", json!({ "password": "" })).await.refused(422, "invalid_request");
    export("open", json!({ "password": "one", "repeat_password": "two" }))
        .await
        .refused(422, "passwords_differ");
    export("open", json!({ "password": "one", "profile": "rc2" })).await.refused(422, "invalid_request");
    for profile in ["aes256", "3des"] {
        let form = json!({ "password": "Größe ü", "repeat_password": "Größe ü", "profile": profile });
        let pfx = export("open", form).await;
        assert_eq!((pfx.status, pfx.header("content-type")), (200, "application/x-pkcs12"));
        assert_eq!(house.audit().await[0], "certificate.export done -");
        let elsewhere = House::at(FIXTURE_TIME).await;
        elsewhere
            .import("gate", &pfx.body, json!({ "password": "Größe" }))
            .await
            .refused(422, "wrong_password");
        let read = elsewhere.import("gate", &pfx.body, json!({ "password": "Größe ü" })).await.done(201);
        assert_eq!(
            (&read["thumbprint_sha256"], &read["chain_length"]),
            (&stored["thumbprint_sha256"], &json!(2))
        );
    }
}

#[tokio::test]
async fn a_list_is_turned_page_by_page_in_the_order_of_names() {
    let house = House::at(FIXTURE_TIME).await;
    for (name, file) in [
        ("delta", "two_years"),
        ("Bravo", "ca"),
        ("alpha", "bare"),
        ("echo", "any_use"),
        ("charlie", "server_only"),
    ] {
        let bytes = fixture(&format!("pfx/made/judged_{file}.pfx"));
        house.import(name, &bytes, json!({ "password": PASSWORD })).await.done(201);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for expected in [2, 2, 1] {
        let page = house.local().get(&format!("/api/v1/certificates?limit=2{cursor}")).await.done(200);
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), expected);
        seen.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        cursor = page["next"].as_str().map_or(String::new(), |next| format!("&cursor={next}"));
    }
    let names = ["alpha", "Bravo", "charlie", "delta", "echo"];
    assert_eq!((seen.as_slice(), cursor.as_str()), (&names.map(str::to_owned)[..], ""));
    for (filter, found) in [
        ("bRAVo", vec!["Bravo"]),
        ("%25", vec![]),
        ("l_ha", vec![]),
        (&thumbprint(ANOTHER)[..8].to_lowercase(), vec!["delta"]),
        ("%20", names.to_vec()),
    ] {
        assert_eq!(house.names(&format!("certificates?filter={filter}")).await, found, "{filter}");
    }
}
