//! Microsoft Graph: sendMail in both forms, its refusals in order, reading.

use crate::support::{GRAPH, Lab, OUTLOOK_APP, Reply, SIGN_IN};
use base64::{Engine, engine::general_purpose::STANDARD};
use m365_sim::world::{ApplicationPermission, DelegatedPermission, Outage};
use m365_sim::{Folder, Via};
use serde_json::{Value, json};
use time::Duration;

const MIME: &str = "From: megan@contoso.example\r\nTo: Bob <bob@else.example>\r\nBcc: eve@else.example\r\nSubject: hi\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n";

fn encoded(mime: &str) -> String {
    STANDARD.encode(mime)
}

async fn send_mime(lab: &Lab, token: &str, path: &str, mime: &str) -> Reply {
    lab.graph_post(path, token, "text/plain", encoded(mime)).await
}

async fn send_json(lab: &Lab, token: &str, body: &Value) -> Reply {
    lab.graph_post("me/sendMail", token, "application/json", body.to_string()).await
}

async fn delegated(lab: &Lab) -> String {
    lab.signed_in(SIGN_IN).await.access_token()
}

fn message(more: &Value) -> Value {
    let mut message = json!({"subject": "hi", "body": {"contentType": "Text", "content": "hello"},
        "toRecipients": [{"emailAddress": {"address": "bob@else.example"}}]});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"message": message})
}

#[tokio::test]
async fn mime_reaches_every_recipient_and_hides_bcc() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let reply = send_mime(&lab, &token, "me/sendMail", MIME).await;
    assert_eq!((reply.status, &reply.body), (202, &json!("")));
    for header in ["request-id", "client-request-id", "x-ms-ags-diagnostic"] {
        assert!(reply.headers.contains_key(header), "{header}");
    }
    for address in ["bob@else.example", "eve@else.example"] {
        let inbox = lab.sim.messages(address, Folder::Inbox);
        assert_eq!(inbox.len(), 1);
        assert_eq!(inbox[0].via, Via::GraphMime);
        assert_eq!(inbox[0].envelope.to, ["bob@else.example", "eve@else.example"]);
        assert_eq!(&*inbox[0].mime, MIME.replace("Bcc: eve@else.example\r\n", "").as_bytes());
    }
    let sent = lab.sim.messages(&lab.user, Folder::SentItems);
    assert_eq!(&*sent[0].mime, MIME.as_bytes());
}

#[tokio::test]
async fn base64_may_have_line_breaks_and_must_be_base64() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let folded: String =
        encoded(MIME).as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\r\n").collect();
    assert_eq!(lab.graph_post("me/sendMail", &token, "text/plain", folded).await.status, 202);
    lab.graph_post("me/sendMail", &token, "text/plain", "%%%")
        .await
        .denied(400, "ErrorMimeContentInvalidBase64String");
    lab.graph_post("me/sendMail", &token, "text/plain", "")
        .await
        .denied(400, "ErrorMimeContentInvalidBase64String");
}

#[tokio::test]
async fn json_is_taken_in_either_letter_case_and_may_skip_sent_items() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let attachment = json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentType": "text/plain", "contentBytes": STANDARD.encode("inside")});
    let lower = message(
        &json!({"attachments": [attachment], "internetMessageHeaders": [{"name": "x-one", "value": "1"}]}),
    );
    assert_eq!(send_json(&lab, &token, &lower).await.status, 202);
    let upper = json!({"Message": message(&json!({}))["message"], "SaveToSentItems": "false"});
    assert_eq!(send_json(&lab, &token, &upper).await.status, 202);
    let inbox = lab.sim.messages("bob@else.example", Folder::Inbox);
    assert_eq!(inbox.iter().map(|one| one.saved_to_sent_items).collect::<Vec<_>>(), [true, false]);
    let text = String::from_utf8_lossy(&inbox[0].mime).into_owned();
    assert!(text.contains("x-one: 1") && text.contains("a.txt") && text.contains("Subject: hi"), "{text}");
    assert_eq!(lab.sim.messages(&lab.user, Folder::SentItems).len(), 1);
}

