//! A script shows its token.

use store::{DeleteTokenError, Page, Role, TokenRow};

use crate::house::{audit, id, minutes, noon, stories};

fn token() -> TokenRow {
    TokenRow {
        id: id(1),
        name: "monitor".to_owned(),
        role: Role::Operator,
        token_hash: vec![3; 32],
        created_at: noon(),
        created_by: "anna".to_owned(),
        expires_at: Some(noon() + minutes(60)),
        last_used_at: None,
    }
}

stories! {
    async fn a_token_is_found_by_its_hash_and_by_nothing_else(db: TestDatabase) {
        db.store.api_tokens().insert(&token(), &audit("token.add")).await.unwrap();
        assert_eq!(db.store.api_tokens().find_by_hash(&[3; 32]).await.unwrap(), Some(token()));
        for other in [&[3; 31][..], &[4; 32], &[]] {
            assert_eq!(db.store.api_tokens().find_by_hash(other).await.unwrap(), None);
        }
    }

    async fn a_use_is_noted_at_most_once_a_minute(db: TestDatabase) {
        let tokens = db.store.api_tokens();
        tokens.insert(&token(), &audit("token.add")).await.unwrap();
        for (seconds, noted) in [(0, 0), (59, 0), (60, 60), (100, 60), (120, 120)] {
            let row = tokens.find_by_hash(&[3; 32]).await.unwrap().unwrap();
            tokens.touch(&row, noon() + time::Duration::seconds(seconds)).await.unwrap();
            let row = tokens.find_by_hash(&[3; 32]).await.unwrap().unwrap();
            assert_eq!(row.last_used_at, Some(noon() + time::Duration::seconds(noted)), "after {seconds} s");
        }
    }

    async fn a_deleted_token_opens_nothing(db: TestDatabase) {
        let tokens = db.store.api_tokens();
        tokens.insert(&token(), &audit("token.add")).await.unwrap();
        tokens.delete(id(1), &audit("token.delete")).await.unwrap();
        assert_eq!(tokens.find_by_hash(&[3; 32]).await.unwrap(), None);
        assert_eq!(tokens.list(&Page::first(10)).await.unwrap().rows, []);
        let again = tokens.delete(id(1), &audit("token.delete")).await;
        assert!(matches!(again, Err(DeleteTokenError::NotFound)), "{again:?}");
        assert_eq!(db.audited().await, ["token.delete", "token.add"]);
    }
}
