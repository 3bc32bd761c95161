//! One per host: wasmtime's configuration, the epoch ticker, the compile cache.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::Linker;

use super::cache::Cache;
use super::check::{Checked, check_bytes};
use super::compile::Compiler;
use super::remembered::Remembered;
use super::shared::Shared;
use super::state::State;
use super::{Component, Cpu, DeployError, GuestFailure, component, config, describe, link, machine, ticker};
use crate::vocab::{Digest, Limits};

/// Compiled components kept in memory; one that actors still run stays in any case.
const COMPONENTS_MAX: usize = 256;
/// Refused components remembered, so that a client that sends one again and again costs nothing.
const REFUSALS_MAX: usize = 1_024;
/// Instances beyond `live_actors`, as a part of it: state readers, snapshots being tried, replaced instances.
const SPARE_PART: u32 = 8;
/// The least and the most of such instances.
const SPARE: std::ops::RangeInclusive<u32> = 16..=1_024;

/// How the sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// The bounds that instances get.
    pub limits: Limits,
    /// Where compiled code is kept between runs; `None`: only in memory.
    pub cache_dir: Option<PathBuf>,
}

/// The sandbox of a host.
pub struct Engine {
    shared: Arc<Shared>,
    linker: Linker<State>,
    compiler: Compiler,
    components: Remembered<Component>,
    refusals: Remembered<DeployError>,
}

impl Engine {
    /// Sets wasmtime up and starts the epoch ticker, which ends when the engine and all that came from it are gone.
    ///
    /// # Errors
    /// A sentence that names the machine limit in the way, and what to change. The settings are never lowered silently.
    pub fn new(settings: SandboxSettings) -> Result<Arc<Self>, String> {
        let SandboxSettings { limits, cache_dir } = settings;
        let instances = limits.live_actors.saturating_add(spare_instances(&limits));
        machine::check_memory_maps(u64::from(instances))?;
        let engine = config::config(&limits, instances)
            .and_then(|config| wasmtime::Engine::new(&config))
            .map_err(|error| format!("no room can be reserved for {instances} live instances: {error:#}"))?;
        let linker = link::linker(&engine).map_err(|error| format!("the contract could not be linked: {error:#}"))?;
        let cache = cache_dir.map(|directory| Cache::open(&directory)).transpose()?;
        let epochs = engine.weak();
        let cpu = Cpu::new(&limits, move || {
            if let Some(engine) = epochs.upgrade() {
                engine.increment_epoch();
            }
        });
        ticker::start(&engine, &cpu)?;
        Ok(Arc::new(Self {
            shared: Arc::new(Shared { engine, cpu, limits: Arc::new(limits) }),
            linker,
            compiler: Compiler::new(cache),
            components: Remembered::new(COMPONENTS_MAX),
            refusals: Remembered::new(REFUSALS_MAX),
        }))
    }

    /// How many instances of actors there is room for; the pool holds some more for short-lived ones.
    #[must_use]
    pub fn live_actors_max(&self) -> u32 {
        self.shared.limits.live_actors
    }

    /// Who may run guest code now.
    #[must_use]
    pub fn cpu(&self) -> Cpu {
        self.shared.cpu.clone()
    }

    /// Checks a component, compiles it (or takes it from the cache) and reads its manifest.
    ///
    /// Takes seconds for large components: call it off the hot path, on a blocking thread. Components are compiled one
    /// after the other. A component that was refused for what it is, is refused again without another look.
    ///
    /// # Errors
    /// Why it may not be deployed.
    pub fn load(self: &Arc<Self>, bytes: &[u8]) -> Result<Component, DeployError> {
        let digest = Digest::of(bytes);
        if let Some(known) = self.known(digest) {
            return known;
        }
        let result = self.load_unknown(digest, bytes);
        match &result {
            Ok(component) => self.components.put(digest, component.clone()),
            Err(refusal) if is_final(refusal) => self.refusals.put(digest, refusal.clone()),
            Err(_) => {}
        }
        result
    }

    fn known(&self, digest: Digest) -> Option<Result<Component, DeployError>> {
        self.components.get(digest).map(Ok).or_else(|| self.refusals.get(digest).map(Err))
    }

    fn load_unknown(&self, digest: Digest, bytes: &[u8]) -> Result<Component, DeployError> {
        let Checked { reads_clocks } = check_bytes(bytes, &self.shared.limits)?;
        let turn = self.compiler.wait();
        if let Some(known) = self.known(digest) {
            return known;
        }
        let compiled = self.compiler.compile(&self.shared.engine, digest, bytes)?;
        drop(turn);
        let linked = link::link(&self.linker, &compiled)?;
        let manifest = describe::describe(&self.shared, &linked)?;
        let shared = Arc::clone(&self.shared);
        Ok(Component::new(component::Inner { digest, manifest, reads_clocks, linked, shared }))
    }
}

/// How many instances there is room for beyond live actors.
#[must_use]
pub fn spare_instances(limits: &Limits) -> u32 {
    limits.live_actors.checked_div(SPARE_PART).unwrap_or(0).clamp(*SPARE.start(), *SPARE.end())
}

/// Whether the same bytes would be refused again on an idle machine.
fn is_final(refusal: &DeployError) -> bool {
    !matches!(refusal, DeployError::Describe(GuestFailure::NoRoom | GuestFailure::OutOfTime { .. }))
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("shared", &self.shared).finish_non_exhaustive()
    }
}
