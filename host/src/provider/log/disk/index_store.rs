//! What the log's index needs of a disk: an ordered map of bytes that changes by whole batches.

use std::fmt::Debug;
use std::io;
use std::ops::Range;

/// One kind of entry; the number is the first byte of its keys on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// What the index covers, one entry per checkpoint; the newest counts.
    Meta = 1,
    /// Actors: head, address, snapshots.
    Actors = 2,
    /// Where the frames of an actor lie.
    Runs = 3,
    /// Actors by tenant, kind and key.
    Names = 4,
    /// Actors that must be woken, by time.
    Wakes = 5,
    /// Where the catalog's records lie.
    Catalog = 6,
    /// Actors whose frames lie scattered, as far as checkpoints could see.
    Scattered = 7,
}

/// Which end of a range comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest key first.
    Ascending,
    /// The largest key first.
    Descending,
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Changes that become visible and durable together.
#[derive(Debug, Clone, Default)]
pub struct IndexBatch {
    changes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
}

/// How much memory an index store may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexMemory {
    /// Bytes of the file system's blocks that are kept for reading.
    pub cache_bytes: u64,
    /// Bytes of changes that are kept before they are sorted into files; a few times this while files are written.
    pub write_bytes: u64,
}

/// The error of an index whose bytes make no sense, however often they are read.
pub fn useless(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Whether an error says that the bytes of an index make no sense: only then may another index take its place. All others are
/// the system's (no file handles, no space, no permission, a failing disk, another process): what they hide may be sound, and
/// may be the only proof that the log has lost something.
#[must_use]
pub fn is_useless(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// An ordered map of bytes beside the log's files. It is derived: losing it costs time, never data.
///
/// Keys are written once: a value that changes gets a new key. After any error the store is not relied on.
pub trait IndexStore: Debug + Send + Sync {
    /// The entries as they are now, unchanged by later commits. Short-lived: it keeps old entries from being removed.
    fn view(&self) -> Box<dyn IndexView>;

    /// Makes all changes of a batch visible and durable. A crash during it leaves all of them or none.
    ///
    /// # Errors
    /// What the system said; then it is not known which of the two it is.
    fn commit(&self, batch: IndexBatch) -> io::Result<()>;

    /// Nothing is written any more until it is opened again: puts in order what opening would have to put in order. Where that
    /// fails, opening takes longer.
    fn leave(&self) {}
}

/// An index store at one moment.
pub trait IndexView: Send {
    /// At most `limit` entries with `range.start <= key < range.end`.
    ///
    /// # Errors
    /// What the system said, or that bytes fail their checksum.
    fn range(&self, table: Table, range: Range<&[u8]>, direction: Direction, limit: usize) -> io::Result<Vec<Entry>>;
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 7] =
        [Self::Meta, Self::Actors, Self::Runs, Self::Names, Self::Wakes, Self::Catalog, Self::Scattered];

    /// The key as it is on disk: the table, then the key.
    pub(super) fn key(self, key: &[u8]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(key.len() + 1);
        whole.push(self as u8);
        whole.extend_from_slice(key);
        whole
    }
}

impl IndexBatch {
    /// Adds an entry.
    pub fn insert(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push((table, key, Some(value)));
    }

    /// Removes an entry; removing what is not there does nothing.
    pub fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.changes.push((table, key, None));
    }

    /// How many changes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is no change.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in order: table, key, and the value, or nothing where the entry is removed.
    pub fn changes(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        self.changes.iter().map(|(table, key, value)| (*table, key.as_slice(), value.as_deref()))
    }
}
