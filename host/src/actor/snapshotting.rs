//! Snapshots of a live actor: captured at a turn boundary, saved once their events are durable, old ones retired.
//!
//! A failed snapshot never stops an actor: it is logged and counted, and the next trigger tries again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::account::{Account, OverQuota, SnapshotPlace};
use super::ask::{AskError, RequestError};
use super::ledger::Ledger;
use super::live::Live;
use super::{Code, Stage, Unusable};
use crate::decide::{SinceSnapshot, SnapshotReason, going_back_needs, plan_retention, snapshot_due};
use crate::provider::{DeleteGuard, ReadRange, Snapshot, SnapshotMeta, StoreError};
use crate::sandbox::{GuestFailure, GuestSnapshot, Moment, quota_hit};
use crate::vocab::{ActorId, Address, Limit, Sequence, Timestamp};

/// After a capture that killed the instance, policies ask for no other one for this long: what is replayed again after
/// each would be the host's time.
const REST_AFTER_DEATH: Duration = Duration::from_secs(60);

/// Somebody who waits for a snapshot's number.
pub(super) type SnapshotAsker = oneshot::Sender<Result<Sequence, AskError>>;

/// Where a live actor's newest snapshot is on its way.
#[derive(Default)]
pub(super) struct Snapshotting {
    /// Captured; waits until the journal is durable up to its number.
    captured: Option<Captured>,
    /// Being saved.
    saving: Option<BoxFuture<'static, Saved>>,
    /// Who waits for a snapshot, and the number that it must have at least.
    askers: Vec<(Sequence, SnapshotAsker)>,
    /// The newest durable one.
    pub(super) newest: Option<Sequence>,
    /// When it was taken, or the actor came on stage without one.
    pub(super) newest_time: Timestamp,
    /// Only who asks gets one before this: the guest died of the last.
    pub(super) not_before: Option<Instant>,
    /// Older ones that this code cannot start from: they are not counted among those that are kept.
    unusable: Arc<[Sequence]>,
}

/// A snapshot that was captured and is not saved yet.
struct Captured {
    snapshot: Snapshot,
    reason: SnapshotReason,
    /// Its place among those that its tenant may keep.
    place: SnapshotPlace,
}

/// The snapshots that a live actor's code can start from, and those that it cannot.
pub(super) struct Bases {
    newest: Option<Sequence>,
    newest_time: Timestamp,
    not_before: Option<Instant>,
    unusable: Arc<[Sequence]>,
}

/// How a save ended.
pub(super) struct Saved {
    sequence: Sequence,
    time: Timestamp,
    bytes: u64,
    seconds: f64,
    reason: SnapshotReason,
    result: Result<(), AskError>,
}

impl Snapshotting {
    /// Nothing on its way; the newest durable snapshot, when it was taken (or the actor came on stage), and those that
    /// the recovery passed over. If the code itself failed at one, no policy asks for another for a while.
    pub(super) fn after(
        newest: Option<Sequence>,
        newest_time: Timestamp,
        passed_over: Vec<(Sequence, Unusable)>,
    ) -> Self {
        let rests = passed_over.iter().any(|(_, why)| why.is_the_codes());
        let not_before = rests.then(|| Instant::now() + REST_AFTER_DEATH);
        let unusable = passed_over.into_iter().map(|(sequence, _)| sequence).collect();
        Self { newest, newest_time, not_before, unusable, ..Self::default() }
    }

    /// What is known of the snapshots there are, for the time that another instance is tried.
    pub(super) fn bases(&self) -> Bases {
        let (newest, newest_time, not_before) = (self.newest, self.newest_time, self.not_before);
        Bases { newest, newest_time, not_before, unusable: Arc::clone(&self.unusable) }
    }

    /// The instance that was tried is gone: the one before it goes on.
    pub(super) fn restore(&mut self, bases: Bases) {
        let Bases { newest, newest_time, not_before, unusable } = bases;
        (self.newest, self.newest_time) = (newest, newest_time);
        (self.not_before, self.unusable) = (not_before, unusable);
    }

