//! Some recipients are refused: the others get the message once, and the sender is told who did not.
//! Field story 27: permanent failures lay in the queue unseen.

use store::queue::{MessageState, RecipientState};
use time::Duration;

use super::post::{ANN, BOB, MEGAN, Post, letter};

const NOBODY: &str = "permerror@fabrikam.example";
const CEM: &str = "cem@fabrikam.example";

#[tokio::test]
async fn who_is_refused_is_reported_and_the_others_get_it() {
    let post = Post::by_smtp().await;
    let id = post.device().await.send(MEGAN, &[ANN, NOBODY], &letter(&format!("{ANN}, {NOBODY}"))).await;
    let story = post.until(id, MessageState::Sent).await;
    let states: Vec<_> = story.recipients.iter().map(|one| (one.address.as_str(), one.state)).collect();
    assert_eq!(states, [(ANN, RecipientState::Sent), (NOBODY, RecipientState::Failed)]);
    post.until_empty().await;
    assert_eq!(post.inbox(ANN).len(), 1);
    let reports = post.inbox(MEGAN);
    assert_eq!(reports.len(), 1, "the sender is told");
    let report = String::from_utf8(reports[0].mime.to_vec()).unwrap();
    assert!(
        report.contains("report-type=\"delivery-status\"") || report.contains("report-type=delivery-status"),
        "{report}"
    );
    assert!(report.contains(NOBODY) && report.contains("Action: failed"), "{report}");
    assert!(!report.contains(&format!("Final-Recipient: rfc822;{ANN}")), "{report}");
    post.finish().await;
}

#[tokio::test]
async fn whoever_is_too_many_for_one_transaction_gets_it_with_the_next() {
    let post = Post::by_smtp().await;
    post.house.sim.change_world(|world| world.switches.smtp_recipients_per_transaction = 2);
    let id = post.send(&[ANN, BOB, CEM]).await;
    let story = post.until_tried(id).await;
    let states: Vec<_> = story.recipients.iter().map(|one| (one.address.as_str(), one.state)).collect();
    assert_eq!(
        states,
        [(ANN, RecipientState::Sent), (BOB, RecipientState::Sent), (CEM, RecipientState::Pending)]
    );
    assert_eq!(story.attempts[0].code.as_deref(), Some("452 4.5.3"), "{story:#?}");
    assert!(post.inbox(CEM).is_empty());
    post.house.advance(Duration::seconds(80));
    post.until(id, MessageState::Sent).await;
    for address in [ANN, BOB, CEM] {
        assert_eq!(post.inbox(address).len(), 1, "{address}");
    }
    post.finish().await;
}

#[tokio::test]
async fn what_is_refused_for_all_ends_in_a_report_and_no_report_is_about_a_report() {
    let post = Post::new().await;
    let id = post.device().await.send(MEGAN, &[NOBODY], &letter(NOBODY)).await;
    let story = post.until(id, MessageState::Failed).await;
    assert_eq!(story.attempts.len(), 1);
    post.until_story(id, |_| post.inbox(MEGAN).len() == 1).await;
    // With the null sender nobody is told.
    let id = post.device().await.send("", &[NOBODY], &letter(NOBODY)).await;
    post.until(id, MessageState::Failed).await;
    assert_eq!(post.inbox(MEGAN).len(), 1);
    post.stop().await;
}

#[tokio::test]
async fn a_success_is_reported_only_to_those_who_asked() {
    let post = Post::new().await;
    let id = post.device().await.send(MEGAN, &[&format!("<{ANN}> NOTIFY=SUCCESS")], &letter(ANN)).await;
    post.until(id, MessageState::Sent).await;
    post.until_empty().await;
    let reports = post.inbox(MEGAN);
    assert_eq!(reports.len(), 1);
    assert!(String::from_utf8_lossy(&reports[0].mime).contains("Action: relayed"));
    post.finish().await;
}
