//! One actor's frames and snapshots in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::frame::Frame;
use crate::provider::{ActorListing, DeleteGuard, Head, Snapshot, StoreError, Wake};
use crate::vocab::{ActorId, Address, Sequence};

/// One actor's frames and snapshots.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) address: Arc<Address>,
    pub(super) head: Head,
    /// In order and without a gap; the first one may begin with deleted events.
    pub(super) frames: Vec<Frame>,
    pub(super) snapshots: BTreeMap<Sequence, Snapshot>,
}

impl Journal {
    pub(super) fn new(address: &Arc<Address>) -> Self {
        let address = Arc::clone(address);
        Self { address, head: Head::default(), frames: Vec::new(), snapshots: BTreeMap::new() }
    }

    /// Adds the frame that follows the last one.
    pub(super) fn push(&mut self, frame: Frame) {
        self.head.sequence = frame.header().last();
        self.head.wake_at = frame.header().wake_at;
        self.frames.push(frame);
    }

    /// Whether this very frame is stored.
    pub(super) fn holds(&self, frame: &Frame) -> bool {
        let first = frame.header().first;
        let at = self.frames.binary_search_by_key(&first, |stored| stored.header().first);
        at.ok().and_then(|at| self.frames.get(at)).is_some_and(|stored| stored == frame)
    }

    /// The frames that hold `from` and what follows it.
    pub(super) fn frames_from(&self, from: Sequence) -> &[Frame] {
        let at = self.frames.partition_point(|frame| frame.header().last() < from);
        self.frames.get(at..).unwrap_or_default()
    }

    pub(super) fn delete_through(
        &mut self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> Result<(), StoreError> {
        let through = through.min(self.head.sequence);
        if through <= self.head.deleted_through {
            return Ok(());
        }
        let newest = self.snapshots.keys().next_back().copied();
        if guard == DeleteGuard::BehindSnapshot && newest.is_none_or(|newest| newest < through) {
            return Err(StoreError::NotCovered { actor, through, newest });
        }
        self.head.deleted_through = through;
        self.frames.retain(|frame| frame.header().last() > through);
        Ok(())
    }

    /// Its line in a listing; `None` if no event was ever stored.
    pub(super) fn listing(&self) -> Option<ActorListing> {
        let sequence = self.head.sequence;
        (sequence > Sequence::ZERO).then(|| ActorListing { address: Arc::clone(&self.address), sequence })
    }

    pub(super) fn wake(&self) -> Option<Wake> {
        self.head.wake_at.map(|at| Wake { address: Arc::clone(&self.address), at })
    }
}
