//! The console's own certificate is kept, replaced, and damaged by hand.

use store::{ConsoleIdentity, StoreError};

use crate::house::{node, stories};

stories! {
    async fn the_console_keeps_one_identity_and_the_last_one_counts(db: TestDatabase) {
        assert_eq!(db.store.console_identity(&node("here", 1)).await.unwrap(), None);
        for n in [1, 2] {
            let identity = ConsoleIdentity { certificate_der: vec![n; 700], sealed_key: vec![n; 1300] };
            db.store.keep_console_identity(&node("here", 1), &identity).await.unwrap();
            assert_eq!(db.after_power_cut().await.console_identity(&node("here", 1)).await.unwrap(), Some(identity));
        }
    }

    async fn a_damaged_identity_is_reported(db: TestDatabase) {
        let identity = ConsoleIdentity { certificate_der: vec![1], sealed_key: vec![2] };
        db.store.keep_console_identity(&node("here", 1), &identity).await.unwrap();
        for value in ["", "AQ==", "AQ== !"] {
            db.sql(&format!("UPDATE facts SET value = '{value}' WHERE name LIKE 'console_identity%'")).await;
            let refused = db.store.console_identity(&node("here", 1)).await.unwrap_err();
            assert!(matches!(&refused, StoreError::Corrupt(row) if row.id == "console_identity"), "{refused:?}");
        }
    }
}
