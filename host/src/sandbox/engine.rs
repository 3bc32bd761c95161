//! One per host: wasmtime's configuration, the epoch ticker, the compile cache.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::Linker;

use super::cache::Cache;
use super::check::{Checked, Inspection, check_bytes, inspect};
use super::code_bytes::CodeBytes;
use super::compile::{CompileCost, Compiler, CompilerProgram};
use super::config::CODE_VERSION;
use super::cpu::{Errand, Stranded};
use super::remembered::Remembered;
use super::shared::Shared;
use super::state::State;
use super::{Component, Cpu, DeployError, HostMemory, Lasting, component, config, describe, link, machine, ticker};
use crate::vocab::{Digest, Limits, Owner};

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
    /// Where components are compiled.
    pub compiler: CompilerProgram,
}

/// What is known of a component without compiling it.
#[derive(Debug)]
pub enum Looked {
    /// It is there: it was loaded before, or its code was in the cache.
    Loaded(Component),
    /// It passed every check of its bytes and must be compiled.
    Compile(Uncompiled),
}

/// A component that passed every check of its bytes.
#[derive(Debug)]
pub struct Uncompiled {
    digest: Digest,
    checked: Checked,
}

impl Uncompiled {
    /// The identity of its bytes.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
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
        let SandboxSettings { limits, cache_dir, compiler } = settings;
        let spare = spare_instances(&limits).saturating_add(swapping_instances(&limits));
        let instances = limits.live_actors.saturating_add(spare);
        machine::check_memory_maps(u64::from(instances))?;
        let engine = config::config(&limits, instances)
            .and_then(|config| wasmtime::Engine::new(&config))
            .map_err(|error| format!("no room can be reserved for {instances} live instances: {error:#}"))?;
        let linker = link::linker(&engine).map_err(|error| format!("the contract could not be linked: {error:#}"))?;
        let cache = cache_dir.map(|directory| Cache::open(&directory, limits.compile_cache_bytes)).transpose()?;
        let epochs = engine.weak();
        let cpu = Cpu::new(&limits, move || {
            if let Some(engine) = epochs.upgrade() {
                engine.increment_epoch();
            }
        });
        ticker::start(&engine, &cpu)?;
        let recent_code_bytes = limits.recent_code_bytes;
        let compiler = Compiler::new(cache, compiler, config::reservation_bytes(&limits, instances));
        Ok(Arc::new(Self {
            shared: Arc::new(Shared::new(engine, cpu, limits)),
            linker,
            compiler,
            components: Remembered::new(usize::MAX, recent_code_bytes),
            refusals: Remembered::new(REFUSALS_MAX, u64::MAX),
        }))
    }

    /// How many instances of actors there is room for; the pool holds some more for short-lived ones.
    #[must_use]
    pub fn live_actors_max(&self) -> u32 {
        self.shared.limits.live_actors
    }

    /// Makes guests' random numbers those of one store: nobody who does not know the secret can compute them. Before any
    /// actor runs; the first secret stays.
    pub fn keep_secret(&self, secret: [u8; 32]) {
        self.shared.keep_secret(secret);
    }

    /// What all instances use together, and how much that may be.
    #[must_use]
    pub fn memory(&self) -> Arc<HostMemory> {
        Arc::clone(&self.shared.memory)
    }

    /// Who may run guest code now.
    #[must_use]
    pub fn cpu(&self) -> Cpu {
        self.shared.cpu.clone()
    }

    /// Checks a component, compiles it (or takes it from the cache) and reads its manifest: [`Engine::look`] and
    /// [`Engine::compile`] in one, on the host's own account. Its code is kept for the next start.
    ///
    /// Takes seconds for large components: call it off the hot path, on a blocking thread. Components are compiled one
    /// after the other. A component that was refused for what it is, is refused again without another look.
    ///
    /// # Errors
    /// Why it may not be deployed.
    pub fn load(self: &Arc<Self>, bytes: &[u8]) -> Result<Component, DeployError> {
        match self.look(&Owner::Host, bytes, |_| Ok(())).1? {
            Looked::Loaded(component) => Ok(component),
            Looked::Compile(uncompiled) => {
                let component = self.compile(&Owner::Host, &uncompiled, bytes).0?;
                self.keep(&component, &BTreeSet::from([component.digest()]));
                Ok(component)
            }
        }
    }

    /// Everything but compiling: whether the component is known, its bytes may be compiled, its code is in the cache. The first
    /// value names its bytes. `refuse` is asked about that name before the bytes are looked at. All of it takes CPU time of its
    /// owner's, under its permits; when the code is asked what it is, that is a guest call.
    ///
    /// Takes milliseconds, and waits while others are to run: call it on a blocking thread.
    ///
    /// # Errors
    /// Why it may not be deployed.
    pub fn look(
        self: &Arc<Self>,
        owner: &Owner,
        bytes: &[u8],
        refuse: impl FnOnce(Digest) -> Result<(), DeployError>,
    ) -> (Digest, Result<Looked, DeployError>) {
        let mut errand = Errand::begin(&self.shared.share_of(owner));
        let digest = Digest::of(bytes);
        if let Some(refused) = refuse(digest).err() {
            return (digest, Err(refused));
        }
        if let Some(known) = self.known(digest) {
            return (digest, known.map(Looked::Loaded));
        }
        let mut between = || errand.step().map_err(|Stranded| stranded());
        let checked = between().and_then(|()| check_bytes(bytes, &self.shared.limits, &mut between));
        // What follows may call the guest, under a permit of its own.
        drop(errand);
        let checked = checked.inspect_err(|refusal| self.remember(digest, refusal));
        (digest, checked.and_then(|checked| self.look_in_cache(owner, digest, checked)))
    }

    fn look_in_cache(&self, owner: &Owner, digest: Digest, checked: Checked) -> Result<Looked, DeployError> {
        match self.compiler.cached(&self.shared.engine, digest) {
            Some(compiled) => Ok(Looked::Loaded(self.finish(owner, digest, &checked, &compiled)?)),
            None => Ok(Looked::Compile(Uncompiled { digest, checked })),
        }
    }

    /// What the bytes alone tell of a component, for a report.
    #[must_use]
    pub fn inspect(&self, bytes: &[u8]) -> Inspection {
        inspect(bytes, &self.shared.limits)
    }

    /// Compiles a component that [`Engine::look`] let through, whose bytes these are, and reads its manifest. The last
    /// value is what compiling it took; nothing if somebody else did meanwhile.
    ///
    /// Waits for others that are being compiled. The code is not kept before [`Engine::keep`] is told to.
    ///
    /// # Errors
    /// Why it may not be deployed.
    pub fn compile(
        self: &Arc<Self>,
        owner: &Owner,
        uncompiled: &Uncompiled,
        bytes: &[u8],
    ) -> (Result<Component, DeployError>, CompileCost) {
        // The digest that names the code is of the bytes that are compiled, whatever the caller mixed up.
        let errand = Errand::begin(&self.shared.share_of(owner));
        let digest = Digest::of(bytes);
        drop(errand);
        if digest != uncompiled.digest {
            let reason = "other bytes were checked than are to be compiled".to_owned();
            return (Err(DeployError::CompilerUnavailable { reason }), CompileCost::default());
        }
        let turn = self.compiler.wait();
        if let Some(known) = self.known(digest) {
            return (known, CompileCost::default());
        }
        let (compiled, cost) = self.compiler.compile(&self.shared.engine, &self.shared.limits, digest, bytes);
        drop(turn);
        let compiled = compiled.inspect_err(|refusal| self.remember(digest, refusal));
        (compiled.and_then(|compiled| self.finish(owner, digest, &uncompiled.checked, &compiled)), cost)
    }

    /// Keeps a component's code for the next start. Of more than the cache may have, what is none of the deployed
    /// components' goes first, then the oldest. Reads or writes a file: call it on a blocking thread.
    pub fn keep(&self, component: &Component, deployed: &BTreeSet<Digest>) {
        self.compiler.keep(component.digest(), component.code(), deployed);
    }

    /// Lets the cache have no more than it may, as [`Engine::keep`] does.
    pub fn prune(&self, deployed: &BTreeSet<Digest>) {
        self.compiler.prune(&self.shared.engine, deployed);
    }

    /// Identifies this build and its limits: what a refusal depends on beside the component.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let limits = format!("{CODE_VERSION} {} {:?}", env!("CARGO_PKG_VERSION"), self.shared.limits);
        Digest::of(limits.as_bytes())
    }

    /// Ends the compilation that is under way, and begins no other.
    pub fn close(&self) {
        self.compiler.close();
    }

    /// Forgets that a component was refused.
    pub fn forget_refusal(&self, digest: Digest) {
        self.refusals.remove(digest);
    }

    fn known(&self, digest: Digest) -> Option<Result<Component, DeployError>> {
        self.components.get(digest).map(Ok).or_else(|| self.refusals.get(digest).map(Err))
    }

    /// Links compiled code and asks it what it is.
    fn finish(
        &self,
        owner: &Owner,
        digest: Digest,
        checked: &Checked,
        compiled: &wasmtime::component::Component,
    ) -> Result<Component, DeployError> {
        let finished = link::link(&self.linker, compiled, checked.instance_bytes).and_then(|linked| {
            let manifest = describe::describe(&self.shared, owner, &linked)?;
            let (reads_clocks, shared) = (checked.reads_clocks, Arc::clone(&self.shared));
            let code_bytes = CodeBytes::of(compiled);
            Ok(Component::new(component::Inner { digest, manifest, reads_clocks, linked, shared, code_bytes }))
        });
        match &finished {
            Ok(component) => self.components.put(digest, component.clone(), component.code_bytes()),
            Err(refusal) => self.remember(digest, refusal),
        }
        finished
    }

    /// Keeps in memory what would be the same again on an idle machine.
    fn remember(&self, digest: Digest, refusal: &DeployError) {
        if refusal.lasting() == Lasting::Always {
            self.refusals.put(digest, refusal.clone(), 0);
        }
    }
}

/// The checks of a component's bytes were stopped for others, and for too long.
fn stranded() -> DeployError {
    DeployError::CompilerUnavailable { reason: "the machine was too busy to look at the component".to_owned() }
}

/// How many instances there is room for beyond live actors and those that change over.
#[must_use]
pub fn spare_instances(limits: &Limits) -> u32 {
    limits.live_actors.checked_div(SPARE_PART).unwrap_or(0).clamp(*SPARE.start(), *SPARE.end())
}

/// How many instances there is room for of actors that change over: `limits.concurrent_swaps`, and as many again for tenants
/// that have no place among these.
#[must_use]
pub const fn swapping_instances(limits: &Limits) -> u32 {
    limits.concurrent_swaps.saturating_mul(2)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("shared", &self.shared).finish_non_exhaustive()
    }
}
