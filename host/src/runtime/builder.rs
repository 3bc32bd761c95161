//! How a host is put together.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::courier::Couriers;
use super::deploy::Deployments;
use super::directory::Directory;
use super::feed::Followers;
use super::host::{Host, Inner};
use super::loading::Loader;
use super::rehearsal::Rehearsals;
use super::rollout;
use super::secret::secret_of;
use super::tenancy::{self, AuditLog, Books, Census, Keys, Shares, Tenants, keep_books};
use super::threads::Threads;
use super::trouble::{self, Troubles};
use super::waker::Waker;
use super::{AskError, HostSettings, TenancyError};
use crate::actor::{Crew, Loads, Shortage, Stage, Tell, TellId, Turnstile};
use crate::provider::SharedProvider;
use crate::provider::memory::MemoryProvider;
use crate::sandbox::{CompilerProgram, Cpu, Engine, SandboxSettings, spare_instances, swapping_instances};
use crate::vocab::{ActorId, Address, Clock, Code, Sequence, SystemClock, Timestamp};

/// Instances that only look (state at a number, events as JSON) at the same time; others queue.
const LOOKS_MAX: u32 = 8;
/// This part of the spare instances (one over it) are places for tenants that have no live actor.
const SPARE_PLACES_PART: u32 = 2;
/// How often the times at which keys were used are stored.
const STORE_USES_EVERY: Duration = Duration::from_secs(60);
/// How often it is looked which code no actor is to run any more.
const LET_GO_EVERY: Duration = Duration::from_secs(5);

