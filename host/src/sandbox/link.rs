//! Joins a compiled component with what it may call.

use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use super::check::{check_exports, wrong_export};
use super::state::State;
use super::{DeployError, v1, wasi};

/// Everything that any component may call.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    v1::Actor::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    wasi::add(&mut linker)?;
    Ok(linker)
}

/// A linked component, and the places of its exports.
pub(super) struct Linked {
    pub(super) instance: wasmtime::component::InstancePre<State>,
    pub(super) exports: v1::ActorIndices,
    /// What the host keeps for each instance beside its memory, as `check` counted it.
    pub(super) instance_bytes: u64,
}

/// Links one component; refuses imports and exports that differ from the contract's.
pub(super) fn link(linker: &Linker<State>, component: &Component, instance_bytes: u64) -> Result<Linked, DeployError> {
    let mut linker = linker.clone();
    let instance = wasi::add_descriptors(&mut linker, component.engine(), component)
        .and_then(|()| linker.instantiate_pre(component))
        .map_err(|error| DeployError::ForbiddenImport { import: format!("{error:#}") })?;
    check_exports(component)?;
    let exports = v1::ActorIndices::new(&instance).map_err(|error| wrong_export(&error))?;
    Ok(Linked { instance, exports, instance_bytes })
}
