//! A directory of the machine.
#![expect(clippy::disallowed_methods, reason = "this is the provider's Disk")]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fjall_index::FjallIndex;
use super::{Disk, DiskFile, DiskLock, IndexMemory, IndexStore};
use crate::vocab::{Clock, SystemClock, Timestamp};

/// The file whose lock says that a process has the directory open. It stays when the process ends.
pub(in crate::provider::log) const LOCK_NAME: &str = "LOCK";
/// The directory of the index store.
pub(in crate::provider::log) const INDEX_NAME: &str = "index";
/// An index store that is being built, to take the place of the other.
pub(in crate::provider::log) const NEW_INDEX_NAME: &str = "index.new";
/// An index store that is being removed; it is never opened.
pub(in crate::provider::log) const DISCARDED_NAME: &str = "index.discarded";

/// A directory of the machine.
#[derive(Debug)]
pub struct RealDisk {
    dir: PathBuf,
}

/// A file of the machine.
#[derive(Debug)]
struct RealFile(File);

/// Held by the system as long as the file is open; a killed process loses it.
#[derive(Debug)]
struct RealLock(#[expect(dead_code, reason = "held, not used: closing it gives the lock back")] File);

impl RealDisk {
    /// The directory `dir`, created if it is not there.
    ///
    /// # Errors
    /// What the system said.
    pub fn new(dir: &Path) -> io::Result<Self> {
        if !dir.is_dir() {
            fs::create_dir_all(dir)?;
            if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                OpenOptions::new().read(true).open(parent)?.sync_all()?;
            }
        }
        Ok(Self { dir: dir.to_owned() })
    }
}

/// Removes a directory with all that is in it, or a file; what is not there is removed already.
fn remove_any(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

impl Disk for RealDisk {
    fn place(&self) -> String {
        self.dir.display().to_string()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(self.dir.join(LOCK_NAME))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(RealLock(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.dir)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.dir.join(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.dir.join(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        OpenOptions::new().read(true).open(&self.dir)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let system = rustix::fs::statvfs(&self.dir)?;
        Ok(Some(system.f_bavail.saturating_mul(system.f_frsize)))
    }

    fn open_index(&self, memory: IndexMemory) -> io::Result<Arc<dyn IndexStore>> {
        Ok(Arc::new(FjallIndex::open(&self.dir.join(INDEX_NAME), memory)?))
    }

    fn open_new_index(&self, memory: IndexMemory) -> io::Result<Arc<dyn IndexStore>> {
        self.discard_new_index()?;
        Ok(Arc::new(FjallIndex::open(&self.dir.join(NEW_INDEX_NAME), memory)?))
    }

    fn replace_index(&self) -> io::Result<()> {
        let [index, new, discarded] = [INDEX_NAME, NEW_INDEX_NAME, DISCARDED_NAME].map(|name| self.dir.join(name));
        remove_any(&discarded)?;
        // Under another name it is gone at once, however long removing it takes and wherever a crash interrupts that.
        match fs::rename(&index, &discarded) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        fs::rename(&new, &index)?;
        self.sync_names()?;
        remove_any(&discarded)
    }

    fn discard_new_index(&self) -> io::Result<()> {
        remove_any(&self.dir.join(NEW_INDEX_NAME))
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn random(&self) -> u64 {
        // The keys of a fresh RandomState come from the system's random source.
        RandomState::new().hash_one(std::process::id())
    }
}

impl DiskLock for RealLock {}

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
