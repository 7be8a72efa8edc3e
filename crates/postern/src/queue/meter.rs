//! Counts what happens to mail in this process, for `/metrics`. What the database knows (how much waits, and since when)
//! isn't counted here. Its neighbours are `journal`, which counts, and the API, which shows.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::queue::AttemptOutcome;

use super::limits::Way;

/// All counters, from the start of the process.
#[derive(Debug, Default)]
pub struct Meter {
    accepted: AtomicU64,
    accepted_octets: AtomicU64,
    refused: [AtomicU64; 2],
    log_ins: [AtomicU64; 2],
    attempts: [[AtomicU64; 5]; 2],
    ended: [AtomicU64; 3],
    attempt_seconds: [Histogram; 2],
    hand_over_seconds: Histogram,
}

/// How a message that is in the queue no more has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Handed over.
    Sent,
    /// Refused for good.
    Failed,
    /// Tried for as long as it may be.
    Expired,
}

/// Counts of values up to a bound, as Prometheus wants them.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS_MS.len() + 1],
    sum_us: AtomicU64,
}

/// From an answer of the same room to a day of waiting.
const BOUNDS_MS: [u64; 14] =
    [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 30_000, 300_000, 3_600_000, 86_400_000];
const WAYS: [(Way, &str); 2] = [(Way::Graph, "graph"), (Way::Smtp, "smtp")];
const OUTCOMES: [AttemptOutcome; 5] = [
    AttemptOutcome::Delivered,
    AttemptOutcome::Retry,
    AttemptOutcome::Rejected,
    AttemptOutcome::AccountBroken,
    AttemptOutcome::Unknown,
];
const ENDS: [(End, &str); 3] = [(End::Sent, "sent"), (End::Failed, "failed"), (End::Expired, "expired")];

impl Meter {
    /// A message is on disk.
    pub fn accepted(&self, octets: u64) {
        add(&self.accepted, 1);
        add(&self.accepted_octets, octets);
    }

    /// A message was refused at the door with this code.
    pub fn refused(&self, code: u16) {
        add(&self.refused[usize::from(code >= 500)], 1);
    }

    /// A submitter logged in.
    pub fn logged_in(&self) {
        add(&self.log_ins[0], 1);
    }

    /// Somebody failed to log in.
    pub fn failed_to_log_in(&self) {
        add(&self.log_ins[1], 1);
    }

    /// An attempt has ended.
    pub fn attempted(&self, way: Way, outcome: AttemptOutcome, took: Duration) {
        let way = index_of(&WAYS.map(|(way, _)| way), way);
        add(&self.attempts[way][index_of(&OUTCOMES, outcome)], 1);
        self.attempt_seconds[way].observe(took);
    }

    /// A message has left the queue, so long after it was accepted.
    pub fn ended(&self, end: End, after: Duration) {
        add(&self.ended[index_of(&ENDS.map(|(end, _)| end), end)], 1);
        if end == End::Sent {
            self.hand_over_seconds.observe(after);
        }
    }

    /// All counters in the text format of Prometheus (exposition format 0.0.4).
    pub fn write(&self, out: &mut String) {
        family(out, "postern_messages_accepted_total", "counter", "Messages taken in: they are on disk.");
        sample(out, "postern_messages_accepted_total", "", read(&self.accepted));
        family(out, "postern_messages_accepted_octets_total", "counter", "Octets of the messages taken in.");
        sample(out, "postern_messages_accepted_octets_total", "", read(&self.accepted_octets));
        family(
            out,
            "postern_messages_refused_total",
            "counter",
            "Messages refused at the door, for now or for good.",
        );
        for (kind, refused) in ["for_now", "for_good"].iter().zip(&self.refused) {
            sample(out, "postern_messages_refused_total", &format!("kind=\"{kind}\""), read(refused));
        }
        family(
            out,
            "postern_submission_log_ins_total",
            "counter",
            "Submitters that logged in, and those that failed to.",
        );
        for (result, count) in ["ok", "failed"].iter().zip(&self.log_ins) {
            sample(out, "postern_submission_log_ins_total", &format!("result=\"{result}\""), read(count));
        }
        family(out, "postern_messages_ended_total", "counter", "Messages that left the queue, by how.");
        for ((_, name), count) in ENDS.iter().zip(&self.ended) {
            sample(out, "postern_messages_ended_total", &format!("as=\"{name}\""), read(count));
        }
        self.write_attempts(out);
    }

