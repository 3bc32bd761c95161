//! Every file access of the log goes through here, so that a test can own each write and each sync.

mod fjall_index;
mod index_store;
mod memory_index;
mod real;
#[cfg(any(test, feature = "conformance"))]
mod sim;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use crate::vocab::Timestamp;

pub use index_store::{Direction, Entry, IndexBatch, IndexMemory, IndexStore, IndexView, Table, is_useless, useless};
pub use memory_index::{Entries, MemoryIndex};
pub use real::RealDisk;
pub(super) use real::{DISCARDED_NAME, INDEX_NAME, LOCK_NAME, NEW_INDEX_NAME};
#[cfg(any(test, feature = "conformance"))]
pub use sim::{Fault, FaultKind, Seed, SimDisk, Step};

/// One directory of files.
///
/// Creating and removing a file is durable after [`Disk::sync_names`], its content after [`DiskFile::sync`].
pub trait Disk: Debug + Send + Sync + 'static {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// Claims the directory for this process until the result is dropped; `None` if another one has it.
    ///
    /// # Errors
    /// What the system said.
    fn lock(&self) -> io::Result<Option<Box<dyn DiskLock>>>;

    /// The names of all files.
    ///
    /// # Errors
    /// What the system said.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file; fails if there is one of that name.
    ///
    /// # Errors
    /// What the system said.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file to read and write it.
    ///
    /// # Errors
    /// What the system said.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system said.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations and removals durable.
    ///
    /// # Errors
    /// What the system said.
    fn sync_names(&self) -> io::Result<()>;

    /// Bytes that can be written yet, as far as anybody can tell; `None`: nobody can.
    ///
    /// # Errors
    /// What the system said.
    fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    /// Opens the index store beside the files, or creates it. It may finish there what a crash interrupted; the files
    /// are not touched.
    ///
    /// # Errors
    /// What the system said; [`is_useless`] of it: what is there is no index, or damaged.
    fn open_index(&self, memory: IndexMemory) -> io::Result<Arc<dyn IndexStore>>;

    /// Opens an empty index store beside that one, to be filled and then put in its place by [`Disk::replace_index`]. What is left
    /// of an earlier attempt is removed; the index store itself is not touched.
    ///
    /// # Errors
    /// What the system said.
    fn open_new_index(&self, memory: IndexMemory) -> io::Result<Arc<dyn IndexStore>>;

    /// Puts the new index store, which was opened and filled, in the place of the index store, whatever is there. Neither is
    /// open. A crash leaves the old one, the new one, or none.
    ///
    /// # Errors
    /// What the system said; then it is one of these three as well.
    fn replace_index(&self) -> io::Result<()>;

    /// Removes the new index store, which is not open.
    ///
    /// # Errors
    /// What the system said; what is left takes space until the next one is opened.
    fn discard_new_index(&self) -> io::Result<()>;

    /// The time now, for the record only: nothing depends on it.
    fn now(&self) -> Timestamp;

    /// A number that nobody can guess.
    fn random(&self) -> u64;
}

/// A claim on a directory; dropping it gives the directory back.
pub trait DiskLock: Debug + Send + Sync {}

/// One file, read and written at positions.
pub trait DiskFile: Debug + Send + Sync {
    /// Its length, bytes.
    ///
    /// # Errors
    /// What the system said.
    fn length(&self) -> io::Result<u64>;

    /// Fills `into` from the bytes at `at`.
    ///
    /// # Errors
    /// What the system said; `UnexpectedEof` when the file ends before.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `at`; the file grows as needed. A crash before the next sync leaves any part of it.
    ///
    /// # Errors
    /// What the system said; then any part may have been written.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// What the system said; then nothing is known about what is durable, and repeating the sync proves nothing.
    fn sync(&self) -> io::Result<()>;
}
