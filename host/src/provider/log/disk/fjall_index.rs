//! The index store of a real directory: a fjall database with one keyspace, whose keys begin with their table.
//!
//! What is used of fjall is what it is good at: keys written once, no separated values, no clearing, one writer.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::config::{BlockSizePolicy, FilterPolicy};
use fjall::{Database, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Snapshot};

use super::index_store::{Direction, Entry, IndexBatch, IndexMemory, IndexStore, IndexView, Table, useless};

/// The one keyspace; its files, its journal and its memory belong to all tables together.
const KEYSPACE: &str = "index";
/// Bytes of a block of entries: what one lookup reads.
const BLOCK_BYTES: u32 = /* 4 KiB */ 4 * 1_024;
/// Threads that write and merge the database's files.
const WORKER_THREADS: usize = 1;
/// Files that the database keeps open.
const OPEN_FILES_MAX: usize = 64;

/// An open database.
pub(super) struct FjallIndex {
    database: Database,
    keyspace: Keyspace,
}

/// The database at one moment.
struct FjallView {
    snapshot: Snapshot,
    keyspace: Keyspace,
}

impl FjallIndex {
    /// Opens the database in `dir`, or creates it. What a crash left unfinished in it is finished or undone.
    pub(super) fn open(dir: &Path, memory: IndexMemory) -> io::Result<Self> {
        calm(|| {
            let builder = Database::builder(dir).cache_size(memory.cache_bytes).worker_threads(WORKER_THREADS);
            let database = builder.max_cached_files(Some(OPEN_FILES_MAX)).open()?;
            let options = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(memory.write_bytes)
                    .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
                    // Entries are looked up by ranges, for which filters are of no use.
                    .filter_policy(FilterPolicy::disabled())
                    .with_kv_separation(None)
            };
            let keyspace = database.keyspace(KEYSPACE, options)?;
            Ok(Self { database, keyspace })
        })
    }
}

impl Debug for FjallIndex {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FjallIndex").finish_non_exhaustive()
    }
}

/// Makes an error of a defect of the database: the log goes on, the index is not relied on. The database is not known to end in
/// one because the system refused something, but because bytes that it read make no sense.
fn calm<T>(work: impl FnOnce() -> Result<T, fjall::Error>) -> io::Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(told),
        Err(_) => Err(useless("a defect in the index's database")),
    }
}

/// Tells errors of the system, by their kinds, from bytes that make no sense.
fn told(error: fjall::Error) -> io::Error {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => of_system(error),
        fjall::Error::Locked => io::Error::new(io::ErrorKind::WouldBlock, "another process has it open"),
        fjall::Error::Storage(_)
        | fjall::Error::JournalRecovery(_)
        | fjall::Error::InvalidVersion(_)
        | fjall::Error::Decompress(_)
        | fjall::Error::InvalidTrailer
        | fjall::Error::InvalidTag(_)
        | fjall::Error::Unrecoverable => useless(error),
        // It failed before, or is of a kind that is not known here: that proves nothing of what lies on the disk.
        other => io::Error::other(other),
    }
}

/// Files of the database that are not there, end too early or are none: it is not whole, whenever it is looked at.
fn of_system(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists => useless(error),
        _ => error,
    }
}

impl IndexStore for FjallIndex {
    fn view(&self) -> Box<dyn IndexView> {
        Box::new(FjallView { snapshot: self.database.snapshot(), keyspace: self.keyspace.clone() })
    }

    fn commit(&self, batch: IndexBatch) -> io::Result<()> {
        calm(|| {
            let whole = OwnedWriteBatch::with_capacity(self.database.clone(), batch.len());
            let mut whole = whole.durability(Some(PersistMode::SyncData));
            for (table, key, value) in batch.changes() {
                match value {
                    Some(value) => whole.insert(&self.keyspace, table.key(key), value),
                    None => whole.remove(&self.keyspace, table.key(key)),
                }
            }
            whole.commit()
        })
    }
}

impl IndexView for FjallView {
    fn range(&self, table: Table, range: Range<&[u8]>, direction: Direction, limit: usize) -> io::Result<Vec<Entry>> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let entry = |guard: Guard| {
            let (key, value) = guard.into_inner()?;
            Ok((key.get(1..).unwrap_or_default().to_vec(), value.to_vec()))
        };
        calm(|| {
            let found = self.snapshot.range(&self.keyspace, table.key(range.start)..table.key(range.end));
            match direction {
                Direction::Ascending => found.take(limit).map(entry).collect(),
                Direction::Descending => found.rev().take(limit).map(entry).collect(),
            }
        })
    }
}
