//! Between the state machine of `m365::state` and the row that keeps a state: words, and since when.

use m365::Failure;
use m365::account::Account as OpenAccount;
use m365::diagnosis::{self, Advice, Facts};
use m365::state::{AccountState, Event, Missing, Step, Trouble};
use store::{AccountRow, SignIn, StateName, StateRow};
use time::OffsetDateTime;

use crate::accounts::Pending;
use crate::app::App;

/// The state of a new account.
pub fn of_new(row_sign_in: SignIn, from_given: bool, now: OffsetDateTime) -> StateRow {
    to_row(&AccountState::of_new(&missing(row_sign_in, from_given)), row_sign_in, now)
}

/// The state after an event; its time stays where the state does.
pub fn after(row: &AccountRow, event: Event<'_>, now: OffsetDateTime) -> StateRow {
    let before = of_row(row);
    let state = before.clone().after(event);
    let since = if state == before { row.state.since } else { now };
    to_row(&state, row.sign_in, since)
}

/// What an account lacks.
pub fn missing(sign_in: SignIn, from_given: bool) -> Vec<Missing> {
    match (sign_in, from_given) {
        (SignIn::Application, false) => vec![Missing::From],
        _ => Vec::new(),
    }
}

/// The state after a call failed.
pub fn after_failure(row: &AccountRow, failure: &Failure, advice: &Advice, now: OffsetDateTime) -> StateRow {
    after(row, Event::Failed { failure, trouble: &trouble(failure, advice) }, now)
}

/// The state to tell to those who look: a sign-in that waits to be confirmed is the next thing to be done about an
/// account that can't send.
pub fn shown(row: &AccountRow, pending: Option<&Pending>) -> StateRow {
    match (row.state.name, pending) {
        (StateName::NeedsSignIn | StateName::Broken, Some(Pending { since, .. })) => StateRow {
            name: StateName::Pending,
            since: *since,
            code: None,
            cause: Some("Somebody has signed in, and it has not been confirmed yet.".to_owned()),
            fix: Some("Whoever started the sign-in confirms it: postern account confirm.".to_owned()),
            step: None,
        },
        _ => row.state.clone(),
    }
}

/// What a broken account keeps of what broke it.
pub fn trouble(failure: &Failure, advice: &Advice) -> Trouble {
    Trouble {
        code: advice.code.clone(),
        cause: advice.cause.clone(),
        fix: advice.fix.clone(),
        step: Step::of(failure),
    }
}

/// What a failure means for this account. `redirect_uri` is that of a sign-in under way; without one it is the first of
/// the console's.
pub fn explain(app: &App, account: &OpenAccount, redirect_uri: Option<&str>, failure: &Failure) -> Advice {
    let first = || app.hosts.redirect_uris().first().map(ToString::to_string);
    let facts = Facts {
        redirect_uri: redirect_uri.map(str::to_owned).or_else(first),
        principal_id: app.tokens.principal(&account.id).map(|id| id.to_string()),
        ..Facts::of_account(account)
    };
    diagnosis::explain(failure, &facts)
}

fn of_row(row: &AccountRow) -> AccountState {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match row.state.name {
        StateName::Incomplete => {
            AccountState::Incomplete { missing: missing(row.sign_in, row.from_address.is_some()) }
        }
        StateName::NeedsSignIn | StateName::Pending => AccountState::NeedsSignIn,
        StateName::Ready => AccountState::Ready,
        StateName::Broken => AccountState::Broken(Trouble {
            code: text(&row.state.code),
            cause: text(&row.state.cause),
            fix: text(&row.state.fix),
            // Nobody noted it: then only a message that goes through is proof enough.
            step: row.state.step.map_or(Step::Message, step_of_row),
        }),
    }
}

fn to_row(state: &AccountState, sign_in: SignIn, since: OffsetDateTime) -> StateRow {
    let (name, words) = match state {
        AccountState::Incomplete { .. } => {
            let fix = "Set From to the mailbox that mail goes out as.";
            (StateName::Incomplete, Some((None, "The sending mailbox is not set.", fix)))
        }
        AccountState::NeedsSignIn if sign_in == SignIn::Application => {
            let fix =
                "Press Authorize now, or run postern account authorize, to verify that a token can be had.";
            (StateName::NeedsSignIn, Some((None, "The application's access has not been verified yet.", fix)))
        }
        AccountState::NeedsSignIn => {
            let fix =
                "Press Authorize now, or run postern account authorize, and sign in as the sending mailbox.";
            (StateName::NeedsSignIn, Some((None, "Nobody has signed in for this account yet.", fix)))
        }
        AccountState::Ready => (StateName::Ready, None),
        AccountState::Broken(trouble) => {
            let Trouble { code, cause, fix, step: _ } = trouble;
            (StateName::Broken, Some((Some(code.clone()), cause.as_str(), fix.as_str())))
        }
    };
    let (code, cause, fix) = match words {
        Some((code, cause, fix)) => (code, Some(cause.to_owned()), Some(fix.to_owned())),
        None => (None, None, None),
    };
    StateRow { name, since, code, cause, fix, step: step_to_row(state) }
}

fn step_of_row(step: store::Step) -> Step {
    match step {
        store::Step::Token => Step::Token,
        store::Step::Mailbox => Step::Mailbox,
        store::Step::Message => Step::Message,
    }
}

fn step_to_row(state: &AccountState) -> Option<store::Step> {
    let AccountState::Broken(trouble) = state else { return None };
    Some(match trouble.step {
        Step::Token => store::Step::Token,
        Step::Mailbox => store::Step::Mailbox,
        Step::Message => store::Step::Message,
    })
}
