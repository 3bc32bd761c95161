//! What an operator may tweak. Components (provider, clock) are injected through the builder instead.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::tenant_settings::{DefaultQuotas, TenantSettings};
pub use crate::decide::{
    AfterDeploy, LimitOverrides, PassivationSettings, RecordingSettings, RecoverySettings, RetentionSettings,
    RolloutSettings, SnapshotSettings, SupervisionSettings,
};
pub use crate::provider::Durability;

use super::RehearsalSettings;
use crate::actor::{Policy, ReplayRate};
use crate::decide::{effective_limits, limit_ceiling, override_problem};
use crate::vocab::limits::GUEST_STACK_BYTES;
use crate::vocab::{Kind, Limit, Limits, Tenant};

/// The settings of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HostSettings {
    /// What an acknowledged turn survives.
    pub durability: Durability,
    /// Every bound of the host.
    pub limits: Limits,
    /// How high a limit may be set for a kind or a tenant; what is not named, as high as in `limits`.
    pub ceilings: LimitOverrides,
    /// When live actors become passive, for kinds that `kinds` does not name.
    pub passivation: PassivationSettings,
    /// When snapshots are taken, for kinds that `kinds` does not name.
    pub snapshots: SnapshotSettings,
    /// What old snapshots and events are kept, for kinds that `kinds` does not name.
    pub retention: RetentionSettings,
    /// What bounds recoveries, for kinds that `kinds` does not name.
    pub recovery: RecoverySettings,
    /// What is done about actors that fail, for kinds that `kinds` does not name.
    pub supervision: SupervisionSettings,
    /// How new revisions take over, for kinds that `kinds` does not name.
    pub rollout: RolloutSettings,
    /// What is kept of commands that nobody will handle.
    pub dead_letters: DeadLetterSettings,
    /// How rehearsals go about it.
    pub rehearsal: RehearsalSettings,
    /// What is kept of handled commands for rehearsals, for kinds that `kinds` does not name.
    pub recording: RecordingSettings,
    /// What holds for tenants that have nothing of their own.
    pub tenants: TenantSettings,
    /// Per kind (`tenant/kind`, or `kind` for every tenant): what differs.
    pub kinds: BTreeMap<String, KindSettings>,
}

/// What differs for one kind; a table that is given replaces the host's whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct KindSettings {
    /// When snapshots are taken.
    pub snapshots: Option<SnapshotSettings>,
    /// What old snapshots and events are kept.
    pub retention: Option<RetentionSettings>,
    /// When live actors become passive.
    pub passivation: Option<PassivationSettings>,
    /// What bounds recoveries.
    pub recovery: Option<RecoverySettings>,
    /// Bounds of its actors; unlike the others, limit by limit.
    pub limits: LimitOverrides,
    /// What is done about actors that fail.
    pub supervision: Option<SupervisionSettings>,
    /// How new revisions take over.
    pub rollout: Option<RolloutSettings>,
    /// What is kept of handled commands for rehearsals.
    pub recording: Option<RecordingSettings>,
}

/// What is kept of commands that nobody will handle, for each tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetterSettings {
    /// Letters that are kept of each tenant; the oldest is forgotten first.
    pub letters: u32,
    /// Bytes of a letter's payload that are kept; of a longer one the beginning and a digest.
    pub payload_bytes: u32,
    /// Letters of one tenant that are kept per second; more are only counted: a flood of failing commands.
    pub per_second: u32,
    /// How often a tell is tried at a receiver that is quarantined, up to 30 seconds apart.
    pub tell_tries: u32,
    /// Keep clients' commands, too, that the actor rejected or failed at. Their callers were told.
    pub clients_commands: bool,
}

impl Default for DeadLetterSettings {
    fn default() -> Self {
        Self {
            letters: 1_000,
            payload_bytes: /* 16 KiB */ 16 * 1_024,
            per_second: 20,
            tell_tries: 100,
            clients_commands: false,
        }
    }
}

