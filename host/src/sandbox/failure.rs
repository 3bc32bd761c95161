//! From what wasmtime reports to how the guest failed.

use wasmtime::{PoolConcurrencyLimitError, Trap};

use super::growth::Denied;
use super::said::said;
use super::state::State;
use super::{GuestFailure, quota_hit};
use crate::vocab::{Limit, Quota};

/// What wasmtime says, in an error of no public type, when a guest passes more bytes at once than it may; how many it
/// wanted to pass is not known then.
const HOSTCALL_FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// What wasmtime says, in an error of no public type, when a guest holds as many handles as it may.
const HANDLES_EXHAUSTED: &str = "store handle limit exceeded";

/// A host function's "no": it ends the call, and with it the instance.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) GuestFailure);

/// Names the failure of a call that has just ended with `error`.
pub(super) fn classify(state: &State, error: &wasmtime::Error) -> GuestFailure {
    if let Some(Refusal(failure)) = error.downcast_ref::<Refusal>() {
        note(state, failure);
        return failure.clone();
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return GuestFailure::NoRoom;
    }
    let cause = error.root_cause().to_string();
    let passed = if cause.contains(HOSTCALL_FUEL_EXHAUSTED) {
        Some((Limit::GuestHostcallBytes, "bytes at once", state.hostcall_bytes))
    } else if cause.contains(HANDLES_EXHAUSTED) {
        Some((Limit::GuestHandles, "live handles", u64::from(state.limits.guest_handles)))
    } else {
        None
    };
    if let Some((name, what, limit)) = passed {
        state.hit(name);
        return GuestFailure::Limit { name, what, found: limit.saturating_add(1), limit };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => {
            state.hit(state.timer);
            GuestFailure::OutOfTime { limit_ms: state.deadline.limit_ms() }
        }
        trap => match state.growth.denied() {
            Some(denied) => of_denied(state, denied),
            None => {
                if trap == Some(&Trap::StackOverflow) {
                    state.hit(Limit::GuestStackBytes);
                }
                GuestFailure::Trapped { message: message(state, trap.copied(), error) }
            }
        },
    }
}

/// The failure of a guest that was told no when it asked for memory, or for tables.
pub(super) fn of_denied(state: &State, denied: Denied) -> GuestFailure {
    match denied {
        Denied::TenantMemory(limit) => {
            quota_hit(&state.log.address().tenant, Quota::MemoryBytes);
            GuestFailure::Quota { quota: Quota::MemoryBytes, limit }
        }
        Denied::HostMemory(limit_bytes) => GuestFailure::HostMemory { limit_bytes },
        Denied::Memory | Denied::Table => GuestFailure::OutOfMemory { limit_bytes: state.growth.memory_bytes_max() },
    }
}

/// Counts the limit that a call failed at, if it is one.
pub(super) fn note(state: &State, failure: &GuestFailure) {
    if let GuestFailure::Limit { name, .. } = failure {
        state.hit(*name);
    }
}

fn message(state: &State, trap: Option<Trap>, error: &wasmtime::Error) -> String {
    let cause = trap.map_or_else(|| error.root_cause().to_string(), |trap| trap.to_string());
    match state.log.last_words() {
        Some(words) => format!("{} ({cause})", said(words)),
        None => said(&cause),
    }
}
