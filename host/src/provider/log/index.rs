//! Where everything lies in the log. Derived from it, rebuilt by scanning it, never written down.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::record::{self, Raw, RecordError, RecordKind};
use crate::frame::FrameHeader;
use crate::provider::directory::Directory;
use crate::provider::{ActorListing, Head, SnapshotMeta, StoreError, Wake};
use crate::vocab::{ActorId, Address, Sequence};

/// Where the payload of a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The segment's number.
    pub(super) segment: u64,
    /// Bytes from the start of the file.
    pub(super) offset: u32,
    /// Bytes of payload.
    pub(super) length: u32,
}

/// A stored frame; it ends where the next one begins, or at the head.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameEntry {
    pub(super) first: Sequence,
    pub(super) place: Place,
}

/// A stored snapshot.
#[derive(Debug, Clone)]
pub(super) struct SnapshotEntry {
    pub(super) meta: SnapshotMeta,
    pub(super) place: Place,
}

/// What is known of one actor.
#[derive(Debug)]
pub(super) struct ActorEntry {
    pub(super) address: Arc<Address>,
    /// As it is stored.
    pub(super) head: Head,
    /// Where the journal ends once everything queued is stored.
    pub(super) queued: Sequence,
    /// By first number; without those of which every event is deleted.
    pub(super) frames: VecDeque<FrameEntry>,
    /// By number.
    pub(super) snapshots: Vec<SnapshotEntry>,
    /// Why this journal cannot be used, though others can.
    pub(super) fault: Option<StoreError>,
}

/// Everything that is stored, by where it lies.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) actors: HashMap<ActorId, ActorEntry>,
    pub(super) directory: Directory,
    pub(super) catalog: BTreeMap<String, Place>,
}

impl ActorEntry {
    pub(super) fn new(address: Arc<Address>) -> Self {
        let (head, queued) = (Head::default(), Sequence::ZERO);
        Self { address, head, queued, frames: VecDeque::new(), snapshots: Vec::new(), fault: None }
    }

    /// The position in `frames` of the frame that holds `number`, or of the first one behind it.
    pub(super) fn frame_at(&self, number: Sequence) -> usize {
        let behind = self.frames.partition_point(|frame| frame.first <= number);
        behind.saturating_sub(1)
    }

    /// The frame that begins at exactly this number.
    pub(super) fn frame_from(&self, first: Sequence) -> Option<FrameEntry> {
        let at = self.frames.binary_search_by_key(&first, |frame| frame.first).ok()?;
        self.frames.get(at).copied()
    }

    /// Number of the last event of the frame at this position.
    pub(super) fn last_of(&self, position: usize) -> Sequence {
        self.frames.get(position + 1).map_or(self.head.sequence, |next| next.first.previous())
    }

    /// Adds a frame; a copy takes the place of the original.
    fn add_frame(&mut self, actor: ActorId, header: &FrameHeader, place: Place, copied: bool) {
        let entry = FrameEntry { first: header.first, place };
        let follows = self.frames.is_empty() || header.first > self.head.sequence;
        if follows && !copied {
            // A gap is known for certain at the end of a scan only: a copy further on may fill it.
            self.frames.push_back(entry);
            self.head.sequence = header.last();
            self.head.wake_at = header.wake_at;
            return;
        }
        match self.frames.binary_search_by_key(&header.first, |frame| frame.first) {
            Ok(at) if copied => {
                if let Some(original) = self.frames.get_mut(at) {
                    *original = entry;
                }
            }
            Err(at) if copied => {
                self.frames.insert(at, entry);
                if header.last() > self.head.sequence {
                    self.head.sequence = header.last();
                    self.head.wake_at = header.wake_at;
                }
            }
            _ => {
                let (before, after) = (self.head.sequence, header.first);
                self.fault = Some(StoreError::Gap { actor, before, after });
            }
        }
    }

