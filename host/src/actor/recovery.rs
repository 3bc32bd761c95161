//! How an actor comes back: newest usable snapshot, then the events after it, then `recovered`.
//!
//! The same walk rebuilds a live actor and, with an upper bound, shows the state at an earlier number. Nothing is
//! skipped: what cannot be read or applied ends the recovery with an error that names the number.

use std::sync::Arc;
use std::time::Instant;

use super::ledger::Ledger;
use super::{Code, Phase, Progress, Revision, Stage};
use crate::frame::codec::CodecError;
use crate::provider::{Head, ReadRange, Snapshot, StoreError};
use crate::sandbox::{
    DeployError, GuestFailure, GuestSnapshot, Instance, InstanceOptions, Moment, ReplayFailure, Started,
};
use crate::vocab::{Address, Code as ErrorCode, Sequence, Timestamp};

mod replay;

use replay::Replay;

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
    #[error("the journal should go on with {expected}, the store has {found:?}")]
    Gap { expected: Sequence, found: Option<Sequence> },
}

impl RecoveryError {
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Code(error) => error.code(),
            Self::Loading(_) => ErrorCode::CompileFailed,
            Self::Store(error) => error.code(),
            Self::UnknownEventType { .. } | Self::UnknownRevision { .. } => ErrorCode::UnknownEventType,
            Self::Start(failure) => failure.code(),
            Self::Replay(_) => ErrorCode::ReplayFailed,
            Self::Ledger { .. } | Self::NoBase { .. } => ErrorCode::StoreCorrupt,
            Self::Gap { .. } => ErrorCode::SequenceGap,
        }
    }
}

/// One recovery.
pub(crate) struct Recovery<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) code: &'a dyn Code,
    pub(crate) address: &'a Arc<Address>,
    /// Where the walk reports how far it is; `None`: nobody watches.
    pub(crate) progress: Option<&'a Progress>,
    /// The last event to fold in; `Sequence::MAX`: all.
    pub(crate) through: Sequence,
    /// Log lines of the guest are dropped: the walk only looks.
    pub(crate) silent: bool,
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
}

impl Recovery<'_> {
    /// Walks the whole way. The instance has replayed everything, but was not told `recovered`.
    pub(crate) async fn run(&self) -> Result<Recovered, RecoveryError> {
        let revision = self.code.current().await?;
        self.enter(Phase::LoadingSnapshot);
        let id = self.address.id();
        let head = self.stage.provider.head(id).await?;
        let target = head.sequence.min(self.through);
        let (instance, ledger, base) = self.start(&revision, &head, target).await?;
        let from = base.map_or(Sequence::ZERO, |(sequence, _)| sequence);
        if let Some(progress) = self.progress {
            progress.recovery_planned(from, target);
        }
        self.enter(Phase::Replaying);
        let mut replay = Replay::new(self, &revision, instance, ledger, from);
        if from < target {
            let batch_bytes = usize::try_from(self.stage.limits.replay_batch_bytes).unwrap_or(usize::MAX);
            let range = ReadRange { from: from.next(), through: target, batch_bytes };
            let mut reader = self.stage.provider.read(id, range);
            while let Some(frames) = reader.next().await? {
                for frame in &frames {
                    replay.take(frame, target)?;
                }
                tokio::task::yield_now().await;
            }
        }
        replay.finish(target, base)
    }

    /// Starts an instance from the newest snapshot that this code can use, or from nothing.
    async fn start(
        &self,
        revision: &Arc<Revision>,
        head: &Head,
        target: Sequence,
    ) -> Result<(Instance, Ledger, Option<(Sequence, Timestamp)>), RecoveryError> {
        let id = self.address.id();
        let candidates = self.stage.provider.list_snapshots(id).await?;
        let mut tried: usize = 0;
        for meta in candidates.iter().filter(|meta| meta.sequence <= target && meta.sequence >= head.deleted_through) {
            tried = tried.saturating_add(1);
            match self.stage.provider.load_snapshot(id, meta.sequence).await {
                Ok(Some(snapshot)) if snapshot.meta.sequence == meta.sequence => {
                    if let Some((instance, ledger)) = self.start_from(revision, &snapshot)? {
                        return Ok((instance, ledger, Some((meta.sequence, meta.time))));
                    }
                }
                Ok(_) => {}
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::warn!(actor = %self.address, sequence = %meta.sequence, %error, "snapshot unusable; trying an older one");
                }
                Err(error) => return Err(error.into()),
            }
        }
        if head.deleted_through > Sequence::ZERO {
            return Err(RecoveryError::NoBase { deleted_through: head.deleted_through, tried });
        }
        let mut instance = self.instantiate(revision)?;
        let moment = Moment { time: Timestamp(0), sequence: Sequence::ZERO };
        match instance.start(moment, None).map_err(RecoveryError::Start)? {
            Started::Ready => Ok((instance, Ledger::default(), None)),
            Started::UnknownStateVersion => Err(RecoveryError::Start(GuestFailure::Refused {
                call: "start",
                reason: "it refused the state version of a snapshot that was not given".to_owned(),
            })),
        }
    }

    /// `None`: this code does not read the snapshot's layout, or the host not what it kept beside it.
    fn start_from(
        &self,
        revision: &Arc<Revision>,
        snapshot: &Snapshot,
    ) -> Result<Option<(Instance, Ledger)>, RecoveryError> {
        let sequence = snapshot.meta.sequence;
        let ledger = match Ledger::decode(&snapshot.ledger) {
            Ok(ledger) => ledger,
            Err(error) => {
                tracing::warn!(actor = %self.address, %sequence, %error, "snapshot unusable; trying an older one");
                return Ok(None);
            }
        };
        let began = Instant::now();
        let mut instance = self.instantiate(revision)?;
        let base = GuestSnapshot { state_version: snapshot.meta.state_version, state: snapshot.state.to_vec() };
        let moment = Moment { time: snapshot.meta.time, sequence };
        let started = instance.start(moment, Some(&base)).map_err(RecoveryError::Start)?;
        self.code.policy().rate.started(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        Ok((started == Started::Ready).then_some((instance, ledger)))
    }

    fn instantiate(&self, revision: &Arc<Revision>) -> Result<Instance, RecoveryError> {
        let options = InstanceOptions { address: Arc::clone(self.address), silent: self.silent };
        revision.component.instantiate(options).map_err(RecoveryError::Start)
    }

    fn enter(&self, phase: Phase) {
        if let Some(progress) = self.progress {
            progress.enter(phase);
        }
    }
}
