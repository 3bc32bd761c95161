//! Every bound of the host in one table. Each field's doc names the attack or cost that it bounds.

use serde::{Deserialize, Serialize};

/// The bounds of a host; every one can be set in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// Linear memory of one instance, bytes: a guest that allocates without end.
    pub guest_memory_bytes: u64,
    /// Elements of one instance's tables: a guest that grows tables without end.
    pub guest_table_elements: u32,
    /// Wall time of one call into a guest, milliseconds: an endless loop.
    pub guest_call_ms: u64,
    /// Wall time of one `replay` call, milliseconds; separate so that recovery may take longer than a turn.
    pub guest_replay_ms: u64,
    /// Bytes that one host call may make the host allocate: a guest that passes huge lists.
    pub guest_hostcall_bytes: u64,
    /// Live component handles and resources of one instance: a handle leak.
    pub guest_handles: u32,
    /// Bytes that one instance may log per second; more is dropped and counted: a log flood.
    pub guest_log_bytes_per_second: u64,
    /// Bytes of one log message; longer ones are cut.
    pub guest_log_message_bytes: u32,
    /// Bytes of one command payload.
    pub command_bytes: u32,
    /// Bytes of one reply or rejection.
    pub reply_bytes: u32,
    /// Bytes of one event payload.
    pub event_bytes: u32,
    /// Events of one turn: a command that appends without end.
    pub turn_events: u32,
    /// Commands of one turn; also bounds what a trap makes the host run again.
    pub turn_commands: u32,
    /// Payload bytes that one turn takes from the mailbox.
    pub turn_bytes: u32,
    /// Bytes of one journal frame.
    pub frame_bytes: u32,
    /// Tells, timers and cancellations of one turn: an effect flood.
    pub turn_effects: u32,
    /// Bytes of one snapshot.
    pub snapshot_bytes: u32,
    /// Commands that wait in one actor's mailbox.
    pub mailbox_commands: u32,
    /// Turns of one actor that wait for the store at the same time.
    pub pipelined_turns: u32,
    /// Live instances of the host; the least recently used are passivated beyond it.
    pub live_actors: u32,
    /// Actors that recover at the same time; the others queue in order.
    pub concurrent_recoveries: u32,
    /// Bytes of events in one `replay` call and one read from the store.
    pub replay_batch_bytes: u32,
    /// Events in one `replay` call.
    pub replay_batch_events: u32,
    /// Bytes of one uploaded component.
    pub component_bytes: u32,
    /// Bytes of one idempotency key.
    pub idempotency_key_bytes: u32,
    /// Idempotency keys that one actor remembers; the oldest is forgotten first.
    pub idempotency_keys: u32,
    /// Bytes of replies that one actor remembers for its idempotency keys.
    pub idempotency_bytes: u32,
    /// Timers and undelivered tells that one actor may have pending.
    pub pending_effects: u32,
    /// Bytes of the timers and undelivered tells that one actor may have pending: the host holds them in memory.
    pub pending_effect_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            guest_memory_bytes: /* 64 MiB */ 64 * 1_024 * 1_024,
            guest_table_elements: 20_000,
            guest_call_ms: 1_000,
            guest_replay_ms: 10_000,
            guest_hostcall_bytes: /* 4 MiB */ 4 * 1_024 * 1_024,
            guest_handles: 1_000,
            guest_log_bytes_per_second: /* 64 KiB */ 64 * 1_024,
            guest_log_message_bytes: /* 4 KiB */ 4 * 1_024,
            command_bytes: /* 1 MiB */ 1_024 * 1_024,
            reply_bytes: /* 1 MiB */ 1_024 * 1_024,
            event_bytes: /* 1 MiB */ 1_024 * 1_024,
            turn_events: 100_000,
            turn_commands: 256,
            turn_bytes: /* 2 MiB */ 2 * 1_024 * 1_024,
            frame_bytes: /* 8 MiB */ 8 * 1_024 * 1_024,
            turn_effects: 10_000,
            snapshot_bytes: /* 16 MiB */ 16 * 1_024 * 1_024,
            mailbox_commands: 4_096,
            pipelined_turns: 16,
            live_actors: 10_000,
            concurrent_recoveries: 16,
            replay_batch_bytes: /* 1 MiB */ 1_024 * 1_024,
            replay_batch_events: 8_192,
            component_bytes: /* 32 MiB */ 32 * 1_024 * 1_024,
            idempotency_key_bytes: 256,
            idempotency_keys: 1_024,
            idempotency_bytes: /* 1 MiB */ 1_024 * 1_024,
            pending_effects: 10_000,
            pending_effect_bytes: /* 8 MiB */ 8 * 1_024 * 1_024,
        }
    }
}