    fn add_snapshot(&mut self, snapshot: SnapshotEntry) {
        match self.snapshots.binary_search_by_key(&snapshot.meta.sequence, |known| known.meta.sequence) {
            Ok(at) => {
                if let Some(known) = self.snapshots.get_mut(at) {
                    *known = snapshot;
                }
            }
            Err(at) => self.snapshots.insert(at, snapshot),
        }
    }

    fn delete_through(&mut self, through: Sequence) {
        self.head.deleted_through = self.head.deleted_through.max(through);
        while self.frames.front().is_some() && self.last_of(0) <= self.head.deleted_through {
            self.frames.pop_front();
        }
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

impl Index {
    /// Adds an actor; adding it again changes nothing.
    pub(super) fn add_actor(&mut self, actor: ActorId, address: &Arc<Address>) -> &mut ActorEntry {
        self.actors.entry(actor).or_insert_with(|| {
            self.directory.insert(address, actor);
            ActorEntry::new(Arc::clone(address))
        })
    }

    /// Forgets that something of an actor was queued: its journal ends where the stored one does.
    pub(super) fn forget_queued(&mut self, actor: ActorId) {
        let Some(entry) = self.actors.get_mut(&actor) else { return };
        entry.queued = entry.head.sequence;
        // Its address was queued too, so it must be introduced again. (The directory lists only known actors.)
        if entry.head.sequence == Sequence::ZERO && entry.snapshots.is_empty() {
            self.actors.remove(&actor);
        }
    }

    pub(super) fn add_frame(&mut self, header: &FrameHeader, place: Place) {
        if let Some(entry) = self.actors.get_mut(&header.actor) {
            entry.add_frame(header.actor, header, place, false);
        }
    }

    pub(super) fn add_snapshot(&mut self, actor: ActorId, meta: SnapshotMeta, place: Place) {
        if let Some(entry) = self.actors.get_mut(&actor) {
            entry.add_snapshot(SnapshotEntry { meta, place });
        }
    }

    pub(super) fn delete_snapshot(&mut self, actor: ActorId, sequence: Sequence) {
        if let Some(entry) = self.actors.get_mut(&actor) {
            entry.snapshots.retain(|snapshot| snapshot.meta.sequence != sequence);
        }
    }

    pub(super) fn delete_through(&mut self, actor: ActorId, through: Sequence) {
        if let Some(entry) = self.actors.get_mut(&actor) {
            entry.delete_through(through);
        }
    }

    /// Adds a record that a scan found at `place`.
    pub(super) fn replay(&mut self, raw: &Raw<'_>, place: Place) -> Result<(), RecordError> {
        match raw.kind {
            RecordKind::Frame => {
                let header = FrameHeader::decode(raw.payload).map_err(|_| RecordError::Contradiction)?;
                let entry = self.actors.get_mut(&header.actor).ok_or(RecordError::Contradiction)?;
                entry.add_frame(header.actor, &header, place, raw.copied);
            }
            RecordKind::ActorAddress => {
                let (actor, address) = record::address(raw.payload)?;
                self.add_actor(actor, &Arc::new(address));
            }
            RecordKind::Snapshot => {
                let snapshot = record::snapshot(raw.payload)?;
                self.add_snapshot(snapshot.actor, snapshot.meta, place);
            }
            RecordKind::SnapshotDelete => {
                let (actor, sequence) = record::deletion(raw.payload)?;
                self.delete_snapshot(actor, sequence);
            }
            RecordKind::DeleteThrough => {
                let (actor, through) = record::deletion(raw.payload)?;
                self.delete_through(actor, through);
            }
            RecordKind::CatalogPut => {
                let (key, _) = record::catalog(raw.payload)?;
                self.catalog.insert(key.to_owned(), place);
            }
            RecordKind::CatalogDelete => {
                let (key, _) = record::catalog(raw.payload)?;
                self.catalog.remove(key);
            }
            RecordKind::Close | RecordKind::SegmentDropped => {}
        }
        Ok(())
    }
}
