//! The dispatcher at work: gives out places, and says when there is something to claim. It must never hold its lock while
//! it awaits anything. The deciding is all `dispatcher`'s; its neighbours are `accept`, which asks for a place in passing,
//! and `run`, which claims what waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use store::queue::{Lane, LaneId, LaneKey};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use super::dispatcher::{Capacity, ClaimOrder, Dispatcher, Place, Tenure};
use super::limits::{Limits, Load, Way};
use crate::clock::Clock;

/// Places and bells.
#[derive(Debug)]
pub struct Traffic {
    state: Mutex<State>,
    bell: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    dispatcher: Dispatcher,
    /// Lanes have numbers in the database, too.
    ids: HashMap<LaneKey, LaneId>,
    keys: HashMap<LaneId, (LaneKey, Way)>,
}

/// A place that one message has taken; given back on drop, however its try ended.
#[derive(Debug)]
pub struct Slot {
    traffic: Arc<Traffic>,
    place: Place,
}

/// How long the dispatcher looks away at most: the clock may be set, and a bell may not be heard.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

impl Traffic {
    /// Nothing is under way yet.
    pub fn new(
        limits: Limits,
        capacity: Capacity,
        first_retry: Duration,
        tenure: Tenure,
        clock: Clock,
    ) -> Arc<Self> {
        let longest_cooling = first_retry.try_into().unwrap_or(time::Duration::HOUR);
        let state = State {
            dispatcher: Dispatcher::new(limits, capacity, longest_cooling, tenure),
            ids: HashMap::new(),
            keys: HashMap::new(),
        };
        Arc::new(Self { state: Mutex::new(state), bell: Notify::new(), clock })
    }

    /// A place for a message that is about to be accepted, if it could go at once.
    pub fn reserve(self: &Arc<Self>, key: &LaneKey, usual: Way, load: &Load) -> Option<Slot> {
        let place = self.lock().dispatcher.reserve(key, usual, load, self.clock.now())?;
        Some(Slot { traffic: Arc::clone(self), place })
    }

    /// A message waits in this lane and is due at `at`.
    pub fn note_waiting(&self, key: &LaneKey, id: LaneId, usual: Way, at: OffsetDateTime) {
        let mut state = self.lock();
        state.learn(key, id, usual);
        state.dispatcher.note_waiting(key, usual, at, self.clock.now());
        drop(state);
        self.bell.notify_one();
    }

    /// The lane has this number in the database.
    pub fn note_number(&self, key: &LaneKey, id: LaneId, usual: Way) {
        self.lock().learn(key, id, usual);
    }

    /// What the database says of a lane in which something waits: whose it is, and since when.
    pub fn note_found(&self, lane: &Lane, usual: Way) {
        let Some(earliest) = lane.earliest else { return };
        match lane.is_held_elsewhere {
            true => self.lock().dispatcher.note_theirs(&lane.key),
            false => {
                self.lock().dispatcher.note_free(&lane.key);
                self.note_waiting(&lane.key, lane.id, usual, earliest);
            }
        }
    }

    /// Something may be due in this lane. Says whether the lane is known here.
    pub fn note_ring(&self, id: LaneId) -> bool {
        let now = self.clock.now();
        let mut state = self.lock();
        let State { dispatcher, keys, .. } = &mut *state;
        let Some((key, usual)) = keys.get(&id) else { return false };
        dispatcher.note_waiting(key, *usual, now, now);
        drop(state);
        self.bell.notify_one();
        true
    }

    /// This node's term goes on until `until`; see [`Dispatcher::renew_tenure`].
    pub fn renew_tenure(&self, until: OffsetDateTime) {
        self.lock().dispatcher.renew_tenure(until, self.clock.now());
        self.bell.notify_one();
    }

    /// Others took this node for gone for a while: they may have its lanes.
    pub fn doubt_all(&self) {
        self.lock().dispatcher.doubt_all();
    }

    /// What was counted in a lane before a restart.
    pub fn recall(&self, lane: &Lane, usual: Way) {
        let mut state = self.lock();
        state.learn(&lane.key, lane.id, usual);
        state.dispatcher.recall(&lane.key, usual, &lane.counters, self.clock.now());
    }

    /// What was counted since this was last asked, to be written.
    pub fn take_counted(&self) -> Vec<(LaneId, Value)> {
        let mut state = self.lock();
        let State { dispatcher, ids, .. } = &mut *state;
        let counted = dispatcher.take_counted(self.clock.now()).into_iter();
        counted.filter_map(|(key, counters)| Some((*ids.get(&key)?, counters))).collect()
    }

