//! Each refusal that the simulated tenant can give, through the whole way of a test mail: what Postern says of it.

use m365_sim::World;
use m365_sim::world::Outage;
use serde_json::{Value, json};

use crate::house::House;

/// What happens to the tenant, to which account, and what an administrator must then read.
struct Story {
    account: &'static str,
    happens: fn(&mut World),
    code: &'static str,
    turn: &'static str,
    /// Parts of cause and fix; `{client}` and so on are the account's own values.
    says: &'static [&'static str],
}

const TENANT: &str = "tenant_administrator";
const POSTERN: &str = "postern_administrator";
const SENDER: &str = "sender";
const WAIT: &str = "wait";

const fn story(
    account: &'static str,
    happens: fn(&mut World),
    code: &'static str,
    turn: &'static str,
    says: &'static [&'static str],
) -> Story {
    Story { account, happens, code, turn, says }
}

/// Entra ID: the credential, the application, the sign-in, policies, outages.
const ENTRA: &[Story] = &[
    story(
        "graph",
        |world| world.apps[0].secrets.clear(),
        "AADSTS7000215",
        POSTERN,
        &["instead of its Value", "{client} > Certificates & secrets"],
    ),
    story(
        "graph",
        |world| world.apps[0].secrets[0].expires = Some(time::macros::datetime!(2026-01-01 0:00 UTC)),
        "AADSTS7000222",
        TENANT,
        &["secret has expired", "New client secret"],
    ),
    story(
        "app",
        |world| world.apps[0].certificates.clear(),
        "AADSTS700027",
        TENANT,
        &["list the thumbprint {thumbprint}", "{client}"],
    ),
    story(
        "app",
        |world| world.clock_offset_seconds = 86_400,
        "AADSTS700024",
        POSTERN,
        &["clock", "timedatectl"],
    ),
    story(
        "graph",
        |world| world.apps.clear(),
        "AADSTS700016",
        POSTERN,
        &["Application (client) ID is {client}?", "{tenant}?"],
    ),
    story(
        "graph",
        |world| world.switches.app_disabled = true,
        "AADSTS7000112",
        TENANT,
        &["Enabled for users to sign-in?"],
    ),
    story(
        "app",
        |world| world.switches.service_principal_missing = true,
        "AADSTS7000229",
        TENANT,
        &["New-MgServicePrincipal -AppId {client}"],
    ),
    story(
        "app smtp",
        |world| world.switches.exchange_missing = true,
        "AADSTS500011",
        TENANT,
        &["no Exchange Online"],
    ),
    story(
        "graph",
        |world| world.switches.ca_block = true,
        "AADSTS53003",
        TENANT,
        &["Conditional Access", "Sign-in logs", "megan@contoso.example"],
    ),
    story(
        "graph",
        |world| world.switches.mfa_enrollment_required = true,
        "AADSTS50079",
        POSTERN,
        &["aka.ms/mfasetup", "application sign-in"],
    ),
    story(
        "graph",
        |world| world.users[0].mfa = true,
        "AADSTS50076",
        POSTERN,
        &["second factor", "application sign-in"],
    ),
    story(
        "graph",
        |world| world.users[0].enabled = false,
        "AADSTS50057",
        TENANT,
        &["megan@contoso.example is disabled"],
    ),
    story(
        "graph",
        |world| {
            world.users[0].tokens_valid_from =
                Some(time::OffsetDateTime::now_utc() + time::Duration::hours(1));
        },
        "AADSTS50173",
        POSTERN,
        &["revoked", "Authorize now"],
    ),
    story(
        "graph",
        |world| world.clock_offset_seconds = 91 * 86_400,
        "AADSTS700082",
        POSTERN,
        &["90 days", "Authorize now"],
    ),
    story(
        "graph",
        |world| world.apps[0].admin_consent = false,
        "AADSTS65001",
        TENANT,
        &["Grant admin consent", "Mail.Send (Delegated)"],
    ),
    story(
        "graph",
        |world| world.switches.entra_outage = Outage::Unavailable,
        "AADSTS90033",
        WAIT,
        &["Your settings aren't the cause"],
    ),
    story("graph", |world| world.switches.entra_throttle_seconds = 30, "AADSTS90055", WAIT, &[]),
    story(
        "graph",
        |world| {
            world.switches.sign_in_frequency_hours = Some(1);
            world.clock_offset_seconds = 2 * 3600;
        },
        "AADSTS70043",
        TENANT,
        &["megan@contoso.example"],
    ),
];

