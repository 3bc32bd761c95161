//! When a snapshot is due.

use serde::{Deserialize, Serialize};

/// A budget is spent to this share before a snapshot is taken: the rest covers what arrives meanwhile.
const BUDGET_SHARE: f64 = 0.8;
/// However small the budget, a snapshot is taken at most once per this many events.
const BUDGET_EVENTS_MIN: u64 = 16;

/// When snapshots are taken; the conditions are joined by OR, zero and empty switch a condition off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotSettings {
    /// After this many events since the newest snapshot.
    pub every_events: u64,
    /// After this many bytes of events since the newest snapshot.
    pub every_bytes: u64,
    /// This long after the newest snapshot, if there is an event since, milliseconds; checked by a timer.
    pub every_ms: u64,
    /// After a turn that appended an event of one of these types.
    pub on_events: Vec<String>,
    /// When the actor becomes passive, if there is an event since the newest snapshot.
    pub on_passivation: bool,
    /// When recovering from the newest snapshot would take longer than this, milliseconds, by the measured
    /// cost of replay for the kind.
    pub recovery_budget_ms: f64,
}

impl Default for SnapshotSettings {
    fn default() -> Self {
        Self {
            every_events: 1_000,
            every_bytes: /* 4 MiB */ 4 * 1_024 * 1_024,
            every_ms: 0,
            on_events: Vec::new(),
            on_passivation: true,
            recovery_budget_ms: 0.0,
        }
    }
}

/// What happened since the newest snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinceSnapshot {
    /// Events appended or replayed.
    pub events: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Milliseconds since it was taken (or since the first event after it, if that is not known).
    pub elapsed_ms: u64,
    /// One of the events is of a type that asks for a snapshot.
    pub key_event: bool,
    /// The actor asked.
    pub requested: bool,
    /// The recovery had to pass over the newest snapshot.
    pub passed_over: bool,
}

/// What recovery costs for a kind, measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayCost {
    /// Nanoseconds to replay one event.
    pub event_ns: f64,
    /// Nanoseconds to instantiate and start from a snapshot.
    pub start_ns: f64,
}

/// Why a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotReason {
    /// `every_events`
    Events,
    /// `every_bytes`
    Bytes,
    /// `every_ms`
    Time,
    /// `on_events`
    KeyEvent,
    /// The actor asked.
    Actor,
    /// `recovery_budget_ms`
    Budget,
    /// `on_passivation`
    Passivation,
    /// An operator asked.
    Operator,
    /// The recovery had to pass over a newer one that is unusable.
    PassedOver,
    /// The actor is about to change over to code whose events the code that runs does not know.
    Swap,
}

impl SnapshotReason {
    /// The reason as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Bytes => "bytes",
            Self::Time => "time",
            Self::KeyEvent => "key-event",
            Self::Actor => "actor",
            Self::Budget => "recovery-budget",
            Self::Passivation => "passivation",
            Self::Operator => "operator",
            Self::PassedOver => "passed-over",
            Self::Swap => "swap",
        }
    }
}

/// Whether a snapshot is due now, and why. Without an event since the newest one it never is.
#[must_use]
pub fn snapshot_due(settings: &SnapshotSettings, since: &SinceSnapshot, cost: ReplayCost) -> Option<SnapshotReason> {
    if since.events == 0 {
        return None;
    }
    let reached = |limit: u64, value: u64| limit > 0 && value >= limit;
    if since.requested {
        Some(SnapshotReason::Actor)
    } else if since.passed_over {
        Some(SnapshotReason::PassedOver)
    } else if since.key_event {
        Some(SnapshotReason::KeyEvent)
    } else if reached(settings.every_events, since.events) {
        Some(SnapshotReason::Events)
    } else if reached(settings.every_bytes, since.bytes) {
        Some(SnapshotReason::Bytes)
    } else if reached(settings.every_ms, since.elapsed_ms) {
        Some(SnapshotReason::Time)
    } else if over_budget(settings.recovery_budget_ms, since.events, cost) {
        Some(SnapshotReason::Budget)
    } else {
        None
    }
}

