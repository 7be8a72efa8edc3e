//! Somebody signs in, and later their session ends.

use store::{EndSessionError, Page, PasswordHash, Role, SecondFactor, StartSessionError, UserEdit, UserRow};
use time::Duration;

use crate::house::{TestDatabase, audit, id, minutes, noon, session, start, stories, user};

/// A user with a second factor, and the recovery codes `[1]` and `[2]`.
async fn careful_user(db: &TestDatabase) -> UserRow {
    let users = db.store.users();
    users.insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
    users.offer_totp(id(1), &[9; 9], &audit("user.totp_offered")).await.unwrap();
    let codes = [vec![1], vec![2]];
    users.confirm_totp(id(1), &[9; 9], 100, &codes, &audit("user.totp_on")).await.unwrap();
    users.find("anna").await.unwrap().unwrap()
}

stories! {
    async fn a_session_is_found_by_its_hash_with_its_user(db: TestDatabase) {
        db.store.users().insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        start(&db, &session(11, id(1)), &user(1, "anna"), SecondFactor::None).await.unwrap();
        let (found, whose) = db.store.sessions().find_by_hash(&[11; 32]).await.unwrap().unwrap();
        assert_eq!((found, whose.last_sign_in_at), (session(11, id(1)), Some(noon())));
        assert_eq!(db.store.sessions().find_by_hash(&[12; 32]).await.unwrap(), None);
    }

    async fn a_code_signs_in_once_and_no_older_one_does_after_it(db: TestDatabase) {
        let anna = careful_user(&db).await;
        for (n, step, expected) in
            [(11, 100, false), (12, 101, true), (13, 101, false), (14, 100, false), (15, 102, true)]
        {
            let started = start(&db, &session(n, id(1)), &anna, SecondFactor::TotpStep(step)).await;
            match expected {
                true => started.unwrap(),
                false => assert!(matches!(started, Err(StartSessionError::CodeUsed)), "{step}: {started:?}"),
            }
        }
        let sessions = db.store.sessions();
        let list = sessions.list(&Page::first(10), None, noon(), noon() - minutes(60)).await.unwrap();
        assert_eq!(list.rows.iter().map(|(row, _)| row.id).collect::<Vec<_>>(), [id(15), id(12)]);
    }

    async fn a_recovery_code_signs_in_once(db: TestDatabase) {
        let anna = careful_user(&db).await;
        start(&db, &session(11, id(1)), &anna, SecondFactor::RecoveryCode(&[1])).await.unwrap();
        for code in [[1], [3]] {
            let again = start(&db, &session(12, id(1)), &anna, SecondFactor::RecoveryCode(&code)).await;
            assert!(matches!(again, Err(StartSessionError::CodeUsed)), "{again:?}");
        }
        assert_eq!(db.store.users().count_recovery_codes(id(1)).await.unwrap(), 1);
    }

    async fn a_password_that_changed_while_it_was_checked_starts_nothing(db: TestDatabase) {
        db.store.users().insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        let edit = UserEdit { password_hash: Some(PasswordHash::new("other".into())), ..UserEdit::default() };
        db.store.users().edit(id(1), &edit, &audit("user.edit")).await.unwrap();
        let late = start(&db, &session(11, id(1)), &user(1, "anna"), SecondFactor::None).await;
        assert!(matches!(late, Err(StartSessionError::UserChanged)), "{late:?}");
        assert_eq!(db.audited().await, ["user.edit", "user.add"]);
    }

    async fn a_second_factor_that_was_switched_on_meanwhile_can_not_be_passed_by(db: TestDatabase) {
        careful_user(&db).await;
        let late = start(&db, &session(11, id(1)), &user(1, "anna"), SecondFactor::None).await;
        assert!(matches!(late, Err(StartSessionError::UserChanged)), "{late:?}");
    }

    async fn a_use_is_noted_at_most_once_a_minute(db: TestDatabase) {
        db.store.users().insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        start(&db, &session(11, id(1)), &user(1, "anna"), SecondFactor::None).await.unwrap();
        for (seconds, noted) in [(59, 0), (60, 60), (100, 60), (120, 120)] {
            let (row, _) = db.store.sessions().find_by_hash(&[11; 32]).await.unwrap().unwrap();
            db.store.sessions().touch(&row, noon() + Duration::seconds(seconds)).await.unwrap();
            let (row, _) = db.store.sessions().find_by_hash(&[11; 32]).await.unwrap().unwrap();
            assert_eq!(row.last_seen_at, noon() + Duration::seconds(noted), "after {seconds} s");
        }
    }

    async fn an_ended_session_opens_nothing(db: TestDatabase) {
        db.store.users().insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        start(&db, &session(11, id(1)), &user(1, "anna"), SecondFactor::None).await.unwrap();
        db.store.sessions().end(id(11), &audit("session.end")).await.unwrap();
        assert_eq!(db.store.sessions().find_by_hash(&[11; 32]).await.unwrap(), None);
        let again = db.store.sessions().end(id(11), &audit("session.end")).await;
        assert!(matches!(again, Err(EndSessionError::NotFound)), "{again:?}");
    }

    async fn the_list_pages_newest_first_and_leaves_out_what_is_over(db: TestDatabase) {
        for (n, name) in [(1, "anna"), (2, "ben")] {
            db.store.users().insert(&user(n, name), &audit("user.add")).await.unwrap();
        }
        for n in 11..16_u8 {
            let (owner, name) = if n == 13 { (2, "ben") } else { (1, "anna") };
            start(&db, &session(n, id(owner)), &user(owner, name), SecondFactor::None).await.unwrap();
        }
        db.sql(&format!("UPDATE sessions SET expires_at = 0 WHERE id = '{}'", id(12))).await;
        db.sql(&format!("UPDATE sessions SET last_seen_at = 0 WHERE id = '{}'", id(14))).await;
        let (mut page, sessions) = (Page::first(2), db.store.sessions());
        let mut shown = Vec::new();
        loop {
            let list = sessions.list(&page, None, noon(), noon() - minutes(60)).await.unwrap();
            shown.extend(list.rows.into_iter().map(|(row, name)| (row.id, name)));
            let Some(next) = list.next else { break };
            page.cursor = Some(next);
        }
        assert_eq!(shown, [(id(15), "anna".into()), (id(13), "ben".into()), (id(11), "anna".to_owned())]);
        let own = sessions.list(&Page::first(9), Some(id(2)), noon(), noon() - minutes(60)).await.unwrap();
        assert_eq!(own.rows.len(), 1);
        start(&db, &session(20, id(1)), &user(1, "anna"), SecondFactor::None).await.unwrap();
        assert_eq!(db.store.sessions().find(id(12)).await.unwrap(), None, "what is over goes at the next sign-in");
    }

    async fn a_viewer_who_is_promoted_signs_in_anew(db: TestDatabase) {
        db.store.users().insert(&user(1, "anna"), &audit("user.add")).await.unwrap();
        let viewer = UserRow { role: Role::Viewer, ..user(2, "ben") };
        db.store.users().insert(&viewer, &audit("user.add")).await.unwrap();
        start(&db, &session(11, id(2)), &viewer, SecondFactor::None).await.unwrap();
        let edit = UserEdit { role: Some(Role::Operator), ..UserEdit::default() };
        assert_eq!(db.store.users().edit(id(2), &edit, &audit("user.edit")).await.unwrap(), [id(11)]);
        assert_eq!(db.store.sessions().find_by_hash(&[11; 32]).await.unwrap(), None);
    }
}
