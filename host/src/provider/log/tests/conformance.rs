//! The promises of every provider, on a simulated disk in each durability, and on real files.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::provider::conformance::{Fault, Faults, Handles, Hold, Offer, Place, Space};
use crate::provider::log::disk::{Disk, DiskFile, DiskLock, IndexMemory, IndexStore, SimDisk};
use crate::provider::log::{LogProvider, LogSettings, Maintenance, segment};
use crate::provider::{Durability, SharedProvider, StoreError};
use crate::vocab::Timestamp;

const RECORD_BYTES_MAX: usize = /* 2 MiB */ 2 * 1_024 * 1_024;

fn settings(durability: Durability) -> LogSettings {
    LogSettings {
        durability,
        // Small enough that a short history begins new files.
        segment_bytes: /* 16 KiB */ 16 * 1_024,
        first_segment_bytes: /* 16 KiB */ 16 * 1_024,
        record_bytes_max: RECORD_BYTES_MAX,
        // The order of the storage calls must follow from the history alone.
        prepare_ahead: false,
        maintain: false,
        flush_every_ms: 20,
        upkeep_percent: 100,
        ..LogSettings::default()
    }
}

/// The same with a memory that holds next to nothing, so that everything goes through the index store all the time.
fn forgetful(durability: Durability) -> LogSettings {
    LogSettings {
        maintain: true,
        resident_actors: 1,
        checkpoint_changes: 2,
        checkpoint_every_ms: 1,
        merge_reads_min: 3,
        ..settings(durability)
    }
}

/// A log on a simulated disk that fails on request.
#[derive(Debug)]
pub(crate) struct SimPlace {
    disk: SimDisk,
    trouble: Arc<Trouble>,
    kept: Durability,
    settings: fn(Durability) -> LogSettings,
    /// What the place claims; another one than the store's in tests of the kit.
    claimed: Durability,
    opened: Opened,
}

/// The store that was opened last, for its upkeep.
#[derive(Debug, Default)]
struct Opened(Mutex<Weak<LogProvider>>);

impl Opened {
    fn remember(&self, provider: Arc<LogProvider>) -> SharedProvider {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&provider);
        provider
    }

    /// Gives back what can be given back.
    async fn compact(&self) {
        let provider = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(provider) = provider {
            provider.maintain(Maintenance::Compact).await.expect("upkeep works");
        }
    }
}

/// What is to go wrong.
#[derive(Debug, Default)]
struct Trouble {
    state: Mutex<State>,
    going: Condvar,
    reads_to_fail: AtomicU32,
    /// Failed syncs are told as successes: a defect, for tests of the kit.
    pub(crate) swallows_failed_syncs: bool,
}

#[derive(Debug, Default)]
struct State {
    planned: Option<(u64, Fault)>,
    is_waiting: bool,
}

impl Trouble {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while storage is held; the fault of the call after `steps` others, if it has one.
    fn next_call(&self, steps: u64) -> Option<Fault> {
        let mut state = self.lock();
        while state.is_waiting {
            state = self.going.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let due = state.planned.filter(|(call, _)| steps + 1 >= *call).map(|(_, fault)| fault);
        if due.is_some() {
            state.planned = None;
        }
        due
    }

    fn read(&self) -> io::Result<()> {
        let take = |left: u32| left.checked_sub(1);
        let failed = self.reads_to_fail.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        if failed { Err(io::Error::other("injected: the disk refused a read")) } else { Ok(()) }
    }
}

impl SimPlace {
    pub(crate) fn new(durability: Durability) -> Self {
        Self {
            disk: SimDisk::new(),
            trouble: Arc::default(),
            kept: durability,
            settings,
            claimed: durability,
            opened: Opened::default(),
        }
    }

    /// A store whose memory holds next to nothing.
    pub(crate) fn forgetful(durability: Durability) -> Self {
        Self { settings: forgetful, ..Self::new(durability) }
    }

    /// A store that promises more than it keeps.
    pub(crate) fn claiming_sync(durability: Durability) -> Self {
        Self { claimed: Durability::Sync, ..Self::new(durability) }
    }

    /// A disk that forgets what it was asked to sync.
    pub(crate) fn with_lying_syncs() -> Self {
        let place = Self::new(Durability::Sync);
        place.disk.lie_about_syncs();
        place
    }

    /// A store that does not notice failed syncs.
    pub(crate) fn swallowing_failed_syncs() -> Self {
        let trouble = Trouble { swallows_failed_syncs: true, ..Trouble::default() };
        Self { trouble: Arc::new(trouble), ..Self::new(Durability::Sync) }
    }

