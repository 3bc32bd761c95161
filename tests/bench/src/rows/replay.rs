//! Recovery from the first event: read, verify, concatenate, hand to the guest.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use greenroom_host::frame::{EventColumns, Frame, FrameParts};
use greenroom_host::provider::{Append, ReadRange, SharedProvider};
use greenroom_host::runtime::{Command, HostSettings, Reply};
use greenroom_host::vocab::{Address, Kind, Sequence, Tenant, Timestamp};
use std::sync::Arc;

use super::open::settle;
use crate::bench::{Bench, Round, read_guest};
use crate::cpu::Cpu;
use crate::sample::Sample;
use crate::scene::{Scene, Store, get, value_of};

/// The text that the guest of [`Events::Texts`] counts: with its length and a count, an event of 100 bytes.
const ITEM_BYTES: usize = 98;
const EVENT_BYTES: usize = 100;

/// Which events a journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Events {
    /// The counter's, 9 bytes each.
    Increments,
    /// Those of a shopping cart, 100 bytes each: a name and how many.
    Texts,
}

/// Appends that are queued at the same time while the journal is being built.
const QUEUED_MAX: usize = 1_000;

/// Recovers an actor with many events, so many in each frame.
pub(super) fn run(bench: &Bench, store: Store, of: Events, events_per_frame: u32) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let scene = Scene::open(bench, store, never_snapshot).await?;
        let events = bench.pace.replay_events;
        of.deploy(&scene).await?;
        let address = Address::new("default", of.kind(), "long-lived")?;
        let template = of.written_frame(&scene).await?;
        build(&scene, &address, events, events_per_frame, &template).await?;
        let actor = scene.host.actor(address);
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            actor.passivate().await?;
            let cpu = Cpu::now();
            let began = Instant::now();
            let reply = actor.ask(of.question()).await?;
            let mut sample = Sample::rate(events, began.elapsed());
            cpu.note_since(events, &mut sample);
            of.check(&reply, events)?;
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
async fn build(scene: &Scene, address: &Address, events: u64, events_per_frame: u32, template: &Frame) -> Result<()> {
    let address = Arc::new(address.clone());
    let mut queued = Vec::new();
    let mut head = 0u64;
    while head < events {
        let append = copied(template, &address, head, u64::from(events_per_frame).min(events.saturating_sub(head)))?;
        head = append.frame.header().last().0;
        queued.push(scene.provider.append(append));
        if queued.len() >= QUEUED_MAX || head >= events {
            settle(&mut queued).await?;
        }
    }
    Ok(())
}

/// So many events behind `head`, each as in the frame that a guest wrote.
pub(super) fn copied(template: &Frame, address: &Arc<Address>, head: u64, events: u64) -> Result<Append> {
    let (index, payload) = template.events().next().context("a frame without an event")?;
    let mut columns = EventColumns::default();
    for _ in 0..events {
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
    Ok(Append { address: Arc::clone(address), expected: Sequence(head), frame })
}

impl Events {
    /// What each increment adds: nine bytes as the guest encodes it, and a million of them fit into 64 bits.
    pub(super) const BY: u64 = 1 << 40;

    const fn kind(self) -> &'static str {
        match self {
            Self::Increments => "counter",
            Self::Texts => "cart",
        }
    }

    async fn deploy(self, scene: &Scene) -> Result<()> {
        if self == Self::Texts {
            let component = read_guest("cart-v1")?;
            scene.host.deploy(&Tenant::default_tenant(), &Kind::new(self.kind())?, &component).await?;
        }
        Ok(())
    }

    /// The command that appends the event.
    fn command(self) -> Command {
        match self {
            Self::Increments => Command::new("increment", format!("{{\"by\":{}}}", Self::BY)),
            Self::Texts => Command::new("add", format!("{{\"item\":\"{}\",\"count\":1}}", "x".repeat(ITEM_BYTES))),
        }
    }

    fn question(self) -> Command {
        match self {
            Self::Increments => get(),
            Self::Texts => Command::new("show", Bytes::new()),
        }
    }

    /// Fails unless every event is in the state.
    fn check(self, reply: &Reply, events: u64) -> Result<()> {
        match self {
            Self::Increments => {
                let value = value_of(reply)?;
                ensure!(
                    value == events.saturating_mul(Self::BY),
                    "{events} events were stored, the counter shows {value}"
                );
            }
            Self::Texts => {
                let text = String::from_utf8_lossy(&reply.payload);
                ensure!(
                    text.contains(&format!("x\":{events}}}")),
                    "{events} events were stored, the cart shows {text}"
                );
            }
        }
        Ok(())
    }

    /// The frame of one event, as the guest and the host made it.
    pub(super) async fn written_frame(self, scene: &Scene) -> Result<Frame> {
        let address = Address::new("default", self.kind(), "template")?;
        let id = address.id();
        let actor = scene.host.actor(address);
        actor.ask(self.command()).await?;
        actor.passivate().await?;
        let frame = first_frame(&scene.provider, id).await?;
        let bytes = frame.events().next().map_or(0, |(_, payload)| payload.len());
        ensure!(self != Self::Texts || bytes == EVENT_BYTES, "an event has {bytes} bytes, not {EVENT_BYTES}");
        Ok(frame)
    }
}

async fn first_frame(provider: &SharedProvider, id: greenroom_host::vocab::ActorId) -> Result<Frame> {
    let range = ReadRange { from: Sequence(1), through: Sequence(1), batch_bytes: 1 };
    let batch = provider.read(id, range).next().await?.context("nothing was stored")?;
    batch.into_iter().next().context("an empty batch")
}
