//! One actor on both revisions, and what that means.

use std::sync::Arc;
use std::time::Duration;

use super::replay::{Base, Failed, Looked, Replayed, Why};
use super::report::{RehearsalFailure, RehearsalFinding, RehearsalNote, RehearsalNoteKind, RehearsalVerdict};
use super::side::Side;
use super::{RehearsalCounts, ReplayFrom};
use crate::actor::{Fault, Pacer, RecoveryError, Stage};
use crate::decide::Differences;
use crate::provider::{ReadRange, StoreError};
use crate::runtime::deployment::Deployment;
use crate::vocab::{Address, Sequence};

/// Candidates' failures of which the very event is looked for, one more replay each.
const PINPOINTED_MAX: u64 = 100;

/// Both revisions, and what they run on.
pub(super) struct Pair {
    pub(super) stage: Arc<Stage>,
    pub(super) deployment: Arc<Deployment>,
    pub(super) active: Side,
    pub(super) candidate: Side,
    pub(super) pacer: Arc<Pacer>,
    pub(super) from: ReplayFrom,
}

/// What was found of one actor.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) findings: Vec<RehearsalFinding>,
    pub(super) notes: Vec<RehearsalNote>,
}

type Replay = Result<Replayed, Failed>;

impl Pair {
    /// Looks at one actor as of now. `None`: it has no events any more.
    ///
    /// # Errors
    /// When the store fails, which concerns every actor.
    pub(super) async fn look(
        &self,
        address: &Arc<Address>,
        counts: &mut RehearsalCounts,
    ) -> Result<Option<Found>, StoreError> {
        let head = self.stage.provider.head(address.id()).await?;
        if head.sequence == Sequence::ZERO {
            return Ok(None);
        }
        let (through, now) = (head.sequence, self.stage.clock.now());
        let looked = Looked { stage: &self.stage, pacer: &self.pacer, address, through, now };
        let mut found = Found::default();
        let mut usual = None;
        if self.from != ReplayFrom::First {
            let active = looked.replay(&self.active, Base::Newest).await;
            let candidate = looked.replay(&self.candidate, Base::Newest).await;
            let (active, candidate) = self.judge(&looked, Base::Newest, active, candidate, counts, &mut found).await?;
            note_passed_over(address, active.as_ref(), candidate.as_ref(), &mut found);
            usual = Some((active, candidate));
        }
        if self.from != ReplayFrom::Snapshot {
            self.look_from_first(&looked, usual, counts, &mut found).await?;
        }
        Ok(Some(found))
    }

    /// Replays from the first event, too, where that is something else.
    async fn look_from_first(
        &self,
        looked: &Looked<'_>,
        usual: Option<(Option<Replayed>, Option<Replayed>)>,
        counts: &mut RehearsalCounts,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let is_whole = |replayed: &Replayed| replayed.snapshot.is_none();
        let (usual_active, usual_candidate) = match usual {
            // Both went the whole way already, or failed there.
            Some((active, candidate))
                if active.as_ref().is_none_or(is_whole) && candidate.as_ref().is_none_or(is_whole) =>
            {
                return Ok(());
            }
            Some(usual) => usual,
            None => (None, None),
        };
        let active = match usual_active.as_ref().filter(|replayed| is_whole(replayed)) {
            Some(replayed) => Ok(replayed.clone()),
            None => looked.replay(&self.active, Base::None).await,
        };
        // Its beginning is deleted: there is the way from the snapshot only.
        if let Err(Failed { why: Why::Recovery(RecoveryError::NoBase { .. }), .. }) = &active
            && self.from == ReplayFrom::Both
        {
            return Ok(());
        }
        if let (Some(usual), Ok(whole)) = (&usual_active, &active) {
            note_drift(looked.address, usual, whole, found);
        }
        drop(usual_active);
        let candidate = match usual_candidate.filter(is_whole) {
            Some(replayed) => Ok(replayed),
            None => looked.replay(&self.candidate, Base::None).await,
        };
        self.judge(looked, Base::None, active, candidate, counts, found).await?;
        Ok(())
    }