/// Microsoft Graph.
const GRAPH: &[Story] = &[
    story(
        "graph",
        |world| world.users[0].mailbox = false,
        "MailboxNotEnabledForRESTAPI",
        TENANT,
        &["no mailbox", "Licenses and apps"],
    ),
    story(
        "as another",
        |_| {},
        "ErrorSendAsDenied",
        TENANT,
        &["may not send as nosmtp@contoso.example", "Add-RecipientPermission nosmtp@contoso.example"],
    ),
    story(
        "app",
        |world| world.apps[0].application.clear(),
        "ErrorAccessDenied",
        TENANT,
        &["Mail.Send (application) isn't granted", "-Identity {client}"],
    ),
    story(
        "app",
        |world| world.switches.graph_app_mailboxes = Some(Vec::new()),
        "ErrorAccessDenied",
        TENANT,
        &["Test-ApplicationAccessPolicy", "-AppId {client}"],
    ),
    story(
        "graph",
        |world| world.switches.graph_reject_tokens = 100,
        "InvalidAuthenticationToken",
        POSTERN,
        &["Try again"],
    ),
    story(
        "graph",
        |world| world.switches.mailbox_full = true,
        "ErrorQuotaExceeded",
        TENANT,
        &["megan@contoso.example is full", "Sent Items"],
    ),
    story(
        "graph",
        |world| world.switches.max_message_bytes = 100,
        "ErrorMessageSizeExceeded",
        SENDER,
        &["Set-Mailbox megan@contoso.example -MaxSendSize"],
    ),
    story(
        "graph",
        |world| world.switches.graph_daily_limit = true,
        "ErrorExceededMessageLimit",
        WAIT,
        &["daily limit"],
    ),
    story(
        "graph",
        |world| world.switches.graph_throttle_seconds = 3600,
        "ApplicationThrottled",
        WAIT,
        &["four requests"],
    ),
    story(
        "app",
        |world| world.switches.graph_outage = Outage::Unavailable,
        "serviceNotAvailable",
        WAIT,
        &["Your settings aren't the cause"],
    ),
];

