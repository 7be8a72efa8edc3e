//! Graph drafts: made in JSON or MIME, attachments posted or uploaded in ranges, sent.

use crate::support::{GRAPH, Lab, Reply};
use base64::{Engine, engine::general_purpose::STANDARD};
use m365_sim::world::ApplicationPermission;
use m365_sim::{Folder, Via, World};
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::{Value, json};

const MIME: &str = "From: megan@contoso.example\r\nTo: bob@else.example\r\nBcc: eve@else.example\r\nSubject: report\r\nMessage-ID: <big@x>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nsee inside\r\n";
const CHUNK: usize = 3_276_800;

fn may_write(world: &mut World) {
    let permission = ApplicationPermission::try_from("Mail.ReadWrite".to_owned()).unwrap();
    world.apps[0].application.push(permission);
}

/// A lab whose application may write mail, its token, and the path of the mailbox.
async fn lab() -> (Lab, String, String) {
    let lab = Lab::start_with(may_write).await;
    let token = lab.app_token(GRAPH).await;
    let path = format!("users/{}", lab.user);
    (lab, token, path)
}

async fn draft(lab: &Lab, token: &str, user: &str) -> String {
    let reply = lab.graph_post(&format!("{user}/messages"), token, "text/plain", STANDARD.encode(MIME)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!((&reply.body["isDraft"], &reply.body["internetMessageId"]), (&json!(true), &json!("<big@x>")));
    reply.text("id").to_owned()
}

async fn session(lab: &Lab, token: &str, message: &str, size: usize) -> Reply {
    let body = json!({"AttachmentItem": {"attachmentType": "file", "name": "big.bin", "size": size}});
    let path = format!("{message}/attachments/createUploadSession");
    lab.graph_post(&path, token, "application/json", body.to_string()).await
}

async fn put(lab: &Lab, url: &str, first: usize, bytes: &[u8], size: usize) -> Reply {
    let range = format!("bytes {first}-{}/{size}", first + bytes.len() - 1);
    let request = lab.http.put(url).header("content-type", "application/octet-stream");
    Reply::read(request.header("content-range", range).body(bytes.to_vec()).send().await.unwrap()).await
}

#[tokio::test]
async fn a_large_attachment_goes_up_in_ranges_and_out_with_the_message() {
    let (lab, token, user) = lab().await;
    let id = draft(&lab, &token, &user).await;
    let message = format!("{user}/messages/{id}");
    let file: Vec<u8> = (0..7_000_000_u32).map(|n| (n % 251) as u8).collect();
    let reply = session(&lab, &token, &message, file.len()).await;
    assert_eq!((reply.status, &reply.body["nextExpectedRanges"]), (201, &json!(["0-"])));
    let url = reply.text("uploadUrl").to_owned();
    for (n, bytes) in file.chunks(CHUNK).enumerate() {
        let answer = put(&lab, &url, n * CHUNK, bytes, file.len()).await;
        if (n + 1) * CHUNK < file.len() {
            let next = ((n + 1) * CHUNK).to_string();
            assert_eq!((answer.status, &answer.body["nextExpectedRanges"]), (200, &json!([next])));
            assert!(answer.body["ExpirationDateTime"].is_string());
        } else {
            assert_eq!((answer.status, &answer.body), (201, &json!("")));
            assert!(answer.headers["location"].to_str().unwrap().contains("/Attachments('"));
        }
    }
    let small = json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentType": "text/plain", "contentBytes": STANDARD.encode("inside")});
    let path = format!("{message}/attachments");
    let added = lab.graph_post(&path, &token, "application/json", small.to_string()).await;
    assert_eq!((added.status, &added.body["size"]), (201, &json!(6)));
    let shown = lab.graph_get(&message, &token).await;
    assert_eq!(shown.body["hasAttachments"], true);

    assert!(lab.sim.messages("bob@else.example", Folder::Inbox).is_empty());
    let sent = lab.graph_post(&format!("{message}/send"), &token, "application/json", "").await;
    assert_eq!((sent.status, &sent.body), (202, &json!("")));
    for address in ["bob@else.example", "eve@else.example"] {
        let inbox = lab.sim.messages(address, Folder::Inbox);
        assert_eq!((inbox.len(), inbox[0].via), (1, Via::Draft));
        let parsed = MessageParser::default().parse(&*inbox[0].mime).unwrap();
        assert_eq!(parsed.message_id(), Some("big@x"));
        assert!(parsed.bcc().is_none());
        let names: Vec<_> = parsed.attachments().map(|part| part.attachment_name().unwrap()).collect();
        assert_eq!(names, ["big.bin", "a.txt"]);
        assert_eq!(parsed.attachment(0).unwrap().contents(), file);
    }
    let again = lab.graph_post(&format!("{message}/send"), &token, "application/json", "").await;
    again.denied(404, "ErrorItemNotFound");
}

#[tokio::test]
async fn ranges_come_in_order_fit_and_need_no_token() {
    let (lab, token, user) = lab().await;
    let message = format!("{user}/messages/{}", draft(&lab, &token, &user).await);
    session(&lab, &token, &message, 3_000_000)
        .await
        .denied(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize");
    session(&lab, &token, &message, 200_000_000).await.denied(400, "ErrorMessageSizeExceeded");
    let size = 5_000_000;
    let url = session(&lab, &token, &message, size).await.text("uploadUrl").to_owned();
    let bytes = vec![1; 1_000_000];
    put(&lab, &url, 1_000_000, &bytes, size).await.denied(416, "InvalidContentRange");
    put(&lab, &url, 0, &bytes, size + 1).await.denied(416, "InvalidContentRange");
    assert_eq!(put(&lab, &url, 0, &bytes, size).await.status, 200);
    put(&lab, &url, 0, &bytes, size).await.denied(416, "InvalidContentRange");
    assert_eq!(put(&lab, &url, 1_000_000, &vec![1; 4_194_305], 6_000_000).await.status, 413);
    put(&lab, &url.replace("authtoken=", "authtoken=x"), 1_000_000, &bytes, size)
        .await
        .denied(404, "ErrorItemNotFound");
    let cancelled = lab.http.delete(&url).send().await.unwrap();
    assert_eq!(cancelled.status(), 204);
    put(&lab, &url, 1_000_000, &bytes, size).await.denied(404, "ErrorItemNotFound");
    let url = session(&lab, &token, &message, size).await.text("uploadUrl").to_owned();
    lab.sim.advance_clock(time::Duration::minutes(61));
    put(&lab, &url, 0, &bytes, size).await.denied(404, "ErrorItemNotFound");
}

#[tokio::test]
async fn drafts_have_the_limits_of_requests_and_of_the_mailbox() {
    let (lab, token, user) = lab().await;
    let messages = format!("{user}/messages");
    let sized = |bytes: usize| STANDARD.encode(format!("{MIME}{}", "x".repeat(bytes)));
    let trapped = lab.graph_post(&messages, &token, "text/plain", sized(2_300_000)).await;
    assert_eq!((trapped.status, &trapped.body), (200, &json!("")), "the trap: 200 and no draft");
    let list = lab.graph_get(&format!("{user}/mailFolders/drafts/messages"), &token).await;
    assert_eq!(list.body["value"], json!([]));
    let over = lab.graph_post(&messages, &token, "text/plain", sized(3_400_000)).await;
    over.denied(400, "BadRequest");
    assert_eq!(over.body["error"]["message"], "The maximum request length supported is 4MB.");
    let message = format!("{messages}/{}", draft(&lab, &token, &user).await);
    let file =
        |bytes: usize| json!({"name": "x", "contentBytes": STANDARD.encode(vec![0; bytes])}).to_string();
    let path = format!("{message}/attachments");
    let over = lab.graph_post(&path, &token, "application/json", file(3_400_000)).await;
    assert_eq!((over.status, &over.body), (500, &json!("")));
    lab.switch(|switches| switches.max_message_bytes = 4_000_000);
    assert_eq!(lab.graph_post(&path, &token, "application/json", file(2_000_000)).await.status, 201);
    lab.graph_post(&path, &token, "application/json", file(2_000_000))
        .await
        .denied(400, "ErrorMessageSizeExceeded");
    let url = session(&lab, &token, &message, 4_000_000).await.text("uploadUrl").to_owned();
    put(&lab, &url, 0, &vec![0; 3_000_000], 4_000_000).await.denied(400, "ErrorMessageSizeExceeded");
}

#[tokio::test]
async fn a_draft_in_json_can_be_read_found_and_deleted() {
    let (lab, token, user) = lab().await;
    let body = json!({"subject": "hi", "body": {"contentType": "Text", "content": "hello"},
        "toRecipients": [{"emailAddress": {"address": "bob@else.example"}}]});
    let made =
        lab.graph_post(&format!("{user}/messages"), &token, "application/json", body.to_string()).await;
    assert_eq!((made.status, made.text("subject")), (201, "hi"));
    let id = made.text("id");
    assert!(made.headers["location"].to_str().unwrap().ends_with(&format!("messages('{id}')")));
    let path = format!("{user}/mailFolders/drafts/messages?$filter=subject eq 'hi'");
    let found = lab.graph_get(&path, &token).await;
    assert_eq!(found.body["value"][0]["id"], *id);
    let by_key = lab.graph_get(&format!("users('{}')/messages('{id}')", lab.user), &token).await;
    assert_eq!(by_key.text("subject"), "hi");
    let url = format!("{}/v1.0/{user}/messages/{id}", lab.sim.https_url);
    let deleted = lab.http.delete(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    lab.graph_get(&format!("{user}/messages/{id}"), &token).await.denied(404, "ErrorItemNotFound");
    let wrong: Value = json!({"internetMessageHeaders": [{"name": "List-Id", "value": "1"}]});
    lab.graph_post(&format!("{user}/messages"), &token, "application/json", wrong.to_string())
        .await
        .denied(400, "InvalidInternetMessageHeader");
}

#[tokio::test]
async fn a_draft_is_changed_and_its_files_are_read() {
    let (lab, token, user) = lab().await;
    let file = |name: &str, text: &str| json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": name, "contentType": "text/csv", "contentBytes": STANDARD.encode(text)});
    let body = json!({"subject": "hi", "body": {"contentType": "Text", "content": "hello"}, "attachments": [file("a.csv", "1;2")],
        "internetMessageHeaders": [{"name": "X-Kept", "value": "yes"}],
        "toRecipients": [{"emailAddress": {"address": "bob@else.example"}}]});
    let made =
        lab.graph_post(&format!("{user}/messages"), &token, "application/json", body.to_string()).await;
    let message = format!("{user}/messages/{}", made.text("id"));
    let path = format!("{message}/attachments");
    lab.graph_post(&path, &token, "application/json", file("b.csv", "3;4").to_string()).await;
    let change =
        json!({"Subject": "changed", "ccRecipients": [{"emailAddress": {"address": "eve@else.example"}}]});
    let url = format!("{}/v1.0/{message}", lab.sim.https_url);
    let patched =
        Reply::read(lab.http.patch(url).bearer_auth(&token).json(&change).send().await.unwrap()).await;
    assert_eq!((patched.status, patched.text("subject")), (200, "changed"), "{}", patched.body);
    assert_eq!(patched.text("internetMessageId"), made.text("internetMessageId"));
    let files = lab.graph_get(&path, &token).await.body["value"].clone();
    let read: Vec<_> = files.as_array().unwrap().iter().map(|one| (&one["name"], &one["size"])).collect();
    assert_eq!(read, [(&json!("a.csv"), &json!(3)), (&json!("b.csv"), &json!(3))]);
    let one = lab.graph_get(&format!("{path}/{}", files[0]["id"].as_str().unwrap()), &token).await;
    assert_eq!(one.text("contentBytes"), STANDARD.encode("1;2"));
    lab.graph_get(&format!("{path}/nothing"), &token).await.denied(404, "ErrorItemNotFound");
    lab.graph_post(&format!("{message}/send"), &token, "application/json", "").await;
    for address in ["bob@else.example", "eve@else.example"] {
        let inbox = lab.sim.messages(address, Folder::Inbox);
        let parsed = MessageParser::default().parse(&*inbox[0].mime).unwrap();
        assert_eq!((parsed.subject(), parsed.attachment_count()), (Some("changed"), 2));
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), "hello");
        assert_eq!(parsed.header_raw("X-Kept").map(str::trim), Some("yes"));
    }
    let sent = lab.graph_get(&format!("{user}/mailFolders/sentitems/messages"), &token).await;
    let path = format!("{user}/messages/{}/attachments", sent.body["value"][0]["id"].as_str().unwrap());
    assert_eq!(lab.graph_get(&path, &token).await.body["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_draft_may_be_made_in_its_folder() {
    let (lab, token, user) = lab().await;
    for folder in ["Drafts", "drafts"] {
        let path = format!("{user}/mailFolders/{folder}/messages");
        let made =
            lab.graph_post(&path, &token, "application/json", json!({"subject": folder}).to_string()).await;
        assert_eq!((made.status, &made.body["isDraft"], made.text("subject")), (201, &json!(true), folder));
    }
    let inbox = format!("{user}/mailFolders/inbox/messages");
    lab.graph_post(&inbox, &token, "application/json", "{}").await.denied(405, "Request_BadRequest");
}

#[tokio::test]
async fn drafts_need_mail_read_write_and_sending_needs_mail_send() {
    let lab = Lab::start().await;
    let token = lab.app_token(GRAPH).await;
    let user = format!("users/{}", lab.user);
    let post = async |token: &str, path: &str, kind: &'static str, body: String| {
        lab.graph_post(&format!("{user}/{path}"), token, kind, body).await
    };
    post(&token, "messages", "text/plain", STANDARD.encode(MIME)).await.denied(403, "ErrorAccessDenied");
    lab.sim.change_world(may_write);
    lab.sim.change_world(|world| world.apps[0].application.retain(|one| one.name() != "Mail.Send"));
    let token = lab.app_token(GRAPH).await;
    let id = draft(&lab, &token, &user).await;
    post(&token, &format!("messages/{id}/send"), "application/json", String::new())
        .await
        .denied(403, "ErrorAccessDenied");
    lab.graph_get(&format!("{user}/messages/{id}/send"), &token).await.denied(405, "Request_BadRequest");
}
