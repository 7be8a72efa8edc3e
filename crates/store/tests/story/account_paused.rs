//! An account is broken: its mail waits.

use store::queue::{PauseRow, Ring};

use crate::house::{account, audit, id, minutes, noon, stories};

fn pause(code: &str) -> PauseRow {
    PauseRow {
        account_id: id(1),
        since: noon(),
        code: code.to_owned(),
        reason: "the secret has expired".to_owned(),
        probes: 0,
        next_probe_at: noon() + minutes(1),
    }
}

stories! {
    async fn a_pause_keeps_since_when_and_why_until_it_ends(db: TestDatabase) {
        let queue = db.store.queue();
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let mut rings = queue.rings();
        assert!(queue.pause(&pause("AADSTS7000222")).await.unwrap());
        assert!(!queue.pause(&pause("AADSTS90033")).await.unwrap());
        assert!(queue.put_off_probe(id(1), 3, noon() + minutes(8)).await.unwrap());
        let expected = PauseRow { probes: 3, next_probe_at: noon() + minutes(8), ..pause("AADSTS7000222") };
        assert_eq!(db.second_store().await.queue().pauses().await.unwrap(), [expected]);
        assert!(queue.resume(id(1)).await.unwrap());
        assert!(!queue.resume(id(1)).await.unwrap());
        assert!(!queue.put_off_probe(id(1), 4, noon()).await.unwrap());
        assert_eq!(queue.pauses().await.unwrap(), []);
        assert_eq!([rings.next().await, rings.next().await], [Some(Ring::Account(id(1))); 2]);
    }

    async fn the_pause_of_an_account_goes_with_it(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.queue().pause(&pause("code")).await.unwrap();
        db.store.accounts().remove(id(1), &audit("account.remove")).await.unwrap();
        assert_eq!(db.store.queue().pauses().await.unwrap(), []);
    }
}