/// Exchange Online over SMTP.
const SMTP: &[Story] = &[
    story(
        "smtp",
        |world| world.switches.smtp_conditional_access = true,
        "535 5.7.139",
        TENANT,
        &["Conditional Access", "Sign-in logs"],
    ),
    story(
        "smtp",
        |world| world.switches.smtp_security_defaults = true,
        "535 5.7.139",
        TENANT,
        &["security defaults", "Microsoft Graph"],
    ),
    story("smtp", |world| world.switches.smtp_account_locked = true, "535 5.7.139", TENANT, &["is locked"]),
    story(
        "smtp",
        |world| world.users[0].smtp_auth = Some(false),
        "535 5.7.139",
        TENANT,
        &["switched off for megan@contoso.example", "Set-CASMailbox -Identity megan@contoso.example"],
    ),
    story(
        "smtp",
        |world| {
            world.switches.smtp_auth_disabled = true;
            world.users[0].smtp_auth = None;
        },
        "535 5.7.139",
        TENANT,
        &["off for the whole tenant", "Manage email apps > Authenticated SMTP"],
    ),
    story(
        "app smtp",
        |world| world.apps[0].mailbox_permissions = Some(Vec::new()),
        "535 5.7.3",
        TENANT,
        &[
            "Get-ServicePrincipal",
            "New-ServicePrincipal -AppId {client} -ObjectId {principal}",
            "Add-MailboxPermission -Identity megan@contoso.example",
        ],
    ),
    story(
        "smtp",
        |world| world.users[0].mailbox = false,
        "535 5.7.3",
        TENANT,
        &["doesn't say why", "Check in this order"],
    ),
    story(
        "smtp as another",
        |_| {},
        "554 5.2.252",
        TENANT,
        &["Add-RecipientPermission nosmtp@contoso.example", "megan@contoso.example may not send as the From"],
    ),
    story(
        "smtp",
        |world| world.switches.mailbox_full = true,
        "554 5.2.2",
        TENANT,
        &["megan@contoso.example is full"],
    ),
    story(
        "smtp",
        |world| world.switches.max_message_bytes = 100,
        "554 5.2.3",
        SENDER,
        &["Set-Mailbox megan@contoso.example -MaxSendSize"],
    ),
    story("smtp", |world| world.switches.recipients_per_day = 0, "554 5.2.0", WAIT, &["10,000"]),
    story(
        "smtp",
        |world| world.switches.smtp_sender_throttled = true,
        "550 5.2.252",
        TENANT,
        &["paused SMTP"],
    ),
    story(
        "smtp",
        |world| world.switches.smtp_bad_sender = true,
        "550 5.1.8",
        TENANT,
        &["Restricted entities"],
    ),
    story("smtp", |world| world.switches.smtp_connections = 0, "432 4.3.2", WAIT, &["three connections"]),
    story(
        "smtp",
        |world| world.switches.smtp_temporary_error = true,
        "451 4.7.0",
        WAIT,
        &["Your settings aren't the cause"],
    ),
    story(
        "smtp",
        |world| world.switches.smtp_outage = Outage::Unavailable,
        "421 4.3.2",
        WAIT,
        &["Your settings aren't the cause"],
    ),
    story(
        "smtp",
        |world| world.switches.smtp_not_propagated = true,
        "535 5.7.3",
        TENANT,
        &["megan@contoso.example"],
    ),
];

/// A house with an account of each kind, ready to send.
pub(crate) async fn furnished() -> House {
    let house = House::new().await;
    house.certificate("gate").await;
    let gate = json!({ "kind": "certificate", "certificate": "gate" });
    let megan = "megan@contoso.example";
    for form in [
        json!({ "name": "graph" }),
        json!({ "name": "smtp", "transport": "smtp" }),
        json!({ "name": "as another", "from": "nosmtp@contoso.example" }),
        json!({ "name": "smtp as another", "transport": "smtp", "from": "nosmtp@contoso.example" }),
    ] {
        let name = house.account(form).await["name"].as_str().unwrap().to_owned();
        house.authorize(&name, "megan").await;
    }
    for (name, transport) in [("app", "graph"), ("app smtp", "smtp")] {
        let form = json!({ "name": name, "sign_in": "application", "transport": transport, "from": megan, "credential": gate });
        house.account(form).await;
    }
    house
}

