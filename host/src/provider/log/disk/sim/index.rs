//! The index store of a simulated disk: what a commit wrote is there whole or not at all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fault::Step;
use super::{SimDisk, SimState};
use crate::provider::log::disk::memory_index::{Entries, MemoryView, apply};
use crate::provider::log::disk::{IndexBatch, IndexStore, IndexView};

/// What the index store holds.
#[derive(Debug, Default, Clone)]
pub(super) struct SimIndexState {
    /// What a power cut leaves for certain.
    synced: Arc<Entries>,
    /// What a reader sees.
    current: Arc<Entries>,
    /// The batch during whose commit the power went.
    unsure: Option<IndexBatch>,
    /// Commits fail.
    pub(super) is_failing: bool,
    /// The next commit is made and told as a failure.
    is_told_wrong: bool,
    /// Opening it fails until it is discarded.
    pub(super) is_unusable: bool,
}

/// Which of the two index stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Old,
    /// The one that is to take its place.
    New,
}

/// An index store in one opening of it.
#[derive(Debug)]
pub(super) struct SimIndex {
    disk: SimDisk,
    which: Which,
    /// A commit failed: nothing is committed any more before it is opened again.
    has_failed: AtomicBool,
}

impl SimIndex {
    pub(super) fn new(disk: SimDisk, which: Which) -> Self {
        Self { disk, which, has_failed: AtomicBool::new(false) }
    }
}

impl SimIndexState {
    /// As a crash leaves it; `is_written`: whether the commit that it interrupted is there.
    pub(super) fn left(&self, is_power_cut: bool, is_written: bool) -> Self {
        let mut synced = Arc::clone(&self.synced);
        let mut current = if is_power_cut { Arc::clone(&synced) } else { Arc::clone(&self.current) };
        if let Some(unsure) = self.unsure.as_ref().filter(|_| is_written) {
            // It cannot be there without those in front of it.
            current = Arc::clone(&self.current);
            apply(Arc::make_mut(&mut current), unsure);
            synced = Arc::clone(&current);
        }
        Self { synced, current, is_unusable: self.is_unusable, ..Self::default() }
    }

    fn entries(&mut self) -> [&mut Entries; 2] {
        [Arc::make_mut(&mut self.synced), Arc::make_mut(&mut self.current)]
    }
}

impl SimDisk {
    /// Every commit to the index store fails from now on, and changes nothing.
    pub fn fail_index_commits(&self) {
        self.lock_state().index.is_failing = true;
    }

    /// Commits to the index store succeed again, once it is opened again.
    pub fn allow_index_commits(&self) {
        self.lock_state().index.is_failing = false;
    }

    /// The next commit to the index store is made, and told as a failure.
    pub fn tell_index_commit_wrong(&self) {
        self.lock_state().index.is_told_wrong = true;
    }

    /// The index store does not open until it is discarded.
    pub fn break_index(&self) {
        self.lock_state().index.is_unusable = true;
    }

    /// Opening the index store fails so often, with an error of this kind.
    pub fn fail_index_opening(&self, times: u32, kind: io::ErrorKind) {
        self.lock_state().index_failures = (times, Some(kind));
    }

    /// Removes the index store, durably, as an operator may.
    pub fn remove_index(&self) {
        self.lock_state().index = SimIndexState::default();
    }

    /// The entries of the index store, by their keys with the table's number in front.
    #[must_use]
    pub fn index_entries(&self) -> Arc<Entries> {
        Arc::clone(&self.lock_state().index.current)
    }

    /// Puts an entry into the index store, durably; `None` removes it.
    pub fn put_index_entry(&self, key: &[u8], value: Option<&[u8]>) {
        for entries in self.lock_state().index.entries() {
            match value {
                Some(value) => entries.insert(key.to_vec(), value.to_vec()),
                None => entries.remove(key),
            };
        }
    }

    fn commit_index(&self, which: Which, batch: IndexBatch) -> io::Result<()> {
        let committed = self.step(Step::IndexCommit).map(|mut state| state.commit_index(which, &batch));
        let mut state = self.lock_state();
        if committed.is_err() && state.crash_at == Some(state.steps) {
            state.index_of(which).unsure = Some(batch);
        }
        committed?
    }
}

impl SimState {
    fn index_of(&mut self, which: Which) -> &mut SimIndexState {
        match which {
            Which::Old => &mut self.index,
            Which::New => &mut self.new_index,
        }
    }

    fn commit_index(&mut self, which: Which, batch: &IndexBatch) -> io::Result<()> {
        // What fails, fails for both: they are on one disk.
        if self.index.is_failing {
            return Err(io::Error::other("the index store refused a commit"));
        }
        let is_durable = !self.lying_syncs && !self.lies.contains(&self.steps);
        let is_told_wrong = std::mem::take(&mut self.index.is_told_wrong);
        let index = self.index_of(which);
        apply(Arc::make_mut(&mut index.current), batch);
        if is_durable {
            // Of one journal everything in front is durable too.
            index.synced = Arc::clone(&index.current);
        }
        if is_told_wrong {
            return Err(io::Error::other("the index store made a commit and says that it failed"));
        }
        Ok(())
    }
}

impl IndexStore for SimIndex {
    fn view(&self) -> Box<dyn IndexView> {
        Box::new(MemoryView(Arc::clone(&self.disk.lock_state().index_of(self.which).current)))
    }

    fn commit(&self, batch: IndexBatch) -> io::Result<()> {
        if self.has_failed.load(Ordering::SeqCst) {
            return Err(io::Error::other("the index store failed before"));
        }
        let committed = self.disk.commit_index(self.which, batch);
        self.has_failed.store(committed.is_err(), Ordering::SeqCst);
        committed
    }
}
