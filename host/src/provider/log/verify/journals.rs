//! What the records say of each actor, in memory that does not grow with the store.
//!
//! Of an actor it is kept which numbers are stored, not where each frame lies: an intact journal is one range, however
//! long. When more actors turn up than the memory holds, the half whose ids end in a one is put off to a later walk
//! over the store, and half of that again, as often as needed. So the cost is one walk for each full memory of
//! actors; ids are hashes, which makes the halves equal.

use std::collections::HashMap;

use super::layout::ActorSummary;
use super::ranges::{Place, Ranges};
use crate::frame::FrameHeader;
use crate::vocab::ActorId;

/// What an actor takes in memory, roughly, beside its ranges and snapshots.
const ACTOR_BYTES: usize = 344;
/// Memory is measured after so many changes.
const MEASURE_EVERY: u32 = 1_024;
/// Walks are never more than this: beyond it memory grows, by then to far more actors than a file system holds.
const PARTS_MAX: u64 = 1 << 20;

/// What the records say of one actor.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Its newest introduction.
    pub(super) introduced: Option<Place>,
    /// The first record that names it.
    pub(super) seen: Place,
    /// Frames where they were first written.
    pub(super) originals: Ranges,
    /// Frames that were copied.
    pub(super) copies: Ranges,
    /// An event that is stored twice: its number, and where the second one is.
    pub(super) overlap: Option<(u64, Place)>,
    /// How many frames overlap others.
    pub(super) overlaps: u64,
    /// Where the journal ends as a summary knows it.
    pub(super) summed_head: u64,
    pub(super) deleted_through: u64,
    /// Where the newest deletion stands.
    pub(super) deleted_at: Place,
    /// By number.
    pub(super) snapshots: Vec<(u64, Place)>,
    /// Snapshots that a summary speaks of and that were not met: their numbers.
    pub(super) awaited: Vec<u64>,
    /// Where that summary is.
    pub(super) summary_at: Place,
    /// Where the journal ends by the records that the index covers.
    pub(super) covered_head: u64,
    /// Events that are deleted by these records.
    pub(super) covered_deleted: u64,
    /// The index has an entry of the actor.
    pub(super) is_indexed: bool,
}

impl Journal {
    /// Where the journal ends as the frames and summaries tell.
    pub(super) fn head(&self) -> u64 {
        self.originals.last().max(self.copies.last()).max(self.summed_head)
    }

    fn cost_bytes(&self) -> usize {
        ACTOR_BYTES
            + (self.originals.count() + self.copies.count()) * size_of::<(u64, u64, Place)>()
            + self.snapshots.len() * size_of::<(u64, Place)>()
            + self.awaited.len() * size_of::<u64>()
    }

    fn frame(&mut self, header: &FrameHeader, is_copied: bool, place: Place) {
        let (first, last) = (header.first.0, header.last().0);
        if is_copied {
            // Copied again by a second pass or after a crash: nothing is wrong with that.
            self.copies.add(first, last, place);
        } else if self.originals.add(first, last, place) {
            self.overlaps += 1;
            self.overlap.get_or_insert((first, place));
        }
    }

    fn snapshot(&mut self, sequence: u64, place: Place) {
        self.awaited.retain(|awaited| *awaited != sequence);
        match self.snapshots.binary_search_by_key(&sequence, |known| known.0) {
            Ok(at) => self.snapshots.get_mut(at).into_iter().for_each(|known| known.1 = place),
            Err(at) => self.snapshots.insert(at, (sequence, place)),
        }
    }

    fn delete_snapshot(&mut self, sequence: u64) {
        self.awaited.retain(|awaited| *awaited != sequence);
        self.snapshots.retain(|known| known.0 != sequence);
    }

    fn delete_through(&mut self, through: u64, place: Place) {
        if through > self.deleted_through {
            (self.deleted_through, self.deleted_at) = (through, place);
        }
    }

    /// The record that says this is covered by the index.
    fn cover(&mut self, change: Change<'_>) {
        let (head, deleted) = match change {
            Change::Frame { header, .. } => (header.last().0, 0),
            Change::DeleteThrough(through) => (0, through),
            Change::Summary(summary) => (summary.head, summary.deleted_through),
            Change::Introduction | Change::Snapshot(_) | Change::SnapshotDelete(_) => (0, 0),
        };
        self.covered_head = self.covered_head.max(head);
        self.covered_deleted = self.covered_deleted.max(deleted);
    }

