//! The chart is read: in steps of any length, of one account or of all.

use store::queue::{Accepted, AttemptOutcome, HistorySpan, HistorySum, Next};
use time::Duration;

use crate::house::{TestDatabase, accept, claim, id, lane, message, minutes, noon, settlement, stories};

async fn sums(db: &TestDatabase, span: &HistorySpan) -> Vec<HistorySum> {
    db.store.queue().history_sums(span).await.unwrap()
}

stories! {
    async fn what_happened_is_added_up_for_each_step(db: TestDatabase) {
        // Accepted in the first minutes after noon; tried, and settled, an hour and a minute after it.
        let lane_id = accept(&db, 1..=3).await;
        let mut other = message(4);
        other.message.lane = lane(2, "other@contoso.com");
        let Accepted::Queued { .. } = db.store.queue().accept(other, None).await.unwrap() else { panic!() };
        let nexts = [Next::Sent, Next::Failed, Next::Deferred { until: noon() + minutes(90) }];
        for (claim, next) in claim(&db, lane_id, 3).await.iter().zip(nexts) {
            let outcome = AttemptOutcome::Retry;
            db.store.queue().settle(settlement(claim, outcome, next)).await.unwrap();
        }
        let day = HistorySpan { since: noon(), until: noon() + Duration::DAY, step: Duration::HOUR, account_id: None };
        let first = HistorySum { step: 0, accepted: 4, ..HistorySum::default() };
        let second = HistorySum { step: 1, accepted: 0, sent: 1, deferred: 1, failed: 1 };
        assert_eq!(sums(&db, &day).await, [first, second]);

        let whole = HistorySpan { step: Duration::DAY, ..day };
        assert_eq!(sums(&db, &whole).await, [HistorySum { step: 0, accepted: 4, sent: 1, deferred: 1, failed: 1 }]);
        let of_other = HistorySpan { account_id: Some(id(2)), ..day };
        assert_eq!(sums(&db, &of_other).await, [HistorySum { accepted: 1, ..HistorySum::default() }]);
        let later = HistorySpan { since: noon() + minutes(58), ..day };
        let from_there = HistorySum { step: 0, ..second };
        assert_eq!(sums(&db, &later).await, [from_there], "steps begin with the span, not with the hour");
        let before = HistorySpan { since: noon() - Duration::DAY, until: noon(), ..day };
        assert_eq!(sums(&db, &before).await, []);
    }
}
