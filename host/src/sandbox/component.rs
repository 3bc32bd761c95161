//! One per revision: checked, compiled, linked, ready to be instantiated.

use super::{GuestFailure, Instance, InstanceOptions, Manifest};
use crate::vocab::Digest;

/// A compiled component; cloning shares it.
#[derive(Debug, Clone)]
pub struct Component {}

impl Component {
    /// The identity of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        todo!()
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        todo!()
    }

    /// Whether it can read WASI clocks: then `replay` must be called once per distinct event time.
    #[must_use]
    pub fn reads_clocks(&self) -> bool {
        todo!()
    }

    /// Makes a fresh instance; guest initialisation code runs, under the limits.
    ///
    /// # Errors
    /// How the guest failed, or that the pool is exhausted.
    pub fn instantiate(&self, _options: InstanceOptions) -> Result<Instance, GuestFailure> {
        todo!()
    }
}
