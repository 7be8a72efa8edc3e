//! How long a client may take for what the session waits for. Pure: the time comes in.

use std::time::Duration;

use tokio::time::Instant;

use crate::Limits;
use crate::session::Waiting;

/// A client that has sent a false end and then nothing believes that its message has ended: it is told soon.
const DISPUTED: Duration = Duration::from_secs(10);

/// When the session began to wait for what it waits for, and how much has come since.
#[derive(Debug)]
pub(crate) struct Pace {
    connected: Instant,
    step: u64,
    since: Instant,
    octets: u64,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Pace {
        Pace { connected: now, step: 0, since: now, octets: 0 }
    }

    /// So many octets have come.
    pub(crate) fn count(&mut self, octets: usize) {
        self.octets += octets as u64;
    }

    /// Until when more has to come. `step` is the session's progress: a new step is a new patience, a few more octets
    /// of the same line are not.
    pub(crate) fn deadline(&mut self, waiting: Waiting, step: u64, limits: &Limits, now: Instant) -> Instant {
        if step != self.step {
            (self.step, self.since, self.octets) = (step, now, 0);
        }
        match waiting {
            Waiting::Stranger => (self.since + limits.command).min(self.connected + limits.stranger),
            Waiting::Command => self.since + limits.command,
            Waiting::Content => {
                let earned = Duration::from_secs(self.octets / limits.slowest.max(1));
                (now + limits.content).min(self.since + limits.content + earned)
            }
            Waiting::DisputedContent => now + DISPUTED.min(limits.content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pace: &mut Pace, waiting: Waiting, step: u64, start: Instant, seconds: u64) -> u64 {
        let now = start + Duration::from_secs(seconds);
        (pace.deadline(waiting, step, &Limits::default(), now) - start).as_secs()
    }

    #[test]
    fn a_few_more_octets_of_a_command_earn_no_more_time() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(after(&mut pace, Waiting::Command, 0, start, 0), 300);
        pace.count(5);
        assert_eq!(after(&mut pace, Waiting::Command, 0, start, 100), 300);
        assert_eq!(after(&mut pace, Waiting::Command, 1, start, 100), 400);
    }

    #[test]
    fn a_stranger_has_to_log_in_in_time_whatever_it_says() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(after(&mut pace, Waiting::Stranger, 0, start, 0), 120);
        assert_eq!(after(&mut pace, Waiting::Stranger, 7, start, 119), 120);
    }

    #[test]
    fn content_may_pause_but_not_trickle() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(after(&mut pace, Waiting::Content, 1, start, 0), 180);
        pace.count(60_000);
        assert_eq!(after(&mut pace, Waiting::Content, 1, start, 30), 210, "a pause of three minutes");
        assert_eq!(
            after(&mut pace, Waiting::Content, 1, start, 200),
            240,
            "sixty seconds earned, and no more"
        );
        assert_eq!(after(&mut pace, Waiting::DisputedContent, 1, start, 200), 210);
    }
}
