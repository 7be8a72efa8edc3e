//! The living tenant: the world as it is set up, and what has happened since the start.
//! One lock around all of it; it is held for the length of a decision and never across a wait.

use crate::clock::Clock;
use crate::entra::keys::SigningKeys;
use crate::hosts::Hosts;
use crate::mailbox::Mailboxes;
use crate::request_log::RequestLog;
use crate::tls::LOCAL_HOSTS;
use crate::world::World;
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;
use tokio::sync::watch;

pub(crate) struct Tenant {
    pub(crate) clock: Clock,
    pub(crate) keys: SigningKeys,
    host: String,
    initial: World,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
pub(crate) struct State {
    /// When the tenant was set up: by the clock's start, or the last reset.
    pub(crate) started: OffsetDateTime,
    pub(crate) world: World,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) entra: crate::entra::Memory,
    pub(crate) graph: crate::graph::Memory,
    pub(crate) exchange: crate::exchange::Memory,
    pub(crate) requests: RequestLog,
    pub(crate) turns: crate::steering::Turns,
}

impl State {
    fn new(world: World, started: OffsetDateTime) -> Self {
        Self {
            started,
            world,
            mailboxes: Mailboxes::default(),
            entra: crate::entra::Memory::default(),
            graph: crate::graph::Memory::default(),
            exchange: crate::exchange::Memory::default(),
            requests: RequestLog::default(),
            turns: crate::steering::Turns::default(),
        }
    }
}

impl Tenant {
    /// A tenant in which nothing has happened yet, with new signing keys.
    ///
    /// # Errors
    /// When no key can be made.
    pub(crate) fn new(world: World, host: &str, start: Option<OffsetDateTime>) -> anyhow::Result<Self> {
        let clock = Clock::new(start, world.clock_offset_seconds);
        let started = clock.now();
        Ok(Self {
            clock,
            keys: SigningKeys::generate()?,
            host: host.to_ascii_lowercase(),
            initial: world.clone(),
            state: Mutex::new(State::new(world, started)),
            changed: watch::Sender::new(()),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.world.unseen.is_empty() {
            let now = self.now();
            state.world.unseen.retain(|_, seen| *seen > now);
        }
        state
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Puts a changed world in the place of the old; the clock and the listeners follow it.
    pub(crate) fn set_world(&self, state: &mut State, world: World) {
        self.clock.set_offset(world.clock_offset_seconds);
        state.world = world;
        self.changed.send_replace(());
    }

    /// Tells of each change of the world.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Everything as it was at the start; mail, grants and requests are forgotten.
    pub(crate) fn reset(&self) {
        self.clock.set_offset(self.initial.clock_offset_seconds);
        *self.lock() = State::new(self.initial.clone(), self.now());
        self.changed.send_replace(());
    }

    /// Whether a URL's host (without port) means this simulator, under a local name.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']);
        host.eq_ignore_ascii_case(&self.host) || LOCAL_HOSTS.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Whether a URL's host means this simulator's Entra.
    pub(crate) fn is_login_host(&self, host: &str) -> bool {
        self.is_own_host(host) || Hosts::of_login(host).is_some()
    }
}
