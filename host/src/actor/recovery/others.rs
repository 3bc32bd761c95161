//! A revision that does not bear an actor, and those that may bear it instead: no new code can brick an actor.

use std::sync::Arc;

use super::{Recovered, Recovery, RecoveryError, Unread, unread_by};
use crate::actor::{Revision, Stage};
use crate::provider::{ReadRange, StoreError};
use crate::sandbox::{EventType, GuestFailure, GuestSnapshot, Instance, Lasting, Moment, ReplayFailure, Started};
use crate::vocab::{Address, RevisionId, Sequence};

impl RecoveryError {
    /// Whether other code might bring the actor back.
    pub(crate) const fn may_be_the_codes(&self) -> bool {
        match self {
            Self::Start(failure) | Self::Replay(ReplayFailure::Guest { failure, .. }) => {
                !matches!(failure, GuestFailure::NoRoom | GuestFailure::Quota { .. } | GuestFailure::HostMemory { .. })
            }
            Self::Code(_)
            | Self::Loading(_)
            | Self::UnknownEventType { .. }
            | Self::Replay(_)
            | Self::NoBase { .. }
            | Self::OutOfTime { .. }
            | Self::SwapOutOfTime { .. } => true,
            Self::Store(_)
            | Self::UnknownRevision { .. }
            | Self::Ledger { .. }
            | Self::OverQuota(_)
            | Self::Gap { .. } => false,
        }
    }
}

impl RecoveryError {
    /// Whether the same code would fail so again: a compiler that could not be run says nothing of the code.
    pub(crate) fn will_last(&self) -> bool {
        match self {
            Self::Code(error) => error.lasting() == Lasting::Always,
            Self::Loading(_) => false,
            _ => self.may_be_the_codes(),
        }
    }
}

/// The revision that wrote the newest record of an actor's journal; `None`: it has none.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn last_writer(stage: &Stage, address: &Address) -> Result<Option<RevisionId>, StoreError> {
    let last = stage.provider.head(address.id()).await?.sequence;
    if last == Sequence::ZERO {
        return Ok(None);
    }
    writer_of(stage, address, last).await
}

async fn writer_of(stage: &Stage, address: &Address, at: Sequence) -> Result<Option<RevisionId>, StoreError> {
    let range = ReadRange { from: at, through: at, batch_bytes: 1 };
    let frames = stage.provider.read(address.id(), range).next().await?;
    Ok(frames.and_then(|frames| frames.last().map(|frame| frame.header().revision)))
}

impl Recovery<'_> {
    /// Walks the whole way with the revision that the actor is assigned, or with another one if that does not bear it.
    /// The instance has replayed everything, but was not told `recovered`.
    ///
    /// # Errors
    /// Why the assigned revision failed, if no other one did better.
    pub(crate) async fn run(&self) -> Result<Recovered, RecoveryError> {
        let assigned = self.code.assigned(self.address);
        let error = match self.run_on(self.code.revision(assigned).await?).await {
            Err(error) if error.may_be_the_codes() => error,
            result => return result,
        };
        for other in self.others(assigned, &error).await {
            let Ok(revision) = self.code.revision(other).await else { continue };
            if let Ok(recovered) = self.run_on(revision).await {
                return Ok(recovered);
            }
        }
        Err(error)
    }

    /// The revisions that may be tried in the place of one that failed, the likeliest first: the one that wrote the event
    /// which it does not know, the one that wrote the newest record, the one that wrote the newest snapshot, the stable one.
    pub(crate) async fn others(&self, refused: RevisionId, error: &RecoveryError) -> Vec<RevisionId> {
        let Self { stage, code, address, .. } = *self;
        if code.is_only(refused) {
            return Vec::new();
        }
        let knows = match error {
            RecoveryError::UnknownEventType { sequence, .. } => {
                writer_of(stage, address, *sequence).await.ok().flatten()
            }
            _ => None,
        };
        let writer = last_writer(stage, address).await.ok().flatten();
        let snapshots = stage.provider.list_snapshots(address.id()).await.unwrap_or_default();
        let captured_by = snapshots.first().map(|meta| meta.revision);
        let mut others = Vec::new();
        for other in [knows, writer, captured_by, Some(code.stable())].into_iter().flatten() {
            if other != refused && !others.contains(&other) && code.event_types(other).is_some() {
                others.push(other);
            }
        }
        others
    }

    /// Takes a live actor over at a turn boundary: an instance of another revision that is told `recovered`. It goes on from
    /// `base`, what the running code captured; where it does not read that, from the journal (the second value, whose
    /// instance is the first).
    ///
    /// # Errors
    /// Why that revision does not take it over.
    pub(crate) async fn take_over(
        &self,
        id: RevisionId,
        base: Option<&GuestSnapshot>,
        at: Moment,
    ) -> Result<Recovered, RecoveryError> {
        let revision = self.code.revision(id).await?;
        let started = match base {
            Some(base) => {
                self.could_come_back_on(&revision).await?;
                self.start_at(&revision, base, at).await?
            }
            None => None,
        };
        let mut recovered = match started {
            Some(instance) => Recovered::at_once(revision, instance, at.sequence),
            None => self.run_on(revision).await?,
        };
        if recovered.sequence != at.sequence {
            return Err(RecoveryError::Gap { expected: at.sequence.next(), found: Some(recovered.sequence.next()) });
        }
        let permit = self.admission.enter(recovered.instance.share()).await;
        recovered.instance.with(Some(permit)).recovered(at).map_err(RecoveryError::Start)?;
        Ok(recovered)
    }

    /// Whether a revision could bring the actor back from the store as well, as it must after a crash.
    async fn could_come_back_on(&self, revision: &Revision) -> Result<(), RecoveryError> {
        let reads = (revision.id, revision.component.manifest().state_version);
        match unread_by(&self.stage.provider, self.code, self.address.id(), reads).await? {
            Some(Unread::Event(sequence, EventType { name, version })) => {
                Err(RecoveryError::UnknownEventType { sequence, name, version, revision: revision.number })
            }
            Some(Unread::Snapshots(deleted_through, versions)) => {
                Err(RecoveryError::NoBase { deleted_through, tried: versions.len() })
            }
            None => Ok(()),
        }
    }

    /// An instance with a state that was captured; `None`: the code does not read its version.
    async fn start_at(
        &self,
        revision: &Arc<Revision>,
        base: &GuestSnapshot,
        at: Moment,
    ) -> Result<Option<Instance>, RecoveryError> {
        let (mut instance, permit) = self.instantiate(revision).await?;
        let started = instance.with(permit).start(at, Some(base));
        match started.map_err(RecoveryError::Start)? {
            Started::Ready => Ok(Some(instance)),
            Started::UnknownStateVersion => Ok(None),
        }
    }
}
