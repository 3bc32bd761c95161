//! One per host: wasmtime's configuration, the epoch ticker, the compile cache.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Component, DeployError};
use crate::vocab::Limits;

/// How the sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// The bounds that instances get.
    pub limits: Limits,
    /// Where compiled code is kept between runs; `None`: only in memory.
    pub cache_dir: Option<PathBuf>,
}

/// The sandbox of a host.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// Sets wasmtime up and starts the epoch ticker.
    ///
    /// # Errors
    /// A sentence that names the machine limit in the way, and what to change.
    pub fn new(_settings: SandboxSettings) -> Result<Arc<Self>, String> {
        todo!()
    }

    /// Checks a component, compiles it (or takes it from the cache) and reads its manifest.
    ///
    /// Takes seconds for large components: call it off the hot path, on a blocking thread.
    ///
    /// # Errors
    /// Why it may not be deployed.
    pub fn load(self: &Arc<Self>, _bytes: &[u8]) -> Result<Component, DeployError> {
        todo!()
    }
}
