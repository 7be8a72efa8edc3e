//! Somebody presses Authorize now, and comes back, or somebody else does.

use serde_json::{Value, json};
use time::Duration;

use crate::house::{Answer, Caller, House};
use crate::person::{Brought, Person};

/// Starts a sign-in of the account `mail`.
pub(crate) async fn begin(caller: &Caller, given: Value) -> (Value, Answer) {
    let answer = caller.post("/api/v1/accounts/mail/authorize", given).await;
    (answer.done(201), answer)
}

pub(crate) fn url(flow: &Value) -> &str {
    flow["url"].as_str().unwrap()
}

pub(crate) fn path(flow: &Value) -> String {
    format!("/api/v1/authorizations/{}", flow["id"].as_str().unwrap())
}

pub(crate) async fn flow_now(house: &House, flow: &Value) -> Value {
    house.local().get(&path(flow)).await.done(200)
}

/// Starts a sign-in at the socket, and lets Megan sign in.
pub(crate) async fn begun(house: &House) -> (Value, Person, Brought) {
    let (flow, _) = begin(&house.local(), json!({})).await;
    let mut megan = Person::new(house, "megan");
    let brought = megan.sign_in(url(&flow)).await;
    (flow, megan, brought)
}

#[tokio::test]
async fn a_sign_in_started_elsewhere_waits_for_its_confirmation() {
    let house = House::new().await;
    house.account(json!({})).await;
    assert_eq!(house.look_at("mail").await["state"]["name"], "needs_sign_in");
    let (flow, mut megan, brought) = begun(&house).await;
    assert_eq!((&flow["status"], &flow["kind"]), (&json!("waiting"), &json!("authorization_code")));
    let page = megan.bring(&brought).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("one step left") && page.text().contains("megan@contoso.example"),
        "{}",
        page.text()
    );

    let pending = flow_now(&house, &flow).await;
    assert_eq!(pending["status"], "pending");
    assert_eq!(pending["found"]["user"], "megan@contoso.example");
    assert_eq!(pending["url"], Value::Null, "a link that was used is shown no more");
    let account = house.look_at("mail").await;
    assert_eq!((&account["state"]["name"], &account["grant"]), (&json!("pending"), &Value::Null));
    assert_eq!(account["pending"]["user"], "megan@contoso.example");

    let kept = house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    assert_eq!(kept["state"]["name"], "ready");
    assert_eq!(kept["grant"]["user"], "megan@contoso.example");
    assert_eq!(kept["grant"]["tenant_id"], house.sim.world().tenant.id.to_string());
    assert_eq!(kept["pending"], Value::Null);
    assert_eq!(kept["from"], "megan@contoso.example", "From defaults to who signed in");
    house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.refused(409, "nothing_pending");
}

#[tokio::test]
async fn an_answer_that_comes_as_a_posted_form_counts_like_one_in_the_address() {
    let house = House::new().await;
    house.account(json!({ "transport": "smtp" })).await;
    let (flow, _) = begin(&house.local(), json!({ "response_mode": "form_post" })).await;
    let mut megan = Person::new(&house, "megan");
    let brought = megan.sign_in(url(&flow)).await;
    assert!(brought.form.is_some() && brought.address.query().is_none());
    assert_eq!(megan.bring(&brought).await.status, 200);
    let flow = house.local().post(&format!("{}/confirm", path(&flow)), json!({})).await.done(200);
    assert_eq!(flow["status"], "confirmed");
    let scopes = flow["found"]["scopes"].to_string();
    assert!(scopes.contains("SMTP.Send"), "{scopes}");
}

