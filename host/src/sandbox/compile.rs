//! Compilation: one component at a time, on some of the cores, from the cache where possible.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::DeployError;
use super::cache::Cache;
use crate::vocab::Digest;

/// Stack of a compiling thread: deeply nested code.
const STACK_BYTES: usize = /* 8 MiB */ 8 * 1_024 * 1_024;

/// Compiles components; a second deploy waits for the first.
#[derive(Debug)]
pub(super) struct Compiler {
    cache: Option<Cache>,
    turn: Mutex<()>,
}

impl Compiler {
    pub(super) fn new(cache: Option<Cache>) -> Self {
        Self { cache, turn: Mutex::new(()) }
    }

    /// Waits until no other component is being compiled.
    pub(super) fn wait(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The compiled code of `bytes`.
    pub(super) fn compile(&self, engine: &Engine, digest: Digest, bytes: &[u8]) -> Result<Component, DeployError> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.load(engine, digest)) {
            return Ok(component);
        }
        let component = on_some_cores(|| Component::from_binary(engine, bytes))
            .map_err(|reason| DeployError::Compile { digest, reason })?;
        if let Some(cache) = &self.cache {
            cache.store(engine, digest, &component);
        }
        Ok(component)
    }
}

/// Runs `work` on a pool of its own: half of the cores, so that a deploy leaves the rest to the actors.
fn on_some_cores<T: Send>(work: impl FnOnce() -> wasmtime::Result<T> + Send) -> Result<T, String> {
    let threads = available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .thread_name(|index| format!("compile-{index}"))
        .build()
        .map_err(|error| error.to_string())?;
    // A panic of the compiler is a bug of the compiler; it must not take the host with it.
    match catch_unwind(AssertUnwindSafe(|| pool.install(work))) {
        Ok(result) => result.map_err(|error| format!("{error:#}")),
        Err(_) => Err("the compiler panicked".to_owned()),
    }
}
