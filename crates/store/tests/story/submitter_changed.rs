//! A device is entered, changed and removed.

use store::{
    AccountRow, ForeignFrom, Page, PasswordHash, PutSubmitterError, RemoveSubmitterError, SubmitterRow,
    SubmitterSecret,
};

use crate::house::{account, audit, id, minutes, noon, stories};

fn submitter(n: u128, name: &str) -> SubmitterRow {
    SubmitterRow {
        id: id(n),
        version: 1,
        name: name.to_owned(),
        description: "second floor".to_owned(),
        user_name: Some(format!("User{n}")),
        secret: Some(SubmitterSecret::Generated { keyed_hash: vec![7; 32] }),
        token_hash: Some(vec![u8::try_from(n).unwrap(); 32]),
        networks: vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()],
        uids: vec![0, 1000],
        senders: vec!["*@contoso.com".to_owned()],
        foreign_from: ForeignFrom::Rewrite,
        account_id: None,
        rate_per_minute: Some(30),
        is_enabled: true,
        created_at: noon(),
        updated_at: noon(),
        last_used_at: None,
    }
}

stories! {
    async fn a_submitter_is_found_by_all_that_it_shows(db: TestDatabase) {
        let submitters = db.store.submitters();
        let stored = submitters.insert(&submitter(1, "Scanner"), &audit("submitter.add")).await.unwrap();
        assert_eq!(stored, submitter(1, "Scanner"));
        let found = [
            submitters.find("scanner").await.unwrap(),
            submitters.find(&id(1).to_string()).await.unwrap(),
            submitters.find_by_user_name("USER1").await.unwrap(),
            submitters.find_by_token_hash(&[1; 32]).await.unwrap(),
            submitters.known_by_place().await.unwrap().pop(),
            submitters.list(&Page::first(10), Some("user1")).await.unwrap().rows.pop(),
        ];
        assert!(found.iter().all(|it| it.as_ref() == Some(&stored)), "{found:?}");
        assert_eq!(submitters.find_by_user_name("scanner").await.unwrap(), None);
        assert!(!format!("{stored:?}").contains("[7, 7"), "hashes are not printed");
    }

    async fn a_submitter_is_changed_once_and_never_by_an_old_answer(db: TestDatabase) {
        let submitters = db.store.submitters();
        let first = submitters.insert(&submitter(1, "Scanner"), &audit("submitter.add")).await.unwrap();
        let chosen = SubmitterSecret::Chosen(PasswordHash::new("$argon2id$".to_owned()));
        let edited = SubmitterRow {
            name: "Copier".to_owned(),
            secret: Some(chosen),
            networks: Vec::new(),
            uids: Vec::new(),
            token_hash: None,
            rate_per_minute: None,
            ..first.clone()
        };
        let second = submitters.update(&edited, 1, &audit("submitter.edit")).await.unwrap();
        assert_eq!((second.version, submitters.find("copier").await.unwrap().as_ref()), (2, Some(&second)));
        let late = submitters.update(&first, 1, &audit("submitter.edit")).await.unwrap_err();
        assert!(matches!(late, PutSubmitterError::Conflict), "{late:?}");
        assert_eq!(submitters.known_by_place().await.unwrap(), []);
        submitters.remove(id(1), &audit("submitter.remove")).await.unwrap();
        let gone = submitters.remove(id(1), &audit("submitter.remove")).await.unwrap_err();
        assert!(matches!(gone, RemoveSubmitterError::NotFound), "{gone:?}");
        assert_eq!(db.audited().await, ["submitter.remove", "submitter.edit", "submitter.add"]);
    }

    async fn names_and_user_names_are_unique_and_the_account_must_be_there(db: TestDatabase) {
        let submitters = db.store.submitters();
        submitters.insert(&submitter(1, "Scanner"), &audit("submitter.add")).await.unwrap();
        let refused = async |row: SubmitterRow| {
            submitters.insert(&row, &audit("submitter.add")).await.unwrap_err().to_string()
        };
        assert_eq!(refused(submitter(2, "SCANNER")).await, "there is already a submitter with this name");
        let same_user = SubmitterRow { user_name: Some("user1".to_owned()), ..submitter(2, "other") };
        assert_eq!(refused(same_user).await, "another submitter already logs in by this user name");
        let no_account = SubmitterRow { account_id: Some(id(5)), ..submitter(2, "other") };
        assert_eq!(refused(no_account).await, "the account has been deleted");
        db.store.accounts().insert(&AccountRow { id: id(5), ..account(5, "a") }, &audit("account.add")).await.unwrap();
        let with_account = SubmitterRow { account_id: Some(id(5)), ..submitter(2, "other") };
        submitters.insert(&with_account, &audit("submitter.add")).await.unwrap();
        for n in 3..5 {
            let bare = SubmitterRow { user_name: None, token_hash: None, ..submitter(n, &n.to_string()) };
            submitters.insert(&bare, &audit("submitter.add")).await.unwrap();
        }
    }

    async fn a_use_is_noted_at_most_once_a_minute(db: TestDatabase) {
        let submitters = db.store.submitters();
        submitters.insert(&submitter(1, "a"), &audit("submitter.add")).await.unwrap();
        let last = async || submitters.find("a").await.unwrap().unwrap().last_used_at;
        submitters.touch(&submitter(1, "a"), noon()).await.unwrap();
        let row = submitters.find("a").await.unwrap().unwrap();
        submitters.touch(&row, noon() + time::Duration::seconds(59)).await.unwrap();
        assert_eq!(last().await, Some(noon()));
        submitters.touch(&row, noon() + minutes(1)).await.unwrap();
        assert_eq!(last().await, Some(noon() + minutes(1)));
    }
}
