//! What is known of one actor while it is in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::summary::ActorSummary;
use crate::frame::FrameHeader;
use crate::provider::{ActorListing, Head, SnapshotMeta, Wake};
use crate::vocab::{Address, Sequence, Timestamp};

/// Where the payload of a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Place {
    /// The segment's number.
    pub(in super::super) segment: u64,
    /// Bytes from the start of the file.
    pub(in super::super) offset: u32,
    /// Bytes of payload.
    pub(in super::super) length: u32,
}

impl Place {
    /// A part of it.
    pub(in super::super) fn part(self, at: usize, length: usize) -> Option<Self> {
        let (at, length) = (u32::try_from(at).ok()?, u32::try_from(length).ok()?);
        Some(Self { offset: self.offset.checked_add(at)?, length, ..self })
    }
}

/// A stored frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct FrameEntry {
    pub(in super::super) first: Sequence,
    pub(in super::super) last: Sequence,
    pub(in super::super) place: Place,
}

/// A stored snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct SnapshotEntry {
    pub(in super::super) meta: SnapshotMeta,
    pub(in super::super) place: Place,
}

/// What the index store holds of an actor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Stored {
    /// The checkpoint that wrote it: part of its key.
    pub(in super::super) generation: u64,
    pub(in super::super) wake_at: Option<Timestamp>,
    pub(in super::super) deleted_through: Sequence,
    /// What it counts as live besides frames: introduction and snapshots.
    pub(in super::super) places: Vec<Place>,
}

/// How scattered the newest frames are; counted on from checkpoint to checkpoint, so that nobody has to search for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Spread {
    /// The first number that is counted; 0: nothing is yet.
    pub(in super::super) from: Sequence,
    /// Reads that bring in the frames since then, roughly: none of them is forgotten when events are deleted.
    pub(in super::super) reads: u32,
    /// The newest frame of them.
    pub(in super::super) newest: Place,
}

impl Spread {
    /// Counts a frame behind the others; `continues`: the read that brings in the newest one brings it in too.
    pub(super) fn add(&mut self, frame: &FrameEntry, continues: impl Fn(Place, Place) -> bool) {
        if self.from == Sequence::ZERO {
            *self = Self { from: frame.first, ..Self::default() };
        }
        if self.reads == 0 || !continues(self.newest, frame.place) {
            self.reads = self.reads.saturating_add(1);
        }
        self.newest = frame.place;
    }
}

/// What is known of one actor.
#[derive(Debug)]
pub(in super::super) struct ActorEntry {
    pub(in super::super) address: Arc<Address>,
    /// Its newest address or summary; segment 0: not stored yet.
    pub(in super::super) introduced: Place,
    /// As it is stored.
    pub(in super::super) head: Head,
    /// Where the journal ends once everything queued is stored.
    pub(in super::super) queued: Sequence,
    /// The frames that the index store does not hold yet, by number; earlier ones are there.
    pub(in super::super) tail: VecDeque<FrameEntry>,
    /// By number.
    pub(in super::super) snapshots: Vec<SnapshotEntry>,
    /// As of the last checkpoint.
    pub(in super::super) spread: Spread,
    /// `None`: the index store does not hold the actor yet.
    pub(in super::super) stored: Option<Stored>,
    /// Operations in the queue that need the entry, frames not counted.
    pub(super) pins: u32,
    /// The index store does not hold all of it.
    pub(super) is_dirty: bool,
    /// A checkpoint is writing this.
    pub(super) captured: Option<Stored>,
    /// Since it was last looked at for being put out of memory.
    pub(super) is_used: bool,
}

impl ActorEntry {
    pub(in super::super) fn new(address: Arc<Address>) -> Self {
        Self {
            address,
            introduced: Place::default(),
            head: Head::default(),
            queued: Sequence::ZERO,
            tail: VecDeque::new(),
            snapshots: Vec::new(),
            spread: Spread::default(),
            stored: None,
            pins: 0,
            is_dirty: false,
            captured: None,
            is_used: true,
        }
    }

    /// Whether it can leave the memory: the index store holds all of it, and nothing of it is queued.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_dirty && self.captured.is_none() && self.pins == 0 && self.queued == self.head.sequence
    }

    /// Whether no record of it is in the log.
    pub(super) fn is_new(&self) -> bool {
        self.introduced.segment == 0
    }

    /// It was used: it is not the next to leave the memory.
    pub(in super::super) const fn touch(&mut self) {
        self.is_used = true;
    }

    /// The frames in memory from the one that holds `from` on.
    pub(in super::super) fn tail_from(&self, from: Sequence) -> impl Iterator<Item = &FrameEntry> {
        let before = self.tail.partition_point(|frame| frame.last < from);
        self.tail.range(before..)
    }

    /// Adds a frame; one that is there already changes nothing.
    ///
    /// One that begins at or before the head and ends behind it holds events that an earlier frame holds, too: no writer does
    /// that. What is behind the head is taken for a frame that is not what it should be, so that whoever reads it is told.
    pub(super) fn add_frame(&mut self, header: &FrameHeader, place: Place) {
        if header.last() <= self.head.sequence {
            return;
        }
        let first = header.first.max(self.head.sequence.next());
        self.tail.push_back(FrameEntry { first, last: header.last(), place });
        self.head.sequence = header.last();
        self.head.wake_at = header.wake_at;
    }

    pub(super) fn add_snapshot(&mut self, snapshot: SnapshotEntry) {
        match self.snapshots.binary_search_by_key(&snapshot.meta.sequence, |known| known.meta.sequence) {
            Ok(at) => {
                if let Some(known) = self.snapshots.get_mut(at) {
                    *known = snapshot;
                }
            }
            Err(at) => self.snapshots.insert(at, snapshot),
        }
    }

    /// Takes over what a summary at `place` says; it may know less of the newest frames and deletions.
    pub(super) fn summarize(&mut self, summary: &ActorSummary, place: Place) {
        self.introduced = place;
        if summary.head.sequence >= self.head.sequence {
            self.head.sequence = summary.head.sequence;
            self.head.wake_at = summary.head.wake_at;
        }
        self.snapshots.retain(|snapshot| summary.snapshots.binary_search(&snapshot.meta.sequence).is_ok());
        self.delete_through(summary.head.deleted_through);
    }

    pub(super) fn delete_through(&mut self, through: Sequence) {
        self.head.deleted_through = self.head.deleted_through.max(through);
        let deleted = self.head.deleted_through;
        while self.tail.pop_front_if(|frame| frame.last <= deleted).is_some() {}
    }

    /// Its line in a listing; `None` if no event was ever stored.
    pub(in super::super) fn listing(&self) -> Option<ActorListing> {
        let sequence = self.head.sequence;
        (sequence > Sequence::ZERO).then(|| ActorListing { address: Arc::clone(&self.address), sequence })
    }

    pub(in super::super) fn wake(&self) -> Option<Wake> {
        self.head.wake_at.map(|at| Wake { address: Arc::clone(&self.address), at })
    }

    /// What it holds in the log besides frames.
    pub(in super::super) fn places(&self) -> Vec<Place> {
        let snapshots = self.snapshots.iter().map(|snapshot| snapshot.place);
        std::iter::once(self.introduced).chain(snapshots).collect()
    }
}
