//! The part of the index that is in memory: what the index store does not hold yet, and what was used lately.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::super::summary::ActorSummary;
use super::mend::Failed;
use super::replay::Change;
use super::{ActorEntry, FrameEntry, LogPosition, Place, SnapshotEntry};
use crate::frame::FrameHeader;
use crate::provider::SnapshotMeta;
use crate::provider::directory::Directory;
use crate::vocab::{ActorId, Address, Sequence};

/// Entries that are looked at to put one out: more of them busy means that the checkpoint has to come first.
const EVICTION_LOOKS: usize = 2;
/// However small the bound in the settings is: an entry that was just taken in is not among those looked at.
const RESIDENT_MIN: usize = EVICTION_LOOKS + 1;

/// Where a catalog record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct CatalogEntry {
    pub(in super::super) place: Place,
    /// As the index store holds it: by which checkpoint, and where.
    pub(in super::super) stored: Option<(u64, Place)>,
}

/// What the lock protects of the index.
#[derive(Debug, Default)]
pub(in super::super) struct Index {
    /// What is in memory; the index store holds all others.
    pub(in super::super) actors: HashMap<ActorId, ActorEntry>,
    /// Actors that were looked for and do not exist.
    absent: HashSet<ActorId>,
    /// The actors in memory, in the order in which they are looked at to put one out.
    clock: VecDeque<ActorId>,
    /// How many actors may be in memory only because they were used.
    bound: usize,
    /// The actors that the index store does not hold yet.
    pub(in super::super) fresh: Directory,
    /// All of it: operators write it, not actors.
    pub(in super::super) catalog: BTreeMap<String, CatalogEntry>,
    /// Keys whose entry changed since the last checkpoint.
    pub(super) catalog_changed: BTreeSet<String>,
    /// What the index store holds of records that are deleted or replaced.
    pub(super) catalog_stale: Vec<(String, u64, Place)>,
    /// Frames that were copied to a new place; the old one is read until the next checkpoint.
    pub(super) relocated: HashMap<ActorId, Vec<FrameEntry>>,
    /// What a scan found of actors before it found who they are: the segment that said it is given up, and a summary
    /// follows further on.
    pub(super) early: HashMap<ActorId, Vec<Change>>,
    /// How much that is.
    pub(super) early_changes: usize,
    /// Entries of the table of scattered actors that are dealt with; the next checkpoint removes them.
    pub(super) gathered: Vec<Vec<u8>>,
    /// Actors that changed since the last checkpoint, each once.
    pub(super) dirty: Vec<ActorId>,
    /// What changed since the last checkpoint, roughly what it costs in memory: one for each frame, deletion, snapshot.
    pub(in super::super) changes: usize,
    /// Bytes of log since then.
    pub(in super::super) lag_bytes: u64,
    /// When the first of them came.
    pub(super) changed_since: Option<Instant>,
    /// Segments that were given up on purpose.
    pub(in super::super) dropped: BTreeSet<u64>,
    /// The last batch that is in here.
    pub(in super::super) applied: LogPosition,
    /// The last checkpoint.
    pub(in super::super) generation: u64,
    /// Where the log was then: everything up to there is in the index store.
    pub(in super::super) covered: LogPosition,
    /// Bytes of live records by segment, as of the last checkpoint.
    pub(in super::super) live: Arc<BTreeMap<u64, u64>>,
    /// The last checkpoint failed.
    pub(in super::super) failed: Option<Failed>,
}

impl Index {
    /// An empty index that keeps about so many actors in memory.
    pub(in super::super) fn new(bound: usize) -> Self {
        Self { bound: bound.max(RESIDENT_MIN), ..Self::default() }
    }

    /// How many actors may be in memory only because they were used.
    pub(in super::super) const fn bound(&self) -> usize {
        self.bound
    }

    /// Whether memory says all there is to say about an actor: that it is as in `actors`, or does not exist.
    pub(in super::super) fn knows(&self, actor: ActorId) -> bool {
        self.actors.contains_key(&actor) || self.absent.contains(&actor)
    }

    /// Whether the actor was looked for and does not exist.
    pub(in super::super) fn is_absent(&self, actor: ActorId) -> bool {
        self.absent.contains(&actor)
    }

    /// Takes in what the index store said of an actor that is not in memory.
    pub(in super::super) fn insert_loaded(&mut self, actor: ActorId, loaded: Option<ActorEntry>) {
        match loaded {
            Some(entry) => self.insert(actor, entry),
            None => {
                if self.absent.len() >= self.bound {
                    self.absent.clear();
                }
                self.absent.insert(actor);
            }
        }
    }

    fn insert(&mut self, actor: ActorId, entry: ActorEntry) {
        self.absent.remove(&actor);
        self.actors.insert(actor, entry);
        self.clock.push_back(actor);
        self.evict(EVICTION_LOOKS);
    }

    /// Puts idle entries out of memory while there are too many; looks at no more than `looks`.
    pub(super) fn evict(&mut self, looks: usize) {
        for _ in 0..looks {
            if self.actors.len() <= self.bound {
                return;
            }
            let Some(actor) = self.clock.pop_front() else { return };
            let Some(entry) = self.actors.get_mut(&actor) else { continue };
            if entry.is_idle() && !entry.is_used {
                self.actors.remove(&actor);
            } else {
                entry.is_used = false;
                self.clock.push_back(actor);
            }
        }
    }

    /// Adds an actor; adding it again changes nothing.
    pub(in super::super) fn add_actor(&mut self, actor: ActorId, address: &Arc<Address>) -> Option<&mut ActorEntry> {
        if !self.actors.contains_key(&actor) {
            self.fresh.insert(address, actor);
            self.insert(actor, ActorEntry::new(Arc::clone(address)));
        }
        self.actors.get_mut(&actor)
    }

