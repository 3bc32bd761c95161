//! `wasi:clocks`: both clocks show the turn's time, and stand still during a call; waiting takes no time.

use wasmtime::component::{ComponentType, Linker, Lower};

use super::io;
use crate::sandbox::state::State;

/// Both clocks move in steps of a millisecond.
const RESOLUTION_NS: u32 = 1_000_000;

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn from_ms(ms: u64) -> wasmtime::Result<Self> {
        let nanoseconds = u32::try_from(ms % 1_000)?.saturating_mul(RESOLUTION_NS);
        Ok(Self { seconds: ms / 1_000, nanoseconds })
    }
}

pub(super) fn add(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut wall = linker.instance("wasi:clocks/wall-clock@0.2.0")?;
    wall.func_wrap("now", |store, (): ()| Ok((Datetime::from_ms(store.data().moment.time.0)?,)))?;
    wall.func_wrap("resolution", |_, (): ()| Ok((Datetime { seconds: 0, nanoseconds: RESOLUTION_NS },)))?;
    let mut monotonic = linker.instance("wasi:clocks/monotonic-clock@0.2.0")?;
    monotonic
        .func_wrap("now", |store, (): ()| Ok((store.data().moment.time.0.saturating_mul(u64::from(RESOLUTION_NS)),)))?;
    monotonic.func_wrap("resolution", |_, (): ()| Ok((u64::from(RESOLUTION_NS),)))?;
    monotonic.func_wrap("subscribe-instant", |_, (_,): (u64,)| Ok((io::ready(),)))?;
    monotonic.func_wrap("subscribe-duration", |_, (_,): (u64,)| Ok((io::ready(),)))
}
