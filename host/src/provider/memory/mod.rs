//! A store in memory: every promise of the traits but survival. For tests, and for hosts that may forget.

mod journal;
mod reader;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};

use self::journal::Journal;
use self::reader::MemoryReader;
use super::admission::{Admission, admit, admit_snapshot, conflict};
use super::directory::Directory;
use super::{
    ActorListing, Append, AppendError, Appending, Catalog, DeleteGuard, EventStore, FrameReader, Head, Provider,
    ReadRange, Snapshot, SnapshotMeta, SnapshotStore, StoreError, Wake,
};
use crate::vocab::{ActorId, Kind, Sequence, Tenant};

/// The largest frame, snapshot or catalog record unless set otherwise.
const RECORD_BYTES_MAX: usize = /* 32 MiB */ 32 * 1_024 * 1_024;

/// A store in memory. Cloning the `Arc` shares it; dropping the last one forgets everything.
#[derive(Debug)]
pub struct MemoryProvider {
    state: Arc<Mutex<State>>,
    record_bytes_max: usize,
}

/// Everything that is stored.
#[derive(Debug, Default)]
struct State {
    journals: HashMap<ActorId, Journal>,
    directory: Directory,
    catalog: BTreeMap<String, Bytes>,
    closed: bool,
}

impl Default for MemoryProvider {
    fn default() -> Self {
        Self { state: Arc::default(), record_bytes_max: RECORD_BYTES_MAX }
    }
}

impl MemoryProvider {
    /// An empty store.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// An empty store that refuses frames, snapshots and catalog records over this size.
    #[must_use]
    pub fn with_record_bytes_max(record_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { record_bytes_max, ..Self::default() })
    }

    /// Runs `work` on the open store.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut state = lock(&self.state);
        if state.closed { Err(StoreError::Closed) } else { work(&mut state) }
    }

    fn decide(&self, append: &Append) -> Result<Sequence, AppendError> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(AppendError::Failed(StoreError::Closed));
        }
        let header = append.frame.header();
        let journal = state.journals.get(&header.actor);
        let end = journal.map_or(Sequence::ZERO, |journal| journal.head.sequence);
        match admit(append, journal.map(|journal| &*journal.address), end, self.record_bytes_max) {
            Admission::Refused(error) => Err(error),
            Admission::Taken if journal.is_some_and(|journal| journal.holds(&append.frame)) => Ok(header.last()),
            Admission::Taken => Err(conflict(append, end)),
            Admission::Next => {
                state.directory.insert(&append.address, header.actor);
                let journal = state.journals.entry(header.actor);
                journal.or_insert_with(|| Journal::new(&append.address)).push(append.frame.clone());
                Ok(header.last())
            }
        }
    }

    fn check_record(&self, bytes: usize) -> Result<(), StoreError> {
        let limit = self.record_bytes_max;
        if bytes > limit { Err(StoreError::TooLarge { bytes, limit }) } else { Ok(()) }
    }
}

/// The state, also after a panic elsewhere: every change to it is a single step.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EventStore for MemoryProvider {
    fn append(&self, append: Append) -> Appending {
        ready(self.decide(&append)).boxed()
    }

    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        Box::new(MemoryReader::new(Arc::clone(&self.state), actor, range))
    }

    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>> {
        ready(self.with(|state| Ok(state.journals.get(&actor).map(|journal| journal.head).unwrap_or_default()))).boxed()
    }

    fn delete_through(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let deleted = self.with(|state| match state.journals.get_mut(&actor) {
            Some(journal) => journal.delete_through(actor, through, guard),
            None => Ok(()),
        });
        ready(deleted).boxed()
    }

    fn actors(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ActorListing>, StoreError>> {
        let listed = self.with(|state| {
            let ids = state.directory.list(tenant, kind, after);
            let journals = ids.filter_map(|id| state.journals.get(&id));
            Ok(journals.filter_map(Journal::listing).take(limit).collect())
        });
        ready(listed).boxed()
    }

    fn wakes(&self) -> BoxFuture<'_, Result<Vec<Wake>, StoreError>> {
        ready(self.with(|state| Ok(state.journals.values().filter_map(Journal::wake).collect()))).boxed()
    }
}

impl SnapshotStore for MemoryProvider {
    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'static, Result<(), StoreError>> {
        let saved = self.with(|state| {
            let id = snapshot.address.id();
            let journal = state.journals.get(&id);
            let end = journal.map_or(Sequence::ZERO, |journal| journal.head.sequence);
            admit_snapshot(&snapshot, journal.map(|journal| &*journal.address), end, self.record_bytes_max)?;
            let journal = state.journals.entry(id).or_insert_with(|| Journal::new(&snapshot.address));
            journal.snapshots.insert(snapshot.meta.sequence, snapshot);
            Ok(())
        });
        ready(saved).boxed()
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let loaded = self.with(|state| {
            let snapshots = state.journals.get(&actor).map(|journal| &journal.snapshots);
            let newest = snapshots.and_then(|snapshots| snapshots.range(..=at_most).next_back());
            Ok(newest.map(|(_, snapshot)| snapshot.clone()))
        });
        ready(loaded).boxed()
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        let listed = self.with(|state| {
            let snapshots = state.journals.get(&actor).into_iter().flat_map(|journal| journal.snapshots.values().rev());
            Ok(snapshots.map(|snapshot| snapshot.meta.clone()).collect())
        });
        ready(listed).boxed()
    }

    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        let deleted = self.with(|state| {
            if let Some(journal) = state.journals.get_mut(&actor) {
                journal.snapshots.remove(&sequence);
            }
            Ok(())
        });
        ready(deleted).boxed()
    }
}

impl Catalog for MemoryProvider {
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let put = self.check_record(key.len().saturating_add(value.len())).and_then(|()| {
            self.with(|state| {
                state.catalog.insert(key.to_owned(), value);
                Ok(())
            })
        });
        ready(put).boxed()
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        ready(self.with(|state| Ok(state.catalog.get(key).cloned()))).boxed()
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let keys = self.with(|state| {
            let from_prefix = state.catalog.range(prefix.to_owned()..).map(|(key, _)| key);
            Ok(from_prefix.take_while(|key| key.starts_with(prefix)).cloned().collect())
        });
        ready(keys).boxed()
    }

    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        let deleted = self.with(|state| {
            state.catalog.remove(key);
            Ok(())
        });
        ready(deleted).boxed()
    }
}

impl Provider for MemoryProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        lock(&self.state).closed = true;
        ready(Ok(())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::conformance::{Subject, provider_conformance};

    fn subject() -> Subject {
        let record_bytes_max = /* 2 MiB */ 2 * 1_024 * 1_024;
        Subject { provider: MemoryProvider::with_record_bytes_max(record_bytes_max), record_bytes_max }
    }

    provider_conformance!(subject());
}
