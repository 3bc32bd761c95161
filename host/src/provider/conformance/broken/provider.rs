//! A provider with a defect around one without.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};

use super::defect::Defect;
use super::reader::{BrokenReader, with};
use crate::provider::{
    ActorListing, Append, AppendError, Appending, Catalog, DeleteGuard, EventStore, FrameReader, Head, Provider,
    ReadRange, SharedProvider, Snapshot, SnapshotMeta, SnapshotStore, StoreError, Wake,
};
use crate::vocab::{ActorId, Address, Kind, RevisionId, Sequence, Tenant, Timestamp};

/// Works like the one inside, but for its defect.
pub(super) struct BrokenProvider {
    inner: SharedProvider,
    defect: Defect,
    memo: Arc<Mutex<Memo>>,
    poisoned: Arc<AtomicBool>,
    readers: Arc<AtomicU32>,
}

/// What defects need to remember.
#[derive(Default)]
struct Memo {
    first_actor: Option<ActorId>,
    appended: HashMap<(ActorId, Sequence), u32>,
    saved: HashMap<ActorId, Snapshot>,
    late: Option<Snapshot>,
    deletions: u32,
}

impl BrokenProvider {
    pub(super) fn new(inner: SharedProvider, defect: Defect, poisoned: Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(Self { inner, defect, memo: Arc::default(), poisoned, readers: Arc::default() })
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result of an append as this provider tells it.
    fn told(&self, append: &Append, result: Result<Sequence, AppendError>) -> Result<Sequence, AppendError> {
        let last = append.frame.header().last();
        match (self.defect, result) {
            (Defect::SwallowsRejections, Err(AppendError::Rejected { .. }))
            | (Defect::SwallowsConflicts, Err(AppendError::Conflict { .. })) => Ok(last),
            (Defect::ConflictsWithoutNumbers, Err(AppendError::Conflict { actor, .. })) => {
                Err(AppendError::Conflict { actor, expected: Sequence::ZERO, actual: Sequence::ZERO })
            }
            (Defect::RoundsNumbers, Err(AppendError::Conflict { actor, expected, actual })) => {
                let expected = Sequence(expected.0 & !1);
                Err(AppendError::Conflict { actor, expected, actual })
            }
            (Defect::TroubleIsARefusal, Err(AppendError::Failed(error) | AppendError::Unknown(error))) => {
                Err(AppendError::Rejected { reason: error.to_string() })
            }
            (Defect::PoisonedForEver, Err(error @ (AppendError::Failed(_) | AppendError::Unknown(_)))) => {
                self.poisoned.store(true, Ordering::SeqCst);
                Err(error)
            }
            (Defect::TellsAnotherNumber, Ok(last)) => Ok(last.previous()),
            (_, result) => result,
        }
    }

    /// What becomes of an append before it is stored.
    fn refused(&self, append: &Append) -> Option<AppendError> {
        let header = *append.frame.header();
        let mut memo = self.memo();
        memo.first_actor.get_or_insert(header.actor);
        let times = memo.appended.entry((header.actor, header.first)).or_default();
        *times += 1;
        match self.defect {
            Defect::ForgetsRepetitions if *times > 1 => {
                let (expected, actual) = (append.expected, header.last());
                Some(AppendError::Conflict { actor: header.actor, expected, actual })
            }
            Defect::PoisonedForEver if self.poisoned.load(Ordering::SeqCst) => {
                Some(AppendError::Failed(StoreError::Poisoned { cause: "once upon a time".to_owned() }))
            }
            _ => None,
        }
    }

    /// The same turn once more, at the end of the journal.
    async fn store_again(inner: &SharedProvider, append: &Append) {
        let header = *append.frame.header();
        let Ok(head) = inner.head(header.actor).await else { return };
        let parts_of = with(&append.frame, usize::MAX, header.time);
        let Some(frame) = parts_of.and_then(|frame| moved(&frame, head.sequence.next())) else { return };
        _ = inner.append(Append { address: Arc::clone(&append.address), expected: head.sequence, frame }).await;
    }
}

/// The frame at another place.
fn moved(frame: &crate::frame::Frame, first: Sequence) -> Option<crate::frame::Frame> {
    let mut events = crate::frame::EventColumns::default();
    frame.append_events(Sequence::FIRST, Sequence::MAX, &mut events);
    let header = *frame.header();
    let (actor, time, wake_at, revision) = (header.actor, header.time, header.wake_at, header.revision);
    let (effects, keys) = (frame.effects(), frame.keys());
    let parts = crate::frame::FrameParts { actor, first, time, wake_at, revision, events: &events, effects, keys };
    crate::frame::Frame::encode(&parts).ok()
}

impl EventStore for BrokenProvider {
    fn append(&self, append: Append) -> Appending {
        if let Some(error) = self.refused(&append) {
            return ready(Err(error)).boxed();
        }
        let inner = Arc::clone(&self.inner);
        match self.defect {
            Defect::StoresOnlyWhenWaitedFor => async move { inner.append(append).await }.boxed(),
            Defect::TellsOutOfOrder => {
                let pause = Duration::from_millis(if append.expected.0.is_multiple_of(2) { 50 } else { 0 });
                let result = inner.append(append);
                async move {
                    tokio::time::sleep(pause).await;
                    result.await
                }
                .boxed()
            }
            Defect::StoresRepetitions => {
                let header = *append.frame.header();
                let again = self.memo().appended.get(&(header.actor, header.first)).is_some_and(|times| *times > 1);
                async move {
                    let result = inner.append(append.clone()).await;
                    if again && result.is_ok() {
                        Self::store_again(&inner, &append).await;
                    }
                    result
                }
                .boxed()
            }
            Defect::StoresHalfOfAFailedTurn => {
                let result = inner.append(append.clone());
                async move {
                    let result = result.await;
                    if matches!(result, Err(AppendError::Failed(_) | AppendError::Unknown(_))) {
                        let half = with(&append.frame, 1, append.frame.header().time);
                        let half = half.map(|frame| inner.append(Append { frame, ..append }));
                        if let Some(half) = half {
                            _ = half.await;
                        }
                    }
                    result
                }
                .boxed()
            }
            _ => {
                let result = inner.append(append.clone());
                let result = result.now_or_never().unwrap_or(Err(AppendError::Failed(StoreError::Closed)));
                ready(self.told(&append, result)).boxed()
            }
        }
    }

    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        let mut actor = actor;
        let mut range = range;
        match self.defect {
            Defect::LeaksNeighbours => actor = self.memo().first_actor.unwrap_or(actor),
            Defect::SnapshotHidesEvents => {
                let saved = self.memo().saved.get(&actor).map(|snapshot| snapshot.meta.sequence.next());
                range.from = range.from.max(saved.unwrap_or_default());
            }
            Defect::LowerBoundIsExclusive => range.from = range.from.next(),
            Defect::UpperBoundIsExclusive => range.through = range.through.previous(),
            Defect::ZeroMeansAll if range.through == Sequence::ZERO => range.through = Sequence::MAX,
            Defect::IgnoresBatchSize => range.batch_bytes = usize::MAX,
            _ => {}
        }
        let (inner, provider) = (self.inner.read(actor, range), Arc::clone(&self.inner));
        let (defect, readers) = (self.defect, Arc::clone(&self.readers));
        let (last, ahead, has_begun, has_ended) = (Sequence::ZERO, None, false, false);
        Box::new(BrokenReader { inner, provider, actor, range, defect, last, ahead, has_begun, has_ended, readers })
    }

    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>> {
        async move {
            let head = self.inner.head(actor).await?;
            if self.has(Defect::UnknownIsAnError) && head.sequence == Sequence::ZERO {
                return Err(StoreError::Gap { actor, before: Sequence::ZERO, after: Sequence::ZERO });
            }
            if self.has(Defect::DeletionForgetsTheHead) && head.deleted_through == head.sequence {
                return Ok(Head::default());
            }
            Ok(head)
        }
        .boxed()
    }

