//! One actor's frames and snapshots in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::frame::{Frame, FrameHeader};
use crate::provider::{ActorListing, DeleteGuard, Head, Snapshot, StoreError, Wake};
use crate::vocab::{ActorId, Address, Sequence};

/// One actor's frames and snapshots.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) address: Arc<Address>,
    pub(super) head: Head,
    /// In order and without a gap; the first one may begin with deleted events.
    pub(super) frames: Vec<StoredFrame>,
    pub(super) snapshots: BTreeMap<Sequence, SavedSnapshot>,
}

/// A frame as it lies in memory: what is read is decoded and checked again, as from a disk.
#[derive(Debug)]
pub(super) struct StoredFrame {
    pub(super) header: FrameHeader,
    pub(super) bytes: Bytes,
}

/// A snapshot with the checksum that it had when it was saved.
#[derive(Debug)]
pub(super) struct SavedSnapshot {
    pub(super) snapshot: Snapshot,
    checksum: u32,
}

impl StoredFrame {
    /// The frame, its checksums verified.
    pub(super) fn read(&self) -> Result<Frame, StoreError> {
        let FrameHeader { actor, first, .. } = self.header;
        let place = || format!("memory, the frame of {actor} at sequence {first}");
        Frame::decode(self.bytes.clone())
            .map_err(|error| StoreError::Corrupt { place: place(), reason: error.to_string() })
    }
}

impl SavedSnapshot {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        let checksum = checksum(&snapshot);
        Self { snapshot, checksum }
    }

    /// The snapshot, its checksum verified.
    pub(super) fn read(&self) -> Result<Snapshot, StoreError> {
        if checksum(&self.snapshot) == self.checksum {
            return Ok(self.snapshot.clone());
        }
        let (actor, sequence) = (self.snapshot.address.id(), self.snapshot.meta.sequence);
        let place = format!("memory, the snapshot of {actor} at sequence {sequence}");
        Err(StoreError::Corrupt { place, reason: "its checksum is wrong".to_owned() })
    }
}

fn checksum(snapshot: &Snapshot) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&snapshot.state), &snapshot.ledger)
}

impl Journal {
    pub(super) fn new(address: &Arc<Address>) -> Self {
        let address = Arc::clone(address);
        Self { address, head: Head::default(), frames: Vec::new(), snapshots: BTreeMap::new() }
    }

    /// Adds the frame that follows the last one.
    pub(super) fn push(&mut self, frame: &Frame) {
        let header = *frame.header();
        self.head.sequence = header.last();
        self.head.wake_at = header.wake_at;
        self.frames.push(StoredFrame { header, bytes: frame.bytes().clone() });
    }

    /// Whether this very frame is stored.
    pub(super) fn holds(&self, frame: &Frame) -> bool {
        let first = frame.header().first;
        let at = self.frames.binary_search_by_key(&first, |stored| stored.header.first);
        at.ok().and_then(|at| self.frames.get(at)).is_some_and(|stored| stored.bytes == *frame.bytes())
    }

    /// The frames that hold `from` and what follows it.
    pub(super) fn frames_from(&self, from: Sequence) -> &[StoredFrame] {
        let at = self.frames.partition_point(|frame| frame.header.last() < from);
        self.frames.get(at..).unwrap_or_default()
    }

    /// How far a deletion goes; `None` if nothing is left to delete.
    pub(super) fn deletable(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> Result<Option<Sequence>, StoreError> {
        let through = through.min(self.head.sequence);
        if through <= self.head.deleted_through {
            return Ok(None);
        }
        let newest = self.snapshots.keys().next_back().copied();
        if guard == DeleteGuard::BehindSnapshot && newest.is_none_or(|newest| newest < through) {
            return Err(StoreError::NotCovered { actor, through, newest });
        }
        Ok(Some(through))
    }

    pub(super) fn delete_through(&mut self, through: Sequence) {
        self.head.deleted_through = through;
        self.frames.retain(|frame| frame.header.last() > through);
        self.frames.shrink_to_fit();
    }

    /// Bytes of frames and snapshots.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn bytes(&self) -> u64 {
        let frames = self.frames.iter().map(|frame| frame.bytes.len());
        let snapshots = self.snapshots.values().map(|saved| saved.snapshot.state.len() + saved.snapshot.ledger.len());
        frames.chain(snapshots).sum::<usize>() as u64
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
