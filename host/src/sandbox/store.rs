//! One store per instance: a trap poisons it, so it is never shared and never used again.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::Instance;

use super::cpu::{Permit, RestoresThreadSlice, Share};
use super::link::Linked;
use super::shared::Shared;
use super::state::State;
use super::{GuestFailure, InstanceOptions, deadline, failure};

/// An empty store, with every bound set; its calls use the CPU time of `share`.
pub(super) fn open(shared: &Shared, options: InstanceOptions, share: Share) -> Store<State> {
    let mut store = Store::new(&shared.engine, State::new(shared, options, share));
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

/// Runs guest code under a permit: the one that the store has, or one that is waited for with the thread.
pub(super) fn admitted<R>(store: &mut Store<State>, run: impl FnOnce(&mut Store<State>) -> R) -> R {
    let _slice = RestoresThreadSlice;
    let waited: Option<Permit> =
        if store.data().permit.is_none() { Some(store.data().share.enter_blocking()) } else { None };
    let own = waited.is_some();
    if own {
        store.data_mut().permit = waited;
    }
    let result = run(store);
    if own {
        store.data_mut().permit = None;
    }
    result
}

/// Instantiates in the store; guest initialisation code runs under the deadline of a call.
pub(super) fn instantiate(store: &mut Store<State>, linked: &Linked) -> Result<Instance, GuestFailure> {
    if let Err(denied) = store.data_mut().growth.take_fixed(linked.instance_bytes) {
        store.data().hit_denied(denied);
        return Err(failure::of_denied(store.data(), denied));
    }
    let limit_ms = store.data().limits.guest_call_ms;
    deadline::arm(store, limit_ms);
    let instance = admitted(store, |store| linked.instance.instantiate(&mut *store));
    store.data_mut().leave();
    instance.map_err(|error| failure::classify(store.data(), &error))
}
