//! How an actor comes back: newest usable snapshot, then the events after it, then `recovered`.
//!
//! The same walk rebuilds a live actor and, with an upper bound, shows the state at an earlier number. Nothing is
//! skipped: what cannot be read or applied ends the recovery with an error that names the number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ledger::{Change, Ledger, decode_changes};
use super::{Code, Phase, Progress, Revision, Stage};
use crate::frame::codec::CodecError;
use crate::provider::{Head, ReadRange, Snapshot, StoreError};
use crate::sandbox::{
    DeployError, GuestFailure, GuestSnapshot, Instance, InstanceOptions, Moment, Permit, ReplayFailure, Started,
};
use crate::vocab::{Address, Code as ErrorCode, Limits, Sequence, Timestamp};

mod admission;
mod others;
mod pacer;
mod replay;
mod unread;
mod unusable;

pub(crate) use admission::Admission;
pub(crate) use others::last_writer;
pub(crate) use pacer::Pacer;
use replay::Replay;
pub(crate) use unread::{Unread, unread_by};
pub(crate) use unusable::Unusable;

/// Why an actor could not be brought back.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RecoveryError {
    #[error("its code cannot be loaded: {0}")]
    Code(#[from] DeployError),
    #[error("the host cannot load its code: {0}")]
    Loading(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "event {sequence} is of type {name} v{version}, which revision {revision} does not know; deploy code that does"
    )]
    UnknownEventType { sequence: Sequence, name: String, version: u16, revision: u32 },
    #[error("event {sequence} was written by a revision that this store has no record of")]
    UnknownRevision { sequence: Sequence },
    #[error("its code did not start: {0}")]
    Start(GuestFailure),
    #[error(transparent)]
    Replay(ReplayFailure),
    #[error("what frame {sequence} says of effects or idempotency keys cannot be read: {reason}")]
    Ledger { sequence: Sequence, reason: CodecError },
    #[error(
        "events through {deleted_through} are deleted and no snapshot at or after that number is usable ({tried} tried)"
    )]
    NoBase { deleted_through: Sequence, tried: usize },
    /// Its tenant has as much of something as it may have; nothing is wrong with the actor.
    #[error("{0}")]
    OverQuota(GuestFailure),
    #[error("the journal should go on with {expected}, the store has {found:?}")]
    Gap { expected: Sequence, found: Option<Sequence> },
    #[error(
        "it took longer than the {limit_ms} ms of recovery.time_limit_ms; {done} of {total} events were replayed; try again, or raise the limit"
    )]
    OutOfTime { limit_ms: u64, done: u64, total: u64 },
    #[error("it took longer than the {limit_ms} ms of rollout.swap_ms to take the live actor over")]
    SwapOutOfTime { limit_ms: u64 },
}

impl RecoveryError {
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Code(error) => error.code(),
            Self::Loading(_) => ErrorCode::CompileFailed,
            Self::Store(error) => error.code(),
            Self::UnknownEventType { .. } | Self::UnknownRevision { .. } => ErrorCode::UnknownEventType,
            Self::Start(failure) | Self::OverQuota(failure) => failure.code(),
            // Its events are sound; there was no room for the state that they make.
            Self::Replay(ReplayFailure::Guest {
                failure: failure @ (GuestFailure::Quota { .. } | GuestFailure::HostMemory { .. }),
                ..
            }) => failure.code(),
            Self::Replay(_) => ErrorCode::ReplayFailed,
            Self::Ledger { .. } | Self::NoBase { .. } => ErrorCode::StoreCorrupt,
            Self::Gap { .. } => ErrorCode::SequenceGap,
            Self::OutOfTime { .. } | Self::SwapOutOfTime { .. } => ErrorCode::RecoveryOutOfTime,
        }
    }
}

