//! Users come, change and go.

use store::{
    ConfirmTotpError, EditUserError, InsertUserError, Page, PasswordHash, Role, SecondFactor,
    SecondFactorEdit, UserEdit, UserRow,
};

use crate::house::{audit, id, session, start, stories, user};

stories! {
    async fn a_user_is_found_by_id_and_by_name_and_signs_in_by_name_only(db: TestDatabase) {
        let users = db.store.users();
        assert!(!users.any().await.unwrap());
        users.insert(&user(1, "Anna Müller"), &audit("user.add")).await.unwrap();
        assert!(users.any().await.unwrap());
        for key in [&id(1).to_string(), "ANNA MÜLLER"] {
            assert_eq!(users.find(key).await.unwrap(), Some(user(1, "Anna Müller")), "{key}");
        }
        assert_eq!(users.find_by_name(&id(1).to_string()).await.unwrap(), None);
        let taken = users.insert(&user(2, "anna müller"), &audit("user.add")).await;
        assert!(matches!(taken, Err(InsertUserError::NameTaken)), "{taken:?}");
        assert_eq!(users.list(&Page::first(9)).await.unwrap().rows.len(), 1);
    }

    async fn the_last_administrator_stays(db: TestDatabase) {
        let users = db.store.users();
        users.insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        users.insert(&UserRow { role: Role::Operator, ..user(2, "ben") }, &audit("user.add")).await.unwrap();
        let demote = UserEdit { role: Some(Role::Viewer), ..UserEdit::default() };
        let refused = users.edit(id(1), &demote, &audit("user.edit")).await;
        assert!(matches!(refused, Err(EditUserError::LastAdministrator)), "{refused:?}");
        let refused = users.remove(id(1), &audit("user.remove")).await;
        assert!(matches!(refused, Err(EditUserError::LastAdministrator)), "{refused:?}");
        let promote = UserEdit { role: Some(Role::Administrator), ..UserEdit::default() };
        users.edit(id(2), &promote, &audit("user.edit")).await.unwrap();
        users.edit(id(1), &demote, &audit("user.edit")).await.unwrap();
        assert_eq!(users.find("anna").await.unwrap().unwrap().role, Role::Viewer);
    }

    async fn of_two_administrators_who_remove_each_other_one_stays(db: TestDatabase) {
        for (n, name) in [(1, "anna"), (2, "ben")] {
            db.store.users().insert(&user(n, name), &audit("user.add")).await.unwrap();
        }
        let (other, entry) = (db.second_store().await, audit("user.remove"));
        let (ours, theirs) = (db.store.users(), other.users());
        let (one, two) = tokio::join!(ours.remove(id(1), &entry), theirs.remove(id(2), &entry));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    }

    async fn another_password_ends_every_session_but_the_spared_one(db: TestDatabase) {
        let users = db.store.users();
        users.insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        for n in [11, 12] {
            start(&db, &session(n, id(1)), &user(1, "anna"), SecondFactor::None).await.unwrap();
        }
        let same_role = UserEdit { role: Some(Role::Administrator), ..UserEdit::default() };
        assert!(users.edit(id(1), &same_role, &audit("user.edit")).await.unwrap().is_empty());
        let password_hash = Some(PasswordHash::new("new".into()));
        let edit = UserEdit { password_hash, spared_session: Some(id(12)), ..UserEdit::default() };
        assert_eq!(users.edit(id(1), &edit, &audit("user.edit")).await.unwrap(), [id(11)]);
        assert!(db.store.sessions().find(id(12)).await.unwrap().is_some());
    }

    async fn a_removed_user_leaves_nothing_behind(db: TestDatabase) {
        let users = db.store.users();
        for (n, name) in [(1, "anna"), (2, "ben")] {
            users.insert(&user(n, name), &audit("user.add")).await.unwrap();
        }
        users.offer_totp(id(2), &[9], &audit("user.totp_offered")).await.unwrap();
        users.confirm_totp(id(2), &[9], 1, &[vec![1]], &audit("user.totp_on")).await.unwrap();
        let ben = users.find("ben").await.unwrap().unwrap();
        start(&db, &session(11, id(2)), &ben, SecondFactor::TotpStep(2)).await.unwrap();
        assert_eq!(users.remove(id(2), &audit("user.remove")).await.unwrap(), [id(11)]);
        assert_eq!(users.count_recovery_codes(id(2)).await.unwrap(), 0);
        let again = users.remove(id(2), &audit("user.remove")).await;
        assert!(matches!(again, Err(EditUserError::NotFound)), "{again:?}");
    }

    async fn a_second_factor_counts_once_it_is_confirmed_and_goes_with_its_codes(db: TestDatabase) {
        let users = db.store.users();
        users.insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        users.offer_totp(id(1), &[8], &audit("user.totp_offered")).await.unwrap();
        users.offer_totp(id(1), &[9], &audit("user.totp_offered")).await.unwrap();
        let stale = users.confirm_totp(id(1), &[8], 1, &[], &audit("user.totp_on")).await;
        assert!(matches!(stale, Err(ConfirmTotpError::NotOffered)), "{stale:?}");
        assert_eq!(users.find("anna").await.unwrap().unwrap().sealed_totp_secret, None);
        users.confirm_totp(id(1), &[9], 1, &[vec![1], vec![2]], &audit("user.totp_on")).await.unwrap();
        let anna = users.find("anna").await.unwrap().unwrap();
        assert_eq!((anna.sealed_totp_secret, anna.sealed_offered_totp_secret), (Some(vec![9]), None));
        let edit = UserEdit { second_factor: SecondFactorEdit::Remove, ..UserEdit::default() };
        users.edit(id(1), &edit, &audit("user.totp_off")).await.unwrap();
        assert_eq!(users.find("anna").await.unwrap().unwrap().sealed_totp_secret, None);
        assert_eq!(users.count_recovery_codes(id(1)).await.unwrap(), 0);
    }

    async fn a_users_hash_is_not_printed(db: TestDatabase) {
        db.store.users().insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        let told = format!("{:?}", db.store.users().find("anna").await.unwrap());
        assert!(!told.contains("argon2id"), "{told}");
    }
}
