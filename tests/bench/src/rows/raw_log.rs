//! Reference without Greenroom: one committer thread that writes frames as large as a counter's into a pre-zeroed
//! file, all that wait at once, and tells those who waited when they are durable.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use greenroom_host::frame::{Column, EventColumns, Frame, FrameParts};
use greenroom_host::vocab::{ActorId, RevisionId, Sequence, Timestamp};
use tokio::sync::oneshot;

use super::raw_disk::zeroed;
use super::raw_way::{Durable, Way};
use super::repeat;
use crate::bench::Bench;
use crate::load::{Asker, Timing};
use crate::sample::Sample;

/// What waits for the committer.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    waiters: Vec<oneshot::Sender<()>>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

struct Writer {
    shared: Arc<Shared>,
    frame: Frame,
}

impl Asker for Writer {
    async fn ask(&mut self, _random: u64) -> Result<()> {
        let (waiter, written) = oneshot::channel();
        {
            let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.bytes.extend_from_slice(self.frame.bytes());
            queue.waiters.push(waiter);
        }
        self.shared.work.notify_one();
        written.await.context("the committer ended")
    }
}

/// Commits until the queue is closed; how many frames.
fn commit(shared: &Shared, mut file: Box<dyn Durable>, file_bytes: u64) -> Result<u64> {
    let (mut frames, mut offset) = (0u64, 0u64);
    loop {
        let queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |queue: &mut Queue| queue.waiters.is_empty() && !queue.closed;
        let mut queue = shared.work.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        let (bytes, waiters) = (std::mem::take(&mut queue.bytes), std::mem::take(&mut queue.waiters));
        drop(queue);
        if waiters.is_empty() {
            return Ok(frames);
        }
        let length = bytes.len() as u64;
        if offset.saturating_add(length) > file_bytes {
            offset = 0;
        }
        file.write(&bytes, offset)?;
        offset = offset.saturating_add(length);
        frames = frames.saturating_add(waiters.len() as u64);
        for waiter in waiters {
            let _left = waiter.send(());
        }
    }
}

/// Appends frames, so many waiting at a time; nothing if this machine has no such way.
pub(super) fn append(bench: &Bench, way: Way, waiters: usize) -> Result<Vec<Sample>> {
    let dir = bench.dir()?;
    let file_bytes = bench.pace.raw_file_bytes;
    let path = dir.path().join("log");
    drop(zeroed(&path, file_bytes)?);
    let file = match way.open(&path) {
        Err(error) if way != Way::PageCache => {
            eprintln!("there is no such way here: {error:#}");
            return Ok(Vec::new());
        }
        opened => opened?,
    };
    let shared = Arc::new(Shared::default());
    let committer = {
        let shared = Arc::clone(&shared);
        std::thread::Builder::new().name("greenroom-log".to_owned()).spawn(move || commit(&shared, file, file_bytes))?
    };
    let frame = one_event_frame()?;
    let askers = (0..waiters).map(|_| Writer { shared: Arc::clone(&shared), frame: frame.clone() }).collect();
    let mut answered = 0;
    let samples = bench.block_on(repeat(bench, askers, Timing::Each, async |total| {
        answered = total;
        Ok(())
    }));
    shared.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    shared.work.notify_one();
    let frames = committer.join().ok().context("the committer panicked")??;
    let samples = samples?;
    ensure!(frames == answered, "{answered} frames were acknowledged, {frames} were written");
    Ok(samples)
}

/// A frame as a counter's single increment makes it.
fn one_event_frame() -> Result<Frame> {
    let mut payloads = Column::default();
    payloads.push(&[1]);
    Ok(Frame::encode(&FrameParts {
        actor: ActorId([7; 16]),
        first: Sequence(1),
        time: Timestamp(1),
        wake_at: None,
        revision: RevisionId(1),
        events: &EventColumns { types: vec![0], payloads },
        effects: &[],
        keys: &[],
    })?)
}