/// Builds a [`Host`]: settings are data, the provider and the clock are injected.
#[derive(Default)]
pub struct HostBuilder {
    provider: Option<SharedProvider>,
    settings: HostSettings,
    compile_cache: Option<PathBuf>,
    compiler: CompilerProgram,
    runtime: Option<Handle>,
    clock: Option<Arc<dyn Clock>>,
}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl HostBuilder {
    /// Where everything durable goes. Without it, the host keeps everything in memory.
    #[must_use]
    pub fn provider(mut self, provider: SharedProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// What an operator may tweak.
    #[must_use]
    pub fn settings(mut self, settings: HostSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Where compiled code is kept between runs; without it, components are compiled again at start.
    #[must_use]
    pub fn compile_cache(mut self, dir: PathBuf) -> Self {
        self.compile_cache = Some(dir);
        self
    }

    /// Where components are compiled. Without it, in this process, where nothing bounds the time and the memory that a
    /// component takes: name a program if strangers' components are deployed.
    #[must_use]
    pub fn compiler(mut self, compiler: CompilerProgram) -> Self {
        self.compiler = compiler;
        self
    }

    /// On whose threads actors run. Without it they have their own, and every command and every answer goes from one thread to
    /// another; beside the tasks that ask them, they answer several times as fast. A guest that computes keeps a thread from
    /// other tasks for some milliseconds at most; then another thread takes them over. [`threads`](super::threads) makes a
    /// runtime that is fit for it. Another one must have several threads and timers, and may have more blocking threads than
    /// `limits.begun_guest_calls`: each guest call that was stopped for others holds one.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Where the time of turns comes from; the machine's clock by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Starts the host: checks the settings and the machine's limits, reads the deployments, wakes who must be awake.
    ///
    /// # Errors
    /// Settings that contradict each other, machine limits that are too low, a store that cannot be read.
    pub async fn build(self) -> Result<Host, AskError> {
        let mut settings = self.settings;
        if let Some(reason) = settings.problem() {
            return Err(AskError::Setup { reason, code: Code::InvalidSetting });
        }
        let (cache_dir, compiler) = (self.compile_cache, self.compiler);
        let sandbox = SandboxSettings { limits: settings.sandbox_limits(), cache_dir, compiler };
        let engine = Engine::new(sandbox).map_err(|reason| AskError::Setup { reason, code: Code::MachineLimit })?;
        settings.limits.live_actors = settings.limits.live_actors.min(engine.live_actors_max());
        let provider = self.provider.unwrap_or_else(|| MemoryProvider::new());
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        engine.keep_secret(secret_of(&provider).await?);
        let (loads, cpu, memory) = (Loads::new(&settings.limits), engine.cpu(), engine.memory());
        // What it really is, where the settings leave it to the machine.
        settings.limits.guests_memory_bytes = memory.bytes_max();
        let bytes = memory.bytes_max();
        tracing::info!(bytes, "memory that all guests may use together (limits.guests_memory_bytes)");
        let shares = Shares { cpu: cpu.clone(), loads: loads.clone(), memory };
        let tenancy = Tenancy::open(&provider, &clock, shares, &settings).await?;
        let (clock_, tenants) = (Arc::clone(&clock), Arc::clone(&tenancy.tenants));
        let troubles = Troubles::open(Arc::clone(&provider), Arc::clone(&clock), &settings).await?;
        let troubles = Arc::new(troubles);
        let loader =
            Loader::open(Arc::clone(&provider), engine, &settings.limits, Arc::clone(&tenants), Arc::clone(&clock));
        let loader = Arc::new(loader.await?);
        let deployments = Deployments::open(Arc::clone(&provider), loader, settings.clone(), clock_, tenants).await?;
        // Now that it is known whose code is worth keeping. Before anything runs, so nobody waits for it.
        deployments.loader.prune();
        let wakes = provider.wakes().await?;
        let threads = Threads::start(self.runtime, &settings.limits)?;
        let inner = assemble(settings, (provider, clock), deployments, (tenancy, troubles, loads, cpu), threads);
        tenancy::resume(&inner).await.map_err(|error| match error {
            TenancyError::Ask(error) => error,
            other => AskError::Setup { code: other.code(), reason: other.to_string() },
        })?;
        for wake in wakes {
            inner.waker.wake_later(&wake.address, wake.at);
        }
        let (waker, clock) = (Arc::clone(&inner.waker), Arc::clone(&inner.stage.clock));
        inner.spawn(waker.run(Arc::downgrade(&inner.directory), clock));
        inner.spawn(store_uses(Arc::downgrade(&inner.keys)));
        inner.spawn(keep_books(Arc::downgrade(&inner.books)));
        inner.spawn(let_go_of_code(Arc::downgrade(&inner.deployments)));
        let host = Host::new(inner);
        trouble::resume(&host).await;
        rollout::resume(&host);
        Ok(host)
    }
}

/// What decides who is let in.
struct Tenancy {
    tenants: Arc<Tenants>,
    keys: Arc<Keys>,
    audit: AuditLog,
    census: Arc<Census>,
    books: Arc<Books>,
}

impl Tenancy {
    async fn open(
        provider: &SharedProvider,
        clock: &Arc<dyn Clock>,
        shares: Shares,
        settings: &HostSettings,
    ) -> Result<Self, AskError> {
        let quotas = settings.tenants.default_quotas.quotas();
        let bounds = (settings.ceiling(), quotas);
        let tenants = Tenants::open(Arc::clone(provider), Arc::clone(clock), shares, bounds).await?;
        let tenants = Arc::new(tenants);
        let keys = Arc::new(Keys::open(Arc::clone(provider), Arc::clone(clock)).await?);
        let audit = AuditLog::new(Arc::clone(provider), Arc::clone(clock));
        let census = Arc::new(Census::new(Arc::clone(&tenants), Arc::clone(provider)));
        let books = Books::new(Arc::clone(provider), Arc::clone(&tenants));
        Ok(Self { tenants, keys, audit, census, books })
    }
}

/// Lets code go that no actor is to run, for as long as the host lives.
async fn let_go_of_code(deployments: Weak<Deployments>) {
    loop {
        tokio::time::sleep(LET_GO_EVERY).await;
        let Some(deployments) = deployments.upgrade() else { return };
        deployments.let_go_of_code();
    }
}

/// Stores when keys were used for as long as the host lives.
async fn store_uses(keys: Weak<Keys>) {
    loop {
        tokio::time::sleep(STORE_USES_EVERY).await;
        let Some(keys) = keys.upgrade() else { return };
        keys.store_uses().await;
    }
}

fn assemble(
    settings: HostSettings,
    (provider, clock): (SharedProvider, Arc<dyn Clock>),
    deployments: Deployments,
    (tenancy, troubles, loads, cpu): (Tenancy, Arc<Troubles>, Loads, Cpu),
    threads: Threads,
) -> Inner {
    let limits = settings.limits;
    let waker = Arc::new(Waker::default());
    let followers = Arc::new(Followers::default());
    let deployments = Arc::new(deployments);
    let Tenancy { tenants, keys, audit, census, books } = tenancy;
    let directory = Arc::new_cyclic(|me: &Weak<Directory>| {
        let crew = StageCrew {
            directory: me.clone(),
            couriers: Couriers::new(threads.handle().clone(), Arc::clone(&troubles)),
            followers: Arc::clone(&followers),
            census: Arc::clone(&census),
            waker: Arc::clone(&waker),
        };
        let shared = Arc::new(Stage {
            provider,
            clock,
            recoveries: Turnstile::new(limits.concurrent_recoveries, limits.concurrent_recoveries),
            places: Turnstile::new(limits.live_actors, spare_instances(&limits) / SPARE_PLACES_PART),
            swaps: Turnstile::new(
                limits.concurrent_swaps,
                swapping_instances(&limits).saturating_sub(limits.concurrent_swaps),
            ),
            crew: Arc::new(crew),
            loads,
            supervisor: Arc::<Troubles>::clone(&troubles),
            limits,
        });
        Directory::new(
            me.clone(),
            shared,
            Arc::clone(&deployments),
            Arc::clone(&census),
            (threads.handle().clone(), cpu.clone()),
        )
    });
    let stage = directory.stage();
    let (closing, _) = watch::channel(false);
    let looks = Turnstile::new(LOOKS_MAX, LOOKS_MAX);
    let rehearsals = Rehearsals::new(stage.limits.rehearsals, settings.rehearsal.cpu_share);
    Inner {
        stage,
        directory,
        deployments,
        tenants,
        keys,
        audit,
        census,
        books,
        troubles,
        followers,
        waker,
        looks,
        rehearsals,
        cpu,
        closing,
        threads,
    }
}

/// What the runtime does for actors.
struct StageCrew {
    directory: Weak<Directory>,
    couriers: Couriers,
    followers: Arc<Followers>,
    census: Arc<Census>,
    waker: Arc<Waker>,
}

impl Crew for StageCrew {
    fn make_room(&self, shortage: Shortage) {
        if let Some(directory) = self.directory.upgrade() {
            directory.make_room(shortage);
        }
    }

    fn make_room_among(&self, address: &Arc<Address>, live_max: u64) {
        if let Some(directory) = self.directory.upgrade() {
            directory.make_room_among(address, live_max);
        }
    }

    fn published(&self, actor: ActorId, through: Sequence) {
        self.census.published(actor, through);
        self.followers.published(actor, through);
    }

    fn deliver(&self, from: &Arc<Address>, id: TellId, tell: Tell) {
        self.couriers.deliver(self.directory.clone(), from, id, tell);
    }

    fn wake_later(&self, address: &Arc<Address>, at: Timestamp) {
        self.waker.wake_later(address, at);
    }
}