    fn delete_through(
        &self,
        actor: ActorId,
        through: Sequence,
        guard: DeleteGuard,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.memo().deletions += 1;
            if self.has(Defect::RefusesTheSecondDeletion) && self.memo().deletions > 1 {
                return Err(StoreError::Closed);
            }
            let through = if self.has(Defect::DeletesOneMore) { through.next() } else { through };
            let guard = if self.has(Defect::DeletesUncovered) { DeleteGuard::Forced } else { guard };
            let deleted = self.inner.delete_through(actor, through, guard).await;
            if self.has(Defect::SwallowsDeleteErrors) { Ok(()) } else { deleted }
        }
        .boxed()
    }

    fn actors(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ActorListing>, StoreError>> {
        let listing = self.inner.actors(tenant, kind, after, limit);
        async move {
            let mut listed = listing.await?;
            if self.has(Defect::ListingSkipsOddKeys) {
                listed.retain(|actor| actor.address.key.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()));
            }
            if self.has(Defect::ListsBackwards) {
                listed.reverse();
            }
            Ok(listed)
        }
        .boxed()
    }

    fn wakes(&self) -> BoxFuture<'_, Result<Vec<Wake>, StoreError>> {
        if self.has(Defect::ForgetsWakes) { ready(Ok(Vec::new())).boxed() } else { self.inner.wakes() }
    }
}

