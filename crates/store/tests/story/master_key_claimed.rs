//! The database notes which master key its secrets are sealed with.

use store::ClaimError;

use crate::house::stories;

stories! {
    async fn a_new_database_belongs_to_the_first_key_that_claims_it(db: TestDatabase) {
        assert_eq!(db.store.master_key_id().await.unwrap(), None);
        db.store.claim_master_key("0123456789abcdef").await.unwrap();
        db.store.claim_master_key("0123456789abcdef").await.unwrap();
        assert_eq!(db.store.master_key_id().await.unwrap().as_deref(), Some("0123456789abcdef"));
    }

    async fn another_key_is_refused_and_both_are_named(db: TestDatabase) {
        db.store.claim_master_key("0123456789abcdef").await.unwrap();
        let refused = db.store.claim_master_key("fedcba9876543210").await.unwrap_err();
        assert!(matches!(refused, ClaimError::OtherMasterKey { .. }), "{refused:?}");
        assert_eq!(
            refused.to_string(),
            "the secrets in this database are sealed with the master key 0123456789abcdef, not with fedcba9876543210",
        );
        assert_eq!(db.store.master_key_id().await.unwrap().as_deref(), Some("0123456789abcdef"));
    }

    async fn of_two_that_claim_a_new_database_at_the_same_time_one_gets_it(db: TestDatabase) {
        let other = db.second_store().await;
        let (one, two) = tokio::join!(db.store.claim_master_key("1111"), other.claim_master_key("2222"));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    }
}
