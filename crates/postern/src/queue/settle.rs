//! Ends an attempt: gives its place back, notes what it says about the account, and writes what follows, with the report
//! that somebody is to get, in one commit. It must never lose how an attempt ended while the process lives: where the
//! database can't be written it keeps trying. The judging is `judge`'s; its neighbours are `worker` and `report`.

use std::time::Duration;

use m365::parcel::ReportsBy;
use m365::state::{Event, Step};
use mail::dsn_request;
use mail::{Attempted, Outcome, Reason};
use store::queue::{Claim, Next, PauseRow, SettleError, Settlement};
use store::{StateName, UnknownPolicy};
use time::OffsetDateTime;
use uuid::Uuid;

use super::journal::{self, Tried};
use super::judge::{self, Judgement, LaneSign, Rules};
use super::limits::Way;
use super::report;
use super::traffic::Slot;
use super::worker::Ended;
use crate::app::App;
use crate::{account_state, accounts};

/// Ends the attempt `claim`, which held `slot`.
pub async fn settle(app: &App, claim: &Claim, slot: Slot, ended: Ended) {
    let now = app.now();
    let mut judgement = judge_now(app, claim, &ended, now);
    if let Some(until) = ended.not_before {
        judgement.next = Next::Waiting { until };
    }
    if ended.reports == ReportsBy::Them {
        judgement.reports.retain(|(_, event, _)| *event != dsn_request::Event::Success);
    }
    signal(app, claim, &slot, &ended, &judgement, now).await;
    // The place is the next message's while this one's end is written.
    drop(slot);
    write(app, claim, &ended, judgement, now).await;
}

/// Ends an attempt that was cut off by a crash: nobody knows how it ended.
pub async fn settle_interrupted(app: &App, claim: &Claim) {
    journal::interrupted(claim);
    let why = Reason {
        code: "interrupted".to_owned(),
        text: "Postern stopped while this attempt was under way".to_owned(),
        request_id: None,
    };
    let ended = Ended {
        attempted: Attempted::for_all(Outcome::Unknown { why }),
        way: Way::Graph,
        via: None,
        failure: None,
        reports: ReportsBy::Us,
        opened: app.queue.directory.open(app, claim.message.lane.account_id).await.ok().flatten(),
        not_before: None,
    };
    let now = app.now();
    let judgement = judge_now(app, claim, &ended, now);
    write(app, claim, &ended, judgement, now).await;
}

fn judge_now(app: &App, claim: &Claim, ended: &Ended, now: OffsetDateTime) -> Judgement {
    let rules = Rules {
        schedule: app.queue.config.schedule,
        report_delay_after: app.queue.config.report_delay_after,
        unknown: ended
            .opened
            .as_ref()
            .map_or(UnknownPolicy::LookThenResend, |opened| opened.row.unknown_policy),
    };
    judge::judge(claim, &ended.attempted, &rules, now, rand::random())
}

/// Tells the lane and the account what this attempt says about them.
async fn signal(
    app: &App,
    claim: &Claim,
    slot: &Slot,
    ended: &Ended,
    judgement: &Judgement,
    now: OffsetDateTime,
) {
    match judgement.lane {
        LaneSign::Silent => {}
        LaneSign::Trouble => slot.stumble(),
        LaneSign::NotBefore(at) => slot.obey(at),
        // Only what Microsoft has decided proves that the account works.
        LaneSign::Free if ended.via.is_some() => mend(app, claim, slot, ended, now).await,
        LaneSign::Free => {}
        LaneSign::AccountBroken => pause(app, claim, slot, ended, judgement, now).await,
    }
}