    fn left(&self, disk: SimDisk) -> Offer<Box<dyn Place>> {
        let (kept, settings, claimed) = (self.kept, self.settings, self.claimed);
        let (trouble, opened) = (Arc::default(), Opened::default());
        Offer::Offered(Box::new(Self { disk, trouble, kept, settings, claimed, opened }))
    }
}

impl Place for SimPlace {
    fn open(&self) -> BoxFuture<'_, Result<SharedProvider, StoreError>> {
        let disk = FaultyDisk { disk: self.disk.clone(), trouble: Arc::clone(&self.trouble) };
        let opened = LogProvider::open_on(Arc::new(disk), (self.settings)(self.kept));
        ready(opened.map(|provider| self.opened.remember(provider))).boxed()
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }

    fn durability(&self) -> Durability {
        self.claimed
    }

    fn handles(&self) -> Offer<Handles> {
        Offer::Offered(Handles::Exclusive)
    }

    fn after_kill(&self) -> Offer<Box<dyn Place>> {
        self.left(self.disk.after_kill())
    }

    fn after_power_cut(&self, seed: u64) -> Offer<Box<dyn Place>> {
        self.left(self.disk.after_power_cut(seed))
    }

    fn faults(&self) -> Offer<&dyn Faults> {
        Offer::Offered(self)
    }

    fn used_bytes(&self) -> BoxFuture<'_, Offer<u64>> {
        async move {
            self.opened.compact().await;
            let names = Disk::names(&self.disk).unwrap_or_default();
            let sizes = names.iter().filter_map(|name| self.disk.content(name)).map(|content| content.len() as u64);
            Offer::Offered(sizes.sum())
        }
        .boxed()
    }

    fn of_a_newer_format(&self) -> Offer<Box<dyn Place>> {
        let newer = SimDisk::new();
        drop(LogProvider::open_on(Arc::new(newer.clone()), settings(self.kept)));
        let name = segment::name(1);
        let Some(mut content) = newer.content(&name) else { return Offer::Declined("there is no first segment") };
        content[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        let checksum = crc32c::crc32c(&content[..segment::HEADER_BYTES - 4]).to_le_bytes();
        content[segment::HEADER_BYTES - 4..segment::HEADER_BYTES].copy_from_slice(&checksum);
        newer.put(&name, content);
        self.left(newer)
    }

    fn fingerprint(&self) -> Offer<Vec<u8>> {
        let names = Disk::names(&self.disk).unwrap_or_default();
        let contents = names.iter().map(|name| (name, self.disk.content(name)));
        Offer::Offered(contents.flat_map(|content| format!("{content:?}").into_bytes()).collect())
    }
}

impl Faults for SimPlace {
    fn calls(&self) -> u64 {
        self.disk.steps()
    }

    fn fail(&self, call: u64, fault: Fault) {
        self.trouble.lock().planned = Some((call, fault));
    }

    fn cut(&self, call: u64) -> Offer<()> {
        self.disk.crash_at(call);
        Offer::Offered(())
    }

    fn fail_reads(&self, count: u32) -> Offer<()> {
        self.trouble.reads_to_fail.store(count, Ordering::SeqCst);
        Offer::Offered(())
    }

    fn corrupt(&self, marker: &[u8]) -> Offer<usize> {
        let mut copies = 0;
        for name in Disk::names(&self.disk).unwrap_or_default() {
            let content = self.disk.content(&name).unwrap_or_default();
            let places = content.windows(marker.len()).enumerate().filter(|(_, bytes)| *bytes == marker);
            for (at, _) in places {
                self.disk.flip(&name, at, 0);
                copies += 1;
            }
        }
        Offer::Offered(copies)
    }

    fn fill(&self, space: Space) -> Offer<()> {
        self.disk.limit_capacity((space == Space::Full).then_some(0));
        Offer::Offered(())
    }

    fn hold(&self, hold: Hold) -> Offer<()> {
        if self.claimed == Durability::Memory {
            return Offer::Declined("in `memory` an acknowledgement does not wait for the write, by design");
        }
        self.trouble.lock().is_waiting = hold == Hold::Waiting;
        self.trouble.going.notify_all();
        Offer::Offered(())
    }
}

/// The simulated disk behind the trouble of a place.
#[derive(Debug)]
struct FaultyDisk {
    disk: SimDisk,
    trouble: Arc<Trouble>,
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn DiskFile>,
    disk: SimDisk,
    trouble: Arc<Trouble>,
}

impl FaultyDisk {
    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { file, disk: self.disk.clone(), trouble: Arc::clone(&self.trouble) })
    }

    /// One change, or its fault: a change of names has no half.
    fn change<T>(&self, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.trouble.next_call(self.disk.steps()) {
            None => change(),
            Some(Fault::After) => change().and_then(|_| Err(injected())),
            Some(Fault::Before | Fault::Halfway) => Err(injected()),
        }
    }
}

fn injected() -> io::Error {
    io::Error::other("injected: the disk refused")
}