impl HostSettings {
    /// What is out of bounds or contradicts itself; `None`: nothing.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let limits = &self.limits;
        let positive = [
            ("limits.turn_commands", limits.turn_commands),
            ("limits.mailbox_commands", limits.mailbox_commands),
            ("limits.pipelined_turns", limits.pipelined_turns),
            ("limits.tenant_commands", limits.tenant_commands),
            ("limits.guest_calls", limits.guest_calls),
            ("limits.begun_guest_calls", limits.begun_guest_calls),
            ("limits.live_actors", limits.live_actors),
            ("limits.concurrent_recoveries", limits.concurrent_recoveries),
            ("limits.concurrent_swaps", limits.concurrent_swaps),
            ("limits.rollout_actors", limits.rollout_actors),
            ("limits.held_actors", limits.held_actors),
            ("limits.tenant_deploys", limits.tenant_deploys),
            ("limits.deploys", limits.deploys),
            ("limits.compiled_bytes", limits.compiled_bytes),
            ("limits.rehearsals", limits.rehearsals),
            ("limits.replay_batch_bytes", limits.replay_batch_bytes),
            ("limits.replay_batch_events", limits.replay_batch_events),
            ("retention.keep_snapshots", self.retention.keep_snapshots),
            ("limits.troubled_actors", limits.troubled_actors),
            ("dead_letters.letters", self.dead_letters.letters),
            ("dead_letters.payload_bytes", self.dead_letters.payload_bytes),
            ("dead_letters.per_second", self.dead_letters.per_second),
            ("dead_letters.tell_tries", self.dead_letters.tell_tries),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Some(format!("{name} is 0; the smallest value is 1"));
        }
        if limits.tenant_command_bytes == 0 || limits.tenant_append_bytes == 0 {
            return Some("limits.tenant_command_bytes and limits.tenant_append_bytes must be at least 1".to_owned());
        }
        if limits.guest_call_ms == 0 || limits.guest_replay_ms == 0 {
            return Some("limits.guest_call_ms and limits.guest_replay_ms must be at least 1".to_owned());
        }
        if limits.compile_ms == 0 || limits.compile_wall_ms == 0 || limits.compile_memory_bytes == 0 {
            let names = "limits.compile_ms, limits.compile_wall_ms and limits.compile_memory_bytes";
            return Some(format!("{names} must be at least 1"));
        }
        if limits.event_bytes > limits.frame_bytes {
            return Some("limits.event_bytes is over limits.frame_bytes; an event must fit into a frame".to_owned());
        }
        if !GUEST_STACK_BYTES.contains(&limits.guest_stack_bytes) {
            let (least, most) = (GUEST_STACK_BYTES.start(), GUEST_STACK_BYTES.end());
            return Some(format!("limits.guest_stack_bytes must be between {least} and {most}"));
        }
        if let Some(problem) = self.limits_problem() {
            return Some(problem);
        }
        let snapshots =
            std::iter::once(&self.snapshots).chain(self.kinds.values().filter_map(|kind| kind.snapshots.as_ref()));
        if snapshots.clone().any(|s| s.recovery_budget_ms.is_nan() || s.recovery_budget_ms < 0.0) {
            return Some("snapshots.recovery_budget_ms must be 0 (off) or more".to_owned());
        }
        if self.recovery.time_limit_ms == 0 {
            return Some("recovery.time_limit_ms is 0; the smallest value is 1".to_owned());
        }
        if let Some(problem) = self.rehearsal.problem() {
            return Some(format!("rehearsal.{problem}"));
        }
        if let Some(problem) = self.supervision.problem() {
            return Some(format!("supervision.{problem}"));
        }
        if let Some(problem) = self.rollout.problem() {
            return Some(format!("rollout.{problem}"));
        }
        if let Some(problem) = self.tenants.problem() {
            return Some(format!("tenants.{problem}"));
        }
        self.kinds.iter().find_map(|(name, kind)| {
            if let Some(problem) = kind.supervision.as_ref().and_then(SupervisionSettings::problem) {
                return Some(format!("kinds.{name}.supervision.{problem}"));
            }
            if let Some(problem) = kind.rollout.as_ref().and_then(RolloutSettings::problem) {
                return Some(format!("kinds.{name}.rollout.{problem}"));
            }
            if kind.recovery.as_ref().is_some_and(|recovery| recovery.time_limit_ms == 0) {
                return Some(format!("kinds.{name}.recovery.time_limit_ms is 0; the smallest value is 1"));
            }
            let keeps_none = kind.retention.as_ref().is_some_and(|retention| retention.keep_snapshots == 0);
            keeps_none.then(|| format!("kinds.{name}.retention.keep_snapshots is 0; the smallest value is 1"))
        })
    }

    /// What is wrong with the ceilings or with the limits of a kind.
    fn limits_problem(&self) -> Option<String> {
        for (limit, value) in &self.ceilings {
            if !limit.can_differ() {
                return Some(format!("ceilings.{limit}: it is a limit of the host as a whole and cannot differ"));
            }
            let least = self.limits.get(*limit);
            if *value < least {
                return Some(format!("ceilings.{limit} is {value}, below limits.{limit}, which is {least}"));
            }
        }
        let ceiling = self.ceiling();
        self.kinds.iter().find_map(|(name, kind)| {
            let problem = override_problem(&kind.limits, &ceiling)?;
            Some(format!("kinds.{name}.limits: {problem}"))
        })
    }

    /// The highest value of every limit that anybody can get.
    #[must_use]
    pub fn ceiling(&self) -> Limits {
        limit_ceiling(&self.limits, &self.ceilings)
    }

    /// What the sandbox is built for: it must hold the largest instance that anybody can get.
    pub(crate) fn sandbox_limits(&self) -> Limits {
        let ceiling = self.ceiling();
        let mut limits = self.limits.clone();
        for largest in [Limit::GuestMemoryBytes, Limit::GuestTableElements] {
            limits.set(largest, ceiling.get(largest));
        }
        limits
    }

    /// The bounds of the actors of a kind: the host's, then what `kinds.KIND`, the tenant's record and
    /// `kinds."TENANT/KIND"` say; the last one wins.
    pub(crate) fn limits_of(&self, tenant: &Tenant, kind: &Kind, of_tenant: &LimitOverrides) -> Limits {
        let none = LimitOverrides::new();
        let named = |name: &str| self.kinds.get(name).map_or(&none, |kind| &kind.limits);
        let layers = [named(kind.as_str()), of_tenant, named(&format!("{tenant}/{kind}"))];
        effective_limits(&self.limits, &self.ceiling(), &layers)
    }

    /// What is kept of the commands of a kind.
    pub(crate) fn recording_of(&self, tenant: &Tenant, kind: &Kind) -> RecordingSettings {
        let own = self.kinds.get(&format!("{tenant}/{kind}")).or_else(|| self.kinds.get(kind.as_str()));
        own.and_then(|own| own.recording.clone()).unwrap_or_else(|| self.recording.clone())
    }

    /// What the host does with actors of a kind.
    pub(crate) fn policy_of(&self, tenant: &Tenant, kind: &Kind) -> Policy {
        let own = self.kinds.get(&format!("{tenant}/{kind}")).or_else(|| self.kinds.get(kind.as_str()));
        let snapshots = own.and_then(|own| own.snapshots.clone()).unwrap_or_else(|| self.snapshots.clone());
        let retention = own.and_then(|own| own.retention.clone()).unwrap_or_else(|| self.retention.clone());
        let passivation = own.and_then(|own| own.passivation.clone()).unwrap_or_else(|| self.passivation.clone());
        let recovery = own.and_then(|own| own.recovery.clone()).unwrap_or_else(|| self.recovery.clone());
        let supervision = own.and_then(|own| own.supervision.clone()).unwrap_or_else(|| self.supervision.clone());
        let rollout = own.and_then(|own| own.rollout.clone()).unwrap_or_else(|| self.rollout.clone());
        Policy { snapshots, retention, passivation, recovery, supervision, rollout, rate: ReplayRate::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert_eq!(HostSettings::default().problem(), None);
    }

    #[test]
    fn a_bound_of_zero_is_refused_by_name() {
        let mut settings = HostSettings::default();
        settings.limits.mailbox_commands = 0;
        assert!(settings.problem().is_some_and(|problem| problem.contains("limits.mailbox_commands")));
    }

    #[test]
    fn the_tenants_own_kind_wins_over_the_kind() {
        let mut settings = HostSettings::default();
        let with = |every_events| KindSettings {
            snapshots: Some(SnapshotSettings { every_events, ..SnapshotSettings::default() }),
            ..KindSettings::default()
        };
        settings.kinds.insert("counter".to_owned(), with(5));
        settings.kinds.insert("default/counter".to_owned(), with(7));
        let kind = Kind::new("counter").expect("a name");
        let of = |tenant: Tenant| settings.policy_of(&tenant, &kind).snapshots.every_events;
        assert_eq!(of(Tenant::default_tenant()), 7);
        assert_eq!(of(Tenant::new("other").expect("a name")), 5);
    }
}
