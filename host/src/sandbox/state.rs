//! What the host keeps about one instance while guest code runs.

use std::sync::Arc;

use super::deadline::Deadline;
use super::growth::Growth;
use super::guest_log::GuestLog;
use super::randomness::{Draws, Randomness};
use super::shared::Shared;
use super::turn::Turn;
use super::{InstanceOptions, Moment};

/// The data of a store; host functions see nothing else.
#[derive(Debug)]
pub(super) struct State {
    /// The engine's settings.
    pub(super) shared: Arc<Shared>,
    /// What clocks show.
    pub(super) moment: Moment,
    /// Bounds memory and tables.
    pub(super) growth: Growth,
    /// Bounds time.
    pub(super) deadline: Deadline,
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
    pub(super) fn new(shared: Arc<Shared>, options: InstanceOptions) -> Self {
        let InstanceOptions { address, silent } = options;
        let randomness = Randomness::new(address.id());
        Self {
            moment: Moment::default(),
            growth: Growth::new(&shared.limits),
            deadline: Deadline::default(),
            hostcall_bytes: shared.limits.guest_hostcall_bytes,
            log: GuestLog::new(address, silent, &shared.limits),
            randomness,
            turn: None,
            draws: Draws::default(),
            shared,
        }
    }

    /// Prepares for a call into the guest.
    pub(super) fn enter(&mut self, moment: Moment) {
        self.moment = moment;
        self.growth.enter();
        self.log.enter();
        self.randomness.enter(moment, self.draws);
    }

    /// Cleans up after a call into the guest.
    pub(super) fn leave(&mut self) {
        self.log.leave();
        self.draws = Draws::default();
    }
}
