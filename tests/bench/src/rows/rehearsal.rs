//! How many actors' histories a rehearsal replays per second at its share of a core, what it takes of the memory, and what
//! live actors notice of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use greenroom_host::runtime::{ActorRef, Rehearsal, RehearsalLine, RehearsalOptions, RehearsalSummary};
use greenroom_host::vocab::{Kind, Tenant};
use tokio::task::JoinSet;

use super::neighbour::distinct;
use crate::bench::Bench;
use crate::load::{Asker, Timing, choose, drive};
use crate::memory::resident_bytes;
use crate::sample::{Sample, percentile};
use crate::scene::{Scene, Store, increment};

/// Events of each actor, none in a snapshot.
const EVENTS: usize = 10;
/// Actors that are filled at the same time.
const FILLED_AT_ONCE: usize = 256;
/// Live actors that are asked, and asks at the same time: below what the machine can do.
const LIVE_ACTORS: usize = 64;
const LIVE_IN_FLIGHT: usize = 4;
/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

struct Live(Arc<[ActorRef]>);

impl Asker for Live {
    async fn ask(&mut self, random: u64) -> Result<()> {
        choose(&self.0, random)?.ask(increment()).await?;
        Ok(())
    }
}

/// One rehearsal of all of them, with the defaults, beside live asks that were measured alone before.
pub(super) fn run(bench: &Bench) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, Store::Log, |settings| {
            settings.snapshots.every_events = 0;
            settings.snapshots.on_passivation = false;
        })
        .await?;
        let actors = bench.pace.rehearsed_actors;
        fill(&scene, actors).await?;
        let live: Arc<[ActorRef]> =
            (0..LIVE_ACTORS).map(|number| scene.counter(&format!("live-{number}"))).collect::<Result<_>>()?;
        let mut askers: Vec<Live> = (0..LIVE_IN_FLIGHT).map(|_| Live(Arc::clone(&live))).collect();
        let (_warm, back) = drive(askers, bench.pace.length, Timing::Each).await?;
        let (mut alone, back) = drive(back, bench.pace.length, Timing::Each).await?;
        askers = back;
        let before = resident_bytes()?;
        let watch = Watch::start();
        let actors_of = "c-*".parse().map_err(anyhow::Error::msg)?;
        let options = RehearsalOptions { actors: actors_of, ..RehearsalOptions::default() };
        let candidate = distinct(&bench.counter);
        let kind = Kind::new("counter")?;
        let rehearsal = scene.host.rehearse(&Tenant::default_tenant(), &kind, &candidate, options).await?;
        let began = Instant::now();
        let listening = tokio::spawn(listen(rehearsal));
        let mut beside = Vec::new();
        while !listening.is_finished() {
            let run;
            (run, askers) = drive(askers, bench.pace.length, Timing::Each).await?;
            beside.extend(run.nanos);
        }
        let (summary, elapsed) = listening.await.context("nobody listened")??;
        let peak = watch.stop().await;
        ensure!(summary.all_same && summary.counts.actors == actors as u64, "{summary:?}");
        alone.nanos.sort_unstable();
        beside.sort_unstable();
        let elapsed = elapsed.duration_since(began);
        let mut sample = Sample::rate(summary.counts.actors, elapsed);
        sample.note("events", summary.counts.events as f64 / elapsed.as_secs_f64(), "/s");
        sample.note("memory grew by", peak.saturating_sub(before) as f64 / 1_048_576.0, "MiB");
        sample.note("live p99 beside it", percentile(&beside, 99) / 1_000.0, "µs");
        sample.note("alone", percentile(&alone.nanos, 99) / 1_000.0, "µs");
        scene.close().await?;
        Ok(vec![sample])
    })
}

async fn listen(mut rehearsal: Rehearsal) -> Result<(RehearsalSummary, Instant)> {
    while let Some(line) = rehearsal.next().await? {
        match line {
            RehearsalLine::Summary(summary) => return Ok((*summary, Instant::now())),
            RehearsalLine::Finding(finding) => bail!("the same code is not the same: {finding:?}"),
            _ => {}
        }
    }
    bail!("it ended without a summary")
}

/// Appends to every actor, a bounded number of them at a time.
async fn fill(scene: &Scene, actors: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for number in 0..actors {
        if tasks.len() >= FILLED_AT_ONCE
            && let Some(filled) = tasks.join_next().await
        {
            filled.context("a task died")??;
        }
        let actor = scene.counter(&format!("c-{number}"))?;
        tasks.spawn(async move {
            for _ in 0..EVENTS {
                actor.ask(increment()).await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(filled) = tasks.join_next().await {
        filled.context("a task died")??;
    }
    Ok(())
}

/// Looks at the memory until it is stopped.
struct Watch {
    end: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    fn start() -> Self {
        let (end, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, seen) = (Arc::clone(&end), Arc::clone(&peak));
        let task = tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                if let Ok(bytes) = resident_bytes() {
                    seen.fetch_max(bytes, Ordering::Relaxed);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self { end, peak, task }
    }

    async fn stop(self) -> u64 {
        self.end.store(true, Ordering::Relaxed);
        let _ended = self.task.await;
        self.peak.load(Ordering::Relaxed)
    }
}
