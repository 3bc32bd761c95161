//! What others may see of a live actor without asking it: written by its task, read by anyone.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;

use crate::vocab::Sequence;

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Not live, or about to be: its state is in the journal.
    Passive,
    /// Queued behind other recoveries.
    WaitingForPermit,
    /// Reading its snapshot.
    LoadingSnapshot,
    /// Replaying events.
    Replaying,
    /// Handling commands.
    Running,
    /// Finishing its turns before it becomes passive.
    Passivating,
    /// Not live: it failed, and is tried again after a pause.
    Restarting,
    /// Not live: it failed again and again, and waits for an operator.
    Quarantined,
}

impl Phase {
    const ALL: [Self; 8] = [
        Self::Passive,
        Self::WaitingForPermit,
        Self::LoadingSnapshot,
        Self::Replaying,
        Self::Running,
        Self::Passivating,
        Self::Restarting,
        Self::Quarantined,
    ];
}

/// How far a recovery is; after it, how it went.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RecoveryProgress {
    /// The snapshot it started from; `None`: from the first event.
    pub from_snapshot: Option<u64>,
    /// Events replayed so far.
    pub events_done: u64,
    /// Events to replay in all.
    pub events_total: u64,
    /// Events replayed per second so far.
    pub events_per_second: f64,
    /// Milliseconds since the recovery began, or that it took.
    pub elapsed_ms: f64,
    /// Milliseconds until it is done, at this rate; `None` before the first event and after the last.
    pub remaining_ms: Option<f64>,
}

/// The shared counters of one activation.
#[derive(Debug)]
pub(crate) struct Progress {
    phase: AtomicU8,
    revision: AtomicU32,
    born: Instant,
    durable: AtomicU64,
    base: AtomicU64,
    events_done: AtomicU64,
    events_total: AtomicU64,
    recovery_from_ns: AtomicU64,
    recovery_took_ns: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            phase: AtomicU8::new(index_of(Phase::Passive)),
            revision: AtomicU32::new(0),
            born: Instant::now(),
            durable: AtomicU64::new(0),
            base: AtomicU64::new(0),
            events_done: AtomicU64::new(0),
            events_total: AtomicU64::new(0),
            recovery_from_ns: AtomicU64::new(0),
            recovery_took_ns: AtomicU64::new(0),
        }
    }
}

impl Progress {
    pub(crate) fn phase(&self) -> Phase {
        let index = usize::from(self.phase.load(Ordering::Acquire));
        Phase::ALL.get(index).copied().unwrap_or(Phase::Passive)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(index_of(phase), Ordering::Release);
    }

    /// The actor runs this revision of its kind.
    pub(crate) fn runs(&self, revision: u32) {
        self.revision.store(revision, Ordering::Release);
    }

    /// The revision that the actor runs; `None` until it is recovered.
    pub(crate) fn revision(&self) -> Option<u32> {
        match self.revision.load(Ordering::Acquire) {
            0 => None,
            revision => Some(revision),
        }
    }

    /// A recovery got its permit.
    pub(crate) fn recovery_begins(&self) {
        self.recovery_from_ns.store(self.age_ns(), Ordering::Release);
        self.recovery_took_ns.store(0, Ordering::Release);
        self.events_done.store(0, Ordering::Release);
        self.events_total.store(0, Ordering::Release);
        self.base.store(0, Ordering::Release);
    }

    /// It is known what is to be replayed.
    pub(crate) fn recovery_planned(&self, base: Sequence, from: Sequence, head: Sequence) {
        self.base.store(base.0, Ordering::Release);
        self.events_total.store(head.since(from), Ordering::Release);
    }

    /// Events replayed so far, and events to replay in all.
    pub(crate) fn events(&self) -> (u64, u64) {
        (self.events_done.load(Ordering::Acquire), self.events_total.load(Ordering::Acquire))
    }

    pub(crate) fn replayed(&self, events: u64) {
        self.events_done.fetch_add(events, Ordering::AcqRel);
    }

    pub(crate) fn recovery_ends(&self, head: Sequence) {
        let took = self.age_ns().saturating_sub(self.recovery_from_ns.load(Ordering::Acquire));
        self.recovery_took_ns.store(took.max(1), Ordering::Release);
        self.durable.store(head.0, Ordering::Release);
    }

    pub(crate) fn became_durable(&self, sequence: Sequence) {
        self.durable.fetch_max(sequence.0, Ordering::AcqRel);
    }

    /// The highest durable event number, once the actor is recovered.
    pub(crate) fn durable(&self) -> Sequence {
        Sequence(self.durable.load(Ordering::Acquire))
    }

    /// The recovery that is running, or how the last one went; `None` while it waits for its permit.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn recovery(&self) -> Option<RecoveryProgress> {
        if matches!(self.phase(), Phase::Passive | Phase::WaitingForPermit) {
            return None;
        }
        let took = self.recovery_took_ns.load(Ordering::Acquire);
        let running = self.age_ns().saturating_sub(self.recovery_from_ns.load(Ordering::Acquire));
        let elapsed_ns = if took > 0 { took } else { running.max(1) } as f64;
        let done = self.events_done.load(Ordering::Acquire);
        let total = self.events_total.load(Ordering::Acquire);
        let rate = done as f64 / elapsed_ns * 1e9;
        let base = self.base.load(Ordering::Acquire);
        Some(RecoveryProgress {
            from_snapshot: (base > 0).then_some(base),
            events_done: done,
            events_total: total,
            events_per_second: rate,
            elapsed_ms: elapsed_ns / 1e6,
            remaining_ms: (took == 0 && done > 0).then(|| total.saturating_sub(done) as f64 / rate * 1e3),
        })
    }

    fn age_ns(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn index_of(phase: Phase) -> u8 {
    Phase::ALL.iter().position(|p| *p == phase).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_shows_where_a_recovery_is() {
        let progress = Progress::default();
        assert_eq!(progress.recovery(), None);
        progress.enter(Phase::Replaying);
        progress.recovery_begins();
        progress.recovery_planned(Sequence(100), Sequence(100), Sequence(300));
        progress.replayed(50);
        let seen = progress.recovery().expect("running");
        assert_eq!((seen.from_snapshot, seen.events_done, seen.events_total), (Some(100), 50, 200));
        assert!(seen.remaining_ms.is_some());
        progress.recovery_ends(Sequence(300));
        progress.enter(Phase::Running);
        assert_eq!(progress.durable(), Sequence(300));
        assert_eq!(progress.recovery().expect("ended").remaining_ms, None);
    }
}
