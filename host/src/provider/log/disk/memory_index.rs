//! An index store in memory: for the simulated disk, and for a disk of your own.

use std::collections::BTreeMap;
use std::io;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, PoisonError};

use super::index_store::{Direction, Entry, IndexBatch, IndexStore, IndexView, Table};

/// The entries; shared with views until the next commit.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// An index store in memory. It is as large as what it holds, and gone with the process.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    entries: Mutex<Arc<Entries>>,
}

/// The entries at one moment.
pub(super) struct MemoryView(pub(super) Arc<Entries>);

/// Makes the changes of a batch.
pub(super) fn apply(entries: &mut Entries, batch: &IndexBatch) {
    for (table, key, value) in batch.changes() {
        match value {
            Some(value) => entries.insert(table.key(key), value.to_vec()),
            None => entries.remove(&table.key(key)),
        };
    }
}

impl IndexStore for MemoryIndex {
    fn view(&self) -> Box<dyn IndexView> {
        Box::new(MemoryView(Arc::clone(&self.entries.lock().unwrap_or_else(PoisonError::into_inner))))
    }

    fn commit(&self, batch: IndexBatch) -> io::Result<()> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        apply(Arc::make_mut(&mut entries), &batch);
        Ok(())
    }
}

impl IndexView for MemoryView {
    fn range(&self, table: Table, range: Range<&[u8]>, direction: Direction, limit: usize) -> io::Result<Vec<Entry>> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(table.key(range.start)), Bound::Excluded(table.key(range.end)));
        let found = self.0.range(bounds).map(|(key, value)| (key.get(1..).unwrap_or_default().to_vec(), value.clone()));
        Ok(match direction {
            Direction::Ascending => found.take(limit).collect(),
            Direction::Descending => found.rev().take(limit).collect(),
        })
    }
}