#[tokio::test]
async fn the_browser_that_asked_needs_no_confirmation() {
    let house = House::new().await;
    house.account(json!({})).await;
    for mode in ["query", "form_post"] {
        let admin = house.holder(&format!("console {mode}"), "administrator").await;
        let (flow, answer) = begin(&admin, json!({ "browser": true, "response_mode": mode })).await;
        let cookie = answer.header("set-cookie").to_owned();
        for part in
            ["__Host-postern-flow-", "; Secure", "; HttpOnly", "; SameSite=None", "; Path=/", "Max-Age=600"]
        {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        let mut megan = Person::new(&house, "megan");
        megan.keep_cookies(&answer.headers);
        let brought = megan.sign_in(url(&flow)).await;
        let page = megan.bring(&brought).await;
        assert!(page.text().contains("Signed in as") && page.status == 200, "{}", page.text());
        assert_eq!(flow_now(&house, &flow).await["status"], "confirmed");
        assert_eq!(house.look_at("mail").await["state"]["name"], "ready");
    }
}

#[tokio::test]
async fn another_browser_than_the_one_that_asked_leaves_nothing() {
    let house = House::new().await;
    house.account(json!({})).await;
    let admin = house.holder("console", "administrator").await;
    let (flow, _) = begin(&admin, json!({ "browser": true })).await;
    let mut victim = Person::new(&house, "megan");
    let brought = victim.sign_in(url(&flow)).await;
    let page = victim.bring(&brought).await;
    assert_eq!(page.status, 400);
    assert!(page.text().contains("another browser"), "{}", page.text());
    let failed = flow_now(&house, &flow).await;
    assert_eq!((&failed["status"], &failed["failure"]["code"]), (&json!("failed"), &json!("other_browser")));
    let account = house.look_at("mail").await;
    assert_eq!((&account["grant"], &account["pending"]), (&Value::Null, &Value::Null));
    assert!(
        !house.sim.requests().iter().any(|asked| asked.to_string().contains("authorization_code")),
        "not redeemed"
    );
    assert_eq!(house.audit().await[0], "account.authorize refused other_browser");
    admin.post(&format!("{}/confirm", path(&flow)), json!({})).await.refused(409, "nothing_pending");
}

#[tokio::test]
async fn a_cookie_of_another_flow_does_not_help() {
    let house = House::new().await;
    house.account(json!({})).await;
    let admin = house.holder("console", "administrator").await;
    let (_, mine) = begin(&admin, json!({ "browser": true })).await;
    let (theirs, _) = begin(&admin, json!({ "browser": true })).await;
    let mut person = Person::new(&house, "megan");
    person.keep_cookies(&mine.headers);
    let brought = person.sign_in(url(&theirs)).await;
    assert_eq!(person.bring(&brought).await.status, 400);
    assert_eq!(flow_now(&house, &theirs).await["failure"]["code"], "other_browser");
}

#[tokio::test]
async fn an_answer_with_a_state_that_nobody_gave_out_is_refused() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    let half: String = brought.field("state").chars().take(20).collect();
    for forged in ["forged", half.as_str(), &"x".repeat(4000)] {
        let page = megan.bring(&brought.with("state", forged)).await;
        assert_eq!(page.status, 400);
        assert!(page.text().contains("belongs to no sign-in"), "{}", page.text());
    }
    assert_eq!(house.audit().await[0], "account.authorize refused unknown_state");
    // The real answer still counts: a forger can't use up what he doesn't know.
    assert_eq!(megan.bring(&brought).await.status, 200);
    assert_eq!(flow_now(&house, &flow).await["status"], "pending");
}

#[tokio::test]
async fn an_answer_counts_once() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    assert_eq!(megan.bring(&brought).await.status, 200);
    for _ in 0..2 {
        let page = megan.bring(&brought).await;
        assert_eq!(page.status, 400);
        assert!(page.text().contains("used already"), "{}", page.text());
    }
    assert_eq!(flow_now(&house, &flow).await["status"], "pending", "a replay spoils nothing");
    assert_eq!(house.audit().await[0], "account.authorize refused state_used");
}

#[tokio::test]
async fn an_answer_that_comes_after_ten_minutes_is_refused() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (_, mut megan, brought) = begun(&house).await;
    house.advance(Duration::minutes(10));
    let page = megan.bring(&brought).await;
    assert_eq!(page.status, 400);
    assert!(page.text().contains("longer than ten minutes"), "{}", page.text());
    assert_eq!(house.audit().await[0], "account.authorize refused state_expired");
}

