//! An account is broken: its mail waits.

use store::queue::{Bid, Lease, PauseRow, Probe, Ring};

use crate::house::{accept, account, audit, id, lease, minutes, noon, stories};

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

    async fn of_two_nodes_one_probes_a_paused_account(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        let queue = db.store.queue();
        queue.pause(&pause("code")).await.unwrap();
        let lane_id = accept(&db, [1, 2, 3]).await;
        let probe = async |at| {
            let now = noon() + minutes(at);
            let probe = Some(Probe { account_id: id(1), next_at: now + minutes(2) });
            let lease = Lease { until: now + minutes(10), ..lease() };
            let bid = Bid { lane_id, limit: 1, now, lease, takes_lane: false, probe };
            queue.bid(bid).await.unwrap().claims().len()
        };
        assert_eq!(probe(0).await, 0, "it is not due yet");
        assert_eq!((probe(1).await, probe(1).await), (1, 0), "the other's turn is taken");
        assert_eq!(probe(3).await, 1, "whoever took it said nothing more");
        let mut rings = queue.rings();
        queue.probe_all(noon() + minutes(4)).await.unwrap();
        assert_eq!(rings.next().await, Some(Ring::Account(id(1))));
        assert_eq!(probe(4).await, 1, "something may have mended it");
        queue.resume(id(1)).await.unwrap();
        accept(&db, [4]).await;
        assert_eq!(probe(9).await, 0, "it is paused no more, and its mail goes without probing");
    }

    async fn the_pause_of_an_account_goes_with_it(db: TestDatabase) {
        db.store.accounts().insert(&account(1, "a"), &audit("account.add")).await.unwrap();
        db.store.queue().pause(&pause("code")).await.unwrap();
        db.store.accounts().remove(id(1), &audit("account.remove")).await.unwrap();
        assert_eq!(db.store.queue().pauses().await.unwrap(), []);
    }
}
