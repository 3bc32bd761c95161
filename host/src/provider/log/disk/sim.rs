//! A directory in memory that can be cut off from power at any write or sync, from a seed.

mod fault;
mod file;
mod gate;
mod index;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::fault::{Fault, FaultKind, Step};
use self::file::SimFile;
use self::gate::Gate;
use self::index::{SimIndex, SimIndexState, Which};
use super::{Disk, DiskFile, DiskLock, IndexMemory, IndexStore, useless};
use crate::vocab::Timestamp;

/// A simulated directory. Cloning shares it; an image after a crash is a disk of its own.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<SimState>>,
    locked: Arc<AtomicBool>,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct SimState {
    files: BTreeMap<String, SimFile>,
    /// Files whose removal is not durable yet, as they were when they were last synced.
    removed: BTreeMap<String, SimFile>,
    /// Files whose creation is not durable yet.
    created: BTreeSet<String>,
    /// Writes, syncs, creations and removals so far.
    steps: u64,
    /// What each of them was.
    trace: Vec<Step>,
    /// What goes wrong, and at which steps.
    fault: Option<Fault>,
    /// Steps whose syncs succeed and make nothing durable.
    lies: BTreeSet<u64>,
    failing_reads: u32,
    /// The step at which the power goes; that step and all after it fail.
    crash_at: Option<u64>,
    failing_syncs: u32,
    failing_writes: u32,
    lying_syncs: bool,
    early_syncs: bool,
    /// Bytes that all files may have together.
    capacity: Option<u64>,
    index: SimIndexState,
    /// The one that is to take its place.
    new_index: SimIndexState,
    /// Openings of the index store that fail, and with what.
    index_failures: (u32, Option<io::ErrorKind>),
    /// Files that are open, and how many may be.
    open_files: usize,
    open_files_max: Option<usize>,
}

#[derive(Debug)]
struct SimHandle {
    disk: SimDisk,
    name: String,
}

#[derive(Debug)]
struct SimLock(Arc<AtomicBool>);

/// A small generator (SplitMix64): the whole crash follows from its seed.
#[derive(Debug, Clone, Copy)]
pub struct Seed(pub u64);

impl Seed {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (which is at least 1).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }
}

