//! What the host keeps about one instance while guest code runs.

use std::sync::Arc;

use super::cpu::{Permit, Share};
use super::deadline::Deadline;
use super::failure::Refusal;
use super::growth::{Denied, Growth};
use super::guest_log::GuestLog;
use super::host_time::HostTime;
use super::randomness::{Draws, Randomness};
use super::shared::Shared;
use super::turn::Turn;
use super::{InstanceOptions, Moment, limit_hit};
use crate::vocab::{Limit, Limits};

/// The data of a store; host functions see nothing else.
#[derive(Debug)]
pub(super) struct State {
    /// The bounds of this instance.
    pub(super) limits: Arc<Limits>,
    /// What clocks show.
    pub(super) moment: Moment,
    /// Bounds memory and tables.
    pub(super) growth: Growth,
    /// Which limit bounds the time of the call that runs.
    pub(super) timer: Limit,
    /// Whose CPU time its calls use.
    pub(super) share: Share,
    /// The right to run, while a call does.
    pub(super) permit: Option<Permit>,
    /// Bounds time.
    pub(super) deadline: Deadline,
    /// Bounds time inside of host calls.
    host_time: HostTime,
    /// Bounds the bytes that a result or a host call may bring at once.
    pub(super) hostcall_bytes: u64,
    /// Bounds log lines, and remembers the last words before a trap.
    pub(super) log: GuestLog,
    /// What `wasi:random` answers.
    pub(super) randomness: Randomness,
    /// The turn that is being handled; `None` outside `handle`.
    pub(super) turn: Option<Turn>,
    /// Where the random numbers of the next call come from.
    pub(super) draws: Draws,
}

impl State {
    pub(super) fn new(shared: &Shared, options: InstanceOptions, share: Share) -> Self {
        let InstanceOptions { address, silent, limits, memory, log } = options;
        let limits = limits.unwrap_or_else(|| Arc::clone(&shared.limits));
        let memory = memory.unwrap_or_else(|| Arc::clone(&shared.memory_of_nobody));
        let randomness = Randomness::new(address.id(), shared.secret());
        Self {
            moment: Moment::default(),
            growth: Growth::new(&limits, Some(memory)),
            timer: Limit::GuestCallMs,
            share,
            permit: None,
            deadline: Deadline::default(),
            host_time: HostTime::default(),
            hostcall_bytes: limits.guest_hostcall_bytes,
            log: GuestLog::new(address, silent, &limits, log),
            randomness,
            turn: None,
            draws: Draws::default(),
            limits,
        }
    }

    /// Prepares for a call into the guest.
    pub(super) fn enter(&mut self, moment: Moment) {
        self.moment = moment;
        self.growth.enter();
        self.host_time = HostTime::default();
        self.log.enter();
        self.randomness.enter(moment, self.draws);
    }

    /// Counts a host call that brought this many bytes; every host function that takes or gives bytes begins with it.
    ///
    /// # Errors
    /// When the guest's call has been asking for longer than it may last.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.host_time.spend(bytes, self.deadline.limit_ms())
    }

    /// Counts that this instance hit a limit.
    pub(super) fn hit(&self, limit: Limit) {
        limit_hit(&self.log.address().tenant, limit);
    }

    /// Counts that it was told no when it asked for memory, or for tables.
    pub(super) fn hit_denied(&self, denied: Denied) {
        if let Some(limit) = denied.limit() {
            self.hit(limit);
        }
    }

    /// Cleans up after a call into the guest.
    pub(super) fn leave(&mut self) {
        self.log.leave();
        if let Some(denied) = self.growth.denied() {
            self.hit_denied(denied);
        }
        self.draws = Draws::default();
    }
}