    fn summarize(&mut self, summary: &ActorSummary, place: Place) {
        self.introduced = Some(place);
        self.summary_at = place;
        self.summed_head = self.summed_head.max(summary.head);
        self.delete_through(summary.deleted_through, place);
        self.snapshots.retain(|known| summary.snapshots.binary_search(&known.0).is_ok());
        let missing = |number: &u64| self.snapshots.binary_search_by_key(number, |known| known.0).is_err();
        self.awaited = summary.snapshots.iter().copied().filter(missing).collect();
    }
}

/// What one record says about one actor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    Frame { header: &'a FrameHeader, is_copied: bool },
    Introduction,
    Snapshot(u64),
    SnapshotDelete(u64),
    DeleteThrough(u64),
    Summary(&'a ActorSummary),
}

/// The actors of one walk.
#[derive(Debug)]
pub(super) struct Journals {
    known: HashMap<ActorId, Journal>,
    /// Of so many parts, a power of two …
    parts: u64,
    /// … this one is looked at now.
    part: u64,
    memory_bytes_max: usize,
    until_measure: u32,
    /// Where that ends what the index covers; nowhere: there is no index to compare with.
    pub(super) covered: Place,
}

impl Journals {
    pub(super) fn new(memory_bytes_max: usize) -> Self {
        Self {
            known: HashMap::new(),
            parts: 1,
            part: 0,
            memory_bytes_max,
            until_measure: MEASURE_EVERY,
            covered: Place::default(),
        }
    }

    /// Walks that are needed altogether, as far as is known.
    pub(super) const fn passes(&self) -> u64 {
        self.parts
    }

    /// Makes room for the next walk; false: every actor was looked at.
    pub(super) fn next_part(&mut self) -> bool {
        self.known.clear();
        self.part += 1;
        self.part < self.parts
    }

    /// What is known of an actor in this walk.
    pub(super) fn get(&self, actor: ActorId) -> Option<&Journal> {
        self.known.get(&actor)
    }

    /// The same, to note something.
    pub(super) fn get_mut(&mut self, actor: ActorId) -> Option<&mut Journal> {
        self.known.get_mut(&actor)
    }

    /// Everybody in this walk, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (ActorId, &Journal)> {
        self.known.iter().map(|(actor, journal)| (*actor, journal))
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether an actor's turn is in this walk.
    pub(super) fn is_now(&self, actor: ActorId) -> bool {
        let number = actor.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number % self.parts == self.part
    }

    /// Takes in what a record at `place` says.
    pub(super) fn change(&mut self, actor: ActorId, change: Change<'_>, place: Place) {
        if !self.is_now(actor) {
            return;
        }
        let journal = self.known.entry(actor).or_insert_with(|| Journal { seen: place, ..Journal::default() });
        match change {
            Change::Frame { header, is_copied } => journal.frame(header, is_copied, place),
            Change::Introduction => journal.introduced = Some(place),
            Change::Snapshot(sequence) => journal.snapshot(sequence, place),
            Change::SnapshotDelete(sequence) => journal.delete_snapshot(sequence),
            Change::DeleteThrough(through) => journal.delete_through(through, place),
            Change::Summary(summary) => journal.summarize(summary, place),
        }
        if place < self.covered {
            journal.cover(change);
        }
        self.until_measure -= 1;
        if self.until_measure == 0 {
            self.measure();
        }
    }

    /// Puts actors off to later walks when there are too many. Only the first walk does: what it could hold of a part
    /// by its end, a later walk can hold too.
    fn measure(&mut self) {
        // Counting all is as much work as so many changes: once for each doubling is cheap, hence the second bound.
        self.until_measure = MEASURE_EVERY.max(u32::try_from(self.known.len() / 4).unwrap_or(u32::MAX));
        while self.part == 0 && self.parts < PARTS_MAX && self.cost_bytes() > self.memory_bytes_max {
            self.parts *= 2;
            let (parts, part) = (self.parts, self.part);
            self.known.retain(|actor, _| {
                let number = actor.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                number % parts == part
            });
        }
    }

    fn cost_bytes(&self) -> usize {
        self.known.values().map(Journal::cost_bytes).sum()
    }
}