    /// The instance was brought back from the journal, while what is on its way stays so.
    pub(super) fn rebase(&mut self, base: Option<(Sequence, Timestamp)>, passed_over: Vec<(Sequence, Unusable)>) {
        let time = base.map_or(self.newest_time, |(_, time)| time);
        self.restore(Self::after(base.map(|(at, _)| at), time, passed_over).bases());
    }

    /// Whether the guest died of the last one not long ago. Every further try would cost a recovery.
    pub(super) fn is_resting(&self) -> bool {
        self.not_before.is_some_and(|until| Instant::now() < until)
    }

    /// Whether one is on its way.
    pub(super) const fn is_busy(&self) -> bool {
        self.captured.is_some() || self.saving.is_some()
    }

    /// Takes out those who still wait, for the instance that comes next.
    pub(super) fn take_askers(&mut self) -> impl Iterator<Item = SnapshotAsker> {
        std::mem::take(&mut self.askers).into_iter().map(|(_, asker)| asker)
    }

    /// Answers those who wait for a snapshot at or below a number.
    fn answer(&mut self, through: Sequence, result: &Result<Sequence, AskError>) {
        for (_, asker) in self.askers.extract_if(.., |(at, _)| *at <= through) {
            let _left = asker.send(result.clone());
        }
    }

    pub(super) const fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Waits for the save that is running. Cancel-safe.
    pub(super) async fn saved(&mut self) -> Option<Saved> {
        let saved = self.saving.as_mut()?.await;
        self.saving = None;
        Some(saved)
    }
}

impl Live {
    /// Takes a snapshot if one is due.
    ///
    /// # Errors
    /// When the guest failed and its instance is dead.
    pub(super) async fn consider_snapshot(&mut self, now: Timestamp) -> Result<(), GuestFailure> {
        if self.snapshots.is_busy() || self.since.events == 0 || self.snapshots.is_resting() {
            return Ok(());
        }
        let policy = self.code.policy();
        self.since.elapsed_ms = now.since_ms(self.snapshots.newest_time);
        match snapshot_due(&policy.snapshots, &self.since, policy.rate.cost()) {
            // In a box: this is asked after every turn, and mostly nothing is due.
            Some(reason) => Box::pin(self.capture(reason, now)).await,
            None => Ok(()),
        }
    }

    /// Takes a snapshot because somebody asked.
    ///
    /// # Errors
    /// When the guest failed and its instance is dead.
    pub(super) async fn snapshot_for(&mut self, asker: SnapshotAsker) -> Result<(), GuestFailure> {
        if self.snapshots.newest == Some(self.head) {
            let _left = asker.send(Ok(self.head));
            return Ok(());
        }
        self.snapshots.askers.push((self.head, asker));
        if self.snapshots.is_busy() {
            return Ok(());
        }
        self.capture(SnapshotReason::Operator, self.stage.clock.now()).await
    }

    /// Captures the state at this turn boundary; waits for CPU if no permit is held.
    ///
    /// # Errors
    /// When the guest failed and its instance is dead.
    pub(super) async fn capture(&mut self, reason: SnapshotReason, now: Timestamp) -> Result<(), GuestFailure> {
        self.since = SinceSnapshot::default();
        let place = match SnapshotPlace::take(self.code.account(), self.snapshots.newest.is_some()) {
            Ok(place) => place,
            Err(OverQuota { quota, limit }) => {
                quota_hit(&self.address.tenant, quota);
                let tenant = self.address.tenant.to_string();
                let over = RequestError::OverQuota { tenant, quota, limit };
                self.snapshot_failed(self.head, reason, over.into());
                return Ok(());
            }
        };
        let moment = Moment { time: now, sequence: self.head };
        let permit = self.enter().await;
        let captured = self.instance.with(Some(permit)).capture(moment);
        match captured {
            Ok(captured) => {
                let snapshot = match self.snapshot_of(captured, now) {
                    Ok(snapshot) => snapshot,
                    Err(error) => {
                        self.snapshot_failed(self.head, reason, error);
                        return Ok(());
                    }
                };
                self.revision.appended.mark(&[]);
                self.snapshots.captured = Some(Captured { snapshot, reason, place });
                self.save_when_durable();
                Ok(())
            }
            Err(failure @ (GuestFailure::Refused { .. } | GuestFailure::Limit { name: Limit::SnapshotBytes, .. })) => {
                self.snapshot_failed(self.head, reason, AskError::Snapshot(failure.to_string()));
                Ok(())
            }
            Err(failure) => {
                self.snapshots.not_before = Some(Instant::now() + REST_AFTER_DEATH);
                self.snapshot_failed(self.head, reason, AskError::Snapshot(failure.to_string()));
                Err(failure)
            }
        }
    }