    fn write_attempts(&self, out: &mut String) {
        family(out, "postern_attempts_total", "counter", "Tries to deliver a message, by way and outcome.");
        for ((_, way), counts) in WAYS.iter().zip(&self.attempts) {
            for (outcome, count) in OUTCOMES.iter().zip(counts) {
                let labels = format!("way=\"{way}\",outcome=\"{}\"", outcome.as_str());
                sample(out, "postern_attempts_total", &labels, read(count));
            }
        }
        family(out, "postern_attempt_seconds", "histogram", "How long a try to deliver a message took.");
        for ((_, way), histogram) in WAYS.iter().zip(&self.attempt_seconds) {
            histogram.write(out, "postern_attempt_seconds", &format!("way=\"{way}\""));
        }
        family(out, "postern_hand_over_seconds", "histogram", "From accepting a message to handing it over.");
        self.hand_over_seconds.write(out, "postern_hand_over_seconds", "");
    }
}

impl Histogram {
    fn observe(&self, value: Duration) {
        let ms = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(BOUNDS_MS.len());
        add(&self.buckets[bucket], 1);
        add(&self.sum_us, u64::try_from(value.as_micros()).unwrap_or(0));
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut total = 0;
        for (bound, bucket) in BOUNDS_MS.iter().map(Some).chain([None]).zip(&self.buckets) {
            total += read(bucket);
            let bound = bound.map_or("+Inf".to_owned(), |ms| seconds(*ms * 1000));
            sample(out, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"{bound}\""), total);
        }
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        write!(out, "{name}_sum{labels} {}\n{name}_count{labels} {total}\n", seconds(read(&self.sum_us)))
            .expect("writing to a String can't fail");
    }
}

/// Says what a family of samples is.
pub fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n").expect("writing to a String can't fail");
}

/// One sample; `labels` as they stand between the braces.
pub fn sample(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    match labels {
        "" => writeln!(out, "{name} {value}"),
        labels => writeln!(out, "{name}{{{labels}}} {value}"),
    }
    .expect("writing to a String can't fail");
}

/// A label's value: backslash, quote and line end escaped.
pub fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn index_of<T: PartialEq + Copy>(all: &[T], one: T) -> usize {
    all.iter().position(|other| *other == one).expect("the table holds every variant")
}

fn add(counter: &AtomicU64, value: u64) {
    counter.fetch_add(value, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written_as_prometheus_reads_it() {
        let meter = Meter::default();
        meter.accepted(10_000);
        meter.refused(550);
        meter.attempted(Way::Graph, AttemptOutcome::Delivered, Duration::from_millis(12));
        meter.attempted(Way::Graph, AttemptOutcome::Delivered, Duration::from_secs(100_000));
        meter.ended(End::Sent, Duration::from_millis(15));
        let mut text = String::new();
        meter.write(&mut text);
        for line in [
            "# TYPE postern_messages_accepted_total counter",
            "postern_messages_accepted_total 1",
            "postern_messages_accepted_octets_total 10000",
            "postern_messages_refused_total{kind=\"for_good\"} 1",
            "postern_attempts_total{way=\"graph\",outcome=\"delivered\"} 2",
            "postern_attempt_seconds_bucket{way=\"graph\",le=\"0.01\"} 0",
            "postern_attempt_seconds_bucket{way=\"graph\",le=\"0.02\"} 1",
            "postern_attempt_seconds_bucket{way=\"graph\",le=\"86400\"} 1",
            "postern_attempt_seconds_bucket{way=\"graph\",le=\"+Inf\"} 2",
            "postern_attempt_seconds_sum{way=\"graph\"} 100000.012",
            "postern_attempt_seconds_count{way=\"graph\"} 2",
            "postern_hand_over_seconds_bucket{le=\"0.02\"} 1",
            "postern_messages_ended_total{as=\"sent\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
