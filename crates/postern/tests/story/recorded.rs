//! Everything that Microsoft was ever seen to say, said by the simulated tenant and met by a test mail: the whole way
//! from the wire to the advice, for each text of the diagnosis.

use m365_sim::World;
use m365_sim::world::Said;
use serde_json::{Value, json};

use crate::house::House;
use crate::refusals::furnished;

/// One section of the recorded texts.
struct Recorded {
    code: String,
    turn: String,
    sign_in: String,
    expected: Vec<String>,
    text: String,
}

fn recorded() -> Vec<Recorded> {
    let sections = include_str!("../../../m365/src/diagnosis/recorded.txt").split("\n\n").skip(1);
    sections.map(read_section).collect()
}

fn read_section(section: &str) -> Recorded {
    let (title, rest) = section.split_once('\n').unwrap();
    let turns = ["tenant_administrator", "postern_administrator", "sender", "wait"];
    let turn = turns.into_iter().find(|turn| title.contains(turn)).unwrap();
    let title = title.trim_end_matches(" made_up");
    let (code, sign_in) = title.trim_start_matches("# ").split_once(turn).unwrap();
    let (expected, text): (Vec<&str>, Vec<&str>) = rest.lines().partition(|line| line.starts_with("> "));
    Recorded {
        code: code.trim().to_owned(),
        turn: turn.to_owned(),
        sign_in: sign_in.trim().to_owned(),
        expected: expected.iter().map(|line| line[2..].to_owned()).collect(),
        text: text.join("\n").trim().to_owned(),
    }
}

/// Who says it.
enum Speaker {
    Entra(Value),
    Graph(Value),
    SmtpAtAuth(String),
    SmtpAfterData(String),
}

impl Recorded {
    fn speaker(&self) -> Speaker {
        let json: Option<Value> = serde_json::from_str(&self.text).ok();
        let first = self.code.split(' ').next().unwrap();
        match json.filter(Value::is_object) {
            Some(body) if body["error"].is_object() => Speaker::Graph(body),
            Some(body) => Speaker::Entra(body),
            None if first.len() == 3 && first.parse::<u16>().is_ok() => self.smtp(),
            None if self.code.starts_with("AADSTS") => {
                let at = self.text.find("AADSTS").unwrap_or(self.text.len());
                let text = self.text[at..].trim_start_matches(&self.code).trim_start_matches(':');
                let number: u32 = self.code["AADSTS".len()..].parse().unwrap();
                let description = format!("{}:{text}", self.code);
                Speaker::Entra(
                    json!({"error": "invalid_grant", "error_description": description, "error_codes": [number]}),
                )
            }
            None => Speaker::Graph(json!({"error": {"code": self.code, "message": self.text}})),
        }
    }

    /// The reply without what a program put around it.
    fn smtp(&self) -> Speaker {
        let last = self.code.split(' ').next_back().unwrap();
        let words = self.text.split_once(last).map_or("", |(_, words)| words).trim_end_matches("')");
        let reply = format!("{}{words}", self.code);
        let at_log_in = self.code.starts_with("535")
            || self.code.starts_with("501 5.5.12")
            || self.code.starts_with("530");
        if at_log_in { Speaker::SmtpAtAuth(reply) } else { Speaker::SmtpAfterData(reply) }
    }

    /// The account that meets it.
    fn account(&self, speaker: &Speaker) -> &'static str {
        let is_smtp = matches!(speaker, Speaker::SmtpAtAuth(_) | Speaker::SmtpAfterData(_));
        match (is_smtp, self.sign_in == "application") {
            (false, false) => "by certificate",
            (false, true) => "app",
            (true, false) => "smtp",
            (true, true) => "app smtp",
        }
    }

    /// Which advice it is depends on the sign-in, and this is the one for a paste of which that isn't known.
    fn needs_unknown_sign_in(&self) -> bool {
        self.sign_in.is_empty() && self.expected.iter().any(|part| part == "Delegated or Application")
    }
}

/// Statuses weren't recorded with every text; the code counts before the status.
fn status(speaker: &Speaker) -> u16 {
    let (Speaker::Entra(body) | Speaker::Graph(body)) = speaker else { return 400 };
    let code = body["error"]["code"].as_str().or_else(|| body["error"].as_str()).unwrap_or_default();
    match code {
        "invalid_client" | "InvalidAuthenticationToken" => 401,
        "ErrorAccessDenied" | "ErrorSendAsDenied" => 403,
        "ApplicationThrottled" | "TooManyRequests" => 429,
        "serviceNotAvailable" | "temporarily_unavailable" => 503,
        _ => 400,
    }
}

fn speak(world: &mut World, speaker: Speaker) {
    let status = status(&speaker);
    let switches = &mut world.switches;
    // More than thirty are said here.
    switches.smtp_messages_per_minute = 0;
    match speaker {
        Speaker::Entra(body) => switches.entra_says = Some(Said { status, body }),
        Speaker::Graph(body) => switches.graph_says = Some(Said { status, body }),
        Speaker::SmtpAtAuth(reply) => switches.smtp_says_at_auth = Some(reply.try_into().unwrap()),
        Speaker::SmtpAfterData(reply) => switches.smtp_says_after_data = Some(reply.try_into().unwrap()),
    }
}

