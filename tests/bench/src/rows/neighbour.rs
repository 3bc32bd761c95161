//! What a tenant notices of another one beside it: its asks alone, and then beside it, again and again in one run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use greenroom_host::runtime::{ActorRef, Command, Host, TenantChange};
use greenroom_host::vocab::{Address, Kind, Quota, Tenant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::bench::{Bench, Round, read_guest};
use crate::load::{Asker, Run, Timing, choose, drive};
use crate::sample::{Sample, percentile};
use crate::scene::{Scene, Store, ensure_sum, increment};

/// The victim's actors.
const VICTIM_ACTORS: usize = 64;
/// The victim's weight beside that of both: it and its neighbour have the same.
const SHARE: f64 = 0.5;
/// The other tenant's actors that compute without end, for each core.
const SPINNERS_PER_CORE: usize = 4;
/// The other tenant's actors that are flooded, and the commands on their way to them at the same time.
const FLOODED: usize = 1_000;
const FLOOD_IN_FLIGHT: usize = 1_024;

/// How much the victim asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// Less than its share: it should keep its whole rate.
    BelowItsShare,
    /// More than there is: it should keep its share of what it has alone.
    AllThereIs,
}

impl Demand {
    /// Asks at the same time.
    const fn in_flight(self) -> usize {
        match self {
            Self::BelowItsShare => 8,
            Self::AllThereIs => 64,
        }
    }
}

/// What the other tenant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Neighbour {
    /// Every actor computes for the whole call limit, again and again.
    Spins,
    /// Commands that append, to a thousand actors.
    Floods,
    /// One component after the other, all different.
    Deploys,
}

struct Victim {
    actors: Arc<[ActorRef]>,
    done: Arc<AtomicU64>,
}

impl Asker for Victim {
    async fn ask(&mut self, random: u64) -> Result<()> {
        choose(&self.actors, random)?.ask(increment()).await?;
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The victim's asks beside the neighbour, with the same alone before it, and the ratios of both.
pub(super) fn run(bench: &Bench, neighbour: Neighbour, demand: Demand) -> Result<Vec<Sample>> {
    let hostile = read_guest("hostile")?;
    // Threads of its own: the victim's load does not wait behind the neighbour's.
    let threads = Builder::new_multi_thread().worker_threads(1).thread_name("neighbour").enable_all().build()?;
    let samples = bench.block_on(async {
        // What spins does so for a whole repetition; with the full length that is the default.
        let call_ms = u64::try_from(bench.pace.length.as_millis()).unwrap_or(u64::MAX);
        let scene = Scene::open(bench, Store::Log, |settings| {
            settings.limits.guest_call_ms = call_ms;
            // A neighbour that spins goes on spinning: nobody is quarantined, and pauses are as short as they can be.
            settings.supervision.failures_max = 0;
            settings.supervision.backoff_first_ms = 1;
            settings.supervision.backoff_longest_ms = 1;
            // What deploys goes on deploying.
            settings.tenants.default_quotas.set(Quota::Revisions, None);
        })
        .await?;
        let other = Tenant::new("neighbour")?;
        scene.host.create_tenant(&other, &TenantChange::default()).await?;
        scene.host.deploy(&other, &Kind::new("counter")?, &bench.counter).await?;
        scene.host.deploy(&other, &Kind::new("hostile")?, &hostile).await?;
        let actors = scene.counters(VICTIM_ACTORS)?;
        let done = Arc::new(AtomicU64::new(0));
        let victim = |_| Victim { actors: Arc::clone(&actors), done: Arc::clone(&done) };
        let mut askers: Vec<Victim> = (0..demand.in_flight()).map(victim).collect();
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            let (mut alone, mut beside);
            (alone, askers) = drive(askers, bench.pace.length, Timing::Each).await?;
            let at_work = AtWork::start(&threads, &scene.host, neighbour, &bench.counter)?;
            at_work.has_begun().await?;
            (beside, askers) = drive(askers, bench.pace.length, Timing::Each).await?;
            let (did, busy) = at_work.stop().await;
            ensure!(did > 0 || busy, "the neighbour did nothing");
            if round == Round::Counted {
                samples.push(compare(&mut alone, &mut beside));
            }
        }
        ensure_sum(&actors, done.load(Ordering::Relaxed)).await?;
        scene.close().await?;
        Ok(samples)
    });
    threads.shutdown_background();
    samples
}

fn compare(alone: &mut Run, beside: &mut Run) -> Sample {
    let rate = |run: &Run| run.done as f64 / run.elapsed.as_secs_f64();
    alone.nanos.sort_unstable();
    beside.nanos.sort_unstable();
    let micros = |run: &Run, percent| percentile(&run.nanos, percent) / 1e3;
    let mut sample = Sample::rate(beside.done, beside.elapsed);
    sample.note("alone", rate(alone), "/s");
    sample.note("of alone", rate(beside) / rate(alone), "×");
    sample.note("of its share", rate(beside) / (rate(alone) * SHARE), "×");
    sample.note("p50", micros(beside, 50), "µs");
    sample.note("p50 alone", micros(alone, 50), "µs");
    sample.note("p99", micros(beside, 99), "µs");
    sample.note("p99 alone", micros(alone, 99), "µs");
    sample.note("p99 of alone", micros(beside, 99) / micros(alone, 99), "×");
    sample
}

fn spinners() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).saturating_mul(SPINNERS_PER_CORE)
}

