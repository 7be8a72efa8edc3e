//! An account is removed in the moment in which a message for it is taken in: the message doesn't lie there until it
//! expires, its sender is told.

use mail::Origin;
use postern::queue::accept::{Offer, Reception, Taken};
use postern::queue::route::Permit;
use store::ForeignFrom;
use store::queue::{MessageState, Recipient};

use super::post::{ANN, MEGAN, Post, letter};

fn offer() -> Offer {
    Offer {
        submitter_id: None,
        submitter_name: "story".to_owned(),
        permit: Permit { senders: Vec::new(), foreign_from: ForeignFrom::Rewrite, account_id: None },
        from: Some(MEGAN.parse().unwrap()),
        recipients: vec![Recipient { address: ANN.parse().unwrap(), notify: None, orcpt: None }],
        ret: None,
        envid: None,
        origin: Origin::Local { uid: 0 },
        source: "uid 0".to_owned(),
        idempotency: None,
    }
}

#[tokio::test]
async fn mail_that_an_account_left_behind_is_given_up_at_once_also_after_a_restart() {
    for restarts in [false, true] {
        let mut post = Post::new().await;
        let mut reception = Reception::begin(post.app(), offer());
        reception.write(letter(ANN).into_bytes().into()).await.unwrap();
        post.house.local().delete("/api/v1/accounts/mail").await.done(204);
        if restarts {
            // A server that stops sends nothing more: the message waits on disk.
            post.app().shutdown.cancel();
        }
        let Ok(Taken::Accepted(id)) = reception.finish().await else { panic!("it was not taken") };
        if restarts {
            post.house.restart().await;
        }
        let story = post.until(id, MessageState::Failed).await;
        assert_eq!(story.row.code.as_deref(), Some("account_removed"), "{story:#?}");
        post.stop().await;
    }
}
