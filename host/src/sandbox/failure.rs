//! From what wasmtime reports to how the guest failed.

use wasmtime::{PoolConcurrencyLimitError, Trap};

use super::GuestFailure;
use super::state::State;

/// What wasmtime says, in an error of no public type, when a guest passes more bytes at once than it may; how many it
/// wanted to pass is not known then.
const HOSTCALL_FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// A host function's "no": it ends the call, and with it the instance.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) GuestFailure);

/// Names the failure of a call that has just ended with `error`.
pub(super) fn classify(state: &State, error: &wasmtime::Error) -> GuestFailure {
    if let Some(Refusal(failure)) = error.downcast_ref::<Refusal>() {
        return failure.clone();
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return GuestFailure::NoRoom;
    }
    if error.root_cause().to_string().contains(HOSTCALL_FUEL_EXHAUSTED) {
        let limit = state.hostcall_bytes;
        return GuestFailure::Limit { what: "bytes at once", found: limit.saturating_add(1), limit };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => GuestFailure::OutOfTime { limit_ms: state.deadline.limit_ms() },
        _ if state.growth.denied() => GuestFailure::OutOfMemory { limit_bytes: state.growth.memory_bytes_max() },
        trap => GuestFailure::Trapped { message: message(state, trap.copied(), error) },
    }
}

fn message(state: &State, trap: Option<Trap>, error: &wasmtime::Error) -> String {
    let cause = trap.map_or_else(|| error.root_cause().to_string(), |trap| trap.to_string());
    match state.log.last_words() {
        Some(words) => format!("{words} ({cause})"),
        None => cause,
    }
}