impl SimDisk {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes, syncs, creations and removals so far: the points at which a crash can be placed.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.lock_state().steps
    }

    /// Whether a sync has lied.
    #[must_use]
    pub fn has_lied(&self) -> bool {
        let state = self.lock_state();
        state.lying_syncs || state.lies.iter().any(|step| *step <= state.steps)
    }

    /// Cuts the power at that step (counted from the beginning): it fails, and everything after it.
    pub fn crash_at(&self, step: u64) {
        self.lock_state().crash_at = Some(step);
    }

    /// What every step so far was, the first one first: the same seed gives the same steps.
    #[must_use]
    pub fn trace(&self) -> Vec<Step> {
        self.lock_state().trace.clone()
    }

    /// Lets something go wrong at given steps.
    pub fn fail(&self, fault: Fault) {
        self.lock_state().fault = Some(fault);
    }

    /// Syncs at these steps succeed and make nothing durable.
    pub fn lie_at(&self, steps: impl IntoIterator<Item = u64>) {
        self.lock_state().lies.extend(steps);
    }

    /// Every sync comes before the last write that it was called after: a store that syncs too early.
    pub fn sync_before_write(&self) {
        self.lock_state().early_syncs = true;
    }

    /// The next `count` reads fail.
    pub fn fail_reads(&self, count: u32) {
        self.lock_state().failing_reads = count;
    }

    /// Lets the next step wait at a gate until [`SimDisk::release`]: so a test decides what is queued behind it.
    pub fn hold(&self) {
        self.gate.close();
    }

    /// Whether somebody stands at the gate.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.gate.is_waited_at()
    }

    /// Opens the gate.
    pub fn release(&self) {
        self.gate.open();
    }

    /// The next `count` syncs fail and make nothing durable.
    pub fn fail_syncs(&self, count: u32) {
        self.lock_state().failing_syncs = count;
    }

    /// The next `count` writes fail; half of each is written.
    pub fn fail_writes(&self, count: u32) {
        self.lock_state().failing_writes = count;
    }

    /// Syncs succeed and make nothing durable: a disk that a store cannot be safe on.
    pub fn lie_about_syncs(&self) {
        self.lock_state().lying_syncs = true;
    }

    /// Files may hold this many bytes together; `None`: any number.
    pub fn limit_capacity(&self, bytes: Option<u64>) {
        self.lock_state().capacity = bytes;
    }

    /// So many files may be open at the same time; `None`: any number.
    pub fn limit_open_files(&self, files: Option<usize>) {
        self.lock_state().open_files_max = files;
    }

    /// Flips one bit, durably.
    pub fn flip(&self, name: &str, at: usize, bit: u8) {
        if let Some(file) = self.lock_state().files.get_mut(name) {
            for bytes in [&mut file.synced, &mut file.current] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }

    /// What a reader sees of a file.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.lock_state().files.get(name).map(|file| file.current.clone())
    }

    /// Puts a file there, durably.
    pub fn put(&self, name: &str, content: Vec<u8>) {
        self.lock_state().files.insert(name.to_owned(), SimFile::durable(content));
    }

    /// The disk as a killed process leaves it: every write is there.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let state = self.lock_state();
        let files = state.files.iter().map(|(name, file)| (name.clone(), file.after_kill())).collect();
        Self::of(SimState {
            files,
            created: state.created.clone(),
            removed: state.removed.clone(),
            index: state.index.left(false, state.steps.is_multiple_of(2)),
            ..SimState::default()
        })
    }

    /// The disk as a power cut leaves it: what was synced, and of everything since an arbitrary part.
    #[must_use]
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let state = self.lock_state();
        let mut seed = Seed(seed);
        let mut files = BTreeMap::new();
        for (name, file) in &state.files {
            if !state.created.contains(name) || seed.below(2) == 0 {
                files.insert(name.clone(), file.after_power_cut(&mut seed));
            }
        }
        for (name, file) in &state.removed {
            if seed.below(2) == 0 {
                files.entry(name.clone()).or_insert_with(|| file.after_power_cut(&mut seed));
            }
        }
        let index = state.index.left(true, seed.below(2) == 0);
        Self::of(SimState { files, index, ..SimState::default() })
    }

    fn of(state: SimState) -> Self {
        Self { state: Arc::new(Mutex::new(state)), ..Self::default() }
    }

    /// Opens a file that is there, as long as another one may be open.
    fn handle(&self, state: &mut SimState, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        if state.open_files_max.is_some_and(|most| state.open_files >= most) {
            return Err(io::Error::other("too many open files"));
        }
        state.open_files += 1;
        Ok(Arc::new(SimHandle { disk: self.clone(), name: name.to_owned() }))
    }

    fn lock_state(&self) -> MutexGuard<'_, SimState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step; fails if the power is off or the disk refuses it.
    fn step(&self, step: Step) -> io::Result<MutexGuard<'_, SimState>> {
        self.gate.pass();
        let mut state = self.lock_state();
        state.count(step);
        if !state.has_power() {
            return Err(io::Error::other("the power is off"));
        }
        match state.fault_now() {
            Some(kind) if kind.refuses(step) => Err(kind.error()),
            _ => Ok(state),
        }
    }
}

impl SimState {
    fn count(&mut self, step: Step) {
        self.steps += 1;
        self.trace.push(step);
    }

    fn fault_now(&self) -> Option<FaultKind> {
        self.fault.filter(|fault| fault.is_at(self.steps)).map(|fault| fault.kind)
    }

    fn has_power(&self) -> bool {
        self.crash_at.is_none_or(|at| self.steps < at)
    }

