//! How long the first command of a passive actor takes, when a snapshot holds all of its state.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::raw_disk::nanoseconds;
use crate::bench::{Bench, Round};
use crate::counts::{ACTIVATIONS, REPLAYED_EVENTS};
use crate::sample::Sample;
use crate::scene::{Scene, Store, get, increment, value_of};

/// Events behind the snapshot.
const EVENTS: u64 = 100;

/// Passivates an actor and asks it, again and again.
pub(super) fn run(bench: &Bench, store: Store) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, store, |_| {}).await?;
        let counter = scene.counter("sleeper")?;
        for _ in 0..EVENTS {
            counter.ask(increment()).await?;
        }
        let replayed_before = bench.counts.get(REPLAYED_EVENTS);
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            let activations_before = bench.counts.get(ACTIVATIONS);
            let mut nanos = Vec::new();
            for _ in 0..bench.pace.activations {
                counter.passivate().await?;
                let began = Instant::now();
                let reply = counter.ask(get()).await?;
                nanos.push(nanoseconds(began.elapsed()));
                ensure!(value_of(&reply)? == EVENTS, "the counter came back as {}", value_of(&reply)?);
            }
            bench.counts.ensure(ACTIVATIONS, activations_before.saturating_add(nanos.len() as u64)).await?;
            if round == Round::Counted {
                samples.push(Sample::percentiles(&mut nanos));
            }
        }
        let replayed = bench.counts.get(REPLAYED_EVENTS).saturating_sub(replayed_before);
        ensure!(replayed == 0, "{replayed} events were replayed, the snapshot should hold all");
        scene.close().await?;
        Ok(samples)
    })
}
