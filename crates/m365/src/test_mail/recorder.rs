//! Keeps the stages of a walk, tells each as it starts and as it ends, and explains what failed.

use tokio::time::Instant;
use uuid::Uuid;

use super::{Report, Stage, StageEvent, StageName};
use crate::diagnosis::{self, Facts};
use crate::failure::Failure;

/// The stages so far.
pub(super) struct Recorder<'a> {
    names: &'static [StageName],
    facts: Facts,
    on_event: &'a mut (dyn FnMut(StageEvent) + Send),
    begun: Option<(StageName, Instant)>,
    stages: Vec<Stage>,
    /// Put before the cause of a later failure: what an earlier stage could only suspect.
    suspicion: Option<String>,
    failure: Option<Failure>,
}

/// A stage has failed: the walk is over. The recorder has the story.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// What a stage found when it went well.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) detail: String,
    /// What somebody should do although it went well.
    pub(super) fix: Option<String>,
}

impl<T> Found<T> {
    pub(super) fn new(value: T, detail: impl Into<String>) -> Self {
        Found { value, detail: detail.into(), fix: None }
    }

    pub(super) fn warning(value: T, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Found { value, detail: detail.into(), fix: Some(fix.into()) }
    }
}

impl<'a> Recorder<'a> {
    pub(super) fn new(
        names: &'static [StageName],
        facts: Facts,
        on_event: &'a mut (dyn FnMut(StageEvent) + Send),
    ) -> Self {
        Recorder { names, facts, on_event, begun: None, stages: Vec::new(), suspicion: None, failure: None }
    }

    /// Keeps the service principal's id, for the advice on a failure that may come.
    pub(super) fn know_principal(&mut self, id: Uuid) {
        self.facts.principal_id = Some(id.to_string());
    }

    /// Keeps a suspicion for the cause of a failure that may come.
    pub(super) fn suspect(&mut self, suspicion: String) {
        self.suspicion = Some(suspicion);
    }

    pub(super) fn begin(&mut self, name: StageName) {
        self.begun = Some((name, Instant::now()));
        (self.on_event)(StageEvent::Started(name));
    }

    /// Ends the stage that was begun.
    pub(super) fn end<T>(&mut self, result: Result<Found<T>, Failure>) -> Result<T, Stopped> {
        let (name, begun) = self.begun.take().expect("a stage is begun before it ends");
        let took_ms = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        match result {
            Ok(found) => {
                let detail = found.detail;
                self.push(Stage { took_ms, fix: found.fix, ..well(name, detail) });
                Ok(found.value)
            }
            Err(failure) => {
                let stage = Stage { took_ms, ..self.explain(name, &failure) };
                self.push(stage);
                self.failure = Some(failure);
                Err(Stopped)
            }
        }
    }

    /// A stage that this account doesn't need.
    pub(super) fn skip(&mut self, name: StageName, why: Found<()>) {
        self.push(Stage { skipped: true, fix: why.fix, ..well(name, why.detail) });
    }

    /// Everything that wasn't reached is said so.
    pub(super) fn into_report(mut self, message_id: Option<String>) -> Report {
        for name in self.names.iter().skip(self.stages.len()) {
            self.push(Stage { ok: false, skipped: true, ..well(*name, "not reached".to_owned()) });
        }
        let ok = self.stages.iter().all(|stage| stage.ok);
        Report { ok, message_id, stages: self.stages, failure: self.failure, facts: self.facts }
    }

    fn explain(&self, name: StageName, failure: &Failure) -> Stage {
        let advice = diagnosis::explain(failure, &self.facts);
        let cause = match &self.suspicion {
            Some(suspicion) if is_about_permission(failure) => format!("{suspicion} {}", advice.cause),
            _ => advice.cause,
        };
        Stage {
            ok: false,
            code: Some(advice.code),
            cause: Some(cause),
            fix: Some(advice.fix),
            turn: Some(advice.turn),
            ..well(name, advice.says)
        }
    }

    fn push(&mut self, stage: Stage) {
        (self.on_event)(StageEvent::Ended(stage.clone()));
        self.stages.push(stage);
    }
}

/// Microsoft's own verdict on what the token only hints at.
pub(super) fn is_about_permission(failure: &Failure) -> bool {
    match failure {
        Failure::Graph(refusal) => refusal.status == 403 && refusal.code == "ErrorAccessDenied",
        Failure::Smtp(refusal) => refusal.code == 535,
        Failure::Entra(_) | Failure::Network(_) | Failure::Local(_) => false,
    }
}

fn well(name: StageName, detail: String) -> Stage {
    Stage {
        name,
        ok: true,
        skipped: false,
        took_ms: 0,
        detail,
        code: None,
        cause: None,
        fix: None,
        turn: None,
    }
}
