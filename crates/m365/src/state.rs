//! An account as a state machine: what has happened to it, and what it needs next.
//!
//! Pure: `postern` stores the state and the time of its change. Only a refusal that waiting doesn't cure
//! breaks an account; an outage never does. Only what leads as far as the step that broke it mends it. A
//! sign-in under way changes nothing until it is kept: whoever shows an account adds that one waits to be
//! confirmed. Neighbour: `diagnosis` gives a broken account its words.

use mail::Outcome;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::account::SignIn;
use crate::failure::{Failure, SmtpStage};
use crate::outcome;

/// Where an account stands. Each variant has its own data only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountState {
    /// Settings are missing.
    Incomplete {
        /// Which ones.
        missing: Vec<Missing>,
    },
    /// All is set; a person has to sign in, or the application's access to be verified.
    NeedsSignIn,
    /// Nothing more is needed from a person.
    Ready,
    /// Microsoft refuses it, and waiting doesn't help.
    Broken(Trouble),
}

/// Why an account is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// As [`Failure::code`].
    pub code: String,
    /// What it means.
    pub cause: String,
    /// What to do.
    pub fix: String,
    /// The step at which it was met, and up to which a way has to lead to show that it is over.
    pub step: Step,
}

/// How far the way of a message has led, in the order in which it is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Entra ID gave an access token.
    Token,
    /// The mailbox let us in: the log-in by SMTP. Graph has none, and decides when it is given a message.
    Mailbox,
    /// A message was accepted.
    Message,
}

/// A setting that an account can't do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The tenant.
    Tenant,
    /// The application (client) ID.
    ClientId,
    /// Certificate or secret.
    Credential,
    /// The sender: an application has no mailbox of its own.
    From,
}

/// What happened to an account.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Its settings were changed.
    SettingsChanged {
        /// What is missing now.
        missing: &'a [Missing],
        /// What the change meant for the grant.
        grant: GrantFate,
    },
    /// A person's sign-in was confirmed and its grant stored.
    Confirmed,
    /// A call failed; the trouble is the diagnosis of it.
    Failed {
        /// What was said.
        failure: &'a Failure,
        /// What it means.
        trouble: &'a Trouble,
    },
    /// The way led so far without a refusal.
    Reached(Step),
}

/// What a change of settings means for the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantFate {
    /// It still holds.
    Kept,
    /// Tenant, client, cloud or sign-in are others now: a new sign-in is needed.
    Invalidated,
}

impl AccountState {
    /// The state of a new account.
    pub fn of_new(missing: &[Missing]) -> Self {
        match missing.is_empty() {
            true => Self::NeedsSignIn,
            false => Self::Incomplete { missing: missing.to_vec() },
        }
    }

    /// The state after the event.
    #[must_use]
    pub fn after(self, event: Event<'_>) -> Self {
        match event {
            Event::SettingsChanged { missing, grant } => self.after_settings(missing, grant),
            Event::Confirmed => self.unless_incomplete(Self::Ready),
            Event::Failed { failure, trouble } => self.after_failure(failure, trouble),
            Event::Reached(step) => self.after_reaching(step),
        }
    }

