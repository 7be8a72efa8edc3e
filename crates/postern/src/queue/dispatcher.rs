//! Decides which lane may claim how many messages now, and when to look again. A lane is one mailbox's mail through one
//! account: the unit of fairness and of limits. It must never let one lane's backlog, throttling or trouble delay
//! another's, and it knows of waiting messages only that there are some: a million take no more room than one. Where other
//! nodes work on the same database it takes nothing from a lane that isn't this node's (`holding`). It reads no clock and
//! does nothing itself; its neighbour `traffic` does what it says.

mod holding;

use std::collections::{BTreeSet, HashMap, VecDeque};

use store::queue::LaneKey;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use self::holding::Holder;
pub use self::holding::Tenure;
use super::limits::{Ledger, Limits, Load, Verdict, Way};

/// A lane's number, as long as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneNumber(usize);

/// What is to be done: claim up to `limit` messages of a lane. Their places are taken; [`Dispatcher::claimed`] tells how
/// many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimOrder {
    /// Whose.
    pub lane: LaneNumber,
    /// The same by its name.
    pub key: LaneKey,
    /// At which door the places are.
    pub way: Way,
    /// At most so many.
    pub limit: u32,
    /// Whether this node has to get hold of the lane first.
    pub takes_lane: bool,
    /// Whether it probes a paused account.
    pub is_probe: bool,
}

impl ClaimOrder {
    /// One of its places.
    pub fn place(&self) -> Place {
        Place { lane: self.lane, way: self.way }
    }
}

/// A place that a message under way has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    lane: LaneNumber,
    way: Way,
}

impl Place {
    /// In this lane.
    pub fn lane(&self) -> LaneNumber {
        self.lane
    }
}

/// How many deliveries run at the same time in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity(pub u32);

/// All lanes.
#[derive(Debug)]
pub struct Dispatcher {
    limits: Limits,
    capacity: Capacity,
    longest_cooling: Duration,
    tenure: Tenure,
    in_flight: u32,
    lanes: HashMap<LaneNumber, Lane>,
    numbers: HashMap<LaneKey, LaneNumber>,
    next_number: usize,
    /// Lanes that could claim now, in turn: each gets one handful and goes to the end.
    ready: VecDeque<LaneNumber>,
    timers: BTreeSet<(OffsetDateTime, LaneNumber)>,
    pauses: HashMap<Uuid, Pause>,
}

#[derive(Debug)]
struct Lane {
    key: LaneKey,
    way: Way,
    ledger: Ledger,
    holder: Holder,
    /// Whether something was counted that isn't written yet.
    has_counted: bool,
    /// When the earliest message that is known to wait is due.
    due: Option<OffsetDateTime>,
    claiming: bool,
    in_flight: u32,
    stumbles: u32,
    is_ready: bool,
    timer: Option<OffsetDateTime>,
}

/// An account's mail waits; one message at a time tries whether it goes again.
#[derive(Debug, Clone, Copy)]
struct Pause {
    next_probe_at: OffsetDateTime,
    interval: Duration,
    probe: Option<LaneNumber>,
}

/// The first probe of a paused account comes after this; each that fails doubles it.
const FIRST_PROBE: Duration = Duration::seconds(30);
/// Between two probes lies at most this.
const LONGEST_PROBE: Duration = Duration::minutes(15);
/// After so many tries in a row that met trouble on the way, a lane waits before the next and sends one at a time: the
/// far side is down, and a hundred thousand messages needn't each find that out.
const STUMBLES: u32 = 3;
/// A message that goes by the lane's other door, where all places are taken, looks again after this.
const OTHER_DOOR_BUSY: Duration = Duration::seconds(1);
const FIRST_COOLING: Duration = Duration::seconds(5);

impl Dispatcher {
    /// Without lanes. One whose way is blocked waits no longer than `longest_cooling` before it tries again.
    pub fn new(limits: Limits, capacity: Capacity, longest_cooling: Duration, tenure: Tenure) -> Self {
        Self {
            limits,
            capacity,
            longest_cooling,
            tenure,
            in_flight: 0,
            lanes: HashMap::new(),
            numbers: HashMap::new(),
            next_number: 0,
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            pauses: HashMap::new(),
        }
    }

