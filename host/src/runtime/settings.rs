//! What an operator may tweak. Components (provider, clock) are injected through the builder instead.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::provider::Durability;
use crate::vocab::Limits;

/// The settings of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HostSettings {
    /// What an acknowledged turn survives.
    pub durability: Durability,
    /// Every bound of the host.
    pub limits: Limits,
    /// When live actors become passive.
    pub passivation: PassivationSettings,
    /// When snapshots are taken, for kinds that `kinds` does not name.
    pub snapshots: SnapshotSettings,
    /// What old snapshots and events are kept, for kinds that `kinds` does not name.
    pub retention: RetentionSettings,
    /// Per kind (`tenant/kind`, or `kind` for every tenant): what differs.
    pub kinds: BTreeMap<String, KindSettings>,
}

/// What differs for one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct KindSettings {
    /// When snapshots are taken.
    pub snapshots: Option<SnapshotSettings>,
    /// What old snapshots and events are kept.
    pub retention: Option<RetentionSettings>,
    /// When live actors become passive.
    pub passivation: Option<PassivationSettings>,
}

/// When live actors become passive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PassivationSettings {
    /// After this long without a command, milliseconds; 0: never for idleness.
    pub idle_after_ms: u64,
}

impl Default for PassivationSettings {
    fn default() -> Self {
        Self { idle_after_ms: 60_000 }
    }
}

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
    /// When replaying the events since the newest snapshot would take longer than this, milliseconds, by the
    /// measured replay rate of the kind.
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
