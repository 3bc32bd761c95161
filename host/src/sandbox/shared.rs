//! What the engine, its components and its instances have in common.

use std::fmt;
use std::sync::{Arc, OnceLock};

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
    /// What random numbers depend on beside actor and moment; zeros until it is known.
    secret: OnceLock<[u8; 32]>,
}

impl Shared {
    pub(super) fn new(engine: wasmtime::Engine, cpu: Cpu, limits: Limits) -> Self {
        Self { engine, cpu, limits: Arc::new(limits), secret: OnceLock::new() }
    }

    pub(super) fn secret(&self) -> [u8; 32] {
        self.secret.get().copied().unwrap_or_default()
    }

    pub(super) fn keep_secret(&self, secret: [u8; 32]) {
        let _first = self.secret.set(secret);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}
