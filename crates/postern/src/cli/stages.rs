//! The stages of a test mail or a check, one line each as they happen; cause and fix under a failed one.

use serde_json::Value;

use super::client::Event;
use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::screen::{Look, Mark, Paint};
use super::spinner::Spinner;

/// The longest stage is called `certificate`.
const NAME_WIDTH: usize = 11;
const TIME_WIDTH: usize = 7;
/// Mark, name, time and the gaps between: where the detail begins.
const DETAIL_COLUMN: usize = 2 + NAME_WIDTH + 2 + TIME_WIDTH + 2;

/// Asks the server to go through the stages and shows them; for a program, the report at the end.
///
/// # Errors
/// The server refused to begin, or the report never came.
pub(crate) async fn follow(
    address: &str,
    body: Value,
    context: &mut Context<'_>,
) -> Result<Verdict, Failure> {
    let mut events = context.client.post_for_events(address, body).await?;
    let mut shown = 0;
    let mut running: Option<Spinner> = None;
    while let Some(event) = events.next().await? {
        match event.name.as_str() {
            "stage" if context.json => {}
            "stage" if is_start(&event) => {
                let name = text(&event.data, "name").unwrap_or_default();
                running = Some(Spinner::start(context.screen.err_look, &name));
            }
            "stage" => {
                drop(running.take());
                shown += 1;
                show_stage(&event.data, context);
            }
            "report" => {
                drop(running.take());
                return Ok(conclude(&event.data, shown, context));
            }
            "problem" => {
                drop(running.take());
                let problem = event.data.as_object().cloned().unwrap_or_default();
                return Err(Failure::from_problem(problem).unwrap_or_else(broken_off));
            }
            // A newer server may tell more.
            _ => {}
        }
    }
    Err(broken_off())
}

fn broken_off() -> Failure {
    Failure::new("broken_off", "the server ended the test without a report")
        .hint("look into the server's log")
}

fn is_start(event: &Event) -> bool {
    text(&event.data, "state").as_deref() == Some("started")
}

fn conclude(report: &Value, shown: usize, context: &mut Context<'_>) -> Verdict {
    let verdict = if report.get("ok") == Some(&Value::Bool(true)) { Verdict::Done } else { Verdict::NotOk };
    if context.json {
        context.screen.json(report);
        return verdict;
    }
    let stages = report.get("stages").and_then(Value::as_array);
    for stage in stages.into_iter().flatten().skip(shown) {
        show_stage(stage, context);
    }
    let line = summary(report, verdict, context.screen.out_look);
    context.screen.out(&line);
    verdict
}

fn show_stage(stage: &Value, context: &mut Context<'_>) {
    let lines = render(stage, context.screen.out_look);
    context.screen.out(&lines);
}

fn summary(report: &Value, verdict: Verdict, look: Look) -> String {
    match (verdict, text(report, "message_id")) {
        (Verdict::Done, Some(id)) => {
            format!("\nThe test mail is accepted. Message-ID: {id}\n")
        }
        (Verdict::Done, None) => "\nAll is well.\n".to_owned(),
        (Verdict::NotOk | Verdict::Status(_), _) => {
            let failed = failed_stage(report).unwrap_or_default();
            format!("\n{}\n", look.paint(Paint::Red, &format!("Failed at: {failed}")))
        }
    }
}

fn failed_stage(report: &Value) -> Option<String> {
    let stages = report.get("stages")?.as_array()?;
    let failed = stages.iter().find(|stage| !is_ok(stage) && !is_skipped(stage))?;
    text(failed, "name")
}

/// `✓ token        340 ms  detail`, and what to do where it isn't well.
pub(crate) fn render(stage: &Value, look: Look) -> String {
    let name = text(stage, "name").unwrap_or_default();
    let took = text_of_duration(stage);
    let detail = if is_skipped(stage) {
        text(stage, "detail").unwrap_or_else(|| "skipped".to_owned())
    } else {
        text(stage, "detail").unwrap_or_default()
    };
    let line = format!(
        "{} {name:NAME_WIDTH$}  {took:>TIME_WIDTH$}  {}",
        look.mark(mark(stage)),
        look.wrap(&detail, DETAIL_COLUMN)
    );
    let mut lines = format!("{}\n", line.trim_end());
    for (label, member) in [("cause", "cause"), ("fix", "fix"), ("code", "code")] {
        if let Some(said) = text(stage, member) {
            let label = look.paint(Paint::Dim, &format!("{label:5}"));
            let said = look.wrap(&said, 11);
            lines.push_str(&format!("    {label}  {said}\n"));
        }
    }
    lines
}

fn mark(stage: &Value) -> Mark {
    if !is_skipped(stage) && !is_ok(stage) {
        Mark::Failed
    } else if is_skipped(stage) && text(stage, "fix").is_none() {
        Mark::Skipped
    } else if text(stage, "cause").or_else(|| text(stage, "fix")).is_some() {
        // It went well, with something to know: a licence that couldn't be read.
        Mark::Warning
    } else {
        Mark::Done
    }
}

fn text_of_duration(stage: &Value) -> String {
    match stage.get("took_ms").and_then(Value::as_u64) {
        _ if is_skipped(stage) => String::new(),
        None => String::new(),
        Some(short) if short < 1000 => format!("{short} ms"),
        Some(long) => format!("{}.{} s", long / 1000, long % 1000 / 100),
    }
}

fn is_ok(stage: &Value) -> bool {
    stage.get("ok") == Some(&Value::Bool(true))
}

fn is_skipped(stage: &Value) -> bool {
    stage.get("skipped") == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failed_stage_says_cause_and_fix_below() {
        let stage = json!({"name": "token", "ok": false, "skipped": false, "took_ms": 340,
            "detail": "AADSTS700027: no match", "code": "AADSTS700027",
            "cause": "the certificate isn't registered", "fix": "upload it"});
        assert_eq!(
            render(&stage, Look::plain()),
            "✗ token         340 ms  AADSTS700027: no match\n    \
             cause  the certificate isn't registered\n    \
             fix    upload it\n    \
             code   AADSTS700027\n"
        );
    }

    #[test]
    fn skipped_stages_and_warnings_have_their_marks() {
        let skipped = json!({"name": "certificate", "ok": true, "skipped": true, "took_ms": 0});
        assert_eq!(render(&skipped, Look::plain()), "– certificate           skipped\n");
        let warned = json!({"name": "mailbox", "ok": true, "took_ms": 1290, "detail": "there",
            "cause": "the licence can't be read"});
        assert_eq!(
            render(&warned, Look::plain()),
            "! mailbox        1.2 s  there\n    cause  the licence can't be read\n"
        );
    }
}