#[tokio::test]
async fn what_is_not_confirmed_in_ten_minutes_is_not_kept() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    house.advance(Duration::minutes(9));
    assert_eq!(megan.bring(&brought).await.status, 200);
    house.advance(Duration::minutes(9));
    assert_eq!(
        house.look_at("mail").await["pending"]["user"],
        "megan@contoso.example",
        "ten minutes more to confirm"
    );
    house.advance(Duration::minutes(1));
    house.local().post(&format!("{}/confirm", path(&flow)), json!({})).await.refused(409, "flow_over");
    house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.refused(409, "nothing_pending");
    assert_eq!(house.look_at("mail").await["grant"], Value::Null);
}

#[tokio::test]
async fn sign_ins_that_ran_out_are_ended_by_the_clock() {
    let mut house = House::new().await;
    house.account(json!({})).await;
    let (waiting, _) = begin(&house.local(), json!({})).await;
    let (pending, mut megan, brought) = begun(&house).await;
    megan.bring(&brought).await;
    house.stop().await;
    house.advance(Duration::minutes(11));
    // The job looks as soon as Postern is up.
    house.start().await;
    for flow in [waiting, pending] {
        let ended = house.local().get(&format!("{}?wait=30", path(&flow))).await.done(200);
        let ended = match ended["status"].as_str() {
            Some("pending") => wait_for(&house, &flow, "expired").await,
            _ => ended,
        };
        assert_eq!(ended["status"], "expired");
    }
    assert_eq!(house.look_at("mail").await["state"]["name"], "needs_sign_in");
    let log = house.local().get("/api/v1/audit?action=account.authorize_expired").await.done(200);
    assert_eq!((log["items"].as_array().unwrap().len(), &log["items"][0]["source"]), (2, &json!("clock")));
}

/// Asks until the flow has this status; the runner ends a test that hangs.
async fn wait_for(house: &House, flow: &Value, status: &str) -> Value {
    loop {
        let now = flow_now(house, flow).await;
        if now["status"] == status {
            return now;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_ambiguous_answer_is_refused_and_uses_nothing_up() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    for more in
        ["&code=another", "&state=another", "&error=access_denied", "&code=%00", "&state=a%0d%0aSet-Cookie:x"]
    {
        let page = megan.bring(&brought.and(more)).await;
        assert_eq!(page.status, 400, "{more}");
        assert_eq!(page.headers.get("set-cookie"), None);
    }
    let long = format!("&x={}", "y".repeat(17 * 1024));
    assert!([400, 431].contains(&megan.bring(&brought.and(&long)).await.status));
    for empty in ["", "?", "?code=x", "?state=x"] {
        let answer = house.stranger().get(&format!("/authorize{empty}")).await;
        assert_eq!(answer.status, 400, "{empty}");
        assert!(answer.header("content-type").starts_with("text/html"));
    }
    assert_eq!(megan.bring(&brought).await.status, 200);
    assert_eq!(flow_now(&house, &flow).await["status"], "pending");
}

#[tokio::test]
async fn only_who_started_a_sign_in_confirms_it() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (anna, ben) =
        (house.holder("anna", "administrator").await, house.holder("ben", "administrator").await);
    let (flow, _) = begin(&anna, json!({})).await;
    let mut megan = Person::new(&house, "megan");
    let brought = megan.sign_in(url(&flow)).await;
    megan.bring(&brought).await;
    for caller in [&ben, &house.local()] {
        let problem =
            caller.post(&format!("{}/confirm", path(&flow)), json!({})).await.refused(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("token:anna"), "{problem}");
        caller.post("/api/v1/accounts/mail/confirm", json!({})).await.refused(403, "forbidden");
    }
    assert_eq!(house.audit().await[0], "account.confirm refused forbidden");
    assert_eq!(house.look_at("mail").await["grant"], Value::Null);
    anna.post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
}

#[tokio::test]
async fn a_pasted_address_completes_a_sign_in() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, _, brought) = begun(&house).await;
    let complete = format!("{}/complete", path(&flow));
    let own = flow["redirect_uri"].as_str().unwrap();
    let elsewhere = brought.address.as_str().replace("https://localhost", "https://evil.example");
    for (wrong, code) in [
        ("not an address", "not_an_address"),
        (own, "callback_without_answer"),
        (&format!("{own}?code=1"), "callback_without_state"),
        (&format!("{own}?state=1"), "callback_without_answer"),
        (&format!("{own}?code=x&state=of-another"), "state_mismatch"),
        (&elsewhere, "other_address"),
    ] {
        let refused = house.local().post(&complete, json!({ "address": wrong })).await;
        refused.refused(422, code);
    }
    let pasted = format!("  {}\n", brought.address);
    let done = house.local().post(&complete, json!({ "address": pasted })).await.done(200);
    assert_eq!(done["status"], "pending");
    house.local().post(&complete, json!({ "address": pasted })).await.refused(422, "state_used");
    let done = house.local().post(&format!("{}/confirm", path(&flow)), json!({})).await.done(200);
    assert_eq!(done["status"], "confirmed");
}

