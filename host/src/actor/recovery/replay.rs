//! Frames into an instance: as large a batch as the limits allow, in order, none twice, none left out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Recovered, Recovery, RecoveryError};
use crate::actor::ledger::{self, Ledger};
use crate::actor::{EventTypeOf, Remap, Revision};
use crate::frame::{EventColumns, Frame};
use crate::sandbox::{Instance, Moment, limit_hit};
use crate::vocab::{Limit, RevisionId, Sequence, Timestamp};

/// A replay in progress.
pub(super) struct Replay<'a> {
    recovery: &'a Recovery<'a>,
    revision: &'a Arc<Revision>,
    instance: Instance,
    ledger: Ledger,
    /// The last event taken, whether or not it was handed to the guest yet.
    taken: Sequence,
    /// Events on their way to the guest; the last has number `taken`.
    batch: EventColumns,
    /// The recorded time of the batch (of its newest frame, where times may mix).
    batch_time: Timestamp,
    /// How to read what the newest seen writer wrote.
    remap: Option<(RevisionId, Remap)>,
    /// Types that ask for a snapshot, as indices of `revision`.
    key_types: Vec<u16>,
    key_event: bool,
    replayed: (u64, u64),
    /// Events that are left out and not passed yet, the last one first.
    skips: Vec<Sequence>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        recovery: &'a Recovery<'a>,
        revision: &'a Arc<Revision>,
        instance: Instance,
        ledger: Ledger,
        from: Sequence,
    ) -> Self {
        let key_types = revision.event_indices(&recovery.code.policy().snapshots.on_events);
        let decided = recovery.stage.supervisor.skips(recovery.address.id());
        let mut skips: Vec<Sequence> = decided.iter().flat_map(|decided| decided.iter().copied()).collect();
        skips.extend(recovery.skip);
        skips.retain(|skip| *skip > from);
        skips.sort_unstable_by(|a, b| b.cmp(a));
        skips.dedup();
        Self {
            recovery,
            revision,
            instance,
            ledger,
            taken: from,
            batch: EventColumns::default(),
            batch_time: Timestamp(0),
            remap: None,
            key_types,
            key_event: false,
            replayed: (0, 0),
            skips,
        }
    }

    /// Takes the frame's events up to `through`; hands a batch to the guest when it is full.
    pub(super) async fn take(&mut self, frame: &Frame, through: Sequence) -> Result<(), RecoveryError> {
        let header = *frame.header();
        let expected = self.taken.next();
        if header.first > expected || header.last() < expected {
            return Err(RecoveryError::Gap { expected, found: Some(header.first) });
        }
        if frame.is_host_event() {
            self.hand_over().await?;
            self.taken = header.last().min(through);
            // What the host wrote is no event of the guest: there is nothing to skip.
            while self.skips.last().is_some_and(|skip| *skip <= self.taken) {
                self.skips.pop();
            }
        } else {
            let last = header.last().min(through);
            while self.taken < last {
                if self.skips.last() == Some(&self.taken.next()) {
                    self.hand_over().await?;
                    self.skips.pop();
                    self.taken = self.taken.next();
                    continue;
                }
                if self.is_full(header.time) {
                    self.hand_over().await?;
                }
                self.batch_time = header.time;
                let before = self.batch.len();
                let before_skip = self.skips.last().map_or(last, |skip| skip.previous());
                let stop = self.taken.plus(self.room()).min(last).min(before_skip);
                frame.append_events(self.taken.next(), stop, &mut self.batch);
                self.taken = stop;
                self.translate(header.revision, before)?;
            }
        }
        if header.first == expected && header.last() <= through {
            self.take_ledger(frame)?;
        }
        Ok(())
    }

    /// Hands over the rest and checks that the journal held everything it should.
    pub(super) async fn finish(
        mut self,
        target: Sequence,
        base: Option<(Sequence, Timestamp)>,
    ) -> Result<Recovered, RecoveryError> {
        self.hand_over().await?;
        if self.taken != target {
            return Err(RecoveryError::Gap { expected: self.taken.next(), found: None });
        }
        Ok(Recovered {
            revision: Arc::clone(self.revision),
            instance: self.instance,
            ledger: self.ledger,
            sequence: self.taken,
            base,
            replayed: self.replayed,
            key_event: self.key_event,
            unusable: Vec::new(),
        })
    }

    /// A guest that reads clocks sees each event's own time, so its batches end where the time changes.
    fn is_full(&self, time: Timestamp) -> bool {
        let limits = &self.recovery.stage.limits;
        let over = |found: usize, limit: u32| found >= usize::try_from(limit).unwrap_or(usize::MAX);
        let full = if over(self.batch.len(), limits.replay_batch_events) {
            Some(Limit::ReplayBatchEvents)
        } else {
            over(self.batch.payloads.data.len(), limits.replay_batch_bytes).then_some(Limit::ReplayBatchBytes)
        };
        if let Some(limit) = full {
            limit_hit(&self.recovery.address.tenant, limit);
        }
        let other_time = self.revision.component.reads_clocks() && time != self.batch_time;
        full.is_some() || other_time || (self.is_one_by_one() && !self.batch.is_empty())
    }

    /// Whether the next event is handed over by itself.
    fn is_one_by_one(&self) -> bool {
        self.recovery.one_by_one_from.is_some_and(|from| self.taken.next() >= from)
    }

    /// How many events the batch may still take; at least one.
    fn room(&self) -> u64 {
        if self.is_one_by_one() {
            return 1;
        }
        let taken = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        let room = u64::from(self.recovery.stage.limits.replay_batch_events).saturating_sub(taken).max(1);
        self.recovery.one_by_one_from.map_or(room, |from| room.min(from.previous().since(self.taken)).max(1))
    }

    async fn hand_over(&mut self) -> Result<(), RecoveryError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        let before = Sequence(self.taken.0.saturating_sub(count));
        let moment = Moment { time: self.batch_time, sequence: before };
        let permit = self.recovery.admission.enter(self.instance.share()).await;
        let began = Instant::now();
        let mut instance = self.instance.with(Some(permit));
        let replayed = instance.replay(moment, &self.batch);
        let parked = instance.finish().map_or(Duration::ZERO, |permit| permit.parked());
        replayed.map_err(RecoveryError::Replay)?;
        let elapsed = began.elapsed().saturating_sub(parked);
        self.recovery.code.policy().rate.replayed(count, u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
        let metrics = self.recovery.code.metrics();
        metrics.replayed_events.increment(count);
        metrics.replay_micros.increment(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX));
        if let Some(progress) = self.recovery.progress {
            progress.replayed(count);
        }
        let bytes = u64::try_from(self.batch.payloads.data.len()).unwrap_or(u64::MAX);
        self.replayed = (self.replayed.0.saturating_add(count), self.replayed.1.saturating_add(bytes));
        self.batch.types.clear();
        self.batch.payloads.data.clear();
        self.batch.payloads.ends.clear();
        Ok(())
    }

    /// Rewrites the type indices from `before` on as this revision reads them.
    fn translate(&mut self, written_by: RevisionId, before: usize) -> Result<(), RecoveryError> {
        let end = self.batch.types.len();
        let first =
            Sequence(self.taken.0.saturating_sub(u64::try_from(end.saturating_sub(before)).unwrap_or(0))).next();
        let remap = self.remap_of(written_by, first)?;
        if self.key_types.is_empty() && remap.keeps(self.batch.types.get(before..).unwrap_or_default()) {
            return Ok(());
        }
        for (at, index) in self.batch.types.iter_mut().skip(before).enumerate() {
            match remap.get(*index) {
                EventTypeOf::Known(to) => *index = to,
                EventTypeOf::Unknown => {
                    let sequence = first.plus(u64::try_from(at).unwrap_or(0));
                    return Err(self.recovery.unknown_type(self.revision, written_by, *index, sequence));
                }
            }
            self.key_event |= self.key_types.contains(index);
        }
        Ok(())
    }

    fn remap_of(&mut self, written_by: RevisionId, sequence: Sequence) -> Result<Remap, RecoveryError> {
        if let Some((of, remap)) = &self.remap
            && *of == written_by
        {
            return Ok(remap.clone());
        }
        let types = self.recovery.code.event_types(written_by).ok_or(RecoveryError::UnknownRevision { sequence })?;
        let remap = self.revision.remap(written_by, &types);
        self.remap = Some((written_by, remap.clone()));
        Ok(remap)
    }

    fn take_ledger(&mut self, frame: &Frame) -> Result<(), RecoveryError> {
        let first = frame.header().first;
        let unreadable = |reason| RecoveryError::Ledger { sequence: first, reason };
        if !frame.keys().is_empty() {
            let records = ledger::decode_keys(frame.keys()).map_err(unreadable)?;
            self.ledger.apply_keys(records, self.recovery.limits);
        }
        if !frame.effects().is_empty() {
            let changes = ledger::decode_changes(frame.effects()).map_err(unreadable)?;
            self.ledger.apply_changes(first, changes);
        }
        Ok(())
    }
}

impl Recovery<'_> {
    fn unknown_type(
        &self,
        revision: &Revision,
        written_by: RevisionId,
        index: u16,
        sequence: Sequence,
    ) -> RecoveryError {
        let event = self.code.event_types(written_by).and_then(|types| types.get(usize::from(index)).cloned());
        let (name, version) = event.map_or_else(|| (format!("#{index}"), 0), |event| (event.name, event.version));
        RecoveryError::UnknownEventType { sequence, name, version, revision: revision.number }
    }
}