#[tokio::test]
async fn json_rules_have_their_codes() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let header = |name: &str| json!({"name": name, "value": "1"});
    let refuse = async |body: Value| send_json(&lab, &token, &body).await;
    refuse(message(&json!({"internetMessageHeaders": [header("List-Id")]})))
        .await
        .denied(400, "InvalidInternetMessageHeader");
    let six: Vec<Value> = (0..6).map(|n| header(&format!("x-{n}"))).collect();
    refuse(message(&json!({"internetMessageHeaders": six})))
        .await
        .denied(400, "InvalidInternetMessageHeaderCollection");
    refuse(message(&json!({"toRecipients": []}))).await.denied(400, "ErrorInvalidRecipients");
    refuse(message(&json!({"toRecipients": [{"emailAddress": {"address": "nobody"}}]})))
        .await
        .denied(400, "ErrorInvalidRecipients");
    refuse(json!({"subject": "no message"})).await.denied(400, "UnableToDeserializePostBody");
    lab.graph_post("me/sendMail", &token, "image/png", "x").await.denied(415, "RequestBodyRead");
}

#[tokio::test]
async fn tokens_are_judged_before_all_else() {
    let lab = Lab::start().await;
    let url = format!("{}/v1.0/me", lab.sim.https_url);
    let bare = Reply::read(lab.http.get(&url).send().await.unwrap()).await;
    bare.denied(401, "InvalidAuthenticationToken");
    assert_eq!(bare.body["error"]["message"], "Access token is empty.");
    assert!(bare.headers.contains_key("www-authenticate"));
    let told = async |token: &str| {
        let reply = lab.graph_get("me", token).await;
        reply.denied(401, "InvalidAuthenticationToken");
        reply.body["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(told("garbage").await.starts_with("IDX14100"));
    assert_eq!(
        told(&lab.app_token(OUTLOOK_APP).await).await,
        "Access token validation failure. Invalid audience."
    );
    let token = delegated(&lab).await;
    let forged = format!("{}A{}", &token[..token.len() - 10], &token[token.len() - 9..]);
    let forged = if forged == token {
        format!("{}B{}", &token[..token.len() - 10], &token[token.len() - 9..])
    } else {
        forged
    };
    assert!(told(&forged).await.contains("signature"));
    lab.switch(|switches| switches.graph_reject_tokens = 1);
    assert_eq!(told(&token).await, "Lifetime validation failed, the token is expired.");
    assert_eq!(lab.graph_get("me", &token).await.status, 200, "one backend was behind, the next is not");
    lab.sim.advance_clock(Duration::hours(2));
    assert_eq!(told(&token).await, "Lifetime validation failed, the token is expired.");
}

#[tokio::test]
async fn a_missing_permission_is_error_access_denied() {
    let lab = Lab::start_with(|world| world.apps[0].application.clear()).await;
    let token = lab.app_token(GRAPH).await;
    send_mime(&lab, &token, &format!("users/{}/sendMail", lab.user), MIME)
        .await
        .denied(403, "ErrorAccessDenied");
    lab.graph_get(&format!("users/{}", lab.user), &token).await.denied(403, "Authorization_RequestDenied");
    lab.graph_get("me", &token).await.denied(400, "BadRequest");
    let token = delegated(&lab).await;
    send_mime(&lab, &token, "users/nosmtp@contoso.example/sendMail", MIME)
        .await
        .denied(403, "ErrorAccessDenied");
    lab.graph_get("me/messages", &token).await.denied(403, "ErrorAccessDenied");
}

#[tokio::test]
async fn an_application_sends_as_any_mailbox_unless_a_policy_limits_it() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    let path = "/users/megan%40contoso.example/sendMail";
    assert_eq!(send_mime(&lab, &token, path, MIME).await.status, 202);
    send_mime(&lab, &token, "users/ghost@contoso.example/sendMail", MIME)
        .await
        .denied(404, "ErrorInvalidUser");
    send_mime(&lab, &token, "users/foundation@contoso.example/sendMail", MIME)
        .await
        .denied(404, "MailboxNotEnabledForRESTAPI");
    lab.switch(|switches| switches.graph_app_mailboxes = Some(vec!["alerts@contoso.example".into()]));
    let reply = send_mime(&lab, &token, path, MIME).await;
    reply.denied(403, "ErrorAccessDenied");
    assert_eq!(reply.body["error"]["message"], "Access to OData is disabled.");
}

#[tokio::test]
async fn sending_as_another_needs_the_right_and_the_permission() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let other = MIME.replace("megan@", "alerts@");
    send_mime(&lab, &token, "me/sendMail", &other).await.denied(403, "ErrorSendAsDenied");
    let from = json!({"from": {"emailAddress": {"address": "alerts@contoso.example"}}});
    send_json(&lab, &token, &message(&from)).await.denied(403, "ErrorSendAsDenied");
    lab.sim.change_world(|world| world.users[0].send_as.push("alerts@contoso.example".into()));
    send_mime(&lab, &token, "me/sendMail", &other).await.denied(403, "ErrorAccessDenied");
    let shared = DelegatedPermission::try_from("Mail.Send.Shared".to_owned()).unwrap();
    lab.sim.change_world(|world| world.apps[0].delegated.push(shared));
    let token = delegated(&lab).await;
    assert_eq!(send_mime(&lab, &token, "me/sendMail", &other).await.status, 202);
    assert_eq!(send_mime(&lab, &token, "users/alerts@contoso.example/sendMail", &other).await.status, 202);
    assert_eq!(
        lab.sim.messages("bob@else.example", Folder::Inbox)[0].envelope.from,
        "alerts@contoso.example"
    );
}