#[tokio::test]
async fn an_address_pasted_elsewhere_than_in_the_browser_that_asked_has_to_be_confirmed() {
    let house = House::new().await;
    house.account(json!({})).await;
    let admin = house.holder("console", "administrator").await;
    let other = house.holder("other", "administrator").await;
    let (flow, _) = begin(&admin, json!({ "browser": true })).await;
    let brought = Person::new(&house, "megan").sign_in(url(&flow)).await;
    let body = json!({ "address": brought.address.as_str() });
    let done = other.post(&format!("{}/complete", path(&flow)), body).await.done(200);
    assert_eq!(done["status"], "pending");
    other.post(&format!("{}/confirm", path(&flow)), json!({})).await.refused(403, "forbidden");
    admin.post(&format!("{}/confirm", path(&flow)), json!({})).await.done(200);
}

#[tokio::test]
async fn a_person_who_cancels_or_declines_leaves_the_account_as_it_was() {
    let house = House::new().await;
    house.account(json!({})).await;
    house.sim.change_world(|world| world.apps[0].admin_consent = false);
    let mut states = Vec::new();
    for step in ["login", "consent"] {
        let (flow, _) = begin(&house.local(), json!({})).await;
        let mut megan = Person::new(&house, "megan");
        let brought = megan.cancel_at(step, url(&flow)).await;
        assert_eq!(brought.field("error"), "access_denied");
        let page = megan.bring(&brought).await;
        assert_eq!(page.status, 400);
        let failed = flow_now(&house, &flow).await;
        assert_eq!(
            (&failed["status"], &failed["failure"]["code"]),
            (&json!("failed"), &json!("AADSTS65004")),
            "{failed}"
        );
        assert!(!failed["failure"]["hint"].as_str().unwrap().is_empty());
        states.push(house.look_at("mail").await["state"]["name"].clone());
    }
    assert_eq!(states, ["needs_sign_in", "needs_sign_in"]);
    let (flow, mut megan, brought) = begun(&house).await;
    megan.bring(&brought).await;
    house.local().post(&format!("{}/confirm", path(&flow)), json!({})).await.done(200);
    let (flow, _) = begin(&house.local(), json!({})).await;
    let mut megan = Person::new(&house, "megan");
    let brought = megan.cancel_at("login", url(&flow)).await;
    megan.bring(&brought).await;
    let account = house.look_at("mail").await;
    assert_eq!(account["state"]["name"], "ready", "what works goes on working");
    assert_eq!(account["grant"]["user"], "megan@contoso.example");
}

#[tokio::test]
async fn an_account_that_changed_meanwhile_keeps_nothing_and_the_flow_says_so() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    let client_id = "11112222-aaaa-3333-bbbb-4444cccc5555";
    house.local().patch("/api/v1/accounts/mail", json!({ "client_id": client_id })).await.done(200);
    let asked_before = house.sim.requests().len();
    let page = megan.bring(&brought).await;
    assert_eq!(page.status, 400);
    assert!(page.text().contains("changed while the sign-in was under way"), "{}", page.text());
    let failed = flow_now(&house, &flow).await;
    assert_eq!(
        (&failed["status"], &failed["failure"]["code"]),
        (&json!("failed"), &json!("changed_meanwhile"))
    );
    assert_eq!(
        house.sim.requests().len(),
        asked_before,
        "the code does not go out with another application's secret"
    );
    assert_eq!(house.audit().await[0], "account.authorize refused changed_meanwhile");
}