    /// What two replays mean; they are given back as far as they went well.
    async fn judge(
        &self,
        looked: &Looked<'_>,
        base: Base,
        active: Replay,
        candidate: Replay,
        counts: &mut RehearsalCounts,
        found: &mut Found,
    ) -> Result<(Option<Replayed>, Option<Replayed>), StoreError> {
        let (events_a, active_ms) = figures(&active);
        let (events_c, candidate_ms) = figures(&candidate);
        counts.events = counts.events.saturating_add(events_a).saturating_add(events_c);
        counts.active_ms = counts.active_ms.saturating_add(active_ms);
        counts.candidate_ms = counts.candidate_ms.saturating_add(candidate_ms);
        let snapshot = candidate.as_ref().ok().and_then(|replayed| replayed.snapshot);
        let is_whole = base == Base::None || (snapshot.is_none() && is_whole(&active));
        let from = if is_whole { ReplayFrom::First } else { ReplayFrom::Snapshot };
        let blank = |verdict| RehearsalFinding {
            snapshot,
            active_ms,
            candidate_ms,
            ..RehearsalFinding::blank(looked.address.key.to_string(), looked.through, verdict, from)
        };
        let limit_ms = |failed: &Failed| is_too_slow(failed).then(|| self.candidate.limit_ms());
        let (finding, active, candidate) = match (active, candidate) {
            (Ok(active), Ok(candidate)) => {
                let differences = active.state.differences(&candidate.state);
                let finding =
                    (!differences.is_empty()).then(|| blank(RehearsalVerdict::Differs).with_differences(differences));
                (finding, Some(active), Some(candidate))
            }
            (Ok(active), Err(failed)) => {
                let verdict = verdict_of(&failed)?;
                let limit_ms = limit_ms(&failed);
                let failed = self.pinpointed(looked, base, failed, counts).await;
                let candidate = Some(self.failure(looked.address, &failed).await);
                (Some(RehearsalFinding { candidate, limit_ms, ..blank(verdict) }), Some(active), None)
            }
            (Err(failed), candidate) => {
                let verdict = match verdict_of(&failed)? {
                    RehearsalVerdict::NotLookedAt => RehearsalVerdict::NotLookedAt,
                    _ => RehearsalVerdict::ActiveFails,
                };
                let limit_ms = limit_ms(&failed);
                let active = Some(self.failure(looked.address, &failed).await);
                let (failed, candidate) = match candidate {
                    Ok(candidate) => (None, Some(candidate)),
                    Err(failed) => (Some(self.failure(looked.address, &failed).await), None),
                };
                let finding = RehearsalFinding { active, candidate: failed, limit_ms, ..blank(verdict) };
                (Some(finding), None, candidate)
            }
        };
        found.findings.extend(finding);
        Ok((active, candidate))
    }

    async fn pinpointed(&self, looked: &Looked<'_>, base: Base, failed: Failed, counts: &RehearsalCounts) -> Failed {
        if counts.cannot_replay >= PINPOINTED_MAX {
            return failed;
        }
        Box::pin(looked.pinpointed(&self.candidate, base, failed)).await
    }

    /// A failure as it is told.
    pub(super) async fn failure(&self, address: &Arc<Address>, failed: &Failed) -> RehearsalFailure {
        let events = match &failed.why {
            Why::Recovery(error) => error.events(),
            Why::Guest(_) => None,
        };
        let event_type = match (&failed.why, events) {
            (Why::Recovery(RecoveryError::UnknownEventType { name, version, .. }), _) => {
                Some(format!("{name} v{version}"))
            }
            (_, Some((first, last))) if first == last => self.event_type(address, first).await,
            _ => None,
        };
        RehearsalFailure {
            code: failed.why.code().to_string(),
            reason: self.reason(address, failed).await,
            event: events.map(|(first, _)| first),
            event_last: events.filter(|(first, last)| first < last).map(|(_, last)| last),
            event_type,
        }
    }

