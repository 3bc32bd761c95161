//! Commands that append one event each.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use greenroom_host::runtime::ActorRef;

use super::{Syncs, repeat};
use crate::bench::{Bench, Round};
use crate::cpu::Cpu;
use crate::load::{Asker, Timing, choose};
use crate::sample::Sample;
use crate::scene::{Scene, Store, ensure_sum, get, increment, patient, value_of};

struct Incrementer(Arc<[ActorRef]>);

impl Asker for Incrementer {
    async fn ask(&mut self, random: u64) -> Result<()> {
        let reply = choose(&self.0, random)?.ask(increment()).await?;
        ensure!(value_of(&reply)? > 0, "an increment was answered with 0");
        Ok(())
    }
}

/// Asks `increment` of so many live actors, so many at a time.
pub(super) fn ask(bench: &Bench, store: Store, actors: usize, in_flight: usize) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, store, |_| {}).await?;
        asked(bench, scene, actors, in_flight).await
    })
}

/// The same of new actors on this scene, which it closes.
pub(super) async fn asked(bench: &Bench, scene: Scene, actors: usize, in_flight: usize) -> Result<Vec<Sample>> {
    let actors = scene.counters(actors)?;
    for actor in actors.iter() {
        actor.ask(get()).await?;
    }
    let askers = (0..in_flight).map(|_| Incrementer(Arc::clone(&actors))).collect();
    let samples = repeat(bench, askers, Timing::Each, async |total| ensure_sum(&actors, total).await).await?;
    scene.close().await?;
    Ok(samples)
}

/// Tells `increment` to one actor, waiting only for room in its mailbox; the time ends when an ask behind the last
/// one was answered, which is when all of them are durable.
pub(super) fn tell(bench: &Bench, store: Store) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, store, |_| {}).await?;
        let counter = scene.counter("told")?;
        counter.ask(get()).await?;
        let tells = bench.pace.tells;
        let (mut samples, mut total) = (Vec::new(), 0u64);
        for round in bench.pace.rounds() {
            let teller = counter.clone();
            let (cpu, syncs) = (Cpu::now(), Syncs::now(bench));
            let began = Instant::now();
            let last = tokio::spawn(async move {
                for _ in 0..tells {
                    teller.tell(patient(increment())).await?;
                }
                teller.ask(patient(get())).await
            });
            let reply = last.await??;
            let mut sample = Sample::rate(tells, began.elapsed());
            syncs.note_since(bench, tells, &mut sample);
            cpu.note_since(tells, &mut sample);
            total = total.saturating_add(tells);
            let value = value_of(&reply)?;
            ensure!(value == total, "{total} increments were told, the counter shows {value}");
            if round == Round::Counted {
                samples.push(sample);
            }
        }
        scene.close().await?;
        Ok(samples)
    })
}
