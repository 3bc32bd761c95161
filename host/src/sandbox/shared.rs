//! What the engine, its components and its instances have in common.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::cpu::{Cpu, Share};
use super::{HostMemory, MemoryAccount, machine};
use crate::vocab::{Limits, Owner};

/// Lives as long as any of them.
pub(super) struct Shared {
    /// wasmtime's engine; the epoch ticker runs while it lives.
    pub(super) engine: wasmtime::Engine,
    /// Who may run guest code now.
    pub(super) cpu: Cpu,
    /// What all instances use together.
    pub(super) memory: Arc<HostMemory>,
    /// What instances use that belong to no tenant: those that are asked what they are, once.
    pub(super) memory_of_nobody: Arc<MemoryAccount>,
    /// The bounds of instances that have none of their own; the pool holds as much memory as they say.
    pub(super) limits: Arc<Limits>,
    /// What random numbers depend on beside actor and moment; zeros until it is known.
    secret: OnceLock<[u8; 32]>,
}

impl Shared {
    pub(super) fn new(engine: wasmtime::Engine, cpu: Cpu, limits: Limits) -> Self {
        let memory = Arc::new(HostMemory::new(machine::guests_memory_bytes(&limits)));
        let memory_of_nobody = Arc::new(MemoryAccount::within(&memory));
        Self { engine, cpu, memory, memory_of_nobody, limits: Arc::new(limits), secret: OnceLock::new() }
    }

    /// Whose CPU time something takes that is done for `owner`.
    pub(super) fn share_of(&self, owner: &Owner) -> Share {
        match owner {
            Owner::Host => self.cpu.host_share(),
            Owner::Tenant(tenant) => self.cpu.share(tenant),
        }
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
