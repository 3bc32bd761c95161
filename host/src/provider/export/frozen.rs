//! A store that is only looked at: a host over it starts, and wakes and changes nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::provider::{
    ActorListing, Append, AppendError, Appending, Catalog, DeleteGuard, EventStore, FrameReader, Head, Provider,
    ReadRange, SharedProvider, Snapshot, SnapshotMeta, SnapshotStore, StoreError, Wake,
};
use crate::vocab::{ActorId, Kind, Sequence, Tenant};

/// What changed in the catalog; `None`: deleted.
type Changes = BTreeMap<String, Option<Bytes>>;

/// The store inside, as it is now: appends, snapshots and deletions are refused, nobody is to be woken. What a host notes
/// about itself in the catalog is in memory, and forgotten with this.
pub struct FrozenProvider {
    inner: SharedProvider,
    catalog: Arc<Mutex<Changes>>,
}

impl std::fmt::Debug for FrozenProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrozenProvider").finish_non_exhaustive()
    }
}

impl FrozenProvider {
    /// `inner`, only to be looked at.
    #[must_use]
    pub fn new(inner: SharedProvider) -> Arc<Self> {
        Arc::new(Self { inner, catalog: Arc::default() })
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, key: &str, value: Option<Bytes>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.changes().insert(key.to_owned(), value);
        ready(Ok(())).boxed()
    }
}

fn refused() -> StoreError {
    StoreError::Io {
        operation: "writing",
        place: "a store that is only looked at".to_owned(),
        reason: "nothing is written".to_owned(),
    }
}

impl EventStore for FrozenProvider {
    fn append(&self, _: Append) -> Appending {
        ready(Err(AppendError::Failed(refused()))).boxed()
    }

    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        self.inner.read(actor, range)
    }

    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>> {
        self.inner.head(actor)
    }

    fn delete_through(&self, _: ActorId, _: Sequence, _: DeleteGuard) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }

    fn actors(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ActorListing>, StoreError>> {
        self.inner.actors(tenant, kind, after, limit)
    }

    fn wakes(&self) -> BoxFuture<'_, Result<Vec<Wake>, StoreError>> {
        ready(Ok(Vec::new())).boxed()
    }
}

impl SnapshotStore for FrozenProvider {
    fn save_snapshot(&self, _: Snapshot) -> BoxFuture<'static, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        self.inner.load_snapshot(actor, at_most)
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        self.inner.list_snapshots(actor)
    }

    fn delete_snapshot(&self, _: ActorId, _: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }
}

impl Catalog for FrozenProvider {
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        self.change(key, Some(value))
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let changed = self.changes().get(key).cloned();
        match changed {
            Some(value) => ready(Ok(value)).boxed(),
            None => self.inner.record(key),
        }
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let prefix = prefix.to_owned();
        async move {
            let mut keys: std::collections::BTreeSet<String> =
                self.inner.record_keys(&prefix).await?.into_iter().collect();
            for (key, value) in self.changes().iter().filter(|(key, _)| key.starts_with(&prefix)) {
                if value.is_some() {
                    keys.insert(key.clone());
                } else {
                    keys.remove(key);
                }
            }
            Ok(keys.into_iter().collect())
        }
        .boxed()
    }

    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        self.change(key, None)
    }
}

impl Provider for FrozenProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.close()
    }
}