#[tokio::test]
async fn sizes_over_the_limits_have_three_different_answers() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let sized = |bytes: usize| format!("{MIME}{}", "x".repeat(bytes));
    let reply = send_mime(&lab, &token, "me/sendMail", &sized(2_300_000)).await;
    assert_eq!((reply.status, &reply.body), (200, &json!("")), "the trap: 200 and not sent");
    assert!(lab.sim.messages("bob@else.example", Folder::Inbox).is_empty());
    let reply = send_mime(&lab, &token, "me/sendMail", &sized(3_400_000)).await;
    assert_eq!((reply.status, &reply.body), (413, &json!("")));
    lab.switch(|switches| switches.max_message_bytes = 1000);
    send_mime(&lab, &token, "me/sendMail", &sized(2000)).await.denied(400, "ErrorMessageSizeExceeded");
    lab.switch(|switches| switches.max_message_bytes = 10_000_000);
    assert_eq!(send_mime(&lab, &token, "me/sendMail", &sized(2_097_152 - MIME.len())).await.status, 202);
}

#[tokio::test]
async fn the_fifth_call_at_a_time_is_throttled() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    lab.switch(|switches| switches.graph_latency_ms = 1500);
    let call = || send_mime(&lab, &token, "me/sendMail", MIME);
    let (a, b, c, d, e) = tokio::join!(call(), call(), call(), call(), call());
    let mut statuses = [a.status, b.status, c.status, d.status, e.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 202, 202, 202, 429]);
    let refused = [a, b, c, d, e].into_iter().find(|reply| reply.status == 429).unwrap();
    refused.denied(429, "ApplicationThrottled");
    assert_eq!(refused.headers["retry-after"], "1");
    lab.switch(|switches| switches.graph_latency_ms = 0);
    assert_eq!(call().await.status, 202, "the places are free again");
}

#[tokio::test]
async fn limits_and_outages_have_their_codes() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let send = || send_mime(&lab, &token, "me/sendMail", MIME);
    lab.switch(|switches| switches.recipients_per_day = 3);
    assert_eq!(send().await.status, 202);
    send().await.denied(429, "ErrorExceededMessageLimit");
    lab.switch(|switches| (switches.recipients_per_day, switches.mailbox_full) = (100, true));
    send().await.denied(507, "ErrorQuotaExceeded");
    lab.switch(|switches| switches.graph_throttle_seconds = 30);
    let reply = send().await;
    reply.denied(429, "ApplicationThrottled");
    assert_eq!(reply.headers["retry-after"], "30");
    lab.switch(|switches| switches.graph_outage = Outage::Unavailable);
    send().await.denied(503, "serviceNotAvailable");
}

#[tokio::test]
async fn an_answer_can_get_lost_after_the_message_was_taken() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    lab.switch(|switches| switches.graph_late_timeout = true);
    send_mime(&lab, &token, "me/sendMail", MIME).await.denied(504, "UnknownError");
    lab.switch(|switches| switches.graph_lost_answers = true);
    let url = format!("{}/v1.0/me/sendMail", lab.sim.https_url);
    let request =
        lab.http.post(url).bearer_auth(&token).header("content-type", "text/plain").body(encoded(MIME));
    assert!(request.send().await.is_err());
    assert_eq!(lab.sim.messages("bob@else.example", Folder::Inbox).len(), 2);
}

#[tokio::test]
async fn who_am_i_and_which_licences_have_i() {
    let lab = Lab::start().await;
    let token = delegated(&lab).await;
    let me = lab.graph_get("me?$select=id,mail,userPrincipalName", &token).await;
    assert_eq!((me.text("mail"), me.text("userPrincipalName")), (lab.user.as_str(), lab.user.as_str()));
    assert_eq!(me.body.get("displayName"), None);
    let licences = lab.graph_get("me/licenseDetails", &token).await;
    assert_eq!(licences.body["value"][0]["skuPartNumber"], "STANDARDPACK");
    assert_eq!(licences.body["value"][0]["servicePlans"][0]["servicePlanName"], "EXCHANGE_S_STANDARD");
    assert_eq!(licences.headers["odata-version"], "4.0");
    lab.graph_get("me/photo", &token).await.denied(400, "BadRequest");
    lab.graph_get("me/mailboxSettings", &token).await.denied(403, "ErrorAccessDenied");
}

