//! What is said when a sign-in does not work: whose fault, and what to do next.

use m365::Failure;
use m365::account::Account as OpenAccount;
use m365::authorize::InvalidCallback;
use m365::diagnosis::Advice;
use store::{SettleError, TakeError};

use crate::account_state;
use crate::app::App;
use crate::problem::{Problem, sentence};

pub(super) fn unreached(app: &App, account: &OpenAccount, failure: &Failure) -> Problem {
    from_advice(&account_state::explain(app, account, None, failure))
}

/// What the diagnosis says, as a refusal. Its own code is Microsoft's and goes along as a member.
pub(super) fn from_advice(advice: &Advice) -> Problem {
    let (says, cause) = (sentence(&advice.says), sentence(&advice.cause));
    // Where nothing more is known than what was said, once is enough.
    let message = if says == cause { says } else { format!("{says} {cause}") };
    Problem::new("microsoft_refused", message, advice.fix.clone()).with("microsoft_code", advice.code.clone())
}

pub(super) fn unreadable(error: &InvalidCallback) -> Problem {
    Problem::new(error.code(), sentence(error), error.hint())
}

pub(super) fn not_taken(error: TakeError) -> Problem {
    let again = "Start again with Authorize now (postern account authorize).";
    match error {
        TakeError::Unknown => Problem::new(
            "unknown_state",
            "This answer belongs to no sign-in that Postern has started.",
            again,
        ),
        TakeError::Expired => {
            Problem::new("state_expired", "This sign-in took longer than ten minutes and has expired.", again)
        }
        TakeError::AlreadyUsed => {
            Problem::new("state_used", "This answer has been used already; it counts once.", again)
        }
        TakeError::Store(error) => error.into(),
    }
}

pub(super) fn not_settled(error: SettleError) -> Problem {
    let again = "Start again with Authorize now (postern account authorize).";
    match error {
        SettleError::NotFound => Problem::new("not_found", "That sign-in is no longer there.", again),
        SettleError::AlreadySettled { status } => {
            Problem::new("flow_over", format!("That sign-in has already ended: {status}."), again)
        }
        SettleError::Expired => {
            Problem::new("flow_over", "That sign-in was not confirmed within ten minutes.", again)
        }
        SettleError::AccountChanged => changed_meanwhile(),
        SettleError::Store(error) => error.into(),
    }
}

pub(super) fn changed_meanwhile() -> Problem {
    Problem::new(
        "changed_meanwhile",
        "The account was changed while the sign-in was under way; nothing was kept.",
        "Start again with Authorize now (postern account authorize).",
    )
}

pub(super) fn other_browser() -> Problem {
    Problem::new(
        "other_browser",
        "This sign-in was started in another browser session, and nothing was kept.",
        "Finish it in the browser in which you pressed Authorize now, or start again here.",
    )
}

pub(super) fn other_address(redirect_uri: &str) -> Problem {
    Problem::new(
        "other_address",
        "That is not the address that this sign-in returns to.",
        format!("Paste the whole address that the browser ended at; it begins with {redirect_uri}."),
    )
    .with("field", "address")
}

pub(super) fn nothing_pending(account: &str) -> Problem {
    let account = crate::problem::shown(account);
    Problem::new(
        "nothing_pending",
        format!("No sign-in of {account} waits to be confirmed."),
        "Start one: postern account authorize. What it finds can be confirmed for ten minutes.",
    )
}