#[tokio::test]
async fn an_account_that_changed_before_the_confirmation_keeps_nothing() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    megan.bring(&brought).await;
    house.local().patch("/api/v1/accounts/mail", json!({ "transport": "smtp" })).await.done(200);
    let account = house.look_at("mail").await;
    assert_eq!(
        (&account["state"]["name"], &account["pending"]),
        (&json!("needs_sign_in"), &Value::Null),
        "{account}"
    );
    house
        .local()
        .post(&format!("{}/confirm", path(&flow)), json!({}))
        .await
        .refused(409, "changed_meanwhile");
    assert_eq!(flow_now(&house, &flow).await["failure"]["code"], "changed_meanwhile");
    assert_eq!(house.look_at("mail").await["grant"], Value::Null);
}

#[tokio::test]
async fn a_sign_in_that_was_called_off_is_over() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    assert_eq!(house.local().delete(&path(&flow)).await.status, 204);
    assert_eq!(megan.bring(&brought).await.status, 400);
    assert_eq!(flow_now(&house, &flow).await["status"], "cancelled");
    house.local().delete(&path(&flow)).await.refused(409, "flow_over");
    let (flow, mut megan, brought) = begun(&house).await;
    megan.bring(&brought).await;
    assert_eq!(house.local().delete(&path(&flow)).await.status, 204);
    house.local().post(&format!("{}/confirm", path(&flow)), json!({})).await.refused(409, "nothing_pending");
    assert_eq!(house.look_at("mail").await["state"]["name"], "needs_sign_in");
}

#[tokio::test]
async fn who_waits_for_a_sign_in_is_told_when_it_ends() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    let (local, asked) = (house.local(), format!("{}?wait=60", path(&flow)));
    let waiting = tokio::spawn(async move { local.get(&asked).await.done(200) });
    tokio::task::yield_now().await;
    megan.bring(&brought).await;
    assert_eq!(waiting.await.unwrap()["status"], "pending");
}

#[tokio::test]
async fn a_redirect_that_does_not_lead_here_is_refused() {
    let house = House::new().await;
    house.account(json!({})).await;
    let port = house.port();
    for foreign in [
        "https://evil.example/authorize".to_owned(),
        format!("https://localhost:{port}/authorize/"),
        format!("https://localhost:{port}@evil.example/authorize"),
        format!("http://localhost:{port}/authorize"),
        "https://localhost/authorize".to_owned(),
    ] {
        let asked =
            house.local().post("/api/v1/accounts/mail/authorize", json!({ "redirect_uri": foreign })).await;
        asked.refused(422, "redirect_not_ours");
    }
    let own = format!("https://127.0.0.1:{port}/authorize");
    let (flow, _) = begin(&house.local(), json!({ "redirect_uri": own })).await;
    assert_eq!(flow["redirect_uri"], own);
    let brought = Person::new(&house, "megan").sign_in(url(&flow)).await;
    assert!(brought.address.as_str().starts_with(&own));
}

#[tokio::test]
async fn a_secret_that_microsoft_refuses_is_named_by_its_code_and_never_shown() {
    let house = House::new().await;
    house.account(json!({})).await;
    let bad_secret = json!({ "kind": "secret", "secret": "not-the-secret" });
    house.local().patch("/api/v1/accounts/mail", json!({ "credential": bad_secret })).await.done(200);
    let (flow, mut megan, brought) = begun(&house).await;
    megan.bring(&brought).await;
    let failed = flow_now(&house, &flow).await;
    assert_eq!(failed["failure"]["code"], "AADSTS7000215", "{failed}");
    assert!(!failed.to_string().contains("not-the-secret"));
    assert_eq!(house.look_at("mail").await["grant"], Value::Null);
}