    /// Keeps an entry in memory for a queued operation.
    pub(in super::super) fn pin(&mut self, actor: ActorId) {
        if let Some(entry) = self.actors.get_mut(&actor) {
            entry.pins += 1;
        }
    }

    /// The operation is done.
    pub(in super::super) fn unpin(&mut self, actor: ActorId) {
        if let Some(entry) = self.actors.get_mut(&actor) {
            entry.pins = entry.pins.saturating_sub(1);
        }
    }

    /// Forgets that something of an actor was queued: its journal ends where the stored one does.
    pub(in super::super) fn forget_queued(&mut self, actor: ActorId) {
        let Some(entry) = self.actors.get_mut(&actor) else { return };
        entry.queued = entry.head.sequence;
        // Its address was queued too, so it must be introduced again.
        if entry.is_new() {
            self.fresh.remove(&entry.address);
            self.actors.remove(&actor);
            self.absent.insert(actor);
        }
    }

    /// The same for all actors.
    pub(in super::super) fn forget_all_queued(&mut self) {
        for entry in self.actors.values_mut() {
            entry.queued = entry.head.sequence;
            entry.pins = 0;
        }
    }

    /// Changes an entry so that the next checkpoint writes it.
    pub(super) fn change(&mut self, actor: ActorId, change: impl FnOnce(&mut ActorEntry)) {
        let Some(entry) = self.actors.get_mut(&actor) else { return };
        change(entry);
        entry.is_used = true;
        if !entry.is_dirty {
            entry.is_dirty = true;
            self.dirty.push(actor);
        }
        self.count_change();
    }

    pub(super) fn count_change(&mut self) {
        self.changes += 1;
        if self.changed_since.is_none() {
            self.changed_since = Some(Instant::now());
        }
    }

    /// The record that introduces an actor lies at `place`.
    pub(in super::super) fn introduce(&mut self, actor: ActorId, place: Place) {
        self.change(actor, |entry| entry.introduced = place);
    }

    pub(in super::super) fn add_frame(&mut self, header: &FrameHeader, place: Place) {
        self.change(header.actor, |entry| entry.add_frame(header, place));
    }

    pub(in super::super) fn add_snapshot(&mut self, actor: ActorId, meta: SnapshotMeta, place: Place) {
        self.change(actor, |entry| entry.add_snapshot(SnapshotEntry { meta, place }));
    }

    pub(in super::super) fn delete_snapshot(&mut self, actor: ActorId, sequence: Sequence) {
        self.change(actor, |entry| entry.snapshots.retain(|snapshot| snapshot.meta.sequence != sequence));
    }

    pub(in super::super) fn delete_through(&mut self, actor: ActorId, through: Sequence) {
        self.change(actor, |entry| entry.delete_through(through));
    }

    /// Frames of an actor have been copied to new places. Readers use the old ones until the next checkpoint.
    pub(in super::super) fn relocate(&mut self, actor: ActorId, frames: impl IntoIterator<Item = FrameEntry>) {
        let relocated = self.relocated.entry(actor).or_default();
        let before = relocated.len();
        relocated.extend(frames);
        self.changes += relocated.len() - before;
        self.count_change();
    }

    /// Takes in a summary that is stored at `place`.
    pub(in super::super) fn summarize(&mut self, summary: &ActorSummary, place: Place) {
        self.change(summary.actor, |entry| entry.summarize(summary, place));
    }

    /// Upkeep has looked at a scattered actor, whose entry is `key`: nothing more is to be done about it.
    pub(in super::super) fn gather(&mut self, key: Vec<u8>) {
        self.gathered.push(key);
        self.count_change();
    }

    /// Whether any frames were copied since the last checkpoint.
    pub(in super::super) fn is_moving(&self) -> bool {
        !self.relocated.is_empty()
    }

    /// The frames of an actor that were copied since the last checkpoint, by their first numbers.
    pub(in super::super) fn moving(&self, actor: ActorId) -> HashSet<Sequence> {
        self.relocated.get(&actor).into_iter().flatten().map(|frame| frame.first).collect()
    }

    pub(in super::super) fn put_catalog(&mut self, key: &str, place: Place) {
        let stored = self.catalog.get(key).and_then(|known| known.stored);
        self.catalog.insert(key.to_owned(), CatalogEntry { place, stored });
        self.catalog_changed.insert(key.to_owned());
        self.count_change();
    }

    pub(in super::super) fn delete_catalog(&mut self, key: &str) {
        if let Some((generation, place)) = self.catalog.remove(key).and_then(|known| known.stored) {
            self.catalog_stale.push((key.to_owned(), generation, place));
        }
        self.catalog_changed.remove(key);
        self.count_change();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Arc<Address> {
        Arc::new(Address::new("tenant", "kind", "one").expect("legal"))
    }

    #[test]
    fn a_failed_write_forgets_an_actor_only_if_its_address_is_not_stored() {
        let (one, mut index) = (one(), Index::new(8));
        index.add_actor(one.id(), &one);
        index.forget_queued(one.id());
        assert!(index.is_absent(one.id()), "nothing of it was stored");
        index.add_actor(one.id(), &one);
        index.introduce(one.id(), Place { segment: 1, offset: 100, length: 20 });
        index.delete_through(one.id(), Sequence(7));
        index.forget_queued(one.id());
        assert_eq!(index.actors.get(&one.id()).map(|entry| entry.head.deleted_through), Some(Sequence(7)));
    }
}
