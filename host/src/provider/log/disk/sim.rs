//! A directory in memory that can be cut off from power at any write or sync, from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, DiskLock};
use crate::vocab::Timestamp;

/// What a disk writes at once: a torn write tears here, or, on request of the seed, at any byte.
const SECTOR_BYTES: usize = 512;

/// A simulated directory. Cloning shares it; an image after a crash is a disk of its own.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<SimState>>,
    locked: Arc<AtomicBool>,
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
    /// The step at which the power goes; that step and all after it fail.
    crash_at: Option<u64>,
    failing_syncs: u32,
    failing_writes: u32,
    lying_syncs: bool,
    /// Bytes that all files may have together.
    capacity: Option<u64>,
}

#[derive(Debug, Default, Clone)]
struct SimFile {
    /// What a power cut leaves for certain.
    synced: Vec<u8>,
    /// What a reader sees.
    current: Vec<u8>,
    /// Writes since the last sync, in order: where, and what.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Writes that a failed sync was about, in order: the system shows them and has forgotten that it had to write them,
    /// so later syncs succeed and prove nothing of them. Written again, they are as good as any.
    forgotten: Vec<(usize, Vec<u8>)>,
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

    /// Cuts the power at that step (counted from the beginning): it fails, and everything after it.
    pub fn crash_at(&self, step: u64) {
        self.lock_state().crash_at = Some(step);
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
        let file = SimFile { synced: content.clone(), current: content, ..SimFile::default() };
        self.lock_state().files.insert(name.to_owned(), file);
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
        Self::of(SimState { files, ..SimState::default() })
    }

    fn of(state: SimState) -> Self {
        Self { state: Arc::new(Mutex::new(state)), locked: Arc::default() }
    }

    fn lock_state(&self) -> MutexGuard<'_, SimState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step; fails if the power is off.
    fn step(&self) -> io::Result<MutexGuard<'_, SimState>> {
        let mut state = self.lock_state();
        state.steps += 1;
        if state.has_power() { Ok(state) } else { Err(io::Error::other("the power is off")) }
    }
}

impl SimState {
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

impl SimFile {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.current, at, bytes);
        self.unsynced.push((at, bytes.to_vec()));
    }

    fn sync(&mut self) {
        for (at, bytes) in std::mem::take(&mut self.unsynced) {
            put(&mut self.synced, at, &bytes);
            for (place, forgotten) in &mut self.forgotten {
                overlay(*place, forgotten, at, &bytes);
            }
        }
    }

    fn fail_sync(&mut self) {
        self.forgotten.append(&mut self.unsynced);
    }

    fn after_kill(&self) -> Self {
        // The system still has to write the unsynced part: it stays unsynced for a later power cut.
        self.clone()
    }

    fn after_power_cut(&self, seed: &mut Seed) -> Self {
        let mut left = self.synced.clone();
        for (at, bytes) in self.forgotten.iter().chain(&self.unsynced) {
            match seed.below(4) {
                0 => {}
                1 => put(&mut left, *at, bytes),
                2 => {
                    for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                        if seed.below(2) == 0 {
                            put(&mut left, at + index * SECTOR_BYTES, sector);
                        }
                    }
                }
                _ => {
                    let kept = usize::try_from(seed.below(bytes.len() as u64 + 1)).unwrap_or(0);
                    put(&mut left, *at, bytes.get(..kept).unwrap_or_default());
                }
            }
        }
        Self { synced: left.clone(), current: left, ..Self::default() }
    }
}

/// Copies what `bytes` at `at` have in common with `under` at `place` over it.
fn overlay(place: usize, under: &mut [u8], at: usize, bytes: &[u8]) {
    for (offset, byte) in under.iter_mut().enumerate() {
        if let Some(newer) = (place + offset).checked_sub(at).and_then(|index| bytes.get(index)) {
            *byte = *newer;
        }
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end && !bytes.is_empty() {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(at..end) {
        place.copy_from_slice(bytes);
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
        let mut state = self.step()?;
        if state.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.insert(name.to_owned(), SimFile::default());
        state.created.insert(name.to_owned());
        Ok(Arc::new(SimHandle { disk: self.clone(), name: name.to_owned() }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.lock_state().file(name)?;
        Ok(Arc::new(SimHandle { disk: self.clone(), name: name.to_owned() }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.step()?;
        let file = state.files.remove(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        if !state.created.remove(name) {
            state.removed.insert(name.to_owned(), file);
        }
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.step()?;
        state.created.clear();
        state.removed.clear();
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

impl DiskFile for SimHandle {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.lock_state().file(&self.name)?.current.len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.lock_state();
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let bytes = state.file(&self.name)?.current.get(at..at + into.len());
        into.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let mut state = self.disk.lock_state();
        state.steps += 1;
        if !state.has_power() {
            // The power goes during this write: any part of it may be there. Later ones never begin.
            if state.crash_at == Some(state.steps) {
                state.file(&self.name)?.write(at, bytes);
            }
            return Err(io::Error::other("the power is off"));
        }
        if state.failing_writes > 0 {
            state.failing_writes -= 1;
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            state.file(&self.name)?.write(at, half);
            return Err(io::Error::other("the disk refused a write"));
        }
        let length = state.file(&self.name)?.current.len();
        let growth = (at + bytes.len()).saturating_sub(length) as u64;
        if growth > 0 && state.capacity.is_some_and(|capacity| state.used_bytes() + growth > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.file(&self.name)?.write(at, bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.step()?;
        if state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            state.file(&self.name)?.fail_sync();
            return Err(io::Error::other("the disk refused a sync"));
        }
        if !state.lying_syncs {
            state.file(&self.name)?.sync();
        }
        Ok(())
    }
}