/// One recovery.
pub(crate) struct Recovery<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) code: &'a dyn Code,
    pub(crate) address: &'a Arc<Address>,
    pub(crate) limits: &'a Arc<Limits>,
    /// Where the walk reports how far it is; `None`: nobody watches.
    pub(crate) progress: Option<&'a Progress>,
    /// The last event to fold in; `Sequence::MAX`: all.
    pub(crate) through: Sequence,
    /// Snapshots at or after this number are left aside; `None`: none is.
    pub(crate) before: Option<Sequence>,
    /// Log lines of the guest are dropped: the walk only looks.
    pub(crate) silent: bool,
    /// How long it waited for CPU, which is no time of its own.
    pub(crate) admission: Admission,
    /// From this event on each is handed to the guest by itself, so that a failure names it; `None`: in large batches.
    pub(crate) one_by_one_from: Option<Sequence>,
    /// An event that is left out as an experiment, beside those that an operator decided to skip.
    pub(crate) skip: Option<Sequence>,
}

/// An actor brought back.
pub(crate) struct Recovered {
    pub(crate) revision: Arc<Revision>,
    pub(crate) instance: Instance,
    pub(crate) ledger: Ledger,
    /// The last event folded in.
    pub(crate) sequence: Sequence,
    /// The snapshot it started from, and when that was taken.
    pub(crate) base: Option<(Sequence, Timestamp)>,
    /// Events and payload bytes replayed after it.
    pub(crate) replayed: (u64, u64),
    /// Whether one of those events is of a type that asks for a snapshot.
    pub(crate) key_event: bool,
    /// Newer snapshots that could not be used, and why.
    pub(crate) unusable: Vec<(Sequence, Unusable)>,
}

impl Recovered {
    /// An instance that went on from the state of a live one: nothing was replayed, and what the host keeps is with that one.
    fn at_once(revision: Arc<Revision>, instance: Instance, sequence: Sequence) -> Self {
        let (ledger, base, replayed, key_event, unusable) = (Ledger::default(), None, (0, 0), false, Vec::new());
        Self { revision, instance, ledger, sequence, base, replayed, key_event, unusable }
    }
}

/// An instance that started, and what the host keeps beside its state.
type Ready = (Instance, Ledger);

/// Where a recovery starts.
struct Start {
    instance: Instance,
    ledger: Ledger,
    /// The last event that is folded in.
    from: Sequence,
    /// The snapshot, and when it was taken; `None`: from the first event, or the first behind a purge.
    base: Option<(Sequence, Timestamp)>,
    /// Newer ones that could not be used.
    unusable: Vec<(Sequence, Unusable)>,
}

impl<'a> Recovery<'a> {
    /// One of all events that nobody watches and that leaves no trace: it only looks.
    pub(crate) fn silent(
        stage: &'a Stage,
        code: &'a dyn Code,
        address: &'a Arc<Address>,
        limits: &'a Arc<Limits>,
    ) -> Self {
        Self {
            stage,
            code,
            address,
            limits,
            progress: None,
            through: Sequence::MAX,
            before: None,
            silent: true,
            admission: Admission::default(),
            one_by_one_from: None,
            skip: None,
        }
    }

    /// Walks the whole way with the code of one revision, whatever the actor is assigned, within the kind's time limit. The
    /// instance has replayed everything, but was not told `recovered`. What the store answers after the limit is ignored:
    /// the walk that asked is gone.
    pub(crate) async fn run_on(&self, revision: Arc<Revision>) -> Result<Recovered, RecoveryError> {
        self.in_time(self.walk(revision)).await
    }

    /// The same failure with the event that it is about, where the code did not say at which one of a batch it failed:
    /// the batch is replayed once more, event by event.
    pub(crate) async fn pinpointed(&self, error: RecoveryError) -> RecoveryError {
        let (first, last) = match error.events() {
            Some((first, last)) if first < last => (first, last),
            _ => return error,
        };
        let closely = Recovery {
            progress: None,
            silent: true,
            through: last,
            admission: self.admission.another(),
            one_by_one_from: Some(first),
            ..*self
        };
        let Ok(revision) = self.code.revision(self.code.assigned(self.address)).await else { return error };
        match Box::pin(closely.run_on(revision)).await {
            Err(found) if found.events().is_some_and(|(a, b)| a == b && a >= first) => found,
            _ => error,
        }
    }