/// The stage of a test mail that failed.
async fn meet(house: &House, account: &str) -> Value {
    let form = json!({ "to": "alerts@contoso.example", "account": account });
    let report = house.local().post("/api/v1/test-email", form).await.done(200);
    let stages = report["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["code"].is_string()).unwrap_or_else(|| panic!("{report}")).clone()
}

/// Lets the tenant say each of the texts of one service, and reads what a test mail makes of it.
async fn tell(is_of_service: fn(&Speaker) -> bool, at_least: usize) {
    let house = furnished().await;
    let gate = json!({ "kind": "certificate", "certificate": "gate" });
    house.account(json!({ "name": "by certificate", "credential": gate })).await;
    house.authorize("by certificate", "megan").await;
    let healthy = house.sim.world();
    let client = healthy.apps[0].client_id.to_string();
    let certificate = house.local().get("/api/v1/certificates/gate").await.done(200);
    let redirect = format!("{}/authorize", house.console());
    let mut met = 0;
    for said in recorded().into_iter().filter(|said| !said.needs_unknown_sign_in()) {
        let speaker = said.speaker();
        if !is_of_service(&speaker) {
            continue;
        }
        let account = said.account(&speaker);
        house.sim.change_world(|world| speak(world, speaker));
        let failed = meet(&house, account).await;
        let told = (&failed["code"], &failed["turn"]);
        assert_eq!(told, (&json!(said.code), &json!(said.turn)), "{}: {failed}", said.text);
        let words = format!("{} {}", failed["cause"].as_str().unwrap(), failed["fix"].as_str().unwrap());
        for part in &said.expected {
            let part = part
                .replace("relay@contoso.com", "megan@contoso.example")
                .replace("ann@contoso.com", "megan@contoso.example")
                .replace("https://gate.contoso.com:4443/authorize", &redirect)
                .replace("contoso.com", &healthy.tenant.id.to_string())
                .replace("<Object ID>", &healthy.apps[0].service_principal_id.to_string())
                .replace("CLIENT", &client)
                .replace("THUMBPRINT", certificate["thumbprint_sha1"].as_str().unwrap());
            assert!(words.contains(&part), "{} lacks {part:?}: {words}", said.code);
        }
        assert!(!words.contains('<'), "a value of the account is missing: {words}");
        met += 1;
        house.sim.change_world(|world| *world = healthy.clone());
    }
    assert!(met >= at_least, "{met} texts");
}

#[tokio::test]
async fn every_recorded_text_of_entra_id_is_told_with_its_advice() {
    tell(|speaker| matches!(speaker, Speaker::Entra(_)), 100).await;
}

#[tokio::test]
async fn every_recorded_text_of_graph_is_told_with_its_advice() {
    tell(|speaker| matches!(speaker, Speaker::Graph(_)), 40).await;
}

#[tokio::test]
async fn every_recorded_text_of_exchange_is_told_with_its_advice() {
    tell(|speaker| matches!(speaker, Speaker::SmtpAtAuth(_) | Speaker::SmtpAfterData(_)), 50).await;
}

#[tokio::test]
async fn what_was_never_seen_is_passed_on_whole() {
    let house = furnished().await;
    let healthy = house.sim.world();
    for (account, speaker, code, words) in [
        (
            "graph",
            Speaker::Entra(
                json!({"error": "brand_new", "error_description": "AADSTS4242: A sentence of 2031.", "error_codes": [4242]}),
            ),
            "AADSTS4242",
            "A sentence of 2031.",
        ),
        (
            "graph",
            Speaker::Graph(json!({"error": {"code": "ErrorOfTomorrow", "message": "A sentence of 2031."}})),
            "ErrorOfTomorrow",
            "A sentence of 2031.",
        ),
        (
            "smtp",
            Speaker::SmtpAfterData("554 5.9.42 A sentence of 2031.".to_owned()),
            "554 5.9.42",
            "A sentence of 2031.",
        ),
    ] {
        house.sim.change_world(|world| speak(world, speaker));
        let failed = meet(&house, account).await;
        assert_eq!(failed["code"], code, "{failed}");
        assert!(failed["detail"].as_str().unwrap().contains(words), "{failed}");
        assert!(failed["cause"].as_str().unwrap().contains("doesn't know this answer"), "{failed}");
        house.sim.change_world(|world| *world = healthy.clone());
    }
}

#[tokio::test]
async fn a_sign_in_service_that_answers_with_a_page_is_waited_for() {
    let house = furnished().await;
    let healthy = house.sim.world();
    for status in [429, 500, 502, 503, 504] {
        let body = json!("<h1>Our services aren't available right now</h1>");
        house.sim.change_world(|world| world.switches.entra_says = Some(Said { status, body }));
        let failed = meet(&house, "graph").await;
        assert_eq!(
            (&failed["code"], &failed["turn"]),
            (&json!(format!("http_{status}")), &json!("wait")),
            "{failed}"
        );
        assert!(failed["cause"].as_str().unwrap().contains("Your settings aren't the cause"), "{failed}");
        assert_eq!(house.look_at("graph").await["state"]["name"], "ready");
        house.sim.change_world(|world| *world = healthy.clone());
    }
}

#[tokio::test]
async fn a_status_without_a_code_speaks_for_itself() {
    let house = furnished().await;
    let healthy = house.sim.world();
    for (status, turn, part) in [
        (413, "sender", "larger"),
        (429, "wait", "slows"),
        (500, "wait", "trouble of its own"),
        (502, "postern_administrator", "may have been sent"),
        (503, "wait", "trouble of its own"),
        (504, "postern_administrator", "may have been sent"),
        (507, "tenant_administrator", "megan@contoso.example is full"),
        (200, "sender", "only 202 means sent"),
    ] {
        house.sim.change_world(|world| world.switches.graph_says = Some(Said { status, body: Value::Null }));
        let failed = meet(&house, "graph").await;
        assert_eq!(
            (&failed["code"], &failed["turn"]),
            (&json!(format!("http_{status}")), &json!(turn)),
            "{failed}"
        );
        assert!(failed["cause"].as_str().unwrap().contains(part), "{failed}");
        house.sim.change_world(|world| *world = healthy.clone());
    }
}
