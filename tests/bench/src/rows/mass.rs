//! How many passive actors per second come back when all are called at once, and what a live one notices of it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::raw_disk::nanoseconds;
use crate::bench::{Bench, Round};
use crate::sample::Sample;
use crate::scene::{Scene, Store, get, increment, value_of};

/// Events of each actor, none in a snapshot.
const EVENTS: u64 = 20;

/// Passivates every actor and calls all of them at once, while one that is live is asked again and again.
pub(super) fn run(bench: &Bench, store: Store) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, store, |settings| {
            settings.snapshots.every_events = 0;
            settings.snapshots.on_passivation = false;
        })
        .await?;
        let sleepers = scene.counters(bench.pace.activations)?;
        for counter in sleepers.iter() {
            for _ in 0..EVENTS {
                counter.ask(increment()).await?;
            }
        }
        let live = scene.counter("live")?;
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            for counter in sleepers.iter() {
                counter.passivate().await?;
            }
            live.ask(get()).await?;
            let began = Instant::now();
            let calls: Vec<_> = sleepers
                .iter()
                .map(|counter| {
                    let counter = counter.clone();
                    tokio::spawn(async move { counter.ask(get()).await })
                })
                .collect();
            let mut nanos = Vec::new();
            while calls.iter().any(|call| !call.is_finished()) {
                let asked = Instant::now();
                live.ask(get()).await?;
                nanos.push(nanoseconds(asked.elapsed()));
            }
            let elapsed = began.elapsed();
            for call in calls {
                let value = value_of(&call.await.context("a call died")??)?;
                ensure!(value == EVENTS, "a counter came back as {value}");
            }
            if round == Round::Counted {
                let mut sample = Sample::rate(sleepers.len() as u64, elapsed);
                sample.note_percentiles(&mut nanos);
                samples.push(sample);
            }
        }
        scene.close().await?;
        Ok(samples)
    })
}