    /// Saves a state that the code which runs captured at this turn boundary, and waits until it is durable.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) async fn keep_base(&mut self, base: &GuestSnapshot) -> Result<(), AskError> {
        self.save_when_durable();
        while let Some(saved) = self.snapshots.saved().await {
            self.note_saved(saved);
        }
        if self.snapshots.newest == Some(self.head) || self.head == Sequence::ZERO {
            return Ok(());
        }
        let over = |OverQuota { quota, limit }| {
            quota_hit(&self.address.tenant, quota);
            RequestError::OverQuota { tenant: self.address.tenant.to_string(), quota, limit }
        };
        let place = SnapshotPlace::take(self.code.account(), self.snapshots.newest.is_some()).map_err(over)?;
        let snapshot = self.snapshot_of(base.clone(), self.stage.clock.now())?;
        let captured = Captured { snapshot, reason: SnapshotReason::Swap, place };
        let (stage, code) = (Arc::clone(&self.stage), Arc::clone(&self.code));
        let saved = save(stage, code, captured, Arc::clone(&self.snapshots.unusable)).await;
        let result = saved.result.clone();
        if result.is_ok() {
            self.since = SinceSnapshot::default();
        }
        self.note_saved(saved);
        result
    }

    /// A captured state, with what the host keeps beside it.
    fn snapshot_of(&self, captured: GuestSnapshot, now: Timestamp) -> Result<Snapshot, AskError> {
        let ledger = self.ledger.encode().map_err(|error| AskError::Snapshot(error.to_string()))?;
        let state_bytes = u64::try_from(captured.state.len()).unwrap_or(u64::MAX);
        let (sequence, revision, state_version) = (self.head, self.revision.id, captured.state_version);
        let meta = SnapshotMeta { sequence, time: now, revision, state_version, state_bytes };
        let state = Bytes::from(captured.state);
        Ok(Snapshot { address: Arc::clone(&self.address), meta, state, ledger: Bytes::from(ledger) })
    }

    /// Starts to save what was captured, once every event in it is durable.
    pub(super) fn save_when_durable(&mut self) {
        let durable = self.progress.durable();
        if self.snapshots.captured.as_ref().is_some_and(|captured| captured.snapshot.meta.sequence <= durable)
            && let Some(captured) = self.snapshots.captured.take()
        {
            let (stage, code) = (Arc::clone(&self.stage), Arc::clone(&self.code));
            let snapshot = &captured.snapshot;
            let taken = self.load.appends.add(snapshot.state.len().saturating_add(snapshot.ledger.len()));
            let unusable = Arc::clone(&self.snapshots.unusable);
            self.snapshots.saving = Some(Box::pin(async move {
                let saved = save(stage, code, captured, unusable).await;
                drop(taken);
                saved
            }));
        }
    }

    /// Takes note of how a save ended; the next one may begin.
    pub(super) fn note_saved(&mut self, saved: Saved) {
        match saved.result {
            Ok(()) => {
                let metrics = self.code.metrics();
                metrics.snapshot("saved", saved.reason);
                metrics.snapshot_seconds.record(saved.seconds);
                #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
                metrics.snapshot_bytes.record(saved.bytes as f64);
                self.snapshots.newest = Some(saved.sequence);
                self.snapshots.newest_time = saved.time;
                self.snapshots.answer(saved.sequence, &Ok(saved.sequence));
            }
            Err(error) => self.snapshot_failed(saved.sequence, saved.reason, error),
        }
    }

    /// Takes the next snapshot if somebody waits for a newer one, or one became due while the last was being saved.
    ///
    /// # Errors
    /// When the guest failed and its instance is dead.
    pub(super) async fn snapshot_after_saving(&mut self, now: Timestamp) -> Result<(), GuestFailure> {
        if self.snapshots.askers.is_empty() || self.snapshots.is_busy() {
            return self.consider_snapshot(now).await;
        }
        self.capture(SnapshotReason::Operator, now).await
    }

    fn snapshot_failed(&mut self, at: Sequence, reason: SnapshotReason, error: AskError) {
        if self.code.account().may_log(&self.address.tenant, &self.limits) {
            tracing::warn!(actor = %self.address, sequence = %at, reason = reason.label(), %error, "snapshot failed; the actor goes on from its events");
        }
        self.code.metrics().snapshot("failed", reason);
        self.snapshots.answer(at, &Err(error));
    }
}

