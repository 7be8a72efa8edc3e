//! The routes of `/queue`: how much waits, since when and why, and how much mail there was. They must cost the same
//! however many messages there are: what waits is counted no more often than that can be borne, and what was is read from
//! the chart's own table. Its neighbours are the overview and `postern queue status`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store::queue::{Count, HistorySpan, HistorySum, MessageState, PauseRow, STRETCH};
use time::{Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Viewer;
use super::input::Query;
use super::moment;
use super::submitters::{NamedView, named_account};
use crate::accounts;
use crate::app::App;
use crate::problem::Problem;
use crate::queue::route::Sender;

/// What is in the queue now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
pub struct QueueView {
    /// Of all accounts together.
    counts: CountsView,
    /// The oldest message that waits or is under way.
    oldest: Option<OldestView>,
    /// Deliveries under way in this process.
    deliveries: u32,
    /// Accounts that are paused or have messages that were not sent, in the order of their names.
    accounts: Vec<AccountQueueView>,
}

/// How many messages are in each state but `sent`.
#[derive(Debug, Default, Clone, Serialize, ToSchema)]
#[schema(as = QueueCounts)]
struct CountsView {
    queued: u64,
    sending: u64,
    deferred: u64,
    held: u64,
    failed: u64,
    expired: u64,
    cancelled: u64,
}

/// A message by its id, and when it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = OldestMessage)]
struct OldestView {
    received: String,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountQueue)]
struct AccountQueueView {
    /// Its name is empty when it has been removed.
    account: NamedView,
    counts: CountsView,
    oldest: Option<OldestView>,
    /// Why its mail waits, where it does.
    paused: Option<PauseView>,
}

/// An account at fault: its mail waits, and one message probes from time to time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountPause)]
struct PauseView {
    since: String,
    code: String,
    reason: String,
    /// How many probes have failed since.
    probes: u32,
    next_probe: String,
}

/// Which stretch of the chart.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// From this time on: RFC 3339 time or date; a day before `until` by default. It counts from the full five minutes.
    since: Option<String>,
    /// Until this time; now by default, and at most.
    until: Option<String>,
    /// How long each step is: a multiple of 5, up to 10080 (a week); 60 by default. At most 1000 steps are told.
    step_minutes: Option<u32>,
    /// Id or name of an account; all together by default.
    account: Option<String>,
}

/// How much mail there was, step by step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueHistory)]
pub struct HistoryView {
    since: String,
    until: String,
    step_minutes: u32,
    /// Every step, oldest first, also those in which nothing happened.
    items: Vec<StepView>,
}

/// What happened to mail within a step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueStep)]
struct StepView {
    /// When the step begins.
    at: String,
    /// Messages accepted.
    accepted: u64,
    /// Messages handed over.
    sent: u64,
    /// Tries that are to be repeated.
    deferred: u64,
    /// Messages given up: refused or expired.
    failed: u64,
}

/// What is in the queue now: how many messages in which state, the oldest that waits, and which accounts are paused.
#[utoipa::path(get, path = "/queue", tag = "queue", responses((status = 200, body = QueueView)))]
pub async fn show(State(app): State<Arc<App>>, _viewer: Viewer) -> Result<Response, Problem> {
    let counts = app.queue.stock.counts(&app.store).await?;
    let pauses = app.store.queue().pauses().await?;
    let senders = app.queue.directory.senders(&app).await?;
    let view = QueueView {
        counts: CountsView::of(counts.iter()),
        oldest: oldest(counts.iter()),
        deliveries: app.queue.traffic.in_flight(),
        accounts: by_account(&counts, &pauses, &senders),
    };
    Ok(axum::Json(view).into_response())
}

/// How much mail there was: accepted, sent, deferred and failed, step by step.
#[utoipa::path(get, path = "/queue/history", tag = "queue", params(HistoryQuery),
    responses((status = 200, body = HistoryView)))]
