//! What the host itself does for a tenant, beside running its guests: under the tenant's permits, and on its account.

use std::time::Duration;

use super::thread_slice::Restores;
use super::{Gave, Permit, Share};

/// After so long the work asks whether somebody waits, nanoseconds.
const STEP_NS: u64 = 500_000;
/// The longest that it waits to go on.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// Work of the host for a tenant. It holds its thread, also while others run in its place: for blocking threads only, and
/// never around a guest call, which waits for a permit of its own.
#[derive(Debug)]
pub(in crate::sandbox) struct Errand {
    permit: Permit,
    _slice: Restores,
}

/// It was stopped for others, and could not go on in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Stranded;

impl Errand {
    /// Waits for a permit of the tenant, with the thread.
    pub(in crate::sandbox) fn begin(share: &Share) -> Self {
        Self { permit: share.enter_blocking(), _slice: Restores }
    }

    /// Between two steps of the work: charges what was used, and lets others run if they wait.
    ///
    /// # Errors
    /// When it was not let back in for ten minutes.
    pub(in crate::sandbox) fn step(&mut self) -> Result<(), Stranded> {
        if self.permit.uncharged_ns() < STEP_NS {
            return Ok(());
        }
        self.permit.checkpoint();
        match self.permit.give_way(WAIT_MAX) {
            Gave::Kept | Gave::Way => Ok(()),
            Gave::Up => Err(Stranded),
        }
    }
}