    /// Gives something up when it takes longer than a recovery may.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, RecoveryError>>) -> Result<T, RecoveryError> {
        let limit_ms = self.code.policy().recovery.time_limit_ms;
        let Some(result) = self.admission.limited(Duration::from_millis(limit_ms), work).await else {
            let (done, total) = self.progress.map_or((0, 0), Progress::events);
            return Err(RecoveryError::OutOfTime { limit_ms, done, total });
        };
        result
    }

    async fn walk(&self, revision: Arc<Revision>) -> Result<Recovered, RecoveryError> {
        self.enter(Phase::LoadingSnapshot);
        let id = self.address.id();
        let head = self.stage.provider.head(id).await?;
        let target = head.sequence.min(self.through);
        let Start { instance, ledger, from, base, unusable } = self.start(&revision, &head, target).await?;
        if let Some(progress) = self.progress {
            progress.recovery_planned(base.map_or(Sequence::ZERO, |(at, _)| at), from, target);
        }
        self.enter(Phase::Replaying);
        let mut replay = Replay::new(self, &revision, instance, ledger, from);
        if from < target {
            let batch_bytes = usize::try_from(self.stage.limits.replay_batch_bytes).unwrap_or(usize::MAX);
            let range = ReadRange { from: from.next(), through: target, batch_bytes };
            let mut reader = self.stage.provider.read(id, range);
            while let Some(frames) = reader.next().await? {
                for frame in &frames {
                    replay.take(frame, target).await?;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(Recovered { unusable, ..replay.finish(target, base).await? })
    }

    /// Starts an instance from the newest snapshot that this code can use, or from nothing.
    async fn start(&self, revision: &Arc<Revision>, head: &Head, target: Sequence) -> Result<Start, RecoveryError> {
        let id = self.address.id();
        let candidates = self.stage.provider.list_snapshots(id).await?;
        let mut unusable = Vec::new();
        let is_wanted =
            |at: Sequence| at <= target && at >= head.deleted_through && self.before.is_none_or(|end| at < end);
        for meta in candidates.iter().filter(|meta| is_wanted(meta.sequence)) {
            match self.try_snapshot(revision, meta.sequence).await? {
                Ok((instance, ledger)) => {
                    let (from, base) = (meta.sequence, Some((meta.sequence, meta.time)));
                    return Ok(Start { instance, ledger, from, base, unusable });
                }
                Err(why) => unusable.push((meta.sequence, why)),
            }
            // A store in memory never waits, and the time limit is looked at where somebody does.
            tokio::task::yield_now().await;
        }
        let tried = unusable.len();
        let from = head.deleted_through;
        if from > Sequence::ZERO && !self.was_purged(from).await? {
            return Err(RecoveryError::NoBase { deleted_through: from, tried });
        }
        let moment = Moment { time: Timestamp(0), sequence: from };
        let (mut instance, permit) = self.instantiate(revision).await?;
        let started = instance.with(permit).start(moment, None);
        match started.map_err(RecoveryError::Start)? {
            Started::Ready => Ok(Start { instance, ledger: Ledger::default(), from, base: None, unusable }),
            Started::UnknownStateVersion => Err(RecoveryError::Start(GuestFailure::Refused {
                call: "start",
                reason: "it refused the state version of a snapshot that was not given".to_owned(),
            })),
        }
    }

    /// Whether an operator purged the actor through that event: then it starts anew behind it. The record that says so
    /// is the first one that is kept.
    async fn was_purged(&self, through: Sequence) -> Result<bool, RecoveryError> {
        let range = ReadRange { from: through.next(), through: through.next(), batch_bytes: 1 };
        let frames = self.stage.provider.read(self.address.id(), range).next().await?.unwrap_or_default();
        let Some(frame) = frames.first().filter(|frame| frame.is_host_event()) else { return Ok(false) };
        let sequence = frame.header().first;
        let changes = decode_changes(frame.effects());
        let changes = changes.map_err(|reason| RecoveryError::Ledger { sequence, reason })?;
        Ok(changes.iter().any(|change| matches!(change, Change::Purge { through: last, .. } if *last == through.0)))
    }

    /// An instance that started from the snapshot at a number, or why there is none. The outer error is about something
    /// else than the snapshot.
    async fn try_snapshot(
        &self,
        revision: &Arc<Revision>,
        at: Sequence,
    ) -> Result<Result<Ready, Unusable>, RecoveryError> {
        let began = Instant::now();
        let (why, reason) = match self.stage.provider.load_snapshot(self.address.id(), at).await {
            Ok(Some(snapshot)) if snapshot.meta.sequence == at => {
                let bytes = snapshot.state.len().saturating_add(snapshot.ledger.len());
                self.code.metrics().snapshot_loaded(began.elapsed(), bytes);
                match self.start_from(revision, &snapshot).await? {
                    Ok(started) => return Ok(Ok(started)),
                    Err(unusable) => unusable,
                }
            }
            Ok(_) => (Unusable::Gone, "the store lists it and does not have it".to_owned()),
            Err(error @ StoreError::Corrupt { .. }) => (Unusable::Corrupt, error.to_string()),
            Err(error) => return Err(error.into()),
        };
        self.pass_over(at, why, &reason);
        Ok(Err(why))
    }

    async fn start_from(
        &self,
        revision: &Arc<Revision>,
        snapshot: &Snapshot,
    ) -> Result<Result<Ready, (Unusable, String)>, RecoveryError> {
        let sequence = snapshot.meta.sequence;
        let ledger = match Ledger::decode(&snapshot.ledger) {
            Ok(ledger) => ledger,
            Err(error) => return Ok(Err((Unusable::Ledger, error.to_string()))),
        };
        let (mut instance, permit) = self.instantiate(revision).await?;
        let base = GuestSnapshot { state_version: snapshot.meta.state_version, state: snapshot.state.to_vec() };
        let moment = Moment { time: snapshot.meta.time, sequence };
        let mut admitted = instance.with(permit);
        let began = Instant::now();
        let started = admitted.start(moment, Some(&base));
        let parked = admitted.finish().map_or(Duration::ZERO, |permit| permit.parked());
        match started {
            Ok(Started::Ready) => {}
            Ok(Started::UnknownStateVersion) => {
                let reason = format!("the code does not read state version {}", base.state_version);
                return Ok(Err((Unusable::Layout, reason)));
            }
            Err(failure) => {
                let reason = failure.to_string();
                return Unusable::of(failure).map(|why| Err((why, reason)));
            }
        }
        let elapsed = began.elapsed().saturating_sub(parked);
        self.code.policy().rate.started(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
        Ok(Ok((instance, ledger)))
    }

    /// A fresh instance, and a permit for its first call.
    async fn instantiate(&self, revision: &Arc<Revision>) -> Result<(Instance, Option<Permit>), RecoveryError> {
        let options = InstanceOptions {
            silent: self.silent,
            limits: Some(Arc::clone(self.limits)),
            memory: Some(Arc::clone(&self.code.account().memory)),
            log: Some(Arc::clone(&self.code.account().log)),
            ..InstanceOptions::of(Arc::clone(self.address))
        };
        let share = revision.component.share(&self.address.tenant);
        let mut permit = Some(self.admission.enter(&share).await);
        let instance = revision.component.instantiate_under(options, &mut permit).map_err(RecoveryError::Start)?;
        Ok((instance, permit))
    }

    fn enter(&self, phase: Phase) {
        if let Some(progress) = self.progress {
            progress.enter(phase);
        }
    }
}