    /// Takes a place for a message that is about to be accepted, if it could go at once: the lane has a place, keeps its
    /// limits and has nothing older due. `usual` is the way that the account's mail goes. The place is given back by
    /// [`Dispatcher::release`].
    pub fn reserve(&mut self, key: &LaneKey, usual: Way, load: &Load, now: OffsetDateTime) -> Option<Place> {
        let others_wait = self.in_flight as usize + self.ready.len() >= self.capacity.0 as usize;
        if others_wait || !self.tenure.holds(now) || self.pauses.contains_key(&key.account_id) {
            return None;
        }
        let number = self.lane(key, usual);
        let lane = self.lanes.get_mut(&number).expect("the lane was just found or made");
        let older_waits = lane.claiming || lane.due.is_some_and(|due| due <= now);
        if older_waits
            || lane.holder != Holder::Ours
            || lane.is_cooling()
            || lane.ledger.ask(load, now) != Verdict::Go
        {
            return None;
        }
        lane.ledger.take_place(load.way);
        lane.count(load, now);
        lane.in_flight += 1;
        self.in_flight += 1;
        Some(Place { lane: number, way: load.way })
    }

    /// A message waits in this lane and is due at `at`. In another node's lane it is that one's business.
    pub fn note_waiting(&mut self, key: &LaneKey, usual: Way, at: OffsetDateTime, now: OffsetDateTime) {
        let number = self.lane(key, usual);
        let lane = self.lanes.get_mut(&number).expect("the lane was just found or made");
        if lane.holder != Holder::Theirs {
            lane.note_due(at);
            self.schedule(number, now);
        }
    }

    /// What is to be claimed now.
    pub fn next_claims(&mut self, now: OffsetDateTime) -> Vec<ClaimOrder> {
        if !self.tenure.holds(now) {
            return Vec::new();
        }
        self.fire_timers(now);
        let mut orders = Vec::new();
        let mut put_off = Vec::new();
        while self.in_flight < self.capacity.0
            && let Some(number) = self.ready.pop_front()
        {
            let Some(lane) = self.lanes.get_mut(&number) else { continue };
            lane.is_ready = false;
            match self.take_handful(number, now) {
                Some(order) => orders.push(order),
                None => put_off.push(number),
            }
        }
        for number in put_off {
            self.schedule(number, now);
        }
        orders
    }

    /// Answers an order: `got` messages were claimed, and the next one of the lane is due at `next_due`, where one is
    /// known. The places of the others are free again.
    pub fn claimed(
        &mut self,
        order: &ClaimOrder,
        got: u32,
        next_due: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) {
        let lane = self.lanes.get_mut(&order.lane).expect("a lane that is claiming is remembered");
        lane.claiming = false;
        if let Some(at) = next_due {
            lane.note_due(at);
        }
        for _ in got..order.limit {
            self.give_back(&order.place());
        }
        if got == 0 {
            self.end_probe(&order.key, order.lane, now);
        }
        self.schedule(order.lane, now);
    }

    /// Counts what a claimed message asks of its mailbox, and changes its place for one at the other door where it goes
    /// that way. Where that is too much now, the place stays as it is and the message goes back to wait until the time
    /// that is named.
    pub fn admit(
        &mut self,
        place: &mut Place,
        load: &Load,
        now: OffsetDateTime,
    ) -> Result<(), OffsetDateTime> {
        let lane = self.lanes.get_mut(&place.lane).expect("a lane with messages under way is remembered");
        match lane.ledger.ask(load, now) {
            Verdict::Later(at) => return Err(at),
            // The place is its own: that all are taken is no reason to wait.
            Verdict::Busy if load.way != place.way => return Err(now + OTHER_DOOR_BUSY),
            Verdict::Busy | Verdict::Go => {}
        }
        lane.ledger.give_place_back(place.way);
        lane.ledger.take_place(load.way);
        lane.count(load, now);
        place.way = load.way;
        Ok(())
    }

    /// A message is no longer under way.
    pub fn release(&mut self, place: &Place, now: OffsetDateTime) {
        let key = self.give_back(place);
        self.end_probe(&key, place.lane, now);
        self.schedule(place.lane, now);
    }