async fn pause(
    app: &App,
    claim: &Claim,
    slot: &Slot,
    ended: &Ended,
    judgement: &Judgement,
    now: OffsetDateTime,
) {
    let account_id = claim.message.lane.account_id;
    // First the state: whoever looks whether a paused account has been mended must not find it as it was before.
    if let (Some(opened), Some(failure)) = (&ended.opened, &ended.failure) {
        app.queue.note_broken(account_id, opened.row.version);
        let advice = account_state::explain(app, &opened.account, None, failure);
        let state = account_state::after_failure(&opened.row, failure, &advice, now);
        accounts::note_state(app, &opened.row, state).await;
    }
    let next_probe_at = slot.pause(account_id);
    let why = judgement.why.clone().expect("an account is broken for a reason");
    let row = PauseRow {
        account_id,
        since: now,
        code: why.code.clone(),
        reason: why.text.clone(),
        probes: 0,
        next_probe_at,
    };
    let name = ended.opened.as_ref().map_or_else(|| account_id.to_string(), |opened| opened.row.name.clone());
    match app.store.queue().pause(&row).await {
        Ok(true) => journal::paused(&name, &why, next_probe_at),
        Ok(false) => put_off_probe(app, account_id, next_probe_at).await,
        Err(error) => tracing::error!(account = name, %error, "cannot note that an account is paused"),
    }
}

/// The account is as broken as it was: the next run begins where this one is.
async fn put_off_probe(app: &App, account: Uuid, next_probe_at: OffsetDateTime) {
    let queue = app.store.queue();
    let noted = async {
        let pauses = queue.pauses().await?;
        let probes = pauses.iter().find(|pause| pause.account_id == account).map_or(0, |pause| pause.probes);
        queue.put_off_probe(account, probes + 1, next_probe_at).await
    };
    if let Err(error) = noted.await {
        tracing::error!(%account, %error, "cannot note that a probe has failed");
    }
}

async fn mend(app: &App, claim: &Claim, slot: &Slot, ended: &Ended, now: OffsetDateTime) {
    let account_id = claim.message.lane.account_id;
    if slot.succeed() {
        app.queue.note_resumed(app, account_id).await;
    }
    if let Some(opened) = &ended.opened
        && opened.row.state.name != StateName::Ready
    {
        accounts::note_state(
            app,
            &opened.row,
            account_state::after(&opened.row, Event::Reached(Step::Message), now),
        )
        .await;
    }
}

async fn write(app: &App, claim: &Claim, ended: &Ended, judgement: Judgement, now: OffsetDateTime) {
    let report = match judgement.reports.is_empty() {
        true => None,
        false => report::compose(app, claim, &judgement, now).await,
    };
    let why = judgement.why.clone();
    let request_id = why.as_ref().and_then(|why| why.request_id.clone());
    let reported = report.is_some();
    let settlement = Settlement {
        claim: claim.key(),
        account_id: claim.message.lane.account_id,
        now,
        outcome: judgement.outcome,
        via: ended.via.map(str::to_owned),
        code: why.as_ref().map(|why| why.code.clone()),
        text: why.as_ref().map(|why| why.text.clone()),
        request_id: request_id.clone(),
        remote_id: judgement.remote_id,
        recipients: judgement.recipients,
        next: judgement.next.clone(),
        report: report.map(Box::new),
    };
    if !persist(app, claim, settlement).await {
        return;
    }
    let tried = Tried {
        way: ended.way,
        via: ended.via.unwrap_or("-"),
        outcome: judgement.outcome,
        next: &judgement.next,
        why: why.as_ref(),
        request_id: request_id.as_deref(),
        began_at: claim.claimed_at,
    };
    journal::attempted(app, claim, &tried, now);
    let usual = ended.opened.as_ref().map_or(ended.way, |opened| opened.usual());
    let note = |at| app.queue.traffic.note_waiting(&claim.message.lane, claim.lane_id, usual, at);
    if let Next::Deferred { until } | Next::Waiting { until } = judgement.next {
        note(until);
    }
    // It waits in the same lane.
    if reported {
        note(now);
    }
}

/// Writes the settlement, however long the database can't be written. Returns whether it counts.
async fn persist(app: &App, claim: &Claim, settlement: Settlement) -> bool {
    let mut pause = Duration::from_millis(200);
    loop {
        match app.store.queue().settle(settlement.clone()).await {
            Ok(()) => return true,
            Err(SettleError::Stale) => {
                journal::stale(claim.message.id, claim.attempt);
                return false;
            }
            Err(SettleError::Store(store::StoreError::Closed)) => return false,
            Err(SettleError::Store(error)) => journal::not_settled(claim.message.id, &error),
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return false,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

const LONGEST_PAUSE: Duration = Duration::from_secs(10);