    fn file(&mut self, name: &str) -> io::Result<&mut SimFile> {
        self.files.get_mut(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn used_bytes(&self) -> u64 {
        self.files.values().map(|file| file.current.len() as u64).sum()
    }
}

impl Disk for SimDisk {
    fn place(&self) -> String {
        "simulated".to_owned()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        let taken = self.locked.swap(true, Ordering::SeqCst);
        Ok((!taken).then(|| Box::new(SimLock(Arc::clone(&self.locked))) as Box<dyn DiskLock>))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.lock_state().files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.step(Step::Create)?;
        if state.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let handle = self.handle(&mut state, name)?;
        state.files.insert(name.to_owned(), SimFile::default());
        state.created.insert(name.to_owned());
        Ok(handle)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock_state();
        state.file(name)?;
        self.handle(&mut state, name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.step(Step::Remove)?;
        let file = state.files.remove(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        if !state.created.remove(name) {
            state.removed.insert(name.to_owned(), file);
        }
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.step(Step::SyncNames)?;
        state.created.clear();
        state.removed.clear();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let state = self.lock_state();
        Ok(state.capacity.map(|capacity| capacity.saturating_sub(state.used_bytes())))
    }

    fn open_index(&self, _: IndexMemory) -> io::Result<Arc<dyn IndexStore>> {
        let mut state = self.lock_state();
        if let (failing @ 1.., Some(kind)) = state.index_failures {
            state.index_failures.0 = failing - 1;
            return Err(kind.into());
        }
        if state.index.is_unusable {
            return Err(useless("the index store is broken"));
        }
        Ok(Arc::new(SimIndex::new(self.clone(), Which::Old)))
    }

    fn open_new_index(&self, _: IndexMemory) -> io::Result<Arc<dyn IndexStore>> {
        self.discard_new_index()?;
        Ok(Arc::new(SimIndex::new(self.clone(), Which::New)))
    }

    fn replace_index(&self) -> io::Result<()> {
        let mut state = self.step(Step::ReplaceIndex)?;
        state.index = std::mem::take(&mut state.new_index);
        Ok(())
    }

    fn discard_new_index(&self) -> io::Result<()> {
        self.lock_state().new_index = SimIndexState::default();
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn random(&self) -> u64 {
        0x0123_4567_89ab_cdef
    }
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        self.disk.lock_state().open_files -= 1;
    }
}

impl DiskFile for SimHandle {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.lock_state().file(&self.name)?.current.len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.lock_state();
        if state.failing_reads > 0 {
            state.failing_reads -= 1;
            return Err(io::Error::other("the disk refused a read"));
        }
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let bytes = state.file(&self.name)?.current.get(at..at + into.len());
        into.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        self.disk.gate.pass();
        let mut state = self.disk.lock_state();
        state.count(Step::Write);
        if !state.has_power() {
            // The power goes during this write: any part of it may be there. Later ones never begin.
            if state.crash_at == Some(state.steps) {
                state.file(&self.name)?.write(at, bytes);
            }
            return Err(io::Error::other("the power is off"));
        }
        let length = state.file(&self.name)?.length();
        let growth = (at + bytes.len()).saturating_sub(length) as u64;
        if let Some(kind) = state.fault_now().filter(|kind| kind.refuses_write(growth)) {
            let written = kind.written_of(bytes);
            state.file(&self.name)?.write(at, written);
            return Err(kind.error());
        }
        if state.failing_writes > 0 {
            state.failing_writes -= 1;
            state.file(&self.name)?.write(at, FaultKind::Short.written_of(bytes));
            return Err(FaultKind::Short.error());
        }
        if growth > 0 && state.capacity.is_some_and(|capacity| state.used_bytes() + growth > capacity) {
            return Err(FaultKind::Full.error());
        }
        state.file(&self.name)?.write(at, bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.gate.pass();
        let mut state = self.disk.lock_state();
        state.count(Step::Sync);
        if !state.has_power() {
            return Err(io::Error::other("the power is off"));
        }
        let refused = state.fault_now().filter(|kind| kind.refuses(Step::Sync)).map(FaultKind::error);
        let refused = refused.or_else(|| {
            state.failing_syncs = state.failing_syncs.checked_sub(1)?;
            Some(FaultKind::Refused.error())
        });
        if let Some(error) = refused {
            state.file(&self.name)?.fail_sync();
            return Err(error);
        }
        if !state.lying_syncs && !state.lies.contains(&state.steps) {
            let keep_last = state.early_syncs;
            state.file(&self.name)?.sync(keep_last);
        }
        Ok(())
    }
}