    /// What is to be claimed now, each with the lane's number in the database.
    pub fn next_claims(&self) -> Vec<(ClaimOrder, LaneId)> {
        let mut state = self.lock();
        let orders = state.dispatcher.next_claims(self.clock.now());
        let with_id = |order: ClaimOrder| {
            let id = *state
                .ids
                .get(&order.key)
                .expect("only lanes that are known to the database are claimed from");
            (order, id)
        };
        orders.into_iter().map(with_id).collect()
    }

    /// This node has got hold of the order's lane, in which so much was counted before.
    pub fn hold(&self, order: &ClaimOrder, counters: &Value) {
        self.lock().dispatcher.hold(order.lane, counters, self.clock.now());
    }

    /// Another node has the order's lane.
    pub fn leave_to_others(&self, order: &ClaimOrder) {
        self.lock().dispatcher.leave_to_others(order.lane);
    }

    /// Answers an order: a slot for each of the `got` messages.
    pub fn claimed(
        self: &Arc<Self>,
        order: &ClaimOrder,
        got: u32,
        next_due: Option<OffsetDateTime>,
    ) -> Vec<Slot> {
        self.lock().dispatcher.claimed(order, got, next_due, self.clock.now());
        self.bell.notify_one();
        (0..got).map(|_| Slot { traffic: Arc::clone(self), place: order.place() }).collect()
    }

    /// The account is in order, or may be. Says whether its mail had waited for that.
    pub fn resume(&self, account: Uuid) -> bool {
        let was_paused = self.lock().dispatcher.resume(account, self.clock.now());
        self.bell.notify_one();
        was_paused
    }

    /// Takes over a pause from before a restart, or from another node, or when it is to be probed.
    pub fn note_pause(&self, account: Uuid, next_probe_at: OffsetDateTime) {
        self.lock().dispatcher.note_pause(account, next_probe_at, self.clock.now());
        self.bell.notify_one();
    }

    /// Whether this account's mail waits for it to be mended.
    pub fn is_paused(&self, account: Uuid) -> bool {
        self.lock().dispatcher.is_paused(account)
    }

    /// The accounts whose mail waits for that.
    pub fn paused(&self) -> Vec<Uuid> {
        self.lock().dispatcher.paused()
    }

    /// Messages under way.
    pub fn in_flight(&self) -> u32 {
        self.lock().dispatcher.in_flight()
    }

    /// Forgets the lanes that have nothing to remember; returns those of them that were this node's.
    pub fn forget_idle(&self) -> Vec<LaneId> {
        let mut state = self.lock();
        let State { dispatcher, ids, keys } = &mut *state;
        let forgotten = dispatcher.forget_all_idle(self.clock.now());
        let released = forgotten.iter().filter_map(|key| ids.get(key).copied()).collect();
        ids.retain(|key, _| dispatcher.remembers(key));
        keys.retain(|_, (key, _)| dispatcher.remembers(key));
        released
    }

    /// Until there may be something to claim.
    pub async fn wait(&self) {
        let now = self.clock.now();
        let wake_at = self.lock().dispatcher.wake_at(now);
        let until = wake_at.map(|at| (at - now).try_into().unwrap_or(Duration::ZERO));
        let sleep = until.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
        // A timeout is one of the two ways to wake up.
        let _ = tokio::time::timeout(sleep, self.bell.notified()).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn learn(&mut self, key: &LaneKey, id: LaneId, usual: Way) {
        if self.ids.get(key) != Some(&id) {
            self.ids.insert(key.clone(), id);
            self.keys.insert(id, (key.clone(), usual));
        }
    }
}

impl Slot {
    /// Counts what the message asks of its mailbox; see [`Dispatcher::admit`].
    pub fn admit(&mut self, load: &Load) -> Result<(), OffsetDateTime> {
        let now = self.traffic.clock.now();
        self.traffic.lock().dispatcher.admit(&mut self.place, load, now)
    }

    /// The message got through to a decision. Says whether the account had been paused.
    pub fn succeed(&self) -> bool {
        self.traffic.lock().dispatcher.succeed(self.place.lane(), self.traffic.clock.now())
    }

    /// The mailbox is not to be asked before this.
    pub fn obey(&self, not_before: OffsetDateTime) {
        self.traffic.lock().dispatcher.obey(self.place.lane(), not_before, self.traffic.clock.now());
    }

    /// The message met trouble on its way that wasn't its own.
    pub fn stumble(&self) {
        self.traffic.lock().dispatcher.stumble(self.place.lane(), self.traffic.clock.now());
    }

    /// The account is at fault. Returns when it is probed next.
    pub fn pause(&self, account: Uuid) -> OffsetDateTime {
        self.traffic.lock().dispatcher.pause(account, self.place.lane(), self.traffic.clock.now())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.traffic.lock().dispatcher.release(&self.place, self.traffic.clock.now());
        self.traffic.bell.notify_one();
    }
}
