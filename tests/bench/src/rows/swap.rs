//! What a swap of many live actors under load costs: each of them, and actors of another kind beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::{Activation, ActorRef, Operator, RolloutView, Whom};
use greenroom_host::vocab::{Address, Kind, Tenant};
use tokio::task::JoinSet;

use super::raw_disk::nanoseconds;
use crate::bench::{Bench, Round};
use crate::load::choose;
use crate::sample::{Sample, percentile};
use crate::scene::{Scene, Store, ensure_sum, increment};

/// Asks at the same time to the actors that change over: below what the machine can do.
const IN_FLIGHT: usize = 16;
/// Actors of the other kind, and asks to them at the same time.
const OTHERS: usize = 64;
const OTHERS_IN_FLIGHT: usize = 4;
/// A swap that takes longer has not ended.
const SWAP_WITHIN: Duration = Duration::from_secs(120);

/// Asks that were answered, and how long each took, nanoseconds.
struct Load {
    tasks: JoinSet<Result<Vec<u64>>>,
    end: Arc<AtomicBool>,
}

impl Load {
    /// Asks these actors, so many at the same time, until it is stopped.
    fn start(actors: &Arc<[ActorRef]>, in_flight: usize) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for seed in 1..=in_flight as u64 {
            tasks.spawn(ask(Arc::clone(actors), seed, Arc::clone(&end)));
        }
        Self { tasks, end }
    }

    async fn stop(mut self) -> Result<Vec<u64>> {
        self.end.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(asked) = self.tasks.join_next().await {
            all.extend(asked.context("an asker panicked")??);
        }
        all.sort_unstable();
        Ok(all)
    }
}

async fn ask(actors: Arc<[ActorRef]>, seed: u64, end: Arc<AtomicBool>) -> Result<Vec<u64>> {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut nanos = Vec::new();
    while !end.load(Ordering::Relaxed) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let asked = Instant::now();
        choose(&actors, random)?.ask(increment()).await?;
        nanos.push(nanoseconds(asked.elapsed()));
    }
    Ok(nanos)
}

/// Has so many live counters change over to the same code under another digest, while they and others are asked.
pub(super) fn run(bench: &Bench, actors: usize) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, Store::Log, |settings| {
            settings.limits.live_actors = u32::try_from(actors.saturating_add(OTHERS)).unwrap_or(u32::MAX);
            settings.passivation.idle_after_ms = 0;
            settings.rollout.watch_ms = 0;
        })
        .await?;
        let (tenant, kind, other) = (Tenant::default_tenant(), Kind::new("counter")?, Kind::new("other")?);
        scene.host.deploy(&tenant, &other, &bench.counter).await?;
        let mut again = bench.counter.clone();
        again.extend([0, 3, 1, b'n', 1]);
        scene.host.add_revision(&tenant, &kind, &again).await?;
        let counters = scene.counters(actors)?;
        let others = (0..OTHERS).map(|at| Ok(scene.host.actor(Address::new("default", "other", format!("o-{at}"))?)));
        let others: Arc<[ActorRef]> = others.collect::<Result<_>>()?;
        for actor in counters.iter().chain(others.iter()) {
            actor.ask(increment()).await?;
        }
        let mut done = u64::try_from(actors)?;
        let mut samples = Vec::new();
        for (round, to) in bench.pace.rounds().zip([2, 1].into_iter().cycle()) {
            let (load, beside) = (Load::start(&counters, IN_FLIGHT), Load::start(&others, OTHERS_IN_FLIGHT));
            tokio::time::sleep(bench.pace.length).await;
            let (quiet, alone) = (load.stop().await?, beside.stop().await?);
            let (load, beside) = (Load::start(&counters, IN_FLIGHT), Load::start(&others, OTHERS_IN_FLIGHT));
            let began = Instant::now();
            let by = Operator { who: "anyone".to_owned(), why: String::new() };
            let activation = Activation { revision: Some(to), whom: Whom::Now, ..Activation::now(by) };
            scene.host.activate(&tenant, &kind, &activation).await?;
            let view = swapped(&scene, &tenant, &kind).await?;
            let elapsed = began.elapsed();
            let (busy, swapping) = (load.stop().await?, beside.stop().await?);
            done = done.saturating_add(u64::try_from(quiet.len().saturating_add(busy.len()))?);
            ensure!(view.held_actors == 0 && view.failed == 0, "some did not change over: {view:?}");
            ensure!(view.moved == actors as u64, "{} of {actors} changed over while they were live", view.moved);
            if round == Round::Counted {
                samples.push(sample(actors, elapsed, &view, (&alone, &swapping), &busy)?);
            }
        }
        // Every acknowledged increment is there, and none twice.
        ensure_sum(&counters, done).await?;
        scene.close().await?;
        Ok(samples)
    })
}

async fn swapped(scene: &Scene, tenant: &Tenant, kind: &Kind) -> Result<RolloutView> {
    let until = Instant::now() + SWAP_WITHIN;
    loop {
        let view = scene.host.rollout(tenant, kind)?;
        if view.behind == 0 && view.candidate.is_none() {
            return Ok(view);
        }
        ensure!(Instant::now() < until, "the swap does not end: {view:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn sample(
    actors: usize,
    elapsed: Duration,
    view: &RolloutView,
    (alone, swapping): (&[u64], &[u64]),
    busy: &[u64],
) -> Result<Sample> {
    let pause = view.pause.context("nobody paused")?;
    let micros = |nanos: &[u64]| percentile(nanos, 99) / 1e3;
    let mut sample = Sample::rate(actors as u64, elapsed);
    sample.note("pause p50", pause.p50_ms * 1e3, "µs");
    sample.note("pause p99", pause.p99_ms * 1e3, "µs");
    sample.note("pause max", pause.max_ms * 1e3, "µs");
    sample.note("p99 of asks meanwhile", micros(busy), "µs");
    sample.note("p99 of another kind", micros(swapping), "µs");
    sample.note("its p99 without the swap", micros(alone), "µs");
    sample.note("of that", micros(swapping) / micros(alone), "×");
    Ok(sample)
}