    /// The other side named a time before which this mailbox is not to be asked again.
    pub fn obey(&mut self, number: LaneNumber, not_before: OffsetDateTime, now: OffsetDateTime) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.obey(not_before, now);
        }
    }

    /// A message of this lane met trouble on its way that wasn't its own.
    pub fn stumble(&mut self, number: LaneNumber, now: OffsetDateTime) {
        let Some(lane) = self.lanes.get_mut(&number) else { return };
        lane.stumbles = lane.stumbles.saturating_add(1);
        if let Some(over) = lane.stumbles.checked_sub(STUMBLES) {
            let cooling = (FIRST_COOLING * 2_i32.pow(over.min(8))).min(self.longest_cooling);
            lane.obey(now + cooling, now);
        }
    }

    /// A message of this lane got through to a decision: the way is free, and the account is in order. Says whether it
    /// had been paused.
    pub fn succeed(&mut self, number: LaneNumber, now: OffsetDateTime) -> bool {
        let Some(lane) = self.lanes.get_mut(&number) else { return false };
        lane.stumbles = 0;
        let account = lane.key.account_id;
        self.resume(account, now)
    }

    /// The account is at fault: its mail waits. Returns when the next probe is due.
    pub fn pause(&mut self, account: Uuid, by: LaneNumber, now: OffsetDateTime) -> OffsetDateTime {
        let fresh = Pause { next_probe_at: now + FIRST_PROBE, interval: FIRST_PROBE, probe: None };
        let pause = self.pauses.entry(account).or_insert(fresh);
        // One that was under way before the pause tells nothing new.
        if pause.probe == Some(by) {
            pause.interval = (pause.interval * 2_i32).min(LONGEST_PROBE);
            pause.next_probe_at = now + pause.interval;
        }
        pause.next_probe_at
    }

    /// Takes over a pause from before a restart, or from another node, or when it is to be probed.
    pub fn note_pause(&mut self, account: Uuid, next_probe_at: OffsetDateTime, now: OffsetDateTime) {
        let pause = Pause { next_probe_at, interval: FIRST_PROBE, probe: None };
        self.pauses.entry(account).or_insert(pause).next_probe_at = next_probe_at;
        self.reschedule(now, |lane| lane.key.account_id == account);
    }

    /// The account is in order, or may be: all its lanes go on. Says whether it was paused.
    pub fn resume(&mut self, account: Uuid, now: OffsetDateTime) -> bool {
        let was_paused = self.pauses.remove(&account).is_some();
        if was_paused {
            self.reschedule(now, |lane| lane.key.account_id == account);
        }
        was_paused
    }

    /// Whether this account's mail waits for it to be mended.
    pub fn is_paused(&self, account: Uuid) -> bool {
        self.pauses.contains_key(&account)
    }

    /// The accounts whose mail waits for that.
    pub fn paused(&self) -> Vec<Uuid> {
        self.pauses.keys().copied().collect()
    }

    /// Whether this lane is remembered.
    pub fn remembers(&self, key: &LaneKey) -> bool {
        self.numbers.contains_key(key)
    }

    /// When to look again, if nothing happens before; a node whose term is over waits until it is renewed.
    pub fn wake_at(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        self.timers.first().map(|(at, _)| *at).filter(|_| self.tenure.holds(now))
    }

    /// Messages under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// The lane of that name, which goes this way from now on.
    fn lane(&mut self, key: &LaneKey, usual: Way) -> LaneNumber {
        if let Some(number) = self.numbers.get(key) {
            self.lanes.get_mut(number).expect("what has a number is remembered").way = usual;
            return *number;
        }
        let number = LaneNumber(self.next_number);
        self.next_number += 1;
        self.numbers.insert(key.clone(), number);
        self.lanes.insert(number, Lane::new(key.clone(), usual, self.limits, self.tenure.of_new_lanes()));
        number
    }

    /// Puts a lane where it belongs: among those that are ready, or behind a timer, or nowhere until something happens.
    fn schedule(&mut self, number: LaneNumber, now: OffsetDateTime) {
        let Some(lane) = self.lanes.get_mut(&number) else { return };
        if let Some(at) = lane.timer.take() {
            self.timers.remove(&(at, number));
        }
        let Some(due) = lane.due.filter(|_| !lane.claiming && !lane.is_ready) else { return };
        let probe = match self.pauses.get(&lane.key.account_id) {
            Some(pause) if pause.probe.is_some() => return,
            Some(pause) => Some(pause.next_probe_at),
            None => None,
        };
        let at = match lane.ask(now) {
            Verdict::Busy => return,
            Verdict::Go => now,
            Verdict::Later(at) => at,
        };
        let at = at.max(due).max(probe.unwrap_or(now));
        if at <= now {
            lane.is_ready = true;
            self.ready.push_back(number);
        } else {
            lane.timer = Some(at);
            self.timers.insert((at, number));
        }
    }

    fn reschedule(&mut self, now: OffsetDateTime, concerned: impl Fn(&Lane) -> bool) {
        let lanes = self.lanes.iter().filter(|(_, lane)| concerned(lane));
        let numbers: Vec<LaneNumber> = lanes.map(|(number, _)| *number).collect();
        for number in numbers {
            self.schedule(number, now);
        }
    }

    fn fire_timers(&mut self, now: OffsetDateTime) {
        while let Some((at, number)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.remove(&(at, number));
            if let Some(lane) = self.lanes.get_mut(&number) {
                lane.timer = None;
            }
            self.schedule(number, now);
        }
    }

    /// Takes places for as many as the lane may claim now. `None`: something has changed since it was ready.
    fn take_handful(&mut self, number: LaneNumber, now: OffsetDateTime) -> Option<ClaimOrder> {
        let lane = self.lanes.get_mut(&number)?;
        lane.due.filter(|due| *due <= now && !lane.claiming)?;
        let mut limit = lane.room(now).min(self.capacity.0 - self.in_flight);
        let is_probe = self.pauses.contains_key(&lane.key.account_id);
        if let Some(pause) = self.pauses.get_mut(&lane.key.account_id) {
            if pause.probe.is_some() || pause.next_probe_at > now {
                return None;
            }
            limit = limit.min(1);
            pause.probe = Some(number).filter(|_| limit > 0);
        }
        if limit == 0 {
            return None;
        }
        // Whatever waits is looked for by this claim; what comes meanwhile is noted anew.
        lane.due = None;
        lane.claiming = true;
        lane.in_flight += limit;
        self.in_flight += limit;
        for _ in 0..limit {
            lane.ledger.take_place(lane.way);
        }
        let takes_lane = lane.holder != Holder::Ours;
        Some(ClaimOrder { lane: number, key: lane.key.clone(), way: lane.way, limit, takes_lane, is_probe })
    }

    fn give_back(&mut self, place: &Place) -> LaneKey {
        let lane = self.lanes.get_mut(&place.lane).expect("a lane with messages under way is remembered");
        lane.ledger.give_place_back(place.way);
        lane.in_flight -= 1;
        self.in_flight -= 1;
        lane.key.clone()
    }

    /// The lane that probes has nothing under way any more: the account's next probe may be any lane's.
    fn end_probe(&mut self, key: &LaneKey, number: LaneNumber, now: OffsetDateTime) {
        let Some(pause) = self.pauses.get_mut(&key.account_id) else { return };
        let ended = self.lanes.get(&number).is_none_or(|lane| lane.in_flight == 0);
        if pause.probe != Some(number) || !ended {
            return;
        }
        pause.probe = None;
        // It ended in neither a mended account nor a broken one: the network was down, or there was nothing to send.
        pause.next_probe_at = pause.next_probe_at.max(now + FIRST_PROBE);
        self.reschedule(now, |lane| lane.key.account_id == key.account_id);
    }
}

