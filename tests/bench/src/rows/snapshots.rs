//! What snapshots cost two tenants that are both hot: the same asks with and without them, in turns within one run.

use std::sync::Arc;

use anyhow::{Result, ensure};
use greenroom_host::runtime::{ActorRef, TenantChange};
use greenroom_host::vocab::{Address, Kind, Tenant};

use crate::bench::{Bench, Round};
use crate::counts::SNAPSHOTS;
use crate::load::{Asker, Timing, drive};
use crate::sample::Sample;
use crate::scene::{Scene, Store, ensure_sum, increment};

/// Whose actors are hot, one of each.
const TENANTS: [&str; 2] = ["one", "two"];
/// Asks of each tenant at the same time.
const IN_FLIGHT: usize = 64;
/// Events between two snapshots of an actor.
const EVERY_EVENTS: u64 = 1_000;
/// Both hosts fit into the address space of one process.
const LIVE_ACTORS: u32 = 100;

/// Asks one actor, which is its tenant's.
struct Hot(ActorRef);

impl Asker for Hot {
    async fn ask(&mut self, _random: u64) -> Result<()> {
        self.0.ask(increment()).await?;
        Ok(())
    }
}

/// A host on which both tenants have their actor, and those that ask them.
struct Side {
    scene: Scene,
    actors: Arc<[ActorRef]>,
    askers: Vec<Hot>,
    asked: u64,
}

impl Side {
    /// With so many events between two snapshots; 0: without any.
    async fn open(bench: &Bench, every_events: u64) -> Result<Self> {
        let scene = Scene::open(bench, Store::Log, |settings| {
            settings.limits.live_actors = LIVE_ACTORS;
            settings.snapshots.every_events = every_events;
            settings.snapshots.every_bytes = 0;
            settings.snapshots.on_passivation = false;
        })
        .await?;
        let mut actors = Vec::new();
        for name in TENANTS {
            let tenant = Tenant::new(name)?;
            scene.host.create_tenant(&tenant, &TenantChange::default()).await?;
            scene.host.deploy(&tenant, &Kind::new("counter")?, &bench.counter).await?;
            actors.push(scene.host.actor(hot(name)?));
        }
        let askers = actors.iter().flat_map(|actor| (0..IN_FLIGHT).map(|_| Hot(actor.clone()))).collect();
        Ok(Self { scene, actors: actors.into(), askers, asked: 0 })
    }

    /// Asks for the length of one repetition.
    async fn drive(&mut self, bench: &Bench) -> Result<Sample> {
        let (mut run, askers) = drive(std::mem::take(&mut self.askers), bench.pace.length, Timing::Each).await?;
        self.askers = askers;
        self.asked = self.asked.saturating_add(run.done);
        let mut sample = Sample::rate(run.done, run.elapsed);
        sample.note_percentiles(&mut run.nanos);
        Ok(sample)
    }

    /// Of each actor that has come to twice as many events as there are between two snapshots, one is durable.
    async fn ensure_saved(&self) -> Result<()> {
        for (name, actor) in TENANTS.iter().zip(self.actors.iter()) {
            let events = actor.status().await?.sequence.0;
            let saved = self.scene.provider.list_snapshots(hot(name)?.id()).await?;
            ensure!(events < 2 * EVERY_EVENTS || !saved.is_empty(), "{events} events and no snapshot");
        }
        Ok(())
    }

    async fn close(self) -> Result<()> {
        ensure_sum(&self.actors, self.asked).await?;
        self.scene.close().await
    }
}

fn hot(tenant: &str) -> Result<Address> {
    Ok(Address::new(tenant, "counter", "hot")?)
}

/// The rate with snapshots, and without them just before.
pub(super) fn run(bench: &Bench) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let mut without = Side::open(bench, 0).await?;
        let mut with = Side::open(bench, EVERY_EVENTS).await?;
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            let bare = without.drive(bench).await?;
            let before = bench.counts.get(SNAPSHOTS);
            let mut sample = with.drive(bench).await?;
            let saved = bench.counts.get(SNAPSHOTS).saturating_sub(before);
            sample.note("snapshots", saved as f64, "");
            sample.note("without", bare.figure, "/s");
            sample.note("of without", sample.figure / bare.figure, "×");
            if round == Round::Counted {
                samples.push(sample);
            }
        }
        with.ensure_saved().await?;
        without.close().await?;
        with.close().await?;
        Ok(samples)
    })
}
