//! What is counted of a rollout while the host runs: who tried the candidate, who failed on it, how long live actors paused.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::decide::{Thresholds, is_failing};
use crate::vocab::{ActorId, Timestamp};

/// Pauses that are kept for their distribution; newer ones replace the oldest.
const PAUSES_KEPT: usize = 16_384;

/// Counts of one rollout; a restart of the host begins anew.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Actors that ran the candidate, or failed to.
    tried: HashSet<ActorId>,
    /// When each actor failed last.
    failed: HashMap<ActorId, Timestamp>,
    moved: u64,
    pauses: Vec<u32>,
    next: usize,
}

/// How long live actors paused while they changed over, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct PauseView {
    /// Of half of them, at most.
    pub p50_ms: f64,
    /// Of all but one in a hundred, at most.
    pub p99_ms: f64,
    /// Of all of them.
    pub max_ms: f64,
}

impl Figures {
    /// An actor tried the candidate; beyond the bound the first ones stand for all.
    pub(super) fn tried(&mut self, actor: ActorId, actors_max: usize) {
        if self.tried.len() < actors_max {
            self.tried.insert(actor);
        }
    }

    pub(super) fn moved(&mut self, paused: Duration) {
        self.moved = self.moved.saturating_add(1);
        let micros = u32::try_from(paused.as_micros()).unwrap_or(u32::MAX);
        match self.pauses.get_mut(self.next) {
            Some(oldest) => *oldest = micros,
            None => self.pauses.push(micros),
        }
        self.next = self.next.saturating_add(1) % PAUSES_KEPT;
    }

    /// An actor failed on the candidate.
    pub(super) fn failed(&mut self, actor: ActorId, now: Timestamp, actors_max: usize) {
        self.tried(actor, actors_max);
        // Beyond the bound, the share among those that are counted is what counts.
        if self.tried.contains(&actor) {
            self.failed.insert(actor, now);
        }
    }

    /// It was not the candidate's fault.
    pub(super) fn absolved(&mut self, actor: ActorId) {
        self.failed.remove(&actor);
    }

    pub(super) fn moved_count(&self) -> u64 {
        self.moved
    }

    pub(super) fn tried_count(&self) -> u64 {
        count(self.tried.len())
    }

    pub(super) fn failed_count(&self) -> u64 {
        count(self.failed.len())
    }

    /// Whether so many failed within the window that the rollout is to be taken back.
    pub(super) fn is_failing(&self, thresholds: &Thresholds, now: Timestamp) -> bool {
        let recent = self.failed.values().filter(|at| now.since_ms(**at) <= thresholds.window_ms).count();
        is_failing(thresholds, count(recent), self.tried_count())
    }

    /// Whether nobody who tried the candidate could run it.
    pub(super) fn is_hopeless(&self) -> bool {
        !self.failed.is_empty() && self.failed.len() >= self.tried.len()
    }

    /// Microseconds, in no order.
    pub(super) fn pauses_kept(&self) -> Vec<u32> {
        self.pauses.clone()
    }
}

impl PauseView {
    /// `None`: nobody paused.
    pub(super) fn of(mut micros: Vec<u32>) -> Option<Self> {
        micros.sort_unstable();
        let at = |percent: usize| {
            let rank = micros.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
            micros.get(rank).map(|micros| f64::from(*micros) / 1_000.0)
        };
        Some(Self { p50_ms: at(50)?, p99_ms: at(99)?, max_ms: at(100)? })
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { actors: 3, percent: 50, window_ms: 100 };

    fn actor(n: u8) -> ActorId {
        ActorId([n; 16])
    }

    #[test]
    fn distinct_actors_within_the_window_count() {
        let mut figures = Figures::default();
        for _ in 0..10 {
            figures.failed(actor(1), Timestamp(1_000), 100);
        }
        assert!(!figures.is_failing(&THRESHOLDS, Timestamp(1_000)), "one actor is one, however often it fails");
        figures.failed(actor(2), Timestamp(1_000), 100);
        figures.failed(actor(3), Timestamp(1_050), 100);
        assert!(figures.is_failing(&THRESHOLDS, Timestamp(1_100)));
        assert!(!figures.is_failing(&THRESHOLDS, Timestamp(1_101)), "two of them failed too long ago");
        for n in 4..8 {
            figures.tried(actor(n), 100);
        }
        assert!(!figures.is_failing(&THRESHOLDS, Timestamp(1_100)), "3 of 7 are less than half");
        figures.absolved(actor(1));
        assert_eq!((figures.failed_count(), figures.tried_count()), (2, 7));
    }

    #[test]
    fn a_candidate_that_nobody_could_run_is_hopeless() {
        let mut figures = Figures::default();
        assert!(!figures.is_hopeless(), "nobody tried it");
        figures.failed(actor(1), Timestamp(1), 100);
        assert!(figures.is_hopeless());
        figures.tried(actor(2), 100);
        assert!(!figures.is_hopeless());
    }

    #[test]
    fn no_more_actors_are_remembered_than_the_bound() {
        let mut figures = Figures::default();
        for n in 0..10 {
            figures.failed(actor(n), Timestamp(1), 4);
        }
        assert_eq!((figures.failed_count(), figures.tried_count()), (4, 4));
        figures.failed(actor(0), Timestamp(9), 4);
        assert_eq!(figures.failed.get(&actor(0)), Some(&Timestamp(9)), "who is known is followed");
    }

    #[test]
    fn pauses_are_told_as_they_were_and_bounded() {
        let mut figures = Figures::default();
        assert_eq!(PauseView::of(figures.pauses_kept()), None);
        for ms in 1..=100 {
            figures.moved(Duration::from_millis(ms));
        }
        assert_eq!(PauseView::of(figures.pauses_kept()), Some(PauseView { p50_ms: 50.0, p99_ms: 99.0, max_ms: 100.0 }));
        for _ in 0..PAUSES_KEPT {
            figures.moved(Duration::from_millis(7));
        }
        assert_eq!(PauseView::of(figures.pauses_kept()), Some(PauseView { p50_ms: 7.0, p99_ms: 7.0, max_ms: 7.0 }));
        assert_eq!((figures.pauses.len(), figures.moved_count()), (PAUSES_KEPT, 100 + PAUSES_KEPT as u64));
    }
}
