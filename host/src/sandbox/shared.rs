//! What the engine, its components and its instances have in common.

use std::fmt;
use std::sync::Arc;

use super::cpu::Cpu;
use crate::vocab::Limits;

/// Lives as long as any of them.
pub(super) struct Shared {
    /// wasmtime's engine; the epoch ticker runs while it lives.
    pub(super) engine: wasmtime::Engine,
    /// Who may run guest code now.
    pub(super) cpu: Cpu,
    /// The bounds of instances that have none of their own; the pool holds as much memory as they say.
    pub(super) limits: Arc<Limits>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}