#[tokio::test]
async fn where_reading_is_granted_sent_mail_is_found_by_its_message_id() {
    let read = ApplicationPermission::try_from("Mail.Read".to_owned()).unwrap();
    let lab = Lab::start_with(|world| world.apps[0].application.push(read)).await;
    let token = lab.app_token(GRAPH).await;
    let user = format!("users/{}", lab.user);
    assert_eq!(send_mime(&lab, &token, &format!("{user}/sendMail"), MIME).await.status, 202);
    let find = async |id: &str| {
        let query = format!(
            "{user}/mailFolders/sentitems/messages?$filter=internetMessageId eq '{id}'&$select=id,subject"
        );
        lab.graph_get(&query, &token).await.body["value"].as_array().unwrap().clone()
    };
    assert_eq!(find("<2@x>").await, Vec::<Value>::new());
    let found = find("<1@x>").await;
    assert_eq!(found[0]["subject"], "hi");
    let id = found[0]["id"].as_str().unwrap();
    let mime = lab.graph_get(&format!("{user}/messages/{id}/$value"), &token).await;
    assert_eq!(mime.body, MIME);
    let folder = lab.graph_get(&format!("{user}/mailFolders/SentItems"), &token).await;
    assert_eq!(folder.body["totalItemCount"], 1);
    lab.graph_get(&format!("{user}/messages/nothing"), &token).await.denied(404, "ErrorItemNotFound");
}

#[tokio::test]
async fn a_batch_is_answered_part_by_part_and_what_depends_on_a_failure_is_not_made() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    let part = |id: &str, to: &str, depends: &[&str]| {
        json!({"id": id, "method": "POST", "url": format!("{}/users/{}/sendMail", if id == "1" { "/v1.0" } else { "" }, lab.user), "headers": {"Content-Type": "application/json"},
            "dependsOn": depends, "body": {"message": {"subject": id, "body": {"contentType": "Text", "content": "x"},
                "toRecipients": [{"emailAddress": {"address": to}}]}}})
    };
    let parts = [
        part("1", "bob@else.example", &[]),
        part("2", "permerror@else.example", &[]),
        part("3", "bob@else.example", &["2"]),
    ];
    let reply =
        lab.graph_post("$batch", &token, "application/json", json!({ "requests": parts }).to_string()).await;
    let answers: Vec<(&str, u64)> = reply.body["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(answers, [("1", 202), ("2", 400), ("3", 424)], "{}", reply.body);
    assert_eq!(reply.body["responses"][1]["body"]["error"]["code"], "ErrorInvalidRecipients");
    assert_eq!(lab.sim.messages("bob@else.example", Folder::Inbox).len(), 1);
    let many: Vec<_> = (0..21).map(|n| part(&n.to_string(), "bob@else.example", &[])).collect();
    let reply =
        lab.graph_post("$batch", &token, "application/json", json!({ "requests": many }).to_string()).await;
    reply.denied(400, "BadRequest");
    let nested = json!({"requests": [{"id": "1", "method": "POST", "url": "/$batch", "body": {}}]});
    lab.graph_post("$batch", &token, "application/json", nested.to_string()).await.denied(400, "BadRequest");
}

#[tokio::test]
async fn users_and_the_organization_are_listed_for_those_who_may() {
    let lab = Lab::start().await;
    lab.graph_get("users", &lab.app_token(GRAPH).await).await.denied(403, "Authorization_RequestDenied");
    let roles = ["User.Read.All", "Organization.Read.All"];
    let roles = roles.map(|name| ApplicationPermission::try_from(name.to_owned()).unwrap());
    lab.sim.change_world(|world| world.apps[0].application.extend(roles));
    let token = lab.app_token(GRAPH).await;
    let filter = format!("users?$filter=userPrincipalName eq '{}'&$select=id,mail", lab.user);
    let found = lab.graph_get(&filter, &token).await.body;
    assert_eq!((found["value"].as_array().unwrap().len(), &found["value"][0]["mail"]), (1, &json!(lab.user)));
    assert_eq!(lab.graph_get("users?$top=2", &token).await.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(lab.graph_get("organization", &token).await.body["value"][0]["id"], lab.tenant);
    let beta = format!("{}/beta/users/{}", lab.sim.https_url, lab.user);
    assert_eq!(Reply::read(lab.http.get(beta).bearer_auth(&token).send().await.unwrap()).await.status, 200);
}
