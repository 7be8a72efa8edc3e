//! The set-up link makes an administrator, once.

use store::{Role, SetUpError, UserRow};

use crate::house::{audit, id, session, stories, user};

stories! {
    async fn the_link_makes_one_administrator_and_is_over(db: TestDatabase) {
        db.store.open_setup_link(&[5; 32], &audit("setup.link")).await.unwrap();
        assert_eq!(db.store.setup_link_hash().await.unwrap(), Some(vec![5; 32]));
        let made = audit("setup.use");
        db.store.sessions().set_up(&session(11, id(1)), &user(1, "anna"), &[5; 32], &made).await.unwrap();
        assert!(db.store.sessions().find_by_hash(&[11; 32]).await.unwrap().is_some());
        assert_eq!(db.store.setup_link_hash().await.unwrap(), None);
        let again = db.store.sessions().set_up(&session(12, id(2)), &user(2, "ben"), &[5; 32], &made).await;
        assert!(matches!(again, Err(SetUpError::LinkOver)), "{again:?}");
        assert_eq!(db.store.users().find("ben").await.unwrap(), None);
        assert_eq!(db.audited().await, ["setup.use", "setup.link"]);
    }

    async fn of_two_that_use_the_link_at_the_same_time_one_gets_in(db: TestDatabase) {
        db.store.open_setup_link(&[5; 32], &audit("setup.link")).await.unwrap();
        let (other, made) = (db.second_store().await, audit("setup.use"));
        let (ours, theirs) = (db.store.sessions(), other.sessions());
        let (one, two) = (session(11, id(1)), session(12, id(2)));
        let (anna, ben) = (user(1, "anna"), user(2, "ben"));
        let (one, two) = tokio::join!(
            ours.set_up(&one, &anna, &[5; 32], &made),
            theirs.set_up(&two, &ben, &[5; 32], &made),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    }

    async fn a_renewed_link_takes_the_place_of_the_one_before(db: TestDatabase) {
        db.store.open_setup_link(&[5; 32], &audit("setup.link")).await.unwrap();
        db.store.open_setup_link(&[6; 32], &audit("setup.link")).await.unwrap();
        let (row, anna, made) = (session(11, id(1)), user(1, "anna"), audit("setup.use"));
        let old = db.store.sessions().set_up(&row, &anna, &[5; 32], &made).await;
        assert!(matches!(old, Err(SetUpError::LinkOver)), "{old:?}");
        assert_eq!(db.store.setup_link_hash().await.unwrap(), Some(vec![6; 32]));
    }

    async fn an_administrator_made_another_way_voids_the_link_and_a_viewer_does_not(db: TestDatabase) {
        db.store.open_setup_link(&[5; 32], &audit("setup.link")).await.unwrap();
        let viewer = UserRow { role: Role::Viewer, ..user(1, "ben") };
        db.store.users().insert(&viewer, &audit("user.add")).await.unwrap();
        assert!(db.store.setup_link_hash().await.unwrap().is_some());
        db.store.users().insert(&user(2, "anna"), &audit("user.add")).await.unwrap();
        assert_eq!(db.store.setup_link_hash().await.unwrap(), None);
    }

    async fn a_taken_name_leaves_the_link_open(db: TestDatabase) {
        let viewer = UserRow { role: Role::Viewer, ..user(1, "anna") };
        db.store.users().insert(&viewer, &audit("user.add")).await.unwrap();
        db.store.open_setup_link(&[5; 32], &audit("setup.link")).await.unwrap();
        let (row, anna, made) = (session(11, id(2)), user(2, "Anna"), audit("setup.use"));
        let taken = db.store.sessions().set_up(&row, &anna, &[5; 32], &made).await;
        assert!(matches!(taken, Err(SetUpError::NameTaken)), "{taken:?}");
        assert!(db.store.setup_link_hash().await.unwrap().is_some());
    }
}