    /// snake_case, as the API shows it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Incomplete { .. } => "incomplete",
            Self::NeedsSignIn => "needs_sign_in",
            Self::Ready => "ready",
            Self::Broken(_) => "broken",
        }
    }

    /// Whether mail may be tried. An application needs no person: it may be tried before it was verified. A
    /// broken account is tried by its probe only.
    pub fn may_send(&self, sign_in: SignIn) -> bool {
        match self {
            Self::Ready => true,
            Self::NeedsSignIn => sign_in == SignIn::Application,
            Self::Incomplete { .. } | Self::Broken(_) => false,
        }
    }

    /// A change that keeps the grant cures nothing by itself: a broken account stays so until its probe
    /// gets through.
    fn after_settings(self, missing: &[Missing], grant: GrantFate) -> Self {
        match (Self::of_new(missing), grant) {
            (incomplete @ Self::Incomplete { .. }, _) => incomplete,
            (complete, GrantFate::Invalidated) => complete,
            (complete, GrantFate::Kept) => match self {
                Self::Incomplete { .. } => complete,
                unchanged => unchanged,
            },
        }
    }

    fn after_failure(self, failure: &Failure, trouble: &Trouble) -> Self {
        match self {
            Self::Incomplete { .. } => self,
            Self::Ready | Self::NeedsSignIn if lacks_grant(failure) => Self::NeedsSignIn,
            Self::Ready | Self::NeedsSignIn | Self::Broken(_) => match breaks_account(failure) {
                true => Self::Broken(trouble.clone()),
                false => self,
            },
        }
    }

    /// A token says nothing about a mailbox that is full: what was met later is mended later.
    fn after_reaching(self, step: Step) -> Self {
        match self {
            Self::NeedsSignIn => Self::Ready,
            Self::Broken(trouble) if trouble.step <= step => Self::Ready,
            Self::Incomplete { .. } | Self::Ready | Self::Broken(_) => self,
        }
    }

    fn unless_incomplete(self, next: Self) -> Self {
        match self {
            Self::Incomplete { .. } => self,
            _ => next,
        }
    }
}

impl Step {
    /// The step at which a failure was met.
    pub fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Smtp(refusal) => match refusal.stage {
                SmtpStage::MailFrom | SmtpStage::RcptTo | SmtpStage::Data | SmtpStage::EndOfData => {
                    Self::Message
                }
                SmtpStage::Connect
                | SmtpStage::Greeting
                | SmtpStage::Ehlo
                | SmtpStage::StartTls
                | SmtpStage::Auth => Self::Mailbox,
            },
            // It doesn't tell whether it was asked to send or for a profile; a message is sure to show.
            Failure::Graph(_) => Self::Message,
            Failure::Entra(_) | Failure::Network(_) | Failure::Local(_) => Self::Token,
        }
    }
}

/// Whether a failure speaks about the account, and waiting doesn't help: what pauses its mail breaks it, by
/// the same verdict.
pub fn breaks_account(failure: &Failure) -> bool {
    let outcome = outcome::of_failure(failure, OffsetDateTime::UNIX_EPOCH);
    matches!(outcome, Outcome::AccountBroken { .. })
}

