//! Native code becomes a component here, and nowhere else.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads compiled code.
///
/// Native code does whatever it does: it is not checked here, and cannot be. It comes from the compiler of this very
/// build (in this process, or in one of its own that gave it to nobody else), or from a file that carries the seal of
/// this host. `docs/decisions/0018` says what that is worth when the compiler itself is attacked.
#[expect(unsafe_code, reason = "native code can only be loaded by promising that it is wasmtime's own")]
pub(super) fn load(engine: &Engine, code: &[u8]) -> Result<Component, String> {
    // SAFETY: the callers hand over only what wasmtime's compiler of this build gave for this engine's configuration:
    // fresh from its own pipe, or with a seal over both that nobody else can make.
    unsafe { Component::deserialize(engine, code) }.map_err(|error| format!("{error:#}"))
}