async fn save(stage: Arc<Stage>, code: Arc<dyn Code>, captured: Captured, unusable: Arc<[Sequence]>) -> Saved {
    let Captured { snapshot, reason, place } = captured;
    let began = Instant::now();
    let address = Arc::clone(&snapshot.address);
    let SnapshotMeta { sequence, time, state_bytes: bytes, .. } = snapshot.meta;
    let result = save_weighed(&stage, code.as_ref(), snapshot, place).await;
    if result.is_ok()
        && let Err(error) = retire(&stage, code.as_ref(), &address, sequence, &unusable).await
    {
        code.metrics().retention_failures.increment(1);
        tracing::warn!(actor = %address, %error, "old snapshots or events could not be deleted; the next snapshot tries again");
    }
    Saved { sequence, time, bytes, seconds: began.elapsed().as_secs_f64(), reason, result }
}

/// Saves a snapshot if its tenant may store it.
async fn save_weighed(
    stage: &Stage,
    code: &dyn Code,
    snapshot: Snapshot,
    mut place: SnapshotPlace,
) -> Result<(), AskError> {
    let (tenant, journal) = (&snapshot.address.tenant, &code.account().journal);
    let replaced_bytes = if journal.follows() {
        let listed = stage.provider.list_snapshots(snapshot.address.id()).await?;
        // With the new one there is one more than these.
        let kept = usize::try_from(code.policy().retention.keep_snapshots.max(1)).unwrap_or(usize::MAX);
        listed.iter().skip(kept.saturating_sub(1)).map(|meta| meta.state_bytes).fold(0, u64::saturating_add)
    } else {
        0
    };
    let weighed = place.weigh(snapshot.meta.state_bytes, replaced_bytes, stage.clock.now());
    if let Err(OverQuota { quota, limit }) = weighed {
        quota_hit(tenant, quota);
        return Err(RequestError::OverQuota { tenant: tenant.to_string(), quota, limit }.into());
    }
    stage.provider.save_snapshot(snapshot).await?;
    place.keep();
    Ok(())
}

