//! *Send Test Email* and *Check*: the way of a message, walked stage by stage, each told as it happens.
//!
//! A stage that fails says what Microsoft answered, what it means and what to do; what comes after it isn't
//! tried. Access tokens are opaque: what one seems to say is a hint, never a verdict. The message itself goes
//! by the `courier`, as all mail does, over sessions of its own: what was mended counts. Neighbours: `token`
//! and `courier` do the work, `diagnosis` gives the words, the API passes the stages on.

mod recorder;
mod stages;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use mail::{Address, MessageId};
use serde::Serialize;
use time::OffsetDateTime;

use crate::account::Account;
use crate::connection::Connection;
use crate::courier::Courier;
use crate::diagnosis::{Facts, Turn};
use crate::failure::{Failure, LocalTrouble};
use crate::state::Missing;
use crate::token::Tokens;
use recorder::{Found, Recorder};

/// What a walk needs.
#[derive(Clone)]
pub struct Context<'a> {
    /// To the account's cloud.
    pub connection: &'a Arc<Connection>,
    /// Whose way is walked.
    pub account: &'a Arc<Account>,
    /// Where its access tokens come from.
    pub tokens: &'a Tokens,
    /// The account's name, for the message's text.
    pub account_name: &'a str,
    /// This machine's name, for EHLO and the message's text.
    pub host: &'a str,
    /// The redirect URI that a sign-in uses, for the advice.
    pub redirect_uri: Option<&'a str>,
    /// When the client secret expires, where that was noted.
    pub secret_expires_at: Option<OffsetDateTime>,
    /// When the walk begins.
    pub now: OffsetDateTime,
}

/// The name of a stage, in the order in which they are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Everything that must be set is set.
    Settings,
    /// The client certificate can be used; skipped for a secret.
    Certificate,
    /// An access token can be had.
    Token,
    /// The permission is there, as far as can be seen.
    Permission,
    /// The mailbox can be reached: licence (Graph), log-in (SMTP).
    Mailbox,
    /// The message was accepted.
    Message,
}

/// What happens on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageEvent {
    /// A stage begins.
    Started(StageName),
    /// A stage has ended, or was skipped.
    Ended(Stage),
}

/// A stage that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Which.
    pub name: StageName,
    /// Whether it went well; a stage that wasn't needed did, one that wasn't reached didn't.
    pub ok: bool,
    /// Whether it wasn't walked.
    pub skipped: bool,
    /// How long it took.
    pub took_ms: u64,
    /// What was found, or what was said against it.
    pub detail: String,
    /// Of a failure: short and stable.
    pub code: Option<String>,
    /// Of a failure: what it means.
    pub cause: Option<String>,
    /// Of a failure, or of a warning that needs somebody: what to do.
    pub fix: Option<String>,
    /// Of a failure: whose turn it is.
    pub turn: Option<Turn>,
}

/// The whole walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every stage went well.
    pub ok: bool,
    /// The Message-ID of the message, with its angle brackets, once it was tried to send one.
    pub message_id: Option<String>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What stopped the walk, for the account's state; the stage has its words.
    #[serde(skip)]
    pub failure: Option<Failure>,
    /// The administrator's values that the walk knew, for the advice on that failure.
    #[serde(skip)]
    pub facts: Facts,
}

/// Walks all stages and sends a message to `to` under `message_id`.
pub async fn run(
    context: &Context<'_>,
    to: &Address,
    message_id: &MessageId,
    on_event: &mut (impl FnMut(StageEvent) + Send),
) -> Report {
    let mut recorder = Recorder::new(ALL, facts(context), on_event);
    let courier = Courier::new(context.tokens.clone(), context.host);
    let message_id = match stages::up_to_mailbox(context, &courier, &mut recorder).await {
        Ok(way) => {
            // The verdict stands in the recorder.
            let _ = stages::send_message(context, &courier, &way, to, message_id, &mut recorder).await;
            Some(message_id.to_string())
        }
        Err(_) => None,
    };
    courier.close().await;
    recorder.into_report(message_id)
}

/// Walks all stages but the message: nothing is sent.
pub async fn check(context: &Context<'_>, on_event: &mut (impl FnMut(StageEvent) + Send)) -> Report {
    let mut recorder = Recorder::new(ALL_BUT_MESSAGE, facts(context), on_event);
    let courier = Courier::new(context.tokens.clone(), context.host);
    // The verdict stands in the recorder.
    let _ = stages::up_to_mailbox(context, &courier, &mut recorder).await;
    courier.close().await;
    recorder.into_report(None)
}

/// The report for an account that can't be walked yet, because settings are missing. `names` are the stages
/// that were asked for: [`ALL`] or [`ALL_BUT_MESSAGE`].
pub fn report_incomplete(
    missing: &[Missing],
    names: &'static [StageName],
    on_event: &mut (impl FnMut(StageEvent) + Send),
) -> Report {
    let mut recorder = Recorder::new(names, Facts::default(), on_event);
    recorder.begin(StageName::Settings);
    // The verdict stands in the recorder.
    let _ = recorder.end::<()>(Err(stages::incomplete(missing)));
    recorder.into_report(None)
}

/// What an account proves itself with, where it can't even be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Its certificate's key: fails the stage certificate.
    Certificate,
    /// Its client secret, which is needed for the token.
    Secret,
}

/// The report for an account whose credential is damaged, with `trouble`. `names` as for [`report_incomplete`].
pub fn report_unreadable(
    credential: Unreadable,
    trouble: LocalTrouble,
    names: &'static [StageName],
    on_event: &mut (impl FnMut(StageEvent) + Send),
) -> Report {
    let mut recorder = Recorder::new(names, Facts::default(), on_event);
    recorder.begin(StageName::Settings);
    // Nothing but the verdicts, which stand in the recorder.
    let _ = recorder.end(Ok(Found::new((), "complete")));
    match credential {
        Unreadable::Certificate => recorder.begin(StageName::Certificate),
        Unreadable::Secret => {
            recorder.skip(StageName::Certificate, Found::new((), stages::USES_SECRET));
            recorder.begin(StageName::Token);
        }
    }
    let _ = recorder.end::<()>(Err(trouble.into()));
    recorder.into_report(None)
}

/// The stages of [`run`].
pub const ALL: &[StageName] = &[
    StageName::Settings,
    StageName::Certificate,
    StageName::Token,
    StageName::Permission,
    StageName::Mailbox,
    StageName::Message,
];

/// The stages of [`check`].
pub const ALL_BUT_MESSAGE: &[StageName] = ALL.split_at(5).0;

fn facts(context: &Context<'_>) -> Facts {
    Facts { redirect_uri: context.redirect_uri.map(str::to_owned), ..Facts::of_account(context.account) }
}
