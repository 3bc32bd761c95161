//! A provider of one's own: it counts what passes through it, and leaves the storing to the one inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use greenroom_host::provider::{
    ActorListing, Append, Appending, Catalog, DeleteGuard, EventStore, FrameReader, Head, Provider, ReadRange,
    SharedProvider, Snapshot, SnapshotMeta, SnapshotStore, StoreError, Wake,
};
use greenroom_host::vocab::{ActorId, Kind, Sequence, Tenant};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Works like the provider inside and counts the bytes that are appended.
#[expect(missing_debug_implementations, reason = "the provider inside has none")]
pub struct Counting {
    inner: SharedProvider,
    appended_bytes: AtomicU64,
}

impl Counting {
    /// Counts what goes to `inner`.
    #[must_use]
    pub fn new(inner: SharedProvider) -> Arc<Self> {
        Arc::new(Self { inner, appended_bytes: AtomicU64::new(0) })
    }

    /// Bytes of all frames that were given so far, stored or not.
    #[must_use]
    pub fn appended_bytes(&self) -> u64 {
        self.appended_bytes.load(Ordering::Relaxed)
    }
}

impl EventStore for Counting {
    fn append(&self, append: Append) -> Appending {
        self.appended_bytes.fetch_add(append.frame.bytes().len() as u64, Ordering::Relaxed);
        self.inner.append(append)
    }
    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        self.inner.read(actor, range)
    }
    fn head(&self, actor: ActorId) -> Answer<'_, Head> {
        self.inner.head(actor)
    }
    fn delete_through(&self, actor: ActorId, through: Sequence, guard: DeleteGuard) -> Answer<'_, ()> {
        self.inner.delete_through(actor, through, guard)
    }
    fn actors(&self, tenant: &Tenant, kind: &Kind, after: Option<&str>, limit: usize) -> Answer<'_, Vec<ActorListing>> {
        self.inner.actors(tenant, kind, after, limit)
    }
    fn wakes(&self) -> Answer<'_, Vec<Wake>> {
        self.inner.wakes()
    }
}

impl SnapshotStore for Counting {
    fn save_snapshot(&self, snapshot: Snapshot) -> Answer<'static, ()> {
        self.inner.save_snapshot(snapshot)
    }
    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> Answer<'_, Option<Snapshot>> {
        self.inner.load_snapshot(actor, at_most)
    }
    fn list_snapshots(&self, actor: ActorId) -> Answer<'_, Vec<SnapshotMeta>> {
        self.inner.list_snapshots(actor)
    }
    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> Answer<'_, ()> {
        self.inner.delete_snapshot(actor, sequence)
    }
}

impl Catalog for Counting {
    fn put_record(&self, key: &str, value: Bytes) -> Answer<'static, ()> {
        self.inner.put_record(key, value)
    }
    fn record(&self, key: &str) -> Answer<'_, Option<Bytes>> {
        self.inner.record(key)
    }
    fn record_keys(&self, prefix: &str) -> Answer<'_, Vec<String>> {
        self.inner.record_keys(prefix)
    }
    fn delete_record(&self, key: &str) -> Answer<'static, ()> {
        self.inner.delete_record(key)
    }
}

impl Provider for Counting {
    fn close(&self) -> Answer<'_, ()> {
        self.inner.close()
    }
}
