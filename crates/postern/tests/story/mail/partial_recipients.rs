//! Some recipients are refused: the others get the message once, and the sender is told who did not.
//! Field story 27: permanent failures lay in the queue unseen.

use store::queue::{MessageState, RecipientState};

use super::post::{ANN, MEGAN, Post, letter};

const NOBODY: &str = "permerror@fabrikam.example";

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
