//! Recovery from the first event: read, verify, concatenate, hand to the guest.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use greenroom_host::frame::{EventColumns, Frame, FrameParts};
use greenroom_host::provider::{Append, ReadRange, SharedProvider};
use greenroom_host::runtime::{Command, HostSettings};
use greenroom_host::vocab::{Address, Sequence, Timestamp};
use std::sync::Arc;

use crate::bench::{Bench, Round};
use crate::cpu::Cpu;
use crate::sample::Sample;
use crate::scene::{Scene, Store, get, value_of};

/// What each event adds: nine bytes as the guest encodes it, and a million of them fit into 64 bits.
const BY: u64 = 1 << 40;
/// Appends that are queued at the same time while the journal is being built.
const QUEUED_MAX: usize = 1_000;

/// Recovers an actor with many events, so many in each frame.
pub(super) fn run(bench: &Bench, store: Store, events_per_frame: u32) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, store, never_snapshot).await?;
        let events = bench.pace.replay_events;
        let address = Address::new("default", "counter", "long-lived")?;
        build(&scene, &address, events, events_per_frame).await?;
        let counter = scene.host.actor(address);
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            counter.passivate().await?;
            let cpu = Cpu::now();
            let began = Instant::now();
            let reply = counter.ask(get()).await?;
            let mut sample = Sample::rate(events, began.elapsed());
            cpu.note_since(events, &mut sample);
            let value = value_of(&reply)?;
            ensure!(value == events.saturating_mul(BY), "{events} events were stored, the counter shows {value}");
            ensure!(reply.sequence == Sequence(events), "the journal should end at {events}, not {}", reply.sequence);
            if round == Round::Counted {
                samples.push(sample);
            }
        }
        scene.close().await?;
        Ok(samples)
    })
}

fn never_snapshot(settings: &mut HostSettings) {
    settings.snapshots.every_events = 0;
    settings.snapshots.every_bytes = 0;
    settings.snapshots.on_passivation = false;
    settings.limits.guest_replay_ms = 60_000;
}

/// Writes the journal of `address` as its guest would: the event is copied from a frame that a guest wrote.
async fn build(scene: &Scene, address: &Address, events: u64, events_per_frame: u32) -> Result<()> {
    let template = written_frame(scene).await?;
    let (index, payload) = template.events().next().context("a frame without an event")?;
    let address = Arc::new(address.clone());
    let mut queued = Vec::new();
    let mut head = 0u64;
    while head < events {
        let mut columns = EventColumns::default();
        for _ in 0..u64::from(events_per_frame).min(events.saturating_sub(head)) {
            columns.types.push(index);
            columns.payloads.push(payload);
        }
        let frame = Frame::encode(&FrameParts {
            actor: address.id(),
            first: Sequence(head).next(),
            time: Timestamp(template.header().time.0.saturating_add(head)),
            wake_at: None,
            revision: template.header().revision,
            events: &columns,
            effects: &[],
            keys: &[],
        })?;
        let last = frame.header().last();
        queued.push(scene.provider.append(Append { address: Arc::clone(&address), expected: Sequence(head), frame }));
        head = last.0;
        if queued.len() >= QUEUED_MAX || head >= events {
            for append in queued.drain(..) {
                append.await?;
            }
        }
    }
    Ok(())
}

/// The frame of one increment, as the guest and the host made it.
async fn written_frame(scene: &Scene) -> Result<Frame> {
    let counter = scene.counter("template")?;
    counter.ask(Command::new("increment", format!("{{\"by\":{BY}}}"))).await?;
    counter.passivate().await?;
    let id = Address::new("default", "counter", "template")?.id();
    first_frame(&scene.provider, id).await
}

async fn first_frame(provider: &SharedProvider, id: greenroom_host::vocab::ActorId) -> Result<Frame> {
    let range = ReadRange { from: Sequence(1), through: Sequence(1), batch_bytes: 1 };
    let batch = provider.read(id, range).next().await?.context("nothing was stored")?;
    batch.into_iter().next().context("an empty batch")
}
