//! One transaction of many requests. It must never leave out one of them: each has its place in what is returned. Its
//! neighbours are `clerk`, which gathers and answers, and `accept`, `claim` and `settle`, which know the statements.

use std::collections::{BTreeMap, HashMap};

use sqlx::SqlStr;
use time::OffsetDateTime;
use uuid::Uuid;

use super::clerk::{Answer, Request};
use super::lanes::{Awarded, LaneId, LaneKey, Ring};
use super::message::{AcceptError, Accepted, Claim, ClaimKey, Lease, NewMessage};
use super::settlement::SettleError;
use super::{accept, claim, content, history, lanes, settle};
use crate::database::Change;
use crate::engine::{Statement, Value, many_rows, statement};
use crate::failure::StoreError;
use crate::record::Record;

/// The most rows of one statement. Each power of two up to it is one prepared statement.
const MOST_ROWS: usize = 64;

/// What the clerk keeps from one transaction to the next.
#[derive(Default)]
pub(super) struct Tools {
    lanes: HashMap<LaneKey, LaneId>,
    texts: HashMap<(&'static str, usize), SqlStr>,
}

/// A transaction under way.
pub(super) struct Batch<'b> {
    pub(super) change: &'b mut Change,
    tools: &'b mut Tools,
    new_lanes: HashMap<LaneKey, LaneId>,
    pub(super) tally: BTreeMap<(i64, Uuid), history::Tally>,
}

/// What was done for a request; the answer is made when it is on disk.
#[derive(Debug)]
pub(super) enum Done {
    Accepted(Result<Taken, AcceptError>),
    Claimed(Awarded),
    Settled(Result<(), SettleError>),
    Extended(Vec<ClaimKey>),
    Written,
}

/// How a message was taken.
#[derive(Debug)]
pub(super) enum Taken {
    Into(LaneId),
    BeforeAs(Uuid),
}

/// A message to be inserted.
#[derive(Clone, Copy)]
pub(super) struct Offer<'r> {
    pub(super) new: &'r NewMessage,
    pub(super) lease: Option<&'r Lease>,
    /// When it is accepted, for the chart.
    pub(super) at: OffsetDateTime,
}

impl Tools {
    pub(super) fn learn(&mut self, lanes: HashMap<LaneKey, LaneId>) {
        self.lanes.extend(lanes);
    }
}

impl<'b> Batch<'b> {
    pub(super) fn new(change: &'b mut Change, tools: &'b mut Tools) -> Self {
        Self { change, tools, new_lanes: HashMap::new(), tally: BTreeMap::new() }
    }

    /// Does what is asked, kind by kind; what was done stands in the order of the requests.
    pub(super) async fn write(&mut self, requests: &[Request]) -> Result<Vec<Done>, StoreError> {
        let mut done: Vec<Option<Done>> = requests.iter().map(|_| None).collect();
        let (mut offers, mut settlements) = (Vec::new(), Vec::new());
        for (place, request) in requests.iter().enumerate() {
            match request {
                Request::Accept(new, lease) => {
                    let offer = Offer { new, lease: lease.as_ref(), at: new.message.received_at };
                    offers.push((place, offer));
                }
                Request::Settle(settlement) => settlements.push((place, settlement.as_ref())),
                _ => {}
            }
        }
        for (place, settled) in settle::settle(self, &settlements).await? {
            done[place] = Some(Done::Settled(settled));
        }
        for (place, taken) in accept::accept(self, &offers).await? {
            done[place] = Some(Done::Accepted(taken));
        }
        for (place, request) in requests.iter().enumerate() {
            if done[place].is_none() {
                done[place] = Some(self.write_one(request).await?);
            }
        }
        Ok(done.into_iter().map(|done| done.expect("each request was done above")).collect())
    }

    /// What is done one by one: seldom, or for many messages at once.
    async fn write_one(&mut self, request: &Request) -> Result<Done, StoreError> {
        match request {
            Request::Claim(bid) => claim::award(self.change, bid).await.map(Done::Claimed),
            Request::Extend(keys, lease) => claim::extend(self.change, keys, lease).await.map(Done::Extended),
            Request::Piece { id, index, octets, now } => {
                content::add_piece(self.change, *id, *index, octets, *now).await.map(|()| Done::Written)
            }
            Request::Discard(id) => content::discard(self.change, *id).await.map(|()| Done::Written),
            Request::Keep(node, counted) => {
                lanes::keep_counters(self, node, counted).await.map(|()| Done::Written)
            }
            Request::Accept(..) | Request::Settle(_) => unreachable!("these were done together"),
        }
    }

