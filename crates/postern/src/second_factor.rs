//! The second factor of somebody who is signed in: offered, confirmed by a code, removed. The shared secret is shown once,
//! when it is offered, and the recovery codes once, when it is confirmed. Neighbours: `totp`, `recovery_codes`.

use store::{ConfirmTotpError, EditUserError, SecondFactorEdit, UserEdit};
use zeroize::Zeroizing;

use crate::api::input::SecretText;
use crate::app::App;
use crate::problem::Problem;
use crate::sessions::{SignedIn, tell_ended};
use crate::sign_in::{open_totp, without_spaces};
use crate::totp::TotpSecret;
use crate::vault::Record;
use crate::{audit, recovery_codes, users};

/// Offers a second factor; the one in use stays until a code confirms the new one. The password has been checked.
pub async fn offer(app: &App, person: &SignedIn, source: &str) -> Result<TotpSecret, Problem> {
    let (user, secret) = (&person.user, TotpSecret::generate());
    let sealed = app.vault.seal(Record::TotpSecret(&user.id.to_string()), secret.expose());
    let entry = audit::done(&person.actor(source), app.now(), "user.totp_offer", &user.name);
    app.store.users().offer_totp(user.id, &sealed, &entry).await.map_err(|error| match error {
        EditUserError::Store(error) => error.into(),
        _ => Problem::not_found("user", &user.name),
    })?;
    Ok(secret)
}

/// Takes the offered second factor into use; returns the recovery codes.
pub async fn confirm(
    app: &App,
    person: &SignedIn,
    source: &str,
    code: &SecretText,
) -> Result<Vec<Zeroizing<String>>, Problem> {
    let (user, actor) = (&person.user, person.actor(source));
    let offered = user.sealed_offered_totp_secret.as_ref();
    let (Some(secret), Some(sealed)) = (open_totp(app, user, offered)?, offered) else {
        return Err(nothing_offered());
    };
    let Some(step) = secret.find_step(without_spaces(code).expose(), app.now()) else {
        let problem = Problem::new(
            "code_mismatch",
            "The code is not the one that the app should show now.",
            "Wait for the app's next code. If it is never right, compare the clocks of the phone and of the server.",
        );
        return Err(app.refuse(&actor, "user.totp_on", &user.name, problem.with("field", "code")).await);
    };
    let codes = recovery_codes::generate();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| recovery_codes::hash(user.id, code)).collect();
    let entry = audit::done(&actor, app.now(), "user.totp_on", &user.name);
    let confirmed = app.store.users().confirm_totp(user.id, sealed, step, &hashes, &entry).await;
    confirmed.map_err(|error| match error {
        ConfirmTotpError::NotOffered => nothing_offered(),
        ConfirmTotpError::Store(error) => error.into(),
    })?;
    app.events.tell("users", &user.id.to_string(), "changed");
    Ok(codes)
}

/// Removes the second factor and the recovery codes; other sessions end. The password has been checked.
pub async fn remove(app: &App, person: &SignedIn, source: &str) -> Result<(), Problem> {
    let edit = UserEdit {
        second_factor: SecondFactorEdit::Remove,
        spared_session: Some(person.session.id),
        ..UserEdit::default()
    };
    let entry = audit::done(&person.actor(source), app.now(), "user.totp_off", &person.user.name);
    let ended = app.store.users().edit(person.user.id, &edit, &entry).await;
    tell_ended(app, &ended.map_err(|error| users::not_changed(&person.user.name, error))?);
    app.events.tell("users", &person.user.id.to_string(), "changed");
    Ok(())
}

fn nothing_offered() -> Problem {
    Problem::new(
        "nothing_pending",
        "No second factor waits to be confirmed.",
        "Start again: ask for a new secret, add it to the app, and send the code it shows.",
    )
}
