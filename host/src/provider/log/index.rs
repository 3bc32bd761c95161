//! Where everything lies in the log. Derived from it, rebuilt by scanning it, never written down.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::record::{self, Raw, RecordError, RecordKind};
use super::summary::ActorSummary;
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

impl Place {
    /// A part of it.
    pub(super) fn part(self, at: usize, length: usize) -> Option<Self> {
        let (at, length) = (u32::try_from(at).ok()?, u32::try_from(length).ok()?);
        Some(Self { offset: self.offset.checked_add(at)?, length, ..self })
    }
}

/// A stored frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameEntry {
    pub(super) first: Sequence,
    pub(super) last: Sequence,
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
    /// The segment of its newest address or summary; 0: not stored yet.
    pub(super) introduced: u64,
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
    /// What a scan found of actors before it found who they are: the segment that said it is given up, and a summary
    /// follows further on.
    early: HashMap<ActorId, Vec<Change>>,
}

/// What one record changes about one actor.
#[derive(Debug)]
enum Change {
    Frame { header: FrameHeader, place: Place, copied: bool },
    Snapshot(SnapshotEntry),
    SnapshotDelete(Sequence),
    DeleteThrough(Sequence),
}

impl ActorEntry {
    pub(super) fn new(address: Arc<Address>) -> Self {
        let (head, queued) = (Head::default(), Sequence::ZERO);
        Self { address, introduced: 0, head, queued, frames: VecDeque::new(), snapshots: Vec::new(), fault: None }
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

    /// Adds a frame; a copy takes the place of the original.
    fn add_frame(&mut self, actor: ActorId, header: &FrameHeader, place: Place, copied: bool) {
        if copied && header.last() <= self.head.deleted_through {
            // Deleted while it was being copied.
            return;
        }
        let entry = FrameEntry { first: header.first, last: header.last(), place };
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

    /// Takes over what a summary in this segment says; it may know less of the newest frames and deletions.
    fn summarize(&mut self, summary: &ActorSummary, segment: u64) {
        self.introduced = segment;
        if summary.head.sequence >= self.head.sequence {
            self.head.sequence = summary.head.sequence;
            self.head.wake_at = summary.head.wake_at;
        }
        self.snapshots.retain(|snapshot| summary.snapshots.binary_search(&snapshot.meta.sequence).is_ok());
        self.delete_through(summary.head.deleted_through);
    }

    fn change(&mut self, actor: ActorId, change: Change) {
        match change {
            Change::Frame { header, place, copied } => self.add_frame(actor, &header, place, copied),
            Change::Snapshot(snapshot) => self.add_snapshot(snapshot),
            Change::SnapshotDelete(sequence) => self.delete_snapshot(sequence),
            Change::DeleteThrough(through) => self.delete_through(through),
        }
    }

    fn delete_snapshot(&mut self, sequence: Sequence) {
        self.snapshots.retain(|snapshot| snapshot.meta.sequence != sequence);
    }

    /// Forgets frames of which every event is deleted.
    pub(super) fn trim(&mut self) {
        self.delete_through(self.head.deleted_through);
    }

    fn delete_through(&mut self, through: Sequence) {
        self.head.deleted_through = self.head.deleted_through.max(through);
        while self.frames.pop_front_if(|frame| frame.last <= self.head.deleted_through).is_some() {}
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
        if entry.introduced == 0 {
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
            entry.delete_snapshot(sequence);
        }
    }

    pub(super) fn delete_through(&mut self, actor: ActorId, through: Sequence) {
        if let Some(entry) = self.actors.get_mut(&actor) {
            entry.delete_through(through);
        }
    }

    /// Takes in that a frame was copied to `place`: the original is given up.
    pub(super) fn relocate(&mut self, header: &FrameHeader, place: Place) {
        if let Some(entry) = self.actors.get_mut(&header.actor) {
            entry.add_frame(header.actor, header, place, true);
        }
    }

    /// Takes in that an actor's address is stored in this segment.
    pub(super) fn introduce(&mut self, actor: ActorId, segment: u64) {
        if let Some(entry) = self.actors.get_mut(&actor) {
            entry.introduced = segment;
        }
    }

    /// Takes in a summary that is stored in this segment.
    pub(super) fn summarize(&mut self, summary: &ActorSummary, segment: u64) {
        if let Some(entry) = self.actors.get_mut(&summary.actor) {
            entry.summarize(summary, segment);
        }
    }

    /// Whether anything that is needed lies in a segment.
    pub(super) fn points_into(&self, segment: u64) -> bool {
        let of_actor = |entry: &ActorEntry| {
            entry.frames.iter().any(|frame| frame.place.segment == segment)
                || entry.snapshots.iter().any(|snapshot| snapshot.place.segment == segment)
        };
        self.actors.values().any(of_actor) || self.catalog.values().any(|place| place.segment == segment)
    }

    /// An actor of whom a scan found something, but not who it is.
    pub(super) fn unknown(&self) -> Option<ActorId> {
        self.early.keys().next().copied()
    }

    fn replay_change(&mut self, actor: ActorId, change: Change) {
        match self.actors.get_mut(&actor) {
            Some(entry) => entry.change(actor, change),
            None => self.early.entry(actor).or_default().push(change),
        }
    }

    /// Adds an actor that a scan found, with what was found of it before.
    fn replay_actor(&mut self, actor: ActorId, address: &Arc<Address>, segment: u64) {
        let early = self.early.remove(&actor).unwrap_or_default();
        let entry = self.add_actor(actor, address);
        entry.introduced = segment;
        early.into_iter().for_each(|change| entry.change(actor, change));
    }

    /// Adds a record that a scan found at `place`.
    pub(super) fn replay(&mut self, raw: &Raw<'_>, place: Place) -> Result<(), RecordError> {
        match raw.kind {
            RecordKind::Frame => {
                let header = FrameHeader::decode(raw.payload).map_err(|_| RecordError::Contradiction)?;
                self.replay_change(header.actor, Change::Frame { header, place, copied: raw.copied });
            }
            RecordKind::Frames => {
                for frame in record::frames(raw.payload) {
                    let (header, at, bytes) = frame?;
                    let place = place.part(at, bytes.len()).ok_or(RecordError::Contradiction)?;
                    self.replay_change(header.actor, Change::Frame { header, place, copied: true });
                }
            }
            RecordKind::ActorAddress => {
                let (actor, address) = record::address(raw.payload)?;
                self.replay_actor(actor, &Arc::new(address), place.segment);
            }
            RecordKind::ActorSummary => {
                let summary = ActorSummary::decode(raw.payload)?;
                self.replay_actor(summary.actor, &summary.address, place.segment);
                self.summarize(&summary, place.segment);
            }
            RecordKind::Snapshot => {
                let snapshot = record::snapshot(raw.payload)?;
                self.replay_change(snapshot.actor, Change::Snapshot(SnapshotEntry { meta: snapshot.meta, place }));
            }
            RecordKind::SnapshotDelete => {
                let (actor, sequence) = record::deletion(raw.payload)?;
                self.replay_change(actor, Change::SnapshotDelete(sequence));
            }
            RecordKind::DeleteThrough => {
                let (actor, through) = record::deletion(raw.payload)?;
                self.replay_change(actor, Change::DeleteThrough(through));
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
