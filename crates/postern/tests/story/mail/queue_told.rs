//! What the overview is told: how much waits and since when, which account is paused and why, and how much mail there was.

use serde_json::{Value, json};
use store::queue::MessageState;
use time::Duration;

use super::post::{ANN, BOB, MEGAN, Post, letter};

async fn queue(post: &Post) -> Value {
    post.house.local().get("/api/v1/queue").await.done(200)
}

/// The sums of a chart's steps.
async fn history(post: &Post, query: &str) -> Value {
    let chart = post.house.local().get(&format!("/api/v1/queue/history{query}")).await.done(200);
    let items = chart["items"].as_array().unwrap();
    let sum = |name: &str| items.iter().map(|step| step[name].as_u64().unwrap()).sum::<u64>();
    json!({ "accepted": sum("accepted"), "sent": sum("sent"), "deferred": sum("deferred"), "failed": sum("failed") })
}

#[tokio::test]
async fn an_empty_queue_says_so() {
    let post = Post::new().await;
    let told = queue(&post).await;
    assert_eq!(
        (&told["oldest"], &told["accounts"], &told["deliveries"]),
        (&Value::Null, &json!([]), &json!(0))
    );
    assert!(told["counts"].as_object().unwrap().values().all(|count| count == 0), "{told}");
    let chart = post.house.local().get("/api/v1/queue/history").await.done(200);
    assert_eq!(chart["step_minutes"], 60);
    assert!([24, 25].contains(&chart["items"].as_array().unwrap().len()), "{chart}");
    post.finish().await;
}

#[tokio::test]
async fn a_paused_account_says_since_when_and_why_and_what_waits_for_it() {
    let post = Post::new().await;
    let revoked = post.house.sim.now() + Duration::seconds(1);
    post.house.sim.change_world(|world| {
        world.switches.continuous_access = true;
        world.users[0].tokens_valid_from = Some(revoked);
    });
    let first = post.send(&[ANN]).await;
    post.until_tried(first).await;
    let second = post.send(&[BOB]).await;
    let told = queue(&post).await;
    assert_eq!(told["counts"]["queued"], 2, "{told}");
    assert_eq!(told["oldest"]["message"], first.to_string());
    let [account] = &told["accounts"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&account["account"]["name"], &account["counts"]["queued"]), (&json!("mail"), &json!(2)));
    let paused = &account["paused"];
    assert!(paused["since"].is_string() && paused["next_probe"].is_string(), "{account}");
    for member in ["code", "reason"] {
        assert!(paused[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {account}");
    }

    post.house.sim.change_world(|world| world.users[0].tokens_valid_from = None);
    post.house.authorize("mail", "megan").await;
    for message in [first, second] {
        post.until(message, MessageState::Sent).await;
    }
    post.until_empty().await;
    let told = queue(&post).await;
    assert_eq!((&told["accounts"], &told["oldest"]), (&json!([]), &Value::Null), "{told}");
    post.finish().await;
}

#[tokio::test]
async fn the_chart_shows_what_was_accepted_sent_and_put_off() {
    let post = Post::by_smtp().await;
    for to in [ANN, BOB] {
        post.until(post.send(&[to]).await, MessageState::Sent).await;
    }
    let late = post.send(&["451@fabrikam.example"]).await;
    post.until(late, MessageState::Deferred).await;
    let expected = json!({ "accepted": 3, "sent": 2, "deferred": 1, "failed": 0 });
    // A step may have begun meanwhile: the sums don't depend on it.
    for query in ["", "?step_minutes=5", "?account=mail&step_minutes=1440"] {
        assert_eq!(history(&post, query).await, expected, "{query}");
    }
    let nothing = json!({ "accepted": 0, "sent": 0, "deferred": 0, "failed": 0 });
    assert_eq!(history(&post, "?since=2026-01-01&until=2026-02-01").await, nothing);
    post.house.account(json!({ "name": "other" })).await;
    assert_eq!(history(&post, "?account=other").await, nothing);
    let local = post.house.local();
    local.get("/api/v1/queue/history?account=none").await.refused(404, "not_found");
    for wrong in ["step_minutes=7", "since=tomorrow", "since=2026-02-01&until=2026-01-01", "weeks=1"] {
        local.get(&format!("/api/v1/queue/history?{wrong}")).await.refused(422, "invalid_request");
    }
    local.post(&format!("/api/v1/messages/{late}/cancel"), json!({})).await.done(200);
    assert_eq!(queue(&post).await["counts"]["cancelled"], 1);
    post.stop().await;
}

#[tokio::test]
async fn who_was_refused_at_the_door_is_told_without_what_was_typed() {
    let post = Post::new().await;
    post.enter("printer", |row| {
        row.senders = vec!["printer@contoso.example".to_owned()];
        row.foreign_from = store::ForeignFrom::Refuse;
    })
    .await;
    let mut device = super::post::Device::knock(post.house.running().submission[0]).await;
    assert!(device.try_log_in("s3cret as a name", "wrong").await.starts_with("535"));
    device.log_in("printer", &post.password).await;
    let reply = device.offer(MEGAN, &[ANN], &letter(ANN)).await;
    assert!(reply.starts_with("550"), "{reply}");
    let told = post.house.local().get("/api/v1/listeners/refusals").await;
    assert!(!told.text().contains("s3cret"), "{}", told.text());
    let told = told.done(200);
    let [sender, login] = &told["items"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&sender["submitter"], &sender["code"]), (&json!("printer"), &json!(550)), "{told}");
    assert_eq!((&login["submitter"], &login["code"]), (&json!(""), &json!(535)));
    for refused in [sender, login] {
        assert_eq!(refused["source"], "127.0.0.1");
        assert!(reply.contains(refused["text"].as_str().unwrap()) || refused == login, "{reply}: {refused}");
    }
    post.stop().await;
}

#[tokio::test]
async fn what_a_door_refuses_by_itself_is_told_and_counts_where_it_is_a_submitters() {
    let post = Post::new().await;
    let mut device = super::post::Device::knock(post.house.running().submission[0]).await;
    for _ in 0..2 {
        assert!(device.say("MAIL FROM:<nas@contoso.example>").await.starts_with("530"));
    }
    device.log_in("nas", &post.password).await;
    let reply = device.offer(MEGAN, &[ANN], &letter(ANN).replace("\r\n\r\n", "\r\n\n")).await;
    assert!(reply.starts_with("550 5.5.2"), "{reply}");
    let told = post.house.local().get("/api/v1/listeners/refusals").await.done(200);
    let told: Vec<_> =
        told["items"].as_array().unwrap().iter().map(|one| (&one["submitter"], &one["code"])).collect();
    assert_eq!(told, [(&json!("nas"), &json!(550)), (&json!(""), &json!(530))]);
    let mut metrics = String::new();
    post.app().queue.meter.write(&mut metrics);
    assert!(metrics.contains("postern_messages_refused_total{kind=\"for_good\"} 1\n"), "{metrics}");
    post.stop().await;
}