    /// Writes what all of it adds up to; returns the lanes that are there once it is committed.
    pub(super) async fn finish(mut self) -> Result<HashMap<LaneKey, LaneId>, StoreError> {
        history::write(&mut self).await?;
        Ok(self.new_lanes)
    }

    /// Something in this lane is due.
    pub(super) fn ring(&mut self, lane: LaneId) {
        self.change.ring(Ring::Lane(lane));
    }

    /// The lane's number; a lane that is new is made.
    pub(super) async fn lane(&mut self, key: &LaneKey) -> Result<LaneId, StoreError> {
        if let Some(id) = self.tools.lanes.get(key).or_else(|| self.new_lanes.get(key)) {
            return Ok(*id);
        }
        let id = find_or_make_lane(self.change, key).await?;
        self.new_lanes.insert(key.clone(), id);
        Ok(id)
    }

    /// Runs `head VALUES (…), (…) tail` over all rows, in as few statements as there are powers of two in their number, so
    /// that few texts have to be prepared. Returns what they bring.
    pub(super) async fn run_many(
        &mut self,
        head: &'static str,
        tail: &'static str,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<crate::engine::Row>, StoreError> {
        let mut brought = Vec::new();
        let mut left = rows.into_iter();
        while left.len() > 0 {
            let count = MOST_ROWS.min(1 << left.len().ilog2());
            let chunk: Vec<Vec<Value>> = left.by_ref().take(count).collect();
            let columns = chunk[0].len();
            let marks = self.change.marks();
            let text = self
                .tools
                .texts
                .entry((head, count))
                .or_insert_with(|| many_rows(marks, head, (count, columns), tail));
            let values = chunk.into_iter().flatten().collect();
            brought.extend(self.change.all(Statement::with(text.clone(), values)).await?);
        }
        Ok(brought)
    }
}

impl Done {
    /// The answer to the request that this was done for.
    pub(super) fn answer(self, request: Request) -> Answer {
        match (self, request) {
            (Self::Accepted(taken), Request::Accept(new, lease)) => {
                Answer::Accepted(taken.map(|taken| accepted(taken, *new, lease)))
            }
            (Self::Accepted(_), _) => unreachable!("only an offer is accepted"),
            (Self::Claimed(awarded), _) => Answer::Claimed(awarded),
            (Self::Settled(settled), _) => Answer::Settled(settled),
            (Self::Extended(keys), _) => Answer::Extended(keys),
            (Self::Written, _) => Answer::Written,
        }
    }
}

fn accepted(taken: Taken, new: NewMessage, lease: Option<Lease>) -> Accepted {
    match (taken, lease) {
        (Taken::BeforeAs(of), _) => Accepted::Duplicate { of },
        (Taken::Into(lane_id), None) => Accepted::Queued { lane_id },
        (Taken::Into(lane_id), Some(_)) => {
            let claimed_at = new.message.received_at;
            Accepted::Claimed(Box::new(Claim {
                message: new.message,
                lane_id,
                attempt: 1,
                tries: 0,
                claimed_at,
            }))
        }
    }
}

/// The number of a lane, which is made where there is none yet.
pub(super) async fn find_or_make_lane(change: &mut Change, key: &LaneKey) -> Result<LaneId, StoreError> {
    let find = || {
        statement("SELECT id FROM lanes WHERE account_id = $1 AND mailbox = $2")
            .bind(key.account_id.to_string())
            .bind(&key.mailbox)
    };
    if let Some(row) = change.one(find()).await? {
        return Ok(LaneId(Record::numbered("lanes", &row).get("id")?));
    }
    let insert = statement(
        "INSERT INTO lanes (account_id, mailbox, counters) VALUES ($1, $2, '{}') ON CONFLICT DO NOTHING",
    );
    change.run(insert.bind(key.account_id.to_string()).bind(&key.mailbox)).await?;
    let row = change.one(find()).await?;
    let row = row.ok_or_else(|| StoreError::Unexpected { detail: "a lane is gone".to_owned() })?;
    Ok(LaneId(Record::numbered("lanes", &row).get("id")?))
}

/// Takes one message within a transaction that does more.
pub(super) async fn accept_alone(
    change: &mut Change,
    new: &NewMessage,
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tools = Tools::default();
    let mut batch = Batch::new(change, &mut tools);
    for (_, taken) in accept::accept(&mut batch, &[(0, Offer { new, lease: None, at })]).await? {
        taken.map_err(|refused| StoreError::Unexpected { detail: refused.to_string() })?;
    }
    batch.finish().await.map(|_| ())
}
