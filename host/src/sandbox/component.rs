//! One per revision: checked, compiled, linked, ready to be instantiated.

use std::fmt;
use std::sync::Arc;

use super::code_bytes::CodeBytes;
use super::link::Linked;
use super::shared::Shared;
use super::{GuestFailure, Instance, InstanceOptions, Manifest, Permit, Share};
use crate::vocab::{Digest, Tenant};

/// A compiled component; cloning shares it.
#[derive(Clone)]
pub struct Component {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) digest: Digest,
    pub(super) manifest: Manifest,
    pub(super) reads_clocks: bool,
    pub(super) linked: Linked,
    pub(super) shared: Arc<Shared>,
    pub(super) code_bytes: CodeBytes,
}

impl Component {
    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// The identity of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    pub(super) fn code(&self) -> &wasmtime::component::Component {
        self.inner.linked.instance.component()
    }

    /// What its code takes in memory.
    pub(super) fn code_bytes(&self) -> u64 {
        self.inner.code_bytes.get()
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// Whether it can read WASI clocks: then `replay` must be called once per distinct event time.
    #[must_use]
    pub fn reads_clocks(&self) -> bool {
        self.inner.reads_clocks
    }

    /// The part of the CPU of the tenant whose instances this makes.
    #[must_use]
    pub fn share(&self, tenant: &Tenant) -> Share {
        self.inner.shared.cpu.share(tenant)
    }

    /// Makes a fresh instance; guest initialisation code runs, under the limits. Waits for CPU with the thread.
    ///
    /// # Errors
    /// How the guest failed, or that the pool is exhausted.
    pub fn instantiate(&self, options: InstanceOptions) -> Result<Instance, GuestFailure> {
        self.instantiate_under(options, &mut None)
    }

    /// The same under a permit, which is there again afterwards.
    ///
    /// # Errors
    /// How the guest failed, or that the pool is exhausted.
    pub fn instantiate_under(
        &self,
        options: InstanceOptions,
        permit: &mut Option<Permit>,
    ) -> Result<Instance, GuestFailure> {
        Instance::new(&self.inner.shared, &self.inner.linked, options, self.clone(), permit)
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").field("digest", &self.inner.digest).finish_non_exhaustive()
    }
}
