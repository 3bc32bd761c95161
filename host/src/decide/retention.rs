//! What may be deleted once a new snapshot is durable.

use serde::{Deserialize, Serialize};

use crate::vocab::{RevisionId, Sequence};

/// What old snapshots and events are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// How many snapshots of an actor are kept; at least 1.
    pub keep_snapshots: u32,
    /// Delete the events behind the oldest kept snapshot. Off: all history stays readable.
    pub delete_events: bool,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self { keep_snapshots: 2, delete_events: false }
    }
}

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionPlan {
    /// Snapshots beyond the number that is kept.
    pub snapshots: Vec<Sequence>,
    /// Events up to and including this number, covered by every snapshot that is kept.
    pub events_through: Option<Sequence>,
}

/// What may be deleted, given the durable snapshots of an actor, the highest number first.
///
/// Events are only ever deleted behind the *oldest kept* snapshot, so that any kept one can be recovered from.
/// Until there are as many snapshots as are kept, no event is deleted.
#[must_use]
pub fn plan_retention(settings: &RetentionSettings, snapshots: &[Sequence]) -> RetentionPlan {
    let keep = usize::try_from(settings.keep_snapshots.max(1)).unwrap_or(usize::MAX);
    let events_through = match snapshots.get(keep.saturating_sub(1)) {
        Some(oldest_kept) if settings.delete_events && *oldest_kept > Sequence::ZERO => Some(*oldest_kept),
        _ => None,
    };
    RetentionPlan { snapshots: snapshots.iter().skip(keep).copied().collect(), events_through }
}

impl RetentionPlan {
    /// The same, but the snapshot at `floor` stays, and every event behind it: going back to older code needs them.
    #[must_use]
    pub fn keeping(mut self, floor: Sequence) -> Self {
        self.snapshots.retain(|snapshot| *snapshot != floor);
        self.events_through = self.events_through.map(|through| through.min(floor)).filter(|at| *at > Sequence::ZERO);
        self
    }
}

/// What must stay while actors are on their way from one revision to another: the newest snapshot that another revision
/// than the running one wrote, the newest that the stable one wrote, and the events behind them; `Sequence::ZERO`: all
/// events; `None`: nothing in particular.
///
/// `snapshots` are given with their writers, the highest number first.
#[must_use]
pub fn going_back_needs(
    running: RevisionId,
    stable: RevisionId,
    snapshots: impl IntoIterator<Item = (Sequence, RevisionId)>,
) -> Option<Sequence> {
    let (mut of_others, mut of_stable) = (None, None);
    for (at, writer) in snapshots {
        of_others = of_others.or_else(|| (writer != running).then_some(at));
        of_stable = of_stable.or_else(|| (writer == stable).then_some(at));
    }
    if running == stable {
        return of_others;
    }
    // Without one of the stable code, whoever goes back to it replays from the first event.
    let of_stable = of_stable.unwrap_or(Sequence::ZERO);
    Some(of_others.map_or(of_stable, |at: Sequence| at.min(of_stable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(keep_snapshots: u32, delete_events: bool) -> RetentionSettings {
        RetentionSettings { keep_snapshots, delete_events }
    }

    #[test]
    fn only_snapshots_beyond_the_kept_ones_go() {
        let plan = plan_retention(&settings(2, false), &[Sequence(30), Sequence(20), Sequence(10)]);
        assert_eq!(plan, RetentionPlan { snapshots: vec![Sequence(10)], events_through: None });
    }

    #[test]
    fn events_go_only_behind_the_oldest_kept_snapshot() {
        let plan = plan_retention(&settings(2, true), &[Sequence(30), Sequence(20), Sequence(10)]);
        assert_eq!(plan.events_through, Some(Sequence(20)));
    }

    #[test]
    fn with_fewer_snapshots_than_are_kept_no_event_goes() {
        assert_eq!(plan_retention(&settings(2, true), &[Sequence(30)]), RetentionPlan::default());
    }

    #[test]
    fn what_going_back_needs_stays() {
        let plan = plan_retention(&settings(1, true), &[Sequence(30), Sequence(20), Sequence(10)]);
        assert_eq!(plan.events_through, Some(Sequence(30)));
        let kept = plan.clone().keeping(Sequence(20));
        assert_eq!(kept, RetentionPlan { snapshots: vec![Sequence(10)], events_through: Some(Sequence(20)) });
        assert_eq!(plan.clone().keeping(Sequence::ZERO).events_through, None);
        assert_eq!(plan.clone().keeping(Sequence(40)), plan, "a newer one is no reason to keep more");
    }

    #[test]
    fn going_back_needs_the_newest_snapshot_of_another_revision_or_every_event() {
        let (stable, candidate) = (RevisionId(1), RevisionId(2));
        let mixed =
            [(Sequence(40), candidate), (Sequence(30), candidate), (Sequence(20), stable), (Sequence(10), stable)];
        assert_eq!(going_back_needs(candidate, stable, mixed), Some(Sequence(20)));
        assert_eq!(going_back_needs(candidate, stable, [(Sequence(40), candidate)]), Some(Sequence::ZERO));
        assert_eq!(going_back_needs(stable, stable, [(Sequence(40), stable)]), None);
    }

    #[test]
    fn keeping_none_keeps_one() {
        let plan = plan_retention(&settings(0, true), &[Sequence(30), Sequence(20)]);
        assert_eq!(plan, RetentionPlan { snapshots: vec![Sequence(20)], events_through: Some(Sequence(30)) });
    }
}
