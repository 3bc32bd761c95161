//! One store per instance: a trap poisons it, so it is never shared and never used again.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::Instance;

use super::shared::Shared;
use super::state::State;
use super::{GuestFailure, InstanceOptions, deadline, failure};

/// An empty store, with every bound set.
pub(super) fn open(shared: &Shared, options: InstanceOptions) -> Store<State> {
    let mut store = Store::new(&shared.engine, State::new(shared, options));
    let limits = Arc::clone(&store.data().limits);
    store.limiter(|state| &mut state.growth);
    store.epoch_deadline_callback(deadline::slice_ended);
    store.set_max_component_handles(usize::try_from(limits.guest_handles).unwrap_or(usize::MAX));
    bound_hostcalls(&mut store, limits.guest_hostcall_bytes);
    store
}

/// Sets how many bytes the result of the next call, and each host call during it, may bring.
pub(super) fn bound_hostcalls(store: &mut Store<State>, bytes: u64) {
    store.data_mut().hostcall_bytes = bytes;
    store.set_hostcall_fuel(usize::try_from(bytes).unwrap_or(usize::MAX));
}

/// Instantiates in the store; guest initialisation code runs under the deadline of a call.
pub(super) fn instantiate(
    store: &mut Store<State>,
    linked: &wasmtime::component::InstancePre<State>,
) -> Result<Instance, GuestFailure> {
    let limit_ms = store.data().limits.guest_call_ms;
    deadline::arm(store, limit_ms);
    let instance = linked.instantiate(&mut *store);
    store.data_mut().leave();
    instance.map_err(|error| failure::classify(store.data(), &error))
}
