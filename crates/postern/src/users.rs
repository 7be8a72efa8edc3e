//! The users of the console, as administrators manage them, and each one's own password. At least one administrator
//! stays. Neighbours: `passwords`, which checks and hashes, and the store, which ends sessions together with the change.

use serde_json::json;
use store::{EditUserError, InsertUserError, Role, SecondFactorEdit, UserEdit, UserRow};
use uuid::Uuid;

use crate::api::access::Actor;
use crate::api::input::{Name, SecretText};
use crate::app::App;
use crate::passwords::NewPassword;
use crate::problem::{Problem, shown};
use crate::sessions::{SignedIn, tell_ended};
use crate::{audit, setup_link};

/// Somebody to be added.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The name.
    pub name: &'a Name,
    /// The password.
    pub password: &'a SecretText,
    /// What they may do.
    pub role: Role,
}

/// What an administrator changes; what is not given stays.
#[derive(Debug, Default)]
pub struct Edit<'a> {
    /// Another role.
    pub role: Option<Role>,
    /// Another password.
    pub password: Option<&'a SecretText>,
    /// Whether the second factor stays.
    pub second_factor: SecondFactorEdit,
}

/// Adds a user.
pub async fn add(app: &App, actor: &Actor, new: NewUser<'_>) -> Result<UserRow, Problem> {
    let row = prepare(app, &new).await?;
    let entry = audit::done(actor, app.now(), "user.add", &row.name);
    let entry = audit::with(entry, json!({ "role": row.role.as_str() }));
    app.store.users().insert(&row, &entry).await.map_err(|error| match error {
        InsertUserError::NameTaken => name_taken(&row.name),
        InsertUserError::Store(error) => error.into(),
    })?;
    setup_link::tidy(app).await;
    app.events.tell("users", &row.id.to_string(), "created");
    Ok(row)
}

/// The row of a user to be added, with the password checked and hashed.
pub(crate) async fn prepare(app: &App, new: &NewUser<'_>) -> Result<UserRow, Problem> {
    let password = NewPassword::check(new.password, new.name.as_str(), "password")?;
    Ok(UserRow {
        id: Uuid::now_v7(),
        name: new.name.as_str().to_owned(),
        role: new.role,
        password_hash: app.door.passwords.hash(&password).await?,
        sealed_totp_secret: None,
        sealed_offered_totp_secret: None,
        created_at: app.now(),
        last_sign_in_at: None,
    })
}

/// The user with this id or name.
pub async fn find(app: &App, id_or_name: &str) -> Result<UserRow, Problem> {
    let found = app.store.users().find(id_or_name).await?;
    found.ok_or_else(|| Problem::not_found("user", id_or_name))
}

/// Changes a user; their sessions end.
pub async fn edit(app: &App, actor: &Actor, id_or_name: &str, edit: Edit<'_>) -> Result<UserRow, Problem> {
    let user = find(app, id_or_name).await?;
    let password_hash = match edit.password {
        Some(password) => {
            let password = NewPassword::check(password, &user.name, "password")?;
            Some(app.door.passwords.hash(&password).await?)
        }
        None => None,
    };
    let detail = json!({
        "role": edit.role.map(Role::as_str),
        "password": password_hash.is_some(),
        "totp_removed": edit.second_factor == SecondFactorEdit::Remove,
    });
    let changes =
        UserEdit { role: edit.role, password_hash, second_factor: edit.second_factor, spared_session: None };
    change(app, actor, &user, &changes, "user.edit", detail).await?;
    setup_link::tidy(app).await;
    find(app, &user.id.to_string()).await
}

/// Sets the password of somebody who is signed in; their other sessions end. The old one has been checked.
pub async fn change_own_password(
    app: &App,
    person: &SignedIn,
    source: &str,
    new: &SecretText,
) -> Result<(), Problem> {
    let password = NewPassword::check(new, &person.user.name, "new_password")?;
    let changes = UserEdit {
        password_hash: Some(app.door.passwords.hash(&password).await?),
        spared_session: Some(person.session.id),
        ..UserEdit::default()
    };
    change(app, &person.actor(source), &person.user, &changes, "user.password", json!({})).await
}

/// Removes a user; their sessions end.
pub async fn remove(app: &App, actor: &Actor, id_or_name: &str) -> Result<(), Problem> {
    let user = find(app, id_or_name).await?;
    let entry = audit::done(actor, app.now(), "user.remove", &user.name);
    match app.store.users().remove(user.id, &entry).await {
        Ok(ended) => tell_ended(app, &ended),
        Err(error) => {
            return Err(app.refuse(actor, "user.remove", &user.name, not_changed(&user.name, error)).await);
        }
    }
    app.events.tell("users", &user.id.to_string(), "deleted");
    Ok(())
}

/// Why the store did not change a user.
pub(crate) fn not_changed(name: &str, error: EditUserError) -> Problem {
    match error {
        EditUserError::NotFound => Problem::not_found("user", name),
        EditUserError::LastAdministrator => Problem::new(
            "last_administrator",
            format!("{} is the last administrator and has to stay one.", shown(name)),
            "Make somebody else an administrator first.",
        ),
        EditUserError::Store(error) => error.into(),
    }
}

/// Why a name can't be had.
pub(crate) fn name_taken(name: &str) -> Problem {
    let message = format!("There is already a user named {}.", shown(name));
    Problem::new("name_taken", message, "Choose another name.").with("field", "user")
}

async fn change(
    app: &App,
    actor: &Actor,
    user: &UserRow,
    changes: &UserEdit,
    action: &str,
    detail: serde_json::Value,
) -> Result<(), Problem> {
    let entry = audit::with(audit::done(actor, app.now(), action, &user.name), detail);
    match app.store.users().edit(user.id, changes, &entry).await {
        Ok(ended) => tell_ended(app, &ended),
        Err(error) => {
            return Err(app.refuse(actor, action, &user.name, not_changed(&user.name, error)).await);
        }
    }
    app.events.tell("users", &user.id.to_string(), "changed");
    Ok(())
}
