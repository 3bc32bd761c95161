//! What one more live actor costs in memory. Each repetition is a process of its own, so that memory which earlier
//! rows have used and freed does not hide it.

use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::open::figures;
use crate::bench::Bench;
use crate::counts::{ACTIVATIONS, PASSIVATIONS};
use crate::memory::Memory;
use crate::options::Options;
use crate::sample::Sample;
use crate::scene::{Scene, Store, get, increment, value_of};

/// Until what recoveries have freed is given back, and the threads are quiet.
const SETTLE: Duration = Duration::from_millis(500);

/// Starts this program again for each repetition.
pub(super) fn run(bench: &Bench) -> Result<Vec<Sample>> {
    (0..bench.pace.repetitions).map(|_| probe_in_a_child(bench)).collect()
}

fn probe_in_a_child(bench: &Bench) -> Result<Sample> {
    let mut child = Process::new(std::env::current_exe().context("this program's file")?);
    child.arg("--probe-actors").arg(bench.pace.live_actors.to_string()).arg("--data").arg(bench.data_dir());
    let output = child.output().context("starting the probe")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "the probe failed: {}", String::from_utf8_lossy(&output.stderr));
    let mut next = figures(&text);
    let mut sample = Sample::of(next()?);
    sample.note("proportional", next()?, "B");
    sample.note("live", next()?, "");
    Ok(sample)
}

/// The probe itself: prints resident and proportional bytes per live actor, and how many were live.
///
/// # Errors
/// When an actor is not live, or the system does not tell.
pub(crate) fn probe(options: &Options, actors: u32) -> Result<()> {
    let bench = Bench::new(options)?;
    bench.block_on(async {
        let scene = Scene::open(&bench, Store::Log, |settings| settings.limits.live_actors = actors + 1).await?;
        let first = scene.counter("first")?;
        first.ask(increment()).await?;
        tokio::time::sleep(SETTLE).await;
        let before = Memory::now()?;
        let counters = scene.counters(usize::try_from(actors)?)?;
        activate(&counters).await?;
        tokio::time::sleep(SETTLE).await;
        let after = Memory::now()?;
        let get_count = |name| bench.counts.get(name);
        let live = get_count(ACTIVATIONS).saturating_sub(get_count(PASSIVATIONS));
        ensure!(live == u64::from(actors) + 1, "{actors} actors and one were asked, {live} are live");
        let per_actor = |after: u64, before: u64| after.saturating_sub(before) as f64 / f64::from(actors);
        let resident = per_actor(after.resident_bytes, before.resident_bytes);
        println!("{resident} {} {live}", per_actor(after.proportional_bytes, before.proportional_bytes));
        scene.close().await
    })
}

/// One event and one read each, a few actors at a time.
async fn activate(counters: &Arc<[greenroom_host::runtime::ActorRef]>) -> Result<()> {
    for some in counters.chunks(16) {
        let tasks: Vec<_> = some
            .iter()
            .cloned()
            .map(|counter| {
                tokio::spawn(async move {
                    counter.ask(increment()).await?;
                    value_of(&counter.ask(get()).await?)
                })
            })
            .collect();
        for task in tasks {
            ensure!(task.await?? == 1, "a counter does not show its only increment");
        }
    }
    Ok(())
}
