//! Somebody asks what an error means.

use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn a_code_is_explained_with_the_values_of_an_account() {
    let house = House::new().await;
    house.certificate("gate").await;
    let credential = json!({ "kind": "certificate", "certificate": "gate" });
    house.account(json!({ "credential": credential })).await;
    let viewer = house.holder("tv", "viewer").await;
    let found = viewer.get("/api/v1/explain?code=AADSTS700027&account=mail").await.done(200);
    let advice = &found["items"][0];
    assert_eq!((&advice["code"], &advice["turn"]), (&json!("AADSTS700027"), &json!("tenant_administrator")));
    assert_eq!((&advice["known"], &advice["temporary"]), (&json!(true), &json!(false)));
    let fix = advice["fix"].as_str().unwrap();
    let thumbprint = house.look_at("mail").await["credential"]["thumbprint_sha1"].clone();
    assert!(fix.contains(thumbprint.as_str().unwrap()), "{fix}");
    assert!(fix.contains(&house.sim.world().apps[0].client_id.to_string()), "{fix}");
    let found = viewer.get("/api/v1/explain?code=AADSTS50011&account=mail").await.done(200);
    let fix = found["items"][0]["fix"].as_str().unwrap();
    assert!(fix.contains(&format!("add exactly {}/authorize", house.console())), "{fix}");
    let found = viewer.get("/api/v1/explain?code=AADSTS700027").await.done(200);
    assert!(
        found["items"][0]["fix"].as_str().unwrap().contains("<client ID>"),
        "nobody's values: named gaps"
    );
}

#[tokio::test]
async fn a_pasted_text_gives_all_that_it_tells_of_the_specific_first() {
    let house = House::new().await;
    let text = r#"{"error":"invalid_client","error_description":"AADSTS70002: Error validating credentials. AADSTS50032: RSA key size 1024 is less than the minimum required 2048 bits.","error_codes":[70002,50032]}"#;
    let found = house.local().post("/api/v1/explain", json!({ "text": text })).await.done(200);
    let codes: Vec<&str> =
        found["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["AADSTS50032", "AADSTS70002"]);
}

#[tokio::test]
async fn what_is_no_code_and_no_account_is_said() {
    let house = House::new().await;
    house
        .local()
        .post("/api/v1/explain", json!({ "text": "hello" }))
        .await
        .refused(422, "nothing_to_explain");
    house.local().get("/api/v1/explain?code=").await.refused(422, "nothing_to_explain");
    house.local().get("/api/v1/explain?code=AADSTS50011&account=nobody").await.refused(404, "not_found");
    let unknown = house.local().get("/api/v1/explain?code=AADSTS4242").await.done(200);
    assert_eq!(unknown["items"][0]["known"], false, "{unknown}");
}
