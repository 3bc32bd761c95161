//! Every bound of the host in one table: what it bounds, its default, whom it bounds, and how that is told.
//!
//! [`Limits`] holds the values; [`Limit`] names one of them, so that it can be changed for one kind or tenant, counted
//! and documented. Both come from the same table, and so does `docs/limits.md`, line by line (a test compares them).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Code;

/// Whose a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitScope {
    /// The host has one value.
    Host,
    /// It holds for each actor, and can differ for a kind or a tenant.
    Actor,
}

/// What happens at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitForce {
    /// What would pass it is refused or ends.
    Hard,
    /// What would pass it waits, is cut or is forgotten; nobody is refused.
    Soft,
}

/// A limit as the table describes it.
#[derive(Debug, Clone, Copy)]
pub struct LimitInfo {
    /// Its default.
    pub default: u64,
    /// The unit of its value.
    pub unit: &'static str,
    /// Whose it is.
    pub scope: LimitScope,
    /// What happens at it.
    pub force: LimitForce,
    /// The codes of what is refused at it; empty for soft ones.
    pub codes: &'static [Code],
    /// What it bounds: the attack or the cost.
    pub about: &'static str,
}

macro_rules! limits {
    ($(#[doc = $about:literal] $Name:ident $field:ident: $type:ident = $default:expr,
       $unit:literal $scope:ident $force:ident [$($code:ident)*];)*) => {
        /// The bounds of a host; every one can be set in the configuration.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[non_exhaustive]
        pub struct Limits {
            $(#[doc = $about] pub $field: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            /// The value of one.
            #[must_use]
            pub fn get(&self, limit: Limit) -> u64 {
                match limit { $(Limit::$Name => u64::from(self.$field),)* }
            }

            /// Changes one; what its type cannot hold becomes the largest that it can.
            pub fn set(&mut self, limit: Limit, value: u64) {
                match limit { $(Limit::$Name => self.$field = $type::try_from(value).unwrap_or($type::MAX),)* }
            }
        }

        /// The name of a limit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[non_exhaustive]
        pub enum Limit {
            $(#[doc = $about] $Name,)*
        }

        impl Limit {
            /// Every limit, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$Name,)*];

            /// As it is written in settings, and the label of its metric.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$Name => stringify!($field),)* }
            }

            /// What the table says of it.
            #[must_use]
            pub fn info(self) -> LimitInfo {
                match self {
                    $(Self::$Name => LimitInfo {
                        default: u64::from({ let default: $type = $default; default }),
                        unit: $unit,
                        scope: LimitScope::$scope,
                        force: LimitForce::$force,
                        codes: &[$(Code::$code,)*],
                        about: $about,
                    },)*
                }
            }
        }
    };
}

// A row: what it bounds; its names; type and default; unit, scope, force, and the codes of what is refused.
limits! {
    /// Linear memory of one instance, bytes: a guest that allocates without end.
    GuestMemoryBytes guest_memory_bytes: u64 = /* 64 MiB */ 64 * 1_024 * 1_024, "bytes" Actor Hard [GuestOutOfMemory];
    /// Memory of all instances together, bytes, with what the host keeps for each: a host that the system ends for want of it. 0: half of what the machine, or the control group, has.
    GuestsMemoryBytes guests_memory_bytes: u64 = 0, "bytes" Host Hard [HostMemory];
    /// Elements of one instance's tables: a guest that grows tables without end.
    GuestTableElements guest_table_elements: u32 = 20_000, "elements" Actor Hard [GuestOutOfMemory];
    /// Stack of guest code, bytes: deep recursion. The engine has one, so it is the same for everybody.
    GuestStackBytes guest_stack_bytes: u32 = /* 256 KiB */ 256 * 1_024, "bytes" Host Hard [GuestTrapped];
    /// CPU time of one call into a guest, milliseconds: an endless loop. Time in which others run does not count.
    GuestCallMs guest_call_ms: u64 = 1_000, "ms" Actor Hard [GuestOutOfTime];
    /// CPU time of one `replay` call, milliseconds; separate so that recovery may take longer than a turn.
    GuestReplayMs guest_replay_ms: u64 = 10_000, "ms" Actor Hard [ReplayFailed];
    /// Bytes that one host call may make the host allocate: a guest that passes huge lists.
    GuestHostcallBytes guest_hostcall_bytes: u64 = /* 4 MiB */ 4 * 1_024 * 1_024, "bytes" Actor Hard [GuestLimit];
    /// Live component handles and resources of one instance: a handle leak.
    GuestHandles guest_handles: u32 = 1_000, "handles" Actor Hard [GuestLimit];
    /// Bytes that one instance may log per second; more is dropped and counted: a log flood.
    GuestLogBytesPerSecond guest_log_bytes_per_second: u64 = /* 64 KiB */ 64 * 1_024, "bytes/s" Actor Soft [];
    /// Bytes that one tenant's guests, and the host about them, may log per second: many actors that log a little each.
    TenantLogBytesPerSecond tenant_log_bytes_per_second: u64 = /* 1 MiB */ 1_024 * 1_024, "bytes/s" Host Soft [];
    /// Bytes of one log message; longer ones are cut.
    GuestLogMessageBytes guest_log_message_bytes: u32 = /* 4 KiB */ 4 * 1_024, "bytes" Actor Soft [];
    /// Bytes of one command payload.
    CommandBytes command_bytes: u32 = /* 1 MiB */ 1_024 * 1_024, "bytes" Actor Hard [PayloadTooLarge GuestLimit];
    /// Bytes of one reply or rejection.
    ReplyBytes reply_bytes: u32 = /* 1 MiB */ 1_024 * 1_024, "bytes" Actor Hard [GuestLimit];
    /// Bytes of one event payload.
    EventBytes event_bytes: u32 = /* 1 MiB */ 1_024 * 1_024, "bytes" Actor Hard [GuestLimit];
    /// Events of one turn: a command that appends without end.
    TurnEvents turn_events: u32 = 100_000, "events" Actor Hard [GuestLimit];
    /// Commands of one turn; also bounds what a trap makes the host run again.
    TurnCommands turn_commands: u32 = 256, "commands" Actor Soft [];
    /// Payload bytes that one turn takes from the mailbox.
    TurnBytes turn_bytes: u32 = /* 2 MiB */ 2 * 1_024 * 1_024, "bytes" Actor Soft [];
    /// Bytes of one journal frame.
    FrameBytes frame_bytes: u32 = /* 8 MiB */ 8 * 1_024 * 1_024, "bytes" Actor Hard [GuestLimit];
    /// Tells, timers and cancellations of one turn: an effect flood.
    TurnEffects turn_effects: u32 = 10_000, "effects" Actor Hard [GuestLimit];
    /// Bytes of one snapshot.
    SnapshotBytes snapshot_bytes: u32 = /* 16 MiB */ 16 * 1_024 * 1_024, "bytes" Actor Hard [SnapshotFailed];
    /// Commands that wait in one actor's mailbox.
    MailboxCommands mailbox_commands: u32 = 4_096, "commands" Actor Hard [MailboxFull];
    /// Commands of one tenant's clients that have no answer yet: a flood through many mailboxes, each of which has room.
    TenantCommands tenant_commands: u32 = 65_536, "commands" Host Hard [TenantBusy];
    /// Bytes of one tenant's commands that have no answer yet; a single one is always let in.
    TenantCommandBytes tenant_command_bytes: u64 = /* 256 MiB */ 256 * 1_024 * 1_024, "bytes" Host Hard [TenantBusy];
    /// Commands without an answer of a tenant that has used up its CPU time: what comes meanwhile only waits.
    ThrottledCommands throttled_commands: u32 = 1_024, "commands" Host Hard [CpuQuota];
    /// Bytes of one tenant's frames and snapshots on their way to the store: how far it can put others' appends back.
    TenantAppendBytes tenant_append_bytes: u64 = /* 16 MiB */ 16 * 1_024 * 1_024, "bytes" Host Soft [];
    /// Turns of one actor that wait for the store at the same time.
    PipelinedTurns pipelined_turns: u32 = 16, "turns" Actor Soft [];
    /// Guest calls that run at the same time; never more than the machine has cores. Tenants take turns by their weights.
    GuestCalls guest_calls: u32 = 1_024, "calls" Host Soft [];
    /// Guest calls that were stopped so that others can run, and wait to go on: each holds a thread.
    BegunGuestCalls begun_guest_calls: u32 = 1_024, "calls" Host Soft [];
    /// Live instances of the host; the least recently used are passivated beyond it.
    LiveActors live_actors: u32 = 10_000, "actors" Host Soft [];
    /// Actors that recover at the same time; the others queue in order.
    ConcurrentRecoveries concurrent_recoveries: u32 = 16, "actors" Host Soft [];
    /// Live actors that change over to another revision at the same time, each with two instances meanwhile; as many more of tenants that have none.
    ConcurrentSwaps concurrent_swaps: u32 = 8, "actors" Host Soft [];
    /// Actors of a kind that are remembered as having tried a candidate, or failed on it; the first ones stand for all.
    RolloutActors rollout_actors: u32 = 65_536, "actors" Host Soft [];
    /// Actors of a kind that are remembered as held, with the reason; one more is tried anew by each activation.
    HeldActors held_actors: u32 = 4_096, "actors" Host Soft [];
    /// Bytes of events in one `replay` call and one read from the store.
    ReplayBatchBytes replay_batch_bytes: u32 = /* 1 MiB */ 1_024 * 1_024, "bytes" Host Soft [];
    /// Events in one `replay` call.
    ReplayBatchEvents replay_batch_events: u32 = 8_192, "events" Host Soft [];
    /// Bytes of one uploaded component.
    ComponentBytes component_bytes: u32 = /* 32 MiB */ 32 * 1_024 * 1_024, "bytes" Host Hard [ComponentTooLarge];
    /// CPU time of compiling one component, milliseconds: a component that is small and takes for ever.
    CompileMs compile_ms: u64 = /* 1 minute */ 60_000, "ms" Host Hard [CompileOutOfTime];
    /// Wall time of compiling one component, milliseconds: a machine too busy for it.
    CompileWallMs compile_wall_ms: u64 = /* 3 minutes */ 180_000, "ms" Host Hard [CompilerUnavailable];
    /// Memory of compiling one component, bytes: a component that is small and takes all of the machine's.
    CompileMemoryBytes compile_memory_bytes: u64 = /* 1 GiB */ 1_024 * 1_024 * 1_024, "bytes" Host Hard [CompileOutOfMemory];
    /// Bytes of one component's compiled code: the host holds it in memory.
    CompiledBytes compiled_bytes: u32 = /* 256 MiB */ 256 * 1_024 * 1_024, "bytes" Host Hard [ComponentTooLarge];
    /// Bytes of compiled code kept on disk: what is not deployed goes first, then the oldest, and is compiled again when it is needed.
    CompileCacheBytes compile_cache_bytes: u64 = /* 4 GiB */ 4 * 1_024 * 1_024 * 1_024, "bytes" Host Soft [];
    /// Bytes of compiled code in memory for whoever asks next, of what was used lately; beside it stays what actors run, or are to run. The code of revisions that nobody runs.
    RecentCodeBytes recent_code_bytes: u64 = /* 256 MiB */ 256 * 1_024 * 1_024, "bytes" Host Soft [];
    /// Deploys of one tenant that are under way or wait for the compiler; the host holds their bytes.
    TenantDeploys tenant_deploys: u32 = 4, "deploys" Host Hard [DeploysFull];
    /// Deploys of all tenants that are under way or wait; past it a tenant may have one.
    Deploys deploys: u32 = 64, "deploys" Host Hard [DeploysFull];
    /// Rehearsals at the same time, one of a tenant: each holds an instance, and its share of a core.
    Rehearsals rehearsals: u32 = 4, "rehearsals" Host Hard [RehearsalsFull RehearsalUnderWay];
    /// Bytes of recent commands that all kinds together keep for rehearsals; kinds keep fewer beyond it.
    RecordedBytes recorded_bytes: u64 = /* 64 MiB */ 64 * 1_024 * 1_024, "bytes" Host Soft [];
    /// Bytes of one idempotency key.
    IdempotencyKeyBytes idempotency_key_bytes: u32 = 256, "bytes" Actor Hard [InvalidIdempotencyKey];
    /// Idempotency keys that one actor remembers; the oldest is forgotten first.
    IdempotencyKeys idempotency_keys: u32 = 1_024, "keys" Actor Soft [];
    /// Bytes of replies that one actor remembers for its idempotency keys.
    IdempotencyBytes idempotency_bytes: u32 = /* 1 MiB */ 1_024 * 1_024, "bytes" Actor Soft [];
    /// Timers and undelivered tells that one actor may have pending.
    PendingEffects pending_effects: u32 = 10_000, "effects" Actor Hard [GuestLimit];
    /// Bytes of the timers and undelivered tells that one actor may have pending: the host holds them in memory.
    PendingEffectBytes pending_effect_bytes: u32 = /* 8 MiB */ 8 * 1_024 * 1_024, "bytes" Actor Hard [GuestLimit];
    /// Actors in trouble that are remembered of each tenant, restarting or quarantined: a kind that fails everywhere.
    TroubledActors troubled_actors: u32 = 4_096, "actors" Host Soft [];
}

/// The smallest and the largest stack of guests: calls into them need a thread of 2 MiB with 1 MiB to spare.
pub const GUEST_STACK_BYTES: std::ops::RangeInclusive<u32> =
    /* 64 KiB */
    64 * 1_024 ..= /* 1 MiB */ 1_024 * 1_024;

impl Limit {
    /// Whether it can differ for a kind or a tenant.
    #[must_use]
    pub fn can_differ(self) -> bool {
        self.info().scope == LimitScope::Actor
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Limit {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let limit = Self::ALL.iter().copied().find(|limit| limit.as_str() == text);
        limit.ok_or_else(|| format!("there is no limit {text:?}; docs/limits.md lists them"))
    }
}

impl TryFrom<String> for Limit {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_found_by_its_name_and_changes_its_own_field_only() {
        for limit in Limit::ALL {
            assert_eq!(limit.as_str().parse(), Ok(*limit));
            let mut limits = Limits::default();
            assert_eq!(limits.get(*limit), limit.info().default);
            limits.set(*limit, 7);
            assert_eq!(limits.get(*limit), 7);
            let others = Limit::ALL.iter().filter(|other| *other != limit);
            assert!(others.into_iter().all(|other| limits.get(*other) == other.info().default), "{limit}");
        }
    }

    #[test]
    fn every_field_is_a_limit() {
        let fields = serde_json::to_value(Limits::default()).expect("plain");
        let fields: Vec<&String> = fields.as_object().expect("a struct").keys().collect();
        assert_eq!(fields.len(), Limit::ALL.len());
    }

    #[test]
    fn what_is_refused_has_a_code_and_what_is_not_has_none() {
        for limit in Limit::ALL {
            let info = limit.info();
            assert_eq!(info.codes.is_empty(), info.force == LimitForce::Soft, "{limit}");
            let is_of_the_machine = *limit == Limit::GuestsMemoryBytes;
            assert!(info.about.len() > 20 && (info.default > 0 || is_of_the_machine), "{limit}");
        }
    }

    #[test]
    fn a_value_that_is_too_large_for_its_type_becomes_the_largest() {
        let mut limits = Limits::default();
        limits.set(Limit::ReplyBytes, u64::MAX);
        assert_eq!(limits.reply_bytes, u32::MAX);
    }
}
