//! Commands that append nothing: mailbox, turn and guest, without a store.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use greenroom_host::runtime::ActorRef;

use super::repeat;
use crate::bench::{Bench, Round};
use crate::counts::COMMANDS;
use crate::cpu::Cpu;
use crate::load::{Asker, Timing, choose};
use crate::sample::Sample;
use crate::scene::{Scene, Store, Threads, get, increment, patient, value_of};

/// What every counter shows: it was incremented once.
const VALUE: u64 = 1;

struct Reader(Arc<[ActorRef]>);

impl Asker for Reader {
    async fn ask(&mut self, random: u64) -> Result<()> {
        let reply = choose(&self.0, random)?.ask(get()).await?;
        ensure!(value_of(&reply)? == VALUE, "a read changed the counter to {}", value_of(&reply)?);
        Ok(())
    }
}

/// Asks `get` of so many live actors, so many at a time.
pub(super) fn ask(bench: &Bench, threads: Threads, actors: usize, in_flight: usize) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open_on(threads, bench, Store::Memory, |_| {}).await?;
        let actors = scene.counters(actors)?;
        for actor in actors.iter() {
            actor.ask(increment()).await?;
        }
        let askers = (0..in_flight).map(|_| Reader(Arc::clone(&actors))).collect();
        let handled_before = bench.counts.get(COMMANDS);
        let samples = repeat(bench, askers, Timing::Total, async |total| {
            bench.counts.ensure(COMMANDS, handled_before.saturating_add(total)).await
        })
        .await?;
        scene.close().await?;
        Ok(samples)
    })
}

/// Tells `get` to one actor, waiting only for room in its mailbox; the time ends when the last one was handled.
pub(super) fn tell(bench: &Bench) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, Store::Memory, |_| {}).await?;
        let counter = scene.counter("told")?;
        counter.ask(increment()).await?;
        let tells = bench.pace.tells;
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            let handled_before = bench.counts.get(COMMANDS);
            let teller = counter.clone();
            let cpu = Cpu::now();
            let began = Instant::now();
            let last = tokio::spawn(async move {
                for _ in 0..tells {
                    teller.tell(patient(get())).await?;
                }
                teller.ask(patient(get())).await
            });
            let reply = last.await??;
            let mut sample = Sample::rate(tells, began.elapsed());
            cpu.note_since(tells, &mut sample);
            ensure!(value_of(&reply)? == VALUE, "a read changed the counter");
            bench.counts.ensure(COMMANDS, handled_before.saturating_add(tells).saturating_add(1)).await?;
            if round == Round::Counted {
                samples.push(sample);
            }
        }
        scene.close().await?;
        Ok(samples)
    })
}