fn lacks_grant(failure: &Failure) -> bool {
    matches!(failure, Failure::Local(trouble) if trouble.code == "needs_sign_in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{EntraRefusal, LocalTrouble, NetworkKind, NetworkTrouble, SmtpRefusal};
    use crate::graph::read_refusal;

    fn entra(error: &str, code: u32) -> Failure {
        let codes = format!(r#"{{"error":"{error}","error_codes":[{code}]}}"#);
        EntraRefusal::from_answer(400, codes.as_bytes(), None).into()
    }

    fn trouble() -> Trouble {
        broken_at(Step::Token)
    }

    fn broken_at(step: Step) -> Trouble {
        Trouble { code: "AADSTS700082".to_owned(), cause: "c".to_owned(), fix: "f".to_owned(), step }
    }

    fn after_failure(state: AccountState, failure: &Failure) -> AccountState {
        state.after(Event::Failed { failure, trouble: &trouble() })
    }

    #[test]
    fn a_new_account_needs_its_settings_and_then_a_person() {
        let state = AccountState::of_new(&[Missing::From]);
        assert_eq!(state.name(), "incomplete");
        let settings = Event::SettingsChanged { missing: &[], grant: GrantFate::Kept };
        let state = state.after(settings);
        assert_eq!(state, AccountState::NeedsSignIn);
        assert_eq!(state.after(Event::Confirmed), AccountState::Ready);
    }

    #[test]
    fn what_was_met_late_on_the_way_is_not_mended_by_what_leads_less_far() {
        let steps = [Step::Token, Step::Mailbox, Step::Message];
        for met in steps {
            for reached in steps {
                let broken = AccountState::Broken(broken_at(met));
                let expected = if reached >= met { AccountState::Ready } else { broken.clone() };
                assert_eq!(broken.after(Event::Reached(reached)), expected, "{met:?} {reached:?}");
            }
        }
        assert_eq!(AccountState::NeedsSignIn.after(Event::Reached(Step::Token)), AccountState::Ready);
    }

    #[test]
    fn a_new_sign_in_mends_an_account_whatever_broke_it() {
        for met in [Step::Token, Step::Message] {
            let broken = AccountState::Broken(broken_at(met));
            assert_eq!(broken.after(Event::Confirmed), AccountState::Ready);
        }
    }

    #[test]
    fn a_failure_tells_how_far_the_way_led() {
        let smtp = |stage| {
            let text = String::new();
            let refusal =
                SmtpRefusal { stage, code: 554, enhanced: None, text, challenge: None, recipient: None };
            Step::of(&refusal.into())
        };
        assert_eq!(Step::of(&entra("invalid_grant", 700082)), Step::Token);
        assert_eq!(Step::of(&LocalTrouble::new("certificate_expired", "m", "h").into()), Step::Token);
        assert_eq!((smtp(SmtpStage::Auth), smtp(SmtpStage::EndOfData)), (Step::Mailbox, Step::Message));
        assert_eq!(Step::of(&read_refusal(507, b"").into()), Step::Message);
    }

    #[test]
    fn an_incomplete_account_does_not_become_ready() {
        let incomplete = AccountState::of_new(&[Missing::Credential]);
        for event in [Event::Confirmed, Event::Reached(Step::Message)] {
            assert_eq!(incomplete.clone().after(event), incomplete);
        }
    }

    #[test]
    fn a_final_refusal_breaks_an_account_and_a_success_mends_it() {
        for failure in [
            entra("invalid_grant", 700082),
            entra("invalid_client", 7000222),
            entra("unauthorized_client", 700016),
            entra("interaction_required", 50076),
        ] {
            let state = after_failure(AccountState::Ready, &failure);
            assert_eq!(state, AccountState::Broken(trouble()), "{failure}");
            assert_eq!(state.after(Event::Reached(Step::Token)), AccountState::Ready);
        }
    }

    #[test]
    fn what_passes_never_breaks_an_account() {
        for failure in [
            entra("temporarily_unavailable", 90033),
            entra("invalid_grant", 50196),
            NetworkTrouble::new("a:443", NetworkKind::Tls, "unknown issuer").into(),
            LocalTrouble::new("grant_not_stored", "m", "h").into(),
        ] {
            assert_eq!(after_failure(AccountState::Ready, &failure), AccountState::Ready, "{failure}");
        }
    }

    #[test]
    fn an_account_whose_grant_is_gone_needs_a_sign_in() {
        let gone = LocalTrouble::new("needs_sign_in", "m", "h").into();
        assert_eq!(after_failure(AccountState::Ready, &gone), AccountState::NeedsSignIn);
    }

    #[test]
    fn another_tenant_or_client_needs_a_new_sign_in_and_other_changes_cure_nothing() {
        let broken = AccountState::Broken(trouble());
        let kept = Event::SettingsChanged { missing: &[], grant: GrantFate::Kept };
        let gone = Event::SettingsChanged { missing: &[], grant: GrantFate::Invalidated };
        assert_eq!(broken.clone().after(kept), broken);
        assert_eq!(broken.after(gone), AccountState::NeedsSignIn);
        assert_eq!(AccountState::Ready.after(kept), AccountState::Ready);
        assert_eq!(AccountState::Ready.after(gone), AccountState::NeedsSignIn);
        let taken_away = Event::SettingsChanged { missing: &[Missing::Credential], grant: GrantFate::Kept };
        assert_eq!(AccountState::Ready.after(taken_away).name(), "incomplete");
    }

    #[test]
    fn an_application_may_send_before_it_was_verified_and_a_person_may_not() {
        assert!(AccountState::NeedsSignIn.may_send(SignIn::Application));
        assert!(!AccountState::NeedsSignIn.may_send(SignIn::Delegated));
        assert!(AccountState::Ready.may_send(SignIn::Delegated));
        assert!(!AccountState::Broken(trouble()).may_send(SignIn::Application));
    }
}