#[tokio::test]
async fn a_device_code_signs_in_from_another_device_and_has_to_be_confirmed() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, _) = begin(&house.local(), json!({ "device_code": true })).await;
    assert_eq!((&flow["kind"], &flow["url"]), (&json!("device_code"), &Value::Null));
    assert!(flow["warning"].as_str().unwrap().contains("Microsoft may stop"));
    let (page, code) = (flow["verification_uri"].as_str().unwrap(), flow["user_code"].as_str().unwrap());
    let last = Person::new(&house, "megan").type_code(page, code).await;
    assert!(last.contains("You have signed in"), "{last}");
    let pending = house.local().get(&format!("{}?wait=60", path(&flow))).await.done(200);
    assert_eq!(pending["status"], "pending", "{pending}");
    assert_eq!(pending["user_code"], Value::Null);
    let kept = house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    assert_eq!((&kept["grant"]["via_device_code"], &kept["state"]["name"]), (&json!(true), &json!("ready")));
}

#[tokio::test]
async fn a_device_code_that_waits_is_polled_on_after_a_restart() {
    let mut house = House::new().await;
    house.account(json!({})).await;
    let (flow, _) = begin(&house.local(), json!({ "device_code": true })).await;
    house.restart().await;
    let (page, code) = (flow["verification_uri"].as_str().unwrap(), flow["user_code"].as_str().unwrap());
    Person::new(&house, "megan").type_code(page, code).await;
    let pending = house.local().get(&format!("{}?wait=60", path(&flow))).await.done(200);
    assert_eq!(pending["status"], "pending", "{pending}");
    let kept = house.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    assert_eq!(kept["grant"]["user"], "megan@contoso.example");
}

#[tokio::test]
async fn an_applications_access_is_verified_without_a_person() {
    let house = House::new().await;
    house.certificate("gate").await;
    for transport in ["graph", "smtp"] {
        let credential = json!({ "kind": "certificate", "certificate": "gate" });
        let form = json!({ "name": transport, "sign_in": "application", "transport": transport,
            "from": house.user("megan").0, "credential": credential });
        let account = house.account(form).await;
        assert_eq!(account["state"]["name"], "needs_sign_in");
        let flow =
            house.local().post(&format!("/api/v1/accounts/{transport}/authorize"), json!({})).await.done(201);
        assert_eq!((&flow["kind"], &flow["status"]), (&json!("application"), &json!("confirmed")), "{flow}");
        let account = house.look_at(transport).await;
        assert_eq!((&account["state"]["name"], &account["grant"]), (&json!("ready"), &Value::Null));
    }
}

#[tokio::test]
async fn an_application_whose_certificate_was_not_uploaded_is_told_which_one_is_missing() {
    let house = House::new().await;
    let made = house.local().post("/api/v1/certificates/generate", json!({ "name": "gate" })).await.done(201);
    let credential = json!({ "kind": "certificate", "certificate": "gate" });
    let from = house.user("megan").0;
    house.account(json!({ "sign_in": "application", "from": from, "credential": credential })).await;
    let (flow, _) = begin(&house.local(), json!({})).await;
    assert_eq!(
        (&flow["status"], &flow["failure"]["code"]),
        (&json!("failed"), &json!("AADSTS700027")),
        "{flow}"
    );
    let hint = flow["failure"]["hint"].as_str().unwrap();
    assert!(hint.contains(made["thumbprint_sha1"].as_str().unwrap()), "{hint}");
    let state = house.look_at("mail").await["state"].clone();
    assert_eq!((&state["name"], &state["code"]), (&json!("broken"), &json!("AADSTS700027")), "{state}");
    house.upload("gate").await;
    let (flow, _) = begin(&house.local(), json!({})).await;
    assert_eq!(flow["status"], "confirmed", "{flow}");
    assert_eq!(house.look_at("mail").await["state"]["name"], "ready");
}

#[tokio::test]
async fn an_outage_at_microsoft_is_said_and_breaks_nothing() {
    let house = House::new().await;
    house.account(json!({})).await;
    let (flow, mut megan, brought) = begun(&house).await;
    house.sim.change_world(|world| world.switches.entra_outage = m365_sim::world::Outage::Unavailable);
    assert_eq!(megan.bring(&brought).await.status, 400);
    let failed = flow_now(&house, &flow).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(house.look_at("mail").await["state"]["name"], "needs_sign_in");
}
