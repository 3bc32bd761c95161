//! What outlives an instance while its actor stays on stage: commands, changes and askers not served yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ask::RequestError;
use super::ledger::Change;
use super::live::Exit;
use super::mail::Mail;
use super::snapshotting::SnapshotAsker;
use super::turn::FailedCommand;
use crate::decide::TurnSize;
use crate::sandbox::GuestFailure;

/// The pause before the recovery after a second lost append in a row; it doubles with every further one.
const LOST_PAUSE: Duration = Duration::from_millis(10);
/// The pause doubles at most this often: to 640 ms.
const LOST_DOUBLINGS_MAX: u32 = 6;

/// What outlives an instance while the actor stays on stage.
pub(super) struct Backlog {
    /// Commands taken from the mailbox and not handled yet, in order.
    pub(super) mail: VecDeque<Mail>,
    /// So many of the first are handled one at a time: the turn they were in failed.
    pub(super) alone: usize,
    /// Changes of the ledger for the next frame.
    pub(super) changes: Vec<Change>,
    /// Who waits for a snapshot that the last instance could not take any more.
    pub(super) askers: Vec<SnapshotAsker>,
    /// The guest died of a snapshot: until then no policy asks for another one.
    pub(super) no_snapshot_before: Option<Instant>,
    /// The tenant's quota that a turn would have passed: the actor leaves for a while.
    pub(super) over_quota: Option<GuestFailure>,
    /// Appends that were not stored since the last one that was.
    pub(super) lost_in_a_row: u32,
    /// The command at which the last instance died, if it was alone in its turn.
    pub(super) failed: Option<FailedCommand>,
    /// Commands of timers that the running revision does not have, and why.
    pub(super) dead_timers: Vec<(Mail, RequestError)>,
    /// What this actor's commands cost, learned: a turn that ran out of time is not made as large again.
    pub(super) turn_size: TurnSize,
}

impl Backlog {
    pub(super) fn new(commands_max: u32) -> Self {
        let turn_size = TurnSize::new(usize::try_from(commands_max).unwrap_or(usize::MAX));
        Self {
            mail: VecDeque::new(),
            alone: 0,
            changes: Vec::new(),
            askers: Vec::new(),
            no_snapshot_before: None,
            over_quota: None,
            lost_in_a_row: 0,
            failed: None,
            dead_timers: Vec::new(),
            turn_size,
        }
    }

    /// An append was not stored: the instance that made it must be replaced.
    pub(super) fn lost(&mut self) -> Exit {
        self.lost_in_a_row = self.lost_in_a_row.saturating_add(1);
        Exit::Recover
    }

    /// How long to wait before the next recovery: nothing after a first lost append, then longer and longer, so that
    /// a store that can be read but not written does not keep the host busy with recoveries.
    pub(super) fn pause(&self) -> Duration {
        match self.lost_in_a_row {
            0 | 1 => Duration::ZERO,
            lost => LOST_PAUSE.saturating_mul(1 << (lost - 2).min(LOST_DOUBLINGS_MAX)),
        }
    }
}