impl Disk for FaultyDisk {
    fn place(&self) -> String {
        self.disk.place()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.disk.lock()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.change(|| self.disk.create(name)).map(|file| self.file(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(name).map(|file| self.file(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|| self.disk.remove(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.change(|| self.disk.sync_names())
    }

    fn open_index(&self, memory: IndexMemory) -> io::Result<Arc<dyn IndexStore>> {
        self.disk.open_index(memory)
    }

    fn open_new_index(&self, memory: IndexMemory) -> io::Result<Arc<dyn IndexStore>> {
        self.disk.open_new_index(memory)
    }

    fn replace_index(&self) -> io::Result<()> {
        self.disk.replace_index()
    }

    fn discard_new_index(&self) -> io::Result<()> {
        self.disk.discard_new_index()
    }

    fn now(&self) -> Timestamp {
        self.disk.now()
    }

    fn random(&self) -> u64 {
        self.disk.random()
    }
}

impl DiskFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.trouble.read()?;
        self.file.read_at(at, into)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        match self.trouble.next_call(self.disk.steps()) {
            None => self.file.write_at(at, bytes),
            Some(Fault::Before) => Err(injected()),
            Some(Fault::Halfway) => self.file.write_at(at, &bytes[..bytes.len() / 2]).and_then(|()| Err(injected())),
            Some(Fault::After) => self.file.write_at(at, bytes).and_then(|()| Err(injected())),
        }
    }

    fn sync(&self) -> io::Result<()> {
        match self.trouble.next_call(self.disk.steps()) {
            None => self.file.sync(),
            Some(Fault::After) => self.file.sync().and_then(|()| Err(injected())),
            // The system forgets what it could not write: a later sync succeeds and proves nothing.
            Some(Fault::Before | Fault::Halfway) => {
                self.disk.fail_syncs(1);
                let failed = self.file.sync();
                if self.trouble.swallows_failed_syncs { Ok(()) } else { failed }
            }
        }
    }
}

/// A log in a directory of this machine.
#[derive(Debug)]
pub(crate) struct FilesPlace {
    dir: Arc<tempfile::TempDir>,
    opened: Opened,
}

impl FilesPlace {
    pub(crate) fn new() -> Self {
        Self { dir: Arc::new(tempfile::tempdir().expect("a temporary directory")), opened: Opened::default() }
    }
}

impl Place for FilesPlace {
    fn open(&self) -> BoxFuture<'_, Result<SharedProvider, StoreError>> {
        let settings =
            LogSettings { dir: self.dir.path().to_owned(), prepare_ahead: true, ..settings(Durability::Sync) };
        let segments = /* 256 KiB */ 256 * 1_024;
        let settings = LogSettings { segment_bytes: segments, first_segment_bytes: segments, ..settings };
        ready(LogProvider::open(settings).map(|provider| self.opened.remember(provider))).boxed()
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }

    fn handles(&self) -> Offer<Handles> {
        Offer::Offered(Handles::Exclusive)
    }

    /// A provider that is dropped ends as in a crash; the system keeps what was written.
    fn after_kill(&self) -> Offer<Box<dyn Place>> {
        Offer::Offered(Box::new(Self { dir: Arc::clone(&self.dir), opened: Opened::default() }))
    }

    fn after_power_cut(&self, _seed: u64) -> Offer<Box<dyn Place>> {
        Offer::Declined("real power cannot be cut from a test: the same code is cut on the simulated disk")
    }

    fn faults(&self) -> Offer<&dyn Faults> {
        Offer::Declined("a real disk does not fail on request: the same code is made to fail on the simulated disk")
    }

    fn used_bytes(&self) -> BoxFuture<'_, Offer<u64>> {
        async move {
            self.opened.compact().await;
            let entries = std::fs::read_dir(self.dir.path()).expect("the directory is there");
            let files = entries.filter_map(|entry| entry.ok()?.metadata().ok()).filter(std::fs::Metadata::is_file);
            Offer::Offered(files.map(|file| file.len()).sum())
        }
        .boxed()
    }

    fn of_a_newer_format(&self) -> Offer<Box<dyn Place>> {
        Offer::Declined("the store of a newer format is made on the simulated disk, which the same code opens")
    }
}

mod sync {
    use super::*;
    crate::provider_conformance!(SimPlace::new(Durability::Sync));
}

mod forgetful_sync {
    use super::*;
    crate::provider_conformance!(SimPlace::forgetful(Durability::Sync));
}

mod forgetful_memory {
    use super::*;
    crate::provider_conformance!(SimPlace::forgetful(Durability::Memory));
}

mod flush {
    use super::*;
    crate::provider_conformance!(SimPlace::new(Durability::Flush));
}

mod memory {
    use super::*;
    crate::provider_conformance!(SimPlace::new(Durability::Memory));
}

mod files {
    use super::*;
    crate::provider_conformance!(FilesPlace::new());
}