pub async fn history(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, Problem> {
    let (mut span, step_minutes) = span(&query, app.now())?;
    if let Some(account) = &query.account {
        span.account_id = Some(accounts::find_row(&app, account).await?.id);
    }
    let sums = app.store.queue().history_sums(&span).await?;
    let view = HistoryView {
        since: moment::text(span.since),
        until: moment::text(span.until),
        step_minutes,
        items: steps(&span, &sums),
    };
    Ok(axum::Json(view).into_response())
}

const MOST_STEPS: i64 = 1000;
const LONGEST_STEP_MINUTES: u32 = 7 * 24 * 60;

fn span(query: &HistoryQuery, now: OffsetDateTime) -> Result<(HistorySpan, u32), Problem> {
    let read = |name: &str, text: &Option<String>| {
        text.as_deref().map(moment::parse).transpose().map_err(|error| Problem::invalid(name, error))
    };
    let until = read("until", &query.until)?.map_or(now, |until| until.min(now));
    let since = read("since", &query.since)?.unwrap_or_else(|| until.saturating_sub(Duration::DAY));
    if since >= until || since < OffsetDateTime::UNIX_EPOCH {
        return Err(Problem::invalid("since", "it must be before the end, and after 1970"));
    }
    let step_minutes = query.step_minutes.unwrap_or(60);
    let step = Duration::minutes(step_minutes.into());
    if step_minutes == 0
        || step_minutes > LONGEST_STEP_MINUTES
        || step.whole_minutes() % STRETCH.whole_minutes() != 0
    {
        return Err(Problem::invalid("step_minutes", "it must be a multiple of 5 from 5 to 10080"));
    }
    let span = HistorySpan { since: full_stretch(since), until, step, account_id: None };
    if count_steps(&span) > MOST_STEPS {
        let why =
            format!("the time makes more than {MOST_STEPS} of them; longer ones are needed, or less time");
        return Err(Problem::invalid("step_minutes", why));
    }
    Ok((span, step_minutes))
}

/// When the stretch begins that this time lies in.
fn full_stretch(at: OffsetDateTime) -> OffsetDateTime {
    let beyond = at.unix_timestamp().rem_euclid(STRETCH.whole_seconds());
    at.replace_nanosecond(0).expect("zero is a valid nanosecond") - Duration::seconds(beyond)
}

fn count_steps(span: &HistorySpan) -> i64 {
    let seconds = (span.until - span.since).whole_seconds();
    let whole = seconds / span.step.whole_seconds();
    whole + i64::from(span.since + span.step * i32::try_from(whole).unwrap_or(i32::MAX) < span.until)
}

fn steps(span: &HistorySpan, sums: &[HistorySum]) -> Vec<StepView> {
    let mut sums = sums.iter().peekable();
    let begins = std::iter::successors(Some(span.since), |at| at.checked_add(span.step));
    let begins = (0..).zip(begins.take_while(|at| *at < span.until));
    let step = |(number, at): (u64, OffsetDateTime)| {
        let sum = sums.next_if(|sum| sum.step == number).copied().unwrap_or_default();
        let HistorySum { accepted, sent, deferred, failed, .. } = sum;
        StepView { at: moment::text(at), accepted, sent, deferred, failed }
    };
    begins.map(step).collect()
}

fn by_account(counts: &[Count], pauses: &[PauseRow], senders: &[Sender]) -> Vec<AccountQueueView> {
    let mut accounts: BTreeMap<Uuid, (Vec<&Count>, Option<&PauseRow>)> = BTreeMap::new();
    for count in counts {
        accounts.entry(count.account_id).or_default().0.push(count);
    }
    for pause in pauses {
        accounts.entry(pause.account_id).or_default().1 = Some(pause);
    }
    let view = |(id, (counts, pause)): (Uuid, (Vec<&Count>, Option<&PauseRow>))| AccountQueueView {
        account: named_account(id, senders),
        counts: CountsView::of(counts.iter().copied()),
        oldest: oldest(counts.iter().copied()),
        paused: pause.map(PauseView::of),
    };
    let mut views: Vec<_> = accounts.into_iter().map(view).collect();
    views.sort_by(|one, other| one.account.name.cmp(&other.account.name));
    views
}

/// The oldest of those that go by themselves: what is held waits for a person, and what has ended for nothing.
fn oldest<'c>(counts: impl Iterator<Item = &'c Count>) -> Option<OldestView> {
    let waits = |count: &&Count| {
        matches!(count.state, MessageState::Queued | MessageState::Sending | MessageState::Deferred)
    };
    // Ids grow with time.
    let oldest = counts.filter(waits).min_by_key(|count| count.oldest_id)?;
    Some(OldestView { received: moment::text(oldest.oldest), message: oldest.oldest_id.to_string() })
}

impl CountsView {
    fn of<'c>(counts: impl Iterator<Item = &'c Count>) -> Self {
        let mut view = Self::default();
        for count in counts {
            *match count.state {
                MessageState::Queued => &mut view.queued,
                MessageState::Sending => &mut view.sending,
                MessageState::Deferred => &mut view.deferred,
                MessageState::Held => &mut view.held,
                MessageState::Failed => &mut view.failed,
                MessageState::Expired => &mut view.expired,
                MessageState::Cancelled => &mut view.cancelled,
                MessageState::Sent => continue,
            } += count.messages;
        }
        view
    }
}

impl PauseView {
    fn of(row: &PauseRow) -> Self {
        Self {
            since: moment::text(row.since),
            code: row.code.clone(),
            reason: row.reason.clone(),
            probes: row.probes,
            next_probe: moment::text(row.next_probe_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-30 12:03:20 UTC);

    fn query(since: Option<&str>, until: Option<&str>, step_minutes: Option<u32>) -> HistoryQuery {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        HistoryQuery { since: owned(since), until: owned(until), step_minutes, account: None }
    }

    #[test]
    fn a_day_in_hours_is_told_when_nobody_says_otherwise_and_every_step_is_there() {
        let (span, _) = span(&query(None, None, None), NOW).unwrap();
        let third = HistorySum { step: 2, accepted: 4, sent: 3, deferred: 1, failed: 0 };
        let steps = steps(&span, &[third]);
        assert_eq!(steps.len(), 25, "a day, and the minutes since the full five");
        assert_eq!(steps.len() as i64, count_steps(&span));
        assert_eq!((steps[0].at.as_str(), steps[0].accepted), ("2026-11-29T12:00:00Z", 0));
        assert_eq!((steps[2].at.as_str(), steps[2].accepted, steps[2].sent), ("2026-11-29T14:00:00Z", 4, 3));
    }

    #[test]
    fn what_would_be_too_much_or_nothing_is_refused_at_its_parameter() {
        for (asked, field) in [
            (query(Some("2026-11-30"), Some("2026-11-30"), None), "since"),
            (query(Some("soon"), None, None), "since"),
            (query(None, None, Some(0)), "step_minutes"),
            (query(None, None, Some(7)), "step_minutes"),
            (query(None, None, Some(10_085)), "step_minutes"),
            (query(Some("2026-01-01"), None, Some(5)), "step_minutes"),
            (query(Some("1970-01-02"), None, Some(60)), "step_minutes"),
            (query(Some("0000-01-01T00:00:00+10:00"), None, Some(60)), "since"),
            (query(Some("9999-12-31T23:00:00-10:00"), Some("9999-12-31T23:59:59-10:00"), None), "since"),
        ] {
            let problem = span(&asked, NOW).map(|_| ()).unwrap_err();
            assert_eq!(problem.to_json()["field"], field, "{asked:?}: {}", problem.message());
        }
    }
}
