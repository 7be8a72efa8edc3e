//! One account is the default, as long as there is any.

use store::{AccountRow, Page, Store};

use crate::house::{account, audit, id, minutes, noon, stories};

/// The names of the default accounts: always one or none.
async fn defaults(store: &Store) -> Vec<String> {
    let rows = store.accounts().list(&Page::first(500), None).await.unwrap().rows;
    let names: Vec<String> = rows.into_iter().filter(|row| row.is_default).map(|row| row.name).collect();
    let found = store.accounts().find_default().await.unwrap();
    assert_eq!(found.map(|row| row.name).as_ref(), names.first());
    names
}

fn made_after(n: i64, row: AccountRow) -> AccountRow {
    AccountRow { created_at: noon() + minutes(n), ..row }
}

stories! {
    async fn the_first_account_is_the_default_and_a_later_one_is_when_it_asks_to_be(db: TestDatabase) {
        let accounts = db.store.accounts();
        assert_eq!(defaults(&db.store).await, Vec::<String>::new());
        accounts.insert(&account(1, "first"), &audit("account.add")).await.unwrap();
        accounts.insert(&account(2, "second"), &audit("account.add")).await.unwrap();
        assert_eq!(defaults(&db.store).await, ["first"]);
        accounts.insert(&AccountRow { is_default: true, ..account(3, "third") }, &audit("account.add")).await.unwrap();
        assert_eq!(defaults(&db.store).await, ["third"]);
    }

    async fn the_default_moves_by_naming_another_and_never_by_leaving_it(db: TestDatabase) {
        let accounts = db.store.accounts();
        let first = accounts.insert(&account(1, "first"), &audit("account.add")).await.unwrap();
        let second = accounts.insert(&account(2, "second"), &audit("account.add")).await.unwrap();
        let left = AccountRow { is_default: false, ..first };
        let updated = accounts.update(&left, 1, &audit("account.edit")).await.unwrap().account;
        assert!(updated.is_default);
        assert_eq!(defaults(&db.store).await, ["first"]);
        let named = AccountRow { is_default: true, ..second };
        accounts.update(&named, 1, &audit("account.edit")).await.unwrap();
        assert_eq!(defaults(&db.store).await, ["second"]);
    }

    async fn when_the_default_is_removed_the_oldest_other_takes_its_place(db: TestDatabase) {
        let accounts = db.store.accounts();
        for row in [account(1, "first"), made_after(2, account(2, "third")), made_after(1, account(3, "second"))] {
            accounts.insert(&row, &audit("account.add")).await.unwrap();
        }
        let removed = accounts.remove(id(1), &audit("account.remove")).await.unwrap();
        assert_eq!(removed.new_default.as_deref(), Some("second"));
        assert_eq!(defaults(&db.store).await, ["second"]);
        let removed = accounts.remove(id(2), &audit("account.remove")).await.unwrap();
        assert_eq!(removed.new_default, None);
        accounts.remove(id(3), &audit("account.remove")).await.unwrap();
        assert_eq!(defaults(&db.store).await, Vec::<String>::new());
    }
}
