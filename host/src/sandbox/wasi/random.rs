//! `wasi:random`: the actor's own numbers, see `Randomness`.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance};

use crate::sandbox::GuestFailure;
use crate::sandbox::failure::Refusal;
use crate::sandbox::state::State;
use crate::vocab::Limit;

pub(super) fn add(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut random = linker.instance("wasi:random/random@0.2.0")?;
    add_numbers(&mut random, "get-random-bytes", "get-random-u64")?;
    let mut insecure = linker.instance("wasi:random/insecure@0.2.0")?;
    add_numbers(&mut insecure, "get-insecure-random-bytes", "get-insecure-random-u64")?;
    let mut seed = linker.instance("wasi:random/insecure-seed@0.2.0")?;
    seed.func_wrap("insecure-seed", |store, (): ()| Ok((store.data().randomness.hash_seed(),)))
}

fn add_numbers(random: &mut LinkerInstance<'_, State>, bytes: &str, number: &str) -> wasmtime::Result<()> {
    random.func_wrap(bytes, random_bytes)?;
    random.func_wrap(number, |mut store, (): ()| Ok((store.data_mut().randomness.next_u64()?,)))
}

fn random_bytes(mut store: StoreContextMut<'_, State>, (length,): (u64,)) -> wasmtime::Result<(Vec<u8>,)> {
    let state = store.data_mut();
    let limit = state.limits.guest_hostcall_bytes;
    if length > limit {
        let name = Limit::GuestHostcallBytes;
        return Err(Refusal(GuestFailure::Limit { name, what: "random bytes at once", found: length, limit }).into());
    }
    let length = usize::try_from(length)?;
    state.spend(length)?;
    let mut bytes = vec![0; length];
    state.randomness.fill(&mut bytes)?;
    Ok((bytes,))
}