    /// Why a revision failed; of one that finds nothing to start from, also which layouts there are.
    async fn reason(&self, address: &Arc<Address>, failed: &Failed) -> String {
        let Why::Recovery(error @ RecoveryError::NoBase { .. }) = &failed.why else { return failed.why.to_string() };
        let Ok(metas) = self.stage.provider.list_snapshots(address.id()).await else { return error.to_string() };
        let there: Vec<String> =
            metas.iter().map(|meta| format!("at {} of state version {}", meta.sequence, meta.state_version)).collect();
        let there = if there.is_empty() { "there is none".to_owned() } else { there.join(", ") };
        format!("{error}: {there}")
    }

    /// Type and version of an event, as whoever wrote it declared them.
    async fn event_type(&self, address: &Arc<Address>, sequence: Sequence) -> Option<String> {
        let range = ReadRange { from: sequence, through: sequence, batch_bytes: 1 };
        let frames = self.stage.provider.read(address.id(), range).next().await.ok()??;
        let frame = frames.first()?;
        let at = usize::try_from(sequence.since(frame.header().first)).ok()?;
        let (index, _) = frame.events().nth(at)?;
        let (name, version) = self.deployment.named(frame.header().revision, index)?;
        Some(format!("{name} v{version}"))
    }
}

fn is_whole(replay: &Replay) -> bool {
    replay.as_ref().is_ok_and(|replayed| replayed.snapshot.is_none())
}

/// Events and milliseconds.
fn figures(replay: &Replay) -> (u64, u64) {
    let (events, took) = match replay {
        Ok(replayed) => (replayed.events, replayed.took),
        Err(failed) => (failed.events, failed.took),
    };
    (events, in_ms(took))
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const fn is_too_slow(failed: &Failed) -> bool {
    matches!(failed.why, Why::Recovery(RecoveryError::OutOfTime { .. }))
}

/// What a revision's failure means.
///
/// # Errors
/// The store's failure, if it is none of this actor.
fn verdict_of(failed: &Failed) -> Result<RehearsalVerdict, StoreError> {
    match &failed.why {
        _ if is_too_slow(failed) => Ok(RehearsalVerdict::TooSlow),
        why if why.fault() == Fault::OfTheActor => Ok(RehearsalVerdict::CannotReplay),
        Why::Recovery(RecoveryError::Store(error)) => Err(error.clone()),
        _ => Ok(RehearsalVerdict::NotLookedAt),
    }
}

/// Snapshots that the candidate does not use while the active revision does.
fn note_passed_over(address: &Address, active: Option<&Replayed>, candidate: Option<&Replayed>, found: &mut Found) {
    let (Some(snapshot), Some(candidate)) = (active.and_then(|active| active.snapshot), candidate) else { return };
    let Some((_, why)) = candidate.unusable.iter().find(|(sequence, _)| *sequence == snapshot) else { return };
    let goes_on = match candidate.snapshot {
        Some(older) => format!("it starts from the one at {older}"),
        None => "it replays from the first event".to_owned(),
    };
    found.notes.push(RehearsalNote {
        key: address.key.to_string(),
        note: RehearsalNoteKind::SnapshotPassedOver,
        snapshot,
        what: format!("the candidate does not use the snapshot at {snapshot} ({}): {goes_on}", why.label()),
    });
}

/// A snapshot of the active revision that is not what its own events give.
fn note_drift(address: &Address, usual: &Replayed, whole: &Replayed, found: &mut Found) {
    let Some(snapshot) = usual.snapshot else { return };
    let differences: Differences = usual.state.differences(&whole.state);
    if let Some(first) = differences.listed.first() {
        let place = if first.path.is_empty() { "the whole state" } else { &first.path };
        found.notes.push(RehearsalNote {
            key: address.key.to_string(),
            note: RehearsalNoteKind::Drifted,
            snapshot,
            what: format!(
                "the state that the active revision has from the snapshot at {snapshot} is not what its events give, at {place} first"
            ),
        });
    }
}
