//! Between the state machine of `m365::state` and the row that keeps a state: words, and since when.

use m365::Failure;
use m365::account::Account as OpenAccount;
use m365::diagnosis::{self, Advice, Facts};
use m365::state::{AccountState, Event, Missing, Trouble};
use store::{AccountRow, SignIn, StateName, StateRow};
use time::OffsetDateTime;

/// The state of a new account.
pub fn of_new(row_sign_in: SignIn, from_given: bool, now: OffsetDateTime) -> StateRow {
    to_row(&AccountState::of_new(&missing(row_sign_in, from_given)), row_sign_in, now)
}

/// The state after an event; its time stays where the state does.
pub fn after(row: &AccountRow, event: Event<'_>, now: OffsetDateTime) -> StateRow {
    let before = of_row(row);
    let state = before.clone().after(event);
    match state == before {
        true => row.state.clone(),
        false => to_row(&state, row.sign_in, now),
    }
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
    after(row, Event::Failed { failure, trouble: &trouble(advice) }, now)
}

/// The words that a broken account keeps.
pub fn trouble(advice: &Advice) -> Trouble {
    Trouble { code: advice.code.clone(), cause: advice.cause.clone(), fix: advice.fix.clone() }
}

/// What a failure means for this account.
pub fn explain(account: &OpenAccount, redirect_uri: Option<&str>, failure: &Failure) -> Advice {
    let mut facts = Facts::of_account(account);
    if let Some(uri) = redirect_uri {
        facts.redirect_uri = Some(uri.to_owned());
    }
    diagnosis::explain(failure, &facts)
}

fn of_row(row: &AccountRow) -> AccountState {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match row.state.name {
        StateName::Incomplete => {
            AccountState::Incomplete { missing: missing(row.sign_in, row.from_address.is_some()) }
        }
        StateName::NeedsSignIn => AccountState::NeedsSignIn,
        StateName::Pending => AccountState::Pending,
        StateName::Ready => AccountState::Ready,
        StateName::Broken => AccountState::Broken(Trouble {
            code: text(&row.state.code),
            cause: text(&row.state.cause),
            fix: text(&row.state.fix),
        }),
    }
}

fn to_row(state: &AccountState, sign_in: SignIn, now: OffsetDateTime) -> StateRow {
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
        AccountState::Pending => {
            let fix = "Whoever started the sign-in confirms it: postern account confirm.";
            (
                StateName::Pending,
                Some((None, "Somebody has signed in, and it has not been confirmed yet.", fix)),
            )
        }
        AccountState::Ready => (StateName::Ready, None),
        AccountState::Broken(trouble) => {
            let Trouble { code, cause, fix } = trouble;
            (StateName::Broken, Some((Some(code.clone()), cause.as_str(), fix.as_str())))
        }
    };
    let (code, cause, fix) = match words {
        Some((code, cause, fix)) => (code, Some(cause.to_owned()), Some(fix.to_owned())),
        None => (None, None, None),
    };
    StateRow { name, since: now, code, cause, fix }
}