/// Whether a snapshot is due because the actor becomes passive.
#[must_use]
pub const fn snapshot_due_on_passivation(settings: &SnapshotSettings, since: &SinceSnapshot) -> bool {
    settings.on_passivation && since.events > 0
}

/// The start from a snapshot is paid in any case; only the replay after it can be saved by a newer one.
fn over_budget(budget_ms: f64, events: u64, cost: ReplayCost) -> bool {
    if budget_ms <= 0.0 || events < BUDGET_EVENTS_MIN {
        return false;
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let replay_ns = events as f64 * cost.event_ns;
    cost.start_ns + replay_ns >= budget_ms * 1e6 * BUDGET_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: ReplayCost = ReplayCost { event_ns: 1_000.0, start_ns: 100_000.0 };

    fn off() -> SnapshotSettings {
        SnapshotSettings {
            every_events: 0,
            every_bytes: 0,
            every_ms: 0,
            on_events: Vec::new(),
            on_passivation: false,
            recovery_budget_ms: 0.0,
        }
    }

    fn since(events: u64) -> SinceSnapshot {
        SinceSnapshot { events, bytes: events * 100, elapsed_ms: 5_000, ..SinceSnapshot::default() }
    }

    #[test]
    fn every_n_events_fires_at_n_and_not_before() {
        let settings = SnapshotSettings { every_events: 10, ..off() };
        assert_eq!(snapshot_due(&settings, &since(9), COST), None);
        assert_eq!(snapshot_due(&settings, &since(10), COST), Some(SnapshotReason::Events));
    }

    #[test]
    fn with_all_conditions_off_nothing_fires() {
        assert_eq!(snapshot_due(&off(), &since(1_000_000), COST), None);
    }

    #[test]
    fn any_condition_is_enough() {
        let settings = SnapshotSettings { every_events: 1_000, every_bytes: 500, ..off() };
        assert_eq!(snapshot_due(&settings, &since(5), COST), Some(SnapshotReason::Bytes));
    }

    #[test]
    fn time_alone_without_an_event_does_not_fire() {
        let settings = SnapshotSettings { every_ms: 1_000, ..off() };
        assert_eq!(snapshot_due(&settings, &since(0), COST), None);
        assert_eq!(snapshot_due(&settings, &since(1), COST), Some(SnapshotReason::Time));
    }

    #[test]
    fn the_recovery_budget_counts_start_and_replay() {
        let settings = SnapshotSettings { recovery_budget_ms: 5.0, ..off() };
        assert_eq!(snapshot_due(&settings, &since(3_800), COST), None);
        assert_eq!(snapshot_due(&settings, &since(3_900), COST), Some(SnapshotReason::Budget));
    }

    #[test]
    fn a_budget_that_cannot_be_held_does_not_snapshot_every_event() {
        let settings = SnapshotSettings { recovery_budget_ms: 0.01, ..off() };
        assert_eq!(snapshot_due(&settings, &since(BUDGET_EVENTS_MIN - 1), COST), None);
    }

    #[test]
    fn a_snapshot_that_was_passed_over_is_replaced() {
        let over = SinceSnapshot { passed_over: true, ..since(1) };
        assert_eq!(snapshot_due(&off(), &over, COST), Some(SnapshotReason::PassedOver));
    }

    #[test]
    fn key_events_and_requests_fire_at_once() {
        let key = SinceSnapshot { key_event: true, ..since(1) };
        assert_eq!(snapshot_due(&off(), &key, COST), Some(SnapshotReason::KeyEvent));
        let asked = SinceSnapshot { requested: true, ..since(1) };
        assert_eq!(snapshot_due(&off(), &asked, COST), Some(SnapshotReason::Actor));
    }
}