impl Lane {
    fn new(key: LaneKey, way: Way, limits: Limits, holder: Holder) -> Self {
        Self {
            key,
            way,
            ledger: Ledger::new(limits),
            holder,
            has_counted: false,
            due: None,
            claiming: false,
            in_flight: 0,
            stumbles: 0,
            is_ready: false,
            timer: None,
        }
    }

    fn count(&mut self, load: &Load, now: OffsetDateTime) {
        self.ledger.count(load, now);
        self.has_counted = true;
    }

    fn obey(&mut self, not_before: OffsetDateTime, now: OffsetDateTime) {
        self.ledger.obey(not_before, now);
        self.has_counted = true;
    }

    fn note_due(&mut self, at: OffsetDateTime) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn ask(&mut self, now: OffsetDateTime) -> Verdict {
        match self.ledger.ask(&Load::least(self.way), now) {
            Verdict::Go if self.is_cooling() && self.in_flight > 0 => Verdict::Busy,
            verdict => verdict,
        }
    }

    fn room(&mut self, now: OffsetDateTime) -> u32 {
        let room = self.ledger.room(self.way, now);
        if self.is_cooling() { room.min(1_u32.saturating_sub(self.in_flight)) } else { room }
    }

    fn is_cooling(&self) -> bool {
        self.stumbles >= STUMBLES
    }

    fn is_idle(&self) -> bool {
        self.in_flight == 0 && !self.claiming && !self.is_ready && self.due.is_none() && self.timer.is_none()
    }
}

#[cfg(test)]
mod tests;
