//! The inner loops of the journal record, on one thread: what a turn, a scan and a replay do to each frame.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use greenroom_host::frame::{Column, EventColumns, Frame, FrameParts};
use greenroom_host::vocab::{ActorId, RevisionId, Sequence, Timestamp};

use crate::bench::{Bench, Round};
use crate::sample::Sample;

/// Bytes of one event, as those of the rows that replay.
const EVENT: [u8; 9] = [1; 9];
/// Frames between two looks at the clock.
const FRAMES_PER_LOOK: u64 = 64;

/// What is done to a frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// Columns to bytes, with the checksum.
    Encode,
    /// Bytes to a verified frame.
    Decode,
    /// A frame's events behind those of others, as a replay collects them.
    Append,
}

/// Does it again and again; the figure is events per second.
pub(super) fn run(bench: &Bench, work: Work, events_per_frame: u32) -> Result<Vec<Sample>> {
    let columns = columns(events_per_frame);
    let frame = encode(&columns)?;
    let mut samples = Vec::new();
    for round in bench.pace.rounds() {
        let began = Instant::now();
        let mut frames = 0u64;
        while began.elapsed() < bench.pace.length {
            let events = some_frames(work, &columns, &frame)?;
            ensure!(events == FRAMES_PER_LOOK.saturating_mul(u64::from(events_per_frame)), "{events} events came back");
            frames = frames.saturating_add(FRAMES_PER_LOOK);
        }
        let elapsed = began.elapsed();
        let mut sample = Sample::rate(frames.saturating_mul(u64::from(events_per_frame)), elapsed);
        sample.note("per frame", elapsed.as_secs_f64() * 1e6 / frames as f64, "µs");
        if round == Round::Counted {
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// Works on [`FRAMES_PER_LOOK`] frames; how many events that were.
fn some_frames(work: Work, columns: &EventColumns, frame: &Frame) -> Result<u64> {
    let mut events = 0u64;
    let mut collected = EventColumns::default();
    for _ in 0..FRAMES_PER_LOOK {
        let count = match work {
            Work::Encode => black_box(encode(black_box(columns))?).header().count,
            Work::Decode => black_box(Frame::decode(black_box(frame.bytes().clone()))?).header().count,
            Work::Append => u32::try_from(black_box(frame).append_events(Sequence(1), Sequence::MAX, &mut collected))?,
        };
        events = events.saturating_add(u64::from(count));
    }
    black_box(collected);
    Ok(events)
}

fn columns(events: u32) -> EventColumns {
    let mut payloads = Column::default();
    for _ in 0..events {
        payloads.push(&EVENT);
    }
    let types = vec![0; payloads.len()];
    EventColumns { types, payloads }
}

fn encode(events: &EventColumns) -> Result<Frame> {
    Ok(Frame::encode(&FrameParts {
        actor: ActorId([7; 16]),
        first: Sequence(1),
        time: Timestamp(1),
        wake_at: None,
        revision: RevisionId(1),
        events,
        effects: &[],
        keys: &[],
    })?)
}
