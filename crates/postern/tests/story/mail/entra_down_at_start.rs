//! Postern starts, and accepts mail, while Entra and Microsoft 365 are down; a restart loses nothing.
//! Field stories 24 and 26: the device was told 535, and the relay did not start.

use m365_sim::world::{Outage, Switches};
use store::queue::MessageState;
use time::Duration;

use super::post::{ANN, Post};

#[tokio::test]
async fn mail_is_accepted_while_microsoft_is_down_and_goes_when_it_is_back() {
    let mut post = Post::new().await;
    post.house.sim.change_world(|world| {
        world.switches.entra_outage = Outage::Unavailable;
        world.switches.https_refused = true;
    });
    post.house.restart().await;
    let id = post.send(&[ANN]).await;
    post.until(id, MessageState::Deferred).await;
    assert_eq!(post.house.look_at("mail").await["state"]["name"], "ready", "an outage breaks no account");
    post.house.restart().await;
    assert_eq!(post.story(id).await.row.state, MessageState::Deferred, "nothing is forgotten");
    post.house.sim.change_world(|world| world.switches = Switches::default());
    post.house.advance(Duration::seconds(80));
    post.until(id, MessageState::Sent).await;
    assert_eq!(post.inbox(ANN).len(), 1);
    post.finish().await;
}
