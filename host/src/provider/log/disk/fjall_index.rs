//! The index store of a real directory: a fjall database with one keyspace, whose keys begin with their table.
//!
//! What is used of fjall is what it is good at: keys written once, no separated values, no clearing, one writer.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fjall::config::{BlockSizePolicy, FilterPolicy, PartitioningPolicy};
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
/// Bytes of changes that are worth a file of their own when the database is left alone.
const LEFT_BYTES: u64 = /* 256 KiB */ 256 * 1_024;
/// Files of changes beyond which the database merges them with larger ones, which whoever closes it would have to wait for.
const LEFT_FILES_MAX: usize = 3;
/// How long is waited for that file; without it the next opening reads the changes out of the database's journal.
const LEFT_WAIT: Duration = Duration::from_secs(5);
const LEFT_PAUSE: Duration = Duration::from_millis(1);

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
                    // Where a file's blocks lie is a megabyte in a file of 64: it is read block by block, too, and not kept whole.
                    .index_block_partitioning_policy(PartitioningPolicy::all(true))
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

    fn leave(&self) {
        let kept = || self.database.write_buffer_size();
        let is_worth_it = kept() >= LEFT_BYTES && self.keyspace.l0_table_count() < LEFT_FILES_MAX;
        if !is_worth_it || calm(|| self.keyspace.rotate_memtable()).is_err() {
            return;
        }
        let until = Instant::now() + LEFT_WAIT;
        while kept() >= LEFT_BYTES && Instant::now() < until {
            std::thread::sleep(LEFT_PAUSE);
        }
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

#[cfg(test)]
mod tests {
    use fjall::AbstractTree as _;

    use super::*;

    const MEMORY: IndexMemory = IndexMemory { cache_bytes: 1 << 20, write_bytes: 16 << 20 };
    const VALUE: [u8; 1_000] = [7; 1_000];

    /// A thousand entries, every fourth number from `from` on.
    fn entries(from: u32) -> IndexBatch {
        let mut batch = IndexBatch::default();
        for number in (from..4_000).step_by(4) {
            batch.insert(Table::Runs, number.to_be_bytes().to_vec(), VALUE.to_vec());
        }
        batch
    }

    fn numbers(index: &FjallIndex, range: Range<u32>, direction: Direction) -> Vec<u32> {
        let (start, end) = (range.start.to_be_bytes(), range.end.to_be_bytes());
        let found = index.view().range(Table::Runs, &start..&end, direction, 10_000).expect("readable");
        assert!(found.iter().all(|(_, value)| *value == VALUE));
        found.into_iter().map(|(key, _)| u32::from_be_bytes(key.try_into().expect("four bytes"))).collect()
    }

    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < until, "{what}");
            std::thread::sleep(LEFT_PAUSE);
        }
    }

    #[test]
    fn a_database_that_is_left_has_its_changes_in_files_and_opens_without_reading_them_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let index = FjallIndex::open(dir.path(), MEMORY).expect("new");
        index.commit(entries(0)).expect("committed");
        assert!(index.database.write_buffer_size() > LEFT_BYTES, "a left database has something to do");
        index.leave();
        assert!(index.database.write_buffer_size() < LEFT_BYTES);
        drop(index);
        let again = FjallIndex::open(dir.path(), MEMORY).expect("sound");
        assert!(again.database.write_buffer_size() < LEFT_BYTES, "nothing is in memory that lies in files");
        assert_eq!(numbers(&again, 0..4_000, Direction::Ascending).len(), 1_000);
    }

    /// Where their blocks lie is read block by block; four megabytes have some ten such blocks.
    #[test]
    fn merged_files_are_read_in_both_directions_and_keep_little_in_memory() {
        let dir = tempfile::tempdir().expect("a directory");
        let index = FjallIndex::open(dir.path(), MEMORY).expect("new");
        for from in 0..4 {
            index.commit(entries(from)).expect("committed");
            assert!(index.keyspace.rotate_memtable().expect("sealed"));
            wait_until("it is written", || index.database.write_buffer_size() < LEFT_BYTES);
        }
        wait_until("they are merged", || index.keyspace.l0_table_count() < 4);
        drop(index);
        let again = FjallIndex::open(dir.path(), MEMORY).expect("sound");
        let all: Vec<u32> = (0..4_000).collect();
        assert_eq!(numbers(&again, 0..4_000, Direction::Ascending), all);
        let backwards: Vec<u32> = (1_234..3_210).rev().collect();
        assert_eq!(numbers(&again, 1_234..3_210, Direction::Descending), backwards);
        let pinned = again.keyspace.tree.pinned_block_index_size();
        assert!((1..8 * 1_024).contains(&pinned), "{pinned} bytes stay in memory");
    }
}
