//! What is to go wrong next.

use std::collections::VecDeque;
use std::time::Duration;

use greenroom_host::vocab::{ActorId, Sequence};

/// How an append ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// It goes well.
    None,
    /// It goes well, after a while.
    Delayed(Duration),
    /// Not stored: the store cannot write now.
    Failed,
    /// Not stored: the store refuses this very append.
    Rejected,
    /// Not stored: another writer was first.
    Conflict,
    /// Stored, but the writer learns only that this is not known.
    UnknownStored,
    /// Not stored, and the writer learns only that this is not known.
    UnknownLost,
}

/// What is to go wrong next.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) appends: VecDeque<AppendFault>,
    pub(super) reads_to_fail: u32,
    pub(super) saves_to_fail: u32,
    pub(super) deletes_to_fail: u32,
    pub(super) corrupt_snapshots: Vec<(ActorId, Sequence)>,
}

/// Whether one of `count` failures is left; takes it.
pub(super) fn take_one(count: &mut u32) -> bool {
    let left = *count > 0;
    *count = count.saturating_sub(1);
    left
}
