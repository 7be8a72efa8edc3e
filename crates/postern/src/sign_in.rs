//! Signing in to the console: password, second factor where there is one, a session. Whether a name exists can't be told
//! from the answer, nor from the time it takes; whoever guesses is slowed down. It must never log or keep what was typed:
//! people type passwords into the field for the name. Neighbours: `throttle`, `passwords`, `totp`, `sessions`.

use std::sync::{Mutex, MutexGuard};

use serde_json::json;
use store::{Role, SecondFactor, StartSessionError, UserRow};

use crate::api::access::Actor;
use crate::api::input::SecretText;
use crate::app::App;
use crate::passwords::Passwords;
use crate::problem::Problem;
use crate::sessions::{self, Origin, SignedIn, Started};
use crate::throttle::{Throttle, Try, Wait};
use crate::totp::TotpSecret;
use crate::vault::Record;
use crate::{audit, recovery_codes};

/// What all sign-ins share.
#[derive(Debug, Default)]
pub struct Door {
    /// Hashes and compares.
    pub passwords: Passwords,
    throttle: Mutex<Throttle>,
}

/// What somebody typed.
#[derive(Debug)]
pub struct Credentials<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The password.
    pub password: &'a SecretText,
    /// The authenticator's code, or a recovery code.
    pub code: Option<&'a SecretText>,
}

/// A second factor that was found good and is not yet used up.
enum Proof {
    None,
    Totp(i64),
    RecoveryCode(Vec<u8>),
}

impl Door {
    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().expect("nothing panics while it holds the counters")
    }
}

/// Signs somebody in.
pub async fn sign_in(app: &App, typed: &Credentials<'_>, origin: Origin<'_>) -> Result<Started, Problem> {
    let attempt = begin(app, typed.user, origin.source)?;
    let user = app.store.users().find_by_name(typed.user.trim()).await?;
    let right =
        app.door.passwords.verify(user.as_ref().map(|user| &user.password_hash), typed.password).await?;
    let Some(user) = user.as_ref().filter(|_| right) else {
        let name = user.as_ref().map_or("", |user| &user.name);
        return Err(app.refuse(&nobody(origin), "session.start", name, wrong_credentials()).await);
    };
    let Some(proof) = prove(app, user, typed.code)? else {
        app.door.throttle().forget(attempt);
        return Err(code_needed());
    };
    match start(app, user, proof, origin).await {
        Ok(started) => {
            app.door.throttle().succeed(attempt);
            Ok(started)
        }
        Err(problem) => Err(app.refuse(&nobody(origin), "session.start", &user.name, problem).await),
    }
}

/// Checks the password of somebody who is signed in, before what a stolen session alone must not do.
pub async fn confirm_password(
    app: &App,
    person: &SignedIn,
    source: &str,
    password: &SecretText,
) -> Result<(), Problem> {
    let attempt = begin(app, &person.user.name, source)?;
    if app.door.passwords.verify(Some(&person.user.password_hash), password).await? {
        app.door.throttle().succeed(attempt);
        return Ok(());
    }
    let problem = Problem::new("wrong_password", "The password is wrong.", "Type your present password.");
    let problem = problem.with("field", "password");
    Err(app.refuse(&person.actor(source), "user.confirm_password", &person.user.name, problem).await)
}

/// The shared secret of a user's second factor; `None` where there is none.
pub fn open_totp(app: &App, user: &UserRow, sealed: Option<&Vec<u8>>) -> Result<Option<TotpSecret>, Problem> {
    let Some(sealed) = sealed else { return Ok(None) };
    let bytes = app.vault.open(Record::TotpSecret(&user.id.to_string()), sealed)?;
    Ok(Some(TotpSecret::new(bytes)))
}

/// The digits of a code as people type them, with spaces left out.
pub fn without_spaces(code: &SecretText) -> SecretText {
    SecretText::new(&zeroize::Zeroizing::new(code.expose().split_whitespace().collect::<String>()))
}

fn begin(app: &App, user: &str, source: &str) -> Result<Try, Problem> {
    app.door.throttle().begin(user.trim(), source, app.now()).map_err(|Wait(wait)| {
        let seconds = wait.whole_seconds() + i64::from(wait.subsec_nanoseconds() > 0);
        Problem::new(
            "throttled",
            format!("There were too many wrong tries. The next one is taken in {seconds} seconds."),
            "Wait, then try again. postern user reset-password on the server sets another password.",
        )
        .with("retry_after_seconds", seconds)
    })
}

/// What the user shows as a second factor; `None` where one is needed and nothing was typed.
fn prove(app: &App, user: &UserRow, code: Option<&SecretText>) -> Result<Option<Proof>, Problem> {
    let Some(secret) = open_totp(app, user, user.sealed_totp_secret.as_ref())? else {
        return Ok(Some(Proof::None));
    };
    let Some(code) = code.map(without_spaces).filter(|code| !code.expose().is_empty()) else {
        return Ok(None);
    };
    // What is no code of the app is looked up as a recovery code, and found or not.
    Ok(Some(match secret.find_step(code.expose(), app.now()) {
        Some(step) => Proof::Totp(step),
        None => Proof::RecoveryCode(recovery_codes::hash(user.id, code.expose())),
    }))
}

async fn start(app: &App, user: &UserRow, proof: Proof, origin: Origin<'_>) -> Result<Started, Problem> {
    let now = app.now();
    let (session, token) = sessions::prepare(user.id, origin, now);
    let signed_in = SignedIn { session, user: UserRow { last_sign_in_at: Some(now), ..user.clone() } };
    let (factor, name) = match &proof {
        Proof::None => (SecondFactor::None, "none"),
        Proof::Totp(step) => (SecondFactor::TotpStep(*step), "totp"),
        Proof::RecoveryCode(hash) => (SecondFactor::RecoveryCode(hash), "recovery_code"),
    };
    let entry = audit::done(&signed_in.actor(origin.source), now, "session.start", &user.name);
    let entry = audit::with(entry, json!({ "session": signed_in.session.id, "second_factor": name }));
    let idle_since = now - sessions::IDLE;
    app.store.sessions().start(&signed_in.session, user, factor, idle_since, &entry).await.map_err(
        |error| match error {
            StartSessionError::UserChanged => wrong_credentials(),
            StartSessionError::CodeUsed => wrong_code(),
            StartSessionError::Store(error) => error.into(),
        },
    )?;
    app.events.tell("sessions", &signed_in.session.id.to_string(), "created");
    app.events.tell("users", &user.id.to_string(), "changed");
    Ok(Started { signed_in, token })
}

/// Whoever has not proved who they are.
fn nobody(origin: Origin<'_>) -> Actor {
    Actor { name: "browser".to_owned(), source: origin.source.to_owned(), role: Role::Viewer }
}

fn wrong_credentials() -> Problem {
    Problem::new(
        "wrong_credentials",
        "The user name or the password is wrong.",
        "Try again. An administrator can set another password: postern user reset-password.",
    )
}

fn code_needed() -> Problem {
    Problem::new(
        "code_needed",
        "The code of your authenticator app is needed too.",
        "Send the same again with the code; a recovery code does as well.",
    )
}

fn wrong_code() -> Problem {
    Problem::new(
        "wrong_code",
        "The code is wrong, or has been used already.",
        "Wait for the app's next code. If it is never right, compare the clocks of the phone and of the server.",
    )
    .with("field", "code")
}