/// Deletes what retention does not keep. A crash in the middle leaves more than is kept, never less.
///
/// Events go only behind a snapshot that has just been read back whole. One that cannot be is deleted instead, and what
/// is kept is counted again without it.
async fn retire(
    stage: &Stage,
    code: &dyn Code,
    address: &Address,
    saved: Sequence,
    unusable: &[Sequence],
) -> Result<(), StoreError> {
    let id = address.id();
    let snapshots = stage.provider.list_snapshots(id).await?;
    let is_usable = |sequence: &Sequence| *sequence == saved || !unusable.contains(sequence);
    let mut kept: Vec<Sequence> = snapshots.iter().map(|meta| meta.sequence).filter(is_usable).collect();
    let floor = floor_of(code, saved, &snapshots);
    let planned = |kept: &[Sequence]| {
        let plan = plan_retention(&code.policy().retention, kept);
        if let Some(floor) = floor { plan.keeping(floor) } else { plan }
    };
    let mut plan = planned(&kept);
    while let Some(through) = plan.events_through {
        if is_whole(stage, id, through).await? {
            delete_events(stage, code.account(), id, through).await?;
            break;
        }
        tracing::warn!(actor = %address, sequence = %through, "a snapshot cannot be read back; it is deleted, and no event behind it");
        code.metrics().unusable_snapshot(Unusable::Corrupt);
        stage.provider.delete_snapshot(id, through).await?;
        note_deleted(code, &snapshots, through);
        kept.retain(|sequence| *sequence != through);
        plan = planned(&kept);
    }
    let surplus = plan.snapshots.first().copied();
    let is_surplus = |at: Sequence| surplus.is_some_and(|surplus| at <= surplus) && floor != Some(at);
    for meta in snapshots.iter().filter(|meta| is_surplus(meta.sequence)) {
        stage.provider.delete_snapshot(id, meta.sequence).await?;
        note_deleted(code, &snapshots, meta.sequence);
    }
    // A tenant that has as many as it may keep: this actor's new one takes the place of its oldest.
    kept.retain(|sequence| surplus.is_none_or(|surplus| *sequence > surplus));
    while code.account().journal.has_too_many_snapshots() && kept.len() > 1 {
        let Some(oldest) = kept.pop().filter(|oldest| floor != Some(*oldest)) else { break };
        stage.provider.delete_snapshot(id, oldest).await?;
        note_deleted(code, &snapshots, oldest);
    }
    Ok(())
}

/// What must stay for actors that may have to go back to another revision; `None`: nothing in particular.
fn floor_of(code: &dyn Code, saved: Sequence, snapshots: &[SnapshotMeta]) -> Option<Sequence> {
    if !code.is_rolling() {
        return None;
    }
    let running = snapshots.iter().find(|meta| meta.sequence == saved)?.revision;
    let of_writers = snapshots.iter().map(|meta| (meta.sequence, meta.revision));
    going_back_needs(running, code.stable(), of_writers)
}

/// A snapshot was deleted: its tenant has it no more.
fn note_deleted(code: &dyn Code, listed: &[SnapshotMeta], at: Sequence) {
    if let Some(meta) = listed.iter().find(|meta| meta.sequence == at) {
        code.account().journal.snapshot_deleted(meta.state_bytes);
    }
}

/// Deletes events behind a snapshot. Where a tenant's bytes are counted, the frames that go are looked at first.
async fn delete_events(stage: &Stage, account: &Account, id: ActorId, through: Sequence) -> Result<(), StoreError> {
    let before = stage.provider.head(id).await?.deleted_through;
    let mut bytes: u64 = 0;
    if account.journal.follows() && before < through {
        let batch_bytes = usize::try_from(stage.limits.replay_batch_bytes).unwrap_or(usize::MAX);
        let mut reader = stage.provider.read(id, ReadRange { from: before.next(), through, batch_bytes });
        while let Some(frames) = reader.next().await? {
            let gone = frames.iter().filter(|frame| frame.header().last() <= through);
            let sizes = gone.map(|frame| u64::try_from(frame.bytes().len()).unwrap_or(u64::MAX));
            bytes = sizes.fold(bytes, u64::saturating_add);
        }
    }
    stage.provider.delete_through(id, through, DeleteGuard::BehindSnapshot).await?;
    account.journal.give(bytes);
    Ok(())
}

/// Whether the snapshot at a number is durable, passes its checksum, and what the host keeps beside it can be read.
async fn is_whole(stage: &Stage, id: ActorId, at: Sequence) -> Result<bool, StoreError> {
    match stage.provider.load_snapshot(id, at).await {
        Ok(loaded) => Ok(loaded.is_some_and(|it| it.meta.sequence == at && Ledger::decode(&it.ledger).is_ok())),
        Err(StoreError::Corrupt { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
