//! A provider alone, without actors: append, read back, in order.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use greenroom_host::frame::{Column, EventColumns, Frame, FrameParts};
use greenroom_host::provider::{Append, ReadRange, SharedProvider};
use greenroom_host::vocab::{Address, RevisionId, Sequence, Timestamp};

use crate::bench::{Bench, Round};
use crate::sample::Sample;
use crate::scene::Store;

/// What is read at once.
const BATCH_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;

/// When an append is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Before the next one.
    OneByOne,
    /// After the last one was queued.
    Pipelined,
}

/// Appends to a new journal and reads it back.
pub(super) fn run(bench: &Bench, store: Store, order: Order) -> Result<Vec<Sample>> {
    let appends = bench.pace.appends;
    let queued = if order == Order::OneByOne { 1 } else { appends };
    bench.block_on(async {
        let dir = bench.dir()?;
        let provider = store.open(dir.path())?;
        let mut samples = Vec::new();
        for (round, number) in bench.pace.rounds().zip(0u32..) {
            let address = Arc::new(Address::new("default", "journal", format!("j-{number}"))?);
            let frames = (1..=appends).map(|sequence| numbered(&address, sequence)).collect::<Result<Vec<_>>>()?;
            let began = Instant::now();
            append_all(&provider, &address, frames, queued).await?;
            let mut sample = Sample::rate(appends, began.elapsed());
            let began = Instant::now();
            read_back(&provider, &address, appends).await?;
            sample.note("read back", Sample::rate(appends, began.elapsed()).figure, "/s");
            if round == Round::Counted {
                samples.push(sample);
            }
        }
        provider.close().await?;
        Ok(samples)
    })
}

/// A frame of one event that holds its own number.
fn numbered(address: &Address, sequence: u64) -> Result<Frame> {
    let mut payloads = Column::default();
    payloads.push(&sequence.to_le_bytes());
    Ok(Frame::encode(&FrameParts {
        actor: address.id(),
        first: Sequence(sequence),
        time: Timestamp(sequence),
        wake_at: None,
        revision: RevisionId(1),
        events: &EventColumns { types: vec![0], payloads },
        effects: &[],
        keys: &[],
    })?)
}

async fn append_all(provider: &SharedProvider, address: &Arc<Address>, frames: Vec<Frame>, queued: u64) -> Result<()> {
    let mut waiting = Vec::new();
    for frame in frames {
        let first = frame.header().first;
        let expected = Sequence(first.0.saturating_sub(1));
        waiting.push((first, provider.append(Append { address: Arc::clone(address), expected, frame })));
        if waiting.len() as u64 >= queued {
            for (sequence, append) in waiting.drain(..) {
                ensure!(append.await? == sequence, "append {sequence} was acknowledged under another number");
            }
        }
    }
    ensure!(waiting.is_empty(), "{} appends were not awaited", waiting.len());
    Ok(())
}

async fn read_back(provider: &SharedProvider, address: &Address, appends: u64) -> Result<()> {
    let range = ReadRange { from: Sequence(1), through: Sequence::MAX, batch_bytes: BATCH_BYTES };
    let mut reader = provider.read(address.id(), range);
    let mut before = 0u64;
    while let Some(frames) = reader.next().await? {
        for frame in &frames {
            for (_, payload) in frame.events() {
                before = before.saturating_add(1);
                ensure!(payload == before.to_le_bytes(), "event {before} is not what was appended");
            }
        }
    }
    ensure!(before == appends, "{appends} events were appended, {before} were read");
    Ok(())
}
