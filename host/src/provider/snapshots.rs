//! States saved so that recovery need not start from the first event.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::StoreError;
use crate::vocab::{ActorId, Address, RevisionId, Sequence, Timestamp};

/// What a snapshot says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// Events `1..=sequence` are folded in; replay starts at the next number.
    pub sequence: Sequence,
    /// When it was taken.
    pub time: Timestamp,
    /// Which code took it.
    pub revision: RevisionId,
    /// The guest's own version of the state's layout.
    pub state_version: u32,
    /// Bytes of guest state.
    pub state_bytes: u64,
}

/// State with events `1..=meta.sequence` folded in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose state.
    pub address: Arc<Address>,
    /// What it says of itself.
    pub meta: SnapshotMeta,
    /// What the guest captured; opaque.
    pub state: Bytes,
    /// What the host must remember beside it (idempotency keys, timers, undelivered tells), encoded by `actor`.
    pub ledger: Bytes,
}

/// Snapshots of actors, several per actor.
pub trait SnapshotStore: Send + Sync + 'static {
    /// Saves a snapshot; one at the same number is replaced. The caller saves only what its durable journal covers.
    ///
    /// Durable and visible when the result arrives; a crash before it leaves the earlier snapshots as they were.
    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The snapshot with the highest number at or below `at_most`, its checksum verified; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when that snapshot fails its checksum: the caller asks again below its number.
    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>>;

    /// What snapshots there are, the highest number first.
    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>>;

    /// Deletes the snapshot at exactly this number; deleting what is not there does nothing.
    ///
    /// It is not refused when events behind it are deleted and no other snapshot holds them: whether a snapshot covers anything
    /// is for the caller to say. One that no code can read covers nothing, and whoever purges an actor takes the events first
    /// and the snapshots after them. [`DeleteGuard`](super::DeleteGuard) guards the other order, the one that loses something
    /// that could be read: events whose snapshot is not there. What such a deletion leaves is told by a verification.
    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> BoxFuture<'_, Result<(), StoreError>>;
}