/// A neighbour at work, on threads of its own.
struct AtWork {
    tasks: JoinSet<()>,
    end: Arc<AtomicBool>,
    did: Arc<AtomicU64>,
    host: Host,
    neighbour: Neighbour,
}

impl AtWork {
    fn start(threads: &Runtime, host: &Host, neighbour: Neighbour, component: &[u8]) -> Result<Self> {
        let (end, did) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let actor = |kind: &str, at: usize| -> Result<ActorRef> {
            Ok(host.actor(Address::new("neighbour", kind, format!("n-{at}"))?))
        };
        match neighbour {
            Neighbour::Spins => {
                for at in 0..spinners() {
                    let ask = asks(actor("hostile", at)?, Command::new("loop", Vec::new()), &end, &did);
                    tasks.spawn_on(ask, threads.handle());
                }
            }
            Neighbour::Floods => {
                for at in 0..FLOOD_IN_FLIGHT {
                    let ask = asks(actor("counter", at % FLOODED)?, increment(), &end, &did);
                    tasks.spawn_on(ask, threads.handle());
                }
            }
            Neighbour::Deploys => {
                let deploys = deploys(host.clone(), component.to_vec(), Arc::clone(&end), Arc::clone(&did));
                tasks.spawn_on(deploys, threads.handle());
            }
        }
        Ok(Self { tasks, end, did, host: host.clone(), neighbour })
    }

    /// Waits until it is really in the way.
    async fn has_begun(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let calls = self.host.guest_calls();
            let begun = match self.neighbour {
                Neighbour::Spins => calls.waiting >= spinners() / 2,
                Neighbour::Floods => self.did.load(Ordering::Relaxed) > 0,
                Neighbour::Deploys => true,
            };
            if begun {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the neighbour did not begin: {calls:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How much it did, and whether it was in the middle of something.
    async fn stop(mut self) -> (u64, bool) {
        let busy = self.host.guest_calls().waiting > 0;
        self.end.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        (self.did.load(Ordering::Relaxed), busy)
    }
}

fn asks(
    actor: ActorRef,
    command: Command,
    end: &Arc<AtomicBool>,
    did: &Arc<AtomicU64>,
) -> impl Future<Output = ()> + Send + 'static {
    let (end, did) = (Arc::clone(end), Arc::clone(did));
    async move {
        while !end.load(Ordering::Relaxed) {
            let _may_run_out_of_time = actor.ask(command.clone()).await;
            did.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn deploys(host: Host, component: Vec<u8>, end: Arc<AtomicBool>, did: Arc<AtomicU64>) {
    let tenant = Tenant::new("neighbour");
    let kind = Kind::new("churn");
    let (Ok(tenant), Ok(kind)) = (tenant, kind) else { return };
    while !end.load(Ordering::Relaxed) {
        if host.deploy(&tenant, &kind, &distinct(&component)).await.is_err() {
            return;
        }
        did.fetch_add(1, Ordering::Relaxed);
    }
}

/// The component with one more custom section that no other has: the same code under another digest.
pub(super) fn distinct(component: &[u8]) -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes();
    let mut bytes = component.to_vec();
    // Section 0, 10 bytes: a name of one letter, then the number.
    bytes.extend([0, 10, 1, b'n']);
    bytes.extend(number);
    bytes
}
