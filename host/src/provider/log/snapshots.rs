//! Snapshots in the log.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::LogProvider;
use super::core::{Core, Shared};
use super::queue::Op;
use super::read::{follow, read_snapshot};
use crate::provider::admission::admit_snapshot;
use crate::provider::{Snapshot, SnapshotMeta, SnapshotStore, StoreError};
use crate::vocab::{ActorId, Sequence};

impl SnapshotStore for LogProvider {
    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'static, Result<(), StoreError>> {
        let shared = Arc::clone(&self.shared);
        let limit = shared.settings.record_bytes_max;
        let actor = snapshot.address.id();
        let decide = move |core: &mut Core| {
            let entry = core.index.actors.get(&actor);
            let end = entry.map_or(Sequence::ZERO, |entry| entry.queued);
            admit_snapshot(&snapshot, entry.map(|entry| &*entry.address), end, limit)?;
            let address = entry.is_none().then(|| Arc::clone(&snapshot.address));
            core.index.add_actor(actor, &snapshot.address);
            Ok(Some(Op::Snapshot { actor, address, snapshot }))
        };
        async move { shared.write_of(actor, decide).await }.boxed()
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        async move {
            let look_up = move |core: &mut Core| {
                let Some(entry) = core.index.actors.get(&actor) else { return Ok(None) };
                let newest = entry.snapshots.iter().rev().find(|snapshot| snapshot.meta.sequence <= at_most);
                Ok(newest.map(|newest| (Arc::clone(&entry.address), newest.place)))
            };
            let look_up = move |shared: &Shared| shared.known_now(actor, look_up);
            follow(&self.shared, look_up, |shared, (address, place)| read_snapshot(shared, Arc::clone(address), *place))
                .await
        }
        .boxed()
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        let list = move |core: &mut Core| {
            let snapshots = core.index.actors.get(&actor).into_iter().flat_map(|entry| entry.snapshots.iter().rev());
            Ok(snapshots.map(|snapshot| snapshot.meta.clone()).collect())
        };
        self.shared.known(actor, list).boxed()
    }

    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        let decide = move |core: &mut Core| {
            let snapshots = core.index.actors.get(&actor).into_iter().flat_map(|entry| &entry.snapshots);
            let exists = snapshots.into_iter().any(|snapshot| snapshot.meta.sequence == sequence);
            if exists {
                *core.deleting.entry((actor, sequence)).or_default() += 1;
            }
            Ok(exists.then_some(Op::SnapshotDelete { actor, sequence }))
        };
        self.shared.write_of(actor, decide).boxed()
    }
}
