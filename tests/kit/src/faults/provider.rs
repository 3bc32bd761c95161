//! The provider's operations, each with its fault.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use greenroom_host::frame::Frame;
use greenroom_host::provider::{
    ActorListing, Append, AppendError, Appending, Catalog, DeleteGuard, EventStore, FrameReader, Head, Provider,
    ReadRange, Snapshot, SnapshotMeta, SnapshotStore, StoreError, Wake,
};
use greenroom_host::vocab::{ActorId, Kind, Sequence, Tenant};

use super::gate::Gate;
use super::memory::Handed;
use super::plan::{Fate, take_one};
use super::{AppendFault, Call, FaultyProvider, dead, injected};

impl EventStore for FaultyProvider {
    fn append(&self, append: Append) -> Appending {
        let header = *append.frame.header();
        self.note(Call::Append(header.actor, header.first, header.last()));
        let fault = self.plan().appends.pop_front().unwrap_or(AppendFault::None);
        let refuse = |error: AppendError| ready(Err(error)).boxed();
        match self.plan().fate() {
            Fate::Answered => {}
            Fate::Undone => return refuse(AppendError::Unknown(dead())),
            Fate::Done => {
                let result = self.inner.append(append);
                return async move { result.await.and(Err(AppendError::Unknown(dead()))) }.boxed();
            }
        }
        let result = match fault {
            AppendFault::None => self.inner.append(append),
            AppendFault::Delayed(pause) => {
                let result = self.inner.append(append);
                async move {
                    tokio::time::sleep(pause).await;
                    result.await
                }
                .boxed()
            }
            AppendFault::Failed => refuse(AppendError::Failed(injected("append"))),
            AppendFault::Rejected => refuse(AppendError::Rejected { reason: "injected".to_owned() }),
            AppendFault::Conflict => {
                let (expected, actual) = (append.expected, append.expected.next());
                refuse(AppendError::Conflict { actor: header.actor, expected, actual })
            }
            AppendFault::UnknownLost => refuse(AppendError::Unknown(injected("append"))),
            AppendFault::UnknownStored => {
                let result = self.inner.append(append);
                async move { result.await.and(Err(AppendError::Unknown(injected("append")))) }.boxed()
            }
        };
        let turn = self.appends.come();
        async move {
            turn.await;
            result.await
        }
        .boxed()
    }

    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        self.note(Call::Read(actor, range.from, range.through));
        let mut plan = self.plan();
        if plan.fate() != Fate::Answered {
            return Box::new(BrokenReader(dead()));
        }
        if take_one(&mut plan.reads_to_fail) {
            return Box::new(BrokenReader(injected("read")));
        }
        if plan.reads_are_corrupt {
            let place = format!("frame {} of {actor}", range.from);
            return Box::new(BrokenReader(StoreError::Corrupt { place, reason: "injected".to_owned() }));
        }
        drop(plan);
        Box::new(WatchedReader {
            inner: self.inner.read(actor, range),
            gate: Arc::clone(&self.reads),
            handed: Arc::clone(&self.handed),
        })
    }

    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>> {
        self.note(Call::Head(actor));
        let turn = self.heads.come();
        async move {
            turn.await;
            match self.plan().fate() {
                Fate::Answered => {}
                Fate::Done | Fate::Undone => return Err(dead()),
            }
            self.inner.head(actor).await
        }
        .boxed()
    }

    fn delete_through(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.note(Call::DeleteThrough(actor, through));
        if take_one(&mut self.plan().deletes_to_fail) {
            return ready(Err(injected("delete"))).boxed();
        }
        self.fateful(self.inner.delete_through(actor, through, guard))
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

/// A read that waits at the gate before every batch, and whose frames are counted.
struct WatchedReader {
    inner: Box<dyn FrameReader>,
    gate: Arc<Gate>,
    handed: Arc<Handed>,
}

impl FrameReader for WatchedReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Frame>>, StoreError>> {
        let turn = self.gate.come();
        async move {
            turn.await;
            let batch = self.inner.next().await?;
            Ok(batch.map(|frames| frames.iter().map(|frame| self.handed.counted(frame)).collect()))
        }
        .boxed()
    }
}

/// A read that fails at its first batch.
struct BrokenReader(StoreError);

impl FrameReader for BrokenReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Frame>>, StoreError>> {
        ready(Err(self.0.clone())).boxed()
    }
}

impl FaultyProvider {
    /// A change that takes effect when it is waited for, unless the store dies at it.
    fn fateful<'a>(&'a self, change: BoxFuture<'a, Result<(), StoreError>>) -> BoxFuture<'a, Result<(), StoreError>> {
        match self.plan().fate() {
            Fate::Answered => change,
            Fate::Undone => ready(Err(dead())).boxed(),
            Fate::Done => async move { change.await.and(Err(dead())) }.boxed(),
        }
    }
}

/// The same for a change of the catalog.
fn fateful_record(
    fate: Fate,
    change: impl FnOnce() -> BoxFuture<'static, Result<(), StoreError>>,
) -> BoxFuture<'static, Result<(), StoreError>> {
    match fate {
        Fate::Answered => change(),
        Fate::Undone => ready(Err(dead())).boxed(),
        Fate::Done => {
            let change = change();
            async move { change.await.and(Err(dead())) }.boxed()
        }
    }
}

impl SnapshotStore for FaultyProvider {
    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'static, Result<(), StoreError>> {
        self.note(Call::SaveSnapshot(snapshot.address.id(), snapshot.meta.sequence));
        let fails = take_one(&mut self.plan().saves_to_fail);
        let fate = if fails { Fate::Answered } else { self.plan().fate() };
        let result = match fate {
            Fate::Answered if fails => ready(Err(injected("save"))).boxed(),
            Fate::Answered => self.inner.save_snapshot(snapshot),
            Fate::Undone => ready(Err(dead())).boxed(),
            Fate::Done => {
                let result = self.inner.save_snapshot(snapshot);
                async move { result.await.and(Err(dead())) }.boxed()
            }
        };
        let turn = self.saves.come();
        async move {
            turn.await;
            result.await
        }
        .boxed()
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        self.note(Call::LoadSnapshot(actor, at_most));
        async move {
            if self.plan().fate() != Fate::Answered {
                return Err(dead());
            }
            let loaded = self.inner.load_snapshot(actor, at_most).await?;
            let at = loaded.as_ref().map(|snapshot| snapshot.meta.sequence);
            if at.is_some_and(|at| self.plan().corrupt_snapshots.contains(&(actor, at))) {
                let place = format!("the snapshot of {actor} at {at_most}");
                return Err(StoreError::Corrupt { place, reason: "injected".to_owned() });
            }
            Ok(loaded)
        }
        .boxed()
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        if self.plan().fate() != Fate::Answered {
            return ready(Err(dead())).boxed();
        }
        self.inner.list_snapshots(actor)
    }

    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        self.note(Call::DeleteSnapshot(actor, sequence));
        if take_one(&mut self.plan().deletes_to_fail) {
            return ready(Err(injected("delete"))).boxed();
        }
        self.fateful(self.inner.delete_snapshot(actor, sequence))
    }
}

impl Catalog for FaultyProvider {
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let fate = self.plan().fate();
        fateful_record(fate, || self.inner.put_record(key, value))
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.inner.record(key)
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.inner.record_keys(prefix)
    }

    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        let fate = self.plan().fate();
        fateful_record(fate, || self.inner.delete_record(key))
    }
}

/// Closing ends the host's use of it only: a test may build the next host on the same store.
impl Provider for FaultyProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}
