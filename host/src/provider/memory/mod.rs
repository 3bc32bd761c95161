//! A store in memory: every promise of the traits but survival. For tests, and for hosts that may forget.

mod hook;
mod journal;
#[cfg(any(test, feature = "conformance"))]
mod place;
mod reader;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};

use self::hook::{Course, Hook};
use self::journal::{Journal, SavedSnapshot};
#[cfg(any(test, feature = "conformance"))]
pub use self::place::{MemoryFaults, MemoryPlace};
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
    /// Of this handle; others on the same store go on.
    life: Life,
    hook: Hook,
}

/// Whether a handle is closed; its readers share it.
#[derive(Debug, Default, Clone)]
struct Life(Arc<AtomicBool>);

impl Life {
    fn check(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::SeqCst) { Err(StoreError::Closed) } else { Ok(()) }
    }
}

/// Everything that is stored.
#[derive(Debug, Default)]
struct State {
    journals: HashMap<ActorId, Journal>,
    directory: Directory,
    catalog: BTreeMap<String, Bytes>,
}

impl Default for MemoryProvider {
    fn default() -> Self {
        Self { state: Arc::default(), record_bytes_max: RECORD_BYTES_MAX, life: Life::default(), hook: Hook::default() }
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

    /// Another handle on the same store: it sees what this one stores, and closing it does not close this one.
    #[must_use]
    pub fn share(&self) -> Arc<Self> {
        let (state, hook) = (Arc::clone(&self.state), self.hook.clone());
        Arc::new(Self { state, record_bytes_max: self.record_bytes_max, life: Life::default(), hook })
    }

    /// Looks at the open store.
    fn with<T>(&self, look: impl FnOnce(&State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let state = lock(&self.state);
        self.life.check()?;
        look(&state)
    }

    /// Decides about a change of the open store and makes it, as one step.
    fn change<T>(
        &self,
        decide: impl FnOnce(&State) -> Result<Option<T>, StoreError>,
        make: impl FnOnce(&mut State, T),
    ) -> Result<(), StoreError> {
        let mut state = lock(&self.state);
        self.life.check()?;
        let Some(decided) = decide(&state)? else { return Ok(()) };
        match self.hook.change() {
            Course::Refused(error) => return Err(error),
            Course::Well => make(&mut state, decided),
            Course::Obscured(error) => {
                make(&mut state, decided);
                return Err(error);
            }
        }
        Ok(())
    }

    fn decide(&self, append: &Append) -> Result<Sequence, AppendError> {
        let mut state = lock(&self.state);
        self.life.check().map_err(AppendError::Failed)?;
        let header = append.frame.header();
        let journal = state.journals.get(&header.actor);
        let end = journal.map_or(Sequence::ZERO, |journal| journal.head.sequence);
        match admit(append, journal.map(|journal| &*journal.address), end, self.record_bytes_max) {
            Admission::Refused(error) => Err(error),
            Admission::Taken if journal.is_some_and(|journal| journal.holds(&append.frame)) => Ok(header.last()),
            Admission::Taken => Err(conflict(append, end)),
            Admission::Next => {
                let course = self.hook.change();
                if let Course::Refused(error) = course {
                    return Err(AppendError::Failed(error));
                }
                state.directory.insert(&append.address, header.actor);
                let journal = state.journals.entry(header.actor);
                journal.or_insert_with(|| Journal::new(&append.address)).push(&append.frame);
                match course {
                    Course::Obscured(error) => Err(AppendError::Unknown(error)),
                    Course::Well | Course::Refused(_) => Ok(header.last()),
                }
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
        Box::new(MemoryReader::new(Arc::clone(&self.state), self.life.clone(), self.hook.clone(), actor, range))
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
        let deleted = self.change(
            |state| match state.journals.get(&actor) {
                Some(journal) => journal.deletable(actor, through, guard),
                None => Ok(None),
            },
            |state, through| {
                if let Some(journal) = state.journals.get_mut(&actor) {
                    journal.delete_through(through);
                }
            },
        );
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
        let id = snapshot.address.id();
        let saved = self.change(
            |state| {
                let journal = state.journals.get(&id);
                let end = journal.map_or(Sequence::ZERO, |journal| journal.head.sequence);
                admit_snapshot(&snapshot, journal.map(|journal| &*journal.address), end, self.record_bytes_max)?;
                Ok(Some(()))
            },
            |state, ()| {
                let journal = state.journals.entry(id).or_insert_with(|| Journal::new(&snapshot.address));
                journal.snapshots.insert(snapshot.meta.sequence, SavedSnapshot::new(snapshot.clone()));
            },
        );
        ready(saved).boxed()
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let loaded = self.with(|state| {
            self.hook.read()?;
            let snapshots = state.journals.get(&actor).map(|journal| &journal.snapshots);
            let newest = snapshots.and_then(|snapshots| snapshots.range(..=at_most).next_back());
            newest.map(|(_, saved)| saved.read()).transpose()
        });
        ready(loaded).boxed()
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        let listed = self.with(|state| {
            let snapshots = state.journals.get(&actor).into_iter().flat_map(|journal| journal.snapshots.values().rev());
            Ok(snapshots.map(|saved| saved.snapshot.meta.clone()).collect())
        });
        ready(listed).boxed()
    }

    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        let holds = |journal: &Journal| journal.snapshots.contains_key(&sequence);
        let deleted = self.change(
            |state| Ok(state.journals.get(&actor).is_some_and(holds).then_some(())),
            |state, ()| {
                if let Some(journal) = state.journals.get_mut(&actor) {
                    journal.snapshots.remove(&sequence);
                }
            },
        );
        ready(deleted).boxed()
    }
}

impl Catalog for MemoryProvider {
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let put = self.check_record(key.len().saturating_add(value.len())).and_then(|()| {
            let put = |state: &mut State, ()| _ = state.catalog.insert(key.to_owned(), value);
            self.change(|_| Ok(Some(())), put)
        });
        ready(put).boxed()
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let found = self.with(|state| self.hook.read().map(|()| state.catalog.get(key).cloned()));
        ready(found).boxed()
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let keys = self.with(|state| {
            let from_prefix = state.catalog.range(prefix.to_owned()..).map(|(key, _)| key);
            Ok(from_prefix.take_while(|key| key.starts_with(prefix)).cloned().collect())
        });
        ready(keys).boxed()
    }

    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        let deleted = self.change(
            |state| Ok(state.catalog.contains_key(key).then_some(())),
            |state, ()| _ = state.catalog.remove(key),
        );
        ready(deleted).boxed()
    }
}

impl Provider for MemoryProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.life.0.store(true, Ordering::SeqCst);
        ready(Ok(())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::provider_conformance!(MemoryPlace::new(/* 2 MiB */ 2 * 1_024 * 1_024));
}