impl SnapshotStore for BrokenProvider {
    fn save_snapshot(&self, mut snapshot: Snapshot) -> BoxFuture<'static, Result<(), StoreError>> {
        let actor = snapshot.address.id();
        match self.defect {
            Defect::CutsLargeSnapshots => snapshot.state.truncate(100_000),
            Defect::ForgetsStateVersions => snapshot.meta.state_version = 0,
            Defect::SavesLate => {
                let late = self.memo().late.replace(snapshot);
                let saving = late.map(|late| self.inner.save_snapshot(late));
                return async move {
                    match saving {
                        Some(saving) => saving.await,
                        None => Ok(()),
                    }
                }
                .boxed();
            }
            Defect::KeepsTheOldSnapshot => {
                let same =
                    self.memo().saved.get(&actor).is_some_and(|saved| saved.meta.sequence == snapshot.meta.sequence);
                if same {
                    return ready(Ok(())).boxed();
                }
            }
            _ => {}
        }
        self.memo().saved.insert(actor, snapshot.clone());
        let defect = self.defect;
        let saving = self.inner.save_snapshot(snapshot);
        async move {
            match (defect, saving.await) {
                (Defect::SavesAhead, Err(StoreError::AheadOfJournal { .. })) | (Defect::SwallowsSaveErrors, _) => {
                    Ok(())
                }
                (_, saved) => saved,
            }
        }
        .boxed()
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        async move {
            let loaded = self.inner.load_snapshot(actor, at_most).await;
            match self.defect {
                Defect::LoadsTheLastSaved => Ok(self.memo().saved.get(&actor).cloned()),
                Defect::DamagedSnapshotsAreNone => Ok(loaded.unwrap_or_default()),
                Defect::InventsSnapshots => Ok(Some(loaded?.unwrap_or_else(invented))),
                _ => loaded,
            }
        }
        .boxed()
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        self.inner.list_snapshots(actor)
    }

    fn delete_snapshot(&self, actor: ActorId, sequence: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if self.has(Defect::DeletesAllSnapshots) {
                for meta in self.inner.list_snapshots(actor).await? {
                    self.inner.delete_snapshot(actor, meta.sequence).await?;
                }
            }
            self.inner.delete_snapshot(actor, sequence).await
        }
        .boxed()
    }
}

/// A snapshot that nobody saved.
fn invented() -> Snapshot {
    let address = Address::new("tenant", "kind", "nobody").expect("legal");
    let (sequence, time, revision) = (Sequence::ZERO, Timestamp(0), RevisionId(0));
    let meta = SnapshotMeta { sequence, time, revision, state_version: 0, state_bytes: 0 };
    Snapshot { address: Arc::new(address), meta, state: Bytes::new(), ledger: Bytes::new() }
}

impl Catalog for BrokenProvider {
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.put_record(key, value)
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.inner.record(key)
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        if !self.has(Defect::PrefixAnywhere) {
            return self.inner.record_keys(prefix);
        }
        let prefix = prefix.trim_end_matches('%').to_owned();
        async move { self.inner.record_keys(&prefix).await }.boxed()
    }

    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.delete_record(key)
    }
}

impl Provider for BrokenProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.has(Defect::CloseDoesNothing) { ready(Ok(())).boxed() } else { self.inner.close() }
    }
}
