//! A provider that deletes events only after an archive has taken them.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::{
    ActorListing, Append, Appending, Catalog, DeleteGuard, EventStore, FrameReader, Head, Provider, ReadRange,
    SharedProvider, Snapshot, SnapshotMeta, SnapshotStore, StoreError, VerifyFeed, VerifyRefusal, Wake,
};
use crate::frame::Frame;
use crate::vocab::{ActorId, Kind, Sequence, Tenant};

/// Bytes of frames that an archive is given at once, roughly: bounds what a deletion holds in memory.
const BATCH_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;

/// Takes frames that are about to be deleted.
pub trait Archive: Send + Sync + 'static {
    /// Keeps these frames; they are durable in the archive when the result arrives. An error stops the deletion.
    ///
    /// Frames come in order. One may come again: after a crash, after an error, and when a deletion ended inside it.
    fn archive(&self, actor: ActorId, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The provider inside, with an archive before its deletions. A crash between the two leaves frames in both.
pub struct ArchivingProvider {
    inner: SharedProvider,
    archive: Arc<dyn Archive>,
}

impl std::fmt::Debug for ArchivingProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchivingProvider").finish_non_exhaustive()
    }
}

impl ArchivingProvider {
    /// Works like `inner`, and gives events to `archive` before they are deleted.
    #[must_use]
    pub fn new(inner: SharedProvider, archive: Arc<dyn Archive>) -> Arc<Self> {
        Arc::new(Self { inner, archive })
    }

    async fn archive_and_delete(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> Result<(), StoreError> {
        let head = self.inner.head(actor).await?;
        // What is appended meanwhile is not archived, so it is not deleted either.
        let through = through.min(head.sequence);
        if through <= head.deleted_through {
            return Ok(());
        }
        if guard == DeleteGuard::BehindSnapshot {
            let newest = self.inner.list_snapshots(actor).await?.first().map(|meta| meta.sequence);
            if newest.is_none_or(|newest| newest < through) {
                return Err(StoreError::NotCovered { actor, through, newest });
            }
        }
        let range = ReadRange { from: head.deleted_through.next(), through, batch_bytes: BATCH_BYTES };
        let mut reader = self.inner.read(actor, range);
        while let Some(frames) = reader.next().await? {
            self.archive.archive(actor, frames).await?;
        }
        self.inner.delete_through(actor, through, guard).await
    }
}

impl EventStore for ArchivingProvider {
    fn append(&self, append: Append) -> Appending {
        self.inner.append(append)
    }

    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        self.inner.read(actor, range)
    }

    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>> {
        self.inner.head(actor)
    }

    fn delete_through(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.archive_and_delete(actor, through, guard).boxed()
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
        self.inner.wakes()
    }
}

impl SnapshotStore for ArchivingProvider {
    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.save_snapshot(snapshot)
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        self.inner.load_snapshot(actor, at_most)
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        self.inner.list_snapshots(actor)
    }

    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.delete_snapshot(actor, sequence)
    }
}

impl Catalog for ArchivingProvider {
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.put_record(key, value)
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.inner.record(key)
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.inner.record_keys(prefix)
    }

    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.delete_record(key)
    }
}

impl Provider for ArchivingProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.close()
    }

    fn verify(&self) -> Result<VerifyFeed, VerifyRefusal> {
        self.inner.verify()
    }
}