/// Lets each story happen, and reads what the stage that fails says.
async fn tell(stories: &[Story]) {
    let house = furnished().await;
    let healthy = house.sim.world();
    let client = healthy.apps[0].client_id.to_string();
    let tenant = healthy.tenant.id.to_string();
    let gate = house.local().get("/api/v1/certificates/gate").await.done(200);
    let thumbprint = gate["thumbprint_sha1"].as_str().unwrap();
    let principal = healthy.apps[0].service_principal_id.to_string();
    for story in stories {
        house.sim.change_world(story.happens);
        let form = json!({ "to": "alerts@contoso.example", "account": story.account });
        let report = house.local().post("/api/v1/test-email", form).await.done(200);
        let stages = report["stages"].as_array().unwrap();
        let failed = stages.iter().find(|stage| stage["code"].is_string());
        let failed = failed.unwrap_or_else(|| panic!("{}: nothing failed: {report}", story.code));
        assert_eq!((&failed["code"], &failed["turn"]), (&json!(story.code), &json!(story.turn)), "{failed}");
        let words = format!("{} {}", text(failed, "cause"), text(failed, "fix"));
        for part in story.says {
            let part = part
                .replace("{client}", &client)
                .replace("{tenant}", &tenant)
                .replace("{principal}", &principal)
                .replace("{thumbprint}", thumbprint);
            assert!(words.contains(&part), "{} lacks {part:?}: {words}", story.code);
        }
        // The same words by the code alone, with the values of the account.
        let asked = json!({ "text": format!("{} {}", text(failed, "code"), text(failed, "detail")), "account": story.account });
        let explained = house.local().post("/api/v1/explain", asked).await.done(200);
        assert_eq!(explained["items"][0]["known"], true, "{explained}");
        house.sim.change_world(|world| *world = healthy.clone());
    }
}

fn text<'a>(stage: &'a Value, name: &str) -> &'a str {
    stage[name].as_str().unwrap()
}

#[tokio::test]
async fn what_entra_id_refuses_is_explained_with_the_accounts_own_values() {
    tell(ENTRA).await;
}

#[tokio::test]
async fn what_graph_refuses_is_explained_with_the_accounts_own_values() {
    tell(GRAPH).await;
}

#[tokio::test]
async fn what_exchange_refuses_is_explained_with_the_accounts_own_values() {
    tell(SMTP).await;
}

#[tokio::test]
async fn what_comes_as_a_challenge_before_the_refusal_is_shown_with_it() {
    let house = furnished().await;
    house.sim.change_world(|world| {
        world.switches.smtp_not_propagated = true;
        world.switches.smtp_challenge = true;
    });
    let form = json!({ "to": "alerts@contoso.example", "account": "smtp" });
    let report = house.local().post("/api/v1/test-email", form).await.done(200);
    let mailbox = &report["stages"][4];
    assert_eq!((text(mailbox, "name"), text(mailbox, "code")), ("mailbox", "535 5.7.3"), "{report}");
    assert!(text(mailbox, "detail").contains("\"status\":\"400\""), "{mailbox}");
}

#[tokio::test]
async fn a_message_of_which_nobody_knows_is_not_called_unsent() {
    let house = furnished().await;
    for happens in
        [(|world: &mut World| world.switches.graph_late_timeout = true) as fn(&mut World), |world| {
            world.switches.graph_lost_answers = true;
        }]
    {
        let healthy = house.sim.world();
        house.sim.change_world(happens);
        let form = json!({ "to": "alerts@contoso.example", "account": "graph" });
        let report = house.local().post("/api/v1/test-email", form).await.done(200);
        let message = &report["stages"][5];
        assert_eq!(message["ok"], false, "{report}");
        assert!(text(message, "fix").contains("Sent Items of megan@contoso.example"), "{message}");
        assert_eq!(house.look_at("graph").await["state"]["name"], "ready");
        house.sim.change_world(|world| *world = healthy.clone());
    }
}

/// The switches' own descriptions name what they provoke.
#[test]
fn the_catalogue_knows_all_that_the_tenant_says_that_it_can_provoke() {
    for switch in m365_sim::world::SWITCHES {
        let tells_code = |said: &&str| ["AADSTS", ".", "HTTP"].iter().any(|mark| said.contains(mark));
        for said in switch.provokes.split([';', ',']).filter(tells_code) {
            let found = m365::diagnosis::find(said.trim(), &m365::diagnosis::Facts::default());
            let is_status_only = found.is_empty() && said.contains("HTTP");
            assert!(
                is_status_only || found.iter().any(|advice| advice.known),
                "{}: {said:?}: {found:?}",
                switch.name
            );
        }
    }
}
